"""The driver of docs/learning-results.md: plans, resumption, and tables from committed results alone."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from p2p_market.errors import ConfigError

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # at the end, so that p2p_market stays the installed one

plan, table = (importlib.import_module(f"benchmarks.learning.{name}") for name in ("plan", "table"))

TINY = """
seeds: [0, 1]
defaults: {backend: sb3, num_markets: 2, agent_steps: 1_920, hidden: [4], epochs: 1, evaluation_episodes: 2}
cells:
  first: {label: The first, train: {task: street10-v0, evaluate_every: 1, checkpoint_every: 1}}
  second: {train: {task: street10-v0, gamma: 0.5}, seeds: [7]}
"""


def tiny(folder: Path, text: str = TINY) -> list[Any]:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    cells: list[Any] = plan.read_plan(path)
    return cells


def result(cell: Any, seed: int, saving: float) -> dict[str, Any]:
    test = {"bill_dollars": 3.0 - saving, "saving_dollars": saving, "price_dollars_per_kwh": 0.2}
    return {
        "settings": cell.settings,
        "agent_steps": 2e6,
        "seconds": 60.0,
        "agent_steps_per_second": 30_000,
        "environment_share": 0.1,
        "test": {**test, "exploitability_dollars": 0.05},
        "course": [[1e6, 1.0, saving / 2], [2e6, 2.0, saving]],
    } | {"seed": seed}


def put(content: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_the_plan_is_one_and_its_results_are_of_it() -> None:
    cells = plan.read_plan()
    assert len({cell.name for cell in cells}) == len(cells)
    for path in sorted(plan.RESULTS.glob("*/*.json")):
        if path.name == "references.json":
            continue
        name, _, seed = path.stem.rpartition("-")
        (cell,) = (cell for cell in cells if cell.name == name)
        found = plan.read_result(cell, int(seed))
        assert found is not None, f"{path} was made with other settings than the plan has; remove it, or run it again"
        assert found["task"] == cell.task == path.parent.name
        assert found["agent_steps"] == pytest.approx(cell.config(0).train.agent_steps, rel=0.02)


def test_the_page_shows_the_committed_results(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra viz")
    page = tmp_path / "page.md"
    page.write_text(table.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    table.write_page(plan.read_plan(), page=page, images=tmp_path)
    assert page.read_text(encoding="utf-8") == table.PAGE.read_text(encoding="utf-8"), (
        "results and page differ; python -m benchmarks.learning table"
    )


def test_what_has_a_result_of_these_settings_is_not_done_again(tmp_path: Path) -> None:
    cells = tiny(tmp_path)
    names = [(cell.name, seed) for cell, seed in plan.runs_to_do(cells, tmp_path)]
    assert names == [("first", 0), ("second", 7), ("first", 1)]
    first = cells[0]
    put(result(first, 0, 1.0), plan.result_path(first, 0, tmp_path))
    assert [(cell.name, seed) for cell, seed in plan.runs_to_do(cells, tmp_path)] == [("second", 7), ("first", 1)]
    assert [(cell.name, seed) for cell, seed in plan.runs_to_do(cells, tmp_path, 1)] == [("second", 7)]
    (other, _) = tiny(tmp_path, TINY.replace("epochs: 1", "epochs: 2"))
    assert plan.read_result(other, 0, tmp_path) is None
    assert len(plan.runs_to_do([other], tmp_path)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: [0]\n", "is not a plan; expected the keys seeds, cells"),
        ("seeds: [0]\ncells: {a: {label: b}}\n", "cell 'a' is .*expected train"),
        ("seeds: [0]\ncells: {a: {train: {backend: sb3}}}\n", "cell 'a' names no task"),
        ("seeds: [0]\ncells: {a: {train: {task: street10-v0, gama: 1}}}\n", "cell 'a': .*gama"),
    ],
)
def test_plans_that_cannot_be(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(tmp_path, text)


def test_tables_say_what_was_found_and_what_was_not_run(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra viz")
    cells = tiny(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("<!-- results of street10-v0: begin -->\n<!-- results of street10-v0: end -->\n", encoding="utf-8")
    table.write_page(cells, tmp_path, page, tmp_path)
    assert "Not run." in page.read_text(encoding="utf-8")
    truth = result(cells[0], 0, 0.5)["test"]
    bounds = {"optimum": {"bill_dollars": 2.0, "saving_dollars": 1.0}}
    put({"players": {"truthful": truth}, "bounds": bounds}, tmp_path / "street10-v0" / "references.json")
    for seed, saving in ((0, 0.6), (1, 0.8)):
        put(result(cells[0], seed, saving), plan.result_path(cells[0], seed, tmp_path))
    table.write_page(cells, tmp_path, page, tmp_path)
    text = page.read_text(encoding="utf-8")
    learned = next(line for line in text.splitlines() if "**The first**" in line)
    assert re.findall(r"[^|]+", learned)[1:] == [
        " 2 of 2 ",
        " 230.0 (220.0 to 240.0) ",
        " 70.0 (60.0 to 80.0) ",
        " 20.0 (10.0 to 30.0) ",
        " 20.0 (20.0 to 20.0) ",
        " 5.00 (5.00 to 5.00) ",
        " 70.0 (60.0 to 80.0) % ",
    ]
    assert "| **second** | 0 of 1 | not run |" in text
    assert "| The first | sb3 | 2.00 M | 1.0 (1.0 to 1.0) | 30.0 k | 10 % |" in text
    assert (tmp_path / "learning_street10_v0.png").stat().st_size > 1000


@pytest.mark.filterwarnings("default")  # warnings of the libraries are their own business
def test_a_plan_that_was_stopped_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3", reason="needs the extra sb3")
    runs = importlib.import_module("benchmarks.learning.runs")
    (cell, _) = tiny(tmp_path)
    places = {"results": tmp_path / "results", "folder": tmp_path / "runs", "episodes": 2}

    class PulledError(Exception):
        pass

    def pull_the_plug(line: str) -> None:
        if line.startswith("  update 1 "):
            raise PulledError

    with pytest.raises(PulledError):
        runs.make_runs([cell], **places, tell=pull_the_plug)
    assert plan.read_result(cell, 0, tmp_path / "results") is None
    lines: list[str] = []
    assert runs.make_runs([cell], **places, most_seeds=1, tell=lines.append) == 1
    assert not any("update 1 " in line for line in lines)  # it went on
    found = plan.read_result(cell, 0, tmp_path / "results")
    assert found is not None
    assert found["agent_steps"] == 1_920
    assert [point[0] for point in found["course"]] == [960, 1_920]
    assert {"saving_dollars", "exploitability_dollars"} <= set(found["test"])
    assert runs.make_runs([cell], **places, most_seeds=1, tell=lines.append) == 0
    assert runs.make_runs([cell], **places, seconds=-1.0, tell=lines.append) == 0
