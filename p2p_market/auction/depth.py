"""A book that people can look at: the depth ladder of one market, and who traded with whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.fees import Fees
from p2p_market.auction.orders import Orders
from p2p_market.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class OrderBook:
    """The depth of one market: price levels from the best on, with the energy at each and up to each.

    Prices are the limit prices as handed in, fees not included. ``bid_*`` run from the highest price down, ``ask_*``
    from the lowest up.
    """

    bid_price: FloatArray  # (levels,) [$/kWh]
    bid_quantity: FloatArray  # (levels,) [kWh]
    bid_cumulative: FloatArray  # (levels,) [kWh] at this price or better
    ask_price: FloatArray
    ask_quantity: FloatArray
    ask_cumulative: FloatArray
    traded: float  # [kWh]
    clearing_price: float  # [$/kWh] nan without trade or without a single price
    price_low: float  # [$/kWh] prices from here
    price_high: float  # [$/kWh] to here clear the market; nan without trade

    @property
    def best_bid(self) -> float:
        """Highest limit price of a buyer [$/kWh]; nan without bids."""
        return float(self.bid_price[0]) if self.bid_price.size else float("nan")

    @property
    def best_ask(self) -> float:
        """Lowest limit price of a seller [$/kWh]; nan without asks."""
        return float(self.ask_price[0]) if self.ask_price.size else float("nan")

    @property
    def spread(self) -> float:
        """Best ask less best bid [$/kWh]; below 0 where the book crosses."""
        return self.best_ask - self.best_bid


@dataclass(frozen=True, eq=False)
class Transactions:
    """Who sold how much to whom, an entry a pair of orders.

    Order-based mechanisms pair the book's levels from the best prices on; a level that meets a level is split pro rata
    over the orders of both. A pool has no pairs of its own: its matched energy is split pro rata over all.
    """

    buyer: IntArray  # (pairs,) index of the buying order
    seller: IntArray  # (pairs,) index of the selling order
    quantity: FloatArray  # (pairs,) [kWh]
    buyer_price: FloatArray  # (pairs,) [$/kWh] what the buyer pays, fees included
    seller_price: FloatArray  # (pairs,) [$/kWh] what the seller gets, fees deducted

    @property
    def price(self) -> FloatArray:
        """``(pairs,)`` middle between what the buyer pays and what the seller gets [$/kWh]."""
        return 0.5 * (self.buyer_price + self.seller_price)

    def __len__(self) -> int:
        return len(self.quantity)


def order_book(orders: Orders, clearing: Clearing, market: int) -> OrderBook:
    """Depth ladder of market ``market`` of a batch."""
    price, quantity = orders.price[market], orders.quantity[market]
    bid_price, bid_quantity = _levels(-price[quantity > 0.0], quantity[quantity > 0.0])
    ask_price, ask_quantity = _levels(price[quantity < 0.0], -quantity[quantity < 0.0])
    return OrderBook(
        bid_price=-bid_price,
        bid_quantity=bid_quantity,
        bid_cumulative=np.cumsum(bid_quantity),
        ask_price=ask_price,
        ask_quantity=ask_quantity,
        ask_cumulative=np.cumsum(ask_quantity),
        traded=float(clearing.traded[market]),
        clearing_price=float(clearing.clearing_price[market]),
        price_low=float(clearing.price_low[market]),
        price_high=float(clearing.price_high[market]),
    )


def transactions(book_price: FloatArray, clearing: Clearing, market: int, fees: Fees) -> Transactions:
    """Pairs of market ``market`` of a batch, from limit prices ``(N,)`` [$/kWh] that include the fees."""
    price, filled, unit_price = book_price, clearing.filled[market], clearing.unit_price[market]
    buyers, sellers = np.flatnonzero(filled > 0.0), np.flatnonzero(filled < 0.0)
    buyers = buyers[np.argsort(-price[buyers], kind="stable")]
    sellers = sellers[np.argsort(price[sellers], kind="stable")]
    bought, sold = filled[buyers], -filled[sellers]
    buyer_level = _level_of(price[buyers])
    seller_level = _level_of(price[sellers])
    level_bought = _sum_by(buyer_level, bought)
    level_sold = _sum_by(seller_level, sold)

    pairs: list[tuple[IntArray, IntArray, FloatArray]] = []
    for of_buyers, of_sellers, energy in _walk(level_bought, level_sold):
        some_buyers, some_sellers = buyer_level == of_buyers, seller_level == of_sellers
        shares = np.outer(bought[some_buyers], sold[some_sellers])
        quantity = energy * shares / (level_bought[of_buyers] * level_sold[of_sellers])
        buyer, seller = np.meshgrid(buyers[some_buyers], sellers[some_sellers], indexing="ij")
        pairs.append((buyer.ravel(), seller.ravel(), quantity.ravel()))
    if not pairs:
        nobody, nothing = np.empty(0, dtype=np.int64), np.empty(0)
        return Transactions(nobody, nobody, nothing, nothing, nothing)
    buyer, seller, quantity = (np.concatenate(column) for column in zip(*pairs, strict=True))
    if clearing.pair_weight is None:
        return Transactions(buyer, seller, quantity, unit_price[buyer], unit_price[seller])
    pair_price = clearing.pair_weight * price[buyer] + (1.0 - clearing.pair_weight) * price[seller]
    return Transactions(buyer, seller, quantity, fees.buyer_price(pair_price), fees.seller_price(pair_price))


def _levels(key: FloatArray, quantity: FloatArray) -> tuple[FloatArray, FloatArray]:
    levels, inverse = np.unique(key, return_inverse=True)
    return levels, _sum_by(inverse, quantity)


def _sum_by(level: IntArray, quantity: FloatArray) -> FloatArray:
    return np.bincount(level, weights=quantity).astype(np.float64)


def _level_of(sorted_price: FloatArray) -> IntArray:
    starts_level = sorted_price[1:] != sorted_price[:-1]
    return np.concatenate([np.zeros(min(1, sorted_price.size), dtype=np.int64), np.cumsum(starts_level)])


def _walk(level_bought: FloatArray, level_sold: FloatArray) -> list[tuple[int, int, float]]:
    """Pair the levels of both sides from the best on; what is left by rounding at the end is dropped."""
    noise = 1e-12 * float(level_bought.sum())
    steps: list[tuple[int, int, float]] = []
    buying, selling = 0, 0
    to_buy, to_sell = level_bought.copy(), level_sold.copy()
    while buying < len(to_buy) and selling < len(to_sell):
        energy = min(to_buy[buying], to_sell[selling])
        if energy > noise:
            steps.append((buying, selling, float(energy)))
        to_buy[buying] -= energy
        to_sell[selling] -= energy
        bought_out, sold_out = to_buy[buying] <= noise, to_sell[selling] <= noise
        buying += int(bought_out)
        selling += int(sold_out)
    return steps
