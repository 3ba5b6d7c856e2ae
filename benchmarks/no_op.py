"""A PettingZoo environment that does nothing but hand out dicts: the floor under every environment with that face."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pettingzoo import ParallelEnv

from p2p_market.env import AuctionEnv


class NoOpEnv(ParallelEnv[str, Any, Any]):
    """A tuned environment that does nothing: dicts of the same size, rows of one fresh matrix.

    Parameters
    ----------
    like
        The environment whose agents, observations and infos it copies in size; it is reset.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "no_op_v0"}

    def __init__(self, like: AuctionEnv) -> None:
        _, infos = like.reset(seed=0)
        self.possible_agents = self.agents = like.possible_agents
        self._shape = len(self.agents), like.controller.get_observation_space().shape[0]
        self._info_keys = tuple(infos[self.agents[0]])

    def step(self, actions: Any) -> Any:
        """Stack the actions and hand out dicts."""
        agents = self.agents
        stacked = np.concatenate([actions[agent] for agent in agents])
        observations = np.full(self._shape, stacked[0], dtype=np.float32)
        rewards = np.zeros(len(agents)).tolist()
        infos = [dict.fromkeys(self._info_keys, 0.0) for _ in agents]
        return (
            dict(zip(agents, observations, strict=True)),
            dict(zip(agents, rewards, strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, False),
            dict(zip(agents, infos, strict=True)),
        )
