"""A table of your own: how it is laid out, and how to read its columns and name its places in messages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
import polars as pl

from p2p_market.errors import DataError, UnknownNameError, suggest
from p2p_market.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TableFormat:
    """How a table of your own is laid out. The defaults read a written `DataContainer.dataset`.

    A **long** table has one row a household and interval; a **wide** one has one row an interval and columns
    named by a prefix and the household (``demand_12``, ``pv_12``).
    """

    layout: Literal["auto", "long", "wide"] = "auto"
    """Auto means long if there is a customer column, else wide."""
    time: str = "start"
    """Column of the clock times (naive local)."""
    customer: str = "customer"
    """Long: column of the household's name."""
    demand: str = "demand_kwh"
    """Long: column of the consumption."""
    pv: str = "pv_kwh"
    """Long: column of the generation; a table without it has no PV."""
    controlled_load: str = "controlled_load_kwh"
    """Long, optional: column of the controlled load that is part of the consumption."""
    capacity: str = "pv_capacity_kw"
    """Long, optional: column of the PV capacity [kW]."""
    quality: str = "quality"
    """Long, optional: column of quality flags."""
    demand_prefix: str = "demand_"
    """Wide: what the names of consumption columns start with; the rest is the household."""
    pv_prefix: str = "pv_"
    """Wide: what the names of generation columns start with."""
    label: Literal["start", "end"] = "start"
    """Whether a time is the start or the end of its interval."""
    unit: Literal["kWh", "kW"] = "kWh"
    """Energy per interval, or mean power in the interval."""
    interval_minutes: int | None = None
    """Length of an interval [min]; by default found from the times."""
    time_format: str | None = None
    """How text times are written (strptime codes, such as %d/%m/%Y %H:%M); ISO by default."""
    timezone: str | None = None
    """Zone whose daylight saving the clock follows; None for a clock that never changes."""

    def __post_init__(self) -> None:
        choices = {"layout": ("auto", "long", "wide"), "label": ("start", "end"), "unit": ("kWh", "kW")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UnknownNameError(f"table {name}", getattr(self, name), known)


class TableOptions(TypedDict, total=False):
    """The fields of `TableFormat` as keywords."""

    layout: Literal["auto", "long", "wide"]
    time: str
    customer: str
    demand: str
    pv: str
    controlled_load: str
    capacity: str
    quality: str
    demand_prefix: str
    pv_prefix: str
    label: Literal["start", "end"]
    unit: Literal["kWh", "kW"]
    interval_minutes: int | None
    time_format: str | None
    timezone: str | None


def make_format(options: TableOptions) -> TableFormat:
    """Return the format with some fields changed.

    Raises
    ------
    UnknownNameError
        If there is no such field, or a field has no such choice.
    """
    known = [field.name for field in dataclasses.fields(TableFormat)]
    for name in options:
        if name not in known:
            raise UnknownNameError("table option", name, known)
    return TableFormat(**options)


@dataclass(frozen=True)
class Table:
    """A frame, its format, and how to name one of its rows in a message."""

    frame: pl.DataFrame
    format: TableFormat
    label: str
    first_line: int = 0
    """Line of the first row in a text file; 0 where rows are counted instead."""

    def place(self, row: int) -> str:
        """Name a row."""
        return f"{self.label}, {self.position(row)}"

    def position(self, row: int) -> str:
        """Name a row within the table."""
        return f"line {row + self.first_line}" if self.first_line else f"row {row}"

    def column(self, name: str, purpose: str) -> pl.Series:
        """Return a column that has to be there."""
        if name in self.frame.columns:
            return self.frame[name]
        there = self.frame.columns
        official = any(text in column for column in there for text in ("Consumption Category", "Solar home"))
        raise DataError(
            f"{self.label} has no column {name!r} ({purpose}){suggest(name, there)}; it has "
            f"{', '.join(there[:8])}{', …' if len(there) > 8 else ''}. "
            + (
                "Official Ausgrid files are read by load_ausgrid."
                if official
                else "Name the column with an option of load_table, as --table.time WHEN does on the command line "
                "and data.options {time: WHEN} in a configuration."
            )
        )

    def numbers(self, name: str) -> FloatArray:
        """Return a column as float64, nan where it is blank; refuse text, negative and infinite values."""
        column = self.frame[name]
        if column.dtype == pl.String:
            values = column.str.strip_chars().cast(pl.Float64, strict=False)
            wrong = (values.is_null() & column.is_not_null()).to_numpy()
            if wrong.any():
                row = int(wrong.argmax())
                raise DataError(
                    f"{self.place(row)}, column {name!r}: {column[row]!r} is not a number; correct it, or "
                    "leave "
                    "it blank if the reading is missing"
                )
        elif column.dtype.is_numeric() or column.dtype == pl.Null:
            values = column.cast(pl.Float64)
        else:
            raise DataError(f"{self.label}, column {name!r} holds {column.dtype} values; expected numbers")
        array = values.fill_null(float("nan")).to_numpy()
        wrong = (array < 0) | np.isinf(array) | (array > np.finfo(np.float32).max)
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"{self.place(row)}, column {name!r}: the value is {array[row]:g}; expected a finite "
                "number >= 0 "
                "(leave it blank if the reading is missing)"
            )
        return array


def to_polars(frame: pl.DataFrame | pl.LazyFrame | pd.DataFrame) -> pl.DataFrame:
    """Return a frame as polars; a pandas frame column by column, so that pyarrow is not needed.

    Raises
    ------
    DataError
        If it is neither.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if type(frame).__module__.split(".")[0] != "pandas" or not hasattr(frame, "columns"):
        raise DataError(f"expected a polars or pandas frame, not {type(frame).__name__}")
    return pl.DataFrame([_from_pandas(str(name), frame[name]) for name in frame.columns])


def _from_pandas(name: str, column: pd.Series) -> pl.Series:
    import pandas as pd  # noqa: PLC0415 - only for a caller who has it loaded already

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        raise DataError(
            f"column {name!r} carries the time zone {column.dtype.tz}; data has naive local clock labels. "
            "Convert "
            f"first: frame[{name!r}].dt.tz_convert('Australia/Sydney').dt.tz_localize(None)"
        )
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return pl.Series(name, column.to_numpy())
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return pl.Series(name, column.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return pl.Series(name, column.to_numpy().astype("datetime64[us]"))
    return pl.Series(name, [None if pd.isna(value) else str(value) for value in column], dtype=pl.String)
