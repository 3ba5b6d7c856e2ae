"""Write data as a tidy table that `load_table` reads back: one row a household and interval."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from p2p_market.data.atomic import atomic_path
from p2p_market.data.container import DataContainer
from p2p_market.data.tabular import TIMEZONE_KEY
from p2p_market.errors import DataError

TIME_FORMAT = "%Y-%m-%d %H:%M"


def write_tidy(container: DataContainer, path: str | Path) -> Path:
    """Write `DataContainer.dataset` as Parquet or CSV, by the ending of the path.

    Readings come back as the same float32 numbers. Parquet also keeps the zone of the clock; for a CSV give
    ``timezone`` to `load_table` where daylight saving matters.

    Raises
    ------
    DataError
        If the path ends in neither ``.parquet`` nor ``.csv``.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise DataError(f"{path} ends in {suffix!r}; a tidy table is written as .parquet or .csv")
    frame = container.dataset.with_columns(pl.col("customer").cast(pl.String))
    with atomic_path(path) as temporary:
        if suffix == ".parquet":
            zone = container.calendar.timezone
            frame.write_parquet(temporary, metadata={TIMEZONE_KEY: zone} if zone else None)
        else:
            frame.write_csv(temporary, datetime_format=TIME_FORMAT)
    return path
