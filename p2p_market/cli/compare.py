"""``p2p-market compare``: mechanisms side by side on the same streets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from p2p_market.cli.options import Assignments, read_overrides

if TYPE_CHECKING:
    from p2p_market.comparison import ComparisonResults


def compare(
    config: Annotated[Path, tyro.conf.Positional],
    *,
    set: Assignments = (),  # noqa: A002 (the option's name)
    output: Path | None = None,
    quiet: bool = False,
) -> None:
    """Run several mechanisms on the same homes, days and bidders, and print how they differ.

    Parameters
    ----------
    config
        YAML file of a comparison, e.g. configs/compare_mechanisms.yaml.
    set
        Values to change, e.g. --set sizes=[10] base.run.days=7.
    output
        Folder for results; default runs/NAME of the comparison.
    quiet
        Print nothing but errors.
    """
    from p2p_market.comparison import compare as run_comparison  # noqa: PLC0415 (polars loads only where it is used)
    from p2p_market.comparison import load_comparison  # noqa: PLC0415

    comparison = load_comparison(config, read_overrides(set))
    folder = Path("runs") / comparison.name if output is None else output
    console = Console(quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("runs", total=None)
        results = run_comparison(
            comparison,
            output=folder,
            progress=lambda done, total, name: bar.update(task, completed=done, total=total, description=name),
        )
    for table in tables(results):
        console.print(table)
        console.print()
    level = f"{100.0 * comparison.confidence:g} %"
    console.print(f"difference: of the saving to {comparison.reference}, {level} interval over days", soft_wrap=True)
    written = ", ".join(sorted(path.name for path in folder.iterdir()))
    console.print(f"written to {folder}: {written}", soft_wrap=True)


def tables(results: ComparisonResults) -> list[Table]:
    """One table a street, population and size; money a household and day."""
    made = []
    for (street, population, size), rows in results.summary.group_by(
        "street", "population", "size", maintain_order=True
    ):
        title = f"{street}, {population}, {size} households; money in cents a household and day"
        table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
        table.add_column("mechanism", no_wrap=True)
        has_bounds = rows["optimal_cost_dollars"].is_not_nan().any()
        headers = ("efficiency", "c/kWh", "saving", "difference", "worst", "operator", "Gini")
        for header in (*headers, *(("cost", "captured") if has_bounds else ())):
            table.add_column(header, justify="right", no_wrap=True)
        for row in rows.iter_rows(named=True):
            of_bounds = (_cents(row["community_cost_dollars"]), _number(100.0 * row["value_captured"], 1))
            table.add_row(row["entry"], *_cells(row), *(of_bounds if has_bounds else ()))
        if has_bounds:
            table.caption, table.caption_justify = _bounds(rows.row(0, named=True)), "left"
        made.append(table)
    return made


def _bounds(row: dict[str, float]) -> str:
    """Between which costs the mechanisms of a street stand; they are the street's, whatever the mechanism."""
    names = ("grid_only_cost_dollars", "selfish_cost_dollars", "optimal_cost_dollars", "optimal_plan_cost_dollars")
    alone, selfish, optimum, plan = (_cents(row[name]) for name in names)
    return f"cost with the grid alone {alone}, selfish {selfish}, optimum {optimum}, a plan near it {plan}"


def _cells(row: dict[str, float]) -> list[str]:
    difference = "-"
    if row["saving_difference_dollars"] is not None:
        low, high = row["saving_difference_dollars_low"], row["saving_difference_dollars_high"]
        difference = f"{_cents(low)}..{_cents(high)}"
    return [
        _number(100.0 * row["allocative_efficiency"], 1),
        _number(100.0 * row["mean_price_dollars_per_kwh"], 1),
        _cents(row["saving_dollars"]),
        difference,
        _cents(row["worst_saving_dollars"]),
        _cents(row["operator_surplus_dollars"]),
        _number(row["gini_of_savings"], 2),
    ]


def _cents(dollars: float) -> str:
    return _number(100.0 * dollars, 1)


def _number(value: float, decimals: int, unit: str = "") -> str:
    return "-" if np.isnan(value) else f"{round(value, decimals) + 0.0:.{decimals}f}{unit}"
