"""The audit finds each law broken: an honest clearing, doctored in one place."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from p2p_market.auction.audit import audit_clearing
from p2p_market.auction.clearing import Clearing, clear_orders
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError

RULES = AuctionRules()
ORDERS = Orders(np.array([[0.3, 0.1, 0.2], [0.3, 0.1, 0.2]]), np.array([[1.0, -2.0, 0.0], [1.0, -2.0, 0.5]]))


def doctored(name: str, index: tuple[int, ...], change: float) -> Clearing:
    clearing = clear_orders(RULES, ORDERS)
    array = getattr(clearing, name).copy()
    array[index] += change
    return dataclasses.replace(clearing, **{name: array})


def test_an_honest_clearing_passes():
    audit_clearing(RULES, ORDERS, clear_orders(RULES, ORDERS))


@pytest.mark.parametrize(
    ("name", "index", "change", "message"),
    [
        ("filled", (1, 2), -0.4, "audit of 'uniform_price', market 1: energy bought and sold differ (by 0.4)"),
        ("payment", (1, 0), 0.01, "market 1: payments do not add up (by 0.01)"),
        ("operator_surplus", (0,), 0.01, "market 0: payments do not add up (by 0.01)"),
        ("payment", (1, 0), 5.0, "market 1, order 0: trades at a loss against its limit price"),
        ("payment", (1, 1), 0.2, "market 1, order 1: trades at a loss against its limit price"),
        ("payment", (0, 0), np.nan, "market 0: payments do not add up"),
    ],
)
def test_a_broken_law_is_named_with_its_place(name, index, change, message):
    with pytest.raises(MechanismError, match=re.escape(message)):
        audit_clearing(RULES, ORDERS, doctored(name, index, change))


def test_fills_beyond_the_order_and_against_its_side():
    clearing = clear_orders(RULES, ORDERS)
    for changes, order in (([1.0, -1.0, 0.0], 0), ([-2.0, 2.0, 0.0], 0), ([0.0, -0.5, 0.5], 2)):
        filled = clearing.filled.copy()
        filled[0] += changes
        with pytest.raises(MechanismError, match=rf"market 0, order {order}: filled more than the order"):
            audit_clearing(RULES, ORDERS, dataclasses.replace(clearing, filled=filled))
