"""Adaptive-aggressive: the curve from aggressiveness to price, the estimate, and which way both learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bidders import outcome_of, repeated_market, view_of

from p2p_market.policies import POLICIES, Memory

AGGRESSIVE = POLICIES["adaptive_aggressive"]
BAND = (0.1, 0.5)


def memory_with(aggressiveness: float = 0.0, theta: float = -4.0, place: float = 0.5, rate: float = 0.5) -> Memory:
    begun = AGGRESSIVE.start(np.full((1, 2, 1), 0.5), 1)
    prices = begun["place"].copy()
    prices[0, 0] = place
    return {
        **begun,
        "place": prices,
        "aggressiveness": np.full((1, 2, 1), aggressiveness),
        "theta": np.full((1, 1), theta),
        "rate": np.full((1, 2, 1), rate),
    }


def bid(need: float, memory: Memory, value: float | None = None) -> float:
    value = (0.45 if need > 0 else 0.15) if value is None else value
    (price,), _ = AGGRESSIVE.bid(view_of([need], value, value, band=BAND), memory)
    return float(price[0])


@pytest.mark.parametrize("theta", [-8.0, -4.0, -1e-9, 0.0, 1.5])
def test_aggressiveness_leads_from_the_far_end_over_the_estimate_to_the_value(theta: float) -> None:
    for need, ends in ((1.0, (0.1, 0.3, 0.45)), (-1.0, (0.5, 0.3, 0.15))):
        prices = [bid(need, memory_with(r, theta)) for r in (-1.0, 0.0, 1.0)]
        assert prices == pytest.approx(ends)
        curve = [bid(need, memory_with(r, theta)) for r in np.linspace(-1.0, 1.0, 41)]
        assert (np.diff(curve) * need > -1e-12).all()


def test_who_cannot_afford_the_estimate_bids_its_value_at_most() -> None:
    for need, value, far in ((1.0, 0.2, 0.1), (-1.0, 0.4, 0.5)):
        assert [bid(need, memory_with(r), value) for r in (0.0, 0.5, 1.0)] == pytest.approx([value] * 3)
        assert bid(need, memory_with(-1.0), value) == pytest.approx(far)


def test_the_curve_is_the_published_one() -> None:
    """Vytelingum, Cliff and Jennings (2008), the target price of intra-marginal traders, in dollars from 0 up."""
    estimate, limit, r, theta = 0.5, 0.9, 0.4, -2.0
    buyer = view_of([1.0], limit, 0.0, band=(0.0, 1.0))
    bent = (np.exp(r * theta) - 1.0) / (np.exp(theta) - 1.0)
    assert AGGRESSIVE.bid(buyer, memory_with(r, theta))[0][0, 0] == pytest.approx(estimate + (limit - estimate) * bent)
    assert AGGRESSIVE.bid(buyer, memory_with(-r, theta))[0][0, 0] == pytest.approx(estimate * (1.0 - bent))


@pytest.mark.parametrize(
    ("need", "own", "filled", "published", "way"),
    [
        (1.0, 0.30, 1.0, 0.25, "down"),  # it would have been cheaper
        (1.0, 0.30, 1.0, 0.30, "down"),
        (1.0, 0.30, 0.5, 0.30, "up"),
        (1.0, 0.30, 0.0, 0.35, "up"),
        (-1.0, 0.30, -1.0, 0.35, "up"),
        (-1.0, 0.30, -0.5, 0.30, "down"),
        (-1.0, 0.30, 0.0, 0.25, "down"),
    ],
)
def test_bids_follow_the_last_price(need: float, own: float, filled: float, published: float, way: str) -> None:
    view = view_of([need], 0.45 if need > 0 else 0.15, 0.15, band=BAND)
    place = (published - BAND[0]) / (BAND[1] - BAND[0])
    memory = memory_with(place=place)
    before = memory["aggressiveness"]
    after = AGGRESSIVE.learn(view, outcome_of(own, need, filled, published, traded=1.0), memory)["aggressiveness"]
    row = 0 if need > 0 else 1
    more_aggressive = {"up": need > 0, "down": need < 0}[way]
    assert (after[0, row, 0] > before[0, row, 0]) == more_aggressive
    assert after[0, 1 - row, 0] == before[0, 1 - row, 0]


def test_the_aggressiveness_that_bids_a_price_is_found() -> None:
    """With a rate of 1 and no steps, the next bid after a price is that price, wherever it lies."""
    policy = AGGRESSIVE.with_options("aa", {"relative_step": 0.0, "absolute_step": 0.0, "num_prices": 1})
    for need, value in ((1.0, 0.45), (-1.0, 0.15)):
        view = view_of([need], value, value, band=BAND)
        for theta in (-6.0, 0.0, 1.0):
            for published in (0.16, 0.3, 0.44):
                memory = memory_with(theta=theta, rate=1.0)
                memory = {**memory, "place": memory["place"][:, :1], "rate": np.array([[[1.0], [0.0]]])}
                # the estimate becomes the price itself, for which no aggressiveness is needed
                learned = policy.learn(view, outcome_of(0.3, need, 0.0, published, traded=1.0), memory)
                assert policy.bid(view, learned)[0][0, 0] == pytest.approx(published)
                assert learned["aggressiveness"][0, 0 if need > 0 else 1, 0] == pytest.approx(0.0)
                # an older price keeps the estimate away from it
                longer = AGGRESSIVE.with_options("aa", {"relative_step": 0.0, "absolute_step": 0.0, "decay": 1.0})
                memory = {**memory_with(theta=theta), "rate": np.array([[[1.0], [0.0]]])}
                learned = longer.learn(view, outcome_of(0.3, need, 0.0, published, traded=1.0), memory)
                assert longer.bid(view, learned)[0][0, 0] == pytest.approx(published)


def test_without_trade_aggressiveness_rises_and_nothing_is_learned_of_prices() -> None:
    memory = memory_with(0.2)
    for need in (1.0, -1.0):
        view = view_of([need], 0.45 if need > 0 else 0.15, 0.15, band=BAND)
        own = AGGRESSIVE.bid(view, memory)[0][0, 0]
        learned = AGGRESSIVE.learn(view, outcome_of(own, need, 0.0, 0.0), memory)
        assert learned["aggressiveness"][0, 0 if need > 0 else 1, 0] > 0.2
        for name in ("place", "theta", "volatility_low", "volatility_high"):
            np.testing.assert_array_equal(learned[name], memory[name])


def test_the_estimate_weighs_newer_prices_more_and_starts_in_the_middle() -> None:
    policy = AGGRESSIVE.with_options("aa", {"decay": 0.5, "num_prices": 2})
    view = view_of([1.0], 0.5, 0.1, band=BAND)
    memory: Memory = policy.start(np.full((1, 2, 1), 0.5), 1)
    assert policy.bid(view, memory)[0][0, 0] == pytest.approx(0.3)
    still = {**memory, "rate": np.zeros((1, 2, 1))}
    for published, estimate in ((0.2, 0.2), (0.5, (0.5 + 0.5 * 0.2) / 1.5), (0.3, (0.3 + 0.5 * 0.5) / 1.5)):
        still = policy.learn(view, outcome_of(0.3, 1.0, 1.0, published), still)
        assert policy.bid(view, still)[0][0, 0] == pytest.approx(estimate)


def thetas_after(prices: list[float], **options: Any) -> list[float]:
    policy = AGGRESSIVE.with_options("aa", options)
    view = view_of([1.0], 0.5, 0.1, band=BAND)
    memory: Memory = {**policy.start(np.full((1, 2, 1), 0.5), 1), "rate": np.array([[[0.5], [1.0]]])}
    thetas = []
    for published in prices:
        memory = policy.learn(view, outcome_of(0.3, 1.0, 1.0, published), memory)
        thetas.append(float(memory["theta"][0, 0]))
    return thetas


def test_the_curve_bends_with_the_volatility_of_prices() -> None:
    thetas = thetas_after([0.2, 0.4, 0.2, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3])
    assert min(thetas) == pytest.approx(-8.0)  # as volatile as ever
    assert thetas[-1] == pytest.approx(2.0)  # as calm as ever
    assert all(-8.0 <= theta <= 2.0 for theta in thetas)


def test_passive_households_bid_more_when_they_are_refused() -> None:
    for r in (-1.0, -0.8, -0.2):
        memory = memory_with(r)
        own = bid(1.0, memory)
        view = view_of([1.0], 0.45, 0.15, band=BAND)
        assert bid(1.0, AGGRESSIVE.learn(view, outcome_of(own, 1.0, 0.0, 0.0), memory)) > own


def test_prices_settle_at_the_competitive_one_in_a_symmetric_market() -> None:
    limits = [0.75 + 0.25 * step for step in range(11)]
    rounds = repeated_market(
        AGGRESSIVE, [*limits, *limits], [1.0] * 11 + [-1.0] * 11, 200, band=(0.0, 3.6), seeds=range(10)
    )
    deviation = np.nanmean(np.abs(np.array([each.clearing_price for each in rounds]) - 2.0).reshape(4, -1), axis=1)
    assert (np.diff(deviation) < 0.0).all()
    assert deviation[-1] < 0.05
