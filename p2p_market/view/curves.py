"""Supply and demand of one interval, drawn: stepped curves, the crossing, and the part of a level that had to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from p2p_market.types import FloatArray
from p2p_market.view.book import Book, Side
from p2p_market.view.style import (
    BUY,
    BUY_TINT,
    DASHES,
    GRID_LINE,
    INK,
    MUTED,
    SELL,
    SELL_TINT,
    TRADED_TINT,
    energy,
    legend_above,
    nice_ceiling,
    note,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ON_WHITE = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
_RATIONED = "rationed"  # of several levels; of one, with how much of it is filled
_PAYS, _GETS = "what buyers pay", "what sellers get"
_ORDER = ("demand", "supply", "gains", "clearing", "mean", _PAYS, _GETS, _RATIONED, "prices")
_SAME_PRICE = 1e-9  # [$/kWh] less is rounding
_LONGER_SIDE = 2.5  # how much further than the shorter side the axis goes at most


def draw_curves(axes: Axes, book: Book, title: str) -> None:
    """Draw a book into empty axes: energy [kWh] from left to right, limit price [$/kWh] upwards."""
    axes.set_title(title, pad=22)
    axes.set_xlabel("energy, best offers first [kWh]")
    axes.set_ylabel("price [$/kWh]")
    low, high = _price_limits(book)
    axes.set_ylim(low, high)
    axes.set_xlim(0.0, _energy_limit(book))
    _draw_band(axes, book)
    if book.is_pool:
        bids, asks = book.bids.total, book.asks.total
        note(axes, f"No prices are bid in this market:\n{energy(bids)} needed, {energy(asks)} to spare.")
        return
    if book.traded > 0.0 and book.bids.is_best_first and book.asks.is_best_first:
        _draw_gains(axes, book)
    for side, end, color, tint, style, name in (
        (book.bids, low, BUY, BUY_TINT, "-", "demand (bids)"),
        (book.asks, high, SELL, SELL_TINT, DASHES, "supply (asks)"),
    ):
        if len(side):
            axes.plot(*side.outline(end), color=color, linestyle=style, linewidth=2.4, label=name, zorder=4)
            _draw_rationed(axes, side, tint)
    _say_where_it_goes_on(axes, book)
    if book.traded > 0.0 and book.unit_price is not None and not book.has_one_price:
        _draw_unit_prices(axes, book)
    elif book.traded > 0.0:
        _draw_crossing(axes, book)
    else:
        text = book.why_no_trade()
        note(axes, text, _free_place(axes, book, text, (0.5, 0.5)))
    _draw_legend(axes, title)


def _price_limits(book: Book) -> tuple[float, float]:
    prices = book.price[book.quantity != 0.0]
    if book.is_pool:
        prices = prices[:0]
    every = np.array([book.band_low, book.band_high, *prices])
    every = every[np.isfinite(every)]
    low, high = (every.min().item(), every.max().item()) if every.size else (0.0, 1.0)
    margin = 0.07 * (high - low) if high > low else max(0.1 * abs(high), 0.01)
    return low - margin, high + margin


def _energy_limit(book: Book) -> float:
    shorter, longer = sorted((book.bids.total, book.asks.total))
    # where one side is many times the other, the crossing would shrink to a corner
    shown = min(longer, _LONGER_SIDE * shorter) if shorter > 0.0 and not book.is_pool else longer
    return nice_ceiling(1.02 * shown)


def _draw_band(axes: Axes, book: Book) -> None:
    if not np.isfinite(book.band_low):
        return
    for price, name, align in (
        (book.band_high, "highest retail price", "bottom"),
        (book.band_low, "lowest feed-in price", "top"),
    ):
        axes.axhline(price, color=MUTED, linewidth=1.0, linestyle=":", zorder=2)
        axes.annotate(
            f"{name} {price:.3f}",
            (1.0, price),
            xycoords=("axes fraction", "data"),
            xytext=(-3, 2 if align == "bottom" else -2),
            textcoords="offset points",
            ha="right",
            va=align,
            color=MUTED,
            fontsize=8.5,
            bbox=_ON_WHITE,
            zorder=6,
        )


def _draw_gains(axes: Axes, book: Book) -> None:
    """Shade what the trades are worth: the area between the curves up to the traded energy."""
    bids, asks, traded = book.bids, book.asks, book.traded
    ends = np.unique(np.concatenate([[0.0], bids.cumulative, asks.cumulative, [traded]]))
    ends = ends[ends <= traded]
    starts = ends[:-1]
    place = np.column_stack([starts, ends[1:]]).ravel()
    top, bottom = np.repeat(bids.price_at(starts), 2), np.repeat(asks.price_at(starts), 2)
    axes.fill_between(place, bottom, top, color=TRADED_TINT, linewidth=0.0, label="gains from trade", zorder=1)


def _draw_rationed(axes: Axes, side: Side, tint: str) -> None:
    """Mark what is left of each level that was rationed."""
    levels = np.flatnonzero(side.rationed).tolist()
    for level in levels:
        end = side.cumulative[level].item()
        start = end - side.quantity[level].item() + side.filled[level].item()
        axes.plot(
            [start, end],
            [side.price[level]] * 2,
            color=tint,
            linewidth=9.0,
            solid_capstyle="butt",
            zorder=3,
            label=f"{_RATIONED}: {_percent(side, level)} filled" if len(levels) == 1 else _RATIONED,
        )


def _percent(side: Side, level: int) -> str:
    """Filled share of a rationed level: neither none nor all of it, however little is there or missing."""
    percent = 100.0 * side.filled[level].item() / side.quantity[level].item()
    if percent == 0.0:
        return "not"
    return "under 1 %" if percent < 1.0 else "over 99 %" if percent > 99.0 else f"{percent:.0f} %"


def _draw_crossing(axes: Axes, book: Book) -> None:
    traded, price = book.traded, book.mean_price
    if np.isfinite(book.clears_from) and book.clears_to > book.clears_from:
        axes.plot(
            [traded, traded],
            [book.clears_from, book.clears_to],
            color=INK,
            linewidth=6.0,
            alpha=0.35,
            solid_capstyle="butt",
            label="prices that clear",
            zorder=5,
        )
    axes.plot([0.0, traded], [price, price], color=INK, linewidth=1.2, linestyle=(0, (2, 1.5)), zorder=5)
    axes.plot(
        [traded, traded], [axes.get_ylim()[0], price], color=INK, linewidth=0.8, linestyle=(0, (2, 1.5)), zorder=3
    )
    name = "clearing price" if book.has_one_price else "mean price"
    axes.plot([traded], [price], color=INK, marker="o", markersize=8.0, linestyle="none", label=name, zorder=7)
    _write_result(axes, book, f"{energy(traded)}\nat {price:.4f} $/kWh", price)


def _draw_unit_prices(axes: Axes, book: Book) -> None:
    """Draw what every level pays or gets a kWh over the energy that it trades."""
    means, is_one = [], True
    for side, color, marker, name in ((book.bids, BUY, "v", _PAYS), (book.asks, SELL, "^", _GETS)):
        served = np.flatnonzero(side.filled > 0.0)
        ends = side.cumulative[served]
        starts = ends - side.quantity[served]
        stops, prices = starts + side.filled[served], side.unit_price[served]
        axes.hlines(prices, starts, stops, color=INK, linewidth=1.2, linestyle=(0, (2, 1.5)), zorder=5)
        axes.plot(
            0.5 * (starts + stops),
            prices,
            color=color,
            marker=marker,
            markersize=8.0,
            markeredgecolor=INK,
            markeredgewidth=0.8,
            linestyle="none",
            label=name,
            zorder=7,
        )
        means.append(float(prices @ side.filled[served]) / book.traded)
        is_one = is_one and float(np.ptp(prices)) < _SAME_PRICE
    text = f"{energy(book.traded)}\nbuyers pay {means[0]:.4f},\nsellers get {means[1]:.4f}"
    _write_result(axes, book, f"{text} $/kWh" if is_one else f"{text}\n$/kWh on average", 0.5 * sum(means))


def _write_result(axes: Axes, book: Book, text: str, price: float) -> None:
    """Write what was traded at what price next to the end of the trade, where it covers no curve."""
    traded = book.traded
    crossing = _shares(axes, np.array([traded]), np.array([price]))[0]
    axes.annotate(
        text,
        (traded, price),
        xytext=_free_place(axes, book, text, (crossing[0].item(), crossing[1].item())),
        textcoords="axes fraction",
        ha="center",
        va="center",
        fontsize=10.5,
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": GRID_LINE, "alpha": 0.92},
        arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.8, "shrinkB": 5.0},
        zorder=8,
    )


def _say_where_it_goes_on(axes: Axes, book: Book) -> None:
    """Say how far a side goes that leaves the picture on the right."""
    right = axes.get_xlim()[1]
    for side, color, is_bid in ((book.bids, BUY, True), (book.asks, SELL, False)):
        if side.total > right:
            price = side.price_at(np.array([right]))[0].item()
            edge, width = book.band_high if is_bid else book.band_low, book.band_high - book.band_low
            is_taken = abs(price - edge) < 0.1 * width  # the name of the band's edge stands there
            above = is_bid != is_taken
            axes.annotate(
                f"on to {energy(side.total)} \N{RIGHTWARDS ARROW}",
                (right, price),
                xytext=(-3, 4 if above else -4),
                textcoords="offset points",
                ha="right",
                va="bottom" if above else "top",
                color=color,
                fontsize=9.0,
                bbox=_ON_WHITE,
                zorder=6,
            )


def _draw_legend(axes: Axes, title: str) -> None:
    entries = {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if len([label for label in entries if label.startswith(_RATIONED)]) > 1:
        entries = {_RATIONED if label.startswith(_RATIONED) else label: entry for label, entry in entries.items()}
    labels = sorted(entries, key=lambda label: [label.startswith(start) for start in _ORDER].index(True))
    if labels:
        legend_above(axes, 3, handles=[entries[label] for label in labels], labels=labels)
    if len(labels) > 3:
        axes.set_title(title, pad=40)  # a second row


def _shares(axes: Axes, x: FloatArray, y: FloatArray) -> FloatArray:
    """Points ``(n, 2)`` of the data as shares of the axes."""
    corners = np.array([axes.get_xlim(), axes.get_ylim()])
    shares: FloatArray = (np.column_stack([x, y]) - corners[:, 0]) / np.ptp(corners, axis=1)
    return shares


def _free_place(axes: Axes, book: Book, text: str, near: tuple[float, float]) -> tuple[float, float]:
    """Find a place for a text, in shares of the axes, that covers no curve; of those the nearest to a point."""
    lines = text.split("\n")
    letter = 10.5 / 72.0
    area = np.array(axes.bbox.size) / axes.figure.dpi  # [in]
    half = 0.5 * np.array([(0.66 * max(map(len, lines)) + 2.0) * letter, (1.5 * len(lines) + 1.2) * letter]) / area
    low, high = axes.get_ylim()
    taken = [np.array([near])]
    if np.isfinite(book.band_low):
        bands = np.array([[x, price] for price in (book.band_low, book.band_high) for x in np.linspace(0.6, 1.0, 12)])
        taken.append(_shares(axes, bands[:, 0] * axes.get_xlim()[1], bands[:, 1]))
    for side, end in ((book.bids, low), (book.asks, high)):
        if len(side):
            # a side can go on for a thousand times the width of the picture; out there it covers no text
            corners = np.clip(_shares(axes, *side.outline(end)), -0.1, 1.1)
            along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(corners, axis=0)).sum(axis=1))])
            steps = np.arange(0.0, along[-1], 0.01)
            taken.append(np.column_stack([np.interp(steps, along, corners[:, axis]) for axis in (0, 1)]))
            taken.append(_shares(axes, side.cumulative - 0.5 * side.quantity, side.unit_price))  # nan covers nothing
    obstacles = np.concatenate(taken)
    sides = [np.linspace(half[axis] + 0.015, 1.0 - half[axis] - 0.015, 24) for axis in (0, 1)]
    places = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    covered = (np.abs(places[:, None] - obstacles[None]) < half).all(axis=-1).sum(axis=1)
    best = places[np.lexsort((np.hypot(*((places - near) * area).T), covered))[0]]
    return best[0].item(), best[1].item()
