"""Markets on grids clear in 32-bit integers, one small market in plain Python: the same results, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from auction.markets import VARIANTS, assert_identical, lots_for, run_with_lots, suited
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batches, stack

import p2p_market
from p2p_market.auction import clearing as clearing_module
from p2p_market.auction.book import SortedBook
from p2p_market.auction.clearing import Clearing, sort_book
from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms.alone import uniform_price_alone
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.auction.tick_book import _HISTOGRAM_FROM, TickBook, tick_book

GRID = {"price_tick": 0.01, "energy_unit": 1 / 16}
FINE_GRID = {"price_tick": 0.0001, "energy_unit": 0.001}
SHAPES = ("random", "capped", "one-sided", "one level", "few orders", "balanced lots")
ALONE = {
    "ce": {},
    "low end": {"k": 0.0},
    "marginal": {"price_rule": "marginal"},
    "clip": {"price_rule": "clip", "k": 1},
}


def in_floats(*args: Any, **options: Any) -> Clearing:
    """The same through the book of floating-point numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clearing_module, "tick_book", lambda *_, **__: None)
        patch.setattr(clearing_module, "_SMALL_MARKET", 0)
        return run_with_lots(*args, **options)


def draw(shape: str, num_markets: int, num_orders: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Limit prices and quantities on the fine grid, but for rounding."""
    rng = np.random.default_rng(seed)
    size = (num_markets, num_orders)
    price, quantity = rng.uniform(0.11, 0.59, size), rng.normal(0.0, 0.5, size)
    if shape == "capped":
        price = np.clip(rng.normal(0.35, 0.3, size), 0.11, 0.59)
    elif shape == "one-sided":
        quantity = np.abs(quantity) * rng.choice([-1.0, 1.0], (num_markets, 1))
    elif shape == "one level":
        price = np.full(size, 0.3)
    elif shape == "few orders":
        quantity *= rng.random(size) < 0.02
    elif shape == "balanced lots":
        quantity = np.copysign(0.25, rng.permuted(np.tile(np.arange(num_orders) % 2 - 0.5, (num_markets, 1)), axis=1))
    return price, quantity


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=25)
@given(
    batch=batches(),
    ties=st.sampled_from(["prorata", "prorata", "priority", "random"]),
    fee=st.sampled_from([0.0, 0.0, 0.02]),
)
def test_integers_and_floats_agree_on_drawn_books(variant, batch, ties, fee):
    price, quantity = stack(batch)
    quantity = suited(variant, quantity)
    given_ = {"lots": lots_for(quantity.shape), "ties": ties, "fee": fee, **GRID}
    assert_identical(run_with_lots(variant, price, quantity, **given_), in_floats(variant, price, quantity, **given_))


def test_an_order_of_nothing_is_listed_in_the_same_place():
    """Levels of pairs are summed as they are listed, and an order of no size is listed by its price too."""
    price = np.array([20, 20, 20, 21, 20, 20, 20, 22]) / 100
    quantity = np.array([-1, -1, -1, -1, -1, -2, 0, 1]) / 16
    given_ = {"lots": lots_for(quantity.shape), "fee": 0.02, **GRID}
    for variant in ("pay_as_bid: spread=seller", "pairwise_midpoint"):
        assert_identical(
            run_with_lots(variant, price, quantity, **given_), in_floats(variant, price, quantity, **given_)
        )


@pytest.mark.parametrize("num_orders", [1, 2, 30, 300, _HISTOGRAM_FROM, 2000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("variant", ["uniform_price", "pay_as_bid", "huang"])
def test_integers_and_floats_agree_on_large_books(variant, shape, num_orders):
    price, quantity = draw(shape, 7, num_orders)
    lots = lots_for(quantity.shape)
    assert_identical(
        run_with_lots(variant, price, quantity, lots=lots, **FINE_GRID),
        in_floats(variant, price, quantity, lots=lots, **FINE_GRID),
    )


@pytest.mark.parametrize("num_orders", [5, 300, _HISTOGRAM_FROM + 1])
@pytest.mark.parametrize("shape", SHAPES)
def test_margin_of_integers_equals_that_of_floats(shape, num_orders):
    price, quantity = (
        np.round(values * scale) for values, scale in zip(draw(shape, 5, num_orders), (1e4, 1e3), strict=True)
    )
    fast, slow = tick_book(price.copy(), quantity.copy()), SortedBook(price, quantity, tolerance=0.0)
    assert isinstance(fast, TickBook)
    for name in ("price", "quantity", "size", "is_bid", "is_ask", "efficient_fill"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
    names = ("traded", "level", "bid_fill", "bid_size", "ask_fill", "ask_size")
    prices = ("last_bid", "last_ask", "next_bid", "next_ask", "price_low", "price_high")
    has_bids = (quantity > 0).any(axis=1)  # elsewhere the level means nothing
    for name in (*names, *prices):
        np.testing.assert_array_equal(
            getattr(fast.margin, name)[has_bids], getattr(slow.margin, name)[has_bids], err_msg=name
        )


@pytest.mark.parametrize("options", ALONE.values(), ids=ALONE)
@settings(max_examples=100)
@given(batch=batches(max_markets=1))
def test_one_small_market_is_walked_to_the_same_result(options, batch):
    price, quantity = stack(batch)
    rules, orders = AuctionRules("uniform_price", options, **GRID), Orders(price, quantity)
    assert rules.has_way_alone
    alone = clearing_module.clear_orders(rules, orders)
    twice = Orders(np.repeat(price, 2, axis=0), np.repeat(quantity, 2, axis=0))
    assert_identical(clearing_module.clear_orders(rules, twice).reshape((2,)), alone, at=[0, 0])


@pytest.mark.parametrize("shape", SHAPES)
def test_one_market_of_three_hundred_is_walked_to_the_same_result(shape):
    price, quantity = draw(shape, 40, 300)
    batch = p2p_market.clear(price, quantity, **FINE_GRID)
    for market in range(40):
        assert_identical(p2p_market.clear(price[market], quantity[market], **FINE_GRID), batch, at=market)


def test_which_markets_are_walked(monkeypatch):
    walked: list[int] = []
    walk = clearing_module._clear_alone
    monkeypatch.setattr(clearing_module, "_clear_alone", lambda *given: walked.append(1) or walk(*given))
    price, quantity = draw("random", 2, 10)
    p2p_market.clear(price[0], quantity[0], **FINE_GRID)
    assert len(walked) == 1
    for options in ({"fee": 0.01}, {"ties": "priority"}, {"mechanism": "huang"}):
        p2p_market.clear(price[0], quantity[0], **FINE_GRID, **options)
    p2p_market.clear(price[0], quantity[0])  # no grid
    p2p_market.clear(price, quantity, **FINE_GRID)  # two markets
    assert len(walked) == 1


@pytest.mark.parametrize(
    ("rules", "price", "quantity", "kind"),
    [
        (FINE_GRID, 0.3, 1.0, TickBook),
        ({"price_tick": 0.01}, 0.3, 1.0, SortedBook),
        ({"energy_unit": 0.001}, 0.3, 1.0, SortedBook),
        (FINE_GRID, 1e9, 1.0, SortedBook),  # a range of ticks beyond 30 bits
        (FINE_GRID, 0.3, 1e9, SortedBook),  # a volume beyond 30 bits
        (FINE_GRID, 30.0, 1e4, SortedBook),  # 19 bits of ticks and 24 of units
        (FINE_GRID, 0.3, 500.0, TickBook),  # 12 and 19
    ],
)
def test_numbers_that_do_not_fit_go_through_floats(rules, price, quantity, kind):
    orders = Orders(np.array([[price, 0.1]]), np.array([[quantity, -1.0]]))
    assert type(sort_book(AuctionRules(**rules), orders)) is kind


def test_a_fee_that_is_no_whole_number_of_ticks_goes_through_floats():
    orders = Orders(np.array([[0.3, 0.1]]), np.array([[1.0, -1.0]]))
    for fee, kind in ((0.02, TickBook), (0.00005, SortedBook)):
        rules = AuctionRules(fees=Fees(trading=fee), **FINE_GRID)
        assert type(sort_book(rules, orders)) is kind


def test_numbers_beyond_exact_sums_are_not_walked():
    clearing = p2p_market.clear([0.3, 0.1], [1e12, -1e12], price_tick=0.1, energy_unit=1e-6)
    assert clearing.traded == 1e12


def test_walk_by_hand():
    """Bids 3 at 40 and 2 at 30, asks 4 at 20: the bid at 30 is cut to 1 and sets the price."""
    allocation = uniform_price_alone([40.0, 30.0, 20.0], [3.0, 2.0, -4.0])
    assert allocation.filled == [3.0, 1.0, -4.0]
    assert (allocation.price, allocation.price_low, allocation.price_high, allocation.traded) == (30.0, 30.0, 30.0, 4.0)
