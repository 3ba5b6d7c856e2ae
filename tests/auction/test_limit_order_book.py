"""The batched limit order book against a list of standing orders, operation by operation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import limit_order_book as reference

from p2p_market.auction.limit_order_book import LimitOrderBook

quick = settings(max_examples=40)
whole = st.integers


@st.composite
def sessions(draw: st.DrawFn) -> tuple[int, int, list[tuple[str, list[tuple[int, int, int]]]]]:
    """Some markets, some slots, and operations with a slot, a price and a signed quantity for each market."""
    num_markets, num_slots = draw(whole(1, 3)), draw(whole(1, 12))
    one = st.tuples(whole(0, num_slots - 1), whole(1, 5), whole(-4, 4))
    kinds = st.sampled_from(["submit", "submit", "submit", "submit", "submit", "submit", "cancel", "clear"])
    operation = st.tuples(kinds, st.lists(one, min_size=num_markets, max_size=num_markets))
    return num_markets, num_slots, draw(st.lists(operation, max_size=40))


@quick
@given(session=sessions())
def test_against_the_reference(session):
    """Trades in their order, what rests, and the best of both sides; cancelling and clearing where the draw says so."""
    num_markets, num_slots, operations = session
    book = LimitOrderBook(num_markets, num_slots)
    markets = [reference.LimitOrderBook() for _ in range(num_markets)]
    for kind, arrivals in operations:
        slot, price, quantity = np.array(arrivals).T
        made: list[list[reference.Trade]] = [[] for _ in markets]
        if kind == "submit":
            for trades in book.submit(slot, price.astype(float), quantity.astype(float)):
                columns = (trades.market, trades.taker, trades.maker, trades.quantity, trades.price)
                for market, *trade in zip(*(column.tolist() for column in columns), strict=True):
                    made[market].append(tuple(trade))
        elif kind == "cancel":
            book.cancel(slot, quantity > 0)
        else:
            book.clear(quantity > 0)
        for b, market in enumerate(markets):
            if kind == "submit" and quantity[b]:
                answer = market.submit(int(slot[b]), Fraction(int(price[b])), Fraction(int(quantity[b])))
                assert made[b] == answer
            elif kind == "cancel" and quantity[b] > 0:
                market.cancel(int(slot[b]))
            elif kind == "clear" and quantity[b] > 0:
                market.clear()
            else:
                assert not made[b]
            assert book.standing[b].tolist() == market.standing(num_slots)
            bid, ask = market.best(buys=True), market.best(buys=False)
            assert book.best_bid_slot[b] == (-1 if bid is None else bid.slot)
            assert book.best_ask_slot[b] == (-1 if ask is None else ask.slot)
            np.testing.assert_equal(book.best_bid[b], np.nan if bid is None else float(bid.price))
            np.testing.assert_equal(book.best_ask[b], np.nan if ask is None else float(ask.price))


def test_a_best_order_among_many_blocks():
    """A hundred slots are ten blocks: the next best is in its own block, or in another, or tied and younger."""
    rng = np.random.default_rng(3)
    book, market = LimitOrderBook(1, 100), reference.LimitOrderBook()
    for _ in range(600):
        slot, price = int(rng.integers(100)), int(rng.integers(1, 12))
        quantity = int(rng.integers(1, 4)) * (1 if rng.random() < 0.5 else -1)
        made = [
            (trades.taker[0], trades.maker[0], trades.quantity[0], trades.price[0])
            for trades in book.submit(slot, price, quantity)
        ]
        assert made == market.submit(slot, Fraction(price), Fraction(quantity))
    assert book.standing[0].tolist() == market.standing(100)


def test_a_quote_that_is_replaced_loses_its_place_in_the_queue():
    book = LimitOrderBook(1, 3)
    book.submit(0, 2.0, 1.0)
    book.submit(1, 2.0, 1.0)
    assert book.best_bid_slot.tolist() == [0]
    book.submit(0, 2.0, 1.0)
    assert book.best_bid_slot.tolist() == [1]
    book.submit(1, 3.0, -1.0)  # who bade asks now
    assert (book.best_bid_slot.tolist(), book.best_ask_slot.tolist()) == ([0], [1])
    assert book.standing.tolist() == [[1.0, -1.0, 0.0]]


def test_a_rest_that_is_rounding_noise_is_gone():
    book = LimitOrderBook(2, 2, noise=[1e-9, 0.0])
    book.submit(0, 1.0, -0.3)
    book.submit(1, 1.0, 0.1 + 0.2)
    assert book.standing[0].tolist() == [0.0, 0.0]
    assert book.standing[1].tolist() == [0.0, 0.1 + 0.2 - 0.3]


@pytest.mark.parametrize(("num_markets", "num_slots"), [(0, 4), (2, 0), (0, 0)])
def test_books_of_nobody(num_markets, num_slots):
    book = LimitOrderBook(num_markets, num_slots)
    assert book.submit(0, 1.0, 0.0) == []
    book.clear()
    assert book.standing.shape == (num_markets, num_slots)
    assert np.isnan(book.best_ask).all()
    assert (book.best_bid_slot == -1).all()
