"""The official Ausgrid files: one front door that reads, checks, caches, joins and selects them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.data.cache import cache_folder as resolve_cache_folder
from p2p_market.data.cache import read_through
from p2p_market.data.calendar import TimeLike
from p2p_market.data.container import DataContainer
from p2p_market.data.join import join_tables, repair_clock_changes, to_series
from p2p_market.data.missing import POLICIES, settle_missing
from p2p_market.data.official import CATEGORIES, SLOTS
from p2p_market.data.official_reader import ROW_PRESENT, FileTable, read_official
from p2p_market.data.selection import Customers, Months, select_intervals
from p2p_market.data.sources import Paths, Source, find_sources
from p2p_market.errors import UnknownNameError

if TYPE_CHECKING:
    import polars as pl

CLOCK_CHANGES = ("recorded", "repair")


def load_ausgrid(
    paths: Paths,
    *,
    customers: Customers | None = None,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    months: Months | None = None,
    include_controlled_load: bool = False,
    missing: str = "error",
    clock_changes: str = "recorded",
    cache: bool = True,
    cache_folder: str | os.PathLike[str] | None = None,
) -> DataContainer:
    """Load official Ausgrid files.

    Parameters
    ----------
    paths
        One path or several: CSV files, zip archives with CSV files, or a folder of either.
    customers
        Names to load, in the order wanted ("12" or 12); all by default, in numerical order.
    start, end
        First interval, and the time before which the last one starts (``end`` is exclusive).
    months
        Months of the year to keep, 1 .. 12.
    include_controlled_load
        Add the controlled load (CL) to the demand and keep it apart too. A home without CL rows has no
        controlled load (zeros); so has any home before its first and after its last CL row. Days between them
        without a row are missing.
    missing
        What to do about missing intervals (`p2p_market.data.missing.POLICIES`): ``"error"``, ``"drop"`` the
        household, ``"fill"`` from the same weekday and clock time of the nearest weeks, or ``"skip_days"``.
    clock_changes
        ``"recorded"`` keeps the two half hours from 2 to 3 o'clock as the meters recorded them: zero on the
        day when the clock is put forward, double on the day when it is put back. ``"repair"`` replaces
        zeros by the straight line between the half hours before and after, halves doubles, and flags both,
        so that both days look like days of 24 hours; the energy of the hour that is lived twice is then
        lost.
    cache
        Keep parsed files as Parquet in the cache folder and read them from there.
    cache_folder
        That folder; by default ``$P2P_MARKET_CACHE``, or else the user's cache folder.

    Returns
    -------
    DataContainer
        Half-hourly data with interval **starts** as labels; ``gaps`` reports what was missing.

    Raises
    ------
    DataError
        For a faulty file (with line and column), an unknown customer, a date outside the data, missing
        intervals under ``"error"``, the same rows in two files.
    UnknownNameError
        For an unknown policy.
    """
    if missing not in POLICIES:
        raise UnknownNameError("policy for missing intervals", missing, POLICIES)
    if clock_changes not in CLOCK_CHANGES:
        raise UnknownNameError("treatment of clock changes", clock_changes, CLOCK_CHANGES)
    sources = find_sources(paths)
    wanted = ("GC", "GG", "CL") if include_controlled_load else ("GC", "GG")
    tables = _load_tables(sources, wanted, cache, cache_folder)
    series = to_series(join_tables(sources, tables, customers, wanted))
    del tables  # the joined copy is enough, and the peak of memory is lower
    if clock_changes == "repair":
        repair_clock_changes(series)
    rows = select_intervals(series.calendar, start, end, months)
    series, gaps = settle_missing(series, missing, rows)
    load = series.energy.get("CL")
    return DataContainer(
        demand=series.energy["GC"] if load is None else series.energy["GC"] + load,
        pv=series.energy["GG"],
        calendar=series.calendar,
        customer_ids=series.customer_ids,
        pv_capacity=series.capacity,
        quality=series.quality,
        controlled_load=load,
        data_path=tuple(dict.fromkeys(source.path for source in sources)),
        source="ausgrid",
        gaps=gaps,
    )


def ausgrid_frame(
    paths: Paths,
    *,
    customers: Customers | None = None,
    categories: str | Sequence[str] = tuple(CATEGORIES),
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    months: Months | None = None,
    cache: bool = True,
    cache_folder: str | os.PathLike[str] | None = None,
) -> pl.DataFrame:
    """Return what the files record, category by category, as a tidy polars frame.

    Nothing is added up, filled or refused: what is missing has no row. Parameters are those of
    `load_ausgrid`; ``categories`` is one or several of GC, GG and CL.

    Returns
    -------
    polars.DataFrame
        ``customer``, ``category``, ``start``, ``month`` (1 .. 12), ``energy_kwh``, ``quality``.

    Raises
    ------
    DataError
        As `load_ausgrid`, and for an unknown category.
    """
    import polars as pl  # noqa: PLC0415 - loaded only when a frame is asked for

    wanted = (categories,) if isinstance(categories, str) else tuple(categories)
    for name in wanted:
        if name not in CATEGORIES:
            raise UnknownNameError("consumption category", name, CATEGORIES)
    sources = find_sources(paths)
    tables = _load_tables(sources, wanted, cache, cache_folder)
    frames = []
    for name in wanted:
        joined = join_tables(sources, tables, customers, (name,))
        series = to_series(joined)
        rows = select_intervals(series.calendar, start, end, months)
        part = series.select(rows)
        present = np.repeat((joined.rows[name] & ROW_PRESENT) > 0, SLOTS, axis=0)[rows]
        households, intervals = np.nonzero(present.T)
        frames.append(
            pl.DataFrame(
                {
                    "customer": pl.Series(part.customer_ids).gather(households),
                    "category": pl.repeat(name, len(households), eager=True),
                    "start": part.calendar.start[intervals].astype("datetime64[us]"),
                    "month": part.calendar.month[intervals].astype(np.int8),
                    "energy_kwh": part.energy[name][intervals, households],
                    "quality": part.quality[intervals, households],
                }
            )
        )
    return pl.concat(frames)


def _load_tables(
    sources: Sequence[Source],
    categories: Sequence[str],
    cache: bool,
    folder: str | os.PathLike[str] | None,
) -> list[FileTable]:
    if not cache:
        return [read_official(source) for source in sources]
    resolved = resolve_cache_folder(folder)
    return [read_through(source, read_official, resolved, categories) for source in sources]
