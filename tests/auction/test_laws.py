"""The laws that mechanisms promise, each asked of every registered mechanism over drawn books."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from auction.markets import FEED_IN, RETAIL, VARIANTS, assert_close, assert_identical, run
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.efficient import largest_volume
from scipy.optimize import linprog
from strategies import Book, batches, books, crossing_books, float_books, stack

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.mechanisms import MECHANISMS

some = settings(max_examples=40)
few = settings(max_examples=20)
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def promise(variant: str, name: str) -> bool:
    return bool(getattr(MECHANISMS[VARIANTS[variant][0]].promises, name))


def is_pool(variant: str) -> bool:
    return MECHANISMS[VARIANTS[variant][0]].is_pool


FEES = st.sampled_from(
    [
        {},
        {},
        {"fee": 0.02},
        {"fee": 0.01, "network_fee": 0.03, "fee_share": 0.25},
        {"fee_rate": 0.1, "fee_share": 1.0},
        {"fee_rate": 0.05, "fee": 0.01, "network_fee": 0.01},
    ]
)
GRIDS = st.sampled_from([{}, {}, {"price_tick": 0.01}, {"price_tick": 0.0001, "energy_unit": 0.001}])
TIES = st.sampled_from(["prorata", "prorata", "priority", "random"])


@dataclass(frozen=True)
class Market:
    """One drawn book, with the rules that it is cleared by."""

    price: np.ndarray
    quantity: np.ndarray
    rules: dict


def _drawn(book: Book | tuple[np.ndarray, np.ndarray], fees: dict, grid: dict, ties: str) -> Market:
    price, quantity = (book.price, book.quantity) if isinstance(book, Book) else book
    return Market(price, quantity, {**fees, **grid, "ties": ties})


markets = st.builds(_drawn, st.one_of(books, books, float_books().map(lambda drawn: drawn[:2])), FEES, GRIDS, TIES)


@every_variant
@some
@given(market=markets)
def test_energy_balances(variant, market):
    clearing = run(variant, market.price, market.quantity, **market.rules)
    assert abs(clearing.filled.sum()) <= 1e-15 * np.abs(market.quantity).sum() * 8
    assert clearing.filled[clearing.filled > 0].sum() == pytest.approx(float(clearing.traded), rel=1e-14)


@every_variant
@some
@given(market=markets)
def test_fills_stay_within_orders(variant, market):
    clearing = run(variant, market.price, market.quantity, **market.rules)
    assert (clearing.filled * market.quantity >= 0).all()
    assert not np.signbit(clearing.filled[clearing.filled == 0]).any()  # a seller of nothing shows 0, not -0
    # an energy unit takes a quantity that is 1e-6 of a unit short of the grid as on the grid
    slack = 1e-6 * market.rules.get("energy_unit", 0.0)
    assert (np.abs(clearing.filled) <= np.abs(market.quantity) + slack).all()


@every_variant
@some
@given(market=markets)
def test_money_balances(variant, market):
    clearing = run(variant, market.price, market.quantity, **market.rules)
    settled = market.quantity if is_pool(variant) else clearing.filled
    np.testing.assert_allclose(
        clearing.payment, np.where(settled != 0, clearing.unit_price * settled, 0.0), rtol=1e-14, atol=1e-16
    )
    destination = clearing.operator_surplus + clearing.network_payment + clearing.grid_payment
    assert clearing.payment.sum() == pytest.approx(float(destination), abs=1e-13)
    assert float(clearing.network_payment) == pytest.approx(
        market.rules.get("network_fee", 0.0) * float(clearing.traded), abs=1e-15
    )
    if not is_pool(variant):
        assert clearing.grid_payment == 0


@every_variant
@some
@given(market=markets)
def test_nobody_trades_at_a_loss(variant, market):
    if not promise(variant, "individually_rational"):
        pytest.skip("not promised")
    clearing = run(variant, market.price, market.quantity, **market.rules)
    retail, feed_in = (RETAIL, FEED_IN) if is_pool(variant) else (market.price, market.price)
    loss = np.where(market.quantity > 0, clearing.unit_price - retail, feed_in - clearing.unit_price)
    # prices that a fee has shifted are rounded to 1e-12 $/kWh, or 1e-6 of a tick
    assert (loss[~np.isnan(loss)] <= (1e-11 if "fee_rate" in market.rules else 1e-12)).all()


@every_variant
@some
@given(market=markets)
def test_the_operator_keeps_what_the_budget_promises(variant, market):
    clearing = run(variant, market.price, market.quantity, **market.rules)
    fee_income = market.rules.get("fee", 0.0) * float(clearing.traded)
    if market.rules.get("fee_rate"):
        fee_income += _ad_valorem_income(market, clearing, is_pool(variant))
    surplus = float(clearing.operator_surplus) - fee_income
    budget = VARIANTS[variant][2]
    if budget in {"strong", "grid"}:
        assert surplus == pytest.approx(0, abs=1e-12)
    else:
        assert surplus >= -1e-9  # a rounded shifted price times a volume


def _ad_valorem_income(market: Market, clearing: Clearing, pool: bool) -> float:
    """Recompute the operator's share of the price from what each household paid, order by order."""
    if pool:
        return 0.0  # what grid_only matches locally is nothing
    rate, share = market.rules["fee_rate"], market.rules.get("fee_share", 0.5)
    per_kwh = market.rules.get("fee", 0.0) + market.rules.get("network_fee", 0.0)
    income = 0.0
    for filled, paid in zip(clearing.filled, clearing.unit_price, strict=True):
        if filled > 0:
            income += share * rate * filled * (paid - share * per_kwh) / (1 + share * rate)
        elif filled < 0:
            seller = 1 - share
            income += seller * rate * -filled * (paid + seller * per_kwh) / (1 - seller * rate)
    return float(income)


@every_variant
@some
@given(market=markets)
def test_no_price_exactly_where_nothing_is_settled(variant, market):
    clearing = run(variant, market.price, market.quantity, **market.rules)
    settled = market.quantity if is_pool(variant) else clearing.filled
    np.testing.assert_array_equal(np.isnan(clearing.unit_price), settled == 0)
    assert (clearing.payment[settled == 0] == 0).all()
    nothing = clearing.traded == 0
    assert nothing == (not clearing.filled.any())
    if not is_pool(variant):
        assert np.isnan(clearing.price_low) == np.isnan(clearing.price_high) == nothing
    assert clearing.traded > 0 or np.isnan(clearing.clearing_price)
    if VARIANTS[variant][0] == "uniform_price":
        assert np.isnan(clearing.clearing_price) == nothing


@every_variant
@given(book=st.one_of(books, crossing_books))
def test_efficient_mechanisms_trade_all_that_crosses(variant, book):
    if not promise(variant, "efficient"):
        pytest.skip("not promised")
    clearing = run(variant, book.price, book.quantity)
    orders = list(enumerate(zip(book.exact_price, book.exact_quantity, strict=True)))
    bids = {i: (price, quantity) for i, (price, quantity) in orders if quantity > 0}
    asks = {i: (price, -quantity) for i, (price, quantity) in orders if quantity < 0}
    assert float(clearing.traded) == pytest.approx(float(largest_volume(bids, asks)), rel=1e-14)
    left = book.quantity - clearing.filled
    best_bid_left = book.price[left > 1e-12].max(initial=-np.inf)
    best_ask_left = book.price[left < -1e-12].min(initial=np.inf)
    assert best_bid_left < best_ask_left  # nobody who would still trade finds a partner


@every_variant
@settings(max_examples=30)
@given(book=st.one_of(books, crossing_books))
def test_efficient_mechanisms_reach_the_welfare_of_a_linear_program(variant, book):
    if not promise(variant, "efficient"):
        pytest.skip("not promised")
    clearing = run(variant, book.price, book.quantity)
    welfare = float(book.price @ clearing.filled)
    if len(book):
        # maximise sum(price * signed fill), the fills between 0 and the order and summing to 0
        bounds = [(min(q, 0.0), max(q, 0.0)) for q in book.quantity]
        best = linprog(-book.price, A_eq=np.ones((1, len(book))), b_eq=[0.0], bounds=bounds, method="highs")
        assert welfare == pytest.approx(-best.fun, abs=1e-9)


@every_variant
@some
@given(book=books, fees=FEES, ties=TIES, price=st.sampled_from([-5.0, 0.0, 0.25, 99.0, np.nan, np.inf]))
def test_orders_of_nothing_change_nothing(variant, book, fees, ties, price):
    keep = book.quantity != 0
    prices = np.where(keep, book.price, price)
    full = run(variant, prices, book.quantity, **fees, ties=ties)
    if ties == "random":  # the same lots for the orders that stay
        ties = "prorata"
        full = run(variant, prices, book.quantity, **fees, ties=ties)
    alone = run(variant, book.price[keep], book.quantity[keep], **fees, ties=ties)
    np.testing.assert_array_equal(full.filled[keep], alone.filled)
    np.testing.assert_array_equal(full.unit_price[keep], alone.unit_price)
    assert (full.filled[~keep] == 0).all()
    assert full.clearing_price == alone.clearing_price or np.isnan(alone.clearing_price)


@every_variant
@some
@given(book=books, fees=FEES, seed=st.integers(0, 1000))
def test_relabelling_households_relabels_the_result(variant, book, fees, seed):
    if not promise(variant, "order_independent"):
        pytest.skip("not promised")
    order = np.random.default_rng(seed).permutation(len(book))
    one = run(variant, book.price, book.quantity, **fees)
    other = run(variant, book.price[order], book.quantity[order], **fees)
    np.testing.assert_array_equal(one.filled[order], other.filled)
    np.testing.assert_allclose(one.unit_price[order], other.unit_price, rtol=1e-13)
    np.testing.assert_array_equal(one.clearing_price, other.clearing_price)
    assert float(one.operator_surplus) == pytest.approx(float(other.operator_surplus), abs=1e-14)


@every_variant
@some
@given(book=crossing_books, fees=FEES, data=st.data())
def test_splitting_an_order_changes_nobodys_total(variant, book, fees, data):
    if not promise(variant, "split_independent"):
        pytest.skip("not promised")
    i = data.draw(st.integers(0, len(book) - 1))
    part = data.draw(st.integers(0, abs(book.sixteenths[i]))) * np.sign(book.quantity[i]) / 16
    quantity = np.append(book.quantity, part)
    quantity[i] -= part
    whole = run(variant, book.price, book.quantity, **fees)
    split = run(variant, np.append(book.price, book.price[i]), quantity, **fees)
    for name in ("filled", "payment"):
        totals = getattr(split, name)[:-1].copy()
        totals[i] += getattr(split, name)[-1]
        np.testing.assert_allclose(totals, getattr(whole, name), rtol=1e-14, atol=1e-15, err_msg=name)
    assert_close(_totals(split), _totals(whole), 1e-13)


def _totals(clearing: Clearing) -> Clearing:
    nothing = np.zeros(0)
    return Clearing(**{**vars(clearing), "filled": nothing, "unit_price": nothing, "payment": nothing})


@every_variant
@some
@given(book=crossing_books, power=st.sampled_from([-50, -3, 1, 30]), ties=TIES)
def test_scaling_by_a_power_of_two_is_exact(variant, book, power, ties):
    if not promise(variant, "scale_equivariant"):
        pytest.skip("not promised")
    scale = 2.0**power
    one = run(variant, book.price, book.quantity, ties=ties)
    more = run(variant, book.price, scale * book.quantity, ties=ties)
    np.testing.assert_array_equal(more.filled, scale * one.filled)
    np.testing.assert_array_equal(more.unit_price, one.unit_price)
    np.testing.assert_array_equal(more.payment, scale * one.payment)
    tariffs = {"retail_price": scale * RETAIL, "feed_in_price": scale * FEED_IN} if is_pool(variant) else {}
    dearer = run(variant, scale * book.price, book.quantity, ties=ties, **tariffs)
    np.testing.assert_array_equal(dearer.filled, one.filled)
    np.testing.assert_array_equal(dearer.unit_price, scale * one.unit_price)
    np.testing.assert_array_equal(dearer.payment, scale * one.payment)


@every_variant
@some
@given(book=crossing_books, factor=st.floats(0.01, 100), tariff_factor=st.floats(0.01, 100))
def test_scaling_by_any_number_scales_the_result(variant, book, factor, tariff_factor):
    if not promise(variant, "scale_equivariant"):
        pytest.skip("not promised")
    tariffs = {"retail_price": tariff_factor * RETAIL, "feed_in_price": tariff_factor * FEED_IN}
    one = run(variant, book.price, book.quantity)
    more = run(variant, tariff_factor * book.price, factor * book.quantity, **tariffs)
    np.testing.assert_allclose(more.filled, factor * one.filled, rtol=1e-12, atol=1e-12 * factor)
    np.testing.assert_allclose(more.unit_price, tariff_factor * one.unit_price, rtol=1e-11)


@every_variant
@some
@given(batch=batches(), fees=FEES, grid=GRIDS, ties=st.sampled_from(["prorata", "priority"]))
def test_a_market_of_a_batch_is_the_same_market_alone(variant, batch, fees, grid, ties):
    price, quantity = stack(batch)
    rules = {**fees, **grid, "ties": ties}
    together = run(variant, price, quantity, **rules)
    for b in range(len(batch)):
        assert_identical(run(variant, price[b], quantity[b], **rules), together, b)


@every_variant
@few
@given(batch=batches(), power=st.sampled_from([-40, 30]))
def test_a_market_of_another_scale_beside_it_changes_nothing(variant, batch, power):
    """What counts as rounding noise is a matter of each market's own volume."""
    price, quantity = stack(batch)
    quantity[0] *= 2.0**power
    together = run(variant, price, quantity)
    for b in range(len(batch)):
        assert_identical(run(variant, price[b], quantity[b]), together, b)


@every_variant
def test_large_batches_of_any_floats_too(variant):
    """Sums of more than eight numbers are where a reduction may go another way when the batch is larger."""
    rng = np.random.default_rng(5)
    price = rng.uniform(FEED_IN, RETAIL, (33, 301))
    quantity = rng.normal(size=(33, 301))
    together = run(variant, price, quantity, fee=0.01)
    for b in (0, 1, 17, 32):
        assert_identical(run(variant, price[b], quantity[b], fee=0.01), together, b)
    # nor does it matter how the arrays lie in memory
    assert_identical(run(variant, np.asfortranarray(price), np.asfortranarray(quantity), fee=0.01), together)
    assert_identical(run(variant, price[::-2], quantity[::-2], fee=0.01), together, slice(None, None, -2))


@every_variant
@few
@given(batch=batches())
def test_lots_depend_on_seed_and_market_only(variant, batch):
    price, quantity = stack(batch)
    together = run(variant, price, quantity, ties="random", seed=7)
    assert_identical(run(variant, price, quantity, ties="random", seed=7), together)
    first = run(variant, price[:1], quantity[:1], ties="random", seed=7)
    assert_identical(first, together, slice(0, 1))
    assert_identical(run(variant, price[0], quantity[0], ties="random", seed=7), together, 0)


@every_variant
@few
@given(book=books)
def test_inputs_stay_as_they_are_and_may_be_read_only(variant, book):
    price, quantity = book.price, book.quantity
    price.setflags(write=False)
    quantity.setflags(write=False)
    before = price.tobytes(), quantity.tobytes()
    clearing = run(variant, price, quantity, fee=0.01)
    assert (price.tobytes(), quantity.tobytes()) == before
    for array in (clearing.filled, clearing.payment, clearing.unit_price):
        assert not np.shares_memory(array, price)
        assert not np.shares_memory(array, quantity)


@every_variant
@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 4), (2, 3, 4), (0, 4), (3, 0), (0,), (2, 0, 4), (1, 1, 1), (5, 1)])
def test_leading_axes(variant, shape):
    rng = np.random.default_rng(1)
    price, quantity = rng.integers(0, 60, shape) / 100, rng.integers(-8, 9, shape) / 16
    clearing = run(variant, price, quantity)
    for name in ("filled", "unit_price", "payment"):
        assert getattr(clearing, name).shape == shape
    for name in ("clearing_price", "price_low", "price_high", "traded", "operator_surplus", "network_payment"):
        assert getattr(clearing, name).shape == shape[:-1]
        assert isinstance(getattr(clearing, name), np.ndarray)
    for index in np.ndindex(shape[:-1]):
        assert_identical(run(variant, price[index], quantity[index]), clearing, index)


@every_variant
def test_lists_and_whole_numbers_are_fine(variant):
    one = run(variant, [1, 0], [2, -3])
    assert one.filled.dtype == np.float64
    assert_identical(one, run(variant, np.array([1.0, 0.0]), np.array([2.0, -3.0])))


# Lots


def test_random_ties_favour_nobody():
    """Two equal bids, one unit for sale: over many seeds each gets it about half of the time."""
    price, quantity = np.array([0.3, 0.3, 0.1]), np.array([1.0, 1.0, -1.0])
    first = [run("uniform_price", price, quantity, ties="random", seed=seed).filled[0] for seed in range(400)]
    assert set(first) == {0.0, 1.0}
    assert 160 <= sum(first) <= 240


@some
@given(book=crossing_books, seed=st.integers(0, 100))
def test_random_ties_fill_one_order_after_the_other(book, seed):
    clearing = run("uniform_price", book.price, book.quantity, ties="random", seed=seed)
    prorata = run("uniform_price", book.price, book.quantity)
    np.testing.assert_array_equal(clearing.traded, prorata.traded)
    np.testing.assert_array_equal(clearing.clearing_price, prorata.clearing_price)
    partly = (clearing.filled != 0) & (clearing.filled != book.quantity)
    assert partly.sum() <= 1  # the two sides are never both cut


def test_every_market_of_a_batch_has_lots_of_its_own():
    price, quantity = np.full((64, 3), 0.3), np.tile([1.0, 1.0, -1.0], (64, 1))
    winners = run("uniform_price", price, quantity, ties="random", seed=4).filled[:, 0]
    assert 16 <= winners.sum() <= 48
    fewer = run("uniform_price", price[:40], quantity[:40], ties="random", seed=4).filled[:, 0]
    np.testing.assert_array_equal(fewer, winners[:40])


def test_a_generator_is_drawn_from():
    price, quantity = np.full((50, 3), 0.3), np.tile([1.0, 1.0, -1.0], (50, 1))
    rng = np.random.default_rng(0)
    first = run("uniform_price", price, quantity, ties="random", seed=None, rng=rng)
    second = run("uniform_price", price, quantity, ties="random", seed=None, rng=rng)
    assert (first.filled != second.filled).any()


@pytest.mark.parametrize("sequence", [np.random.SeedSequence(3), np.random.SeedSequence(3, spawn_key=(1, 2))])
def test_a_seed_sequence_gives_the_same_lots_every_time(sequence):
    price, quantity = np.full((50, 3), 0.3), np.tile([1.0, 1.0, -1.0], (50, 1))
    first = run("uniform_price", price, quantity, ties="random", seed=sequence)
    assert_identical(run("uniform_price", price, quantity, ties="random", seed=sequence), first)
    sibling = np.random.SeedSequence(3, spawn_key=(9,))
    assert (run("uniform_price", price, quantity, ties="random", seed=sibling).filled != first.filled).any()


def test_exact_volume_of_a_large_book():
    """1,000 arbitrary floats in one market: volume and fills against exact fractions of the very same numbers."""
    rng = np.random.default_rng(11)
    price, quantity = rng.uniform(0.1, 0.6, 1000), rng.normal(size=1000)
    clearing = run("uniform_price", price, quantity)
    want = sorted(((p, Fraction(q)) for p, q in zip(price, quantity, strict=True) if q > 0), reverse=True)
    have = sorted((p, Fraction(-q)) for p, q in zip(price, quantity, strict=True) if q < 0)
    volume, bought, sold = Fraction(0), Fraction(0), Fraction(0)
    while want and have and want[0][0] >= have[0][0]:
        step = min(want[0][1] - bought, have[0][1] - sold)
        volume, bought, sold = volume + step, bought + step, sold + step
        if bought == want[0][1]:
            want, bought = want[1:], Fraction(0)
        if sold == have[0][1]:
            have, sold = have[1:], Fraction(0)
    assert float(clearing.traded) == pytest.approx(float(volume), rel=1e-14)
    assert abs(clearing.filled.sum()) < 1e-12
