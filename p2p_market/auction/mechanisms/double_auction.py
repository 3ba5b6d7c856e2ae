"""The efficient double auctions: the largest agreed volume trades, best price first; they differ in who pays what."""

from __future__ import annotations

from typing import Literal

import numpy as np

from p2p_market.auction.book import Ladder, SortedBook
from p2p_market.auction.orders import Allocation
from p2p_market.errors import MechanismError, is_number
from p2p_market.types import FloatArray, IntArray

PriceRule = Literal["ce", "marginal", "clip"]
Spread = Literal["operator", "seller", "buyer"]


def uniform_price(book: SortedBook, *, k: float = 0.5, price_rule: PriceRule = "ce") -> Allocation:
    r"""All trades at one price inside the interval of prices that clear the market (k-double auction).

    With :math:`p_b, p_a` the prices of the last accepted bid and ask and :math:`n_b, n_a` those of the next unit that
    is not accepted, the market clears at every price of
    :math:`[lo, hi] = [\max(p_a, n_b), \min(p_b, n_a)]`, and

    * ``price_rule="ce"``: :math:`p = k \cdot hi + (1-k) \cdot lo`;
    * ``price_rule="marginal"``: :math:`p = k \cdot p_b + (1-k) \cdot p_a`, which need not clear the market;
    * ``price_rule="clip"``: the marginal price, clipped into the interval.

    Individually rational, strongly budget balanced, efficient on reports; not truthful: a marginal trader can move
    the price. O(N log N) a market.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    k
        Weight of the upper end, 0 (the buyers' best price) to 1 (the sellers').
    price_rule
        Which of the three prices.

    References
    ----------
    .. [1] Satterthwaite, M. A., Williams, S. R. (1989). Bilateral trade with the sealed bid k-double auction.
       Journal of Economic Theory 48(1), section 2.
    """
    _check_weight(k)
    margin = book.margin
    low, high = margin.price_low, margin.price_high
    if price_rule == "ce":
        price = _between(low, high, k)
    elif price_rule in ("marginal", "clip"):
        last_bid = np.where(margin.traded > 0.0, margin.last_bid, np.nan)
        last_ask = np.where(margin.traded > 0.0, margin.last_ask, np.nan)
        price = _between(last_ask, last_bid, k)
        if price_rule == "clip":
            price = np.clip(price, low, high)
    else:
        raise MechanismError(f"price_rule is {price_rule!r}; expected 'ce', 'marginal' or 'clip'")
    return Allocation(
        filled=_signed(book),
        unit_price=price[:, None],
        clearing_price=price,
        price_low=low,
        price_high=high,
    )


def pay_as_bid(book: SortedBook, *, spread: Spread = "operator") -> Allocation:
    """Everybody trades at the own limit price; the operator keeps the spread, or one side of each pair does.

    The trades are those of the uniform price auction. ``spread="operator"``: buyers pay their bid, sellers get their
    ask. ``spread="seller"``: the sorted book is walked in pairs, best bid with best ask, which trade at the bid;
    ``spread="buyer"``: they trade at the ask.

    Individually rational; weakly budget balanced (strongly in the pair forms); efficient on reports; not truthful:
    everybody gains by shading. O(N log N) a market.

    References
    ----------
    .. [1] Tierney, S. F., Schatzki, T., Mukerji, R. (2008). Uniform-pricing versus pay-as-bid in wholesale
       electricity markets: does it make a difference? New York ISO, section 2.
    """
    if spread == "seller":
        return _walk_in_pairs(book, 1.0)
    if spread == "buyer":
        return _walk_in_pairs(book, 0.0)
    if spread != "operator":
        raise MechanismError(f"spread is {spread!r}; expected 'operator', 'seller' or 'buyer'")
    margin = book.margin
    return Allocation(
        filled=_signed(book),
        unit_price=book.price,
        clearing_price=np.full(margin.traded.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def pairwise_midpoint(book: SortedBook, *, k: float = 0.5) -> Allocation:
    r"""Best bid meets best ask, and each pair trades at the middle of its two limit prices (discriminatory).

    The sorted book is walked from the best prices on until bids and asks cross. A pair trades at
    :math:`k \cdot b + (1-k) \cdot s`. Orders of one price level are matched as one: each pays or gets the level's
    quantity-weighted mean price, so nothing depends on how ties are listed.

    Individually rational, strongly budget balanced, efficient on reports, not truthful. O(N log N) a market.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders.
    k
        Weight of the bid, 0 to 1.

    References
    ----------
    .. [1] Qiu, D., Wang, J., Wang, J., Strbac, G. (2021). Multi-agent reinforcement learning for automated
       peer-to-peer energy trading in double-side auction market. IJCAI 2021, section 2.2.
    """
    _check_weight(k)
    return _walk_in_pairs(book, k)


def _walk_in_pairs(book: SortedBook, weight: float) -> Allocation:
    filled = book.efficient_fill
    margin = book.margin
    bid_price, ask_price = _pair_prices(book, filled, weight)
    return Allocation(
        filled=_signed(book),
        unit_price=np.where(book.is_bid, bid_price, ask_price),
        clearing_price=np.full(margin.traded.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
        pair_weight=weight,
    )


def _pair_prices(book: SortedBook, filled: FloatArray, weight: float) -> tuple[FloatArray, FloatArray]:
    """Mean pair price of every bid and of every ask, ``(B, N)`` each.

    Laid end to end, the filled bids (highest first) and the filled asks (lowest first) cover the same energy
    0 ... Q. Between two neighbouring ends of orders one bid faces one ask, so what has been paid up to each end is a
    running sum, and what a price level pays is the difference between its ends.
    """
    num_places = book.shape[1]
    if num_places == 0:
        return book.price, book.price
    bids, asks = book.bids, book.asks
    bid_ends = np.cumsum(np.take_along_axis(filled * book.is_bid, bids.order, axis=1), axis=1)
    ask_ends = np.cumsum(np.take_along_axis(filled * book.is_ask, asks.order, axis=1), axis=1)

    # both sides end at the same energy but for rounding
    traded = np.minimum(bid_ends[:, -1:], ask_ends[:, -1:])
    bid_ends, ask_ends = np.minimum(bid_ends, traded), np.minimum(ask_ends, traded)
    ends = np.concatenate([bid_ends, ask_ends], axis=1)
    walk = np.argsort(ends, axis=1, kind="stable")
    ends = np.take_along_axis(ends, walk, axis=1)
    lengths = np.diff(ends, axis=1, prepend=0.0)
    ends_a_bid = walk < num_places
    bids_passed = np.minimum(np.cumsum(ends_a_bid, axis=1) - ends_a_bid, num_places - 1)
    asks_passed = np.minimum(np.cumsum(~ends_a_bid, axis=1) - ~ends_a_bid, num_places - 1)
    bid = np.take_along_axis(bids.price, bids_passed, axis=1)
    ask = np.take_along_axis(asks.price, asks_passed, axis=1)
    # past the last trade one side has run out and its price is nan; no energy moves there
    paid = np.cumsum(np.where(lengths > 0.0, lengths * (weight * bid + (1.0 - weight) * ask), 0.0), axis=1)

    paid_at = np.empty_like(paid)
    np.put_along_axis(paid_at, walk, paid, axis=1)
    bid_price = bids.scatter(_level_mean(bids, paid_at[:, :num_places], bid_ends))
    ask_price = asks.scatter(_level_mean(asks, paid_at[:, num_places:], ask_ends))
    return bid_price, ask_price


def _level_mean(ladder: Ladder, paid: FloatArray, ends: FloatArray) -> FloatArray:
    """Mean price of each order's level from what is paid and filled up to each order's end."""
    before = ladder.level_start - 1
    level_paid = _up_to(paid, ladder.level_end) - _up_to(paid, before)
    level_filled = _up_to(ends, ladder.level_end) - _up_to(ends, before)
    is_filled = level_filled > 0.0
    return np.where(is_filled, level_paid / np.where(is_filled, level_filled, 1.0), ladder.price)


def _up_to(running: FloatArray, place: IntArray) -> FloatArray:
    """Value of a running sum at a place, 0 before the first."""
    values: FloatArray = np.take_along_axis(running, np.maximum(place, 0), axis=1)
    return np.where(place >= 0, values, 0.0)


def _between(low: FloatArray, high: FloatArray, weight: float) -> FloatArray:
    """Return the weighted price, exactly ``low`` where both ends agree, and never outside by rounding."""
    return np.clip(low + weight * (high - low), low, high)


def _signed(book: SortedBook) -> FloatArray:
    return np.copysign(book.efficient_fill, book.quantity) + 0.0  # no negative zeros


def _check_weight(k: float) -> None:
    if not (is_number(k) and 0.0 <= k <= 1.0):
        raise MechanismError(f"k is {k!r}; expected a weight from 0 to 1")
