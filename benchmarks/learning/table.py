"""Tables and figures of docs/learning-results.md, from the committed results alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning.figures import draw_courses
from benchmarks.learning.plan import RESULTS, Cell, read_result
from benchmarks.pages import ROOT, write_between_marks
from benchmarks.report import number

PAGE = ROOT / "docs" / "learning-results.md"
IMAGES = ROOT / "docs" / "images"
TRUTHFUL = "truthful"
HEADS = ("player", "seeds", "bill", "saving", "to truthful", "c/kWh", "exploitability", "value captured")
COST_HEADS = ("learner", "backend", "agent-steps a run", "minutes a run", "agent-steps/s", "environment")
NOT_RUN = "not run"


def write_page(cells: Sequence[Cell], results: Path = RESULTS, page: Path = PAGE, images: Path = IMAGES) -> None:
    """Put a table a task into the page, between the marks that carry its name, and draw its learning curves."""
    for task in dict.fromkeys(cell.task for cell in cells):
        chosen = [cell for cell in cells if cell.task == task]
        found = results_of(chosen, results)
        write_between_marks(page, f"results of {task}", task_table(chosen, found, read_references(task, results)))
        draw_courses(
            {cell.label: [result["course"] for result in found[cell.name]] for cell in chosen if found[cell.name]},
            images / f"learning_{task.replace('-', '_')}.png",
            f"Learning {task}",
        )


def results_of(cells: Sequence[Cell], results: Path = RESULTS) -> dict[str, list[dict[str, Any]]]:
    """Results by cell, in the order of its seeds, those that are there."""
    found = {cell.name: [read_result(cell, seed, results) for seed in cell.seeds] for cell in cells}
    return {name: [result for result in listed if result is not None] for name, listed in found.items()}


def read_references(task: str, results: Path = RESULTS) -> dict[str, Any] | None:
    """Reference players of a task, or ``None`` where they were not measured."""
    path = results / task / "references.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def task_table(cells: Sequence[Cell], found: dict[str, list[dict[str, Any]]], references: dict[str, Any] | None) -> str:
    """Learned policies, then everybody else, and what learning cost."""
    if references is None:
        return f"{NOT_RUN.capitalize()}."
    truth = references["players"][TRUTHFUL]
    rows = [_learned(cell, found[cell.name], truth, references.get("bounds")) for cell in cells]
    for name, figures in references["players"].items():
        rows.append([f"`{name}`", "", *_cells([figures], truth, references.get("bounds"))])
    for name, figures in references.get("bounds", {}).items():
        rows.append([name, "", *_cells([figures], None, references["bounds"])])
    costs = [_cost(cell, found[cell.name]) for cell in cells if found[cell.name]]
    return "\n".join([*_markdown(HEADS, rows), "", *_markdown(COST_HEADS, costs)])


def _learned(
    cell: Cell, results: Sequence[dict[str, Any]], truth: dict[str, Any], bounds: dict[str, Any] | None
) -> list[str]:
    seeds = f"{len(results)} of {len(cell.seeds)}"
    if not results:
        return [f"**{cell.label}**", seeds, NOT_RUN, *[""] * (len(HEADS) - 3)]
    return [f"**{cell.label}**", seeds, *_cells([result["test"] for result in results], truth, bounds)]


def _cells(players: Sequence[dict[str, Any]], truth: dict[str, Any] | None, bounds: dict[str, Any] | None) -> list[str]:
    """Figures of one player, each over its seeds; money in cents a household and day."""

    def column(read: Callable[[dict[str, Any]], float | None], factor: float, decimals: int, unit: str = "") -> str:
        values = [read(player) for player in players]
        known = [value for value in values if value is not None]
        return _over_seeds([factor * value for value in known], decimals) + unit if known else ""

    saving = column(lambda player: player["saving_dollars"], 100.0, 1)
    best = None if bounds is None else bounds["optimum"]["saving_dollars"]
    return [
        column(lambda player: player["bill_dollars"], 100.0, 1),
        saving,
        "" if truth is None else column(lambda p: p["saving_dollars"] - truth["saving_dollars"], 100.0, 1),
        column(lambda player: player.get("price_dollars_per_kwh"), 100.0, 1),
        column(lambda player: player.get("exploitability_dollars"), 100.0, 2),
        "" if best is None else column(lambda player: player["saving_dollars"] / best, 100.0, 1, " %"),
    ]


def _over_seeds(values: Sequence[float], decimals: int) -> str:
    """Mean, and the lowest and highest where there are several."""
    mean = f"{np.mean(values) + 0.0:.{decimals}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values) + 0.0:.{decimals}f} to {max(values) + 0.0:.{decimals}f})"


def _cost(cell: Cell, results: Sequence[dict[str, Any]]) -> list[str]:
    speeds = [result["agent_steps_per_second"] for result in results if result["agent_steps_per_second"]]
    shares = [result["environment_share"] for result in results if result["environment_share"] is not None]
    return [
        cell.label,
        cell.config(0).train.backend,
        number(results[0]["agent_steps"]),
        _over_seeds([result["seconds"] / 60.0 for result in results], 1),
        _range([float(speed) for speed in speeds], number),
        _range(shares, lambda share: f"{100.0 * share:.0f} %"),
    ]


def _range(values: Sequence[float], write: Callable[[float], str]) -> str:
    if not values:
        return ""
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} to {high}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
