"""``p2p-market cross-play``: one household that follows each policy, among others that follow each other one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from p2p_market.cli.options import Assignments, read_overrides

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = ("saving_dollars", "gain_dollars", "community_saving_dollars")


def cross_play(
    policies: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="POLICY [POLICY ...]")],
    *,
    task: Annotated[str, tyro.conf.arg(metavar="TASK")],
    split: Annotated[str, tyro.conf.arg(metavar="SPLIT")] = "test",
    storage: Annotated[str | None, tyro.conf.arg(metavar="RULE", help_behavior_hint="")] = None,
    data: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None,
) -> None:
    """Let one household follow each policy while all others follow each other one, every household in turn.

    Parameters
    ----------
    policies
        Names of policies, see p2p-market list policies; folders of training runs, or files best.npz.
    task
        Name of a task, see p2p-market list tasks, or a YAML file of your own.
    split
        train, validation or test.
    storage
        What batteries do that no policy steers, see p2p-market list storage; default: the task's own.
    data
        The Ausgrid files, for recorded homes in place of synthetic ones.
    set
        Values to change, e.g. --set num_households=50; results are then not those of the task.
    output
        Parquet file for the table; default: nothing is written.
    """
    from p2p_market.evaluation import cross_play as play  # noqa: PLC0415 (polars loads only where it is used)

    results = play(policies, task, split=split, storage=storage, data=data, overrides=read_overrides(set))
    console = Console()
    title = (
        f"{results.task.name}, {split}: {results.num_episodes} episodes, {len(results.households)} households in turn"
    )
    console.print(title, style="bold", soft_wrap=True)
    console.print(table_of(results.table))
    console.print(
        "cents a household and day; gain: what the one saves more than among its like when it follows the others, "
        "95 % interval over episodes; community: saving of all",
        soft_wrap=True,
    )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        results.table.write_parquet(output)
        console.print(f"written to {output}", soft_wrap=True, highlight=False)


def table_of(rows: pl.DataFrame) -> Table:
    """A row a pair."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("one")
    table.add_column("all others")
    for header in ("saving", "gain", "community"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows.iter_rows(named=True):
        saving, gain, community = (f"{100.0 * row[column] + 0.0:.1f}" for column in _COLUMNS)
        if row["focal"] != row["others"]:
            gain += f" ({100.0 * row['gain_low']:.1f}..{100.0 * row['gain_high']:.1f})"
        else:
            gain = "-"
        table.add_row(row["focal"], row["others"], saving, gain, community)
    return table
