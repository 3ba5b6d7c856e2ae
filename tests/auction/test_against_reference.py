"""The batched mechanisms against loops over exact fractions that are written from the definitions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.double_auction import Answer, PriceRule, clear, grid_only, pairwise, pay_as_bid, uniform_price
from reference.efficient import demand, supply
from strategies import Book, books

import p2p_market
from p2p_market.auction.clearing import Clearing

# Named cases: mechanism, its options, and the same rule as a loop. k = 1/4 and 7/8 tell k from 1 - k.
CASES: dict[str, tuple[str, dict[str, object], PriceRule]] = {
    "uniform": ("uniform_price", {}, uniform_price()),
    "uniform k": ("uniform_price", {"k": 0.25}, uniform_price(Fraction(1, 4))),
    "uniform k=0": ("uniform_price", {"k": 0.0}, uniform_price(Fraction(0))),
    "uniform k=1": ("uniform_price", {"k": 1.0}, uniform_price(Fraction(1))),
    "marginal": ("uniform_price", {"price_rule": "marginal"}, uniform_price(price_rule="marginal")),
    "marginal k": (
        "uniform_price",
        {"price_rule": "marginal", "k": 0.875},
        uniform_price(Fraction(7, 8), "marginal"),
    ),
    "clip": ("uniform_price", {"price_rule": "clip"}, uniform_price(price_rule="clip")),
    "clip k": ("uniform_price", {"price_rule": "clip", "k": 0.25}, uniform_price(Fraction(1, 4), "clip")),
    "pay as bid": ("pay_as_bid", {}, pay_as_bid()),
    "pay as bid, seller": ("pay_as_bid", {"spread": "seller"}, pay_as_bid("seller")),
    "pay as bid, buyer": ("pay_as_bid", {"spread": "buyer"}, pay_as_bid("buyer")),
    "midpoint": ("pairwise_midpoint", {}, pairwise()),
    "midpoint k": ("pairwise_midpoint", {"k": 0.25}, pairwise(Fraction(1, 4))),
}
TIES = ("prorata", "priority")


def number(value: Fraction | None) -> float:
    return np.nan if value is None else float(value)


def numbers(values: list) -> np.ndarray:
    return np.array([number(value) for value in values], dtype=np.float64)


def assert_same(clearing: Clearing, answer: Answer, book: Book, price_error: float = 1e-15) -> None:
    filled = numbers(answer.filled)
    # to the bit: on sixteenths a pro-rata product is exact, and its quotient rounds once
    np.testing.assert_array_equal(clearing.filled, filled)
    np.testing.assert_allclose(clearing.unit_price, numbers(answer.unit_price), rtol=1e-13, atol=price_error)
    np.testing.assert_allclose(clearing.payment, numbers(answer.payment), rtol=1e-13, atol=100 * price_error)
    assert float(clearing.traded) == pytest.approx(float(answer.traded), rel=1e-15)
    for name in ("clearing_price", "price_low", "price_high"):
        expected = number(getattr(answer, name))
        assert float(getattr(clearing, name)) == pytest.approx(expected, rel=1e-13, abs=price_error, nan_ok=True), name
    for name in ("operator_surplus", "network_payment", "grid_payment"):
        assert float(getattr(clearing, name)) == pytest.approx(float(getattr(answer, name)), abs=1e3 * price_error), (
            name
        )


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=50)
@given(book=books)
def test_fills_and_prices(case, ties, book):
    mechanism, options, rule = CASES[case]
    clearing = p2p_market.clear(book.price, book.quantity, mechanism, ties=ties, **options)
    assert_same(clearing, clear(book.exact_price, book.exact_quantity, rule, ties), book)


@pytest.mark.slow
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=1000)
@given(book=books)
def test_fills_and_prices_of_many_books(case, ties, book):
    mechanism, options, rule = CASES[case]
    clearing = p2p_market.clear(book.price, book.quantity, mechanism, ties=ties, **options)
    assert_same(clearing, clear(book.exact_price, book.exact_quantity, rule, ties), book)


cents_of_fee = st.sampled_from([0, 1, 2, 3, 5])


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=50)
@given(
    book=books,
    fee=cents_of_fee,
    network_fee=cents_of_fee,
    share=st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(1)]),
    ties=st.sampled_from(TIES),
)
def test_with_fees_per_kwh(case, book, fee, network_fee, share, ties):
    mechanism, options, rule = CASES[case]
    fees = {"fee": Fraction(fee, 100), "network_fee": Fraction(network_fee, 100), "fee_share": share}
    answer = clear(book.exact_price, book.exact_quantity, rule, ties, **fees)
    as_floats = {name: float(value) for name, value in fees.items()}
    clearing = p2p_market.clear(
        book.price, book.quantity, mechanism, ties=ties, price_tick=0.01, **as_floats, **options
    )
    assert_same(clearing, answer, book)


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=50)
@given(
    book=books,
    rate=st.sampled_from([Fraction(1, 4), Fraction(1, 2), Fraction(1, 8)]),
    share=st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]),
)
def test_with_a_fee_that_is_a_share_of_the_price(case, book, rate, share):
    mechanism, options, rule = CASES[case]
    answer = clear(book.exact_price, book.exact_quantity, rule, fee_rate=rate, fee_share=share)
    clearing = p2p_market.clear(
        book.price, book.quantity, mechanism, fee_rate=float(rate), fee_share=float(share), **options
    )
    # The shifted prices, quotients now, are rounded to twelve decimals so that equal ones stay equal.
    assert_same(clearing, answer, book, price_error=1e-12)


@given(book=books, retail=st.integers(30, 60), feed_in=st.integers(0, 30))
def test_grid_only(book, retail, feed_in):
    exact = [Fraction(retail, 100)] * len(book), [Fraction(feed_in, 100)] * len(book)
    clearing = p2p_market.clear(
        book.price, book.quantity, "grid_only", retail_price=retail / 100, feed_in_price=feed_in / 100
    )
    assert_same(clearing, grid_only(book.exact_quantity, *exact), book)


@given(book=books)
def test_the_reference_interval_is_exactly_the_prices_at_which_the_market_clears(book):
    """Check the checker: at p everybody strictly inside trades in full, nobody strictly outside, for lo <= p <= hi."""
    answer = clear(book.exact_price, book.exact_quantity, uniform_price())
    orders = list(enumerate(zip(book.exact_price, book.exact_quantity, strict=True)))
    bids = {i: (price, quantity) for i, (price, quantity) in orders if quantity > 0}
    asks = {i: (price, -quantity) for i, (price, quantity) in orders if quantity < 0}
    for half_cents in range(-1, 202):
        p = Fraction(half_cents, 200)
        just_above, just_below = p + Fraction(1, 1000), p - Fraction(1, 1000)
        clears = demand(bids, just_above) <= answer.traded <= demand(bids, p) and supply(
            asks, just_below
        ) <= answer.traded <= supply(asks, p)
        inside = answer.traded > 0 and answer.price_low <= p <= answer.price_high
        assert inside == (clears and answer.traded > 0)
