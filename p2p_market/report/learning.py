"""Learning curves of runs that trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from p2p_market.report.runs import Run
from p2p_market.report.sheet import RUN_LOOKS, TOP, NothingToDrawError, Picture, Sheet, shortened
from p2p_market.types import FloatArray
from p2p_market.view.style import MUTED

_MOST_POINTS = 600


def draw_learning(sheet: Sheet, runs: Sequence[Run]) -> str:
    """Draw reward and saving over the steps of the agents."""
    upper, lower = sheet.rows(2, 0.35, top=TOP + 0.25 + 0.2 * (len(runs) - 1))
    told, handles = [], []
    for run, (colour, dash, marker) in zip(runs, RUN_LOOKS, strict=False):
        name = f"{shortened(run.label)}: " if len(runs) > 1 else ""
        steps, reward = _curve(run, "reward")
        handles += upper.plot(
            *_thinned(steps, reward), color=colour, linewidth=0.9, alpha=0.6, label=f"{name}training, with exploration"
        )
        steps, found = _curve(run, "validation_reward")
        if found.size:
            look = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 5.0, "linewidth": 1.8}
            every = max(1, found.size // 25)
            handles += upper.plot(steps, found, markevery=every, label=f"{name}validation", **look)
            best = int(np.argmax(found))
            upper.plot(
                steps[best], found[best], marker="*", color="white", markeredgecolor=colour, markersize=15.0, zorder=4
            )
            told.append(f"{name}best reward on validation {found[best]:.3f} after {steps[best]:,.0f} agent-steps")
        steps, saving = _curve(run, "validation_saving_dollars")
        if saving.size:
            lower.plot(steps, saving, markevery=max(1, saving.size // 25), **look)
        elif reward.size == 0:
            continue
    if not handles or not any(np.size(line.get_xdata()) for line in handles):
        raise NothingToDrawError("The training had no update yet.")
    lower.axhline(0.0, color=MUTED, linewidth=0.8)
    last = max(float(run.progress["agent_steps"].max() or 0.0) for run in runs if run.progress is not None)  # type: ignore[arg-type] # a number
    for axes in (upper, lower):
        axes.set_xlim(0.0, 1.02 * last)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    upper.tick_params(labelbottom=False)
    upper.set_ylabel("reward [an episode]")
    lower.set_ylabel("saving [$ an episode]")
    lower.set_xlabel("steps of all agents together")
    sheet.legend(handles, columns=2 if len(runs) > 1 else 4)
    return (
        "Above: reward of an agent over an episode, mean: while it explores, and on days kept for validation; a star "
        "marks the best. Below: what a learner saves in an episode of validation. " + "; ".join(told) + "."
    )


def _curve(run: Run, name: str) -> tuple[FloatArray, FloatArray]:
    assert run.progress is not None  # noqa: S101 - drawn only where there is one
    if name not in run.progress.columns:
        return np.empty(0), np.empty(0)
    rows = run.progress.filter(pl.col(name).is_finite()).select("agent_steps", name)
    return rows["agent_steps"].to_numpy(), rows[name].to_numpy()


def _thinned(steps: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of neighbouring points, where there are more than a picture shows."""
    if len(steps) <= _MOST_POINTS:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), _MOST_POINTS)
    return np.array([steps[part].mean() for part in parts]), np.array([values[part].mean() for part in parts])


LEARNING = Picture(
    "learning",
    "Learning curves",
    {"progress": ()},
    draw_learning,
    lambda number: 5.0 + 0.2 * (number - 1),
)
