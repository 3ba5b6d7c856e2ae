"""The front doors: from a configuration, or the name of a task, to a parallel, turn-based or batched environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gymnasium.spaces import Box
from pettingzoo.utils import ClipOutOfBoundsWrapper, OrderEnforcingWrapper, parallel_to_aec

from p2p_market.build import build_controller
from p2p_market.config_loading import ConfigSource, load_config
from p2p_market.env import AuctionEnv
from p2p_market.registry import Registry
from p2p_market.tasks import find_task
from p2p_market.vector_env import AuctionVectorEnv, StepBuffers

if TYPE_CHECKING:
    from pettingzoo.utils.env import AECEnv, ParallelEnv

    from p2p_market.data.container import DataContainer
    from p2p_market.tasks.task import Task


def parallel_env(
    config: ConfigSource = None,
    *,
    render_mode: str | None = None,
    max_cycles: int | None = None,
    data_container: DataContainer | None = None,
    overrides: Mapping[str, Any] | None = None,
    **keys: Any,
) -> AuctionEnv:
    """Make the PettingZoo ``ParallelEnv``.

    Parameters
    ----------
    config
        A YAML file, a mapping, a `Config`, or ``None`` for the default: twenty synthetic homes, a day an episode.
    render_mode
        ``None``, ``"human"``, ``"ansi"`` or ``"rgb_array"``.
    max_cycles
        Intervals an episode, in place of the configuration's.
    data_container
        Household data that you have in hand, in place of what the section ``data`` says.
    overrides
        Values by dotted key, e.g. ``{"market.mechanism": "pay_as_bid"}``.
    **keys
        The same for keys that stand in one section only, e.g. ``num_households=50``.

    Raises
    ------
    ConfigError, DataError
        For anything wrong with configuration or data.

    Examples
    --------
    >>> import p2p_market
    >>> env = p2p_market.parallel_env(num_households=4)
    >>> observations, infos = env.reset(seed=1)
    >>> sorted(observations)
    ['household_0', 'household_1', 'household_2', 'household_3']
    """
    checked = load_config(config, merged_overrides(overrides, keys, max_cycles))
    return AuctionEnv(build_controller(checked, container=data_container), render_mode=render_mode)


def raw_env(config: ConfigSource = None, **keywords: Any) -> AECEnv[str, Any, Any]:
    """Make the turn-based (AEC) environment without wrappers; takes what `parallel_env` takes."""
    parallel = cast("ParallelEnv[str, Any, Any]", parallel_env(config, **keywords))
    return parallel_to_aec(parallel)


def env(config: ConfigSource = None, **keywords: Any) -> AECEnv[str, Any, Any]:
    """Make the turn-based (AEC) environment, which clips actions in [-1, 1] and enforces the order of calls.

    Takes what `parallel_env` takes.
    """
    turn_based = raw_env(config, **keywords)
    if all(isinstance(turn_based.action_space(agent), Box) for agent in turn_based.possible_agents):
        turn_based = ClipOutOfBoundsWrapper(turn_based)  # a choice that does not exist is an error, and is not moved
    return OrderEnforcingWrapper(turn_based)


def vector_env(
    config: ConfigSource = None,
    *,
    num_envs: int = 1,
    max_cycles: int | None = None,
    buffers: StepBuffers | None = None,
    data_container: DataContainer | None = None,
    overrides: Mapping[str, Any] | None = None,
    **keys: Any,
) -> AuctionVectorEnv:
    """Make the batched environment: ``num_envs`` markets, arrays in and arrays out.

    Parameters
    ----------
    config
        A YAML file, a mapping, a `Config`, or ``None`` for the default.
    num_envs
        Markets side by side.
    max_cycles
        Intervals an episode, in place of the configuration's.
    buffers
        Arrays that results are written into.
    data_container, overrides, **keys
        As for `parallel_env`.
    """
    checked = load_config(config, merged_overrides(overrides, keys, max_cycles))
    return AuctionVectorEnv(build_controller(checked, container=data_container, num_markets=num_envs), buffers)


def make(
    task: str | Path | Task,
    *,
    split: str = "train",
    kind: str = "parallel",
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Any:
    """Make the environment of a named, versioned task, see ``p2p-market list tasks`` and ``docs/tasks.md``.

    Parameters
    ----------
    task
        Its name, such as ``"street10-v0"``, or the path of a YAML file of your own.
    split
        ``"train"``, ``"validation"`` or ``"test"``: any two share neither households nor days.
    kind
        ``"parallel"``, ``"aec"`` or ``"vector"``, for what `parallel_env`, `env` and `vector_env` make.
    data
        File, zip or folder with the Ausgrid solar home files, for recorded homes in place of synthetic ones; see
        `p2p_market.tasks.task.Task.configuration`.
    overrides
        Changes by dotted key, as for `parallel_env`; results are those of the task only where nothing is changed.
    **keywords
        What else `parallel_env`, `env` or `vector_env` takes, such as ``render_mode`` or ``num_envs``.

    Returns
    -------
    AuctionEnv, AECEnv or AuctionVectorEnv
        By ``kind``.

    Raises
    ------
    UnknownNameError
        For an unknown task, with the nearest, split or kind.
    ConfigError, DataError
        For overrides that cannot be, and data that does not fit the task.

    Examples
    --------
    >>> import p2p_market
    >>> env = p2p_market.make("street10-v0", split="train", kind="vector", num_envs=8)
    >>> observations, infos = env.reset(seed=1)
    >>> observations.shape[:2]
    (8, 10)
    """
    chosen = find_task(task)
    door = _KINDS[kind]
    return door(chosen.configuration(split, data=data, overrides=overrides), **keywords)


_KINDS: Registry[Callable[..., Any]] = Registry(
    "kind of environment", {"parallel": parallel_env, "aec": env, "vector": vector_env}
)


def merged_overrides(
    overrides: Mapping[str, Any] | None, keys: Mapping[str, Any], max_cycles: int | None
) -> dict[str, Any]:
    """Values by key from what a front door was given; the length of an episode in intervals wins."""
    merged = {**(overrides or {}), **keys}
    if max_cycles is not None:
        merged["episode.num_intervals"] = max_cycles
    return merged
