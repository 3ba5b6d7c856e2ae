"""A book that people can look at: the depth ladder of one market, and who traded with whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.auction.clearing import Clearing, sort_book
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.notebook import MOST_ROWS, as_text, html_table
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

    def _repr_html_(self) -> str:
        most = MOST_ROWS // 2
        sides = (
            ("ask", self.ask_price[:most][::-1], self.ask_quantity[:most][::-1], self.ask_cumulative[:most][::-1]),
            ("bid", self.bid_price[:most], self.bid_quantity[:most], self.bid_cumulative[:most]),
        )
        rows = [
            (side, as_text(price, 4), as_text(quantity), as_text(cumulative))
            for side, *columns in sides
            for price, quantity, cumulative in zip(*(column.tolist() for column in columns), strict=True)
        ]
        price = as_text(self.clearing_price, 4)
        title = f"Order book: {as_text(self.traded)} kWh traded, clearing price {price} $/kWh"
        header = ("side", "limit price [$/kWh]", "energy [kWh]", "at this price or better [kWh]")
        return html_table(title, header, rows, self.ask_price.size + self.bid_price.size)


@dataclass(frozen=True, eq=False)
class Transactions:
    """Who sold how much to whom, an entry a pair of orders.

    In a continuous market these are the trades, in the order in which they were made; two orders meet at most once, two
    households with several bidding rounds perhaps more often.
    Other order-based mechanisms decide fills and prices, and pairs follow by convention: the filled energy is paired
    from the best prices on, level with level, and a level that meets a level is split pro rata over the orders of both
    (within each half of the market under `muda`). A pair has the pair's price where the mechanism has one, else the
    prices of its two orders, so the pairs of an order add up to its fill and its payment. A pool's matched energy is
    split pro rata over all, at the price inside the pool; what its households settle with the grid is not here.
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


def transactions(
    rules: AuctionRules, orders: Orders, draws: FloatArray | None, clearing: Clearing, market: int
) -> Transactions:
    """Pairs of market ``market`` of a batch."""
    fees, filled, unit_price = rules.fees, clearing.filled[market], clearing.unit_price[market]
    if rules.is_pool:
        buyer, seller, quantity = _join_pairs([_level_pairs(np.zeros_like(filled), filled)])
        inside = np.full(quantity.shape, clearing.clearing_price[market])
        return Transactions(buyer, seller, quantity, fees.on_buyer(inside), fees.on_seller(inside))

    row = slice(market, market + 1)
    own = Orders(orders.price[row], orders.quantity[row], orders.household)
    book = sort_book(rules, own, None if draws is None else draws[row], first_market=market)
    if rules.entry.pairs is not None:
        pairs = rules.entry.pairs(book, **rules.options)
        quantity, price = rules.from_book_quantity(pairs.quantity), rules.from_book_price(pairs.price)
        return Transactions(pairs.buyer, pairs.seller, quantity, fees.buyer_price(price), fees.seller_price(price))

    limit = rules.from_book_price(book.price[0])
    group = np.zeros(filled.shape, dtype=np.int64) if clearing.group is None else clearing.group[market]
    of_groups = [_level_pairs(limit, np.where(group == each, filled, 0.0)) for each in np.unique(group)]
    buyer, seller, quantity = _join_pairs(of_groups)
    if clearing.pair_weight is None:
        return Transactions(buyer, seller, quantity, unit_price[buyer], unit_price[seller])
    price = clearing.pair_weight * limit[buyer] + (1.0 - clearing.pair_weight) * limit[seller]
    return Transactions(buyer, seller, quantity, fees.buyer_price(price), fees.seller_price(price))


def _level_pairs(price: FloatArray, filled: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Pair what is filled, level with level from the best prices on: buyers, sellers and energy."""
    buyers, sellers = np.flatnonzero(filled > 0.0), np.flatnonzero(filled < 0.0)
    buyers = buyers[np.argsort(-price[buyers], kind="stable")]
    sellers = sellers[np.argsort(price[sellers], kind="stable")]
    bought, sold = filled[buyers], -filled[sellers]
    buyer_level, seller_level = _level_of(price[buyers]), _level_of(price[sellers])
    level_bought, level_sold = _sum_by(buyer_level, bought), _sum_by(seller_level, sold)
    pairs: list[tuple[IntArray, IntArray, FloatArray]] = []
    for of_buyers, of_sellers, energy in _walk(level_bought, level_sold):
        some_buyers, some_sellers = buyer_level == of_buyers, seller_level == of_sellers
        shares = np.outer(bought[some_buyers], sold[some_sellers])
        quantity = energy * shares / (level_bought[of_buyers] * level_sold[of_sellers])
        buyer, seller = np.meshgrid(buyers[some_buyers], sellers[some_sellers], indexing="ij")
        pairs.append((buyer.ravel(), seller.ravel(), quantity.ravel()))
    return _join_pairs(pairs)


def _join_pairs(
    parts: Sequence[tuple[IntArray, IntArray, FloatArray]],
) -> tuple[IntArray, IntArray, FloatArray]:
    if not parts:
        nobody = np.empty(0, dtype=np.int64)
        return nobody, nobody, np.empty(0)
    buyer, seller, quantity = zip(*parts, strict=True)
    return np.concatenate(buyer), np.concatenate(seller), np.concatenate(quantity)


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
