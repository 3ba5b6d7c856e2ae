"""Voltage and loading of a feeder by time of day: what was usual, and the extremes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from p2p_market.view.clock import clock_ticks
from p2p_market.view.style import (
    BUY,
    BUY_TINT,
    DASHES,
    INK,
    SELL,
    SELL_TINT,
    SUN,
    legend_above,
    nice_ceiling,
    note,
    steps,
    with_margin,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from p2p_market.types import FloatArray

_DAY_MINUTES = 24 * 60


def by_time_of_day(intervals: pl.DataFrame) -> pl.DataFrame:
    """Lowest, mean and highest of every column at each time of the day, over the intervals that were solved.

    Parameters
    ----------
    intervals
        Rows of one market, with ``start``, voltages [p.u.] and loadings [%].

    Returns
    -------
    DataFrame
        A row a time of day: ``minute`` after midnight, and of each column ``_lowest``, ``_mean`` and ``_highest``.
    """
    time = pl.col("start")
    columns = pl.selectors.ends_with("_pu", "_percent")
    return (
        intervals.filter("solved")
        .group_by(minute=60 * time.dt.hour().cast(pl.Int64) + time.dt.minute())
        .agg(
            columns.min().name.suffix("_lowest"),
            columns.mean().name.suffix("_mean"),
            columns.max().name.suffix("_highest"),
        )
        .sort("minute")
    )


def draw_power_flow(figure: Figure, intervals: pl.DataFrame, voltage_limits: tuple[float, float]) -> None:
    """Draw two panels over the time of day: voltages of households with their limits, and loadings.

    Parameters
    ----------
    figure
        To draw on; its top is left free for a title.
    intervals
        Rows of one market, see `p2p_market.power_flow.summary.PowerFlowFrames`.
    voltage_limits
        Lowest and highest voltage that is allowed [p.u.].
    """
    upper = figure.add_axes((0.085, 0.520, 0.875, 0.285))
    lower = figure.add_axes((0.085, 0.095, 0.875, 0.285), sharex=upper)
    times = by_time_of_day(intervals)
    if times.height < 2:
        note(upper, _in_words(intervals))
        for axes in (upper, lower):
            axes.set_axis_off()
        return
    minute = times["minute"].to_numpy()
    step = int(np.diff(minute).min())
    place = minute / step
    columns = {name: times[name].to_numpy() for name in times.columns}
    _draw_voltage(upper, place, columns, voltage_limits)
    _draw_loading(lower, place, columns)
    ticks, labels = clock_ticks(intervals["start"][0].replace(hour=0, minute=0), step, _DAY_MINUTES // step, most=8)
    lower.set_xlim(0.0, _DAY_MINUTES / step)
    lower.set_xticks(ticks, labels)
    lower.set_xlabel("local time")
    upper.tick_params(labelbottom=False)


def _draw_voltage(
    axes: Axes, place: FloatArray, columns: dict[str, FloatArray], voltage_limits: tuple[float, float]
) -> None:
    low, high = columns["voltage_low_pu_lowest"], columns["voltage_high_pu_highest"]
    outline, bottom = steps(place, low)
    axes.fill_between(
        outline, bottom, steps(place, high)[1], color=BUY_TINT, linewidth=0.0, label="all households, all days"
    )
    axes.plot(
        *steps(place, columns["voltage_high_pu_mean"]), color=BUY, linewidth=1.6, label="highest, mean of the days"
    )
    axes.plot(
        *steps(place, columns["voltage_low_pu_mean"]),
        color=BUY,
        linewidth=1.6,
        linestyle=DASHES,
        label="lowest, mean of the days",
    )
    for number, limit in enumerate(voltage_limits):
        axes.axhline(limit, color=SELL, linewidth=1.2, label="limits" if number == 0 else None)
    axes.set_ylim(*with_margin(min(float(low.min()), voltage_limits[0]), max(float(high.max()), voltage_limits[1])))
    axes.set_ylabel("voltage [p.u.]")
    axes.set_title("Voltage where households connect", pad=22)
    legend_above(axes)


def _draw_loading(axes: Axes, place: FloatArray, columns: dict[str, FloatArray]) -> None:
    name, highest = "transformer_loading_percent", columns["transformer_loading_percent_highest"]
    outline, bottom = steps(place, columns[f"{name}_lowest"])
    axes.fill_between(
        outline, bottom, steps(place, highest)[1], color=SELL_TINT, linewidth=0.0, label="transformer, all days"
    )
    axes.plot(*steps(place, columns[f"{name}_mean"]), color=SELL, linewidth=1.6, label="its mean")
    line = columns["line_loading_percent_highest"]
    axes.plot(*steps(place, line), color=INK, linewidth=1.2, label="most loaded line, highest")
    axes.plot(*steps(place, columns["line_loading_percent_mean"]), color=SUN, linewidth=1.6, label="its mean")
    largest = max(float(highest.max()), float(line.max()))
    if largest > 75.0:  # else the rating would squeeze the rest
        axes.axhline(100.0, color=SELL, linewidth=1.2)
    axes.set_ylim(0.0, nice_ceiling(1.05 * largest))
    axes.set_ylabel("loading [% of rating]")
    axes.set_title("Loading", pad=22)
    legend_above(axes)


def _in_words(intervals: pl.DataFrame) -> str:
    solved = intervals.filter("solved")
    if not solved.height:
        return "No interval of this run has a power flow:\nmore is asked for than the lines can carry."
    row = solved.row(0, named=True)
    return (
        f"One interval has a power flow: voltages {row['voltage_low_pu']:.3f} to {row['voltage_high_pu']:.3f} p.u.,\n"
        f"transformer at {row['transformer_loading_percent']:.0f} %, most loaded line at "
        f"{row['line_loading_percent']:.0f} % of its rating."
    )
