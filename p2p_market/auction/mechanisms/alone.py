"""One small market alone, walked in plain Python: below some hundred orders, calls of NumPy cost more than the work.

Numbers are whole ticks and units, so that sums are exact and results equal those of the batched functions, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from p2p_market.errors import MechanismError, is_number


class LoneAllocation(NamedTuple):
    """A mechanism's decision for one market in which all trade at one price, in ticks and units."""

    filled: list[float]  # same sign as the order's quantity
    price: float  # nan without trade, like the next two
    price_low: float
    price_high: float
    traded: float


class _Margin(NamedTuple):
    """As `p2p_market.auction.book.Margin`, of one market."""

    traded: float
    level: float
    bid_fill: float
    bid_size: float
    ask_fill: float
    ask_size: float
    last_bid: float
    last_ask: float
    next_bid: float
    next_ask: float


def uniform_price_alone(
    ticks: Sequence[float], units: Sequence[float], *, k: float = 0.5, price_rule: str = "ce"
) -> LoneAllocation:
    """Clear one market as `uniform_price` clears a batch, ties pro rata.

    Parameters
    ----------
    ticks
        Limit price of each order, whole price ticks.
    units
        Signed quantity of each order, whole energy units.
    k, price_rule
        As of `uniform_price`.
    """
    check_weight(k)
    check_price_rule(price_rule)
    margin = _margin(ticks, units)
    if margin.traded == 0.0:
        return LoneAllocation([0.0] * len(ticks), math.nan, math.nan, math.nan, 0.0)
    low, high = max(margin.last_ask, margin.next_bid), min(margin.last_bid, margin.next_ask)
    if price_rule == "ce":
        price = _between(low, high, k)
    else:
        price = _between(margin.last_ask, margin.last_bid, k)
        if price_rule == "clip":
            price = min(max(price, low), high)
    return LoneAllocation(_fill(ticks, units, margin), price, low, high, margin.traded)


def _margin(ticks: Sequence[float], units: Sequence[float]) -> _Margin:
    book = sorted(order for order in zip(ticks, units, strict=True) if order[1] != 0.0)
    level = _level(book)
    bid_above = bid_at = ask_at = ask_below = 0.0
    highest_bid_below = highest_ask_below = -math.inf
    lowest_bid_above = lowest_ask_above = math.inf
    for tick, size in book:
        if size > 0.0:
            if tick < level:
                highest_bid_below = tick
            elif tick == level:
                bid_at += size
            else:
                bid_above += size
                if lowest_bid_above == math.inf:
                    lowest_bid_above = tick
        elif tick < level:
            highest_ask_below = tick
            ask_below -= size
        elif tick == level:
            ask_at -= size
        elif lowest_ask_above == math.inf:
            lowest_ask_above = tick
    traded = min(ask_below + ask_at, bid_above + bid_at)
    bid_fill, ask_fill = max(traded - bid_above, 0.0), max(traded - ask_below, 0.0)
    return _Margin(
        traded,
        level,
        bid_fill,
        bid_at,
        ask_fill,
        ask_at,
        level if bid_fill else lowest_bid_above,
        level if ask_fill else highest_ask_below,
        level if bid_fill < bid_at else highest_bid_below,
        level if ask_fill < ask_at else lowest_ask_above,
    )


def _level(book: Sequence[tuple[float, float]]) -> float:
    """Walk up the book until the size of all orders passed reaches the size of all bids; see the module `book`."""
    total_bids = sum(size for _, size in book if size > 0.0)
    passed = 0.0
    for tick, size in book:
        passed += size if size > 0.0 else -size
        if passed >= total_bids:
            return tick
    return math.nan


def _fill(ticks: Sequence[float], units: Sequence[float], margin: _Margin) -> list[float]:
    """Fill what lies beyond the level whole, and the level pro rata."""
    _, level, bid_fill, bid_size, ask_fill, ask_size, *_ = margin
    filled = []
    for tick, size in zip(ticks, units, strict=True):
        if size == 0.0 or (tick < level if size > 0.0 else tick > level):
            filled.append(0.0)
        elif tick != level:
            filled.append(size)
        elif size > 0.0:
            filled.append(size if bid_fill >= bid_size else size * bid_fill / bid_size)
        else:
            filled.append(size if ask_fill >= ask_size else size * ask_fill / ask_size)
    return filled


def _between(low: float, high: float, weight: float) -> float:
    return min(max(low + weight * (high - low), low), high)


def check_weight(k: float) -> None:
    """Raise for a weight that is none."""
    if not (is_number(k) and 0.0 <= k <= 1.0):
        raise MechanismError(f"k is {k!r}; expected a weight from 0 to 1")


def check_price_rule(price_rule: str) -> None:
    """Raise for a price rule that `uniform_price` does not know."""
    if price_rule not in ("ce", "marginal", "clip"):
        raise MechanismError(f"price_rule is {price_rule!r}; expected 'ce', 'marginal' or 'clip'")
