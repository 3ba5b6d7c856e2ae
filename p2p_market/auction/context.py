"""One auction: the band of its prices, its orders, the mechanism's decision, and the check of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.auction.audit import audit_clearing, audit_households
from p2p_market.auction.clearing import Clearing, clear_orders
from p2p_market.auction.depth import OrderBook, Transactions, order_book, transactions
from p2p_market.auction.orders import Orders
from p2p_market.auction.rounds import fold_rounds
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import EpisodeError
from p2p_market.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class AuctionContext:
    """The auction of one interval in ``B`` markets: a strategy holder that runs its mechanism once, when asked.

    An open context knows the band and turns chosen positions into limit prices; `with_orders` gives the same context
    with its book closed, which clears on first use and can then be read from every side.

    Parameters
    ----------
    rules
        The market's rules.
    price_low, price_high
        ``(B,)`` band of limit prices [$/kWh]: lowest feed-in and highest retail price of the street.
    retail_price, feed_in_price
        ``(B, N)`` [$/kWh] each household's tariff; pool rules settle by it.
    orders
        The orders, once they are in, a column a household.
    draws
        ``(B, N)`` random numbers for rules that draw lots, ``(B, R * N)`` with ``R`` bidding rounds.
    audit
        Check every clearing for the laws that all mechanisms share, and raise `MechanismError` if one fails.
    quotes
        ``(B, R * N)`` what was quoted in ``R`` bidding rounds; ``None`` where everybody quotes once. Then ``orders``
        has each household's last price and largest quantity, and ``clearing`` what all its quotes brought it.
    """

    rules: AuctionRules
    price_low: FloatArray
    price_high: FloatArray
    retail_price: FloatArray
    feed_in_price: FloatArray
    orders: Orders | None = None
    draws: FloatArray | None = None
    audit: bool = False
    quotes: Orders | None = None

    def make_bid_price(self, position: FloatArray, is_bid: BoolArray) -> FloatArray:
        """Limit prices ``(B, N)`` [$/kWh] from positions in the band.

        Parameters
        ----------
        position
            ``(B, N)``; -1 is the low end of the band and +1 the high end, for buyers and sellers alike.
        is_bid
            ``(B, N)``; bids are rounded down to the price tick, asks up.
        """
        return self.rules.round_price(self.price_at(position), is_bid)

    def price_at(self, position: FloatArray) -> FloatArray:
        """Prices ``(B, N)`` [$/kWh] at positions in the band, on no tick."""
        low, high = self.price_low[:, None], self.price_high[:, None]
        # from the nearer end, so that both ends are met to the bit: low + (high - low) need not be high
        from_end = (1.0 - np.abs(position)) * (0.5 * (high - low))
        return np.where(position < 0.0, low + from_end, high - from_end)

    def with_orders(
        self, orders: Orders, draws: FloatArray | None = None, quotes: Orders | None = None
    ) -> AuctionContext:
        """Return the same auction with its orders in, and with the quotes of all rounds where there are several."""
        return AuctionContext(
            self.rules,
            self.price_low,
            self.price_high,
            self.retail_price,
            self.feed_in_price,
            orders=orders,
            draws=draws,
            audit=self.audit,
            quotes=quotes,
        )

    @cached_property
    def clearing(self) -> Clearing:
        """The result; the mechanism runs when this is first read.

        Raises
        ------
        MechanismError
            If the mechanism is not defined for these orders, or the audit finds a law broken.
        """
        if self.quotes is None:
            return self._clearing_of_entries
        clearing = fold_rounds(self.rules, self._clearing_of_entries)
        if self.audit:
            audit_households(self.rules, self._orders, clearing)
        return clearing

    @cached_property
    def _clearing_of_entries(self) -> Clearing:
        entries = self._orders if self.quotes is None else self.quotes
        clearing = clear_orders(
            self.rules,
            entries,
            draws=self.draws,
            retail_price=self.retail_price,
            feed_in_price=self.feed_in_price,
        )
        if self.audit:
            audit_clearing(self.rules, entries, clearing)
        return clearing

    @property
    def matched_order(self) -> FloatArray:
        """``(B, N)`` energy of each order that was matched in the market [kWh], signed."""
        return self.clearing.filled

    @property
    def non_matched_order(self) -> FloatArray:
        """``(B, N)`` energy of each order that was not matched [kWh], signed."""
        return self._orders.quantity - self.clearing.filled

    def get_orderbook(self, market: int = 0) -> OrderBook:
        """Depth ladder of one market of the batch."""
        return order_book(self._orders, self.clearing, market)

    def transaction(self, market: int = 0) -> Transactions:
        """Pairs of buyer and seller of one market of the batch, with quantity and price."""
        if self.quotes is None:
            return transactions(self.rules, self._orders, self.draws, self.clearing, market)
        pairs = transactions(self.rules, self.quotes, self.draws, self._clearing_of_entries, market)
        num_households = self._orders.quantity.shape[1]
        return dataclasses.replace(pairs, buyer=pairs.buyer % num_households, seller=pairs.seller % num_households)

    @property
    def _orders(self) -> Orders:
        if self.orders is None:
            raise EpisodeError("this auction has no orders yet; read the context of a finished interval")
        return self.orders
