"""What a person may give as a policy, and how it is asked for the actions of a whole batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from p2p_market.checks import as_numbers
from p2p_market.errors import ActionError, ConfigError, is_number, suggest
from p2p_market.learned import LearnedPolicy
from p2p_market.types import AnyArray, Float32Array

BatchPolicy: TypeAlias = Callable[[Float32Array, Mapping[str, Any]], AnyArray]
"""From observations ``(B, L, F)`` and the infos that came with them to actions ``(B, L, A)``."""

PolicyLike: TypeAlias = str | Mapping[str, Any] | Callable[..., Any]


def is_followed(policy: PolicyLike) -> bool:
    """Whether a policy is one that households follow: a name, a path, a learned policy, or a mix ``{name: share}``."""
    if isinstance(policy, Mapping):
        return bool(policy) and all(is_number(share) for share in policy.values())
    return isinstance(policy, str | LearnedPolicy)


def name_of(policy: PolicyLike, storage: str | None = None) -> str:
    """What a policy, and the storage rule that goes with it, is called when nobody says it."""
    if is_followed(policy):
        name = "mix" if isinstance(policy, Mapping) else policy if isinstance(policy, str) else policy.__name__
        return name if storage is None else f"{name} + {storage}"
    return "agents" if isinstance(policy, Mapping) else str(getattr(policy, "__name__", type(policy).__name__))


def as_batch_policy(
    policy: PolicyLike, agents: Sequence[str], shape: tuple[int, ...], *, per_agent: bool
) -> BatchPolicy:
    """Make one function of a batch from whatever callables were given.

    Parameters
    ----------
    policy
        A callable, or one for every agent by name.
    agents
        Names of the ``L`` agents.
    shape
        Of one agent's action.
    per_agent
        Whether the callable takes one agent's observation ``(F,)`` and its name.

    Raises
    ------
    ConfigError
        For something that cannot be asked, or agents that nobody plays for.
    """
    if isinstance(policy, Mapping):
        missing = [agent for agent in agents if agent not in policy]
        if missing:
            raise ConfigError(
                f"policies are given for {len(policy)} agents, and not for {missing[0]!r}"
                f"{suggest(missing[0], policy)}; expected one for each of the {len(agents)} agents"
            )
        for agent in agents:
            if not callable(policy[agent]):
                raise ConfigError(f"the policy of {agent!r} is {policy[agent]!r}; expected a callable")
        return _one_by_one(lambda observation, agent: policy[agent](observation), agents, shape)
    if not callable(policy):
        raise ConfigError(
            f"policy is {policy!r}; expected the name of a scripted policy, a callable on observations (B, N, F), or a "
            "callable for every agent by name"
        )
    if per_agent:
        return _one_by_one(policy, agents, shape)
    if _takes_infos(policy):
        return policy

    def without_infos(observations: Float32Array, infos: Mapping[str, Any]) -> AnyArray:  # noqa: ARG001 (does not ask)
        actions: AnyArray = policy(observations)
        return actions

    return without_infos


def _takes_infos(policy: Callable[..., Any]) -> bool:
    try:
        parameters = list(inspect.signature(policy).parameters.values())
    except (TypeError, ValueError):  # a callable of another language
        return False
    return len(parameters) > 1 and parameters[1].name in ("info", "infos")


def _one_by_one(act: Callable[[Float32Array, str], Any], agents: Sequence[str], shape: tuple[int, ...]) -> BatchPolicy:
    def ask(observations: Float32Array, infos: Mapping[str, Any]) -> AnyArray:  # noqa: ARG001 (arrays of a batch)
        actions = np.empty((*observations.shape[:2], *shape))
        for market in range(len(observations)):
            for place, agent in enumerate(agents):
                action = as_numbers(f"the action of {agent!r} is", act(observations[market, place], agent))
                if action.shape != shape:
                    raise ActionError(f"the action of {agent!r} has shape {action.shape}; expected {shape}")
                actions[market, place] = action
        return actions

    return ask
