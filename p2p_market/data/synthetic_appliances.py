"""Appliances, timers and hot water as rectangular pulses of power: what makes one home's meter data spiky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from p2p_market.data.calendar import MINUTES_PER_DAY, Calendar
from p2p_market.types import BoolArray, Float32Array, FloatArray

# One line a kind: share of the energy of appliances, least and largest power [kW], least and largest duration
# [min], and how the share leans towards lively (> 0) or quiet (< 0) homes (calibrated).
APPLIANCES = {
    "kettle, microwave, hair dryer": (0.22, 1.2, 2.2, 3.0, 12.0, 3.5),
    "oven and hob": (0.26, 1.0, 2.6, 15.0, 60.0, 0.5),
    "washing, drying, dishes": (0.24, 0.7, 2.0, 30.0, 80.0, -0.5),
    "room heater, iron, computer": (0.28, 0.4, 1.4, 40.0, 200.0, -2.5),
}
_SHARE, _LEAST_KW, _MOST_KW, _LEAST_MINUTES, _MOST_MINUTES, _LEAN = np.array(list(APPLIANCES.values())).T
MOST_TIMER_PULSES = 8  # a day

HOT_WATER_KWH = 5.06  # a night, of the homes that have it (calibrated)
HOT_WATER_WINTER = 0.15  # more in July, less in January
HOT_WATER_ELEMENTS_KW = (1.8, 2.4, 2.4, 3.6, 3.6, 4.8)
HOT_WATER_START_HOURS = (22.0, 25.0)  # standard time: the switch at the meter knows no daylight saving


class Pulses(NamedTuple):
    """Rectangular pulses of power; arrays of one entry a pulse."""

    start: FloatArray  # [min] from the first midnight; may lie before it or run past the end
    minutes: FloatArray  # [min]
    power: FloatArray  # [kW]

    def mean_power(self, num: int, interval_minutes: int) -> Float32Array:
        """Return the mean power of all pulses together in each of ``num`` intervals [kW]."""
        edge = np.concatenate([self.start, self.start + self.minutes]) / interval_minutes
        edge = np.clip(edge, 0.0, num)
        step = np.concatenate([self.power, -self.power])
        # A step within an interval counts there by the part that remains, and fully from the next one on; so
        # the running sum of these changes is the mean power.
        row = edge.astype(np.int64)
        part = step * (edge - row)
        change = np.bincount(row, step - part, minlength=num + 1)[: num + 1]
        change[1:] += np.bincount(row, part, minlength=num + 1)[:num]
        power: Float32Array = np.maximum(np.cumsum(change[:num]), 0.0).astype(np.float32)
        return power


@dataclass(frozen=True, eq=False)
class Appliances:
    """The appliances of one household.

    Attributes
    ----------
    rate : ndarray (K,)
        Mean number of uses a day of each kind.
    power_scale : float
        This home's appliances over the usual power.
    """

    rate: FloatArray
    power_scale: float

    @classmethod
    def draw(cls, rng: np.random.Generator, liveliness: float, kwh_per_day: float) -> Appliances:
        """Draw which kinds a home uses most, and how often, to take ``kwh_per_day`` in the mean."""
        share = _SHARE * np.exp(_LEAN * (liveliness - 0.5) + rng.standard_normal(len(_SHARE)))
        power_scale = 0.4 + 0.9 * liveliness
        kwh_per_use = power_scale * (_LEAST_KW + _MOST_KW) / 2 * (_LEAST_MINUTES + _MOST_MINUTES) / 2 / 60
        return cls(share / share.sum() * kwh_per_day / kwh_per_use, power_scale)

    def uses(self, rng: np.random.Generator, weekend: BoolArray, level: FloatArray, activity: FloatArray) -> Pulses:
        """Draw the uses of all days.

        Parameters
        ----------
        rng
            Four numbers for each possible use, day by day.
        weekend
            (days,) whether the weekend's profile holds.
        level
            (days,) how much is going on, 1 in the mean, 0 while nobody is there.
        activity
            (2, slots) mean power that the household's activity takes by time of day, on weekdays and
            weekends: uses are as likely at a time as this is high.
        """
        trials = np.ceil(1.8 * self.rate).astype(np.int64) + 1
        kind = np.repeat(np.arange(len(trials)), trials)
        chance = (self.rate / trials)[kind]
        numbers = rng.random((len(weekend), len(kind), 4))
        day_type = weekend.astype(np.int64)
        busy = activity.sum(axis=1) / (np.array([5.0, 2.0]) / 7.0 @ activity.sum(axis=1))
        day, which = np.nonzero(numbers[..., 0] < chance * (busy[day_type] * level)[:, None])
        _, when, strength, length = numbers[day, which].T
        kind = kind[which]

        minutes = _LEAST_MINUTES[kind] + (_MOST_MINUTES - _LEAST_MINUTES)[kind] * length
        power = self.power_scale * (_LEAST_KW[kind] + (_MOST_KW - _LEAST_KW)[kind] * strength)
        middle = np.empty(len(day))
        for row, profile in enumerate(activity):
            chosen = day_type[day] == row
            middle[chosen] = time_of_day(when[chosen], profile)
        # not before midnight: the days before must not depend on whether this one is made
        start = np.maximum(middle - minutes / 2.0, 0.0)
        return Pulses(day * MINUTES_PER_DAY + start, minutes, power)


def timer_pulses(rng: np.random.Generator, kwh_per_day: float, days: int, weekday_activity: FloatArray) -> Pulses:
    """Draw what a clock switches on every day at the same times: a pool pump, or a few shorter runs."""
    is_pump = rng.random() < 0.5
    minutes = rng.uniform(120.0, 360.0) if is_pump else rng.uniform(25.0, 90.0)
    power = rng.uniform(0.6, 1.4) if is_pump else rng.uniform(0.8, 2.2)
    times = time_of_day(rng.random(MOST_TIMER_PULSES), weekday_activity)
    num = int(np.clip(np.rint(kwh_per_day / (power * minutes / 60.0)), 1, MOST_TIMER_PULSES))
    at: FloatArray = np.maximum(times[:num] - minutes / 2.0, 0.0)
    start: FloatArray = (np.arange(days, dtype=np.float64)[:, None] * MINUTES_PER_DAY + at).ravel()
    power = kwh_per_day / (num * minutes / 60.0)
    return Pulses(start, np.full(len(start), minutes), np.full(len(start), power))


def hot_water(rng: np.random.Generator, calendar: Calendar) -> Pulses:
    """Draw the controlled load of one home: a long run at night, then two short ones to reheat.

    The switch follows standard time, so by the clock it comes an hour later during daylight saving.
    """
    element = float(rng.choice(HOT_WATER_ELEMENTS_KW))
    switch_on = 60.0 * rng.uniform(*HOT_WATER_START_HOURS)
    spread = 0.4
    mean_kwh = HOT_WATER_KWH * float(np.exp(spread * rng.standard_normal() - spread**2 / 2.0))

    # the night that ends on the first day counts as day -1
    first_slot = slice(None, None, calendar.slots_per_day)
    day = np.arange(-1, len(calendar) // calendar.slots_per_day)
    day_of_year = np.concatenate([[0], calendar.day_of_year[first_slot]])
    day_of_year[0] = day_of_year[1]
    noon_ahead = calendar.daylight_saving[calendar.slots_per_day // 2 :: calendar.slots_per_day]
    clock_ahead = 60.0 * np.concatenate([noon_ahead[:1], noon_ahead])
    numbers = rng.random((len(day), 5))
    winter = 1.0 + HOT_WATER_WINTER * np.cos(2.0 * np.pi * (day_of_year - 200) / 365.25)
    run = 60.0 * mean_kwh * winter * (0.7 + 0.6 * numbers[:, 0]) / element
    main = (0.55 + 0.3 * numbers[:, 1]) * run
    rest = run - main
    second = (0.3 + 0.4 * numbers[:, 4]) * rest
    start = day * MINUTES_PER_DAY + switch_on + clock_ahead
    first_break = main + 20.0 + 60.0 * numbers[:, 2]
    second_break = first_break + second + 30.0 + 90.0 * numbers[:, 3]
    minutes = np.concatenate([main, second, rest - second])
    return Pulses(
        np.concatenate([start, start + first_break, start + second_break]),
        minutes,
        np.full(len(minutes), element),
    )


def time_of_day(probability: FloatArray, profile: FloatArray) -> FloatArray:
    """Return times [min] whose distribution over the day is ``profile`` (slots,), from uniform numbers."""
    cumulative = np.concatenate([[0.0], np.cumsum(profile)])
    edges = np.linspace(0.0, MINUTES_PER_DAY, len(cumulative))
    times: FloatArray = np.interp(probability * cumulative[-1], cumulative, edges)
    return times
