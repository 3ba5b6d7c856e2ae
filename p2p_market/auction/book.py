"""The sorted book: a batch of markets, sorted once, and the margin at which supply meets demand.

Sort all orders of a market by price, bids and asks together, and walk upwards. Each ask that is passed adds its size
to supply, each bid that is passed takes its size from demand; so supply minus demand grows by the size of *every*
order passed, whatever its side, and it starts at minus the total demand. Supply therefore meets demand in the price
level at which the running sum of all sizes reaches the total size of the bids. One sort and one running sum find
that level; everything else is a handful of masked sums over the orders where they stand, so ties need no care and
nothing depends on the order of the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from p2p_market.auction.rows import scatter_rows, take_rows
from p2p_market.errors import MechanismError
from p2p_market.types import AnyArray, BoolArray, FloatArray, IntArray

# Prices that a mechanism works out are equal to a limit price within this share: the middle of 0.1 and 0.3 is 0.2.
PRICE_TOLERANCE = 1e-12

RowIndex: TypeAlias = "IntArray | slice"

NO_LOTS = "this market draws lots; give seed= or rng= to make the draw reproducible"


@dataclass(frozen=True, eq=False)
class Margin:
    """Where supply meets demand, a value a market ``(B,)``; prices and energy in the units of the book.

    All orders beyond the price level trade or stay out whole; ``level`` is where the largest agreed volume ends.
    """

    traded: FloatArray
    level: FloatArray
    bid_fill: FloatArray  # energy filled of the bids at the level
    bid_size: FloatArray  # energy of the bids at the level
    ask_fill: FloatArray
    ask_size: FloatArray
    neighbours: Callable[[RowIndex], Neighbours]  # of some of the markets

    @cached_property
    def bid_is_cut(self) -> BoolArray:
        """Whether the bids at the level are filled in part."""
        return (self.bid_fill > 0.0) & (self.bid_fill < self.bid_size)

    @cached_property
    def ask_is_cut(self) -> BoolArray:
        """Whether the asks at the level are filled in part."""
        return (self.ask_fill > 0.0) & (self.ask_fill < self.ask_size)

    @cached_property
    def _all_neighbours(self) -> Neighbours:
        return self.neighbours(slice(None))

    @cached_property
    def last_bid(self) -> FloatArray:
        """Price of the last accepted, perhaps partly filled bid; plus infinity when there is none."""
        return np.where(self.bid_fill > 0.0, self.level, self._all_neighbours.lowest_bid_above)

    @cached_property
    def last_ask(self) -> FloatArray:
        """Price of the last accepted, perhaps partly filled ask; minus infinity when there is none."""
        return np.where(self.ask_fill > 0.0, self.level, self._all_neighbours.highest_ask_below)

    @cached_property
    def next_bid(self) -> FloatArray:
        """Price of the next unit of demand that is not accepted; minus infinity when there is none."""
        return np.where(self.bid_fill < self.bid_size, self.level, self._all_neighbours.highest_bid_below)

    @cached_property
    def next_ask(self) -> FloatArray:
        """Price of the next unit of supply that is not accepted; plus infinity when there is none."""
        return np.where(self.ask_fill < self.ask_size, self.level, self._all_neighbours.lowest_ask_above)

    @property
    def price_low(self) -> FloatArray:
        """Lower end of the competitive-equilibrium interval; nan without trade."""
        return self._interval[0]

    @property
    def price_high(self) -> FloatArray:
        """Upper end of the competitive-equilibrium interval; nan without trade."""
        return self._interval[1]

    @cached_property
    def _interval(self) -> tuple[FloatArray, FloatArray]:
        # an order that is cut makes its price the only one; the others' neighbours are looked up, and few markets
        # have any when quantities are measured
        low = np.where(self.traded > 0.0, self.level, np.nan)
        high = low.copy()
        wide = np.flatnonzero((self.traded > 0.0) & ~(self.bid_is_cut | self.ask_is_cut))
        if wide.size:
            level, near = self.level[wide], self.neighbours(wide)
            last_ask = np.where(self.ask_fill[wide] > 0.0, level, near.highest_ask_below)
            next_bid = np.where(self.bid_fill[wide] < self.bid_size[wide], level, near.highest_bid_below)
            last_bid = np.where(self.bid_fill[wide] > 0.0, level, near.lowest_bid_above)
            next_ask = np.where(self.ask_fill[wide] < self.ask_size[wide], level, near.lowest_ask_above)
            low[wide], high[wide] = np.maximum(last_ask, next_bid), np.minimum(last_bid, next_ask)
        return low, high


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Prices of the orders nearest to the level on either side, infinite where there are none."""

    lowest_bid_above: FloatArray
    highest_bid_below: FloatArray
    highest_ask_below: FloatArray
    lowest_ask_above: FloatArray


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
        price: AnyArray,
        quantity: AnyArray,
        *,
        tolerance: float = 1e-12,
        ties: str = "prorata",
        draws: FloatArray | None = None,
        household: IntArray | None = None,
        energy_unit: float = 1.0,
        first_market: int = 0,
    ) -> None:
        self._price = price
        self._quantity = quantity
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

    @cached_property
    def price(self) -> FloatArray:
        """``(B, N)`` limit prices, fees included."""
        return self._price

    @cached_property
    def quantity(self) -> FloatArray:
        """``(B, N)`` signed quantities."""
        return self._quantity

    @cached_property
    def size(self) -> FloatArray:
        """``(B, N)`` quantities without their sign."""
        return np.abs(self.quantity)

    @cached_property
    def is_bid(self) -> BoolArray:
        """``(B, N)`` true where an order buys."""
        return self.quantity > 0.0

    @cached_property
    def is_ask(self) -> BoolArray:
        """``(B, N)`` true where an order sells."""
        return self.quantity < 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Number of markets and of orders a market."""
        return self._price.shape[0], self._price.shape[1]

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
            return Margin(nothing, no_price, *(nothing,) * 4, lambda _: Neighbours(*(no_price,) * 4))
        bid_sizes = self.size * self.is_bid
        ask_sizes = self.size * self.is_ask
        total_bids = bid_sizes.sum(axis=1)

        by_price = self.by_price
        passed = take_rows(self.size, by_price)
        np.cumsum(passed, axis=1, out=passed)
        crossing = np.count_nonzero(passed < (total_bids - self.noise)[:, None], axis=1)
        crossing = np.minimum(crossing, num_orders - 1)
        markets = np.arange(num_markets)
        level = self.price[markets, by_price[markets, crossing]]

        above, below = self.price > level[:, None], self.price < level[:, None]
        at_level = ~(above | below)
        buffer = np.empty_like(self.size)
        ask_below = np.multiply(ask_sizes, below, out=buffer).sum(axis=1)
        ask_at = np.multiply(ask_sizes, at_level, out=buffer).sum(axis=1)
        bid_above = np.multiply(bid_sizes, above, out=buffer).sum(axis=1)
        bid_at = np.multiply(bid_sizes, at_level, out=buffer).sum(axis=1)

        traded = np.minimum(ask_below + ask_at, bid_above + bid_at)
        traded *= traded > self.noise
        return Margin(
            traded=traded,
            level=level,
            bid_fill=self._snap(traded - bid_above, bid_at),
            bid_size=bid_at,
            ask_fill=self._snap(traded - ask_below, ask_at),
            ask_size=ask_at,
            neighbours=lambda rows: self._neighbours(level, rows),
        )

    def _neighbours(self, level: FloatArray, rows: RowIndex) -> Neighbours:
        price, level = self.price[rows], level[rows, None]
        above, below = price > level, price < level
        is_bid, is_ask = self.is_bid[rows], self.is_ask[rows]
        return Neighbours(
            lowest_bid_above=np.where(is_bid & above, price, np.inf).min(axis=1),
            highest_bid_below=np.where(is_bid & below, price, -np.inf).max(axis=1),
            highest_ask_below=np.where(is_ask & below, price, -np.inf).max(axis=1),
            lowest_ask_above=np.where(is_ask & above, price, np.inf).min(axis=1),
        )

    def _snap(self, fill: FloatArray, size: FloatArray) -> FloatArray:
        """Take a fill that is nothing or everything but for rounding as just that."""
        fill = np.where(fill > self.noise, fill, 0.0)
        return np.where(fill < size - self.noise, fill, size)

    @cached_property
    def efficient_fill(self) -> FloatArray:
        """``(B, N)`` energy filled of every order when the largest agreed volume trades, best price first."""
        return np.abs(self.efficient_trade)

    @cached_property
    def efficient_trade(self) -> FloatArray:
        """``(B, N)`` the same with the sign of the order."""
        return self._trade_best_first(self.price, self.margin.level, self.quantity)

    def _trade_best_first(self, price: AnyArray, level: AnyArray, quantity: AnyArray) -> FloatArray:
        """Fill what lies beyond the ``level`` (B,) whole and the level as the margin says, in any units of price."""
        margin = self.margin
        bid_is_cut, ask_is_cut = margin.bid_is_cut, margin.ask_is_cut
        at_level = price == level[:, None]
        bids_whole, asks_whole = margin.bid_fill >= margin.bid_size, margin.ask_fill >= margin.ask_size
        inside = self.is_bid & ((price > level[:, None]) | (at_level & bids_whole[:, None]))
        inside |= self.is_ask & ((price < level[:, None]) | (at_level & asks_whole[:, None]))
        inside &= (margin.traded > 0.0)[:, None]
        filled: FloatArray = np.multiply(quantity, inside).astype(np.float64, copy=False)
        if quantity.dtype.kind == "f":
            filled += 0.0  # no negative zeros
        if not (bid_is_cut.any() or ask_is_cut.any()):
            return filled
        # one side of a level at most is cut, the other is the shorter one
        cut = at_level & ((self.is_bid & bid_is_cut[:, None]) | (self.is_ask & ask_is_cut[:, None]))
        fill = np.where(bid_is_cut, margin.bid_fill, margin.ask_fill)
        size = np.where(bid_is_cut, margin.bid_size, margin.ask_size)
        if self.ties == "prorata":
            place = np.flatnonzero(cut)
            market = place // self.shape[1]
            filled.reshape(-1)[place] = quantity.reshape(-1)[place] * fill[market] / size[market]
            return filled
        return np.copysign(self.ration(np.abs(filled), cut, fill, size), self.quantity) + 0.0

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
