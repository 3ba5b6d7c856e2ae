"""Shading in proportion to the size of the order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.policies.base import BidView, Memory, Policy
from p2p_market.policies.options import check_number
from p2p_market.types import FloatArray


@dataclass(frozen=True)
class Linear(Policy):
    r"""Bid the own tariff less a slope times the own net load: the larger the order, the more it is shaded.

    With the value :math:`v` of a kWh (retail price of a buyer, feed-in price of a seller) and the net load :math:`q`,
    the limit price is :math:`v - \lambda q`, cut to the band: a buyer (:math:`q > 0`) goes below its value and a seller
    (:math:`q < 0`) above, by its own effect on the price if every kWh moves the price by :math:`\lambda`. This is the
    trader's first-order condition in the linear equilibria of Kyle (section 5) and of Klemperer and Meyer, of whose
    schedules a sealed bid with one limit price is the last point.

    Parameters
    ----------
    slope
        :math:`\lambda` [$/kWh per kWh of an interval], 0 bids truthfully.

    References
    ----------
    .. [1] Klemperer, P. D., Meyer, M. A. (1989). Supply function equilibria in oligopoly under uncertainty.
       Econometrica 57(6).
    .. [2] Kyle, A. S. (1989). Informed speculation with imperfect competition. Review of Economic Studies 56(3).
    """

    slope: float = 0.1

    def __post_init__(self) -> None:
        check_number("slope", self.slope, 0.0, 1000.0)

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002 (it has none)
        """Shade by the size of the order."""
        price = view.limit_price - self.slope * view.net_load
        return np.clip(price, view.price_low, view.price_high), view.net_load
