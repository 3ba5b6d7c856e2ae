"""Gjerstad and Dickhaut: beliefs against a slow count, and the price with the largest expected gain."""

from __future__ import annotations

import numpy as np
import pytest
from bidders import outcome_of, repeated_market, view_of
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.policies import POLICIES, Memory, Outcome

GD = POLICIES["gd"]
BAND = (0.1, 0.5)


def belief_by_counting(orders: list[tuple[float, float, float]], buys: bool, price: float) -> float | None:
    """The published formula, in kWh, from (price, quantity, filled); None where there is no evidence."""
    favour = against = 0.0
    for order, quantity, filled in orders:
        distance = round(order - price if buys else price - order, 12)
        is_own_side = (quantity > 0.0) == buys and quantity != 0.0
        taken, refused = abs(filled), abs(quantity) - abs(filled)
        if is_own_side:
            favour += taken * (distance <= 0.0)
            against += refused * (distance >= 0.0)
        else:
            favour += abs(quantity) * (distance <= 0.0)
    return favour / (favour + against) if favour + against else None


def belief_between(orders: list[tuple[float, float, float]], buys: bool, price: float) -> float:
    """The cubic between the two nearest order prices or band ends that is level at both."""
    knots = sorted({BAND[0], BAND[1], *(order for order, quantity, _ in orders if quantity != 0.0)})
    low = max(knot for knot in knots if knot <= price + 1e-12)
    high = min((knot for knot in knots if knot > price + 1e-12), default=low)

    def at(knot: float) -> float:
        belief = belief_by_counting(orders, buys, knot)
        return float((knot == BAND[1]) == buys) if belief is None else belief

    way = (price - low) / (high - low) if high > low else 0.0
    return at(low) + (at(high) - at(low)) * (3.0 * way**2 - 2.0 * way**3)


def remembered(books: list[list[tuple[float, float, float]]], num_intervals: int = 5) -> Memory:
    policy = GD.with_options("gd", {"num_intervals": num_intervals})
    size = len(books[0])
    memory = policy.start(np.empty((1, 0, size)), size)
    for book in books:
        price, quantity, filled = np.array(book).T
        view = view_of(quantity, band=BAND)
        memory = policy.learn(view, outcome_of(price, quantity, filled, 0.0), memory)
    return memory


def draw_book(rng: np.random.Generator, size: int) -> list[tuple[float, float, float]]:
    price = BAND[0] + (BAND[1] - BAND[0]) * rng.integers(0, 9, size) / 8
    quantity = rng.integers(-2, 3, size) / 4
    filled = quantity * rng.integers(0, 3, size) / 2
    return list(zip(price.tolist(), quantity.tolist(), filled.tolist(), strict=True))


@given(seed=st.integers(0, 2**32 - 1), num_books=st.integers(1, 4))
@settings(max_examples=40)
def test_it_bids_the_price_with_the_largest_expected_gain(seed: int, num_books: int) -> None:
    rng = np.random.default_rng(seed)
    books = [draw_book(rng, 5) for _ in range(num_books)]
    memory = remembered(books, num_intervals=3)
    orders = [order for book in books[-3:] for order in book]
    tried = np.linspace(*BAND, 101)
    for need, value in ((1.0, 0.45), (-1.0, 0.13)):
        (price,), _ = GD.bid(view_of([need] * 5, value, value, band=BAND), memory)
        gain = [need * (value - each) * belief_between(orders, need > 0.0, each) for each in tried]
        best = max(gain)
        if best <= 1e-9:
            assert price[0] == pytest.approx(value)
        else:
            assert gain[int(np.abs(tried - price[0]).argmin())] == pytest.approx(best)


def test_a_hand_made_book() -> None:
    """Asks of 1 kWh at 0.2 and 0.4, bids at 0.5 (taken) and 0.3 (refused): 0.2 was surely accepted, below hardly."""
    book = [(0.2, -1.0, -1.0), (0.4, -1.0, 0.0), (0.5, 1.0, 1.0), (0.3, 1.0, 0.0)]
    assert belief_by_counting(book, True, 0.1) == 0.0
    assert belief_by_counting(book, True, 0.2) == 0.5
    assert belief_by_counting(book, True, 0.4) == 1.0
    assert belief_by_counting(book, False, 0.2) == 1.0
    assert belief_by_counting(book, False, 0.4) == 0.5
    (price,), _ = GD.bid(view_of([1.0] * 4, 0.5, band=BAND), remembered([book]))
    assert 0.18 < price[0] < 0.4  # the cubic reaches 0.5 at 0.2, and rises little before


def test_without_a_book_the_belief_runs_from_end_to_end() -> None:
    memory = GD.start(np.empty((1, 0, 2)), 2)
    (price,), _ = GD.bid(view_of([1.0, -1.0], 0.5, 0.1, band=BAND), memory)
    assert BAND[0] < price[0] < BAND[1]
    assert price[0] - BAND[0] == pytest.approx(BAND[1] - price[1])


def test_old_books_are_forgotten() -> None:
    rng = np.random.default_rng(0)
    books = [draw_book(rng, 4) for _ in range(5)]
    for name, values in remembered(books, 2).items():
        np.testing.assert_array_equal(values, remembered(books[-2:], 2)[name])


def test_prices_are_remembered_as_places_in_their_band() -> None:
    def learn(scale: float) -> Memory:
        view = view_of([1.0, -1.0], 0.5 * scale, 0.1 * scale)
        outcome: Outcome = outcome_of(np.array([0.4, 0.2]) * scale, [1.0, -1.0], [1.0, -1.0], 0.3 * scale)
        return GD.learn(view, outcome, GD.start(np.empty((1, 0, 2)), 2))

    for name, values in learn(2.0).items():
        np.testing.assert_allclose(values, learn(1.0)[name])


def test_prices_settle_at_the_competitive_one_in_a_symmetric_market() -> None:
    limits = [0.75 + 0.25 * step for step in range(11)]
    rounds = list(repeated_market(GD, [*limits, *limits], [1.0] * 11 + [-1.0] * 11, 60, band=(0.5, 4.0)))
    price = np.array([each.clearing_price[0] for each in rounds])
    traded = np.array([np.maximum(each.filled, 0.0).sum() for each in rounds])
    assert np.abs(price[-20:] - 2.0).max() < 0.15
    assert traded[-20:].mean() > 4.0  # of the six units that efficiency asks for
