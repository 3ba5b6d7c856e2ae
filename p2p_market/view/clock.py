"""Clock labels in pictures and text; the same on every machine, whatever its language."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_TICK_MINUTES = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
_DAY = 1440
_LONG = 60 * _DAY
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


def as_datetime(time: np.datetime64) -> dt.datetime:
    """Return a naive ``datetime`` of a ``datetime64``."""
    value = time.astype("datetime64[us]").item()
    assert isinstance(value, dt.datetime)  # noqa: S101 - not "not a time": a calendar has none
    return value


def long_date(time: dt.datetime) -> str:
    """``"Sunday 15 July 2012"``."""
    return f"{_WEEKDAYS[time.weekday()]} {time.day} {_MONTHS[time.month - 1]} {time.year}"


def short_date(time: dt.datetime) -> str:
    """``"15 Jul"``."""
    return f"{time.day} {_MONTHS[time.month - 1][:3]}"


def clock(time: dt.datetime) -> str:
    """``"13:30"``."""
    return f"{time.hour:02d}:{time.minute:02d}"


def interval_name(start: dt.datetime, minutes: int) -> str:
    """``"Sunday 15 July 2012, 13:00 to 13:30"``."""
    return f"{long_date(start)}, {clock(start)} to {clock(start + dt.timedelta(minutes=minutes))}"


def span_name(first: dt.datetime, last: dt.datetime) -> str:
    """Days from the first to the last interval start: ``"1 Jul to 7 Jul 2012"``."""
    if first.date() == last.date():
        return f"{short_date(first)} {first.year}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{short_date(first)}{year} to {short_date(last)} {last.year}"


def clock_ticks(start: dt.datetime, minutes: int, num_intervals: int, most: int = 7) -> tuple[list[float], list[str]]:
    """Ticks of an axis that counts intervals from ``start``.

    Parameters
    ----------
    start
        Clock time at 0.
    minutes
        Length of an interval [min].
    num_intervals
        Where the axis ends.
    most
        Largest number of steps between ticks.

    Returns
    -------
    tuple
        Places, in intervals from ``start``, and labels: the time of day, the date where a day begins, or
        the month on a long axis.
    """
    length = minutes * num_intervals
    if length > _LONG:
        return _month_ticks(start, minutes, length, most)
    steps = (*_TICK_MINUTES, *(_DAY * days for days in range(2, length // _DAY + 2)))
    step = next((s for s in steps if length / s <= most), steps[-1])
    midnight = start.replace(hour=0, minute=0)
    offset = int((start - midnight).total_seconds()) // 60
    ticks = range(-(-offset // step) * step, offset + length + 1, step)
    times = [midnight + dt.timedelta(minutes=tick) for tick in ticks]
    by_day = step >= _DAY or length > 2 * _DAY
    labels = [short_date(time) if by_day and (time.hour, time.minute) == (0, 0) else clock(time) for time in times]
    return [(tick - offset) / minutes for tick in ticks], labels


def _month_ticks(start: dt.datetime, minutes: int, length: int, most: int) -> tuple[list[float], list[str]]:
    end = start + dt.timedelta(minutes=length)
    months = range(12 * start.year + start.month - 1, 12 * end.year + end.month)
    firsts = [dt.datetime(month // 12, month % 12 + 1, 1) for month in months]
    inside = [first for first in firsts if start <= first <= end]
    step = next((s for s in _MONTH_STEPS if len(inside) <= s * most), _MONTH_STEPS[-1])
    chosen = [first for first in inside if (12 * first.year + first.month - 1) % step == 0]
    places = [(first - start) / dt.timedelta(minutes=minutes) for first in chosen]
    return places, [f"{_MONTHS[first.month - 1][:3]} {first.year}" for first in chosen]
