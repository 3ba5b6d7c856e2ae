"""The depth ladder of a market, and who traded with whom."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from auction.markets import FEED_IN, RETAIL, VARIANTS, lots_for, suited
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import CAP_HIGH, CAP_LOW, Book, batches, books, crossing_books, stack

from p2p_market.auction.context import AuctionContext
from p2p_market.auction.fees import Fees
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import EpisodeError

some = settings(max_examples=25)
every_variant = pytest.mark.parametrize("variant", VARIANTS)
FEES = st.sampled_from([Fees(), Fees(trading=0.02, network=0.01, buyer_share=0.25), Fees(rate=0.1)])
GRIDS = st.sampled_from([{}, {"price_tick": 0.01}, {"price_tick": 0.0001, "energy_unit": 0.0625}])


def auction(variant: str, price: np.ndarray, quantity: np.ndarray, **rules: object) -> AuctionContext:
    """A context with its orders in, (B, N), as the variant takes them, and a lot for each."""
    mechanism, options, _ = VARIANTS[variant]
    num_markets = len(price)
    band = np.full(num_markets, CAP_LOW / 100), np.full(num_markets, CAP_HIGH / 100)
    tariffs = np.full(price.shape, RETAIL), np.full(price.shape, FEED_IN)
    context = AuctionContext(AuctionRules(mechanism, options, **rules), *band, *tariffs, audit=True)
    return context.with_orders(Orders(price, suited(variant, quantity)), lots_for(quantity.shape))


def one(variant: str, book: Book, **rules: object) -> AuctionContext:
    return auction(variant, book.price[None], book.quantity[None], **rules)


@given(book=books)
def test_the_ladder_adds_up_the_orders_of_each_price(book):
    ladder = one("uniform_price", book).get_orderbook()
    levels = {1: defaultdict(float), -1: defaultdict(float)}
    for price, quantity in zip(book.price, book.quantity, strict=True):
        if quantity:
            levels[int(np.sign(quantity))][price] += abs(quantity)
    bids, asks = sorted(levels[1].items(), reverse=True), sorted(levels[-1].items())
    assert list(zip(ladder.bid_price, ladder.bid_quantity, strict=True)) == bids
    assert list(zip(ladder.ask_price, ladder.ask_quantity, strict=True)) == asks
    for cumulative, side in ((ladder.bid_cumulative, bids), (ladder.ask_cumulative, asks)):
        assert cumulative.tolist() == [sum(size for _, size in side[: i + 1]) for i in range(len(side))]
    assert np.array([ladder.best_bid, ladder.best_ask]).tolist() == pytest.approx(
        [bids[0][0] if bids else np.nan, asks[0][0] if asks else np.nan], nan_ok=True
    )
    if bids and asks:
        assert (ladder.spread <= 0) == (ladder.traded > 0)


@some
@given(batch=batches())
def test_the_ladder_of_one_market_of_a_batch(batch):
    context = auction("uniform_price", *stack(batch))
    for market, book in enumerate(batch):
        ladder, alone = context.get_orderbook(market), one("uniform_price", book).get_orderbook()
        for name, value in vars(alone).items():
            np.testing.assert_array_equal(getattr(ladder, name), value, err_msg=name)
        assert ladder.traded == context.clearing.traded[market]


def test_the_ladder_shows_prices_as_handed_in():
    context = auction("uniform_price", np.array([[0.30, 0.20]]), np.array([[1.0, -1.0]]), fees=Fees(trading=0.02))
    ladder = context.get_orderbook()
    assert (ladder.best_bid, ladder.best_ask) == (0.30, 0.20)
    assert ladder.spread == pytest.approx(-0.10)


@every_variant
@some
@given(book=st.one_of(books, crossing_books), fees=FEES, grid=GRIDS, ties=st.sampled_from(["prorata", "priority"]))
def test_pairs_sum_to_fills_and_payments(variant, book, fees, grid, ties):
    context = one(variant, book, fees=fees, ties=ties, **grid)
    clearing, pairs = context.clearing, context.transaction()
    fees_break_it = not context.rules.entry.promises.individually_rational
    filled, paid = np.zeros(len(book)), np.zeros(len(book))
    for buyer, seller, quantity, buyer_price, seller_price in zip(
        pairs.buyer, pairs.seller, pairs.quantity, pairs.buyer_price, pairs.seller_price, strict=True
    ):
        assert quantity > 0
        assert book.quantity[buyer] > 0 > book.quantity[seller]
        assert book.price[buyer] >= book.price[seller] or context.rules.is_pool
        filled[buyer] += quantity
        filled[seller] -= quantity
        paid[buyer] += quantity * buyer_price
        paid[seller] -= quantity * seller_price
        assert buyer_price <= (RETAIL if context.rules.is_pool else book.price[buyer]) + 1e-11 or fees_break_it
        assert seller_price >= (FEED_IN if context.rules.is_pool else book.price[seller]) - 1e-11 or fees_break_it
    np.testing.assert_allclose(filled, clearing.filled[0], rtol=1e-12, atol=1e-12)
    if context.rules.is_pool:
        rest = book.quantity - filled
        paid += np.where(rest > 0, RETAIL, FEED_IN) * rest
    np.testing.assert_allclose(paid, clearing.payment[0], rtol=1e-12, atol=1e-12)
    assert len(pairs) == len(set(zip(pairs.buyer, pairs.seller, strict=True)))


@some
@given(batch=batches())
def test_pairs_of_one_market_of_a_batch(batch):
    context = auction("pairwise_midpoint", *stack(batch))
    for market, book in enumerate(batch):
        for name, value in vars(one("pairwise_midpoint", book).transaction()).items():
            np.testing.assert_array_equal(getattr(context.transaction(market), name), value, err_msg=name)


def test_pairs_of_a_small_book():
    """Bids 9 x 2 and 7 x 2, asks 1 x 1, 3 x 2: the best bid buys the best ask whole, then half of the next."""
    context = auction("pairwise_midpoint", np.array([[9.0, 7.0, 1.0, 3.0]]), np.array([[2.0, 2.0, -1.0, -2.0]]))
    pairs = context.transaction()
    assert pairs.buyer.tolist() == [0, 0, 1]
    assert pairs.seller.tolist() == [2, 3, 3]
    assert pairs.quantity.tolist() == [1, 1, 1]
    assert pairs.price.tolist() == [5, 6, 5]
    assert context.clearing.unit_price.tolist() == [[5.5, 5, 5, 5.5]]


def test_a_level_that_meets_a_level_is_split_pro_rata():
    context = auction("uniform_price", np.array([[0.3, 0.3, 0.1, 0.1]]), np.array([[3.0, 1.0, -1.0, -1.0]]))
    pairs = context.transaction()
    assert sorted(zip(pairs.buyer, pairs.seller, pairs.quantity, strict=True)) == [
        (0, 2, 0.75), (0, 3, 0.75), (1, 2, 0.25), (1, 3, 0.25),
    ]  # fmt: skip


@every_variant
def test_nobody_trades_in_an_empty_book(variant):
    context = auction(variant, np.zeros((2, 0)), np.zeros((2, 0)))
    assert len(context.transaction(1)) == 0
    assert context.get_orderbook(1).traded == 0
    assert np.isnan(context.get_orderbook().best_bid)


@every_variant
@some
@given(book=books)
def test_matched_and_non_matched_make_up_the_orders(variant, book):
    context = one(variant, book)
    np.testing.assert_allclose(
        context.matched_order + context.non_matched_order, suited(variant, book.quantity)[None], atol=1e-15
    )
    assert (context.matched_order * context.non_matched_order >= 0).all()


def test_an_open_auction_has_nothing_to_show():
    rules = AuctionRules()
    context = AuctionContext(rules, *np.zeros((2, 1)), *np.zeros((2, 1, 3)))
    with pytest.raises(EpisodeError, match="this auction has no orders yet"):
        context.get_orderbook()


@given(
    position=st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.3, 1.0]), min_size=1, max_size=6),
    low=st.integers(0, 40),
    width=st.integers(0, 40),
    tick=st.sampled_from([None, 0.01, 0.0001]),
)
def test_positions_in_the_band(position, low, width, tick):
    """-1 is the low end and +1 the high end for both sides; a tick rounds bids down and asks up, inside the band."""
    rules = AuctionRules(price_tick=tick)
    ends = np.array([low / 100]), np.array([(low + width) / 100])
    context = AuctionContext(rules, *ends, *np.zeros((2, 1, len(position))))
    for is_bid in (True, False):
        price = context.make_bid_price(np.array([position]), np.full((1, len(position)), is_bid))[0]
        exact = low / 100 + (np.array(position) + 1) / 2 * width / 100
        assert (np.abs(price - exact) <= (tick or 0) + 1e-12).all()
        assert (price >= ends[0] - 1e-12).all()
        assert (price <= ends[1] + 1e-12).all()
        if tick:
            assert ((exact - price) * (1 if is_bid else -1) >= -1e-6 * tick - 1e-12).all()
        for p, where in zip(price, position, strict=True):
            if abs(where) == 1:
                assert p == ends[int(where > 0)][0]
