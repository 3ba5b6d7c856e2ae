"""The continuous double auction: orders arrive one by one and trade with what rests in the book."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import SortedBook
from p2p_market.auction.orders import Allocation
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray, IntArray


def continuous(
    book: SortedBook, *, price: Literal["maker", "mid"] = "maker", arrival: npt.ArrayLike | None = None
) -> Allocation:
    """A limit order book with price-time priority: each order trades on arrival with the best that rest, then rests.

    Orders of one market arrive in the order ``arrival``, or drawn at random where the market draws lots (``seed=``), or
    as they stand in the arrays. A trade is at the resting order's price (``"maker"``) or at the middle of both limit
    prices (``"mid"``). Partial fills leave the rest of an order in the book until the interval ends.

    Individually rational, strongly budget balanced; not truthful; what it leaves of the gains from trade depends on the
    order of arrival. O(N²) a market: a loop over arrivals, vectorised over markets.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    price
        At whose price a pair trades.
    arrival
        ``(N,)`` or ``(B, N)`` places of the orders in the order in which they arrive.

    References
    ----------
    .. [1] Friedman, D., Rust, J. (eds.) (1993). The Double Auction Market. Addison-Wesley, chapter 1.
    """
    if price not in ("maker", "mid"):
        raise MechanismError(f"price is {price!r}; expected 'maker' or 'mid'")
    num_markets, num_orders = book.shape
    queue = _arrivals(book, arrival)
    time = np.argsort(queue, axis=1)  # (B, N) when each order arrives
    sides = {
        True: _priority(np.where(book.is_bid, -book.price, np.inf), time),
        False: _priority(np.where(book.is_ask, book.price, np.inf), time),
    }
    resting = {side: np.zeros(book.shape) for side in sides}  # energy in the book, best first
    rank = {side: np.argsort(order, axis=1) for side, order in sides.items()}
    level = {side: np.take_along_axis(book.price, order, axis=1) for side, order in sides.items()}
    filled, paid = np.zeros(book.shape), np.zeros(book.shape)
    markets = np.arange(num_markets)
    for nth in range(num_orders):
        comer = queue[:, nth]
        size, limit = book.size[markets, comer], book.price[markets, comer]
        for buys in (True, False):
            active = book.is_bid[markets, comer] if buys else book.is_ask[markets, comer]
            if not active.any():
                continue
            book_side, book_price, maker = resting[not buys], level[not buys], sides[not buys]
            limit_column = limit[:, None]
            meets = (book_price <= limit_column) if buys else (book_price >= limit_column)
            offered = book_side * (meets & active[:, None])
            taken = np.clip(size[:, None] - (np.cumsum(offered, axis=1) - offered), 0.0, offered)
            book_side -= taken
            pair_price = book_price if price == "maker" else 0.5 * (book_price + limit_column)
            money = np.where(taken > 0.0, taken * pair_price, 0.0)
            _add(filled, maker, taken)
            _add(paid, maker, money)
            total = taken.sum(axis=1)
            filled[markets, comer] += total
            paid[markets, comer] += money.sum(axis=1)
            resting[buys][markets, rank[buys][markets, comer]] += np.where(active, size - total, 0.0)
    margin = book.margin
    return Allocation(
        filled=np.copysign(filled, book.quantity) + 0.0,  # no negative zeros
        unit_price=np.where(filled > 0.0, paid / np.where(filled > 0.0, filled, 1.0), np.nan),
        clearing_price=np.full(num_markets, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def _arrivals(book: SortedBook, arrival: npt.ArrayLike | None) -> IntArray:
    num_orders = book.shape[1]
    if arrival is None:
        if book.draws is None:
            return np.broadcast_to(np.arange(num_orders), book.shape)
        return np.argsort(book.draws, axis=1, kind="stable")
    queue = np.asarray(arrival)
    if queue.shape not in ((num_orders,), book.shape) or not np.issubdtype(queue.dtype, np.integer):
        raise MechanismError(
            f"arrival has shape {queue.shape} and type {queue.dtype}; expected the places of the {num_orders} orders "
            f"in the order in which they arrive, ({num_orders},) or {book.shape}"
        )
    queue = np.broadcast_to(queue, book.shape)
    if (np.sort(queue, axis=1) != np.arange(num_orders)).any():
        raise MechanismError(
            f"arrival names an order twice, or one that is not there; expected each of 0 to {num_orders - 1} once"
        )
    return queue


def _priority(key: FloatArray, time: IntArray) -> IntArray:
    """``(B, N)`` orders by price, and by time of arrival where prices are equal."""
    by_time = np.argsort(time, axis=1)
    by_price = np.argsort(np.take_along_axis(key, by_time, axis=1), axis=1, kind="stable")
    return np.take_along_axis(by_time, by_price, axis=1)


def _add(total: FloatArray, places: IntArray, values: FloatArray) -> None:
    """Add values at places, each place once a row."""
    np.put_along_axis(total, places, np.take_along_axis(total, places, axis=1) + values, axis=1)
