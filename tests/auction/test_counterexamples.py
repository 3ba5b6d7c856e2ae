"""A law that a mechanism does not promise fails somewhere: the smallest book that was found for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest
from auction import laws
from auction.laws import Market
from auction.markets import MECHANISMS, VARIANTS, lots_for, run, run_with_lots
from reference.best_response import best_gain, utility_with_grid

from p2p_market.auction.mechanisms.base import Promises
from p2p_market.errors import MechanismError

LAWS = [
    "individually_rational",
    "efficient",
    "truthful_in_price",
    "truthful_in_quantity",
    "order_independent",
    "split_independent",
    "scale_equivariant",
]
FACTS = ["budget", "uses_random_numbers", "unit_lots"]


def market(price: list[float], quantity: list[float], lots: list[float] | None = None) -> Market:
    given = None if lots is None else np.array(lots)
    return Market(np.array(price, dtype=float), np.array(quantity, dtype=float), {}, given)


# What fails: a label of a variant and a check that must raise AssertionError, by mechanism and law.
Broken = tuple[str, Callable[[str], None]]
EXAMPLES: dict[tuple[str, str], Broken] = {}


def breaks(mechanism: str, law: str, check: Callable[[str], None], variant: str | None = None) -> None:
    EXAMPLES[mechanism, law] = (variant or mechanism, check)


# efficient: the trades that a mechanism gives up for truth, those that arrive too soon, and pools that ask no prices

for name in ("trade_reduction", "mcafee", "sbba", "huang"):
    breaks(name, "efficient", lambda v: laws.check_welfare(v, market([3, 1], [1, -1], [0.2, 0.7])))
# one buyer in the left half, one seller in the right half
breaks("muda", "efficient", lambda v: laws.check_welfare(v, market([3, 1], [1, -1], [0.2, 0.7])))
# the bid at 2 arrives first and takes the only ask; the bid at 4 comes too late
breaks("continuous", "efficient", lambda v: laws.check_welfare(v, market([2, 1, 4], [1, -1, 1], [0.1, 0.2, 0.3])))
# 1 kWh is shared out between a bid at 3 and one at 1
for name in ("mid_market_rate", "supply_demand_ratio", "bill_sharing", "grid_only"):
    breaks(name, "efficient", lambda v: laws.check_welfare(v, market([3, 1, 0], [1, 1, -1])))

# individually_rational: a seller under bill sharing gets nothing where the grid would have paid

breaks("bill_sharing", "individually_rational", lambda v: laws.check_individual_rationality(v, market([0, 0], [1, -1])))

# truthful in price: the buyer of a pair that would trade at 2, or at its own 3, bids 1, and trades at less


def no_gain(price, quantity, household, report, lots=None):
    def check(variant: str) -> None:
        def clear(p, q):
            return run_with_lots(variant, p, q, None if lots is None else np.tile(lots, (len(p), 1)))

        books = np.array(price, dtype=float), np.array(quantity, dtype=float)
        assert best_gain(clear, *books, household, [report])[0] <= 1e-9

    return check


for name in ("uniform_price", "pay_as_bid", "pairwise_midpoint"):
    breaks(name, "truthful_in_price", no_gain([3, 1], [1, -1], 0, (1.0, 1.0)))
breaks("continuous", "truthful_in_price", no_gain([3, 1], [1, -1], 0, (1.0, 1.0)))

# truthful in quantity: half of the supply is held back, so that the bid at 3 and not the ask at 0 is the marginal one
breaks("uniform_price", "truthful_in_quantity", no_gain([3, 0], [1, -2], 1, (0.0, -0.5)))
# who asks for 4 kWh and needs 1 gets 2/3 kWh instead of 1/3 kWh of a level that is shared out
for name, variant in (("pay_as_bid", "pay_as_bid: spread=buyer"), ("pairwise_midpoint", "pairwise_midpoint")):
    breaks(name, "truthful_in_quantity", no_gain([3, 3, 0], [2, 1, -1], 1, (3.0, 4.0)), variant)
# with 2 kWh the bid at 3 is the last one served, and dropped; with 1 kWh the next one is, and sets a price of 1
breaks("huang", "truthful_in_quantity", no_gain([3, 1, 1, 0], [2, 1, -1, -1], 0, (3.0, 1.0)))


def no_gain_in_a_pool(quantity, household, report):
    def check(variant: str) -> None:
        def clear(p, q):
            return run_with_lots(variant, p, q, None, retail=3.0, feed_in=1.0)

        def worth(reported, _filled, payment):
            return utility_with_grid(3.0, 1.0, quantity[household], reported, payment)

        books = np.zeros(len(quantity)), np.array(quantity, dtype=float)
        assert best_gain(clear, *books, household, [(0.0, report)], worth)[0] <= 1e-9

    return check


# 2 kWh needed and 1 kWh there; who asks for 1 kWh makes energy look plentiful, and buys the rest from the grid
breaks("supply_demand_ratio", "truthful_in_quantity", no_gain_in_a_pool([2, -1], 0, 1.0))
# a seller that goes to the grid instead is paid for its energy
breaks("bill_sharing", "truthful_in_quantity", no_gain_in_a_pool([2, -2], 1, 0.0))

# order_independent: without lots, orders arrive as they stand in the arrays


def check_arrival(variant: str) -> None:
    one = run_with_lots(variant, np.array([2.0, 1, 4]), np.array([1.0, -1, 1]), None)
    other = run_with_lots(variant, np.array([4.0, 1, 2]), np.array([1.0, -1, 1]), None)
    np.testing.assert_array_equal(one.filled[::-1], other.filled)


breaks("continuous", "order_independent", check_arrival)

# split_independent: two traders of half the size are not one trader


def check_halves(variant: str) -> None:
    """Every lot as two lots of half the size: less is given up."""
    price, quantity = np.array([9.0, 8, 3, 4]), np.array([1.0, 1, -1, -1])
    whole = run(variant, price, quantity)
    halves = run(variant, np.repeat(price, 2), np.repeat(0.5 * quantity, 2))
    assert float(halves.traded) == float(whole.traded)


for name in ("trade_reduction", "mcafee", "sbba"):
    breaks(name, "split_independent", check_halves)
# sellers of 2 and 2 kWh give up 1 each; as sellers of 1, 1 and 2 they give up 2/3 each
breaks(
    "huang",
    "split_independent",
    lambda v: laws.check_split_independence(v, market([9, 8, 1, 2, 3], [2, 3, -2, -2, -1]), 2, -1.0),
)
# the second half of the bid is drawn into the other half of the market, or elsewhere into the queue
breaks(
    "muda",
    "split_independent",
    lambda v: laws.check_split_independence(v, market([4, 3, 2, 1], [2, 1, -1, -1], [0.1, 0.6, 0.2, 0.7]), 0, 1.0),
)
# a bid of 2 kWh displaces nobody; its halves displace each other
breaks("vcg", "split_independent", lambda v: laws.check_split_independence(v, market([5, 1], [2, -1]), 0, 1.0))
# the ask at 1 meets a resting bid at 3 whole; where half of that comes after it, it rests itself and sells at 1
breaks(
    "continuous",
    "split_independent",
    lambda v: laws.check_split_independence(v, market([3, 1], [2, -2], [0.1, 0.2]), 0, 1.0),
)


@pytest.mark.parametrize(("mechanism", "law"), EXAMPLES)
def test_a_law_that_is_not_promised_fails(mechanism, law):
    assert not getattr(MECHANISMS[mechanism].promises, law)
    variant, check = EXAMPLES[mechanism, law]
    assert VARIANTS[variant][0] == mechanism
    with pytest.raises(AssertionError):
        check(variant)


def test_every_law_that_is_not_promised_has_an_example():
    assert {field.name for field in fields(Promises)} == {*LAWS, *FACTS}
    missing = {
        (name, law)
        for name, mechanism in MECHANISMS.items()
        for law in LAWS
        if not getattr(mechanism.promises, law) and (name, law) not in EXAMPLES
    }
    assert not missing


# Budgets are as strong as can be promised

SURPLUSES = [
    # the spread of the only pair; the two prices of the pair that is left
    ("pay_as_bid", [3, 1], [1, -1], None, 2.0),
    ("trade_reduction", [9, 8, 3, 4], [1, 1, -1, -1], None, 4.0),
    ("mcafee", [9, 8, 3, 4], [1, 1, -1, -1], None, 4.0),
    ("huang", [9, 8, 3, 4], [1, 1, -1, -1], None, 4.0),
    # both bids and the ask at 1 in the left half, where 2 is posted; the bid at 4 displaces the one at 3
    ("muda: long_side=vickrey", [4, 3, 1, 2], [1, 1, -1, -1], [0.1, 0.2, 0.3, 0.8], 1.0),
    # the buyer pays the ask and the seller gets the bid
    ("vcg", [3, 1], [1, -1], None, -2.0),
]


@pytest.mark.parametrize(("variant", "price", "quantity", "lots", "surplus"), SURPLUSES)
def test_the_operator_earns_or_pays(variant, price, quantity, lots, surplus):
    given = lots_for(len(price)) if lots is None else np.array(lots)
    clearing = run_with_lots(variant, np.array(price, dtype=float), np.array(quantity, dtype=float), given)
    assert float(clearing.operator_surplus) == pytest.approx(surplus)
    budget = MECHANISMS[VARIANTS[variant][0]].promises.budget
    assert budget == ("weak" if surplus > 0 else "deficit")


def test_every_budget_that_is_not_strong_has_an_example():
    weaker = {name for name, mechanism in MECHANISMS.items() if mechanism.promises.budget in ("weak", "deficit")}
    assert weaker == {VARIANTS[variant][0] for variant, *_ in SURPLUSES}


# Facts


@pytest.mark.parametrize("name", MECHANISMS)
def test_only_mechanisms_that_say_so_cannot_do_without_lots(name):
    orders = np.array([9.0, 8, 3, 4]), np.array([1.0, 1, -1, -1])
    if MECHANISMS[name].promises.uses_random_numbers:
        with pytest.raises(MechanismError, match="this market draws lots; give seed= or rng="):
            run(name, *orders, seed=None)
        fills = {tuple(run(name, *orders, seed=seed).filled) for seed in range(20)}
        assert len(fills) > 1
    else:
        run(name, *orders, seed=None)


@pytest.mark.parametrize("name", MECHANISMS)
def test_only_mechanisms_that_say_so_want_one_size(name):
    orders = np.array([9.0, 8, 3, 4]), np.array([1.0, 2, -1, -1])
    if MECHANISMS[name].promises.unit_lots:
        with pytest.raises(MechanismError, match="'huang' or 'muda'"):
            run(name, *orders)
    else:
        run(name, *orders)


# By household, splitting an order changes nothing, even where orders of two traders would


@pytest.mark.parametrize("variant", ["vcg", "muda: long_side=lottery", "muda: long_side=vickrey"])
def test_splitting_an_own_order_changes_nobodys_total(variant):
    rng = np.random.default_rng(1)
    for _ in range(200):
        price, quantity, lots = rng.integers(0, 7, 6), rng.integers(1, 9, 6) * rng.choice([-1.0, 1.0], 6), rng.random(7)
        whole = run_with_lots(variant, price * 1.0, quantity, lots[:6], household=np.arange(6))
        parts = np.append(quantity, 0.25 * quantity[0])
        parts[0] *= 0.75
        split = run_with_lots(variant, np.append(price, price[0]) * 1.0, parts, lots, household=[0, 1, 2, 3, 4, 5, 0])
        for name in ("filled", "payment"):
            totals = getattr(split, name)[:6].copy()
            totals[0] += getattr(split, name)[6]
            np.testing.assert_allclose(totals, getattr(whole, name), rtol=1e-13, atol=1e-14)
