"""From a configuration to household data: read or generated, and cut to the pool and the days that are used."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence

import numpy as np

from p2p_market.config import Config
from p2p_market.config_data import AusgridData, SyntheticData, TableData
from p2p_market.data.container import DataContainer
from p2p_market.data.selection import expand_pool
from p2p_market.errors import DataError

DEFAULT_HOUSEHOLDS = 20
_LEAST_SYNTHETIC_HOMES = 50


def load_data(config: Config) -> DataContainer:
    """Load or generate the household data of a configuration, cut to the pool and the days that it uses.

    Synthetic data is kept for the next call.

    Raises
    ------
    ConfigError, DataError
        For data that cannot be read, or a pool or days that it does not have.
    """
    data = config.data
    if not isinstance(data, SyntheticData):
        return select_data(config, _read_files(config, data))
    pool = None if config.street.pool is None else expand_pool(config.street.pool)
    if "controlled_load" in config.devices:
        data = data.model_copy(update={"include_controlled_load": True})  # kept apart, and taken out again
    num_homes = data.num_homes or max(config.street.num_households or DEFAULT_HOUSEHOLDS, _LEAST_SYNTHETIC_HOMES)
    return _synthetic(data, num_homes, pool, config.episode.first_day, config.episode.last_day)


def select_data(config: Config, container: DataContainer) -> DataContainer:
    """Cut household data to the pool and the days that a configuration uses; what is cut already stays as it is.

    Raises
    ------
    DataError
        For a household of the pool that the data does not have, or if it has no interval in those days.
    """
    pool = None if config.street.pool is None else expand_pool(config.street.pool)
    return _cut(container, pool, config.episode.first_day, config.episode.last_day)


def _read_files(config: Config, data: AusgridData | TableData) -> DataContainer:
    match data:
        case AusgridData():
            from p2p_market.data.ausgrid import load_ausgrid  # noqa: PLC0415 (polars loads only where files are read)

            return load_ausgrid(
                data.path if isinstance(data.path, str) else list(data.path),
                customers=data.customers,
                start=data.start,
                end=data.end,
                months=data.months,
                include_controlled_load=data.include_controlled_load or "controlled_load" in config.devices,
                missing=data.missing,
                clock_changes=data.clock_changes,
                cache=data.cache,
            )
        case TableData():
            from p2p_market.data.tabular import load_table  # noqa: PLC0415 (polars loads only where files are read)

            return load_table(
                data.path,
                customers=data.customers,
                start=data.start,
                end=data.end,
                months=data.months,
                missing=data.missing,
                **data.options,
            )


@functools.lru_cache(maxsize=4)
def _synthetic(
    data: SyntheticData,
    num_homes: int,
    pool: tuple[str, ...] | None,
    first_day: dt.date | None,
    last_day: dt.date | None,
) -> DataContainer:
    from p2p_market.data.synthetic import synthetic_community  # noqa: PLC0415 (not needed where files are read)

    homes, days = None, data.days
    if pool is not None:  # homes and days that nobody asks for need not be made
        _check_pool(pool, [str(home) for home in range(1, num_homes + 1)])
        homes = [int(name) for name in pool]
    if last_day is not None and last_day >= data.start:
        days = min(days, (last_day - data.start).days + 1)
    community = synthetic_community(
        num_homes,
        start=data.start.isoformat(),
        days=days,
        interval_minutes=data.interval_minutes,
        seed=data.seed,
        pv_share=data.pv_share,
        controlled_load_share=data.controlled_load_share,
        include_controlled_load=data.include_controlled_load,
        homes=homes,
    )
    return _cut(community, pool, first_day, last_day)


def _cut(
    container: DataContainer, pool: tuple[str, ...] | None, first_day: dt.date | None, last_day: dt.date | None
) -> DataContainer:
    day = container.calendar.start.astype("datetime64[D]")
    begin = 0 if first_day is None else int(np.searchsorted(day, np.datetime64(first_day)))
    end = len(day) if last_day is None else int(np.searchsorted(day, np.datetime64(last_day), side="right"))
    if begin >= end:
        raise DataError(
            f"episode.first_day {first_day or 'null'} to last_day {last_day or 'null'}: the data has no interval then; "
            f"it runs from {day[0]} to {day[-1]}"
        )
    if pool is not None:
        _check_pool(pool, container.customer_ids)
    whole = end - begin == len(day) and pool in (None, container.customer_ids)
    start, stop = container.calendar.start[begin], container.calendar.start[end - 1]
    one = np.timedelta64(container.interval_minutes, "m")
    return container if whole else container.select(pool, start=start, end=stop + one)


def _check_pool(pool: tuple[str, ...], known: Sequence[str]) -> None:
    there = set(known)
    missing = [name for name in pool if name not in there]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DataError(
            f"street.pool: {', '.join(missing[:3])}{more} not in the data, which has {len(known)} households: "
            f"{', '.join(known[:8])} ..."
        )
