"""Gjerstad and Dickhaut: the price with the largest expected gain, by a belief formed from published orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.policies.base import BidView, Memory, Outcome, Policy
from p2p_market.policies.options import check_count
from p2p_market.types import FloatArray

_KINDS = ("bid_taken", "bid_refused", "ask_taken", "ask_refused")


@dataclass(frozen=True)
class GjerstadDickhaut(Policy):
    r"""Bid the price with the largest expected gain, by a belief from the last order books of what is accepted (GD).

    A buyer believes that a bid at the price :math:`x` is accepted with the probability

    .. math:: \frac{TB(\le x) + A(\le x)}{TB(\le x) + A(\le x) + RB(\ge x)}

    with :math:`TB` the taken bids, :math:`RB` the refused bids and :math:`A` all asks that were published, at most or
    at least at :math:`x`; a seller that an ask is, with :math:`\frac{TA(\ge x) + B(\ge x)}{TA(\ge x) + B(\ge x) +
    RA(\le x)}`. Beliefs stand at the prices of the published orders; between two of them runs the cubic that is level
    at both. The household bids the price that maximises its gain a kWh times the belief, or its value where no
    price promises a gain.

    The published rule counts the shouts of a continuous auction up to the last few transactions, each of one unit. Here
    it is the energy [kWh] of the anonymous order books of the last intervals, filled and unfilled, so an order that is
    partly filled is taken in part. Prices are remembered as places in their own band, since the band moves with the
    tariffs. Where the books say nothing about an end of the band, a bid at its high end is believed to be accepted and
    one at its low end refused, an ask the other way round; so with no book at all the belief is the cubic between
    these.

    Parameters
    ----------
    num_intervals
        How many intervals' books are remembered.
    num_prices
        Prices that are tried, evenly over the band, its ends among them.

    References
    ----------
    .. [1] Gjerstad, S., Dickhaut, J. (1998). Price formation in double auctions. Games and Economic Behavior 22(1),
       sections 2 and 3.
    """

    num_intervals: int = 5
    num_prices: int = 101

    reads_book = True
    knows = "own meter and tariff; the order books of the last intervals"

    def __post_init__(self) -> None:
        check_count("num_intervals", self.num_intervals, 1, 1000)
        check_count("num_prices", self.num_prices, 2, 10_000)

    def start(self, draws: FloatArray, num_households: int) -> Memory:
        """Know no book yet."""
        shape = draws.shape[0], self.num_intervals, num_households
        return {name: np.zeros(shape) for name in ("place", *_KINDS)}

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:
        """Bid the price with the largest expected gain, for the whole net load."""
        tried = np.linspace(0.0, 1.0, self.num_prices)
        buyers_belief, sellers_belief = self._beliefs(memory, len(tried))
        width = view.price_high - view.price_low
        prices = view.price_low + width * tried  # (B, P)
        buys = (view.net_load > 0.0)[:, :, None]
        value = view.limit_price
        gain = np.where(buys, value[:, :, None] - prices[:, None], prices[:, None] - value[:, :, None])
        gain *= np.where(buys, buyers_belief[:, None], sellers_belief[:, None])
        best = gain.argmax(axis=2)
        promises = np.take_along_axis(gain, best[:, :, None], axis=2)[:, :, 0] > 0.0
        return np.where(promises, np.take_along_axis(prices, best, axis=1), value), view.net_load

    def learn(self, view: BidView, outcome: Outcome, memory: Memory) -> Memory:
        """Remember the interval's book in place of the oldest."""
        book = outcome.book
        assert book is not None  # noqa: S101 - whoever reads the book is given it
        width = view.price_high - view.price_low
        place = np.clip((book.price - view.price_low) / np.where(width > 0.0, width, 1.0), 0.0, 1.0)
        size, taken = np.abs(book.quantity), np.minimum(np.abs(book.filled), np.abs(book.quantity))
        is_bid, is_ask = book.quantity > 0.0, book.quantity < 0.0
        newest = {
            "place": np.where(is_bid | is_ask, place, 0.0),
            "bid_taken": np.where(is_bid, taken, 0.0),
            "bid_refused": np.where(is_bid, size - taken, 0.0),
            "ask_taken": np.where(is_ask, taken, 0.0),
            "ask_refused": np.where(is_ask, size - taken, 0.0),
        }
        return {
            name: np.concatenate([values[:, None], memory[name][:, :-1]], axis=1) for name, values in newest.items()
        }

    def _beliefs(self, memory: Memory, num_prices: int) -> tuple[FloatArray, FloatArray]:
        """What buyers and sellers believe at evenly spaced prices of the band ``(B, P)``."""
        num_markets = memory["place"].shape[0]
        # the ends of the band are knots of their own, without orders
        ends = np.broadcast_to([0.0, 1.0], (num_markets, 2))
        places = np.concatenate([memory["place"].reshape(num_markets, -1), ends], axis=1)
        order = np.argsort(places, axis=1, kind="stable")
        knots = np.take_along_axis(places, order, axis=1)
        bid_taken, bid_refused, ask_taken, ask_refused = (
            np.take_along_axis(np.pad(memory[kind].reshape(num_markets, -1), ((0, 0), (0, 2))), order, axis=1)
            for kind in _KINDS
        )
        for_buyers = _up_to(knots, bid_taken + ask_taken + ask_refused)
        for_sellers = _down_to(knots, ask_taken + bid_taken + bid_refused)
        against_buyers, against_sellers = _down_to(knots, bid_refused), _up_to(knots, ask_refused)
        return (
            _spread_out(knots, _share(for_buyers, against_buyers, knots), num_prices),
            _spread_out(knots, _share(for_sellers, against_sellers, 1.0 - knots), num_prices),
        )


def _share(favour: FloatArray, against: FloatArray, without: FloatArray) -> FloatArray:
    """Share of the evidence that speaks for acceptance; ``without`` where there is none."""
    total = favour + against
    return np.where(total > 0.0, favour / np.where(total > 0.0, total, 1.0), without)


def _up_to(ascending: FloatArray, size: FloatArray) -> FloatArray:
    """Sums of ``size`` (B, K) over all places that are at most each place."""
    total = np.cumsum(size, axis=1)
    # the sums rise along the row: up to a tie counts what its last member has
    tied = np.pad(ascending[:, 1:] == ascending[:, :-1], ((0, 0), (0, 1)))
    return np.minimum.accumulate(np.where(tied, np.inf, total)[:, ::-1], axis=1)[:, ::-1]


def _down_to(ascending: FloatArray, size: FloatArray) -> FloatArray:
    """Sums of ``size`` (B, K) over all places that are at least each place."""
    return _up_to(-ascending[:, ::-1], size[:, ::-1])[:, ::-1]


def _spread_out(knots: FloatArray, belief: FloatArray, num_prices: int) -> FloatArray:
    """Beliefs at evenly spaced places from those at the knots, by cubics that are level at the knots."""
    num_markets, num_knots = knots.shape
    first_at_or_above = np.ceil(knots * (num_prices - 1)).astype(np.int64)
    row = np.arange(num_markets)[:, None] * num_prices
    counts = np.bincount((row + first_at_or_above).ravel(), minlength=num_markets * num_prices)
    num_passed = np.cumsum(counts.reshape(num_markets, num_prices), axis=1)  # (B, P) knots at or below
    left, right = num_passed - 1, np.minimum(num_passed, num_knots - 1)
    low, high = np.take_along_axis(knots, left, axis=1), np.take_along_axis(knots, right, axis=1)
    gap = high - low
    way = np.clip((np.linspace(0.0, 1.0, num_prices) - low) / np.where(gap > 0.0, gap, 1.0), 0.0, 1.0)
    below, above = np.take_along_axis(belief, left, axis=1), np.take_along_axis(belief, right, axis=1)
    part = np.minimum(way * way * (3.0 - 2.0 * way), 1.0)
    # a sum of parts, since a difference may end below 0 by rounding, and a loss times that would look like a gain
    return below * (1.0 - part) + above * part
