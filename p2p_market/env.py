"""The PettingZoo environment: a translator between dicts of agents and the controller's arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from pettingzoo import ParallelEnv

from p2p_market.checks import as_numbers
from p2p_market.errors import ActionError, ConfigError, EpisodeError, UnknownNameError, suggest
from p2p_market.scenario.exact_spaces import ExactSpaces
from p2p_market.types import AnyArray, BoolArray, Float32Array

if TYPE_CHECKING:
    from gymnasium import spaces

    from p2p_market.auction.operator import MarketOperator
    from p2p_market.controller import AuctionController
    from p2p_market.model import AuctionModel
    from p2p_market.view.view import AuctionView

RENDER_MODES = ("human", "ansi", "rgb_array")

Observations = dict[str, Float32Array]
Infos = dict[str, dict[str, Any]]


class AuctionEnv(ParallelEnv[str, Float32Array, Float32Array]):
    """A street of households that trade through a double auction, as a PettingZoo ``ParallelEnv``.

    In every interval each household has a net load, its demand less its PV generation. Households bid for it in a
    sealed-bid auction, the market operator clears it, and what stays unmatched is bought from the grid at the
    household's retail price or sold to it at its feed-in price. Build it with ``p2p_market.parallel_env(...)``.

    Parameters
    ----------
    controller
        A controller of one market (``num_markets=1``).
    render_mode
        ``None``, ``"human"``, ``"ansi"`` or ``"rgb_array"``.

    Attributes
    ----------
    possible_agents, agents
        Names of the learning households, and of those that are live: all between a reset and the horizon, none after.
    observation_spaces, action_spaces, state_space
        Gymnasium spaces, by agent and of `state`; the same objects for good.

    Notes
    -----
    *Agents*: ``household_0 ...``, or ``prosumer_0 ...`` and ``consumer_0 ...`` (``street.agent_names``); scripted
    households of the street are none.

    *Observations*: ``Box(low, high, (F,), float32)``, the features of the preset or list in
    ``scenario.observation``: own demand, PV and net load of the coming interval, own tariff, calendar, and in
    ``public_price`` the last published price and volume. ``env.model.scenario.observer.names`` lists the columns.
    Values lie inside the bounds always, and are a fresh array every step.

    *Actions*: ``Box(-1, 1, (A,), float32)``. Component 0 is the limit price, -1 the low end of the street's price
    band (lowest feed-in price) and +1 the high end (highest retail price), for buyers and sellers alike; with
    ``price_quantity``, component 1 is the share of the net load that is offered, -1 nothing and +1 all. Whether an
    order buys or sells is the sign of the net load. Values beyond the bounds are clipped, ``nan`` is an `ActionError`.
    Discrete maps take whole numbers, ``Discrete`` or ``MultiDiscrete``; one that is not a choice is an `ActionError`.

    *Rewards*: plain floats, the dollars of ``reward.name`` times ``reward.scale``: ``bill_saving`` is the bill with
    the grid alone less the bill, ``negative_cost`` the bill with its sign changed.

    With ``scenario.homogeneous: false`` an agent's spaces hold what it has: no features of PV, a battery or another
    device that is not there, and no component that steers it. With ``true``, the default, these features read 0 and
    nothing listens to these components; ``env.model.scenario.feature_mask`` and ``component_mask`` say which.

    *Infos*: for every agent and step ``bill`` [$], ``filled`` [kWh, > 0 bought], ``clipped_features`` (how many
    values of the observation were cut to their bounds) and the named parts of the reward [$]; on a street with devices
    ``device_cost`` [$] and ``cut_request`` [kWh], with ``market.settlement: imbalance`` ``imbalance`` [kWh] and
    ``imbalance_payment`` [$], and with a ``network`` ``curtailed`` and ``shed`` [kWh], ``shed_cost``,
    ``scarcity_payment`` and ``loss_payment`` [$].

    *Start*: days and households drawn by the seed, or fixed (``episode.start``, ``street.households``).

    *End*: nobody terminates; all agents are truncated together at the horizon, a day of 48 half hours by default.

    Version history
    ---------------
    * v0: first release.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 (PettingZoo's convention)
        "name": "p2p_market_v0",
        "render_modes": list(RENDER_MODES),
        "is_parallelizable": True,
        "render_fps": 4,
    }

    def __init__(self, controller: AuctionController, render_mode: str | None = None) -> None:
        if controller.num_markets != 1:
            raise ConfigError(f"a PettingZoo environment is one market; the controller has {controller.num_markets}")
        if controller.num_learners == 0:
            raise ConfigError("nobody learns on this street (population.learners is 0), so it has no agents")
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ConfigError(
                f"render_mode is {render_mode!r}{suggest(render_mode, RENDER_MODES)}; expected {RENDER_MODES}"
            )
        self.controller = controller
        self.render_mode = render_mode
        self.possible_agents = [controller.names[slot] for slot in controller.population.learners.tolist()]
        self.agents: list[str] = []
        scenario = controller.model.scenario
        exact = ExactSpaces(
            self.possible_agents,
            scenario.get_observation_space(),
            scenario.action_map,
            *(
                _all_if(scenario.homogeneous, mask[controller.population.learners])
                for mask in (scenario.feature_mask, scenario.component_mask)
            ),
        )
        self.observation_spaces: dict[str, spaces.Space[Any]] = exact.observation_spaces()
        self.action_spaces: dict[str, spaces.Space[Any]] = exact.action_spaces()
        self.state_space = scenario.get_state_space()
        self._exact = None if scenario.homogeneous else exact
        self._action_shape = scenario.action_map.shape
        self._action_shapes = exact.shapes()
        self._is_plain = scenario.homogeneous and scenario.action_map.levels is None
        self._pick = itemgetter(*self.possible_agents)
        self._nobody = dict.fromkeys(self.possible_agents, False)

    @property
    def model(self) -> AuctionModel:
        """State transitions of the market."""
        return self.controller.model

    @property
    def view(self) -> AuctionView | None:
        """What draws."""
        return self.controller.view

    @property
    def operator(self) -> MarketOperator:
        """The market operator."""
        return self.controller.operator

    @property
    def max_cycles(self) -> int:
        """Intervals an episode; a new value holds from the next reset on."""
        return self.controller.horizon

    @max_cycles.setter
    def max_cycles(self, intervals: int) -> None:
        self.controller.horizon = intervals

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """Space of an agent's observations; the same object every time."""
        return _space_of(agent, self.observation_spaces)

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """Space of an agent's actions; the same object every time."""
        return _space_of(agent, self.action_spaces)

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Observations, Infos]:  # noqa: ARG002 (PettingZoo's signature)
        """Start a new episode.

        Parameters
        ----------
        seed
            Reseeds the environment; without one it goes on with its generators as they stand.
        options
            Not used.
        """
        self.controller.reset(seed)
        self.agents = self.possible_agents[:]
        observations, clipped = self.controller.observe()
        nothing = [0.0] * len(self.agents)
        parts = dict.fromkeys(self.controller.info_names, nothing)
        infos = self._infos(nothing, nothing, clipped[0].tolist(), parts)
        if self.render_mode == "human":
            self.render()
        return self._split(observations[0]), infos

    def step(
        self, actions: Mapping[str, Float32Array]
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Play one interval.

        Parameters
        ----------
        actions
            An action for every live agent, ``(A,)`` each. After the end of an episode only ``{}`` is taken, and gives
            five empty dicts.

        Raises
        ------
        EpisodeError
            Before the first reset.
        ActionError
            For a missing or unknown agent, a wrong shape, or ``nan``; the environment is as before.
        """
        if not isinstance(actions, Mapping):
            raise ActionError(
                f"actions are {type(actions).__name__}; expected a dict from every live agent to its action"
            )
        if not self.agents:
            if not self.controller.has_started:
                raise EpisodeError("step() before reset(); call reset() first")
            if actions:
                raise ActionError(
                    "the episode is over; call reset() before the next step (only step({}) is taken here)"
                )
            return {}, {}, {}, {}, {}
        result = self.controller.run_auction(self._stack(actions))
        observations, clipped = self.controller.observe()
        transition, of_learners = result.transition, self.controller.of_learners
        agents, truncated = self.agents, bool(result.truncated[0])
        outcome = (
            self._split(observations[0]),
            dict(zip(agents, result.rewards[0].tolist(), strict=True)),
            self._nobody.copy(),  # several times as fast as to build it
            dict.fromkeys(agents, True) if truncated else self._nobody.copy(),
            self._infos(
                of_learners(transition.settlement.bill)[0].tolist(),
                of_learners(transition.clearing.filled)[0].tolist(),
                clipped[0].tolist(),
                {
                    name: values[0].tolist()
                    for infos in (result.reward_parts, result.further_infos)
                    for name, values in infos.items()
                },
            ),
        )
        if truncated:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        elif self.render_mode == "rgb_array" and self.view is not None:
            self.view.follow(self.controller)  # a picture shows the episode so far, drawn or not
        return outcome

    def state(self) -> Float32Array:
        """Global state ``(S,)`` for centralised critics: every household's own features, then what all share."""
        states = self.controller.get_state()
        vector: Float32Array = states[0]
        return vector

    def render(self) -> Any:
        """Draw the last interval: text (``ansi``), an image, uint8 (``rgb_array``), or the page of it all (``human``).

        Raises
        ------
        EpisodeError
            Without a render mode, or before the first reset.
        """
        if self.render_mode is None:
            raise EpisodeError(
                "this environment was made without a render mode; make it with render_mode='ansi', for one"
            )
        if not self.controller.has_started:
            raise EpisodeError("nothing to draw before the first reset(); call reset() first")
        return self.controller.run_render(self.render_mode)

    def close(self) -> None:
        """Stop serving the page of ``human`` mode, if there is one."""
        if self.view is not None:
            self.view.close()

    def __str__(self) -> str:
        return str(self.metadata["name"])

    def _split(self, observations: Float32Array) -> Observations:
        if self._exact is not None:
            return self._exact.split(observations)
        return dict(zip(self.possible_agents, observations, strict=True))

    def _stack(self, actions: Mapping[str, Float32Array]) -> AnyArray:
        agents, shape = self.agents, self._action_shape
        try:
            picked = self._pick(actions)
        except KeyError as error:
            missing = [agent for agent in agents if agent not in actions]
            raise ActionError(f"no action for {_listed(missing)}; every live agent needs one, in every step") from error
        if len(actions) != len(agents):
            unknown = [str(agent) for agent in actions if agent not in self.action_spaces]
            raise ActionError(f"action for unknown agent {_listed(unknown)}; the agents are {_listed(agents)}")
        rows = picked if len(agents) > 1 else (picked,)
        joined = _join_plain(rows, shape[0]) if self._is_plain else None
        if joined is None:
            read = [self._read(agent, row) for agent, row in zip(agents, rows, strict=True)]
            joined = np.stack(read) if self._exact is None else self._exact.join(read)
        return joined.reshape(1, len(agents), *shape)

    def _read(self, agent: str, action: Any) -> AnyArray:
        row = as_numbers(f"action of {agent!r} is", action)
        if row.shape != self._action_shapes[agent]:
            raise ActionError(f"action of {agent!r} has shape {row.shape}; expected {self._action_shapes[agent]}")
        return row

    def _infos(
        self, bill: list[float], filled: list[float], clipped: list[int], parts: Mapping[str, list[float]]
    ) -> Infos:
        (first, gains), *others = parts.items()
        infos: Infos = {
            agent: {"bill": dollars, "filled": energy, "clipped_features": count, first: gain}
            for agent, dollars, energy, count, gain in zip(
                self.possible_agents, bill, filled, clipped, gains, strict=True
            )
        }
        for name, values in others:
            for info, value in zip(infos.values(), values, strict=True):
                info[name] = value
        return infos


def _join_plain(rows: Sequence[Any], length: int) -> AnyArray | None:
    """Rows of so many floats one after the other; ``None`` if they are anything else, which needs a closer look."""
    try:
        if set(map(len, rows)) != {length}:
            return None
        joined: Any = np.concatenate(rows)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # single numbers, several axes, what does not mix
        return None
    return joined if type(joined) is np.ndarray and joined.ndim == 1 and joined.dtype.kind == "f" else None


def _all_if(homogeneous: bool, mask: BoolArray) -> BoolArray:
    return np.ones_like(mask) if homogeneous else mask


def _space_of(agent: str, spaces_by_agent: Mapping[str, spaces.Space[Any]]) -> spaces.Space[Any]:
    try:
        return spaces_by_agent[agent]
    except KeyError:
        raise UnknownNameError("agent", agent, spaces_by_agent) from None


def _listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
