"""What a data set holds, in the figures that its users ask for first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.data.container import DataContainer
from p2p_market.data.gaps import Quality
from p2p_market.types import BoolArray, FloatArray

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Household:
    """Figures of H households; a filled reading does not count."""

    demand_kwh_per_day: FloatArray
    """(H,) consumption [kWh/day]."""
    pv_kwh_per_day: FloatArray
    """(H,) generation [kWh/day]."""
    peak_kw: FloatArray
    """(H,) largest mean power of an interval [kW]."""
    load_factor: FloatArray
    """(H,) mean power over peak power."""
    yield_kwh_per_kw: FloatArray
    """(H,) generation a year and kW of capacity; nan without capacity."""
    export_share: FloatArray
    """(H,) share of intervals in which generation exceeds consumption."""


def describe_households(container: DataContainer) -> Household:
    """Return the figures of each household."""
    measured = (container.quality & Quality.FILLED) == 0
    days = np.maximum(measured.sum(axis=0), 1) / container.calendar.slots_per_day
    demand = np.sum(container.demand, axis=0, where=measured, dtype=np.float64) / days
    pv = np.sum(container.pv, axis=0, where=measured, dtype=np.float64) / days
    peak = np.max(container.demand, axis=0, where=measured, initial=0.0) / container.calendar.interval_hours
    exports = np.sum((container.pv > container.demand) & measured, axis=0) / np.maximum(measured.sum(axis=0), 1)
    capacity = np.where(container.pv_capacity > 0, container.pv_capacity, np.nan)
    return Household(
        demand_kwh_per_day=demand,
        pv_kwh_per_day=pv,
        peak_kw=peak.astype(np.float64),
        load_factor=np.divide(demand / 24, peak, out=np.full(len(peak), np.nan), where=peak > 0),
        yield_kwh_per_kw=pv * DAYS_PER_YEAR / capacity,
        export_share=exports,
    )


@dataclass(frozen=True)
class Year:
    """One financial year (1 July to 30 June) of a data set."""

    name: str
    num_days: int
    demand_kwh: float
    """Mean consumption a household over these days [kWh]."""
    pv_kwh: float
    """Mean generation a household over these days [kWh]."""
    estimated: float
    """Share of readings that the source estimated."""
    filled: float
    """Share of readings filled at load."""


def describe_years(container: DataContainer) -> list[Year]:
    """Return the financial years, in order."""
    # shifted by half a year, a financial year is a calendar year
    shifted = container.calendar.start.astype("datetime64[M]") - np.timedelta64(6, "M")
    first_year = shifted.astype("datetime64[Y]").astype(np.int64) + 1970
    years = []
    for number in np.unique(first_year).tolist():
        rows: BoolArray = first_year == number
        quality = container.quality[rows]
        years.append(
            Year(
                name=f"{number}-{number + 1}",
                num_days=len(np.unique(container.calendar.day[rows])),
                demand_kwh=float(container.demand[rows].sum(dtype=np.float64)) / container.num_households,
                pv_kwh=float(container.pv[rows].sum(dtype=np.float64)) / container.num_households,
                estimated=float(((quality & Quality.ESTIMATED) > 0).mean()),
                filled=float(((quality & Quality.FILLED) > 0).mean()),
            )
        )
    return years
