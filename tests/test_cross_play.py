"""Cross-play: one household among others, every one in turn; and streets of other sizes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from networks import policy_of

import p2p_market
from p2p_market.build import build_controller
from p2p_market.cli import main
from p2p_market.errors import ConfigError, UnknownNameError
from p2p_market.evaluation import cross_play, zero_shot
from p2p_market.learned import LearnedPolicy
from p2p_market.tasks import find_task

STREET = "street10-v0"


def learned(task: str = STREET, seed: int = 0) -> LearnedPolicy:
    return policy_of(p2p_market.make(task, kind="vector"), seed=seed, head="tanh")


def savings_of(follow: list[Any], task: str, episodes: int) -> np.ndarray:
    """``(B, N)`` interval by interval, with nothing but the controller."""
    chosen = find_task(task)
    controller = build_controller(chosen.configuration("test"), num_markets=episodes, learners_follow=follow)
    controller.reset(seed=chosen.evaluation.seed)
    saved = np.zeros(controller.get_size())
    for _ in range(controller.horizon):
        transition = controller.run_auction(None).transition
        cost = 0.0 if transition.cost_beside_bill is None else transition.cost_beside_bill
        saved += transition.default_bill - transition.settlement.bill - cost
    return saved


def test_every_household_takes_a_turn() -> None:
    policies = {"a": learned(), "truthful": "truthful"}
    results = cross_play(policies, STREET, episodes=3, households=["household_2", "household_7"])
    assert results.households == ("household_2", "household_7")
    rows = {(row["focal"], row["others"]): row for row in results.table.iter_rows(named=True)}
    for (focal, others), row in rows.items():
        same = savings_of([policies[others]] * 10, STREET, 3)
        turns = []
        for slot in (2, 7):
            follow: list[Any] = [policies[others]] * 10
            follow[slot] = policies[focal]
            turns.append(savings_of(follow, STREET, 3))
        mine = np.mean([turns[0][:, 2], turns[1][:, 7]], axis=0)
        assert row["saving_dollars"] == pytest.approx(mine.mean())
        assert row["gain_dollars"] == pytest.approx((mine - same[:, [2, 7]].mean(axis=1)).mean(), abs=1e-9)
        assert row["community_saving_dollars"] == pytest.approx(np.mean(turns))
    assert rows["a", "a"]["gain_dollars"] == 0.0
    assert rows["a", "truthful"]["saving_dollars"] != rows["a", "a"]["saving_dollars"]
    matrix = results.matrix()
    assert matrix.columns == ["focal", "a", "truthful"]
    assert matrix.row(0) == ("a", rows["a", "a"]["saving_dollars"], rows["a", "truthful"]["saving_dollars"])


def test_storage_rules_steer_what_no_policy_does() -> None:
    policies = {"steers": learned("storage10-v0"), "truthful": "truthful"}
    idle, ruled = (
        cross_play(policies, "storage10-v0", episodes=2, households=["household_1"], storage=storage).matrix()
        for storage in (None, "self_consumption")
    )
    assert idle.row(1)[2] != ruled.row(1)[2]
    assert idle.row(0)[1] == ruled.row(0)[1]


def test_who_stays_out_of_the_market_neither_gains_nor_can_be_traded_with() -> None:
    results = cross_play(["grid_only", "truthful"], STREET, episodes=2, households=["household_0", "household_9"])
    rows = {(row["focal"], row["others"]): row for row in results.table.iter_rows(named=True)}
    for pair in (("grid_only", "grid_only"), ("grid_only", "truthful"), ("truthful", "grid_only")):
        assert rows[pair]["saving_dollars"] == pytest.approx(0.0, abs=1e-12)
    assert rows["grid_only", "truthful"]["gain_high"] < 0.0
    assert rows["grid_only", "truthful"]["community_saving_dollars"] > 0.0
    assert rows["truthful", "truthful"]["saving_dollars"] > 0.0
    everybody = cross_play(["truthful"], STREET, episodes=2)
    evaluated = p2p_market.evaluate("truthful", STREET, episodes=2, references=False)
    assert everybody.table["saving_dollars"][0] == pytest.approx(evaluated.summary["saving_dollars"][0])
    assert everybody.table["bill_dollars"][0] == pytest.approx(evaluated.summary["bill_dollars"][0])
    assert len(everybody.households) == 10


def test_zero_shot_on_streets_of_other_sizes() -> None:
    policy = learned()
    table = zero_shot({"mine": policy, "zip": "zip"}, STREET, [4, 14], episodes=2)
    assert table.columns[:2] == ["num_households", "player"]
    for size in (4, 14):
        here = table.filter(pl.col("num_households") == size)
        assert here["player"].to_list() == ["mine", "zip", "grid_only", "zero_intelligence", "truthful"]
        expected = p2p_market.evaluate(policy, STREET, episodes=2, overrides={"num_households": size}).summary
        assert here.row(0, named=True)["bill_dollars"] == expected["bill_dollars"][0]


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = learned().save(tmp_path / "run" / "best.npz")
    table = tmp_path / "out" / "cross.parquet"
    words = ["cross-play", str(file.parent), "truthful", "--task", STREET, "--set", "num_households=3"]
    assert main([*words, "--output", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "street10-v0, test: 64 episodes, 3 households in turn" in printed
    assert "community: saving of all" in printed
    assert pl.read_parquet(table)["others"].to_list() == [str(file.parent), "truthful"] * 2


def test_what_cannot_be_played() -> None:
    with pytest.raises(UnknownNameError, match="unknown policy 'truthfull'"):
        cross_play(["truthfull"], STREET)
    with pytest.raises(ConfigError, match="no learned policy is there"):
        cross_play(["runs/none"], STREET)
    with pytest.raises(ConfigError, match=r"policies are \[\]; expected one or more, each once"):
        cross_play([], STREET)
    with pytest.raises(ConfigError, match="expected one or more, each once"):
        cross_play(["zip", "zip"], STREET)
    with pytest.raises(ConfigError, match="a callable cannot be one household among others"):
        cross_play({"mine": lambda observations: observations}, STREET)  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match="households names 'household_10'; did you mean 'household_"):
        cross_play(["zip"], STREET, households=["household_10"])
    with pytest.raises(ConfigError, match="households is an empty list"):
        cross_play(["zip"], STREET, households=[])
    with pytest.raises(ConfigError, match="nobody learns on this street"):
        cross_play(["zip"], STREET, overrides={"population.learners": 0})
    other = dataclasses.replace(learned(), features=("battery_charge",), about={"name": "other"})
    with pytest.raises(ConfigError, match="'other' sees features that this street does not have: battery_charge"):
        cross_play({"other": other}, STREET, episodes=2)
