"""Figures of power: where the street's energy comes from and goes to, and how its import is spread over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from p2p_market.report.runs import FLOW_COLUMNS, Run
from p2p_market.report.sheet import (
    EVERYWHERE,
    GREY_TINT,
    LEFT,
    PURPLE_TINT,
    RIGHT,
    RUN_LOOKS,
    SKY,
    TOP,
    WIDTH,
    Picture,
    Sheet,
    course_of,
    set_clock,
    shortened,
    step_names,
)
from p2p_market.types import FloatArray
from p2p_market.view.style import BUY, BUY_TINT, INK, MUTED, SELL_TINT, SUN_TINT, TRADED, nice_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP, _DAY_WIDTH, _BETWEEN = 0.75, 2.35, 0.55
_LEGEND = 0.5
_MOST_POINTS = 500
_NOISE = 1e-9


class Layer(NamedTuple):
    """One part of a stack."""

    column: str
    label: str
    colour: str
    hatch: str | None = None


SOURCES = (
    Layer("pv_kwh", "PV", SUN_TINT),
    Layer("released_kwh", "from storage", PURPLE_TINT, "...."),
    Layer("traded_kwh", "traded between neighbours", TRADED),
    Layer("grid_import_kwh", "from the grid", BUY_TINT, "////"),
    Layer("shed_kwh", "load that was shed", "white", "xxxx"),
)
USES = (
    Layer("demand_kwh", "demand", GREY_TINT),
    Layer("stored_kwh", "into storage", PURPLE_TINT, "...."),
    Layer("other_devices_kwh", "other devices", SKY, "----"),
    Layer("traded_kwh", "traded between neighbours", TRADED),
    Layer("grid_export_kwh", "to the grid", SELL_TINT, "\\\\\\\\"),
    Layer("curtailed_kwh", "cut by feeder limits", "white", "++++"),
)
_STACKED = tuple(dict.fromkeys(layer.column for layer in (*SOURCES, *USES)))


def draw_power(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw for each run its sources above zero and its uses below, over the run and over its mean day."""
    left_width = WIDTH - LEFT - RIGHT - _DAY_WIDTH - _BETWEEN
    courses = [course_of(run.flows) for run in runs]
    days = [_mean_day(run) for run in runs]
    wide = sheet.rows(len(runs), _GAP, top=TOP + _LEGEND, width=left_width)
    shown: dict[str, Layer] = {}
    for axes, run, course, day in zip(wide, runs, courses, days, strict=True):
        box = axes.get_position()
        small = sheet.figure.add_axes(((LEFT + left_width + _BETWEEN) / WIDTH, box.y0, _DAY_WIDTH / WIDTH, box.height))
        powers = {name: course.power(name) for name in _STACKED}
        used = [_stack(axes, powers, course.outline), _stack(small, day, _of_the_day)]
        for layers in used:
            shown |= {layer.label: layer for layer in layers}
        axes.set_ylabel("mean of the day [kW]" if course.is_daily else "power [kW]")
        set_clock(axes, course)
        small.set_xlim(0.0, 24.0)
        small.set_xticks([0, 6, 12, 18, 24], ["0:00", "6:00", "12:00", "18:00", "24:00"])
        sheet.name_run(axes, run, runs)
        small.set_title("mean day", loc="left", fontsize=10.0, fontweight="normal", color=MUTED, pad=6)
        _tell(sheet, axes, course.place, course.place + 1.0, step_names(course), powers)
        hours = 24.0 * np.arange(len(day["pv_kwh"])) / len(day["pv_kwh"])
        names = [f"{int(hour):d}:{round(60 * (hour % 1)):02d}, mean" for hour in hours]
        _tell(sheet, small, hours, hours + 24.0 / len(hours), names, day)
    _share_limits(sheet)
    _legend(sheet, shown)
    first = courses[0]
    of_what = "means of days" if first.is_daily else "interval by interval"
    return (
        f"Sources above zero, uses below it, {of_what}; both sides are equal. What neighbours trade is on both: "
        "one's surplus is another's need. Right: the mean over all days by time of day."
    )


def _mean_day(run: Run) -> dict[str, FloatArray]:
    """Mean power by interval of the day [kW]; intervals that no day has are 0."""
    minutes = run.minutes
    slots = max(1, 1440 // minutes)
    slot = (pl.col("start").dt.hour().cast(pl.Int32) * 60 + pl.col("start").dt.minute()) // minutes
    by_slot = run.flows.group_by(slot=slot, maintain_order=True)
    means = by_slot.agg((pl.col(_STACKED).mean() * 60.0 / minutes).round(9)).sort("slot")
    place = means["slot"].to_numpy()
    inside = place < slots
    day = {}
    for name in _STACKED:
        values = np.zeros(slots)
        values[place[inside]] = means[name].to_numpy()[inside]
        day[name] = values
    return day


def _of_the_day(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    edges = np.linspace(0.0, 24.0, len(values) + 1)
    return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)


def _stack(axes: Axes, power: Mapping[str, FloatArray], outline: object) -> list[Layer]:
    """Draw both stacks and give back the layers that show."""
    assert callable(outline)  # noqa: S101 - a function of values
    shown = []
    for layers, sign in ((SOURCES, 1.0), (USES, -1.0)):
        base: FloatArray | None = None
        for layer in layers:
            values = power[layer.column]
            place, height = outline(sign * values)
            bottom = np.zeros(len(height)) if base is None else base
            base = bottom + height
            if np.abs(values).max() <= _NOISE:
                continue
            axes.fill_between(
                place, bottom, base, facecolor=layer.colour, hatch=layer.hatch, edgecolor=MUTED, linewidth=0.0
            )
            shown.append(layer)
        if base is not None:
            axes.plot(place, base, color=INK, linewidth=0.8)
    axes.axhline(0.0, color=INK, linewidth=1.0)
    return shown


def _tell(
    sheet: Sheet,
    axes: Axes,
    left: FloatArray,
    right: FloatArray,
    names: Sequence[str],
    power: Mapping[str, FloatArray],
) -> None:
    lines = [list(names)]
    labels = {layer.column: layer.label for layer in (*USES, *SOURCES)}
    for column, label in labels.items():
        if power[column].any():
            lines.append([f"{label}: {value:.2f} kW" for value in power[column]])
    words = ["\n".join(words) for words in zip(*lines, strict=True)]
    sheet.tell(axes, left, right, -EVERYWHERE, EVERYWHERE, words)


def _share_limits(sheet: Sheet) -> None:
    """The same scale everywhere, so that panels can be compared."""
    panels = sheet.figure.axes
    low = min(float(axes.dataLim.y0) for axes in panels)
    high = max(float(axes.dataLim.y1) for axes in panels)
    for axes in panels:
        axes.set_ylim(-nice_ceiling(-1.03 * low) if low < 0.0 else 0.0, nice_ceiling(1.03 * high))
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")


def _legend(sheet: Sheet, shown: Mapping[str, Layer]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 (matplotlib is optional)

    patches = [
        Patch(facecolor=layer.colour, hatch=layer.hatch, edgecolor=MUTED, linewidth=0.5, label=label)
        for label, layer in shown.items()
    ]
    sheet.legend(patches)


def draw_duration(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw the power bought from the grid, sorted; for a single run, with what it would be without trade."""
    axes = sheet.axes(LEFT, TOP + _LEGEND, WIDTH - LEFT - RIGHT, sheet.height - TOP - _LEGEND - 0.6)
    highest = 0.0
    for run, (colour, dash, _) in zip(runs, RUN_LOOKS, strict=False):
        hours = run.minutes / 60.0
        bought = run.intervals["grid_import_kwh"].fill_null(0.0).to_numpy() / hours
        share, power = _sorted(bought)
        if len(runs) == 1:
            traded = run.intervals["traded_kwh"].fill_null(0.0).to_numpy() / hours
            _, alone = _sorted(bought + traded)
            axes.plot(share, alone, color=MUTED, linestyle=(0, (4, 1.5)), linewidth=1.6, label="the same without trade")
            axes.fill_between(share, power, alone, color=GREY_TINT, alpha=0.6, linewidth=0.0)
            highest = float(alone.max())
        label = "bought from the grid" if len(runs) == 1 else shortened(run.label)
        axes.plot(share, power, color=BUY if len(runs) == 1 else colour, linestyle=dash, linewidth=2.0, label=label)
        highest = max(highest, float(power.max()))
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(0.0, nice_ceiling(1.05 * highest))
    axes.set_xlabel("share of the time [%]")
    axes.set_ylabel("power bought from the grid [kW]")
    sheet.legend(axes.get_legend_handles_labels()[0])
    if len(runs) == 1:
        share, power = _sorted(runs[0].intervals["grid_import_kwh"].fill_null(0.0).to_numpy() * 60.0 / runs[0].minutes)
        words = [
            f"{value:.2f} kW or more in {part:.1f} % of the time" for part, value in zip(share, power, strict=True)
        ]
        sheet.tell_columns(axes, share, np.append(share[1:], 100.0), words)
    peaks = "; ".join(
        f"{shortened(run.label) + ': ' if len(runs) > 1 else ''}"
        f"{run.intervals['grid_import_kwh'].max() * 60.0 / run.minutes:.1f} kW"  # type: ignore[operator] # a number: there are rows
        for run in runs
    )
    return (
        "Power that the households buy from the grid, sorted: how much it is at least in a share of the time. "
        f"Largest: {peaks}."
    )


def _sorted(power: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of the time [%] and power, largest first, at no more points than a picture shows."""
    ordered = np.sort(power)[::-1]
    chosen = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), _MOST_POINTS)).round().astype(np.int64))
    return 100.0 * chosen / len(ordered), ordered[chosen]


POWER = Picture(
    "power",
    "Where power comes from and where it goes",
    {"intervals": ("start", *FLOW_COLUMNS)},
    draw_power,
    lambda number: 1.15 + _LEGEND + number * (4.0 if number == 1 else 2.6) + (number - 1) * _GAP,
)
DURATION = Picture(
    "import_duration",
    "Duration curve of the import",
    {"intervals": ("start", "grid_import_kwh", "traded_kwh")},
    draw_duration,
    lambda _: 4.4,
)
