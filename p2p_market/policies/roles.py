"""Memory with a row for either side: a household buys at one time of the day and sells at another."""

from __future__ import annotations

import numpy as np

from p2p_market.policies.base import BidView
from p2p_market.types import BoolArray, FloatArray


def of_role(values: FloatArray, view: BidView) -> FloatArray:
    """Take from ``(B, 2, L)`` the buyer's row where a household needs energy, and the seller's elsewhere ``(B, L)``."""
    return np.where(view.net_load > 0.0, values[:, 0], values[:, 1])


def put_role(values: FloatArray, new: FloatArray, where: BoolArray, view: BidView) -> FloatArray:
    """Return ``(B, 2, L)`` with ``new`` (B, L) in the row of the household's side ``where`` (B, L) is true."""
    buys = view.net_load > 0.0
    return np.stack([np.where(where & buys, new, values[:, 0]), np.where(where & ~buys, new, values[:, 1])], axis=1)
