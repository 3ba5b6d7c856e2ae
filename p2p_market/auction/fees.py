"""Trading and network fees, part of the crossing rule so that no fee turns a trade into a loss.

A fee that is charged after the auction breaks individual rationality: bid 0.20, ask 0.19 and a fee of 0.02 would
trade at a loss. So bids are lowered by the buyer's share of the fee, asks raised by the seller's, the shifted book
clears, and the fee is added back. With fees a kWh only, that is the same book as the one in which asks alone are
raised by the whole fee, read at a price that is the buyer's share higher. This form is used there, since it leaves
bids on their price tick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.errors import MechanismError, is_number
from p2p_market.types import BoolArray, FloatArray


@dataclass(frozen=True)
class Fees:
    """Fees on energy that is matched locally.

    Parameters
    ----------
    trading
        The market operator's fee [$/kWh].
    network
        The network's fee on peer-to-peer energy [$/kWh].
    rate
        The market operator's ad-valorem fee, as a share of the trading price (0.02 is 2 %).
    buyer_share
        Share of every fee that buyers carry, 0 to 1.
    """

    trading: float = 0.0
    network: float = 0.0
    rate: float = 0.0
    buyer_share: float = 0.5

    def __post_init__(self) -> None:
        for name, value in (("fee", self.trading), ("network_fee", self.network), ("fee_rate", self.rate)):
            if not (is_number(value) and value >= 0.0):
                raise MechanismError(f"{name} is {value!r}; expected one finite number, 0 or more")
        if not (is_number(self.buyer_share) and 0.0 <= self.buyer_share <= 1.0):
            raise MechanismError(f"fee_share is {self.buyer_share!r}; expected the buyers' share of the fee, 0 to 1")
        if self.rate * (1.0 - self.buyer_share) >= 1.0:
            raise MechanismError(f"fee_rate is {self.rate!r}; sellers would be left with nothing, expected less than 1")

    @property
    def per_kwh(self) -> float:
        """Trading and network fee together [$/kWh]."""
        return self.trading + self.network

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged at all."""
        return self.per_kwh == 0.0 and self.rate == 0.0

    def book_price(self, price: FloatArray, is_bid: BoolArray, unit: float, decimals: int) -> FloatArray:
        """Shift limit prices by the fees that their owners will have to carry.

        Parameters
        ----------
        price
            ``(B, N)`` limit prices in multiples of ``unit``.
        is_bid
            ``(B, N)``.
        unit
            What one unit of price is [$/kWh]: the price tick, or 1.
        decimals
            Decimals of a unit to keep, so that prices that are equal on paper (0.28 + 0.02 and 0.30) stay equal.
        """
        if self.is_free:
            return price
        fee = self.per_kwh / unit
        if self.rate == 0.0:
            shifted = price + np.where(is_bid, 0.0, fee)
        else:
            share = self.buyer_share
            bid = (price - share * fee) / (1.0 + share * self.rate)
            ask = (price + (1.0 - share) * fee) / (1.0 - (1.0 - share) * self.rate)
            shifted = np.where(is_bid, bid, ask)
        return np.round(shifted, decimals)

    def buyer_limit(self, price: FloatArray) -> FloatArray:
        """Highest price before fees [$/kWh] at which a buyer pays no more than ``price`` in all."""
        return (price - self.buyer_share * self.per_kwh) / (1.0 + self.buyer_share * self.rate)

    def seller_limit(self, price: FloatArray) -> FloatArray:
        """Lowest price before fees [$/kWh] at which a seller gets no less than ``price`` in all."""
        share = 1.0 - self.buyer_share
        return (price + share * self.per_kwh) / (1.0 - share * self.rate)

    def on_buyer(self, price: FloatArray) -> FloatArray:
        """Price that buyers pay [$/kWh], fees included, at a price before fees [$/kWh]."""
        return price * (1.0 + self.buyer_share * self.rate) + self.buyer_share * self.per_kwh

    def on_seller(self, price: FloatArray) -> FloatArray:
        """Price that sellers get [$/kWh], fees deducted, at a price before fees [$/kWh]."""
        share = 1.0 - self.buyer_share
        return price * (1.0 - share * self.rate) - share * self.per_kwh

    def buyer_price(self, book_price: FloatArray) -> FloatArray:
        """Price that buyers pay [$/kWh], fees included, at a price of the shifted book [$/kWh]."""
        if self.rate == 0.0:
            return book_price
        return self.on_buyer(book_price)

    def seller_price(self, book_price: FloatArray) -> FloatArray:
        """Price that sellers get [$/kWh], fees deducted, at a price of the shifted book [$/kWh]."""
        if self.rate == 0.0:
            return book_price - self.per_kwh if self.per_kwh else book_price
        return self.on_seller(book_price)

    def market_price(self, book_price: FloatArray) -> FloatArray:
        """Price before fees [$/kWh] at a price of the shifted book [$/kWh]."""
        if self.rate == 0.0 and self.per_kwh:
            return book_price - self.buyer_share * self.per_kwh
        return book_price
