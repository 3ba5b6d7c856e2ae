"""Learned policies that have learned nothing: random networks for the learners of a street."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from p2p_market.learned import LearnedPolicy, Network


def policy_of(
    env: Any, groups: dict[str, tuple[str, ...]] | None = None, seed: int = 0, head: str = "clip", name: str = "random"
) -> LearnedPolicy:
    """Random networks for the learners of an environment."""
    scenario, rng = env.controller.model.scenario, np.random.default_rng(seed)
    levels, agents = scenario.action_map.levels, tuple(env.agents)
    outputs = sum(levels) if levels else len(scenario.action_map.components)
    sizes = (len(scenario.observer.names), 7, outputs)

    def network() -> Network:
        pairs = list(itertools.pairwise(sizes))
        return Network(
            tuple(rng.standard_normal(pair).astype(np.float32) for pair in pairs),
            tuple(rng.standard_normal(pair[1]).astype(np.float32) for pair in pairs),
        )

    groups = groups or {"household": agents}
    return LearnedPolicy(
        {group: network() for group in groups},
        groups,
        agents,
        scenario.observer.names,
        scenario.action_map.components,
        levels,
        head,  # type: ignore[arg-type]
        {"name": name},
        scenario.reference_power_kw,
        scenario.max_quote_ratio,
    )
