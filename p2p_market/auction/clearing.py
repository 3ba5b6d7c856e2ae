"""What an auction decided, in kWh and dollars, and the one function that takes orders there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.orders import Allocation, Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray, IntArray


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
    price_low: FloatArray  # (...,) [$/kWh] lowest price that clears the orders, before fees; nan where none do
    price_high: FloatArray  # (...,) [$/kWh] highest such price; under a pool rule both are the price inside the pool
    traded: FloatArray  # (...,) [kWh]
    operator_surplus: FloatArray  # (...,) [$] payments, less network and grid payment
    network_payment: FloatArray  # (...,) [$] network fee on the traded energy
    grid_payment: FloatArray  # (...,) [$] what a pool pays the grid; 0 for order-based mechanisms
    pair_weight: float | None = None  # pairs trade at weight * bid + (1 - weight) * ask, where they do
    group: IntArray | None = None  # (..., N) orders trade with those of their own group only, where there are groups

    def reshape(self, leading: tuple[int, ...]) -> Clearing:
        """Return the same result with other leading axes."""
        arrays: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                trailing = (value.shape[-1],) if field.name in ("filled", "unit_price", "payment", "group") else ()
                value = value.reshape(leading + trailing)
            arrays[field.name] = value
        return Clearing(**arrays)


# A batch is cleared in blocks of about so many orders, whose arrays stay in the processor's cache: twice as fast.
_BLOCK = 16_384


def sort_book(
    rules: AuctionRules, orders: Orders, draws: FloatArray | None = None, *, first_market: int = 0
) -> SortedBook:
    """Lay orders out as the mechanism sees them: fees included, on the grids of price and energy."""
    quantity = rules.to_book_quantity(orders.quantity)
    return SortedBook(
        rules.to_book_price(orders.price, quantity > 0.0),
        quantity,
        tolerance=1e-12 if rules.energy_unit is None else 0.0,
        ties=rules.ties,
        draws=draws,
        household=orders.household,
        energy_unit=rules.energy_unit or 1.0,
        first_market=first_market,
    )


def clear_orders(
    rules: AuctionRules,
    orders: Orders,
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
    draws
        ``(B, N)`` random numbers, for rules that draw lots.
    retail_price, feed_in_price
        Broadcastable to ``(B, N)`` [$/kWh]; pool rules need them.
    """
    num_markets, num_orders = orders.quantity.shape
    length = max(1, _BLOCK // max(num_orders, 1))
    if num_markets <= length or rules.entry.is_sequential:
        return _clear_block(rules, orders, draws, retail_price, feed_in_price)
    shape, blocks = orders.quantity.shape, []
    given = [None if each is None else np.broadcast_to(each, shape) for each in (draws, retail_price, feed_in_price)]
    for first in range(0, num_markets, length):
        rows = slice(first, first + length)
        some = Orders(orders.price[rows], orders.quantity[rows], orders.household)
        own_lots, retail, feed_in = (None if values is None else values[rows] for values in given)
        blocks.append(_clear_block(rules, some, own_lots, retail, feed_in, first))
    return _join(blocks)


def _clear_block(
    rules: AuctionRules,
    orders: Orders,
    draws: FloatArray | None,
    retail_price: FloatArray | None,
    feed_in_price: FloatArray | None,
    first_market: int = 0,
) -> Clearing:
    if not rules.is_pool:
        book = sort_book(rules, orders, draws, first_market=first_market)
        return _settle(rules, rules.entry.allocate(book, **rules.options))
    if retail_price is None or feed_in_price is None:
        raise MechanismError(f"mechanism {rules.mechanism!r} settles with the grid; give retail and feed-in prices")
    shape = orders.quantity.shape
    return _settle_pool(
        rules, orders.quantity, np.broadcast_to(retail_price, shape), np.broadcast_to(feed_in_price, shape)
    )


def _join(blocks: Sequence[Clearing]) -> Clearing:
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name, value in vars(blocks[0]).items()
        if isinstance(value, np.ndarray)
    }
    return dataclasses.replace(blocks[0], **joined)


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
        group=allocation.group,
    )


def _settle_pool(
    rules: AuctionRules, quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray
) -> Clearing:
    """Settle what a pool matches at its inside price, fees on top, and the rest at each household's own tariff.

    The rule sees the tariffs as fees leave them: a buyer that pays 0.30 to the grid is as well off at 0.28 and a fee
    of 0.02. So a fee makes nobody worse off than the grid, and one that eats up the gains leaves everybody with it.
    """
    fees, buys = rules.fees, quantity > 0.0
    allocation: Allocation = rules.entry.allocate(
        quantity, fees.buyer_limit(retail_price), fees.seller_limit(feed_in_price), **rules.options
    )
    filled = allocation.filled
    inside = np.where(filled != 0.0, allocation.unit_price, 0.0)
    matched = np.where(filled != 0.0, np.where(buys, fees.on_buyer(inside), fees.on_seller(inside)) * filled, 0.0)
    with_grid = np.where(buys, retail_price, feed_in_price) * (quantity - filled)
    payment = matched + with_grid
    traded = (filled * buys).sum(axis=1)
    network_payment = fees.network * traded
    grid_payment = with_grid.sum(axis=1)
    return Clearing(
        filled=filled,
        unit_price=np.where(quantity != 0.0, payment / np.where(quantity != 0.0, quantity, 1.0), np.nan),
        payment=payment,
        clearing_price=allocation.clearing_price,
        price_low=allocation.price_low,
        price_high=allocation.price_high,
        traded=traded,
        operator_surplus=matched.sum(axis=1) - network_payment,
        network_payment=network_payment,
        grid_payment=grid_payment,
    )
