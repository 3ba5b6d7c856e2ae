"""When electric vehicles leave and come back, and what they then need: drawn for a whole episode before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.devices.base import DeviceDraw
from p2p_market.types import BoolArray, FloatArray, IntArray

_NEVER = np.iinfo(np.int64).min // 2
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class SlotChances:
    """A normal distribution of the time of the day, cut off at two ends, over the intervals of a day."""

    first: int  # interval of the day
    cumulative: FloatArray  # chance of that interval, of one up to the next, ... 1

    @classmethod
    def of_hours(
        cls, mean: float, deviation: float, low: float, high: float, interval_hours: float, *, up: bool
    ) -> SlotChances:
        """Chances of the interval in which a time lies, or of the next whole one after it if ``up``, all in hours.

        A vehicle that leaves within an interval does not charge in it, nor does one that comes back within it.
        """

        def below(hour: float) -> float:
            return 0.5 * (1.0 + math.erf((hour - mean) / (deviation * math.sqrt(2.0))))

        to_slot = math.ceil if up else math.floor
        first, last = (to_slot(round(hour / interval_hours, 9)) for hour in (low, high))
        edges = interval_hours * (np.arange(first, last + 1) + (0.0 if up else 1.0))
        chances = np.array([below(min(edge, high)) - below(low) for edge in edges.tolist()])
        if last == first:
            chances[:] = 1.0
        return cls(first, chances / chances[-1])

    @property
    def last(self) -> int:
        """Latest interval of the day."""
        return self.first + len(self.cumulative) - 1

    def slots(self, uniform: FloatArray) -> IntArray:
        """Intervals of the day from uniform random numbers, by the inverse of the distribution."""
        places = np.searchsorted(self.cumulative, uniform, side="right")
        return self.first + np.minimum(places, len(self.cumulative) - 1)


@dataclass(frozen=True, eq=False)
class TripChances:
    """What the days of the vehicles of one design are like."""

    owners: BoolArray  # (N,)
    departure: SlotChances
    arrival: SlotChances
    need_location: float  # mean and deviation of the logarithm of the energy to charge after a trip [kWh]
    need_scale: float
    largest_need: float  # [kWh] larger ones are cut to it
    present_share: float


def log_moments(mean: float, deviation: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a log-normal quantity with this mean and standard deviation."""
    variance = math.log1p((deviation / mean) ** 2)
    return math.log(mean) - 0.5 * variance, math.sqrt(variance)


def draw_trips(
    chances: Sequence[TripChances],
    generators: Sequence[np.random.Generator],
    slot: IntArray,
    horizon: int,
    slots_per_day: int,
    units_per_kwh: int,
) -> DeviceDraw:
    """Draw the trips of every day of an episode, a generator a market.

    The days are those of the episode, one before it and one after it, D in all. Vehicles that stay at home on the day
    before are taken to have come back at its start with nothing to charge. A stay that goes on after the last day is
    taken to end as early as it can on the day that follows, which is more than a day after the episode.

    Returns
    -------
    dict
        ``first`` (B, 1) intervals of the first day before the episode; and by day and household, ``(B, D, N)``:
        ``arrival``, the first interval of the episode in which it is plugged in after the trip, far below 0 without
        one; ``stay``, how many intervals later it leaves; and ``need`` [kWh], the energy to charge till then, on the AC
        side in whole units.
    """
    num_days = -(-horizon // slots_per_day) + 3
    num_households = chances[0].owners.size
    uniform = np.empty((len(generators), 3, num_days, num_households))
    normal = np.empty((len(generators), num_days, num_households))
    for market, rng in enumerate(generators):
        rng.random(out=uniform[market])
        rng.standard_normal(out=normal[market])

    # all in intervals of the episode
    midnight = (np.arange(-1, num_days - 1) * slots_per_day - slot[:, None])[..., None]
    shape = normal.shape
    arrival, departure = np.full(shape, _NEVER), np.full(shape, _FAR)
    need, earliest = np.zeros(shape), np.zeros(num_households, dtype=np.int64)
    for design in chances:
        of = design.owners
        drives = uniform[:, 0][..., of] >= design.present_share
        departs, arrives = (
            midnight + slots.slots(uniform[:, place][..., of])
            for place, slots in ((1, design.departure), (2, design.arrival))
        )
        energy = np.minimum(np.exp(design.need_location + design.need_scale * normal[..., of]), design.largest_need)
        arrival[..., of] = np.where(drives, arrives, _NEVER)
        departure[..., of] = np.where(drives, departs, _FAR)
        need[..., of] = np.where(drives, np.rint(energy * units_per_kwh) / units_per_kwh, 0.0)
        earliest[of] = design.departure.first
        stayed = ~drives[:, 0]
        arrival[:, 0, of] = np.where(stayed, midnight[:, 0], arrival[:, 0, of])

    following = np.empty_like(departure)  # of the next trip after each day
    following[:, -1] = midnight[:, -1] + slots_per_day + earliest
    following[:, :-1] = departure[:, 1:]
    following = np.minimum.accumulate(following[:, ::-1], axis=1)[:, ::-1]
    stay = np.where(arrival != _NEVER, following - arrival, 0)
    return {"first": slots_per_day + slot[:, None], "arrival": arrival, "stay": stay, "need": need}
