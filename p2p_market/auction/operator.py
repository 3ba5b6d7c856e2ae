"""The market operator: collects bids, runs the auction, settles the rest with the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.auction.clearing import Clearing
from p2p_market.auction.context import AuctionContext
from p2p_market.auction.imbalance import ImbalancePrices, undelivered
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.participant import Participant


@dataclass(frozen=True, eq=False)
class LearnedBids:
    """What learners chose: a position in the price band and a share of what they have to trade.

    ``households`` are their ``(L,)`` places on the street, ``None`` when all households learn. With several bidding
    rounds ``position`` is that of the first, and moves evenly to ``closing`` in the last; without it stays.
    """

    position: FloatArray  # (B, L) -1 low end of the band ... +1 high end
    share: FloatArray  # (B, L) 0 ... 1
    households: IntArray | None = None
    closing: FloatArray | None = None  # (B, L) like position

    def in_round(self, number: int, rounds: int) -> LearnedBids:
        """What they choose in round ``number``, counted from 0."""
        if self.closing is None:
            return self
        weight = number / max(rounds - 1, 1)
        position = (1.0 - weight) * self.position + weight * self.closing
        return LearnedBids(position, self.share, self.households)

    @classmethod
    def together(cls, bids: Sequence[LearnedBids]) -> LearnedBids:
        """Join the bids of different households, each of which says whose they are."""
        if len(bids) == 1:
            return bids[0]
        closing = None
        if any(part.closing is not None for part in bids):
            closing = np.concatenate([part.position if part.closing is None else part.closing for part in bids], axis=1)
        return cls(
            np.concatenate([part.position for part in bids], axis=1),
            np.concatenate([part.share for part in bids], axis=1),
            np.concatenate([part.households for part in bids if part.households is not None]),
            closing,
        )


@dataclass(frozen=True, eq=False)
class ScriptedBids:
    """What scripted households bid: limit price and signed quantity, for the households ``(L,)``."""

    price: FloatArray  # (B, L) [$/kWh]
    quantity: FloatArray  # (B, L) [kWh]
    households: IntArray
    round: int = 0  # in which bidding round


@dataclass(frozen=True, eq=False)
class Settlement:
    """Who pays what to whom for one interval, all ``(B, N)``."""

    grid_import: FloatArray  # [kWh] bought from the grid
    grid_export: FloatArray  # [kWh] sold to the grid
    grid_payment: FloatArray  # [$] settled with the grid; 0 under pool rules, whose pool settles with the grid
    bill: FloatArray  # [$] market and grid together
    grid_only_bill: FloatArray  # [$] what the same net load costs without a market
    imbalance: FloatArray | None = None  # [kWh] traded and not confirmed by the meter, where that has prices
    imbalance_payment: FloatArray | None = None  # [$] what that costs beyond the own tariff, part of the bill


class MarketOperator:
    """Collects bids, runs the auction, and settles what stays unmatched with the grid.

    Parameters
    ----------
    rules
        The market's rules, fees included.
    audit
        Whether every clearing is checked.
    participants
        Read-only views of the households, for notebooks and pictures; never on the hot path.
    imbalance
        What traded energy costs that is not delivered or not taken; ``None``: as any other energy of the grid.
    """

    def __init__(
        self,
        rules: AuctionRules,
        *,
        audit: bool = False,
        participants: Sequence[Participant] = (),
        imbalance: ImbalancePrices | None = None,
    ) -> None:
        self.rules = rules
        self.audit = audit
        self.imbalance = imbalance
        self.participants = tuple(participants)

    @property
    def trading_fee(self) -> float:
        """The operator's fee [$/kWh] on energy that is matched locally."""
        return self.rules.fees.trading

    def open_auction(
        self, price_low: FloatArray, price_high: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray
    ) -> AuctionContext:
        """Announce the band ``(B,)`` and the tariffs ``(B, N)`` [$/kWh] of the coming interval."""
        return AuctionContext(self.rules, price_low, price_high, retail_price, feed_in_price, audit=self.audit)

    def get_actions(
        self,
        context: AuctionContext,
        net_load: FloatArray,
        learned: LearnedBids | None,
        scripted: Sequence[ScriptedBids] = (),
    ) -> Orders:
        """Run the bid process: what everybody chose, as the orders of the interval.

        The side of a learner's order is the sign of its announced net load, its size a share of it, or one lot in a
        market of equal lots if the share is as large. A pool rule takes the net load of everybody as it is.

        Parameters
        ----------
        context
            The open auction.
        net_load
            ``(B, N)`` announced net load [kWh], > 0 needs energy.
        learned, scripted
            The bids; together they cover every household once.
        """
        if self.rules.is_pool:
            return Orders(price=np.zeros_like(net_load), quantity=net_load)
        if learned is not None and learned.households is None:
            return self.rules.make_orders(context.price_at(learned.position), learned.share * net_load)
        price, quantity = np.zeros_like(net_load), np.zeros_like(net_load)
        if learned is not None:
            price[:, learned.households] = context.price_at(learned.position)
            quantity[:, learned.households] = learned.share * net_load[:, learned.households]
        for bids in scripted:
            price[:, bids.households] = bids.price
            quantity[:, bids.households] = bids.quantity
        return self.rules.make_orders(price, quantity)

    def get_rounds(
        self,
        context: AuctionContext,
        net_load: FloatArray,
        learned: LearnedBids | None,
        scripted: Sequence[ScriptedBids] = (),
    ) -> list[Orders]:
        """Run the bid process of every bidding round; see `get_actions`, scripted bids being those of all rounds."""
        return [
            self.get_actions(
                context,
                net_load,
                None if learned is None else learned.in_round(number, self.rules.rounds),
                [bids for bids in scripted if bids.round == number],
            )
            for number in range(self.rules.rounds)
        ]

    def settle(self, context: AuctionContext, net_load: FloatArray, clearing: Clearing) -> Settlement:
        """Settle the residual ``net_load - filled`` with the grid at each household's own tariff.

        Parameters
        ----------
        context
            The auction, which knows the tariffs.
        net_load
            ``(B, N)`` metered net load [kWh].
        clearing
            The auction's result.
        """
        retail, feed_in = context.retail_price, context.feed_in_price
        residual = net_load - clearing.filled
        grid_import = np.maximum(residual, 0.0)
        grid_export = grid_import - residual
        grid_only_bill = np.where(net_load > 0.0, retail, feed_in) * net_load
        if self.rules.is_pool:
            grid_payment = np.zeros_like(net_load)
            bill = clearing.payment
        else:
            grid_payment = grid_import * retail - grid_export * feed_in
            bill = clearing.payment + grid_payment
        if self.imbalance is not None:
            imbalance = undelivered(net_load, clearing.filled)
            extra = self.imbalance.extra_payment(imbalance, retail, feed_in, context.price_low, context.price_high)
            return Settlement(grid_import, grid_export, grid_payment, bill + extra, grid_only_bill, imbalance, extra)
        return Settlement(grid_import, grid_export, grid_payment, bill, grid_only_bill)
