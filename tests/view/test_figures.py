"""Figures of runs of every kind: complete, never blank, and a sentence where there is nothing to draw."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import polars as pl
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from p2p_market.errors import MissingExtraError
from p2p_market.experiment import run
from p2p_market.results import RunResults
from p2p_market.view.figures import write_figures

NAMES = {"price_and_volume.png", "supply_and_demand.png", "savings_by_household.png", "community_power.png"}
SMALL = {"data.days": 3, "data.num_homes": 8, "num_households": 6, "data.start": "2013-01-14", "run.days": 1}
LAST = {"run.start": "2013-01-16T23:30:00", "run.days": None}

Texts = dict[str, str]


def draws_batteries(results: RunResults) -> bool:
    return bool(results.config.devices) and results.intervals.height > 1


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunResults], Texts]:
    """Draw figures, check that they are pictures, and give back the text in each."""
    texts: Texts = {}
    save = Figure.savefig

    def remember(figure: Figure, path: Path, **keywords: Any) -> None:
        words = [text.get_text() for text in figure.findobj(mpl.text.Text)]
        texts[path.name.split(".png")[0].lstrip(".")] = "\n".join(words)
        save(figure, path, **keywords)
        for text in figure.texts:
            assert text.get_window_extent().x1 <= figure.bbox.x1, f"{path.name}: cut off: {text.get_text()}"

    def drawn(results: RunResults) -> Texts:
        monkeypatch.setattr(Figure, "savefig", remember)
        files = write_figures(results, tmp_path)
        expected = NAMES | ({"battery_day.png"} if draws_batteries(results) else set())
        assert {file.name for file in files} == expected == {path.name for path in tmp_path.iterdir()}
        for file in files:
            image = imread(file)
            assert min(image.shape[:2]) > 400
            assert image[:, :, :3].std() > 0.05, file.name  # 0 is blank, and 1 its largest value
        return texts

    return drawn


def small(**overrides: Any) -> RunResults:
    return run(overrides=SMALL | overrides)


def test_a_run_with_trade(draw: Callable[[RunResults], Texts]) -> None:
    results = small()
    texts = draw(results)
    best = results.intervals.sort("traded_kwh", descending=True).row(0, named=True)
    curves = texts["supply_and_demand"]
    assert f"{best['traded_kwh']:.3f} kWh"[:4] in curves
    assert f"at {best['price_dollars_per_kwh']:.4f} $/kWh" in curves
    assert f"Monday 14 January 2013, {best['start']:%H:%M} to" in curves
    assert "uniform_price, 6 households, 14 Jan 2013" in curves
    assert "clearing price" in curves
    saved = results.household_totals.filter(role="consumer")["saving_dollars"]
    assert f"{len(saved)} consumers: {saved.sum():.2f} $ together" in texts["savings_by_household"]
    assert "energy [kWh in 30 min]" in texts["price_and_volume"]
    assert "power [kW]" in texts["community_power"]


def test_a_market_without_one_price_shows_the_mean(draw: Callable[[RunResults], Texts]) -> None:
    policy = {"truthful": 0.5, "zero_intelligence": 0.5}
    curves = draw(small(**{"market.mechanism": "pay_as_bid", "run.policy": policy}))["supply_and_demand"]
    assert "mean price" in curves
    assert "clearing price" not in curves


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"run.policy": "grid_only"}, "Nobody placed an order."),
        ({"market.mechanism": "grid_only"}, "No prices are bid in this market:"),
        ({"data.pv_share": 0.0, "street.pv_share": 0.0}, "No asks: nobody offers energy."),
    ],
)
def test_a_run_without_trade_says_so(
    overrides: dict[str, Any], reason: str, draw: Callable[[RunResults], Texts]
) -> None:
    texts = draw(small(**overrides))
    assert "Nothing was traded, so there is no price." in texts["price_and_volume"]
    assert "Nobody saved: the bills are those of the grid alone." in texts["savings_by_household"]
    assert reason in texts["supply_and_demand"]
    assert "nothing was traded" in texts["supply_and_demand"]


def test_one_household(draw: Callable[[RunResults], Texts]) -> None:
    texts = draw(small(num_households=1))
    assert "One household has nobody to trade with." in texts["savings_by_household"]
    assert "1 household," in texts["community_power"]


def test_one_interval(draw: Callable[[RunResults], Texts]) -> None:
    texts = draw(small(**LAST))
    assert "The run is one interval long: nothing was traded." in texts["price_and_volume"]
    assert "from the grid" in texts["community_power"]
    assert "Wednesday 16 January 2013, 23:30" in texts["supply_and_demand"]


def test_of_several_markets_the_first_is_drawn(draw: Callable[[RunResults], Texts]) -> None:
    results = small(**{"run.num_markets": 2, "run.days": 3, "market.mechanism": "pairwise_midpoint"})
    assert all("first of 2 markets" in text for text in draw(results).values())


def test_long_runs_are_drawn_by_day(draw: Callable[[RunResults], Texts]) -> None:
    results = small(**{"run.days": 70, "data.days": 70, "data.num_homes": 4, "num_households": 4})
    texts = draw(results)
    assert "energy [kWh a day]" in texts["price_and_volume"]
    assert "Feb 2013" in texts["price_and_volume"]
    assert "mean of the day [kW]" in texts["community_power"]


def test_drawing_changes_no_setting(tmp_path: Path) -> None:
    settings = dict(mpl.rcParams)
    write_figures(small(), tmp_path)
    assert dict(mpl.rcParams) == settings


def test_a_figure_that_fails_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = small()
    write_figures(results, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(figure: Figure, path: Path, **keywords: Any) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        write_figures(results, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_without_matplotlib_a_run_is_written_without_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = small()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'p2p-market\[viz\]'"):
        write_figures(results, tmp_path / "figures")
    folder = results.write(tmp_path / "run")
    assert not list(folder.glob("*.png"))
    assert (folder / "kpis.json").exists()


def test_a_run_writes_its_figures(tmp_path: Path) -> None:
    folder = small().write(tmp_path / "run")
    assert {path.name for path in folder.glob("*.png")} == NAMES


BATTERY = {"devices": {"battery": {"owners": "all"}}, "population.storage": "self_consumption"}


def test_a_day_of_batteries_is_the_one_on_which_they_move_most(draw: Callable[[RunResults], Texts]) -> None:
    results = small(**BATTERY, **{"run.days": 3})
    day = results.households.group_by(results.households["start"].dt.date()).agg(pl.col("battery_kwh").abs().sum())
    best = day.sort("battery_kwh", descending=True)["start"][0]
    words = draw(results)["battery_day"]
    assert f"{best.day} January 2013" in words
    for label in ("mean of the 6 batteries in use", "batteries charge", "traded between neighbours", "state of charge"):
        assert label in words


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ({"devices": {"battery": {"owners": "all", "share": 0.17}}}, "the battery"),  # one of six, and idle
        (
            {"devices": {"battery": {"initial_share": 0.0}}},
            "All batteries are empty on this day.",
        ),  # and nobody moves them
        ({**BATTERY, "run.start": "2013-01-16T23:00:00", "run.days": None}, "mean of the 6 batteries in use"),
        ({**BATTERY, "market.mechanism": "grid_only"}, "price [$/kWh]"),
    ],
)
def test_days_of_odd_batteries(draw: Callable[[RunResults], Texts], overrides: dict[str, Any], label: str) -> None:
    assert label in draw(small(**overrides))["battery_day"]


def test_one_interval_has_no_day_of_batteries(draw: Callable[[RunResults], Texts]) -> None:
    assert "battery_day" not in draw(small(**BATTERY, **LAST))
