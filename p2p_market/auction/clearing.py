"""What an auction decided, in kWh and dollars, and the one function that takes orders there."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.orders import Allocation, Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.types import FloatArray


@dataclass(frozen=True, eq=False)
class Clearing:
    """The result of an auction; ``...`` are the leading axes that the orders came with.

    Under a pool rule ``unit_price`` and ``payment`` are for the household's whole net quantity and ``filled`` is the
    part that was matched locally; otherwise what is not filled is not settled here.
    """

    filled: FloatArray  # (..., N) [kWh] same sign as quantity, |filled| <= |quantity|
    unit_price: FloatArray  # (..., N) [$/kWh] what each pays or gets a kWh, fees included; nan where nothing is settled
    payment: FloatArray  # (..., N) [$] > 0 pays, < 0 receives
    clearing_price: FloatArray  # (...,) [$/kWh] before fees; nan without trade or without a single price
    price_low: FloatArray  # (...,) [$/kWh] lowest price that clears the market, before fees; nan without trade
    price_high: FloatArray  # (...,) [$/kWh] highest price that clears the market, before fees; nan without trade
    traded: FloatArray  # (...,) [kWh]
    operator_surplus: FloatArray  # (...,) [$] payments, less network and grid payment
    network_payment: FloatArray  # (...,) [$] network fee on the traded energy
    grid_payment: FloatArray  # (...,) [$] what a pool pays the grid; 0 for order-based mechanisms
    pair_weight: float | None = None  # pairs trade at weight * bid + (1 - weight) * ask, where they do

    def reshape(self, leading: tuple[int, ...]) -> Clearing:
        """Return the same result with other leading axes."""
        arrays: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                trailing = (value.shape[-1],) if field.name in ("filled", "unit_price", "payment") else ()
                value = value.reshape(leading + trailing)
            arrays[field.name] = value
        return Clearing(**arrays)


def sort_book(rules: AuctionRules, orders: Orders, draws: FloatArray | None = None) -> SortedBook:
    """Lay orders out as the mechanism sees them: fees included, on the grids of price and energy."""
    quantity = rules.to_book_quantity(orders.quantity)
    return SortedBook(
        rules.to_book_price(orders.price, quantity > 0.0),
        quantity,
        tolerance=1e-12 if rules.energy_unit is None else 0.0,
        ties=rules.ties,
        draws=draws,
        household=orders.household,
    )


def clear_orders(
    rules: AuctionRules,
    orders: Orders,
    book: SortedBook | None = None,
    *,
    draws: FloatArray | None = None,
    retail_price: FloatArray | None = None,
    feed_in_price: FloatArray | None = None,
) -> Clearing:
    """Run the mechanism on valid orders and settle it in kWh and dollars.

    Parameters
    ----------
    rules
        The market's rules.
    orders
        ``(B, N)``; taken as valid.
    book
        The orders sorted by `sort_book`, when the caller has them already.
    draws
        ``(B, N)`` random numbers, for rules that draw lots.
    retail_price, feed_in_price
        Broadcastable to ``(B, N)`` [$/kWh]; pool rules need them.
    """
    if rules.is_pool:
        return _settle_pool(rules, orders, rules.entry.allocate(orders.quantity, retail_price, feed_in_price))
    book = sort_book(rules, orders, draws) if book is None else book
    return _settle(rules, rules.entry.allocate(book, **rules.options))


def _settle(rules: AuctionRules, allocation: Allocation) -> Clearing:
    fees = rules.fees
    filled = rules.from_book_quantity(allocation.filled)
    book_price = rules.from_book_price(allocation.unit_price)
    buys = filled > 0.0
    if fees.is_free:
        price = np.where(filled != 0.0, book_price, np.nan)
    else:
        both = np.where(buys, fees.buyer_price(book_price), fees.seller_price(book_price))
        price = np.where(filled != 0.0, both, np.nan)
    payment = np.where(filled != 0.0, filled * price, 0.0)
    traded = (filled * buys).sum(axis=1)
    network_payment = fees.network * traded
    return Clearing(
        filled=filled,
        unit_price=price,
        payment=payment,
        clearing_price=fees.market_price(rules.from_book_price(allocation.clearing_price)),
        price_low=fees.market_price(rules.from_book_price(allocation.price_low)),
        price_high=fees.market_price(rules.from_book_price(allocation.price_high)),
        traded=traded,
        operator_surplus=payment.sum(axis=1) - network_payment,
        network_payment=network_payment,
        grid_payment=np.zeros_like(traded),
        pair_weight=allocation.pair_weight,
    )


def _settle_pool(rules: AuctionRules, orders: Orders, allocation: Allocation) -> Clearing:
    fees, quantity, filled = rules.fees, orders.quantity, allocation.filled
    settled = quantity != 0.0
    traded = np.where(filled > 0.0, filled, 0.0).sum(axis=1)
    payment = np.where(settled, allocation.unit_price * quantity, 0.0)
    if not fees.is_free:
        share = np.where(quantity > 0.0, fees.buyer_share, 1.0 - fees.buyer_share)
        payment += share * np.abs(filled) * (fees.per_kwh + fees.rate * allocation.unit_price)
    nonzero = np.where(settled, quantity, 1.0)
    grid_payment = np.zeros_like(traded) if allocation.grid_payment is None else allocation.grid_payment
    network_payment = fees.network * traded
    return Clearing(
        filled=filled,
        unit_price=np.where(settled, payment / nonzero, np.nan),
        payment=payment,
        clearing_price=allocation.clearing_price,
        price_low=allocation.price_low,
        price_high=allocation.price_high,
        traded=traded,
        operator_surplus=payment.sum(axis=1) - grid_payment - network_payment,
        network_payment=network_payment,
        grid_payment=grid_payment,
    )
