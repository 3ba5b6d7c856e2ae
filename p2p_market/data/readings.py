"""From a long or wide table to plain lists of readings: who, when, how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from p2p_market.data.calendar import INTERVAL_LENGTHS
from p2p_market.data.official_reader import natural_key
from p2p_market.data.table import Table
from p2p_market.errors import DataError
from p2p_market.types import AnyArray, FloatArray, IntArray


@dataclass(frozen=True)
class Readings:
    """R readings; a household and a label appear together once at most."""

    customer_ids: tuple[str, ...]
    household: IntArray
    """(R,) position in ``customer_ids``."""
    minute: IntArray
    """(R,) the label, in minutes since 1970."""
    row: IntArray
    """(R,) row of the table."""
    energy: dict[str, FloatArray]
    """``demand``, and where there are any ``pv`` and ``controlled load``: (R,), nan where missing."""
    capacity: dict[str, float]
    """PV capacity [kW] of the households whose capacity the table tells."""
    quality: AnyArray | None
    """(R,) uint8 flags."""


def read_table(table: Table) -> Readings:
    """Read a table in either layout.

    Raises
    ------
    DataError
        If a column is missing, or a value cannot be used.
    """
    if table.frame.is_empty():
        raise DataError(f"{table.label} has no rows")
    layout = table.format.layout
    if layout == "long" or (layout == "auto" and table.format.customer in table.frame.columns):
        return _read_long(table)
    return _read_wide(table)


def _read_long(table: Table) -> Readings:
    names = table.format
    minute = read_times(table, table.column(names.time, "the time"))
    customers = table.column(names.customer, "the household").cast(pl.String)
    if customers.null_count():
        row = int(customers.is_null().arg_max() or 0)
        raise DataError(f"{table.place(row)}, column {names.customer!r}: the household is blank")
    table.column(names.demand, f"the consumption [{names.unit}]")
    ids = tuple(sorted(customers.unique().to_list(), key=natural_key))
    household = customers.replace_strict(list(ids), list(range(len(ids))), return_dtype=pl.Int64).to_numpy()
    columns = {"demand": names.demand, "pv": names.pv, "controlled load": names.controlled_load}
    capacity: dict[str, float] = {}
    if names.capacity in table.frame.columns:
        largest = np.full(len(ids), np.nan)
        np.fmax.at(largest, household, table.numbers(names.capacity))
        capacity = {name: float(largest[k]) for k, name in enumerate(ids) if not np.isnan(largest[k])}
    return Readings(
        customer_ids=ids,
        household=household,
        minute=minute,
        row=np.arange(len(minute)),
        energy={key: table.numbers(name) for key, name in columns.items() if name in table.frame.columns},
        capacity=capacity,
        quality=_read_quality(table),
    )


def _read_quality(table: Table) -> AnyArray | None:
    name = table.format.quality
    if name not in table.frame.columns or not table.frame[name].dtype.is_integer():
        return None
    return table.frame[name].fill_null(0).cast(pl.UInt8, strict=False).fill_null(0).to_numpy()


def _read_wide(table: Table) -> Readings:
    names = table.format
    minute = read_times(table, table.column(names.time, "the time"))
    demand = _columns_with(table, names.demand_prefix)
    pv = _columns_with(table, names.pv_prefix)
    if not demand:
        table.column(f"{names.demand_prefix}<household>", f"wide layout: consumption [{names.unit}]")
    if stray := sorted(set(pv) - set(demand)):
        raise DataError(
            f"{table.label} has a column {pv[stray[0]]!r} and no column "
            f"{names.demand_prefix + stray[0]!r}; every "
            "household needs its consumption"
        )
    ids = tuple(sorted(demand, key=natural_key))
    height, blank = len(minute), np.full(len(minute), np.nan)
    values = {"demand": np.concatenate([table.numbers(demand[name]) for name in ids])}
    if pv:
        values["pv"] = np.concatenate([table.numbers(pv[name]) if name in pv else blank for name in ids])
    return Readings(
        customer_ids=ids,
        household=np.repeat(np.arange(len(ids)), height),
        minute=np.tile(minute, len(ids)),
        row=np.tile(np.arange(height), len(ids)),
        energy=values,
        capacity={},
        quality=None,
    )


def _columns_with(table: Table, prefix: str) -> dict[str, str]:
    """Return household -> column for the columns with a prefix."""
    return {
        name.removeprefix(prefix): name
        for name in table.frame.columns
        if name.startswith(prefix) and len(name) > len(prefix) and name != table.format.time
    }


_ISO_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",  # as polars writes CSV
)


def read_times(table: Table, column: pl.Series) -> IntArray:
    """Return labels as minutes since 1970.

    Raises
    ------
    DataError
        If a label is blank, cannot be read, carries a time zone, or is not a whole minute.
    """
    name = table.format.time
    if column.dtype == pl.String:
        column = _parse_times(table, column.str.strip_chars())
    if not isinstance(column.dtype, pl.Datetime):
        raise DataError(
            f"{table.label}, column {name!r} holds {column.dtype} values; expected dates with times, such as "
            "2012-07-01 13:30"
        )
    if column.dtype.time_zone is not None:
        raise DataError(
            f"{table.label}, column {name!r} carries the time zone {column.dtype.time_zone}; data has "
            "naive local "
            "clock labels. Convert first: "
            f"pl.col({name!r}).dt.convert_time_zone('Australia/Sydney').dt.replace_time_zone(None)"
        )
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise DataError(f"{table.place(row)}, column {name!r}: the time is blank")
    microseconds = column.cast(pl.Datetime("us")).to_physical().to_numpy()
    if (odd := microseconds % 60_000_000 != 0).any():
        row = int(odd.argmax())
        raise DataError(
            f"{table.place(row)}, column {name!r}: {column[row]} is not on a whole minute; round the times first"
        )
    minutes: IntArray = microseconds // 60_000_000
    return minutes


def _parse_times(table: Table, text: pl.Series) -> pl.Series:
    """Read text in the given format, or in the one ISO form that reads most of it."""
    known = text.drop_nulls()
    if known.is_empty():
        return text.cast(pl.Datetime("us"), strict=False)
    formats = (table.format.time_format,) if table.format.time_format else _ISO_FORMATS
    read = [text.str.to_datetime(form, strict=False, time_unit="us") for form in formats]
    best = min(read, key=lambda times: times.null_count())
    wrong = (best.is_null() & text.is_not_null()).to_numpy()
    if not wrong.any():
        return best
    row = int(wrong.argmax())
    value = str(text[row])
    if value.endswith("Z") or value[-6:-5] in ("+", "-"):
        raise DataError(
            f"{table.place(row)}, column {table.format.time!r}: {value!r} carries a time zone; data has "
            "naive "
            "local clock labels: convert the times to the local clock and drop the offset"
        )
    expected = table.format.time_format or "an ISO time such as 2012-07-01 13:30"
    raise DataError(
        f"{table.place(row)}, column {table.format.time!r}: {value!r} cannot be read as {expected}; for "
        "another "
        "form give time_format, for example '%d/%m/%Y %H:%M' (nothing is guessed)"
    )


def find_interval(table: Table, readings: Readings) -> int:
    """Return the length of an interval [min]: as the format says, else the most common step of a household.

    Raises
    ------
    DataError
        If a household has a label twice, or labels do not lie on whole intervals of 5 to 60 minutes.
    """
    order = np.lexsort((readings.minute, readings.household))
    same = np.diff(readings.household[order]) == 0
    steps = np.diff(readings.minute[order])[same]
    later, earlier = order[1:][same], order[:-1][same]
    if (steps == 0).any():
        first = int((steps == 0).argmax())
        earlier_row, later_row = sorted((int(readings.row[earlier[first]]), int(readings.row[later[first]])))
        reading = later[first] if readings.row[later[first]] == later_row else earlier[first]
        raise DataError(
            f"{_who_and_when(table, readings, int(reading))} is there twice (also in "
            f"{table.position(earlier_row)}); remove one. If this is the hour that a clock shows twice when it is "
            "put back, keep one of the two or add them up"
        )
    interval = table.format.interval_minutes
    if interval is None:
        if not len(steps):
            raise DataError(
                f"{table.label} has one time a household, so the interval length cannot be found; give interval_minutes"
            )
        lengths, counts = np.unique(steps, return_counts=True)
        interval = int(lengths[counts.argmax()])
    if interval not in INTERVAL_LENGTHS:
        raise DataError(
            f"{table.label} has intervals of {interval} minutes; expected one of "
            f"{', '.join(map(str, INTERVAL_LENGTHS))}: resample it first"
        )
    if (odd := readings.minute % interval != 0).any():
        raise DataError(
            f"{_who_and_when(table, readings, int(odd.argmax()))} does not lie on whole intervals of "
            f"{interval} "
            "minutes counted from midnight: the intervals are irregular; resample them first"
        )
    return interval


def _who_and_when(table: Table, readings: Readings, reading: int) -> str:
    time = np.array(readings.minute[reading]).astype("datetime64[m]")
    customer = readings.customer_ids[int(readings.household[reading])]
    return f"{table.place(int(readings.row[reading]))}: {time} of customer {customer}"
