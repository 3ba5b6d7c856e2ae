"""Pictures of the worked examples in docs/mechanisms: what a page computes is what its picture shows.

A block of Python on a page that is followed by a picture names its orders and rules ``book``, keywords of
`p2p_market.clear`, and the result ``clearing``. The block is run, its result drawn, and written into the picture's
metadata too, where a test compares it with what the block gives.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import p2p_market
from p2p_market.auction.clearing import Clearing
from p2p_market.auction.context import AuctionContext
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.data.atomic import atomic_path
from p2p_market.types import FloatArray
from p2p_market.view.book import Book
from p2p_market.view.curves import draw_curves
from p2p_market.view.style import BUY, DASHES, INK, MUTED, SELL, house_style, legend_above, with_margin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGES = Path(__file__).with_name("mechanisms")
EXAMPLE = re.compile(r"^```python\n((?:(?!```).*\n)*)```\n\n!\[[^\]]*\]\(([^)]+)\)", re.MULTILINE)
WIDTH, DOTS_PER_INCH, COLOURS = 7.2, 125, 64


@dataclass(frozen=True)
class Example:
    """One block of a page, run."""

    picture: Path
    book: dict[str, Any]
    clearing: Clearing

    @property
    def mechanism(self) -> str:
        """Name of the mechanism."""
        return str(self.book.get("mechanism", "uniform_price"))

    @property
    def price(self) -> FloatArray:
        """Limit prices ``(N,)`` [$/kWh]."""
        return np.asarray(self.book["price"], dtype=np.float64)

    @property
    def quantity(self) -> FloatArray:
        """Signed quantities ``(N,)`` [kWh]."""
        return np.asarray(self.book["quantity"], dtype=np.float64)

    def numbers(self) -> str:
        """Orders and result as text, rounded so that every machine writes the same."""
        result = {
            name: np.where(np.isnan(values), None, np.round(values, 9) + 0.0).tolist()
            for name in ("filled", "unit_price", "payment")
            for values in [getattr(self.clearing, name)]
        }
        return json.dumps({"book": self.book, **result}, default=lambda values: np.asarray(values).tolist())


def examples() -> Iterator[Example]:
    """Run every block that has a picture."""
    for page in sorted(PAGES.glob("*.md")):
        for code, picture in EXAMPLE.findall(page.read_text(encoding="utf-8")):
            names: dict[str, Any] = {"__name__": "__main__"}
            exec(compile(code, page.name, "exec"), names)  # noqa: S102 (our own documents)
            yield Example((page.parent / picture).resolve(), names["book"], names["clearing"])


def draw_examples() -> None:
    """Draw them all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
    from matplotlib.figure import Figure  # noqa: PLC0415 (the same)
    from PIL import Image, PngImagePlugin  # noqa: PLC0415 (comes with matplotlib)

    with house_style():
        for example in examples():
            figure = FigureCanvasAgg(Figure(dpi=DOTS_PER_INCH)).figure
            _draw(figure, example)
            pixels = io.BytesIO()
            figure.savefig(pixels, format="png")
            about = PngImagePlugin.PngInfo()
            about.add_text("Software", "p2p_market")
            about.add_text("Description", example.numbers())
            picture = Image.open(pixels).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            with atomic_path(example.picture) as temporary:
                picture.save(temporary, format="png", optimize=True, pnginfo=about)


def _draw(figure: Figure, example: Example) -> None:
    if MECHANISMS[example.mechanism].is_pool:
        figure.set_size_inches(WIDTH, 3.9)
        _draw_pool(figure.add_axes((0.10, 0.13, 0.87, 0.70)), example)
    elif example.mechanism == "continuous":
        figure.set_size_inches(WIDTH, 4.4)
        _draw_arrivals(figure.add_axes((0.10, 0.12, 0.87, 0.73)), example)
    elif example.clearing.group is not None:
        figure.set_size_inches(WIDTH, 7.4)
        for place, half, name in (
            (0.57, 1, "left half, at the price of the right"),
            (0.07, 0, "right half, at the price of the left"),
        ):
            axes = figure.add_axes((0.10, place, 0.87, 0.33))
            draw_curves(axes, _book(example, example.clearing.group == half), f"{example.mechanism}: {name}")
    else:
        figure.set_size_inches(WIDTH, 4.4)
        draw_curves(figure.add_axes((0.10, 0.12, 0.87, 0.70)), _book(example), _title(example))


def _title(example: Example) -> str:
    options = {name: example.book[name] for name in MECHANISMS[example.mechanism].options if name in example.book}
    words = ", ".join(f"{name}={value!r}" for name, value in options.items() if np.ndim(value) == 0)
    return f"{example.mechanism}, {words}" if words else example.mechanism


def _book(example: Example, mine: Any = True) -> Book:
    """Orders of a market, or of the half of it that is ``mine``, as the pictures of the package take them."""
    clearing, is_mine = example.clearing, np.broadcast_to(mine, example.price.shape)
    filled, unit_price = np.where(is_mine, clearing.filled, 0.0), clearing.unit_price
    prices = unit_price[filled != 0.0]
    has_one_price = bool(prices.size) and float(np.ptp(prices)) < 1e-9
    shows_interval = np.isfinite(clearing.clearing_price) and example.mechanism == "uniform_price"
    return Book(
        price=example.price,
        quantity=np.where(is_mine, example.quantity, 0.0),
        filled=filled,
        mean_price=float(prices[0]) if has_one_price else np.nan,
        has_one_price=has_one_price,
        clears_from=float(clearing.price_low) if shows_interval else np.nan,
        clears_to=float(clearing.price_high) if shows_interval else np.nan,
        unit_price=unit_price,
    )


def _draw_pool(axes: Axes, example: Example) -> None:
    """Draw what buyers pay and sellers get over the ratio of supply to demand, with the example marked."""
    tariffs = {name: example.book[name] for name in ("retail_price", "feed_in_price")}
    ratio = np.linspace(0.0, 2.0, 401)[1:]
    quantity = np.stack([np.ones_like(ratio), -ratio], axis=-1)
    curve = p2p_market.clear(np.zeros_like(quantity), quantity, example.mechanism, **tariffs)
    own = example.quantity
    own_ratio = -own[own < 0.0].sum() / own[own > 0.0].sum()
    axes.set_title(f"{_title(example)}, the example at R = {own_ratio:.3g}", pad=22)
    axes.set_xlabel("supply over demand, R = G / D")
    axes.set_ylabel("price [$/kWh]")
    low, high = with_margin(min(0.0, float(np.nanmin(curve.unit_price))), float(np.nanmax(curve.unit_price)), 0.1)
    axes.set_ylim(low, high)
    axes.set_xlim(0.0, 2.0)
    for price, name in zip(tariffs.values(), ("retail price", "feed-in price"), strict=True):
        axes.axhline(price, color=MUTED, linewidth=1.0, linestyle=":", zorder=2)
        axes.annotate(f"{name} {price:.2f}", (2.0, price), (-3, 3), textcoords="offset points", color=MUTED, ha="right")
    for side, color, style, marker, name in ((0, BUY, "-", "v", "buyers pay"), (1, SELL, DASHES, "^", "sellers get")):
        axes.plot(ratio, curve.unit_price[:, side], color=color, linestyle=style, linewidth=2.4, label=name, zorder=4)
        is_side = own > 0.0 if side == 0 else own < 0.0
        price = float(example.clearing.unit_price[is_side][0]) + 0.0  # no negative zeros
        axes.plot(own_ratio, price, color=color, marker=marker, markersize=10, markeredgecolor=INK, zorder=7)
        above = side == 0 and price < low + 0.8 * (high - low)
        axes.annotate(
            f"{price:.4f}",
            (own_ratio, price),
            (9, 7 if above else -7),
            textcoords="offset points",
            va="bottom" if above else "top",
            fontweight="bold",
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            zorder=8,
        )
    if np.isfinite(curve.clearing_price).any():
        axes.plot(
            ratio,
            curve.clearing_price,
            color=INK,
            linewidth=1.2,
            linestyle=(0, (2, 1.5)),
            label="price inside",
            zorder=5,
        )
    axes.axvline(own_ratio, color=INK, linewidth=0.8, linestyle=(0, (2, 1.5)), zorder=3)
    legend_above(axes)


def _draw_arrivals(axes: Axes, example: Example) -> None:
    """Draw orders as they arrive, how long they rest, and the trades that end that."""
    book = dict(example.book)
    price, quantity = np.asarray(book.pop("price"), dtype=float), np.asarray(book.pop("quantity"), dtype=float)
    rules = AuctionRules(book.pop("mechanism"), book)
    empty = AuctionContext(rules, np.zeros(1), np.zeros(1), *np.zeros((2, 1, len(price))))
    trades = empty.with_orders(Orders(price[None], quantity[None])).transaction()
    time = np.empty(len(price))
    time[np.asarray(book.get("arrival", np.arange(len(price))))] = np.arange(1, len(price) + 1)
    end = len(price) + 0.9
    axes.set_title(_title(example), pad=22)
    axes.set_xlabel("orders in order of arrival")
    axes.set_ylabel("limit price [$/kWh]")
    axes.set_xlim(-0.2, end)
    axes.set_ylim(*with_margin(float(price.min()), float(price.max()), 0.14))
    axes.set_xticks(np.arange(1, len(price) + 1))
    axes.grid(visible=False, axis="x")
    left = np.abs(quantity)
    last_trade = time.copy()
    for buyer, seller, energy, paid in zip(trades.buyer, trades.seller, trades.quantity, trades.price, strict=True):
        maker, taker = sorted((buyer, seller), key=lambda order: time[order])
        color, style = (BUY, "-") if quantity[maker] > 0.0 else (SELL, DASHES)
        axes.plot([time[maker], time[taker]], [price[maker]] * 2, color=color, linestyle=style, linewidth=2.0, zorder=3)
        axes.plot([time[taker]] * 2, [price[taker], paid], color=MUTED, linewidth=1.0, linestyle=":", zorder=2)
        axes.plot(time[taker], paid, color=INK, marker="o", markersize=8, zorder=7)
        axes.annotate(
            f"{energy:g} kWh at {paid:.2f}",
            (time[taker], paid),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
            fontsize=9.5,
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            zorder=8,
        )
        left[[buyer, seller]] -= energy
        last_trade[[buyer, seller]] = time[taker]
    for is_bid, color, style, marker, name in (
        (True, BUY, "-", "v", "bid, resting"),
        (False, SELL, DASHES, "^", "ask, resting"),
    ):
        side = quantity > 0.0 if is_bid else quantity < 0.0
        axes.plot(
            time[side],
            price[side],
            color=color,
            linestyle="none",
            marker=marker,
            markersize=10,
            markeredgecolor=INK,
            zorder=6,
        )
        axes.plot([], [], color=color, linestyle=style, linewidth=2.0, marker=marker, markeredgecolor=INK, label=name)
        for order in np.flatnonzero(side):
            axes.annotate(
                f"{abs(quantity[order]):g} kWh",
                (time[order], price[order]),
                (-9, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                color=color,
                fontsize=9.5,
            )
            if left[order] > 1e-9:
                axes.plot([time[order], end], [price[order]] * 2, color=color, linestyle=style, linewidth=1.0, zorder=2)
                axes.annotate(
                    f"{left[order]:g} left",
                    (end, price[order]),
                    (-3, 3),
                    textcoords="offset points",
                    ha="right",
                    color=color,
                    fontsize=9.0,
                )
    axes.plot(
        [], [], color=INK, linestyle="none", marker="o", markersize=8, label="trade, at the resting order's price"
    )
    legend_above(axes)


if __name__ == "__main__":
    draw_examples()
