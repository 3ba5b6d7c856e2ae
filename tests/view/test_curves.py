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


def example(filled: list[float], unit_price: list[float], *, has_one_price: bool = False) -> Figure:
    """Bids of 2 kWh at 0.3 and 1 kWh at 0.2, asks of 1 kWh at 0.05 and 2 kWh at 0.1, without a band of prices."""
    book = Book(
        price=np.array([0.3, 0.2, 0.05, 0.1]),
        quantity=np.array([2.0, 1.0, -1.0, -2.0]),
        filled=np.array(filled),
        mean_price=0.15,
        has_one_price=has_one_price,
        unit_price=np.array(unit_price),
    )
    with house_style():
        figure = FigureCanvasAgg(Figure()).figure
        draw_curves(figure.add_subplot(), book, "an example")
        figure.canvas.draw()
    return figure


def texts_of(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.axes[0].texts)


def test_prices_that_differ_are_drawn_for_each_level_and_told_on_average() -> None:
    figure = example([2.0, 1.0, -1.0, -2.0], [0.2, 0.17, 0.1, 0.13])
    assert "buyers pay 0.1900,\nsellers get 0.1200\n$/kWh on average" in texts_of(figure)
    drawn_prices = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert drawn_prices["what buyers pay"] == pytest.approx([0.2, 0.17])
    assert drawn_prices["what sellers get"] == pytest.approx([0.1, 0.13])


def test_two_prices_are_told_as_they_are() -> None:
    figure = example([2.0, 0.0, -1.0, -1.0], [0.2, np.nan, 0.1, 0.1])
    assert "buyers pay 0.2000,\nsellers get 0.1000 $/kWh" in texts_of(figure)
    assert "retail" not in texts_of(figure)


def test_one_price_is_a_point() -> None:
    figure = example([2.0, 0.0, -1.0, -1.0], [0.15, np.nan, 0.15, 0.15], has_one_price=True)
    assert "clearing price" in legend_of(figure)
    assert "what buyers pay" not in legend_of(figure)


def test_a_level_that_is_passed_over_is_marked_and_no_gains_are_shaded() -> None:
    figure = example([1.0, 0.0, 0.0, -1.0], [0.15, np.nan, np.nan, 0.15], has_one_price=True)
    assert "rationed" in legend_of(figure)  # the best bid by half, the best ask not at all
    assert "gains from trade" not in legend_of(figure)
    figure = example([1.0, 0.0, -1.0, 0.0], [0.15, np.nan, 0.15, np.nan], has_one_price=True)
    assert "rationed: 50 % filled" in legend_of(figure)
    assert "gains from trade" in legend_of(figure)
    figure = example([2.0, 0.0, 0.0, -2.0], [0.15, np.nan, np.nan, 0.15], has_one_price=True)
    assert "rationed: not filled" in legend_of(figure)
