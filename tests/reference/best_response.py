"""The most that one household can gain by misreporting, by trying reports one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Clear = Callable[[np.ndarray, np.ndarray], Any]  # (C, N) prices and quantities -> a clearing of C markets

FINE = 0.25  # prices are tried at the values of a book with whole numbers, and at the quarters between them


def price_reports(prices: np.ndarray) -> np.ndarray:
    """Every whole price from below the lowest to above the highest, middles of two, and just beside both."""
    return np.arange(prices.min() - 1.0, prices.max() + 1.0 + FINE, FINE)


def quantity_reports(need: float, most: float) -> np.ndarray:
    """Every half unit of the own side; a seller cannot offer more than it has, a buyer can ask for too much."""
    return np.sign(need) * np.arange(0.0, (most if need > 0 else abs(need)) + 0.5, 0.5)


def utility(value: float, need: float, filled: np.ndarray, payment: np.ndarray) -> np.ndarray:
    """Worth of what is traded less what is paid; energy beyond the need is worth nothing."""
    return value * np.minimum(filled, need) - payment if need > 0 else value * filled - payment


def utility_with_grid(
    retail: float, feed_in: float, need: float, report: np.ndarray, payment: np.ndarray
) -> np.ndarray:
    """The same where a pool settles the whole report, and the grid the rest of the need at the own tariff."""
    rest = need - report
    return -payment - np.where(rest > 0, retail, feed_in) * rest


def best_gain(
    clear: Clear,
    price: np.ndarray,
    quantity: np.ndarray,
    household: int,
    reports: list[tuple[float, float]],
    worth: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> tuple[float, tuple[float, float]]:
    """Largest gain over the truth that any of the (price, quantity) reports brings, and that report.

    `worth` takes reported quantity, fill and payment; by default the order's price is the value of a unit.
    """
    value, need = price[household], quantity[household]
    tried = [(value, need), *reports]
    prices, quantities = np.tile(price, (len(tried), 1)), np.tile(quantity, (len(tried), 1))
    prices[:, household], quantities[:, household] = zip(*tried, strict=True)
    clearing = clear(prices, quantities)
    report, filled, payment = (x[:, household] for x in (quantities, clearing.filled, clearing.payment))
    worths = utility(value, need, filled, payment) if worth is None else worth(report, filled, payment)
    gains = worths - worths[0]
    best = int(gains.argmax())
    return float(gains[best]), tried[best]
