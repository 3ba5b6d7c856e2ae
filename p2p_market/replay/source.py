"""What a replay page asks for, whoever answers: a recorded run, or an environment that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from p2p_market.types import FloatArray, IntArray

Answer = dict[str, Any]
"""A mapping that JSON can hold: no nan, no arrays."""

MILLISECONDS_A_DAY = 86_400_000
HOUSEHOLD_COLUMNS = (
    "demand_kwh",
    "pv_kwh",
    "net_load_kwh",
    "limit_price_dollars_per_kwh",
    "order_kwh",
    "filled_kwh",
    "unit_price_dollars_per_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
    "bill_dollars",
    "grid_only_bill_dollars",
    "battery_kwh",
    "state_of_charge",
)
"""What is told of a household and interval, where it was recorded."""
INTERVAL_COLUMNS = (
    "demand_kwh",
    "pv_kwh",
    "traded_kwh",
    "price_dollars_per_kwh",
    "price_low_dollars_per_kwh",
    "price_high_dollars_per_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
    "bill_dollars",
    "grid_only_bill_dollars",
)
"""What is told of an interval, where it was recorded."""
PAIR_COLUMNS = ("quantity_kwh", "buyer_price_dollars_per_kwh", "seller_price_dollars_per_kwh")
SCALED_COLUMNS = (
    "demand_kwh",
    "pv_kwh",
    "filled_kwh",
    "grid_import_kwh",
    "grid_export_kwh",
    "battery_kwh",
    "state_of_charge",
)
"""Of these the largest sizes are told, which pictures are scaled by."""
_BLOCK_CELLS = 4_000  # households times intervals of one answer: some hundred kB, some milliseconds
_MOST_INTERVALS = 96


class Source(Protocol):
    """Answers the page; called by one thread at a time."""

    def overview(self, market: int) -> Answer:
        """All that the page has to know before it draws an interval."""

    def block(self, market: int, first: int, count: int) -> Answer:
        """All households in ``count`` intervals from ``first`` on."""

    def day(self, market: int, household: int, day: int) -> Answer:
        """One household on a day, counted from 1970."""


def block_size(num_households: int) -> int:
    """Intervals that the page asks for at once."""
    return int(np.clip(_BLOCK_CELLS // max(num_households, 1), 1, _MOST_INTERVALS))


def numbers(values: FloatArray) -> list[Any]:
    """A list of the values, nested as the axes are, of six decimals, ``None`` where there is none."""
    rounded: list[Any] = np.round(values, 6).tolist()
    return _without_nan(rounded) if not np.isfinite(values).all() else rounded


def columns(table: Mapping[str, FloatArray]) -> dict[str, list[Any]]:
    """`numbers` of every column."""
    return {name: numbers(values) for name, values in table.items()}


def clock_of(starts: IntArray) -> Answer:
    """Starts of the intervals in few numbers: the usual step, and where a stretch of such steps begins."""
    steps = np.diff(starts)
    step = int(np.median(steps)) if steps.size else 0
    begins = np.concatenate([[0], 1 + np.flatnonzero(steps != step)]) if len(starts) else np.zeros(0, np.int64)
    return {"step": step, "stretches": [[int(i), int(starts[i])] for i in begins]}


def rows_of_day(starts: IntArray, day: int) -> slice:
    """Intervals that start on a day, counted from 1970."""
    first, last = np.searchsorted(starts, [day * MILLISECONDS_A_DAY, (day + 1) * MILLISECONDS_A_DAY])
    return slice(int(first), int(last))


def largest(values: Sequence[float] | FloatArray) -> float:
    """The largest value, 0 where there is none."""
    numbers_only = np.asarray(values, dtype=np.float64)
    numbers_only = numbers_only[np.isfinite(numbers_only)]
    return float(numbers_only.max()) if numbers_only.size else 0.0


def _without_nan(values: list[Any]) -> list[Any]:
    return [
        _without_nan(value) if isinstance(value, list) else value if -np.inf < value < np.inf else None
        for value in values
    ]
