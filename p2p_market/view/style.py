"""How pictures look: colours that colour-blind readers can tell apart, line styles that survive a grey printer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.errors import require_extra
from p2p_market.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

# Okabe, M., Ito, K. (2008). Color universal design: how to make figures that are colorblind friendly.
BUY = "#0072B2"
SELL = "#D55E00"
TRADED = "#009E73"
SUN = "#E69F00"
INK = "#1A1A1A"

# Tints of the same hues, for energy that comes from or goes to the grid instead of a neighbour.
BUY_TINT = "#B5D6EA"
SELL_TINT = "#F5CDB0"
SUN_TINT = "#F7E0AE"
TRADED_TINT = "#CDEBE1"
BAND = "#ECECEC"
MUTED = "#666666"
GRID_LINE = "#DDDDDD"

MOST_NAMED = 40
"""Households that an axis can name one by one."""
_TICK_STEPS = (1, 2, 5, *(n * 10**power for power in range(1, 7) for n in (1, 2, 5)))

DASHES = (0, (6, 1.5))
"""Line style of the supply side; the demand side is solid."""

RC: Mapping[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib, so a picture looks the same on every machine
    "font.size": 11.0,
    "text.color": INK,
    "text.usetex": False,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "white",
    "axes.labelcolor": INK,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "axes.titlepad": 8.0,
    "axes.titley": 1.0,  # matplotlib would measure every tick label to find a place
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.xmargin": 0.0,
    "axes.formatter.use_locale": False,
    "axes.formatter.useoffset": False,
    "grid.color": GRID_LINE,
    "grid.linewidth": 0.7,
    "grid.linestyle": "-",
    "hatch.linewidth": 0.8,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "lines.solid_joinstyle": "miter",
    "path.simplify": True,
    "savefig.facecolor": "white",
    "figure.facecolor": "white",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
}


def house_style(**more: Any) -> AbstractContextManager[None]:
    """Draw in the style of the package inside a ``with`` block; the user's own settings come back after it.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 (matplotlib is optional, and slow to load)
    except ImportError as error:
        raise require_extra("matplotlib", "viz", "drawing a market") from error
    # matplotlib's stubs list the keys it knows, which differ between its versions
    settings: Any = {**RC, **more}
    return mpl.rc_context(settings)


def nice_ceiling(value: float) -> float:
    """Return the smallest of 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten that is not below ``value``."""
    if not (math.isfinite(value) and value > 0.0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for factor in (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0):
        if value <= factor * power * (1.0 + 1e-9):
            return factor * power
    return 10.0 * power  # value / power is below 10 but for rounding


def with_margin(low: float, high: float, share: float = 0.08) -> tuple[float, float]:
    """Limits of an axis around the values from ``low`` to ``high``, which may be the same."""
    margin = share * (high - low) if high > low else max(0.1 * abs(high), 0.01)
    return low - margin, high + margin


def energy(kwh: float) -> str:
    """Energy for people: ``"3.41 kWh"``; watt-hours matter below one, and nothing after the point above a hundred."""
    size = abs(kwh)
    if size == 0.0:
        return "0 kWh"
    decimals = 3 if size < 1.0 else 2 if size < 100.0 else 0
    return f"{kwh + 0.0:,.{decimals}f} kWh"


def bars(  # a collection draws hundreds of households as fast as one
    axes: Axes, place: FloatArray, bottom: FloatArray, top: FloatArray, width: float, **style: Any
) -> PolyCollection:
    """Draw vertical bars around ``place`` from ``bottom`` to ``top``, leaving out those without height."""
    from matplotlib.collections import PolyCollection  # noqa: PLC0415 (matplotlib is optional)

    shown = top != bottom
    left, right = place[shown] - width / 2.0, place[shown] + width / 2.0
    low, high = bottom[shown], top[shown]
    corners = np.stack(
        [np.stack(corner, axis=-1) for corner in ((left, low), (left, high), (right, high), (right, low))], axis=1
    )
    collection = PolyCollection(list(corners), **style)
    axes.add_collection(collection, autolim=False)
    return collection


def steps(place: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners of a stepped line of values that hold from ``place`` to ``place + 1``, with a break at each gap."""
    gaps = 2 * (np.flatnonzero(np.diff(place) > 1.0) + 1)
    corners = np.column_stack([place, place + 1.0]).ravel()
    return np.insert(corners, gaps, np.nan), np.insert(np.repeat(values, 2), gaps, np.nan)


def household_ticks(names: Sequence[str]) -> tuple[list[int], list[str], str]:
    """Ticks, labels and axis title: numbers where all are called alike, names where few, else a count."""
    step = next(step for step in _TICK_STEPS if len(names) <= step * (MOST_NAMED if step == 1 else 20))
    ticks = list(range(0, len(names), step))
    stems = {name.rpartition("_")[0] for name in names}
    if len(stems) == 1 and (stem := stems.pop()):
        return ticks, [names[tick].rpartition("_")[2] for tick in ticks], stem
    longest = max(len(name) for name in names)
    if longest * len(names) <= 130:
        return list(range(len(names))), list(names), "household"
    return ticks, [str(tick) for tick in ticks], "place on the street"


def wipe(axes: Axes) -> None:
    """Remove what was drawn; ticks and labels stay, since to build them anew is most of the work of a frame."""
    legend = axes.get_legend()
    for artist in (*axes.lines, *axes.collections, *axes.patches, *axes.texts, *([legend] if legend else ())):
        artist.remove()


def legend_above(axes: Axes, columns: int = 6, **more: Any) -> None:
    """Put the legend in a row between title and axes, where it covers nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.985),
        ncols=columns,
        handlelength=1.8,
        handletextpad=0.5,
        columnspacing=1.3,
        borderaxespad=0.0,
        **more,
    )


def note(axes: Axes, text: str, place: tuple[float, float] = (0.5, 0.5)) -> None:
    """Write a sentence where there is nothing to draw, around a place in shares of the axes."""
    axes.text(
        *place,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=MUTED,
        fontsize=11.0,
        linespacing=1.5,
        bbox={"boxstyle": "round,pad=0.6", "facecolor": "white", "edgecolor": GRID_LINE},
        zorder=10,
    )
