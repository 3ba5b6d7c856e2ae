"""Households that follow learned policies: what these see of a street, and what they choose there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.auction.operator import LearnedBids
from p2p_market.devices.fleet import Requests
from p2p_market.errors import ConfigError, P2PMarketError
from p2p_market.learned import LearnedPolicy
from p2p_market.scenario.actions import ActionMap, action_map_of
from p2p_market.scenario.features import ObservationScales
from p2p_market.scenario.observations import Observer
from p2p_market.types import Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState
    from p2p_market.scenario.scenario import AuctionScenario


@dataclass(frozen=True, eq=False)
class Choices:
    """What the followers of learned policies choose in an interval."""

    bids: LearnedBids
    requests: Requests  # (B, N) by kind of device, nan where they choose nothing


class LearnedPlayers:
    """The followers of learned policies on one street; a policy sees its own features, whatever the learners see.

    Parameters
    ----------
    groups
        A policy and the ``(L,)`` slots that follow it.
    scenario
        The world: what there is to see and to steer.
    names
        ``(N,)`` names of the slots.
    rounds
        Bidding rounds of an interval.

    Raises
    ------
    ConfigError
        For a policy with features, actions or networks that do not fit the street, and which.
    """

    def __init__(
        self,
        groups: Sequence[tuple[LearnedPolicy, IntArray]],
        scenario: AuctionScenario,
        names: Sequence[str],
        rounds: int,
    ) -> None:
        self._players = [_Player(policy, slots, scenario, names, rounds) for policy, slots in groups]

    def choose(self, state: MarketState) -> Choices | None:
        """Ask all policies, devices not moved yet; ``None`` where nobody follows one."""
        if not self._players:
            return None
        seen: dict[tuple[tuple[str, ...], float], Float32Array] = {}
        bids: list[LearnedBids] = []
        requests: dict[str, FloatArray] = {}
        for player in self._players:
            layout = player.policy.features, player.scales.energy
            if layout not in seen:
                seen[layout] = player.observe(state)
            bid, asked = player.choose(seen[layout])
            bids.append(bid)
            for kind, values in asked.items():
                requests.setdefault(kind, np.full(state.net_load.shape, np.nan))[:, player.slots] = values
        return Choices(LearnedBids.together(bids), requests)


class _Player:
    """One policy among the households of a street."""

    def __init__(
        self, policy: LearnedPolicy, slots: IntArray, scenario: AuctionScenario, names: Sequence[str], rounds: int
    ) -> None:
        self.slots = slots
        self.policy = policy.played_by(
            [names[slot] for slot in slots.tolist()], [scenario.street.roles[slot] for slot in slots.tolist()]
        )
        self.scales: ObservationScales = replace(
            scenario.scales, energy=policy.reference_power_kw * scenario.interval_hours
        )
        self._observer = _observer_of(policy, scenario)
        self._action_map = _action_map_of(policy, scenario, rounds)

    def observe(self, state: MarketState) -> Float32Array:
        """``(B, N, F)`` what households see, as the policy was trained to see it."""
        out = np.empty((*state.net_load.shape, len(self._observer.names)), dtype=np.float32)
        self._observer.observe(state, self.scales, out)
        return out

    def choose(self, observations: Float32Array) -> tuple[LearnedBids, Requests]:
        """Bids of the followers, and requests ``(B, L)`` by kind."""
        chosen, action_map = self.policy(observations[:, self.slots]), self._action_map
        if action_map.levels is not None:
            chosen = action_map.from_choices(chosen.reshape(*chosen.shape[:2], -1))
        inside = chosen.clip(-1.0, 1.0)
        closing = None if action_map.decode_closing is None else action_map.decode_closing(inside)
        return LearnedBids(*action_map.decode(inside), self.slots, closing), action_map.decode_devices(inside)


def _make_observer(features: Sequence[str], scenario: AuctionScenario) -> Observer:
    horizon = 0 if scenario.forecast is None else scenario.forecast.horizon
    return Observer(features, scenario.fleet.devices, horizon, has_network=scenario.network is not None)


def _observer_of(policy: LearnedPolicy, scenario: AuctionScenario) -> Observer:
    missing: dict[str, str] = {}
    for feature in policy.features:
        try:
            _make_observer([feature], scenario)
        except P2PMarketError as error:
            missing[feature] = str(error)
    if missing:
        raise ConfigError(
            f"the learned policy {policy.__name__!r} sees features that this street does not have: "
            f"{', '.join(missing)}; {next(iter(missing.values()))}"
        )
    return _make_observer(policy.features, scenario)


def _action_map_of(policy: LearnedPolicy, scenario: AuctionScenario, rounds: int) -> ActionMap:
    whose = f"the learned policy {policy.__name__!r}"
    found = action_map_of(policy.components, policy.levels, policy.max_quote_ratio)
    if found is None:
        raise ConfigError(f"{whose} has actions of {', '.join(policy.components)}, and no action map has these")
    name, action_map = found
    for kind in action_map.devices:
        if kind not in scenario.fleet.devices:
            component = policy.components[action_map.device_places[kind]]
            raise ConfigError(
                f"{whose} chooses {component!r}, and nobody on this street has a device of kind {kind!r}; give the "
                f"street some (devices.{kind}), or choose another policy"
            )
    if action_map.decode_closing is not None and rounds == 1:
        raise ConfigError(
            f"{whose} was trained with scenario.action {name!r}, which moves from a first to a last bidding round, and "
            "market.rounds is 1; set it to 2 or more"
        )
    if policy.max_quote_ratio > scenario.max_quote_ratio:
        raise ConfigError(
            f"{whose} was trained to offer up to {policy.max_quote_ratio:g} times what there is to trade, and "
            f"market.max_quote_ratio is {scenario.max_quote_ratio:g}; raise it, or choose another policy"
        )
    return action_map
