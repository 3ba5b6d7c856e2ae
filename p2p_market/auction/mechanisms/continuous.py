"""The continuous double auction: orders arrive one by one and trade with what rests in the book."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import SortedBook
from p2p_market.auction.limit_order_book import LimitOrderBook
from p2p_market.auction.orders import Allocation, Pairs
from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray, IntArray


def continuous(
    book: SortedBook, *, pair_price: Literal["maker", "mid"] = "maker", arrival: npt.ArrayLike | None = None
) -> Allocation:
    """A limit order book with price-time priority: each order trades on arrival with the best that rest, then rests.

    Orders of one market arrive in the order ``arrival``, or drawn at random where the market draws lots (``seed=``), or
    as they stand in the arrays. A trade is at the resting order's price (``"maker"``) or at the middle of both limit
    prices (``"mid"``). Partial fills leave the rest of an order in the book until the interval ends.

    Individually rational, strongly budget balanced; not truthful; what it leaves of the gains from trade depends on the
    order of arrival. A loop over arrivals, vectorised over markets: O(N√N) a market, see `LimitOrderBook`.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    pair_price
        At whose price a pair trades: that of the order that rested, or the middle of both.
    arrival
        ``(N,)`` or ``(B, N)`` places of the orders in the order in which they arrive.

    References
    ----------
    .. [1] Friedman, D., Rust, J. (eds.) (1993). The Double Auction Market. Addison-Wesley, chapter 1.
    """
    left, paid = _trade(book, _arrivals(book, arrival), at_maker=_is_at_maker(pair_price))
    filled = book.size - left
    margin = book.margin
    return Allocation(
        filled=np.copysign(filled, book.quantity) + 0.0,  # no negative zeros
        unit_price=np.where(filled > 0.0, paid / np.where(filled > 0.0, filled, 1.0), np.nan),
        clearing_price=np.full(len(left), np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def continuous_pairs(
    book: SortedBook, *, pair_price: Literal["maker", "mid"] = "maker", arrival: npt.ArrayLike | None = None
) -> Pairs:
    """Return the trades of one market in the order in which they are made; see `continuous`."""
    if arrival is not None and np.ndim(arrival) > 1:  # that of all markets
        arrival = np.asarray(arrival)[book.first_market]
    trades: list[Pairs] = []
    _trade(book, _arrivals(book, arrival), at_maker=_is_at_maker(pair_price), pairs=trades)
    columns = ([getattr(trade, field.name) for trade in trades] for field in fields(Pairs))
    buyer, seller, quantity, price = (np.concatenate([*column, np.empty(0)]) for column in columns)
    return Pairs(buyer.astype(np.int64), seller.astype(np.int64), quantity, price)


def _is_at_maker(pair_price: str) -> bool:
    if pair_price not in ("maker", "mid"):
        raise MechanismError(f"pair_price is {pair_price!r}; expected 'maker' or 'mid'")
    return pair_price == "maker"


def _trade(
    book: SortedBook, queue: IntArray, *, at_maker: bool, pairs: list[Pairs] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Let the orders arrive; what is left of each and what it pays or gets, ``(B, N)`` both.

    No market waits for another: each goes on to its next arrival as soon as the one before is used up or rests.
    """
    num_markets, num_orders = book.shape
    # those who hand in no order go to the end of the queue, and are never called
    queue = take_rows(queue, np.argsort(take_rows(book.size == 0.0, queue), axis=1, kind="stable"))
    prices = take_rows(book.price, queue).ravel()
    quantities = np.append(take_rows(book.quantity, queue), 0.0)  # and one after the last, never called either
    paid = np.zeros(prices.shape)
    limit_order_book = LimitOrderBook(num_markets, num_orders, book.noise)  # a slot for each place in the queue
    first = num_orders * np.arange(num_markets)
    end = first + np.count_nonzero(book.size, axis=1)
    market = (first < end).nonzero()[0]
    place, end = first[market], end[market]
    left = quantities[place]
    while market.size:
        trades, left = limit_order_book.meet(market, place - first[market], prices[place], left)
        if trades is not None:
            taker, maker = first[trades.market] + trades.taker, first[trades.market] + trades.maker
            price = trades.price if at_maker else 0.5 * (trades.price + prices[taker])
            money = trades.quantity * price
            paid[taker] += money
            paid[maker] += money
            if pairs is not None:
                buys = quantities[taker] > 0.0
                buyer, seller = np.where(buys, taker, maker), np.where(buys, maker, taker)
                pairs.append(Pairs(queue.ravel()[buyer], queue.ravel()[seller], trades.quantity, price))
        is_done = left == 0.0
        place = place + is_done
        left = np.where(is_done, quantities[place], left)
        goes_on = place < end
        if not goes_on.all():
            market, place, end, left = market[goes_on], place[goes_on], end[goes_on], left[goes_on]
    standing = np.abs(limit_order_book.standing)
    return scatter_rows(standing, queue), scatter_rows(paid.reshape(book.shape), queue)


def _arrivals(book: SortedBook, arrival: npt.ArrayLike | None) -> IntArray:
    num_orders = book.shape[1]
    if arrival is None:
        if book.draws is None:
            return np.broadcast_to(np.arange(num_orders), book.shape)
        return np.argsort(book.draws, axis=1, kind="stable")
    queue = np.asarray(arrival)
    is_whole = np.issubdtype(queue.dtype, np.integer) or queue.size == 0
    if queue.shape not in ((num_orders,), book.shape) or not is_whole:
        raise MechanismError(
            f"arrival has shape {queue.shape} and type {queue.dtype}; expected the places of the {num_orders} orders "
            f"in the order in which they arrive, ({num_orders},) or {book.shape}"
        )
    queue = np.broadcast_to(queue.astype(np.int64), book.shape)
    if (np.sort(queue, axis=1) != np.arange(num_orders)).any():
        raise MechanismError(
            f"arrival names an order twice, or one that is not there; expected each of 0 to {num_orders - 1} once"
        )
    return queue
