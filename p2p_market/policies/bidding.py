"""Bidders without memory and without options."""

from __future__ import annotations

import numpy as np

from p2p_market.policies.base import BidView
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
