"""Which household connects where on a feeder."""

from __future__ import annotations

import numpy as np

from p2p_market.power_flow.feeder import Feeder
from p2p_market.types import FloatArray, IntArray


def place_households(feeder: Feeder, num_households: int, seed: int | None = None) -> IntArray:
    """Share households out over the connections of a feeder, in proportion to their weights.

    The next household connects where ``weight / (2 n + 1)`` is largest, with ``n`` households that are there already
    (Sainte-Laguë's divisors); of equals the connection that the feeder names first. With equal weights that is
    one household after the other, round and round.

    Parameters
    ----------
    feeder
        Where they connect.
    num_households
        ``N``.
    seed
        Shuffles who goes where; how many go where stays. ``None``: in the order of the street.

    Returns
    -------
    array
        ``(N,)`` place of each household's node in `Feeder.connections`.
    """
    weights = np.array(list(feeder.connections.values()))
    quotients = weights[:, None] / (2.0 * np.arange(num_households) + 1.0)
    # the sort is stable, so of equals it takes the connection that comes first
    places = np.argsort(-quotients.ravel(), kind="stable")[:num_households] // num_households
    return places if seed is None else np.random.default_rng(seed).permutation(places)


def sum_by_connection(values: FloatArray, places: IntArray, num_connections: int) -> FloatArray:
    """Sum values ``(..., N)`` of households into those ``(..., C)`` of the connections where they are."""
    members = np.zeros((len(places), num_connections))
    members[np.arange(len(places)), places] = 1.0
    total: FloatArray = values @ members
    return total
