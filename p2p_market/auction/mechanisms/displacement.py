"""What a trader's trade costs the others: the heart of every Vickrey and Clarke price, without solving anything again.

Take a trader away, and the energy that it traded goes to the best of those that were left out: a running sum over them,
sorted once, says what that is worth. Only the trader's own left-out energy has to be stepped over.
"""

from __future__ import annotations

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import AnyArray, FloatArray, IntArray


class Traders:
    """Which orders belong to which trader; a trader is on one side of a market.

    Parameters
    ----------
    book
        The orders, and who placed them.

    Raises
    ------
    MechanismError
        If a trader both buys and sells in one market.
    """

    def __init__(self, book: SortedBook) -> None:
        num_orders = book.shape[1]
        owner = np.arange(num_orders) if book.household is None else book.household
        self.names, self.of_order = np.unique(owner, return_inverse=True)
        counts = np.bincount(self.of_order, minlength=len(self.names))
        self.num_traders = len(self.names)
        self.most_orders = int(counts.max(initial=0))
        # (traders, most orders) places of each trader's orders; -1 where it has fewer
        self.orders: IntArray = np.full((self.num_traders, self.most_orders), -1, dtype=np.int64)
        by_trader = np.argsort(self.of_order, kind="stable")
        nth = np.arange(num_orders) - np.repeat(np.cumsum(counts) - counts, counts)
        self.orders[self.of_order[by_trader], nth] = by_trader
        if self.most_orders > 1:
            buys, sells = self.sum(book.size * book.is_bid) > 0.0, self.sum(book.size * book.is_ask) > 0.0
            if (buys & sells).any():
                market, trader = (int(i) for i in np.argwhere(buys & sells)[0])
                raise MechanismError(
                    f"market {book.first_market + market}: household {self.names[trader]} both buys and sells; "
                    "net its orders to one side first"
                )

    def first_of_each(self, values: AnyArray) -> AnyArray:
        """Take the value of every trader's first order for all of its orders ``(B, N)``."""
        return values[:, self.orders[:, 0]][:, self.of_order] if self.most_orders > 1 else values

    def split(self, values: FloatArray, missing: float) -> FloatArray:
        """Lay ``(B, N)`` values out by trader ``(B, traders, most orders)``."""
        return np.where(self.orders >= 0, values[:, self.orders], missing)

    def sum(self, values: FloatArray) -> FloatArray:
        """Sum ``(B, N)`` values by trader ``(B, traders)``."""
        total: FloatArray = self.split(values, 0.0).sum(axis=2)
        return total


def displaced_price(
    traders: Traders,
    key: FloatArray,
    value: FloatArray,
    left_out: FloatArray,
    traded: FloatArray,
    fallback: FloatArray | None = None,
) -> FloatArray:
    """Mean value a unit of the energy that each trader's trade keeps out, ``(B, N)``; nan where nothing is traded.

    Parameters
    ----------
    traders
        Whose order is whose.
    key
        ``(B, N)`` left-out energy goes in ascending order of this.
    value
        ``(B, N)`` value of a unit.
    left_out
        ``(B, N)`` energy of each order that waits behind the trade.
    traded
        ``(B, N)`` energy of each order that trades.
    fallback
        ``(B, 1)`` value of a unit where the others' left-out energy does not suffice; ``None`` where it always does.
    """
    if key.shape[1] == 0:
        return value
    order = np.argsort(key, axis=1)
    waiting = take_rows(left_out, order)
    waiting_value = take_rows(value, order)
    ends = np.cumsum(waiting, axis=1)
    worth = np.cumsum(waiting * waiting_value, axis=1)
    begins = scatter_rows(ends - waiting, order)

    # step over own left-out energy, first to last, as long as it lies within reach
    wanted = traders.sum(traded)
    own_begin, own_size = traders.split(begins, np.inf), traders.split(left_out, 0.0)
    own_value = traders.split(value, 0.0)
    if traders.most_orders > 1:
        own_rank = np.argsort(own_begin, axis=2, kind="stable")
        own_begin, own_size, own_value = (
            np.take_along_axis(own, own_rank, axis=2) for own in (own_begin, own_size, own_value)
        )
    own_before = np.cumsum(own_size, axis=2) - own_size
    reached = own_begin - own_before < wanted[:, :, None]
    depth = wanted + (own_size * reached).sum(axis=2)
    own_worth = (own_size * own_value * reached).sum(axis=2)

    available = np.minimum(depth, ends[:, -1:])
    kept_out = _interpolate(ends, worth, waiting_value, available) - own_worth
    if fallback is not None:
        kept_out = kept_out + np.where(depth > ends[:, -1:], (depth - ends[:, -1:]) * fallback, 0.0)
    price = np.where(wanted > 0.0, kept_out / np.where(wanted > 0.0, wanted, 1.0), np.nan)
    return price[:, traders.of_order]


def _interpolate(ends: FloatArray, worth: FloatArray, value: FloatArray, depth: FloatArray) -> FloatArray:
    """Worth of the first ``depth`` (B, M) units of a queue with values and running sums ``ends``, ``worth`` (B, N)."""
    place = _count_below(ends, depth)
    last = np.minimum(place, ends.shape[1] - 1)
    before = np.maximum(place - 1, 0)
    end_before = np.where(place > 0, take_rows(ends, before), 0.0)
    worth_before = np.where(place > 0, take_rows(worth, before), 0.0)
    return worth_before + (depth - end_before) * take_rows(value, last)


def _count_below(ascending: FloatArray, limit: FloatArray) -> IntArray:
    """``(B, M)`` how many numbers of each row ``(B, N)`` are below a limit: a binary search of all rows at once."""
    num_columns = ascending.shape[1]
    count = np.zeros(limit.shape, dtype=np.int64)
    for power in reversed(range(num_columns.bit_length())):
        further = count + (1 << power)
        probe = take_rows(ascending, np.minimum(further, num_columns) - 1)
        count = np.where((further <= num_columns) & (probe < limit), further, count)
    return count
