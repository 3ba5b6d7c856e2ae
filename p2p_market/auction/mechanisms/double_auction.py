"""The efficient double auctions: the largest agreed volume trades, best price first; they differ in who pays what."""

from __future__ import annotations

from typing import Literal

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.mechanisms.alone import check_price_rule, check_weight
from p2p_market.auction.orders import Allocation
from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray, IntArray

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
    check_weight(k)
    check_price_rule(price_rule)
    margin = book.margin
    low, high = margin.price_low, margin.price_high
    if price_rule == "ce":
        price = _between(low, high, k)
    else:
        last_bid = np.where(margin.traded > 0.0, margin.last_bid, np.nan)
        last_ask = np.where(margin.traded > 0.0, margin.last_ask, np.nan)
        price = _between(last_ask, last_bid, k)
        if price_rule == "clip":
            price = np.clip(price, low, high)
    return Allocation(
        filled=book.efficient_trade,
        unit_price=price[:, None],
        clearing_price=price,
        price_low=low,
        price_high=high,
        traded=margin.traded,
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
        filled=book.efficient_trade,
        unit_price=book.price,
        clearing_price=np.full(margin.traded.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
        traded=margin.traded,
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
    check_weight(k)
    return _walk_in_pairs(book, k)


def _walk_in_pairs(book: SortedBook, weight: float) -> Allocation:
    margin = book.margin
    return Allocation(
        filled=book.efficient_trade,
        unit_price=_pair_prices(book, weight),
        clearing_price=np.full(margin.traded.shape, np.nan),
        price_low=margin.price_low,
        price_high=margin.price_high,
        traded=margin.traded,
        pair_weight=weight,
    )


def _pair_prices(book: SortedBook, weight: float) -> FloatArray:
    """Mean pair price of every order ``(B, N)``.

    Laid end to end, the filled bids (highest first) and the filled asks (lowest first) cover the same energy
    0 ... Q. Between two neighbouring ends of orders one bid faces one ask, so what has been paid up to each end is a
    running sum, and what a price level pays is the difference between its ends.
    """
    num_orders = book.shape[1]
    if book.price.size == 0:
        return book.price
    order, num_asks = _face_to_face(book)
    price = take_rows(book.price, order)
    is_ask = np.arange(num_orders) < num_asks
    ends = np.cumsum(take_rows(book.efficient_fill, order), axis=1)
    all_asks = np.where(num_asks > 0, take_rows(ends, np.maximum(num_asks - 1, 0)), 0.0)
    ends -= np.where(is_ask, 0.0, all_asks)
    ends = np.minimum(ends, np.minimum(all_asks, ends[:, -1:]))  # both sides end at one energy but for rounding

    walk = np.argsort(ends, axis=1, kind="stable")  # both sides ascend already, which this sort makes use of
    ends_an_ask = walk < num_asks
    asks_passed: IntArray = np.cumsum(ends_an_ask, axis=1) - ends_an_ask
    bids_passed = np.arange(num_orders) - asks_passed
    ask = take_rows(price, np.minimum(asks_passed, num_orders - 1))
    bid = take_rows(price, np.minimum(num_asks + bids_passed, num_orders - 1))
    lengths = np.diff(take_rows(ends, walk), axis=1, prepend=0.0)
    paid = scatter_rows(np.cumsum(lengths * (weight * bid + (1.0 - weight) * ask), axis=1), walk)

    starts_level = np.ones(price.shape, dtype=bool)
    starts_level[:, 1:] = (price[:, 1:] != price[:, :-1]) | (is_ask[:, 1:] != is_ask[:, :-1])
    starts_side = (np.arange(num_orders) == num_asks) | (np.arange(num_orders) == 0)
    return scatter_rows(_level_means(paid, ends, price, starts_level, starts_side), order)


def _face_to_face(book: SortedBook) -> tuple[IntArray, IntArray]:
    """``(B, N)`` asks from the lowest on, then all others from the highest on; and how many asks ``(B, 1)``."""
    is_ask = take_rows(book.is_ask, book.by_price)
    asks: IntArray = np.cumsum(is_ask, axis=1)
    others = np.arange(1, book.shape[1] + 1) - asks
    return scatter_rows(book.by_price, np.where(is_ask, asks - 1, book.shape[1] - others)), asks[:, -1:]


def _level_means(
    paid: FloatArray, filled: FloatArray, price: FloatArray, starts_level: BoolArray, starts_side: BoolArray
) -> FloatArray:
    """Mean price of each order's level ``(B, N)``, from what its side has paid and filled up to each order's end."""
    first = np.flatnonzero(starts_level)
    last = np.append(first[1:], paid.size) - 1
    goes_on = ~starts_side.ravel()[first]
    before = np.maximum(first - 1, 0)
    level_paid = paid.ravel()[last] - goes_on * paid.ravel()[before]
    level_filled = filled.ravel()[last] - goes_on * filled.ravel()[before]
    is_filled = level_filled > 0.0
    mean = np.where(is_filled, level_paid / np.where(is_filled, level_filled, 1.0), price.ravel()[first])
    return mean.repeat(last - first + 1).reshape(paid.shape)


def _between(low: FloatArray, high: FloatArray, weight: float) -> FloatArray:
    """Return the weighted price, exactly ``low`` where both ends agree, and never outside by rounding."""
    return np.clip(low + weight * (high - low), low, high)
