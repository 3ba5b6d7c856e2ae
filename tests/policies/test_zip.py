"""Zero-intelligence-plus: which way margins move, and that prices settle where supply meets demand."""

from __future__ import annotations

import numpy as np
import pytest
from bidders import outcome_of, repeated_market, view_of

from p2p_market.policies import POLICIES, BidView, Memory

ZIP = POLICIES["zip"]
NO_NOISE = {"relative_step": 0.0, "absolute_step": 0.0, "momentum": (0.0, 0.0), "learning_rate": (0.5, 0.5)}


def begin(net_load: float, margin: float = 0.5, **options: object) -> tuple[BidView, Memory]:
    view = view_of([net_load], 0.3, 0.1, draws=np.full((1, 2, 1), 0.5))
    policy = ZIP.with_options("zip", {"margin": (margin, margin), **options})
    return view, policy.start(np.full((1, 4, 1), 0.5), 1)


@pytest.mark.parametrize(
    ("need", "filled", "published", "way"),
    [
        # a seller asks 0.20
        (-1.0, -1.0, 0.25, "up"),
        (-1.0, -1.0, 0.20, "up"),
        (-1.0, -0.4, 0.20, "down"),  # at the margin, and only partly filled
        (-1.0, 0.0, 0.20, "down"),
        (-1.0, 0.0, 0.15, "down"),
        (-1.0, 0.0, 0.25, "up"),  # others got more than it asked for
        (-1.0, -1.0, 0.15, "stays"),  # filled at its own price, the mean was lower
        # a buyer bids 0.20
        (1.0, 1.0, 0.15, "down"),
        (1.0, 1.0, 0.20, "down"),
        (1.0, 0.4, 0.20, "up"),
        (1.0, 0.0, 0.25, "up"),
        (1.0, 0.0, 0.15, "down"),
        (1.0, 1.0, 0.25, "stays"),
    ],
)
def test_margins_follow_the_last_price(need: float, filled: float, published: float, way: str) -> None:
    view, memory = begin(need)
    (own,), _ = ZIP.bid(view, memory)
    assert own == pytest.approx(0.2)
    outcome = outcome_of(0.2, need, filled, published, traded=1.0)
    after, _ = ZIP.bid(view, ZIP.learn(view, outcome, memory))
    assert np.sign(np.round(after[0, 0] - 0.2, 9)) == {"up": 1, "down": -1, "stays": 0}[way]


@pytest.mark.parametrize(("need", "way"), [(1.0, 1), (-1.0, -1)])
def test_without_trade_the_own_refused_order_is_the_last_shout(need: float, way: int) -> None:
    view, memory = begin(need)
    learned = ZIP.learn(view, outcome_of(0.2, need, 0.0, 0.0), memory)
    assert np.sign(ZIP.bid(view, learned)[0][0, 0] - 0.2) == way


def test_the_step_is_that_of_widrow_and_hoff_with_momentum() -> None:
    view, memory = begin(-1.0)
    options = {"learning_rate": (0.4, 0.4), "momentum": (0.1, 0.1), "relative_step": 0.04, "absolute_step": 0.02}
    policy = ZIP.with_options("zip", options | {"margin": (0.5, 0.5)})
    memory = policy.start(np.full((1, 4, 1), 0.5), 1)
    price, change = 0.2, 0.0
    for published in (0.25, 0.24):
        memory = policy.learn(view, outcome_of(price, -1.0, -1.0, published), memory)
        target = published * (1.0 + 0.04 * 0.5) + 0.02 * 0.5 * 0.2
        change = 0.1 * change + 0.9 * 0.4 * (target - price)
        price += change
        assert policy.bid(view, memory)[0][0, 0] == pytest.approx(price)


def test_a_price_never_passes_the_own_value_nor_the_end_of_the_band() -> None:
    policy = ZIP.with_options("zip", NO_NOISE | {"learning_rate": (1.0, 1.0)})
    for need, published, bound in ((-1.0, 9.0, 0.3), (1.0, -9.0, 0.1)):
        view, memory = begin(need)
        memory = policy.start(np.full((1, 4, 1), 0.5), 1)
        learned = policy.learn(view, outcome_of(0.2, need, need, published, traded=1.0), memory)
        assert policy.bid(view, learned)[0][0, 0] == pytest.approx(bound)


def test_the_sides_of_a_household_learn_apart() -> None:
    selling, memory = begin(-1.0)
    learned = ZIP.learn(selling, outcome_of(0.2, -1.0, -1.0, 0.28), memory)
    assert learned["margin"][0, 1, 0] > memory["margin"][0, 1, 0]
    assert learned["margin"][0, 0, 0] == memory["margin"][0, 0, 0]
    without_order = ZIP.learn(selling, outcome_of(0.2, 0.0, 0.0, 0.28, traded=1.0), memory)
    np.testing.assert_array_equal(without_order["margin"], memory["margin"])


# Limit prices from 0.75 to 3.25 dollars in steps of 25 cents, eleven buyers and eleven sellers of one unit: the
# symmetric market of Cliff and Bruten (1997), in which supply meets demand at 2.00. A day is eleven calls here.
LIMITS = [0.75 + 0.25 * step for step in range(11)]
SYMMETRIC = ([*LIMITS, *LIMITS], [1.0] * 11 + [-1.0] * 11)
CALLS_A_DAY = 11


def daily_deviation(name: str, num_days: int) -> np.ndarray:
    """Mean distance of prices from 2.00, by day, over 20 markets."""
    rounds = repeated_market(POLICIES[name], *SYMMETRIC, num_days * CALLS_A_DAY, band=(0.0, 4.0), seeds=range(20))
    deviation = np.abs(np.array([each.clearing_price for each in rounds]) - 2.0)
    return np.nanmean(deviation.reshape(num_days, -1), axis=1)


def test_prices_settle_at_the_competitive_one_in_the_published_symmetric_market() -> None:
    plus, without = daily_deviation("zip", 10), daily_deviation("zero_intelligence", 10)
    assert plus[3] < 0.04
    assert plus[9] < 0.01
    assert (without[3:] > 0.15).all()  # which noise alone does not do


def test_margins_come_back_when_the_market_turns() -> None:
    """Flat supply at one price, as in Cliff and Bruten's markets where noise fails: the price goes to it."""
    value, quantity = [3.25] * 6 + [0.5] * 11, [1.0] * 6 + [-1.0] * 11
    rounds = list(repeated_market(ZIP, value, quantity, 300, band=(0.0, 4.0), seeds=range(5)))
    prices = np.array([each.clearing_price for each in rounds])
    assert np.nanmean(prices[:5]) > 1.0
    assert np.nanmean(prices[-20:]) < 0.6
