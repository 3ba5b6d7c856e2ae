"""How trustworthy a reading is, and which readings a data set lacks."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.data.calendar import Calendar
from p2p_market.types import BoolArray

if TYPE_CHECKING:
    import polars as pl


class Quality(enum.IntFlag):
    """What is known about one reading; flags combine."""

    MEASURED = 0
    """Read by the meter."""
    ESTIMATED = 1
    """Estimated by the source, which marks such rows itself."""
    FILLED = 2
    """Missing in the source and filled at load."""
    REPAIRED = 4
    """Changed at load because the clock was put forward or back."""
    MISSING = 8
    """Not there. Only inside loaders and reports: a finished container has none."""


@dataclass(frozen=True)
class Gap:
    """One unbroken run of missing intervals of one household and one category."""

    customer: str
    category: str
    start: np.datetime64
    """First missing interval (its start)."""
    end: np.datetime64
    """End of the last missing interval (exclusive)."""
    num_intervals: int

    def __str__(self) -> str:
        return (
            f"customer {self.customer}: {self.category} from {self.start} to {self.end} "
            f"({self.num_intervals} interval{'s' if self.num_intervals != 1 else ''})"
        )


@dataclass(frozen=True)
class GapReport:
    """The missing intervals of a data set and what was done about them.

    Parameters
    ----------
    gaps
        Every gap, by customer, category and time.
    policy
        What was done: ``"error"`` (nothing was missing), ``"drop"``, ``"fill"`` or ``"skip_days"``.
    """

    gaps: tuple[Gap, ...] = ()
    policy: str = "error"

    def __bool__(self) -> bool:
        return bool(self.gaps)

    def __len__(self) -> int:
        return len(self.gaps)

    @property
    def customers(self) -> tuple[str, ...]:
        """Customers with at least one gap, in the order of the report."""
        return tuple(dict.fromkeys(gap.customer for gap in self.gaps))

    @property
    def num_intervals(self) -> int:
        """Missing readings in all: intervals summed over customers and categories."""
        return sum(gap.num_intervals for gap in self.gaps)

    def summary(self, limit: int = 5) -> str:
        """Return a text with the first ``limit`` gaps, one a line."""
        if not self.gaps:
            return "nothing is missing"
        size = f"{len(self.gaps)} gap(s), {len(self.customers)} customer(s)"
        lines = [f"{self.num_intervals} readings are missing in {size}:"]
        lines += [f"  {gap}" for gap in self.gaps[:limit]]
        if len(self.gaps) > limit:
            lines.append(f"  … and {len(self.gaps) - limit} more")
        return "\n".join(lines)

    def to_frame(self) -> pl.DataFrame:
        """Return one row a gap: customer, category, start, end (exclusive), num_intervals."""
        import polars as pl  # noqa: PLC0415 - loaded only when a frame is asked for

        return pl.DataFrame(
            {
                "customer": [gap.customer for gap in self.gaps],
                "category": [gap.category for gap in self.gaps],
                "start": [gap.start.astype("datetime64[us]").item() for gap in self.gaps],
                "end": [gap.end.astype("datetime64[us]").item() for gap in self.gaps],
                "num_intervals": [gap.num_intervals for gap in self.gaps],
            },
            schema={
                "customer": pl.String,
                "category": pl.String,
                "start": pl.Datetime("us"),
                "end": pl.Datetime("us"),
                "num_intervals": pl.Int64,
            },
        )


def find_gaps(missing: BoolArray, calendar: Calendar, customer_ids: Sequence[str], category: str) -> list[Gap]:
    """Return the runs of True in ``missing`` (T, H) as gaps, by customer and time."""
    gaps = []
    for column in np.flatnonzero(missing.any(axis=0)):
        edges = np.diff(missing[:, column].astype(np.int8), prepend=0, append=0)
        for first, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            end = calendar.start[stop - 1] + np.timedelta64(calendar.interval_minutes, "m")
            start, count = calendar.start[first], int(stop - first)
            gaps.append(Gap(customer_ids[int(column)], category, start, end, count))
    return gaps
