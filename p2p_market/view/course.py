"""The course of a run over time: by interval while that can be read, by day when it is long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from p2p_market.types import FloatArray
from p2p_market.view.clock import clock_ticks
from p2p_market.view.style import steps

_DAY = 1440
_MOST_DAYS = 14  # past that, half hours blur into each other


@dataclass(frozen=True, eq=False)
class Course:
    """Columns over time, a value a step.

    The price is the mean of the traded energy of a step, the band its lowest and highest; energy is the sum.
    """

    start: dt.datetime
    end: dt.datetime  # start of the last interval
    minutes: int  # length of a step
    place: FloatArray  # (steps,) steps from the start; there are gaps where the data has some
    hours: FloatArray  # (steps,) [h] that were played in each step
    columns: Mapping[str, FloatArray]  # (steps,) each; nan where there is no value

    def __getitem__(self, name: str) -> FloatArray:
        return self.columns[name]

    @property
    def is_daily(self) -> bool:
        """Whether a step is a day."""
        return self.minutes == _DAY

    def power(self, name: str) -> FloatArray:
        """Mean power of an energy column in each step [kW]."""
        return self.columns[name] / self.hours

    def outline(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Corners of the stepped line of one value a step."""
        return steps(self.place, values)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Places and labels of the time axis."""
        return clock_ticks(self.start, self.minutes, int(self.place[-1]) + 1)


def read_course(intervals: pl.DataFrame) -> Course:
    """Read the rows of one market, two or more, in the order of time; prices only where they are recorded."""
    times = intervals["start"]
    minutes = int(times.diff().min().total_seconds()) // 60  # type: ignore[union-attr] # a difference of times
    start, end = times[0], times[-1]
    hours = minutes / 60.0
    if end - start >= dt.timedelta(days=_MOST_DAYS):
        traded, price = pl.col("traded_kwh"), pl.col("price_dollars_per_kwh")
        mean_price = pl.when(traded.sum() > 0.0).then((price * traded).sum() / traded.sum())
        intervals = intervals.group_by(pl.col("start").dt.truncate("1d"), maintain_order=True).agg(
            pl.selectors.ends_with("_kwh").exclude("^price_.*$").sum(),
            *([mean_price.alias("price_dollars_per_kwh")] if "price_dollars_per_kwh" in intervals.columns else ()),
            pl.selectors.by_name("price_low_dollars_per_kwh", require_all=False).min(),
            pl.selectors.by_name("price_high_dollars_per_kwh", require_all=False).max(),
            (pl.len() * hours).alias("hours"),
        )
        minutes, start = _DAY, intervals["start"][0]
    else:
        intervals = intervals.with_columns(hours=pl.lit(hours))
    step = dt.timedelta(minutes=minutes)
    columns = {
        name: intervals[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in intervals.columns
        if name.endswith("_kwh")
    }
    place = np.array([(time - start) / step for time in intervals["start"]])
    return Course(start, end, minutes, place, intervals["hours"].to_numpy(), columns)
