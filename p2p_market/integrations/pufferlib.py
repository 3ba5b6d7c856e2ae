"""PufferLib: a native environment whose flat rows are all households of all markets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.errors import require_extra
from p2p_market.make import vector_env
from p2p_market.types import AnyArray
from p2p_market.vector_env import StepBuffers

try:
    import pufferlib
except ImportError as error:
    raise require_extra("pufferlib", "puffer", "p2p_market.integrations.pufferlib") from error

if TYPE_CHECKING:
    from p2p_market.config_loading import ConfigSource


class StreetPufferEnv(pufferlib.PufferEnv):
    """``B * N`` rows, market after market; steps write into PufferLib's own buffers.

    Parameters
    ----------
    config
        As for `p2p_market.vector_env`.
    num_markets
        ``B``; the rows are so many times the learners of a street.
    buf, seed
        PufferLib's buffers, and the seed of the first reset without one.
    **keywords
        As for `p2p_market.vector_env`.
    """

    def __init__(
        self, config: ConfigSource = None, *, num_markets: int = 16, buf: Any = None, seed: int = 0, **keywords: Any
    ) -> None:
        self.street = vector_env(config, num_envs=num_markets, **keywords)
        self.single_observation_space = self.street.single_observation_space
        self.single_action_space = self.street.single_action_space
        self.num_agents = num_markets * self.street.num_agents
        self._shape = num_markets, self.street.num_agents
        self._first_seed: int | None = seed
        super().__init__(buf)
        self.street.use_buffers(
            StepBuffers(
                self.observations.reshape(*self._shape, -1),
                self.rewards.reshape(self._shape),
                self.terminals.reshape(self._shape),
                self.truncations.reshape(self._shape),
            )
        )
        self._returns = np.zeros(self._shape)

    def reset(self, seed: int | None = None) -> tuple[AnyArray, list[dict[str, Any]]]:
        """Start new episodes in all markets."""
        self.street.reset(seed=self._first_seed if seed is None else seed)
        self._first_seed = None
        self._returns[:] = 0.0
        return self.observations, []

    def step(self, actions: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray, list[dict[str, float]]]:
        """Play one interval of every market; in the step that ends episodes an info has their mean return."""
        values = np.asarray(actions)
        *_, infos = self.street.step(values.reshape(*self._shape, *values.shape[1:]))
        self._returns += self.rewards.reshape(self._shape)
        log = []
        if "final_obs" in infos:
            ended = infos["_final_obs"]
            log.append({"episode_return": float(self._returns[ended].mean())})
            self._returns[ended] = 0.0
        return self.observations, self.rewards, self.terminals, self.truncations, log

    def close(self) -> None:
        """Nothing is open."""
