"""Data of your own: long or wide tables, from CSV, Parquet, polars or pandas, of 5 to 60 minutes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import polars as pl

from p2p_market.data.calendar import MINUTES_PER_DAY, Calendar, TimeLike
from p2p_market.data.container import DataContainer
from p2p_market.data.gaps import Quality
from p2p_market.data.missing import POLICIES, Series, settle_missing
from p2p_market.data.readings import Readings, find_interval, read_table
from p2p_market.data.selection import Customers, Months, select_customers, select_intervals
from p2p_market.data.sources import check_exists
from p2p_market.data.table import Table, TableFormat, TableOptions, make_format, to_polars
from p2p_market.errors import DataError, UnknownNameError
from p2p_market.types import Float32Array, FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TIMEZONE_KEY", "TableFormat", "from_frame", "load_table"]

TIMEZONE_KEY = "p2p_market.timezone"
"""Where a Parquet file written by the package keeps the zone of its clock."""


def load_table(
    path: str | Path,
    *,
    customers: Customers | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    months: Months | None = None,
    pv_capacity: Mapping[str, float] | None = None,
    missing: str = "error",
    **options: Unpack[TableOptions],
) -> DataContainer:
    """Load a CSV or Parquet file of your own; parameters and errors as `from_frame`."""
    path = Path(path)
    table_format = make_format(options)
    check_exists(path)
    try:
        match path.suffix.lower():
            case ".parquet" | ".pq":
                frame = pl.read_parquet(path)
                zone = pl.read_parquet_metadata(path).get(TIMEZONE_KEY)
                if table_format.timezone is None and zone:
                    table_format = dataclasses.replace(table_format, timezone=zone)
            case ".csv":
                # the whole file decides on a column's type, and names such as 007 stay as they are
                frame = pl.read_csv(
                    path,
                    infer_schema_length=None,
                    null_values=["", "NA", "null"],
                    schema_overrides={table_format.customer: pl.String},
                )
            case suffix:
                raise DataError(f"{path} ends in {suffix!r}; expected a .csv or .parquet file")
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise DataError(f"{path} cannot be read as a table: {reason}") from error
    table = Table(frame, table_format, str(path), first_line=2 if path.suffix.lower() == ".csv" else 0)
    container = _build(table, (customers, start, end, months), pv_capacity, missing)
    return dataclasses.replace(container, data_path=(path,))


def from_frame(
    frame: pl.DataFrame | pl.LazyFrame | pd.DataFrame,
    *,
    customers: Customers | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    months: Months | None = None,
    pv_capacity: Mapping[str, float] | None = None,
    missing: str = "error",
    **options: Unpack[TableOptions],
) -> DataContainer:
    """Build a container from a polars or pandas frame.

    Parameters
    ----------
    frame
        The table. A null or nan is a missing reading.
    customers, start, end, months
        What to keep, as in `DataContainer.select`.
    pv_capacity
        PV capacity [kW] by household; by default from the capacity column, else the largest power that the
        household's generation shows.
    missing
        What to do about missing intervals, one of `p2p_market.data.missing.POLICIES`.
    **options
        How the table is laid out, by the names of `TableFormat`: names of columns, ``unit``, ``label``, …

    Returns
    -------
    DataContainer
        Energy per interval with interval starts as labels.

    Raises
    ------
    DataError
        If a column is missing or not a number, a time cannot be read, carries a time zone or appears twice,
        intervals are irregular or not 5 to 60 minutes long, a reading is negative or infinite, or intervals
        are missing under ``"error"``.
    UnknownNameError
        For an unknown policy or option.
    """
    table = Table(to_polars(frame), make_format(options), "the frame")
    return _build(table, (customers, start, end, months), pv_capacity, missing)


def _build(
    table: Table,
    chosen: tuple[Customers | None, TimeLike | None, TimeLike | None, Months | None],
    pv_capacity: Mapping[str, float] | None,
    missing: str,
) -> DataContainer:
    if missing not in POLICIES:
        raise UnknownNameError("policy for missing intervals", missing, POLICIES)
    series = _to_series(table, read_table(table), pv_capacity)
    customers, start, end, months = chosen
    if customers is not None:
        series = series.select(slice(None), select_customers(series.customer_ids, customers))
    rows = select_intervals(series.calendar, start, end, months)
    series, gaps = settle_missing(series, missing, rows)
    demand = series.energy["demand"]
    return DataContainer(
        demand=demand,
        pv=series.energy.get("pv", np.zeros_like(demand)),
        calendar=series.calendar,
        customer_ids=series.customer_ids,
        pv_capacity=series.capacity,
        quality=series.quality,
        controlled_load=series.energy.get("controlled load"),
        source="table",
        gaps=gaps,
    )


def _to_series(table: Table, readings: Readings, pv_capacity: Mapping[str, float] | None) -> Series:
    """Lay the readings on a full grid from the first to the last time."""
    interval = find_interval(table, readings)
    minute = readings.minute - (interval if table.format.label == "end" else 0)
    first = int(minute.min())
    step = (minute - first) // interval
    shape = (int(step.max()) + 1, len(readings.customer_ids))
    _check_extent(table, readings, shape)
    place = (step, readings.household)
    calendar = Calendar.regular(np.datetime64(first, "m"), shape[0], interval, table.format.timezone)

    factor = calendar.interval_hours if table.format.unit == "kW" else 1.0
    energy, missing = {}, {}
    for category, values in readings.energy.items():
        grid = np.full(shape, np.nan, np.float32)
        grid[place] = values * factor
        lacking = np.isnan(grid)
        if category != "demand":
            # a household without a single reading has none of it
            lacking &= ~lacking.all(axis=0)
        if lacking.any():
            missing[category] = lacking
        energy[category] = np.nan_to_num(grid, copy=False)
    quality = np.zeros(shape, np.uint8)
    if readings.quality is not None:
        quality[place] = readings.quality & ~np.uint8(Quality.MISSING)
    capacity = _capacity(readings, energy.get("pv"), calendar.interval_hours, pv_capacity)
    return Series(calendar, readings.customer_ids, energy, missing, capacity, quality)


def _check_extent(table: Table, readings: Readings, shape: tuple[int, int]) -> None:
    """Refuse a grid that a mistyped year has blown up, before it takes all memory."""
    if shape[0] * shape[1] > 1000 * len(readings.minute) + 366 * MINUTES_PER_DAY:
        times = np.array([readings.minute.min(), readings.minute.max()]).astype("datetime64[m]")
        raise DataError(
            f"{table.label}: times run from {times[0]} to {times[1]}, but there are only "
            f"{len(readings.minute)} readings; look for a mistyped year"
        )


def _capacity(
    readings: Readings, pv: Float32Array | None, hours: float, given: Mapping[str, float] | None
) -> FloatArray:
    """Return the capacity (H,) [kW]: as given, else as the table says, else the largest power seen."""
    ids = readings.customer_ids
    capacity = np.zeros(len(ids)) if pv is None else pv.max(axis=0).astype(np.float64) / hours
    for column, name in enumerate(ids):
        capacity[column] = readings.capacity.get(name, capacity[column])
    for name, value in (given or {}).items():
        capacity[select_customers(ids, name)] = value
    return capacity
