"""Bidders without memory and without options."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.policies.base import BidView, Memory, Policy
from p2p_market.types import FloatArray


def grid_only(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Stay out of the market and trade with the grid alone."""
    nothing = np.zeros_like(view.net_load)
    return nothing, nothing


def truthful(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Bid what the grid would charge or pay, for the whole net load."""
    return view.limit_price, view.net_load


def zero_intelligence(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Bid at random in the part of the band that cannot lose against the own tariff, for the whole net load (ZI-C).

    Buyers draw uniformly between the band's low end and their retail price, sellers between their feed-in price and
    the band's high end.

    References
    ----------
    .. [1] Gode, D. K., Sunder, S. (1993). Allocative efficiency of markets with zero-intelligence traders. Journal of
       Political Economy 101(1), section II.
    """
    buys = view.net_load > 0.0
    low = np.where(buys, view.price_low, view.feed_in_price)
    high = np.where(buys, view.retail_price, view.price_high)
    return low + view.draws[:, 0] * (high - low), view.net_load


def zi_unconstrained(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Bid at random anywhere in the band, for the whole net load, at a loss too (ZI-U).

    Every price of the band is equally likely, whatever the own tariff: what the market's rules alone make of noise.

    References
    ----------
    .. [1] Gode, D. K., Sunder, S. (1993). Allocative efficiency of markets with zero-intelligence traders. Journal of
       Political Economy 101(1), section II.
    """
    return view.price_low + view.draws[:, 0] * (view.price_high - view.price_low), view.net_load


@dataclass(frozen=True)
class MarginalValue(Policy):
    """Bid what energy is worth to the plan of the own devices, and as `truthful` where they rest.

    Whose devices take energy bids no more for its net load than a stored kWh is worth to the plan, losses and wear
    taken off; whose devices give energy asks no less than what the plan loses by it. The worth is the dual price
    of the stored energy in the storage rule's linear program [1]_. A tick is given away, so that rounding does not part
    those whom the plan joins at one price.

    What the devices do is settled before the bids are, so a kWh that is not bought here costs the retail price:
    `truthful` bids then match more where plan and outcome differ, and these give the better price.

    References
    ----------
    .. [1] F. C. Schweppe, M. C. Caramanis, R. D. Tabors and R. E. Bohn, "Spot Pricing of Electricity", Kluwer, 1988,
       chapter 2: the value of energy as the dual variable of its balance.
    """

    reads_plan = True
    knows = "own meter, tariff, devices and their plan"

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002 (it has none)
        """Bid the worth, within the own tariff."""
        if view.planned_worth is None:
            return truthful(view)
        buys, tick = view.net_load > 0.0, view.rules.price_tick or 0.0
        given = np.where(buys, view.planned_worth + tick, view.planned_worth - tick)
        within = np.clip(given, view.feed_in_price, view.retail_price)
        return np.where(np.isnan(within), view.limit_price, within), view.net_load
