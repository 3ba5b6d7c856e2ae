"""What an auction decided, in kWh and dollars, and the one function that takes orders there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.orders import Allocation, Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.auction.tick_book import tick_book
from p2p_market.errors import MechanismError
from p2p_market.notebook import MOST_ROWS, as_text, html_table
from p2p_market.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Clearing:
    """The result of an auction; ``...`` are the leading axes that the orders came with.

    Under a pool rule ``unit_price`` and ``payment`` are for the household's whole net quantity and ``filled`` is the
    part that was matched locally; otherwise what is not filled is not settled here.
    """

    filled: FloatArray  # (..., N) [kWh] same sign as quantity, |filled| <= |quantity|
    payment: FloatArray  # (..., N) [$] > 0 pays, < 0 receives
    charged_price: FloatArray  # (..., N), or (..., 1) where all trade at one [$/kWh]; read `unit_price`
    clearing_price: FloatArray  # (...,) [$/kWh] before fees; nan without trade or without a single price
    price_low: FloatArray  # (...,) [$/kWh] lowest price that clears the orders, before fees; nan where none do
    price_high: FloatArray  # (...,) [$/kWh] highest such price; under a pool rule both are the price inside the pool
    traded: FloatArray  # (...,) [kWh]
    operator_surplus: FloatArray  # (...,) [$] payments, less network and grid payment
    network_payment: FloatArray  # (...,) [$] network fee on the traded energy
    grid_payment: FloatArray  # (...,) [$] what a pool pays the grid; 0 for order-based mechanisms
    pair_weight: float | None = None  # pairs trade at weight * bid + (1 - weight) * ask, where they do
    group: IntArray | None = None  # (..., N) orders trade with those of their own group only, where there are groups

    @cached_property
    def unit_price(self) -> FloatArray:
        """``(..., N)`` [$/kWh] what each pays or gets a kWh, fees included; nan where nothing is settled."""
        if self.charged_price.shape == self.filled.shape:
            return self.charged_price
        return np.where(self.filled != 0.0, self.charged_price, np.nan)

    def reshape(self, leading: tuple[int, ...]) -> Clearing:
        """Return the same result with other leading axes."""
        by_order = (*leading, self.filled.shape[-1])
        reshaped: dict[str, Any] = {name: getattr(self, name).reshape(leading) for name in _BY_MARKET}
        return Clearing(
            filled=self.filled.reshape(by_order),
            payment=self.payment.reshape(by_order),
            charged_price=self.charged_price.reshape(*leading, self.charged_price.shape[-1]),
            **reshaped,
            pair_weight=self.pair_weight,
            group=None if self.group is None else self.group.reshape(by_order),
        )

    def _repr_html_(self) -> str:
        leading = self.filled.shape[:-1]
        if leading:
            names = ("traded", "clearing_price", "operator_surplus")
            columns = [getattr(self, name).reshape(-1) for name in names]
            title = f"Clearing of {' x '.join(map(str, leading))} markets of {self.filled.shape[-1]} orders"
            header = ("market", "traded [kWh]", "clearing price [$/kWh]", "operator surplus [$]")
            indices = [", ".join(map(str, place)) for place in np.ndindex(*leading)][:MOST_ROWS]
        else:
            columns = [self.filled, self.unit_price, self.payment]
            price = as_text(float(self.clearing_price), 4)
            title = f"Clearing: {as_text(float(self.traded))} kWh traded, clearing price {price} $/kWh"
            header = ("order", "filled [kWh]", "price [$/kWh]", "payment [$]")
            indices = [str(place) for place in range(min(len(self.filled), MOST_ROWS))]
        rows = (
            (index, *(as_text(float(column[place]), 4) for column in columns)) for place, index in enumerate(indices)
        )
        return html_table(title, header, rows, columns[0].size)


_BY_MARKET = (
    "clearing_price",
    "price_low",
    "price_high",
    "traded",
    "operator_surplus",
    "network_payment",
    "grid_payment",
)


# A batch is cleared in blocks of about so many orders, whose arrays stay in the processor's cache: twice as fast.
_BLOCK = 16_384
_BLOCK_ON_GRID = 131_072  # of integers, half the size and a fraction of the time, so that calls weigh more

# Orders up to which one market alone is faster in plain Python.
_SMALL_MARKET = 320
_LARGEST_EXACT = 2.0**53


def sort_book(
    rules: AuctionRules, orders: Orders, draws: FloatArray | None = None, *, first_market: int = 0
) -> SortedBook:
    """Lay orders out as the mechanism sees them: fees included, on the grids of price and energy."""
    rest: dict[str, Any] = {
        "ties": rules.ties,
        "draws": draws,
        "household": orders.household,
        "energy_unit": rules.energy_unit or 1.0,
        "first_market": first_market,
    }
    on_grid = rules.to_grid(orders)
    if on_grid is not None and (book := tick_book(*on_grid, **rest)) is not None:
        return book
    quantity = rules.to_book_quantity(orders.quantity)
    # what is cut down to nothing keeps its side, as on the grid, so that both list the same prices in the same order
    price = rules.to_book_price(orders.price, ~np.signbit(orders.quantity))
    return SortedBook(price, quantity, tolerance=1e-12 if rules.energy_unit is None else 0.0, **rest)


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
    if num_markets == 1 and 0 < num_orders <= _SMALL_MARKET and rules.has_way_alone:
        clearing = _clear_alone(rules, orders)
        if clearing is not None:
            return clearing
    length = max(1, (_BLOCK if rules.fee_ticks is None else _BLOCK_ON_GRID) // max(num_orders, 1))
    if num_markets <= length or rules.entry.is_sequential:
        return _clear_block(rules, orders, draws, retail_price, feed_in_price)
    shape, blocks = orders.quantity.shape, []
    given = [None if each is None else np.broadcast_to(each, shape) for each in (draws, retail_price, feed_in_price)]
    filled, payment = np.empty(shape), np.empty(shape)
    for first in range(0, num_markets, length):
        rows = slice(first, first + length)
        some = orders.of_markets(rows)
        own_lots, retail, feed_in = (None if values is None else values[rows] for values in given)
        out = filled[rows], payment[rows]
        blocks.append(_clear_block(rules, some, own_lots, retail, feed_in, first, out))
    return _join(blocks, filled, payment)


def _clear_block(
    rules: AuctionRules,
    orders: Orders,
    draws: FloatArray | None,
    retail_price: FloatArray | None,
    feed_in_price: FloatArray | None,
    first_market: int = 0,
    out: tuple[FloatArray, FloatArray] | None = None,
) -> Clearing:
    filled, payment = out if out is not None else (np.empty(orders.quantity.shape), np.empty(orders.quantity.shape))
    if not rules.is_pool:
        book = sort_book(rules, orders, draws, first_market=first_market)
        return _settle(rules, rules.entry.allocate(book, **rules.options), filled, payment)
    if retail_price is None or feed_in_price is None:
        raise MechanismError(f"mechanism {rules.mechanism!r} settles with the grid; give retail and feed-in prices")
    retail, feed_in = (np.broadcast_to(price, filled.shape) for price in (retail_price, feed_in_price))
    return _settle_pool(rules, orders.quantity, retail, feed_in, filled, payment)


def _clear_alone(rules: AuctionRules, orders: Orders) -> Clearing | None:
    """Clear one market without fees and with one price; ``None`` where its volume is beyond exact sums."""
    on_grid, alone = rules.to_grid(orders), rules.entry.alone
    if on_grid is None or alone is None:
        return None
    ticks, units = on_grid[0][0].tolist(), on_grid[1][0].tolist()
    if max(*units, -min(units)) * len(units) >= _LARGEST_EXACT:
        return None
    allocation = alone(ticks, units, **rules.options)
    (price, low, high), traded = rules.from_book_numbers(*allocation[1:4], units=allocation.traded)
    filled = rules.from_book_quantity(np.array([allocation.filled]))
    payment = filled * (price if traded else 0.0)
    if price < 0.0:
        payment += 0.0  # no negative zeros
    # one array for all small ones, since making each takes as long as the work
    numbers = np.array([[price], [low], [high], [traded], [0.0], [0.0]])
    return Clearing(
        filled=filled,
        payment=payment,
        charged_price=numbers[:1],
        clearing_price=numbers[0],
        price_low=numbers[1],
        price_high=numbers[2],
        traded=numbers[3],
        operator_surplus=payment.sum(axis=1),
        network_payment=numbers[4],
        grid_payment=numbers[5],
    )


def _join(blocks: Sequence[Clearing], filled: FloatArray, payment: FloatArray) -> Clearing:
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name, value in vars(blocks[0]).items()
        if isinstance(value, np.ndarray) and name not in ("filled", "payment")
    }
    return dataclasses.replace(blocks[0], filled=filled, payment=payment, **joined)


def _settle(rules: AuctionRules, allocation: Allocation, filled: FloatArray, payment: FloatArray) -> Clearing:
    """Write energy and money into ``filled`` and ``payment``, and sum them up."""
    fees = rules.fees
    rules.from_book_quantity(allocation.filled, out=filled)
    price = rules.from_book_price(allocation.unit_price)
    if not fees.is_free:
        price = np.where(filled > 0.0, fees.buyer_price(price), fees.seller_price(price))
    if price.shape[1] < filled.shape[1]:
        np.multiply(filled, np.where(np.isnan(price), 0.0, price), out=payment)
    else:
        price = np.where(filled != 0.0, price, np.nan)
        np.multiply(filled, np.where(filled != 0.0, price, 0.0), out=payment)
    if (price < 0.0).any():
        payment += 0.0  # no negative zeros
    if allocation.traded is None:
        traded = np.maximum(filled, 0.0).sum(axis=1)
    else:
        traded = rules.from_book_quantity(allocation.traded)
    network_payment = fees.network * traded
    return Clearing(
        filled=filled,
        payment=payment,
        charged_price=price,
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
    rules: AuctionRules,
    quantity: FloatArray,
    retail_price: FloatArray,
    feed_in_price: FloatArray,
    filled: FloatArray,
    payment: FloatArray,
) -> Clearing:
    """Settle what a pool matches at its inside price, fees on top, and the rest at each household's own tariff.

    The rule sees the tariffs as fees leave them: a buyer that pays 0.30 to the grid is as well off at 0.28 and a fee
    of 0.02. So a fee makes nobody worse off than the grid, and one that eats up the gains leaves everybody with it.
    """
    fees, buys = rules.fees, quantity > 0.0
    allocation: Allocation = rules.entry.allocate(
        quantity, fees.buyer_limit(retail_price), fees.seller_limit(feed_in_price), **rules.options
    )
    filled[...] = allocation.filled
    inside = np.where(filled != 0.0, allocation.unit_price, 0.0)
    matched = np.where(filled != 0.0, np.where(buys, fees.on_buyer(inside), fees.on_seller(inside)) * filled, 0.0)
    with_grid = np.where(buys, retail_price, feed_in_price) * (quantity - filled)
    np.add(matched, with_grid, out=payment)
    traded = np.maximum(filled, 0.0).sum(axis=1)
    network_payment = fees.network * traded
    grid_payment = with_grid.sum(axis=1)
    return Clearing(
        filled=filled,
        payment=payment,
        charged_price=np.where(quantity != 0.0, payment / np.where(quantity != 0.0, quantity, 1.0), np.nan),
        clearing_price=allocation.clearing_price,
        price_low=allocation.price_low,
        price_high=allocation.price_high,
        traded=traded,
        operator_surplus=matched.sum(axis=1) - network_payment,
        network_payment=network_payment,
        grid_payment=grid_payment,
    )
