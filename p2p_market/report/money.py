"""Figures of money: what the street pays between the grid alone and the optimum, and paired differences of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from p2p_market.comparison.statistics import paired_difference
from p2p_market.report.runs import HOME_COLUMNS, Run
from p2p_market.report.sheet import (
    BOTTOM,
    EVERYWHERE,
    LEFT,
    RIGHT,
    RUN_LOOKS,
    TOP,
    WIDTH,
    NothingToDrawError,
    Picture,
    Sheet,
    shortened,
)
from p2p_market.view.style import BUY, INK, MUTED, SELL, TRADED, with_margin

_NAMES = 1.75
"""Width [inch] for the names of runs."""


class Cost(NamedTuple):
    """A cost of the street that a run may know."""

    kpi: str
    label: str
    colour: str
    marker: str
    hatch: str | None


COSTS = (
    Cost("grid_only_cost_dollars", "grid alone", MUTED, "s", "////"),
    Cost("selfish_cost_dollars", "nobody trades,\nbatteries at their best", SELL, "v", "\\\\\\\\"),
    Cost("community_cost_dollars", "this run", BUY, "o", None),
    Cost("optimal_plan_cost_dollars", "plan near the optimum", TRADED, "D", "...."),
    Cost("optimal_cost_dollars", "optimum (lower bound)", INK, "|", "xxxx"),
)


def draw_costs(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw what the street pays; a bar a cost for one run, and a row of marks a run for several."""
    known = [run for run in runs if {"community_cost_dollars", "grid_only_cost_dollars"} <= run.kpis.keys()]
    if not known:
        raise NothingToDrawError("The cost of the street is not among the key figures of the run.")
    if len(runs) == 1:
        _draw_cost_bars(sheet, known[0])
    else:
        _draw_cost_rows(sheet, known)
    told = []
    for run in known:
        alone, cost = run.kpis["grid_only_cost_dollars"], run.kpis["community_cost_dollars"]
        part = f" ({100.0 * (alone - cost) / abs(alone):.1f} %)" if abs(alone) > 1e-9 else ""
        captured = run.kpis.get("value_captured")
        of_best = "" if captured is None else f", {100.0 * captured:.1f} % of what could be saved at best"
        who = f"{shortened(run.label)} saves" if len(runs) > 1 else "The street saves"
        told.append(f"{who} {alone - cost:.2f} ${part} against the grid alone{of_best}")
    has_bounds = any("value_captured" in run.kpis for run in known)
    bounds = "" if has_bounds else " With run.bounds: true the optimum is shown too."
    return "; ".join(told) + "." + bounds


def _draw_cost_bars(sheet: Sheet, run: Run) -> None:
    costs = [cost for cost in COSTS if cost.kpi in run.kpis]
    values = [run.kpis[cost.kpi] for cost in costs]
    height = sheet.height - TOP - BOTTOM
    axes = sheet.axes(LEFT + _NAMES, TOP, WIDTH - LEFT - RIGHT - _NAMES, height)
    for place, (cost, value) in enumerate(zip(costs, values, strict=True)):
        look: dict[str, Any] = (
            {"facecolor": cost.colour} if cost.hatch is None else {"facecolor": "white", "hatch": cost.hatch}
        )
        axes.barh(place, value, height=0.62, edgecolor=cost.colour, linewidth=1.2, label=cost.label, **look)
        axes.annotate(
            f"{value:,.2f} $", (value, place), xytext=(5 if value >= 0.0 else -5, 0), textcoords="offset points",
            va="center", ha="left" if value >= 0.0 else "right", fontweight="bold" if cost.hatch is None else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    low, high = min(0.0, *values), max(0.0, *values)
    axes.set_xlim(1.18 * low, 1.14 * high if high > 0.0 else 0.1 * abs(low) + 0.1)
    axes.set_ylim(len(costs) - 0.45, -0.55)
    axes.set_yticks(range(len(costs)), [cost.label for cost in costs])
    axes.grid(visible=False, axis="y")
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_xlabel("cost of the street over the run [$]")


def _draw_cost_rows(sheet: Sheet, runs: Sequence[Run]) -> None:
    axes = sheet.axes(LEFT + _NAMES, TOP + 0.45, WIDTH - LEFT - RIGHT - _NAMES, sheet.height - TOP - BOTTOM - 0.45)
    places = np.arange(len(runs))
    values = {cost: np.array([run.kpis.get(cost.kpi, np.nan) for run in runs]) for cost in COSTS}
    shown = {cost: costs for cost, costs in values.items() if np.isfinite(costs).any()}
    every = np.array(list(shown.values()))
    axes.hlines(places, np.nanmin(every, axis=0), np.nanmax(every, axis=0), color="#BBBBBB", linewidth=2.0, zorder=1)
    for cost, costs in shown.items():
        size = {"o": 110.0, "|": 160.0}.get(cost.marker, 48.0)
        face = cost.colour if cost.marker == "o" else "white"
        label = "the run" if cost.marker == "o" else cost.label.replace("\n", " ")
        is_line = cost.marker == "|"
        style: dict[str, Any] = {"color": cost.colour} if is_line else {"facecolor": face, "edgecolor": cost.colour}
        axes.scatter(costs, places, marker=cost.marker, s=size, linewidth=1.8, zorder=3, label=label, **style)
    words = [
        "\n".join(
            [
                run.label,
                *(
                    f"{cost.label.replace(chr(10), ' ')}: {run.kpis[cost.kpi]:,.2f} $"
                    for cost in shown
                    if cost.kpi in run.kpis
                ),
            ]
        )
        for run in runs
    ]
    axes.set_xlim(*with_margin(float(np.nanmin(every)), float(np.nanmax(every))))
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.set_yticks(places, [shortened(run.label, 24) for run in runs])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("cost of the street over the run [$]")
    sheet.tell(axes, -EVERYWHERE, EVERYWHERE, places - 0.5, places + 0.5, words)
    sheet.legend(axes.get_legend_handles_labels()[0], columns=3)


METRICS: Mapping[str, tuple[str, str, str]] = {
    "saving": ("saving", "$ a home and day", ".3f"),
    "traded": ("traded energy", "kWh a home and day", ".2f"),
    "imported": ("import", "kWh a home and day", ".2f"),
    "peak": ("largest import", "kW, by day", ".2f"),
}


def draw_differences(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw differences to the first run over the days that both have, with 95 % bootstrap intervals over days."""
    reference, *others = runs
    found = {run.label: differences(reference, run) for run in others}
    if not any(found.values()):
        raise NothingToDrawError(
            f"No run has two days or more in common with {reference.label}; differences are paired by day."
        )
    width = (WIDTH - LEFT - RIGHT - _NAMES - 3 * 0.3) / 4
    places = np.arange(len(others))
    for column, (metric, (title, unit, decimals)) in enumerate(METRICS.items()):
        axes = sheet.axes(LEFT + _NAMES + column * (width + 0.3), TOP + 0.2, width, sheet.height - TOP - BOTTOM - 0.25)
        axes.axvline(0.0, color=INK, linewidth=1.0)
        ends = [0.0]
        for place, run, (colour, _, marker) in zip(places, others, RUN_LOOKS[1:], strict=False):
            rows = found[run.label]
            if not rows:
                axes.annotate("too few days", (0.0, place), ha="center", va="center", fontsize=8.0, color=MUTED)
                continue
            middle, low, high = rows[metric]
            axes.plot([low, high], [place, place], color=colour, linewidth=2.4, solid_capstyle="butt")
            axes.plot([middle], [place], marker=marker, color=colour, markersize=8.0, markeredgecolor=INK, linestyle="")
            ends += [low, high]
            numbers = f"{middle:+{decimals}} ({low:+{decimals}} to {high:+{decimals}}) {unit}"
            words = f"{run.label} less {reference.label}\n{title}: {numbers}"
            sheet.tell(axes, -EVERYWHERE, EVERYWHERE, place - 0.5, place + 0.5, [words])
        axes.set_xlim(*with_margin(min(ends), max(ends), 0.15))
        axes.set_ylim(len(others) - 0.5, -0.5)
        axes.set_yticks(places, [shortened(run.label, 24) for run in others] if column == 0 else [])
        axes.grid(visible=False, axis="y")
        axes.set_title(title, fontsize=10.5, pad=6)
        axes.set_xlabel(f"[{unit}]", fontsize=9.0)
        axes.locator_params(axis="x", nbins=3)
    days = [rows["days"][0] for rows in found.values() if rows]
    least, most = int(min(days)), int(max(days))
    span = f"{least}" if least == most else f"{least} to {most}"
    return (
        f"Each run less {shortened(reference.label)}, paired by day ({span} days in common): mean, and its 95 % "
        "bootstrap interval over days. An interval that does not touch 0 is a difference that these days bear out."
    )


def differences(reference: Run, run: Run) -> dict[str, tuple[float, float, float]]:
    """Mean difference a day with its interval by metric, and ``days``; empty with fewer than two days in common."""
    both = run.days.join(reference.days, on="day", how="inner", suffix="_reference").sort("day").fill_null(0.0)
    if both.height < 2:
        return {}
    found = {}
    for metric in METRICS:
        values, base = both[metric].to_numpy(), both[f"{metric}_reference"].to_numpy()
        found[metric] = tuple(paired_difference(values, base, np.ones(both.height)))
    return {**found, "days": (float(both.height),) * 3}  # type: ignore[dict-item] # three numbers each


COST = Picture(
    "cost",
    "What the street pays",
    {},
    draw_costs,
    lambda number: 3.6 if number == 1 else 2.0 + 0.42 * number,
)
DIFFERENCES = Picture(
    "differences",
    "Paired differences",
    {
        "intervals": ("start", "traded_kwh", "grid_import_kwh", "bill_dollars", "grid_only_bill_dollars"),
        "households": HOME_COLUMNS,
    },
    draw_differences,
    lambda number: 1.75 + 0.5 * (number - 1),
    least_runs=2,
)
