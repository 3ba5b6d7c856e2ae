"""Figures of a comparison: mechanisms down the side, one column a figure of merit, one row a street."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from p2p_market.data.atomic import atomic_path
from p2p_market.types import FloatArray
from p2p_market.view.style import BUY, BUY_TINT, INK, MUTED, SELL, SUN, TRADED, house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOTS_PER_INCH = 110
_COLUMNS = (
    ("Efficiency [%]", "allocative_efficiency", 100.0, TRADED),
    ("Mean price [c/kWh]", "mean_price_dollars_per_kwh", 100.0, INK),
    ("Saving [c]", None, 100.0, BUY),
    ("Operator [c]", "operator_surplus_dollars", 100.0, SELL),
    ("Gini of savings", "gini_of_savings", 1.0, SUN),
)


def write_comparison_figures(summary: pl.DataFrame, folder: str | Path) -> list[Path]:
    """Draw one picture a population and size, ``comparison_POPULATION_SIZE.png``.

    Parameters
    ----------
    summary
        `p2p_market.comparison.ComparisonResults.summary`.
    folder
        Where to write.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    written = []
    with house_style():
        for (population, size), rows in summary.group_by("population", "size", maintain_order=True):
            name = re.sub(r"\W+", "_", str(population)).strip("_")
            target = Path(folder) / f"comparison_{name}_{size}.png"
            with atomic_path(target) as temporary:
                _draw(rows, f"Mechanisms compared: {population}, {size} households; cents a household and day").savefig(
                    temporary, format="png", dpi=DOTS_PER_INCH
                )
            written.append(target)
    return written


def _draw(rows: pl.DataFrame, title: str) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
    from matplotlib.figure import Figure  # noqa: PLC0415

    streets = rows["street"].unique(maintain_order=True).to_list()
    entries = rows["entry"].unique(maintain_order=True).to_list()
    panel_height = 0.55 + 0.23 * len(entries)
    height = 1.0 + panel_height * len(streets)
    figure = Figure(figsize=(13.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=15.0, fontweight="bold")
    panels = figure.subplots(len(streets), len(_COLUMNS), sharey=True, sharex="col", squeeze=False)
    for line, street in zip(panels, streets, strict=True):
        here = {row["entry"]: row for row in rows.filter(pl.col("street") == street).iter_rows(named=True)}
        for axes, (header, column, factor, color) in zip(line, _COLUMNS, strict=True):
            axes.set_title(header if street == streets[0] else "", fontsize=10.0)
            axes.set_yticks(range(len(entries)), entries)
            axes.set_ylim(len(entries) - 0.4, -0.6)
            axes.grid(visible=False, axis="y")
            axes.axvline(0.0, color=MUTED, linewidth=0.8)
            if column is None:
                _draw_savings(axes, here, entries, factor)
            else:
                values = _column(here, entries, column) * factor
                axes.barh(range(len(entries)), np.nan_to_num(values), height=0.62, color=color)
                _say_what_is_missing(axes, here, entries, values)
        line[0].set_ylabel(street, fontweight="bold")
    return figure


def _draw_savings(axes: Axes, here: dict[str, dict[str, Any]], entries: list[str], factor: float) -> None:
    place = np.arange(len(entries))
    low, middle, high, mean = (
        _column(here, entries, f"saving{name}_dollars") * factor for name in ("_q10", "_median", "_q90", "")
    )
    axes.barh(place, high - low, left=low, height=0.5, color=BUY_TINT)
    axes.plot(middle, place, "|", color=BUY, markersize=11.0, markeredgewidth=2.2)
    axes.plot(mean, place, "o", color=INK, markersize=4.0)
    _say_what_is_missing(axes, here, entries, mean)
    axes.set_xlabel("box 10 to 90 % of homes, line median, dot mean", fontsize=8.0, color=MUTED)


def _column(here: dict[str, dict[str, Any]], entries: list[str], column: str) -> FloatArray:
    values = [here[entry][column] if entry in here else None for entry in entries]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _say_what_is_missing(axes: Axes, here: dict[str, dict[str, Any]], entries: list[str], values: FloatArray) -> None:
    for place in np.flatnonzero(np.isnan(values)).tolist():
        text = "none" if entries[place] in here else "needs lots"
        axes.annotate(
            text, (0.0, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8.0, color=MUTED
        )
