"""One day of a street with batteries: price, trades, what the batteries do, and how full they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from p2p_market.view.clock import long_date
from p2p_market.view.course import read_course
from p2p_market.view.style import (
    BAND,
    BUY,
    BUY_TINT,
    INK,
    SELL_TINT,
    SUN,
    SUN_TINT,
    TRADED,
    legend_above,
    nice_ceiling,
    note,
    with_margin,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from p2p_market.view.course import Course

_OWNS = 1e-12  # what is never charged and never moves shows nothing


def battery_day(intervals: pl.DataFrame) -> pl.DataFrame:
    """Rows of the day on which batteries move most energy, of the longest days; all rows where no day has two."""
    day = pl.col("start").dt.truncate("1d")
    days = intervals.group_by(day.alias("day"), maintain_order=True).agg(
        rows=pl.len(), moved=pl.col("battery_moved_kwh").sum()
    )
    best = days.sort("rows", "moved", descending=True, maintain_order=True).row(0, named=True)
    return intervals if best["rows"] == 1 else intervals.filter(day == best["day"])


def draw_battery_day(figure: Figure, intervals: pl.DataFrame, households: pl.DataFrame) -> None:
    """Draw three panels over the hours of the day: price, power, state of charge.

    Parameters
    ----------
    figure
        To draw on; its top is left free for a title.
    intervals, households
        Rows of one market, of a street with batteries.
    """
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415 (matplotlib is optional)

    moved = households.group_by("start", maintain_order=True).agg(battery_moved_kwh=pl.col("battery_kwh").abs().sum())
    rows = battery_day(intervals.with_columns(moved["battery_moved_kwh"]))
    households = households.filter(pl.col("start").is_in(rows["start"].implode()))
    course = read_course(rows)
    prices = figure.add_axes((0.085, 0.655, 0.875, 0.160))
    powers = figure.add_axes((0.085, 0.335, 0.875, 0.220), sharex=prices)
    charges = figure.add_axes((0.085, 0.080, 0.875, 0.155), sharex=prices)
    _draw_price(prices, course)
    _draw_power(powers, course, households)
    _draw_charge(charges, course, households)
    charges.yaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in (prices, powers):
        axes.tick_params(labelbottom=False)
    ticks, labels = course.ticks()
    charges.set_xlim(0.0, float(course.place[-1]) + 1.0)
    charges.set_xticks(ticks, labels)
    charges.set_xlabel(f"local time, {long_date(rows['start'][0])}")
    for axes in (prices, powers):
        legend_above(axes)


def _draw_price(axes: Axes, course: Course) -> None:
    low, high = course["price_low_dollars_per_kwh"], course["price_high_dollars_per_kwh"]
    place, bottom = course.outline(low)
    label = "band: feed-in to retail price"
    axes.fill_between(place, bottom, course.outline(high)[1], color=BAND, linewidth=0.0, label=label)
    price = course.outline(course["price_dollars_per_kwh"])
    axes.plot(*price, color=INK, linewidth=1.8, label="mean price of the traded energy", zorder=3)
    axes.set_ylim(*with_margin(float(np.nanmin(low)), float(np.nanmax(high))))
    axes.set_ylabel("price [$/kWh]")
    axes.set_title("Price", pad=22)


def _draw_power(axes: Axes, course: Course, households: pl.DataFrame) -> None:
    """Charging above zero and discharging below it, beside what is traded and what the grid gives or takes."""
    energy = pl.col("battery_kwh")
    sums = households.group_by("start", maintain_order=True).agg(
        taken=energy.clip(lower_bound=0.0).sum(), given=energy.clip(upper_bound=0.0).sum()
    )
    charge, discharge = (sums[name].to_numpy() / course.hours for name in ("taken", "given"))
    traded, grid = course.power("traded_kwh"), course.power("grid_import_kwh") - course.power("grid_export_kwh")
    for values, color, label in ((charge, BUY_TINT, "batteries charge"), (discharge, SELL_TINT, "discharge")):
        place, height = course.outline(values)
        axes.fill_between(place, 0.0, height, color=color, linewidth=0.0, label=label)
    axes.plot(*course.outline(traded), color=TRADED, linewidth=1.6, label="traded between neighbours")
    axes.plot(*course.outline(grid), color=INK, linewidth=1.0, label="from the grid, less to it")
    axes.axhline(0.0, color=INK, linewidth=0.6)
    highest = max(float(values.max()) for values in (charge, traded, grid))
    lowest = min(float(values.min()) for values in (discharge, grid))
    axes.set_ylim(-nice_ceiling(-1.05 * lowest) if lowest < 0.0 else 0.0, nice_ceiling(1.05 * highest))
    axes.set_ylabel("power [kW]")
    axes.set_title("Batteries, trades and grid", pad=22)


def _draw_charge(axes: Axes, course: Course, households: pl.DataFrame) -> None:
    names = households.group_by("household", maintain_order=True).agg(
        has=(pl.col("state_of_charge").abs() + pl.col("battery_kwh").abs()).max() > _OWNS
    )
    owners = names.filter("has")["household"]
    share = (
        households.filter(pl.col("household").is_in(owners.implode()))
        .group_by("start", maintain_order=True)
        .agg(
            mean=pl.col("state_of_charge").mean(),
            least=pl.col("state_of_charge").min(),
            most=pl.col("state_of_charge").max(),
        )
    )
    axes.set_ylim(0.0, 1.0)
    axes.set_ylabel("state of charge")
    axes.set_title("Charge of the batteries", pad=22)
    if not share.height:
        note(axes, "All batteries are empty on this day.")
        return
    # as it is at the end of an interval, so a line through those moments and no steps
    moment = course.place + 1.0
    least, most, mean = (share[name].to_numpy() for name in ("least", "most", "mean"))
    several = len(owners) > 1
    if several:
        axes.fill_between(moment, least, most, color=SUN_TINT, linewidth=0.0, label="lowest to highest")
    label = f"mean of the {len(owners)} batteries in use" if several else "the battery"
    axes.plot(moment, mean, color=SUN if several else BUY, linewidth=1.8, label=label)
    legend_above(axes)
