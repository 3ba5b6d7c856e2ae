"""Several bidding rounds inside one interval: `continuous` against lists of quotes, and what is not possible."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import continuous as reference

import p2p_market
import p2p_market.analysis
from p2p_market.auction.audit import audit_clearing, audit_households
from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.context import AuctionContext
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.orders import Orders
from p2p_market.auction.rounds import fold_rounds
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError

whole = st.integers
SIXTEENTH, CENT = Fraction(1, 16), Fraction(1, 100)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[list[list[tuple[int, int]]], list[int]]:
    """Quotes (cents, signed sixteenths) of some households in some rounds, and an order of arrival."""
    num_rounds, num_households = draw(whole(1, 4)), draw(whole(0, 6))
    sides = draw(st.lists(st.sampled_from([-1, 1]), min_size=num_households, max_size=num_households))
    rounds = [[(draw(whole(1, 6)), side * draw(whole(0, 5))) for side in sides] for _ in range(num_rounds)]
    arrival = [
        number * num_households + place
        for number in range(num_rounds)
        for place in draw(st.permutations(range(num_households)))
    ]
    return rounds, arrival


@pytest.mark.parametrize("pair_price", ["maker", "mid"])
@settings(max_examples=60)
@given(session=sessions())
def test_against_the_reference(pair_price, session):
    """Fills, payments and trades of every quote, to the bit; prices are whole cents and quantities sixteenths."""
    rounds, arrival = session
    quotes = [quote for a_round in rounds for quote in a_round]
    exact = [[(cents * CENT, size * SIXTEENTH) for cents, size in a_round] for a_round in rounds]
    made = reference.trades_in_rounds(exact, arrival, pair_price)
    filled, paid = [Fraction(0)] * len(quotes), [Fraction(0)] * len(quotes)
    for buyer, seller, quantity, price in made:
        filled[buyer] += quantity
        filled[seller] -= quantity
        paid[buyer] += quantity * price
        paid[seller] -= quantity * price

    price, quantity = np.array(quotes, dtype=float).reshape(-1, 2).T
    orders = Orders(price[None] / 100, quantity[None] / 16)
    rules = AuctionRules("continuous", {"rounds": len(rounds), "arrival": arrival, "pair_price": pair_price})
    clearing = clear_orders(rules, orders)
    assert clearing.filled[0].tolist() == [float(size) for size in filled]
    np.testing.assert_allclose(clearing.payment[0], [float(money) for money in paid], rtol=1e-13, atol=1e-16)
    audit_clearing(rules, orders, clearing)  # nobody trades against the limit of the quote that trades
    nothing = np.zeros(1)
    context = AuctionContext(rules, nothing, nothing, nothing, nothing, orders=orders)
    pairs = context.transaction()
    columns = (pairs.buyer, pairs.seller, pairs.quantity)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (buyer, seller, float(quantity)) for buyer, seller, quantity, _ in made
    ]


@settings(max_examples=20)
@given(session=sessions(), seed=whole(0, 9))
def test_what_a_household_trades_is_what_it_last_wanted_at_most(session, seed):
    rounds, _ = session
    price, quantity = np.array(rounds, dtype=float).reshape(len(rounds), -1, 2).transpose(2, 0, 1)
    clearing = p2p_market.clear(price.ravel(), quantity.ravel(), "continuous", rounds=len(rounds), seed=seed)
    assert (np.abs(clearing.filled.reshape(quantity.shape).sum(axis=0)) <= np.abs(quantity).max(axis=0)).all()


def test_a_renewed_quote_replaces_the_standing_one():
    """The seller comes down from 0.30 to 0.20 in the second round, and the buyer that said 0.25 takes it there."""
    clearing = p2p_market.clear([0.25, 0.30, 0.25, 0.20], [1.0, -1.0, 0.0, -1.0], "continuous", rounds=2)
    assert clearing.filled.tolist() == [1.0, 0.0, 0.0, -1.0]
    assert clearing.payment.tolist() == [0.25, 0.0, 0.0, -0.25]


def test_what_has_traded_counts_against_the_quantity():
    """Who wants 3 kWh and has 2 from the first round asks for 1 more by saying 3 again, and for none by saying 2."""
    price = [0.30, 0.10, 0.30, 0.10]
    for wanted, second in ((3.0, 1.0), (2.0, 0.0), (1.0, 0.0)):
        clearing = p2p_market.clear(price, [3.0, -2.0, wanted, -9.0], "continuous", rounds=2)
        assert clearing.filled.tolist() == [2.0, -2.0, second, -second]


def test_households_may_stand_in_another_order_in_every_round():
    tidy = p2p_market.clear([0.25, 0.30, 0.35, 0.20], [1.0, -1.0, 2.0, -2.0], "continuous", rounds=2)
    mixed = p2p_market.clear(
        [0.25, 0.30, 0.20, 0.35],
        [1.0, -1.0, -2.0, 2.0],
        "continuous",
        rounds=2,
        household=[7, 3, 3, 7],
        arrival=[0, 1, 3, 2],
    )
    np.testing.assert_array_equal(tidy.payment, mixed.payment[[0, 1, 3, 2]])


def test_holding_back_in_the_first_round_can_gain():
    """A buyer to whom 1 kWh is worth 0.35 meets an ask of 0.30 that comes down to 0.20: patience buys it there."""
    price, asks = [0.35, 0.30, 0.35, 0.20], [-1.0, -1.0]
    arrival = [1, 0, 3, 2]
    paid = [
        p2p_market.clear(price, [first, asks[0], 1.0, asks[1]], "continuous", rounds=2, arrival=arrival).payment
        for first in (1.0, 0.0)
    ]
    assert [float(payment[[0, 2]].sum()) for payment in paid] == [0.30, 0.20]


def test_the_audit_adds_up_the_quotes_of_a_household():
    rules, orders = AuctionRules("continuous", {"rounds": 2}), Orders(np.ones((1, 2)), np.array([[1.0, -1.0]]))
    both = p2p_market.clear([1, 1, 1, 1], [1, -1, 1, -1], "continuous", household=[0, 1, 2, 3]).reshape((1,))
    folded = fold_rounds(rules, both)
    assert folded.filled.tolist() == [[2.0, -2.0]]
    with pytest.raises(MechanismError, match="market 0, order 0: several quotes filled more than the largest"):
        audit_households(rules, orders, folded)


def test_a_fold_of_tenths_is_in_whole_units():
    """0.1 and 0.2 kWh are the 0.3 kWh of a net load, so that nothing is left to settle with the grid."""
    rules = AuctionRules("continuous", {"rounds": 2}, energy_unit=0.001)
    price, quantity = [[0.3, 0.1, 0.3, 0.1]], [[0.3, -0.1, 0.3, -0.3]]
    folded = fold_rounds(rules, clear_orders(rules, Orders(np.array(price), np.array(quantity))))
    assert folded.filled.tolist() == [[0.3, -0.3]]
    np.testing.assert_allclose(folded.unit_price, [[0.3, 0.3]], rtol=1e-12)


def test_prices_that_clear_are_those_of_the_last_quotes():
    clearing = p2p_market.clear([0.25, 0.30, 0.0, 0.20], [1.0, -1.0, 0.0, -1.0], "continuous", rounds=2)
    assert (clearing.price_low.item(), clearing.price_high.item()) == (0.20, 0.25)


def test_a_batch_is_its_markets_and_lots_fall_within_rounds():
    rng = np.random.default_rng(0)
    shape = (5, 4 * 9)
    side = np.where(rng.random((5, 9)) < 0.5, 1.0, -1.0)
    price, quantity = rng.random(shape), np.tile(side, 4) * rng.random(shape)
    rules, draws = AuctionRules("continuous", {"rounds": 4}), rng.random(shape)
    together = clear_orders(rules, Orders(price, quantity), draws=draws)
    for b in range(5):
        row = slice(b, b + 1)
        alone = clear_orders(rules, Orders(price[row], quantity[row]), draws=draws[row])
        np.testing.assert_array_equal(alone.payment[0], together.payment[b])
    by_lot = (np.argsort(draws.reshape(5, 4, 9), axis=2) + 9 * np.arange(4)[:, None]).reshape(shape)
    given_arrival = AuctionRules("continuous", {"rounds": 4, "arrival": by_lot})
    np.testing.assert_array_equal(clear_orders(given_arrival, Orders(price, quantity)).payment, together.payment)


@pytest.mark.parametrize(
    ("quantity", "options", "problem"),
    [
        ([1, -1, 1], {"rounds": 2}, "rounds is 2, and there are 3 orders; expected as many in every round"),
        ([1, -1], {"rounds": 0}, "rounds is 0; expected a whole number, 1 or more"),
        ([1, -1], {"rounds": True}, "rounds is True; expected a whole number"),
        ([1, -1, -1, 1], {"rounds": 2}, "household 0 bids in one round of market 0 and asks in another"),
        ([1, 1, 1, 1], {"rounds": 2, "household": [0, 0, 0, 1]}, "household 0 has 2 orders in round 0; expected one"),
        ([1, -1, 1, -1], {"rounds": 2, "arrival": [0, 2, 1, 3]}, "arrival mixes orders of different rounds"),
    ],
)
def test_rounds_that_cannot_be(quantity, options, problem):
    with pytest.raises(MechanismError, match=problem):
        p2p_market.clear(np.ones(len(quantity)), quantity, "continuous", **options)


def test_who_has_rounds():
    assert [name for name, mechanism in MECHANISMS.items() if mechanism.takes_rounds] == ["continuous"]
    with pytest.raises(MechanismError, match="mechanism 'uniform_price' takes no option 'rounds'"):
        p2p_market.clear([1, 1], [1, -1], rounds=2)
    with pytest.raises(MechanismError, match="best_response takes no option 'rounds'; it needs one round"):
        p2p_market.analysis.best_response([1, 1], [1, -1], "continuous", rounds=2)
