"""The record of ratios: what each case cost as a multiple of its floor, and what has moved since.

Ratios of two things that were measured in turn hold from machine to machine far better than times do, so only they
are kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = Path(__file__).with_name("ratios.json")
TOLERANCE = 0.25


@dataclass(frozen=True)
class Move:
    """A ratio that is not what the record says; ``None`` where there is none."""

    key: str
    recorded: float | None
    measured: float | None

    def __str__(self) -> str:
        if self.recorded is None:
            return f"{self.key}: {self.measured:.3g} times its floor, not in the record"
        if self.measured is None:
            return f"{self.key}: in the record, and no longer measured"
        factor = self.measured / self.recorded
        change = f"{factor:.2f} times as costly" if factor > 1.0 else f"{1.0 / factor:.2f} times as cheap"
        return f"{self.key}: {self.recorded:.3g} -> {self.measured:.3g} times its floor, {change}"


def moved(recorded: Mapping[str, float], measured: Mapping[str, float], *, tolerance: float = TOLERANCE) -> list[Move]:
    """Ratios that moved by more than the tolerance in either direction, or stand on one side only.

    A ratio and its inverse count alike: with 25 %, 1.00 -> 1.26 has moved, and so has 1.26 -> 1.00.
    """
    moves = []
    for key in dict.fromkeys([*recorded, *measured]):
        old, new = recorded.get(key), measured.get(key)
        if old is None or new is None or max(new / old, old / new) > 1.0 + tolerance:
            moves.append(Move(key, old, new))
    return moves


def read_record(path: Path = RECORD) -> dict[str, float]:
    """The recorded ratios by the keys of their cases; none where there is no record yet."""
    if not path.exists():
        return {}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {key: float(ratio) for key, ratio in record["ratios"].items()}


def write_record(ratios: Mapping[str, float], machine: str, path: Path = RECORD) -> None:
    """Write the record: the ratios to three figures, and what they were measured on."""
    record = {"machine": machine, "ratios": {key: float(f"{ratio:.3g}") for key, ratio in ratios.items()}}
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105 (in one step)
