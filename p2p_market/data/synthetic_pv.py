"""Photovoltaic generation of one synthetic roof under the clouds of its street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.data.calendar import Calendar
from p2p_market.data.solar import GROUND_REFLECTANCE, LOWEST_BEAM_COSINE, roof_normal
from p2p_market.data.synthetic_processes import autoregressive
from p2p_market.data.synthetic_weather import StreetWeather
from p2p_market.types import Float32Array, FloatArray, IntArray

# Panel capacity [kWp] by share of homes (calibrated on 299 recorded homes).
CAPACITY_PROBABILITY = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 1.0])
CAPACITY_KW = np.array([1.0, 1.0, 1.02, 1.5, 2.0, 2.736, 3.384, 4.592, 9.99])

MEAN_TILT_DEGREES, TILT_SPREAD_DEGREES = 25.0, 7.0  # as Australian roofs are pitched
AZIMUTH_SPREAD_DEGREES = 38.0  # around north
MEAN_EFFICIENCY, EFFICIENCY_SPREAD = 0.91, 0.05  # inverter, wiring, soiling, age (calibrated)
LEAST_SHADE, MOST_SHADE = (
    0.3,
    0.8,
)  # share that obstacles and reflection take from the lowest sun (calibrated)
SHADE_DEGREES = 18.0  # elevation over which that fades (calibrated)
LOCAL_CLOUD_HOURS = 1.4  # memory of the difference between a roof and its street (calibrated)
LOCAL_CLOUD_SPREAD = 0.75  # its spread (of the logarithm) under a closed sky; none under a clear one (calibrated)
BRIGHTEST_INDEX = 1.08  # sunlit cloud edges may lift a roof a little above the clear sky

POWER_PER_KELVIN = -0.004  # crystalline silicon
CELL_WARMING = 28.0  # [K] of cells over air at 1000 W/m²
DAY_WARMING = 4.0  # [K] of daytime air over the day's mean


@dataclass(frozen=True, eq=False)
class StreetSun:
    """What all roofs of a street have in common, at the D intervals with the sun up; float32 arrays (D,).

    Attributes
    ----------
    calendar
        All T intervals.
    rows
        (D,) Positions of the intervals with the sun up.
    east, north, up
        Direction of the sun.
    beam_normal, diffuse, ground
        Direct irradiance on a plane facing the sun, diffuse and global horizontal irradiance [kW/m²].
    local_spread, brightest
        Spread (of the logarithm) and upper limit of a roof's own cloud factor.
    obstruction
        Weight of a roof's shade: 1 for the sun at the horizon, fading upwards.
    coolness
        Power of the cells over rated power in air of this temperature, before the sun warms them.
    """

    calendar: Calendar
    rows: IntArray
    east: Float32Array
    north: Float32Array
    up: Float32Array
    beam_normal: Float32Array
    diffuse: Float32Array
    ground: Float32Array
    local_spread: Float32Array
    brightest: Float32Array
    obstruction: Float32Array
    coolness: Float32Array

    @classmethod
    def of(cls, calendar: Calendar, weather: StreetWeather) -> StreetSun:
        """Prepare the street's sun for its roofs."""
        rows = np.flatnonzero(weather.sun.up > 0.0)

        def single(values: FloatArray) -> Float32Array:
            return values.astype(np.float32)

        up, index = weather.sun.up[rows], weather.cloud_index[rows]
        beam, diffuse = weather.beam[rows] / 1000.0, weather.diffuse[rows] / 1000.0
        air = weather.temperature[rows] + DAY_WARMING
        return cls(
            calendar=calendar,
            rows=rows,
            east=single(weather.sun.east[rows]),
            north=single(weather.sun.north[rows]),
            up=single(up),
            beam_normal=single(beam / np.maximum(up, LOWEST_BEAM_COSINE)),
            diffuse=single(diffuse),
            ground=single(GROUND_REFLECTANCE * (beam + diffuse)),
            local_spread=single(LOCAL_CLOUD_SPREAD * np.maximum(1.0 - index, 0.0) ** 0.75),
            brightest=single(BRIGHTEST_INDEX / index),
            obstruction=single(np.exp(-weather.sun.elevation_degrees[rows] / SHADE_DEGREES)),
            coolness=single(1.0 + POWER_PER_KELVIN * (air - 25.0)),
        )


def household_pv(capacity_kw: float, sun: StreetSun, seed: np.random.SeedSequence) -> Float32Array:
    """Return the mean power of a roof in each interval [kW], (T,).

    The irradiance on the roof is that of `solar.tilted_irradiance` under the street's clouds, times a roof's
    own cloud factor ``exp(s·x - s²/2)`` with ``x`` a Gaussian process and ``s`` zero under a clear sky; cells
    lose 0.4 % a kelvin above 25 °C; the power never exceeds the capacity.
    """
    roof_seed, cloud_seed = seed.spawn(2)
    rng = np.random.default_rng(roof_seed)
    tilt = float(np.clip(MEAN_TILT_DEGREES + TILT_SPREAD_DEGREES * rng.standard_normal(), 5.0, 45.0))
    azimuth = float(AZIMUTH_SPREAD_DEGREES * rng.standard_normal())
    efficiency = float(np.clip(MEAN_EFFICIENCY + EFFICIENCY_SPREAD * rng.standard_normal(), 0.75, 1.05))
    shade = float(rng.uniform(LEAST_SHADE, MOST_SHADE))

    # Python floats and in-place steps keep everything in float32 and in the cache
    east, north, up = roof_normal(tilt, azimuth)
    irradiance = sun.east * east
    irradiance += sun.north * north
    irradiance += sun.up * up
    np.maximum(irradiance, 0.0, out=irradiance)
    irradiance *= sun.beam_normal
    irradiance += ((1.0 + up) / 2.0) * sun.diffuse
    irradiance += ((1.0 - up) / 2.0) * sun.ground
    irradiance *= 1.0 - shade * sun.obstruction

    hours = sun.calendar.interval_hours
    clouds = autoregressive(np.random.default_rng(cloud_seed), len(sun.calendar), hours / LOCAL_CLOUD_HOURS)
    factor = clouds[sun.rows]
    factor -= 0.5 * sun.local_spread
    factor *= sun.local_spread
    np.exp(factor, out=factor)
    np.minimum(factor, sun.brightest, out=factor)
    irradiance *= factor

    share = sun.coolness + (POWER_PER_KELVIN * CELL_WARMING) * irradiance
    share *= irradiance
    share *= efficiency
    np.minimum(share, 1.0, out=share)
    power = np.zeros(len(sun.calendar), np.float32)
    power[sun.rows] = share * capacity_kw
    return power
