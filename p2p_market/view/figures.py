"""Figures of a finished run: price and volume, one interval's curves, savings, and the power of the street."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import polars as pl

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.data.atomic import atomic_path
from p2p_market.types import FloatArray
from p2p_market.view.battery_day import draw_battery_day
from p2p_market.view.book import Book
from p2p_market.view.clock import interval_name, long_date, span_name
from p2p_market.view.course import Course, read_course
from p2p_market.view.curves import draw_curves
from p2p_market.view.feeder import draw_power_flow
from p2p_market.view.style import (
    BAND,
    BUY,
    BUY_TINT,
    INK,
    MOST_NAMED,
    MUTED,
    SELL_TINT,
    SUN,
    SUN_TINT,
    TRADED,
    TRADED_TINT,
    bars,
    energy,
    house_style,
    household_ticks,
    legend_above,
    nice_ceiling,
    note,
    with_margin,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from p2p_market.config import Config
    from p2p_market.power_flow.summary import PowerFlowFrames

DOTS_PER_INCH = 110
_Drawing: TypeAlias = "tuple[Callable[[Figure, Results], None], tuple[float, float]]"
_TRADE = 1e-9  # [kWh] and [$]: less is rounding


class Results(Protocol):
    """What figures are drawn from; `p2p_market.results.RunResults` is one."""

    @property
    def config(self) -> Config:
        """The configuration."""

    @property
    def intervals(self) -> pl.DataFrame:
        """A row a market and interval."""

    @property
    def households(self) -> pl.DataFrame:
        """A row a market, interval and household."""

    @property
    def power_flow(self) -> PowerFlowFrames | None:
        """Voltages and loadings on a feeder, where they were asked for."""

    @property
    def household_totals(self) -> pl.DataFrame:
        """A row a market and household."""


def write_figures(results: Results, folder: str | Path) -> list[Path]:
    """Draw a run and write the pictures as PNG files; with several markets, the first one.

    Parameters
    ----------
    results
        A finished run.
    folder
        Where to write ``price_and_volume.png``, ``supply_and_demand.png``, ``savings_by_household.png`` and
        ``community_power.png``, with batteries ``battery_day.png``, and with a power flow
        ``voltage_and_loading.png``. Each appears when it is complete, and takes the place of an earlier one.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed; nothing is written then.
    """
    written = []
    with house_style():
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
        from matplotlib.figure import Figure  # noqa: PLC0415 (matplotlib is optional)

        for name, (draw, size) in _drawings_of(results).items():
            canvas = FigureCanvasAgg(Figure(figsize=size, dpi=DOTS_PER_INCH))
            draw(canvas.figure, results)
            path = Path(folder) / name
            with atomic_path(path) as temporary:
                canvas.figure.savefig(temporary, format="png", metadata={"Software": "p2p_market"})
            written.append(path)
    return written


def _drawings_of(results: Results) -> Mapping[str, _Drawing]:
    """Those of every run, and those of what this street has; a day of batteries needs more than one interval."""
    shows_batteries = "battery_kwh" in results.households.columns and results.intervals["start"].n_unique() > 1
    drawings = dict(_DRAWINGS)
    if shows_batteries:
        drawings["battery_day.png"] = (_draw_battery_day, (10.0, 8.2))
    if results.power_flow is not None:
        drawings["voltage_and_loading.png"] = (_draw_power_flow, (10.0, 6.6))
    return drawings


def _first_market(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("market") == pl.col("market").min())


def _head(figure: Figure, title: str, results: Results) -> None:
    """Write the title, and below it what ran."""
    number, markets = _first_market(results.household_totals).height, results.config.run.num_markets
    times = _first_market(results.intervals)["start"]
    words = [results.config.market.mechanism, "1 household" if number == 1 else f"{number} households"]
    words.append(span_name(times[0], times[-1]))
    if markets > 1:
        words.append(f"first of {markets} markets")
    inches = figure.get_figheight()
    figure.text(0.02, 1.0 - 0.30 / inches, title, fontsize=14.0, fontweight="bold", va="center")
    figure.text(0.02, 1.0 - 0.59 / inches, ", ".join(words), fontsize=10.5, color=MUTED, va="center")


def _two_panels(figure: Figure) -> tuple[Axes, Axes]:
    upper = figure.add_axes((0.085, 0.510, 0.875, 0.275))
    return upper, figure.add_axes((0.085, 0.105, 0.875, 0.265), sharex=upper)


def _draw_clock(upper: Axes, lower: Axes, course: Course) -> None:
    ticks, labels = course.ticks()
    lower.set_xlim(0.0, float(course.place[-1]) + 1.0)
    lower.set_xticks(ticks, labels)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("date" if course.is_daily else "local time")


def _has_course(upper: Axes, lower: Axes, intervals: pl.DataFrame) -> bool:
    """Whether there is anything to draw over time; else says what happened in words."""
    if intervals.height > 1:
        return True
    row = intervals.row(0, named=True)
    traded, price = row["traded_kwh"], row["price_dollars_per_kwh"]
    result = f"{energy(traded)} traded at {price:.4f} $/kWh" if traded > _TRADE else "nothing was traded"
    note(upper, f"The run is one interval long: {result}.")
    used = f"{energy(row['demand_kwh'])} demand, {energy(row['pv_kwh'])} from PV"
    note(
        lower, f"{used},\n{energy(row['grid_import_kwh'])} from the grid, {energy(row['grid_export_kwh'])} to the grid."
    )
    for axes in (upper, lower):
        axes.set_axis_off()
    return False


def _draw_price_and_volume(figure: Figure, results: Results) -> None:
    intervals = _first_market(results.intervals)
    prices, volumes = _two_panels(figure)
    _head(figure, "Price and traded energy", results)
    if not _has_course(prices, volumes, intervals):
        return
    course = read_course(intervals)
    low, high = course["price_low_dollars_per_kwh"], course["price_high_dollars_per_kwh"]
    place, bottom = course.outline(low)
    band = "band: feed-in to retail price" + (", lowest and highest of the day" if course.is_daily else "")
    prices.fill_between(place, bottom, course.outline(high)[1], color=BAND, linewidth=0.0, label=band)
    prices.set_ylabel("price [$/kWh]")
    prices.set_ylim(*with_margin(float(np.nanmin(low)), float(np.nanmax(high))))
    width = 1.2 if course.is_daily else 1.8
    traded = course["traded_kwh"]
    if traded.max() > _TRADE:
        mean = course.outline(course["price_dollars_per_kwh"])
        prices.plot(*mean, color=INK, linewidth=width, label="mean price of the traded energy", zorder=3)
    else:
        note(prices, "Nothing was traded, so there is no price.")
        note(volumes, "Nothing was traded in this run.")
    place, values = course.outline(traded)
    volumes.fill_between(place, 0.0, values, color=TRADED_TINT, linewidth=0.0)
    volumes.plot(place, values, color=TRADED, linewidth=0.7 * width, label="traded between neighbours")
    volumes.set_ylim(0.0, nice_ceiling(1.05 * float(traded.max())))
    volumes.set_ylabel("energy [kWh a day]" if course.is_daily else f"energy [kWh in {course.minutes} min]")
    _draw_clock(prices, volumes, course)
    prices.set_title("Price", pad=22)
    volumes.set_title("Volume", pad=22)
    legend_above(prices)
    legend_above(volumes)


def _draw_supply_and_demand(figure: Figure, results: Results) -> None:
    households = _first_market(results.households)
    book, when = _best_book(households, _first_market(results.intervals), results.config.market.mechanism)
    axes = figure.add_axes((0.10, 0.105, 0.87, 0.605))
    if households["start"].n_unique() > 1:
        minutes = int(households["start"].unique().sort().diff().min().total_seconds()) // 60  # type: ignore[union-attr] # a difference of times
        moment = interval_name(when, minutes)
    else:
        moment = f"{long_date(when)}, {when:%H:%M}"
    more = "at the largest traded volume" if book.traded > _TRADE else "where nothing was traded"
    _head(figure, f"Supply and demand {more}", results)
    draw_curves(axes, book, moment)


def _best_book(households: pl.DataFrame, intervals: pl.DataFrame, mechanism: str) -> tuple[Book, dt.datetime]:
    """Read the book with the largest trade, or where there is none, the one with most to bring together."""
    orders = pl.col("order_kwh")
    sizes = (
        households.group_by("start", maintain_order=True)
        .agg(bid=orders.clip(lower_bound=0.0).sum(), ask=-orders.clip(upper_bound=0.0).sum())
        .with_columns(traded=intervals["traded_kwh"], shorter=pl.min_horizontal("bid", "ask"))
        .sort("traded", "shorter", pl.col("bid") + pl.col("ask"), descending=True, maintain_order=True)
    )
    when: dt.datetime = sizes["start"][0]
    rows = households.filter(pl.col("start") == when)
    summary = intervals.row(by_predicate=pl.col("start") == when, named=True)
    price, quantity, filled, unit_price = (
        rows[name].fill_null(0.0).to_numpy()
        for name in ("limit_price_dollars_per_kwh", "order_kwh", "filled_kwh", "unit_price_dollars_per_kwh")
    )
    return Book(
        price=price,
        quantity=quantity,
        filled=filled,
        band_low=summary["price_low_dollars_per_kwh"],
        band_high=summary["price_high_dollars_per_kwh"],
        mean_price=np.nan if summary["traded_kwh"] <= _TRADE else summary["price_dollars_per_kwh"],
        has_one_price=all(_is_one(unit_price[side]) for side in (filled > 0.0, filled < 0.0)),
        is_pool=MECHANISMS[mechanism].is_pool,
    ), when


def _is_one(prices: FloatArray) -> bool:
    return not prices.size or float(np.ptp(prices)) < _TRADE


def _draw_savings_by_household(figure: Figure, results: Results) -> None:
    totals = _first_market(results.household_totals).sort("saving_dollars", descending=True, maintain_order=True)
    saving = totals["saving_dollars"].to_numpy()
    axes = figure.add_axes((0.085, 0.125, 0.895, 0.665))
    _head(figure, "Savings by household, against the grid alone", results)
    axes.set_ylabel("saving over the run [$]")
    place, zero = np.arange(len(saving), dtype=np.float64), np.zeros(len(saving))
    for role, face, edge, hatch in (("prosumer", SUN, SUN, None), ("consumer", BUY_TINT, BUY, "////")):
        mine = (totals["role"] == role).to_numpy()
        if mine.any():
            label = f"{mine.sum()} {role}{'s' if mine.sum() > 1 else ''}: {_dollars(saving[mine].sum())} together"
            look = {
                "facecolor": face,
                "edgecolor": edge,
                "hatch": hatch,
                "linewidth": 0.8 if len(saving) <= 100 else 0.0,
            }
            bars(axes, place[mine], zero[mine], saving[mine], 0.76, label=label, **look)
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=3)
    ticks, labels, kind = household_ticks(totals["household"].to_list())
    side = max(0.7, 5.0 - 0.5 * len(saving))  # few bars would be walls
    axes.set_xlim(-side, len(saving) - 1.0 + side)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0.0)
    if len(saving) <= MOST_NAMED:
        axes.set_xticks(ticks, labels)
        axes.set_xlabel(f"{kind}, largest saving first")
    else:
        axes.set_xticks([])
        axes.set_xlabel("households, largest saving first")
    if np.abs(saving).max() <= _TRADE:
        axes.set_ylim(-1.0, 1.0)
        axes.set_yticks([0.0])
        is_alone = len(saving) == 1
        note(
            axes,
            "One household has nobody to trade with."
            if is_alone
            else "Nobody saved: the bills are those of the grid alone.",
        )
        return
    top, bottom = max(float(saving.max()), 0.0), min(float(saving.min()), 0.0)
    axes.set_ylim(1.06 * bottom - 0.02 * top, 1.06 * top - 0.02 * bottom)
    legend_above(axes)


def _dollars(value: float) -> str:
    return f"{round(value, 2) + 0.0:,.2f} $"


def _draw_community_power(figure: Figure, results: Results) -> None:
    intervals = _first_market(results.intervals)
    demand_axes, pv_axes = _two_panels(figure)
    _head(figure, "Where power comes from and goes to", results)
    if not _has_course(demand_axes, pv_axes, intervals):
        return
    course = read_course(intervals)
    demand, pv, traded, bought, sold = (
        course.power(name) for name in ("demand_kwh", "pv_kwh", "traded_kwh", "grid_import_kwh", "grid_export_kwh")
    )
    for axes, title, total, name, parts in (
        (
            demand_axes,
            "Demand",
            demand,
            "demand",
            (("own PV", SUN_TINT, None), ("from neighbours", TRADED, None), ("from the grid", BUY_TINT, bought)),
        ),
        (
            pv_axes,
            "PV generation",
            pv,
            "PV",
            (("used at home", SUN_TINT, None), ("to neighbours", TRADED, None), ("to the grid", SELL_TINT, sold)),
        ),
    ):
        grid = parts[2][2]
        own = np.clip(total - traded - grid, 0.0, None)
        place, base = course.outline(np.zeros(len(own)))
        for (label, color, _), layer in zip(parts, (own, traded, grid), strict=True):
            upper = base + course.outline(layer)[1]
            axes.fill_between(place, base, upper, facecolor=color, linewidth=0.0, label=label)
            base = upper
        axes.plot(*course.outline(total), color=INK, linewidth=1.2, label=name)
        axes.set_title(title, pad=22)
        axes.set_ylim(0.0, nice_ceiling(1.05 * float(total.max())))
        axes.set_ylabel("mean of the day [kW]" if course.is_daily else "power [kW]")
        legend_above(axes)
    _draw_clock(demand_axes, pv_axes, course)
    if not pv.any():
        note(pv_axes, "No household has PV that generates in this run.")


def _draw_battery_day(figure: Figure, results: Results) -> None:
    _head(figure, "The day on which batteries moved most energy", results)
    draw_battery_day(figure, _first_market(results.intervals), _first_market(results.households))


def _draw_power_flow(figure: Figure, results: Results) -> None:
    assert results.power_flow is not None  # noqa: S101 - drawn only where there is one
    _head(figure, "Voltage and loading of the feeder by time of day", results)
    draw_power_flow(figure, _first_market(results.power_flow.intervals), results.power_flow.voltage_limits)


_DRAWINGS: Mapping[str, _Drawing] = {
    "price_and_volume.png": (_draw_price_and_volume, (10.0, 6.0)),
    "supply_and_demand.png": (_draw_supply_and_demand, (8.0, 5.8)),
    "savings_by_household.png": (_draw_savings_by_household, (10.0, 4.8)),
    "community_power.png": (_draw_community_power, (10.0, 6.4)),
}
