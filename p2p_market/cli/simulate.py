"""``p2p-market run``: simulate a street and print what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from p2p_market.cli.options import Assignments, read_overrides
from p2p_market.config_loading import load_config

if TYPE_CHECKING:
    from p2p_market.experiment import Progress


def run(
    config: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG", help_behavior_hint="")] = None,
    *,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
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
    from p2p_market.metrics import describe  # noqa: PLC0415 (the same)

    with _bar(console) as progress:
        results = simulate(checked, output=folder, progress=progress)
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
    written = sorted(path.name for path in folder.iterdir())
    console.print(f"written to {folder}: {', '.join(written)}", soft_wrap=True)
    if checked.run.figures and find_spec("matplotlib") is None:
        console.print("no figures were drawn; they need: pip install 'p2p-market[viz]'", markup=False, soft_wrap=True)


@contextmanager
def _bar(console: Console) -> Iterator[Progress | None]:
    """Show a progress bar on a terminal, and nothing where the output goes elsewhere."""
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProgressBar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("intervals", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
