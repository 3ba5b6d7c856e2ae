"""The folder of a run: whole or not at all, and never in the place of something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from p2p_market import results as results_module
from p2p_market._version import __version__
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError
from p2p_market.experiment import run
from p2p_market.results import RunResults

SMALL = {"data.days": 3, "data.num_homes": 8, "num_households": 4, "run.days": 1, "run.figures": False}


@pytest.fixture(scope="module")
def results() -> RunResults:
    return run(overrides=SMALL | {"run.trades": True})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_holds_the_whole_run(results: RunResults, tmp_path: Path) -> None:
    folder = results.write(tmp_path / "a" / "run")
    assert folder == tmp_path / "a" / "run"
    assert set(contents(tmp_path / "a")) == {
        f"run/{name}"
        for name in ("config.resolved.yaml", "intervals.parquet", "households.parquet", "trades.parquet", "kpis.json")
    }
    assert load_config(folder / "config.resolved.yaml") == results.config
    assert pl.read_parquet(folder / "intervals.parquet").equals(results.intervals)
    assert pl.read_parquet(folder / "households.parquet").equals(results.households)
    assert results.trades is not None
    assert pl.read_parquet(folder / "trades.parquet").equals(results.trades)
    summary = json.loads((folder / "kpis.json").read_text())
    assert summary["version"] == __version__
    assert summary["config"] == results.config.digest
    assert summary["kpis"] == results.kpis


def test_the_resolved_configuration_gives_the_same_run_again(results: RunResults, tmp_path: Path) -> None:
    folder = results.write(tmp_path / "run")
    again = run(folder / "config.resolved.yaml")
    assert again.households.equals(results.households)
    assert again.config.digest == results.config.digest


def test_key_figures_without_a_value_are_null(tmp_path: Path) -> None:
    folder = run(overrides=SMALL | {"mechanism": "grid_only"}).write(tmp_path / "run")
    text = (folder / "kpis.json").read_text()
    assert json.loads(text)["kpis"]["mean_price_dollars_per_kwh"] is None
    assert "NaN" not in text
    assert not (folder / "trades.parquet").exists()


def test_a_new_run_takes_the_place_of_an_earlier_one_whole(results: RunResults, tmp_path: Path) -> None:
    results.write(tmp_path / "run")
    assert (tmp_path / "run" / "trades.parquet").exists()
    run(output=tmp_path / "run", overrides=SMALL | {"seed": 1})
    assert not (tmp_path / "run" / "trades.parquet").exists()
    assert load_config(tmp_path / "run" / "config.resolved.yaml").seed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_empty_folder_and_a_link_to_a_folder_are_taken(results: RunResults, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    results.write(tmp_path / "empty")
    assert (tmp_path / "empty" / "kpis.json").exists()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    results.write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "kpis.json").exists()


@pytest.fixture(params=["households", "kpis", "figures", "rename", "interrupt"])
def broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, type[BaseException]]:
    """Break the writing of a run in the middle, in one of several places."""
    error: type[BaseException] = KeyboardInterrupt if request.param == "interrupt" else RuntimeError

    def fail(*args: Any, **kwargs: Any) -> None:
        raise error("out of order")

    if request.param in ("households", "interrupt"):
        write = pl.DataFrame.write_parquet
        monkeypatch.setattr(
            pl.DataFrame,
            "write_parquet",
            lambda frame, path: fail() if path.name == "households.parquet" else write(frame, path),
        )
    elif request.param == "kpis":
        monkeypatch.setattr(results_module.json, "dumps", fail)
    elif request.param == "figures":
        monkeypatch.setattr(RunResults, "_write_figures", fail)
    else:
        replace = Path.replace
        monkeypatch.setattr(
            Path, "replace", lambda path, target: fail() if path.name == "new" else replace(path, target)
        )
    return request.param, error


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, broken: tuple[str, type[BaseException]]) -> None:
    with pytest.raises(broken[1], match="out of order"):
        run(output=tmp_path / "run", overrides=SMALL | {"run.figures": broken[0] == "figures"})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def earlier(results: RunResults, tmp_path: Path) -> dict[str, bytes]:
    return contents(results.write(tmp_path / "run"))


def test_a_write_that_fails_leaves_an_earlier_run_as_it_was(
    tmp_path: Path, earlier: dict[str, bytes], broken: tuple[str, type[BaseException]]
) -> None:
    with pytest.raises(broken[1], match="out of order"):
        run(output=tmp_path / "run", overrides=SMALL | {"seed": 1, "run.figures": broken[0] == "figures"})
    assert contents(tmp_path) == {f"run/{name}": content for name, content in earlier.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_error_before_writing_leaves_an_earlier_run_as_it_was(tmp_path: Path, earlier: dict[str, bytes]) -> None:
    with pytest.raises(ConfigError):
        run(output=tmp_path / "run", overrides=SMALL | {"market.options": {"k": 2}})
    assert contents(tmp_path / "run") == earlier


def test_a_full_disk_is_said_as_such(results: RunResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(ConfigError, match=r"output folder '.*run' cannot be written: .*No space left on device"):
        results.write(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def nothing_may_run(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("the output is checked before anything runs")


@pytest.mark.parametrize("kind", ["file", "foreign", "notes", "below a file"])
def test_something_else_is_never_overwritten(
    kind: str, results: RunResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "run"
    if kind == "file":
        target.write_text("mine")
        text = "is a file; expected a folder, new, empty or of an earlier run"
    elif kind == "foreign":
        target.mkdir()
        (target / "thesis.tex").write_text("mine")
        text = r"holds something that is not a run \('thesis.tex', for one\); choose a new or empty folder"
    elif kind == "notes":
        results.write(target)
        (target / "notes.md").write_text("mine")
        text = r"holds something that is not a run \('notes.md', for one\)"
    else:
        target.write_text("mine")
        target = target / "run"
        text = r"cannot be made: '.*run' is not a folder"
    before = contents(tmp_path)
    monkeypatch.setattr("p2p_market.experiment._simulate", nothing_may_run)
    with pytest.raises(ConfigError, match=text):
        run(output=target, overrides=SMALL)
    with pytest.raises(ConfigError, match=text):
        results.write(target)
    assert contents(tmp_path) == before


def test_results_that_look_like_a_run_without_its_configuration_are_not_one(
    tmp_path: Path, results: RunResults
) -> None:
    (tmp_path / "kpis.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds something that is not a run; choose a new or empty folder"):
        results.write(tmp_path)
