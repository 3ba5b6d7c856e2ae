"""Making the results of the table, a run at a time; what is there is left, what was stopped goes on."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import p2p_market
from benchmarks.learning.plan import RESULTS, Cell, result_path, runs_to_do
from benchmarks.report import machine
from p2p_market.data.atomic import atomic_path
from p2p_market.evaluation import EvaluationResults
from p2p_market.learned import load_policy
from p2p_market.tasks import find_task
from p2p_market.training import train

RUNS = Path("runs") / "learning"
LIBRARIES = {"sb3": ("stable-baselines3", "torch"), "benchmarl": ("benchmarl", "torchrl", "torch")}
Tell = Callable[[str], None]


def make_runs(
    cells: Sequence[Cell],
    *,
    results: Path = RESULTS,
    folder: Path = RUNS,
    seconds: float = float("inf"),
    most_seeds: int | None = None,
    episodes: int | None = None,
    tell: Tell = print,
) -> int:
    """Make what is missing, and say how many runs were made.

    Parameters
    ----------
    cells
        The plan, or some of it.
    results
        Where results lie.
    folder
        Where training runs lie, which go on from their checkpoints.
    seconds
        After these no further run starts.
    most_seeds
        Only so many of the first seeds of each cell.
    episodes
        Of the evaluation, in place of the task's own.
    tell
        What to do with a line about progress.
    """
    began, done = time.monotonic(), 0
    for cell, seed in runs_to_do(cells, results, most_seeds):
        if time.monotonic() - began > seconds:
            tell("the time is over")
            break
        tell(f"{cell.name}, seed {seed}")
        _write(result_path(cell, seed, results), make_run(cell, seed, folder, episodes=episodes, tell=tell))
        done += 1
    return done


def make_references(cells: Sequence[Cell], *, results: Path = RESULTS, tell: Tell = print) -> None:
    """Measure the reference players of the plan's tasks, where that was not done."""
    for task in dict.fromkeys(cell.task for cell in cells):
        target = reference_path(task, results)
        if not target.exists():
            tell(f"references of {task}")
            _write(target, measure_references(task))


def reference_path(task: str, results: Path = RESULTS) -> Path:
    """Where the task's reference players lie."""
    return results / task / "references.json"


def measure_references(task: str) -> dict[str, Any]:
    """Everybody whom the task names, on its split test, and what could be saved at all."""
    found: dict[str, Any] = {"players": {}}
    for reference in find_task(task).references:
        played = p2p_market.evaluate(
            reference.policy,
            task,
            storage=reference.storage,
            name=reference.name,
            references=False,
            exploitability=True,
        )
        found["players"][reference.name] = _figures(played)
        if played.bounds is not None:
            found["bounds"] = {row["player"]: _rounded(row) for row in played.summary.to_dicts()[1:]}
    return found


def make_run(
    cell: Cell, seed: int, folder: Path = RUNS, *, episodes: int | None = None, tell: Tell = print
) -> dict[str, Any]:
    """Train, or go on training, and measure the best policy on the split test.

    Returns
    -------
    dict
        What is committed: settings, budget, speed, figures on test, and the course on validation.
    """

    def report(row: Mapping[str, float | None], num_updates: int) -> None:
        if row["validation_reward"] is not None:
            tell(
                f"  update {row['update']} of {num_updates}, {row['agent_steps']:,.0f} agent-steps, "
                f"{row['seconds']:.0f} s: reward {row['validation_reward']:.3f}"
            )

    trained = train(cell.config(seed), output=folder / f"{cell.name}-{seed}", resume=True, report=report)
    rows, last = trained.rows, trained.rows[-1]
    took = [(row["agent_steps"] or 0.0) - (before["agent_steps"] or 0.0) for before, row in itertools.pairwise(rows)]
    learning = [step / (row["agent_steps_per_second"] or 1.0) for step, row in zip(took, rows[1:], strict=True)]
    inside = [span * (row["environment_share"] or 0.0) for span, row in zip(learning, rows[1:], strict=True)]
    changes = {key: value for key, value in cell.overrides.items() if not key.startswith("reward.")}
    played = p2p_market.evaluate(
        load_policy(trained.folder / "best.npz"),
        cell.task,
        name=cell.name,
        references=False,
        exploitability=True,
        episodes=episodes,
        overrides=changes or None,
    )
    return {
        "cell": cell.name,
        "task": cell.task,
        "seed": seed,
        "settings": cell.settings,
        "agent_steps": last["agent_steps"],
        "seconds": round(last["seconds"] or 0.0, 1),
        "agent_steps_per_second": round(sum(took) / sum(learning)) if learning else None,
        "environment_share": round(sum(inside) / sum(learning), 4) if learning else None,
        "machine": machine(),
        "libraries": {name: _version(name) for name in LIBRARIES[trained_with(cell)]},
        "test": _figures(played),
        "course": [
            [row["agent_steps"], round(row["validation_reward"], 5), round(row["validation_saving_dollars"] or 0.0, 5)]
            for row in rows
            if row["validation_reward"] is not None
        ],
    }


def trained_with(cell: Cell) -> str:
    """The backend of a cell."""
    return cell.config(0).train.backend


def _figures(played: EvaluationResults) -> dict[str, Any]:
    """The summary of the first player, with its key figures on who gains, and the saving by episode."""
    player = next(iter(played.players.values()))
    row = _rounded(played.summary.to_dicts()[0])
    row.pop("player")
    row |= _rounded({key: player.kpis[key] for key in ("gini", "traded_share") if key in player.kpis})
    return {**row, "saving_by_episode": [round(float(value), 5) for value in player.saving]}


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
