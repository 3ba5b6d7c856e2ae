"""Order books that stand still while one household after the other tries out another report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Deviators:
    """The households whose misreports are looked at, one a place ``(M,)``: where they are and what is true of them."""

    book: IntArray  # (M,)
    household: IntArray  # (M,)
    buys: BoolArray  # (M,)
    value: FloatArray  # (M,) [$/kWh]
    need: FloatArray  # (M,) [kWh] > 0: what a buyer can use, what a seller has to spare
    most: FloatArray  # (M,) [kWh] the largest quantity that may be reported

    def select(self, index: IntArray) -> Deviators:
        """Return the ones at these places; a place may be named more than once."""
        return Deviators(
            self.book[index],
            self.household[index],
            self.buys[index],
            self.value[index],
            self.need[index],
            self.most[index],
        )

    def __len__(self) -> int:
        return len(self.book)


@dataclass(frozen=True, eq=False)
class FixedBooks:
    """``B`` books of what ``N`` households report, and what single deviations from them are worth.

    Parameters
    ----------
    rules
        The market's rules.
    price, quantity
        ``(B, N)`` reports [$/kWh] and [kWh, > 0 buys].
    excess_price
        ``(B, N)`` [$/kWh] what energy beyond its need is worth to a buyer.
    shortage_price
        ``(B, N)`` [$/kWh] what energy that it sold and does not have costs a seller.
    draws
        ``(L, B, N)`` random numbers, ``L`` a book, for rules that draw lots; else ``None``.
    retail_price, feed_in_price
        ``(B, N)`` [$/kWh], for pool rules.
    orders_at_once
        Orders that one call of the auction clears, which bounds the memory.
    """

    rules: AuctionRules
    price: FloatArray
    quantity: FloatArray
    excess_price: FloatArray
    shortage_price: FloatArray
    draws: FloatArray | None
    retail_price: FloatArray | None
    feed_in_price: FloatArray | None
    orders_at_once: int

    def try_out(self, who: Deviators, price: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Let each deviator report one price and size while everybody else in its book stays as it is.

        Parameters
        ----------
        who
            ``R`` deviators, one a row.
        price
            ``(R,)`` reported limit price [$/kWh].
        size
            ``(R,)`` reported energy [kWh], 0 or more, on the deviator's true side.

        Returns
        -------
        tuple of numpy.ndarray
            ``(R,)`` utility [$] and energy settled [kWh], each a mean over the lots that are drawn.
        """
        utility, energy = np.empty(len(who)), np.empty(len(who))
        rows = max(1, self.orders_at_once // max(1, self.price.shape[1]))
        for start in range(0, len(who), rows):
            part = slice(start, start + rows)
            utility[part], energy[part] = self._clear(
                who.select(np.arange(len(who))[part]),
                price[part],
                size[part],
            )
        return utility, energy

    def _clear(self, who: Deviators, price: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
        row = np.arange(len(who))
        orders = Orders(self.price[who.book], self.quantity[who.book])
        orders.price[row, who.household] = np.where(size > 0.0, price, 0.0)
        orders.quantity[row, who.household] = np.where(who.buys, size, -size)
        retail = None if self.retail_price is None else self.retail_price[who.book]
        feed_in = None if self.feed_in_price is None else self.feed_in_price[who.book]
        utility, energy = np.zeros(len(who)), np.zeros(len(who))
        lots = [None] if self.draws is None else [draw[who.book] for draw in self.draws]
        for draws in lots:
            clearing = clear_orders(self.rules, orders, draws=draws, retail_price=retail, feed_in_price=feed_in)
            payment = clearing.payment[row, who.household]
            # a pool settles the whole position, whatever part of it is matched inside
            settled = size if self.rules.is_pool else np.abs(clearing.filled[row, who.household])
            utility += self._worth(who, settled) - payment
            energy += settled
        return utility / len(lots), energy / len(lots)

    def _worth(self, who: Deviators, energy: FloatArray) -> FloatArray:
        """What energy bought is worth, or, below 0, what energy sold has cost ``(R,)`` [$]."""
        useful = np.minimum(energy, who.need)
        beyond = np.maximum(energy - who.need, 0.0)
        excess = self.excess_price[who.book, who.household]
        shortage = self.shortage_price[who.book, who.household]
        return np.where(who.buys, who.value * useful + excess * beyond, -who.value * useful - shortage * beyond)

    @cached_property
    def book_price(self) -> FloatArray:
        """``(B, N)`` limit prices as the auction compares them [$/kWh], fees included."""
        on_grid = self.rules.to_book_price(self.price, self.quantity > 0.0)
        return self.rules.from_book_price(on_grid)

    @cached_property
    def sizes(self) -> FloatArray:
        """``(B, N)`` energy of every order [kWh], on the energy grid."""
        return np.abs(self.rules.order_size(self.quantity))

    @cached_property
    def supply(self) -> tuple[FloatArray, FloatArray]:
        """``(B, N)`` energy of all asks up to each order's price, and below it [kWh]."""
        return _running(self.book_price, np.where(self.quantity < 0.0, self.sizes, 0.0))

    @cached_property
    def demand(self) -> tuple[FloatArray, FloatArray]:
        """``(B, N)`` energy of all bids down to each order's price, and above it [kWh]."""
        return _running(-self.book_price, np.where(self.quantity > 0.0, self.sizes, 0.0))


def _running(key: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums of ``size`` over all orders with at most, and with less than, each order's key ``(B, N)``."""
    order = np.argsort(key, axis=1)
    ascending = np.take_along_axis(key, order, axis=1)
    total = np.cumsum(np.take_along_axis(size, order, axis=1), axis=1)
    before = np.zeros_like(total)
    before[:, 1:] = total[:, :-1]
    is_tied = ascending[:, 1:] == ascending[:, :-1]
    # sums never fall along the row: before a tie counts what its first order finds, up to it what its last one leaves
    below = np.where(np.pad(is_tied, ((0, 0), (1, 0))), -np.inf, before)
    up_to = np.where(np.pad(is_tied, ((0, 0), (0, 1))), np.inf, total)
    below = np.maximum.accumulate(below, axis=1)
    up_to = np.minimum.accumulate(up_to[:, ::-1], axis=1)[:, ::-1]
    sums = np.empty_like(up_to), np.empty_like(below)
    for laid_out, along in zip(sums, (up_to, below), strict=True):
        np.put_along_axis(laid_out, order, along, axis=1)
    return sums
