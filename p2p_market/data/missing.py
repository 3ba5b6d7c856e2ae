"""What to do about missing intervals: refuse, drop the household, leave the day out, or fill.

The fill takes, for each missing reading, the **median of the four nearest measured readings of the same
home at the same clock time and weekday**: one week before and after, two weeks before and after, and so on
until four are found (a tie goes to the earlier week). A home without any measured reading at that weekday
and time is filled from the same clock time of the nearest days in the same way. Filled readings are
flagged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.data.calendar import Calendar, Index
from p2p_market.data.container import QualityArray
from p2p_market.data.gaps import Gap, GapReport, Quality, find_gaps
from p2p_market.errors import DataError, UnknownNameError
from p2p_market.types import BoolArray, Float32Array, FloatArray, IntArray

POLICIES = {
    "error": "refuse data with missing intervals",
    "drop": "leave out households with missing intervals",
    "fill": "fill missing intervals from the same weekday and clock time of the nearest weeks",
    "skip_days": "leave out the days on which any household lacks an interval",
}
"""Policies for missing intervals, each with a line on what it does."""

NUM_DONORS = 4
"""Measured readings whose median fills a missing one."""


@dataclass
class Series:
    """Series on a full grid of intervals while they are put together; not checked, may be changed."""

    calendar: Calendar
    customer_ids: tuple[str, ...]
    energy: dict[str, Float32Array]
    """By category: (T, H) [kWh per interval], 0 where missing."""
    missing: dict[str, BoolArray]
    """By category: (T, H), only for categories that lack something."""
    capacity: FloatArray
    """(H,) [kW]."""
    quality: QualityArray
    """(T, H) flags of `Quality`, without MISSING."""

    def select(self, rows: Index, columns: IntArray | BoolArray | None = None) -> Series:
        """Return a part: all, or chosen, households in chosen intervals."""
        chosen = slice(None) if columns is None else columns
        names = np.array(self.customer_ids, object)[chosen]
        return Series(
            calendar=self.calendar.select(rows),
            customer_ids=tuple(names),
            energy={name: values[rows][:, chosen] for name, values in self.energy.items()},
            missing={name: mask[rows][:, chosen] for name, mask in self.missing.items()},
            capacity=self.capacity[chosen],
            quality=self.quality[rows][:, chosen],
        )


def settle_missing(series: Series, policy: str, rows: Index) -> tuple[Series, GapReport]:
    """Apply a policy to the chosen intervals.

    Parameters
    ----------
    series
        Everything that was loaded; with ``"fill"``, readings outside the chosen intervals help too.
    policy
        One of `POLICIES`.
    rows
        The intervals that are wanted.

    Returns
    -------
    The chosen intervals without anything missing, and the report of what was missing there.

    Raises
    ------
    DataError
        If something is missing and the policy is ``"error"``, or if the policy leaves nothing.
    UnknownNameError
        If there is no such policy.
    """
    if policy not in POLICIES:
        raise UnknownNameError("policy for missing intervals", policy, POLICIES)
    calendar = series.calendar.select(rows)
    gaps = _find(series, rows, calendar)
    report = GapReport(tuple(gaps), policy)
    if not gaps:
        return series.select(rows), report
    if policy == "error":
        raise DataError(
            f"{report.summary()}\nset missing to 'drop' (leave these households out), 'fill' (from the same "
            "weekday and clock time of the nearest weeks), or 'skip_days' (leave these days out), or select "
            "other dates or customers"
        )
    if policy == "fill":
        fill(series, set(report.customers))
        return series.select(rows), report
    part = series.select(rows)
    lacking = np.any(list(part.missing.values()), axis=0)
    if policy == "drop":
        part = part.select(slice(None), ~lacking.any(axis=0))
        if not part.customer_ids:
            raise DataError(f"every household lacks intervals, so dropping leaves none: {report.summary()}")
        return part, report
    days = np.unique(calendar.day[lacking.any(axis=1)])
    kept = np.flatnonzero(~np.isin(calendar.day, days))
    if not len(kept):
        raise DataError(
            "on every day some household lacks intervals, so leaving days out leaves none; "
            f"drop or fill instead: {report.summary()}"
        )
    return part.select(kept), report


def fill(series: Series, customers: set[str]) -> None:
    """Fill everything that the customers lack, in place, and flag it.

    Raises
    ------
    DataError
        If a customer has no measured reading at some clock time at all.
    """
    slots = series.calendar.slots_per_day
    for category, mask in series.missing.items():
        for column in np.flatnonzero(mask.any(axis=0)):
            name = series.customer_ids[column]
            if name not in customers:
                continue
            lacking = mask[:, column].copy()
            values = series.energy[category][:, column].astype(np.float64)
            left = _fill_period(values, lacking, lacking, 7 * slots)
            left = _fill_period(values, lacking, left, slots) if left.any() else left
            if left.any():
                raise DataError(
                    f"customer {name} has no reading of {category} from which {int(left.sum())} missing "
                    "intervals could be filled; drop the household, or load more of its data"
                )
            series.energy[category][:, column] = values
            series.quality[lacking, column] |= np.uint8(Quality.FILLED)
            mask[:, column] = False


def _fill_period(values: FloatArray, missing: BoolArray, wanted: BoolArray, period: int) -> BoolArray:
    """Fill the wanted readings from whole periods away, in place; return those without any donor."""
    padding = -len(values) % period
    table = np.pad(values, (0, padding)).reshape(-1, period)
    lacks = np.pad(missing, (0, padding), constant_values=True).reshape(-1, period)
    gaps = np.pad(wanted, (0, padding)).reshape(-1, period)
    filled, left = table.copy(), gaps.copy()
    periods = np.arange(len(table))
    for row in np.flatnonzero(gaps.any(axis=1)):
        nearest = np.argsort(np.abs(periods - row), kind="stable")
        donors = ~lacks[nearest]
        donors &= np.cumsum(donors, axis=0) <= NUM_DONORS
        found = gaps[row] & donors.any(axis=0)
        chosen = np.where(donors[:, found], table[nearest][:, found], np.nan)
        filled[row, found] = np.nanmedian(chosen, axis=0)
        left[row, found] = False
    values[:] = filled.ravel()[: len(values)]
    return left.ravel()[: len(values)]


def _find(series: Series, rows: Index, calendar: Calendar) -> list[Gap]:
    gaps = [
        gap
        for category, mask in series.missing.items()
        for gap in find_gaps(mask[rows], calendar, series.customer_ids, category)
    ]
    position = {name: column for column, name in enumerate(series.customer_ids)}
    return sorted(gaps, key=lambda gap: (position[gap.customer], gap.category, gap.start))
