"""Features as a network likes them: with mean 0 and spread 1 on the street that is learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.build import build_controller
from p2p_market.config import Config
from p2p_market.learned import Network
from p2p_market.types import AnyArray, Float32Array
from p2p_market.vector_env import AuctionVectorEnv

_SEED = 1_000_033  # of days, households and actions, no seed of a training
_MARKETS = 32
_CONSTANT = 1e-4  # a feature that varies less tells nothing


@dataclass(frozen=True, eq=False)
class Scaling:
    """An affine map of every feature, ``(F,)`` each: what a network sees is (feature - mean) / spread.

    Features are multiples of fixed scales that hold for every street, so what an ordinary household sees of its net
    load is a few hundredths, whose sign decides whether it buys or sells.
    """

    mean: Float32Array
    spread: Float32Array

    @classmethod
    def of(cls, street: Config) -> Scaling:
        """Mean and standard deviation over an episode of random actions in a few dozen markets, always the same."""
        env = AuctionVectorEnv(build_controller(street, num_markets=_MARKETS))
        rng, chosen = np.random.default_rng(_SEED), env.controller.model.scenario.action_map
        shape = (_MARKETS, env.num_agents, *chosen.shape)

        def act() -> AnyArray:
            if chosen.levels is None:
                return rng.uniform(-1.0, 1.0, shape)
            most = np.array(chosen.levels) if chosen.shape else chosen.levels[0]
            return rng.integers(0, most, shape)

        observations, _ = env.reset(seed=_SEED)
        seen = [observations.copy()]
        for _ in range(env.controller.horizon - 1):
            observations, *_ = env.step(act())
            seen.append(observations.copy())
        flat = np.concatenate(seen).reshape(-1, observations.shape[-1]).astype(np.float64)
        spread = flat.std(axis=0)
        varies = spread > _CONSTANT
        return cls(
            np.where(varies, flat.mean(axis=0), 0.0).astype(np.float32),
            np.where(varies, spread, 1.0).astype(np.float32),
        )

    def __call__(self, observations: Float32Array) -> Float32Array:
        """Scaled observations ``(..., F)``."""
        scaled: Float32Array = (observations - self.mean) / self.spread
        return scaled

    def undone(self, scaled: Float32Array) -> Float32Array:
        """The observations that were scaled."""
        observations: Float32Array = scaled * self.spread + self.mean
        return observations

    def folded(self, network: Network) -> Network:
        """The same network for observations that are not scaled: its first layer scales them."""
        first = network.weights[0] / self.spread[:, None]
        bias = network.biases[0] - self.mean @ first
        return Network((first, *network.weights[1:]), (bias, *network.biases[1:]))
