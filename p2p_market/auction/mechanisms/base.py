"""What a mechanism is to the rest of the package: a function, its promises, and how it settles."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from p2p_market.auction.mechanisms.alone import LoneAllocation
from p2p_market.auction.orders import Allocation, Pairs


@dataclass(frozen=True)
class Promises:
    """The laws that a mechanism holds in every market, with any of its options; the law tests hold it to them.

    Where lots are drawn, the laws hold for every draw, and not in expectation alone. Truthfulness is that of a single
    bidding round: who reports several times may gain by holding back at first.

    Parameters
    ----------
    individually_rational
        Nobody that trades loses against its own report. Under a pool rule, for which no price is reported: where all
        have one tariff, nobody is worse off than with the grid alone.
    budget
        ``"strong"``: payments sum to 0; ``"weak"``: the operator never pays; ``"grid"``: payments sum to what the
        pool pays the grid; ``"deficit"``: the operator never earns and may have to pay. All before fees.
    efficient
        The welfare of the reports is as large as it can be.
    truthful_in_price, truthful_in_quantity
        Whatever the others report, a household with one order and one value a kWh gains by no other price, the quantity
        being true; by no other quantity, the price being true; where both are promised, by no other pair of them. A kWh
        beyond the own need is worth nothing, and nobody offers more than it has. Trivially true of a report that is not
        asked for: a price under a pool rule, a quantity where all orders are one lot. Under a pool rule the other
        quantity is settled with the grid, under one tariff for all.
    order_independent
        The result does not depend on the order of the arrays, each order keeping its own lot.
    split_independent
        Splitting an order into two of the same price, of two traders, changes nobody's total.
    scale_equivariant
        Scaling all prices, or all quantities, scales the result.
    uses_random_numbers
        Lots are drawn even where no tie needs one.
    unit_lots
        It is defined for orders of one size only.
    """

    individually_rational: bool
    budget: Literal["strong", "weak", "grid", "deficit"]
    efficient: bool = False
    truthful_in_price: bool = False
    truthful_in_quantity: bool = False
    order_independent: bool = True
    split_independent: bool = True
    scale_equivariant: bool = True
    uses_random_numbers: bool = False
    unit_lots: bool = False


@dataclass(frozen=True, eq=False)
class Mechanism:
    """One entry of the registry.

    Parameters
    ----------
    allocate
        For an order-based mechanism ``f(book, **options)``, for a pool rule
        ``f(quantity, retail_price, feed_in_price, **options)`` with arrays ``(B, N)``, returning an `Allocation`.
        Options are keyword-only.
    promises
        The laws that it holds.
    is_pool
        Whether it settles whole net positions, the grid included, and ignores limit prices.
    takes_lots
        Whether it makes use of random numbers where it is given any, though it can do without.
    pairs
        For a mechanism that pairs orders in a way of its own: ``f(book, **options)`` of one market, returning `Pairs`.
        Elsewhere pairs follow from the fills, see `Transactions`.
    is_sequential
        Whether it works through the orders of a market one after the other; larger batches are faster then.
    alone
        The same for one small market, ``f(ticks, units, **options)`` with lists of whole numbers, returning a
        `LoneAllocation`; where calls of NumPy would cost more than the work. ``None``: there is none.
    """

    allocate: Callable[..., Allocation]
    promises: Promises
    is_pool: bool = False
    takes_lots: bool = False
    pairs: Callable[..., Pairs] | None = None
    is_sequential: bool = False
    alone: Callable[..., LoneAllocation] | None = None

    @property
    def takes_rounds(self) -> bool:
        """Whether households may quote several times inside an interval: it has the option ``rounds``."""
        return "rounds" in self.options

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.allocate) or "").split("\n", 1)[0]

    @cached_property
    def options(self) -> dict[str, object]:
        """Names and defaults of the mechanism's own options."""
        parameters = inspect.signature(self.allocate).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
