"""The laws that mechanisms promise, each asked of every registered mechanism over drawn books."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from auction import laws
from auction.laws import GRIDS, Market, free, markets
from auction.markets import (
    FEED_IN,
    RETAIL,
    VARIANTS,
    assert_identical,
    draws_lots,
    lots_for,
    promises,
    run,
    run_with_lots,
    suited,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import batches, books, crossing_books, stack

quick = settings(max_examples=20)
few = settings(max_examples=10)
many = settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
every_variant = pytest.mark.parametrize("variant", VARIANTS)
any_scale = st.one_of(
    st.sampled_from([(2.0**power, True) for power in (-50, -3, 1, 30)]), st.tuples(st.floats(0.01, 100), st.just(False))
)


def always(variant: str, market: Market) -> None:
    market = market.of(variant)
    for check in laws.ALWAYS.values():
        check(variant, market)
    if promises(variant).individually_rational:
        laws.check_individual_rationality(variant, market)


def of_plain_books(variant: str, market: Market, scale: tuple[float, bool], nothing_costs: float, cut: int) -> None:
    market, promise = market.of(variant), promises(variant)
    laws.check_nothing_orders(variant, market, nothing_costs)
    if promise.efficient:
        laws.check_efficiency(variant, market)
        laws.check_welfare(variant, market)
    if promise.order_independent:
        laws.check_order_independence(variant, market, cut)
    if promise.scale_equivariant:
        laws.check_scaling(variant, market, *scale)
    if promise.split_independent and len(market.price):
        order = cut % len(market.price)
        part = round(cut / 100 * 16 * market.quantity[order]) / 16
        laws.check_split_independence(variant, market, order, part)


@every_variant
@quick
@given(market=markets())
def test_energy_money_prices_rationality_and_budget(variant, market):
    always(variant, market)


@every_variant
@quick
@given(
    market=free(st.one_of(books, crossing_books)),
    scale=any_scale,
    nothing_costs=st.sampled_from([-5.0, 0.0, 0.25, 99.0]),
    cut=st.integers(0, 100),
)
def test_efficiency_independence_and_scaling(variant, market, scale, nothing_costs, cut):
    of_plain_books(variant, market, scale, nothing_costs, cut)


@pytest.mark.slow
@every_variant
@many
@given(market=markets())
def test_energy_money_prices_rationality_and_budget_on_many_books(variant, market):
    always(variant, market)


@pytest.mark.slow
@every_variant
@many
@given(
    market=free(st.one_of(books, crossing_books)),
    scale=any_scale,
    nothing_costs=st.sampled_from([-5.0, 0.0, 0.25, 99.0]),
    cut=st.integers(0, 100),
)
def test_efficiency_independence_and_scaling_on_many_books(variant, market, scale, nothing_costs, cut):
    of_plain_books(variant, market, scale, nothing_costs, cut)


@every_variant
@few
@given(market=markets(ties=st.just("prorata")))
def test_relabelling_and_splitting_with_fees_and_grids(variant, market):
    """The same laws where a fee or a tick has moved the book."""
    market, promise = market.of(variant), promises(variant)
    if promise.order_independent:
        laws.check_order_independence(variant, market, 1)
    if promise.split_independent and len(market.price):
        unit = market.rules.get("energy_unit")
        half = 0.5 * market.quantity[0] if unit is None else np.trunc(0.5 * market.quantity[0] / unit) * unit
        # halves of a number of tenths with a rounding error are as good; on a grid the rest must lie on it too
        if unit is None or np.isclose(market.quantity[0] / unit % 1, 0):
            laws.check_split_independence(variant, market, 0, half)


@every_variant
@few
@given(book=books, price=st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))
def test_the_price_of_no_order_may_be_anything(variant, book, price):
    quantity = suited(variant, book.quantity)
    keep = quantity != 0
    clearing = run(variant, np.where(keep, book.price, price), quantity)
    assert_identical(run(variant, np.where(keep, book.price, 0.0), quantity), clearing)


# Batches


@every_variant
@few
@given(batch=batches(), fees=laws.FEES, grid=GRIDS, ties=st.sampled_from(["prorata", "priority", "random"]))
def test_a_market_of_a_batch_is_the_same_market_alone(variant, batch, fees, grid, ties):
    price, quantity = stack(batch)
    quantity, lots = suited(variant, quantity), lots_for(quantity.shape)
    rules = {**fees, **grid, "ties": ties}
    together = run_with_lots(variant, price, quantity, lots, **rules)
    for b in range(len(batch)):
        assert_identical(run_with_lots(variant, price[b], quantity[b], lots[b], **rules), together, b)


@every_variant
@few
@given(batch=batches(), power=st.sampled_from([-40, 30]))
def test_a_market_of_another_scale_beside_it_changes_nothing(variant, batch, power):
    """What counts as rounding noise is a matter of each market's own volume."""
    price, quantity = stack(batch)
    quantity, lots = suited(variant, quantity), lots_for(quantity.shape)
    quantity[0] *= 2.0**power
    together = run_with_lots(variant, price, quantity, lots)
    for b in range(len(batch)):
        assert_identical(run_with_lots(variant, price[b], quantity[b], lots[b]), together, b)


@every_variant
def test_large_batches_of_any_floats_too(variant):
    """Sums of more than eight numbers are where a reduction may go another way when the batch is larger.

    The batch is large enough to be cleared in several blocks.
    """
    rng = np.random.default_rng(5)
    price = rng.uniform(FEED_IN, RETAIL, (80, 301))
    quantity, lots = suited(variant, rng.normal(size=(80, 301))), rng.random((80, 301))
    together = run_with_lots(variant, price, quantity, lots, fee=0.01)
    for b in (0, 1, 17, 53, 54, 55, 79):
        assert_identical(run_with_lots(variant, price[b], quantity[b], lots[b], fee=0.01), together, b)
    # nor does it matter how the arrays lie in memory
    clearing = run(variant, price, quantity, fee=0.01)
    assert_identical(run(variant, np.asfortranarray(price), np.asfortranarray(quantity), fee=0.01), clearing)
    if not draws_lots(variant):
        assert_identical(run(variant, price[::-2], quantity[::-2], fee=0.01), clearing, slice(None, None, -2))


@every_variant
@few
@given(batch=batches())
def test_lots_depend_on_seed_and_market_only(variant, batch):
    price, quantity = stack(batch)
    quantity = suited(variant, quantity)
    together = run(variant, price, quantity, ties="random", seed=7)
    assert_identical(run(variant, price, quantity, ties="random", seed=7), together)
    first = run(variant, price[:1], quantity[:1], ties="random", seed=7)
    assert_identical(first, together, slice(0, 1))
    assert_identical(run(variant, price[0], quantity[0], ties="random", seed=7), together, 0)


@every_variant
@few
@given(book=books)
def test_inputs_stay_as_they_are_and_may_be_read_only(variant, book):
    price, quantity = book.price, suited(variant, book.quantity)
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
    price, quantity = rng.integers(0, 60, shape) / 100, suited(variant, rng.integers(-8, 9, shape) / 16)
    clearing = run(variant, price, quantity)
    for name in ("filled", "unit_price", "payment"):
        assert getattr(clearing, name).shape == shape
    for name in ("clearing_price", "price_low", "price_high", "traded", "operator_surplus", "network_payment"):
        assert getattr(clearing, name).shape == shape[:-1]
        assert isinstance(getattr(clearing, name), np.ndarray)
    flat = (int(np.prod(shape[:-1], dtype=int)), shape[-1])
    assert_identical(run(variant, price.reshape(flat), quantity.reshape(flat)).reshape(shape[:-1]), clearing)
    if not draws_lots(variant):
        for index in np.ndindex(shape[:-1]):
            assert_identical(run(variant, price[index], quantity[index]), clearing, index)


@every_variant
def test_lists_and_whole_numbers_are_fine(variant):
    sizes = [2, -2] if promises(variant).unit_lots else [2, -3]
    one = run(variant, [1, 0], sizes)
    assert one.filled.dtype == np.float64
    assert_identical(one, run(variant, np.array([1.0, 0.0]), np.array(sizes, dtype=float)))


# Lots


def test_random_ties_favour_nobody():
    """Two equal bids, one unit for sale: over many seeds each gets it about half of the time."""
    price, quantity = np.array([0.3, 0.3, 0.1]), np.array([1.0, 1.0, -1.0])
    first = [run("uniform_price", price, quantity, ties="random", seed=seed).filled[0] for seed in range(400)]
    assert set(first) == {0.0, 1.0}
    assert 160 <= sum(first) <= 240


@quick
@given(book=crossing_books, seed=st.integers(0, 100))
def test_random_ties_fill_one_order_after_the_other(book, seed):
    clearing = run("uniform_price", book.price, book.quantity, ties="random", seed=seed)
    prorata = run("uniform_price", book.price, book.quantity)
    np.testing.assert_allclose(clearing.traded, prorata.traded, rtol=1e-12)  # sums of other parts
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
