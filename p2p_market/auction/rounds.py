"""Bidding rounds inside one interval, between a household a column and a quote a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules


def join_rounds(rounds: Sequence[Orders]) -> Orders:
    """Lay the orders ``(B, N)`` of ``R`` rounds side by side ``(B, R * N)``, round by round."""
    num_households = rounds[0].quantity.shape[1]
    return Orders(
        price=np.concatenate([orders.price for orders in rounds], axis=1),
        quantity=np.concatenate([orders.quantity for orders in rounds], axis=1),
        household=np.tile(np.arange(num_households), len(rounds)),
    )


def orders_of_households(rounds: Sequence[Orders]) -> Orders:
    """Say in one order ``(B, N)`` what a household wanted: the price of its last quote, the most that it quoted."""
    price, quantity = rounds[0].price, rounds[0].quantity
    for later in rounds[1:]:
        price = np.where(later.quantity != 0.0, later.price, price)
        quantity = np.where(np.abs(later.quantity) > np.abs(quantity), later.quantity, quantity)
    return Orders(price, quantity)


def fold_rounds(rules: AuctionRules, clearing: Clearing) -> Clearing:
    """Add up what the quotes of each household brought it ``(B, N)``; its unit price is the mean."""
    by_round = (len(clearing.filled), rules.rounds, -1)
    filled = clearing.filled.reshape(by_round).sum(axis=1)
    # whole units once more: 0.1 and 0.2 kWh are 0.3 kWh
    filled = rules.from_book_quantity(rules.to_book_quantity(filled))
    payment = clearing.payment.reshape(by_round).sum(axis=1)
    has_traded = filled != 0.0
    return dataclasses.replace(
        clearing,
        filled=filled,
        payment=payment,
        charged_price=np.where(has_traded, payment / np.where(has_traded, filled, 1.0), np.nan),
    )
