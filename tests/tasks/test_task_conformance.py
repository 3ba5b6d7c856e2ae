"""Every task passes PettingZoo's own tests, without warnings."""

from __future__ import annotations

import functools
import types
from typing import Any

import pettingzoo
import pytest
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
    seed_test,
    state_test,
)

import p2p_market
from p2p_market.registration import register_environments
from p2p_market.tasks import task_names


@pytest.fixture(scope="module", params=task_names())
def task(request: pytest.FixtureRequest) -> str:
    """One task after the other, so that its households are made once."""
    return str(request.param)


def make(task: str, kind: str, **keywords: Any) -> Any:
    return p2p_market.make(task, split="validation", kind=kind, **keywords)


def num_agents(task: str) -> int:
    return int(make(task, "parallel").max_num_agents)


def test_parallel_api(task: str) -> None:
    parallel_api_test(make(task, "parallel"), num_cycles=60 if num_agents(task) < 100 else 10)


def test_parallel_seed(task: str) -> None:
    parallel_seed_test(functools.partial(make, task, "parallel"), num_cycles=60 if num_agents(task) < 100 else 10)


def test_turn_based_api(task: str) -> None:
    api_test(make(task, "aec"), num_cycles=max(200, 2 * num_agents(task)))


def test_turn_based_seed(task: str) -> None:
    seed_test(functools.partial(make, task, "aec"), num_cycles=max(200, 2 * num_agents(task)))


def test_state(task: str) -> None:
    state_test(make(task, "aec"), make(task, "parallel"), num_cycles=10)


def test_max_cycles(task: str) -> None:
    module = types.SimpleNamespace(
        parallel_env=functools.partial(make, task, "parallel"), env=functools.partial(make, task, "aec")
    )
    max_cycles_test(module)


def test_render(task: str) -> None:
    pytest.importorskip("matplotlib")
    render_test(functools.partial(make, task, "aec", max_cycles=2))


@pytest.mark.skipif(not hasattr(pettingzoo, "make"), reason="this PettingZoo has no registry")
@pytest.mark.parametrize("kind", ["parallel", "aec"])
def test_pettingzoo_makes_it_by_its_id(task: str, kind: str) -> None:
    env = pettingzoo.make(kind, f"p2p_market/{task}", split="validation", max_cycles=2)
    env.reset(seed=0)
    same = make(task, "parallel")
    assert env.possible_agents == same.possible_agents
    agent = env.possible_agents[0]
    assert env.observation_space(agent) == same.observation_space(agent)


def test_a_pettingzoo_without_a_registry_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pettingzoo, "register", raising=False)
    register_environments()
