"""What plans for devices are made of: the coming intervals of one market, as they will be or as they are forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.devices.base import DeviceDraw
from p2p_market.devices.linear import DeviceOutlook
from p2p_market.types import AnyArray, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState
    from p2p_market.scenario.scenario import AuctionScenario


def of_market(arrays: Mapping[str, Mapping[str, AnyArray]], market: int) -> dict[str, dict[str, AnyArray]]:
    """One market's part ``(1, ...)`` of states or draws of devices, by kind."""
    return {
        kind: {name: values[market : market + 1] for name, values in named.items()} for kind, named in arrays.items()
    }


def read_ahead(
    scenario: AuctionScenario,
    row: int,
    profile: IntArray,
    num_intervals: int,
    *,
    elapsed: int = 0,
    draws: Mapping[str, DeviceDraw],
) -> tuple[FloatArray, DeviceOutlook]:
    """Read what will be metered, recorded and drawn.

    Parameters
    ----------
    scenario
        The world.
    row
        Row of the data that the coming interval is.
    profile
        ``(N,)`` household of the data behind each slot.
    num_intervals
        ``T``.
    elapsed
        Intervals of the episode before.
    draws
        What chance decided about the devices of this market, ``(1, ...)`` by kind.

    Returns
    -------
    tuple
        Net load ``(T, N)`` [kWh] without devices, and the rest of what plans for devices need.
    """
    rows = row + np.arange(num_intervals + scenario.calendar.slots_per_day)
    profiles = np.broadcast_to(profile, (rows.size, profile.size))
    _, pv, net_load = scenario.read_meters(rows[:num_intervals], profiles[:num_intervals])
    recorded = scenario.read_controlled_load(rows, profiles) if scenario.has_controlled_load else None
    return net_load, _outlook(scenario, rows[:num_intervals], elapsed, pv, recorded, draws)


class ForecastOutlook:
    """What is forecast of all markets, read once for all of them.

    The coming interval is known; what follows is forecast by ``scenario.forecast``, the recorded schedule of controlled
    loads too. The next trips of vehicles are known to a perfect forecast alone; what is due of a trip behind, and until
    when, to any.

    Parameters
    ----------
    scenario
        The world.
    state
        Before the interval, devices not moved yet.
    longest
        Intervals that are left of the longest episode, the coming one included.
    """

    def __init__(self, scenario: AuctionScenario, state: MarketState, longest: int) -> None:
        forecast, forecaster = scenario.forecast, scenario.scales.forecaster
        assert forecast is not None and forecaster is not None  # noqa: S101, PT018 - asked where there is one
        self._scenario, self._state = scenario, state
        self._knows_trips = forecast.kind == "perfect"
        ahead = range(1, min(forecast.horizon + 1, longest))
        demand = np.stack([state.demand, *(forecaster.energy(state, 0, k) for k in ahead)])
        pv = np.stack([state.pv, *(forecaster.energy(state, 1, k) for k in ahead)])
        self._pv, self._net_load = pv, demand - pv
        self._net_load[0] = state.net_load
        self._recorded: FloatArray | None = None
        if scenario.has_controlled_load:
            read = scenario.read_controlled_load
            more = len(pv) + scenario.calendar.slots_per_day
            self._recorded = np.stack([forecaster.controlled_load(read, state, k) for k in range(more)])

    def of(self, market: int, remaining: int) -> tuple[FloatArray, DeviceOutlook]:
        """Net load ``(T, N)`` [kWh] and the rest for one market of which ``remaining`` intervals are left."""
        state, num_intervals = self._state, min(len(self._net_load), remaining)
        rows = state.row[market] + np.arange(num_intervals)
        recorded = None if self._recorded is None else self._recorded[:, market]
        draws = of_market(state.device_draws, market) if self._knows_trips else {}
        pv = self._pv[:num_intervals, market]
        outlook = _outlook(self._scenario, rows, int(state.elapsed[market]), pv, recorded, draws)
        return self._net_load[:num_intervals, market], outlook


def _outlook(
    scenario: AuctionScenario,
    rows: IntArray,
    elapsed: int,
    pv: FloatArray,
    recorded: FloatArray | None,
    draws: Mapping[str, DeviceDraw],
) -> DeviceOutlook:
    slot = scenario.calendar.slot.take(rows, mode="clip")
    return DeviceOutlook(slot, elapsed, pv, scenario.fleet.off_peak_price, recorded, draws)
