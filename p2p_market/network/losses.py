"""Line losses of traded energy, by whether it stays on a feeder or has to go from one to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.network.feeders import Feeders
from p2p_market.types import FloatArray


@dataclass(frozen=True)
class LossShares:
    """Shares of traded energy that lines lose, 0 <= same_feeder <= other_feeder < 1."""

    same_feeder: float = 0.0  # of what stays on a feeder
    other_feeder: float = 0.0  # of what goes from one feeder to another


def lost_energy(feeders: Feeders, shares: LossShares, filled: FloatArray) -> FloatArray:
    r"""What is lost of the traded energy, and whose trade it is counted against.

    Energy in a pooled market has no sender and receiver, but what a feeder's households bought less what they sold has
    to come over its head, whoever is matched with whom. With volume :math:`Q = \sum_{q_i > 0} q_i`,

    .. math:: C = \tfrac12 \sum_f \Bigl|\sum_{i \in f} q_i\Bigr|, \qquad
              L = \ell_\text{other} C + \ell_\text{same} (Q - C), \qquad L_i = L\,\frac{|q_i|}{2 Q}:

    :math:`C` crosses between feeders, no less is possible and no more is needed, and the loss :math:`L` falls on buyers
    and sellers alike.

    Parameters
    ----------
    feeders
        Who hangs on which feeder.
    shares
        What is lost.
    filled
        ``(B, N)`` [kWh] traded, > 0 bought; each market sums to 0.

    Returns
    -------
    array
        ``(B, N)`` [kWh] lost, 0 or more.
    """
    size = np.abs(filled)
    volume = 0.5 * size.sum(axis=1)
    crossing = np.minimum(0.5 * np.abs(feeders.add_up(filled)).sum(axis=1), volume)
    lost = shares.other_feeder * crossing + shares.same_feeder * (volume - crossing)
    lost_per_kwh: FloatArray = lost / np.where(volume > 0.0, 2.0 * volume, 1.0)
    return lost_per_kwh[:, None] * size
