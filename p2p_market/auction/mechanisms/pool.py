"""Pool rules: no prices are bid, and every household's whole net position is settled, the grid's part included."""

from __future__ import annotations

import numpy as np

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
        Broadcastable to ``(B, N)`` [$/kWh].
    """
    price = np.where(quantity > 0.0, retail_price, feed_in_price)
    no_price = np.full(quantity.shape[0], np.nan)
    return Allocation(
        filled=np.zeros_like(quantity),
        unit_price=price,
        clearing_price=no_price,
        price_low=no_price,
        price_high=no_price,
        grid_payment=(price * quantity).sum(axis=1),
    )
