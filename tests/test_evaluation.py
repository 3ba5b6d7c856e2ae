"""Measuring players on tasks: the same episodes whatever the form of a policy, figures that add up, clear errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import p2p_market
from p2p_market.auction.rules import AuctionRules
from p2p_market.build import build_controller
from p2p_market.cli import main
from p2p_market.config_loading import load_config
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer
from p2p_market.errors import ActionError, ConfigError, P2PMarketError, UnknownNameError
from p2p_market.evaluation import EvaluationResults
from p2p_market.evaluation.exploitability import exploitability
from p2p_market.policies import as_callable
from p2p_market.recorder import Recorder
from p2p_market.tasks import FOLDER, find_task

STREET = "street10-v0"


def measure(policy: Any, task: str = STREET, **options: Any) -> EvaluationResults:
    return p2p_market.evaluate(policy, task, **{"references": False, "episodes": 3, **options})


def by_hour(observations: np.ndarray) -> np.ndarray:
    """Some policy that is not symmetric: prices by own net load and hour, half of the net load offered."""
    price = np.tanh(3.0 * observations[..., 2] + observations[..., 5])
    return np.stack([price, np.zeros_like(price)], axis=-1)


def assert_same_results(one: EvaluationResults, other: EvaluationResults) -> None:
    first, second = (next(iter(results.players.values())) for results in (one, other))
    for name, values in first.episodes.items():
        np.testing.assert_array_equal(values, second.episodes[name], err_msg=name)
    assert first.kpis == pytest.approx(second.kpis, nan_ok=True, abs=0.0)


def test_a_policy_may_be_a_function_of_a_batch_or_of_an_agent_or_one_for_every_agent() -> None:
    def as_agent(observation: np.ndarray, agent: str) -> np.ndarray:
        assert agent.startswith("household_")
        assert observation.shape == (15,)
        return by_hour(observation)

    def with_infos(observations: np.ndarray, infos: Mapping[str, Any]) -> np.ndarray:
        assert infos["clipped_features"].shape == observations.shape[:2]
        return by_hour(observations)

    batch = measure(by_hour)
    agents = p2p_market.make(STREET).possible_agents
    assert_same_results(batch, measure(as_agent, per_agent=True))
    assert_same_results(batch, measure(dict.fromkeys(agents, by_hour)))
    assert_same_results(batch, measure(with_infos))


def test_it_is_what_a_loop_over_the_environment_gives() -> None:
    """Episode 0 is the first market of the batch, and so a PettingZoo loop with the protocol's seed."""
    task = find_task(STREET)
    env = p2p_market.make(STREET, split="test")
    observations, _ = env.reset(seed=task.evaluation.seed)
    bills, rewards, traded = 0.0, 0.0, 0.0
    while env.agents:
        actions = {agent: by_hour(observation).astype(np.float32) for agent, observation in observations.items()}
        observations, reward, _, _, infos = env.step(actions)
        bills += sum(info["bill"] for info in infos.values())
        traded += sum(max(info["filled"], 0.0) for info in infos.values())
        rewards += float(np.mean(list(reward.values())))
    episode = measure(by_hour).episodes.row(0, named=True)
    assert episode["cost_dollars"] == pytest.approx(bills)
    assert episode["traded_kwh"] == pytest.approx(traded)
    assert episode["reward"] == pytest.approx(rewards, rel=1e-5)


def test_agents_see_infos_and_forget_before_the_first_episode() -> None:
    class Player:
        resets, seen = 0, 0

        def reset(self) -> None:
            self.resets += 1

        def __call__(self, observations: np.ndarray, infos: Mapping[str, Any]) -> np.ndarray:
            assert ("filled" in infos) == (self.seen > 0)
            self.seen += 1
            return by_hour(observations)

    player = Player()
    assert_same_results(measure(player), measure(by_hour))
    assert (player.resets, player.seen) == (1, 48)


def test_a_second_parameter_of_another_name_is_the_policys_own() -> None:
    def policy(observations: np.ndarray, deterministic: bool = True) -> np.ndarray:
        assert deterministic is True
        return by_hour(observations)

    assert_same_results(measure(policy), measure(by_hour))


def test_a_scripted_policy_and_its_callable_play_alike() -> None:
    env = p2p_market.make(STREET, kind="vector")
    scripted, called = measure("truthful"), measure(as_callable("truthful", env), name="called")
    one, other = scripted.summary.row(0, named=True), called.summary.row(0, named=True)
    assert (one["player"], other["player"]) == ("truthful", "called")
    assert one["bill_dollars"] == pytest.approx(other["bill_dollars"], rel=1e-3)
    learning = measure(as_callable("zip", env), name="zip")
    assert 0.0 < learning.summary["saving_dollars"][0] < one["saving_dollars"]


def test_figures_add_up() -> None:
    results = p2p_market.evaluate("linear", STREET, episodes=5)
    summary = results.summary
    assert summary["player"].to_list() == ["linear", "grid_only", "zero_intelligence", "truthful", "zip"]
    rows = {row["player"]: row for row in summary.iter_rows(named=True)}
    grid = rows["grid_only"]
    for name, row in rows.items():
        assert row["saving_dollars"] == pytest.approx(grid["bill_dollars"] - row["bill_dollars"])
        assert row["to_truthful_dollars"] == pytest.approx(row["saving_dollars"] - rows["truthful"]["saving_dollars"])
        assert row["to_truthful_low"] <= row["to_truthful_dollars"] <= row["to_truthful_high"]
        episodes = results.episodes.filter(pl.col("player") == name)
        assert episodes.height == 5
        assert row["bill_dollars"] == pytest.approx(episodes["cost_dollars"].sum() / (5 * 10))
        assert results.kpis[name]["bills_dollars"] == pytest.approx(row["bill_dollars"] * 10)
    assert grid["price_dollars_per_kwh"] is None
    assert grid["traded_kwh"] == 0.0
    assert rows["truthful"]["allocative_efficiency"] == pytest.approx(1.0)
    # days and homes are the same for all players
    assert (
        results.episodes.group_by("episode")
        .agg(pl.col("default_cost_dollars").n_unique())["default_cost_dollars"]
        .to_list()
        == [1] * 5
    )


def test_the_protocol_is_the_tasks_own() -> None:
    results = p2p_market.evaluate("truthful", STREET, references=False)
    task = find_task(STREET)
    assert (results.num_episodes, results.seed) == (task.evaluation.episodes, task.evaluation.seed)
    again = p2p_market.evaluate("truthful", STREET, references=False)
    assert results.episodes.equals(again.episodes)
    other = p2p_market.evaluate("truthful", STREET, references=False, split="validation")
    assert not results.episodes["start"].equals(other.episodes["start"])


def test_nothing_costs_less_than_the_optimum() -> None:
    pytest.importorskip("scipy")
    results = p2p_market.evaluate("gd", "storage10-v0", storage="self_consumption", episodes=4)
    summary = results.summary
    assert summary["player"][0] == "gd + self_consumption"
    optimum = summary.row(-1, named=True)
    assert (optimum["player"], optimum["value_captured"]) == ("optimum", 1.0)
    players = summary.head(-2)
    alone = summary.row(-2, named=True)
    assert alone["player"] == "everybody alone at best"
    assert optimum["bill_dollars"] < alone["bill_dollars"] < players.filter(player="grid_only")["bill_dollars"][0]
    assert 0.0 < alone["value_captured"] < 1.0
    assert (players["bill_dollars"] >= optimum["bill_dollars"] - 1e-9).all()
    grid = players.filter(player="grid_only").row(0, named=True)
    assert grid["value_captured"] == pytest.approx(0.0, abs=1e-9)
    share = (grid["bill_dollars"] - players["bill_dollars"]) / (grid["bill_dollars"] - optimum["bill_dollars"])
    np.testing.assert_allclose(players["value_captured"], share)
    without = p2p_market.evaluate("truthful", "storage10-v0", references=False, bounds=False, episodes=2)
    assert "value_captured" not in without.summary.columns


def test_agents_steer_their_batteries() -> None:
    def charge(observations: np.ndarray) -> np.ndarray:
        return np.ones((*observations.shape[:2], 3), np.float32)

    results = measure(charge, "storage10-v0", bounds=False)
    assert results.kpis["charge"]["battery_taken_kwh"] > 0.0
    assert results.kpis["charge"]["battery_given_kwh"] == 0.0


class TestExploitability:
    """Two homes, one with 1 kWh to spare and one in need of it in every half hour, at 0.32 and 0.10 $/kWh."""

    HOURS = Calendar.regular("2013-01-14", 3 * 48, 30)

    def found(self, policy: str) -> float:
        demand = np.tile([0.0, 1.0], (len(self.HOURS), 1))
        container = DataContainer.from_arrays(
            demand, demand[:, ::-1], calendar=self.HOURS, customer_ids=["seller", "buyer"]
        )
        overrides = {"street.households": ["seller", "buyer"], "tariff.plan": "flat"}
        controller = build_controller(
            load_config(None, overrides), container=container, num_markets=2, learners_follow=policy
        )
        controller.reset(seed=0)
        recorder = Recorder(48, 2, 2)
        for _ in range(48):
            recorder.record(controller.run_auction(None).transition)
        return exploitability(recorder, controller.operator.rules, 48)

    def test_who_is_truthful_could_take_the_others_half(self) -> None:
        # both get half of 0.22 $; a buyer that bids 0.10 would get all of it, and a seller that asks 0.32 too
        assert self.found("truthful") == pytest.approx(48 * 0.11)

    def test_nobody_gains_alone_where_nobody_offers(self) -> None:
        assert self.found("grid_only") == 0.0

    def test_best_responses_to_each_other_are_exploited_less_than_the_truth(self) -> None:
        honest, noisy = (
            measure(policy, "street20-v0", exploitability=True).kpis[policy]["exploitability_dollars"]
            for policy in ("truthful", "zero_intelligence")
        )
        assert 0.0 < honest < noisy

    def test_not_for_pools(self) -> None:
        with pytest.raises(ConfigError, match="exploitability is worked out for one sealed bid a household"):
            measure("truthful", exploitability=True, overrides={"market.mechanism": "mid_market_rate"})
        assert AuctionRules("uniform_price").draws_lots is False


def _silent(observations: np.ndarray) -> None:
    assert observations.ndim == 3


def _short(observation: np.ndarray, agent: str) -> list[float]:
    assert agent == "household_0"
    return [float(observation[0])]


def _in_words(observation: np.ndarray, agent: str) -> str:
    return f"{agent} bids {observation[0]}"


WRONG_CALLS: list[tuple[dict[str, Any], type[P2PMarketError], str]] = [
    ({"policy": "truthfull"}, UnknownNameError, "unknown policy 'truthfull'; did you mean 'truthful'?"),
    (
        {"policy": "truthful", "task": "street10"},
        UnknownNameError,
        "unknown task 'street10'; did you mean 'street10-v0'",
    ),
    ({"policy": "truthful", "split": "tests"}, UnknownNameError, "unknown split 'tests'; did you mean 'test'?"),
    ({"policy": "truthful", "storage": "idel"}, ConfigError, "unknown storage rule 'idel'; did you mean 'idle'?"),
    ({"policy": "truthful", "episodes": 1}, ConfigError, "episodes is 1; expected a whole number, 2 or more"),
    ({"policy": None}, ConfigError, "nobody plays: policy is None, and references are left out; give one of the two"),
    ({"policy": 3}, ConfigError, "policy is 3; expected the name of a scripted policy, a callable on observations"),
    ({"policy": {}}, ConfigError, "policies are given for 0 agents, and not for 'household_0'; expected one for each"),
    (
        {"policy": {f"household_{i}": by_hour for i in range(9)} | {"househld_9": by_hour}},
        ConfigError,
        "policies are given for 10 agents, and not for 'household_9'; did you mean 'househld_9'?; expected one",
    ),
    (
        {"policy": {f"household_{i}": i for i in range(9)} | {"household_9": by_hour}},
        ConfigError,
        "the policy of 'household_0' is 0; expected a callable",
    ),
    (
        {"policy": by_hour, "storage": "idle"},
        ConfigError,
        "storage is 'idle', and 'by_hour' is a callable, whose actions steer the batteries; leave it out",
    ),
    (
        {"policy": by_hour, "overrides": {"population.learners": 0}},
        ConfigError,
        "nobody learns on this street (population.learners is 0), so it has no agents",
    ),
    (
        {"policy": lambda observations: observations[..., :1]},
        ActionError,
        "policy '<lambda>', interval 0 of the episode: actions have shape (3, 10, 1); expected (markets, households, ",
    ),
    (
        {"policy": lambda seen: np.full((*seen.shape[:2], 2), np.nan), "name": "mine"},
        ActionError,
        "policy 'mine', interval 0 of the episode: action of 'household_0' in market 0, component 0 (limit price), is",
    ),
    (
        {"policy": _silent, "name": "mine"},
        ActionError,
        "policy 'mine', interval 0 of the episode: no actions were given; expected an array of shape (3, 10, 2)",
    ),
    (
        {"policy": _short, "per_agent": True, "name": "mine"},
        ActionError,
        "policy 'mine', interval 0 of the episode: the action of 'household_0' has shape (1,); expected (2,)",
    ),
    (
        {"policy": _in_words, "per_agent": True, "name": "mine"},
        ActionError,
        "policy 'mine', interval 0 of the episode: the action of 'household_0' is not an array of numbers",
    ),
]


@pytest.mark.parametrize(("options", "error", "text"), WRONG_CALLS, ids=[text[:50] for *_, text in WRONG_CALLS])
def test_wrong_calls(options: dict[str, Any], error: type[P2PMarketError], text: str) -> None:
    with pytest.raises(error) as caught:
        measure(**options)
    assert text in re.sub(r"\s+", " ", str(caught.value))


def test_what_goes_wrong_later_names_the_interval() -> None:
    class Player:
        number = -1

        def __call__(self, observations: np.ndarray) -> np.ndarray:
            self.number += 1
            return by_hour(observations) if self.number < 7 else np.full((3, 10, 2), np.nan)

    with pytest.raises(ActionError, match="policy 'Player', interval 7 of the episode: action of 'household_0'"):
        measure(Player())


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    values = yaml.safe_load((FOLDER / "storage10-v0.yaml").read_text(encoding="utf-8"))
    values["evaluation"]["episodes"] = 2
    path = tmp_path / "short-v0.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    command = ["evaluate", "gd", "--task", str(path), "--split", "validation", "--storage", "time_of_use"]
    assert main([*command, "--exploitability"]) == 0
    shown = capsys.readouterr().out
    assert "short-v0, validation: 2 episodes, seed 0" in shown
    results = p2p_market.evaluate("gd", path, storage="time_of_use", split="validation", references=False)
    assert re.search(rf"gd \+ time_of_use\s+{100 * results.summary['bill_dollars'][0]:.1f} ", shown)
    for word in ("time_of_use", "truthful", "zip", "optimum", "captured", "exploit."):
        assert word in shown


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["truthfull", "--task", STREET], "error: unknown policy 'truthfull'; did you mean 'truthful'?"),
        (["truthful", "--task", "storage10"], "error: unknown task 'storage10'; did you mean 'storage10-v0'?"),
        (["truthful", "--task", STREET, "--split", "tset"], "error: unknown split 'tset'; did you mean 'test'?"),
        (["truthful", "--task", STREET, "--data", "nowhere"], "error: "),
        (["truthful", "--task", STREET, "--set", "market.mechansim=x"], "error: unknown configuration key"),
    ],
)
def test_errors_of_the_command(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *words]) == 1
    assert capsys.readouterr().err.startswith(text)


def test_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "tasks"]) == 0
    assert "street10-v0" in capsys.readouterr().out
