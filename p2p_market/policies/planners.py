"""Rules that plan all devices ahead by linear programming: for street or household, by foresight or forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.bounds.dispatch_program import kinds_left_out
from p2p_market.bounds.episode import Episode
from p2p_market.bounds.street_plan import StreetPlan, plan_street
from p2p_market.devices.fleet import Requests
from p2p_market.devices.linear import LinearDevice, Plannable
from p2p_market.errors import ConfigError, require_extra
from p2p_market.scenario.outlook import ForecastOutlook, of_market, read_ahead
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
    """A plan, when it begins, and the net load ``(T, N)`` [kWh] and the devices that it was made for."""

    first: int
    expected: FloatArray
    devices: Mapping[str, LinearDevice]
    plan: StreetPlan

    def holds(self, elapsed: int, coming: FloatArray, devices: Mapping[str, LinearDevice]) -> bool:
        """Whether nothing else is expected now than when the plan was made: no other loads, and the same end."""
        place = elapsed - self.first
        rest = self.expected[place:]
        return (
            rest.shape == coming.shape
            and bool(np.allclose(rest, coming, rtol=0.0, atol=_SAME))
            and all(device.goes_on_as(self.devices[kind], place) for kind, device in devices.items())
        )


class Planning:
    """Plans for the devices of a street and keeps them, by market; the controller's, as all that changes is.

    Parameters
    ----------
    name, planner
        The storage rule.
    scenario
        The world: tariffs, meters, forecasts, network, devices.
    steered_by_choice
        By kind of device the households ``(N,)`` that steer theirs themselves; those devices it takes to follow their
        default schedule.
    network_fee
        [$/kWh] on energy that neighbours trade.

    Raises
    ------
    ConfigError
        Without forecasts where they are needed, or on a street with devices that no program knows.
    MissingExtraError
        Without scipy.
    """

    def __init__(
        self,
        name: str,
        planner: Planner,
        scenario: AuctionScenario,
        steered_by_choice: Mapping[str, BoolArray],
        network_fee: float,
    ) -> None:
        others = kinds_left_out(scenario.fleet.devices)
        if others:
            raise ConfigError(
                f"population.storage: {name!r} plans for all devices of a street, and those of the kind "
                f"{', '.join(others)} do not describe themselves to a linear program (p2p_market.devices.Plannable); "
                "leave those out, or choose a rule that does not plan"
            )
        if not planner.has_foresight and scenario.forecast is None:
            raise ConfigError(
                f"population.storage: {name!r} plans over forecasts, and there are none; set scenario.forecast, e.g. "
                "to {kind: persistence, horizon: 48}"
            )
        if find_spec("scipy") is None:
            raise require_extra("scipy", "bounds", f"the storage rule {name!r}")
        self._planner, self._scenario, self._network_fee = planner, scenario, network_fee
        self._devices: dict[str, Plannable] = {}
        self._steered: dict[str, BoolArray] = {}
        for kind, device in scenario.fleet.devices.items():
            assert isinstance(device, Plannable)  # noqa: S101 - checked above
            self._devices[kind] = device
            self._steered[kind] = device.owners & ~steered_by_choice[kind]
        self._has_some = any(steered.any() for steered in self._steered.values())
        self._plans: list[_Kept | None] = []

    def reset(self, num_markets: int, mask: BoolArray | None = None) -> None:
        """Forget the plans of the markets ``mask`` (B,), or of all."""
        if mask is None or len(self._plans) != num_markets:
            self._plans = [None] * num_markets
            return
        for market in np.flatnonzero(mask).tolist():
            self._plans[market] = None

    def steer(self, state: MarketState, remaining: IntArray) -> tuple[Requests, FloatArray]:
        """Say what devices should do in the coming interval, and what energy is worth to them.

        Parameters
        ----------
        state
            Before the interval, devices not moved yet.
        remaining
            ``(B,)`` intervals that are left of the episodes, the coming one included.

        Returns
        -------
        tuple
            Requests ``(B, N)`` by kind of device, nan where it is not steered. Worth ``(B, N)`` [$/kWh] of a kWh at the
            meter to a household whose devices take or give it; nan elsewhere.
        """
        worth = np.full_like(state.net_load, np.nan)
        if not self._has_some:
            return {}, worth
        energy = {kind: np.full_like(state.net_load, np.nan) for kind in self._devices}
        stored = {kind: device.stored(state.devices[kind]) for kind, device in self._devices.items()}
        forecast = None
        if not self._planner.has_foresight:
            forecast = ForecastOutlook(self._scenario, state, int(remaining.max()))
        for market in range(len(worth)):
            kept = self._kept_or_new(state, market, int(remaining[market]), forecast)
            place, moves = int(state.elapsed[market]) - kept.first, {}
            for kind, plan in kept.plan.devices.items():
                steered, planned = plan.device, plan.energy[place]
                if steered.store is None:
                    asked = steered.to_ask(planned)
                else:
                    now = stored[kind][market, steered.owners]
                    asked = steered.energy_towards(place, now, plan.stored[place])
                energy[kind][market, steered.owners] = asked
                moves[kind] = planned, steered.worth(planned, plan.value[place])
            worth[market] = _joint_worth(kept.plan, moves, worth.shape[1])
        interval = self._scenario.describe_interval(self._scenario.meter(state))
        requests = {}
        for kind, device in self._devices.items():
            asked = np.nan_to_num(energy[kind])
            requests[kind] = np.where(np.isnan(energy[kind]), np.nan, device.request(asked, interval))
        return requests, worth

    def _kept_or_new(self, state: MarketState, market: int, remaining: int, forecast: ForecastOutlook | None) -> _Kept:
        elapsed, kept = int(state.elapsed[market]), self._plans[market]
        if forecast is None:
            if kept is not None:
                return kept
            row, draws = int(state.row[market]), of_market(state.device_draws, market)
            coming, outlook = read_ahead(
                self._scenario, row, state.profile[market], remaining, elapsed=elapsed, draws=draws
            )
        else:
            coming, outlook = forecast.of(market, remaining)
        devices = self._scenario.fleet.describe(of_market(state.devices, market), outlook)
        for kind, device in devices.items():
            coming = coming + device.unsteered_load(self._steered[kind])
        devices = {kind: device.of(self._steered[kind]) for kind, device in devices.items()}
        if kept is None or not kept.holds(elapsed, coming, devices):
            rows = state.row[market] + np.arange(len(coming))
            kept = _Kept(elapsed, coming, devices, self._plan(coming, rows, devices))
            self._plans[market] = kept
        return kept

    def _plan(self, net_load: FloatArray, rows: IntArray, devices: Mapping[str, LinearDevice]) -> StreetPlan:
        retail_price, feed_in_price, _, _ = self._scenario.read_tariffs(rows)
        episode = Episode(
            net_load=net_load,
            retail_price=retail_price,
            feed_in_price=feed_in_price,
            batteries=None,
            off_peak_price=self._scenario.fleet.off_peak_price,
            network_fee=self._network_fee,
            network=self._scenario.network,
            others=devices,
        )
        return plan_street(episode, trade=self._planner.together)


def _joint_worth(
    plan: StreetPlan, moves: Mapping[str, tuple[FloatArray, FloatArray]], num_households: int
) -> FloatArray:
    """``(N,)`` [$/kWh] to households of the kWh that they would do without first, with all their devices.

    Who takes energy on the whole gives up what is worth least to a device that takes some; who gives, what a device
    that gives would rather keep.
    """
    total, least, most = np.zeros(num_households), np.full(num_households, np.inf), np.full(num_households, -np.inf)
    for kind, (energy, worth) in moves.items():
        owners = plan.devices[kind].device.owners
        total[owners] += energy
        known = ~np.isnan(worth)
        least[owners] = np.where(known & (energy > 0.0), np.fmin(least[owners], worth), least[owners])
        most[owners] = np.where(known & (energy < 0.0), np.fmax(most[owners], worth), most[owners])
    worth = np.where(total > 0.0, least, np.where(total < 0.0, most, np.nan))
    return np.where(np.isfinite(worth), worth, np.nan)


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
