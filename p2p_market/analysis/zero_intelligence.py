"""Markets of traders without intelligence: what the rules of a market achieve when its traders draw prices at random.

Gode and Sunder [1]_ let programs shout random prices in a continuous double auction. Kept from losses (``ZI-C``), they
take nearly all gains from trade; free to lose (``ZI-U``), they trade every unit, whatever that leaves. `shout` runs
their auction in this package's limit order book, `call_once` asks the same traders for one sealed price a unit.

References
----------
.. [1] Gode, D. K., Sunder, S. (1993). Allocative Efficiency of Markets with Zero-Intelligence Traders: Market as a
   Partial Substitute for Individual Rationality. Journal of Political Economy 101(1), 119-137.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from p2p_market.analysis.inputs import whole_number
from p2p_market.auction.clear import clear
from p2p_market.auction.limit_order_book import LimitOrderBook
from p2p_market.errors import MechanismError
from p2p_market.types import BoolArray, FloatArray, IntArray

PRICES = (1, 200)
"""Lowest and highest price that may be shouted in [1]_."""


@dataclass(frozen=True, eq=False)
class UnitMarket:
    """Traders with a value or a cost for each unit, in the order in which they must trade them.

    Parameters
    ----------
    values
        ``(buyers, units)`` what each unit is worth to its buyer.
    costs
        ``(sellers, units)`` what each unit costs its seller.

    Raises
    ------
    MechanismError
        If either is not a table of finite numbers.
    """

    values: FloatArray
    costs: FloatArray

    def __post_init__(self) -> None:
        for name in ("values", "costs"):
            table = np.asarray(getattr(self, name), dtype=np.float64)
            if table.ndim != 2 or table.size == 0 or not np.isfinite(table).all():
                raise MechanismError(f"{name} has shape {table.shape}; expected finite numbers, (traders, units)")
            object.__setattr__(self, name, table)

    @property
    def limits(self) -> FloatArray:
        """``(traders, units + 1)`` values of the buyers, then costs of the sellers; nan past a trader's last unit."""
        units = 1 + max(self.values.shape[1], self.costs.shape[1])
        tables = (self.values, self.costs)
        return np.concatenate(
            [np.pad(each, ((0, 0), (0, units - each.shape[1])), constant_values=np.nan) for each in tables]
        )

    @property
    def largest_surplus(self) -> float:
        """Gains from trade when the most valuable units are sold by those whom they cost least."""
        values, costs = np.sort(self.values, axis=None)[::-1], np.sort(self.costs, axis=None)
        pairs = min(len(values), len(costs))
        return float(np.maximum(values[:pairs] - costs[:pairs], 0.0).sum())


def _six_of_each(values: list[int], costs: list[int]) -> UnitMarket:
    return UnitMarket(np.tile(values, (6, 1)), np.tile(costs, (6, 1)))


GODE_SUNDER_1993 = {
    1: _six_of_each([102, 97, 92, 87, 82, 77], [34, 46, 58, 70, 82, 94]),
    2: _six_of_each([117, 105, 93, 81, 69, 57], [49, 54, 59, 64, 69, 74]),
    3: _six_of_each([133, 95, 90], [90, 95, 100]),
    4: _six_of_each([180, 175, 170, 165, 160], [90, 142, 170, 190, 198]),
}
"""Markets 1 to 4 of [1]_: six buyers and six sellers, all alike.

The paper prints the schedules as stepped curves. These numbers were read off them by pixel in a public replication
(repository ndouglas/SugarScape, its model of zero-intelligence traders), and what the paper does print bears them out:
an equilibrium price of 69 in market 2 and of 170 in market 4, a volume of 24 units in market 1 and of 6 in market 3,
and table 2. Traders who are free to lose trade every unit, so that their efficiency follows from the schedules alone;
it does in all four, to the last digit. The second cost of market 4 was read as 141, and is 142 by that table. Market 5
is left out: nothing that is printed pins its fine staircase down.
"""


def shout(
    market: UnitMarket,
    num_shouts: int,
    *,
    is_constrained: bool = True,
    num_periods: int = 600,
    prices: tuple[int, int] = PRICES,
    seed: int = 0,
) -> FloatArray:
    """Let traders shout random prices for one unit at a time, as in [1]_.

    A trader that has units left is called at random. It shouts a whole price, uniform over the range; a constrained one
    over the part of it at which it does not lose by its next unit, and not at all where there is none. A shout that
    does not better the best of its own side is lost. One that meets the best of the other side trades at that earlier
    price, which cancels all other quotes. Units are traded in order, and each period starts with all of them.

    Parameters
    ----------
    market
        Whose values and costs.
    num_shouts
        Length of a period.
    is_constrained
        Whether traders keep from losses (``ZI-C``) or not (``ZI-U``).
    num_periods
        How many periods to run, side by side.
    prices
        Lowest and highest price.
    seed
        Of the draws.

    Returns
    -------
    FloatArray
        ``(num_periods, num_shouts)`` share of the largest surplus that has been taken after each shout.
    """
    rng = np.random.default_rng(seed)
    everywhere = np.arange(whole_number("num_periods", num_periods))
    limits, num_buyers = market.limits, len(market.values)
    sign = np.where(np.arange(len(limits)) < num_buyers, 1.0, -1.0)
    book = LimitOrderBook(len(everywhere), len(limits))
    traded = np.zeros((len(everywhere), len(limits)), dtype=np.int64)  # units of each trader
    surplus = np.zeros((len(everywhere), whole_number("num_shouts", num_shouts)))
    for shouted in range(surplus.shape[1]):
        trader = _call(rng, ~np.isnan(limits[np.arange(len(limits)), traded]))
        limit = limits[trader, traded[everywhere, trader]]
        price = _draw(rng, limit, trader < num_buyers, prices, is_constrained=is_constrained)
        lags = np.where(trader < num_buyers, price <= book.best_bid, price >= book.best_ask)
        quantity = np.where(lags | np.isnan(price), 0.0, sign[trader])
        for trades in book.submit(trader, price, quantity):
            where = trades.market
            for one in (trades.taker, trades.maker):
                surplus[where, shouted] += sign[one] * limits[one, traded[where, one]]
                traded[where, one] += 1
            book.clear(np.isin(everywhere, where))
    return np.cumsum(surplus, axis=1) / market.largest_surplus


def call_once(
    market: UnitMarket,
    *,
    is_constrained: bool = True,
    num_periods: int = 600,
    prices: tuple[int, int] = PRICES,
    mechanism: str = "uniform_price",
    seed: int = 0,
    **options: Any,
) -> FloatArray:
    """Ask the same traders for one sealed price a unit, drawn as in `shout`, and clear the market once.

    Parameters
    ----------
    market, is_constrained, num_periods, prices, seed
        As in `shout`.
    mechanism, **options
        A mechanism for orders, and its options.

    Returns
    -------
    FloatArray
        ``(num_periods,)`` share of the largest surplus that is taken. Units are alike, so that a trader who trades two
        trades its first two, whichever of its prices were good enough.
    """
    rng = np.random.default_rng(seed)
    limits, num_buyers = market.limits, len(market.values)
    shape = (whole_number("num_periods", num_periods), *limits.shape)
    buys = np.broadcast_to(np.arange(len(limits))[:, None] < num_buyers, shape)
    price = _draw(rng, np.broadcast_to(limits, shape), buys, prices, is_constrained=is_constrained)
    quantity = np.where(np.isnan(price), 0.0, np.where(buys, 1.0, -1.0))
    flat = (shape[0], limits.size)
    clearing = clear(
        price.reshape(flat), quantity.reshape(flat), mechanism, **{"ties": "random", "rng": rng, **options}
    )
    units = np.abs(clearing.filled).reshape(shape).sum(axis=2).round().astype(np.int64)
    first = np.arange(limits.shape[1]) < units[..., None]
    signed = np.where(np.isnan(limits), 0.0, limits) * np.where(buys[0], 1.0, -1.0)
    surplus: FloatArray = (first * signed).sum(axis=(1, 2))
    return surplus / market.largest_surplus


def _call(rng: np.random.Generator, is_active: BoolArray) -> IntArray:
    """Draw one of the active traders in each market ``(B, traders)``; the first where there are none."""
    rank = np.floor(rng.random(len(is_active)) * is_active.sum(axis=1))
    trader: IntArray = (np.cumsum(is_active, axis=1) > rank[:, None]).argmax(axis=1)
    return trader


def _draw(
    rng: np.random.Generator, limit: FloatArray, buys: BoolArray, prices: tuple[int, int], *, is_constrained: bool
) -> FloatArray:
    """Draw whole prices; nan where there is no unit, or no price that its limit allows."""
    low, high = np.full(limit.shape, prices[0], dtype=np.float64), np.full(limit.shape, prices[1], dtype=np.float64)
    if is_constrained:
        low = np.where(buys, low, np.maximum(low, np.ceil(limit)))
        high = np.where(buys, np.minimum(high, np.floor(limit)), high)
    price = low + np.floor(rng.random(limit.shape) * (high - low + 1.0))
    return np.where((low <= high) & ~np.isnan(limit), price, np.nan)
