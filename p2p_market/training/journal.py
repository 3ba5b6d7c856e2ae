"""The course of a training on disk: a CSV file that survives being killed, and TensorBoard where it is installed."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COLUMNS = (
    "update",
    "agent_steps",
    "seconds",
    "agent_steps_per_second",
    "environment_share",
    "reward",
    "validation_reward",
    "validation_saving_dollars",
)


class Journal:
    """Rows of a training, one an update.

    Parameters
    ----------
    folder
        Of the training run.
    updates
        Rows to keep of an earlier part of the run; what came after them was not in its last checkpoint.
    """

    def __init__(self, folder: Path, updates: int = 0) -> None:
        self.path = folder / "progress.csv"
        self.rows: list[dict[str, float | None]] = [row for row in read_rows(self.path) if row["update"] <= updates]  # type: ignore[operator]  # every row has a number
        part = self.path.with_name(self.path.name + ".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        os.replace(part, self.path)  # noqa: PTH105 (in one step)
        self._board = _board(folder, updates)

    def write(self, row: Mapping[str, float | None]) -> None:
        """Add a row, and let the system write it now."""
        self.rows.append(dict(row))
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if self._board is not None:
            for name, value in row.items():
                if value is not None and name not in ("update", "agent_steps"):
                    self._board.add_scalar(name, value, int(row["agent_steps"] or 0))

    def close(self) -> None:
        """Write out what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


def read_rows(path: Path) -> list[dict[str, float | None]]:
    """Rows of a journal; a last line that was cut off is left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return [{name: float(value) if value else None for name, value in row.items()} for row in rows]


def _board(folder: Path, updates: int) -> Any:
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (optional)

    return SummaryWriter(str(folder / "tensorboard"), purge_step=None if updates == 0 else updates)
