"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import tyro

from p2p_market.config_loading import parse_assignments

Assignments = Annotated[
    tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], tyro.conf.arg(metavar="KEY=VALUE [KEY=VALUE ...]")
]
"""``--set key=value ...``, any number of times."""


def read_overrides(assignments: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """Turn what ``--set`` was given into overrides by key."""
    return parse_assignments(text for group in assignments for text in group)
