"""General consumption of one synthetic household: base load, daily life, appliances, heating and cooling.

The mean of many households follows

    ``base + activity(hour, day type) + lighting·dark + heating(hour)·H + cooling(hour)·C``   [kW]

with the daily profiles below and with indices H and C of the street's temperature. A single household departs
from it by its size, by its habits (a smooth random weight over the hours), by how lively its load is, by
appliances that run as rectangular pulses, by noise with memory, by slow changes from day to day, and by
holidays.

Constants marked *calibrated* were fitted to the sum of 300 recorded homes around Sydney (the profiles and
indices by a factorisation of its days into these parts) and to the few single homes there are; see
``docs/synthetic-data.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.data.calendar import Calendar
from p2p_market.data.synthetic_appliances import Appliances, timer_pulses
from p2p_market.data.synthetic_processes import autoregressive, between_days, by_slot
from p2p_market.data.synthetic_weather import StreetWeather
from p2p_market.types import BoolArray, Float32Array, FloatArray, IntArray

# Mean power of a home by clock hour [kW] (calibrated).
WEEKDAY = np.array(
    [0.332, 0.319, 0.302, 0.299, 0.304, 0.317, 0.417, 0.524, 0.496, 0.439, 0.407, 0.38,
     0.366, 0.331, 0.296, 0.283, 0.318, 0.447, 0.531, 0.469, 0.434, 0.388, 0.37, 0.319]
)  # fmt: skip
WEEKEND = np.array(
    [0.373, 0.346, 0.323, 0.313, 0.31, 0.298, 0.325, 0.433, 0.539, 0.574, 0.549, 0.522,
     0.502, 0.463, 0.436, 0.422, 0.44, 0.525, 0.571, 0.499, 0.443, 0.396, 0.388, 0.349]
)  # fmt: skip
HEATING = np.array(
    [0.049, 0.037, 0.036, 0.037, 0.042, 0.059, 0.098, 0.157, 0.151, 0.117, 0.1, 0.097,
     0.103, 0.109, 0.118, 0.142, 0.193, 0.286, 0.299, 0.289, 0.273, 0.231, 0.161, 0.1]
)  # fmt: skip
COOLING = np.array(
    [0.038, 0.031, 0.028, 0.026, 0.022, 0.018, 0.01, 0.013, 0.03, 0.048, 0.067, 0.09,
     0.115, 0.138, 0.154, 0.17, 0.182, 0.181, 0.168, 0.155, 0.141, 0.126, 0.095, 0.066]
)  # fmt: skip
AWAKE = np.array(
    [0.3, 0.15, 0.1, 0.1, 0.1, 0.35, 0.85, 1.0, 1.0, 1.0, 1.0, 1.0,
     1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.85, 0.6]
)  # fmt: skip
LIGHTING_KW = 0.15  # when it is dark and everybody is awake (calibrated)
ALWAYS_ON_KW = 0.13  # refrigerator and standby

# Mean consumption a day [kWh] by share of homes: nearly log-normal (calibrated on 299 recorded homes).
SIZE_PROBABILITY = np.array([0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0])
SIZE_KWH = np.array([5.19, 7.68, 8.80, 10.88, 14.09, 19.56, 25.32, 28.28, 35.71])

ACTIVITY_KWH = float(5.0 * WEEKDAY.sum() + 2.0 * WEEKEND.sum()) / 7.0 - 24.0 * ALWAYS_ON_KW  # a day
LIGHTING_KWH = 1.05  # a day, in the mean of the year
HEATING_KWH, COOLING_KWH = float(HEATING.sum()), float(COOLING.sum())  # a day: both indices are 1 in the mean
LOSS_FACTOR = 1.02  # makes up for holidays and the limit of heaters and coolers (calibrated)

# What single homes differ in (calibrated); pairs go from the quietest to the liveliest home.
LIVELINESS_SHAPE = 0.7  # of a beta distribution from 0 to 1; below 1, both ends are frequent
APPLIANCE_SHARE = (0.05, 1.0)  # of the energy of daily life
TIMER_HOMES, TIMER_SHARE = (
    0.35,
    (0.2, 0.7),
)  # share of homes, and range of the share of their appliances' energy
NOISE, NOISE_HOURS = (0.1, 1.0), (2.0, 0.05)  # of daily life: spread of the logarithm, and memory
CLIMATE_NOISE, CLIMATE_NOISE_HOURS = (0.05, 0.9), (2.0, 0.2)  # of heating and cooling
CLIMATE_SCALE = (1.65, 0.35)  # quiet load is often a heater's or a cooler's
BASE_NOISE = (0.2, 1.0)  # a refrigerator's on and off, as a share of the base load
HEATING_SHAPE, COOLING_SHAPE, MOST_SENSITIVE = 1.6, 1.0, 3.5  # gamma distributions over homes, and a limit
NO_HEATING, NO_COOLING = 0.15, 0.25  # share of homes: heated by gas, or with no cooler
HEATING_SCALE, COOLING_SCALE = 1.7, 1.75
CLIMATE_LIMIT_KW = (1.2, 2.6)  # largest power of heating and cooling: fixed, and for each unit of sensitivity
MOST_CLIMATE_KW = 13.0  # whatever the size of a home: its connection sets a limit
HABIT_SPREAD = 0.42
YEARLY, MONTHLY, DAILY = (0.12, 250.0), (0.14, 25.0), (0.10, 1.2)  # slow changes: spread, memory [days]
HOLIDAY_PERIOD_DAYS, HOLIDAY_CHANCE, HOLIDAY_DAYS = 91, 0.3, (3.0, 17.0)
AWAY_LEVEL = 0.07


@dataclass(frozen=True, eq=False)
class StreetDemand:
    """What the demand of all households of a street has in common, each array (T,).

    Attributes
    ----------
    calendar
        The T intervals, whole days.
    profile_row
        Position in a household's flattened (2, slots) table of weekday and weekend activity.
    weekend
        (days,) whether a day is on a weekend.
    lighting, heating, cooling
        Mean power of a home [kW].
    """

    calendar: Calendar
    profile_row: IntArray
    weekend: BoolArray
    lighting: Float32Array
    heating: Float32Array
    cooling: Float32Array

    @classmethod
    def of(cls, calendar: Calendar, weather: StreetWeather) -> StreetDemand:
        """Turn the street's weather into the mean power of its homes."""
        slot, per_day = calendar.slot, calendar.slots_per_day
        # the sun through the windows saves heating and calls for cooling
        heating = heating_index(weather.temperature) * np.maximum(1.0 - 2.0 * weather.sun_warmth, 0.1)
        cooling = cooling_index(weather.temperature) * (1.0 + weather.sun_warmth)
        return cls(
            calendar,
            slot + per_day * calendar.is_weekend,
            calendar.is_weekend[::per_day],
            (LIGHTING_KW * by_slot(AWAKE, per_day)[slot] * weather.darkness).astype(np.float32),
            (by_slot(HEATING, per_day)[slot] * heating).astype(np.float32),
            (by_slot(COOLING, per_day)[slot] * cooling).astype(np.float32),
        )


def heating_index(temperature: FloatArray) -> FloatArray:
    """Return the heating that homes want, 1 in the mean of a year: degrees below 18.4 °C (calibrated)."""
    index: FloatArray = 0.46 / 1.2 * np.logaddexp(0.0, 1.2 * (18.4 - temperature))
    return index


def cooling_index(temperature: FloatArray) -> FloatArray:
    """Return the cooling that homes want, 1 in the mean of a year (calibrated).

    A step to summer's refrigerators and fans near 17 °C, plus what doubles every 1.5 K on hot days until all
    coolers run.
    """
    mild = 1.2 / (1.0 + np.exp((17.0 - temperature) / 1.5))
    hot = 0.62 * np.exp(0.46 * (temperature - 22.3))
    index: FloatArray = mild + hot / np.sqrt(1.0 + (hot / 14.0) ** 2)
    return index


@dataclass(frozen=True, eq=False)
class Habits:
    """What one household is like; the same for every period and interval length.

    ``liveliness`` runs from 0 (smooth load, heating and cooling) to 1 (a small base and many spikes). Shares
    are of the energy of daily life, noises are spreads of logarithms.
    """

    liveliness: float
    appliance_share: float
    timer_share: float
    noise: float
    noise_hours: float
    climate_noise: float
    climate_noise_hours: float
    base_noise: float
    heating: float
    cooling: float
    climate_limit_kw: float
    restlessness: float
    hour_waves: FloatArray  # (3, 2) amplitudes of cosine and sine waves, one to three a day

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habits:
        """Draw a household."""
        lively = float(rng.beta(LIVELINESS_SHAPE, LIVELINESS_SHAPE))

        def between(ends: tuple[float, float]) -> float:
            return float(ends[0] + (ends[1] - ends[0]) * (0.8 * lively + 0.2 * rng.random()))

        def sensitivity(shape: float, without: float) -> float:
            has_none, sensitivity = rng.random() < without, float(rng.gamma(shape)) / shape
            return 0.0 if has_none else min(sensitivity, MOST_SENSITIVE) / (1.0 - without)

        climate_scale = CLIMATE_SCALE[0] + (CLIMATE_SCALE[1] - CLIMATE_SCALE[0]) * lively
        heating = HEATING_SCALE * climate_scale * sensitivity(HEATING_SHAPE, NO_HEATING)
        cooling = COOLING_SCALE * climate_scale * sensitivity(COOLING_SHAPE, NO_COOLING)
        limit = CLIMATE_LIMIT_KW[0] + CLIMATE_LIMIT_KW[1] * max(heating, cooling)
        appliances = between(APPLIANCE_SHARE)
        has_timer, timer = rng.random() < TIMER_HOMES, float(rng.uniform(*TIMER_SHARE))
        timer_share = appliances * timer if has_timer else 0.0
        return cls(
            liveliness=lively,
            appliance_share=appliances - timer_share,
            timer_share=timer_share,
            noise=between(NOISE),
            noise_hours=between(NOISE_HOURS),
            climate_noise=between(CLIMATE_NOISE),
            climate_noise_hours=between(CLIMATE_NOISE_HOURS),
            base_noise=between(BASE_NOISE),
            heating=heating,
            cooling=cooling,
            climate_limit_kw=limit * (0.35 + 1.3 * lively),
            restlessness=float(rng.uniform(0.5, 1.6)),
            hour_waves=rng.standard_normal((3, 2)),
        )

    @property
    def mean_kwh_per_day(self) -> float:
        """Consumption a day of a home with these habits and a scale of 1."""
        climate = self.heating * HEATING_KWH + self.cooling * COOLING_KWH
        return (24.0 * ALWAYS_ON_KW + ACTIVITY_KWH + LIGHTING_KWH + climate) / LOSS_FACTOR

    def activity(self, slots_per_day: int) -> FloatArray:
        """Return the mean power of daily life by time of day [kW], weekdays and weekends, (2, slots)."""
        usual = np.stack([by_slot(WEEKDAY, slots_per_day), by_slot(WEEKEND, slots_per_day)]) - ALWAYS_ON_KW
        order = np.arange(1, 4)[:, None]
        angle = order * (2.0 * np.pi * (np.arange(slots_per_day) + 0.5) / slots_per_day)
        waves = self.hour_waves[:, :1] * np.cos(angle) + self.hour_waves[:, 1:] * np.sin(angle)
        weight = np.exp((HABIT_SPREAD / order**0.8 * waves).sum(axis=0))
        mean = np.array([5.0, 2.0]) / 7.0 @ usual
        activity: FloatArray = usual * weight * (mean.sum() / (weight * mean).sum())
        return activity


def household_demand(size_kwh: float, street: StreetDemand, seed: np.random.SeedSequence) -> Float32Array:
    """Return the mean power of general consumption of one household in each interval [kW], (T,).

    Parameters
    ----------
    size_kwh
        Its consumption a day in the long mean [kWh].
    street
        What it shares with its neighbours.
    seed
        Its own stream of random numbers.
    """
    calendar = street.calendar
    num, per_day, hours = len(calendar), calendar.slots_per_day, calendar.interval_hours
    rngs = [np.random.default_rng(child) for child in seed.spawn(7)]
    habits_rng, appliance_rng, timer_rng, days_rng, life_rng, climate_rng, base_rng = rngs
    habits = Habits.draw(habits_rng)
    scale = size_kwh / habits.mean_kwh_per_day
    activity = habits.activity(per_day)
    level, present = slow_changes(days_rng, num // per_day, habits.restlessness)

    smooth_share = 1.0 - habits.appliance_share - habits.timer_share
    power = (smooth_share * activity).astype(np.float32).ravel()[street.profile_row]
    power += street.lighting
    power *= _log_normal(life_rng, num, habits.noise, hours / habits.noise_hours)

    climate = habits.heating * street.heating
    climate += habits.cooling * street.cooling
    climate *= _log_normal(climate_rng, num, habits.climate_noise, hours / habits.climate_noise_hours)
    power += _limited(climate, min(habits.climate_limit_kw, MOST_CLIMATE_KW / scale))
    power *= between_days(level, per_day).astype(np.float32)
    power *= np.repeat(np.where(present, 1.0, AWAY_LEVEL).astype(np.float32), per_day)

    base = base_rng.random(num, dtype=np.float32)
    base *= 2.0 * habits.base_noise * ALWAYS_ON_KW
    base += (1.0 - habits.base_noise) * ALWAYS_ON_KW
    power += base
    power *= scale

    life_kwh = scale * ACTIVITY_KWH
    appliances = Appliances.draw(appliance_rng, habits.liveliness, habits.appliance_share * life_kwh)
    uses = appliances.uses(appliance_rng, street.weekend, level[:-1] * present, activity)
    power += uses.mean_power(num, calendar.interval_minutes)
    if habits.timer_share > 0.0:
        timer = timer_pulses(timer_rng, habits.timer_share * life_kwh, num // per_day, activity[0])
        power += timer.mean_power(num, calendar.interval_minutes)
    return power


def slow_changes(rng: np.random.Generator, days: int, restlessness: float) -> tuple[FloatArray, BoolArray]:
    """Draw how much goes on in a household from day to day, and when it is on holiday.

    Returns
    -------
    level : ndarray (days + 1,)
        Level at each midnight, 1 in the mean: a sum of a slow, a slower and a fast process, as an exponent.
    present : ndarray (days,) of bool
        Whether the household is at home.
    """
    *rngs, holiday_rng = rng.spawn(4)
    exponent, variance = np.zeros(days + 1), 0.0
    for part_rng, (spread, memory) in zip(rngs, (YEARLY, MONTHLY, DAILY), strict=True):
        exponent += restlessness * spread * autoregressive(part_rng, days + 1, 1.0 / memory)
        variance += (restlessness * spread) ** 2
    level = np.exp(exponent - variance / 2.0)

    num_periods = -(-days // HOLIDAY_PERIOD_DAYS)
    begin, chance, length = holiday_rng.random((num_periods, 3)).T
    first = (np.arange(num_periods) + begin) * HOLIDAY_PERIOD_DAYS
    shortest, longest = HOLIDAY_DAYS
    last = first + np.where(chance < HOLIDAY_CHANCE, shortest + (longest - shortest) * length, 0.0)
    day = np.arange(days)[:, None]
    away = ((day >= first) & (day + 1 <= last)).any(axis=1)
    return level, ~away


def _log_normal(rng: np.random.Generator, num: int, spread: float, step: float) -> Float32Array:
    """Draw a positive factor with mean 1 and memory."""
    factor = autoregressive(rng, num, step)
    factor *= spread
    factor -= spread**2 / 2.0
    np.exp(factor, out=factor)
    return factor


def _limited(power: Float32Array, limit: float) -> Float32Array:
    """Bend a power towards a limit that it cannot exceed: ``p / (1 + (p/limit)^4)^(1/4)``."""
    ratio = power / limit
    ratio *= ratio
    ratio *= ratio
    ratio += 1.0
    limited: Float32Array = power / np.sqrt(np.sqrt(ratio))
    return limited
