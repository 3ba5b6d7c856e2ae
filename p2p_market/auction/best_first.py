"""The efficient trade on arrays of any kind: the rules of `SortedBook` in the words of the array API standard.

Written for accelerators: batch axes first, no loop, no shape that depends on values, and nothing that is looked at on
the host, so that a GPU is never waited for. `SortedBook` does the same in fewer passes where the processor can look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class BestFirst:
    """The largest agreed volume, best price first; arrays ``(..., 1)`` a market, in the units of the book.

    Prices are nan where nothing trades.
    """

    filled: Any  # (..., N) signed energy filled of every order, ties pro rata
    traded: Any
    last_bid: Any  # price of the last accepted, perhaps partly filled bid
    last_ask: Any
    price_low: Any  # ends of the competitive-equilibrium interval
    price_high: Any


def trade_best_first(xp: Any, price: Any, quantity: Any, tolerance: float) -> BestFirst:
    """Trade as much as bids and asks agree on.

    Parameters
    ----------
    xp
        The namespace of the arrays.
    price, quantity
        ``(..., N)``, ``N`` at least 1: limit prices, and quantities > 0 of bids and < 0 of asks.
    tolerance
        Energy below this share of a market's volume is rounding noise; 0 where quantities are whole numbers.
    """
    is_bid, is_ask = quantity > 0.0, quantity < 0.0
    size = xp.abs(quantity)

    def energy(members: Any) -> Any:
        return xp.sum(xp.where(members, size, 0.0), axis=-1, keepdims=True)

    noise = tolerance * xp.sum(size, axis=-1, keepdims=True)

    def snap(fill: Any, of: Any) -> Any:  # nothing or everything but for rounding is just that
        fill = xp.where(fill > noise, fill, 0.0)
        return xp.where(fill < of - noise, fill, of)

    by_price = xp.argsort(price, axis=-1, stable=False)
    passed = xp.cumulative_sum(xp.take_along_axis(size, by_price, axis=-1), axis=-1)
    below_demand = xp.astype(passed < energy(is_bid) - noise, xp.int64)
    crossing = xp.sum(below_demand, axis=-1, keepdims=True)
    last = price.shape[-1] - 1
    crossing = xp.where(crossing < last, crossing, last)
    level = xp.take_along_axis(price, xp.take_along_axis(by_price, crossing, axis=-1), axis=-1)

    above, below, at_level = price > level, price < level, price == level
    bid_above, bid_size = energy(is_bid & above), energy(is_bid & at_level)
    ask_below, ask_size = energy(is_ask & below), energy(is_ask & at_level)
    traded = xp.minimum(ask_below + ask_size, bid_above + bid_size)
    trades = traded > noise
    traded = xp.where(trades, traded, 0.0)
    bid_fill, ask_fill = snap(traded - bid_above, bid_size), snap(traded - ask_below, ask_size)

    # one side of the level at most is cut, the other is filled whole or not at all
    bid_cut, ask_cut = (bid_fill > 0.0) & (bid_fill < bid_size), (ask_fill > 0.0) & (ask_fill < ask_size)
    whole = (is_bid & (above | (at_level & (bid_fill >= bid_size)))) | (
        is_ask & (below | (at_level & (ask_fill >= ask_size)))
    )
    cut = at_level & ((is_bid & bid_cut) | (is_ask & ask_cut))
    fill, of = xp.where(bid_cut, bid_fill, ask_fill), xp.where(bid_cut, bid_size, ask_size)
    share = xp.where(cut, quantity * fill / xp.where(of > 0.0, of, 1.0), 0.0)

    def lowest(members: Any) -> Any:
        return xp.min(xp.where(members, price, math.inf), axis=-1, keepdims=True)

    def highest(members: Any) -> Any:
        return xp.max(xp.where(members, price, -math.inf), axis=-1, keepdims=True)

    last_bid = xp.where(bid_fill > 0.0, level, lowest(is_bid & above))
    last_ask = xp.where(ask_fill > 0.0, level, highest(is_ask & below))
    next_bid = xp.where(bid_fill < bid_size, level, highest(is_bid & below))
    next_ask = xp.where(ask_fill < ask_size, level, lowest(is_ask & above))
    return BestFirst(
        filled=xp.where(trades, xp.where(whole, quantity, share), 0.0),
        traded=traded,
        last_bid=xp.where(trades, last_bid, math.nan),
        last_ask=xp.where(trades, last_ask, math.nan),
        price_low=xp.where(trades, xp.maximum(last_ask, next_bid), math.nan),
        price_high=xp.where(trades, xp.minimum(last_bid, next_ask), math.nan),
    )
