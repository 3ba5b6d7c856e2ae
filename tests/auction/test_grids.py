"""Price ticks and energy units: decimals mean what they say, and rounding trades nobody into a loss."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from auction.markets import VARIANTS, assert_close, run, suited
from auction.test_against_reference import CASES, assert_same, numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.double_auction import clear as clear_exactly
from strategies import Book, books, float_books

import p2p_market

some = settings(max_examples=25)
TICKS = [None, 0.01, 0.0001, 0.001]


@pytest.mark.parametrize("variant", VARIANTS)
@some
@given(book=books, fee=st.sampled_from([0.0, 0.02, 0.015]))
def test_a_book_on_the_grid_clears_the_same_with_and_without_it(variant, book, fee):
    quantity = suited(variant, book.quantity)
    free = run(variant, book.price, quantity, fee=fee)
    on_grid = run(variant, book.price, quantity, fee=fee, price_tick=0.01, energy_unit=1 / 16)
    np.testing.assert_allclose(on_grid.filled, free.filled, rtol=1e-15)
    assert_close(on_grid, free, 1e-13)


@pytest.mark.parametrize("case", CASES)
@some
@given(
    orders=st.lists(st.tuples(st.integers(0, 600), st.integers(-40, 40)), max_size=12),
    fee=st.sampled_from([Fraction(0), Fraction(15, 1000)]),
)
def test_bids_round_down_and_asks_up(case, orders, fee):
    """Prices in tenths of a cent on a tick of one cent, the reference rounding exact fractions."""
    mechanism, options, rule = CASES[case]
    price = np.array([tenths for tenths, _ in orders]) / 1000
    quantity = np.array([size for _, size in orders]) / 16
    rounded = [Fraction((floor if size > 0 else ceil)(Fraction(tenths, 10)), 100) for tenths, size in orders]
    book = Book(tuple(int(p * 100) for p in rounded), tuple(size for _, size in orders))
    answer = clear_exactly(rounded, book.exact_quantity, rule, fee=fee)
    clearing = p2p_market.clear(price, quantity, mechanism, price_tick=0.01, fee=float(fee), **options)
    assert_same(clearing, answer, book)
    traded = clearing.filled != 0
    loss = np.where(quantity > 0, clearing.unit_price - price, price - clearing.unit_price)
    assert (loss[traded] <= 1e-15).all()


@pytest.mark.parametrize("case", CASES)
@some
@given(book=float_books())
def test_sums_of_tenths_mean_tenths(case, book):
    """0.1 + 0.2 is 0.3 on a grid of tenths, in prices and quantities."""
    mechanism, options, rule = CASES[case]
    price, quantity, tenths_of_price, tenths_of_quantity = book
    exact = [Fraction(p, 10) for p in tenths_of_price], [Fraction(q, 10) for q in tenths_of_quantity]
    answer = clear_exactly(*exact, rule)
    clearing = p2p_market.clear(price, quantity, mechanism, price_tick=0.1, energy_unit=0.1, **options)
    np.testing.assert_allclose(clearing.filled, numbers(answer.filled), rtol=1e-15)
    np.testing.assert_allclose(clearing.unit_price, numbers(answer.unit_price), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("ties", ["prorata", "priority"])
@pytest.mark.parametrize("case", CASES)
@some
@given(book=float_books(), scale=st.sampled_from([1.0, 1.0, 2.0**-40, 2.0**30]))
def test_quantities_that_drift_do_not_move_a_level_without_a_grid(case, ties, book, scale):
    mechanism, options, rule = CASES[case]
    _, quantity, tenths_of_price, tenths_of_quantity = book
    price = np.array(tenths_of_price) / 10
    answer = clear_exactly(
        [Fraction(p, 10) for p in tenths_of_price], [Fraction(q, 10) for q in tenths_of_quantity], rule, ties
    )
    clearing = p2p_market.clear(price, scale * quantity, mechanism, ties=ties, **options)
    np.testing.assert_array_equal(clearing.filled != 0, numbers(answer.filled) != 0)  # no dust
    np.testing.assert_allclose(clearing.filled, scale * numbers(answer.filled), rtol=1e-14)
    np.testing.assert_allclose(clearing.unit_price, numbers(answer.unit_price), rtol=1e-13)


@pytest.mark.parametrize("mechanism", ["uniform_price", "pay_as_bid", "pairwise_midpoint"])
def test_dust_does_not_trade_or_set_a_price(mechanism):
    """Orders of less than 1e-12 of a market's volume are rounding noise of a device or a meter, not a trade."""
    clearing = p2p_market.clear([0.30, 0.10, 0.20, 0.25], [1e-14, -1e-14, 1.0, -1.0], mechanism)
    assert clearing.traded == 0
    assert not clearing.filled.any()
    assert np.isnan([clearing.price_low, clearing.price_high, clearing.clearing_price]).all()


@pytest.mark.parametrize("grid", [{}, {"price_tick": 0.01, "energy_unit": 0.1}])
@pytest.mark.parametrize("parts", [(0.1, 0.2), (0.3,)])
@pytest.mark.parametrize("counterparts", [(0.1, 0.2), (0.3,)])
def test_three_tenths_bought_from_three_tenths(parts, counterparts, grid):
    """The next bid, at 0.20, gets nothing of a rounding error, and no bid above it is cut by one."""
    price = [*([0.40] * len(parts)), 0.20, *([0.10] * len(counterparts))]
    quantity = [*parts, 1.0, *(-part for part in counterparts)]
    clearing = p2p_market.clear(price, quantity, **grid)
    assert (float(clearing.price_low), float(clearing.price_high)) == (0.20, 0.40)
    assert float(clearing.clearing_price) == pytest.approx(0.30, abs=1e-15)
    assert clearing.filled.tolist() == [*parts, 0.0, *(-part for part in counterparts)]


@pytest.mark.parametrize("tick", TICKS)
def test_every_cent_is_on_the_grid(tick):
    cents = np.arange(0, 201) / 100
    price = np.stack([cents, cents], axis=1)
    clearing = p2p_market.clear(price, np.tile([1.0, -1.0], (201, 1)), price_tick=tick)
    np.testing.assert_array_equal(clearing.traded, 1.0)
    np.testing.assert_array_equal(clearing.clearing_price, cents)  # 0.29 comes back as 0.29


@pytest.mark.parametrize("options", [{}, {"fee_share": 0.0}, {"fee_share": 1.0}, {"fee_share": 0.3}])
@pytest.mark.parametrize("tick", TICKS)
def test_a_spread_of_exactly_the_fee_trades_and_a_cent_less_does_not(tick, options):
    """In decimals: bid 0.30, ask 0.28 and a fee of 0.02 trade; bid 0.20, ask 0.19 do not."""
    for fee in (2, 3, 7):
        ask = np.arange(0, 101)
        for gap, traded in ((fee, 1.0), (fee - 1, 0.0)):
            price = np.stack([(ask + gap) / 100, ask / 100], axis=1)
            quantity = np.tile([1.0, -1.0], (101, 1))
            clearing = p2p_market.clear(price, quantity, price_tick=tick, fee=fee / 100, **options)
            np.testing.assert_array_equal(clearing.traded, traded)
            if traded:
                np.testing.assert_allclose(clearing.unit_price, price, rtol=0, atol=1e-15)
                np.testing.assert_allclose(clearing.operator_surplus, fee / 100, atol=1e-15)


def test_a_fee_between_two_ticks():
    """Fees need not lie on the tick: half a cent of fee on a grid of cents."""
    clearing = p2p_market.clear([0.30, 0.29], [1.0, -1.0], price_tick=0.01, fee=0.005)
    assert clearing.unit_price.tolist() == pytest.approx([0.2975, 0.2925], abs=1e-15)
    assert not p2p_market.clear([0.30, 0.29], [1.0, -1.0], price_tick=0.01, fee=0.0101).traded.any()


def test_trading_and_network_fee_enter_together_and_are_reported_apart():
    clearing = p2p_market.clear([0.30, 0.20], [2.0, -2.0], fee=0.02, network_fee=0.03, fee_share=0.25)
    assert clearing.unit_price[0] - clearing.unit_price[1] == pytest.approx(0.05, abs=1e-15)
    assert float(clearing.operator_surplus) == pytest.approx(0.04, abs=1e-15)
    assert float(clearing.network_payment) == pytest.approx(0.06, abs=1e-15)
    assert not p2p_market.clear([0.30, 0.26], [2.0, -2.0], fee=0.02, network_fee=0.03).traded.any()


def test_energy_is_cut_down_to_whole_units():
    clearing = p2p_market.clear([0.3, 0.1], [1.0019, -5.0], energy_unit=0.001)
    assert clearing.filled.tolist() == [1.001, -1.001]
    assert not p2p_market.clear([0.3, 0.1], [0.0009, -5.0], energy_unit=0.001).traded.any()
    clearing = p2p_market.clear([0.3, 0.1], [0.3, -0.1 - 0.2], energy_unit=0.001)
    assert clearing.filled.tolist() == [0.3, -0.3]


def test_orders_between_two_ticks_that_cross_only_before_rounding():
    assert p2p_market.clear([0.295, 0.292], [1.0, -1.0]).traded == 1.0
    assert p2p_market.clear([0.295, 0.292], [1.0, -1.0], price_tick=0.01).traded == 0.0
