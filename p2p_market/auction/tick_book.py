"""The book of a market on grids: whole price ticks and whole energy units, in 32-bit integers.

Price and size of an order fit into one 32-bit number, the price in its upper bits. Such numbers are sorted in place,
several times as fast as floating-point prices are argsorted, and carry the sizes along, so nothing is gathered. All
sums are exact. What comes out equals the `SortedBook` of the same numbers, to the bit.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import Margin, Neighbours, RowIndex, SortedBook
from p2p_market.types import BoolArray, FloatArray

Int32Array = npt.NDArray[np.int32]

_KEY_BITS = 32
_HISTOGRAM_FROM = 768  # orders a market; sorting takes longer from here on
_ORDERS_A_BIN = 8
_LARGEST = 2**30  # so that sums and differences of two such numbers fit too


def tick_book(ticks: FloatArray, units: FloatArray, **rest: Any) -> TickBook | None:
    """Lay out orders whose prices are whole ticks, if the range of their prices and sizes fits into 32 bits.

    Parameters
    ----------
    ticks
        ``(B, N)`` whole numbers.
    units
        ``(B, N)`` signed whole numbers.
    **rest
        As of `SortedBook`.
    """
    if ticks.size == 0:
        return None
    lowest, highest = float(ticks.min()), float(ticks.max())
    largest = max(float(units.max()), -float(units.min()))
    if not (max(highest, -lowest) < _LARGEST and largest * ticks.shape[1] < _LARGEST):
        return None
    if int(highest - lowest).bit_length() + int(largest).bit_length() > _KEY_BITS:
        return None
    rank = ticks.astype(np.int32)
    rank -= np.int32(lowest)
    return TickBook(rank, units.astype(np.int32), lowest=lowest, highest=highest, largest=largest, **rest)


class TickBook(SortedBook):
    """A sorted book of 32-bit integers; made by `tick_book`, which sees that they fit.

    Parameters
    ----------
    rank
        ``(B, N)`` limit prices in price ticks above ``lowest``, 0 or more.
    units
        ``(B, N)`` signed quantities in energy units.
    lowest, highest
        Prices [ticks] of rank 0 and of the highest rank.
    largest
        Largest size [units].
    **rest
        As of `SortedBook`.
    """

    def __init__(
        self, rank: Int32Array, units: Int32Array, *, lowest: float, highest: float, largest: float, **rest: Any
    ) -> None:
        super().__init__(rank, units, tolerance=0.0, **rest)
        self._rank, self._units = rank, units
        self._lowest, self._highest_rank = lowest, int(highest - lowest)
        self._size_bits = int(largest).bit_length()

    @cached_property
    def price(self) -> FloatArray:
        """``(B, N)`` limit prices in ticks."""
        return self._rank.astype(np.float64) + self._lowest

    @cached_property
    def quantity(self) -> FloatArray:
        """``(B, N)`` signed quantities in units."""
        return self._units.astype(np.float64)

    @cached_property
    def is_bid(self) -> BoolArray:
        """``(B, N)`` true where an order buys."""
        return self._units > 0

    @cached_property
    def is_ask(self) -> BoolArray:
        """``(B, N)`` true where an order sells."""
        return self._units < 0

    @cached_property
    def efficient_trade(self) -> FloatArray:
        """``(B, N)`` signed energy filled when the largest agreed volume trades, best price first."""
        return self._trade_best_first(self._rank, self._level, self._units)

    @cached_property
    def margin(self) -> Margin:
        """Where supply meets demand: the largest volume that bids and asks agree on, and the prices around it."""
        units, sizes = self._units, np.abs(self._units)
        level, total_bids = self._meeting_point
        below, at_level = self._rank < level[:, None], self._rank == level[:, None]
        # sizes are bids plus asks, signed units bids less asks
        sum_below, net_below = _masked_sum(sizes, below), _masked_sum(units, below)
        sum_at, net_at = _masked_sum(sizes, at_level), _masked_sum(units, at_level)
        ask_below, ask_at, bid_at = (sum_below - net_below) >> 1, (sum_at - net_at) >> 1, (sum_at + net_at) >> 1
        bid_above = total_bids - ((sum_below + net_below) >> 1) - bid_at
        traded = np.minimum(ask_below + ask_at, bid_above + bid_at)
        return Margin(
            traded=traded.astype(np.float64),
            level=level.astype(np.float64) + self._lowest,
            bid_fill=np.maximum(traded - bid_above, 0).astype(np.float64),
            bid_size=bid_at.astype(np.float64),
            ask_fill=np.maximum(traded - ask_below, 0).astype(np.float64),
            ask_size=ask_at.astype(np.float64),
            neighbours=self._near_level,
        )

    @cached_property
    def _level(self) -> Int32Array:
        """``(B,)`` rank of the price at which supply reaches demand."""
        return self._meeting_point[0]

    @cached_property
    def _meeting_point(self) -> tuple[Int32Array, Int32Array]:
        """Rank of the price at which supply reaches demand, and size of all bids, ``(B,)`` each."""
        sizes = np.abs(self._units)
        total_bids = (np.einsum("ij->i", sizes) + np.einsum("ij->i", self._units)) >> 1
        find = self._rank_by_sorting if self.shape[1] < _HISTOGRAM_FROM else self._rank_by_histogram
        return find(sizes, total_bids), total_bids

    def _rank_by_sorting(self, sizes: Int32Array, total_bids: Int32Array) -> Int32Array:
        """First rank at which the running sum of sizes, by rank, reaches ``total_bids``."""
        num_markets, num_orders = self.shape
        key = np.left_shift(self._rank.view(np.uint32), np.uint32(self._size_bits))
        key |= sizes.view(np.uint32)
        key.sort(axis=1)
        passed = np.bitwise_and(key, np.uint32((1 << self._size_bits) - 1)).view(np.int32)
        np.cumsum(passed, axis=1, out=passed)
        crossing = np.einsum("ij->i", (passed < total_bids[:, None]).view(np.int8), dtype=np.int32)
        found = key[np.arange(num_markets), np.minimum(crossing, num_orders - 1)]
        ranks: Int32Array = (found >> np.uint32(self._size_bits)).view(np.int32)
        return ranks

    def _rank_by_histogram(self, sizes: Int32Array, total_bids: Int32Array) -> Int32Array:
        """Do the same by summing up in bins, and by sorting the orders of one bin a market only."""
        num_markets, num_orders = self.shape
        markets = np.arange(num_markets)
        shift = max(0, self._highest_rank.bit_length() - (num_orders // _ORDERS_A_BIN).bit_length())
        num_bins = (self._highest_rank >> shift) + 1
        in_bin = self._rank >> np.int32(shift)
        place = in_bin + (num_bins * markets)[:, None]
        bins = np.bincount(place.ravel(), sizes.ravel(), num_markets * num_bins).reshape(num_markets, num_bins)
        passed = np.cumsum(bins, axis=1)
        crossing = np.minimum(np.count_nonzero(passed < total_bids[:, None], axis=1), num_bins - 1)
        passed_before = passed[markets, crossing] - bins[markets, crossing]

        order = np.flatnonzero(in_bin == crossing[:, None].astype(np.int32))
        market, rank = order // num_orders, self._rank.ravel()[order]
        by_rank = np.argsort((market << _KEY_BITS) | rank)
        running = np.concatenate([[0], np.cumsum(sizes.ravel()[order][by_rank])])
        start = running[np.searchsorted(market, markets)]
        found = np.searchsorted(running[1:], start + total_bids - passed_before)
        level = rank[by_rank[np.minimum(found, len(order) - 1)]]
        # where nobody buys it is the lowest price, as by sorting
        ranks: Int32Array = np.where(total_bids > 0, level, self._rank.min(axis=1))
        return ranks

    def _near_level(self, rows: RowIndex) -> Neighbours:
        level, rank = self._level[rows, None], self._rank[rows]
        above, below = rank > level, rank < level
        is_bid, is_ask = self.is_bid[rows], self.is_ask[rows]
        # a product with a mask is cheaper than a choice, and leaves 0 where there is none
        up, down = rank + np.int32(1), np.int32(self._highest_rank + 1) - rank
        return Neighbours(
            lowest_bid_above=self._price_down(np.multiply(down, is_bid & above).max(axis=1)),
            highest_bid_below=self._price_up(np.multiply(up, is_bid & below).max(axis=1)),
            highest_ask_below=self._price_up(np.multiply(up, is_ask & below).max(axis=1)),
            lowest_ask_above=self._price_down(np.multiply(down, is_ask & above).max(axis=1)),
        )

    def _price_up(self, nearest: Int32Array) -> FloatArray:
        return np.where(nearest > 0, nearest + (self._lowest - 1.0), -np.inf)

    def _price_down(self, nearest: Int32Array) -> FloatArray:
        return np.where(nearest > 0, (self._lowest + self._highest_rank + 1.0) - nearest, np.inf)


def _masked_sum(values: Int32Array, mask: BoolArray) -> Int32Array:
    total: Int32Array = np.einsum("ij,ij->i", values, mask)
    return total
