"""Write data in the official Ausgrid layout, one file a financial year (1 July to 30 June)."""

from __future__ import annotations

import contextlib
import datetime as dt
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from p2p_market.data.atomic import atomic_path
from p2p_market.data.container import DataContainer
from p2p_market.data.gaps import Quality
from p2p_market.data.official import (
    DATE_FORMATS,
    ESTIMATED_MARK,
    INTERVAL_MINUTES,
    LEADING_COLUMNS,
    QUALITY_COLUMN,
    SLOT_COLUMNS,
    SLOTS,
    format_date,
)
from p2p_market.errors import DataError, UnknownNameError
from p2p_market.types import AnyArray, Float32Array, IntArray

DEFAULT_TITLE = (
    '{year} Solar home electricity data - written by p2p_market in the layout of the "Ausgrid solar home '
    'electricity data"'
)

_ZIP_LEVEL = 1  # a tenth of the time of the usual level, for a file that is a fifth larger


@dataclass(frozen=True)
class _Year:
    """The days of one financial year (positions in the container's days) and how its file looks."""

    name: str
    days: IntArray
    date_format: str
    has_quality: bool


def write_official_layout(
    container: DataContainer,
    path: str | Path,
    *,
    title: str = DEFAULT_TITLE,
    postcode: int | str = "",
    date_format: str | None = None,
    row_quality: bool | None = None,
) -> list[Path]:
    """Write the official layout: title line, header, and a row a customer, category and day; CRLF line ends.

    Homes have GC rows, GG rows if they have PV (a capacity or any generation), and CL rows if the container
    keeps a controlled load apart and the home's is not zero throughout. Readings are written so that reading
    them again gives the same float32 numbers; only GC beside a controlled load, a difference, is rounded to
    1e-6 kWh. Estimated and filled days get the row quality NA, which reads back as estimated; a repaired
    reading is written as it is.

    Parameters
    ----------
    container
        Half-hourly data of whole days.
    path
        A folder (a file a year in it, named as the official ones), a ``.csv`` file for data of one financial
        year, or a ``.zip`` archive of the files of all years.
    title
        First line; ``{year}`` stands for the financial year, such as 2011-2012.
    postcode
        What the column Postcode holds.
    date_format
        One of ``DATE_FORMATS``; by default each year's own: ``1-Jul-10`` up to 2010-2011, later
        ``1/07/2011``.
    row_quality
        Whether there is a column Row Quality (54 columns instead of 53); by default from 2011-2012 on.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DataError
        If the data is not half-hourly or a day is not whole, or a ``.csv`` path is given for several years.
    UnknownNameError
        For an unknown date format.
    """
    path = Path(path)
    if date_format is not None and date_format not in DATE_FORMATS:
        raise UnknownNameError("date format", date_format, DATE_FORMATS)
    years = _split_years(_whole_days(container), date_format, row_quality)
    frames = _Rows(container, postcode)

    def write(file: BinaryIO, year: _Year) -> None:
        file.write(_head(title.replace("{year}", year.name), year.has_quality))
        frames.of(year).write_csv(file, include_header=False, line_terminator="\r\n")

    if path.suffix.lower() == ".zip":
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=_ZIP_LEVEL) as archive,
        ):
            for year in years:
                with archive.open(f"Solar home {year.name}.csv", "w", force_zip64=True) as file:
                    write(file, year)  # type: ignore[arg-type] # a zip member is opened for writing bytes
        return [path]
    if path.suffix.lower() == ".csv":
        if len(years) > 1:
            raise DataError(
                f"the data covers the financial years {', '.join(year.name for year in years)}, which need a "
                f"file each; give a folder or a .zip path instead of {path}"
            )
        targets = [path]
    else:
        targets = [path / _official_name(year) for year in years]
    with _all_or_nothing(targets) as temporaries:
        for target, year in zip(temporaries, years, strict=True):
            with target.open("wb") as file:
                write(file, year)
    return targets


@contextlib.contextmanager
def _all_or_nothing(targets: list[Path]) -> Iterator[list[Path]]:
    """Several files under temporary names, renamed only when all are written."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(atomic_path(target)) for target in targets]


def _official_name(year: _Year) -> str:
    version = " v2" if year.has_quality else ""
    return f"{year.name} Solar home electricity data{version}.csv"


def _whole_days(container: DataContainer) -> AnyArray:
    calendar = container.calendar
    if calendar.interval_minutes != INTERVAL_MINUTES:
        raise DataError(
            f"the official layout holds half hours, the data has intervals of {calendar.interval_minutes} "
            "minutes; write Parquet instead"
        )
    slots, expected = calendar.slot, np.arange(len(calendar)) % SLOTS
    if len(calendar) % SLOTS or (slots != expected).any():
        broken = int((slots != expected).argmax()) if (slots != expected).any() else len(calendar) - 1
        raise DataError(
            f"the official layout holds whole days, and {calendar.day[broken]} is not whole; "
            "select from midnight to midnight"
        )
    return calendar.day[::SLOTS]


def _split_years(days: AnyArray, date_format: str | None, row_quality: bool | None) -> list[_Year]:
    # shifted by half a year, a financial year is a calendar year
    first_year = (days.astype("datetime64[M]") - np.timedelta64(6, "M")).astype("datetime64[Y]")
    years = []
    for number in np.unique(first_year.astype(np.int64)) + 1970:
        later = bool(number >= 2011)
        years.append(
            _Year(
                name=f"{number}-{number + 1}",
                days=np.flatnonzero(first_year.astype(np.int64) + 1970 == number),
                date_format=date_format or ("1/07/2011" if later else "1-Jul-10"),
                has_quality=later if row_quality is None else row_quality,
            )
        )
    return years


def _head(title: str, has_quality: bool) -> bytes:
    columns = [*LEADING_COLUMNS, *SLOT_COLUMNS, *([QUALITY_COLUMN] if has_quality else [])]
    quoted = '"' + title.replace('"', '""') + '"'
    return f"{quoted}{',' * (len(columns) - 1)}\r\n{','.join(columns)}\r\n".encode()


class _Rows:
    """Turns a container into rows of the layout, year by year."""

    def __init__(self, container: DataContainer, postcode: int | str) -> None:
        self._container = container
        self._postcode = str(postcode) or None  # a null is written as nothing, an empty text in quotes
        load = container.controlled_load
        has_pv = (container.pv_capacity > 0) | container.pv.any(axis=0)
        everyone = np.ones(container.num_households, bool)
        self._categories: dict[str, tuple[Float32Array, AnyArray]] = {}
        if load is None:
            self._categories["GC"] = (container.demand, everyone)
        else:
            difference = np.subtract(container.demand, load, dtype=np.float64).round(6)
            self._categories["CL"] = (load, np.asarray(load.any(axis=0)))
            self._categories["GC"] = (np.maximum(difference, 0).astype(np.float32), everyone)
        self._categories["GG"] = (container.pv, has_pv)

    def of(self, year: _Year) -> pl.DataFrame:
        """Return the rows of one year, by customer, category and day."""
        container = self._container
        dates = [format_date(day, year.date_format) for day in _dates(container.calendar.day[::SLOTS][year.days])]
        marks = self._marks(year)
        parts = []
        for number, (category, (energy, chosen)) in enumerate(self._categories.items()):
            homes = np.flatnonzero(chosen)
            by_day = energy.reshape(-1, SLOTS, energy.shape[1])[year.days][:, :, homes]
            values = np.ascontiguousarray(by_day.transpose(1, 2, 0)).reshape(SLOTS, -1)
            count = len(year.days)
            leading = {
                "home": np.repeat(homes, count),
                "category": np.full(len(homes) * count, number),
                "Customer": pl.Series(container.customer_ids).gather(np.repeat(homes, count)),
                "Generator Capacity": np.repeat(container.pv_capacity[homes], count),
                "Postcode": pl.repeat(self._postcode, len(homes) * count, dtype=pl.String, eager=True),
                "Consumption Category": pl.repeat(category, len(homes) * count, eager=True),
                "date": pl.Series(dates).gather(np.tile(np.arange(count), len(homes))),
            }
            slots = {name: values[slot] for slot, name in enumerate(SLOT_COLUMNS)}
            quality = {QUALITY_COLUMN: marks[:, homes].T.ravel()} if year.has_quality else {}
            parts.append(pl.DataFrame({**leading, **slots, **quality}))
        rows = pl.concat(parts).sort("home", "category", maintain_order=True).drop("home", "category")
        if not year.has_quality:
            return rows
        mark = pl.when(QUALITY_COLUMN).then(pl.lit(ESTIMATED_MARK)).alias(QUALITY_COLUMN)
        return rows.with_columns(mark)

    def _marks(self, year: _Year) -> AnyArray:
        """Return which days (D, H) of the year are estimated."""
        doubtful = (self._container.quality & (Quality.ESTIMATED | Quality.FILLED)) > 0
        by_day = doubtful.reshape(-1, SLOTS, doubtful.shape[1])[year.days]
        return np.asarray(by_day.any(axis=1))


def _dates(days: AnyArray) -> list[dt.date]:
    dates: list[dt.date] = days.tolist()
    return dates
