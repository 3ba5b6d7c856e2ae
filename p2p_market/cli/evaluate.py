"""``p2p-market evaluate``: a player on a task, beside the task's references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table

from p2p_market.cli.options import Assignments, read_overrides
from p2p_market.errors import ConfigError
from p2p_market.learned import is_policy_path, load_policy
from p2p_market.output import EVALUATION_FOLDER, check_output
from p2p_market.policies import POLICIES
from p2p_market.tasks import find_task

if TYPE_CHECKING:
    from p2p_market.evaluation import EvaluationResults

# A column's header, the column of the summary, what multiplies it, decimals
_COLUMNS = (
    ("bill", "bill_dollars", 100.0, 1),
    ("saving", "saving_dollars", 100.0, 1),
    ("to truthful", "to_truthful_dollars", 100.0, 1),
    ("c/kWh", "price_dollars_per_kwh", 100.0, 1),
    ("exploit.", "exploitability_dollars", 100.0, 2),
    ("captured", "value_captured", 100.0, 1),
)


def evaluate(
    policies: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="POLICY [RUN ...]")],
    *,
    task: Annotated[str, tyro.conf.arg(metavar="TASK")],
    split: Annotated[str, tyro.conf.arg(metavar="SPLIT")] = "test",
    storage: Annotated[str | None, tyro.conf.arg(metavar="RULE", help_behavior_hint="")] = None,
    exploitability: bool = False,
    data: Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")] = None,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
) -> None:
    """Measure a policy, scripted or learned, on a task by the task's fixed protocol, beside its references.

    Parameters
    ----------
    policies
        Name of a policy, see p2p-market list policies; or the folder of a training run, or a file best.npz. Several:
        runs of one learner with different seeds, for measures over all of them.
    task
        Name of a task, see p2p-market list tasks, or a YAML file of your own.
    split
        train, validation or test.
    storage
        What batteries do, see p2p-market list storage; default: the task's own.
    exploitability
        Work out what households could still gain by another price, too.
    data
        The Ausgrid files, for recorded homes in place of synthetic ones.
    set
        Values to change, e.g. --set market.mechanism=pay_as_bid; results are then not those of the task.
    output
        Folder for the tables as Parquet; default: nothing is written.
    """
    chosen = find_task(task)
    if not policies:
        raise ConfigError(
            "no policy was named; give one, see p2p-market list policies, or the folder of a training run"
        )
    learned = [name for name in policies if name not in POLICIES and is_policy_path(name)]
    for name in policies:  # a wrong name or file is told before data is made
        _ = load_policy(name) if name in learned else POLICIES[name]
    if output is not None:
        check_output(output, *EVALUATION_FOLDER)

    from p2p_market.evaluation import evaluate as measure  # noqa: PLC0415 (polars loads only where it is used)

    results = measure(
        policies if len(policies) > 1 else load_policy(policies[0]) if learned else policies[0],
        chosen,
        split=split,
        storage=storage,
        exploitability=exploitability,
        data=data,
        overrides=read_overrides(set),
    )
    console = Console()
    title = f"{chosen.name}, {split}: {results.num_episodes} episodes, seed {results.seed}"
    console.print(title, style="bold", soft_wrap=True)
    console.print(table_of(results))
    notes = ["money in cents a household and day", "to truthful: what it saves more, 95 % interval"]
    if exploitability:
        notes.append("exploit.: what a household could still gain by another price")
    if results.bounds is not None:
        notes.append("captured: share [%] of what could be saved")
    console.print("; ".join(notes), soft_wrap=True)
    if len(policies) > 1:
        heading = f"\n{len(policies)} runs on {results.num_episodes} days, 95 % intervals over both"
        console.print(heading, style="bold")
        console.print(measures_of(results))
        if results.scored_by is not None:
            best = "the day's optimum" if results.scored_by == "optimum" else results.scored_by
            console.print(f"a score is 0 for the grid alone and 1 for {best}")
    if output is not None:
        console.print(f"written to {results.write(output)}", soft_wrap=True, highlight=False)
    if chosen.judged_by == "value_captured" and results.bounds is None:
        hint = "the share of what could be saved needs: pip install 'p2p-market[bounds]'"
        console.print(hint, markup=False, soft_wrap=True)


def table_of(results: EvaluationResults) -> Table:
    """The summary as a table, the evaluated player first and in bold."""
    table = Table(box=None, padding=(0, 1, 0, 0))  # eighty columns hold it
    table.add_column("player")
    shown = [column for column in _COLUMNS if column[1] in results.summary.columns]
    for header, *_ in shown:
        table.add_column(header, justify="right", no_wrap=True)
    for place, row in enumerate(results.summary.iter_rows(named=True)):
        cells = [_cell(row, name, factor, decimals) for _, name, factor, decimals in shown]
        table.add_row(row["player"], *cells, style="bold" if place == 0 else None)
    return table


def measures_of(results: EvaluationResults) -> Table:
    """The measures over runs and days as a table; savings in cents."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("measure")
    for header in ("estimate", "low", "high"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in results.measures.iter_rows(named=True):
        is_money = "saving" in row["measure"]
        name = row["measure"] if row["baseline"] is None else f"{row['measure']} over {row['baseline']}"
        factor, decimals = (100.0, 1) if is_money else (1.0, 3)
        table.add_row(name, *(f"{factor * row[key] + 0.0:.{decimals}f}" for key in ("estimate", "low", "high")))
    return table


def _cell(row: dict[str, float | None], name: str, factor: float, decimals: int) -> str:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{round(factor * value, decimals) + 0.0:.{decimals}f}"

    text = number(row[name])
    if name == "to_truthful_dollars" and row[name]:
        text += f" ({number(row['to_truthful_low'])}..{number(row['to_truthful_high'])})"
    return text
