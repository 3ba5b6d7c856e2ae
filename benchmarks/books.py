"""Order books of several shapes, and the plain-Python walk through a book that they are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.types import FloatArray

FEED_IN, RETAIL = 0.11, 0.59  # [$/kWh] the band of limit prices
PRICE_TICK, ENERGY_UNIT = 0.0001, 0.001  # [$/kWh], [kWh] the grids of the environment
LOT = 0.5  # [kWh] for mechanisms that trade orders of one size
SHAPES = ("random", "balanced", "one-sided", "tied at the caps")


@dataclass(frozen=True, eq=False)
class Book:
    """Limit prices [$/kWh] and signed quantities [kWh], ``(B, N)`` each."""

    price: FloatArray
    quantity: FloatArray

    def on_grid(self) -> Book:
        """The same book in whole price ticks and watt-hours, as the environment hands it in."""
        return Book(np.round(self.price / PRICE_TICK) / 10_000, np.round(self.quantity / ENERGY_UNIT) / 1_000)

    def in_lots(self) -> Book:
        """The same book with orders of one size."""
        return Book(self.price, np.copysign(LOT, self.quantity))

    def as_lists(self) -> list[tuple[list[float], list[float]]]:
        """A pair of lists a market, for loops in plain Python."""
        return [(p.tolist(), q.tolist()) for p, q in zip(self.price, self.quantity, strict=True)]


def draw_book(shape: str, num_markets: int, num_orders: int, seed: int = 0) -> Book:
    """Draw a book of one of the `SHAPES`, of arbitrary floats."""
    rng = np.random.default_rng(seed)
    size = (num_markets, num_orders)
    price = rng.uniform(FEED_IN, RETAIL, size)
    quantity = rng.normal(0.0, 0.5, size)
    if shape == "balanced":  # as many kWh wanted as offered, and nearly all of it crosses
        quantity = np.abs(quantity) * np.where(np.arange(num_orders) % 2, 1.0, -1.0)
        middle = 0.5 * (FEED_IN + RETAIL)
        price = np.where(quantity > 0.0, rng.uniform(middle, RETAIL, size), rng.uniform(FEED_IN, middle, size))
    elif shape == "one-sided":  # a night: nobody has anything to spare
        quantity = np.abs(quantity)
    elif shape == "tied at the caps":  # everybody bids what the grid asks and asks what the grid pays
        price = np.where(quantity > 0.0, RETAIL, FEED_IN)
    elif shape != "random":
        raise ValueError(f"shape is {shape!r}; expected one of {SHAPES}")
    return Book(price, quantity)


def book_walk(price: Sequence[float], quantity: Sequence[float]) -> tuple[float, list[float]]:
    """Clear one market by two pointers, at the midpoint of the marginal pair; a careful loop in plain Python.

    Returns the price, nan without trade, and what is filled of every order [kWh].
    """
    bids = sorted((i for i, q in enumerate(quantity) if q > 0), key=lambda i: -price[i])
    asks = sorted((i for i, q in enumerate(quantity) if q < 0), key=lambda i: price[i])
    filled = [0.0] * len(price)
    left = list(quantity)
    b = a = 0
    clearing_price = float("nan")
    while b < len(bids) and a < len(asks) and price[bids[b]] >= price[asks[a]]:
        bid, ask = bids[b], asks[a]
        step = min(left[bid], -left[ask])
        filled[bid] += step
        filled[ask] -= step
        left[bid] -= step
        left[ask] += step
        clearing_price = 0.5 * (price[bid] + price[ask])
        if left[bid] <= 1e-12:
            b += 1
        if left[ask] >= -1e-12:
            a += 1
    return clearing_price, filled
