"""Zero-intelligence traders: the published efficiencies, a plain loop, and what has to be so."""

from __future__ import annotations

import numpy as np
import pytest
from reference import zero_intelligence as reference

from p2p_market.analysis.zero_intelligence import GODE_SUNDER_1993, UnitMarket, call_once, shout
from p2p_market.errors import MechanismError

# Gode and Sunder (1993), table 2, percent.
CONSTRAINED = {1: 99.9, 2: 99.2, 3: 99.0, 4: 98.2}
UNCONSTRAINED = {1: 90.0, 2: 90.0, 3: 76.7, 4: 48.8}
SHOUTS = 600  # a period; the paper says 30 seconds

every_market = pytest.mark.parametrize("number", GODE_SUNDER_1993)


def equilibrium(market: UnitMarket) -> tuple[float, float, int]:
    """Lowest and highest price at which the market clears, and how many units trade if all that can do."""
    values, costs = np.sort(market.values, axis=None)[::-1], np.sort(market.costs, axis=None)
    volume = int((values >= costs).sum())
    low = max(costs[volume - 1], values[volume])
    high = min(values[volume - 1], costs[volume])
    return low, high, volume


def test_the_schedules_are_those_of_the_text():
    """The equilibrium prices and volumes that the paper names, and its twelve traders."""
    assert equilibrium(GODE_SUNDER_1993[2])[:2] == (69, 69)
    assert equilibrium(GODE_SUNDER_1993[4])[:2] == (170, 170)
    strictly_gaining = {n: int((m.values > m.costs).sum()) for n, m in GODE_SUNDER_1993.items()}
    assert (strictly_gaining[1], strictly_gaining[3]) == (24, 6)
    assert all(len(market.values) == len(market.costs) == 6 for market in GODE_SUNDER_1993.values())


@every_market
def test_traders_free_to_lose_trade_every_unit(number):
    """So the published efficiency follows from the schedules alone, to the digit that is printed."""
    market = GODE_SUNDER_1993[number]
    arithmetic = (market.values.sum() - market.costs.sum()) / market.largest_surplus
    assert round(100 * arithmetic, 1) == UNCONSTRAINED[number]
    efficiency = shout(market, SHOUTS, is_constrained=False, num_periods=60)
    np.testing.assert_allclose(efficiency[:, -1], arithmetic, rtol=1e-12)


@every_market
@pytest.mark.parametrize("num_periods", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_published_efficiency_of_constrained_traders(number, num_periods):
    efficiency = shout(GODE_SUNDER_1993[number], SHOUTS, num_periods=num_periods)
    assert abs(100 * efficiency[:, -1].mean() - CONSTRAINED[number]) < 1.5
    assert (np.diff(efficiency, axis=1) >= 0).all()  # nobody trades at a loss
    assert efficiency.max() <= 1.0


@every_market
@pytest.mark.slow
def test_the_number_of_shouts_matters_little_once_there_are_enough(number):
    efficiency = shout(GODE_SUNDER_1993[number], 4000, num_periods=1000).mean(axis=0)
    assert (np.abs(100 * efficiency[SHOUTS - 1 :] - CONSTRAINED[number]) < 1.5).all()


@pytest.mark.parametrize("is_constrained", [True, False])
def test_against_a_plain_loop(is_constrained):
    """In the steep part of the curve, where a different rule shows; five standard errors."""
    market, shouts, periods = GODE_SUNDER_1993[3], 60, 1500
    values, costs = (table.astype(int).tolist() for table in (market.values, market.costs))
    rng = np.random.default_rng(5)
    loop = [
        reference.surplus_taken(values, costs, shouts, is_constrained=is_constrained, rng=rng) / market.largest_surplus
        for _ in range(periods)
    ]
    batch = shout(market, shouts, is_constrained=is_constrained, num_periods=periods, seed=1)[:, -1]
    error = np.hypot(np.std(loop), batch.std()) / np.sqrt(periods)
    assert abs(batch.mean() - np.mean(loop)) < 5 * error
    assert error < 0.01


def test_a_market_of_two():
    """One buyer and one seller with all prices open to them meet in the end, at any price between."""
    market = UnitMarket([[200]], [[1]])
    assert shout(market, 200, num_periods=50)[:, -1].tolist() == [1.0] * 50
    assert set(call_once(market, num_periods=50)) == {0.0, 1.0}


def test_a_constrained_trader_without_a_price_stays_silent():
    market = UnitMarket([[0.5], [50]], [[10], [201]])
    np.testing.assert_array_equal(shout(market, 400, num_periods=20)[:, -1], 1.0)  # 50 with 10, nobody else


def test_traders_may_have_different_numbers_of_units():
    market = UnitMarket([[100, 90, 80]], [[10], [20]])
    assert market.largest_surplus == 90 + 70
    np.testing.assert_array_equal(shout(market, 400, num_periods=20)[:, -1], 1.0)
    np.testing.assert_array_equal(market.limits[1:], [[10, np.nan, np.nan, np.nan], [20, np.nan, np.nan, np.nan]])


@every_market
def test_one_sealed_call_takes_far_less_than_repeated_shouts(number):
    market = GODE_SUNDER_1993[number]
    once = call_once(market, num_periods=200)
    assert once.mean() < 0.5
    assert (once >= 0).all()
    assert (once <= 1).all()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (([1, 2], [[1]]), r"values has shape \(2,\); expected finite numbers, \(traders, units\)"),
        (([[1]], [[np.nan]]), r"costs has shape \(1, 1\); expected finite numbers"),
    ],
)
def test_tables_that_cannot_be_used(arguments, problem):
    with pytest.raises(MechanismError, match=problem):
        UnitMarket(*arguments)


def test_numbers_that_cannot_be_used():
    with pytest.raises(MechanismError, match="num_shouts is 0; expected a whole number, 1 or more"):
        shout(GODE_SUNDER_1993[1], 0)
