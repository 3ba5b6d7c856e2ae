"""The controller: the order of one step, the clock and the seeds, and the only thing that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.auction.operator import LearnedBids
from p2p_market.checks import as_numbers, whole_number
from p2p_market.devices.battery import Batteries
from p2p_market.devices.fleet import Requests
from p2p_market.errors import ActionError, EpisodeError
from p2p_market.learned import LearnedPolicy
from p2p_market.learned_players import LearnedPlayers
from p2p_market.model import AuctionModel, MarketState, Transition
from p2p_market.participant import Participant
from p2p_market.policies import Followers, Policy
from p2p_market.policies.planners import Planning
from p2p_market.policies.storage import StateStorageView, StorageRule, idle
from p2p_market.randomness import MarketStreams, UniformBlocks
from p2p_market.rewards import Reward
from p2p_market.types import AnyArray, BoolArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from gymnasium import spaces

    from p2p_market.view.view import AuctionView


@dataclass(frozen=True, eq=False)
class Population:
    """Who learns and who follows a script, by slot; together they cover the street once."""

    learners: IntArray  # (L,) slots of the learners, ascending
    scripted: tuple[tuple[Policy, IntArray], ...] = ()  # a policy and the slots that follow it
    learned: tuple[tuple[LearnedPolicy, IntArray], ...] = ()  # the same, of policies that have been learned


@dataclass(frozen=True, eq=False)
class StepResult:
    """What one step gives the learners ``(L,)`` of every market."""

    rewards: FloatArray  # (B, L)
    reward_parts: Mapping[str, FloatArray]  # (B, L) [$]
    truncated: BoolArray  # (B,) the horizon is reached
    transition: Transition
    further_infos: Mapping[
        str, FloatArray
    ]  # (B, L) of devices, imbalance and network, see `AuctionController.info_names`


class AuctionController:
    """Runs the markets of a batch step by step, on arrays.

    Parameters
    ----------
    model
        The state transition.
    reward
        What households are paid for.
    names
        ``(N,)`` names of the slots.
    population
        Who learns and who is scripted.
    horizon
        Intervals an episode.
    num_markets
        Size of the batch ``B``.
    view
        What `run_render` draws with.
    storage_rule
        What batteries do that no learner steers: a rule, or one that plans, for all kinds of devices.
    """

    def __init__(
        self,
        model: AuctionModel,
        reward: Reward,
        *,
        names: Sequence[str],
        population: Population,
        horizon: int,
        num_markets: int = 1,
        view: AuctionView | None = None,
        storage_rule: StorageRule | Planning = idle,
    ) -> None:
        num_markets = whole_number("the number of markets", num_markets, 1)
        self.model = model
        self.reward = reward
        self.view = view
        self.names = tuple(names)
        self.population = population
        self.storage_rule = storage_rule
        self.num_markets = num_markets
        self._horizon = horizon
        self._episode_length = np.full(num_markets, horizon, dtype=np.int64)
        self.operator = model.operator
        self.operator.participants = tuple(
            Participant(name, index, role, self)
            for index, (name, role) in enumerate(zip(self.names, model.scenario.street.roles, strict=True))
        )
        num_households = model.scenario.num_households
        self.num_learners = len(population.learners)
        self._learner_index = None if self.num_learners == num_households else population.learners
        self._streams = MarketStreams(None, num_markets)
        self._lots: UniformBlocks | None = None
        self.followers = Followers(population.scripted, model.operator.rules, num_markets, num_households)
        self.players = LearnedPlayers(population.learned, model.scenario, self.names, model.operator.rules.rounds)
        self._state: MarketState | None = None
        self.transition: Transition | None = None
        self._ends: BoolArray = np.zeros(num_markets, dtype=bool)

    def get_size(self) -> tuple[int, int]:
        """Number of markets and of households a market."""
        return self.num_markets, self.model.scenario.num_households

    def get_observation_space(self) -> spaces.Box:
        """Space of one household's observation."""
        return self.model.scenario.get_observation_space()

    def get_action_space(self) -> spaces.Space[Any]:
        """Space of one household's action."""
        return self.model.scenario.get_action_space()

    @property
    def horizon(self) -> int:
        """Intervals an episode; a new value holds for episodes that start from then on.

        Raises
        ------
        ConfigError, DataError
            When set to something that is not a whole number, 1 or more, or does not fit the data.
        """
        return self._horizon

    @horizon.setter
    def horizon(self, intervals: int) -> None:
        length = whole_number("the length of an episode (max_cycles)", intervals, 1)
        self.model.scenario.window.starts(length)
        self._horizon = length

    @property
    def state(self) -> MarketState:
        """Present state.

        Raises
        ------
        EpisodeError
            Before the first reset.
        """
        if self._state is None:
            raise EpisodeError("the environment has not been reset yet; call reset() first")
        return self._state

    @property
    def has_started(self) -> bool:
        """Whether there has been a reset."""
        return self._state is not None

    def get_state(self) -> Float32Array:
        """Global state ``(B, S)`` for centralised critics."""
        return self.model.get_state(self.state)

    def reset(self, seed: int | None = None, mask: BoolArray | None = None) -> None:
        """Start new episodes.

        Parameters
        ----------
        seed
            Reseeds all markets; market *b*'s episodes depend on the seed and *b* alone. ``None`` goes on with the
            generators as they stand (at first: seeded from the operating system).
        mask
            ``(B,)`` markets to start anew; ``None`` all. Others play on. Not together with ``seed``.

        Raises
        ------
        ConfigError
            For a seed that is not a whole number, 0 or more.
        EpisodeError
            For a seed together with a partial mask.
        """
        if seed is not None:
            seed = whole_number("the seed", seed, 0)
            if mask is not None and not mask.all():
                raise EpisodeError(
                    "reset(seed=..., mask=...): a seed reseeds all markets; reset them all, or leave it out"
                )
            self._streams = MarketStreams(seed, self.num_markets)
            self._lots = None
        scenario, generators = self.model.scenario, self._streams["episode"]
        of_devices = self._streams["devices"] if scenario.fleet else ()
        if mask is None or self._state is None:
            draw = scenario.draw_episode(generators, self.horizon, of_devices)
            self._state = self.model.reset(draw)
            self.transition = None
            self._episode_length[:] = self._horizon
            self.followers.reset(self._streams, reseeded=seed is not None)
            self._forget_plans(None)
        elif mask.any():
            chosen, devices_of_chosen = (
                [of_all[market] for market in np.flatnonzero(mask).tolist() if of_all]
                for of_all in (generators, of_devices)
            )
            draw = scenario.draw_episode(chosen, self.horizon, devices_of_chosen)
            self._state = self.model.reset(draw, mask, self._state)
            self._episode_length[mask] = self._horizon
            self.followers.reset(self._streams, mask, reseeded=seed is not None)
            self._forget_plans(mask)

    def _forget_plans(self, mask: BoolArray | None) -> None:
        if isinstance(self.storage_rule, Planning):
            self.storage_rule.reset(self.num_markets, mask)

    def observe(self, out: Float32Array | None = None) -> tuple[Float32Array, IntArray]:
        """Observations of the learners ``(B, L, F)`` and how many values were clipped in each ``(B, L)``."""
        if self._learner_index is None:
            return self.model.scenario.observe(self.state, out)
        everybody, clipped = self.model.scenario.observe(self.state)
        if out is None:
            return everybody[:, self._learner_index], clipped[:, self._learner_index]
        np.take(everybody, self._learner_index, axis=1, out=out)
        return out, clipped[:, self._learner_index]

    def run_auction(self, actions: AnyArray | None) -> StepResult:
        """Play one interval of every market.

        Parameters
        ----------
        actions
            ``(B, L, A)``; clipped into [-1, 1]. ``None`` where nobody learns.

        Raises
        ------
        ActionError
            For a wrong shape or a value that is not a number; the state is as before.
        """
        state = self.state
        learned, requests = self._decode(actions)
        lots = self._draw_lots(state)
        ends = state.elapsed + 1 >= self._episode_length
        wanted, planned_worth = self._steer_storage(state)
        chosen = self.players.choose(state)
        if chosen is not None:
            learned = chosen.bids if learned is None else LearnedBids.together([learned, chosen.bids])
        requests = self._all_requests(wanted, requests, {} if chosen is None else chosen.requests)
        acting, dispatch = self.model.move_devices(state, requests, ends)
        bids = self.followers.bid(acting, planned_worth)
        next_state, transition = self.model.run_auction(acting, learned, bids, lots, dispatch)
        self._state, self.transition, self._ends = next_state, transition, ends
        self.followers.learn(transition, next_state)
        rewards, parts = self.get_reward()
        return StepResult(rewards, parts, ends, transition, self._further_infos(transition))

    def get_reward(self) -> tuple[FloatArray, Mapping[str, FloatArray]]:
        """Reward of the learners ``(B, L)`` for the last interval, and its named parts [$]."""
        if self.transition is None:
            raise EpisodeError("no interval has been played since the reset; call run_auction() first")
        rewards, parts = self.reward.get_reward(self.transition, self._ends)
        chosen = self._learner_index
        if chosen is None:
            return rewards, parts
        return rewards[:, chosen], {name: values[:, chosen] for name, values in parts.items()}

    def of_learners(self, values: FloatArray) -> FloatArray:
        """Take the learners' columns of ``(B, N)`` values."""
        return values if self._learner_index is None else values[:, self._learner_index]

    def run_render(self, mode: str) -> Any:
        """Draw the last interval of the first market with the view; see `AuctionView.render`."""
        if self.view is None:
            raise EpisodeError("this controller has no view to draw with")
        return self.view.render(self, mode)

    @property
    def info_names(self) -> tuple[str, ...]:
        """What infos hold beside bill, fill and clipped features.

        The parts of the reward [$]; on a street with devices ``device_cost`` [$] and ``cut_request`` [kWh]; with the
        settlement of imbalance ``imbalance`` [kWh, > 0 sold and not delivered] and ``imbalance_payment`` [$]; with a
        network ``curtailed`` and ``shed`` [kWh] by feeder limits, ``shed_cost`` [$], and, both part of the bill,
        ``scarcity_payment`` and ``loss_payment`` [$].
        """
        of_devices = ("device_cost", "cut_request") * bool(self.model.scenario.fleet)
        of_imbalance = ("imbalance", "imbalance_payment") * (self.operator.imbalance is not None)
        names = ("curtailed", "shed", "shed_cost", "scarcity_payment", "loss_payment")
        of_network = names * (self.model.scenario.network is not None)
        return self.reward.part_names + of_devices + of_imbalance + of_network

    def _further_infos(self, transition: Transition) -> Mapping[str, FloatArray]:
        infos: dict[str, FloatArray] = {}
        dispatch, settlement = transition.dispatch, transition.settlement
        if dispatch is not None:
            infos |= {"device_cost": self.of_learners(dispatch.cost), "cut_request": self.of_learners(dispatch.cut)}
        if settlement.imbalance is not None and settlement.imbalance_payment is not None:
            infos["imbalance"] = self.of_learners(settlement.imbalance)
            infos["imbalance_payment"] = self.of_learners(settlement.imbalance_payment)
        if transition.network is not None:
            limited = transition.network.limited
            infos["curtailed"], infos["shed"] = self.of_learners(limited.curtailed), self.of_learners(limited.shed)
            infos["shed_cost"] = self.of_learners(limited.shed_cost)
            infos["scarcity_payment"] = self.of_learners(limited.scarcity_payment)
            infos["loss_payment"] = self.of_learners(transition.network.loss_payment)
        return infos

    def _steer_storage(self, state: MarketState) -> tuple[Requests, FloatArray | None]:
        """What the storage rule asks of devices, and what energy is worth to it where it plans ``(B, N)`` [$/kWh]."""
        if isinstance(self.storage_rule, Planning):
            return self.storage_rule.steer(state, self._episode_length - state.elapsed)
        batteries = self.model.scenario.fleet.devices.get("battery")
        if not isinstance(batteries, Batteries) or self.storage_rule is idle:
            return {}, None
        energy = self.storage_rule(StateStorageView.of(state, self.model.scenario, batteries))
        return {"battery": batteries.request(energy)}, None

    def _all_requests(self, of_rule: Requests, learned: Requests, of_players: Requests) -> Requests:
        """What is asked of the devices, by kind ``(B, N)``: what who has learned chooses, else the rule."""
        requests = dict(of_rule)
        for kind, values in of_players.items():
            requests[kind] = np.where(np.isnan(values), requests.get(kind, values), values)
        if self._learner_index is None:
            return {**requests, **learned}
        for kind, values in learned.items():
            requests.setdefault(kind, np.full(self.get_size(), np.nan))[:, self._learner_index] = values
        return requests

    def _decode(self, actions: AnyArray | None) -> tuple[LearnedBids | None, Requests]:
        action_map = self.model.scenario.action_map
        expected = (self.num_markets, self.num_learners, *action_map.shape)
        if self.num_learners == 0:
            return None, {}
        if actions is None:
            raise ActionError(f"no actions were given; expected an array of shape {expected}")
        values = as_numbers("actions are", actions)
        if values.shape != expected:
            raise ActionError(
                f"actions have shape {values.shape}; expected (markets, households, components) = {expected}"
            )
        if action_map.levels is not None:
            values = self._read_choices(values.reshape(*expected[:2], -1))
        elif np.count_nonzero(np.isnan(values)):
            market, learner, component = (int(i) for i in np.argwhere(np.isnan(values))[0])
            name = self.names[int(self.population.learners[learner])]
            raise ActionError(
                f"action of {name!r} in market {market}, component {component} "
                f"({action_map.components[component]}), is nan; expected a number from -1 to 1"
            )
        inside = values.clip(-1.0, 1.0)
        closing = None if action_map.decode_closing is None else action_map.decode_closing(inside)
        bids = LearnedBids(*action_map.decode(inside), self._learner_index, closing)
        return bids, action_map.decode_devices(inside)

    def _read_choices(self, choices: AnyArray) -> AnyArray:
        """Choices ``(B, L, A)`` as places on even grids from -1 to 1."""
        action_map = self.model.scenario.action_map
        last = action_map.last_choice
        wrong = ~((choices >= 0) & (choices <= last) & (choices == np.rint(choices)))  # nan is wrong too
        if np.count_nonzero(wrong):
            market, learner, component = (int(i) for i in np.argwhere(wrong)[0])
            name = self.names[int(self.population.learners[learner])]
            raise ActionError(
                f"action of {name!r} in market {market}, component {component} ({action_map.components[component]}), "
                f"is {choices[market, learner, component]:g}; expected a whole number from 0 to {last[component]}"
            )
        return action_map.from_choices(choices)

    def _draw_lots(self, state: MarketState) -> FloatArray | None:
        if not self.operator.rules.draws_lots:
            return None
        if self._lots is None:
            self._lots = UniformBlocks(self._streams["lots"], self.operator.rules.rounds * self.get_size()[1])
        return self._lots.draw(state.elapsed)
