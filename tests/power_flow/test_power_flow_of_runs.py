"""The power flow of a run: from the record to key figures, frames, files and the picture."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
import yaml
from matplotlib.figure import Figure
from matplotlib.image import imread
from polars.testing import assert_frame_equal
from reference.feeder_flow import reference_flow

from p2p_market import run_power_flow
from p2p_market.cli import main
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError, MissingExtraError, PowerFlowWarning
from p2p_market.experiment import run
from p2p_market.kpis import KPIS
from p2p_market.metrics import describe
from p2p_market.power_flow import FEEDERS, place_households
from p2p_market.results import RunResults
from p2p_market.view.feeder import by_time_of_day
from p2p_market.view.figures import write_figures

pytest.importorskip("power_grid_model", reason="needs the extra power-flow: pip install 'p2p-market[power-flow]'")

ROOT = Path(__file__).parents[2]
STREET: dict[str, Any] = {
    "num_households": 12,
    "data.days": 3,
    "data.num_homes": 20,
    "data.start": "2013-01-14",
    "street.pv_capacity_kw": 8.0,
    "run.days": 2,
    "run.num_markets": 2,
    "run.figures": False,
    "devices": {"battery": {"share": 0.4}},
    "population.storage": "self_consumption",
}
NAMES = {name for name, figure in KPIS.items() if figure.group == "power flow"}


def played(**power_flow: Any) -> RunResults:
    return run(overrides=STREET | {"run.power_flow": power_flow})


@pytest.fixture(scope="module")
def results() -> RunResults:
    return played(feeder="kerber_rural", voltage_limits=[0.998, 1.012], power_factor=0.9, source_voltage_pu=1.01)


def test_a_check_changes_nothing_that_a_run_gives(results: RunResults) -> None:
    without = run(overrides=STREET)
    assert without.power_flow is None
    assert without.intervals.equals(results.intervals)
    assert results.households.drop("node", "voltage_pu").equals(without.households)
    assert {name: value for name, value in results.kpis.items() if name not in NAMES} == without.kpis
    assert set(results.kpis) >= NAMES


def test_intervals_are_solved_as_by_the_reference(results: RunResults) -> None:
    flow, feeder = results.power_flow, FEEDERS["kerber_rural"]
    assert flow is not None
    assert flow.intervals.select("market", "start").equals(results.intervals.select("market", "start"))
    for market, hour in ((0, 13), (1, 19)):
        start = results.intervals["start"][0].replace(hour=hour)
        here = (pl.col("market") == market) & (pl.col("start") == start)
        homes = results.households.filter(here)
        assert homes["node"].to_list() == [f"pole_{number}" for number in range(1, 13)]
        power = (homes["net_load_kwh"] / 0.5).to_list() + [0.0] * 14
        reactive = (homes["demand_kwh"] / 0.5 * math.tan(math.acos(0.9))).to_list() + [0.0] * 14
        expected = reference_flow(feeder, power, reactive, 1.01)
        nodes, branches = flow.nodes.filter(here), flow.branches.filter(here)
        assert nodes["node"].to_list() == list(feeder.nodes)
        np.testing.assert_allclose(nodes["voltage_pu"], expected["voltage"], atol=1e-7)
        np.testing.assert_allclose(homes["voltage_pu"], expected["voltage"][1:13], atol=1e-7)
        assert branches["branch"].to_list() == [*(line.name for line in feeder.lines), "transformer"]
        loading = [*expected["line_loading"], expected["transformer_loading"]]
        np.testing.assert_allclose(branches["loading_percent"], loading, atol=1e-4)
        row = flow.intervals.filter(here).row(0, named=True)
        assert row["solved"]
        assert row["losses_kwh"] == pytest.approx(0.5 * expected["losses"], abs=1e-6)


def test_load_that_is_shed_draws_nothing() -> None:
    asked = {"run.power_flow": {"feeder": "kerber_rural"}, "network": {"feeders": 1, "import_limit_kw": 4.0}}
    results = run(overrides=STREET | asked)
    shed = results.households.group_by("market", "start", maintain_order=True).agg(pl.col("shed_kwh").sum())
    market, start, _ = shed.row(int(shed["shed_kwh"].arg_max() or 0))
    homes = results.households.filter((pl.col("market") == market) & (pl.col("start") == start))
    assert homes["shed_kwh"].sum() > 1.0
    served = (homes["demand_kwh"] - homes["shed_kwh"]).clip(lower_bound=0.0)
    reactive = (served / 0.5 * math.tan(math.acos(0.95))).to_list() + [0.0] * 14
    power = (homes["net_load_kwh"] / 0.5).to_list() + [0.0] * 14
    expected = reference_flow(FEEDERS["kerber_rural"], power, reactive, 1.0)
    np.testing.assert_allclose(homes["voltage_pu"], expected["voltage"][1:13], atol=1e-7)


def test_key_figures_are_what_the_frames_say(results: RunResults) -> None:
    flow, homes = results.power_flow, results.households
    assert flow is not None
    outside = ~homes["voltage_pu"].is_between(0.998, 1.012)
    by_interval = homes.with_columns(outside=outside).group_by("market", "start", maintain_order=True)
    summed = by_interval.agg(pl.col("outside").sum(), low=pl.col("voltage_pu").min(), high=pl.col("voltage_pu").max())
    assert 0 < summed.filter(pl.col("outside") > 0).height < summed.height
    assert summed["outside"].to_list() == flow.intervals["households_outside_limits"].to_list()
    assert summed["low"].to_list() == flow.intervals["voltage_low_pu"].to_list()
    assert summed["high"].to_list() == flow.intervals["voltage_high_pu"].to_list()
    lines = flow.branches.filter(pl.col("branch") != "transformer")
    transformer = flow.branches.filter(pl.col("branch") == "transformer")
    assert transformer["loading_percent"].to_list() == flow.intervals["transformer_loading_percent"].to_list()
    losses = flow.branches["losses_kwh"].sum()
    kpis = results.kpis
    assert kpis["voltage_lowest_pu"] == homes["voltage_pu"].min()
    assert kpis["voltage_highest_pu"] == homes["voltage_pu"].max()
    assert kpis["voltage_outside_share"] == pytest.approx((summed["outside"] > 0).mean())
    assert kpis["voltage_outside_household_share"] == pytest.approx(outside.mean())
    assert kpis["line_loading_highest_percent"] == lines["loading_percent"].max()
    assert kpis["transformer_loading_highest_percent"] == transformer["loading_percent"].max()
    assert kpis["overloaded_share"] == 0.0 == kpis["unsolved_share"]
    assert kpis["feeder_losses_kwh"] == pytest.approx(losses / 2)
    # each household has a pole of its own, so what they give is what enters there, and the grid fills the balance
    given = -homes["net_load_kwh"].clip(upper_bound=0.0).sum()
    balance = homes.group_by("market", "start", maintain_order=True).agg(pl.col("net_load_kwh").sum())
    grid = (balance["net_load_kwh"] + flow.intervals["losses_kwh"]).clip(lower_bound=0.0).sum()
    assert kpis["feeder_losses_share"] == pytest.approx(losses / (given + grid))


def one_line(folder: Path, **line: float) -> str:
    """Write a feeder with one line, at whose end all households are."""
    values = {"metres": 200.0, "rating_a": 270.0, "rating_kva": 250.0} | line
    plate = {"rating_kva": values["rating_kva"], "high_voltage_kv": 11, "low_voltage_kv": 0.4, "load_losses_kw": 0.1}
    cable = {"r_ohm_per_km": 0.443, "x_ohm_per_km": 0.069, "c_nf_per_km": 0, "rating_a": values["rating_a"]}
    content = {
        "transformer": plate | {"busbar": "station", "short_circuit_voltage_percent": 4},
        "cables": {"cable": cable},
        "lines": [["station", "street", "cable", values["metres"]]],
        "connections": ["street"],
    }
    path = folder / "one_line.yaml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.mark.parametrize(
    ("weak", "column"),
    [({"rating_a": 20.0}, "line_loading_percent"), ({"rating_kva": 12.0}, "transformer_loading_percent")],
)
def test_what_is_too_weak_is_overloaded(tmp_path: Path, weak: dict[str, float], column: str) -> None:
    results = played(feeder=one_line(tmp_path, **weak))
    flow = results.power_flow
    assert flow is not None
    overloaded = (flow.intervals[column] > 100.0).mean()
    assert isinstance(overloaded, float)
    assert 0.0 < results.kpis["overloaded_share"] == overloaded < 1.0
    assert dict(describe(results.kpis))["Intervals with an overload"] == f"{100.0 * overloaded:.1f} %"


def test_the_table_has_the_power_flow(results: RunResults) -> None:
    rows = dict(describe(results.kpis))
    kpis = results.kpis
    lowest, highest = kpis["voltage_lowest_pu"], kpis["voltage_highest_pu"]
    assert rows["Voltage: lowest, highest"] == f"{lowest:.3f}, {highest:.3f} p.u."
    line, transformer = kpis["line_loading_highest_percent"], kpis["transformer_loading_highest_percent"]
    assert rows["Highest loading: line, transformer"] == f"{line:.0f} %, {transformer:.0f} %"
    assert "Intervals without a power flow" not in rows
    assert "Voltage: lowest, highest" not in dict(describe(run(overrides=STREET).kpis))


def test_a_true_asks_for_the_defaults() -> None:
    asked, named = (load_config(overrides={"run.power_flow": value}).run.power_flow for value in (True, {}))
    assert asked == named
    assert asked is not None
    assert asked.feeder == "cigre_residential"
    assert load_config(overrides={"run.power_flow": False}).run.power_flow is None
    assert load_config(overrides={"run.power_flow.feeder": "kerber_village"}).run.power_flow is not None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"feeder": "cigre"}, "unknown feeder 'cigre'.*known: cigre_residential, kerber_rural, kerber_village; a file"),
        ({"feder": "kerber_rural"}, "run.power_flow.feder: unknown key; did you mean 'feeder'?"),
        ({"power_factor": 0.0}, "run.power_flow.power_factor: given 0.0; expected greater than 0"),
        ({"power_factor": 1.1}, "run.power_flow.power_factor: given 1.1; expected less than or equal to 1"),
        ({"source_voltage_pu": 230.0}, "run.power_flow.source_voltage_pu: given 230.0; expected less than or"),
        ({"voltage_limits": [1.1, 0.9]}, r"voltage_limits are \[1.1, 0.9\]; expected the lowest first"),
        ({"voltage_limits": "as_2926"}, "run.power_flow.voltage_limits: given 'as_2926'; expected 'as_60038' or"),
        ({"placement": "by_hand"}, "run.power_flow.placement: given 'by_hand'; expected 'in_turn' or 'random'"),
        ("yes please", "run.power_flow: given 'yes please'"),
    ],
)
def test_wrong_keys_are_told_when_the_configuration_is_read(asked: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config({"run": {"power_flow": asked}})


def must_not_play(done: int, total: int) -> None:
    pytest.fail(f"played {done} of {total} intervals")


def test_a_wrong_file_is_told_before_anything_is_played(tmp_path: Path) -> None:
    path = tmp_path / "feeder.yaml"
    path.write_text("cables: {}\n")
    with pytest.raises(ConfigError, match=r"feeder\.yaml: key 'transformer' is missing"):
        run(overrides=STREET | {"run.power_flow.feeder": path}, progress=must_not_play)


def test_without_the_engine_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_power_flow, "find_spec", lambda _: None)
    message = "run.power_flow needs the package 'power-grid-model'.*pip install 'p2p-market\\[power-flow\\]'"
    with pytest.raises(MissingExtraError, match=message):
        run(overrides=STREET | {"run.power_flow": True}, progress=must_not_play)


def test_placement_by_the_seed(results: RunResults) -> None:
    asked = {"run.power_flow": {"feeder": "kerber_rural", "placement": "random"}, "seed": 5}
    shuffled = run(overrides=STREET | asked)
    connections = list(FEEDERS["kerber_rural"].connections)
    expected = [connections[place] for place in place_households(FEEDERS["kerber_rural"], 12, 5)]
    assert shuffled.households["node"].head(12).to_list() == expected
    assert sorted(expected) == sorted(results.households["node"].head(12).to_list())


@pytest.fixture(scope="module")
def collapsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResults, str]:
    """A street at the end of a line so long that it cannot carry the evening's power, and the warning."""
    feeder = one_line(tmp_path_factory.mktemp("feeder"), metres=9000.0)
    with pytest.warns(PowerFlowWarning) as caught:
        results = played(feeder=feeder)
    assert len(caught) == 1
    return results, str(caught[0].message)


def test_intervals_without_a_solution_are_counted_and_told(collapsed: tuple[RunResults, str]) -> None:
    results, warning = collapsed
    flow = results.power_flow
    assert flow is not None
    unsolved = flow.intervals.filter(~pl.col("solved"))
    assert 0 < unsolved.height < flow.intervals.height
    assert unsolved["voltage_low_pu"].null_count() == unsolved.height == unsolved["losses_kwh"].null_count()
    assert (unsolved["households_outside_limits"] == 12).all()
    share = unsolved.height / flow.intervals.height
    assert results.kpis["unsolved_share"] == share
    assert results.kpis["voltage_outside_share"] >= share
    assert results.kpis["overloaded_share"] >= share
    assert math.isfinite(results.kpis["feeder_losses_kwh"])
    assert dict(describe(results.kpis))["Intervals without a power flow"] == f"{100.0 * share:.1f} %"
    first = unsolved.row(0, named=True)
    here = (pl.col("market") == first["market"]) & (pl.col("start") == first["start"])
    taken = results.households.filter(here)["net_load_kwh"].sum() / 0.5
    assert warning.startswith(
        f"power flow: no solution in {unsolved.height} of 192 intervals, the first in market {first['market']} at "
        f"{first['start']:%Y-%m-%dT%H:%M}, when households took {taken:,.0f} kW on feeder 'one_line' with a "
        "transformer of 250 kVA; "
    )


def test_a_folder_holds_the_power_flow(results: RunResults, tmp_path: Path) -> None:
    folder = results.write(tmp_path / "run")
    assert results.power_flow is not None
    for name, file in (("intervals", "power_flow"), ("nodes", "power_flow_nodes"), ("branches", "power_flow_branches")):
        assert_frame_equal(pl.read_parquet(folder / f"{file}.parquet"), getattr(results.power_flow, name))
    assert json.loads((folder / "kpis.json").read_text())["kpis"] == results.kpis
    again = load_config(folder / "config.resolved.yaml")
    assert again == results.config
    run(overrides=STREET, output=folder)
    assert not (folder / "power_flow.parquet").exists()


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[RunResults], str]:
    """Draw the figures, check that the feeder's is a picture, and give back the text in it."""
    texts: dict[str, str] = {}
    save = Figure.savefig

    def remember(figure: Figure, path: Path, **keywords: Any) -> None:
        words = figure.findobj(mpl.text.Text)
        texts[path.name.split(".png")[0].lstrip(".")] = "\n".join(text.get_text() for text in words)
        save(figure, path, **keywords)

    def drawn(results: RunResults) -> str:
        monkeypatch.setattr(Figure, "savefig", remember)
        assert tmp_path / "voltage_and_loading.png" in write_figures(results, tmp_path)
        assert imread(tmp_path / "voltage_and_loading.png")[:, :, :3].std() > 0.05
        return texts["voltage_and_loading"]

    return drawn


def test_the_figure_shows_voltage_and_loading(results: RunResults, draw: Callable[[RunResults], str]) -> None:
    text = draw(results)
    for words in ("first of 2 markets", "Voltage where households connect", "limits", "Loading", "local time", "06:00"):
        assert words in text


def test_the_figure_of_one_interval_is_a_sentence(draw: Callable[[RunResults], str]) -> None:
    late = {"run.start": "2013-01-16T23:30:00", "run.days": None, "run.power_flow": True}
    results = run(overrides=STREET | late)
    assert f"voltages {results.kpis['voltage_lowest_pu']:.3f} to" in draw(results)


def test_the_figure_leaves_out_what_has_no_solution(
    collapsed: tuple[RunResults, str], draw: Callable[[RunResults], str]
) -> None:
    assert "Voltage where households connect" in draw(collapsed[0])


def test_the_figure_of_nothing_says_so(tmp_path: Path, draw: Callable[[RunResults], str]) -> None:
    with pytest.warns(PowerFlowWarning, match="no solution in 192 of 192 intervals"):
        results = played(feeder=one_line(tmp_path, metres=3e6))
    assert math.isnan(results.kpis["voltage_lowest_pu"])
    assert dict(describe(results.kpis))["Voltage: lowest, highest"] == "-, - p.u."
    assert "No interval of this run has a power flow" in draw(results)


def test_times_of_day_are_gathered_over_the_days() -> None:
    intervals = pl.DataFrame(
        {
            "start": [dt.datetime(2013, 1, day, hour) for day in (14, 15, 16) for hour in (0, 12)],
            "solved": [True, True, True, True, True, False],
            "voltage_low_pu": [0.9, 0.8, 1.0, 0.9, 0.95, None],
        }
    )
    expected = {
        "minute": [0, 720],
        "voltage_low_pu_lowest": [0.9, 0.8],
        "voltage_low_pu_mean": [0.95, 0.85],
        "voltage_low_pu_highest": [1.0, 0.9],
    }
    assert_frame_equal(by_time_of_day(intervals), pl.DataFrame(expected))


@pytest.mark.parametrize("rule", ["idle", "self_consumption", "time_of_use"])
def test_the_table_of_the_page_is_what_runs(rule: str) -> None:
    overrides = {"population.storage": rule, "run.figures": False}
    rows = dict(describe(run(ROOT / "configs" / "power_flow.yaml", overrides=overrides).kpis))
    labels = (
        "Community cost",
        "Voltage: lowest, highest",
        "Intervals with a voltage outside the limits",
        "Highest loading: line, transformer",
        "Intervals with an overload",
        "Losses of the feeder",
    )
    row = f"| `{rule}` | {' | '.join(rows[label] for label in labels)} |"
    assert row in (ROOT / "docs" / "power-flow.md").read_text(encoding="utf-8")


def test_validate_reads_the_feeder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path(one_line(tmp_path)).name
    config = tmp_path / "street.yaml"
    sections = {"data": {"days": 3, "num_homes": 8}, "street": {"num_households": 4}}
    config.write_text(yaml.safe_dump(sections | {"run": {"power_flow": {"feeder": own}}}))
    assert main(["validate", "street.yaml"]) == 0
    assert "  feeder: one_line, 2 nodes, households at 1 of them" in capsys.readouterr().out.splitlines()
    assert main(["validate", "street.yaml", "--set", "run.power_flow.feeder=two_line.yaml"]) != 0
    assert "feeder file 'two_line.yaml' does not exist; did you mean 'one_line.yaml'?" in capsys.readouterr().err
