"""The files of a run that a page is made of: found, checked, and opened lazily."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.errors import ConfigError, DataError
from p2p_market.yaml_files import read_yaml

FRAMES = ("intervals.parquet", "households.parquet", "trades.parquet")
_NEEDED = {
    "intervals.parquet": ("start",),
    "households.parquet": ("start", "household"),
    "trades.parquet": ("start", "buyer", "seller", "quantity_kwh"),
}
_OPTIONAL = ("trades.parquet",)
_TEXTS = ("household", "role", "buyer", "seller")

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class RunFiles:
    """A run folder that was looked through; nothing of its frames has been read but their headers.

    Attributes
    ----------
    folder
        Where it is.
    name, mechanism
        What its configuration says; ``mechanism`` is empty where it says nothing.
    is_pool
        Whether no prices are bid; ``False`` where the mechanism is not known.
    kpis
        Key figures that have a value.
    intervals, households, trades
        The frames, with a column ``market`` in any case, energy and money as floats; no trades where no pairs were
        recorded.
    stamp
        What tells these files from those of a later run in the same folder.
    """

    folder: Path
    name: str
    mechanism: str
    is_pool: bool
    kpis: Mapping[str, float]
    intervals: pl.LazyFrame
    households: pl.LazyFrame
    trades: pl.LazyFrame | None
    stamp: Stamp


def open_run(folder: str | Path) -> RunFiles:
    """Look through a run folder.

    Parameters
    ----------
    folder
        As `RunResults.write` leaves it. Only the frames are needed; what else is missing is not shown.

    Raises
    ------
    DataError
        If it is no folder, a frame is missing, cut off, a link to somewhere else or no Parquet file, or a frame lacks
        the columns that say which row is which.
    """
    place = Path(folder)
    if not place.is_dir():
        kind = "is a file" if place.exists() else "does not exist"
        raise DataError(f"run folder {str(folder)!r} {kind}; expected a folder that 'p2p-market run' wrote")
    present = [name for name in FRAMES if (place / name).exists() or (place / name).is_symlink()]
    missing = [name for name in FRAMES if name not in present and name not in _OPTIONAL]
    if missing:
        raise DataError(
            f"run folder {str(folder)!r} holds no {missing[0]}; expected a folder that 'p2p-market run' wrote, "
            "with a finished run in it"
        )
    frames = {name: _scan(place / name) for name in present}
    name, mechanism = _names(place)
    return RunFiles(
        folder=place,
        name=name or place.resolve().name,
        mechanism=mechanism,
        is_pool=mechanism in MECHANISMS and MECHANISMS[mechanism].is_pool,
        kpis=_figures(place / "kpis.json"),
        intervals=frames["intervals.parquet"],
        households=frames["households.parquet"],
        trades=frames.get("trades.parquet"),
        stamp=stamp_of(place),
    )


def stamp_of(folder: Path) -> Stamp:
    """Tell which files a folder holds now; another value once a run took the place of another.

    Raises
    ------
    DataError
        If one of them has gone, or became a link.
    """
    try:
        stats = [_refuse_link(folder / name).stat() for name in FRAMES if (folder / name).exists()]
    except OSError as error:
        raise DataError(f"run folder {str(folder)!r} cannot be read any more: {error}") from None
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)


def broken(path: Path, error: Exception) -> DataError:
    """Build the error for a frame that cannot be read, in one line of what the reader said."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(
        f"{str(path)!r} cannot be read: {first:.200}; was the run, or a copy of it, interrupted? Run it again"
    )


def _refuse_link(path: Path) -> Path:
    if path.is_symlink():
        raise DataError(f"{str(path)!r} is a link; only files that lie in the run folder themselves are shown")
    return path


def _scan(path: Path) -> pl.LazyFrame:
    """Open a frame lazily, numbers as floats, times as milliseconds, and a market in any case."""
    _refuse_link(path)
    try:
        frame = pl.scan_parquet(path)
        schema = frame.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise broken(path, error) from None
    lacking = [name for name in _NEEDED[path.name] if name not in schema]
    if lacking:
        raise DataError(f"{str(path)!r} has no column {lacking[0]!r}, which says which row is which; run it again")
    if not isinstance(schema["start"], pl.Datetime):
        raise DataError(f"{str(path)!r}: column 'start' holds {schema['start']}; expected times")
    # only what has to be is converted: row groups can be passed over by the header's numbers for plain columns alone
    wanted = {
        name: pl.Datetime("ms") if name == "start" else pl.Int64() if name == "market" else _kind_of(name)
        for name in schema
    }
    frame = frame.with_columns(_as(name, schema[name], kind) for name, kind in wanted.items() if schema[name] != kind)
    return frame if "market" in schema else frame.with_columns(market=pl.lit(0, pl.Int64))


def _kind_of(name: str) -> pl.DataType:
    return pl.String() if name in _TEXTS else pl.Float64()


def _as(name: str, found: pl.DataType, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(found, pl.Datetime):
        column = column.dt.replace_time_zone(None)
    return column.cast(kind, strict=False)


def _names(folder: Path) -> tuple[str, str]:
    """Name of the run and of its mechanism; empty where the configuration is missing or broken."""
    try:
        values = read_yaml(_refuse_link(folder / "config.resolved.yaml"))
    except (ConfigError, DataError):
        return "", ""
    market = values.get("market")
    mechanism = market.get("mechanism", "") if isinstance(market, dict) else ""
    return str(values.get("name", "")), str(mechanism)


def _figures(path: Path) -> dict[str, float]:
    try:
        content: Any = json.loads(_refuse_link(path).read_text(encoding="utf-8"))
        figures = content["kpis"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # DataError is a ValueError
        return {}
    return {
        str(name): float(value)
        for name, value in figures
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
