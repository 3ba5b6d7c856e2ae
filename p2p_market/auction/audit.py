"""The check of a clearing against the laws that every mechanism shares."""

from __future__ import annotations

import numpy as np

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray

TOLERANCE = 1e-9


def audit_clearing(rules: AuctionRules, orders: Orders, clearing: Clearing) -> None:
    """Raise if a clearing breaks a law: energy balance, fills within orders, individual rationality, money balance.

    Raises
    ------
    MechanismError
        Naming the law, the mechanism, the market and, where there is one, the order.
    """
    filled, quantity, payment = clearing.filled, orders.quantity, clearing.payment
    volume = np.maximum(np.abs(quantity).sum(axis=1), 1e-12)
    money = np.maximum(np.abs(payment).sum(axis=1), 1e-12)

    imbalance = np.abs(filled.sum(axis=1))
    _market_law(rules, "energy bought and sold differ", imbalance > TOLERANCE * volume, imbalance)

    overfilled = np.abs(filled) > np.abs(quantity) + TOLERANCE * volume[:, None]
    _order_law(rules, "filled more than the order", overfilled | (filled * quantity < 0.0), filled)

    settled = quantity if rules.is_pool else filled
    outlay = np.where(settled != 0.0, payment - orders.price * settled, 0.0)
    if rules.entry.promises.individually_rational and not rules.is_pool:
        _order_law(rules, "trades at a loss against its limit price", outlay > TOLERANCE * money[:, None], outlay)

    destination = clearing.operator_surplus + clearing.network_payment + clearing.grid_payment
    gap = np.abs(payment.sum(axis=1) - destination)
    _market_law(rules, "payments do not add up", ~(gap <= TOLERANCE * money), gap)


def audit_households(rules: AuctionRules, orders: Orders, clearing: Clearing) -> None:
    """Raise if the quotes of a household together brought it more than the largest of them.

    Raises
    ------
    MechanismError
        Naming the mechanism, the market and the household.
    """
    volume = np.maximum(np.abs(orders.quantity).sum(axis=1), 1e-12)
    overfilled = np.abs(clearing.filled) > np.abs(orders.quantity) + TOLERANCE * volume[:, None]
    _order_law(rules, "several quotes filled more than the largest", overfilled, clearing.filled)


def _market_law(rules: AuctionRules, law: str, broken: BoolArray, amount: FloatArray) -> None:
    if broken.any():
        market = int(np.argmax(broken))
        raise MechanismError(f"audit of {rules.mechanism!r}, market {market}: {law} (by {amount[market]:.3g})")


def _order_law(rules: AuctionRules, law: str, broken: BoolArray, amount: FloatArray) -> None:
    if broken.any():
        market, order = (int(i) for i in np.argwhere(broken)[0])
        raise MechanismError(
            f"audit of {rules.mechanism!r}, market {market}, order {order}: {law} ({amount[market, order]:.3g})"
        )
