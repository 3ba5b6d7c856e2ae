"""Tables for notebooks: what ``_repr_html_`` of the public classes is made of. Every text is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

MOST_ROWS = 20
"""Rows that a table shows; it says how many more there are."""


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]], num_rows: int | None = None) -> str:
    """Make a table with a title.

    Parameters
    ----------
    title
        Stands above it.
    header
        Heads of the columns; none, for a table of names and values.
    rows
        Cells as text; the first `MOST_ROWS` are shown.
    num_rows
        How many there are in all, where ``rows`` has only those to show.
    """
    shown = [list(row) for _, row in zip(range(MOST_ROWS), rows, strict=False)]
    heads = "".join(f"<th>{escape(head)}</th>" for head in header)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in shown]
    total = len(shown) if num_rows is None else num_rows
    more = f"<p>and {total - len(shown):,} more</p>" if total > len(shown) else ""
    head = f"<thead><tr>{heads}</tr></thead>" if header else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<p><strong>{escape(title)}</strong></p><table>{head}<tbody>{body}</tbody></table>{more}"


def as_text(value: float | None, decimals: int = 3) -> str:
    """A number as text, never a negative zero; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{round(float(value), decimals) + 0.0:,.{decimals}f}"
