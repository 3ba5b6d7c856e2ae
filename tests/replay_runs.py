"""Small recorded runs to play back, some of them broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from p2p_market.experiment import run

SMALL: dict[str, Any] = {
    "data.days": 4,
    "data.num_homes": 12,
    "num_households": 6,
    "run.days": 2,
    "run.figures": False,
    "tariff.plan": {"agl_time_of_use": 0.5, "flat": 0.5},
}
BATTERY: dict[str, Any] = {
    "devices": {"battery": [{"share": 0.5, "capacity_kwh": 5.0, "power_kw": 2.5}]},
    "population.storage": "self_consumption",
}
MARKUP = "<script>alert(1)</script>"


def record(folder: Path, **more: Any) -> Path:
    """Run a small street and write it."""
    run(overrides={**SMALL, **more}, output=folder)
    return folder


def rewrite(folder: Path, name: str, *expressions: pl.Expr, drop: tuple[str, ...] = ()) -> None:
    """Change a frame of a run."""
    path = folder / f"{name}.parquet"
    pl.read_parquet(path).with_columns(*expressions).drop(*drop).write_parquet(path)


def rename_household(folder: Path, old: str, new: str) -> None:
    """Give a household another name in all frames."""
    for name, columns in (("households", ("household",)), ("trades", ("buyer", "seller"))):
        if (folder / f"{name}.parquet").exists():
            rewrite(folder, name, *(pl.col(column).replace({old: new}) for column in columns))


def cut_short(path: Path) -> None:
    """Leave the first half of a file, as an interrupted copy does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
