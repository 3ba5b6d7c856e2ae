"""Turning shares of a street into numbers of households."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from p2p_market.errors import ConfigError, is_number
from p2p_market.types import IntArray

_TOLERANCE = 1e-3  # shares written with three digits (0.333) are meant to be thirds


def apportion(shares: Mapping[str, float], num_households: int, place: str) -> IntArray:
    """Turn shares into whole numbers by largest remainder; equal remainders go to what was named first.

    Parameters
    ----------
    shares
        Share of the households by name; they add up to 1.
    num_households
        How many households there are to share out.
    place
        Where the shares were given; used in error messages.

    Raises
    ------
    ConfigError
        For a share that is no number of 0 or more, or shares that do not add up to 1 (within 0.001).
    """
    for name, share in shares.items():
        if not (is_number(share) and share >= 0):
            raise ConfigError(f"{place}: the share of {name!r} is {share!r}; expected a number from 0 to 1")
    total = math.fsum(shares.values())
    if abs(total - 1) > _TOLERANCE:
        listed = ", ".join(f"{name} {share:g}" for name, share in shares.items()) or "none given"
        raise ConfigError(f"{place}: the shares sum to {total:g}, expected 1 ({listed}); adjust one of them")
    # Rounded, or 0.7 * 10 = 7.000000000000001 would win a household over an exact quota.
    quota = np.round(np.array(list(shares.values())) / total * num_households, 9)
    counts = np.floor(quota).astype(np.int64)
    largest = np.argsort(counts - quota, kind="stable")
    counts[largest[: num_households - counts.sum()]] += 1
    return counts
