"""Slices of a run's frames: pure functions that read no more rows than a part of the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from p2p_market.recorder import COSTS_BESIDE_BILL
from p2p_market.replay.source import HOUSEHOLD_COLUMNS, INTERVAL_COLUMNS, PAIR_COLUMNS, SCALED_COLUMNS
from p2p_market.types import AnyArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class MarketCourse:
    """One market over the whole run."""

    starts: IntArray  # (T,) [ms since 1970, of the local clock]
    columns: dict[str, FloatArray]  # (T,) those of `INTERVAL_COLUMNS` that were recorded; nan where no value

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, eq=False)
class Households:
    """The households of one market, and what they came to over the run."""

    names: list[str]
    roles: list[str]
    bill: FloatArray  # (N,) [$]; nan where not recorded, as below
    saving: FloatArray  # (N,) [$] against the grid alone
    largest: dict[str, FloatArray]  # (N,) largest size of a column


def markets_of(intervals: pl.LazyFrame) -> list[int]:
    """Numbers of the markets."""
    numbers: list[int] = intervals.select(pl.col("market").drop_nulls().unique().sort()).collect()["market"].to_list()
    return numbers


def course_of(intervals: pl.LazyFrame, market: int) -> MarketCourse:
    """Read the intervals of a market in the order of time; of two with the same start the later row."""
    present = _present(intervals, INTERVAL_COLUMNS)
    rows = (
        intervals.filter(pl.col("market") == market, pl.col("start").is_not_null())
        .select("start", *present)
        .unique("start", keep="last", maintain_order=True)
        .sort("start")
        .collect()
    )
    return MarketCourse(_milliseconds(rows["start"]), {name: _floats(rows[name]) for name in present})


def households_of(households: pl.LazyFrame, market: int) -> Households:
    """Sum up the households of a market, in the order in which they first appear."""
    present = _present(households)
    scaled = [name for name in SCALED_COLUMNS if name in present]
    rows = (
        households.filter(pl.col("market") == market, pl.col("household").is_not_null())
        .group_by("household", maintain_order=True)
        .agg(
            (pl.col("role").first() if "role" in present else pl.lit("")).alias("role"),
            _sum_of("bill_dollars", present).alias("bill"),
            _saving(present).alias("saving"),
            *(pl.col(name).abs().max().alias(name) for name in scaled),
        )
        .collect()
    )
    return Households(
        names=rows["household"].to_list(),
        roles=rows["role"].fill_null("").to_list(),
        bill=_floats(rows["bill"]),
        saving=_floats(rows["saving"]),
        largest={name: _floats(rows[name]) for name in scaled},
    )


def block_of(households: pl.LazyFrame, market: int, starts: IntArray, names: Sequence[str]) -> dict[str, FloatArray]:
    """Read consecutive intervals of all households.

    Parameters
    ----------
    households
        The frame.
    market
        Number of the market.
    starts
        ``(T,)`` starts of the intervals [ms], in the order of time.
    names
        ``(N,)`` names of the households.

    Returns
    -------
    dict
        ``(T, N)`` by column, those of `HOUSEHOLD_COLUMNS` that were recorded; nan where a row is missing.
    """
    present = _present(households, HOUSEHOLD_COLUMNS)
    rows = _between(households, market, starts).select("start", "household", *present).collect()
    moment, slot, known = _places(rows, starts, rows["household"], names)
    block = {}
    for name in present:
        table = np.full((len(starts), len(names)), np.nan)
        table[moment, slot] = _floats(rows[name])[known]
        block[name] = table
    return block


def pairs_of(
    trades: pl.LazyFrame, market: int, starts: IntArray, names: Sequence[str]
) -> tuple[IntArray, IntArray, IntArray, dict[str, FloatArray]]:
    """Read who traded with whom in consecutive intervals: interval, seller, buyer ``(P,)``, and columns of them."""
    present = _present(trades, PAIR_COLUMNS)
    rows = _between(trades, market, starts).select("start", "buyer", "seller", *present).collect()
    moment, seller, known = _places(rows, starts, rows["seller"], names)
    rows, buyer = rows.filter(known), _numbers(rows["buyer"], names)[known]
    real = buyer >= 0
    columns = {name: _floats(rows[name])[real] for name in present}
    return moment[real], seller[real], buyer[real], columns


def largest_pair_of(trades: pl.LazyFrame, market: int) -> float:
    """The most that two households traded in an interval [kWh]; 0 where none did."""
    largest = trades.filter(pl.col("market") == market).select(pl.col("quantity_kwh").max()).collect().item()
    return largest or 0.0


def day_of(households: pl.LazyFrame, market: int, starts: IntArray, name: str) -> dict[str, FloatArray]:
    """Read consecutive intervals of one household: ``(T,)`` by column."""
    mine = households.filter(pl.col("household") == name)
    return {column: values[:, 0] for column, values in block_of(mine, market, starts, [name]).items()}


def binned(course: MarketCourse, most: int) -> tuple[IntArray, dict[str, FloatArray]]:
    """Thin a course out for a strip of a few hundred pixels.

    Parameters
    ----------
    course
        The market's course.
    most
        Largest number of bins.

    Returns
    -------
    tuple
        First interval of each bin ``(S,)``, and ``(S,)`` by column: means, of prices those of the traded energy.
    """
    number = len(course)
    edges = np.unique(np.linspace(0, number, min(most, number) + 1).astype(np.int64))[:-1]
    sizes = np.diff(np.append(edges, number))
    means = {}
    for name, values in course.columns.items():
        weights = np.ones(number)
        if name == "price_dollars_per_kwh" and "traded_kwh" in course.columns:
            weights = np.nan_to_num(course.columns["traded_kwh"])
        weights = np.where(np.isnan(values), 0.0, weights)
        total = np.add.reduceat(weights, edges)
        summed = np.add.reduceat(weights * np.nan_to_num(values), edges)
        means[name] = np.divide(summed, total, out=np.full(len(sizes), np.nan), where=total > 0.0)
    return edges, means


def _present(frame: pl.LazyFrame, names: Sequence[str] | None = None) -> list[str]:
    schema = frame.collect_schema()
    return list(schema) if names is None else [name for name in names if name in schema]


def _sum_of(name: str, present: Sequence[str]) -> pl.Expr:
    return pl.col(name).sum() if name in present else pl.lit(None, pl.Float64)


def _saving(present: Sequence[str]) -> pl.Expr:
    """As `RunResults.household_totals` has it, from what was recorded."""
    if "default_bill_dollars" not in present:
        return _sum_of("grid_only_bill_dollars", present) - _sum_of("bill_dollars", present)
    costs = [pl.col(name).sum() for name in COSTS_BESIDE_BILL if name in present]
    return pl.col("default_bill_dollars").sum() - pl.sum_horizontal(_sum_of("bill_dollars", present), *costs)


def _between(frame: pl.LazyFrame, market: int, starts: IntArray) -> pl.LazyFrame:
    # a range, and not a list of times: whole row groups are passed over by it without being read
    first, last = (pl.lit(int(starts[i])).cast(pl.Datetime("ms")) for i in (0, -1))
    return frame.filter(pl.col("start").is_between(first, last), pl.col("market") == market)


def _places(
    rows: pl.DataFrame, starts: IntArray, household: pl.Series, names: Sequence[str]
) -> tuple[IntArray, IntArray, AnyArray]:
    """Interval and household of the rows that have both, and which rows those are."""
    times, slot = _milliseconds(rows["start"]), _numbers(household, names)
    moment = np.minimum(np.searchsorted(starts, times), len(starts) - 1)
    known = (slot >= 0) & (starts[moment] == times)
    return moment[known], slot[known], known


def _numbers(household: pl.Series, names: Sequence[str]) -> IntArray:
    places = pl.Series(range(len(names)), dtype=pl.Int64)
    numbers: IntArray = household.replace_strict(
        pl.Series(names, dtype=pl.String), places, default=-1, return_dtype=pl.Int64
    ).to_numpy()
    return numbers


def _milliseconds(times: pl.Series) -> IntArray:
    values: IntArray = times.cast(pl.Int64).to_numpy()
    return values


def _floats(values: pl.Series) -> FloatArray:
    numbers: FloatArray = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return numbers
