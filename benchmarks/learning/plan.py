"""The plan of the table: which algorithms learn which tasks, how, and with which seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2p_market.config import Config
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError
from p2p_market.yaml_files import read_yaml

PLAN = Path(__file__).parent / "plan.yaml"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Cell:
    """A line of the table: one way to learn one task.

    Parameters
    ----------
    name
        Of the line, unique in the plan; files are called after it.
    label
        What the table calls it.
    train
        The section ``train`` of its runs, without the seed.
    seeds
        One run each.
    """

    name: str
    label: str
    train: dict[str, Any]
    seeds: tuple[int, ...]

    @property
    def task(self) -> str:
        """The task that is learned."""
        return str(self.train["task"])

    @property
    def overrides(self) -> dict[str, Any]:
        """Changes of the task."""
        return dict(self.train.get("overrides", {}))

    @property
    def changes_the_street(self) -> bool:
        """Whether others than what a learner is paid for are among them."""
        return any(key.partition(".")[0] != "reward" for key in self.overrides)

    def config(self, seed: int) -> Config:
        """What ``p2p-market train`` is given for a run."""
        return load_config({"name": f"{self.name}_{seed}", "train": {**self.train, "seed": seed}})

    @property
    def settings(self) -> str:
        """Short hash of how is learned: results of other settings do not count."""
        return hashlib.sha256(json.dumps(self.train, sort_keys=True).encode()).hexdigest()[:12]


def read_plan(path: Path = PLAN) -> list[Cell]:
    """Read a plan: ``seeds``, ``defaults`` of the section ``train``, and ``cells`` by name.

    Raises
    ------
    ConfigError
        For anything that is not a plan, or settings that ``p2p-market train`` does not take.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not {"seeds", "cells"} <= set(content) <= {"seeds", "defaults", "cells"}:
        raise ConfigError(f"{path} is not a plan; expected the keys seeds, cells, and perhaps defaults")
    cells = []
    for name, entry in content["cells"].items():
        if not isinstance(entry, dict) or set(entry) - {"label", "train", "seeds"} or "train" not in entry:
            raise ConfigError(f"{path}: cell {name!r} is {entry!r}; expected train, and perhaps label and seeds")
        train = {**content.get("defaults", {}), **entry["train"]}
        seeds = tuple(entry.get("seeds", content["seeds"]))
        cell = Cell(name, entry.get("label", name), train, seeds)
        if "task" not in train:
            raise ConfigError(f"{path}: cell {name!r} names no task (train.task)")
        try:
            cell.config(0)
        except ConfigError as error:
            raise ConfigError(f"{path}: cell {name!r}: {error}") from None
        cells.append(cell)
    return cells


def result_path(cell: Cell, seed: int, results: Path = RESULTS) -> Path:
    """Where the result of a run lies."""
    return results / cell.task / f"{cell.name}-{seed}.json"


def read_result(cell: Cell, seed: int, results: Path = RESULTS) -> dict[str, Any] | None:
    """Result of a run, or ``None`` where it was not made or was made with other settings."""
    path = result_path(cell, seed, results)
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found if found["settings"] == cell.settings else None


def runs_to_do(cells: Sequence[Cell], results: Path = RESULTS, most_seeds: int | None = None) -> list[tuple[Cell, int]]:
    """Runs that have no result: the first seed of all cells, then the second, and so on."""
    most = max((len(cell.seeds) for cell in cells), default=0) if most_seeds is None else most_seeds
    every = [(cell, cell.seeds[turn]) for turn in range(most) for cell in cells if turn < len(cell.seeds)]
    return [(cell, seed) for cell, seed in every if read_result(cell, seed, results) is None]
