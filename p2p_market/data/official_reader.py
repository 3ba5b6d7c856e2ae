"""Read one CSV of the official layout into arrays.

Two readers share the work. The fast one lets polars parse the whole file and only asks whether everything
is in order. If anything is not, `diagnose` goes through the file line by line to name the first fault and
its place.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from p2p_market.data.calendar import TimeArray
from p2p_market.data.diagnose import diagnose
from p2p_market.data.official import (
    CATEGORIES,
    DATE_FORMATS,
    ESTIMATED_MARK,
    SLOT_COLUMNS,
    SLOTS,
    detect_date_format,
    find_header,
)
from p2p_market.data.sources import Source, read_header_lines
from p2p_market.errors import DataError
from p2p_market.types import Float32Array, FloatArray, IntArray

ROW_PRESENT, ROW_ESTIMATED = 1, 2
"""Flags of one customer, category and day: there is a row; the source marks it as estimated."""

_MAX_EMPTY_SHARE = 3  # days in the span of the dates for each day that has a row


@dataclass(frozen=True)
class FileTable:
    """The content of official files on a full grid of days; D days, H customers."""

    customer_ids: tuple[str, ...]
    first_day: np.datetime64
    energy: dict[str, Float32Array]
    """By category: (D * 48, H) [kWh per half hour], 0 where there is no row."""
    rows: dict[str, npt.NDArray[np.uint8]]
    """By category: (D, H), ``ROW_PRESENT`` and ``ROW_ESTIMATED``."""
    capacity: FloatArray
    """(H,) [kW], as the customer's last row says."""

    @property
    def num_days(self) -> int:
        """D, from the first to the last date of the file."""
        return len(next(iter(self.rows.values())))


def scan_official(source: Source) -> pl.LazyFrame:
    """Return a lazy polars frame of a file's rows, as recorded.

    Columns: ``customer``, ``capacity``, ``postcode``, ``category``, ``date`` (text), the 48 half hours by the
    label of their end, ``quality``.

    Raises
    ------
    DataError
        If the file does not have the official layout.
    """
    lines = read_header_lines(source)
    header = find_header(lines, source.label)
    schema = {
        "customer": pl.String,
        "capacity": pl.Float64,
        "postcode": pl.String,
        "category": pl.String,
        "date": pl.String,
        **dict.fromkeys(SLOT_COLUMNS, pl.Float32),
        **({"quality": pl.String} if header.has_quality else {}),
    }
    frame = pl.scan_csv(_content(source), has_header=False, skip_lines=header.num_lines, schema=schema)
    if not header.has_quality:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("quality"))
    return frame.filter(~pl.all_horizontal(pl.col("customer", "category", "date").is_null())).with_columns(
        pl.col("customer", "category", "date", "quality").str.strip_chars()
    )


def read_official(source: Source) -> FileTable:
    """Read and check one file.

    Raises
    ------
    DataError
        For every fault of the file, with line, column, customer and remedy.
    """
    try:
        frame = scan_official(source).collect()
        table = _to_table(frame, source)
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().split("\n", 1)[0]
    except _NotInOrderError as error:
        reason = str(error)
    else:
        return table
    diagnose(source.read(), source.label)
    raise DataError(f"{source.label} cannot be read as an official Ausgrid file: {reason}")


class _NotInOrderError(Exception):
    """Something is wrong; `diagnose` finds out where."""


def _content(source: Source) -> io.BytesIO | str:
    """Prefer the path, which polars can map; some copies end their lines with two carriage returns."""
    if source.member is None and b"\r\r\n" not in source.read(8192):
        return str(source.path)
    return io.BytesIO(source.read().replace(b"\r\r\n", b"\n"))


def _to_table(frame: pl.DataFrame, source: Source) -> FileTable:
    if frame.is_empty():
        raise _NotInOrderError("there are no rows")
    if sum(frame.drop("postcode", "quality").null_count().row(0)):
        raise _NotInOrderError("a value is missing")
    day, first_day, num_days = _days(frame["date"], source.label)
    ids, customer = _encode(frame["customer"])
    values = frame.select(SLOT_COLUMNS).to_numpy(order="c")
    if not (values.min() >= 0 and values.max() < np.inf):
        raise _NotInOrderError("a reading is negative or not a number")
    capacity = frame["capacity"].to_numpy()
    if not (capacity.min() >= 0 and capacity.max() < np.inf):
        raise _NotInOrderError("a capacity is negative or not a number")
    quality = frame["quality"]
    if not quality.drop_nulls().is_in(["", ESTIMATED_MARK]).all():
        raise _NotInOrderError("a row quality is neither blank nor NA")
    flags = ROW_PRESENT + ROW_ESTIMATED * (quality == ESTIMATED_MARK).fill_null(value=False).to_numpy()

    category = frame["category"]
    energy, rows = {}, {}
    num_rows = 0
    for name in CATEGORIES:
        chosen = (category == name).to_numpy()
        num_rows += int(chosen.sum())
        place = (customer[chosen], day[chosen])
        rows[name] = np.zeros((num_days, len(ids)), np.uint8)
        rows[name][place[::-1]] = flags[chosen]
        if np.count_nonzero(rows[name]) < len(place[0]):
            raise _NotInOrderError("a customer, category and day has two rows")
        # household by household a day's 48 values lie together; one transposition then beats scattered writes
        by_home = np.zeros((len(ids), num_days, SLOTS), np.float32)
        by_home[place] = values[chosen]
        energy[name] = np.ascontiguousarray(by_home.reshape(len(ids), -1).T)
    if num_rows < frame.height:
        raise _NotInOrderError("a category is unknown")

    last_capacity = np.zeros(len(ids))
    in_time = np.argsort(day, kind="stable")
    last_capacity[customer[in_time]] = capacity[in_time]
    return FileTable(ids, first_day, energy, rows, last_capacity)


def _days(dates: pl.Series, label: str) -> tuple[IntArray, np.datetime64, int]:
    """Return the day of each row counted from the first, the first day, and the number of days spanned."""
    distinct = dates.unique().to_list()
    read = DATE_FORMATS[detect_date_format(distinct)]
    parsed = [read(text) for text in distinct]
    if None in parsed:
        raise _NotInOrderError("a date cannot be read")
    days: TimeArray = np.array(parsed, "datetime64[D]")
    first, span = days.min(), int((days.max() - days.min()).astype(int)) + 1
    if span > _MAX_EMPTY_SHARE * len(days) + 366:
        middle = np.sort(days)[len(days) // 2]
        outlier = distinct[int(np.abs(days - middle).argmax())]
        raise DataError(
            f"{label}: the dates run from {first} to {days.max()} but only {len(days)} days are there; "
            f"look for a mistyped year, as in {outlier!r}"
        )
    day_of_row = dates.replace_strict(distinct, (days - first).astype(np.int64), return_dtype=pl.Int64)
    return day_of_row.to_numpy(), first, span


def _encode(customers: pl.Series) -> tuple[tuple[str, ...], IntArray]:
    ids = tuple(sorted(customers.unique().to_list(), key=natural_key))
    codes = customers.replace_strict(list(ids), list(range(len(ids))), return_dtype=pl.Int64)
    return ids, codes.to_numpy()


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts "2" before "10" and "home_2" before "home_10"."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
