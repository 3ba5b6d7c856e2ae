"""Runs: the same every time, frames that are what was recorded, key figures that follow from the frames."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from streets import homes

import p2p_market
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.data import tabular
from p2p_market.data.container import DataContainer
from p2p_market.errors import ConfigError, DataError, UnknownNameError
from p2p_market.experiment import run
from p2p_market.metrics import gains_from_trade
from p2p_market.recorder import HOUSEHOLD_COLUMNS, MARKET_COLUMNS, Recorder
from p2p_market.results import RunResults, frames_of, summarise


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve hand-made homes for four days, as a file of one's own."""
    path = tmp_path_factory.mktemp("data") / "homes.parquet"
    homes(12, 4).dataset.write_parquet(path)
    return path


def simulate(table: Path, **overrides: Any) -> RunResults:
    settings = {
        "data": {"source": "table", "path": table, "options": {"timezone": "Australia/Sydney"}},
        "num_households": 8,
        "run.days": 2,
        "run.figures": False,
        "run.bounds": False,
        **{key.replace("__", "."): value for key, value in overrides.items()},
    }
    return run(overrides=settings)


RUNS: list[Any] = [
    pytest.param({}, id="default"),
    pytest.param({"policy": {"truthful": 0.5, "zero_intelligence": 0.5}, "ties": "random"}, id="policy mix"),
    pytest.param({"mechanism": "grid_only"}, id="grid only"),
    pytest.param(
        {
            "mechanism": "pay_as_bid",
            "trading_fee_dollars_per_kwh": 0.01,
            "network_fee_dollars_per_kwh": 0.005,
            "plan": {"flat": 0.5, "agl_time_of_use": 0.5},
            "run__num_markets": 3,
        },
        id="fees, mixed plans, three markets",
    ),
    pytest.param({"mechanism": "pairwise_midpoint", "trading_fee_share_of_price": 0.05}, id="ad valorem"),
    pytest.param({"learners": 3, "scripted": "zero_intelligence", "policy": "grid_only"}, id="population"),
]


@pytest.mark.parametrize("overrides", RUNS)
def test_a_run_is_the_same_every_time(table: Path, overrides: dict[str, Any]) -> None:
    one, other = simulate(table, trades=True, **overrides), simulate(table, trades=True, **overrides)
    assert one.intervals.equals(other.intervals)
    assert one.households.equals(other.households)
    assert one.trades is not None
    assert other.trades is not None
    assert one.trades.equals(other.trades)
    np.testing.assert_equal(one.kpis, other.kpis)
    assert one.config == other.config
    another = simulate(table, seed=1, **overrides)
    assert not one.households.equals(another.households)


@pytest.mark.parametrize("overrides", RUNS)
def test_frames_have_a_row_an_interval_and_agree_with_each_other(table: Path, overrides: dict[str, Any]) -> None:
    results = simulate(table, **overrides)
    num_markets = overrides.get("run__num_markets", 1)
    intervals, households = results.intervals, results.households
    assert intervals.height == 96 * num_markets
    assert households.height == 96 * num_markets * 8
    assert intervals.columns[:2] == ["market", "start"]
    assert set(MARKET_COLUMNS) < set(intervals.columns)
    assert households.columns == ["market", "start", "household", "role", *HOUSEHOLD_COLUMNS]
    assert intervals["start"].dtype == pl.Datetime("ms")
    assert str(intervals["start"][0]) == "2013-01-14 00:00:00"
    assert str(intervals["start"][-1]) == "2013-01-15 23:30:00"
    assert not any(
        frame.select(pl.selectors.float().is_nan().any()).row(0).count(True) for frame in (intervals, households)
    )
    # sums over households are the intervals' figures
    summed = households.group_by("market", "start", maintain_order=True).agg(pl.selectors.float().sum())
    assert summed.select("market", "start").equals(intervals.select("market", "start"))
    for name in (
        "demand_kwh",
        "pv_kwh",
        "grid_import_kwh",
        "grid_export_kwh",
        "bill_dollars",
        "grid_only_bill_dollars",
    ):
        np.testing.assert_allclose(summed[name], intervals[name], rtol=1e-12, atol=1e-12)
    bought = households.group_by("market", "start", maintain_order=True).agg(pl.col("filled_kwh").clip(0.0).sum())
    np.testing.assert_allclose(bought["filled_kwh"], intervals["traded_kwh"], rtol=1e-12, atol=1e-12)
    money = (
        intervals["operator_surplus_dollars"] + intervals["network_payment_dollars"] + intervals["grid_payment_dollars"]
    )
    np.testing.assert_allclose(summed["market_payment_dollars"], money, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("overrides", RUNS)
def test_frames_are_what_the_recorder_holds(table: Path, overrides: dict[str, Any]) -> None:
    results = simulate(table, **overrides)
    config = results.config
    controller = build_controller(
        config,
        num_markets=config.run.num_markets,
        horizon=96,
        start=np.datetime64("2013-01-14T00:00"),
        learners_follow=config.run.policy,
    )
    recorder = Recorder(96, *controller.get_size())
    controller.reset(seed=config.seed)
    for _ in range(96):
        recorder.record(controller.run_auction(None).transition)
    assert recorder.num_recorded == 96
    for name, values in recorder.households.items():
        written = results.households[name].fill_null(np.nan).to_numpy()
        np.testing.assert_array_equal(written, values.reshape(-1))
    for name, values in recorder.markets.items():
        np.testing.assert_array_equal(results.intervals[name].fill_null(np.nan).to_numpy(), values.reshape(-1))
    gains = gains_from_trade(recorder)
    frames = frames_of(controller, recorder, gains, None)
    assert frames[0].equals(results.intervals)
    assert frames[2] is None
    np.testing.assert_equal(summarise(controller, recorder, gains), results.kpis)
    assert results.households["household"].unique().sort().to_list() == sorted(controller.names)


@pytest.mark.parametrize("overrides", RUNS)
def test_key_figures_follow_from_the_frames(table: Path, overrides: dict[str, Any]) -> None:
    results = simulate(table, **overrides)
    num_markets = overrides.get("run__num_markets", 1)
    households, intervals, kpis = results.households, results.intervals, results.kpis
    total = {
        name: households[name].sum() / num_markets
        for name in households.columns
        if "_per_" not in name and name.endswith(("_kwh", "_dollars"))
    }
    surplus = intervals["operator_surplus_dollars"].sum() / num_markets
    saving = (
        households.group_by("market", "household")
        .agg(pl.col("grid_only_bill_dollars").sum() - pl.col("bill_dollars").sum())["grid_only_bill_dollars"]
        .to_numpy()
    )
    value = (
        pl.when(pl.col("filled_kwh") > 0)
        .then("retail_price_dollars_per_kwh")
        .otherwise("feed_in_price_dollars_per_kwh")
    )
    gains = households.select((value * pl.col("filled_kwh")).sum()).item() / num_markets
    traded = intervals["traded_kwh"].sum()
    turnover = (intervals["traded_kwh"] * intervals["price_dollars_per_kwh"].fill_null(0.0)).sum()
    expected = {
        "demand_kwh": total["demand_kwh"],
        "pv_kwh": total["pv_kwh"],
        "traded_kwh": traded / num_markets,
        "grid_import_kwh": total["grid_import_kwh"],
        "grid_export_kwh": total["grid_export_kwh"],
        "bills_dollars": total["bill_dollars"],
        "community_cost_dollars": total["bill_dollars"] - surplus,
        "grid_only_cost_dollars": total["grid_only_bill_dollars"],
        "community_saving_dollars": total["grid_only_bill_dollars"] - total["bill_dollars"] + surplus,
        "saving_mean_dollars": saving.mean(),
        "saving_worst_dollars": saving.min(),
        "saving_best_dollars": saving.max(),
        "share_better_off": (saving > 1e-9).mean(),
        "self_sufficiency": 1 - total["grid_import_kwh"] / total["demand_kwh"],
        "self_consumption": 1 - total["grid_export_kwh"] / total["pv_kwh"],
        "peak_import_kw": intervals.group_by("market").agg(pl.col("grid_import_kwh").max())["grid_import_kwh"].mean()
        * 2,
        "peak_export_kw": intervals.group_by("market").agg(pl.col("grid_export_kwh").max())["grid_export_kwh"].mean()
        * 2,
        "mean_price_dollars_per_kwh": turnover / traded if traded else np.nan,
        "gains_from_trade_dollars": gains,
        "allocative_efficiency": intervals["gains_dollars"].sum() / intervals["best_gains_dollars"].sum(),
        "operator_surplus_dollars": surplus,
        "network_payment_dollars": intervals["network_payment_dollars"].sum() / num_markets,
    }
    of_the_market = set(kpis) - set(expected)
    assert of_the_market == {
        *("price_volatility_dollars_per_kwh", "smiths_alpha", "liquidity", "peak_to_average", "ramping_kw"),
        *("gini", "jain", "max_min_share", "quality_of_experience"),
        *("withheld_share", "price_cost_margin", "seller_concentration"),
    }  # their values: tests/test_market_metrics.py
    for name, figure in expected.items():
        assert kpis[name] == pytest.approx(figure, rel=1e-9, abs=1e-9, nan_ok=True), name
    if not MECHANISMS[results.config.market.mechanism].is_pool:
        fees = kpis["operator_surplus_dollars"] + kpis["network_payment_dollars"]
        assert saving.sum() / num_markets + fees == pytest.approx(gains, rel=1e-9, abs=1e-9)
    assert intervals["gains_dollars"].sum() <= intervals["best_gains_dollars"].sum() + 1e-9


def test_truthful_bids_reach_all_gains_without_fees_under_any_plans(table: Path) -> None:
    results = simulate(table, plan={"flat": 0.5, "agl_time_of_use": 0.5})
    np.testing.assert_allclose(results.intervals["gains_dollars"], results.intervals["best_gains_dollars"], atol=1e-9)
    assert results.kpis["allocative_efficiency"] == pytest.approx(1.0)
    assert results.kpis["gains_from_trade_dollars"] > 0.0


def test_without_a_market_bills_are_those_of_the_grid(table: Path) -> None:
    results = simulate(table, mechanism="grid_only")
    np.testing.assert_allclose(results.households["bill_dollars"], results.households["grid_only_bill_dollars"], atol=0)
    assert results.kpis["traded_kwh"] == results.kpis["saving_best_dollars"] == 0.0
    assert np.isnan(results.kpis["mean_price_dollars_per_kwh"])
    policy = simulate(table, policy="grid_only").kpis
    assert policy.pop("withheld_share") == 1.0  # who stays away offers nothing
    for name in policy:
        assert policy[name] == pytest.approx(results.kpis[name], nan_ok=True), name


def test_household_totals_are_sums_over_the_run(table: Path) -> None:
    results = simulate(table, run__num_markets=2)
    totals = results.household_totals
    assert totals.height == 16
    assert totals.columns[:3] == ["market", "household", "role"]
    assert not any("_per_" in name for name in totals.columns)
    row = totals.filter(market=1, household="household_3").row(0, named=True)
    chosen = results.households.filter(market=1, household="household_3")
    assert chosen.height == 96
    for name in ("demand_kwh", "filled_kwh", "market_payment_dollars", "bill_dollars"):
        assert row[name] == pytest.approx(chosen[name].sum())
    assert row["saving_dollars"] == pytest.approx((chosen["grid_only_bill_dollars"] - chosen["bill_dollars"]).sum())
    assert totals["saving_dollars"].mean() == pytest.approx(results.kpis["saving_mean_dollars"])


@pytest.mark.parametrize("overrides", [run for run in RUNS if run.id != "grid only"])
def test_trades_add_up_to_the_fills(table: Path, overrides: dict[str, Any]) -> None:
    results = simulate(table, trades=True, **overrides)
    trades = results.trades
    assert trades is not None
    assert trades.columns == [
        "market",
        "start",
        "buyer",
        "seller",
        "quantity_kwh",
        "buyer_price_dollars_per_kwh",
        "seller_price_dollars_per_kwh",
    ]
    key = ["market", "start", "household"]
    sides = [
        trades.select(
            "market",
            "start",
            household=side,
            kwh=sign * pl.col("quantity_kwh"),
            dollars=sign * pl.col("quantity_kwh") * pl.col(f"{side}_price_dollars_per_kwh"),
        )
        for side, sign in (("buyer", 1.0), ("seller", -1.0))
    ]
    per_household = pl.concat(sides).group_by(key).agg(pl.col("kwh", "dollars").sum())
    joined = results.households.join(per_household, on=key, how="left").fill_null(0.0)
    np.testing.assert_allclose(joined["filled_kwh"], joined["kwh"], atol=1e-9)
    np.testing.assert_allclose(joined["market_payment_dollars"], joined["dollars"], atol=1e-9)
    assert trades["quantity_kwh"].sum() == pytest.approx(results.intervals["traded_kwh"].sum())


def test_trades_are_recorded_when_asked_for(table: Path) -> None:
    assert simulate(table).trades is None
    nothing = simulate(table, trades=True, mechanism="grid_only").trades
    assert nothing is not None
    assert nothing.height == 0
    assert nothing["quantity_kwh"].dtype == pl.Float64


def test_markets_of_a_run_are_the_markets_alone(table: Path) -> None:
    three, one = simulate(table, run__num_markets=3), simulate(table)
    assert three.households.filter(market=0).equals(one.households)
    assert not three.households.filter(market=1)["demand_kwh"].equals(one.households["demand_kwh"])


def test_a_run_covers_the_days_that_were_asked_for(table: Path) -> None:
    def span(**overrides: Any) -> tuple[str, str]:
        start = simulate(table, **overrides).intervals["start"]
        return str(start[0]), str(start[-1])

    assert span(run__days=1) == ("2013-01-14 00:00:00", "2013-01-14 23:30:00")
    assert span(run__days=4) == ("2013-01-14 00:00:00", "2013-01-17 23:30:00")
    assert span(run__days=None) == ("2013-01-14 00:00:00", "2013-01-17 23:30:00")
    assert span(run__start="2013-01-15 13:30") == ("2013-01-15 13:30:00", "2013-01-17 13:00:00")
    assert span(run__start="2013-01-17", run__days=None) == ("2013-01-17 00:00:00", "2013-01-17 23:30:00")
    assert span(episode__start="2013-01-15") == ("2013-01-15 00:00:00", "2013-01-16 23:30:00")


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"run__days": 5}, "needs 240 intervals from 2013-01-14T00:00, and the data has 192; shorten"),
        ({"run__start": "2013-01-17"}, "needs 96 intervals from 2013-01-17T00:00, and the data has 48"),
        ({"run__start": "2013-01-13"}, "to start at 2013-01-13T00:00, which is not in the data"),
        ({"run__start": "2013-01-13", "run__days": None}, "to start at 2013-01-13T00:00, which is not in the data"),
        ({"run__start": "2014-01-01"}, "to start at 2014-01-01T00:00, which is not in the data"),
        ({"run__start": "2014-01-01", "run__days": None}, "run.start: 2014-01-01T00:00 is after the end of the data"),
        ({"run__start": "2013-01-14 00:10"}, "to start at 2013-01-14T00:10, which is not in the data"),
    ],
)
def test_days_beyond_the_data_are_refused(table: Path, overrides: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        simulate(table, **overrides)


@pytest.mark.parametrize("policy", [{}, {"truthful": 0.5}, {"truthful": -0.5, "grid_only": 1.5}, {"truthful": 0.0}])
def test_a_mix_of_policies_adds_up_to_one(table: Path, policy: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"run.policy: the shares? .*expected"):
        simulate(table, run__policy=policy)


def test_progress_is_told_after_every_interval(table: Path) -> None:
    told: list[tuple[int, int]] = []
    config = load_config(None, {"data": {"source": "table", "path": table}, "run.days": 1, "num_households": 2})
    run(config, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, 48) for i in range(48)]


def test_run_is_public_and_takes_keys_and_overrides(table: Path) -> None:
    assert p2p_market.run is run
    results = p2p_market.run(
        {"data": {"source": "table", "path": str(table)}}, num_households=2, overrides={"run.days": 1}
    )
    assert results.households["household"].n_unique() == 2
    with pytest.raises(ConfigError, match=r"did you mean .street\.num_households."):
        p2p_market.run(num_housholds=3)
    with pytest.raises(UnknownNameError, match="unknown tariff plan"):
        simulate(table, plan="none")


def test_the_data_is_read_once(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def load(path: object, **options: Any) -> DataContainer:
        read.append(path)
        return tabular_load(path, **options)

    tabular_load: Any = tabular.load_table
    monkeypatch.setattr(tabular, "load_table", load)
    simulate(table)
    assert read == [str(table)]


def test_a_run_is_the_same_in_every_process(table: Path) -> None:
    code = """
        import hashlib, sys, p2p_market
        results = p2p_market.run(
            overrides={
                "data": {"source": "table", "path": sys.argv[1]},
                "num_households": 8, "run.days": 1, "run.num_markets": 2, "run.trades": True, "market.ties": "random",
                "tariff.plan": {"flat": 0.5, "agl_time_of_use": 0.5},
                "run.policy": {"truthful": 0.5, "zero_intelligence": 0.5},
            }
        )
        frames = (results.intervals, results.households, results.trades)
        print(hashlib.sha256(b"".join(frame.write_csv().encode() for frame in frames)).hexdigest())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(table)]
    printed = [
        subprocess.run(  # noqa: S603 - our own code
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(p2p_market.__file__).parents[1],
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(printed[0].strip()) == 64


def test_policies_share_out_the_street_by_the_seed(table: Path) -> None:
    config = load_config(None, {"run.policy": {"truthful": 0.5, "zero_intelligence": 0.25, "grid_only": 0.25}})
    controllers = [
        build_controller(
            load_config(config, {"seed": seed, "num_households": 8}),
            container=homes(),
            learners_follow=config.run.policy,
        )
        for seed in (0, 0, 1)
    ]
    shares = [[slots.tolist() for _, slots in c.population.scripted] for c in controllers]
    assert [len(slots) for slots in shares[0]] == [4, 2, 2]
    assert sorted(slot for slots in shares[0] for slot in slots) == list(range(8))
    assert shares[0] == shares[1] != shares[2]
    assert controllers[0].num_learners == 0


@pytest.mark.parametrize("devices", [{}, {"battery": {"owners": "all", "wear_dollars_per_kwh": 0.01}}])
def test_daily_totals_are_sums_over_the_day(devices: dict[str, Any]) -> None:
    overrides = {"run": {"days": 3, "num_markets": 2, "figures": False}, "devices": devices}
    results = p2p_market.run(num_households=5, overrides={**overrides, "data.num_homes": 12, "data.days": 10})
    days = results.daily_totals
    assert days.select("market", "day").n_unique() == days.height == 6
    assert days["saving_dollars"].sum() == pytest.approx(results.household_totals["saving_dollars"].sum())
    for row in days.iter_rows(named=True):
        of_day = (pl.col("market") == row["market"]) & (pl.col("start").dt.date() == row["day"])
        intervals, households = results.intervals.filter(of_day), results.households.filter(of_day)
        assert intervals.height == 48
        assert row["demand_kwh"] == pytest.approx(households["demand_kwh"].sum())
        assert row["traded_kwh"] == pytest.approx(intervals["traded_kwh"].sum())
        assert row["bill_dollars"] == pytest.approx(households["bill_dollars"].sum())
        turnover = (intervals["price_dollars_per_kwh"] * intervals["traded_kwh"]).sum()
        assert row["price_dollars_per_kwh"] == pytest.approx(turnover / row["traded_kwh"])
