"""``p2p-market data``: fetch, info, convert and synthesise household data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.fetch import NUM_RETRIES, SOURCE_URL, fetch_ausgrid
from p2p_market.data.official_writer import write_official_layout
from p2p_market.data.sources import check_exists, is_official
from p2p_market.data.statistics import describe_households, describe_years
from p2p_market.data.table import TableFormat
from p2p_market.data.tabular import load_table
from p2p_market.data.tidy_writer import write_tidy
from p2p_market.errors import DataError
from p2p_market.types import FloatArray

Paths = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATH ...", help_behavior_hint="")]
Time = Annotated[str | None, tyro.conf.arg(metavar="TIME", help_behavior_hint="")]
Customers = Annotated[tuple[str, ...], tyro.conf.arg(metavar="ID ...", help_behavior_hint="")]
Months = Annotated[tuple[int, ...], tyro.conf.arg(metavar="MONTH ...", help_behavior_hint="")]
Folder = Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")]
Layout = Literal["tidy", "official"]
Missing = Literal["error", "drop", "fill", "skip_days"]

_MAX_GAPS_SHOWN = 20


def fetch(*, folder: Folder = None, retries: int = NUM_RETRIES, quiet: bool = False) -> None:
    """Download the official Ausgrid files (three years of 300 homes, about 60 MB) and check them.

    Parameters
    ----------
    folder
        Where to keep the archive; by default the user's cache folder.
    retries
        How often to try again after a failure.
    quiet
        Show no progress bar.
    """
    path = fetch_ausgrid(folder, num_retries=retries, progress=not quiet)
    print(f"{path}\nfrom {SOURCE_URL}")
    print(f"look at it with: p2p-market data info {_quoted(path)}")
    print(f"or trade on it:  p2p-market run configs/ausgrid_street.yaml --set data.path={_quoted(path)} run.days=7")


def info(
    paths: Paths,
    *,
    customers: Customers = (),
    start: Time = None,
    end: Time = None,
    include_controlled_load: bool = False,
    by_household: bool = False,
    no_cache: bool = False,
    table: TableFormat = TableFormat(),  # noqa: B008 - frozen, and shown as the defaults
) -> None:
    """Show what household data holds: years, homes, gaps, quality and statistics.

    Parameters
    ----------
    paths
        Official Ausgrid files (CSV, zip, folder), or one CSV or Parquet table of your own.
    customers
        Homes to look at; all by default.
    start
        First day or time; by default the data's.
    end
        Day or time before which the last interval starts; by default the data's end.
    include_controlled_load
        Count the controlled load (CL) of official files as consumption.
    by_household
        Show a line a home too.
    no_cache
        Keep no parsed copy of official files in the cache folder.
    table
        How a table of your own is laid out.
    """
    data = _load(
        paths,
        customers=customers or None,
        start=start,
        end=end,
        include_controlled_load=include_controlled_load,
        missing="fill",
        cache=not no_cache,
        table=table,
    )
    console = Console()
    console.print(_overview(data))
    console.print(_years(data))
    console.print(_statistics(data))
    if by_household:
        console.print(_households(data))
    if data.gaps:
        console.print(_gaps(data))
    else:
        console.print("No interval is missing.")


def convert(
    paths: Paths,
    *,
    output: Path,
    layout: Layout = "tidy",
    customers: Customers = (),
    start: Time = None,
    end: Time = None,
    months: Months = (),
    include_controlled_load: bool = False,
    missing: Missing = "error",
    clock_changes: Literal["recorded", "repair"] = "recorded",
    no_cache: bool = False,
    table: TableFormat = TableFormat(),  # noqa: B008 - frozen, and shown as the defaults
) -> None:
    """Convert household data to a tidy table (Parquet, CSV) or to the official layout.

    Parameters
    ----------
    paths
        Official Ausgrid files (CSV, zip, folder), or one CSV or Parquet table of your own.
    output
        What to write: .parquet or .csv for tidy; .csv, .zip or a folder for official.
    layout
        The layout to write.
    customers
        Homes to keep; all by default.
    start
        First day or time to keep; by default the data's.
    end
        Day or time before which the last interval starts; by default the data's end.
    months
        Months of the year to keep, 1 to 12; all by default.
    include_controlled_load
        Add the controlled load (CL) of official files to the consumption and keep it apart too.
    missing
        What to do about missing intervals: stop, leave the home out, fill from the weeks around, or leave the day out.
    clock_changes
        Keep the two odd half hours of a clock change as recorded, or repair them.
    no_cache
        Keep no parsed copy of official files in the cache folder.
    table
        How a table of your own is laid out.
    """
    _check_output(output, layout)
    data = _load(
        paths,
        customers=customers or None,
        start=start,
        end=end,
        months=months or None,
        include_controlled_load=include_controlled_load,
        missing=missing,
        clock_changes=clock_changes,
        cache=not no_cache,
        table=table,
    )
    _write(data, output, layout)


def synthesise(
    output: Annotated[Path, tyro.conf.Positional],
    *,
    layout: Layout = "tidy",
    households: int = 20,
    start: str = "2012-07-01",
    days: int = 365,
    interval_minutes: int = 30,
    seed: int = 0,
    pv_share: float = 0.6,
    controlled_load_share: float = 0.46,
    include_controlled_load: bool = False,
) -> None:
    """Generate a synthetic community and write it.

    Parameters
    ----------
    output
        What to write: .parquet or .csv for tidy; .csv, .zip or a folder for official.
    layout
        The layout to write.
    households
        How many homes.
    start
        First day.
    days
        How many days.
    interval_minutes
        Length of an interval [min].
    seed
        Seed of the generator.
    pv_share
        Share of homes with PV.
    controlled_load_share
        Share of homes with a controlled load (hot water on its own circuit).
    include_controlled_load
        Add the controlled load to the consumption and keep it apart too.
    """
    from p2p_market.data.synthetic import synthetic_community  # noqa: PLC0415 - only this command needs it

    _check_output(output, layout)
    data = synthetic_community(
        households,
        start=start,
        days=days,
        interval_minutes=interval_minutes,
        seed=seed,
        pv_share=pv_share,
        controlled_load_share=controlled_load_share,
        include_controlled_load=include_controlled_load,
    )
    _write(data, output, layout)


COMMANDS: dict[str, Callable[..., None]] = {
    "fetch": fetch,
    "info": info,
    "convert": convert,
    "synthesise": synthesise,
}


def _load(
    paths: tuple[Path, ...],
    *,
    customers: tuple[str, ...] | None,
    start: str | None,
    end: str | None,
    include_controlled_load: bool,
    missing: Missing,
    cache: bool,
    table: TableFormat,
    months: tuple[int, ...] | None = None,
    clock_changes: str = "recorded",
) -> DataContainer:
    """Read official files, or the one table of one's own that is named."""
    if not paths:
        raise DataError("no data is named; give the path of a file, an archive or a folder")
    for path in paths:
        check_exists(path)
    own = len(paths) == 1 and paths[0].is_file() and not is_official(paths[0])
    if own:
        options = {name: getattr(table, name) for name in TableFormat.__dataclass_fields__}
        return load_table(
            paths[0], customers=customers, start=start, end=end, months=months, missing=missing, **options
        )
    return load_ausgrid(
        paths,
        customers=customers,
        start=start,
        end=end,
        months=months,
        include_controlled_load=include_controlled_load,
        missing=missing,
        clock_changes=clock_changes,
        cache=cache,
    )


def _check_output(output: Path, layout: Layout) -> None:
    """Refuse an output that cannot be written before the data is read."""
    if layout == "tidy" and output.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(f"output {output} ends in {output.suffix!r}; a tidy table is written as .parquet or .csv")
    if output.is_dir() and layout == "tidy":
        raise DataError(f"output {output} is a folder; name a .parquet or .csv file")


def _write(data: DataContainer, output: Path, layout: Layout) -> None:
    written = write_official_layout(data, output) if layout == "official" else [write_tidy(data, output)]
    intervals, homes = data.get_size()
    for path in written:
        print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    print(f"{homes} homes, {intervals} intervals of {data.interval_minutes} minutes")


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _table(title: str, *columns: str) -> RichTable:
    table = RichTable(title=title, title_justify="left", box=box.SIMPLE)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _overview(data: DataContainer) -> RichTable:
    table = RichTable(title="Data", title_justify="left", show_header=False, box=box.SIMPLE)
    calendar = data.calendar
    report = data.gaps
    rows = {
        "files": ", ".join(path.name for path in data.data_path) or "none",
        "homes": f"{data.num_households} ({int((data.pv_capacity > 0).sum())} with PV)",
        "time": f"{calendar.start[0]} to {calendar.end}".replace("T", " "),
        "intervals": f"{data.num_intervals} of {data.interval_minutes} minutes",
        "days": f"{len(np.unique(calendar.day))}, {len(np.unique(calendar.day[calendar.clock_change]))} clock changes",
        "missing": "nothing" if not report else f"{report.num_intervals} readings in {len(report)} gaps",
        "estimated": f"{_share(data, Quality.ESTIMATED):.2%} of the readings",
    }
    if data.controlled_load is not None:
        rows["controlled load"] = f"{int((data.controlled_load > 0).any(axis=0).sum())} homes"
    for name, value in rows.items():
        table.add_row(name, escape(value))
    return table


def _share(data: DataContainer, flag: Quality) -> float:
    return float(((data.quality & flag) > 0).mean())


def _years(data: DataContainer) -> RichTable:
    table = _table("Financial years", "year", "days", "kWh a home", "PV kWh a home", "estimated", "filled")
    for year in describe_years(data):
        table.add_row(
            year.name,
            str(year.num_days),
            f"{year.demand_kwh:,.0f}",
            f"{year.pv_kwh:,.0f}",
            f"{year.estimated:.2%}",
            f"{year.filled:.2%}",
        )
    return table


def _statistics(data: DataContainer) -> RichTable:
    figures = describe_households(data)
    with_pv = data.pv_capacity > 0
    table = _table("Homes", "", "mean", "10 %", "median", "90 %", "largest")
    rows: dict[str, tuple[FloatArray, str]] = {
        "consumption [kWh/day]": (figures.demand_kwh_per_day, "{:.2f}"),
        "peak [kW]": (figures.peak_kw, "{:.2f}"),
        "load factor": (figures.load_factor, "{:.3f}"),
        "PV capacity [kW], homes with PV": (data.pv_capacity[with_pv], "{:.2f}"),
        "PV generation [kWh/day], homes with PV": (figures.pv_kwh_per_day[with_pv], "{:.2f}"),
        "PV yield [kWh/kW a year]": (figures.yield_kwh_per_kw[with_pv], "{:.0f}"),
        "share of intervals with a surplus": (figures.export_share[with_pv], "{:.3f}"),
    }
    for name, (values, form) in rows.items():
        finite = values[np.isfinite(values)]
        if finite.size:
            shown = [finite.mean(), *np.quantile(finite, [0.1, 0.5, 0.9]), finite.max()]
            table.add_row(escape(name), *(form.format(value) for value in shown))
    return table


def _households(data: DataContainer) -> RichTable:
    figures = describe_households(data)
    table = _table("Each home", "home", "kWh/day", "peak kW", "PV kW", "PV kWh/day", "surplus", "estimated")
    estimated = ((data.quality & Quality.ESTIMATED) > 0).mean(axis=0)
    for column, name in enumerate(data.customer_ids):
        table.add_row(
            escape(name),
            f"{figures.demand_kwh_per_day[column]:.2f}",
            f"{figures.peak_kw[column]:.2f}",
            f"{data.pv_capacity[column]:.2f}",
            f"{figures.pv_kwh_per_day[column]:.2f}",
            f"{figures.export_share[column]:.3f}",
            f"{estimated[column]:.2%}",
        )
    return table


def _gaps(data: DataContainer) -> RichTable:
    table = _table("Missing (filled for the figures above)", "customer", "category", "from", "to", "intervals")
    gaps = data.gaps.gaps if data.gaps else ()
    for gap in gaps[:_MAX_GAPS_SHOWN]:
        times = (str(time).replace("T", " ") for time in (gap.start, gap.end))
        table.add_row(escape(gap.customer), gap.category, *times, str(gap.num_intervals))
    if len(gaps) > _MAX_GAPS_SHOWN:
        table.caption = f"and {len(gaps) - _MAX_GAPS_SHOWN} more"
    return table
