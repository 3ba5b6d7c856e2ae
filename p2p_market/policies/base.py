"""What a scripted bidder gets to see, and what it is to the rest of the package."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState


@dataclass(frozen=True, eq=False)
class BidView:
    """What the households ``(L,)`` of one policy know when they bid, in ``B`` markets."""

    net_load: FloatArray  # (B, L) [kWh] > 0 needs energy
    retail_price: FloatArray  # (B, L) [$/kWh]
    feed_in_price: FloatArray  # (B, L) [$/kWh]
    price_low: FloatArray  # (B, 1) [$/kWh] band of limit prices
    price_high: FloatArray  # (B, 1) [$/kWh]
    published_price: FloatArray  # (B, 1) [$/kWh] of the last interval, 0 without trade
    draws: FloatArray | None  # (B, L) uniform random numbers in [0, 1), where the policy uses any
    round: int = 0  # of the bidding rounds inside this interval, counted from 0; each asks anew
    num_rounds: int = 1

    @classmethod
    def of(
        cls, state: MarketState, households: IntArray, draws: FloatArray | None, number: int = 0, num_rounds: int = 1
    ) -> BidView:
        """Take the view of some households from the state of the markets."""
        return cls(
            net_load=state.net_load[:, households],
            retail_price=state.retail_price[:, households],
            feed_in_price=state.feed_in_price[:, households],
            price_low=state.price_low[:, None],
            price_high=state.price_high[:, None],
            published_price=state.published_price[:, None],
            draws=None if draws is None else draws[:, households],
            round=number,
            num_rounds=num_rounds,
        )


@dataclass(frozen=True)
class Policy:
    """One entry of the registry.

    Parameters
    ----------
    bid
        From a `BidView` to limit prices ``(B, L)`` [$/kWh] and signed quantities ``(B, L)`` [kWh].
    uses_random_numbers
        Whether it reads ``draws``.
    """

    bid: Callable[[BidView], tuple[FloatArray, FloatArray]]
    uses_random_numbers: bool = False

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.bid) or "").split("\n", 1)[0]
