"""What the rules without memory bid, and that the constrained ones never bid at a loss."""

from __future__ import annotations

import numpy as np
import pytest
from bidders import outcome_of, view_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from p2p_market.policies import POLICIES

CONSTRAINED = [name for name in POLICIES if name not in ("grid_only", "zi_unconstrained", "best_response")]


def test_unconstrained_noise_fills_the_band_whatever_the_tariff() -> None:
    draws = np.linspace(0.0, 0.999, 500).reshape(1, 1, -1)
    needs = np.where(np.arange(500) % 2 == 0, 1.0, -1.0)
    view = view_of(needs, 0.3, 0.1, band=(0.05, 0.45), draws=draws)
    price, quantity = POLICIES["zi_unconstrained"].bid(view, {})
    np.testing.assert_allclose(price, 0.05 + 0.4 * draws[:, 0])
    np.testing.assert_array_equal(quantity, needs[None])
    assert price[0, needs > 0].max() > 0.3
    assert price[0, needs < 0].min() < 0.1
    constrained, _ = POLICIES["zero_intelligence"].bid(view, {})
    np.testing.assert_allclose(constrained[0, needs > 0], 0.05 + 0.25 * draws[0, 0, needs > 0])
    np.testing.assert_allclose(constrained[0, needs < 0], 0.10 + 0.35 * draws[0, 0, needs < 0])


def test_linear_shades_by_the_size_of_the_order_and_stays_in_the_band() -> None:
    view = view_of([0.5, 1.0, 5.0, -0.5, -1.0, -5.0, 0.0], 0.3, 0.1)
    price, quantity = POLICIES["linear"].with_options("linear", {"slope": 0.1}).bid(view, {})
    np.testing.assert_allclose(price, [[0.25, 0.20, 0.10, 0.15, 0.20, 0.30, 0.10]])
    np.testing.assert_array_equal(quantity, view.net_load)


@pytest.mark.parametrize("name", CONSTRAINED)
@given(seed=st.integers(0, 2**32 - 1), steps=st.sampled_from([1, 4, 1000]))
@example(seed=1635, steps=1000)  # a belief of nothing that rounding makes less than nothing
@settings(max_examples=40)
def test_nobody_who_minds_bids_at_a_loss(name: str, seed: int, steps: int) -> None:
    """Few steps make ties, degenerate bands and households without net load common."""
    policy, rng, shape = POLICIES[name], np.random.default_rng(seed), (2, 5)

    def numbers(low: float, high: float, shape: tuple[int, ...] = shape) -> np.ndarray:
        return low + (high - low) * rng.integers(0, steps, shape, endpoint=True) / steps

    memory = policy.start(rng.random((2, policy.num_start_draws, 5)), 5)
    for _ in range(6):
        feed_in = numbers(0.0, 0.2)
        retail = feed_in + numbers(0.0, 0.3)
        band = (float(feed_in.min()), float(retail.max()))
        view = view_of(numbers(-2.0, 2.0), retail, feed_in, band=band, draws=rng.random((2, policy.num_draws, 5)))
        price, quantity = policy.bid(view, memory)
        buys, noise = view.net_load > 0.0, 1e-12
        assert (price[buys] <= retail[buys] + noise).all()
        assert (price[~buys] >= feed_in[~buys] - noise).all()
        assert (price >= band[0] - noise).all()
        assert (price <= band[1] + noise).all()
        np.testing.assert_array_equal(quantity, view.net_load)
        traded = float(rng.integers(2))
        filled = traded * numbers(0.0, 1.0) * quantity
        published = traded * float(numbers(*band, ()))
        memory = policy.learn(view, outcome_of(price, quantity, filled, published, traded=traded), memory)
        assert all(values.shape[0] == 2 for values in memory.values())
