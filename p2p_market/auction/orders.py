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
    """

    price: FloatArray
    quantity: FloatArray
    household: IntArray | None = None

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

    Order-based mechanisms leave ``grid_payment`` at ``None``: what they do not fill stays unsettled. Pool rules
    settle every order whole, the exchange with the grid included, and say what the pool pays the grid.
    """

    filled: FloatArray  # (B, N) matched energy, same sign as the order's quantity
    unit_price: FloatArray  # (B, N) or (B, 1) price a unit of energy, the same for both sides of the book
    clearing_price: FloatArray  # (B,) nan without trade, or where there is no single price
    price_low: FloatArray  # (B,) lower end of the competitive-equilibrium interval, nan without trade
    price_high: FloatArray  # (B,) upper end
    pair_weight: float | None = None  # pairs trade at weight * bid + (1 - weight) * ask, where they do
    grid_payment: FloatArray | None = None  # (B,) [$] pool rules only
