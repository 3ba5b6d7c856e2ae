"""Storage rules that plan ahead by linear programming: for the street or each household, by foresight or forecast."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.bounds.dispatch import energy_towards
from p2p_market.bounds.dispatch_program import kinds_left_out
from p2p_market.bounds.episode import Episode
from p2p_market.bounds.storage_plan import StoragePlan, plan_storage
from p2p_market.devices.battery import Batteries
from p2p_market.errors import ConfigError, require_extra
from p2p_market.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState
    from p2p_market.scenario.scenario import AuctionScenario


_SAME = 1e-9  # [kWh] sums of readings differ by so much


@dataclass(frozen=True)
class Planner:
    """A storage rule that solves a linear program, as `p2p_market.bounds` does (extra: ``bounds``).

    Parameters
    ----------
    together
        Plan for the street as one, trade between neighbours included; otherwise for each household alone against its
        own tariff.
    has_foresight
        Plan the whole episode once, knowing what will be metered; otherwise plan over the forecasts of
        ``scenario.forecast``, do the first interval, and plan anew, unless all is as it was expected to the end.
    summary
        One line for lists and docs.
    """

    together: bool
    has_foresight: bool
    summary: str


@dataclass(frozen=True, eq=False)
class _Kept:
    """A plan, when it begins, and the net load ``(T, N)`` [kWh] that it was made for."""

    first: int
    expected: FloatArray
    plan: StoragePlan

    def holds(self, elapsed: int, coming: FloatArray | None) -> bool:
        """Whether nothing else is expected now than when the plan was made: no other loads, and the same end."""
        if coming is None:
            return True
        rest = self.expected[elapsed - self.first :]
        return rest.shape == coming.shape and bool(np.allclose(rest, coming, rtol=0.0, atol=_SAME))


class Planning:
    """Plans for the batteries of a street and keeps them, by market; the controller's, as all that changes is.

    Parameters
    ----------
    name, planner
        The storage rule.
    scenario
        The world: tariffs, meters, forecasts, network.
    steered
        ``(N,)`` households whose batteries it plans for; those of others it takes to be idle.
    network_fee
        [$/kWh] on energy that neighbours trade.

    Raises
    ------
    ConfigError
        Without forecasts where they are needed, or on a street with devices that the program leaves out.
    MissingExtraError
        Without scipy.
    """

    def __init__(
        self, name: str, planner: Planner, scenario: AuctionScenario, steered: BoolArray, network_fee: float
    ) -> None:
        others = kinds_left_out(scenario.fleet.devices, has_network=scenario.network is not None)
        if others:
            raise ConfigError(
                f"population.storage: {name!r} plans for streets with batteries, and PV curtailment where there is no "
                f"network, and this one has {', '.join(others)}; leave those out, or choose a rule that does not plan"
            )
        if not planner.has_foresight and scenario.forecast is None:
            raise ConfigError(
                f"population.storage: {name!r} plans over forecasts, and there are none; set scenario.forecast, e.g. "
                "to {kind: persistence, horizon: 48}"
            )
        if find_spec("scipy") is None:
            raise require_extra("scipy", "bounds", f"the storage rule {name!r}")
        self._planner, self._scenario, self._network_fee = planner, scenario, network_fee
        batteries = scenario.fleet.devices.get("battery")
        self._batteries: Batteries | None = None
        if isinstance(batteries, Batteries) and (batteries.owners & steered).any():
            self._batteries = replace(batteries, capacity=np.where(steered, batteries.capacity, 0.0))
        self._plans: list[_Kept | None] = []

    def reset(self, num_markets: int, mask: BoolArray | None = None) -> None:
        """Forget the plans of the markets ``mask`` (B,), or of all."""
        if mask is None or len(self._plans) != num_markets:
            self._plans = [None] * num_markets
            return
        for market in np.flatnonzero(mask).tolist():
            self._plans[market] = None

    def steer(self, state: MarketState, remaining: IntArray) -> tuple[FloatArray, FloatArray]:
        """Say what batteries should do in the coming interval, and what energy is worth to them.

        Parameters
        ----------
        state
            Before the interval, devices not moved yet.
        remaining
            ``(B,)`` intervals that are left of the episodes, the coming one included.

        Returns
        -------
        tuple
            Energy ``(B, N)`` [kWh] to take, < 0 give. Worth ``(B, N)`` [$/kWh] of a kWh at the meter to a household
            whose battery takes or gives it; nan elsewhere.
        """
        energy, worth = np.zeros_like(state.net_load), np.full_like(state.net_load, np.nan)
        if self._batteries is None:
            return energy, worth
        stored = state.devices["battery"]["stored"]
        expected = None if self._planner.has_foresight else self._forecast(state, int(remaining.max()))
        for market in range(len(energy)):
            elapsed, kept = int(state.elapsed[market]), self._plans[market]
            coming = None if expected is None else expected[: int(remaining[market]), market]
            if kept is None or not kept.holds(elapsed, coming):
                if coming is None:
                    coming = self._read_ahead(state, market, int(remaining[market]))
                rows = state.row[market] + np.arange(len(coming))
                kept = _Kept(elapsed, coming, self._plan(coming, rows, stored[market]))
                self._plans[market] = kept
            place = elapsed - kept.first
            energy[market] = energy_towards(self._batteries, stored[market], kept.plan.stored[place + 1])
            worth[market] = self._worth(kept.plan.energy(self._batteries)[place], kept.plan.value[place])
        return energy, worth

    def _plan(self, net_load: FloatArray, rows: IntArray, stored: FloatArray) -> StoragePlan:
        assert self._batteries is not None  # noqa: S101 - asked of streets with batteries alone
        retail_price, feed_in_price, _, _ = self._scenario.read_tariffs(rows)
        episode = Episode(
            net_load=net_load,
            retail_price=retail_price,
            feed_in_price=feed_in_price,
            batteries=self._batteries,
            off_peak_price=self._scenario.fleet.off_peak_price,
            network_fee=self._network_fee,
            network=self._scenario.network,
            start=np.clip(stored, 0.0, self._batteries.capacity),  # of rounding errors
        )
        return plan_storage(episode, trade=self._planner.together)

    def _read_ahead(self, state: MarketState, market: int, num_intervals: int) -> FloatArray:
        """Net load ``(T, N)`` [kWh] that will be metered in a market."""
        rows = state.row[market] + np.arange(num_intervals)
        profile = np.broadcast_to(state.profile[market], (num_intervals, state.profile.shape[1]))
        return self._scenario.read_meters(rows, profile)[2]

    def _forecast(self, state: MarketState, longest: int) -> FloatArray:
        """Net load ``(H + 1, B, N)`` [kWh], or of so many intervals as are left: the own reading, then forecasts."""
        forecast, forecaster = self._scenario.forecast, self._scenario.scales.forecaster
        assert forecast is not None and forecaster is not None  # noqa: S101, PT018 - checked when this was made
        ahead = range(1, min(forecast.horizon + 1, longest))
        return np.stack(
            [state.net_load, *(forecaster.energy(state, 0, k) - forecaster.energy(state, 1, k) for k in ahead)]
        )

    def _worth(self, energy: FloatArray, value: FloatArray) -> FloatArray:
        """``(N,)`` [$/kWh] at the meter, from the value of a stored kWh: losses and wear taken off, or put on."""
        assert self._batteries is not None  # noqa: S101 - asked of streets with batteries alone
        wear = self._batteries.wear_cost
        to_take = value * self._batteries.charge_efficiency - wear
        to_give = value / self._batteries.discharge_efficiency + wear
        return np.where(energy > 0.0, to_take, np.where(energy < 0.0, to_give, np.nan))


PLANNERS = {
    "optimal": Planner(
        together=True,
        has_foresight=True,
        summary="the street's best plan for the whole episode, with perfect foresight",
    ),
    "mpc": Planner(
        together=True,
        has_foresight=False,
        summary="the street's best plan over the forecasts of scenario.forecast, made anew in every interval",
    ),
    "selfish_optimal": Planner(
        together=False,
        has_foresight=True,
        summary="each household's best plan against its own tariff, with perfect foresight",
    ),
    "selfish_mpc": Planner(
        together=False,
        has_foresight=False,
        summary="the same over the forecasts of scenario.forecast, made anew in every interval",
    ),
}
