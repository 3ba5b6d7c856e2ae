"""Figures of a community that can be compared: a synthetic one beside the recorded homes around Sydney.

`RECORDED` holds the figures of the Ausgrid *Solar home electricity data* (300 homes with PV, July 2010 to June
2013), computed with the functions below from published subsets and sums of it, so that the comparison needs no
download. ``python -m benchmarks.synthetic_vs_real`` prints the table of ``docs/synthetic-data.md``.
"""

from __future__ import annotations

import numpy as np

from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer
from p2p_market.types import BoolArray, Float32Array, FloatArray

SEASONS = {"summer": (12, 1, 2), "autumn": (3, 4, 5), "winter": (6, 7, 8), "spring": (9, 10, 11)}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RECORDED_START, RECORDED_DAYS, RECORDED_HOMES = "2010-07-01", 1096, 300

RECORDED: dict[str, float] = {
    "consumption of a home, mean [kWh/day]": 15.85,
    "consumption of a home, q10 [kWh/day]": 8.796,
    "consumption of a home, q50 [kWh/day]": 14.09,
    "consumption of a home, q90 [kWh/day]": 25.32,
    "panel capacity, q10 [kWp]": 1.0,
    "panel capacity, q50 [kWp]": 1.5,
    "panel capacity, q90 [kWp]": 2.736,
    "panel capacity, largest [kWp]": 9.99,
    "peak of the sum [kW a home]": 2.791,
    "consumption, summer [kWh/day]": 15.36,
    "consumption, autumn [kWh/day]": 14.64,
    "consumption, winter [kWh/day]": 19.41,
    "consumption, spring [kWh/day]": 14.15,
    "PV yield, Jan [kWh/day]": 7.256,
    "PV yield, Feb [kWh/day]": 6.447,
    "PV yield, Mar [kWh/day]": 6.088,
    "PV yield, Apr [kWh/day]": 5.253,
    "PV yield, May [kWh/day]": 4.649,
    "PV yield, Jun [kWh/day]": 3.412,
    "PV yield, Jul [kWh/day]": 3.971,
    "PV yield, Aug [kWh/day]": 5.608,
    "PV yield, Sep [kWh/day]": 6.649,
    "PV yield, Oct [kWh/day]": 6.741,
    "PV yield, Nov [kWh/day]": 6.737,
    "PV yield, Dec [kWh/day]": 7.087,
    "net export of the sum, summer [% of half hours]": 20.27,
    "net export of the sum, autumn [% of half hours]": 18.57,
    "net export of the sum, winter [% of half hours]": 12.01,
    "net export of the sum, spring [% of half hours]": 23.09,
    "net export of the sum, year [% of half hours]": 18.46,
    "PV that leaves the pool [%]": 24.36,
}
"""Figures of the recorded homes, by the names that `community_figures` uses."""

# Single homes: load factor and correlation of neighbouring half hours.
CUSTOMER_12 = {"load factor": 0.1688, "lag-1 autocorrelation": 0.759}  # July 2011 to June 2012
CUSTOMER_1 = {"load factor": 0.1693, "lag-1 autocorrelation": 0.445}  # the 47 days below
CUSTOMER_1_RUNS = (  # first and last day of each run of days in 2013
    ("2013-01-14", "2013-01-20"),
    ("2013-03-18", "2013-03-31"),
    ("2013-04-15", "2013-04-21"),
    ("2013-05-13", "2013-05-19"),
    ("2013-05-27", "2013-05-31"),
    ("2013-06-24", "2013-06-30"),
)
# Share of the homes' surplus that others in groups of ten can use: 19 homes, hourly, July and August 2012.
TRADABLE = {"PV on every home": 0.526, "PV on half of the homes": 0.943}
TRADABLE_PV_PER_DEMAND = 0.220  # generation over consumption of those homes and months


def community_figures(data: DataContainer) -> dict[str, float]:
    """Return the figures of a community over its whole period.

    Returns
    -------
    dict
        Those of `pool_figures` and `spread_figures`, by name with the unit.
    """
    demand, pv = data.demand.sum(axis=1, dtype=np.float64), data.pv.sum(axis=1, dtype=np.float64)
    mean_kwh = data.demand.mean(axis=0, dtype=np.float64) * data.calendar.slots_per_day
    return spread_figures(mean_kwh, data.pv_capacity) | pool_figures(
        demand / data.num_households, pv / data.num_households, data.calendar
    )


def spread_figures(mean_kwh: FloatArray, pv_capacity: FloatArray) -> dict[str, float]:
    """Return quantiles over homes of mean consumption [kWh/day] and of panel capacity [kWp].

    Parameters
    ----------
    mean_kwh, pv_capacity
        (H,) One value a home; homes without PV do not count in the capacity.
    """
    capacity = pv_capacity[pv_capacity > 0.0]
    figures = {"consumption of a home, mean [kWh/day]": float(mean_kwh.mean())}
    for percent in (10, 50, 90):
        figures[f"consumption of a home, q{percent} [kWh/day]"] = float(np.quantile(mean_kwh, percent / 100))
    for percent in (10, 50, 90):
        figures[f"panel capacity, q{percent} [kWp]"] = float(np.quantile(capacity, percent / 100))
    figures["panel capacity, largest [kWp]"] = float(capacity.max())
    return figures


def pool_figures(demand: FloatArray, pv: FloatArray, calendar: Calendar) -> dict[str, float]:
    """Return the figures of a whole community as one pool.

    Parameters
    ----------
    demand, pv
        (T,) [kWh per interval] mean of the homes.
    calendar
        The T intervals.
    """
    exports, per_day = pv > demand, calendar.slots_per_day
    in_season = {name: np.isin(calendar.month, months) for name, months in SEASONS.items()}
    figures = {"peak of the sum [kW a home]": float(demand.max() / calendar.interval_hours)}
    for name, rows in in_season.items():
        figures[f"consumption, {name} [kWh/day]"] = float(demand[rows].mean() * per_day)
    for number, name in enumerate(MONTHS, start=1):
        figures[f"PV yield, {name} [kWh/day]"] = float(pv[calendar.month == number].mean() * per_day)
    for name, rows in in_season.items():
        figures[f"net export of the sum, {name} [% of half hours]"] = float(100.0 * exports[rows].mean())
    figures["net export of the sum, year [% of half hours]"] = float(100.0 * exports.mean())
    figures["PV that leaves the pool [%]"] = float(100.0 * np.maximum(pv - demand, 0.0).sum() / pv.sum())
    return figures


def load_factor(series: Float32Array | FloatArray) -> FloatArray:
    """Return mean over largest value of each column of (T, H)."""
    factor: FloatArray = series.mean(axis=0, dtype=np.float64) / series.max(axis=0)
    return factor


def lag_correlation(series: Float32Array | FloatArray, lag: int = 1) -> FloatArray:
    """Return the correlation of each column of (T, H) with itself ``lag`` intervals later."""
    earlier, later = (part - part.mean(axis=0, dtype=np.float64) for part in (series[:-lag], series[lag:]))
    scale = np.sqrt((earlier**2).sum(axis=0) * (later**2).sum(axis=0))
    correlation: FloatArray = (earlier * later).sum(axis=0) / scale
    return correlation


def tradable_share(
    demand: Float32Array | FloatArray,
    pv: Float32Array | FloatArray,
    group_size: int = 10,
    *,
    pv_on_half: bool = False,
    num_groups: int = 100,
    seed: int = 0,
) -> float:
    """Return the share of the homes' surplus that other homes of their group need in the same interval.

    Parameters
    ----------
    demand, pv
        (T, H) [kWh per interval].
    group_size
        Homes in a group.
    pv_on_half
        Whether the panels of half of each group are left out.
    num_groups, seed
        How many groups are drawn at random, and from what.
    """
    rng = np.random.default_rng(seed)
    surplus = traded = 0.0
    for _ in range(num_groups):
        homes = rng.permutation(demand.shape[1])[:group_size]
        generation = np.array(pv[:, homes], np.float64)
        if pv_on_half:
            generation[:, : group_size // 2] = 0.0
        net = generation - demand[:, homes]
        offered, needed = np.maximum(net, 0.0).sum(axis=1), np.maximum(-net, 0.0).sum(axis=1)
        surplus += offered.sum()
        traded += np.minimum(offered, needed).sum()
    return float(traded / surplus)


def customer_1_rows(calendar: Calendar) -> BoolArray:
    """Return which intervals lie on the days that are recorded of customer 1, (T,)."""
    rows = np.zeros(len(calendar), bool)
    for first, last in CUSTOMER_1_RUNS:
        rows |= (calendar.day >= np.datetime64(first)) & (calendar.day <= np.datetime64(last))
    return rows
