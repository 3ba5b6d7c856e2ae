"""A task's version moves exactly when its numbers do: every task gives what its file says that it gives."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from p2p_market.tasks import find_task, task_names

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # at the end, so that p2p_market stays the installed one

fingerprints, tasks = (importlib.import_module(f"benchmarks.{name}") for name in ("fingerprints", "tasks"))

LARGE = ("town300-v0",)  # some ten seconds
ADVICE = (
    "task {name} gives other numbers than its file says. If that is not meant, it is a bug. If it is: a task that "
    "others may have used gets the next version (git mv p2p_market/tasks/{name}.yaml to the next -vN), the change is "
    "said in CHANGELOG.md, and then: python -m benchmarks.fingerprints --write NAME; python -m benchmarks.tasks --write"
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in task_names()]
)
def test_numbers_are_those_of_the_version(name: str) -> None:
    written, found = find_task(name).fingerprint, fingerprints.fingerprint_of(name)
    advice = ADVICE.format(name=name)
    assert written is not None, advice
    assert found.rollout == written.rollout, advice
    assert found.kpis.keys() == written.kpis.keys(), advice
    for player, figures in written.kpis.items():
        assert found.kpis[player] == pytest.approx(figures, rel=1e-5), advice


@pytest.mark.parametrize("name", ["street10-v0", pytest.param("storage10-v0", marks=pytest.mark.slow)])
def test_the_scores_of_the_page_are_what_is_measured(name: str) -> None:
    pytest.importorskip("scipy")
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert tasks.scores(name) in page, "run: python -m benchmarks.tasks --write"


def test_the_hash_does_not_turn_on_last_bits() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(-2000, 2000) * fingerprints.STEP / 2.0, np.round(rng.normal(size=1000), 4)])
    for factor in (1.0 - 1e-12, 1.0 + 1e-12):
        assert fingerprints._rounded(values * factor) == fingerprints._rounded(values)
    assert fingerprints._rounded(values + fingerprints.STEP) != fingerprints._rounded(values)
    assert 0.2 < fingerprints.OFFSET < 0.3


def test_tasks_are_different() -> None:
    """No two names for the same thing."""
    rollouts = [task.fingerprint.rollout for task in map(find_task, task_names()) if task.fingerprint]
    assert len(set(rollouts)) == len(task_names())
    assert all(re.fullmatch("[0-9a-f]{16}", rollout) for rollout in rollouts)
