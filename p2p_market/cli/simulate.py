"""``p2p-market run``: simulate a street and print what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from p2p_market.cli.options import Assignments, read_overrides
from p2p_market.config_loading import load_config


def run(
    config: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Path | None = None,
    quiet: bool = False,
) -> None:
    """Simulate a street for the configured days and print the key figures.

    Parameters
    ----------
    config
        YAML file; without one the built-in default runs: twenty synthetic homes for a week.
    set
        Values to change, e.g. --set market.mechanism=pay_as_bid num_households=50.
    output
        Folder for results; default runs/NAME of the configuration.
    quiet
        Print nothing but errors.
    """
    overrides = read_overrides(set)
    checked = load_config(config, overrides)
    folder = Path("runs") / checked.name if output is None else output
    console = Console(quiet=quiet)

    from p2p_market.experiment import run as simulate  # noqa: PLC0415 (a wrong command line or file is told at once)
    from p2p_market.metrics import describe  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("intervals", total=None)
        results = simulate(
            checked, output=folder, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    street = results.households["household"].n_unique()
    first, last = (f"{day:%Y-%m-%d}" for day in results.intervals["start"].gather([0, -1]).to_list())
    title = f"{checked.name}: {street} households, {checked.market.mechanism}, {first} to {last}"
    table = Table(show_header=False, box=box.SIMPLE)
    table.add_column()
    table.add_column(justify="right")
    for label, value in describe(results.kpis):
        table.add_row(label, value)
    console.print(title, style="bold", soft_wrap=True)
    console.print(table)
    written = ", ".join(sorted(path.name for path in folder.iterdir()))
    console.print(f"written to {folder}: {written}", soft_wrap=True)
