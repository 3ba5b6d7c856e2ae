"""Running a comparison and putting its results side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from p2p_market.comparison.plan import Case, ComparisonConfig, list_cases, load_comparison
from p2p_market.comparison.statistics import gini, paired_difference
from p2p_market.errors import MissingExtraError
from p2p_market.experiment import run
from p2p_market.notebook import MOST_ROWS, as_text, html_table
from p2p_market.output import check_output, staged
from p2p_market.recorder import COSTS_BESIDE_BILL
from p2p_market.results import RunResults
from p2p_market.view.comparison_figures import write_comparison_figures

Progress = Callable[[int, int, str], None]

COMPARISON_FILE = "comparison.yaml"
_FOLDER = ("a comparison", (COMPARISON_FILE, "summary.parquet", "days.parquet", "households.parquet"))
_CASE = ("street", "population", "size", "entry")
_GROUP = ("street", "population", "size")
_SAME_DISPATCH = "grid_only_bill_dollars"
_COSTS = (
    "community_cost_dollars",
    "grid_only_cost_dollars",
    "selfish_cost_dollars",
    "optimal_cost_dollars",
    "optimal_plan_cost_dollars",
)
_DIFFERENCES = tuple(
    f"{name}{end}"
    for name in ("saving_difference_dollars", "surplus_difference_dollars", "efficiency_difference")
    for end in ("", "_low", "_high")
)


@dataclass(frozen=True, eq=False)
class ComparisonResults:
    """What a comparison gives back.

    Attributes
    ----------
    config
        The comparison.
    summary
        A row a case: key figures, and the differences to the reference with their intervals.
    days
        A row a case and day: money and energy of the whole street, all markets together.
    households
        A row a case, market and household: bills and saving over the run.
    """

    config: ComparisonConfig
    summary: pl.DataFrame
    days: pl.DataFrame
    households: pl.DataFrame

    def _repr_html_(self) -> str:
        header = ("street", "population", "homes", "mechanism", "efficiency [%]", "price [c/kWh]", "saving [c]")
        rows = (
            (
                *(str(row[name]) for name in _CASE),
                as_text(100.0 * row["allocative_efficiency"], 1),
                as_text(100.0 * row["mean_price_dollars_per_kwh"], 1),
                as_text(100.0 * row["saving_dollars"], 1),
            )
            for row in self.summary.head(MOST_ROWS).iter_rows(named=True)
        )
        title = f"{self.config.name}: {self.summary.height} cases; saving a household and day"
        return html_table(title, header, rows, self.summary.height)

    def write(self, folder: str | Path) -> Path:
        """Write the comparison, its frames and, where matplotlib is installed, figures to a folder.

        Raises
        ------
        ConfigError
            If the folder holds something else.
        """
        target = check_output(folder, *_FOLDER)
        with staged(target) as staging:
            text = yaml.safe_dump(self.config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
            (staging / COMPARISON_FILE).write_text(text, encoding="utf-8")
            self.summary.write_parquet(staging / "summary.parquet")
            self.days.write_parquet(staging / "days.parquet")
            self.households.write_parquet(staging / "households.parquet")
            with suppress(MissingExtraError):
                write_comparison_figures(self.summary, staging)
        return target


def compare(
    source: ComparisonConfig | Mapping[str, Any] | str | Path,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
) -> ComparisonResults:
    """Run every case of a comparison on the same data, days and seeds.

    Parameters
    ----------
    source
        A YAML file, a mapping, or a finished `ComparisonConfig`.
    output
        Folder to write the results to; ``None`` writes nothing.
    progress
        Called after every case with the number done, the number of all, and the case's name.

    Raises
    ------
    ConfigError, DataError, MechanismError
        For anything wrong; nothing is written then.
    """
    comparison = load_comparison(source)
    if output is not None:
        check_output(output, *_FOLDER)
    cases = list_cases(comparison)
    days, households = [], []
    figures: list[dict[str, Any]] = []
    for number, case in enumerate(cases, start=1):
        results = run(case.config)
        label = _label(case, results)
        columns = {name: pl.lit(value) for name, value in label.items()}
        totals = results.household_totals
        days.append(_by_day(results).with_columns(**columns))
        households.append(totals.with_columns(**columns))
        figures.append(label | _figures(results, totals))
        if progress is not None:
            progress(number, len(cases), ", ".join(str(value) for value in label.values()))
    all_days = pl.concat(days).select(*_CASE, pl.exclude(_CASE))
    summary = pl.DataFrame(figures).with_columns(_differences(comparison, figures, all_days)).drop("num_homes")
    compared = ComparisonResults(comparison, summary, all_days, pl.concat(households).select(*_CASE, pl.exclude(_CASE)))
    if output is not None:
        compared.write(output)
    return compared


def _by_day(results: RunResults) -> pl.DataFrame:
    """Sums of each day over all markets; with devices the saving is against devices that nobody steers."""
    costs = [name for name in COSTS_BESIDE_BILL if name in results.intervals.columns]
    baseline = "default_bill_dollars" if "default_bill_dollars" in results.intervals.columns else _SAME_DISPATCH
    columns = (
        "traded_kwh",
        "grid_import_kwh",
        "bill_dollars",
        _SAME_DISPATCH,
        "operator_surplus_dollars",
        "network_payment_dollars",
        "gains_dollars",
        "best_gains_dollars",
    )
    return (
        results.intervals.with_columns(saving_dollars=pl.col(baseline) - pl.sum_horizontal("bill_dollars", *costs))
        .group_by(day=pl.col("start").dt.date(), maintain_order=True)
        .agg(pl.col(*columns, "saving_dollars").sum())
    )


def _figures(results: RunResults, totals: pl.DataFrame) -> dict[str, float]:
    """The figures of one case, a household and day where money; costs of bounds and value captured nan without them."""
    kpis = results.kpis
    num_days = results.intervals["start"].dt.date().n_unique()
    saving = totals["saving_dollars"].to_numpy() / num_days
    num_households = totals.height / results.config.run.num_markets
    costs = {name: kpis.get(name, float("nan")) / num_days / num_households for name in _COSTS}
    low, middle, high = np.quantile(saving, [0.1, 0.5, 0.9])
    return {
        "num_homes": totals.height,
        "allocative_efficiency": kpis["allocative_efficiency"],
        "mean_price_dollars_per_kwh": kpis["mean_price_dollars_per_kwh"],
        "traded_kwh_a_day": kpis["traded_kwh"] / num_days,
        "self_sufficiency": kpis["self_sufficiency"],
        "operator_surplus_dollars": kpis["operator_surplus_dollars"] / num_days / num_households,
        "saving_dollars": float(saving.mean()),
        "saving_q10_dollars": float(low),
        "saving_median_dollars": float(middle),
        "saving_q90_dollars": float(high),
        "worst_saving_dollars": float(saving.min()),
        "share_better_off": kpis["share_better_off"],
        "gini_of_savings": gini(saving),
        **costs,
        "value_captured": kpis.get("value_captured", float("nan")),
    }


def _label(case: Case, results: RunResults) -> dict[str, str | int]:
    size = results.households["household"].n_unique()
    return {"street": case.street, "population": case.population, "size": size, "entry": case.entry}


def _differences(comparison: ComparisonConfig, cases: list[dict[str, Any]], days: pl.DataFrame) -> pl.DataFrame:
    """Differences of every case to the reference of its group, with bootstrap intervals over the days; a row a case."""
    rows = []
    for case in cases:
        here = days.filter(*(pl.col(name) == case[name] for name in _GROUP))
        own = here.filter(pl.col("entry") == case["entry"]).sort("day")
        reference = here.filter(pl.col("entry") == comparison.reference).sort("day")
        row: dict[str, float | None] = {}
        if reference.height == own.height:
            per_day = np.full(own.height, float(case["num_homes"]))
            for name, column, weights in (
                ("saving_difference_dollars", "saving_dollars", per_day),
                ("surplus_difference_dollars", "operator_surplus_dollars", per_day),
                ("efficiency_difference", "gains_dollars", own["best_gains_dollars"].to_numpy()),
            ):
                interval = paired_difference(
                    own[column].to_numpy(),
                    reference[column].to_numpy(),
                    weights,
                    confidence=comparison.confidence,
                    num_resamples=comparison.num_resamples,
                )
                row |= {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row)
    return pl.DataFrame(rows, schema=dict.fromkeys(_DIFFERENCES, pl.Float64))
