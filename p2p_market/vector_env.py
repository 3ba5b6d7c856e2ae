"""The batched environment: many markets at once, arrays in and arrays out, with automatic resets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode

from p2p_market.errors import ConfigError, EpisodeError
from p2p_market.types import AnyArray, BoolArray, Float32Array

if TYPE_CHECKING:
    import numpy.typing as npt

    from p2p_market.controller import AuctionController

Infos = dict[str, Any]


@dataclass(frozen=True, eq=False)
class StepBuffers:
    """Arrays that the environment writes into, when the caller wants to own them.

    Whoever supplies buffers copies what is to outlive the next step.
    """

    observations: Float32Array  # (B, L, F)
    rewards: Float32Array  # (B, L)
    terminations: BoolArray  # (B, L)
    truncations: BoolArray  # (B, L)


class AuctionVectorEnv:
    """``B`` markets of the same street side by side, for learners that work on arrays.

    Episodes are reset in the step that ends them (``AutoresetMode.SAME_STEP``): the observation returned is then the
    first of the next episode, the last of the finished one stands in ``infos["final_obs"]`` where
    ``infos["_final_obs"]`` is true.

    Parameters
    ----------
    controller
        A controller of ``B`` markets.
    buffers
        Arrays to write results into instead of new ones every step.

    Attributes
    ----------
    num_envs
        ``B``.
    num_agents
        ``L`` learners a market.
    agents
        Their names.
    single_observation_space, single_action_space
        Spaces of one agent: ``(F,)`` float32, and ``(A,)`` float32 or choices.
    state_space
        Space of one market's state ``(S,)``.
    """

    metadata: Mapping[str, Any] = {
        "name": "p2p_market_v0",
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(self, controller: AuctionController, buffers: StepBuffers | None = None) -> None:
        if controller.num_learners == 0:
            raise ConfigError("nobody learns on this street (population.learners is 0), so it has no agents")
        self.controller = controller
        self.num_envs = controller.num_markets
        self.agents = [controller.names[slot] for slot in controller.population.learners.tolist()]
        self.num_agents = len(self.agents)
        self.single_observation_space = controller.get_observation_space()
        self.single_action_space = controller.get_action_space()
        self.state_space = controller.model.scenario.get_state_space()
        self.use_buffers(buffers)

    def use_buffers(self, buffers: StepBuffers | None) -> None:
        """Write results into these arrays from now on, or into new ones every step.

        Raises
        ------
        ConfigError
            For arrays of another shape or type, or that cannot be written into.
        """
        if buffers is not None:
            _check_buffers(buffers, self.num_envs, self.num_agents, self.single_observation_space.shape[0])
        self._buffers = buffers

    @property
    def max_cycles(self) -> int:
        """Intervals an episode; a new value holds for episodes that start from then on."""
        return self.controller.horizon

    @max_cycles.setter
    def max_cycles(self, intervals: int) -> None:
        self.controller.horizon = intervals

    def reset(
        self,
        seed: int | None = None,
        mask: npt.ArrayLike | None = None,
        options: Mapping[str, Any] | None = None,  # noqa: ARG002 (Gymnasium's signature)
    ) -> tuple[Float32Array, Infos]:
        """Start new episodes.

        Parameters
        ----------
        seed
            Reseeds all markets; market *b* depends on the seed and *b* alone. Not together with a partial ``mask``.
        mask
            ``(B,)`` markets to start anew; ``None`` all.
        options
            Not used.

        Returns
        -------
        tuple
            Observations ``(B, L, F)`` of all markets, and infos of arrays.
        """
        self.controller.reset(seed, None if mask is None else self._as_mask(mask))
        observations, clipped = self.controller.observe(None if self._buffers is None else self._buffers.observations)
        return observations, {"clipped_features": clipped}

    def step(self, actions: AnyArray) -> tuple[Float32Array, Float32Array, BoolArray, BoolArray, Infos]:
        """Play one interval of every market.

        Parameters
        ----------
        actions
            ``(B, L, A)``, clipped into [-1, 1]; whole numbers with a discrete action map, ``(B, L)`` where an action is
            one choice.

        Returns
        -------
        tuple
            Observations ``(B, L, F)`` float32, rewards ``(B, L)`` float32, terminations and truncations ``(B, L)``,
            and infos: ``bill`` [$], ``filled`` [kWh], ``clipped_features``, the reward's parts [$] and what devices,
            imbalance and network did (see `AuctionController.info_names`), ``(B, L)`` each; ``clearing_price`` [$/kWh]
            and ``traded`` [kWh], ``(B,)`` each; and, in steps that end episodes, ``final_obs`` and ``_final_obs``.

        Raises
        ------
        EpisodeError
            Before the first reset.
        ActionError
            For a wrong shape, ``nan``, or a choice that does not exist; the environment is as before.
        """
        result = self.controller.run_auction(actions)
        transition, of_learners = result.transition, self.controller.of_learners
        ended = result.truncated
        infos: Infos = {
            "bill": of_learners(transition.settlement.bill),
            "filled": of_learners(transition.clearing.filled),
            "clearing_price": transition.clearing.clearing_price,
            "traded": transition.clearing.traded,
            **result.reward_parts,
            **result.further_infos,
        }
        if ended.any():
            infos["final_obs"] = self.controller.observe()[0]
            infos["_final_obs"] = ended
            self.controller.reset(mask=ended)
        buffers = self._buffers
        if buffers is None:
            observations, infos["clipped_features"] = self.controller.observe()
            shape = (self.num_envs, self.num_agents)
            rewards, terminations = result.rewards.astype(np.float32), np.zeros(shape, dtype=bool)
            truncations = np.repeat(ended[:, None], self.num_agents, axis=1)
        else:
            observations, infos["clipped_features"] = self.controller.observe(buffers.observations)
            rewards, terminations, truncations = buffers.rewards, buffers.terminations, buffers.truncations
            rewards[...] = result.rewards
            terminations[...] = False
            truncations[...] = ended[:, None]
        return observations, rewards, terminations, truncations, infos

    def state(self) -> Float32Array:
        """Global states ``(B, S)`` for centralised critics."""
        return self.controller.get_state()

    def close(self) -> None:
        """Nothing to close; part of the usual interface."""

    def _as_mask(self, mask: npt.ArrayLike) -> BoolArray:
        try:
            marks = np.asarray(mask)
        except ValueError:  # rows of different lengths
            raise EpisodeError(f"reset(mask=...) is {mask!r}; expected {self.num_envs} booleans") from None
        if marks.shape != (self.num_envs,) or marks.dtype != np.bool_:
            raise EpisodeError(
                f"reset(mask=...) has shape {marks.shape} and type {marks.dtype}; expected {self.num_envs} booleans"
            )
        return marks


def _check_buffers(buffers: StepBuffers, num_markets: int, num_agents: int, num_features: int) -> None:
    expected = {
        "observations": ((num_markets, num_agents, num_features), np.float32),
        "rewards": ((num_markets, num_agents), np.float32),
        "terminations": ((num_markets, num_agents), np.bool_),
        "truncations": ((num_markets, num_agents), np.bool_),
    }
    if not isinstance(buffers, StepBuffers):
        raise ConfigError(f"buffers are {type(buffers).__name__}; expected StepBuffers")
    for name, (shape, dtype) in expected.items():
        buffer = getattr(buffers, name)
        wanted = f"expected a writeable array {shape} of {np.dtype(dtype)}"
        if not isinstance(buffer, np.ndarray):
            raise ConfigError(f"buffer {name!r} is {type(buffer).__name__}; {wanted}")
        if buffer.shape != shape or buffer.dtype != dtype:
            raise ConfigError(f"buffer {name!r} has shape {buffer.shape} and type {buffer.dtype}; {wanted}")
        if not buffer.flags.writeable:
            raise ConfigError(f"buffer {name!r} is read-only; {wanted}")
