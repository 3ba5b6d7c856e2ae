"""A sheet to draw on: axes placed in inches, words under the pointer, and the same picture as SVG and PNG."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.report.runs import Run
from p2p_market.types import FloatArray
from p2p_market.view.clock import interval_name, long_date
from p2p_market.view.course import Course, read_course
from p2p_market.view.style import BUY, INK, MUTED, SELL, SUN, TRADED, house_style

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

WIDTH = 10.0
"""Width of every sheet [inch]."""
LEFT, RIGHT, TOP, BOTTOM = 0.85, 0.25, 0.60, 0.55
"""Margins [inch] around what is drawn."""
MOST_CELLS = 4000
"""Places with words under the pointer that a sheet may have; more would make the page heavy."""

PURPLE, SKY = "#CC79A7", "#56B4E9"  # the rest of the palette of Okabe and Ito
PURPLE_TINT = "#EBCFDE"
GREY_TINT = "#D4D4D4"
EVERYWHERE = 1e9
"""Beyond every axis, to either side."""

RUN_LOOKS: Sequence[tuple[str, Any, str]] = tuple(
    zip(
        (BUY, SELL, TRADED, PURPLE, INK, SUN, SKY, BUY, SELL, TRADED, PURPLE, INK),
        (
            *("-", (0, (6, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1, 1)), (0, (9, 2))),
            *((0, (4, 1, 1, 1, 1, 1)), (0, (1, 2)), "-", (0, (6, 1.5)), (0, (2, 1.2)), "-"),
        ),
        "osD^vP*XhH<>",
        strict=True,
    )
)
"""Colour, line style and marker of each run of a report: no two runs have the same pair of the latter."""

_DOTS_PER_INCH = 144
_FONTS = "'DejaVu Sans', Verdana, Geneva, sans-serif"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class NothingToDrawError(Exception):
    """There is nothing to draw, and the message says why in a sentence."""


@dataclass(frozen=True)
class Picture:
    """One figure of a report.

    Parameters
    ----------
    name
        Of its files, and of its place on the page.
    title
        Its heading.
    needs
        Columns by table that a run must have to be shown.
    draw
        Draws runs, one or more, on a sheet, and says in a sentence or two how to read it and what is to be seen.
    height
        Of the sheet [inch], for a number of runs.
    least_runs
        Number of runs from which on it is drawn.
    """

    name: str
    title: str
    needs: Mapping[str, Collection[str]]
    draw: Callable[[Sheet, Sequence[Run]], str]
    height: Callable[[int], float]
    least_runs: int = 1


@dataclass(frozen=True)
class Drawn:
    """A finished figure."""

    name: str
    title: str
    caption: str
    svg: str
    png: bytes


@dataclass
class Sheet:
    """What a picture is drawn on."""

    figure: Figure
    cells: list[tuple[Axes, FloatArray, Sequence[str]]] = field(default_factory=list)

    @property
    def height(self) -> float:
        """Height of the sheet [inch]."""
        return float(self.figure.get_figheight())

    def axes(self, left: float, top: float, width: float, height: float, **more: Any) -> Axes:
        """Axes at a place in inches from the left and the top of the sheet."""
        place = (left / WIDTH, 1.0 - (top + height) / self.height, width / WIDTH, height / self.height)
        return self.figure.add_axes(place, **more)

    def rows(
        self, number: int, gap: float, top: float = TOP, left: float = LEFT, width: float = WIDTH - LEFT - RIGHT
    ) -> list[Axes]:
        """Axes below each other, of the same size, with a gap [inch] between them."""
        height = (self.height - top - BOTTOM - gap * (number - 1)) / number
        return [self.axes(left, top + row * (height + gap), width, height) for row in range(number)]

    def name_run(self, axes: Axes, run: Run, runs: Sequence[Run]) -> None:
        """Write which run a panel shows, where there are several."""
        if len(runs) > 1:
            axes.set_title(shortened(run.label, 60), pad=6, fontsize=11.0)

    def legend(self, handles: Sequence[Any], columns: int = 4) -> None:
        """Put a legend under the heading, where it covers nothing."""
        self.figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.013, 1.0 - 0.43 / self.height),
            ncols=columns,
            handlelength=2.4,
            columnspacing=1.6,
            borderaxespad=0.0,
        )

    def tell(
        self, axes: Axes, left: ArrayLike, right: ArrayLike, bottom: ArrayLike, top: ArrayLike, words: Sequence[str]
    ) -> None:
        """Have words appear where the pointer is inside a rectangle, in the units of the axes and cut to them."""
        corners = np.stack(np.broadcast_arrays(left, bottom, right, top), axis=-1).astype(np.float64).reshape(-1, 4)
        if sum(len(words) for _, _, words in self.cells) + len(words) <= MOST_CELLS:
            self.cells.append((axes, corners, words))

    def tell_columns(self, axes: Axes, left: ArrayLike, right: ArrayLike, words: Sequence[str]) -> None:
        """The same over the full height of the axes."""
        self.tell(axes, left, right, *axes.get_ylim(), words)


def drawn(picture: Picture, runs: Sequence[Run], *, png: bool = True) -> Drawn:
    """Draw a picture.

    Raises
    ------
    NothingToDrawError
        If there is nothing to draw.
    MissingExtraError
        If matplotlib is not installed.
    """
    settings = {"svg.fonttype": "none", "svg.hashsalt": picture.name, "text.parse_math": False, "savefig.dpi": "figure"}
    with house_style(**settings):
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
        from matplotlib.figure import Figure  # noqa: PLC0415

        figure = Figure(figsize=(WIDTH, picture.height(len(runs))), dpi=72.0)
        FigureCanvasAgg(figure)
        sheet = Sheet(figure)
        caption = picture.draw(sheet, runs)
        figure.text(0.02, 1.0 - 0.27 / sheet.height, picture.title, fontsize=14.0, fontweight="bold", va="center")
        vector, raster = io.StringIO(), io.BytesIO()
        figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": "p2p_market"})
        svg = _with_words(vector.getvalue(), sheet)
        if png:
            figure.savefig(raster, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": "p2p_market"})
        return Drawn(picture.name, picture.title, caption, svg, raster.getvalue())


def inlined(picture: Drawn) -> str:
    """The SVG as it stands inside a page: no prolog, no fixed size, no names that another figure could have too."""
    start = picture.svg.index("<svg")
    opening, body = picture.svg[start:].split(">", 1)
    opening = re.sub(r'\s(width|height)="[^"]*"', "", opening)
    label = html.escape(f"{picture.title}. {picture.caption}", quote=True)
    body = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", body, count=2, flags=re.DOTALL)
    return f'{opening} role="img" aria-label="{label}">' + re.sub(r'<g id="[^"]*"', "<g", body)


def shortened(text: str, most: int = 28) -> str:
    """A name for a picture: without characters that no font draws, and cut where it is too long."""
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def course_of(intervals: pl.DataFrame) -> Course:
    """Rows of one market over time, as `p2p_market.view.course.read_course`.

    Raises
    ------
    NothingToDrawError
        If there is a single interval, which has no course.
    """
    if intervals.height < 2:
        raise NothingToDrawError("The run is one interval long: it has no course over time.")
    return read_course(intervals)


def set_clock(axes: Axes, course: Course) -> None:
    """Set limits, ticks and name of an axis of time."""
    axes.set_xlim(0.0, float(course.place[-1]) + 1.0)
    axes.set_xticks(*course.ticks())
    axes.set_xlabel("date" if course.is_daily else "local time")


def step_names(course: Course) -> list[str]:
    """What each step is called: the day, or the day and the time."""
    times = [course.start + dt.timedelta(minutes=course.minutes * float(place)) for place in course.place]
    return [long_date(time) if course.is_daily else interval_name(time, course.minutes) for time in times]


def span_of(values: Iterable[FloatArray]) -> tuple[float, float]:
    """Lowest and highest of several arrays, undefined values left out; 0 and 0 where there are none."""
    known = np.concatenate([np.ravel(each)[np.isfinite(np.ravel(each))] for each in values] or [np.empty(0)])
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def muted(axes: Axes, text: str, x: float, y: float, **more: Any) -> None:
    """Write a remark, small and grey, at a place in shares of the axes."""
    axes.text(x, y, text, transform=axes.transAxes, color=MUTED, fontsize=9.0, **more)


def _with_words(svg: str, sheet: Sheet) -> str:
    """Add to a picture invisible rectangles with the words that belong to each place."""
    svg = svg.replace("'DejaVu Sans', sans-serif", _FONTS)
    tall = 72.0 * sheet.height
    parts = ['<g class="words" fill="none" pointer-events="all">']
    for axes, corners, words in sheet.cells:
        places = axes.transData.transform(corners.reshape(-1, 2)).reshape(-1, 4)
        inside = axes.bbox
        across = np.sort(np.clip(places[:, 0::2], inside.x0, inside.x1), axis=1)
        up = np.sort(np.clip(places[:, 1::2], inside.y0, inside.y1), axis=1)
        sizes = (across[:, 0], tall - up[:, 1], np.ptp(across, axis=1), np.ptp(up, axis=1))
        for left, top, width, height, text in zip(*sizes, words, strict=True):
            place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
            parts.append(f"<rect {place}><title>{html.escape(_CONTROL.sub(' ', text), quote=False)}</title></rect>")
    return svg.replace("</svg>", "\n".join([*parts, "</g>\n</svg>"])) if sheet.cells else svg
