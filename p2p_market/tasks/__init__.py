"""Named, versioned tasks: a street, its splits and a fixed evaluation, each one YAML file of this folder.

A file ``NAME-vN.yaml`` is a task as soon as it lies here. Its version moves exactly when its numbers do, see
``docs/tasks.md``.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from p2p_market.registry import Registry

if TYPE_CHECKING:
    from p2p_market.tasks.task import Task

FOLDER = Path(__file__).parent
SPLITS = ("train", "validation", "test")


def task_names() -> list[str]:
    """Names of the packaged tasks, without reading their files."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


class _PackagedTasks(Registry["Task"]):
    """The registry of tasks, which reads their files on first use: an import need not load YAML."""

    def __init__(self) -> None:
        self.kind = "task"

    @cached_property
    def _entries(self) -> dict[str, Task]:  # type: ignore[override]  # lazy form of the same mapping
        from p2p_market.tasks.task import load_task  # noqa: PLC0415 (the same)

        return {name: load_task(FOLDER / f"{name}.yaml") for name in task_names()}


TASKS: Registry[Task] = _PackagedTasks()
"""Every task by name, those of the package and those that you register."""


def find_task(task: str | Path | Task) -> Task:
    """Return a task by its name, or by the path of a YAML file of your own.

    Raises
    ------
    UnknownNameError
        For a name that no task has; the message suggests the nearest.
    ConfigError
        For a file that is not a task.
    """
    from p2p_market.tasks.task import Task, load_task  # noqa: PLC0415 (the same)

    if isinstance(task, Task):
        return task
    if isinstance(task, Path) or str(task).endswith((".yaml", ".yml")):
        return load_task(Path(task))
    return TASKS[task]
