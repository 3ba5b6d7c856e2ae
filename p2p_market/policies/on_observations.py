"""Policies as callables: from what an agent of the environment observes to its action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from p2p_market.checks import as_numbers, whole_number
from p2p_market.errors import ActionError, ConfigError, suggest
from p2p_market.policies.base import BidView, Memory, Outcome, Policy
from p2p_market.policies.storage_on_observations import ObservedStorage
from p2p_market.types import AnyArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.auction.rules import AuctionRules
    from p2p_market.controller import Population
    from p2p_market.policies.storage import StorageRule
    from p2p_market.scenario.scenario import AuctionScenario


class _Operator(Protocol):
    @property
    def rules(self) -> AuctionRules: ...


class _Model(Protocol):
    @property
    def scenario(self) -> AuctionScenario: ...
    @property
    def operator(self) -> _Operator: ...


class _Controller(Protocol):
    @property
    def model(self) -> _Model: ...
    @property
    def names(self) -> Sequence[str]: ...
    @property
    def population(self) -> Population: ...


class MadeOfController(Protocol):
    """An environment of this package: what tells scales, features, action map and rules."""

    @property
    def controller(self) -> _Controller:
        """What the environment is made of."""


class ObservingPolicy:
    """A policy that bids from observations; made by `p2p_market.policies.as_callable`.

    It remembers what its policy remembers, for the agents that it is called with: one agent, or always the same batch.

    Attributes
    ----------
    policy
        The policy, with its options.
    memory
        What it remembers; ``None`` before the first call of an episode.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        env: MadeOfController,
        seed: int,
        storage: tuple[str, StorageRule] | None = None,
        agent: str | None = None,
    ) -> None:
        model = env.controller.model
        self.policy = policy
        self._name = name
        self._scenario, self._rules = model.scenario, model.operator.rules
        self._names = self._scenario.observer.names
        self._seed = whole_number("the seed", seed, 0)
        self._check()
        learners = env.controller.population.learners
        households = learners if agent is None else _place_of(agent, env.controller.names, learners)
        self._storage = None if storage is None else ObservedStorage(*storage, self._scenario, households)
        self.reset()

    def reset(self, seed: int | None = None) -> None:
        """Forget everything, for a new episode; with a seed, draw anew from it, else go on drawing.

        Raises
        ------
        ConfigError
            For a seed that is not a whole number, 0 or more.
        """
        if seed is not None or not hasattr(self, "_rng"):
            self._rng = np.random.default_rng(self._seed if seed is None else whole_number("the seed", seed, 0))
        self.memory: Memory | None = None
        self._last: tuple[BidView, FloatArray, FloatArray] | None = None

    def __call__(self, observation: npt.ArrayLike, info: Mapping[str, Any] | None = None) -> Float32Array:
        """Choose the action of one agent, or of a batch.

        Parameters
        ----------
        observation
            ``(F,)`` of an agent, or ``(L, F)`` or ``(B, L, F)`` of many.
        info
            What the environment said with the observation: its ``filled``, a number or an array ``(B, L)``, is what a
            policy with a memory learns from.

        Returns
        -------
        numpy.ndarray
            ``(A,)``, ``(L, A)`` or ``(B, L, A)`` float32 in [-1, 1], for the environment's action map.

        Raises
        ------
        ActionError
            For an observation of another shape, for a policy that learns and is not told its fills, and for a bid that
            the action map cannot say.
        """
        values = as_numbers("the observation is", observation).astype(np.float64)
        if values.ndim not in (1, 2, 3) or values.shape[-1] != len(self._names):
            raise ActionError(
                f"the observation has shape {values.shape}; expected {(len(self._names),)}, the features of the "
                "environment that this callable was made for, with at most two axes before them"
            )
        lead = values.shape[:-1]
        values = values.reshape(1, 1, -1) if values.ndim == 1 else values.reshape(-1, *values.shape[-2:])
        view = self._view(values)
        request: FloatArray | None = None
        if self._storage is not None:
            request, net_load = self._storage.steer(values, view.net_load)
            view = replace(view, net_load=net_load)
        if self.memory is None:
            draws = self._rng.random((len(values), self.policy.num_start_draws, values.shape[1]))
            self.memory = self.policy.start(draws, self._scenario.num_households)
        elif self._last is not None:
            self.memory = self._learn(view, self.memory, info)
        price, quantity = self.policy.bid(view, self.memory)
        if self.policy.learns and not self._rules.is_pool:
            self._last = view, self._rules.round_price(price, quantity > 0.0), self._rules.order_size(quantity)
        return self._encode(view, price, quantity, request).reshape(*lead, -1)

    def _check(self) -> None:
        if not self._scenario.homogeneous:
            raise ConfigError(
                f"policy {self._name!r} on observations reads the same features for every agent, and "
                "scenario.homogeneous is false; set it to true"
            )
        needed = [] if "net_load" in self._names else ["demand", "pv"]
        needed += ["retail_price", "feed_in_price"]
        tariffs = self._scenario.tariffs
        self._has_band = {"band_low", "band_high"} <= set(self._names)
        if not self._has_band and len(tariffs.plan_names) > 1:
            needed += ["band_low", "band_high"]  # under one plan the band is the own tariff
        if self.policy.learns:
            needed += ["last_price", *([] if "last_volume" in self._names else ["last_traded"])]
        missing = [name for name in needed if name not in self._names]
        if self.policy.reads_book:
            raise ConfigError(
                f"policy {self._name!r} reads the published order book, which no feature of an observation shows; let "
                "it play as population.scripted or run.policy"
            )
        if self.policy.reads_plan:
            raise ConfigError(
                f"policy {self._name!r} bids by the plan of a storage rule, which no feature of an observation shows; "
                "let it play as population.scripted or run.policy, beside population.storage"
            )
        if missing:
            raise ConfigError(
                f"policy {self._name!r} on observations needs the features {', '.join(missing)}, which "
                f"scenario.observation does not have; it has: {', '.join(self._names)}"
            )
        if self._scenario.action_map.encode is None:
            raise ConfigError(
                "the action map of this environment has no way back from bids to actions (ActionMap.encode); "
                "choose 'price' or 'price_quantity'"
            )

    def _view(self, values: FloatArray) -> BidView:
        energy, price = self._scenario.scales.energy, self._scenario.scales.price

        def read(name: str) -> FloatArray:
            column: FloatArray = values[:, :, self._names.index(name)]
            return column

        retail, feed_in = read("retail_price") * price, read("feed_in_price") * price
        net_load = read("net_load") if "net_load" in self._names else read("demand") - read("pv")
        # nan, "no price", where a policy asks for what its observations do not show
        last_price = read("last_price") * price if "last_price" in self._names else np.full_like(retail, np.nan)
        if "last_volume" in self._names:
            volume = read("last_volume") * energy * self._scenario.num_households
        else:
            volume = read("last_traded") if "last_traded" in self._names else np.full_like(retail, np.nan)
        return BidView(
            net_load=net_load * energy,
            retail_price=retail,
            feed_in_price=feed_in,
            price_low=read("band_low")[:, :1] * price if self._has_band else feed_in[:, :1],
            price_high=read("band_high")[:, :1] * price if self._has_band else retail[:, :1],
            published_price=last_price[:, :1],
            published_volume=volume[:, :1],
            rules=self._rules,
            households=np.arange(values.shape[1]),
            draws=self._rng.random((len(values), self.policy.num_draws, values.shape[1])),
        )

    def _learn(self, view: BidView, memory: Memory, info: Mapping[str, Any] | None) -> Memory:
        assert self._last is not None  # noqa: S101 - asked by the caller
        before, price, quantity = self._last
        if view.net_load.shape != before.net_load.shape:
            raise ActionError(
                f"the observation is of (markets, agents) = {view.net_load.shape}, and the last one was of "
                f"{before.net_load.shape}; make one callable for each, or call reset() at the start of an episode"
            )
        if info is None or "filled" not in info:
            raise ActionError(
                f"policy {self._name!r} learns from its fills; call it with the info that came with the observation, "
                "which has 'filled'"
            )
        given: AnyArray = as_numbers("info['filled'] is", info["filled"])
        filled = np.broadcast_to(given.astype(np.float64), price.shape)
        # actions and observations are float32, so the true order may be a tick and an energy unit less than the bid:
        # what is as close as that to the last price, or to a whole fill, is equal to it
        near_price = np.abs(price - view.published_price) <= 1.5 * (self._rules.price_tick or 1e-6)
        near_fill = np.abs(filled - quantity) <= 1.5 * (self._rules.energy_unit or 1e-6)
        outcome = Outcome(
            price=np.where(near_price, view.published_price, price),
            quantity=np.where(near_fill, filled, quantity),
            filled=filled,
            published_price=view.published_price,
            published_volume=view.published_volume,
        )
        return self.policy.learn(before, outcome, memory)

    def _encode(
        self, view: BidView, price: FloatArray, quantity: FloatArray, request: FloatArray | None
    ) -> Float32Array:
        width, wants = view.price_high - view.price_low, view.net_load != 0.0
        position = np.where(width > 0.0, 2.0 * (price - view.price_low) / np.where(width > 0.0, width, 1.0) - 1.0, 0.0)
        share = np.where(wants, quantity / np.where(wants, view.net_load, 1.0), 1.0)
        action_map = self._scenario.action_map
        assert action_map.encode is not None  # noqa: S101 - checked when this was made
        said = action_map.encode(position, share)
        if request is not None:
            said[..., action_map.device_places["battery"]] = request
        actions: Float32Array = np.clip(said, -1.0, 1.0).astype(np.float32)
        if not np.allclose(action_map.decode(actions)[1], share, atol=1e-6):
            raise ActionError(
                f"policy {self._name!r} offers a part of the net load only, which this action map cannot say; use "
                "scenario.action=price_quantity"
            )
        return actions


def _place_of(agent: str, names: Sequence[str], learners: IntArray) -> IntArray:
    agents = [names[slot] for slot in learners.tolist()]
    if agent not in agents:
        raise ConfigError(f"agent is {agent!r}{suggest(agent, agents)}; expected one of: {', '.join(agents)}")
    return learners[[agents.index(agent)]]
