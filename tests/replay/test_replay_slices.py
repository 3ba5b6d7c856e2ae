"""What the page is told of a run, against rows picked one by one."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_runs import BATTERY, SMALL, cut_short, record, rewrite

from p2p_market.errors import DataError
from p2p_market.experiment import run
from p2p_market.replay.recorded import RecordedRun
from p2p_market.replay.slices import MarketCourse, binned
from p2p_market.replay.source import HOUSEHOLD_COLUMNS, block_size, clock_of, numbers, rows_of_day
from p2p_market.results import RunResults


@pytest.fixture(scope="module")
def results() -> RunResults:
    return run(overrides={**SMALL, **BATTERY, "run.trades": True, "run.num_markets": 2, "episode.start": "random"})


@pytest.fixture(scope="module")
def folder(results: RunResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results.write(tmp_path_factory.mktemp("replay") / "run")


@pytest.mark.parametrize("market", [0, 1])
@pytest.mark.parametrize("first", [0, 40])
def test_a_block_holds_every_recorded_number(results: RunResults, folder: Path, market: int, first: int) -> None:
    source = RecordedRun(folder)
    overview, block = source.overview(market), source.block(market, first, 20)
    names = [household["name"] for household in overview["households"]]
    mine = results.households.filter(pl.col("market") == market)
    times = mine["start"].unique().sort()[first : first + 20]
    assert (block["first"], block["count"]) == (first, 20)
    assert set(block["households"]) == set(HOUSEHOLD_COLUMNS)
    told = 0
    for t, time in enumerate(times):
        for i, name in enumerate(names):
            row = mine.row(by_predicate=(pl.col("start") == time) & (pl.col("household") == name), named=True)
            for column in HOUSEHOLD_COLUMNS:
                value = block["households"][column][t][i]
                assert value == (None if row[column] is None else pytest.approx(row[column], abs=1e-6))
                told += value is not None
    assert told > 20 * len(names) * 10
    expected = results.intervals.filter(pl.col("market") == market).sort("start")[first : first + 20]
    assert block["intervals"]["traded_kwh"] == pytest.approx(expected["traded_kwh"].to_list(), abs=1e-6)


def test_pairs_are_those_of_the_run(results: RunResults, folder: Path) -> None:
    source = RecordedRun(folder)
    names = [household["name"] for household in source.overview(1)["households"]]
    assert results.trades is not None
    mine = results.trades.filter(pl.col("market") == 1)
    starts = results.intervals.filter(pl.col("market") == 1)["start"].sort().to_list()
    found = []
    for first in range(0, 96, 32):
        pairs = source.block(1, first, 32)["pairs"]
        found += [
            (starts[t], names[buyer], names[seller], kwh)
            for t, buyer, seller, kwh in zip(
                pairs["interval"], pairs["buyer"], pairs["seller"], pairs["quantity_kwh"], strict=True
            )
        ]
    rows = mine.select("start", "buyer", "seller", pl.col("quantity_kwh").round(6)).rows()
    assert len(rows) > 20
    assert sorted(found) == sorted(rows)


def test_a_day_is_one_household_on_one_date(results: RunResults, folder: Path) -> None:
    source = RecordedRun(folder)
    household = source.overview(0)["households"][2]["name"]
    mine = results.households.filter(pl.col("market") == 0, pl.col("household") == household)
    date = mine["start"][-1].date()
    day = source.day(0, 2, date.toordinal() - 719_163)
    expected = mine.filter(pl.col("start").dt.date() == date)
    assert day["count"] == expected.height == 48
    for column in ("demand_kwh", "state_of_charge", "bill_dollars"):
        assert day["columns"][column] == pytest.approx(expected[column].to_list(), abs=1e-6)


def test_savings_bills_and_batteries_of_households_are_those_of_the_results(results: RunResults, folder: Path) -> None:
    overview = RecordedRun(folder).overview(1)
    totals = results.household_totals.filter(pl.col("market") == 1)
    assert [row["name"] for row in overview["households"]] == totals["household"].to_list()
    assert [row["role"] for row in overview["households"]] == totals["role"].to_list()
    assert overview["saving_dollars"] == pytest.approx(totals["saving_dollars"].to_list(), abs=1e-6)
    assert overview["bill_dollars"] == pytest.approx(totals["bill_dollars"].to_list(), abs=1e-6)
    used = results.households.filter(pl.col("market") == 1).group_by("household").agg(pl.col("battery_kwh").abs().max())
    owners = set(used.filter(pl.col("battery_kwh") > 0)["household"])
    assert 0 < len(owners) < 6
    assert {row["name"] for row in overview["households"] if row["has_battery"]} == owners
    assert results.trades is not None
    assert overview["largest"]["pair_kwh"] == results.trades.filter(pl.col("market") == 1)["quantity_kwh"].max()


@given(
    values=st.lists(st.floats(0.0, 9.0), min_size=1, max_size=60),
    most=st.integers(1, 20),
)
def test_bins_keep_the_sum_and_weigh_prices_by_energy(values: list[float], most: int) -> None:
    traded = np.array(values)
    price = np.where(traded > 0.0, 0.1 + traded / 90.0, np.nan)
    course = MarketCourse(np.arange(len(values)), {"traded_kwh": traded, "price_dollars_per_kwh": price})
    first, means = binned(course, most)
    edges = [*first.tolist(), len(values)]
    assert edges[0] == 0
    assert len(first) <= most
    for k, (start, end) in enumerate(itertools.pairwise(edges)):
        assert end > start
        assert means["traded_kwh"][k] == pytest.approx(traded[start:end].mean())
        paid = sum(p * q for p, q in zip(price[start:end], traded[start:end], strict=True) if q > 0.0)
        energy = traded[start:end].sum()
        if energy > 1e-9:
            assert means["price_dollars_per_kwh"][k] == pytest.approx(paid / energy)


@given(gaps=st.lists(st.sampled_from([30, 30, 30, 60, 1440]), max_size=40))
def test_the_clock_tells_every_start_again(gaps: list[int]) -> None:
    starts = 60_000 * np.cumsum([1_000_000, *gaps])
    clock = clock_of(starts)
    for i, start in enumerate(starts):
        begin, time = [stretch for stretch in clock["stretches"] if stretch[0] <= i][-1]
        assert time + (i - begin) * clock["step"] == start


def test_a_regular_year_has_a_short_clock() -> None:
    starts = 1_800_000 * np.arange(17_520)
    assert clock_of(starts) == {"step": 1_800_000, "stretches": [[0, 0]]}
    assert rows_of_day(starts, 364) == slice(17_472, 17_520)
    assert rows_of_day(starts, 365) == slice(17_520, 17_520)


def test_numbers_without_a_value_are_null() -> None:
    assert numbers(np.array([[1.0, np.nan], [np.inf, 1 / 3]])) == [[1.0, None], [None, 0.333333]]


@pytest.mark.parametrize(("households", "intervals"), [(1, 96), (20, 96), (300, 13), (10_000, 1)])
def test_a_block_is_never_large(households: int, intervals: int) -> None:
    assert block_size(households) == intervals


def test_more_intervals_than_a_block_are_not_told(folder: Path) -> None:
    assert RecordedRun(folder).block(0, 0, 999_999)["count"] == 96  # the whole run, and no more than a block


def test_a_run_that_recorded_less_says_what_it_lacks(tmp_path: Path) -> None:
    folder = record(tmp_path / "run")
    rewrite(folder, "households", drop=("pv_kwh", "limit_price_dollars_per_kwh", "market", "role"))
    rewrite(folder, "intervals", drop=("market", "price_dollars_per_kwh", "price_low_dollars_per_kwh"))
    for name in ("config.resolved.yaml", "kpis.json"):
        (folder / name).unlink()
    source = RecordedRun(folder)
    overview = source.overview(0)
    assert overview["lacks"] == ["pv_kwh", "limit_price_dollars_per_kwh"]
    assert (overview["name"], overview["mechanism"], overview["kpis"]) == ("run", "", {})
    block = source.block(0, 0, 2)
    assert "pv_kwh" not in block["households"]
    assert block["households"]["demand_kwh"][0][0] is not None


def test_rows_that_are_missing_and_values_of_another_kind_are_no_values(tmp_path: Path) -> None:
    folder = record(tmp_path / "run")
    rows = pl.read_parquet(folder / "households.parquet")
    rows.slice(1).with_columns(pl.lit("much").alias("demand_kwh")).write_parquet(folder / "households.parquet")
    block = RecordedRun(folder).block(0, 0, 2)["households"]
    names = [row["name"] for row in RecordedRun(folder).overview(0)["households"]]
    missing = names.index(rows["household"][0])
    assert block["net_load_kwh"][0][missing] is None
    assert block["net_load_kwh"][1][missing] is not None
    assert block["demand_kwh"] == [[None] * 6] * 2


def test_pools_streets_of_one_and_runs_without_trade_are_told(tmp_path: Path) -> None:
    pool = RecordedRun(record(tmp_path / "pool", **{"market.mechanism": "mid_market_rate"}))
    assert pool.overview(0)["is_pool"]
    alone = RecordedRun(record(tmp_path / "alone", num_households=1, **{"market.mechanism": "grid_only"}))
    overview = alone.overview(0)
    assert len(overview["households"]) == 1
    assert overview["largest"]["traded_kwh"] == overview["largest"]["pair_kwh"] == 0.0
    assert alone.block(0, 0, 3)["intervals"]["price_dollars_per_kwh"] == [None] * 3


def test_what_cannot_be_shown_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run folder '.*nowhere' does not exist; expected a folder that 'p2p-market"):
        RecordedRun(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file; expected a folder"):
        RecordedRun(tmp_path / "file")
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"holds no intervals\.parquet; expected a folder .* with a finished run in it"):
        RecordedRun(tmp_path / "other")

    folder = record(tmp_path / "run", **{"run.trades": True})
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}

    def restored() -> Path:
        for name, content in kept.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_bytes(content)
        return folder

    for name in ("intervals", "households", "trades"):
        cut_short(restored() / f"{name}.parquet")
        with pytest.raises(DataError, match=rf"{name}\.parquet' cannot be read: .*interrupted\? Run it again"):
            RecordedRun(folder)
    rewrite(restored(), "households", drop=("household",))
    with pytest.raises(DataError, match=r"households\.parquet' has no column 'household'"):
        RecordedRun(folder)
    rewrite(restored(), "intervals", pl.col("start").cast(pl.String))
    with pytest.raises(DataError, match="column 'start' holds String; expected times"):
        RecordedRun(folder)
    for name, message in (("intervals", "holds a run without intervals"), ("households", "96 intervals and 0 househo")):
        frame = pl.read_parquet(restored() / f"{name}.parquet")
        frame.clear().write_parquet(folder / f"{name}.parquet")
        with pytest.raises(DataError, match=message):
            RecordedRun(folder)
    restored()
    source = RecordedRun(folder)
    for ask, message in (
        (lambda: source.overview(7), r"market 7: the run has \[0\]"),
        (lambda: source.block(0, 96, 1), "interval 96: the run has 96"),
        (lambda: source.day(0, 6, 0), "household 6 on day 0: the run has no such rows"),
    ):
        with pytest.raises(DataError, match=message):
            ask()


def test_data_that_breaks_behind_the_header_is_an_error_when_it_is_looked_at(tmp_path: Path) -> None:
    folder = record(tmp_path / "run")
    path = folder / "households.parquet"
    content = bytearray(path.read_bytes())
    content[4 : len(content) * 2 // 3] = bytes(len(content) * 2 // 3 - 4)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        RecordedRun(folder).block(0, 0, 96)


@pytest.mark.parametrize("name", ["households.parquet", "intervals.parquet", "trades.parquet"])
def test_links_are_refused(tmp_path: Path, name: str) -> None:
    folder = record(tmp_path / "run", **{"run.trades": True})
    source = RecordedRun(folder)
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)
    for ask in (lambda: RecordedRun(folder), lambda: source.block(0, 0, 1), lambda: source.overview(0)):
        with pytest.raises(DataError, match=rf"{name}' is a link; only files that lie in the run folder"):
            ask()


def test_links_in_the_place_of_small_files_are_not_followed(tmp_path: Path) -> None:
    folder = record(tmp_path / "run")
    for name in ("config.resolved.yaml", "kpis.json"):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
    overview = RecordedRun(folder).overview(0)
    assert (overview["mechanism"], overview["kpis"]) == ("", {})


def test_a_run_in_the_place_of_the_one_that_was_opened_is_told_and_read_after_a_reload(tmp_path: Path) -> None:
    folder = record(tmp_path / "run")
    source = RecordedRun(folder)
    before = source.overview(0)["bill_dollars"]
    record(folder, seed=5)
    with pytest.raises(DataError, match="was written anew; reload the page"):
        source.block(0, 0, 1)
    after = source.overview(0)["bill_dollars"]
    assert after != before
    assert all(math.isfinite(bill) for bill in after)
    assert source.block(0, 0, 1)["count"] == 1
