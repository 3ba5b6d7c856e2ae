"""``p2p-market data``: what each command prints and writes, and its errors, through the real command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from official_text import home, row, write

from p2p_market.cli import data as cli_data
from p2p_market.cli.main import main
from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.cache import CACHE_VARIABLE
from p2p_market.data.synthetic import synthetic_community
from p2p_market.data.tabular import load_table


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def official(tmp_path: Path) -> Path:
    days = [f"{day}/10/2011" for day in range(1, 16)]
    rows = home("1", days, quality="NA") + home("2", days)
    rows += [row("1", "CL", day, value="1") for day in days]
    missing = [cells for cells in rows if not (cells[0] == "2" and cells[3] == "GC" and cells[4] == days[4])]
    return write(tmp_path / "official.csv", missing)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["data", *map(str, words)]) == 0
    return capsys.readouterr().out


def refuse(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["data", *map(str, words)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


def test_info_shows_years_homes_gaps_and_quality(official: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = run(capsys, "info", official, "--by-household", "--include-controlled-load")
    for expected in (
        "official.csv",
        "2 (2 with PV)",
        "2011-10-01 00:00 to 2011-10-16 00:00",
        "15, 1 clock changes",
        "48 readings in 1 gaps",
        "50.00% of the readings",
        "1 homes",
        "2011-2012",
        "consumption [kWh/day]",
        "Missing",
        "GC",
    ):
        assert expected in output
    # home 1: (0.5 + 1) * 48, home 2: 0.5 * 48, its filled day as the others
    assert "72.00" in output
    assert "24.00" in output


def test_info_reads_own_tables_with_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("when,customer,load\n2023-01-01 00:00,a,1\n2023-01-01 00:15,a,2\n")
    output = run(capsys, "info", path, "--table.time", "when", "--table.demand", "load", "--table.unit", "kW")
    assert "2 of 15 minutes" in output
    assert "No interval is missing." in output


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_convert_to_a_tidy_table_and_back(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    tidy = tmp_path / f"out{suffix}"
    output = run(capsys, "convert", official, "--output", tidy, "--missing", "fill", "--include-controlled-load")
    assert f"wrote {tidy}" in output
    assert "2 homes, 720 intervals of 30 minutes" in output
    expected = load_ausgrid(official, missing="fill", include_controlled_load=True)
    loaded = load_table(tidy)
    for name in ("demand", "pv", "controlled_load", "quality", "pv_capacity"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(expected, name))
    assert loaded.calendar.timezone == ("Australia/Sydney" if suffix == ".parquet" else None)
    run(capsys, "convert", tidy, "--output", tmp_path / "back", "--layout", "official")
    again = load_ausgrid(tmp_path / "back", include_controlled_load=True)
    np.testing.assert_array_equal(again.demand, expected.demand)


def test_convert_selects(official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.parquet"
    words = ("--customers", "2", "1", "--start", "2011-10-06", "--end", "2011-10-08", "--months", "10")
    run(capsys, "convert", official, "--output", out, *words)
    data = load_table(out)
    assert data.get_size() == (96, 2)
    assert str(data.calendar.start[0]) == "2011-10-06T00:00"


def test_synthesise_writes_what_the_generator_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--households", 3, "--days", 2, "--seed", 5, "--pv-share", 1)
    run(capsys, "synthesise", tmp_path / "s.parquet", *words)
    expected = synthetic_community(3, days=2, seed=5, pv_share=1.0)
    np.testing.assert_array_equal(load_table(tmp_path / "s.parquet").demand, expected.demand)
    run(capsys, "synthesise", tmp_path / "s.zip", "--layout", "official", *words)
    np.testing.assert_array_equal(load_ausgrid(tmp_path / "s.zip").pv, expected.pv)


def test_fetch_tells_where_the_archive_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def download(folder: Path | None, **options: object) -> Path:
        asked.update(folder=folder, **options)
        return tmp_path / "with space" / "data.zip"

    monkeypatch.setattr(cli_data, "fetch_ausgrid", download)
    output = run(capsys, "fetch", "--folder", tmp_path, "--retries", "1", "--quiet")
    assert asked == {"folder": tmp_path, "num_retries": 1, "progress": False}
    assert 'p2p-market data info "' in output
    assert 'data.zip" run.days=7' in output


def test_errors_come_before_anything_is_written(
    official: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert "no data is named" in refuse(capsys, "info")
    assert "nope.csv does not exist" in refuse(capsys, "info", tmp_path / "nope.csv")
    assert "unknown customer '3'" in refuse(capsys, "info", official, "--no-cache", "--customers", "3")
    out = tmp_path / "out.xlsx"
    assert "a tidy table is written as .parquet or .csv" in refuse(capsys, "convert", official, "--output", out)
    assert "is a folder" not in refuse(capsys, "convert", official, "--output", tmp_path)
    message = refuse(capsys, "convert", official, "--output", tmp_path / "o.csv", "--no-cache")
    assert "customer 2: GC from 2011-10-05T00:00" in message
    assert "a tidy table is written" in refuse(capsys, "synthesise", tmp_path / "s.txt")
    assert sorted(tmp_path.iterdir()) == before


def test_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["data"])
    assert stopped.value.code == 0
    assert set(cli_data.COMMANDS) <= set(capsys.readouterr().out.replace(",", " ").split())
    for command in cli_data.COMMANDS:
        with pytest.raises(SystemExit) as stopped:
            main(["data", command, "--help"])
        assert stopped.value.code == 0
        assert command in capsys.readouterr().out
