"""Clock labels of the intervals of a data set, and what follows from them: slot, weekday, season.

Meters record a naive local clock with the same number of slots every day, also on the two days a year on
which the clock is put forward or back. The calendar keeps those labels and flags these days, instead of
bending the time axis.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from p2p_market.errors import DataError
from p2p_market.types import AnyArray, BoolArray, FloatArray, IntArray

TimeArray: TypeAlias = npt.NDArray[np.datetime64]
TimeLike: TypeAlias = str | dt.date | dt.datetime | np.datetime64
Index: TypeAlias = slice | BoolArray | IntArray

MINUTES_PER_DAY = 24 * 60
INTERVAL_LENGTHS = (5, 6, 10, 12, 15, 20, 30, 60)
"""Interval lengths in minutes: from 5 to 60, and an hour is a whole number of them."""


def to_minute(value: TimeLike, name: str = "time") -> np.datetime64:
    """Return a naive clock time as ``datetime64[m]``.

    Parameters
    ----------
    value
        An ISO text (``"2012-07-01"``, ``"2012-07-01 13:30"``), a date, a naive datetime, or a ``datetime64``.
    name
        What the value is, for the message.

    Raises
    ------
    DataError
        If the value is no date or time, carries a time zone, or is "not a time".
    """
    parsed: object = value
    if isinstance(value, str):
        try:
            parsed = dt.datetime.fromisoformat(value)
        except ValueError:
            parsed = None
    zone = parsed.tzinfo if isinstance(parsed, dt.datetime) else None
    if zone is not None:
        raise DataError(
            f"{name} {value!s} carries a time zone; data has naive local clock labels, "
            "so pass the local clock time: value.astimezone(zone).replace(tzinfo=None)"
        )
    is_time = isinstance(parsed, dt.date | np.datetime64)
    minute: np.datetime64 = np.array([parsed if is_time else "NaT"], "datetime64[m]")[0]
    if np.isnat(minute):
        raise DataError(f"{name} {value!r} is not a date or time; write it as '2012-07-01' or '2012-07-01 13:30'")
    return minute


@dataclass(frozen=True, eq=False)
class Calendar:
    """Naive local clock labels of interval starts, with the same slots every day.

    Parameters
    ----------
    start
        (T,) ``datetime64[m]``, interval starts, strictly increasing, on whole intervals of the day. Times may
        be left out (a selection of months, missing days), so neighbours need not be one interval apart.
    interval_minutes
        Length of an interval [min], one of ``INTERVAL_LENGTHS``.
    timezone
        Name of the zone whose rule for daylight saving holds (IANA name, as ``zoneinfo`` knows it), or None
        for a clock that never changes.

    Raises
    ------
    DataError
        If the labels are not increasing, not on whole intervals, or the length or the zone is unknown.
    """

    start: TimeArray
    interval_minutes: int
    timezone: str | None = "Australia/Sydney"

    def __post_init__(self) -> None:
        if self.interval_minutes not in INTERVAL_LENGTHS:
            raise DataError(
                f"interval_minutes is {self.interval_minutes!r}; expected one of "
                f"{', '.join(map(str, INTERVAL_LENGTHS))} (an hour must be a whole number of intervals)"
            )
        start = np.asarray(self.start).astype("datetime64[m]").view()
        if start.ndim != 1:
            raise DataError(f"interval starts have the shape {start.shape}; expected one dimension (T,)")
        if np.isnat(start).any():
            raise DataError(f"interval start {int(np.isnat(start).argmax())} is not a time (NaT)")
        if (falls := start[1:] <= start[:-1]).any():
            raise _not_increasing(start, int(falls.argmax()))
        if (odd := start.view(np.int64) % self.interval_minutes != 0).any():
            raise DataError(
                f"interval start {start[odd.argmax()]} does not lie on whole intervals of "
                f"{self.interval_minutes} minutes counted from midnight"
            )
        if self.timezone is not None:
            load_zone(self.timezone)
        start.flags.writeable = False
        object.__setattr__(self, "start", start)

    @classmethod
    def regular(
        cls,
        start: TimeLike,
        num_intervals: int,
        interval_minutes: int = 30,
        timezone: str | None = "Australia/Sydney",
    ) -> Calendar:
        """Return ``num_intervals`` intervals without a gap, from ``start`` on."""
        first = to_minute(start, "start")
        step = np.timedelta64(interval_minutes, "m")
        return cls(first + step * np.arange(num_intervals), interval_minutes, timezone)

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        span = f"{self.start[0]} to {self.end}" if len(self) else "empty"
        return f"Calendar({span}, {len(self)} intervals of {self.interval_minutes} min, {self.timezone})"

    def select(self, index: Index) -> Calendar:
        """Return the calendar of a slice, a boolean mask (T,), or increasing positions."""
        return Calendar(self.start[index], self.interval_minutes, self.timezone)

    @property
    def slots_per_day(self) -> int:
        """Number of intervals in a day."""
        return MINUTES_PER_DAY // self.interval_minutes

    @property
    def interval_hours(self) -> float:
        """Length of an interval [h], the factor from kW to kWh per interval."""
        return self.interval_minutes / 60

    @property
    def end(self) -> np.datetime64:
        """End of the last interval (exclusive), ``datetime64[m]``."""
        if not len(self):
            raise DataError("an empty calendar has no end")
        end: np.datetime64 = self.start[-1] + np.timedelta64(self.interval_minutes, "m")
        return end

    @functools.cached_property
    def is_contiguous(self) -> bool:
        """Whether no interval is left out between the first and the last."""
        return len(self) < 2 or int((self.end - self.start[0]).astype(np.int64)) == (len(self) * self.interval_minutes)

    @functools.cached_property
    def day(self) -> TimeArray:
        """(T,) ``datetime64[D]``, the date."""
        return _frozen(self.start.astype("datetime64[D]"))

    @functools.cached_property
    def _minute_of_day(self) -> IntArray:
        return self.start.view(np.int64) % MINUTES_PER_DAY

    @functools.cached_property
    def slot(self) -> IntArray:
        """(T,) int64, the interval of the day, 0 .. ``slots_per_day`` - 1."""
        return _frozen(self._minute_of_day // self.interval_minutes)

    @functools.cached_property
    def hour(self) -> FloatArray:
        """(T,) float64, hour of the day at the interval start, 0 <= hour < 24."""
        return _frozen(self._minute_of_day / 60.0)

    @functools.cached_property
    def weekday(self) -> IntArray:
        """(T,) int64, 0 = Monday .. 6 = Sunday."""
        # day 0 of datetime64 is 1 January 1970, a Thursday
        return _frozen((self.day.view(np.int64) + 3) % 7)

    @functools.cached_property
    def is_weekend(self) -> BoolArray:
        """(T,) bool, Saturday or Sunday."""
        return _frozen(self.weekday >= 5)

    @functools.cached_property
    def month(self) -> IntArray:
        """(T,) int64, 1 .. 12."""
        return _frozen(self.start.astype("datetime64[M]").view(np.int64) % 12 + 1)

    @functools.cached_property
    def day_of_year(self) -> IntArray:
        """(T,) int64, 1 .. 366."""
        new_year = self.start.astype("datetime64[Y]").astype("datetime64[D]")
        return _frozen((self.day - new_year).astype(np.int64) + 1)

    @functools.cached_property
    def daylight_saving(self) -> BoolArray:
        """(T,) bool, whether the clock runs ahead of standard time at the interval start.

        Of the labels that the clock shows twice when it is put back, the first run counts (still daylight
        saving); labels that it skips when put forward count as standard time.
        """
        return _frozen(self._clock[0])

    @functools.cached_property
    def clock_change(self) -> BoolArray:
        """(T,) bool, every interval of a day on which the clock is put forward or back."""
        return _frozen(self._clock[1])

    @functools.cached_property
    def _clock(self) -> tuple[BoolArray, BoolArray]:
        if self.timezone is None or not len(self):
            return np.zeros(len(self), bool), np.zeros(len(self), bool)
        zone = load_zone(self.timezone)
        days, row_day = np.unique(self.day, return_inverse=True)
        midnight: list[dt.datetime] = days.astype("datetime64[us]").tolist()
        one_day = dt.timedelta(days=1)
        ahead = np.array([_is_ahead(time, zone) for time in midnight])
        changes = np.array([_offset(time, zone) != _offset(time + one_day, zone) for time in midnight])
        saving, change = ahead[row_day], changes[row_day]
        # only on the few days of a change does the answer depend on the hour
        for row in np.flatnonzero(change):
            saving[row] = _is_ahead(self.start[row].astype("datetime64[us]").item(), zone)
        return saving, change


@functools.cache
def load_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its IANA name.

    Raises
    ------
    DataError
        If no such zone is known on this machine.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"unknown time zone {name!r}; use an IANA name such as 'Australia/Sydney', or null for a clock "
            "without daylight saving (a machine without zone data needs: pip install tzdata)"
        ) from None


def _offset(time: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.timedelta:
    offset = time.replace(tzinfo=zone).utcoffset()
    assert offset is not None  # noqa: S101 - a zone with an IANA name always has one
    return offset


def _is_ahead(time: dt.datetime, zone: zoneinfo.ZoneInfo) -> bool:
    # zones differ in whether they call summer or winter the exception, so compare offsets within the year
    return _offset(time, zone) > _standard_offset(time.year, zone)


@functools.cache
def _standard_offset(year: int, zone: zoneinfo.ZoneInfo) -> dt.timedelta:
    january, july = dt.datetime(year, 1, 1), dt.datetime(year, 7, 1)
    return min(_offset(january, zone), _offset(july, zone))


def _not_increasing(start: TimeArray, row: int) -> DataError:
    kind = "appears twice" if start[row] == start[row + 1] else f"is followed by {start[row + 1]}"
    return DataError(f"interval starts must increase, but {start[row]} {kind} (position {row})")


def _frozen(array: AnyArray) -> AnyArray:
    """Guard an array that every reader of the calendar shares."""
    array.flags.writeable = False
    return array
