"""Small texts in the official layout, for tests that need one with a certain quirk or fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

LABELS = [f"{minute // 60 % 24}:{minute % 60:02d}" for minute in range(30, 24 * 60 + 1, 30)]
LEADING = ["Customer", "Generator Capacity", "Postcode", "Consumption Category", "date"]
TITLE = '"2011-2012 Solar home electricity data - read ""notes (Aug 2014).pdf"""'


def row(
    customer: str = "12",
    category: str = "GC",
    date: str = "1/07/2011",
    *,
    value: str | Sequence[str] = "0.5",
    capacity: str = "1.5",
    quality: str | None = "",
) -> list[str]:
    """One row; ``quality=None`` leaves the column out (53 columns)."""
    values = [value] * 48 if isinstance(value, str) else list(value)
    return [customer, capacity, "2000", category, date, *values, *([] if quality is None else [quality])]


def home(customer: str = "12", dates: Sequence[str] = ("1/07/2011", "2/07/2011"), **options: str) -> list[list[str]]:
    """GC and GG rows of one home."""
    return [
        row(customer, category, date, **options)  # type: ignore[arg-type] # one value for all slots
        for category in ("GC", "GG")
        for date in dates
    ]


def text(rows: Sequence[Sequence[str]], *, quality: bool = True, title: bool = True, end: str = "\r\n") -> str:
    """Title line, header and rows."""
    header = [*LEADING, *LABELS, *(["Row Quality"] if quality else [])]
    lines = [TITLE + "," * (len(header) - 1)] if title else []
    return end.join([*lines, ",".join(header), *(",".join(cells) for cells in rows)]) + end


def write(path: Path, rows: Sequence[Sequence[str]], **options: object) -> Path:
    """Write such a text, byte for byte."""
    path.write_bytes(text(rows, **options).encode())  # type: ignore[arg-type] # options of `text`
    return path
