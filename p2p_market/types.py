"""Axes, units, signs and array types: the ten words that the whole package shares.

Axes, always in this order
    ======  =======================================================================
    ``B``   markets that run side by side (the batch); a single environment has B = 1
    ``N``   households of one market
    ``F``   features of one household's observation
    ``A``   components of one household's action
    ``T``   intervals (first where data or records are laid out in time)
    ``H``   households of a data set, from which a market draws its N
    ======  =======================================================================

Units
    energy kWh per interval, power kW, price $/kWh (AUD), money $. Counts are called ``num_*``.

Signs (load convention)
    ``quantity``  > 0 is a bid (buys), < 0 an ask (sells), 0 no order; ``filled`` and ``residual`` alike.
    ``net_load``  > 0 where a household needs energy, < 0 where it has energy to spare.
    ``payment``   > 0 where the household pays.

Types
    float64 inside the market core, float32 at the border to a learner. ``nan`` means "no price", nothing else.
    Times are naive local clock labels of interval **starts**.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Float32Array: TypeAlias = npt.NDArray[np.float32]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
AnyArray: TypeAlias = npt.NDArray[Any]
