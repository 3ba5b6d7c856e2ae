"""The best answer to the last book: exactly what the analysis of misreports finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bidders import outcome_of, repeated_market, view_of

import p2p_market
from p2p_market.analysis import best_response
from p2p_market.auction.rules import AuctionRules
from p2p_market.policies import POLICIES

BEST = POLICIES["best_response"]


def book_of(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    quantity = rng.choice([-2.0, -1.0, 1.0, 2.0], size)
    value = rng.integers(10, 50, size) / 100
    price = np.clip(value - np.sign(quantity) * rng.integers(0, 10, size) / 100, 0.0, 1.0)
    return value, price, quantity


@pytest.mark.parametrize(
    ("mechanism", "options"),
    [("uniform_price", {}), ("uniform_price", {"k": 0.0}), ("pay_as_bid", {}), ("pairwise_midpoint", {}), ("vcg", {})],
)
def test_it_gains_what_the_best_misreport_gains(mechanism: str, options: dict[str, Any]) -> None:
    grids = {"price_tick": 0.01, "energy_unit": 0.001}
    rules = AuctionRules(mechanism, options, **grids)
    rng = np.random.default_rng(1)
    for _ in range(5):
        value, price, quantity = book_of(rng, 8)
        view = view_of(quantity, value, value, band=(0.0, 1.0), rules=rules)
        memory = BEST.learn(view, outcome_of(price, quantity, np.zeros(8), 0.0), BEST.start(np.empty((1, 0, 8)), 8))
        answer, size = BEST.bid(view, memory)
        np.testing.assert_array_equal(size[0], quantity)
        best = best_response(value, quantity, mechanism, price=price, **grids, **options)
        for household in range(8):
            deviated = price.copy()
            deviated[household] = answer[0, household]
            clearing = p2p_market.clear(deviated, quantity, mechanism, **grids, **options)
            gain = value[household] * clearing.filled[household] - clearing.payment[household]
            assert gain == pytest.approx(best.utility[household], abs=1e-9)


def test_where_nothing_is_gained_it_bids_its_value() -> None:
    view = view_of([1.0, -1.0, 0.0], 0.3, 0.1)
    price, quantity = BEST.bid(view, BEST.start(np.empty((1, 0, 3)), 3))
    np.testing.assert_array_equal(price, view.limit_price)
    np.testing.assert_array_equal(quantity, view.net_load)
    truthful = view_of([1.0, -1.0], 0.3, 0.1, rules=AuctionRules("vcg"))
    book = outcome_of([0.3, 0.1], [1.0, -1.0], [1.0, -1.0], 0.2)
    price, _ = BEST.bid(truthful, BEST.learn(truthful, book, BEST.start(np.empty((1, 0, 2)), 2)))
    np.testing.assert_allclose(price, truthful.limit_price)


def test_alone_with_a_seller_a_buyer_bids_what_the_seller_asked() -> None:
    rules = AuctionRules("uniform_price", price_tick=0.01)
    view = view_of([1.0, -1.0], 0.3, 0.1, rules=rules)
    memory = BEST.learn(
        view, outcome_of([0.3, 0.15], [1.0, -1.0], [1.0, -1.0], 0.2), BEST.start(np.empty((1, 0, 2)), 2)
    )
    price, _ = BEST.bid(view, memory)
    np.testing.assert_allclose(price, [[0.15, 0.30]])


def test_it_answers_others_and_not_itself() -> None:
    """Its own last order, whatever it was, makes no difference."""
    view = view_of([1.0, -1.0, -1.0], 0.3, 0.1)
    answers = []
    for own in (0.11, 0.29):
        outcome = outcome_of([own, 0.15, 0.20], [1.0, -1.0, -1.0], [1.0, 0.0, 0.0], 0.2)
        answers.append(BEST.bid(view, BEST.learn(view, outcome, BEST.start(np.empty((1, 0, 3)), 3)))[0][0, 0])
    assert answers[0] == answers[1]


def test_a_pool_is_told_the_truth() -> None:
    view = view_of([1.0, -1.0], 0.3, 0.1, rules=AuctionRules("mid_market_rate"))
    price, _ = BEST.bid(view, BEST.start(np.empty((1, 0, 2)), 2))
    np.testing.assert_array_equal(price, view.limit_price)


def test_everybodys_best_answers_trade_at_the_competitive_price() -> None:
    limits = [0.75 + 0.25 * step for step in range(11)]
    *_, last = repeated_market(BEST, [*limits, *limits], [1.0] * 11 + [-1.0] * 11, 10, band=(0.0, 4.0))
    assert last.clearing_price[0] == pytest.approx(2.0, abs=0.13)
