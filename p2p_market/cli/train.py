"""``p2p-market train``: learn a policy, and go on after having been stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from p2p_market.cli.options import Assignments, read_overrides
from p2p_market.config_loading import load_config


def train(
    config: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")],
    *,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
    resume: bool = False,
    quiet: bool = False,
) -> None:
    """Train the learners of a street as the section train says, and write the best policy.

    Parameters
    ----------
    config
        YAML file.
    set
        Values to change, e.g. --set train.seed=1 train.agent_steps=500000.
    output
        Folder of the run; default runs/NAME of the configuration.
    resume
        Go on with the run in that folder from its last checkpoint.
    quiet
        Print nothing but errors.
    """
    checked = load_config(config, read_overrides(set))
    folder = Path("runs") / checked.name if output is None else output
    console = Console(quiet=quiet)

    from p2p_market.training import train as learn  # noqa: PLC0415 (a wrong command line or file is told at once)

    results = learn(checked, output=folder, resume=resume, report=lambda row, num: _tell(console, row, num))
    found = [row["validation_reward"] for row in results.rows if row["validation_reward"] is not None]
    best = max((value for value in found), default=float("nan"))
    console.print(f"best reward on validation {best:.3f}; written to {folder}", soft_wrap=True)


def _tell(console: Console, row: Mapping[str, float | None], num_updates: int) -> None:
    """A line for every evaluation."""
    if row["validation_reward"] is None:
        return
    values = {name: value or 0.0 for name, value in row.items()}
    console.print(
        f"update {values['update']:.0f} of {num_updates}, {values['agent_steps']:,.0f} agent-steps, "
        f"{values['seconds']:.0f} s ({values['agent_steps_per_second']:,.0f}/s, environment "
        f"{100.0 * values['environment_share']:.0f} %): reward {values['reward']:.3f}, validation "
        f"{values['validation_reward']:.3f}, saving {100.0 * values['validation_saving_dollars']:.1f} c",
        soft_wrap=True,
        highlight=False,
    )
