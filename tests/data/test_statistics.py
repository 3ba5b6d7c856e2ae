"""Figures of a data set on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.statistics import describe_households, describe_years


def community() -> DataContainer:
    """Home 0 uses 1 kWh each half hour and makes 2 in every fourth; home 1 has no PV and a filled second day."""
    demand = np.ones((96, 2))
    demand[0, 1] = 4
    demand[48:, 1] = 9
    pv = np.zeros((96, 2))
    pv[::4, 0] = 2
    quality = np.zeros((96, 2), np.uint8)
    quality[48:, 1] = Quality.FILLED
    quality[:24, 0] = Quality.ESTIMATED
    return DataContainer.from_arrays(
        demand, pv, calendar=Calendar.regular("2012-06-30", 96), pv_capacity=[3.0, 0], quality=quality
    )


def test_households() -> None:
    figures = describe_households(community())
    assert figures.demand_kwh_per_day.tolist() == [48, 51]
    assert figures.pv_kwh_per_day.tolist() == [24, 0]
    assert figures.peak_kw.tolist() == [2, 8]
    assert figures.load_factor.tolist() == pytest.approx([1, 51 / 24 / 8])
    assert figures.yield_kwh_per_kw[0] == pytest.approx(24 * 365.25 / 3)
    assert np.isnan(figures.yield_kwh_per_kw[1])
    assert figures.export_share.tolist() == [0.25, 0]


def test_financial_years() -> None:
    first, second = describe_years(community())
    assert (first.name, second.name) == ("2011-2012", "2012-2013")
    assert (first.num_days, second.num_days) == (1, 1)
    assert first.demand_kwh == (48 + 51) / 2
    assert second.pv_kwh == 12
    assert (first.estimated, first.filled) == (0.25, 0)
    assert (second.estimated, second.filled) == (0, 0.5)
