"""How good a policy is now: episodes of fixed days and households, without exploration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.build import build_controller
from p2p_market.vector_env import AuctionVectorEnv

if TYPE_CHECKING:
    from p2p_market.config import Config
    from p2p_market.learned import LearnedPolicy

SEED = 1_000_003  # of the days and households, no seed of a training


@dataclass(frozen=True)
class Validation:
    """Means over learners and episodes."""

    reward: float
    saving_dollars: float  # against the grid alone, device cost included


class Validator:
    """Plays a policy on the same episodes again and again.

    Parameters
    ----------
    street
        Configuration of the street.
    episodes
        How many, all played at once.
    """

    def __init__(self, street: Config, episodes: int) -> None:
        self._env = AuctionVectorEnv(build_controller(street, num_markets=episodes))

    def __call__(self, policy: LearnedPolicy) -> Validation:
        """Play all episodes to their ends."""
        env, controller = self._env, self._env.controller
        policy.check(controller)
        observations, _ = env.reset(seed=SEED)
        reward, saving = 0.0, 0.0
        for _ in range(controller.horizon):
            observations, rewards, _, _, _ = env.step(policy(observations))
            transition = controller.transition
            assert transition is not None  # noqa: S101 - there was a step
            saved = transition.default_bill - transition.settlement.bill
            if transition.cost_beside_bill is not None:
                saved = saved - transition.cost_beside_bill
            reward += float(rewards.mean(dtype=np.float64))
            saving += float(controller.of_learners(saved).mean())
        return Validation(reward, saving)
