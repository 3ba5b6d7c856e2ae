"""Tasks: what their files may say, that splits share nothing, and what is said about a wrong name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import p2p_market
from p2p_market.config_loading import put_value
from p2p_market.data.official_writer import write_official_layout
from p2p_market.data.selection import expand_pool
from p2p_market.data.synthetic import synthetic_community
from p2p_market.env import AuctionEnv
from p2p_market.errors import ConfigError, DataError, UnknownNameError
from p2p_market.tasks import FOLDER, SPLITS, TASKS, find_task, task_names
from p2p_market.tasks.task import load_task
from p2p_market.vector_env import AuctionVectorEnv

NAMED = ("street10-v0", "street20-v0", "suburb100-v0", "town300-v0", "storage10-v0", "da_maddpg-v0")


def test_the_named_tasks_are_there() -> None:
    assert set(NAMED) <= set(task_names())
    assert list(TASKS) == task_names()
    assert [TASKS[name].name for name in TASKS] == task_names()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "town300-v0" else name for name in task_names()]
)
def test_splits_share_neither_households_nor_days(name: str) -> None:
    """In what is drawn, over many episodes; the last observation and the interval it is of included."""
    seen: dict[str, tuple[set[str], set[Any]]] = {}
    for split in SPLITS:
        env = p2p_market.make(name, split=split, kind="vector", num_envs=40)
        env.reset(seed=5)
        scenario, state = env.controller.model.scenario, env.controller.state
        ids = np.array(scenario.data_container.customer_ids)
        read = state.row[:, None] + np.arange(env.max_cycles + 1)
        assert read.max() < len(scenario.calendar), "the last observation is real"
        days = scenario.calendar.start[read].astype("datetime64[D]")
        seen[split] = set(ids[state.profile].ravel().tolist()), set(days.ravel().tolist())
        chosen = find_task(name).splits[split]
        assert seen[split][0] <= set(expand_pool(chosen.pool))
        assert min(seen[split][1]) >= chosen.first_day
        assert max(seen[split][1]) <= chosen.last_day
        assert len(expand_pool(chosen.pool)) > env.num_agents, "streets differ from episode to episode"
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        for mine, theirs in zip(seen[one], seen[other], strict=True):
            assert not mine & theirs


def test_kinds_of_environment() -> None:
    assert isinstance(p2p_market.make("street10-v0"), AuctionEnv)
    vector = p2p_market.make("street10-v0", kind="vector", num_envs=3)
    assert isinstance(vector, AuctionVectorEnv)
    assert vector.num_envs == 3
    turn_based = p2p_market.make("street10-v0", kind="aec", render_mode="ansi")
    turn_based.reset(seed=0)
    assert turn_based.agent_selection == "household_0"


def test_overrides_and_keywords_go_on() -> None:
    env = p2p_market.make("street10-v0", overrides={"market.mechanism": "pay_as_bid"}, max_cycles=3)
    assert env.operator.rules.mechanism == "pay_as_bid"
    assert env.max_cycles == 3


def test_the_published_set_up() -> None:
    env = p2p_market.make("da_maddpg-v0")
    assert sorted(env.possible_agents) == [f"{role}_{i}" for role in ("consumer", "prosumer") for i in range(4)]
    scenario = env.model.scenario
    assert scenario.observer.names == ("net_load", "state_of_charge", "retail_price", "feed_in_price")
    assert scenario.action_map.components == ("limit price", "battery power")
    assert env.max_cycles == 24
    retail, feed_in = (prices[:24, 0] for prices in (scenario.tariffs.retail, scenario.tariffs.feed_in))
    np.testing.assert_array_equal(retail, [0.08] * 9 + [0.13] * 8 + [0.18] * 4 + [0.08] * 3)
    np.testing.assert_array_equal(feed_in, 0.04)
    battery: Any = scenario.fleet.devices["battery"]
    assert battery.owners.all()
    # down to 2 kWh and up to 10 kWh, 2 kW on the AC side, 0.95 in and out
    low = battery.move({"stored": np.full((1, 8), 3.0)}, np.full((1, 8), -1.0))
    np.testing.assert_allclose(low.state["stored"], 2.0, atol=0.002)
    np.testing.assert_allclose(low.energy, -0.95, atol=0.002)
    high = battery.move({"stored": np.full((1, 8), 6.0)}, np.full((1, 8), 1.0))
    np.testing.assert_allclose(high.state["stored"], 6.0 + 0.95 * 2.0)
    np.testing.assert_allclose(high.energy, 2.0)
    # the price action spans feed-in to retail, and each pair trades at its middle
    env.reset(seed=0)
    actions = {agent: np.array([1.0 if i % 2 else -1.0, 0.0], np.float32) for i, agent in enumerate(env.agents)}
    env.step(actions)
    assert env.operator.rules.mechanism == "pairwise_midpoint"
    prices = env.controller.transition.orders.price
    assert set(np.round(prices[env.controller.transition.orders.quantity != 0.0], 9).tolist()) <= {0.04, 0.08}


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: p2p_market.make("street10"),
            "unknown task 'street10'; did you mean 'street10-v0'?; known: da_maddpg-v0",
        ),
        (
            lambda: p2p_market.make("street10-v0", split="tset"),
            "unknown split 'tset'; did you mean 'test'?; known: test,",
        ),
        (
            lambda: p2p_market.make("street10-v0", kind="parralel"),
            "unknown kind of environment 'parralel'; did you mean 'parallel'?; known: aec, parallel, vector",
        ),
    ],
)
def test_wrong_names(call: Any, text: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        call()
    assert text in str(caught.value)


def edited(tmp_path: Path, changes: dict[str, Any], name: str = "mine-v1.yaml") -> Path:
    values = yaml.safe_load((FOLDER / "street10-v0.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        put_value(values, key, value)
        if value is None:
            del values[key]
    path = tmp_path / name
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_a_task_of_ones_own_is_one_file(tmp_path: Path) -> None:
    path = edited(tmp_path, {"config.street.num_households": 4, "splits.test.pool": ["290-300"]})
    env = p2p_market.make(path, split="test")
    assert len(env.possible_agents) == 4
    assert env.model.data_container.customer_ids == tuple(str(home) for home in range(290, 301))
    assert load_task(path).name == "mine-v1"


WRONG_FILES: list[tuple[dict[str, Any], str]] = [
    ({"splits.test.pool": ["180-200"]}, "household '180' is in test and in train; leave it in one"),
    ({"splits.test.first_day": "2012-06-30"}, "2012-06-30 is in validation and in test; let one of them end before"),
    ({"splits": {"train": {}}}, "splits.train.pool: missing; it has no default"),
    ({"splits.exam": {"pool": "1"}}, "splits.exam"),
    ({"config.market.mechansim": "x"}, "config: the configuration: market.mechansim: unknown key; did you mean"),
    ({"config.street.pv_share": 2}, "street.pv_share: given 2; expected"),
    ({"references": [{"policy": "zip"}]}, "references need {policy: truthful}, which the others are compared with"),
    ({"references": [{"policy": "zap"}]}, "unknown policy 'zap'; did you mean 'zip'?"),
    ({"evaluation.episodes": 1}, "evaluation.episodes: given 1; expected greater than or equal to 2"),
    ({"judged_by": "luck"}, "judged_by: given 'luck'; expected 'bill' or 'value_captured'"),
    ({"sumary": "x"}, "sumary: unknown key; did you mean 'summary'?"),
    ({"story": None}, "story: missing; it has no default"),
    ({"name": "other-v0"}, "name: a task is called as its file is; leave the key out"),
]


@pytest.mark.parametrize(("changes", "text"), WRONG_FILES, ids=[str(changes) for changes, _ in WRONG_FILES])
def test_wrong_task_files(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    path = edited(tmp_path, changes)
    with pytest.raises(ConfigError) as caught:
        p2p_market.make(path)
    assert str(path) in str(caught.value)
    assert text in str(caught.value)


def test_a_split_that_is_missing_and_a_name_without_version(tmp_path: Path) -> None:
    path = edited(tmp_path, {})
    values = yaml.safe_load(path.read_text())
    del values["splits"]["validation"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="a task has the splits train, validation, test; validation is missing"):
        load_task(path)
    with pytest.raises(ConfigError, match=re.escape("a task is called NAME-vN, such as street10-v0")):
        load_task(edited(tmp_path, {}, name="mine.yaml"))
    with pytest.raises(ConfigError, match=r"task file .* does not exist"):
        load_task(tmp_path / "nothing-v0.yaml")


@pytest.fixture(scope="module")
def ausgrid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two weeks of the official files, for the homes of the test split and ten others."""
    folder = tmp_path_factory.mktemp("ausgrid")
    numbers = [*range(1, 11), *range(241, 301)]
    community = synthetic_community(300, start="2012-06-25", days=14, pv_share=1.0, homes=numbers)
    write_official_layout(community, folder)
    return folder


def test_recorded_homes_in_place_of_synthetic_ones(ausgrid: Path) -> None:
    env = p2p_market.make("street10-v0", split="test", kind="vector", num_envs=20, data=ausgrid)
    env.reset(seed=0)
    container = env.controller.model.data_container
    assert container.customer_ids == tuple(str(home) for home in range(241, 301))
    assert str(container.calendar.start[0]) == "2012-07-01T00:00", "the days of the split, and no others"
    assert container.source != "synthetic"
    results = p2p_market.evaluate("truthful", "street10-v0", data=ausgrid, episodes=2)
    assert results.summary["saving_dollars"][0] > 0.0
    with pytest.raises(DataError, match="11"):
        p2p_market.make("street10-v0", split="train", data=ausgrid)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "da_maddpg-v0",
            "task 'da_maddpg-v0' has intervals of 60 minutes, and the Ausgrid files of 30; leave data out",
        ),
        (
            "suburb100-v0",
            "task 'suburb100-v0' has 100 households, and the test split of the Ausgrid files has 60 homes; leave data",
        ),
    ],
)
def test_tasks_that_recorded_homes_do_not_fit(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        p2p_market.make(name, split="test", data="anywhere")
    assert text in str(caught.value)
