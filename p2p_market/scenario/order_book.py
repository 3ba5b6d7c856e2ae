"""The anonymous order book of the last interval, as the numbers that observations show of it."""

from __future__ import annotations

import numpy as np

from p2p_market.auction.orders import Orders
from p2p_market.types import FloatArray

DEPTH_POSITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where in the price band the depth is told, 0 its low end and 1 its high end."""

_TOLERANCE = 1e-9  # [$/kWh] far below a price tick


def empty_book(num_markets: int) -> FloatArray:
    """The book ``(B, 2 + 2 K)`` of markets in which nobody has bid yet; see `published_book`."""
    book = np.zeros((num_markets, 2 + 2 * len(DEPTH_POSITIONS)))
    book[:, :2] = np.nan
    return book


def published_book(orders: Orders, price_low: FloatArray, price_high: FloatArray) -> FloatArray:
    """What of an order book is published.

    Parameters
    ----------
    orders
        The orders ``(B, N)`` of an interval.
    price_low, price_high
        ``(B,)`` ends of its price band [$/kWh].

    Returns
    -------
    array
        ``(B, 2 + 2 K)``: best bid and best ask [$/kWh], nan without; then at each of the K `DEPTH_POSITIONS` the energy
        [kWh] of all bids at that price or more, and after them that of all asks at that price or less.
    """
    price, quantity = orders.price, orders.quantity
    bought, sold = np.maximum(quantity, 0.0), np.maximum(-quantity, 0.0)
    book = np.empty((len(price), 2 + 2 * len(DEPTH_POSITIONS)))
    best_bid = np.where(quantity > 0.0, price, -np.inf).max(axis=1)
    best_ask = np.where(quantity < 0.0, price, np.inf).min(axis=1)
    book[:, 0] = np.where(np.isfinite(best_bid), best_bid, np.nan)
    book[:, 1] = np.where(np.isfinite(best_ask), best_ask, np.nan)
    positions = np.array(DEPTH_POSITIONS)
    levels = (price_low[:, None] + positions * (price_high - price_low)[:, None])[:, :, None]
    prices, num = price[:, None, :], len(positions)
    book[:, 2 : 2 + num] = (bought[:, None, :] * (prices >= levels - _TOLERANCE)).sum(axis=2)
    book[:, 2 + num :] = (sold[:, None, :] * (prices <= levels + _TOLERANCE)).sum(axis=2)
    return book
