"""Lay parsed official files side by side on one grid of days and households."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from p2p_market.data.calendar import Calendar, Index
from p2p_market.data.gaps import Quality
from p2p_market.data.missing import Series
from p2p_market.data.official import INTERVAL_MINUTES, SLOTS
from p2p_market.data.official_reader import ROW_ESTIMATED, ROW_PRESENT, FileTable, natural_key
from p2p_market.data.selection import Customers, select_customers
from p2p_market.data.sources import Source
from p2p_market.errors import DataError
from p2p_market.types import BoolArray, FloatArray

TIMEZONE = "Australia/Sydney"

_HALF_PAST_ONE, _TWO, _THREE = 3, 4, 6  # slots of the half hours that start then


def join_tables(
    sources: Sequence[Source],
    tables: Sequence[FileTable],
    customers: Customers | None,
    categories: Sequence[str],
) -> FileTable:
    """Return the chosen customers and categories over all days from the first to the last of any file.

    Raises
    ------
    DataError
        If a customer is unknown, or two files hold the same customer, category and day.
    """
    all_ids = sorted({name for table in tables for name in table.customer_ids}, key=natural_key)
    ids = tuple(all_ids[column] for column in select_customers(all_ids, customers))
    first_day = min(table.first_day for table in tables)
    offsets = [int((table.first_day - first_day).astype(np.int64)) for table in tables]
    num_days = max(offset + table.num_days for offset, table in zip(offsets, tables, strict=True))

    energy = {name: np.zeros((num_days * SLOTS, len(ids)), np.float32) for name in categories}
    rows = {name: np.zeros((num_days, len(ids)), np.uint8) for name in categories}
    capacity = np.zeros(len(ids))
    # in order of time, so that the latest file has the last word on a home's capacity
    for number in np.argsort(offsets, kind="stable"):
        table, first, stop = tables[number], offsets[number], offsets[number] + tables[number].num_days
        here, there = _common_columns(ids, table.customer_ids)
        capacity[here] = table.capacity[there]
        for name in categories:
            old, new = rows[name][first:stop], table.rows[name][:, there]
            if (twice := (old[:, here] > 0) & (new > 0)).any():
                day, column = np.argwhere(twice)[0]
                customer = np.array(ids, object)[here][column]
                place = (customer, name, table.first_day + day)
                raise _overlap(sources, tables, int(number), place)
            old[:, here] |= new
            readings = energy[name][first * SLOTS : stop * SLOTS]
            if (old[:, here] != new).any():
                # days without a row hold zeros, so adding lays files with different days over each other
                readings[:, here] += table.energy[name][:, there]
            else:
                readings[:, here] = table.energy[name][:, there]
    return FileTable(ids, first_day, energy, rows, capacity)


def to_series(joined: FileTable) -> Series:
    """Return the half hours of joined files, with what is missing and what is estimated.

    What counts as missing: a day without GC row; a day without GG row, unless the home has no GG row at all
    and its capacity is 0 (no PV); a day without CL row between a home's first and last CL row (before and
    after, and in homes without any, there is no controlled load).
    """
    absent = {
        name: _find_absent(name, (flags & ROW_PRESENT) > 0, joined.capacity) for name, flags in joined.rows.items()
    }
    estimated = np.any([(flags & ROW_ESTIMATED) > 0 for flags in joined.rows.values()], axis=0)
    return Series(
        calendar=Calendar.regular(joined.first_day, joined.num_days * SLOTS, INTERVAL_MINUTES, TIMEZONE),
        customer_ids=joined.customer_ids,
        energy=joined.energy,
        missing={name: np.repeat(mask, SLOTS, axis=0) for name, mask in absent.items() if mask.any()},
        capacity=joined.capacity,
        quality=np.repeat(estimated * np.uint8(Quality.ESTIMATED), SLOTS, axis=0),
    )


def repair_clock_changes(series: Series) -> None:
    """Make both days of a clock change look like days of 24 hours, in place, and flag what was changed.

    The half hours that start at 2:00 and 2:30 are set on the straight line from 1:30 to 3:00 where both are
    zero on the day when the clock is put forward, and halved on the day when it is put back.
    """
    calendar = series.calendar
    starts = np.flatnonzero(calendar.clock_change & (calendar.slot == 0))
    for midnight in starts:
        two, three = midnight + _TWO, midnight + _THREE
        forward = calendar.daylight_saving[midnight + SLOTS - 1]
        for values in series.energy.values():
            recorded = values[two:three].copy()
            if forward:
                before, after = values[midnight + _HALF_PAST_ONE], values[midnight + _THREE]
                line = before + (after - before) * np.array([[1 / 3], [2 / 3]], np.float32)
                values[two:three] = np.where((recorded == 0).all(axis=0), line, recorded)
            else:
                values[two:three] /= 2
            series.quality[two:three] |= (values[two:three] != recorded) * np.uint8(Quality.REPAIRED)


def _common_columns(ids: tuple[str, ...], of_table: tuple[str, ...]) -> tuple[Index, Index]:
    """Return the columns of the customers that both have, here and in the table."""
    if ids == of_table:
        return slice(None), slice(None)
    position = {name: column for column, name in enumerate(of_table)}
    pairs = [(column, position[name]) for column, name in enumerate(ids) if name in position]
    here, there = np.array(pairs, np.int64).reshape(-1, 2).T
    return here, there


def _find_absent(category: str, present: BoolArray, capacity: FloatArray) -> BoolArray:
    """Return the customer days (D, H) on which a row is missing that should be there."""
    absent = ~present
    if category == "GG":
        absent &= present.any(axis=0) | (capacity > 0)
    if category == "CL":
        begun = np.logical_or.accumulate(present, axis=0)
        goes_on = np.logical_or.accumulate(present[::-1], axis=0)[::-1]
        absent &= begun & goes_on
    return absent


def _overlap(
    sources: Sequence[Source],
    tables: Sequence[FileTable],
    number: int,
    place: tuple[str, str, np.datetime64],
) -> DataError:
    """Name the other file that holds the customer, category and day too."""
    customer, category, day = place
    for other, table in enumerate(tables):
        row = int((day - table.first_day).astype(np.int64))
        if other == number or customer not in table.customer_ids or not 0 <= row < table.num_days:
            continue
        if table.rows[category][row, table.customer_ids.index(customer)]:
            break
    return DataError(
        f"customer {customer}, category {category}, {day} is in two files: {sources[other].label} and "
        f"{sources[number].label}; load one of them, or select files that do not overlap"
    )
