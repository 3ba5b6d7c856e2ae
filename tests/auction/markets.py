"""Every registered mechanism, in the variants that its options give, and one way to run them all."""

from __future__ import annotations

from typing import Any

import numpy as np

import p2p_market
from p2p_market.auction.clearing import Clearing
from p2p_market.auction.mechanisms import MECHANISMS

RETAIL, FEED_IN = 0.59, 0.11

# Variants of options beside the defaults. `budget` is given where an option changes the mechanism's promise.
OPTION_VARIANTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("uniform_price", {"k": 0.25}, None),
    ("uniform_price", {"price_rule": "marginal"}, None),
    ("uniform_price", {"price_rule": "clip", "k": 1.0}, None),
    ("pay_as_bid", {"spread": "seller"}, "strong"),
    ("pay_as_bid", {"spread": "buyer"}, "strong"),
    ("pairwise_midpoint", {"k": 0.75}, None),
]

VARIANTS: dict[str, tuple[str, dict[str, Any], str]] = {
    name: (name, {}, mechanism.promises.budget) for name, mechanism in MECHANISMS.items()
}
for _name, _options, _budget in OPTION_VARIANTS:
    _label = ", ".join(f"{key}={value}" for key, value in _options.items())
    VARIANTS[f"{_name}: {_label}"] = (_name, _options, _budget or MECHANISMS[_name].promises.budget)


def run(variant: str, price: np.ndarray, quantity: np.ndarray, **options: Any) -> Clearing:
    """Clear with everything that a mechanism of any kind needs: tariffs for pools, a seed for lotteries."""
    name, own, _ = VARIANTS[variant]
    tariffs = {"retail_price": RETAIL, "feed_in_price": FEED_IN} if MECHANISMS[name].is_pool else {}
    return p2p_market.clear(price, quantity, name, **{"seed": 0, **tariffs, **own, **options})


ARRAYS = (
    "filled",
    "unit_price",
    "payment",
    "clearing_price",
    "price_low",
    "price_high",
    "traded",
    "operator_surplus",
    "network_payment",
    "grid_payment",
)


def assert_identical(one: Clearing, other: Clearing, at: Any = ...) -> None:
    """Every array of `one`, to the bit, equals that of `other` at an index of its leading axes."""
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[at], err_msg=name)


def assert_close(one: Clearing, other: Clearing, tolerance: float = 1e-12) -> None:
    """Every array of `one` equals that of `other` but for rounding."""
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=tolerance, atol=tolerance, err_msg=name
        )
