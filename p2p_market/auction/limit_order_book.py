"""A batch of limit order books that work order by order, with price-time priority.

What makes them fast is what they remember. Each side of each market knows its best order, and so does each block of
about √S of its S slots. An order that does not cross is compared with the best of its own side and of the other; only
when a best order is used up, replaced or withdrawn are its block and the bests of the other blocks looked through.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from p2p_market.types import FloatArray, IntArray

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Trades:
    """Trades that arriving orders make at the same time, at most one a market: ``M`` markets of a batch."""

    market: IntArray  # (M,)
    taker: IntArray  # (M,) slot of the order that arrived
    maker: IntArray  # (M,) slot of the order that rested
    quantity: FloatArray  # (M,)
    price: FloatArray  # (M,) that of the order that rested


class LimitOrderBook:
    """``B`` limit order books of ``S`` slots each; a slot holds one standing order, and can be an order or a trader.

    An order meets the best order of the other side, the older one at the same price, as long as prices cross and any of
    it is left; what is left then rests. Units of price and quantity are the caller's.

    Parameters
    ----------
    num_markets, num_slots
        ``B`` and ``S``.
    noise
        ``(B,)`` or one quantity: a rest of an order that is not larger is rounding noise, and gone.
    """

    def __init__(self, num_markets: int, num_slots: int, noise: npt.ArrayLike = 0.0) -> None:
        self._num_markets, self._num_slots = num_markets, num_slots
        self._noise = np.broadcast_to(np.asarray(noise, dtype=np.float64), (num_markets,))
        self._width = math.isqrt(max(num_slots - 1, 0)) + 1  # slots a block, and about as many blocks
        num_blocks = max(-(-num_slots // self._width), 1)
        # A row is a side of a market: B rows of asks, then B of bids. Keys are ask prices and bid prices with the sign
        # turned, so that the best of a row is its least, and infinity is no order. Slots of the last block may be idle.
        rows = 2 * num_markets
        self._stride = num_blocks * self._width
        self._key = np.full(rows * self._stride, np.inf)
        self._left = np.zeros(rows * self._stride)
        self._since = np.zeros(rows * self._stride, dtype=np.int64)
        self._block_key = np.full(rows * num_blocks, np.inf)
        self._block_since = np.zeros(rows * num_blocks, dtype=np.int64)
        self._block_slot = np.zeros(rows * num_blocks, dtype=np.int64)
        self._best_key = np.full(rows, np.inf)
        self._best_slot = np.zeros(rows, dtype=np.int64)
        self._num_blocks = num_blocks
        self._meetings = 0

    @property
    def best_ask(self) -> FloatArray:
        """``(B,)`` lowest price asked; nan where nothing is for sale."""
        return _or_nan(self._best_key[: self._num_markets])

    @property
    def best_bid(self) -> FloatArray:
        """``(B,)`` highest price bid; nan where nobody bids."""
        return -_or_nan(self._best_key[self._num_markets :])

    @property
    def best_ask_slot(self) -> IntArray:
        """``(B,)`` slot of the order that is first in line to sell; -1 where nothing is for sale."""
        return self._slot_or_none[: self._num_markets]

    @property
    def best_bid_slot(self) -> IntArray:
        """``(B,)`` slot of the order that is first in line to buy; -1 where nobody bids."""
        return self._slot_or_none[self._num_markets :]

    @property
    def _slot_or_none(self) -> IntArray:
        return np.where(np.isfinite(self._best_key), self._best_slot, -1)

    @property
    def standing(self) -> FloatArray:
        """``(B, S)`` signed quantity that rests in each slot: > 0 of a bid, < 0 of an ask, 0 nothing."""
        left = self._left.reshape(2, self._num_markets, self._stride)[:, :, : self._num_slots]
        signed: FloatArray = left[1] - left[0]
        return signed

    def submit(self, slot: npt.ArrayLike, price: npt.ArrayLike, quantity: npt.ArrayLike) -> list[Trades]:
        """Let one order a market arrive; an order that still stands in its slot is withdrawn first.

        Parameters
        ----------
        slot
            ``(B,)`` or one: where the order rests if it does.
        price
            ``(B,)`` or one limit price.
        quantity
            ``(B,)`` or one signed quantity: > 0 bids, < 0 asks, 0 where a market has no arrival; its slot is then left
            as it is.

        Returns
        -------
        list[Trades]
            Trades one after the other: the first that each arrival makes, then the second of those that make another,
            and so on.
        """
        shape = (self._num_markets,)
        market = np.broadcast_to(quantity, shape).nonzero()[0]
        slots, prices, left = (np.broadcast_to(each, shape)[market] for each in (slot, price, quantity))
        self.withdraw(market, slots)
        made: list[Trades] = []
        while market.size:
            trades, rest = self.meet(market, slots, prices, left)
            if trades is not None:
                made.append(trades)
            goes_on = rest != 0.0
            market, slots, prices, left = market[goes_on], slots[goes_on], prices[goes_on], rest[goes_on]
        return made

    def meet(
        self, market: IntArray, slot: IntArray, price: FloatArray, quantity: FloatArray
    ) -> tuple[Trades | None, FloatArray]:
        """Let orders meet the best of the other side once: each trades with it or, where prices do not cross, rests.

        The step that `submit` repeats; to call it is worth while where markets need not wait for each other.

        Parameters
        ----------
        market
            ``(M,)`` some markets, each once.
        slot, price, quantity
            ``(M,)`` an order in each; nothing may stand in its slot, and no quantity is 0.

        Returns
        -------
        trades, left
            The trades, if any; and ``(M,)`` the signed quantity with which each order has to go on: 0 where it is used
            up, or rests by now.
        """
        self._meetings += 1
        buys = quantity > 0.0
        limit = np.where(buys, price, -price)  # meets every key of the other side up to this one
        row = np.where(buys, market, market + self._num_markets)
        meets = self._best_key.take(row) <= limit
        left = np.zeros(len(market))
        takers = meets.nonzero()[0]
        if takers.size < len(market):
            rests = (~meets).nonzero()[0]
            own_row = 2 * market[rests] + self._num_markets - row[rests]
            self._lay_down(own_row, slot[rests], -limit[rests], np.abs(quantity[rests]))
            if not takers.size:
                return None, left
            market, slot, row = market[takers], slot[takers], row[takers]
            buys, quantity = buys[takers], quantity[takers]
        maker, key = self._best_slot.take(row), self._best_key.take(row)
        place = row * self._stride + maker
        comer_left, maker_left = np.abs(quantity), self._left.take(place)
        taken = np.minimum(comer_left, maker_left)
        noise = self._noise.take(market)
        comer_left = comer_left - taken
        left[takers] = np.where(comer_left > noise, np.copysign(comer_left, quantity), 0.0)
        maker_left = maker_left - taken
        used_up = maker_left <= noise
        maker_left[used_up] = 0.0
        self._left[place] = maker_left
        self._remove(row[used_up], maker[used_up])
        return Trades(market, slot, maker, taken, np.where(buys, key, -key)), left

    def cancel(self, slot: npt.ArrayLike, where: npt.ArrayLike = True) -> None:
        """Withdraw what stands in ``slot`` (B,) of the markets ``where`` (B,)."""
        market = np.broadcast_to(where, (self._num_markets,)).nonzero()[0]
        self.withdraw(market, np.broadcast_to(slot, (self._num_markets,))[market])

    def withdraw(self, market: IntArray, slot: IntArray) -> FloatArray:
        """Withdraw what stands in a slot ``(M,)`` of some markets ``(M,)``, each once; return how much that was."""
        stood = np.zeros(len(market))
        for row in (market, market + self._num_markets):
            place = row * self._stride + slot
            left = self._left.take(place)
            stands = left.nonzero()[0]
            if stands.size:
                stood += left
                self._left[place[stands]] = 0.0
                self._remove(row[stands], slot[stands])
        return stood

    def clear(self, where: npt.ArrayLike = True) -> None:
        """Withdraw every order of the markets ``where`` (B,)."""
        rows = np.tile(np.broadcast_to(where, (self._num_markets,)), 2)
        self._best_key[rows] = np.inf
        self._block_key[np.repeat(rows, self._num_blocks)] = np.inf
        places = np.repeat(rows, self._stride)
        self._key[places], self._left[places] = np.inf, 0.0

    def _lay_down(self, row: IntArray, slot: IntArray, key: FloatArray, quantity: FloatArray) -> None:
        """Let orders rest; a newcomer is the youngest, so it is best only at a better price."""
        place = row * self._stride + slot
        self._key[place], self._left[place], self._since[place] = key, quantity, self._meetings
        block = row * self._num_blocks + slot // self._width
        better = (key < self._block_key.take(block)).nonzero()[0]
        block = block[better]
        self._block_key[block], self._block_slot[block] = key[better], slot[better]
        self._block_since[block] = self._meetings
        better = better[key[better] < self._best_key.take(row[better])]
        row = row[better]
        self._best_key[row], self._best_slot[row] = key[better], slot[better]

    def _remove(self, row: IntArray, slot: IntArray) -> None:
        """Take orders off the book; blocks and sides that lose their best order look for the next."""
        if not row.size:
            return
        self._key[row * self._stride + slot] = np.inf
        block = row * self._num_blocks + slot // self._width
        led = (self._block_slot.take(block) == slot).nonzero()[0]
        row, slot, block = row[led], slot[led], block[led]
        key, since, place = _first(self._key, self._since, block, self._width)
        self._block_key[block], self._block_since[block] = key, since
        self._block_slot[block] = place - row * self._stride
        row = row[self._best_slot.take(row) == slot]
        key, _, block = _first(self._block_key, self._block_since, row, self._num_blocks)
        self._best_key[row], self._best_slot[row] = key, self._block_slot[block]


def _first(keys: FloatArray, since: IntArray, group: IntArray, length: int) -> tuple[FloatArray, IntArray, IntArray]:
    """Least key, then oldest, of each group of ``length`` places in a row: key, time of arrival, and place."""
    own_keys = keys.reshape(-1, length).take(group, axis=0)
    least = own_keys.min(axis=1)
    own_since = np.where(own_keys > least[:, None], _NEVER, since.reshape(-1, length).take(group, axis=0))
    place = group * length + own_since.argmin(axis=1)
    return least, since.take(place), place


def _or_nan(key: FloatArray) -> FloatArray:
    return np.where(np.isfinite(key), key, np.nan)
