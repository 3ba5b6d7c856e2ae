"""``p2p-market run``, ``list`` and ``validate``: what they print, where, and with which exit status."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from p2p_market import __version__
from p2p_market.catalogue import registries
from p2p_market.cli import main
from p2p_market.config_loading import load_config

SMALL = ["data.days=3", "data.num_homes=8", "num_households=4", "run.days=1", "run.figures=false"]
NAME = "street.yaml"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    Path(NAME).write_text("market:\n  mechanism: pay_as_bid\n")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    status: object
    try:
        status = main(words)
    except SystemExit as stop:  # how the parser of the command line ends
        status = stop.code
    output = capsys.readouterr()
    return int(str(status)), output.out, output.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"p2p-market {__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    status, output, errors = call(capsys, *words)
    assert (status, errors) == (0, "")
    for command in ("run", "view", "list", "validate", "data"):
        assert command in output


@pytest.mark.parametrize("command", ["run", "list", "validate"])
def test_help_of_a_command_names_its_options(capsys: pytest.CaptureFixture[str], command: str) -> None:
    status, output, errors = call(capsys, command, "--help")
    assert (status, errors) == (0, "")
    assert f"usage: p2p-market {command}" in output
    assert ("--set" in output) == (command != "list")


@pytest.mark.parametrize(
    "command",
    ["", "run", "view", "list", "validate", "data", "data fetch", "data info", "data convert", "data synthesise"],
)
def test_help_speaks_no_python(capsys: pytest.CaptureFixture[str], command: str) -> None:
    status, output, errors = call(capsys, *command.split(), "--help")
    assert (status, errors) == (0, "")
    own = output.split("table options")[0]  # where None is a value that can be given
    for word in ("None", "default: )", "--no-quiet", "``"):
        assert word not in own


def test_run_prints_a_table_and_writes_the_folder_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, errors = call(capsys, "run", NAME, "--set", *SMALL)
    assert (status, errors) == (0, "")
    assert "street: 4 households, pay_as_bid, 2012-07-01 to 2012-07-01" in output
    for label in ("Community cost", "Saving a household: worst", "Traded energy", "Peak import", "Mean price"):
        assert re.search(rf"^\s*{label}\s+\S", output, re.MULTILINE), label
    assert "written to runs/street: config.resolved.yaml, households.parquet, intervals.parquet, kpis.json" in output
    assert load_config("runs/street/config.resolved.yaml").market.mechanism == "pay_as_bid"


def test_run_without_a_file_runs_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, _ = call(capsys, "run", "--set", *SMALL, "--set", "market.mechanism=grid_only", "seed=3")
    assert status == 0
    assert "default: 4 households, grid_only" in output
    assert load_config("runs/default/config.resolved.yaml").seed == 3


def test_without_matplotlib_it_says_what_figures_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2p_market.cli.simulate.find_spec", lambda _: None)
    hint = "no figures were drawn; they need: pip install 'p2p-market[viz]'"
    assert hint not in call(capsys, "run", NAME, "--set", *SMALL)[1]
    assert hint in call(capsys, "run", NAME, "--set", *SMALL, "run.figures=true")[1]


def test_a_terminal_sees_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "48/48" in call(capsys, "run", NAME, "--set", *SMALL)[1]


def test_quiet_prints_nothing_and_output_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "run", NAME, "--quiet", "--output", "here", "--set", *SMALL) == (0, "", "")
    assert sorted(path.name for path in Path().iterdir()) == ["here", NAME]


def test_list_shows_every_registered_part_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, errors = call(capsys, "list")
    assert (status, errors) == (0, "")
    words = output.split()
    for kind, registry in registries().items():
        assert kind in words
        for name in registry:
            assert name in words
            assert registry.summary(name).split(" ", 1)[0] in words
    status, output, _ = call(capsys, "list", "policies")
    assert status == 0
    assert "zero_intelligence" in output
    assert "uniform_price" not in output


def test_validate_says_what_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    status, output, errors = call(capsys, "validate", NAME, "--set", *SMALL, "population.learners=1", "ties=random")
    assert (status, errors) == (0, "")
    assert output.splitlines() == [
        "street.yaml is valid",
        "  data: 8 households, 144 intervals of 30 minutes from 2012-07-01T00:00",
        "  street: 4 households, 2 with PV",
        "  market: pay_as_bid",
        "  learners: 1",
        "  episode: 48 intervals",
    ]
    assert not Path("runs").exists()


ERRORS = [
    (["run", "stret.yaml"], "configuration file 'stret.yaml' does not exist; did you mean 'street.yaml'?"),
    (["validate", "nope.yaml"], "configuration file 'nope.yaml' does not exist"),
    (
        ["run", NAME, "--set", "markt.ties=random"],
        "unknown configuration key 'markt.ties'; did you mean 'market.ties'?",
    ),
    (["run", NAME, "--set", "days=3"], "key 'days' stands in several sections; write one of: data.days, episode.days"),
    (["run", NAME, "--set", "seed"], "--set 'seed': expected key=value, e.g. --set market.mechanism=pay_as_bid"),
    (["run", NAME, "--set", "seed=["], "--set 'seed=[': the value is not valid YAML; quote it"),
    (
        ["run", NAME, "--set", "pv_capacity_kw=-1"],
        "street.yaml: street.pv_capacity_kw: given -1; expected greater than 0",
    ),
    (["validate", NAME, "--set", "mechanism=vicrey"], "unknown mechanism 'vicrey'"),
    (["validate", NAME, "--set", "tariff.plan=agl"], "unknown tariff plan 'agl'"),
    (["run", NAME, "--set", *SMALL, "run.days=9"], "needs 432 intervals from 2012-07-01T00:00, and the data has 144"),
    (["run", NAME, "--set", *SMALL, "--output", NAME], "output 'street.yaml' is a file; expected a folder, new, empty"),
    (["run", NAME, "--set", *SMALL, "--output", "."], "output folder '.' holds something that is not a run"),
    (["list", "mechanism"], "unknown kind of part 'mechanism'; did you mean 'mechanisms'?; known: actions"),
    (["run", NAME, "--set", "data={source: table, path: nope.csv}"], "nope.csv"),
    (["run", NAME, "--set", "data={source: ausgrid, path: nope}"], "nope"),
]


@pytest.mark.parametrize(("words", "text"), ERRORS, ids=[" ".join(words) for words, _ in ERRORS])
def test_an_error_is_one_message_on_standard_error_and_status_1(
    capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    status, output, errors = call(capsys, *words)
    assert (status, output) == (1, "")
    assert errors.startswith("error: ")
    assert text in errors
    assert errors.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["frobnicate"], "frobnicate"),
        (["run", "a", "b"], "Unrecognized options: b"),
        (["validate"], "CONFIG"),
        (["run", NAME, "--outptu", "x"], "--outptu"),
    ],
)
def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str], words: list[str], text: str) -> None:
    status, output, errors = call(capsys, *words)
    assert (status, output) == (2, "")
    assert text in errors
    assert [path.name for path in Path().iterdir()] == [NAME]


def test_an_interrupt_leaves_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*args: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("p2p_market.results.RunResults.write", stop)
    status, output, errors = call(capsys, "run", NAME, "--set", *SMALL)
    assert (status, output, errors) == (130, "", "interrupted; nothing was written\n")
    assert [path.name for path in Path().iterdir()] == [NAME]


def test_the_module_runs_as_a_command_and_its_status_is_the_programs() -> None:
    code = "import sys; from p2p_market.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", "nope.yaml"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)  # noqa: S603 - our own code
    assert done.returncode == 1
    assert done.stderr == "error: configuration file 'nope.yaml' does not exist\n"
