"""Gymnasium: a household among scripted neighbours as an ``Env``, and streets as a ``VectorEnv``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from p2p_market.env import AuctionEnv
from p2p_market.errors import ConfigError
from p2p_market.make import parallel_env, vector_env
from p2p_market.types import AnyArray, BoolArray, Float32Array, FloatArray

if TYPE_CHECKING:
    from p2p_market.config_loading import ConfigSource


class HouseholdEnv(gymnasium.Env[Float32Array, AnyArray]):
    """One household learns, the others follow their policies: a plain Gymnasium environment.

    ``gymnasium.make("p2p_market/Household-v0", config=..., household=...)`` makes it too.

    Parameters
    ----------
    config
        As for `p2p_market.parallel_env`; ``population.scripted``, which may be a learned policy, and
        ``population.storage`` say what the others do.
    household
        Name of the household that learns, such as ``"household_3"``; ``None``: one that the config's seed draws.
    render_mode, **keywords
        As for `p2p_market.parallel_env`.

    Attributes
    ----------
    street
        The PettingZoo environment behind it, whose only agent is the household.

    Raises
    ------
    ConfigError, DataError
        For anything wrong with configuration or data, and a household that the street does not have.
    """

    metadata = {  # noqa: RUF012 (Gymnasium's convention)
        "render_modes": list(AuctionEnv.metadata["render_modes"]),
        "render_fps": AuctionEnv.metadata["render_fps"],
    }

    def __init__(
        self,
        config: ConfigSource = None,
        *,
        household: str | None = None,
        render_mode: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> None:
        learners = 1 if household is None else [household]
        merged = {**(overrides or {}), "population.learners": learners}
        self.street = parallel_env(config, render_mode=render_mode, overrides=merged, **keywords)
        self.render_mode = render_mode
        (self.household,) = self.street.possible_agents
        self.observation_space = self.street.observation_space(self.household)
        self.action_space = self.street.action_space(self.household)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start a new episode; with a seed, draw anew from it."""
        super().reset(seed=seed)
        observations, infos = self.street.reset(seed=seed, options=options)
        return observations[self.household], infos[self.household]

    def step(self, action: AnyArray) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        """Play one interval: observation, reward, terminated (never), truncated (at the horizon) and info."""
        name = self.household
        observations, rewards, terminations, truncations, infos = self.street.step({name: action})
        return observations[name], rewards[name], terminations[name], truncations[name], infos[name]

    def render(self) -> Any:
        """Draw the last interval, see `AuctionEnv.render`."""
        return self.street.render()

    def close(self) -> None:
        """Stop serving the page of ``human`` mode, if there is one."""
        self.street.close()


class StreetVectorEnv(VectorEnv[Float32Array, AnyArray, AnyArray]):
    """``B`` markets, each of them one agent that steers all learners of its street.

    The observation of a market is that of its learners ``(N, F)``, its action ``(N, A)``, or ``(N,)`` choices, and its
    reward the mean over them. Episodes are reset in the step that ends them; see `AuctionVectorEnv`.
    ``gymnasium.make_vec("p2p_market/Street-v0", num_envs=...)`` makes it too.

    Parameters
    ----------
    config
        As for `p2p_market.vector_env`.
    num_envs
        ``B``.
    **keywords
        As for `p2p_market.vector_env`.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (the same)

    def __init__(
        self, config: ConfigSource = None, *, num_envs: int = 1, render_mode: str | None = None, **keywords: Any
    ) -> None:
        if render_mode is not None:
            raise ConfigError(f"render_mode is {render_mode!r}; a batch of streets draws nothing, leave it out")
        self.street = vector_env(config, num_envs=num_envs, **keywords)
        self.num_envs = num_envs
        self.single_observation_space = repeated_space(self.street.single_observation_space, self.street.num_agents)
        self.single_action_space = repeated_space(self.street.single_action_space, self.street.num_agents)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start new episodes in all markets.

        Raises
        ------
        ConfigError
            For a list of seeds: market *b*'s episodes are fixed by one seed and *b*.
        """
        if isinstance(seed, list):
            raise ConfigError("seed is a list; give one whole number, from which every market takes its own stream")
        super().reset(seed=seed, options=options)
        return self.street.reset(seed=seed)

    def step(self, actions: AnyArray) -> tuple[Float32Array, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Play one interval of every market, see `AuctionVectorEnv.step`; rewards ``(B,)`` are means over learners."""
        observations, rewards, terminations, truncations, infos = self.street.step(actions)
        team = rewards.mean(axis=1, dtype=np.float64)
        return observations, team, terminations[:, 0], truncations[:, 0], infos


def repeated_space(space: spaces.Space[Any], times: int) -> spaces.Space[Any]:
    """The space of so many households side by side, ``(N, ...)``."""
    if isinstance(space, spaces.Box):
        return spaces.Box(np.stack([space.low] * times), np.stack([space.high] * times), dtype=np.float32)
    choices = space.nvec if isinstance(space, spaces.MultiDiscrete) else np.int64(getattr(space, "n", 0))
    return spaces.MultiDiscrete(np.stack([choices] * times))
