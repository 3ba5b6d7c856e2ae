"""The layout of the official Ausgrid files: header, categories and the dates of each year.

Columns: ``Customer, Generator Capacity, Postcode, Consumption Category, date``, then 48 half hours labelled
by their **end** (``0:30`` … ``23:30, 0:00``; ``0:00`` closes the row's own date), then, from 2011 on, ``Row
Quality``. One row a customer, category and day. A quoted title line comes before the header.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from p2p_market.errors import DataError

SLOTS = 48
INTERVAL_MINUTES = 30
LEADING_COLUMNS = ("Customer", "Generator Capacity", "Postcode", "Consumption Category", "date")
SLOT_COLUMNS = tuple(f"{minute // 60 % 24}:{minute % 60:02d}" for minute in range(30, 24 * 60 + 1, 30))
QUALITY_COLUMN = "Row Quality"
ESTIMATED_MARK = "NA"

CATEGORIES = {"GC": "general consumption", "GG": "gross PV generation", "CL": "controlled load"}
"""Consumption categories, in the order in which the package keeps them."""

_HEADER_SEARCH_LINES = 10
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Header:
    """Where the header stands and how many columns it has."""

    num_lines: int
    """Lines up to and including the header."""
    num_columns: int
    """53 without row quality, 54 with it."""

    @property
    def has_quality(self) -> bool:
        """Whether the last column is the row quality."""
        return self.num_columns == len(LEADING_COLUMNS) + SLOTS + 1


def find_header(lines: Sequence[str], label: str) -> Header:
    """Find and check the header among the first lines of a file.

    Raises
    ------
    DataError
        If the lines do not have the official layout; the message says what is there instead.
    """
    expected = (*LEADING_COLUMNS, *SLOT_COLUMNS, QUALITY_COLUMN)
    for number, line in enumerate(lines[:_HEADER_SEARCH_LINES], start=1):
        cells = _cells(line)
        if not cells or cells[0].lower() != LEADING_COLUMNS[0].lower() or len(cells) < 2:
            continue
        if len(cells) not in (len(expected) - 1, len(expected)):
            raise DataError(
                f"{label}, line {number}: the header has {len(cells)} columns; the official layout has "
                f"{len(expected) - 1} or {len(expected)}. {_REMEDY}"
            )
        for position, (cell, name) in enumerate(zip(cells, expected, strict=False), start=1):
            if not _same_name(cell, name):
                raise DataError(
                    f"{label}, line {number}: column {position} is {cell!r} where the official layout has "
                    f"{name!r}. {_REMEDY}"
                )
        return Header(number, len(cells))
    shown = ", ".join(_cells(lines[0])[:4])[:80] if lines and lines[0].strip() else "an empty line"
    raise DataError(
        f"{label} is not in the official Ausgrid layout: no header line that starts with "
        f"'{', '.join(LEADING_COLUMNS)}' (the file starts with: {shown}). {_REMEDY}"
    )


_REMEDY = "For data of your own use load_table (own CSV or Parquet), which takes column names."


def _cells(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.lstrip("\ufeff").rstrip("\r\n")]), [])]
    except csv.Error:  # not text: a binary file, say
        return []


def _same_name(cell: str, name: str) -> bool:
    """Compare header cells; copies write half hours as 0:30, 00:30 or 00:30:00, and midnight as 24:00 too."""
    if ":" in name:
        cell = re.sub(r"^(\d{1,2}:\d{2}):00$", r"\1", cell)
        cell = re.sub(r"^24:00$", "0:00", re.sub(r"^0(\d:)", r"\1", cell))
    return " ".join(cell.lower().split()) == name.lower()


def _day_month_name(text: str) -> dt.date | None:
    match = re.fullmatch(r"(\d{1,2})[- ]([A-Za-z]{3})[- ](\d{4}|\d{2})", text)
    if match is None or match[2].lower() not in _MONTHS:
        return None
    return _date(match[3], _MONTHS.index(match[2].lower()) + 1, match[1])


def _day_month_year(text: str) -> dt.date | None:
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})", text)
    return None if match is None else _date(match[3], int(match[2]), match[1])


def _iso(text: str) -> dt.date | None:
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text)
    return None if match is None else _date(match[1], int(match[2]), match[3])


def _date(year: str, month: int, day: str) -> dt.date | None:
    try:
        return dt.date(int(year) + (2000 if len(year) == 2 else 0), month, int(day))
    except ValueError:
        return None


DATE_FORMATS: dict[str, Callable[[str], dt.date | None]] = {
    "1-Jul-10": _day_month_name,
    "1/07/2011": _day_month_year,
    "2011-07-01": _iso,
}
"""Date formats by example, each with its reader (None where the text does not fit). All are day first:
nothing is ever read month first, so a date such as 7/13/2011 is an error and not the 13th of July."""


def detect_date_format(texts: Iterable[str]) -> str:
    """Return the one format of a file's dates: the one that reads the most of them."""
    distinct = list(texts)
    return max(DATE_FORMATS, key=lambda name: sum(DATE_FORMATS[name](text) is not None for text in distinct))


def format_date(date: dt.date, style: str) -> str:
    """Write a date in one of ``DATE_FORMATS``."""
    if style == "1-Jul-10":
        return f"{date.day}-{_MONTHS[date.month - 1].capitalize()}-{date.year % 100:02d}"
    if style == "1/07/2011":
        return f"{date.day}/{date.month:02d}/{date.year}"
    return date.isoformat()
