"""One frame of a market: the auction, the episode so far, and what every household did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.types import AnyArray, FloatArray
from p2p_market.view.clock import clock_ticks, interval_name
from p2p_market.view.curves import draw_curves
from p2p_market.view.scene import Moment, Scene, Window
from p2p_market.view.style import (
    BAND,
    BUY,
    BUY_TINT,
    DASHES,
    INK,
    MUTED,
    SELL,
    SELL_TINT,
    SUN,
    TRADED,
    TRADED_TINT,
    bars,
    energy,
    house_style,
    household_ticks,
    legend_above,
    nice_ceiling,
    note,
    steps,
    wipe,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

SIZE_INCHES = (12.0, 7.6)
DOTS_PER_INCH = 100

# left, bottom, width, height as shares of the figure
_CURVES = (0.062, 0.390, 0.450, 0.355)
_PRICES = (0.580, 0.635, 0.392, 0.142)
_ENERGY = (0.580, 0.390, 0.392, 0.142)
_HOUSEHOLDS = (0.062, 0.072, 0.910, 0.182)
_FEWEST = 10
_PLACES = (_CURVES, _PRICES, _ENERGY, _HOUSEHOLDS)
_TILES = (0.235, 0.3885, 0.542, 0.6955, 0.849)


class Picture:
    """Draws scenes on a canvas without a window.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """

    def __init__(self) -> None:
        with house_style():
            from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
            from matplotlib.figure import Figure  # noqa: PLC0415 (matplotlib is optional)

            self._canvas: FigureCanvasAgg = FigureCanvasAgg(Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH))

    def to_array(self, scene: Scene, window: Window, history: Iterable[Moment]) -> AnyArray:
        """Return the picture, ``(760, 1200, 3)`` uint8."""
        with house_style():
            draw_scene(self._canvas.figure, scene, window, history)
            self._canvas.draw()  # type: ignore[no-untyped-call] # matplotlib types it not yet
        pixels: AnyArray = np.asarray(self._canvas.buffer_rgba())[:, :, :3].copy()  # type: ignore[no-untyped-call] # the same
        return pixels


def draw_scene(figure: Figure, scene: Scene, window: Window, history: Iterable[Moment]) -> None:
    """Draw everything anew; call it inside `house_style`."""
    if len(figure.axes) != len(_PLACES):
        figure.clear()
        for place in _PLACES:
            figure.add_axes(place)
    curves, prices, amounts, households = figure.axes
    for axes in figure.axes:
        wipe(axes)
    for text in list(figure.texts):
        text.remove()
    _draw_head(figure, scene)
    if scene.book is None:
        _announce(curves, scene)
    else:
        draw_curves(curves, scene.book, "Supply and demand")
    moments = [moment for moment in history if moment.elapsed >= window.first]
    _draw_prices(prices, window, moments)
    _draw_energy(amounts, moments)
    _draw_clock(prices, amounts, window, scene)
    _draw_households(households, scene)


def _draw_head(figure: Figure, scene: Scene) -> None:
    num_households, num_prosumers = len(scene.names), int(scene.has_pv.sum())
    day, _, clock = interval_name(scene.start, scene.minutes).partition(", ")
    noun = "household" if num_households == 1 else "households"
    of = max(scene.horizon, scene.elapsed + 1)
    what = f"{num_households} {noun}, {num_prosumers} with PV   \N{MIDDLE DOT}   {scene.mechanism}"
    figure.text(0.02, 0.965, day, fontsize=11.5, color=MUTED, va="center")
    what += f"   \N{MIDDLE DOT}   interval {scene.elapsed + 1} of {of}"
    figure.text(0.972, 0.965, what, fontsize=10.5, color=MUTED, va="center", ha="right")
    figure.text(0.02, 0.913, clock.replace(" to ", " \N{EN DASH} "), fontsize=20.0, fontweight="bold", va="center")
    for place, (value, caption) in zip(_TILES, _tiles(scene), strict=True):
        figure.text(place, 0.921, value, fontsize=14.0, fontweight="bold", va="center")
        figure.text(place, 0.889, caption, fontsize=9.0, color=MUTED, va="center")


def _tiles(scene: Scene) -> list[tuple[str, str]]:
    """What matters most about an interval, and what it is called."""
    if scene.book is None:
        captions = ("traded", "price", "from the grid", "to the grid", "saved against the grid")
        return [("\N{EN DASH}", caption) for caption in captions]
    price = ("no trade", "price")
    if scene.book.traded > 0.0:
        kind = "clearing price" if scene.book.has_one_price else "mean price"
        price = (f"{scene.book.mean_price:.4f} $/kWh", kind)
    return [
        (energy(scene.book.traded), "traded"),
        price,
        (energy(float(scene.grid_import.sum())), "from the grid"),
        (energy(float(scene.grid_export.sum())), "to the grid"),
        (f"{round(scene.saving, 3) + 0.0:.3f} $", "saved against the grid"),
    ]


def _announce(axes: Axes, scene: Scene) -> None:
    axes.set_title("Supply and demand", pad=22)
    axes.set_xlabel("energy, best offers first [kWh]")
    axes.set_ylabel("price [$/kWh]")
    margin = 0.07 * (scene.price_high - scene.price_low) or 0.01
    axes.set_ylim(scene.price_low - margin, scene.price_high + margin)
    axes.set_xlim(0.0, nice_ceiling(max(scene.needed, scene.to_spare)))
    axes.axhspan(scene.price_low, scene.price_high, color=BAND, linewidth=0.0, label="band of limit prices")
    legend_above(axes)
    note(
        axes,
        f"No auction yet.\nComing: {energy(scene.needed)} needed, {energy(scene.to_spare)} to spare.",
    )


def _draw_prices(axes: Axes, window: Window, moments: list[Moment]) -> None:
    axes.set_title("Price [$/kWh]", pad=22)
    low, high = float(window.price_low.min()), float(window.price_high.max())
    margin = 0.08 * (high - low) if high > low else max(0.1 * abs(high), 0.01)
    axes.set_ylim(low - margin, high + margin)
    edges = window.first + np.arange(len(window) + 1.0)
    corners = np.repeat(edges, 2)[1:-1]
    axes.fill_between(
        corners,
        np.repeat(window.price_low, 2),
        np.repeat(window.price_high, 2),
        color=BAND,
        linewidth=0.0,
        label="band: feed-in to retail",
        zorder=1,
    )
    axes.plot(*_steps(moments, [m.price for m in moments]), color=INK, linewidth=2.2, label="market", zorder=3)
    if moments and np.isfinite(moments[-1].price):
        last = moments[-1]
        axes.plot([last.elapsed + 0.5], [last.price], "o", color=INK, markersize=6.0, zorder=4)
    legend_above(axes)


def _draw_energy(axes: Axes, moments: list[Moment]) -> None:
    axes.set_title("Energy in each interval [kWh]", pad=22)
    top = max((max(m.needed, m.to_spare) for m in moments), default=0.0)
    axes.set_ylim(0.0, nice_ceiling(1.05 * top))
    place, traded = _steps(moments, [m.traded for m in moments])
    axes.fill_between(place, 0.0, traded, color=TRADED_TINT, linewidth=0.0, zorder=1)
    axes.plot(place, traded, color=TRADED, linewidth=1.6, zorder=3, label="traded")
    axes.plot(*_steps(moments, [m.needed for m in moments]), color=BUY, linewidth=1.3, label="needed", zorder=2)
    axes.plot(
        *_steps(moments, [m.to_spare for m in moments]),
        color=SELL,
        linewidth=1.3,
        linestyle=DASHES,
        label="to spare",
        zorder=2,
    )
    legend_above(axes)
    if not moments:
        note(axes, "nothing played yet")


def _draw_clock(prices: Axes, amounts: Axes, window: Window, scene: Scene) -> None:
    ticks, labels = clock_ticks(window.start, scene.minutes, len(window))
    for axes, names in ((prices, [""] * len(labels)), (amounts, labels)):
        axes.set_xlim(window.first, window.first + len(window))
        axes.set_xticks([window.first + tick for tick in ticks], names)
    amounts.set_xlabel("local time")
    for axes in (prices, amounts):
        axes.axvspan(scene.elapsed, scene.elapsed + 1, color="#F7E7B5", linewidth=0.0, zorder=0.5)


def _steps(moments: list[Moment], values: list[float]) -> tuple[FloatArray, FloatArray]:
    return steps(np.array([m.elapsed for m in moments], dtype=np.float64), np.array(values))


def _draw_households(axes: Axes, scene: Scene) -> None:
    number = len(scene.names)
    place, zero = np.arange(number, dtype=np.float64), np.zeros(number)
    if scene.book is None:
        axes.set_title("What the households need (+) and have to spare (\N{MINUS SIGN}) [kWh]", pad=22)
        need, spare = np.maximum(scene.net_load, 0.0), np.minimum(scene.net_load, 0.0)
        layers: list[tuple[str, FloatArray, FloatArray, str, str, str | None]]
        layers = [("needs", zero, need, BUY_TINT, BUY, None), ("has to spare", zero, spare, SELL_TINT, SELL, None)]
    else:
        axes.set_title("Who traded: bought (+) and sold (\N{MINUS SIGN}) [kWh]", pad=22)
        bought, sold = np.maximum(scene.filled, 0.0), np.minimum(scene.filled, 0.0)
        layers = [
            ("bought from neighbours", zero, bought, BUY, BUY, None),
            ("from the grid", bought, bought + scene.grid_import, BUY_TINT, BUY, "////"),
            ("sold to neighbours", zero, sold, SELL, SELL, None),
            ("to the grid", sold, sold - scene.grid_export, SELL_TINT, SELL, "////"),
        ]
    top = max(float(layer[2].max(initial=0.0)) for layer in layers)
    bottom = min(float(layer[2].min(initial=0.0)) for layer in layers)
    upper = nice_ceiling(1.05 * top) if top > 0.0 else 0.0
    lower = -nice_ceiling(-1.05 * bottom) if bottom < 0.0 else 0.0
    reach = max(upper, -lower) or 1.0
    upper, lower = max(upper, 0.15 * reach), min(lower, -0.25 * reach)
    for label, start, end, face, edge, hatch in layers:
        bars(
            axes,
            place,
            start,
            end,
            0.76,
            facecolor=face,
            edgecolor=edge,
            linewidth=0.6 if number <= 60 else 0.0,
            hatch=hatch if number <= 60 else None,  # lines in a bar of two pixels are noise, and slow
            label=label,
            zorder=2,
        )
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=3)
    if scene.has_pv.any():
        lower -= 0.13 * (upper - lower)
        _mark_roofs(axes, scene, lower + 0.06 * (upper - lower), place)
    axes.set_ylim(lower, upper)
    side = max(0.7, 0.5 * (_FEWEST - number))  # few bars would be walls
    axes.set_xlim(-side, number - 1.0 + side)
    ticks, labels, kind = household_ticks(scene.names)
    axes.set_xticks(ticks, labels)
    axes.set_xlabel(kind)
    axes.locator_params(axis="y", nbins=6)
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="x", length=0.0)
    legend_above(axes)


def _mark_roofs(axes: Axes, scene: Scene, height: float, place: FloatArray) -> None:
    roofs = place[scene.has_pv]
    size = 6.0 if len(place) <= 60 else 2.5
    axes.plot(
        roofs,
        np.full(len(roofs), height),
        "*",
        color=SUN,
        markersize=size,
        linestyle="none",
        label="has PV",
        zorder=3,
    )
