"""The synthetic community beside the recorded homes: the figures that it was calibrated to, within 15 %."""

from __future__ import annotations

import numpy as np
import pytest

from p2p_market.data.comparison import (
    CUSTOMER_1,
    CUSTOMER_12,
    RECORDED,
    RECORDED_DAYS,
    RECORDED_HOMES,
    RECORDED_START,
    TRADABLE,
    TRADABLE_PV_PER_DEMAND,
    community_figures,
    customer_1_rows,
    lag_correlation,
    load_factor,
    tradable_share,
)
from p2p_market.data.container import DataContainer
from p2p_market.data.synthetic import synthetic_community


@pytest.fixture(scope="module")
def community() -> DataContainer:
    """Every home has PV, as in the recorded data."""
    return synthetic_community(RECORDED_HOMES, RECORDED_START, RECORDED_DAYS, pv_share=1.0)


@pytest.fixture(scope="module")
def figures(community: DataContainer) -> dict[str, float]:
    return community_figures(community)


@pytest.mark.parametrize("name", RECORDED)
def test_figure_lies_within_15_percent_of_the_recorded_one(name: str, figures: dict[str, float]) -> None:
    assert figures[name] == pytest.approx(RECORDED[name], rel=0.15)


def test_every_figure_is_compared(figures: dict[str, float]) -> None:
    assert set(figures) == set(RECORDED)


def inside(values: np.ndarray, recorded: float) -> bool:
    low, high = np.quantile(values, (0.05, 0.95))
    return bool(low < recorded < high)


def test_customer_12_could_be_a_synthetic_home(community: DataContainer) -> None:
    year = community.select(start="2011-07-01", end="2012-07-01").demand
    assert inside(load_factor(year), CUSTOMER_12["load factor"])
    assert inside(lag_correlation(year), CUSTOMER_12["lag-1 autocorrelation"])


def test_customer_1_could_be_a_synthetic_home(community: DataContainer) -> None:
    same_days = community.demand[customer_1_rows(community.calendar)]
    assert len(same_days) == 47 * 48
    assert inside(load_factor(same_days), CUSTOMER_1["load factor"])
    assert inside(lag_correlation(same_days), CUSTOMER_1["lag-1 autocorrelation"])


def test_groups_of_ten_trade_about_as_much_as_the_recorded_homes(community: DataContainer) -> None:
    winter = community.select(start="2012-07-01", end="2012-09-01")
    demand, pv = (series.reshape(-1, 2, RECORDED_HOMES).sum(axis=1) for series in (winter.demand, winter.pv))
    pv *= TRADABLE_PV_PER_DEMAND * demand.sum() / pv.sum()
    every, half = (tradable_share(demand, pv, pv_on_half=on_half) for on_half in (False, True))
    assert every == pytest.approx(TRADABLE["PV on every home"], rel=0.15)
    assert half == pytest.approx(TRADABLE["PV on half of the homes"], rel=0.05)


def test_default_community_resembles_the_recorded_one_with_few_homes() -> None:
    data = synthetic_community(20, RECORDED_START, 365)
    mean_kwh = data.demand.mean(axis=0) * 48
    assert mean_kwh.mean() == pytest.approx(RECORDED["consumption of a home, mean [kWh/day]"], rel=0.15)
    assert (data.pv_capacity > 0).sum() == pytest.approx(12, abs=1)
