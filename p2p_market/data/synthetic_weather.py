"""The weather that a synthetic street shares: clouds and temperature.

Both are Gaussian processes in time, turned into a clear-sky index and into degrees. Constants marked
*calibrated* were fitted to the sum of 300 recorded homes around Sydney; ``docs/synthetic-data.md`` says how
well they fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.data.calendar import Calendar, TimeArray
from p2p_market.data.solar import (
    SOLAR_CONSTANT,
    SolarPosition,
    clear_sky_irradiance,
    diffuse_fraction,
    solar_position,
)
from p2p_market.data.synthetic_processes import (
    autoregressive,
    between_days,
    by_month,
    normal_cumulative,
    remember,
)
from p2p_market.types import FloatArray

LATITUDE_DEGREES, LONGITUDE_DEGREES = -33.6, 151.2  # between Sydney and the Hunter valley
UTC_OFFSET_HOURS = 10.0
TIMEZONE = "Australia/Sydney"

# Clear-sky index (irradiance over its clear-sky value) by cumulative probability; alike in all seasons
# (calibrated).
CLOUD_PROBABILITY = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0])
CLOUD_INDEX = np.array(
    [0.023, 0.091, 0.123, 0.205, 0.324, 0.488, 0.605, 0.702,
     0.778, 0.844, 0.899, 0.942, 0.973, 0.99, 1.005, 1.015]
)  # fmt: skip
# How much clearer than the year each month is, in standard deviations (calibrated).
MONTH_CLEARNESS = np.array([0.02, -0.17, -0.03, 0.02, 0.3, -0.24, -0.06, 0.32, 0.28, -0.06, -0.24, -0.12])
SLOW_CLOUD_HOURS, FAST_CLOUD_HOURS = 32.0, 3.5  # weather systems, and banks of cloud (calibrated)
SLOW_CLOUD_SHARE = 0.46  # of the variance (calibrated)
SUMMER_HAZE = 0.045  # humid summer air dims a clear sky by twice this at most (calibrated)

# Mean temperature by month [°C]: Sydney (Observatory Hill), long-term daily maximum and minimum averaged and
# rounded; Bureau of Meteorology, station 066062.
MONTH_TEMPERATURE = np.array([22.3, 22.3, 21.2, 18.5, 15.4, 13.1, 12.1, 13.3, 15.5, 17.8, 19.6, 21.4])
TEMPERATURE_SPREAD, SUMMER_SPREAD = 2.25, 0.6  # [K] standard deviation, and how much larger it is in January
TEMPERATURE_HOURS = 60.0  # memory of warm and cold spells (calibrated)
SUNNY_IS_WARM = 0.2  # correlation of temperature with clearness (calibrated)
USUAL_CLOUD_INDEX = 0.7
HOUSE_HOURS = 4.0  # how long a house remembers the sun (calibrated)


@dataclass(frozen=True, eq=False)
class StreetWeather:
    """What the households of a street share, each array (T,).

    Attributes
    ----------
    sun
        Where the sun stands in the middle of each interval.
    beam, diffuse
        Direct and diffuse part of the global horizontal irradiance under the street's clouds [W/m²].
    cloud_index
        Irradiance over its clear-sky value, about 0.02 to 1.02.
    temperature
        Mean outdoor temperature of these days [°C]. The swing from night to day is left out: it is part of
        the daily profiles of heating and cooling.
    darkness
        0 in daylight, 1 at night, in between at dusk and dawn.
    sun_warmth
        How much more sun than usual a house has gathered in the last hours, about -0.6 to 0.3.
    """

    sun: SolarPosition
    beam: FloatArray
    diffuse: FloatArray
    cloud_index: FloatArray
    temperature: FloatArray
    darkness: FloatArray
    sun_warmth: FloatArray

    @classmethod
    def draw(cls, calendar: Calendar, seed: np.random.SeedSequence) -> StreetWeather:
        """Draw the weather of whole days; a shorter calendar with the same start gets the same weather."""
        slow_rng, fast_rng, warm_rng = (np.random.default_rng(child) for child in seed.spawn(3))
        hours, num, per_day = calendar.interval_hours, len(calendar), calendar.slots_per_day
        summer = np.cos(2.0 * np.pi * (calendar.day_of_year - 15) / 365.25)

        # one point more than intervals: temperature runs from midnight to midnight
        slow = autoregressive(slow_rng, num + 1, hours / SLOW_CLOUD_HOURS)
        fast = autoregressive(fast_rng, num, hours / FAST_CLOUD_HOURS)
        clearness = np.sqrt(SLOW_CLOUD_SHARE) * slow[:num] + np.sqrt(1.0 - SLOW_CLOUD_SHARE) * fast
        rank = normal_cumulative(clearness + by_month(calendar, MONTH_CLEARNESS))
        cloud_index = np.interp(rank, CLOUD_PROBABILITY, CLOUD_INDEX)

        own = autoregressive(warm_rng, num // per_day + 1, 24.0 / TEMPERATURE_HOURS)
        warmth = SUNNY_IS_WARM * slow[::per_day] + np.sqrt(1.0 - SUNNY_IS_WARM**2) * own
        spread = TEMPERATURE_SPREAD + SUMMER_SPREAD * summer
        temperature = by_month(calendar, MONTH_TEMPERATURE) + spread * between_days(warmth, per_day)

        sun = sun_of(calendar)
        clear_sky = clear_sky_irradiance(sun.up) * sun.eccentricity * (1.0 - SUMMER_HAZE * (1.0 + summer))
        irradiance = clear_sky * cloud_index
        outside_air = SOLAR_CONSTANT * sun.eccentricity * np.maximum(sun.up, 1e-3)
        diffuse = diffuse_fraction(irradiance / outside_air) * irradiance
        darkness = 1.0 / (1.0 + np.exp((sun.elevation_degrees - 3.0) / 4.0))

        sun_warmth = (1.0 - darkness) * (cloud_index - USUAL_CLOUD_INDEX) * -np.expm1(-hours / HOUSE_HOURS)
        remember(sun_warmth, hours / HOUSE_HOURS)
        return cls(sun, irradiance - diffuse, diffuse, cloud_index, temperature, darkness, sun_warmth)


def sun_of(calendar: Calendar) -> SolarPosition:
    """Return where the sun stands in the middle of each interval; it follows standard time, not the clock."""
    middle = np.timedelta64(30 * calendar.interval_minutes, "s")
    clock_ahead = (3600 * calendar.daylight_saving).astype("timedelta64[s]")
    standard_time: TimeArray = calendar.start.astype("datetime64[s]")
    standard_time += middle - clock_ahead
    return solar_position(standard_time, LATITUDE_DEGREES, LONGITUDE_DEGREES, UTC_OFFSET_HOURS)
