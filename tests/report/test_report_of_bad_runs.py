"""Reports of runs that are broken, empty or odd: a page that says what is missing, and never a blank chart."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import p2p_market
from p2p_market.errors import DataError
from p2p_market.report import write_report

SMALL: dict[str, Any] = {
    "data.days": 3,
    "data.num_homes": 8,
    "num_households": 6,
    "data.start": "2013-01-14",
    "run.days": 2,
    "run.figures": False,
    "run.bounds": False,
    "name": "small",
}
LAST = {"run.start": "2013-01-16T23:30:00", "run.days": None}
Edit = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    p2p_market.run(overrides=SMALL, output=folder)
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "small")


def edit(folder: Path, table: str, change: Edit) -> None:
    path = folder / f"{table}.parquet"
    change(pl.read_parquet(path)).write_parquet(path)


def words(page: Path) -> str:
    """What a reader sees; styles and scripts are left out."""
    texts: list[str] = []

    class Words(HTMLParser):
        hidden = False

        def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
            self.hidden = tag in ("style", "script")

        def handle_endtag(self, _: str) -> None:
            self.hidden = False

        def handle_data(self, data: str) -> None:
            if not self.hidden:
                texts.append(data)

    Words().feed(page.read_text(encoding="utf-8"))
    return " ".join(" ".join(texts).split())


def report(runs: Path | list[Path], page: Path) -> Path:
    return write_report(runs, page, figures=False)


def figures(page: Path) -> set[str]:
    """Names of the figures on a page."""
    sections = re.findall(r'<section id="([\w-]+)"><figure>', page.read_text(encoding="utf-8"))
    return set(sections)


@pytest.mark.parametrize(
    ("table", "column", "gone", "sentence"),
    [
        ("intervals", "demand_kwh", {"power"}, "intervals.parquet has no usable column 'demand_kwh'"),
        (
            "intervals",
            "price_dollars_per_kwh",
            {"price", "heat_map", "orders"},
            "no usable column 'price_dollars_per_kwh'",
        ),
        (
            "households",
            "bill_dollars",
            {"savings", "fairness"},
            "households.parquet has no usable column 'bill",
        ),
        ("households", "order_kwh", {"orders"}, "households.parquet has no usable column 'order_kwh'"),
        ("households", "start", {"savings", "fairness", "orders"}, "households.parquet has no usable column 'start'"),
        ("intervals", "market", set(), None),
        ("households", "pv_kwh", set(), None),
    ],
)
def test_missing_columns(
    folder: Path, tmp_path: Path, table: str, column: str, gone: set[str], sentence: str | None
) -> None:
    complete = figures(report(folder, tmp_path / "complete.html"))
    edit(folder, table, lambda frame: frame.drop(column))
    page = report(folder, tmp_path / "r.html")
    assert figures(page) == complete - gone
    if sentence is not None:
        assert sentence in words(page)
    assert ("Not drawn" in words(page)) == bool(gone)


@pytest.mark.parametrize("table", ["intervals", "households"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_file_that_was_cut_off(folder: Path, tmp_path: Path, table: str, share: float) -> None:
    path = folder / f"{table}.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    page = report(folder, tmp_path / "r.html")
    assert f"{table}.parquet cannot be read, as after a run that was interrupted" in words(page)
    assert f"it has no usable {table}.parquet" in words(page)
    assert "cost" in figures(page)  # from the key figures
    assert figures(page) & ({"savings"} if table == "intervals" else {"power", "price"})


def test_data_that_breaks_in_the_middle(folder: Path, tmp_path: Path) -> None:
    """The end of the file, which names the columns, is whole; what comes before it is not."""
    path = folder / "households.parquet"
    content = bytearray(path.read_bytes())
    for place in range(100, len(content) // 2):
        content[place] ^= 0x5A
    path.write_bytes(bytes(content))
    text = words(report(folder, tmp_path / "r.html"))
    assert "households.parquet" in text
    assert "cannot be read" in text or "damaged" in text


def test_nothing_can_be_read(folder: Path, tmp_path: Path) -> None:
    for name in ("intervals", "households"):
        (folder / f"{name}.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"nothing in .* can be read: intervals.parquet cannot be read"):
        report(folder, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


def test_a_run_that_wrote_half_of_its_files(folder: Path, tmp_path: Path) -> None:
    (folder / "households.parquet").unlink()
    (folder / "kpis.json").write_text('{"kpis": {"demand_kwh": 1', encoding="utf-8")
    (folder / "config.resolved.yaml").write_text("market: [", encoding="utf-8")
    text = words(report(folder, tmp_path / "r.html"))
    for note in ("households.parquet is missing.", "kpis.json cannot be read", "config.resolved.yaml cannot be read"):
        assert note in text
    assert "Price and volume" in text


def test_an_empty_run(folder: Path, tmp_path: Path) -> None:
    for table in ("intervals", "households"):
        edit(folder, table, lambda frame: frame.clear())
    (folder / "kpis.json").unlink()
    page = report(folder, tmp_path / "r.html")
    assert figures(page) == set()
    assert "The run has no intervals, so there is little to show." in words(page)
    assert "Price and volume : the run is not shown: it has no intervals." in words(page)


@pytest.mark.parametrize(
    ("overrides", "sentences"),
    [
        (
            {"num_households": 1},
            ("One household has nobody to trade with.", "Nothing was traded, so there is no price."),
        ),
        ({"run.policy": "grid_only"}, ("Nobody saved anything", "Nobody placed an order.", "Nothing was traded")),
        ({"market.mechanism": "grid_only"}, ("No prices are bid in this market", "Nothing was traded")),
        ({"data.pv_share": 0.0, "street.pv_share": 0.0}, ("Nobody saved anything", "Nothing was traded")),
        (LAST, ("The run is one interval long: it has no course over time.",)),
        ({"market.mechanism": "mid_market_rate"}, ("No prices are bid in this market; the rule makes them.",)),
        ({"run.num_markets": 2}, ("first of several markets",)),
        ({"devices": {"electric_vehicle": {"owners": "all"}, "pv_curtailment": {"owners": "all"}}}, ("into storage",)),
        ({"network": {}}, ("Where power comes from",)),
    ],
)
def test_odd_runs(tmp_path: Path, overrides: dict[str, Any], sentences: tuple[str, ...]) -> None:
    p2p_market.run(overrides=SMALL | overrides, output=tmp_path / "run")
    page = report(tmp_path / "run", tmp_path / "r.html")
    for sentence in sentences:
        assert sentence in words(page)


def test_numbers_that_are_none(folder: Path, tmp_path: Path) -> None:
    """Infinite and undefined values count as no value, and numbers that are text as no column."""
    price = pl.col("price_dollars_per_kwh")
    edit(
        folder, "intervals", lambda frame: frame.with_columns(pl.when(price > 0.2).then(float("inf")).otherwise(price))
    )
    edit(folder, "intervals", lambda frame: frame.with_columns(demand_kwh=pl.lit(float("nan"))))
    edit(folder, "households", lambda frame: frame.with_columns(pl.col("order_kwh").cast(pl.String)))
    text = words(report(folder, tmp_path / "r.html"))
    assert "households.parquet: column 'order_kwh' holds values of type String, which cannot be used here." in text
    assert "inf" not in text.split()


NASTY = {
    "household_0": "<script>document.title = 'broken'</script>",
    "household_1": "$x^2$ & \"quotes\" 'single' </svg></title>",
    "household_2": "a\x00b\x1b[31m\u202eright to left",
    "household_3": "Zähler 七 \N{HOUSE BUILDING} " + 60 * "long ",
    "household_4": "\\frac{1}{2}",
    "household_5": "",
}


def test_names_stay_text(folder: Path, tmp_path: Path) -> None:
    edit(folder, "households", lambda frame: frame.with_columns(pl.col("household").replace(NASTY)))
    name = "<img src=x onerror=alert(1)>"
    config = (folder / "config.resolved.yaml").read_text(encoding="utf-8")
    (folder / "config.resolved.yaml").write_text(config.replace("name: small", f"name: '{name}'"), encoding="utf-8")
    page = report([folder], tmp_path / "r.html")
    source = page.read_text(encoding="utf-8")
    assert source.count("<script>") == 1  # our own
    assert "<img" not in source
    assert "&lt;script&gt;document.title" in source
    assert "$x^2$ &amp;" in source
    assert name in words(page)
    assert "\x00" not in source
    assert "\u202e" not in source
    two = words(write_report([folder, shutil.copytree(folder, tmp_path / "b")], tmp_path / "two.html", figures=False))
    assert name in two


def test_an_unknown_mechanism(folder: Path, tmp_path: Path) -> None:
    config = (folder / "config.resolved.yaml").read_text(encoding="utf-8")
    (folder / "config.resolved.yaml").write_text(config.replace("mechanism: uniform_price", "mechanism: mine"))
    assert "not registered here" in words(report(folder, tmp_path / "r.html"))
