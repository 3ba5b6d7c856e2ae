r"""Truthful mechanisms for unit demand: every order is one lot of the same size.

They give up the least valuable trade, or balance the budget by a lottery, so that no trader's price depends on its own
report. Cutting larger orders into lots would hand a trader many of them and lose that, so unequal orders are an error.

Throughout, :math:`b_1 \ge b_2 \ge \dots` are the bids, :math:`s_1 \le s_2 \le \dots` the asks, and :math:`k` is
the number of efficient trades.
"""

from __future__ import annotations

import numpy as np

from p2p_market.auction.book import PRICE_TOLERANCE, SortedBook
from p2p_market.auction.orders import Allocation
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray

# Lots that differ by less are equal but for rounding: 0.1 + 0.2 kWh and 0.3 kWh.
_LOT_TOLERANCE = 1e-12


def trade_reduction(book: SortedBook) -> Allocation:
    """Drop the least valuable trade; its two limit prices are what the others trade at.

    The k - 1 best pairs trade; buyers pay :math:`b_k`, sellers get :math:`s_k`, the operator keeps the difference.

    Individually rational, weakly budget balanced, truthful for unit demand, and at least :math:`1 - 1/k` of the gains.
    Assumes equal quantities, one order a trader. O(N log N) a market.

    References
    ----------
    .. [1] McAfee, R. P. (1992). A dominant strategy double auction. Journal of Economic Theory 56(2), section 2.
    """
    lot = _lot_size(book)
    margin = book.margin
    reduced = np.maximum(margin.traded - lot, 0.0)
    return _allocation(book, reduced, margin.last_bid, margin.last_ask)


def mcafee(book: SortedBook) -> Allocation:
    r"""Trade all k pairs at the middle of the next bid and ask where that suits them, else drop one trade.

    :math:`p_0 = (b_{k+1} + s_{k+1}) / 2`. If :math:`s_k \le p_0 \le b_k`, all k pairs trade at :math:`p_0`;
    otherwise, and where there is no (k+1)th bid or ask, trade reduction.

    Individually rational, weakly budget balanced, truthful for unit demand, and at least :math:`1 - 1/k` of the gains.
    Assumes equal quantities, one order a trader. O(N log N) a market.

    References
    ----------
    .. [1] McAfee, R. P. (1992). A dominant strategy double auction. Journal of Economic Theory 56(2), section 3.
    """
    lot = _lot_size(book)
    margin = book.margin
    has_next = np.isfinite(margin.next_bid) & np.isfinite(margin.next_ask)
    middle = 0.5 * (np.where(has_next, margin.next_bid, 0.0) + np.where(has_next, margin.next_ask, 0.0))
    slack = PRICE_TOLERANCE * np.abs(middle)
    suits_all = has_next & (margin.last_ask <= middle + slack) & (middle <= margin.last_bid + slack)
    volume = np.where(suits_all, margin.traded, np.maximum(margin.traded - lot, 0.0))
    return _allocation(
        book,
        volume,
        np.where(suits_all, middle, margin.last_bid),
        np.where(suits_all, middle, margin.last_ask),
        one_price=suits_all,
    )


def sbba(book: SortedBook) -> Allocation:
    r"""Trade at one price that one order outside the trade sets; a lottery drops a seller where a buyer sets it.

    :math:`p = \min(s_{k+1}, b_k)`. If :math:`p = s_{k+1}`, all k pairs trade at it. Otherwise the kth buyer sets the
    price :math:`b_k` and stays out; k - 1 of the k sellers, drawn by lot, sell.

    Individually rational, strongly budget balanced, truthful for unit demand, and at least :math:`1 - 1/k` of the gains
    in expectation. Assumes equal quantities, one order a trader. O(N log N) a market.

    References
    ----------
    .. [1] Segal-Halevi, E., Hassidim, A., Aumann, Y. (2016). SBBA: a strongly-budget-balanced double-auction mechanism.
       SAGT 2016, section 3.
    """
    lot = _lot_size(book)
    margin = book.margin
    seller_sets = margin.next_ask <= margin.last_bid
    reduced = np.maximum(margin.traded - lot, 0.0)
    price = np.where(seller_sets, margin.next_ask, margin.last_bid)
    bought = book.fill_to("bids", margin.last_bid, np.where(seller_sets, margin.traded, reduced))
    sellers = book.is_ask & (book.efficient_fill > 0.0)
    unlucky = _first_drawn(book, sellers) & ~seller_sets[:, None]
    sold = np.where(unlucky, 0.0, book.efficient_fill * book.is_ask)
    trades = bought.sum(axis=1) > 0.0
    filled = np.where(book.is_bid, bought, -np.where(trades[:, None], sold, 0.0)) + 0.0
    one_price = np.where(trades, price, np.nan)
    return Allocation(filled, one_price[:, None], one_price, margin.price_low, margin.price_high)


def _allocation(
    book: SortedBook,
    volume: FloatArray,
    buyer_price: FloatArray,
    seller_price: FloatArray,
    one_price: BoolArray | None = None,
) -> Allocation:
    # at most one lot a side is given up, and it is one of the last accepted price
    bids = book.fill_to("bids", book.margin.last_bid, volume)
    asks = book.fill_to("asks", book.margin.last_ask, volume)
    trades = volume > book.noise
    high, low = np.where(trades, buyer_price, np.nan), np.where(trades, seller_price, np.nan)
    single = np.zeros_like(trades) if one_price is None else one_price
    return Allocation(
        filled=np.where(book.is_bid, bids, -asks) + 0.0,  # no negative zeros
        unit_price=np.where(book.is_bid, high[:, None], low[:, None]),
        clearing_price=np.where(single & trades, high, np.nan),
        price_low=book.margin.price_low,
        price_high=book.margin.price_high,
    )


def _lot_size(book: SortedBook) -> FloatArray:
    """Size of every order of a market ``(B,)``; 0 in a market without orders."""
    has_order = book.size > 0.0
    lot = np.where(has_order, book.size, 0.0).max(axis=1, initial=0.0)
    unequal = has_order & (np.abs(book.size - lot[:, None]) > _LOT_TOLERANCE * lot[:, None])
    if unequal.any():
        market, order = (int(i) for i in np.argwhere(unequal)[0])
        unit = book.energy_unit
        raise MechanismError(
            f"market {book.first_market + market}: order {order} is {book.size[market, order] * unit:g} kWh and "
            f"another {lot[market] * unit:g} kWh; this mechanism is truthful for lots of one size only, so all "
            "quantities must be equal. For quantities that differ use 'huang' or 'muda'"
        )
    return np.asarray(lot)


def _first_drawn(book: SortedBook, members: BoolArray) -> BoolArray:
    """``(B, N)`` true for the member with the lowest draw of each market."""
    if members.shape[1] == 0:
        return members
    ticket = np.where(members, book.lots, np.inf)
    first: BoolArray = np.arange(members.shape[1]) == ticket.argmin(axis=1)[:, None]
    return members & first
