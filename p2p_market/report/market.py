"""Figures of the market: price and volume, when energy is traded at what price, and what was bid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.report.runs import Run, sum_of
from p2p_market.report.sheet import (
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    NothingToDrawError,
    Picture,
    Sheet,
    course_of,
    muted,
    set_clock,
    span_of,
    step_names,
)
from p2p_market.types import FloatArray
from p2p_market.view.clock import clock_ticks, long_date
from p2p_market.view.style import (
    BAND,
    BUY,
    BUY_TINT,
    INK,
    MUTED,
    SELL,
    SELL_TINT,
    TRADED,
    TRADED_TINT,
    nice_ceiling,
    note,
    with_margin,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEGEND, _GAP = 0.25, 0.75
_TRADE = 1e-9  # [kWh] less is rounding
_BAND = ("price_low_dollars_per_kwh", "price_high_dollars_per_kwh")
_PRICES = ("start", "traded_kwh", "price_dollars_per_kwh", *_BAND)
_LEVELS = 48  # of prices that the cloud of orders tells apart
_NO_TRADE = "Nothing was traded, so there is no price."


def traders(runs: Sequence[Run]) -> list[Run]:
    """Those runs in which something was traded.

    Raises
    ------
    NothingToDrawError
        If there are none.
    """
    found = [run for run in runs if (run.intervals["traded_kwh"].sum() or 0.0) > _TRADE]
    if not found:
        raise NothingToDrawError(_NO_TRADE)
    return found


def draw_price(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw for each run the price in its band, and below it the volume."""
    traders(runs)
    courses = [course_of(run.intervals) for run in runs]
    rows = sheet.rows(len(runs), _GAP, top=TOP + (_LEGEND if len(runs) == 1 else 0.5))
    low, high = span_of(course[name] for course in courses for name in _BAND)
    most = max(float(np.nanmax(course.power("traded_kwh"))) for course in courses)
    unit = "mean of the day [kW]" if courses[0].is_daily else "power [kW]"
    handles: list[Any] = []
    for axes, run, course in zip(rows, runs, courses, strict=True):
        box = axes.get_position()
        share = 0.58
        axes.set_position((box.x0, box.y0 + (1.0 - share) * box.height, box.width, share * box.height))
        volume = sheet.figure.add_axes((box.x0, box.y0, box.width, (1.0 - share - 0.06) * box.height), sharex=axes)
        place, bottom = course.outline(course[_BAND[0]])
        handles = [
            axes.fill_between(
                place, bottom, course.outline(course[_BAND[1]])[1], color=BAND, label="between feed-in and retail price"
            ),
            *axes.plot(place, bottom, color=MUTED, linewidth=0.9, linestyle=(0, (1, 1)), label="lowest feed-in price"),
            *axes.plot(
                *course.outline(course[_BAND[1]]),
                color=MUTED,
                linewidth=0.9,
                linestyle=(0, (4, 1.5)),
                label="highest retail price",
            ),
            *axes.plot(
                *course.outline(course["price_dollars_per_kwh"]), color=INK, linewidth=1.8, label="mean price", zorder=3
            ),
        ]
        axes.set_ylim(*with_margin(low, high))
        axes.set_ylabel("price [$/kWh]")
        axes.tick_params(labelbottom=False)
        traded = course.power("traded_kwh")
        place, values = course.outline(traded)
        volume.fill_between(place, 0.0, values, color=TRADED_TINT, linewidth=0.0)
        handles += volume.plot(place, values, color=TRADED, linewidth=1.2, label="traded")
        volume.set_ylim(0.0, nice_ceiling(1.05 * most))
        volume.set_ylabel(unit)
        set_clock(volume, course)
        sheet.name_run(axes, run, runs)
        if np.nanmax(traded) <= _TRADE:
            note(axes, _NO_TRADE)
        words = [
            f"{name}\n{amount:.2f} kW traded" + ("" if np.isnan(price) else f", {price:.4f} $/kWh")
            for name, amount, price in zip(step_names(course), traded, course["price_dollars_per_kwh"], strict=True)
        ]
        for panel in (axes, volume):
            sheet.tell_columns(panel, course.place, course.place + 1.0, words)
    sheet.legend(handles, columns=5)
    return (
        "The mean price of what neighbours trade lies between what the grid pays for energy and what it asks for it; "
        "no line where nothing is traded. Below: the power that is traded."
    )


def draw_heat(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw price and traded power by day and time of day, a row of panels each run."""
    traders(runs)
    grids = [_by_day_and_slot(run) for run in runs]
    prices = [grid["price_dollars_per_kwh"] for grid in grids]
    powers = [grid["traded_kwh"] * 60.0 / run.minutes for grid, run in zip(grids, runs, strict=True)]
    low, high = span_of(prices)
    limits = ((low, high if high > low else low + 0.01), (0.0, nice_ceiling(max(1e-3, span_of(powers)[1]))))
    width = 0.5 * (WIDTH - LEFT - RIGHT - 0.6)
    image: Any = None
    for column, (values, (least, most), name, unit, colours) in enumerate(
        zip((prices, powers), limits, ("price", "traded"), ("$/kWh", "kW"), ("cividis", "Greys"), strict=True)
    ):
        left = LEFT + column * (width + 0.6)
        rows = sheet.rows(len(runs), _GAP, top=TOP + (0.6 if len(runs) == 1 else 0.85), left=left, width=width)
        for axes, run, grid in zip(rows, runs, values, strict=True):
            days = len(grid)
            image = axes.imshow(
                grid.T,
                aspect="auto",
                origin="lower",
                interpolation="none",
                extent=(0.0, float(days), 0.0, 24.0),
                cmap=colours,
                vmin=least,
                vmax=most,
                zorder=2,
            )
            _hatch_gaps(axes)
            axes.grid(visible=False)
            axes.set_yticks([0, 6, 12, 18, 24], ["0:00", "6:00", "12:00", "18:00", "24:00"])
            start = run.intervals["start"][0].replace(hour=0, minute=0)
            axes.set_xticks(*clock_ticks(start, 1440, days, most=4))
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel("time of day")
                sheet.name_run(axes, run, runs)
            _tell_cells(sheet, axes, grid, run, f"{name}: {{:.{4 if column == 0 else 2}f}} {unit}")
            axes.set_xlabel("date")
        bar = sheet.axes(left, TOP + 0.13, width, 0.13)
        sheet.figure.colorbar(image, cax=bar, orientation="horizontal")
        bar.set_title(f"{'mean price' if column == 0 else 'traded power'} [{unit}]", fontsize=10.0, pad=4)
        bar.tick_params(labelsize=8.5, length=2.0)
        bar.grid(visible=False)
    return "Every interval by day and time of day. Hatched: nothing was traded, so there is no price."


def _by_day_and_slot(run: Run) -> dict[str, FloatArray]:
    """Arrays ``(days, slots)`` of price and traded energy; nan where nothing was traded."""
    rows, minutes = run.intervals, run.minutes
    first = rows["start"][0].replace(hour=0, minute=0)
    elapsed = (rows["start"] - first).dt.total_minutes().to_numpy()
    day, slot = elapsed // 1440, elapsed % 1440 // minutes
    shape = int(day.max()) + 1, max(1, 1440 // minutes)
    traded = rows["traded_kwh"].fill_null(0.0).to_numpy()
    grids = {}
    for name in ("price_dollars_per_kwh", "traded_kwh"):
        grid = np.full(shape, np.nan)
        inside = (slot < shape[1]) & (traded > _TRADE)
        grid[day[inside], slot[inside]] = rows[name].fill_null(np.nan).to_numpy()[inside]
        grids[name] = grid
    return grids


def _hatch_gaps(axes: Axes) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415 (matplotlib is optional)

    low, high = axes.get_xlim()
    axes.add_patch(
        Rectangle(
            (low, 0.0), high - low, 24.0, facecolor="white", edgecolor="#CCCCCC", hatch="////", linewidth=0, zorder=1
        )
    )


def _tell_cells(sheet: Sheet, axes: Axes, grid: FloatArray, run: Run, text: str) -> None:
    days, slots = grid.shape
    first = run.intervals["start"][0]
    day, slot = (index.ravel() for index in np.indices(grid.shape))
    names = [long_date(first + dt.timedelta(days=number)) for number in range(days)]
    hours = 24.0 * slot / slots
    words = [
        f"{names[d]}, {int(hour):d}:{round(60 * (hour % 1)):02d}\n"
        + ("nothing traded" if np.isnan(value) else text.format(value))
        for d, hour, value in zip(day, hours, grid.ravel(), strict=True)
    ]
    sheet.tell(axes, day * 1.0, day + 1.0, hours, hours + 24.0 / slots, words)


def draw_orders(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw bids and asks as a cloud: their limit prices against the clearing price of their interval."""
    asking = [run for run in runs if not _is_pool(run)]
    clouds = [(run, cloud) for run, cloud in ((run, _cloud(run)) for run in asking) if cloud.height]
    if not clouds:
        raise NothingToDrawError(
            "Nobody placed an order." if asking else "No prices are bid in this market; the rule makes them."
        )
    low, high = span_of(cloud[name].to_numpy() for _, cloud in clouds for name in ("low", "high", "limit"))
    shown = [run for run, _ in clouds]
    sheet.figure.set_figheight(ORDERS.height(len(shown)))
    most = max(float(cloud["ordered"].max()) for _, cloud in clouds)  # type: ignore[arg-type] # there are rows
    width = 0.5 * (WIDTH - LEFT - RIGHT - 0.5)
    aside = low - 0.11 * (high - low)
    for column, (is_bid, tint, colour, marker) in enumerate(
        ((True, BUY_TINT, BUY, "^"), (False, SELL_TINT, SELL, "v"))
    ):
        left = LEFT + column * (width + 0.5)
        rows = sheet.rows(len(shown), 0.85, top=TOP + 0.5, left=left, width=width)
        for axes, (run, cloud) in zip(rows, clouds, strict=True):
            mine = cloud.filter(pl.col("is_bid") == is_bid)
            x, y = mine["clearing"].fill_null(aside).to_numpy(), mine["limit"].to_numpy()
            for name, face in (("ordered", tint), ("filled", colour)):
                area = 480.0 * mine[name].to_numpy() / most
                axes.scatter(x, y, s=area, marker=marker, linewidth=0.4, facecolor=face, edgecolor=colour)
            axes.plot([low, high], [low, high], color=INK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
            axes.axvline(aside + 0.055 * (high - low), color=MUTED, linewidth=0.6)
            axes.set_xlim(aside - 0.06 * (high - low), high + 0.05 * (high - low))
            axes.set_ylim(low - 0.07 * (high - low), high + 0.07 * (high - low))
            ticks = np.linspace(low, high, 4)
            axes.set_xticks([aside, *ticks], ["none", *(f"{tick:.2f}" for tick in ticks)])
            axes.set_xlabel("clearing price of the interval [$/kWh]")
            axes.set_ylabel("limit price [$/kWh]" if column == 0 else "")
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                sheet.name_run(axes, run, runs)
            side, verb = ("bids", "bought") if is_bid else ("asks", "sold")
            total, filled = mine["ordered"].sum(), mine["filled"].sum()
            text = f"{side}: {total:,.0f} kWh, {filled:,.0f} kWh {verb}" if mine.height else f"no {side}"
            muted(axes, text, 1.0, 1.02, ha="right", va="bottom")
            words = [
                f"{side} at {limit:.3f} $/kWh"
                + (", nothing traded" if price is None else f", clearing price {price:.3f} $/kWh")
                + f"\n{ordered:,.2f} kWh, of which {done:,.2f} kWh {verb}"
                for limit, price, ordered, done in mine.select("limit", "clearing", "ordered", "filled").iter_rows()
            ]
            half = 0.5 * (high - low) / _LEVELS
            sheet.tell(axes, x - half, x + half, y - half, y + half, words)
    _legend_of_orders(sheet)
    return (
        "Each mark is the energy of all orders with about one limit price in intervals with about one clearing price; "
        "its area grows with the energy, and the dark part was traded. A bid trades above the dashed line, where it "
        "offers more than the price, an ask below it. Far left: intervals without trade."
        + ("" if len(clouds) == len(runs) else " Not shown: runs in which no prices are bid.")
    )


def _is_pool(run: Run) -> bool:
    return run.mechanism in MECHANISMS and MECHANISMS[run.mechanism].is_pool


def _cloud(run: Run) -> pl.DataFrame:
    """Energy ordered and filled by side, limit price and clearing price, on a grid of prices."""
    intervals = run.intervals.select("start", "traded_kwh", "price_dollars_per_kwh", *_BAND)
    low, high = intervals[_BAND[0]].min(), intervals[_BAND[1]].max()
    if low is None or high is None:
        return pl.DataFrame()
    step = max(float(high) - float(low), 1e-6) / _LEVELS  # type: ignore[arg-type] # numbers
    price = pl.when(pl.col("traded_kwh") > _TRADE).then(pl.col("price_dollars_per_kwh"))

    def level(value: pl.Expr) -> pl.Expr:
        return ((value - low) / step).round() * step + low

    return (
        run.households.filter(pl.col("order_kwh").abs() > _TRADE, pl.col("limit_price_dollars_per_kwh").is_not_null())
        .join(intervals.lazy().select("start", clearing=price), on="start", how="left")
        .group_by(
            is_bid=pl.col("order_kwh") > 0.0,
            limit=level(pl.col("limit_price_dollars_per_kwh")),
            clearing=level(pl.col("clearing")),
        )
        .agg(ordered=sum_of(pl.col("order_kwh").abs()), filled=sum_of(pl.col("filled_kwh").abs()))
        .sort("is_bid", "limit", "clearing", nulls_last=True)
        .with_columns(low=pl.lit(low), high=pl.lit(high))
        .collect()
    )


def _legend_of_orders(sheet: Sheet) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 (matplotlib is optional)

    def mark(marker: str, face: str, edge: str, label: str) -> Line2D:
        return Line2D(
            [], [], marker=marker, linestyle="", markersize=9.0, markerfacecolor=face, markeredgecolor=edge, label=label
        )

    sheet.legend(
        [
            mark("^", BUY_TINT, BUY, "bids"),
            mark("^", BUY, BUY, "bought"),
            mark("v", SELL_TINT, SELL, "asks"),
            mark("v", SELL, SELL, "sold"),
            Line2D([], [], color=INK, linewidth=1.0, linestyle=(0, (4, 2)), label="limit = clearing price"),
        ],
        columns=5,
    )


PRICE = Picture(
    "price",
    "Price and volume",
    {"intervals": _PRICES},
    draw_price,
    lambda number: 1.5 + number * (3.9 if number == 1 else 2.7) + (number - 1) * _GAP,
)
HEAT = Picture(
    "heat_map",
    "Price and trade by day and time of day",
    {"intervals": ("start", "traded_kwh", "price_dollars_per_kwh")},
    draw_heat,
    lambda number: 1.75 + (number > 1) * 0.25 + number * (3.0 if number == 1 else 2.0) + (number - 1) * _GAP,
)
ORDERS = Picture(
    "orders",
    "Bids and asks against the clearing price",
    {
        "intervals": _PRICES,
        "households": ("start", "order_kwh", "filled_kwh", "limit_price_dollars_per_kwh"),
    },
    draw_orders,
    lambda number: 1.65 + number * (3.3 if number == 1 else 2.4) + (number - 1) * 0.85,
)
