"""The sorted book: a batch of markets, sorted once, and the margin at which supply meets demand.

Sort all orders of a market by price, bids and asks together, and walk upwards. Each ask that is passed adds its size
to supply, each bid that is passed takes its size from demand; so supply minus demand grows by the size of *every*
order passed, whatever its side, and it starts at minus the total demand. Supply therefore meets demand in the price
level at which the running sum of all sizes reaches the total size of the bids. One sort and one running sum find
that level; everything else is a handful of masked sums over the orders where they stand, so ties need no care and
nothing depends on the order of the arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray, IntArray

# Prices that a mechanism works out are equal to a limit price within this share: the middle of 0.1 and 0.3 is 0.2.
PRICE_TOLERANCE = 1e-12

NO_LOTS = "this market draws lots; give seed= or rng= to make the draw reproducible"


@dataclass(frozen=True, eq=False)
class Margin:
    """Where supply meets demand, a value a market ``(B,)``; prices and energy in the units of the book.

    ``last_bid`` and ``last_ask`` are the prices of the last accepted (perhaps partly filled) orders, ``next_bid`` and
    ``next_ask`` those of the next unit that is not accepted: the same price when an order is only partly filled,
    minus and plus infinity when there is none.
    """

    traded: FloatArray
    level: FloatArray
    bid_fill: FloatArray  # energy filled of the bids at the level
    bid_size: FloatArray  # energy of the bids at the level
    ask_fill: FloatArray
    ask_size: FloatArray
    last_bid: FloatArray
    last_ask: FloatArray
    next_bid: FloatArray
    next_ask: FloatArray

    @property
    def price_low(self) -> FloatArray:
        """Lower end of the competitive-equilibrium interval; nan without trade."""
        return np.where(self.traded > 0.0, np.maximum(self.last_ask, self.next_bid), np.nan)

    @property
    def price_high(self) -> FloatArray:
        """Upper end of the competitive-equilibrium interval; nan without trade."""
        return np.where(self.traded > 0.0, np.minimum(self.last_bid, self.next_ask), np.nan)


@dataclass(frozen=True, eq=False)
class Ladder:
    """One side of the book from its best order to its worst; orders of the other side come last with size 0."""

    order: IntArray  # (B, N) index of the order at each place
    price: FloatArray  # (B, N)
    size: FloatArray  # (B, N)

    def scatter(self, values: FloatArray) -> FloatArray:
        """Put values that stand in this side's order back where the orders stand ``(B, N)``."""
        return scatter_rows(values, self.order)


class SortedBook:
    """A batch of order books, ``B`` markets of ``N`` orders each, sorted once and on demand.

    Parameters
    ----------
    price
        ``(B, N)`` limit prices, fees included: $/kWh, or whole price ticks.
    quantity
        ``(B, N)`` signed quantities: kWh, or whole energy units.
    tolerance
        Energy below this share of a market's volume is rounding noise; 0 where quantities are whole numbers.
    ties
        How a price level that is only partly filled is shared out: ``"prorata"`` to size, ``"priority"`` by place
        in the arrays, ``"random"`` by ``draws``.
    draws
        ``(B, N)`` random numbers, one an order, for rules that draw lots.
    household
        ``(N,)`` who placed each order; ``None`` when order *i* is household *i*'s.
    energy_unit
        What 1 of quantity is [kWh], for error messages.
    first_market
        Place of the first of these markets among all that are cleared, for error messages and options a market.
    """

    def __init__(
        self,
        price: FloatArray,
        quantity: FloatArray,
        *,
        tolerance: float = 1e-12,
        ties: str = "prorata",
        draws: FloatArray | None = None,
        household: IntArray | None = None,
        energy_unit: float = 1.0,
        first_market: int = 0,
    ) -> None:
        self.price = price
        self.quantity = quantity
        self.size = np.abs(quantity)
        self.is_bid: BoolArray = quantity > 0.0
        self.is_ask: BoolArray = quantity < 0.0
        self.ties = ties
        self.draws = draws
        self.household = household
        self.relative_tolerance = tolerance
        self.energy_unit = energy_unit
        self.first_market = first_market

    @property
    def lots(self) -> FloatArray:
        """The draws, for a rule that cannot do without.

        Raises
        ------
        MechanismError
            If there are none.
        """
        if self.draws is None:
            raise MechanismError(NO_LOTS)
        return self.draws

    @property
    def shape(self) -> tuple[int, int]:
        """Number of markets and of orders a market."""
        return self.price.shape[0], self.price.shape[1]

    @cached_property
    def noise(self) -> FloatArray:
        """``(B,)`` energy that counts as rounding noise in each market."""
        volume: FloatArray = self.size.sum(axis=1)
        return self.relative_tolerance * volume

    @cached_property
    def by_price(self) -> IntArray:
        """``(B, N)`` all orders, bids and asks together, from the lowest price to the highest."""
        # not a stable sort, which takes several times as long: nothing depends on how a level is listed
        return np.argsort(self.price, axis=1)

    @cached_property
    def margin(self) -> Margin:
        """Where supply meets demand: the largest volume that bids and asks agree on, and the prices around it."""
        num_markets, num_orders = self.shape
        if num_orders == 0:
            nothing, no_price = np.zeros(num_markets), np.full(num_markets, np.nan)
            return Margin(nothing, no_price, *(nothing,) * 4, *(no_price,) * 4)
        bid_sizes = self.size * self.is_bid
        ask_sizes = self.size * self.is_ask
        total_bids = bid_sizes.sum(axis=1)

        by_price = self.by_price
        passed = np.cumsum(take_rows(self.size, by_price), axis=1)
        crossing = np.count_nonzero(passed < (total_bids - self.noise)[:, None], axis=1)
        crossing = np.minimum(crossing, num_orders - 1)
        marginal_order = by_price[np.arange(num_markets), crossing]
        level = self.price[np.arange(num_markets), marginal_order]

        above = self.price > level[:, None]
        below = self.price < level[:, None]
        at_level = ~(above | below)
        ask_below = (ask_sizes * below).sum(axis=1)
        ask_at = (ask_sizes * at_level).sum(axis=1)
        bid_above = (bid_sizes * above).sum(axis=1)
        bid_at = (bid_sizes * at_level).sum(axis=1)

        traded = np.minimum(ask_below + ask_at, bid_above + bid_at)
        traded = np.where(traded > self.noise, traded, 0.0)
        bid_fill = self._snap(traded - bid_above, bid_at)
        ask_fill = self._snap(traded - ask_below, ask_at)

        lowest_bid_above = np.where(self.is_bid & above, self.price, np.inf).min(axis=1)
        highest_bid_below = np.where(self.is_bid & below, self.price, -np.inf).max(axis=1)
        highest_ask_below = np.where(self.is_ask & below, self.price, -np.inf).max(axis=1)
        lowest_ask_above = np.where(self.is_ask & above, self.price, np.inf).min(axis=1)
        return Margin(
            traded=traded,
            level=level,
            bid_fill=bid_fill,
            bid_size=bid_at,
            ask_fill=ask_fill,
            ask_size=ask_at,
            last_bid=np.where(bid_fill > 0.0, level, lowest_bid_above),
            last_ask=np.where(ask_fill > 0.0, level, highest_ask_below),
            next_bid=np.where(bid_fill < bid_at, level, highest_bid_below),
            next_ask=np.where(ask_fill < ask_at, level, lowest_ask_above),
        )

    def _snap(self, fill: FloatArray, size: FloatArray) -> FloatArray:
        """Take a fill that is nothing or everything but for rounding as just that."""
        fill = np.where(fill > self.noise, fill, 0.0)
        return np.where(fill < size - self.noise, fill, size)

    @cached_property
    def efficient_fill(self) -> FloatArray:
        """``(B, N)`` energy filled of every order when the largest agreed volume trades, best price first."""
        margin = self.margin
        level = margin.level[:, None]
        trades = (margin.traded > 0.0)[:, None]
        inside = (self.is_bid & (self.price > level)) | (self.is_ask & (self.price < level))
        filled = self.size * (inside & trades)
        marginal = (self.price == level) & trades & (self.size > 0.0)
        filled = self.ration(filled, marginal & self.is_bid, margin.bid_fill, margin.bid_size)
        return self.ration(filled, marginal & self.is_ask, margin.ask_fill, margin.ask_size)

    def ration(self, filled: FloatArray, members: BoolArray, fill: FloatArray, size: FloatArray) -> FloatArray:
        """Share ``fill`` (B,) of energy among the ``members`` (B, N) of a level of ``size`` (B,) by the tie rule.

        Returns ``filled`` with the members' shares added; every member must be unfilled before.
        """
        if self.ties == "prorata":
            # one over one where the level is filled whole: the order itself, to the bit
            whole = fill >= size
            part, of = np.where(whole, 1.0, fill), np.where(whole, 1.0, size)
            return np.where(members, self.size * part[:, None] / of[:, None], filled)
        sizes = self.size * members
        if self.ties == "random":
            queue = np.argsort(self.lots, axis=1)
            queued = take_rows(sizes, queue)
            shares = scatter_rows(self.serve(queued, fill), queue)
        else:
            shares = self.serve(sizes, fill)
        return np.where(members, shares, filled)

    def serve(self, queue: FloatArray, fill: FloatArray) -> FloatArray:
        """Fill a queue of sizes ``(B, N)`` one after the other until ``fill`` (B,) is used up."""
        served = np.clip(fill[:, None] - (np.cumsum(queue, axis=1) - queue), 0.0, queue)
        noise = self.noise[:, None]
        served = np.where(served > noise, served, 0.0)
        return np.where(served < queue - noise, served, queue)

    def fill_best(self, side: Literal["bids", "asks"], volume: FloatArray) -> FloatArray:
        """Energy filled of every order ``(B, N)`` of one side when ``volume`` (B,) of it trades, best price first."""
        ladder = self.bids if side == "bids" else self.asks
        if self.shape[1] == 0:
            return self.size
        running = np.cumsum(ladder.size, axis=1)
        place = np.count_nonzero(running < (volume - self.noise)[:, None], axis=1)
        place = np.minimum(place, self.shape[1] - 1)
        return self.fill_to(side, take_rows(ladder.price, place[:, None])[:, 0], volume)

    def fill_to(self, side: Literal["bids", "asks"], price: FloatArray, volume: FloatArray) -> FloatArray:
        """Do the same where the ``price`` (B,) of the last order that trades is known already."""
        level = price[:, None]
        members = self.is_bid if side == "bids" else self.is_ask
        better = members & ((self.price > level) if side == "bids" else (self.price < level))
        at_level = members & (self.price == level)
        level_size = (self.size * at_level).sum(axis=1)
        rest = self._snap(volume - (self.size * better).sum(axis=1), level_size)
        trades = (volume > self.noise)[:, None]
        return self.ration(self.size * (better & trades), at_level & trades, rest, level_size)

    @cached_property
    def bids(self) -> Ladder:
        """Bids from the highest price to the lowest."""
        return self._ladder(self.by_price[:, ::-1], self.is_bid)

    @cached_property
    def asks(self) -> Ladder:
        """Asks from the lowest price to the highest."""
        return self._ladder(self.by_price, self.is_ask)

    def _ladder(self, best_first: IntArray, side: BoolArray) -> Ladder:
        belongs = take_rows(side, best_first)
        # own orders close up to the front, the others follow; both keep their sequence
        own, others = np.cumsum(belongs, axis=1), np.cumsum(~belongs, axis=1)
        place = np.where(belongs, own, own[:, -1:] + others) - 1
        order = scatter_rows(best_first, place)
        price = take_rows(np.where(side, self.price, np.nan), order)
        size = take_rows(self.size * side, order)
        return Ladder(order=order, price=price, size=size)
