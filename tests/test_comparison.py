"""Comparisons: the same street under each mechanism, and paired statistics that a hand can check."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from real_data import NINETEEN_HOMES, real_file

from p2p_market.cli import main
from p2p_market.cli.compare import tables
from p2p_market.comparison import ComparisonResults, compare
from p2p_market.comparison.plan import list_cases, load_comparison
from p2p_market.comparison.statistics import gini, paired_difference
from p2p_market.errors import ConfigError

BASE = {"data": {"num_homes": 12, "days": 12, "start": "2013-01-07"}, "run": {"days": 4, "num_markets": 2}}
MIXED = {"tariff.plan": {"agl_time_of_use": 0.5, "flat": 0.5}}


@pytest.fixture(scope="module")
def results() -> ComparisonResults:
    return compare(
        {
            "base": BASE,
            "streets": {"one plan": {}, "mixed plans": MIXED},
            "mechanisms": ["uniform_price", "pay_as_bid", "vcg", "mid_market_rate", "grid_only"],
            "populations": {"truthful": "truthful", "at random": "zero_intelligence"},
            "sizes": [6],
            "num_resamples": 200,
        }
    )


def row(results: ComparisonResults, street: str, population: str, entry: str) -> dict[str, float]:
    chosen = results.summary.filter(
        pl.col("street") == street, pl.col("population") == population, pl.col("entry") == entry
    )
    return chosen.row(0, named=True)


def test_every_case_is_there_once(results: ComparisonResults) -> None:
    assert results.summary.height == 2 * 2 * 5
    assert results.summary.select("street", "population", "size", "entry").is_duplicated().sum() == 0
    assert results.days.height == 20 * 4
    assert results.households.height == 20 * 2 * 6


def test_all_cases_live_through_the_same_days_and_homes(results: ComparisonResults) -> None:
    for column in ("grid_only_bill_dollars", "best_gains_dollars"):
        spread = results.days.group_by("street", "day").agg(pl.col(column).max() - pl.col(column).min())
        assert spread[column].max() == pytest.approx(0.0, abs=1e-9)


def test_with_bounds_every_mechanism_stands_between_the_grid_alone_and_the_optimum() -> None:
    compared = compare(
        {
            "base": {
                **BASE,
                "devices": {"battery": {"wear_dollars_per_kwh": 0.01}},
                "population": {"storage": "self_consumption"},
                "run": {"days": 2, "bounds": True},
            },
            "streets": {"one plan": {"tariff.plan": "agl_time_of_use"}},
            "mechanisms": ["uniform_price", "grid_only"],
            "sizes": [6],
            "num_resamples": 100,
        }
    )
    uniform, alone = (row(compared, "one plan", "truthful", name) for name in ("uniform_price", "grid_only"))
    for name in ("grid_only_cost_dollars", "selfish_cost_dollars", "optimal_cost_dollars"):
        assert uniform[name] == pytest.approx(alone[name])
    assert uniform["optimal_cost_dollars"] < uniform["community_cost_dollars"] < alone["community_cost_dollars"]
    assert alone["community_cost_dollars"] < alone["grid_only_cost_dollars"]
    assert 0.0 < alone["value_captured"] < uniform["value_captured"] < 1.0
    # the saving of days is that of households: against idle batteries, less their wear
    daily = compared.days.filter(pl.col("entry") == "uniform_price")["saving_dollars"].sum()
    assert daily == pytest.approx(2 * 6 * uniform["saving_dollars"])
    (table,) = tables(compared)
    assert [str(column.header) for column in table.columns][-2:] == ["cost", "captured"]
    optimum = f"optimum {100.0 * uniform['optimal_cost_dollars']:.1f}"
    assert optimum in str(table.caption)


def test_without_bounds_their_columns_are_empty_and_not_shown(results: ComparisonResults) -> None:
    assert results.summary["optimal_cost_dollars"].is_nan().all()
    assert results.summary["grid_only_cost_dollars"].is_finite().all()
    assert "captured" not in [str(column.header) for table in tables(results) for column in table.columns]


@pytest.mark.parametrize("street", ["one plan", "mixed plans"])
def test_truthful_households_and_what_theory_says(results: ComparisonResults, street: str) -> None:
    uniform = row(results, street, "truthful", "uniform_price")
    paid_as_bid = row(results, street, "truthful", "pay_as_bid")
    vcg = row(results, street, "truthful", "vcg")
    alone = row(results, street, "truthful", "grid_only")
    assert uniform["allocative_efficiency"] == pytest.approx(1.0)
    assert uniform["operator_surplus_dollars"] == pytest.approx(0.0, abs=1e-9)
    assert paid_as_bid["saving_dollars"] == pytest.approx(0.0, abs=1e-9)  # the operator keeps all that truth offers
    assert paid_as_bid["operator_surplus_dollars"] == pytest.approx(uniform["saving_dollars"])
    assert vcg["operator_surplus_dollars"] <= 1e-9 <= uniform["saving_dollars"]
    assert vcg["saving_dollars"] + vcg["operator_surplus_dollars"] == pytest.approx(uniform["saving_dollars"])
    assert alone["saving_dollars"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(alone["mean_price_dollars_per_kwh"])


def test_differences_are_those_of_the_days(results: ComparisonResults) -> None:
    here = results.days.filter(pl.col("street") == "mixed plans", pl.col("population") == "at random")
    own = here.filter(pl.col("entry") == "vcg").sort("day")
    reference = here.filter(pl.col("entry") == "uniform_price").sort("day")
    expected = (own["saving_dollars"] - reference["saving_dollars"]).sum() / (4 * 6 * 2)
    vcg = row(results, "mixed plans", "at random", "vcg")
    assert vcg["saving_difference_dollars"] == pytest.approx(expected)
    assert vcg["saving_difference_dollars_low"] <= expected <= vcg["saving_difference_dollars_high"]
    itself = row(results, "mixed plans", "at random", "uniform_price")
    assert (itself["saving_difference_dollars_low"], itself["saving_difference_dollars_high"]) == (0.0, 0.0)


def test_mechanisms_for_lots_run_where_there_are_lots() -> None:
    streets = {"any size": {}, "lots": {"market.lot_kwh": 0.1}}
    comparison = load_comparison({"base": BASE, "streets": streets, "mechanisms": ["uniform_price", "mcafee"]})
    cases = [(case.street, case.entry) for case in list_cases(comparison)]
    assert cases == [("any size", "uniform_price"), ("lots", "uniform_price"), ("lots", "mcafee")]


def test_paired_difference_of_a_constant_gap_is_certain() -> None:
    reference = np.array([1.0, 5.0, 2.0])
    found = paired_difference(reference + 0.5, reference, np.ones(3))
    assert found == pytest.approx((0.5, 0.5, 0.5))


def test_paired_difference_weighs_days_as_a_ratio_of_sums() -> None:
    found = paired_difference(np.array([2.0, 0.0]), np.array([1.0, 0.0]), np.array([1.0, 3.0]), num_resamples=500)
    assert found.estimate == 0.25
    assert (found.low, found.high) == (0.0, 1.0)
    assert np.isnan(paired_difference(np.zeros(2), np.zeros(2), np.zeros(2)).low)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 1.0, 1.0], 0.0), ([0.0, 0.0, 3.0], 2.0 / 3.0), ([1.0, 3.0], 0.25), ([-1.0, 2.0], np.nan), ([0.0], np.nan)],
)
def test_gini(values: list[float], expected: float) -> None:
    assert gini(np.array(values)) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": [0]}, "sizes: given .*expected sizes of 1 household or more"),
        ({"mechanisms": ["uniform"]}, "mechanisms.*unknown mechanism 'uniform'; did you mean 'uniform_price'"),
        ({"reference": "vcg"}, "reference 'vcg' is not among the entries: uniform_price"),
        ({"street": {}}, "street: unknown key; did you mean 'streets'"),
        ({"streets": {"a": {"market.mechansm": "x"}}}, "street 'a', 'uniform_price': unknown configuration key"),
        ({"populations": {"a": "truthfull"}}, "populations.a.*did you mean 'truthful'"),
        ({"streets": {}}, "streets"),
    ],
)
def test_a_wrong_comparison_is_explained(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        list_cases(load_comparison({"base": BASE, "mechanisms": ["uniform_price"], **change}))


def test_command_prints_tables_and_writes_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(json.dumps({"base": BASE, "mechanisms": ["uniform_price", "pay_as_bid"], "sizes": [4]}))
    assert main(["compare", str(file), "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "pay_as_bid" in printed
    assert "difference: of the saving to uniform_price, 95 % interval over days" in printed
    names = {"comparison.yaml", "summary.parquet", "days.parquet", "households.parquet"}
    assert names <= {path.name for path in (tmp_path / "out").iterdir()}
    assert pl.read_parquet(tmp_path / "out" / "summary.parquet").height == 2
    assert load_comparison(tmp_path / "out" / "comparison.yaml").name == "two"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "configs").glob("compare*.yaml")), ids=lambda p: p.stem
)
def test_shipped_comparisons_run_for_a_day(path: Path) -> None:
    comparison = load_comparison(path)
    values = comparison.model_dump()
    values["base"]["run"] |= {"days": 1, "num_markets": 1}
    if values["base"].get("data", {}).get("source") == "ausgrid":
        values["base"]["data"]["path"] = str(real_file(NINETEEN_HOMES))  # whose homes are all on the street
    else:
        values["sizes"] = [6]
    results = compare(values)
    planned = {case.entry for case in list_cases(comparison)}  # without lots, those for orders of one size stay out
    assert len(planned) >= 11
    assert set(results.summary["entry"]) == planned
