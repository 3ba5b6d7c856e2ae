"""Who learns on a street, and whom the others follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from p2p_market.config import Config
from p2p_market.controller import Population
from p2p_market.errors import ConfigError, suggest
from p2p_market.learned import LearnedPolicy, is_policy_path, load_policy
from p2p_market.policies import POLICIES
from p2p_market.shares import apportion
from p2p_market.types import IntArray

_STREAM = 2  # of the configuration's seed, see `p2p_market.build`

Follow: TypeAlias = str | LearnedPolicy
"""A policy: the name of a registered one, the path of a learned one, or a learned one in hand."""


def build_population(
    config: Config,
    names: Sequence[str],
    learners_follow: Follow | Mapping[str, float] | Sequence[Follow] | None = None,
) -> Population:
    """Decide, by the seed where it is left open, which slots learn and which policy each of the others follows."""
    rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(_STREAM,)))
    learners = _learners(config.population.learners, names, rng)
    others = np.setdiff1d(np.arange(len(names)), learners)
    scripted = _as_follow(_share_out(config.population.scripted, others, rng, "population.scripted"))
    if learners_follow is not None:
        scripted = _join(scripted, _of_learners(learners_follow, learners, rng))
        learners = np.empty(0, dtype=np.int64)
    groups, learned = [], []
    for policy, slots in scripted.items():
        if isinstance(policy, LearnedPolicy):
            learned.append((policy, slots))
        elif policy not in POLICIES and is_policy_path(policy):
            learned.append((load_policy(policy), slots))
        else:
            chosen = POLICIES[policy].with_options(policy, config.population.options.get(policy, {}))
            groups.append((chosen, slots))
    return Population(learners, tuple(groups), tuple(learned))


def _of_learners(
    follow: Follow | Mapping[str, float] | Sequence[Follow], learners: IntArray, rng: np.random.Generator
) -> Mapping[Follow, IntArray]:
    """Whom the slots that would learn follow."""
    if isinstance(follow, LearnedPolicy):
        return {follow: learners}
    if isinstance(follow, str | Mapping):
        return _as_follow(_share_out(follow, learners, rng, "run.policy"))
    if len(follow) != len(learners):
        raise ConfigError(
            f"{len(follow)} policies are given, and {len(learners)} households would learn; give each one"
        )
    return {
        policy: np.array([slot for slot, its in zip(learners.tolist(), follow, strict=True) if its == policy])
        for policy in dict.fromkeys(follow)
    }


def _learners(wanted: int | str | tuple[str, ...], names: Sequence[str], rng: np.random.Generator) -> IntArray:
    """Slots of the learners, ascending."""
    if wanted == "all":
        return np.arange(len(names))
    if isinstance(wanted, tuple):
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ConfigError(
                f"population.learners: the street has no household {unknown[0]!r}, its households are {names[0]} to "
                f"{names[-1]} (street.agent_names){suggest(unknown[0], names)}"
            )
        if len(set(wanted)) < len(wanted):
            raise ConfigError(f"population.learners: {list(wanted)} names a household twice")
        return np.array(sorted(names.index(name) for name in wanted), dtype=np.int64)
    num_learners = int(wanted)
    if num_learners > len(names):
        raise ConfigError(f"population.learners: given {num_learners}, and the street has {len(names)} households")
    if num_learners == len(names):
        return np.arange(len(names))
    return np.sort(rng.permutation(len(names))[:num_learners])


def _share_out(
    mix: str | Mapping[str, float], slots: IntArray, rng: np.random.Generator, key: str
) -> dict[str, IntArray]:
    """Give every slot a policy, by largest remainder and then by lot."""
    if isinstance(mix, str):
        return {mix: slots} if slots.size else {}
    counts = apportion(mix, slots.size, key)
    parts = np.split(rng.permutation(slots), np.cumsum(counts)[:-1])
    return {name: np.sort(part) for name, part in zip(mix, parts, strict=True) if part.size}


def _as_follow(shared_out: Mapping[str, IntArray]) -> dict[Follow, IntArray]:
    return {name: slots for name, slots in shared_out.items()}  # noqa: C416 (a dict of another type)


def _join(one: Mapping[Follow, IntArray], other: Mapping[Follow, IntArray]) -> dict[Follow, IntArray]:
    """Merge two assignments, a policy of both once."""
    nobody = np.empty(0, dtype=np.int64)
    return {
        name: np.sort(np.concatenate([one.get(name, nobody), other.get(name, nobody)])) for name in {**one, **other}
    }
