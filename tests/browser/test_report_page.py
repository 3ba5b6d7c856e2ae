"""The report in a real browser: it draws, answers the pointer, fits a phone, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import p2p_market
from p2p_market.report import write_report

SCRIPT = "<script>document.title = 'broken'</script>"
VALUES: dict[str, Any] = {
    "name": "street",
    "data.days": 3,
    "data.num_homes": 8,
    "num_households": 6,
    "data.start": "2013-01-14",
    "run.days": 2,
    "run.figures": False,
    "run.bounds": False,
    "devices": {"battery": {"share": 0.6}},
    "population.storage": "self_consumption",
}
WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run, in which a household has the name of a script."""
    folder = tmp_path_factory.mktemp("runs") / "street"
    p2p_market.run(overrides=VALUES, output=folder)
    households = pl.read_parquet(folder / "households.parquet")
    renamed = households.with_columns(pl.col("household").replace({"household_0": SCRIPT}))
    renamed.write_parquet(folder / "households.parquet")
    return write_report(folder, figures=False)


@pytest.fixture
def page(browser_page: Any, page_file: Path) -> Any:
    browser_page.page.goto(page_file.as_uri())
    return browser_page.page


def test_every_figure_is_drawn_in_full_width(page: Any) -> None:
    boxes = page.locator(".drawing svg").evaluate_all("all => all.map(one => one.getBoundingClientRect().toJSON())")
    assert len(boxes) == 8
    assert all(box["width"] > 900 and box["height"] > 150 for box in boxes)
    assert page.title() == "street"


def test_words_appear_under_the_pointer(page: Any) -> None:
    box = page.locator("#words")
    assert box.is_hidden()
    bars = page.locator("#savings .words rect")
    bars.first.scroll_into_view_if_needed()
    seen = set()
    for place in range(6):
        bars.nth(place).hover()
        assert box.is_visible()
        seen.add(box.inner_text())
    assert len(seen) == 6
    assert any(SCRIPT in words and "saved" in words for words in seen)
    page.mouse.move(2, 2)
    assert box.is_hidden()


def test_the_contents_lead_to_the_figures(page: Any) -> None:
    page.get_by_role("link", name="Bids and asks").click()
    page.wait_for_timeout(700)
    assert 0 <= page.locator("#orders").bounding_box()["y"] < 300


def test_key_figures_unfold_by_keyboard(page: Any) -> None:
    table = page.locator("#headline table")
    assert table.is_hidden()
    page.locator("#headline summary").focus()
    page.keyboard.press("Enter")
    assert table.is_visible()
    assert "self sufficiency" in table.inner_text()


def test_it_fits_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    needed, there_is = page.evaluate(WIDTHS)
    assert needed <= there_is
    page.locator("#headline summary").click()
    needed, there_is = page.evaluate(WIDTHS)
    assert needed <= there_is


def test_the_policy_lets_nothing_out(page: Any, browser_page: Any) -> None:
    result = page.evaluate("() => fetch('http://127.0.0.1:9/x').then(() => 'answered', () => 'refused')")
    assert result == "refused"
    assert any("Content Security Policy" in text for text in browser_page.complaints)
    browser_page.complaints.clear()
    page.evaluate("() => { const made = document.createElement('script'); made.textContent = 'window.ran = 1';"
                  " document.body.append(made) }")  # fmt: skip
    assert page.evaluate("() => window.ran === undefined")
    browser_page.complaints.clear()
