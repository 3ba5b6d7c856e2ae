"""Figures of the households: what each saves, and how evenly that is spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from p2p_market.market_metrics import fairness
from p2p_market.report.runs import HOME_COLUMNS, Run
from p2p_market.report.sheet import (
    BOTTOM,
    LEFT,
    PURPLE,
    RUN_LOOKS,
    TOP,
    NothingToDrawError,
    Picture,
    Sheet,
    muted,
    shortened,
)
from p2p_market.types import FloatArray
from p2p_market.view.style import BUY, BUY_TINT, INK, MUTED, SUN, SUN_TINT, bars, household_ticks, nice_ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEGEND, _GAP = 0.3, 0.95
_CENT = 1e-9
_ROLES = (("prosumer", SUN, None, "with PV"), ("consumer", BUY_TINT, "////", "without PV"))


def draw_savings(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw for each run what every household saved, largest first, with its PV and whether it has a battery."""
    from matplotlib.lines import Line2D  # noqa: PLC0415 (matplotlib is optional)
    from matplotlib.patches import Patch  # noqa: PLC0415

    tables = [run.homes.sort("saving_dollars", "household", descending=[True, False]) for run in runs]
    if not any(table.height for table in tables):
        raise NothingToDrawError("The run has no households.")
    savings = np.concatenate([table["saving_dollars"].to_numpy() for table in tables])
    top, bottom = max(float(savings.max()), 0.0), min(float(savings.min()), 0.0)
    most_pv = max(0.0, *(float(table["pv_kw"].max() or 0.0) for table in tables))  # type: ignore[arg-type] # a number
    any_battery = any(table["has_battery"].any() for table in tables)
    rows = sheet.rows(len(runs), _GAP, top=TOP + _LEGEND + 0.2 * (len(runs) > 1))
    for axes, run, table in zip(rows, runs, tables, strict=True):
        box = axes.get_position()
        has_pv = most_pv > 0.0
        share = 0.70 if has_pv else 1.0
        axes.set_position((box.x0, box.y0 + (1.0 - share) * box.height, box.width, share * box.height))
        _draw_bars(axes, table)
        axes.set_ylim(*_limits(top, bottom))
        axes.set_yticks([tick for tick in axes.get_yticks() if 1.08 * bottom <= tick <= 1.08 * top] or [0.0])
        axes.set_ylim(*_limits(top, bottom))
        axes.set_ylabel("saving [$]")
        sheet.name_run(axes, run, runs)
        if np.abs(table["saving_dollars"].to_numpy()).max(initial=0.0) <= _CENT:
            text = "One household has nobody to trade with." if table.height == 1 else "Nobody saved anything."
            muted(axes, text, 0.5, 0.6, ha="center")
        below = axes
        if has_pv:
            below = sheet.figure.add_axes((box.x0, box.y0, box.width, (1.0 - share - 0.05) * box.height), sharex=axes)
            _draw_pv(below, table, most_pv)
            axes.tick_params(labelbottom=False)
        if any_battery:
            _mark_batteries(axes, table)
        _name_places(below, table)
        _tell(sheet, (axes, below) if has_pv else (axes,), table)
    handles: list[Any] = [
        Patch(
            facecolor=face,
            hatch=hatch,
            edgecolor=SUN if role == "prosumer" else BUY,
            linewidth=0.8,
            label=f"saving, {text}",
        )
        for role, face, hatch, text in _ROLES
        if any((table["role"] == role).any() for table in tables)
    ]
    if most_pv > 0.0:
        handles.append(
            Patch(facecolor=SUN_TINT, edgecolor=MUTED, hatch="....", linewidth=0.5, label="largest PV power")
        )
    if any_battery:
        handles.append(
            Line2D([], [], linestyle="", marker="s", color=PURPLE, markeredgecolor=INK, label="has a battery")
        )
    sheet.legend(handles)
    first = tables[0]["saving_dollars"].to_numpy()
    better = int((first > _CENT).sum())
    whose = f"In {shortened(runs[0].label)}, " if len(runs) > 1 else ""
    return (
        f"{whose}{better} of {len(first)} households pay less than with the grid alone. They save from "
        f"{first.min():.2f} $ to {first.max():.2f} $ over the run, {first.sum():.2f} $ together. "
        "PV is shown by the largest power that it gave in the run."
    )


def _draw_bars(axes: Axes, table: pl.DataFrame) -> None:
    saving, number = table["saving_dollars"].to_numpy(), table.height
    place, zero = np.arange(number, dtype=np.float64), np.zeros(number)
    for role, face, hatch, _ in _ROLES:
        mine = (table["role"] == role).to_numpy()
        edge = SUN if role == "prosumer" else BUY
        if mine.any():
            width = 0.8 if number <= 100 else 0.0
            look = {"facecolor": face, "hatch": hatch if number <= 150 else None, "edgecolor": edge, "linewidth": width}
            bars(axes, place[mine], zero[mine], saving[mine], 0.78 if number <= 150 else 1.0, **look)
    rest = (~table["role"].is_in([role for role, *_ in _ROLES])).to_numpy()
    if rest.any():
        bars(axes, place[rest], zero[rest], saving[rest], 0.78, facecolor=MUTED)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    side = max(0.6, 4.0 - 0.5 * number)  # few bars would be walls
    axes.set_xlim(-side, number - 1.0 + side)
    axes.grid(visible=False, axis="x")


def _limits(top: float, bottom: float) -> tuple[float, float]:
    if top - bottom <= _CENT:
        return -1.0, 1.0
    return 1.08 * bottom - 0.16 * top, 1.08 * top - 0.05 * bottom


def _draw_pv(axes: Axes, table: pl.DataFrame, most: float) -> None:
    place, power = np.arange(table.height, dtype=np.float64), table["pv_kw"].to_numpy()
    width = 0.78 if table.height <= 150 else 1.0
    bars(
        axes,
        place,
        np.zeros(table.height),
        power,
        width,
        facecolor=SUN_TINT,
        edgecolor=MUTED,
        hatch="....",
        linewidth=0.3,
    )
    axes.set_ylim(nice_ceiling(1.02 * most), 0.0)
    axes.set_ylabel("PV [kW]")
    axes.grid(visible=False, axis="x")


def _mark_batteries(axes: Axes, table: pl.DataFrame) -> None:
    low, high = axes.get_ylim()
    place = np.flatnonzero(table["has_battery"].to_numpy())
    size = float(np.clip(1400.0 / max(table.height, 1), 4.0, 42.0))
    axes.scatter(
        place, np.full(len(place), low + 0.055 * (high - low)), marker="s", s=size, color=PURPLE, edgecolor=INK,
        linewidth=0.5 if table.height <= 150 else 0.0, zorder=4,
    )  # fmt: skip


def _name_places(axes: Axes, table: pl.DataFrame) -> None:
    names = [shortened(name) for name in table["household"].cast(pl.String).to_list()]
    axes.tick_params(axis="x", length=0.0)
    if len(names) > 40:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(names)} households, largest saving first")
        return
    ticks, labels, kind = household_ticks(names)
    axes.set_xticks(ticks, labels)
    axes.set_xlabel(f"{kind.replace('_', ' ')}, largest saving first")


def _tell(sheet: Sheet, panels: Sequence[Axes], table: pl.DataFrame) -> None:
    words = [
        f"{name!s}, {role!s}\nsaved {saving:.2f} $"
        + (f"\nPV up to {pv:.2f} kW" if pv > 0.0 else "")
        + (f"\nbattery moved {moved:.1f} kWh" if has_battery else "")
        for name, role, saving, pv, moved, has_battery in table.select(
            "household", "role", "saving_dollars", "pv_kw", "battery_moved_kwh", "has_battery"
        ).iter_rows()
    ]
    place = np.arange(table.height, dtype=np.float64)
    for axes in panels:
        sheet.tell_columns(axes, place - 0.5, place + 0.5, words)


def draw_fairness(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw the Lorenz curve of the savings: the share of all savings that the households with least have together."""
    curves = [
        (run, look, lorenz(run.homes["saving_dollars"].to_numpy())) for run, look in zip(runs, RUN_LOOKS, strict=False)
    ]
    known = [(run, look, curve) for run, look, curve in curves if curve is not None]
    if not known:
        raise NothingToDrawError("Nobody saved anything, so there is nothing to share out.")
    side = sheet.height - TOP - BOTTOM - 0.1
    axes = sheet.axes(LEFT, TOP, side, side)
    axes.plot([0.0, 100.0], [0.0, 100.0], color=MUTED, linewidth=1.2, linestyle=(0, (2, 2)), label="all save the same")
    told = []
    for run, (colour, dash, marker), (share, part) in known:
        figures = fairness(run.homes["saving_dollars"].to_numpy()[np.newaxis])
        gini, jain = figures["gini"], figures["jain"]
        name = shortened(run.label, 34) if len(runs) > 1 else "savings"
        every = max(1, len(share) // 8)
        axes.plot(
            share, part, color=colour, linestyle=dash, marker=marker, markevery=every, markersize=5.0, linewidth=2.0,
            label=f"{name}: Gini {gini:.2f}, Jain {jain:.2f}",
        )  # fmt: skip
        if len(known) == 1:
            axes.fill_between(share, part, share, color=BUY_TINT, alpha=0.5, linewidth=0.0)
            words = [
                f"the {x:.0f} % who save least have {y:.1f} % of all savings" for x, y in zip(share, part, strict=True)
            ]
            sheet.tell_columns(axes, share - 50.0 / len(share), share + 50.0 / len(share), words)
        told.append(f"{name if len(runs) > 1 else 'here'} {np.interp(50.0, share, part):.0f} %")
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(0.0, 100.0)
    axes.set_xlabel("share of the households, least saving first [%]")
    axes.set_ylabel("share of all savings [%]")
    axes.legend(loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0.0, handlelength=2.6, labelspacing=0.8)
    left_out = len(runs) - len(known)
    return (
        "The further below the diagonal, the more unevenly savings are spread; losses count as nothing. "
        f"The half that saves least has of all savings: {'; '.join(told)}."
        + (f" {left_out} of the runs not shown: nobody saved anything." if left_out else "")
    )


def lorenz(saving: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Points of the Lorenz curve in percent, losses counted as 0; ``None`` where nobody saves.

    References
    ----------
    .. [1] M. O. Lorenz, "Methods of measuring the concentration of wealth", Publications of the American Statistical
       Association 9(70), 1905, 209-219.
    """
    ordered = np.sort(np.clip(saving, 0.0, None))
    if ordered.size == 0 or ordered.sum() <= _CENT:
        return None
    part = np.concatenate([[0.0], np.cumsum(ordered)])
    return np.linspace(0.0, 100.0, len(part)), 100.0 * part / part[-1]


SAVINGS = Picture(
    "savings",
    "Savings by household, against the grid alone",
    {"households": ("role", *HOME_COLUMNS)},
    draw_savings,
    lambda number: 1.25 + _LEGEND + 0.2 * (number > 1) + number * (3.4 if number == 1 else 2.5) + (number - 1) * _GAP,
)
FAIRNESS = Picture(
    "fairness",
    "How evenly savings are spread",
    {"households": HOME_COLUMNS},
    draw_fairness,
    lambda _: 5.0,
)
