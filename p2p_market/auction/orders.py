"""What households hand in (orders) and what a mechanism decides (allocation)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from p2p_market.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Orders:
    """The bids and asks of one interval, a column an order.

    Parameters
    ----------
    price
        ``(B, N)`` limit price [$/kWh]; ignored where ``quantity`` is 0.
    quantity
        ``(B, N)`` signed energy [kWh]: > 0 a bid (buys), < 0 an ask (sells), 0 no order.
    household
        ``(N,)`` index of the household that placed each order; ``None`` when order *i* is household *i*'s.
    on_grid
        ``(B, N)`` the same prices and quantities in whole ticks, fees included, and whole energy units, where somebody
        has worked them out already; see `AuctionRules.make_orders`.
    """

    price: FloatArray
    quantity: FloatArray
    household: IntArray | None = None
    on_grid: tuple[FloatArray, FloatArray] | None = None

    def of_markets(self, rows: slice) -> Orders:
        """The orders of some markets."""
        on_grid = None if self.on_grid is None else (self.on_grid[0][rows], self.on_grid[1][rows])
        return Orders(self.price[rows], self.quantity[rows], self.household, on_grid)

    @cached_property
    def is_bid(self) -> BoolArray:
        """``(B, N)`` true where an order buys."""
        return self.quantity > 0.0

    @cached_property
    def is_ask(self) -> BoolArray:
        """``(B, N)`` true where an order sells."""
        return self.quantity < 0.0


@dataclass(frozen=True, eq=False)
class Allocation:
    """A mechanism's decision, in the units of the book that it was given.

    What an order-based mechanism does not fill stays unsettled. What a pool rule does not fill is settled with the
    grid, at each household's own tariff.
    """

    filled: FloatArray  # (B, N) matched energy, same sign as the order's quantity
    unit_price: FloatArray  # (B, N) or (B, 1) price a unit of filled energy, before fees
    clearing_price: FloatArray  # (B,) nan without trade, or where there is no single price
    price_low: FloatArray  # (B,) lower end of the competitive-equilibrium interval, nan where nothing crosses
    price_high: FloatArray  # (B,) upper end
    traded: FloatArray | None = None  # (B,) energy bought, where it is known already
    pair_weight: float | None = None  # pairs trade at weight * bid + (1 - weight) * ask, where they do
    group: IntArray | None = None  # (B, N) orders trade with those of their own group only, where there are groups


@dataclass(frozen=True, eq=False)
class Pairs:
    """Trades of one market, an entry a pair of orders, in the units of the book."""

    buyer: IntArray  # (pairs,) index of the buying order
    seller: IntArray  # (pairs,) index of the selling order
    quantity: FloatArray  # (pairs,)
    price: FloatArray  # (pairs,)
