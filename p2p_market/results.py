"""The results of a run: frames and key figures, and how they are written to a folder."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from p2p_market._version import __version__
from p2p_market.config import Config
from p2p_market.config_loading import dump_config
from p2p_market.errors import MissingExtraError
from p2p_market.metrics import Gains, describe, key_figures, value_captured
from p2p_market.notebook import MOST_ROWS, html_table
from p2p_market.output import check_output, staged
from p2p_market.recorder import COSTS_BESIDE_BILL, DEVICE_COLUMNS, NETWORK_COLUMNS
from p2p_market.types import AnyArray

if TYPE_CHECKING:
    from p2p_market.auction.depth import Transactions
    from p2p_market.controller import AuctionController
    from p2p_market.power_flow.summary import PowerFlowFrames
    from p2p_market.recorder import Recorder

CONFIG_FILE = "config.resolved.yaml"
_POWER_FLOW_FILES = {
    "intervals": "power_flow.parquet",
    "nodes": "power_flow_nodes.parquet",
    "branches": "power_flow_branches.parquet",
}
REPORT_FILE, REPORT_FIGURES = "report.html", "report_figures"
RUN_FOLDER = (
    "a run",
    (
        *(CONFIG_FILE, "intervals.parquet", "households.parquet", "trades.parquet", "kpis.json"),
        *_POWER_FLOW_FILES.values(),
        *(REPORT_FILE, REPORT_FIGURES),
    ),
)


_ENERGY_AND_MONEY = pl.selectors.ends_with("_kwh", "_dollars") - pl.selectors.contains("_per_")


@dataclass(frozen=True, eq=False)
class RunResults:
    """What a run gives back.

    Attributes
    ----------
    config
        The configuration, every key resolved.
    kpis
        Key figures by name, see `p2p_market.metrics.key_figures`.
    intervals
        A row a market and interval.
    households
        A row a market, interval and household.
    trades
        A row a pair of buyer and seller, when asked for.
    power_flow
        Voltages and loadings on a feeder, when asked for.
    """

    config: Config
    kpis: dict[str, float]
    intervals: pl.DataFrame
    households: pl.DataFrame
    trades: pl.DataFrame | None = None
    power_flow: PowerFlowFrames | None = None

    @property
    def _saving(self) -> pl.Expr:
        return saving_of(self.households.columns)

    @property
    def daily_totals(self) -> pl.DataFrame:
        """A row a market and day: energy and money of the street, the mean price of what was traded, and the saving.

        The saving is that of all households together, as in `household_totals`.
        """
        by_day = pl.col("start").dt.date().alias("day")
        turnover = (pl.col("price_dollars_per_kwh") * pl.col("traded_kwh")).sum()
        street = self.intervals.group_by("market", by_day, maintain_order=True).agg(
            _ENERGY_AND_MONEY.sum(),
            price_dollars_per_kwh=pl.when(pl.col("traded_kwh").sum() > 0.0).then(turnover / pl.col("traded_kwh").sum()),
        )
        saved = self.households.group_by("market", by_day, maintain_order=True).agg(saving_dollars=self._saving.sum())
        return street.join(saved, on=["market", "day"], maintain_order="left")

    @property
    def household_totals(self) -> pl.DataFrame:
        """A row a market and household: energy and money over the run, and the saving.

        That is against the bill with the grid alone, and with devices that nobody steers where there are any, whose
        wear and missed comfort it bears, under the same feeder limits.
        """
        return (
            self.households.group_by("market", "household", "role", maintain_order=True)
            .agg(_ENERGY_AND_MONEY.sum())
            .with_columns(saving_dollars=self._saving)
        )

    def _repr_html_(self) -> str:
        homes = self.households["household"].n_unique()
        title = f"{self.config.name}: {homes} households, {self.config.market.mechanism}"
        figures = describe(self.kpis)
        tables = "intervals, households, daily_totals, household_totals"
        return html_table(title, (), figures[:MOST_ROWS], len(figures)) + f"<p>frames: {tables}; key figures: kpis</p>"

    def write(self, folder: str | Path) -> Path:
        """Write configuration, frames, key figures and, where matplotlib is installed, figures.

        Everything is written beside the folder first and takes its place when complete; an earlier run there is
        replaced.

        Raises
        ------
        ConfigError
            If the folder holds something that is not a run.
        """
        target = check_output(folder, *RUN_FOLDER)
        with staged(target) as staging:
            (staging / CONFIG_FILE).write_text(dump_config(self.config), encoding="utf-8")
            self.intervals.write_parquet(staging / "intervals.parquet")
            self.households.write_parquet(staging / "households.parquet")
            if self.trades is not None:
                self.trades.write_parquet(staging / "trades.parquet")
            if self.power_flow is not None:
                for name, file in _POWER_FLOW_FILES.items():
                    getattr(self.power_flow, name).write_parquet(staging / file)
            figures = {name: value if math.isfinite(value) else None for name, value in self.kpis.items()}
            summary = {"version": __version__, "config": self.config.digest, "kpis": figures}
            (staging / "kpis.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            if self.config.run.figures:
                self._write_figures(staging)
        return target

    def _write_figures(self, folder: Path) -> None:
        from p2p_market.view.figures import write_figures  # noqa: PLC0415 (matplotlib is optional)

        try:
            write_figures(self, folder)
        except MissingExtraError:
            return


def saving_of(columns: Collection[str]) -> pl.Expr:
    """What is saved against the grid alone and devices that nobody steers, of a frame with these columns [$]."""
    if "default_bill_dollars" not in columns:
        return pl.col("grid_only_bill_dollars") - pl.col("bill_dollars")
    costs = [name for name in COSTS_BESIDE_BILL if name in columns]
    return pl.col("default_bill_dollars") - pl.sum_horizontal("bill_dollars", *costs)


def frames_of(
    controller: AuctionController,
    recorder: Recorder,
    gains: Gains,
    trades: list[tuple[int, int, Transactions]] | None,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None]:
    """Build the frames of intervals, households and, when there are any, trades."""
    calendar = controller.model.scenario.calendar
    num_intervals, num_markets = recorder.row.shape
    num_households = recorder.profile.shape[1]
    market = np.tile(np.arange(num_markets), num_intervals)
    start = calendar.start[recorder.row].reshape(-1)

    columns = recorder.households
    intervals: dict[str, AnyArray] = {"market": market, "start": start.astype("datetime64[ms]")}
    summed = ("demand_kwh", "pv_kwh", "grid_import_kwh", "grid_export_kwh", "bill_dollars", "grid_only_bill_dollars")
    of_devices = (*DEVICE_COLUMNS, *(f"{kind}_kwh" for kind in recorder.devices)) if recorder.devices else ()
    of_network = () if recorder.network is None else ("default_bill_dollars", *NETWORK_COLUMNS)
    for name in dict.fromkeys((*summed, *of_devices, *of_network)):
        intervals[name] = columns[name].sum(axis=2).reshape(-1)
    for name, values in recorder.markets.items():
        intervals[name] = values.reshape(-1)
    intervals["gains_dollars"] = gains.achieved.reshape(-1)
    intervals["best_gains_dollars"] = gains.best.reshape(-1)

    names, roles = controller.names, controller.model.scenario.street.roles
    households: dict[str, AnyArray | pl.Series] = {
        "market": np.repeat(market, num_households),
        "start": np.repeat(start.astype("datetime64[ms]"), num_households),
        "household": _repeated(names, len(market)),
        "role": _repeated(roles, len(market)),
    }
    for name, values in columns.items():
        households[name] = values.reshape(-1)
    prices = pl.selectors.contains("price") & pl.selectors.float()  # nan is "no price", and nothing else
    frames = [pl.DataFrame(table).with_columns(prices.fill_nan(None)) for table in (intervals, households)]
    pairs = None if trades is None else _pairs(trades, names, calendar.start[recorder.row])
    return frames[0], frames[1], pairs


def summarise(
    controller: AuctionController, recorder: Recorder, gains: Gains, bounds: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Key figures of a finished run, and where they stand between the ``bounds``, where these are given."""
    figures = key_figures(recorder, gains, controller.model.scenario.interval_hours)
    if bounds is not None:
        figures |= {**bounds, "value_captured": value_captured(figures, bounds["optimal_cost_dollars"])}
    return figures


def _repeated(values: Sequence[str], times: int) -> pl.Series:
    return pl.Series(values).gather(np.tile(np.arange(len(values), dtype=np.uint32), times))


def _pairs(trades: list[tuple[int, int, Transactions]], names: Sequence[str], start: AnyArray) -> pl.DataFrame:
    household = pl.Series(names)

    def column(values: list[AnyArray]) -> AnyArray:
        return np.concatenate(values) if values else np.empty(0)

    def parties(values: list[AnyArray]) -> pl.Series:
        return household.gather(column(values).astype(np.uint32))

    sizes = [len(pairs) for _, _, pairs in trades]
    intervals = np.repeat(np.array([t for t, _, _ in trades], dtype=np.int64), sizes)
    markets = np.repeat(np.array([b for _, b, _ in trades], dtype=np.int64), sizes)
    return pl.DataFrame(
        {
            "market": markets,
            "start": start[intervals, markets].astype("datetime64[ms]"),
            "buyer": parties([pairs.buyer for _, _, pairs in trades]),
            "seller": parties([pairs.seller for _, _, pairs in trades]),
            "quantity_kwh": column([pairs.quantity for _, _, pairs in trades]),
            "buyer_price_dollars_per_kwh": column([pairs.buyer_price for _, _, pairs in trades]),
            "seller_price_dollars_per_kwh": column([pairs.seller_price for _, _, pairs in trades]),
        }
    )
