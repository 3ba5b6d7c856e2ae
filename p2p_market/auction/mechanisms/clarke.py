"""The Vickrey-Clarke-Groves mechanism: efficient and truthful, at the price of a deficit."""

from __future__ import annotations

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.mechanisms.displacement import Traders, displaced_price
from p2p_market.auction.orders import Allocation


def vcg(book: SortedBook) -> Allocation:
    r"""The efficient trades; every household pays what its presence costs the others (Clarke pivot).

    :math:`pay_i = W(-i) - (W - v_i)` with :math:`W` the largest welfare of all reports and :math:`W(-i)` that of the
    others alone. Taking a buyer away hands its energy to the best bids left out, or back to the dearest sellers; taking
    a seller away takes it from the last bids served, or from the cheapest sellers left out. Both are running sums over
    one sorted list, so nothing is solved again.

    Individually rational, truthful in price and quantity, efficient; the operator runs a deficit. By order, or by
    household where orders name theirs (``household=``). O(N log N) a market.

    References
    ----------
    .. [1] Krishna, V. (2009). Auction Theory, 2nd edition, section 5.3 (with k = 2 sides, section 17.2).
    """
    traders = Traders(book)
    filled = book.efficient_fill
    rest = book.size - filled
    # Energy is held by bids that are served and by asks that are not; the others wait for it.
    holding = np.where(book.is_bid, filled, rest)
    waiting = np.where(book.is_bid, rest, filled)
    buyer_price = displaced_price(traders, -book.price, book.price, waiting, filled * book.is_bid)
    seller_price = displaced_price(traders, book.price, book.price, holding, filled * book.is_ask)
    margin = book.margin
    return Allocation(
        filled=np.copysign(filled, book.quantity) + 0.0,  # no negative zeros
        unit_price=np.where(book.is_bid, buyer_price, seller_price),
        clearing_price=np.full(margin.traded.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )
