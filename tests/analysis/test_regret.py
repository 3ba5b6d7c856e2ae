"""Gains from misreporting by mechanism and size."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import p2p_market
from p2p_market.analysis import best_response, regret
from p2p_market.auction.mechanisms import MECHANISMS

if TYPE_CHECKING:
    import polars as pl


def only(frame: pl.DataFrame, **values: Any) -> dict[str, Any]:
    return frame.filter(**values).row(0, named=True)


def test_every_mechanism_and_size_has_a_row_for_each_kind_of_misreport() -> None:
    frame = regret(num_households=(2, 4), num_books=3, households_a_book=1)
    unit = [name for name, entry in MECHANISMS.items() if entry.promises.unit_lots]
    assert frame.height == 2 * (2 * len(MECHANISMS) - len(unit))
    assert set(frame["mechanism"]) == set(MECHANISMS)
    assert set(frame.filter("equal_lots")["mechanism"]) == set(unit)
    assert frame["num_reports"].unique().to_list() == [3]
    gains = frame.select("mean_gain", "median_gain", "gain_90", "gain_99", "largest_gain", "share_gaining")
    assert all((gains[name] >= 0).all() for name in gains.columns)


def test_in_a_uniform_price_market_misreporting_pays_less_the_more_take_part() -> None:
    frame = regret("uniform_price", num_books=40)
    for misreport in ("price", "quantity"):
        gains = frame.filter(misreport=misreport)["relative_gain"].to_list()
        assert gains[0] > 0.2
        assert gains == sorted(gains, reverse=True)
        assert gains[-1] < 0.02


def test_truthful_mechanisms_have_no_regret() -> None:
    frame = regret(["trade_reduction", "mcafee", "sbba", "huang", "muda", "vcg"], (4, 12), 20, misreports=["price"])
    assert frame["largest_gain"].max() <= 1e-9
    assert frame["share_gaining"].max() == 0.0


def test_the_figures_are_those_of_the_best_responses() -> None:
    def values(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        return rng.uniform(0.1, 0.5, shape), np.where(np.arange(shape[1]) % 2, -1.0, 1.0) * rng.uniform(0.5, 2.0, shape)

    drawn: list[tuple[np.ndarray, np.ndarray]] = []

    def remembered(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        drawn.append(values(rng, shape))
        return drawn[-1]

    row = only(regret("pay_as_bid", 6, 20, misreports=["price"], values=remembered, households_a_book=None))
    value, need = drawn[0]
    gain = best_response(value, need, "pay_as_bid").gain
    assert row["num_reports"] == 120
    assert row["mean_gain"] == pytest.approx(gain.mean())
    assert row["largest_gain"] == pytest.approx(gain.max())
    assert row["median_gain"] == pytest.approx(np.median(gain))
    assert row["gain_90"] == pytest.approx(np.quantile(gain, 0.9))
    assert row["share_gaining"] == (gain > 1e-9).mean()
    assert row["standard_error"] == pytest.approx(gain.mean(axis=1).std(ddof=1) / np.sqrt(20))
    welfare = (value * p2p_market.clear(value, need).filled).sum() / need.size
    assert row["gains_from_trade"] == pytest.approx(welfare)
    assert row["relative_gain"] == pytest.approx(gain.mean() / welfare)


def test_books_depend_on_seed_and_size_alone() -> None:
    together = regret(["uniform_price", "vcg"], (4, 6), 5)
    alone = regret("uniform_price", 6, 5)
    assert together.filter(mechanism="uniform_price", num_households=6).equals(alone)
    assert not regret("uniform_price", 6, 5, seed=1).equals(alone)


def test_the_households_measured_are_a_fair_sample() -> None:
    # under bill sharing every seller gains and no buyer does, so the share that gains is the sellers' share
    frame = regret("bill_sharing", 20, 100, misreports=["quantity"], households_a_book=4)
    assert frame["num_reports"].item() == 400
    assert frame["share_gaining"].item() == pytest.approx(0.5, abs=0.1)


def test_all_mechanisms_may_meet_on_equal_lots() -> None:
    frame = regret(["uniform_price", "mcafee"], 6, 10, equal_lots=True, misreports=["price"])
    assert frame["equal_lots"].all()
    assert frame["gains_from_trade"].n_unique() == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mechanisms": "vgc"}, "unknown mechanism 'vgc'; did you mean 'vcg'"),
        ({"num_households": 0}, "num_households is 0; expected a whole number, 1 or more"),
        ({"num_books": 2.5}, "num_books is 2.5; expected a whole number, 1 or more"),
        ({"values": "normal"}, r"values is 'normal'; expected 'uniform' or a function of \(rng, shape\)"),
        ({"values": lambda rng, shape: (rng.random(3), rng.random(shape))}, r"values drew shapes \(3,\) and \(2, 4\)"),
        ({"households_a_book": 0}, "households_a_book is 0; expected a whole number, 1 or more"),
        ({"misreports": ["prize"]}, "misreport is .*prize.*; expected 'price', 'quantity', or both"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(p2p_market.errors.P2PMarketError, match=message):
        regret(**{"mechanisms": "uniform_price", "num_households": 4, "num_books": 2, **arguments})


def test_the_package_loads_without_a_frame_library() -> None:
    code = (
        "import sys, p2p_market; p2p_market.analysis.best_response([0.3, 0.1], [1, -1]); "
        "print([name for name in ('polars', 'pandas', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
