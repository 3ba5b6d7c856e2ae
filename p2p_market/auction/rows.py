"""Look-ups along the rows of a batch: what `take_along_axis` and `put_along_axis` do, in a quarter of the time."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from p2p_market.types import IntArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def take_rows(values: npt.NDArray[_Scalar], places: IntArray) -> npt.NDArray[_Scalar]:
    """Return ``result[b, m] = values[b, places[b, m]]``, ``(B, M)`` from ``(B, N)``."""
    return values.ravel().take(_flat(places, values.shape[1]))


def scatter_rows(values: npt.NDArray[_Scalar], places: IntArray) -> npt.NDArray[_Scalar]:
    """Return ``result[b, places[b, n]] = values[b, n]``; each row of ``places`` names all places once."""
    result = np.empty(values.size, dtype=values.dtype)
    result[_flat(places, values.shape[1])] = values
    return result.reshape(values.shape)


def _flat(places: IntArray, num_columns: int) -> IntArray:
    return places + num_columns * np.arange(len(places))[:, None]
