"""The continuous double auction: orders arrive one by one and trade with what rests in the book."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import SortedBook
from p2p_market.auction.orders import Allocation, Pairs
from p2p_market.auction.rows import take_rows
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
    order of arrival. A loop over arrivals, vectorised over markets: O(N²) a market, since each arrival looks for the
    best resting order.

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
    _trade(book, _arrivals(book, arrival), at_maker=_is_at_maker(pair_price), trades=trades)
    columns = ([getattr(trade, field.name) for trade in trades] for field in fields(Pairs))
    buyer, seller, quantity, price = (np.concatenate([*column, np.empty(0)]) for column in columns)
    return Pairs(buyer.astype(np.int64), seller.astype(np.int64), quantity, price)


def _is_at_maker(pair_price: str) -> bool:
    if pair_price not in ("maker", "mid"):
        raise MechanismError(f"pair_price is {pair_price!r}; expected 'maker' or 'mid'")
    return pair_price == "maker"


def _trade(
    book: SortedBook, queue: IntArray, *, at_maker: bool, trades: list[Pairs] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Let the orders arrive; what is left of each and what it pays or gets, ``(B, N)`` both.

    Both sides of a market are one row each of a board whose columns are places in the price-time priority, so that
    the best resting order is the first one that is on the board.
    """
    num_markets, num_orders = book.shape
    asks = _priority(np.where(book.is_ask, book.price, np.inf), queue)
    bids = _priority(np.where(book.is_bid, -book.price, np.inf), queue)
    maker_at = np.concatenate([asks, bids])  # (2 B, N) order at each place: rows of asks, then rows of bids
    place_of = np.argsort(maker_at, axis=1)
    on_board = np.zeros((2 * num_markets, num_orders), dtype=bool)
    left, paid = book.size.copy(), np.zeros(book.shape)
    everywhere = np.arange(num_markets)
    for comer_of in queue.T:
        market = everywhere[book.size[everywhere, comer_of] > 0.0]
        while market.size:  # each round, the comer of every market that still has one meets the best resting order
            comer = comer_of[market]
            buys, limit = book.is_bid[market, comer], book.price[market, comer]
            board = np.where(buys, market, num_markets + market)
            place = on_board[board].argmax(axis=1)
            maker = maker_at[board, place]
            offer = book.price[market, maker]
            meets = on_board[board, place] & np.where(buys, offer <= limit, offer >= limit)
            if not meets.all():
                rests = ~meets
                own_board = np.where(buys, num_markets + market, market)[rests]
                on_board[own_board, place_of[own_board, comer[rests]]] = True
                market, comer, board, place = market[meets], comer[meets], board[meets], place[meets]
                maker, offer, limit = maker[meets], offer[meets], limit[meets]
            taken = np.minimum(left[market, comer], left[market, maker])
            price = offer if at_maker else 0.5 * (offer + limit)
            money = taken * price
            if trades is not None:
                comer_buys = book.is_bid[market, comer]
                buyer, seller = np.where(comer_buys, comer, maker), np.where(comer_buys, maker, comer)
                trades.append(Pairs(buyer, seller, taken, price))
            for one in (comer, maker):
                rest = left[market, one] - taken
                left[market, one] = np.where(rest > book.noise[market], rest, 0.0)
                paid[market, one] += money
            on_board[board, place] = left[market, maker] > 0.0
            market = market[left[market, comer] > 0.0]
    return left, paid


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


def _priority(key: FloatArray, queue: IntArray) -> IntArray:
    """``(B, N)`` orders by price, and by time of arrival where prices are equal."""
    by_price = np.argsort(take_rows(key, queue), axis=1, kind="stable")
    return take_rows(queue, by_price)
