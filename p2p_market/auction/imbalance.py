r"""Imbalance: trades as commitments, and what the part costs that the meter does not confirm.

A household that bought :math:`f > 0` in the market and then needs :math:`m` has :math:`f - \min(\max(m, 0), f)` of it
left over; one that sold :math:`-f > 0` and then has :math:`-m` to spare lacks :math:`-f - \min(\max(-m, 0), -f)`. What
is lacking is bought and what is left over is sold at imbalance prices, which are one for the whole street and never
better than anybody's tariff: ``import_factor`` times the highest retail price, and ``export_factor`` times the lowest
feed-in price. All other energy, such as a need beyond what was bought, is supplied at the household's own tariff, as
its contract with the retailer says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.types import FloatArray


@dataclass(frozen=True)
class ImbalancePrices:
    """Prices of traded energy that is not delivered or not taken.

    Parameters
    ----------
    import_factor
        1 or more: price of what is lacking, in multiples of the street's highest retail price.
    export_factor
        From 0 to 1: price of what is left over, in multiples of the street's lowest feed-in price.
    """

    import_factor: float
    export_factor: float

    def extra_payment(
        self,
        imbalance: FloatArray,
        retail_price: FloatArray,
        feed_in_price: FloatArray,
        price_low: FloatArray,
        price_high: FloatArray,
    ) -> FloatArray:
        """What imbalance costs beyond the own tariff, ``(B, N)`` [$], never below 0.

        Parameters
        ----------
        imbalance
            ``(B, N)`` [kWh], see `undelivered`.
        retail_price, feed_in_price
            ``(B, N)`` [$/kWh] own tariffs, at which the whole residual has been settled before.
        price_low, price_high
            ``(B,)`` [$/kWh] the street's lowest feed-in and highest retail price.
        """
        lacking, left_over = np.maximum(imbalance, 0.0), np.maximum(-imbalance, 0.0)
        dearer = self.import_factor * price_high[:, None] - retail_price
        cheaper = feed_in_price - self.export_factor * price_low[:, None]
        return lacking * dearer + left_over * cheaper


def undelivered(net_load: FloatArray, filled: FloatArray) -> FloatArray:
    """Traded energy that the meter does not confirm, ``(B, N)`` [kWh]: > 0 lacking for a sale, < 0 left of a purchase.

    Parameters
    ----------
    net_load
        ``(B, N)`` [kWh] metered.
    filled
        ``(B, N)`` [kWh] traded, > 0 bought.
    """
    confirmed = np.clip(net_load, np.minimum(filled, 0.0), np.maximum(filled, 0.0))
    return confirmed - filled
