"""Playing the episodes of a protocol, all at once, and keeping what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p2p_market.build import build_controller
from p2p_market.build_population import Follow
from p2p_market.config import Config
from p2p_market.config_loading import load_config
from p2p_market.controller import AuctionController
from p2p_market.data.container import DataContainer
from p2p_market.errors import ActionError, ConfigError
from p2p_market.evaluation.asking import PolicyLike, as_batch_policy, is_followed
from p2p_market.experiment import make_recorder
from p2p_market.learned import LearnedPolicy
from p2p_market.recorder import Recorder
from p2p_market.types import AnyArray, FloatArray
from p2p_market.vector_env import AuctionVectorEnv


@dataclass(frozen=True, eq=False)
class Played:
    """What came of one player in all houses."""

    controller: AuctionController
    recorder: Recorder
    start: AnyArray  # (B,) datetime64 at which each episode started
    reward: FloatArray  # (B, N) sum over the episode


def play(
    config: Config,
    policy: PolicyLike | list[Follow],
    *,
    name: str,
    storage: str | None,
    per_agent: bool,
    episodes: int,
    seed: int,
    container: DataContainer | None = None,
) -> Played:
    """Play every episode of a protocol with one policy in the houses of all learners, or with one for each of them.

    Raises
    ------
    ConfigError, DataError, UnknownNameError
        For a policy or a configuration that cannot be.
    ActionError
        For actions of another shape or that are not numbers; the message says whose, and in which interval.
    """
    if storage is not None:
        if isinstance(policy, LearnedPolicy) and "battery power" in policy.components:
            raise ConfigError(
                f"storage is {storage!r}, and the learned policy {name!r} steers its batteries itself; leave it out"
            )
        config = load_config(config, {"population.storage": storage})
    if isinstance(policy, list) or is_followed(policy):
        controller = build_controller(config, container=container, num_markets=episodes, learners_follow=policy)  # type: ignore[arg-type]
        controller.reset(seed)
        step = _steps_of_followers(controller)
    else:
        if storage is not None:
            raise ConfigError(
                f"storage is {storage!r}, and {name!r} is a callable, whose actions steer the batteries; leave it out"
            )
        env = AuctionVectorEnv(build_controller(config, container=container, num_markets=episodes))
        controller = env.controller
        step = _steps_of(env, policy, name=name, per_agent=per_agent, seed=seed)
    start = controller.model.scenario.calendar.start[controller.state.row]
    recorder = make_recorder(controller)
    reward = np.zeros(controller.get_size())
    for number in range(controller.horizon):
        step(number)
        transition = controller.transition
        assert transition is not None  # noqa: S101 - there was a step
        recorder.record(transition)
        ends = np.full(episodes, number + 1 == controller.horizon)
        reward += controller.reward.get_reward(transition, ends)[0]
    return Played(controller, recorder, start, reward)


def _steps_of_followers(controller: AuctionController) -> Callable[[int], None]:
    def step(number: int) -> None:  # noqa: ARG001 (all alike)
        controller.run_auction(None)

    return step


def _steps_of(
    env: AuctionVectorEnv, policy: PolicyLike, *, name: str, per_agent: bool, seed: int
) -> Callable[[int], None]:
    ask = as_batch_policy(policy, env.agents, env.single_action_space.shape or (), per_agent=per_agent)
    forget = getattr(policy, "reset", None)
    if callable(forget):
        forget()
    observations, infos = env.reset(seed=seed)

    def step(number: int) -> None:
        nonlocal observations, infos
        try:
            observations, _, _, _, infos = env.step(ask(observations, infos))
        except ActionError as error:
            raise ActionError(f"policy {name!r}, interval {number} of the episode: {error}") from None

    return step
