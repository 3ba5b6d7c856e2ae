"""The order book of one interval as people see it: levels, curves, and the part of a level that had to wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a book, price levels from the best on."""

    price: FloatArray  # (levels,) [$/kWh]
    quantity: FloatArray  # (levels,) [kWh] > 0 on both sides
    filled: FloatArray  # (levels,) [kWh]
    unit_price: FloatArray  # (levels,) [$/kWh] mean of what is traded; nan where nothing is, or where it is not told

    def __len__(self) -> int:
        return len(self.price)

    @cached_property
    def cumulative(self) -> FloatArray:
        """``(levels,)`` energy at each price or better [kWh]."""
        return np.cumsum(self.quantity)

    @property
    def total(self) -> float:
        """All of it [kWh]."""
        return float(self.quantity.sum())

    @property
    def rationed(self) -> BoolArray:
        """``(levels,)`` levels that are filled in part, or passed over for a worse one."""
        this_or_worse_is_served: BoolArray = np.logical_or.accumulate(self._is_served[::-1])[::-1]
        return this_or_worse_is_served & self._is_wanting

    @property
    def is_best_first(self) -> bool:
        """Whether no level is served before all better ones are whole."""
        return not (np.logical_or.accumulate(self._is_wanting)[:-1] & self._is_served[1:]).any()

    @property
    def _is_served(self) -> BoolArray:
        return self.filled > 1e-9 * self.quantity

    @property
    def _is_wanting(self) -> BoolArray:
        return self.filled < (1.0 - 1e-9) * self.quantity

    def outline(self, end_price: float) -> tuple[FloatArray, FloatArray]:
        """Corners of the stepped curve, energy [kWh] and price [$/kWh], closed by a riser to ``end_price``."""
        ends = self.cumulative
        starts = np.concatenate([[0.0], ends[:-1]])
        energy = np.concatenate([np.column_stack([starts, ends]).ravel(), ends[-1:]])
        return energy, np.concatenate([np.repeat(self.price, 2), [end_price]])

    def price_at(self, energy: FloatArray) -> FloatArray:
        """Limit price of the unit of energy just above ``energy`` [$/kWh]; the last level's past the end."""
        level = np.searchsorted(self.cumulative, energy, side="right")
        return self.price[np.minimum(level, len(self) - 1)]


@dataclass(frozen=True, eq=False)
class Book:
    """The orders of one interval and market, a column an order, and what became of them.

    ``quantity`` and ``filled`` are signed: > 0 buys. Prices are limit prices as handed in. Without a band of prices,
    both of its ends are nan. ``unit_price`` is what each pays or gets, for pictures that show more than one price.
    """

    price: FloatArray  # (orders,) [$/kWh]
    quantity: FloatArray  # (orders,) [kWh]
    filled: FloatArray  # (orders,) [kWh]
    mean_price: float  # [$/kWh] of the traded energy; nan without trade
    has_one_price: bool  # whether everybody trades at the mean price
    band_low: float = float("nan")  # [$/kWh]
    band_high: float = float("nan")  # [$/kWh]
    clears_from: float = float("nan")  # [$/kWh] lowest price that clears the market
    clears_to: float = float("nan")  # [$/kWh] highest
    is_pool: bool = False  # whether prices were not asked for
    unit_price: FloatArray | None = None  # (orders,) [$/kWh]

    @cached_property
    def bids(self) -> Side:
        """Levels of the buyers, highest price first."""
        return _side(self, 1.0)

    @cached_property
    def asks(self) -> Side:
        """Levels of the sellers, lowest price first."""
        return _side(self, -1.0)

    @property
    def traded(self) -> float:
        """Energy that changed hands [kWh]."""
        return float(self.bids.filled.sum())

    def why_no_trade(self) -> str:
        """Say in a sentence why nothing was traded."""
        bids, asks = self.bids, self.asks
        if not len(bids) and not len(asks):
            return "Nobody placed an order."
        if not len(asks):
            return "No asks: nobody offers energy."
        if not len(bids):
            return "No bids: nobody wants energy."
        if bids.price[0] < asks.price[0]:
            return f"No trade: the best bid, {bids.price[0]:.4f},\nis below the best ask, {asks.price[0]:.4f} $/kWh."
        return "No trade, although bids and asks cross:\nfees or the mechanism's rule keep them apart."


@dataclass(frozen=True, eq=False)
class Rung:
    """Neighbouring levels of one side, added up for a short list."""

    low: float  # [$/kWh]
    high: float  # [$/kWh]
    quantity: float  # [kWh]
    filled: float  # [kWh]


def rungs(side: Side, step: float | None) -> list[Rung]:
    """Levels of a side from the best on; those in the same ``step`` of price [$/kWh] as one."""
    if step is None:
        return [Rung(p, p, q, f) for p, q, f in zip(*_lists(side), strict=True)]
    place = np.floor(side.price / step + 1e-6)
    found = []
    for slot in dict.fromkeys(place.tolist()):
        mine = place == slot
        found.append(
            Rung(slot * step, (slot + 1.0) * step, side.quantity[mine].sum().item(), side.filled[mine].sum().item())
        )
    return found


def rung_step(book: Book, most: int) -> float | None:
    """Smallest step of 1, 2 or 5 times a power of ten that leaves at most ``most`` rungs a side; ``None`` for none."""
    if max(len(book.bids), len(book.asks)) <= most:
        return None
    for power in range(-4, 6):
        for factor in (1.0, 2.0, 5.0):
            step = factor * 10.0**power
            if max(len(rungs(book.bids, step)), len(rungs(book.asks, step))) <= most:
                return step
    raise AssertionError("prices of a book lie within a million dollars")


def _lists(side: Side) -> tuple[list[float], list[float], list[float]]:
    return side.price.tolist(), side.quantity.tolist(), side.filled.tolist()


def _side(book: Book, sign: float) -> Side:
    quantity, filled = sign * book.quantity, sign * book.filled
    mine = quantity > 0.0
    levels, inverse = np.unique(-sign * book.price[mine], return_inverse=True)
    if not levels.size:
        return Side(levels, levels, levels, levels)

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(inverse, weights=values[mine]).astype(np.float64)

    level_filled = total(filled)
    unit_price = np.full(levels.shape, np.nan)
    if book.unit_price is not None:
        paid = total(np.where(filled > 0.0, filled * book.unit_price, 0.0))
        np.divide(paid, level_filled, out=unit_price, where=level_filled > 0.0)
    return Side(-sign * levels + 0.0, total(quantity), level_filled, unit_price)
