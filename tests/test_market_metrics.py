"""Key figures of how a market works, on cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import p2p_market
from p2p_market.devices import DEVICES
from p2p_market.market_metrics import fairness, liquidity, load_figures, market_power, price_figures
from p2p_market.metrics import gains_from_trade, key_figures
from p2p_market.recorder import Recorder

NAN = float("nan")


def column(*values: float) -> np.ndarray:
    """``(T, 1)`` of one market."""
    return np.array(values)[:, None]


def test_price_figures() -> None:
    figures = price_figures(
        column(0.20, 0.10, NAN), column(1.0, 3.0, 0.0), column(0.10, 0.05, NAN), column(0.16, 0.20, NAN)
    )
    # mean 0.125; the first is 0.04 above what is competitive, the second is competitive
    variance = (1.0 * 0.075**2 + 3.0 * 0.025**2) / 4.0
    assert figures["price_volatility_dollars_per_kwh"] == pytest.approx(math.sqrt(variance))
    assert figures["smiths_alpha"] == pytest.approx(math.sqrt(0.04**2 / 4.0) / ((0.16 + 3.0 * 0.10) / 4.0))


def test_without_trade_prices_say_nothing() -> None:
    figures = price_figures(column(NAN), column(0.0), column(NAN), column(NAN))
    assert all(math.isnan(value) for value in figures.values())


def test_liquidity_is_what_was_traded_over_what_could_be() -> None:
    net_load = np.array([[[2.0, -1.0, -3.0]], [[1.0, 1.0, -0.5]], [[1.0, 1.0, 1.0]]])
    filled = np.array([[[1.0, -1.0, 0.0]], [[0.5, 0.0, -0.5]], [[0.0, 0.0, 0.0]]])
    assert liquidity(net_load, filled) == {"liquidity": pytest.approx(1.5 / 2.5)}
    assert math.isnan(liquidity(net_load[2:], filled[2:])["liquidity"])


def test_load_figures_see_the_street_and_not_its_homes() -> None:
    net_load = np.array([[[3.0, -2.0]], [[1.0, 2.0]], [[-3.0, 1.0]]])  # 1, 3 and -2 kWh in half hours
    figures = load_figures(net_load, 0.5)
    assert figures["peak_to_average"] == pytest.approx(3.0 / (4.0 / 3.0))
    assert figures["ramping_kw"] == pytest.approx((4.0 + 10.0) / 2.0)
    assert math.isnan(load_figures(net_load[:1], 0.5)["ramping_kw"])


def test_fairness_by_hand() -> None:
    figures = fairness(np.array([[1.0, 3.0, 0.0, -2.0]]))
    # as savings 1, 3, 0, 0: differences of all ordered pairs add up to 2 * (2 + 1 + 1 + 3 + 3 + 0)
    assert figures["gini"] == pytest.approx(20.0 / (2 * 4 * 4.0))
    assert figures["jain"] == pytest.approx(16.0 / (4 * 10.0))
    assert figures["max_min_share"] == 0.0
    assert figures["quality_of_experience"] == pytest.approx(1.0 - 2.0 * np.std([1.0, 3.0, 0.0, -2.0]) / 5.0)


def test_fairness_of_equals_and_of_nobody() -> None:
    equal = fairness(np.array([[2.0, 2.0, 2.0]]))
    assert equal == pytest.approx({"gini": 0.0, "jain": 1.0, "max_min_share": 1.0, "quality_of_experience": 1.0})
    nobody = fairness(np.zeros((1, 3)))
    assert [math.isnan(nobody[name]) for name in ("gini", "jain", "max_min_share")] == [True] * 3
    both = fairness(np.array([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]))  # the mean over those that have a meaning
    assert both["jain"] == pytest.approx(1.0)


def test_market_power_by_hand() -> None:
    columns = {
        "net_load_kwh": np.array([[[4.0, -2.0, -1.0]], [[4.0, -2.0, 1.0]]]),
        "order_kwh": np.array([[[4.0, -1.0, -1.0]], [[4.0, -2.0, 1.0]]]),
        "filled_kwh": np.array([[[2.0, -1.0, -1.0]], [[2.0, -2.0, 0.0]]]),
        "feed_in_price_dollars_per_kwh": np.full((2, 1, 3), 0.05),
    }
    figures = market_power(columns, column(0.20, 0.10))
    assert figures["withheld_share"] == pytest.approx(1.0 / 5.0)
    assert figures["price_cost_margin"] == pytest.approx((0.6 - 0.2) / 0.6)  # 2 kWh at 0.20 and 2 at 0.10
    assert figures["seller_concentration"] == pytest.approx(0.75**2 + 0.25**2)


def test_truthful_bidders_withhold_nothing_and_trade_at_competitive_prices() -> None:
    kpis = p2p_market.run(num_households=12, overrides={"run.days": 2, "data.days": 3}).kpis
    assert kpis["withheld_share"] == 0.0
    assert kpis["liquidity"] == pytest.approx(1.0)
    assert kpis["smiths_alpha"] == pytest.approx(0.0, abs=1e-3)  # to a tick
    assert 0.0 < kpis["seller_concentration"] < 1.0
    assert 0.0 < kpis["price_cost_margin"] < 1.0


def test_consumption_counts_loads_and_not_stores_and_deadlines_add_up() -> None:
    """Two markets of one home: 8 kWh of demand, 5 of hot water, 4 charged and 1 given back by a car, 3 in a battery."""
    kinds = ("battery", "controlled_load", "electric_vehicle")
    home = np.zeros(1, dtype=np.int64)
    devices = {kind: DEVICES[kind].build([DEVICES[kind].design()], home, 0.5, 1000) for kind in kinds}
    recorder = Recorder(2, 2, 1, devices)
    columns = recorder.households
    columns["demand_kwh"][0] = 8.0
    columns["controlled_load_kwh"][0] = 5.0
    columns["electric_vehicle_kwh"][:, :, 0] = [[4.0, 4.0], [-1.0, -1.0]]
    columns["battery_kwh"][1] = 3.0
    columns["grid_import_kwh"][0] = 4.0
    columns["controlled_load_missed_kwh"][1] = 0.5
    columns["electric_vehicle_missed_kwh"][1, 0] = 3.0  # in one of the markets
    figures = key_figures(recorder, gains_from_trade(recorder), 0.5)
    assert figures["demand_kwh"] == 8.0
    assert figures["self_sufficiency"] == pytest.approx(1.0 - 4.0 / 16.0)
    assert figures["unmet_energy_kwh"] == pytest.approx(0.5 + 1.5)
    without = Recorder(2, 2, 1, {"battery": devices["battery"]})
    without.households["demand_kwh"][0], without.households["grid_import_kwh"][0] = 8.0, 4.0
    without.households["battery_kwh"][1] = 3.0
    figures = key_figures(without, gains_from_trade(without), 0.5)
    assert figures["self_sufficiency"] == pytest.approx(0.5)
    assert "unmet_energy_kwh" not in figures
