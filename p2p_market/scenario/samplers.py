"""Which days and which households an episode gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.errors import ConfigError, DataError
from p2p_market.types import BoolArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar


@dataclass(frozen=True, eq=False)
class WindowSampler:
    """Draws the first interval of an episode.

    Parameters
    ----------
    calendar
        The calendar of the data.
    start
        ``None`` for a random day, else the fixed local time at which every episode starts.
    skip_clock_changes
        Whether random episodes avoid days on which the clock changes.
    before, after
        Further intervals that forecasts read before an episode and after its last observation.
    """

    calendar: Calendar
    start: np.datetime64 | None = None
    skip_clock_changes: bool = True
    before: int = 0
    after: int = 0

    def starts(self, horizon: int) -> IntArray:
        """Rows at which an episode of ``horizon`` intervals may start.

        A random episode starts at midnight and needs one interval more than it plays, so that its last observation is
        real, without a gap between. A fixed one may end with the data.

        Raises
        ------
        DataError
            If there is none.
        """
        if self.start is not None:
            return self._fixed(self.start, horizon)
        length = self.before + horizon + 1 + self.after
        rows = self._windows(length, at_midnight=True)
        if rows.size == 0:
            rows = self._windows(length, at_midnight=False)
        if rows.size == 0:
            clock = self.skip_clock_changes
            raise DataError(
                f"no stretch of {length} intervals without a gap{' or a change of clock' if clock else ''} in the "
                f"data ({len(self.calendar)} intervals from {self.calendar.start[0]} to {self.calendar.start[-1]}); "
                f"{self._forecasts}shorten the episode, fix its start, or load more data"
                f"{' (episode.skip_clock_changes: false takes days of clock change too)' if clock else ''}"
            )
        return rows + self.before

    @property
    def _forecasts(self) -> str:
        if self.before + self.after == 0:
            return ""
        return f"{self.before} before it and {self.after} after it are for scenario.forecast; shorten that too; "

    def _windows(self, length: int, *, at_midnight: bool) -> IntArray:
        """First rows of stretches of ``length`` rows that are wholly usable."""
        num_rows = len(self.calendar)
        if length > num_rows:
            return np.empty(0, dtype=np.int64)
        breaks = self._gap_before()
        usable = ~self.calendar.clock_change if self.skip_clock_changes else np.ones(num_rows, dtype=bool)
        bad_rows = np.concatenate([[0], np.cumsum(~usable)])
        gaps = np.concatenate([[0], np.cumsum(breaks)])
        first = np.arange(num_rows - length + 1)
        fits = (bad_rows[first + length] == bad_rows[first]) & (gaps[first + length] == gaps[first + 1])
        if at_midnight:
            fits &= self.calendar.slot[first + self.before] == 0
        rows: IntArray = first[fits]
        return rows

    def _gap_before(self) -> BoolArray:
        """``(T,)`` true where the interval before is missing from the data."""
        step = np.timedelta64(self.calendar.interval_minutes, "m")
        gap = np.zeros(len(self.calendar), dtype=bool)
        gap[1:] = np.diff(self.calendar.start) != step
        return gap

    def _fixed(self, start: np.datetime64, horizon: int) -> IntArray:
        labels = self.calendar.start
        row = int(np.searchsorted(labels, np.array(start, dtype=labels.dtype)))
        if row == len(labels) or labels[row] != start:
            raise DataError(
                f"the episode is to start at {start}, which is not in the data "
                f"({labels[0]} to {labels[-1]}, every {self.calendar.interval_minutes} minutes)"
            )
        available = len(labels) - row
        if horizon + self.after > available:
            raise DataError(
                f"the episode needs {horizon + self.after} intervals from {start}, and the data has {available}; "
                f"{self._forecasts}shorten the episode or start earlier"
            )
        if self.before > row:
            raise DataError(
                f"the forecasts of an episode from {start} need {self.before} intervals before it, and the data has "
                f"{row}; start later, load more data, or choose another scenario.forecast"
            )
        if self._gap_before()[row - self.before + 1 : row + horizon + self.after].any():
            raise DataError(f"the {horizon} intervals from {start} have a gap; start elsewhere, or fill it at load")
        return np.array([row])


@dataclass(frozen=True, eq=False)
class HouseholdSampler:
    """Draws the household of the data that stands behind each slot of the street.

    Parameters
    ----------
    has_pv
        ``(H,)`` which households of the data have PV.
    is_prosumer
        ``(N,)`` which slots have PV. Slots keep their role for good.
    """

    has_pv: BoolArray
    is_prosumer: BoolArray

    def __call__(self, rng: np.random.Generator) -> IntArray:
        """Draw ``(N,)`` households, none twice as long as there are enough.

        Prosumer slots get homes with PV, consumer slots homes without and, when these run out, others whose PV is
        left out of account.
        """
        profile = np.empty(self.is_prosumer.shape, dtype=np.int64)
        with_pv = np.flatnonzero(self.has_pv)
        prosumers = _draw(rng, with_pv, int(self.is_prosumer.sum()))
        profile[self.is_prosumer] = prosumers

        num_consumers = int((~self.is_prosumer).sum())
        without_pv = np.flatnonzero(~self.has_pv)
        consumers = _draw(rng, without_pv, min(num_consumers, without_pv.size))
        if consumers.size < num_consumers:
            rest = np.setdiff1d(with_pv, prosumers)
            rest = rest if rest.size else np.arange(self.has_pv.size)
            consumers = np.concatenate([consumers, _draw(rng, rest, num_consumers - consumers.size)])
        profile[~self.is_prosumer] = rng.permutation(consumers)
        return profile


def check_roles(has_pv: BoolArray, num_prosumers: int) -> None:
    """Raise `ConfigError` if a street wants prosumers and no household of the data has PV."""
    if num_prosumers and not has_pv.any():
        raise ConfigError(f"the street wants {num_prosumers} homes with PV, and no household of the data has any")


def _draw(rng: np.random.Generator, pool: IntArray, size: int) -> IntArray:
    """Draw without replacement; with, only when the pool is too small."""
    if size <= pool.size:
        return rng.permutation(pool)[:size]
    return rng.choice(pool, size=size, replace=True)
