"""Declared truthfulness is measured: no misreport gains a cent where it is promised, and some does where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from p2p_market.analysis import best_response
from p2p_market.auction.mechanisms import MECHANISMS

NUM_BOOKS = 80
PRICE_PROOF = [name for name, entry in MECHANISMS.items() if entry.promises.truthful_in_price]
NOT_PRICE_PROOF = [name for name, entry in MECHANISMS.items() if not entry.promises.truthful_in_price]
# with lots of one size there is no quantity to misreport
QUANTITY_PROOF = [
    name for name, entry in MECHANISMS.items() if entry.promises.truthful_in_quantity and not entry.promises.unit_lots
]


def draw_books(mechanism: str, size: int, *, tied: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Draw values, needs, what the others report (anything at all), and the one tariff that a pool's promises need."""
    rng = np.random.default_rng(size + 100 * tied)
    shape = (NUM_BOOKS, size)
    levels = np.array([0.2, 0.21, 0.22, 0.25, 0.3])
    value, report = (rng.choice(levels, shape) if tied else rng.uniform(0.05, 0.6, shape) for _ in range(2))
    need = rng.choice([-1.0, 1.0], shape) * (rng.choice([0.5, 1.0, 1.5], shape) if tied else rng.uniform(0.1, 1, shape))
    if MECHANISMS[mechanism].promises.unit_lots:
        need = np.sign(need)
    if not MECHANISMS[mechanism].is_pool:
        return value, need, report, {}
    # a kWh is worth what the grid takes or gives for it
    return np.where(need > 0.0, 0.4, 0.1), need, report, {"retail_price": 0.4, "feed_in_price": 0.1}


def largest_gain(mechanism: str, misreport: Any, *, tied: bool, against_anything: bool, **options: Any) -> float:
    largest = 0.0
    for size in (2, 5, 9):
        value, need, report, tariffs = draw_books(mechanism, size, tied=tied)
        price = report if against_anything else None
        best = best_response(
            value, need, mechanism, price=price, misreport=misreport, max_quote_ratio=4, seed=1, **tariffs, **options
        )
        largest = max(largest, float(best.gain.max()))
    return largest


@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
@pytest.mark.parametrize("against_anything", [False, True], ids=["truthful", "anything"])
@pytest.mark.parametrize("mechanism", PRICE_PROOF)
def test_no_price_gains_where_truth_is_promised(mechanism: str, *, against_anything: bool, tied: bool) -> None:
    assert largest_gain(mechanism, "price", tied=tied, against_anything=against_anything) <= 1e-9


@pytest.mark.parametrize("tied", [False, True], ids=["apart", "tied"])
@pytest.mark.parametrize("mechanism", QUANTITY_PROOF)
def test_no_quantity_gains_where_truth_is_promised(mechanism: str, *, tied: bool) -> None:
    assert largest_gain(mechanism, "quantity", tied=tied, against_anything=True) <= 1e-9


@pytest.mark.parametrize("mechanism", sorted({*PRICE_PROOF} & {*QUANTITY_PROOF}))
def test_no_pair_gains_where_truth_is_promised_for_both(mechanism: str) -> None:
    value, need, report, tariffs = draw_books(mechanism, 5, tied=True)
    best = best_response(
        value[:30], need[:30], mechanism, price=report[:30], misreport=("price", "quantity"), max_quote_ratio=4,
        seed=1, **tariffs,
    )  # fmt: skip
    assert best.gain.max() <= 1e-9


@pytest.mark.parametrize(
    ("mechanism", "options"),
    [
        ("muda", {"long_side": "vickrey"}),
        ("huang", {"drop": "order"}),
        ("mcafee", {"ties": "random"}),
        ("sbba", {"ties": "priority"}),
        ("trade_reduction", {"fee": 0.02, "network_fee": 0.01, "fee_rate": 0.05}),
    ],
    ids=str,
)
def test_options_keep_the_truth_best(mechanism: str, options: dict[str, Any]) -> None:
    for tied in (False, True):
        assert largest_gain(mechanism, "price", tied=tied, against_anything=True, **options) <= 1e-9


@pytest.mark.parametrize("mechanism", ["huang", "muda", "vcg"])
def test_on_a_price_tick_a_lie_gains_less_than_a_tick(mechanism: str) -> None:
    # a value between two ticks is rounded to the worse side, where it may tie and share
    value, need, report, _ = draw_books(mechanism, 5, tied=False)
    gain = best_response(value, need, mechanism, price=report, price_tick=0.01, seed=1).gain
    assert (gain < 0.01 * np.abs(need)).all()
    on_tick = best_response(value.round(2), need, mechanism, price=report, price_tick=0.01, seed=1).gain
    assert on_tick.max() <= 1e-9


@pytest.mark.parametrize("mechanism", ["sbba", "muda"])
def test_the_truth_is_best_for_every_draw_of_the_lots_and_so_in_expectation(mechanism: str) -> None:
    for num_draws in (1, 25):
        assert largest_gain(mechanism, "price", tied=True, against_anything=True, num_draws=num_draws) <= 1e-9


@pytest.mark.parametrize("mechanism", NOT_PRICE_PROOF)
def test_some_price_gains_where_truth_is_not_promised(mechanism: str) -> None:
    assert largest_gain(mechanism, "price", tied=False, against_anything=False) > 0.1


@pytest.mark.parametrize(
    "mechanism",
    ["uniform_price", "pairwise_midpoint", "huang", "supply_demand_ratio", "bill_sharing"],
)
def test_some_quantity_gains_where_truth_is_not_promised(mechanism: str) -> None:
    assert largest_gain(mechanism, "quantity", tied=True, against_anything=False) > 0.001


def test_with_mixed_tariffs_a_household_may_keep_out_of_a_pool_that_one_tariff_keeps_honest() -> None:
    # a pool price of 0.25, the middle of the mean tariffs 0.40 and 0.10; the second seller gets 0.30 from the grid
    value, need = np.array([[0.40, 0.05, 0.30]]), np.array([[4.0, -4.0, -1.0]])
    retail, feed_in = np.array([[0.40, 0.40, 0.40]]), np.array([[0.10, 0.05, 0.30]])
    mixed = best_response(
        value, need, "mid_market_rate", misreport="quantity", retail_price=retail, feed_in_price=feed_in
    )
    assert mixed.quantity[0, 2] == 0.0
    assert mixed.gain[0, 2] > 0.03
    one = best_response(
        [0.40, 0.10, 0.10], need[0], "mid_market_rate", misreport="quantity", retail_price=0.40, feed_in_price=0.10
    )
    assert (one.gain == 0.0).all()


@pytest.mark.parametrize("mechanism", ["pay_as_bid", "continuous"])
def test_at_a_truthful_price_no_quantity_gains_where_every_unit_trades_at_no_loss(mechanism: str) -> None:
    # not a promise: what such a market pays for is a price misreport
    assert largest_gain(mechanism, "quantity", tied=True, against_anything=True, ties="priority") <= 1e-9
