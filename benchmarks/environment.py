"""Stepping the environment, beside the floor that its interface sets.

    python benchmarks/environment.py            # some minutes
    python benchmarks/environment.py --quick    # seconds, only to see that it runs

Actions are drawn beforehand: sampling spaces costs more than stepping. Figures are medians on whatever machine this is;
the ratios to the floor say more than the rates.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pettingzoo import ParallelEnv

import p2p_market
from p2p_market.env import AuctionEnv
from p2p_market.vector_env import AuctionVectorEnv

NUM_PREDRAWN = 16


class NoOpEnv(ParallelEnv[str, Any, Any]):
    """A tuned environment that does nothing: dicts of the same size, rows of one fresh matrix."""

    metadata: ClassVar[dict[str, Any]] = {"name": "no_op_v0"}

    def __init__(self, like: AuctionEnv) -> None:
        self.possible_agents = self.agents = like.possible_agents
        self._shape = len(self.agents), like.controller.get_observation_space().shape[0]
        _, infos = like.reset(seed=0)
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


def median_seconds(call: Callable[[int], object], seconds: float) -> float:
    """Median time of one call, over at least 20 calls or the given time."""
    for i in range(3):
        call(i)
    times: list[float] = []
    started = time.perf_counter()
    while len(times) < 20 or time.perf_counter() - started < seconds:
        begin = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def vector_case(num_envs: int, num_households: int, seconds: float) -> tuple[float, float]:
    """Seconds a step and a reset of the batched environment."""
    env: AuctionVectorEnv = p2p_market.vector_env(
        num_envs=num_envs, num_households=num_households, overrides={"episode.days": 7}
    )
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    shape = (NUM_PREDRAWN, num_envs, num_households, env.single_action_space.shape[0])
    actions = rng.uniform(-1.0, 1.0, shape).astype(np.float32)
    step = median_seconds(lambda i: env.step(actions[i % NUM_PREDRAWN]), seconds)
    reset = median_seconds(lambda _: env.reset(), seconds / 4)
    return step, reset


def dict_case(num_households: int, seconds: float) -> tuple[float, float]:
    """Seconds a step of the PettingZoo environment and of the no-op environment."""
    env = p2p_market.parallel_env(num_households=num_households, overrides={"episode.days": 7})
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    shape = (NUM_PREDRAWN, num_households, *env.controller.get_action_space().shape)
    actions = [dict(zip(env.agents, rows, strict=True)) for rows in rng.uniform(-1.0, 1.0, shape).astype(np.float32)]

    def step(i: int) -> None:
        if not env.agents:
            env.reset()
        env.step(actions[i % NUM_PREDRAWN])

    no_op = NoOpEnv(env)
    return median_seconds(step, seconds), median_seconds(lambda i: no_op.step(actions[i % NUM_PREDRAWN]), seconds)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few calls a case")
    quick = parser.parse_args().quick
    seconds = 0.05 if quick else 2.0

    print("Batched environment (AuctionVectorEnv): arrays in, arrays out")
    print(f"{'markets':>8} {'households':>10} {'ms/step':>9} {'agent-steps/s':>14} {'reset/step':>10}")
    for num_envs, num_households in [(1, 10), (1, 300), (64, 10), (64, 100), (64, 300), (16, 1000)]:
        step, reset = vector_case(num_envs, num_households, seconds)
        rate = num_envs * num_households / step
        print(f"{num_envs:8d} {num_households:10d} {1e3 * step:9.3f} {rate:14,.0f} {reset / step:10.2f}")

    print("\nPettingZoo environment (AuctionEnv): dicts in, dicts out, beside a no-op environment with dicts alike")
    print(f"{'households':>10} {'ms/step':>9} {'agent-steps/s':>14} {'no-op ms':>9} {'times no-op':>11}")
    for num_households in [10, 100, 300, 1000]:
        step, no_op = dict_case(num_households, seconds)
        rate = num_households / step
        print(f"{num_households:10d} {1e3 * step:9.3f} {rate:14,.0f} {1e3 * no_op:9.3f} {step / no_op:11.2f}")


if __name__ == "__main__":
    main()
