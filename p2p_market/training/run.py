"""A training run: updates, evaluations, checkpoints, and going on after having been stopped."""

from __future__ import annotations

import importlib
import os
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from p2p_market.config_loading import ConfigSource, dump_config, load_config
from p2p_market.errors import ConfigError
from p2p_market.learned import LearnedPolicy, load_policy
from p2p_market.notebook import MOST_ROWS, as_text, html_table
from p2p_market.training.journal import Journal
from p2p_market.training.plan import Learner, TrainingPlan
from p2p_market.training.validation import Validator

BACKENDS = {
    "benchmarl": ("p2p_market.training.benchmarl_backend", "BenchmarlLearner"),
    "sb3": ("p2p_market.training.sb3_backend", "StableBaselines3Learner"),
}
CHECKPOINT, BEST, LAST, CONFIG_FILE = "checkpoint.pt", "best.npz", "last.npz", "config.resolved.yaml"

Report: TypeAlias = Callable[[Mapping[str, float | None], int], None]
"""Called after every update with its row of the journal, and how many updates there are to be."""


@dataclass(frozen=True, eq=False)
class TrainingResults:
    """What a training run gives back.

    Attributes
    ----------
    folder
        Where it wrote ``best.npz``, ``last.npz``, ``progress.csv``, ``checkpoint.pt`` and ``config.resolved.yaml``.
    rows
        The journal: a row an update, see `p2p_market.training.journal.COLUMNS`.
    """

    folder: Path
    rows: list[dict[str, float | None]]

    def _repr_html_(self) -> str:
        checked = [row for row in self.rows if row["validation_reward"] is not None]
        header = ("update", "agent-steps", "reward", "reward on validation", "saving on validation [$]")
        names = ("update", "agent_steps", "reward", "validation_reward", "validation_saving_dollars")
        rows = [
            tuple(as_text(row[name], 0 if place < 2 else 3) for place, name in enumerate(names))
            for row in checked[-MOST_ROWS:]
        ]
        return html_table(f"Training in {self.folder}: {len(self.rows)} updates", header, rows)

    @property
    def best(self) -> LearnedPolicy:
        """The policy with the highest reward on validation."""
        return load_policy(self.folder / BEST)


def train(
    config: ConfigSource = None,
    *,
    output: str | Path | None = None,
    resume: bool = False,
    report: Report | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> TrainingResults:
    """Train the learners of a street as the section ``train`` says.

    Parameters
    ----------
    config
        As for `p2p_market.parallel_env`.
    output
        Folder of the run; default ``runs/NAME``.
    resume
        Go on with the run in that folder from its last checkpoint, or start it if there is none.
    report
        See `Report`.
    overrides
        Values by dotted key.

    Raises
    ------
    ConfigError
        For anything wrong with the configuration, a folder that holds another run, or a checkpoint that is broken or
        of another configuration.
    MissingExtraError
        Without the backend's library.
    """
    checked = load_config(config, overrides)
    plan = TrainingPlan.of(checked)
    folder = Path("runs") / checked.name if output is None else Path(output)
    module, name = BACKENDS[plan.train.backend]
    learner: Learner = getattr(importlib.import_module(module), name)(plan)
    try:
        return _run(plan, learner, folder, _prepare(folder, dump_config(checked), resume=resume), report)
    finally:
        learner.close()


def _run(
    plan: TrainingPlan, learner: Learner, folder: Path, state: dict[str, Any] | None, report: Report | None
) -> TrainingResults:
    best, seconds, done = float("-inf"), 0.0, 0
    if state is not None:
        learner.restore(state["learner"])
        best, seconds, done = state["best"], state["seconds"], state["update"]
    journal = Journal(folder, done)
    validate = Validator(plan.validation, plan.train.evaluation_episodes)
    began, steps_before = time.perf_counter() - seconds, _last_steps(journal)
    for number in range(done + 1, plan.num_updates + 1):
        update_began = time.perf_counter()
        update = learner.advance()
        took = time.perf_counter() - update_began
        row: dict[str, float | None] = {
            "update": number,
            "agent_steps": update.agent_steps,
            "seconds": time.perf_counter() - began,
            "agent_steps_per_second": (update.agent_steps - steps_before) / took,
            "environment_share": update.environment_seconds / took,
            "reward": update.reward,
            "validation_reward": None,
            "validation_saving_dollars": None,
        }
        steps_before = update.agent_steps
        is_last = number == plan.num_updates
        if is_last or number % plan.train.evaluate_every == 0:
            policy = learner.policy()
            found = validate(policy)
            row["validation_reward"], row["validation_saving_dollars"] = found.reward, found.saving_dollars
            policy.save(folder / LAST)
            if found.reward > best:
                best = found.reward
                policy.save(folder / BEST)
        journal.write(row)
        if is_last or number % plan.train.checkpoint_every == 0:
            passed = time.perf_counter() - began
            _save(folder / CHECKPOINT, {"learner": learner.state(), "best": best, "seconds": passed, "update": number})
        if report is not None:
            report(row, plan.num_updates)
    journal.close()
    return TrainingResults(folder, journal.rows)


def _prepare(folder: Path, resolved: str, *, resume: bool) -> dict[str, Any] | None:
    """Make the folder, or read the state of the run in it."""
    settings, checkpoint = folder / CONFIG_FILE, folder / CHECKPOINT
    if folder.exists() and any(folder.iterdir()):
        if not settings.exists():
            raise ConfigError(f"{folder} holds something that is not a training run; choose another folder")
        if not resume:
            raise ConfigError(f"{folder} holds a training run; go on with it (--resume), or choose another folder")
        if settings.read_text(encoding="utf-8") != resolved:
            raise ConfigError(
                f"{folder} holds a training run of another configuration, see {CONFIG_FILE} there; choose another "
                "folder"
            )
        return _load(checkpoint) if checkpoint.exists() else None
    folder.mkdir(parents=True, exist_ok=True)
    part = settings.with_name(settings.name + ".part")
    part.write_text(resolved, encoding="utf-8")
    os.replace(part, settings)  # noqa: PTH105 (in one step)
    return None


def _save(path: Path, state: Mapping[str, Any]) -> None:
    import torch  # noqa: PLC0415 (optional)

    part = path.with_name(path.name + ".part")
    torch.save(dict(state), part)
    os.replace(part, path)  # noqa: PTH105 (in one step: the previous one survives until then)


def _load(path: Path) -> dict[str, Any]:
    import torch  # noqa: PLC0415 (optional)

    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)  # our own file
        _ = state["learner"], state["update"]
    except (RuntimeError, EOFError, OSError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ConfigError(
            f"the checkpoint {path} is broken ({error}); remove the folder to start anew, or put back an earlier copy"
        ) from error
    return state


def _last_steps(journal: Journal) -> int:
    return int(journal.rows[-1]["agent_steps"] or 0) if journal.rows else 0
