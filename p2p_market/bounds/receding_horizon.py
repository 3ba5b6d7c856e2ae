"""Model predictive control: plan over a forecast, do the first interval, and plan again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from p2p_market.bounds.dispatch import step_towards
from p2p_market.bounds.episode import Episode
from p2p_market.bounds.schedule import Schedule, price_energy
from p2p_market.bounds.street_plan import plan_street
from p2p_market.checks import whole_number
from p2p_market.errors import DataError
from p2p_market.types import FloatArray


class Forecast(NamedTuple):
    """What is expected of the coming intervals, the next one first; ``(H, N)`` each."""

    net_load: FloatArray  # [kWh] without devices
    retail_price: FloatArray  # [$/kWh]
    feed_in_price: FloatArray  # [$/kWh]


ForecastRule: TypeAlias = Callable[[int], Forecast]
"""From the number of the coming interval to what is then expected of it and those that follow."""


def perfect_forecast(episode: Episode, horizon: int) -> ForecastRule:
    """Make the forecast that knows ``horizon`` intervals, or as many as are left.

    Raises
    ------
    ConfigError
        If the horizon is not a whole number, 1 or more.
    """
    horizon = whole_number("horizon", horizon, 1)

    def look(interval: int) -> Forecast:
        ahead = slice(interval, interval + horizon)
        return Forecast(episode.net_load[ahead], episode.retail_price[ahead], episode.feed_in_price[ahead])

    return look


def receding_horizon(episode: Episode, forecast: ForecastRule, *, trade: bool = True) -> Schedule:
    """Carry an episode out with devices that follow the best plan over what is forecast, made anew every interval.

    A plan ends with the episode, or where its forecast ends; there too what is missing against the initial charge costs
    the off-peak price and excess gets nothing, so a short horizon keeps batteries near their initial charge, and other
    devices owe what they would at the end of the episode. What these will need is known as far as the forecast reaches.
    With a perfect forecast to the end of the episode it follows `optimal_dispatch`, up to the energy grid.

    Parameters
    ----------
    episode
        What really happens.
    forecast
        What is expected before each interval; what it says beyond the end of the episode is not used.
    trade
        Plan for the street, or with ``False`` for each household alone (and without trade).

    Returns
    -------
    Schedule
        What was done and what it cost; without an ``objective``.

    Raises
    ------
    DataError
        If a forecast is empty, or not one of such households.
    MissingExtraError, SolverError
        As `optimal_dispatch`.
    """
    num_intervals, num_households = episode.shape
    energy, stored = np.empty(episode.shape), np.empty((num_intervals + 1, num_households))
    stored[0] = episode.stored_at_start
    others = {kind: np.empty(device.most_taken.shape) for kind, device in episode.others.items()}
    levels = {kind: device.start for kind, device in episode.others.items()}
    for interval in range(num_intervals):
        expected = [np.asarray(values)[: num_intervals - interval] for values in forecast(interval)]
        if any(values.shape != (len(expected[0]), num_households) or not len(values) for values in expected):
            shapes = ", ".join(str(values.shape) for values in expected)
            raise DataError(
                f"the forecast before interval {interval} has the shapes {shapes}; expected (H, {num_households}) "
                "each: net load, retail and feed-in price of at least one interval"
            )
        outlook = replace(
            episode,
            net_load=expected[0],
            retail_price=expected[1],
            feed_in_price=expected[2],
            start=np.clip(stored[interval], 0.0, episode.storage.capacity),  # of rounding errors
            others={
                kind: device.rest(interval, len(expected[0]), levels[kind]) for kind, device in episode.others.items()
            },
        )
        plan = plan_street(outlook, trade=trade).devices
        target = stored[interval].copy()
        if "battery" in plan and "battery" not in episode.others:
            target[plan["battery"].device.owners] = plan["battery"].stored[0]
        energy[interval], stored[interval + 1] = step_towards(episode.storage, stored[interval], target)
        for kind, device in episode.others.items():
            planned = plan[kind].energy[0] if kind in plan else np.zeros(device.owners.size)
            level = plan[kind].stored[0] if kind in plan else np.zeros(device.owners.size)
            others[kind][interval], levels[kind] = device.step_towards(interval, levels[kind], level, planned)
    charge, discharge = np.maximum(energy, 0.0), np.maximum(-energy, 0.0)
    taken = {
        kind: device.spread(device.fixed + others[kind], num_households) for kind, device in episode.others.items()
    }
    return price_energy(episode, charge, discharge, stored, taken, trade=trade, status="carried out")
