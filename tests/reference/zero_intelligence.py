"""Gode and Sunder's auction, one shout after the other, with a standing bid and a standing offer; one period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def surplus_taken(
    values: Sequence[Sequence[int]],
    costs: Sequence[Sequence[int]],
    num_shouts: int,
    *,
    is_constrained: bool,
    rng: np.random.Generator,
) -> int:
    """Gains from trade of one period."""
    left = [list(units) for units in (*values, *costs)]
    bid = offer = None  # (price, trader)
    taken = 0
    for _ in range(num_shouts):
        able = [trader for trader, units in enumerate(left) if units]
        if not able:
            break
        trader = able[rng.integers(len(able))]
        limit = left[trader][0]
        if trader < len(values):
            price = rng.integers(1, limit if is_constrained else 200, endpoint=True)
            if offer is not None and price >= offer[0]:
                taken += left[trader].pop(0) - left[offer[1]].pop(0)
                bid = offer = None
            elif bid is None or price > bid[0]:
                bid = (price, trader)
        else:
            price = rng.integers(limit if is_constrained else 1, 200, endpoint=True)
            if bid is not None and price <= bid[0]:
                taken += left[bid[1]].pop(0) - left[trader].pop(0)
                bid = offer = None
            elif offer is None or price < offer[0]:
                offer = (price, trader)
    return taken
