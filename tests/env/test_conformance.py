"""PettingZoo's own tests, without warnings (pytest turns every warning into an error)."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
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
from pettingzoo.utils import aec_to_parallel
from streets import assert_same, homes

import p2p_market
from p2p_market import p2p_market_v0

SIZES = [2, 20, pytest.param(300, id="300")]
STREETS: list[Any] = [
    pytest.param({}, id="default"),
    pytest.param({"agent_names": "role", "plan": {"agl_time_of_use": 0.5, "flat": 0.5}}, id="roles"),
    pytest.param({"mechanism": "pay_as_bid", "learners": 2, "scripted": "zero_intelligence"}, id="mixed street"),
    pytest.param({"observation": "private", "action": "price", "ties": "random"}, id="price only"),
    pytest.param({"action": "discrete_price", "action_levels": [5]}, id="discrete price"),
    pytest.param(
        {"action": "multi_discrete"},
        id="multi-discrete",
        # PettingZoo takes such spaces, and its turn-based test says that they are unusual
        marks=pytest.mark.filterwarnings("ignore:Action space for each agent probably should be"),
    ),
    pytest.param(
        {
            "homogeneous": False,
            "action": "price_quantity_storage",
            "devices": {"battery": {"share": 0.5}},
            "agent_names": "role",
        },
        id="exact spaces",
        marks=[  # which is what was asked for
            pytest.mark.filterwarnings("ignore:Agents have different observation space sizes"),
            pytest.mark.filterwarnings("ignore:Agents have different action space sizes"),
            pytest.mark.filterwarnings("ignore:Observations are different shapes"),
        ],
    ),
    pytest.param({"network": {"feeders": 2, "import_limit_kw": 1.0, "export_limit_kw": 0.5}}, id="feeder limits"),
    pytest.param({"mechanism": "continuous", "rounds": 3, "action": "price_concession"}, id="bidding rounds"),
]


def make(kind: str, num_households: int, **keywords: Any) -> Any:
    """An environment of the versioned module over small hand-made data."""
    door = getattr(p2p_market_v0, kind)
    return door(data_container=homes(max(12, num_households)), num_households=num_households, **keywords)


@pytest.mark.parametrize("num_households", SIZES)
def test_parallel_api(num_households: int) -> None:
    parallel_api_test(make("parallel_env", num_households), num_cycles=60 if num_households < 300 else 10)


@pytest.mark.parametrize("keywords", STREETS)
def test_parallel_api_of_other_streets(keywords: dict[str, Any]) -> None:
    parallel_api_test(make("parallel_env", 6, **keywords), num_cycles=60)


@pytest.mark.parametrize("num_households", SIZES)
def test_parallel_seed(num_households: int) -> None:
    parallel_seed_test(functools.partial(make, "parallel_env", num_households), num_cycles=60)


@pytest.mark.parametrize("num_households", SIZES)
@pytest.mark.parametrize("kind", ["env", "raw_env"])
def test_turn_based_api(kind: str, num_households: int) -> None:
    api_test(make(kind, num_households), num_cycles=3 * num_households if num_households == 300 else 500)


@pytest.mark.parametrize("keywords", STREETS)
def test_turn_based_api_of_other_streets(keywords: dict[str, Any]) -> None:
    api_test(make("env", 6, **keywords), num_cycles=500)


@pytest.mark.parametrize("num_households", SIZES)
def test_turn_based_seed(num_households: int) -> None:
    num_cycles = 2 * num_households if num_households == 300 else 500
    seed_test(functools.partial(make, "env", num_households), num_cycles=num_cycles)


@pytest.mark.parametrize("num_households", SIZES)
def test_state(num_households: int) -> None:
    state_test(make("env", num_households), make("parallel_env", num_households), num_cycles=10)


@pytest.mark.parametrize("num_households", SIZES)
def test_max_cycles(num_households: int) -> None:
    module = types.SimpleNamespace(
        parallel_env=functools.partial(make, "parallel_env", num_households),
        env=functools.partial(make, "env", num_households),
    )
    max_cycles_test(module)


@pytest.mark.parametrize("num_households", SIZES)
def test_render(num_households: int) -> None:
    """PettingZoo's test renders in every mode; ``human`` opens no window where there is no display."""
    render_test(functools.partial(make, "env", num_households, max_cycles=2))


def test_there_and_back_again() -> None:
    """The turn-based environment converts back to a parallel one that plays the same."""
    parallel, converted = make("parallel_env", 4), aec_to_parallel(make("raw_env", 4))
    (first, _), (second, _) = parallel.reset(seed=3), converted.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(48):
        for agent in first:
            np.testing.assert_array_equal(first[agent], second[agent])
        actions = {agent: rng.uniform(-1, 1, 2).astype(np.float32) for agent in first}
        first, rewards, *_ = parallel.step(actions)
        second, other_rewards, *_ = converted.step(actions)
        assert rewards == other_rewards
    assert parallel.agents == converted.agents == []


@pytest.mark.skipif(not hasattr(pettingzoo, "make"), reason="this PettingZoo has no registry")
@pytest.mark.parametrize("kind", ["parallel", "aec"])
def test_pettingzoo_makes_the_street_by_its_id(kind: str) -> None:
    env = pettingzoo.make(kind, "p2p_market/street-v0", data_container=homes(), num_households=3, max_cycles=2)
    assert str(env.unwrapped) == "p2p_market_v0"
    env.reset(seed=0)
    assert env.possible_agents == ["household_0", "household_1", "household_2"]


def test_metadata_says_what_pettingzoo_asks_for() -> None:
    env = make("parallel_env", 2)
    assert env.metadata["name"] == str(env) == "p2p_market_v0"
    assert env.metadata["is_parallelizable"] is True
    assert set(env.metadata["render_modes"]) == {"human", "ansi", "rgb_array"}
    assert env.render_mode is None
    assert p2p_market.env is p2p_market_v0.env
    assert p2p_market.parallel_env is p2p_market_v0.parallel_env
    assert p2p_market.raw_env is p2p_market_v0.raw_env


def test_default_module_as_pettingzoo_calls_it() -> None:
    """The module with nothing given: the synthetic street of twenty homes."""
    max_cycles_test(p2p_market_v0)
    parallel_api_test(p2p_market_v0.parallel_env(), num_cycles=20)
    api_test(p2p_market_v0.env(max_cycles=3), num_cycles=60)


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_watching_changes_nothing(mode: str) -> None:
    pytest.importorskip("matplotlib")
    watched, alone = make("parallel_env", 3, render_mode=mode), make("parallel_env", 3)
    watched.reset(seed=0)
    alone.reset(seed=0)
    watched.render()
    for interval in range(48):
        actions = {agent: np.ones(2, np.float32) for agent in alone.agents}
        assert_same(watched.step(actions), alone.step(actions))
        if interval % 20 == 0:
            picture = watched.render()
            assert isinstance(picture, str if mode == "ansi" else np.ndarray)
    watched.close()
    watched.close()
    assert_same(watched.reset(), alone.reset())
