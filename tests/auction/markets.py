"""Every registered mechanism, in the variants that its options give, and one way to run them all."""

from __future__ import annotations

from typing import Any

import numpy as np

import p2p_market
from p2p_market.auction.clearing import Clearing, clear_orders
from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.mechanisms.base import Promises
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules

RETAIL, FEED_IN = 0.59, 0.11
LOT = 0.25  # kWh; what mechanisms for lots of one size are given

# Variants of options beside the defaults. `budget` is given where options hold a stronger law than all of them do.
OPTION_VARIANTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("uniform_price", {"k": 0.25}, None),
    ("uniform_price", {"price_rule": "marginal"}, None),
    ("uniform_price", {"price_rule": "clip", "k": 1.0}, None),
    ("pay_as_bid", {"spread": "seller"}, "strong"),
    ("pay_as_bid", {"spread": "buyer"}, "strong"),
    ("pairwise_midpoint", {"k": 0.75}, None),
    ("huang", {"drop": "order"}, None),
    ("muda", {"long_side": "lottery"}, "strong"),
    ("muda", {"long_side": "vickrey"}, None),
    ("continuous", {"pair_price": "mid"}, None),
]

VARIANTS: dict[str, tuple[str, dict[str, Any], str]] = {
    name: (name, {}, mechanism.promises.budget) for name, mechanism in MECHANISMS.items()
}
for _name, _options, _budget in OPTION_VARIANTS:
    _label = ", ".join(f"{key}={value}" for key, value in _options.items())
    VARIANTS[f"{_name}: {_label}"] = (_name, _options, _budget or MECHANISMS[_name].promises.budget)


def promises(variant: str) -> Promises:
    return MECHANISMS[VARIANTS[variant][0]].promises


def is_pool(variant: str) -> bool:
    return MECHANISMS[VARIANTS[variant][0]].is_pool


def draws_lots(variant: str) -> bool:
    name, own, _ = VARIANTS[variant]
    return AuctionRules(name, own).draws_lots


def suited(variant: str, quantity: np.ndarray) -> np.ndarray:
    """Quantities that a variant is defined for: as they are, or one lot each."""
    return np.sign(quantity) * LOT if promises(variant).unit_lots else quantity


def run(variant: str, price: Any, quantity: Any, **options: Any) -> Clearing:
    """Clear with everything that a mechanism of any kind needs: tariffs for pools, a seed for lotteries."""
    name, own, _ = VARIANTS[variant]
    tariffs = {"retail_price": RETAIL, "feed_in_price": FEED_IN} if MECHANISMS[name].is_pool else {}
    return p2p_market.clear(price, quantity, name, **{"seed": 0, **tariffs, **own, **options})


def run_with_lots(
    variant: str,
    price: np.ndarray,
    quantity: np.ndarray,
    lots: np.ndarray | None,
    *,
    household: Any = None,
    retail: Any = RETAIL,
    feed_in: Any = FEED_IN,
    **rules: Any,
) -> Clearing:
    """Clear one market (N,) or a batch (B, N), each order with the lot that it is given."""
    name, own, _ = VARIANTS[variant]
    fees = Fees(
        **{
            field: rules.pop(keyword)
            for keyword, field in (
                ("fee", "trading"),
                ("network_fee", "network"),
                ("fee_rate", "rate"),
                ("fee_share", "buyer_share"),
            )
            if keyword in rules
        }
    )
    batch = np.atleast_2d(quantity)
    clearing = clear_orders(
        AuctionRules(name, own, fees=fees, **rules),
        Orders(np.atleast_2d(price), batch, None if household is None else np.asarray(household)),
        draws=None if lots is None else np.atleast_2d(lots),
        retail_price=np.broadcast_to(np.asarray(retail, dtype=float), batch.shape),
        feed_in_price=np.broadcast_to(np.asarray(feed_in, dtype=float), batch.shape),
    )
    return clearing.reshape(np.shape(quantity)[:-1])


def lots_for(shape: int | tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Lots that are all different."""
    return np.random.default_rng(seed).random(shape)


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
