"""Minari: recorded play as datasets for learning offline."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from p2p_market.build import build_controller
from p2p_market.checks import whole_number
from p2p_market.config_loading import ConfigSource, load_config
from p2p_market.errors import ConfigError, UnknownNameError, require_extra
from p2p_market.integrations.gymnasium import repeated_space
from p2p_market.learned import LearnedPolicy, is_policy_path, load_policy
from p2p_market.policies import POLICIES, as_callable
from p2p_market.types import AnyArray, Float32Array
from p2p_market.vector_env import AuctionVectorEnv

try:
    import minari
    from minari.data_collector import EpisodeBuffer
except ImportError as error:
    raise require_extra("minari", "offline", "datasets of recorded play") from error

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUTS = ("household", "street")


def record_dataset(
    dataset_id: str,
    policy: str | LearnedPolicy | Callable[..., AnyArray],
    config: ConfigSource = None,
    *,
    layout: Literal["household", "street"] = "household",
    episodes: int = 64,
    seed: int = 0,
    storage: str = "idle",
    overrides: Mapping[str, Any] | None = None,
    **about: Any,
) -> minari.MinariDataset:
    """Let all learners of a street follow a policy, and keep what they saw, did and got as a Minari dataset.

    Minari knows one agent an episode. So an episode is either that of one household, for learners that share
    parameters, or that of the whole street as one agent, whose reward is the mean over households.

    Parameters
    ----------
    dataset_id
        Minari's name for it, such as ``"p2p_market/street10/truthful-v0"``. It is written where Minari keeps datasets,
        ``MINARI_DATASETS_PATH`` or ``~/.minari/datasets``.
    policy
        A scripted policy by name, a learned one or its path, or a callable from observations ``(B, N, F)`` to actions.
    config
        As for `p2p_market.parallel_env`; of a task ``find_task("street10-v0").configuration("train")``.
    layout
        ``"household"``: ``episodes`` times N episodes of observations ``(T + 1, F)``, actions ``(T, A)`` and rewards
        ``(T,)``, first all households of the first market. ``"street"``: ``episodes`` episodes of ``(T + 1, N, F)``,
        ``(T, N, A)`` and ``(T,)``; each household's rewards are in the infos, ``rewards`` ``(T + 1, N)`` from 0 on.
    episodes
        Episodes of the street, all played at once.
    seed
        Of their days and households.
    storage
        Storage rule that goes with a scripted policy, see `p2p_market.policies.as_callable`.
    overrides
        Values by dotted key.
    **about
        What `minari.create_dataset_from_buffers` takes beside, such as ``author`` or ``algorithm_name``.

    Raises
    ------
    ConfigError
        For a policy that does not fit the street, another layout, or a dataset that exists already.
    MissingExtraError
        Without the package minari, when this module is imported.
    """
    if layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, LAYOUTS)
    num_markets = whole_number("episodes", episodes, 1)
    env = AuctionVectorEnv(build_controller(load_config(config, overrides), num_markets=num_markets))
    act, name = _player(policy, env, storage)
    if dataset_id in minari.list_local_datasets():
        raise ConfigError(
            f"dataset {dataset_id!r} exists already; delete it (minari.delete_dataset), or choose another"
        )
    observations, actions, rewards = _play(env, act, seed)
    if layout == "household":
        spaces = env.single_observation_space, env.single_action_space
        episodes_of = [
            _episode(number, observations[:, market, agent], actions[:, market, agent], rewards[:, market, agent])
            for number, (market, agent) in enumerate(np.ndindex(num_markets, env.num_agents))
        ]
    else:
        spaces = tuple(  # type: ignore[assignment]  # two of them
            repeated_space(space, env.num_agents) for space in (env.single_observation_space, env.single_action_space)
        )
        episodes_of = [
            _episode(
                market,
                observations[:, market],
                actions[:, market],
                rewards[:, market].mean(axis=1, dtype=np.float64),
                {"rewards": np.concatenate([np.zeros((1, env.num_agents), np.float32), rewards[:, market]])},
            )
            for market in range(num_markets)
        ]
    scenario = env.controller.model.scenario
    layout_of_arrays = {
        "layout": layout,
        "agents": env.agents,
        "features": scenario.observer.names,
        "components": scenario.action_map.components,
        "seed": seed,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no Gymnasium environment to recover
        return minari.create_dataset_from_buffers(
            dataset_id,
            episodes_of,
            observation_space=spaces[0],
            action_space=spaces[1],
            **{"algorithm_name": name, "description": json.dumps(layout_of_arrays), **about},
        )


def _player(
    policy: str | LearnedPolicy | Callable[..., AnyArray], env: AuctionVectorEnv, storage: str
) -> tuple[Callable[[Float32Array, Mapping[str, Any]], AnyArray], str]:
    """What chooses for a batch, and what it is called."""
    if isinstance(policy, str) and (policy in POLICIES or not is_policy_path(policy)):
        return as_callable(policy, env, storage=storage), policy if storage == "idle" else f"{policy} + {storage}"
    chosen = load_policy(policy) if isinstance(policy, str) else policy
    if storage != "idle":
        raise ConfigError(f"storage is {storage!r}, and actions of the policy steer the batteries; leave it out")
    if isinstance(chosen, LearnedPolicy):
        street = env.controller.model.scenario.street
        roles = [street.roles[slot] for slot in env.controller.population.learners.tolist()]
        chosen = chosen.played_by(env.agents, roles)
        chosen.check(env.controller)
    if not callable(chosen):
        raise ConfigError(f"policy is {policy!r}; expected a name, a path, a learned policy or a callable")
    acting: Callable[..., AnyArray] = chosen

    def without_infos(observations: Float32Array, infos: Mapping[str, Any]) -> AnyArray:  # noqa: ARG001 (does not ask)
        return acting(observations)

    return without_infos, str(getattr(chosen, "__name__", type(chosen).__name__))


def _play(
    env: AuctionVectorEnv, act: Callable[[Float32Array, Mapping[str, Any]], AnyArray], seed: int
) -> tuple[Float32Array, AnyArray, Float32Array]:
    """Observations ``(T + 1, B, N, F)``, actions ``(T, B, N, ...)`` and rewards ``(T, B, N)`` of whole episodes."""
    space = env.single_action_space
    seen, infos = env.reset(seed=seed)
    observations, actions, rewards = [seen], [], []
    for _ in range(env.max_cycles):
        chosen = np.asarray(act(seen, infos)).astype(space.dtype)
        seen, reward, _, truncated, infos = env.step(chosen)
        observations.append(infos["final_obs"] if truncated.any() else seen)
        actions.append(chosen)
        rewards.append(reward)
    return np.stack(observations), np.stack(actions), np.stack(rewards)


def _episode(
    number: int,
    observations: Float32Array,
    actions: AnyArray,
    rewards: AnyArray,
    infos: dict[str, AnyArray] | None = None,
) -> EpisodeBuffer:
    ends = np.zeros(len(rewards), dtype=bool)
    ends[-1] = True
    return EpisodeBuffer(
        id=number,
        observations=observations,
        actions=actions,
        rewards=rewards,
        terminations=np.zeros_like(ends),
        truncations=ends,
        infos=infos,
    )
