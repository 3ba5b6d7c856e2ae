"""Measures over runs and days: known values, intervals that cover, and where they are shown and kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import policy_of
from scipy.stats import mannwhitneyu, trim_mean

import p2p_market
from p2p_market.cli import main
from p2p_market.errors import ConfigError
from p2p_market.evaluation import seeds

RNG = np.random.default_rng(7)
OURS = np.round(RNG.normal(0.6, 0.25, (5, 16)), 2)
THEIRS = np.round(RNG.normal(0.5, 0.2, (3, 16)), 2)


def test_values_that_rliable_gives() -> None:
    """`aggregate_iqm`, `aggregate_optimality_gap` and `probability_of_improvement` of rliable 1.2.0 on these scores."""
    assert seeds.interquartile_mean(OURS) == pytest.approx(0.556, abs=1e-12)
    assert seeds.optimality_gap(OURS) == pytest.approx(0.4455, abs=1e-12)
    assert seeds.probability_of_improvement(OURS, THEIRS) == pytest.approx(0.65, abs=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 4), st.integers(1, 12))
def test_against_scipy(seed: int, num_runs: int, num_others: int, num_days: int) -> None:
    rng = np.random.default_rng(seed)
    ours = rng.integers(-3, 8, (num_runs, num_days)) / 4.0  # with ties
    theirs = rng.integers(-3, 8, (num_others, num_days)) / 4.0
    assert seeds.interquartile_mean(ours) == pytest.approx(trim_mean(ours, 0.25, axis=None))
    u = [mannwhitneyu(ours[:, day], theirs[:, day]).statistic for day in range(num_days)]
    assert seeds.probability_of_improvement(ours, theirs) == pytest.approx(np.mean(u) / (num_runs * num_others))
    reverse = seeds.probability_of_improvement(theirs, ours)
    assert seeds.probability_of_improvement(ours, theirs) + reverse == pytest.approx(1.0)
    assert seeds.optimality_gap(ours) == pytest.approx(np.maximum(1.0 - ours, 0.0).mean())


def test_a_whole_batch_of_resamples_at_once() -> None:
    many, others = np.stack([OURS, OURS + 0.1]), np.stack([THEIRS, THEIRS])
    for measure, arguments in (
        (seeds.mean, (many,)),
        (seeds.interquartile_mean, (many,)),
        (seeds.optimality_gap, (many,)),
        (seeds.probability_of_improvement, (many, others)),
    ):
        together = measure(*arguments)
        one_by_one = [measure(*(values[place] for values in arguments)) for place in range(2)]
        np.testing.assert_allclose(together, one_by_one)


def test_intervals_cover_what_they_should_where_runs_differ() -> None:
    """Seeds differ by 1 and days by 1, so that a mean over 8 seeds and 20 days is out by 0.42."""
    rng = np.random.default_rng(0)
    covered, covered_by_days_alone = 0, 0
    for trial in range(100):
        scores = rng.normal(0.0, 1.0, (8, 1)) + rng.normal(0.0, 1.0, (1, 20)) + rng.normal(0.0, 0.3, (8, 20))
        found = seeds.with_interval(seeds.mean, [scores], num_resamples=300, seed=trial)
        covered += found.low <= 0.0 <= found.high
        pooled = seeds.with_interval(seeds.mean, [scores.mean(axis=0, keepdims=True)], num_resamples=300, seed=trial)
        covered_by_days_alone += pooled.low <= 0.0 <= pooled.high
    assert covered >= 85
    assert covered > covered_by_days_alone + 10


def test_days_are_the_same_for_both_and_large_batches_are_cut() -> None:
    days = np.random.default_rng(1).normal(0.0, 5.0, (1, 64))
    found = seeds.with_interval(lambda one, other: (one - other).mean(axis=(-2, -1)), [days + 0.5, days])
    assert tuple(found) == pytest.approx((0.5, 0.5, 0.5))
    large = np.random.default_rng(2).normal(0.0, 1.0, (40, 300))
    assert large.size * 2000 > seeds._AT_ONCE
    low, high = seeds.with_interval(seeds.mean, [large])[1:]
    assert low < large.mean() < high


def of_seeds(task: str, count: int = 3) -> list[Any]:
    env = p2p_market.make(task, kind="vector")
    return [
        dataclasses.replace(policy_of(env, seed=seed, head="tanh"), about={"name": "mine", "seed": seed})
        for seed in range(count)
    ]


def test_runs_of_a_learner_beside_the_references() -> None:
    results = p2p_market.evaluate(of_seeds("street10-v0"), "street10-v0", episodes=4)
    assert results.runs == ("mine, seed 0", "mine, seed 1", "mine, seed 2")
    assert results.scored_by == "truthful"
    rows = {(row["measure"], row["baseline"]): row for row in results.measures.iter_rows(named=True)}
    savings = np.stack([results.players[name].saving for name in results.runs])
    truthful = results.players["truthful"].saving
    assert rows["saving", None]["estimate"] == pytest.approx(savings.mean())
    assert rows["score", None]["estimate"] == pytest.approx((savings / truthful).mean())
    assert rows["optimality gap", None]["estimate"] == pytest.approx(1.0 - np.minimum(savings / truthful, 1.0).mean())
    better = rows["probability of improvement", "truthful"]
    assert better["estimate"] == pytest.approx((savings > truthful).mean())
    assert (better["num_runs"], better["num_days"]) == (3, 4)
    assert {key[1] for key in rows} == {None, "grid_only", "zero_intelligence", "truthful", "zip"}
    for row in rows.values():
        assert row["low"] <= row["estimate"] <= row["high"]
    single = p2p_market.evaluate("zip", "street10-v0", episodes=4)
    assert single.runs == ("zip",)
    assert single.measures.filter(pl.col("baseline") == "grid_only")["estimate"].to_list() == [1.0]


def test_scores_are_shares_of_the_days_optimum_where_it_is_known() -> None:
    results = p2p_market.evaluate(of_seeds("storage10-v0", 2), "storage10-v0", episodes=3, references=False)
    assert results.scored_by == "optimum"
    assert results.bounds is not None
    assert results.optimal_cost is not None
    assert results.optimal_cost.mean() == pytest.approx(results.bounds["optimal_cost_dollars"])
    player = results.players["mine, seed 0"]
    best = (player.episodes["default_cost_dollars"] - results.optimal_cost) / player.household_days
    savings = np.stack([results.players[name].saving for name in results.runs])
    assert (savings <= best + 1e-9).all()
    score = results.measures.filter(pl.col("measure") == "score")["estimate"][0]
    assert score == pytest.approx((savings / best).mean())


def test_on_the_command_line_and_in_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [policy.save(tmp_path / f"run{place}" / "best.npz") for place, policy in enumerate(of_seeds("street10-v0"))]
    runs = [str(file.parent) for file in files]
    assert main(["evaluate", *runs, "--task", "street10-v0", "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "3 runs on 64 days, 95 % intervals over both" in printed
    for text in ("interquartile mean of scores", "probability of improvement over zip", "1 for truthful", "written to"):
        assert text in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "episodes.parquet",
        "evaluation.json",
        "measures.parquet",
        "summary.parquet",
    ]
    about = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert about["runs"] == runs
    assert pl.read_parquet(tmp_path / "out" / "measures.parquet").height == 9
    assert pl.read_parquet(tmp_path / "out" / "episodes.parquet").height == 7 * 64
    assert main(["evaluate", "zip", "--task", "street10-v0", "--output", str(tmp_path / "run0")]) == 1
    assert "holds something that is not an evaluation" in capsys.readouterr().err


def test_what_cannot_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="policy is an empty list"):
        p2p_market.evaluate([], "street10-v0")
    alone = p2p_market.evaluate(None, "street10-v0", episodes=2)
    with pytest.raises(ConfigError, match="only the references played"):
        _ = alone.measures
    assert main(["evaluate", "--task", "street10-v0"]) == 1
    assert "no policy was named" in capsys.readouterr().err
    same = p2p_market.evaluate(["truthful", "truthful"], "street10-v0", episodes=2, references=False)
    assert same.runs == ("truthful, run 0", "truthful, run 1")
    assert same.scored_by is None
