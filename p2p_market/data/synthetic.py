"""The synthetic community: households that need no download, made from a seed.

`synthetic_community` is the public face. The sun is in `solar`, the street's weather in `synthetic_weather`,
one roof in `synthetic_pv`, one household's consumption in `synthetic_demand` and its appliances and hot water
in `synthetic_appliances`. ``docs/synthetic-data.md`` explains the model and puts it beside recorded homes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from p2p_market.data.calendar import INTERVAL_LENGTHS, MINUTES_PER_DAY, Calendar, TimeLike, to_minute
from p2p_market.data.container import DataContainer
from p2p_market.data.synthetic_appliances import hot_water
from p2p_market.data.synthetic_demand import SIZE_KWH, SIZE_PROBABILITY, StreetDemand, household_demand
from p2p_market.data.synthetic_processes import normal_cumulative, normal_quantile
from p2p_market.data.synthetic_pv import CAPACITY_KW, CAPACITY_PROBABILITY, StreetSun, household_pv
from p2p_market.data.synthetic_weather import TIMEZONE, StreetWeather
from p2p_market.errors import DataError
from p2p_market.types import BoolArray, Float32Array, FloatArray, IntArray

CAPACITY_FOLLOWS_SIZE = 0.28  # correlation of panel capacity and consumption (calibrated)
CONTROLLED_LOAD_SHARE = 0.46  # of the recorded homes
_STREET = 2**32 - 1  # spawn key of what the street shares; households have 0, 1, ...
_BLOCK = 32  # households made before they are written into the columns of the result
# The fractional parts of multiples of these spread evenly over 0 to 1, the golden ratio's most evenly. From Roberts'
# sequence R2, the golden ratio and the square roots of 2 and 3, chosen for even pairs as well.
_SIZE_STEP, _CAPACITY_STEP = 0.6180339887498949, 0.5698402909980532
_PV_STEP, _CONTROLLED_LOAD_STEP = 0.4142135623730951, 0.7320508075688772


def synthetic_community(
    num_households: int = 20,
    start: TimeLike = "2012-07-01",
    days: int = 365,
    *,
    interval_minutes: int = 30,
    seed: int = 0,
    pv_share: float = 0.6,
    controlled_load_share: float = CONTROLLED_LOAD_SHARE,
    include_controlled_load: bool = False,
    homes: Sequence[int] | None = None,
) -> DataContainer:
    """Make a community of households that resembles the recorded homes around Sydney.

    Parameters
    ----------
    num_households
        How many homes, at least 1. Their names are ``"1"``, ``"2"``, ...
    start
        First day; the local clock is that of Sydney, with daylight saving.
    days
        How many days, at least 1.
    interval_minutes
        Length of an interval [min], one of 5, 6, 10, 12, 15, 20, 30, 60. The model is calibrated at 30; hours
        are sums of half hours.
    seed
        Non-negative number; the same seed gives the same data bit for bit (on the same kind of machine and
        version of NumPy). A household depends on the seed, its position and the first day only, so more
        households or more days leave the others as they are.
    pv_share
        Share of homes with PV, 0 to 1. The recorded homes all have PV: compare with ``pv_share=1``.
    controlled_load_share
        Share of homes whose hot water is heated at night on a circuit of its own, 0 to 1.
    include_controlled_load
        Whether that circuit is part of the demand. If so, the container keeps it apart too.
    homes
        Numbers of the homes to make, from 1 to ``num_households``; all by default. Each is what it is among all.

    Returns
    -------
    DataContainer
        float32, whole watt-hours as the meters report them (tenths below 30 minutes). On the two days a year
        on which the clock changes, the hour from two to three holds nothing or double, as recorded.

    Raises
    ------
    DataError
        If a number of homes or days is below 1, a share is outside 0 to 1, the interval does not divide the
        hour, the start is not a day, or a home is asked for that the community does not have.
    """
    first_day = _checked(num_households, start, days, interval_minutes, seed)
    pv_share = _checked_share("pv_share", pv_share)
    controlled_load_share = _checked_share("controlled_load_share", controlled_load_share)
    # an hour is made as two half hours, the length that the noise is calibrated for
    made_minutes = min(interval_minutes, 30)
    made = Calendar.regular(first_day, days * MINUTES_PER_DAY // made_minutes, made_minutes, TIMEZONE)

    offset_seed, weather_seed = np.random.SeedSequence(seed, spawn_key=(_STREET,)).spawn(2)
    weather = StreetWeather.draw(made, weather_seed)
    street_demand, street_sun = StreetDemand.of(made, weather), StreetSun.of(made, weather)
    size_kwh, capacity, has_pv, has_controlled_load = _draw_homes(
        num_households, np.random.default_rng(offset_seed), pv_share, controlled_load_share
    )
    meter = _Meter(made, interval_minutes)
    chosen = _checked_homes(homes, num_households)
    shape = (days * MINUTES_PER_DAY // interval_minutes, len(chosen))
    demand, pv = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    controlled_load = np.zeros(shape, np.float32) if include_controlled_load else None

    for begin in range(0, len(chosen), _BLOCK):
        # filled row by row and then turned: writing single columns of the result would be slow
        columns = slice(begin, min(begin + _BLOCK, len(chosen)))
        block = np.zeros((3, columns.stop - begin, shape[0]), np.float32)
        for row, home in enumerate(chosen[columns].tolist()):
            seeds = np.random.SeedSequence(seed, spawn_key=(home,)).spawn(3)
            block[0, row] = meter.read(household_demand(size_kwh[home], street_demand, seeds[0]))
            if has_pv[home]:
                block[1, row] = meter.read(household_pv(capacity[home], street_sun, seeds[1]))
            if include_controlled_load and has_controlled_load[home]:
                pulses = hot_water(np.random.default_rng(seeds[2]), made)
                block[2, row] = meter.read(pulses.mean_power(len(made), made_minutes))
        demand[:, columns] = meter.to_kwh(block[0] + block[2]).T
        pv[:, columns] = meter.to_kwh(block[1]).T
        if controlled_load is not None:
            controlled_load[:, columns] = meter.to_kwh(block[2]).T

    return DataContainer(
        demand=demand,
        pv=pv,
        calendar=Calendar.regular(first_day, shape[0], interval_minutes, TIMEZONE),
        customer_ids=tuple(str(home + 1) for home in chosen.tolist()),
        pv_capacity=np.where(has_pv, capacity, 0.0)[chosen],
        quality=np.zeros(shape, np.uint8),
        controlled_load=controlled_load,
        source="synthetic",
    )


def _draw_homes(
    num: int, rng: np.random.Generator, pv_share: float, controlled_load_share: float
) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    """Return consumption a day [kWh], panel capacity [kWp], who has PV, and who a controlled load, (num,).

    Evenly spread instead of independent numbers, so that twenty homes already have the mix of three hundred;
    home i does not depend on how many there are. Size and capacity are linked by a Gaussian copula.
    """
    steps = np.array([_SIZE_STEP, _CAPACITY_STEP, _PV_STEP, _CONTROLLED_LOAD_STEP])
    even = (rng.random(4) + np.arange(1, num + 1)[:, None] * steps) % 1.0
    link = CAPACITY_FOLLOWS_SIZE
    capacity_rank = normal_cumulative(
        link * normal_quantile(even[:, 0]) + np.sqrt(1.0 - link**2) * normal_quantile(even[:, 1])
    )
    return (
        np.interp(even[:, 0], SIZE_PROBABILITY, SIZE_KWH),
        np.round(np.interp(capacity_rank, CAPACITY_PROBABILITY, CAPACITY_KW), 2),
        even[:, 2] < pv_share,
        even[:, 3] < controlled_load_share,
    )


class _Meter:
    """Turns power into the counts that a meter records, with its behaviour on days of a clock change."""

    def __init__(self, made: Calendar, interval_minutes: int) -> None:
        self.counts_per_kwh = 1000.0 if interval_minutes >= 30 else 10_000.0
        self._counts_per_kw = self.counts_per_kwh * made.interval_hours
        self._join = interval_minutes // made.interval_minutes
        # The clock is changed between two and three: labels that never were, or that were twice.
        hidden = made.clock_change & (made.hour >= 2.0) & (made.hour < 3.0)
        ends_ahead = np.repeat(made.daylight_saving[made.slots_per_day - 1 :: made.slots_per_day], made.slots_per_day)
        self._skipped, self._repeated = (
            np.flatnonzero(hidden & ends_ahead),
            np.flatnonzero(hidden & ~ends_ahead),
        )

    def read(self, power: Float32Array) -> Float32Array:
        """Return the counts of each interval, whole numbers, from mean power [kW]."""
        counts = power * self._counts_per_kw
        np.rint(counts, out=counts)
        counts[self._skipped] = 0.0
        counts[self._repeated] *= 2.0
        return counts if self._join == 1 else counts.reshape(-1, self._join).sum(axis=1)

    def to_kwh(self, counts: Float32Array) -> Float32Array:
        """Return counts as energy [kWh], each the float32 nearest to its decimal number."""
        return counts / self.counts_per_kwh


def _checked(num_households: int, start: TimeLike, days: int, interval_minutes: int, seed: int) -> np.datetime64:
    """Check all but the shares, and return the first day."""
    for name, value, least in (("num_households", num_households, 1), ("days", days, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise DataError(f"{name} is {value!r}; expected a whole number of at least {least}")
    if interval_minutes not in INTERVAL_LENGTHS:
        raise DataError(
            f"interval_minutes is {interval_minutes!r}; expected one of "
            f"{', '.join(map(str, INTERVAL_LENGTHS))} (an hour must be a whole number of intervals)"
        )
    first = to_minute(start, "start")
    day = first.astype("datetime64[D]")
    if first != day:
        raise DataError(f"start {start!s} is not a day; a synthetic community begins at midnight: '{day}'")
    return first


def _checked_homes(homes: Sequence[int] | None, num_households: int) -> IntArray:
    """Places of the chosen homes, from 0."""
    if homes is None:
        return np.arange(num_households)
    for home in homes:
        if not 1 <= home <= num_households:
            raise DataError(
                f"homes: there is no home {home!r}; a community of {num_households} has 1 to {num_households}"
            )
    if not homes or len(set(homes)) < len(homes):
        raise DataError("homes: expected at least one home, and each of them once")
    return np.array(homes, dtype=np.int64) - 1


def _checked_share(name: str, share: float) -> float:
    if not 0.0 <= share <= 1.0:
        raise DataError(f"{name} is {share!r}; expected a share of the homes from 0 to 1")
    return float(share)
