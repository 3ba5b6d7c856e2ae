"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from p2p_market.data.atomic import atomic_path
from p2p_market.view.style import BUY, INK, SELL, SUN, TRADED, house_style

Course = Sequence[Sequence[float]]
"""Agent-steps, reward and saving [$] of a household and day on validation, evaluation by evaluation."""

COLORS = (BUY, SELL, TRADED, SUN, INK)
DOTS_PER_INCH = 110


def draw_courses(courses: Mapping[str, Sequence[Course]], path: Path, title: str) -> None:
    """Saving on the split validation over agent-steps: mean over seeds, and a band from the lowest to the highest."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 (matplotlib is optional)
    from matplotlib.figure import Figure  # noqa: PLC0415

    if not courses:
        return
    with house_style():
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for place, (label, runs) in enumerate(courses.items()):
            steps, savings = common_steps(runs)
            color, dashes = COLORS[place % len(COLORS)], "-" if place < len(COLORS) else "--"
            axes.plot(steps / 1e6, 100.0 * savings.mean(axis=0), dashes, color=color, label=f"{label} ({len(runs)})")
            low, high = 100.0 * savings.min(axis=0), 100.0 * savings.max(axis=0)
            axes.fill_between(steps / 1e6, low, high, color=color, alpha=0.15, linewidth=0.0)
        axes.set_title(f"{title}: validation, lowest to highest of (n) seeds")
        axes.set_xlabel("agent-steps [millions]")
        axes.set_ylabel("saving [c a household and day]")
        axes.set_xlim(left=0.0)
        axes.legend()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": "p2p_market"})


def common_steps(runs: Sequence[Course]) -> tuple[np.ndarray, np.ndarray]:
    """Steps ``(T,)`` that all runs evaluated at, and savings ``(seeds, T)`` there."""
    num = min(len(run) for run in runs)
    values = np.array([[point[:3] for point in run[:num]] for run in runs], dtype=np.float64)
    return values[0, :, 0], values[..., 2]
