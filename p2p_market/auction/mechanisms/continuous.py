"""The continuous double auction: orders arrive one by one and trade with what rests in the book."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import SortedBook
from p2p_market.auction.limit_order_book import LimitOrderBook
from p2p_market.auction.mechanisms.quotes import Quotes
from p2p_market.auction.orders import Allocation, Pairs
from p2p_market.auction.rows import take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray, IntArray


def continuous(
    book: SortedBook,
    *,
    pair_price: Literal["maker", "mid"] = "maker",
    arrival: npt.ArrayLike | None = None,
    rounds: int = 1,
) -> Allocation:
    """A limit order book with price-time priority: each order trades on arrival with the best that rest, then rests.

    Orders of one market arrive in the order ``arrival``, or drawn at random where the market draws lots (``seed=``), or
    as they stand in the arrays. A trade is at the resting order's price (``"maker"``) or at the middle of both limit
    prices (``"mid"``). Partial fills leave the rest of an order in the book until the interval ends.

    With ``rounds=R`` a household quotes up to ``R`` times, in ``R`` columns of the arrays. A quote replaces the one
    that the household has standing, as the youngest of its price, and what the household has traded before counts
    against the new quantity: who wants 3 kWh says 3 in every round. A quantity of 0 is no quote, and leaves what
    stands. The prices that clear the market are in the result those that clear the last quotes.

    Individually rational, strongly budget balanced; not truthful in price, and with several rounds not in quantity
    either; what it leaves of the gains from trade depends on the order of arrival. A loop over arrivals, vectorised
    over markets: O(N√N) a market, see `LimitOrderBook`.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    pair_price
        At whose price a pair trades: that of the order that rested, or the middle of both.
    arrival
        ``(N,)`` or ``(B, N)`` places of the orders in the order in which they arrive, round by round.
    rounds
        How many rounds there are. Orders stand round by round: the first ``N / rounds`` columns are the first round's.
        ``household`` names who quotes, once a round; by default the households stand in the same order in every round.

    References
    ----------
    .. [1] Friedman, D., Rust, J. (eds.) (1993). The Double Auction Market. Addison-Wesley, chapter 1.
    """
    quotes = Quotes(book, rounds)
    filled, paid = _trade(book, quotes, _arrivals(book, arrival, rounds), at_maker=_is_at_maker(pair_price))
    margin = quotes.last.margin
    return Allocation(
        filled=np.copysign(filled, book.quantity) + 0.0,  # no negative zeros
        unit_price=np.where(filled > 0.0, paid / np.where(filled > 0.0, filled, 1.0), np.nan),
        clearing_price=np.full(len(filled), np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def continuous_pairs(
    book: SortedBook,
    *,
    pair_price: Literal["maker", "mid"] = "maker",
    arrival: npt.ArrayLike | None = None,
    rounds: int = 1,
) -> Pairs:
    """Return the trades of one market in the order in which they are made; see `continuous`."""
    if arrival is not None and np.ndim(arrival) > 1:  # that of all markets
        arrival = np.asarray(arrival)[book.first_market]
    pairs: list[Pairs] = []
    quotes = Quotes(book, rounds)
    _trade(book, quotes, _arrivals(book, arrival, rounds), at_maker=_is_at_maker(pair_price), pairs=pairs)
    columns = ([getattr(some, field.name) for some in pairs] for field in fields(Pairs))
    buyer, seller, quantity, price = (np.concatenate([*column, np.empty(0)]) for column in columns)
    return Pairs(buyer.astype(np.int64), seller.astype(np.int64), quantity, price)


def _is_at_maker(pair_price: str) -> bool:
    if pair_price not in ("maker", "mid"):
        raise MechanismError(f"pair_price is {pair_price!r}; expected 'maker' or 'mid'")
    return pair_price == "maker"


def _trade(
    book: SortedBook, quotes: Quotes, queue: IntArray, *, at_maker: bool, pairs: list[Pairs] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Let the orders arrive; what each trades and what it pays or gets for it, ``(B, N)`` both.

    No market waits for another: each goes on to its next arrival as soon as the one before is used up or rests.
    """
    num_markets, num_orders = book.shape
    # those who hand in no order go to the end of the queue, and are never called
    queue = take_rows(queue, np.argsort(take_rows(book.size == 0.0, queue), axis=1, kind="stable"))
    first = num_orders * np.arange(num_markets)
    order_at = (queue + first[:, None]).ravel()
    price_of, paid = book.price.ravel(), np.zeros(book.price.size)
    limit_order_book = LimitOrderBook(num_markets, quotes.num_slots, book.noise)
    end = first + np.count_nonzero(book.size, axis=1)
    market = (first < end).nonzero()[0]
    place, end = first[market], end[market]
    order = order_at[place]
    left = quotes.arrive(limit_order_book, market, order)
    while market.size:
        offers = left.nonzero()[0] if quotes.is_renewed else slice(None)  # a renewed quote may have nothing left
        comer, where = order[offers], market[offers]
        slot = quotes.slot_of[comer - first[where]]
        trades, left[offers] = limit_order_book.meet(where, slot, price_of[comer], left[offers])
        if trades is not None:
            in_market = trades.market * quotes.num_slots
            taker, maker = quotes.standing[in_market + trades.taker], quotes.standing[in_market + trades.maker]
            price = trades.price if at_maker else 0.5 * (trades.price + price_of[taker])
            money = trades.quantity * price
            paid[taker] += money
            paid[maker] += money
            if pairs is not None:
                buys = book.is_bid.ravel()[taker]
                buyer, seller = np.where(buys, taker, maker), np.where(buys, maker, taker)
                pairs.append(Pairs(buyer, seller, trades.quantity, price))
        is_done = left == 0.0
        place = place + is_done
        goes_on = place < end
        if not goes_on.all():
            market, place, end, left, is_done = (each[goes_on] for each in (market, place, end, left, is_done))
        order = order_at[place]
        left[is_done] = quotes.arrive(limit_order_book, market[is_done], order[is_done])
    return quotes.filled(limit_order_book), paid.reshape(book.shape)


def _arrivals(book: SortedBook, arrival: npt.ArrayLike | None, rounds: int) -> IntArray:
    num_orders = book.shape[1]
    round_of = np.arange(num_orders) // max(num_orders // rounds, 1)
    if arrival is None:
        if book.draws is None:
            return np.broadcast_to(np.arange(num_orders), book.shape)
        return np.argsort(book.draws + round_of, axis=1, kind="stable")
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
    if (round_of[queue] != round_of).any():
        raise MechanismError(
            f"arrival mixes orders of different rounds; expected all {num_orders // rounds} orders of a round before "
            "those of the next"
        )
    return queue
