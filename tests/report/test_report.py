"""Reports: what they show is what was recorded, in one page and in pictures."""

from __future__ import annotations

import re
import shutil
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

import p2p_market
from p2p_market.cli import main
from p2p_market.errors import ConfigError, DataError
from p2p_market.metrics import describe
from p2p_market.report import figure_folder, write_report
from p2p_market.report.homes import lorenz
from p2p_market.report.market import _by_day_and_slot, _cloud
from p2p_market.report.money import METRICS, differences
from p2p_market.report.power import SOURCES, USES, _mean_day, _sorted
from p2p_market.report.runs import MOST_RUNS, load_run, load_runs
from p2p_market.report.sheet import RUN_LOOKS
from p2p_market.report.tables import number, tiles
from p2p_market.report.writing import PICTURES
from p2p_market.training.journal import COLUMNS

SMALL: dict[str, Any] = {
    "data.days": 4,
    "data.num_homes": 10,
    "num_households": 8,
    "data.start": "2013-01-14",
    "run.days": 3,
    "run.figures": False,
    "run.bounds": False,
    "devices": {"battery": {"share": 0.6, "owners": "prosumers"}},
    "population.storage": "self_consumption",
    "population.options": {},
}
ONE_RUN = {"cost", "power", "price", "heat_map", "savings", "fairness", "orders", "import_duration"}
JOURNAL = f"""{",".join(COLUMNS)}
1,1000,1.0,1000,0.5,-2.0,,
2,2000,2.0,1000,0.5,-1.0,-1.5,0.25
3,3000,3.0,1000,0.5,-0.5,-0.75,0.5
"""


def simulate(folder: Path, **overrides: Any) -> Path:
    values = {key: value for key, value in (SMALL | overrides).items() if key != "population.options"}
    p2p_market.run(None, overrides=values, output=folder)
    return folder


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A street with batteries and bidders of two kinds."""
    folder = tmp_path_factory.mktemp("runs") / "street"
    return simulate(folder, name="street", **{"run.policy": {"truthful": 0.5, "zero_intelligence": 0.5}})


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same street under a pool rule, and without a market."""
    place = tmp_path_factory.mktemp("others")
    return [
        simulate(place / rule, name=rule, **{"market.mechanism": rule}) for rule in ("mid_market_rate", "grid_only")
    ]


@pytest.fixture(scope="module")
def written(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the street, with its figures."""
    return write_report(street, tmp_path_factory.mktemp("reports") / "out" / "street.html")


class Reader(HTMLParser):
    """Tags of a page that stay open, texts, and attributes that name addresses."""

    VOID = frozenset(("meta", "link", "br", "img", "input", "hr", "path", "use", "rect", "image"))

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(page: Path) -> Reader:
    reader = Reader(page.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_a_report_of_one_run(written: Path) -> None:
    reader = read(written)
    for picture in PICTURES:
        assert (picture.title in reader.text) == (picture.name in ONE_RUN), picture.name
    for words in (
        "price [$/kWh]",
        "power [kW]",
        "saving [$]",
        "share of the time [%]",
        "traded power [kW]",
        "limit price",
    ):
        assert words in reader.text
    assert "What the mechanism promises" in reader.text
    assert reader.tags.count("svg") == len(ONE_RUN)
    assert "Not drawn" not in reader.text
    assert "Please note" not in reader.text


def test_the_page_asks_nobody_for_anything(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    reader = Reader(text)
    assert all(address.startswith(("#", "data:")) for address in reader.addresses), reader.addresses
    assert not re.search(r"url\((?!#|'#|\"#)", text)
    assert not re.search(r"@import|<iframe|<object|<embed|<link[^>]+stylesheet", text)
    outside = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names, not addresses
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none';")
    assert "script-src 'sha256-" in policy.group(1)
    assert "unsafe-inline' ; script" not in policy.group(1)


def test_figures_are_written_as_vectors_and_as_pixels(written: Path) -> None:
    folder = figure_folder(written)
    assert folder.name == "street_figures"
    assert {path.name for path in folder.iterdir()} == {
        f"{name}{kind}" for name in ONE_RUN for kind in (".svg", ".png")
    }
    for name in ONE_RUN:
        root = ET.fromstring((folder / f"{name}.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
        assert root.tag.endswith("svg")
        image = imread(folder / f"{name}.png")
        assert image.shape[1] == 1440
        assert image[:, :, :3].std() > 0.05, name


def test_the_same_run_gives_the_same_report(street: Path, written: Path, tmp_path: Path) -> None:
    again = write_report(street, tmp_path / "street.html")
    assert again.read_bytes() == written.read_bytes()
    for path in figure_folder(again).iterdir():
        assert path.read_bytes() == (figure_folder(written) / path.name).read_bytes(), path.name


def test_names_of_parts_do_not_meet(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    names = re.findall(r'\sid="([^"]+)"', text)
    assert len(names) == len(set(names))
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)[")]', text))
    assert used <= set(names)


def test_several_runs_are_compared(street: Path, others: list[Path], tmp_path: Path) -> None:
    page = write_report([street, *others], tmp_path / "r.html", figures=False)
    reader = read(page)
    assert set(re.findall(r'<section id="(\w+)"><figure>', page.read_text("utf-8"))) == ONE_RUN | {"differences"}
    assert "street, mid_market_rate and grid_only" in reader.text
    assert "Each run less street, paired by day (3 days in common)" in reader.text
    assert "Not shown: runs in which no prices are bid." in reader.text
    assert reader.text.count("mid_market_rate") > 5


def test_headline_numbers_are_the_key_figures(street: Path) -> None:
    run = load_run(street)
    made = {tile.label: tile for tile in tiles(run.kpis)}
    cost, alone = run.kpis["community_cost_dollars"], run.kpis["grid_only_cost_dollars"]
    assert made["cost of the street"].number == f"{cost:,.2f} $"
    assert made["cost of the street"].remark == f"{alone:,.2f} $ with the grid alone"
    assert made["self-sufficiency"].number == f"{100 * run.kpis['self_sufficiency']:.1f} %"
    assert "least possible cost" not in made
    assert tiles({}) == []


def test_the_optimum_is_shown_where_it_is_known() -> None:
    kpis = {"optimal_cost_dollars": 10.0, "value_captured": 0.625}
    (tile,) = tiles(kpis)
    assert tile == ("least possible cost", "10.00 $", "62.5 % of that saving was reached")


def test_every_key_figure_has_a_text(street: Path) -> None:
    run = load_run(street)
    assert describe(run.kpis)
    for name, value in run.kpis.items():
        assert re.fullmatch(r"-?[\d,]+\.\d+( \S+)?", number(name, value)), name


def test_sources_and_uses_balance(street: Path) -> None:
    run = load_run(street)
    for flows in (run.flows, pl.DataFrame(_mean_day(run))):
        total = sum(flows[layer.column].to_numpy() for layer in SOURCES)
        used = sum(flows[layer.column].to_numpy() for layer in USES)
        assert np.abs(total - used).max() < 1e-8
        assert flows["stored_kwh"].sum() > 1.0
    mean = _mean_day(run)
    demand = run.intervals["demand_kwh"].to_numpy().reshape(3, 48)
    assert np.allclose(mean["demand_kwh"], demand.mean(axis=0) * 2.0)


def test_savings_are_those_of_the_results(street: Path) -> None:
    homes = load_run(street).homes
    households = pl.read_parquet(street / "households.parquet")
    kpis = load_run(street).kpis
    assert homes["saving_dollars"].mean() == pytest.approx(kpis["saving_mean_dollars"])
    assert homes["saving_dollars"].min() == pytest.approx(kpis["saving_worst_dollars"])
    assert homes["pv_kw"].max() == pytest.approx(2.0 * households["pv_kwh"].max())  # type: ignore[operator]
    owners = households.filter(pl.col("battery_kwh") != 0.0)["household"].unique()
    assert set(homes.filter("has_battery")["household"]) == set(owners)
    assert 0 < len(owners) < homes.height


def test_the_lorenz_curve_encloses_half_the_gini(street: Path) -> None:
    run = load_run(street)
    curve = lorenz(run.homes["saving_dollars"].to_numpy())
    assert curve is not None
    share, part = curve
    assert share[0] == part[0] == 0.0
    assert share[-1] == part[-1] == 100.0
    assert 1.0 - 2.0 * np.trapezoid(part, share) / 1e4 == pytest.approx(run.kpis["gini"])
    assert lorenz(np.array([-1.0, 0.0])) is None


def test_the_cloud_holds_every_order(street: Path) -> None:
    run = load_run(street)
    households = pl.read_parquet(street / "households.parquet").filter(
        pl.col("limit_price_dollars_per_kwh").is_not_null()
    )
    cloud = _cloud(run)
    for is_bid, sign in ((True, 1.0), (False, -1.0)):
        mine = cloud.filter(pl.col("is_bid") == is_bid)
        orders = households.filter(pl.col("order_kwh") * sign > 0.0)
        assert mine["ordered"].sum() == pytest.approx(orders["order_kwh"].abs().sum())
        assert mine["filled"].sum() == pytest.approx(orders["filled_kwh"].abs().sum())
    step = float(cloud["high"][0] - cloud["low"][0]) / 48.0
    bids = cloud.filter("is_bid", pl.col("filled") > 1e-9)
    assert (bids["limit"] >= bids["clearing"] - 1.001 * step).all()  # what was bought was worth the price


def test_the_heat_map_is_the_record(street: Path) -> None:
    grid = _by_day_and_slot(load_run(street))
    rows = pl.read_parquet(street / "intervals.parquet")
    traded = rows["traded_kwh"].to_numpy().reshape(3, 48)
    assert np.array_equal(np.nan_to_num(grid["traded_kwh"]), np.where(traded > 1e-9, traded, 0.0))
    assert np.array_equal(np.isnan(grid["price_dollars_per_kwh"]), traded <= 1e-9)


def test_the_duration_curve_is_sorted_and_short() -> None:
    power = np.random.default_rng(0).uniform(size=20_000)
    share, values = _sorted(power)
    assert len(values) == 500
    assert (np.diff(values) <= 0.0).all()
    assert values[0] == power.max()
    assert values[-1] == power.min()
    middle = np.searchsorted(share, 50.0)
    assert values[middle] == pytest.approx(np.median(power), abs=0.01)


def test_paired_differences(street: Path, others: list[Path]) -> None:
    reference, _, alone = load_runs([street, *others])
    found = differences(reference, alone)
    assert found["days"][0] == 3.0
    rows = [pl.read_parquet(path / "intervals.parquet") for path in (others[1], street)]
    less, more = (frame["traded_kwh"].sum() / 3 / 8 for frame in rows)
    assert found["traded"][0] == pytest.approx(less - more)
    for metric in METRICS:
        middle, low, high = found[metric]
        assert low <= middle <= high
    homes = [run.homes["saving_dollars"].mean() / 3 for run in (alone, reference)]  # type: ignore[operator]
    assert found["saving"][0] == pytest.approx(homes[0] - homes[1])


def test_runs_without_common_days_are_not_differed(street: Path, tmp_path: Path) -> None:
    later = simulate(tmp_path / "later", name="later", **{"run.start": "2013-01-17", "run.days": 1})
    reader = read(write_report([street, later], tmp_path / "r.html", figures=False))
    assert "Paired differences : No run has two days or more in common with street" in reader.text


def test_looks_survive_grey_paper() -> None:
    """Runs differ by line and marker whatever their colour; neighbours in a stack by grey or by hatch."""
    assert len({(str(dash), marker) for _, dash, marker in RUN_LOOKS}) == len(RUN_LOOKS) == MOST_RUNS
    assert len({marker for *_, marker in RUN_LOOKS}) == MOST_RUNS

    def grey(colour: str) -> float:
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    for layers in (SOURCES, USES):
        for one in layers:
            for other in layers:
                if one is not other:
                    assert one.hatch != other.hatch or abs(grey(one.colour) - grey(other.colour)) > 0.15, (one, other)


def test_a_training_has_learning_curves(tmp_path: Path, street: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()
    (folder / "progress.csv").write_text(JOURNAL, encoding="utf-8")
    (folder / "config.resolved.yaml").write_text("name: trained\nmarket: {mechanism: vcg}\n", encoding="utf-8")
    reader = read(write_report(folder, tmp_path / "r.html"))
    assert "best reward on validation -0.750 after 3,000 agent-steps" in reader.text
    assert "Not drawn" not in reader.text
    assert "Please note" not in reader.text
    assert [path.name for path in sorted(figure_folder(tmp_path / "r.html").iterdir())] == [
        "learning.png",
        "learning.svg",
    ]
    both = read(write_report([street, folder], tmp_path / "both.html", figures=False))
    assert "Learning curves" in both.text
    assert "not shown" not in both.text


def test_a_journal_that_was_cut_off(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()
    (folder / "progress.csv").write_text(JOURNAL + "4,40", encoding="utf-8")
    assert "Learning curves" in read(write_report(folder, tmp_path / "r.html")).text
    (folder / "progress.csv").write_text(JOURNAL.splitlines()[0] + "\n", encoding="utf-8")
    assert "The training had no update yet." in read(write_report(folder, tmp_path / "r.html")).text
    (folder / "progress.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"nothing in .* can be read: .*progress.csv cannot be read"):
        write_report(folder, tmp_path / "r.html")


def test_several_markets_show_the_first(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "markets", **{"run.num_markets": 2, "run.days": 1})
    run = load_run(folder)
    assert run.intervals.height == 48
    assert run.homes.height == 8
    assert (
        "Figures show the first of several markets"
        in read(write_report(folder, tmp_path / "r.html", figures=False)).text
    )


def test_labels_are_told_apart(street: Path, tmp_path: Path) -> None:
    copies = [tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "y"]
    for copy in copies:
        shutil.copytree(street, copy)
    assert [run.label for run in load_runs(copies)] == ["street (x) 1", "street (x) 2", "street (y)"]


def test_the_command(street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(street, tmp_path / "runs" / "street")
    assert main(["report", str(folder)]) == 0
    assert capsys.readouterr().out == f"written: {folder}/report.html\nfigures: {folder}/report_figures\n"
    assert (folder / "report.html").exists()
    other = shutil.copytree(street, tmp_path / "runs" / "other")
    assert main(["report", str(folder), str(other), "--page-only", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "runs" / "report.html").exists()
    assert not (tmp_path / "runs" / "report_figures").exists()


def test_a_run_may_be_repeated_where_its_report_lies(tmp_path: Path) -> None:
    folder = simulate(tmp_path / "run", **{"run.days": 1})
    write_report(folder)
    simulate(folder, **{"run.days": 1})
    assert not (folder / "report.html").exists()  # it was of the earlier run


def test_wrong_folders_and_outputs(street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "compared").mkdir()
    (tmp_path / "compared" / "comparison.yaml").write_text("name: x\n")
    (tmp_path / "r_figures").mkdir()
    (tmp_path / "r_figures" / "thesis.tex").write_text("years of work")
    out = tmp_path / "report.html"
    for runs, output, message in (
        ([tmp_path / "none"], out, "does not exist; expected a folder that 'p2p-market run' or 'train' has written"),
        ([street / "kpis.json"], out, "is a file; expected a folder"),
        ([tmp_path / "empty"], out, "is not a run: it has neither intervals.parquet nor progress.csv"),
        ([tmp_path / "compared"], out, "holds a comparison, which keeps no runs"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            write_report(runs, output)
    for runs, output, message in (
        ([], None, "a report needs the folder of a run"),
        ([street, street], out, "was given twice"),
        ([tmp_path / str(n) for n in range(13)], out, "a report shows 1 to 12 runs, and 13 were given"),
        ([street], tmp_path / "r.pdf", "expected a name that ends in .html"),
        ([street], tmp_path / "r.html", "which holds something else ('thesis.tex', for one)"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            write_report(runs, output)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ConfigError, match="is a folder; expected the name of a file"):
        write_report(street, tmp_path / "folder.html")
    assert main(["report", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("error: run ")
    assert (tmp_path / "r_figures" / "thesis.tex").read_text() == "years of work"


@pytest.mark.slow
def test_a_month_of_three_hundred_homes_is_quick_and_small(tmp_path: Path) -> None:
    values = {"street.num_households": 300, "run.days": 30, "run.bounds": False, "run.figures": False}
    folder = tmp_path / "town"
    p2p_market.run("configs/storage_street.yaml", overrides=values, output=folder)
    began = time.process_time()
    page = write_report(folder)
    assert time.process_time() - began < 15.0
    assert page.stat().st_size < 15e6
    assert {path.stem for path in figure_folder(page).iterdir()} == ONE_RUN
