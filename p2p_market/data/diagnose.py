"""Find the first fault of an official file, line by line, and say where it is and what to do.

This is the slow twin of the checks in `official_reader`; it runs only when those have found something.
"""

from __future__ import annotations

import csv
import io
import math
import re

from p2p_market.data.official import (
    CATEGORIES,
    DATE_FORMATS,
    ESTIMATED_MARK,
    LEADING_COLUMNS,
    QUALITY_COLUMN,
    SLOT_COLUMNS,
    SLOTS,
    detect_date_format,
    find_header,
)
from p2p_market.errors import DataError, suggest

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FIRST_SLOT = len(LEADING_COLUMNS)


def diagnose(content: bytes, label: str) -> None:
    """Raise a DataError for the first fault of a file in the official layout; return if there is none."""
    text = content.replace(b"\r\r\n", b"\n").decode("utf-8", "replace")
    header = find_header(text.split("\n", 20)[:20], label)
    lines = io.StringIO(text, newline="")
    for _ in range(header.num_lines):
        lines.readline()
    rows = [(number, row) for number, row in _rows(lines, header.num_lines, label) if any(row)]
    if not rows:
        raise DataError(f"{label} has a header and no rows; download or copy it again")
    dates = {row[4] for _, row in rows if len(row) > 4}
    style = detect_date_format(dates)
    seen: dict[tuple[str, str, str], int] = {}
    for number, row in rows:
        place = f"{label}, line {number}"
        if len(row) != header.num_columns:
            raise DataError(
                f"{place}: the row has {len(row)} columns where the header has {header.num_columns}; "
                "restore the missing or surplus value, or remove the row"
            )
        _check_leading(row, place, style)
        key = (row[0], row[3], row[4])
        if key in seen:
            raise DataError(
                f"{place}: customer {key[0]}, category {key[1]}, date {key[2]} is there already in line "
                f"{seen[key]}; remove one of the two rows"
            )
        seen[key] = number
        for name, value in zip(SLOT_COLUMNS, row[_FIRST_SLOT : _FIRST_SLOT + SLOTS], strict=True):
            where = f"{place}, column {name!r} (customer {row[0]}, {row[3]}, {row[4]})"
            _check_number(value, where, "a reading", "kWh")
        if header.has_quality and row[-1] not in ("", ESTIMATED_MARK):
            raise DataError(
                f"{place}, column {QUALITY_COLUMN!r}: {row[-1]!r} is not known; expected nothing (measured) "
                f"or {ESTIMATED_MARK} (estimated)"
            )


def _rows(lines: io.StringIO, offset: int, label: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(lines)
    rows: list[tuple[int, list[str]]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return rows
        except csv.Error as error:
            raise DataError(
                f"{label}, line {offset + reader.line_num}: not a line of text ({error}); the file is damaged, "
                "so download or copy it again"
            ) from None
        rows.append((offset + reader.line_num, [cell.strip() for cell in row]))


def _check_leading(row: list[str], place: str, style: str) -> None:
    customer, capacity, _, category, date = row[:_FIRST_SLOT]
    if not customer:
        raise DataError(f"{place}, column 'Customer': the customer is blank; every row needs one")
    _check_number(capacity, f"{place}, column 'Generator Capacity' (customer {customer})", "a capacity", "kW")
    if category not in CATEGORIES:
        known = ", ".join(f"{name} ({meaning})" for name, meaning in CATEGORIES.items())
        raise DataError(
            f"{place}, column 'Consumption Category': unknown category {category!r}"
            f"{suggest(category, CATEGORIES)}; expected {known}"
        )
    if DATE_FORMATS[style](date) is None:
        raise DataError(
            f"{place}, column 'date' (customer {customer}): {date!r} is not a date in the form of this file, "
            f"which is {style!r} (day first, month second); correct the date"
        )


def _check_number(text: str, where: str, what: str, unit: str) -> None:
    if not _NUMBER.fullmatch(text):
        shown = repr(text) if text else "a blank"
        raise DataError(f"{where}: {shown} is not a number; {what} is a number >= 0 in {unit}")
    if float(text) < 0:
        raise DataError(f"{where}: {text} {unit} is negative; {what} is a number >= 0, so correct or remove the row")
    if not math.isfinite(float(text)) or float(text) > 3e38:
        raise DataError(f"{where}: {text} is too large; {what} is a number >= 0 in {unit}")
