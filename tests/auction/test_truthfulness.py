"""Where a mechanism promises that truth pays, no other report gains: every report is tried on small coarse books.

Limit prices are whole numbers, so between two neighbouring halves nothing changes: the whole numbers, the middles
between them, and a price just beside each are all the reports that there are. Lots are the same for every report, so
what holds here holds for every draw, and in expectation too.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from auction.markets import VARIANTS, is_pool, promises, run_with_lots
from reference.best_response import best_gain, price_reports, quantity_reports, utility_with_grid

HIGHEST = 6  # limit prices are 0 to 6, quantities 1 to 3
MOST = 5.0  # kWh, the most that a buyer asks for
RETAIL = 6.0
PRICE_TRUTHFUL = [v for v in VARIANTS if promises(v).truthful_in_price and not is_pool(v)]
QUANTITY_TRUTHFUL = [
    v for v in VARIANTS if promises(v).truthful_in_quantity and not is_pool(v) and not promises(v).unit_lots
]
BOTH_TRUTHFUL = [v for v in QUANTITY_TRUTHFUL if v in PRICE_TRUTHFUL]


def draw_book(rng: np.random.Generator, variant: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices, signed quantities and lots of 2 to 7 orders."""
    count = int(rng.integers(2, 8))
    price = rng.integers(0, HIGHEST + 1, count).astype(float)
    size = np.ones(count) if promises(variant).unit_lots else rng.integers(1, 4, count)
    return price, size * rng.choice([-1.0, 1.0], count), rng.random(count)


def largest_gain(variant: str, num_books: int, *, price: bool, quantity: bool, seed: int = 0) -> tuple[float, object]:
    """Search drawn books for a household that gains by misreporting, and say where."""
    rng = np.random.default_rng(seed)
    found: tuple[float, object] = (0.0, None)
    for _ in range(num_books):
        prices, quantities, lots = draw_book(rng, variant)

        def clear(p, q, lots=lots):
            return run_with_lots(variant, p, q, np.tile(lots, (len(p), 1)))

        for household in range(len(prices)):
            own_price, own_quantity = prices[household], quantities[household]
            tried_prices = price_reports(prices) if price else [own_price]
            tried_quantities = quantity_reports(own_quantity, MOST) if quantity else [own_quantity]
            reports = list(product(tried_prices, tried_quantities))
            gain, report = best_gain(clear, prices, quantities, household, reports)
            if gain > found[0] + 1e-9:
                found = gain, (prices, quantities, lots, household, report)
    return found


@pytest.mark.parametrize("variant", PRICE_TRUTHFUL)
def test_no_other_price_gains(variant):
    assert largest_gain(variant, 40, price=True, quantity=False) == (0.0, None)


@pytest.mark.parametrize("variant", QUANTITY_TRUTHFUL)
def test_no_other_quantity_gains(variant):
    assert largest_gain(variant, 40, price=False, quantity=True) == (0.0, None)


@pytest.mark.parametrize("variant", BOTH_TRUTHFUL)
def test_no_other_price_and_quantity_together_gain(variant):
    assert largest_gain(variant, 15, price=True, quantity=True) == (0.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("variant", PRICE_TRUTHFUL)
def test_no_other_price_gains_in_many_books(variant):
    assert largest_gain(variant, 1500, price=True, quantity=False, seed=1) == (0.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("variant", QUANTITY_TRUTHFUL)
def test_no_other_quantity_gains_in_many_books(variant):
    assert largest_gain(variant, 1500, price=False, quantity=True, seed=1) == (0.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("variant", BOTH_TRUTHFUL)
def test_no_other_price_and_quantity_together_gain_in_many_books(variant):
    assert largest_gain(variant, 400, price=True, quantity=True, seed=1) == (0.0, None)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["trade_reduction", "mcafee", "sbba"])
def test_every_small_book_of_lots(variant):
    """All books of up to two bids and three asks, or three and two, with prices 0 to 3."""
    for num_bids, num_asks in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3)):
        quantity = np.array([1.0] * num_bids + [-1.0] * num_asks)
        for lots in (np.linspace(0.1, 0.9, len(quantity)), np.linspace(0.9, 0.1, len(quantity))):

            def clear(p, q, lots=lots):
                return run_with_lots(variant, p, q, np.tile(lots, (len(p), 1)))

            for prices in product(range(4), repeat=len(quantity)):
                price = np.array(prices, dtype=float)
                for household in range(len(quantity)):
                    reports = [(p, quantity[household]) for p in price_reports(price)]
                    assert best_gain(clear, price, quantity, household, reports)[0] <= 1e-9, (prices, household)


# Households with several orders, of decreasing marginal values


@pytest.mark.parametrize("variant", ["vcg", "muda: long_side=lottery", "muda: long_side=vickrey"])
def test_a_household_with_two_orders_gains_by_no_other_pair_of_them(variant):
    """Household 0 wants 1 kWh at its first value and 2 more at its second; it tries other prices and sizes of both."""
    rng = np.random.default_rng(3)
    for _ in range(6):
        count = int(rng.integers(4, 8))
        price = rng.integers(0, HIGHEST + 1, count).astype(float)
        buys = rng.random() < 0.5
        sign = 1.0 if buys else -1.0
        quantity = rng.integers(1, 4, count) * rng.choice([-1.0, 1.0], count)
        quantity[:2] = sign, 2.0 * sign
        price[:2] = np.sort(price[:2])[:: -1 if buys else 1]  # the dearest need first, the cheapest energy first
        lots, household = rng.random(count), np.maximum(np.arange(count) - 1, 0)
        tried_prices = np.unique(np.concatenate([price, price + 0.25, price - 0.25]))
        sizes = [(1.0, 2.0), (0.5, 2.0), (1.0, 1.0), (2.0, 1.0), (0.0, 2.0), (1.0, 0.0)]
        sizes += [(2.0, 2.0), (3.0, 2.0)] if buys else []
        reports = [
            (price[0], price[1], 1.0, 2.0),
            *((p, q, *s) for p, q, s in product(tried_prices, tried_prices, sizes)),
        ]
        prices, quantities = np.tile(price, (len(reports), 1)), np.tile(quantity, (len(reports), 1))
        prices[:, 0], prices[:, 1] = [r[0] for r in reports], [r[1] for r in reports]
        quantities[:, 0], quantities[:, 1] = [sign * r[2] for r in reports], [sign * r[3] for r in reports]
        clearing = run_with_lots(variant, prices, quantities, np.tile(lots, (len(reports), 1)), household=household)
        energy = np.abs(clearing.filled[:, :2].sum(axis=1))
        worth = price[0] * np.minimum(energy, 1.0) + price[1] * np.clip(energy - 1.0, 0.0, 2.0)
        gain = (worth if buys else -worth) - clearing.payment[:, :2].sum(axis=1)
        assert gain.max() <= gain[0] + 1e-9, (price, quantity, lots, reports[int(gain.argmax())])


# Pools: the price is not asked for; the rest of the need is settled with the grid


@pytest.mark.parametrize("variant", [v for v in VARIANTS if is_pool(v)])
def test_a_pool_takes_no_notice_of_limit_prices(variant):
    quantity = np.array([1.0, -2.0, 0.5])
    clearings = [run_with_lots(variant, np.array(price), quantity, None) for price in ([9, 0, 9], [0, 9, 3.0])]
    np.testing.assert_array_equal(clearings[0].payment, clearings[1].payment)


def largest_gain_in_a_pool(variant: str, num_books: int, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    largest = 0.0
    for _ in range(num_books):
        count = int(rng.integers(2, 8))
        quantity = rng.integers(1, 4, count) * rng.choice([-1.0, 1.0], count)
        feed_in = float(rng.integers(0, RETAIL + 1))

        def clear(p, q, feed_in=feed_in):
            return run_with_lots(variant, p, q, None, retail=RETAIL, feed_in=feed_in)

        for household in range(count):
            need = quantity[household]

            def worth(report, _filled, payment, need=need, feed_in=feed_in):
                return utility_with_grid(RETAIL, feed_in, need, report, payment)

            reports = [(0.0, q) for q in np.arange(-MOST, MOST + 0.5, 0.25)]
            largest = max(largest, best_gain(clear, np.zeros(count), quantity, household, reports, worth)[0])
    return largest


@pytest.mark.parametrize("variant", [v for v in VARIANTS if is_pool(v) and promises(v).truthful_in_quantity])
@pytest.mark.parametrize("num_books", [30, pytest.param(1500, marks=pytest.mark.slow)])
def test_no_other_net_position_gains_in_a_pool(variant, num_books):
    assert largest_gain_in_a_pool(variant, num_books) <= 1e-9


@pytest.mark.parametrize("variant", ["supply_demand_ratio", "bill_sharing"])
def test_a_net_position_that_gains_is_found_where_there_is_one(variant):
    assert largest_gain_in_a_pool(variant, 30) > 0.5


# How far truth in quantity alone goes


def largest_gain_of_a_quantity(variant: str, num_books: int, *, margin: float = 0.0, ties: bool = True) -> float:
    """Largest gain of another quantity for a household whose price is `margin` worse for it than its value."""
    rng = np.random.default_rng(4)
    largest = 0.0
    for _ in range(num_books):
        prices, quantities, lots = draw_book(rng, variant)
        if not ties:
            prices = rng.permutation(12)[: len(prices)].astype(float)

        def clear(p, q, lots=lots):
            return run_with_lots(variant, p, q, np.tile(lots, (len(p), 1)))

        for household in range(len(prices)):
            need, value = quantities[household], prices[household]
            reported = prices.copy()
            reported[household] -= np.sign(need) * margin

            def worth(_report, filled, payment, need=need, value=value):
                return value * np.minimum(filled, need) - payment if need > 0 else value * filled - payment

            reports = [(reported[household], q) for q in quantity_reports(need, MOST)]
            largest = max(largest, best_gain(clear, reported, quantities, household, reports, worth)[0])
    return largest


@pytest.mark.parametrize("variant", [v for v in QUANTITY_TRUTHFUL if v.startswith("continuous")])
@pytest.mark.parametrize("margin", [0.5, 1.0, 3.0])
def test_in_a_continuous_market_the_true_quantity_is_best_at_every_price_that_cannot_lose(variant, margin):
    assert largest_gain_of_a_quantity(variant, 20, margin=margin) <= 1e-9


@pytest.mark.parametrize("variant", [v for v in QUANTITY_TRUTHFUL if v.startswith("continuous")])
def test_in_a_continuous_market_less_is_better_at_a_price_that_loses(variant):
    assert largest_gain_of_a_quantity(variant, 20, margin=-2.0) > 0.5


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.startswith(("pay_as_bid", "pairwise_midpoint"))])
def test_in_pairs_another_quantity_gains_where_prices_tie_alone(variant):
    assert largest_gain_of_a_quantity(variant, 40, ties=False) <= 1e-9
    gains_in_ties = largest_gain_of_a_quantity(variant, 150) > 1e-9
    # a larger share is worth nothing to a buyer that pays its bid, and no seller can offer more than it has
    assert gains_in_ties == (variant not in ("pay_as_bid", "pay_as_bid: spread=seller"))


@pytest.mark.parametrize("variant", ["mid_market_rate", "supply_demand_ratio"])
def test_where_tariffs_differ_a_pool_is_neither_rational_nor_truthful(variant):
    """Buyers with 3.0 and 1.4 beside a seller with 1.3: the pool's price is above the second buyer's own."""
    quantity, retail, feed_in = np.array([2.0, 1.0, -1.0]), np.array([3.0, 1.4, 9.9]), np.array([9.9, 9.9, 1.3])

    clearing = run_with_lots(variant, np.zeros(3), quantity, None, retail=retail, feed_in=feed_in)
    assert clearing.payment[1] > retail[1] * quantity[1]  # what it pays by staying out, that is, by stating 0
