"""Truthful mechanisms for orders of any size."""

from __future__ import annotations

from typing import Literal

import numpy as np

from p2p_market.auction.book import PRICE_TOLERANCE, Margin, SortedBook
from p2p_market.auction.mechanisms.displacement import Traders, displaced_price
from p2p_market.auction.orders import Allocation
from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray, IntArray

Drop = Literal["level", "order"]
LongSide = Literal["lottery", "vickrey"]


def huang(book: SortedBook, *, drop: Drop = "level") -> Allocation:
    """Drop the marginal bids and asks; all others trade at the two prices that those leave behind (multi-unit).

    With :math:`b_K` the price of the last accepted bid and :math:`s_L` of the last accepted ask, bids above
    :math:`b_K` buy at :math:`b_K` and asks below :math:`s_L` sell at :math:`s_L`; the operator keeps the difference.
    The longer side shares its surplus as an equal burden: every order gives up the same energy, or all that it has.

    Individually rational, weakly budget balanced, truthful in price; not in quantity; asymptotically efficient.
    O(N log N) a market.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    drop
        ``"level"`` drops the whole marginal price levels, as published for prices that all differ. ``"order"`` breaks
        ties by lot first, and so drops one order of each marginal level, the last one served, and what comes after it.

    References
    ----------
    .. [1] Huang, P., Scheller-Wolf, A., Sycara, K. (2002). Design of a multi-unit double auction e-market.
       Computational Intelligence 18(4), section 3.
    """
    margin = book.margin
    high, low = margin.last_bid[:, None], margin.last_ask[:, None]
    trades = (margin.traded > 0.0)[:, None]
    buyers = book.is_bid & (book.price > high) & trades
    sellers = book.is_ask & (book.price < low) & trades
    if drop == "order":
        buyers |= _before_last(book, book.is_bid & (book.price == high) & trades, margin.traded, buyers)
        sellers |= _before_last(book, book.is_ask & (book.price == low) & trades, margin.traded, sellers)
    elif drop != "level":
        raise MechanismError(f"drop is {drop!r}; expected 'level' or 'order'")
    demand, supply = (book.size * buyers).sum(axis=1), (book.size * sellers).sum(axis=1)
    volume = np.minimum(demand, supply)
    volume = np.where(volume > book.noise, volume, 0.0)
    bought = _equal_burden(book.size * buyers, demand - volume, book.noise)
    sold = _equal_burden(book.size * sellers, supply - volume, book.noise)
    buyer_price = np.where(volume > 0.0, margin.last_bid, np.nan)[:, None]
    seller_price = np.where(volume > 0.0, margin.last_ask, np.nan)[:, None]
    return Allocation(
        filled=bought - sold,
        unit_price=np.where(book.is_bid, buyer_price, seller_price),
        clearing_price=np.full(volume.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def muda(book: SortedBook, *, long_side: LongSide = "lottery") -> Allocation:
    """Split the households in two by lot; each half trades at the price that clears the other half.

    Nobody can move the price at which it trades. The shorter side trades whole. ``long_side="lottery"`` serves the
    longer side in a drawn order; ``"vickrey"`` serves its best orders and charges each household what it displaces, at
    least (at most, for sellers) the posted price; the operator keeps the difference.

    Individually rational, truthful in price and quantity, strongly (lottery) or weakly (Vickrey) budget balanced,
    asymptotically efficient. Assumes decreasing marginal values. O(N log N) a market.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders; a household's orders stay in one half.
    long_side
        How the longer side is served.

    References
    ----------
    .. [1] Segal-Halevi, E., Hassidim, A., Aumann, Y. (2018). MUDA: a truthful multi-unit double-auction mechanism.
       AAAI 2018, sections 3 and 4.
    """
    if long_side not in ("lottery", "vickrey"):
        raise MechanismError(f"long_side is {long_side!r}; expected 'lottery' or 'vickrey'")
    traders = Traders(book)
    # one draw a trader says both things: which half, and where in the queue
    draw = 2.0 * traders.first_of_each(book.lots)
    in_left = draw < 1.0
    ticket = draw % 1.0
    halves = _stack(book, in_left)
    own_price = _equilibrium_price(halves.margin)
    num_markets = book.shape[0]
    posted = np.concatenate([own_price[num_markets:], own_price[:num_markets]])[:, None]

    slack = PRICE_TOLERANCE * np.abs(posted)
    buyers = halves.is_bid & (halves.price >= posted - slack)
    sellers = halves.is_ask & (halves.price <= posted + slack)
    demand, supply = (halves.size * buyers).sum(axis=1), (halves.size * sellers).sum(axis=1)
    volume = np.minimum(demand, supply)
    if long_side == "lottery":
        queue = _queue(book, traders, ticket)
        bought, buyer_price = _serve(halves, buyers, queue, volume), posted
        sold, seller_price = _serve(halves, sellers, queue, volume), posted
    else:
        bought, buyer_price = _vickrey(halves, traders, buyers, volume, posted, is_buying=True)
        sold, seller_price = _vickrey(halves, traders, sellers, volume, posted, is_buying=False)
    filled = bought - sold
    price = np.where(halves.is_bid, buyer_price, seller_price)
    return Allocation(
        filled=filled[:num_markets] + filled[num_markets:],
        unit_price=np.where(in_left, price[:num_markets], price[num_markets:]),
        clearing_price=np.full(num_markets, np.nan),
        price_low=book.margin.price_low,
        price_high=book.margin.price_high,
        group=in_left.astype(np.int64),
    )


def _stack(book: SortedBook, in_left: BoolArray) -> SortedBook:
    """Both halves of every market as a batch of twice as many, the left ones first."""
    return SortedBook(
        np.concatenate([book.price, book.price]),
        np.concatenate([book.quantity * in_left, book.quantity * ~in_left]),
        tolerance=book.relative_tolerance,
    )


def _equilibrium_price(margin: Margin) -> FloatArray:
    """Middle of the prices at which a half clears, trade or no trade; its finite end if it has one; else nan."""
    low = np.maximum(margin.last_ask, margin.next_bid)
    high = np.minimum(margin.last_bid, margin.next_ask)
    low = np.where(np.isfinite(low), low, high)
    high = np.where(np.isfinite(high), high, low)
    known = np.isfinite(low)
    return np.where(known, 0.5 * (np.where(known, low, 0.0) + np.where(known, high, 0.0)), np.nan)


def _queue(book: SortedBook, traders: Traders, ticket: FloatArray) -> IntArray:
    """``(B, N)`` orders by ticket; those of one household, which share a ticket, from the best price on."""
    if traders.most_orders <= 1:
        return np.argsort(ticket, axis=1)
    best_first = np.argsort(np.where(book.is_bid, -book.price, book.price), axis=1, kind="stable")
    by_ticket = np.argsort(take_rows(ticket, best_first), axis=1, kind="stable")
    return take_rows(best_first, by_ticket)


def _serve(halves: SortedBook, members: BoolArray, queue: IntArray, volume: FloatArray) -> FloatArray:
    """Serve the members of both halves in the order of one queue until ``volume`` (2 B,) is used up."""
    queues = np.concatenate([queue, queue])
    served = halves.serve(take_rows(halves.size * members, queues), volume)
    return scatter_rows(served, queues)


def _vickrey(
    halves: SortedBook, traders: Traders, members: BoolArray, volume: FloatArray, posted: FloatArray, *, is_buying: bool
) -> tuple[FloatArray, FloatArray]:
    """Serve the best of one side; each pays what it displaces, and the posted price where it displaces nobody."""
    side = SortedBook(
        halves.price,
        np.where(members, halves.quantity, 0.0),
        tolerance=halves.relative_tolerance,
    )
    served = side.fill_best("bids" if is_buying else "asks", volume)
    left_over = np.where(members, side.size - served, 0.0)
    key = -halves.price if is_buying else halves.price
    price = displaced_price(traders, key, halves.price, left_over, served, fallback=posted)
    return served, price


def _before_last(book: SortedBook, level: BoolArray, traded: FloatArray, better: BoolArray) -> BoolArray:
    """``(B, N)`` orders of a marginal level that a drawn queue serves before the last one that it reaches."""
    fill = traded - (book.size * better).sum(axis=1)
    queue = np.argsort(book.lots, axis=1)
    ends = np.cumsum(take_rows(book.size * level, queue), axis=1)
    is_before: BoolArray = scatter_rows(ends < (fill - book.noise)[:, None], queue)
    return level & is_before


def _equal_burden(sizes: FloatArray, surplus: FloatArray, noise: FloatArray) -> FloatArray:
    """Cut ``surplus`` (B,) from ``sizes`` (B, N): everybody gives up the same, nobody more than it has.

    The burden t solves Σ min(size, t) = surplus. With sizes in ascending order, t lies where giving up the first i
    sizes whole and t of the other n - i adds up to the surplus.
    """
    num_orders = sizes.shape[1]
    if num_orders == 0:
        return sizes
    ascending = np.sort(sizes, axis=1)
    given_before = np.cumsum(ascending, axis=1) - ascending
    number_left = num_orders - np.arange(num_orders)
    given_up_to = given_before + number_left * ascending  # if the burden were this size
    place = np.minimum(np.count_nonzero(given_up_to < surplus[:, None], axis=1), num_orders - 1)[:, None]
    burden: FloatArray = (surplus[:, None] - take_rows(given_before, place)) / number_left[place]
    left = sizes - np.maximum(burden, 0.0)
    return np.where(left > noise[:, None], left, 0.0)
