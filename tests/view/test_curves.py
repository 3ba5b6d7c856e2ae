"""Curves of books that are out of proportion."""

from __future__ import annotations

import time

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from p2p_market.view.book import Book
from p2p_market.view.curves import draw_curves
from p2p_market.view.style import house_style


def drawn(wanted: list[float], offered: float, filled: float) -> Figure:
    """A book of bids a tick apart and one ask, drawn; the best bid gets ``filled`` of what is offered."""
    number = len(wanted)
    book = Book(
        price=np.array([*(0.3 - 0.0001 * np.arange(number)), 0.1]),
        quantity=np.array([*wanted, -offered]),
        filled=np.array([filled, *[0.0] * (number - 1), -filled]),
        band_low=0.05,
        band_high=0.35,
        mean_price=0.3,
        has_one_price=True,
    )
    with house_style():
        figure = FigureCanvasAgg(Figure()).figure
        draw_curves(figure.add_subplot(), book, "a market")
        figure.canvas.draw()
    return figure


def legend_of(figure: Figure) -> list[str]:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_a_side_far_longer_than_the_picture_costs_no_more_than_one_that_fits() -> None:
    drawn([1.0] * 300, 100.0, 1.0)  # loads what drawing needs
    started = time.process_time()
    figure = drawn([1.0] * 300, 0.001, 0.001)  # 300 kWh wanted, and an axis of a few watt-hours
    assert time.process_time() - started < 1.0
    assert figure.axes[0].get_xlim()[1] < 0.01
    assert any("on to 300" in text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize(
    ("filled", "words"), [(0.001, "under 1 %"), (0.5, "50 %"), (0.99, "99 %"), (0.999, "over 99 %")]
)
def test_a_rationed_level_is_never_said_to_be_empty_or_full(filled: float, words: str) -> None:
    assert f"rationed: {words} filled" in legend_of(drawn([1.0, 1.0], filled, filled))


@pytest.mark.parametrize("filled", [0.0, 1.0])
def test_a_level_that_gets_all_or_nothing_is_not_rationed(filled: float) -> None:
    figure = drawn([1.0, 1.0], 1.0, filled)
    assert not any(label.startswith("rationed") for label in legend_of(figure))
