"""The packaged figures of the recorded homes are those of the files, read here independently of the package."""

from __future__ import annotations

import numpy as np
import pytest
import real_data

from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.calendar import Calendar
from p2p_market.data.comparison import (
    CUSTOMER_1,
    CUSTOMER_12,
    RECORDED,
    RECORDED_DAYS,
    RECORDED_HOMES,
    RECORDED_START,
    TRADABLE,
    TRADABLE_PV_PER_DEMAND,
    customer_1_rows,
    lag_correlation,
    load_factor,
    pool_figures,
    spread_figures,
    tradable_share,
)
from p2p_market.types import FloatArray


def read_sum_of_300_homes() -> tuple[FloatArray, FloatArray]:
    """Return demand and PV of the sum of the homes [kWh], by interval start, (T,).

    The file's times are the labels of the official columns, which are the ENDS of the half hours, and the column
    ``0:00``, the last half hour of a day, stands at 00:00 of the same day: so each day is turned by one place.
    """
    path = real_data.real_file(real_data.AGGREGATE_300)
    columns = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(1, 2))
    days = columns.reshape(RECORDED_DAYS, 48, 2)
    demand, pv = np.roll(days, -1, axis=1).reshape(-1, 2).T
    return demand, pv


def test_half_hours_of_the_sum_are_turned_by_one_place() -> None:
    demand, _ = read_sum_of_300_homes()
    days = demand.reshape(RECORDED_DAYS, 48)
    spring = (np.datetime64("2011-10-02") - np.datetime64(RECORDED_START)).astype(int)
    autumn = (np.datetime64("2012-04-01") - np.datetime64(RECORDED_START)).astype(int)
    # the hour from two to three was skipped in spring and came twice in autumn
    assert (days[spring, 4:6] == 0).all()
    assert (days[autumn, 4:6] > 1.7 * days[autumn, [3, 6]]).all()


def test_figures_of_the_sum() -> None:
    demand, pv = read_sum_of_300_homes()
    calendar = Calendar.regular(RECORDED_START, RECORDED_DAYS * 48)
    figures = pool_figures(demand / RECORDED_HOMES, pv / RECORDED_HOMES, calendar)
    assert {name: RECORDED[name] for name in figures} == pytest.approx(figures, rel=2e-3)


def test_figures_of_the_spread_between_homes() -> None:
    weeks = np.loadtxt(real_data.real_file(real_data.WEEKLY_299), delimiter=",")
    capacity = np.loadtxt(real_data.real_file(real_data.CAPACITY_299), delimiter=",", skiprows=1)[:, 1]
    figures = spread_figures(weeks.mean(axis=1) / 7.0, capacity)
    assert {name: RECORDED[name] for name in figures} == pytest.approx(figures, rel=2e-3)


def test_figures_of_customer_12() -> None:
    demand = load_ausgrid(real_data.real_file(real_data.CUSTOMER_12), cache=False).demand
    assert CUSTOMER_12["load factor"] == pytest.approx(load_factor(demand)[0], rel=2e-3)
    assert CUSTOMER_12["lag-1 autocorrelation"] == pytest.approx(lag_correlation(demand)[0], rel=2e-3)


def test_figures_of_customer_1() -> None:
    data = load_ausgrid(real_data.real_file(real_data.CUSTOMER_1), missing="skip_days", cache=False)
    assert data.num_intervals == 47 * 48
    assert customer_1_rows(data.calendar).all()
    assert CUSTOMER_1["load factor"] == pytest.approx(load_factor(data.demand)[0], rel=2e-3)
    assert CUSTOMER_1["lag-1 autocorrelation"] == pytest.approx(lag_correlation(data.demand)[0], rel=2e-3)


def test_figures_of_trade_between_nineteen_homes() -> None:
    data = load_ausgrid(real_data.real_file(real_data.NINETEEN_HOMES), cache=False)
    # the source is hourly, each half hour holding half of its hour
    demand, pv = (series.reshape(-1, 2, 19).sum(axis=1) for series in (data.demand, data.pv))
    assert pv.sum() / demand.sum() == pytest.approx(TRADABLE_PV_PER_DEMAND, rel=5e-3)
    for name, pv_on_half in (("PV on every home", False), ("PV on half of the homes", True)):
        share = tradable_share(demand, pv, pv_on_half=pv_on_half)
        assert TRADABLE[name] == pytest.approx(share, abs=0.01)
