"""Pool rules: no prices are bid, and every household's whole net position is settled, the grid's part included."""

from __future__ import annotations

import numpy as np

from p2p_market.auction.book import PRICE_TOLERANCE
from p2p_market.auction.orders import Allocation
from p2p_market.types import FloatArray


def grid_only(quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray) -> Allocation:
    """No local market: everybody buys at the retail price and sells at the feed-in price.

    The baseline of every comparison. Individually rational by definition, since it is what households have without a
    market; nothing is matched locally. O(N).

    Parameters
    ----------
    quantity
        ``(B, N)`` net positions [kWh], > 0 buys.
    retail_price, feed_in_price
        ``(B, N)`` [$/kWh], as fees leave them.
    """
    del retail_price, feed_in_price
    no_price = np.full(len(quantity), np.nan)
    return Allocation(np.zeros_like(quantity), no_price[:, None], no_price, no_price, no_price)


def mid_market_rate(quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray) -> Allocation:
    r"""Trade inside the pool at the middle of retail and feed-in price; the longer side bears the grid's part.

    With deficit :math:`D`, surplus :math:`G` and :math:`m = (\lambda_b + \lambda_s)/2`: buyers pay :math:`m` if
    :math:`G \ge D`, else :math:`(G m + (D-G) \lambda_b)/D`; sellers get :math:`m` if :math:`G \le D`, else
    :math:`(D m + (G-D) \lambda_s)/G`.

    Under one tariff nobody is worse off than with the grid alone. The pool balances with the grid. O(N).

    References
    ----------
    .. [1] Long, C., Wu, J., Zhang, C., Thomas, L., Cheng, M., Jenkins, N. (2017). Peer-to-peer energy trading in a
       community microgrid. IEEE Power & Energy Society General Meeting, section III.
    """
    pool = _Pool(quantity, retail_price, feed_in_price)
    return pool.settle(0.5 * (pool.common_retail + pool.common_feed_in))


def supply_demand_ratio(quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray) -> Allocation:
    r"""Prices fall from the retail to the feed-in price as the ratio of supply to demand rises.

    With :math:`R = G/D \le 1`: :math:`p_s = \lambda_s \lambda_b / ((\lambda_b - \lambda_s) R + \lambda_s)` and
    :math:`p_b = p_s R + \lambda_b (1-R)`; with :math:`R > 1` both are :math:`\lambda_s`. At :math:`R = 0`,
    :math:`p_s = \lambda_b`, its limit. So energy inside the pool trades at :math:`p_s`.

    Under one tariff nobody is worse off than with the grid alone. The pool balances with the grid. O(N).

    References
    ----------
    .. [1] Liu, N., Yu, X., Wang, C., Li, C., Ma, L., Lei, J. (2017). Energy-sharing model with price-based demand
       response for microgrids of peer-to-peer prosumers. IEEE Transactions on Power Systems 32(5), section III.
    """
    pool = _Pool(quantity, retail_price, feed_in_price)
    retail, feed_in = pool.common_retail, pool.common_feed_in
    ratio = pool.surplus / _or_one(pool.deficit)
    base = (retail - feed_in) * ratio + feed_in
    falling = np.where(base > 0.0, feed_in * retail / _or_one(base), 0.0)
    falling = np.where(ratio > 0.0, falling, retail)
    return pool.settle(np.where((pool.deficit > 0.0) & (ratio <= 1.0), falling, feed_in))


def bill_sharing(quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray) -> Allocation:
    r"""Energy inside the pool is free; buyers share what the pool pays the grid, sellers what it gets.

    Buyers pay :math:`\lambda_b (D-G)^+/D`, sellers get :math:`\lambda_s (G-D)^+/G` a kWh (net form).

    Sellers can be worse off than with the grid alone. The pool balances with the grid. O(N).

    References
    ----------
    .. [1] Long, C., Wu, J., Zhang, C., Thomas, L., Cheng, M., Jenkins, N. (2017). Peer-to-peer energy trading in a
       community microgrid. IEEE Power & Energy Society General Meeting, section III.
    """
    pool = _Pool(quantity, retail_price, feed_in_price)
    return pool.settle(np.zeros_like(pool.deficit))


class _Pool:
    """The sums of each pool, and what is matched in it.

    Where households have different tariffs the pool's formulas take the buyers' mean retail price and the sellers' mean
    feed-in price, weighted by energy; each household settles its part of the exchange with the grid at its own tariff,
    so that the pool still balances. A household whose own tariff is on the good side of the mean can then be worse off
    than with the grid alone.
    """

    def __init__(self, quantity: FloatArray, retail_price: FloatArray, feed_in_price: FloatArray) -> None:
        self.quantity = quantity
        bought, sold = np.maximum(quantity, 0.0), np.maximum(-quantity, 0.0)
        self.deficit: FloatArray = bought.sum(axis=1, keepdims=True)
        self.surplus: FloatArray = sold.sum(axis=1, keepdims=True)
        self.common_retail = _mean_price(retail_price, bought, self.deficit)
        self.common_feed_in = _mean_price(feed_in_price, sold, self.surplus)

    def settle(self, inside_price: FloatArray) -> Allocation:
        """Match all that the shorter side has, the longer side pro rata, at ``inside_price`` (B, 1).

        Nothing is matched where the grid pays more for energy than it asks, as it may seem to once fees are counted.
        """
        gains = self.common_retail >= self.common_feed_in - PRICE_TOLERANCE * np.abs(self.common_feed_in)
        matched = np.where(gains, np.minimum(self.deficit, self.surplus), 0.0)
        total = np.where(self.quantity > 0.0, self.deficit, self.surplus)
        # the shorter side, one over one, to the bit; the longer side's product before its quotient, to round once
        whole = (matched >= total) & (total > 0.0)
        filled = np.where(whole, self.quantity, self.quantity * matched / _or_one(total))
        single = np.where(matched > 0.0, inside_price, np.nan)
        return Allocation(filled, single, single[:, 0], single[:, 0], single[:, 0])


def _mean_price(price: FloatArray, weight: FloatArray, total: FloatArray) -> FloatArray:
    """Mean price of each pool ``(B, 1)``, weighted; exactly the common price where there is one."""
    if price.shape[1] == 0:
        return np.zeros_like(total)
    first = price[:, :1]
    return np.where(total > 0.0, first + ((price - first) * weight).sum(axis=1, keepdims=True) / _or_one(total), first)


def _or_one(values: FloatArray) -> FloatArray:
    """Divisors that are never 0."""
    return np.where(values > 0.0, values, 1.0)
