"""Folders of results as a report reads them: whatever is there and can be used, and notes on what cannot."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from p2p_market.devices import DEVICES
from p2p_market.errors import ConfigError, DataError, P2PMarketError
from p2p_market.results import CONFIG_FILE, saving_of
from p2p_market.yaml_files import read_yaml

PROGRESS_FILE = "progress.csv"
COMPARISON_FILE = "comparison.yaml"
MOST_RUNS = 12
"""Runs that one report can tell apart."""
_STORES = ("battery", "electric_vehicle")
_TEXT = ("household", "role", "buyer", "seller")
_FLOWS = ("demand_kwh", "pv_kwh", "traded_kwh", "grid_import_kwh", "grid_export_kwh")


@dataclass(frozen=True, eq=False)
class Run:
    """One folder: a simulated run, a training run, or both.

    Attributes
    ----------
    label
        What it is called; no two runs of a report are called alike.
    folder
        Where it lies.
    config
        The resolved configuration, as it stands in the file.
    kpis
        Key figures that have a value.
    tables
        ``intervals`` and ``households``: lazy frames of the usable columns, rows in the order of time.
    progress
        The journal of a training, or ``None``.
    notes
        What could not be read, sentence by sentence.
    """

    label: str
    folder: Path
    config: Mapping[str, Any]
    kpis: Mapping[str, float]
    tables: Mapping[str, pl.LazyFrame]
    progress: pl.DataFrame | None
    notes: tuple[str, ...]

    @property
    def mechanism(self) -> str:
        """Name of the market mechanism; empty where the configuration does not say."""
        market = self.config.get("market")
        return str(market.get("mechanism", "")) if isinstance(market, Mapping) else ""

    @property
    def is_simulated(self) -> bool:
        """Whether it is, or should be, a run with intervals, and no mere training."""
        return bool(self.tables) or self.progress is None

    def columns(self, table: str) -> list[str]:
        """Names of the usable columns."""
        return list(self._schemas.get(table, ()))

    @cached_property
    def _schemas(self) -> dict[str, list[str]]:
        return {name: frame.collect_schema().names() for name, frame in self.tables.items()}

    def lacks(self, needs: Mapping[str, Collection[str]]) -> str | None:
        """Say in words what is missing of tables and columns; ``None`` if nothing is."""
        for table, columns in needs.items():
            if table == "progress":
                if self.progress is None:
                    return f"it has no {PROGRESS_FILE}"
                continue
            if table not in self.tables:
                return f"it has no usable {table}.parquet"
            missing = [name for name in columns if name not in self.columns(table)]
            if missing:
                plural = "s" if len(missing) > 1 else ""
                return f"{table}.parquet has no usable column{plural} {', '.join(map(repr, missing))}"
            if table == "intervals" and self.num_intervals == 0:
                return "it has no intervals"
        return None

    @cached_property
    def num_intervals(self) -> int:
        """Intervals of the first market."""
        return self.intervals.height if "intervals" in self.tables else 0

    @cached_property
    def intervals(self) -> pl.DataFrame:
        """Intervals of the first market, in the order of time."""
        return (
            _first_market(self.tables["intervals"])
            .sort("start")
            .collect()
            .unique("start", keep="first", maintain_order=True)
        )

    @property
    def households(self) -> pl.LazyFrame:
        """Rows of the households of the first market."""
        return _first_market(self.tables["households"])

    @cached_property
    def minutes(self) -> int:
        """Length of an interval [min]; half an hour where there is only one to tell from."""
        step = self.intervals["start"].diff().drop_nulls().min()
        return max(1, int(step.total_seconds()) // 60) if step is not None else 30  # type: ignore[union-attr] # a difference of times

    @cached_property
    def flows(self) -> pl.DataFrame:
        """Energy of the street by interval [kWh], with what stores and other devices took and gave.

        Needs the columns of intervals that `FLOW_COLUMNS` names; devices come from the households, of which some may
        charge while others discharge.
        """
        has = self.columns("intervals")
        optional = [name for name in ("curtailed_kwh", "shed_kwh") if name in has]
        flows = self.intervals.select("start", *_FLOWS, *optional)
        of_devices = self._of_devices()
        if of_devices is not None:
            flows = flows.join(of_devices, on="start", how="left", maintain_order="left")
        names = ("stored_kwh", "released_kwh", "other_devices_kwh", "curtailed_kwh", "shed_kwh")
        missing = [pl.lit(0.0).alias(name) for name in names if name not in flows.columns]
        return flows.with_columns(*missing).fill_null(0.0)

    def _of_devices(self) -> pl.DataFrame | None:
        kinds = [kind for kind in DEVICES if f"{kind}_kwh" in self.columns("households")]
        if not kinds or "start" not in self.columns("households"):
            return None
        stores = [pl.col(f"{kind}_kwh") for kind in kinds if kind in _STORES] or [pl.lit(0.0)]
        others = [pl.col(f"{kind}_kwh") for kind in kinds if kind not in _STORES] or [pl.lit(0.0)]
        return (
            self.households.group_by("start", maintain_order=True)
            .agg(
                stored_kwh=pl.sum_horizontal(sum_of(store.clip(lower_bound=0.0)) for store in stores),
                released_kwh=pl.sum_horizontal(sum_of(-store.clip(upper_bound=0.0)) for store in stores),
                other_devices_kwh=pl.sum_horizontal(sum_of(other) for other in others),
            )
            .collect()
        )

    @cached_property
    def homes(self) -> pl.DataFrame:
        """A row a household of the first market: role, saving [$], largest PV power [kW], what its battery moved."""
        has = self.columns("households")
        hours = self.minutes / 60.0 if "intervals" in self.tables and self.num_intervals else 0.5
        battery = sum_of(pl.col("battery_kwh").abs()) if "battery_kwh" in has else pl.lit(0.0)
        charge = pl.col("state_of_charge").abs().max() if "state_of_charge" in has else pl.lit(0.0)
        return (
            self.households.group_by("household", maintain_order=True)
            .agg(
                role=pl.col("role").first() if "role" in has else pl.lit("household"),
                saving_dollars=sum_of(saving_of(has)),
                pv_kw=pl.col("pv_kwh").max() / hours if "pv_kwh" in has else pl.lit(0.0),
                battery_moved_kwh=battery,
                has_battery=(battery + charge) > 1e-9,
            )
            .collect()
        )

    @cached_property
    def days(self) -> pl.DataFrame:
        """A row a day, means over markets: saving [$ a household], energy [kWh a household], largest import [kW]."""
        has, hours = self.columns("intervals"), self.minutes / 60.0
        num_homes = self.homes.height if self.lacks({"households": HOME_COLUMNS}) is None else 1
        return (
            self.tables["intervals"]
            .group_by("market", day=pl.col("start").dt.date(), maintain_order=True)
            .agg(
                saving=sum_of(saving_of(has)) / num_homes,
                traded=sum_of(pl.col("traded_kwh")) / num_homes,
                imported=sum_of(pl.col("grid_import_kwh")) / num_homes,
                peak=pl.col("grid_import_kwh").max() / hours,
            )
            .group_by("day", maintain_order=True)
            .agg(pl.exclude("market", "day").mean().round(9))
            .sort("day")
            .collect()
        )


FLOW_COLUMNS = _FLOWS
SAVING_COLUMNS = ("bill_dollars", "grid_only_bill_dollars")
HOME_COLUMNS = ("household", *SAVING_COLUMNS)


def sum_of(values: pl.Expr) -> pl.Expr:
    """A sum without its last digits, which depend on the order in which processor cores finish their parts."""
    return values.sum().round(9)


def load_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read folders of `p2p_market.run` or of a training.

    Raises
    ------
    ConfigError
        If there are none or too many, or one is named twice.
    DataError
        If one is no such folder, or nothing in it can be read.
    """
    paths = [Path(folder) for folder in folders]
    if not 1 <= len(paths) <= MOST_RUNS:
        raise ConfigError(f"a report shows 1 to {MOST_RUNS} runs, and {len(paths)} were given")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise ConfigError(f"run {str(path)!r} was given twice")
        seen.add(path.resolve())
    return _with_own_labels([load_run(path) for path in paths])


def load_run(folder: Path) -> Run:
    """Read one folder; see `load_runs`."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"run {str(folder)!r} {what}; expected a folder that 'p2p-market run' or 'train' has written")
    if (folder / COMPARISON_FILE).exists():
        raise DataError(
            f"{str(folder)!r} holds a comparison, which keeps no runs; give the folders of runs, two or more to compare"
        )
    files = {name: folder / f"{name}.parquet" for name in ("intervals", "households")}
    if not any(path.exists() for path in (*files.values(), folder / PROGRESS_FILE)):
        raise DataError(
            f"{str(folder)!r} is not a run: it has neither intervals.parquet nor {PROGRESS_FILE}; "
            "expected a folder that 'p2p-market run' or 'train' has written"
        )
    notes: list[str] = []
    config = _config(folder / CONFIG_FILE, notes)
    progress = _progress(folder / PROGRESS_FILE, notes)
    is_simulated = progress is None or any(path.exists() for path in files.values())
    tables = {} if not is_simulated else {name: _table(path, notes) for name, path in files.items()}
    found = {name: frame for name, frame in tables.items() if frame is not None}
    if not found and progress is None:
        raise DataError(f"nothing in {str(folder)!r} can be read: {' '.join(notes)}")
    kpis = _kpis(folder / "kpis.json", notes) if is_simulated else {}
    run = Run(str(config.get("name") or folder.resolve().name), folder, config, kpis, found, progress, tuple(notes))
    if "intervals" in found and not run.num_intervals:
        run = replace(run, notes=(*notes, "The run has no intervals, so there is little to show."))
    return run


def _config(path: Path, notes: list[str]) -> dict[str, Any]:
    try:
        return read_yaml(path)
    except P2PMarketError as error:
        notes.append(f"{path.name} cannot be read ({_first_line(error)}); names and settings are missing here.")
        return {}


def _kpis(path: Path, notes: list[str]) -> dict[str, float]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["kpis"].items()
        return {str(name): float(value) for name, value in values if value is not None and math.isfinite(value)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        notes.append(f"{path.name} cannot be read ({_first_line(error)}); key figures are missing here.")
        return {}


def _progress(path: Path, notes: list[str]) -> pl.DataFrame | None:
    """The journal as numbers; a last line that was cut off is left out."""
    if not path.exists():
        return None
    try:
        frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        notes.append(f"{path.name} cannot be read ({_first_line(error)}).")
        return None
    numbers = frame.with_columns(pl.all().cast(pl.Float64, strict=False))
    if "agent_steps" not in numbers.columns:
        notes.append(f"{path.name} has no column 'agent_steps', so there are no learning curves.")
        return None
    return numbers.drop_nulls("agent_steps")


def _table(path: Path, notes: list[str]) -> pl.LazyFrame | None:
    """Columns of a file that have the type their name promises; infinite and undefined numbers become no value."""
    if not path.exists():
        notes.append(f"{path.name} is missing.")
        return None
    try:
        frame = pl.scan_parquet(path, glob=False)
        schema = frame.collect_schema()
        frame.select(pl.all().last()).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        notes.append(
            f"{path.name} cannot be read, as after a run that was interrupted ({_first_line(error)}); "
            "what needs it is left out."
        )
        return None
    except pl.exceptions.PanicException as error:  # polars' own code gave up on broken pages
        notes.append(f"{path.name} is damaged ({_first_line(error)}); what needs it is left out.")
        return None
    usable = []
    for name, kind in schema.items():
        column = _usable(name, kind)
        if column is None:
            notes.append(f"{path.name}: column {name!r} holds values of type {kind}, which cannot be used here.")
        else:
            usable.append(column)
    if "start" not in schema or _usable("start", schema["start"]) is None:
        notes.append(f"{path.name} has no usable column 'start'; what needs it is left out.")
        return None
    return frame.select(usable if "market" in schema else [*usable, pl.lit(0.0).alias("market")])


def _usable(name: str, kind: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if name == "start":
        return column.dt.replace_time_zone(None).cast(pl.Datetime("ms")) if isinstance(kind, pl.Datetime) else None
    if name in _TEXT:
        return column.cast(pl.String) if kind in (pl.String, pl.Categorical) or kind.is_integer() else None
    if kind.is_float():
        return pl.when(column.is_finite()).then(column).alias(name)
    return column.cast(pl.Float64) if kind.is_integer() else None


def _first_market(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.filter(pl.col("market") == pl.col("market").min())


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def _with_own_labels(runs: list[Run]) -> list[Run]:
    """Names of configurations; where two are alike, with the folder's name; where those are too, with a number."""
    labels = [run.label for run in runs]
    if len(set(labels)) < len(runs):
        labels = [
            f"{run.label} ({run.folder.resolve().name})" if labels.count(run.label) > 1 else run.label for run in runs
        ]
    own = [
        f"{label} {labels[:place].count(label) + 1}" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]
    return [replace(run, label=label) for run, label in zip(runs, own, strict=True)]
