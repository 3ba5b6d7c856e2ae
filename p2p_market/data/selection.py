"""Choosing customers and intervals, with errors that say what there is to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from p2p_market.data.calendar import Calendar, TimeLike, to_minute
from p2p_market.errors import DataError, suggest
from p2p_market.types import IntArray

CustomerLike: TypeAlias = str | int
Customers: TypeAlias = CustomerLike | Iterable[CustomerLike]
Months: TypeAlias = int | Iterable[int]

_RANGE = re.compile(r"(\d+)-(\d+)")


def select_customers(customer_ids: Sequence[str], wanted: Customers | None) -> IntArray:
    """Return the positions of the wanted customers, in the order in which they were asked for.

    Raises
    ------
    DataError
        If a customer is unknown or asked for twice, or none is asked for.
    """
    if wanted is None:
        return np.arange(len(customer_ids))
    names = [str(wanted)] if isinstance(wanted, str | int | np.integer) else [str(name) for name in wanted]
    if not names:
        raise DataError(f"no customer is selected; there are {_list_customers(customer_ids)}")
    position = {name: column for column, name in enumerate(customer_ids)}
    for name in names:
        if name not in position:
            raise DataError(
                f"unknown customer {name!r}{suggest(name, customer_ids)}; there are {_list_customers(customer_ids)}"
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"customer {twice!r} is selected twice; name each customer once")
    return np.array([position[name] for name in names], np.int64)


def expand_pool(pool: Iterable[str]) -> tuple[str, ...]:
    """Names of the households of a pool, in which ``"1-180"`` stands for the numbers from 1 to 180.

    Raises
    ------
    DataError
        For a range that ends before it begins, a household that is in it twice, or a pool of nobody.
    """
    names: list[str] = []
    for entry in pool:
        found = _RANGE.fullmatch(entry)
        if found is None:
            names.append(entry)
            continue
        first, last = int(found[1]), int(found[2])
        if last < first:
            raise DataError(f"the range {entry!r} ends before it begins; write it as {last}-{first}")
        names += map(str, range(first, last + 1))
    if not names:
        raise DataError("nobody is in it; name households, or ranges of numbers such as 1-180")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"household {twice!r} is in it twice; name each once")
    return tuple(names)


def select_intervals(
    calendar: Calendar, start: TimeLike | None, end: TimeLike | None, months: Months | None
) -> slice | IntArray:
    """Return the rows from ``start`` up to and without ``end``, in the given months (1 .. 12) only.

    Raises
    ------
    DataError
        If a time lies outside the data, a month does not exist, or nothing is left.
    """
    span = f"the data runs from {calendar.start[0]} up to {calendar.end} (exclusive)"
    first, stop = 0, len(calendar)
    if start is not None:
        begin = to_minute(start, "start")
        if not calendar.start[0] <= begin < calendar.end:
            raise DataError(f"start {begin} is outside the data; {span}")
        first = int(np.searchsorted(calendar.start, begin))
    if end is not None:
        finish = to_minute(end, "end")
        if not calendar.start[0] < finish <= calendar.end:
            raise DataError(f"end {finish} is outside the data; {span}")
        stop = int(np.searchsorted(calendar.start, finish))
    if first >= stop:
        raise DataError(
            f"no interval lies from start {start} up to end {end} (exclusive); {span}; end must come after start"
        )
    if months is None:
        return slice(first, stop)
    wanted = _check_months(months)
    rows = first + np.flatnonzero(np.isin(calendar.month[first:stop], wanted))
    if not len(rows):
        there = ", ".join(map(str, np.unique(calendar.month[first:stop])))
        raise DataError(f"no interval lies in the months {wanted}; the months there are {there}")
    return rows


def _check_months(months: Months) -> list[int]:
    wanted = [months] if isinstance(months, int | np.integer) else list(months)
    for month in wanted:
        if isinstance(month, bool) or not isinstance(month, int | np.integer) or not 1 <= month <= 12:
            raise DataError(f"month {month!r} does not exist; months are numbers from 1 (January) to 12")
    if not wanted:
        raise DataError("no month is selected; name at least one, from 1 (January) to 12")
    return sorted({int(month) for month in wanted})


def _list_customers(customer_ids: Sequence[str]) -> str:
    shown = ", ".join(customer_ids[:8]) + (", …" if len(customer_ids) > 8 else "")
    return f"{len(customer_ids)} customers: {shown}"
