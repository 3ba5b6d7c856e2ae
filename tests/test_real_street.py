"""The market on nineteen real homes for sixty-two days, against a recomputation that shares no code with the package.

Meter data is read here with the ``csv`` module, tariffs are written out again, and with one plan the whole truthful
market is worked out by hand: one bid level meets one ask level every half hour.
"""

import csv
import math
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from real_data import real_file

import p2p_market
from p2p_market.results import RunResults

NINETEEN_HOMES = "19customers_62days_2012-07-01_hourly-flat.csv"
AGL = {"peak": 0.594, "shoulder": 0.253, "off-peak": 0.165, "feed_in": 0.111}


class Meters(NamedTuple):
    raw_kwh: dict[str, float]
    demand_wh: dict[datetime, dict[str, int]]
    pv_wh: dict[datetime, dict[str, int]]


@pytest.fixture(scope="module")
def path() -> Path:
    return real_file(NINETEEN_HOMES)


@pytest.fixture(scope="module")
def meters(path: Path) -> Meters:
    readings = Meters({"GC": 0.0, "GG": 0.0}, defaultdict(dict), defaultdict(dict))
    with path.open(newline="") as file:
        next(file)  # the title line
        for row in csv.reader(file):
            if row[0] == "Customer":
                continue
            day = datetime.strptime(row[4], "%d/%m/%Y")
            column = {"GC": readings.demand_wh, "GG": readings.pv_wh}[row[3]]
            for slot, value in enumerate(row[5:53]):
                # a mean of two half hours may fall between two watt-hours: to the even one, as the package does
                watt_hours = (Decimal(value) * 1000).to_integral_value(ROUND_HALF_EVEN)
                column[day + timedelta(minutes=30 * slot)][row[0]] = int(watt_hours)
                readings.raw_kwh[row[3]] += float(value)
    return readings


def agl_retail_price(start: datetime) -> float:
    if 7 <= start.hour < 22:
        if start.weekday() < 5:
            return AGL["peak"] if 14 <= start.hour < 20 else AGL["shoulder"]
        return AGL["shoulder"]
    return AGL["off-peak"]


def simulate(path: Path, **overrides: object) -> RunResults:
    settings = {"data.path": str(path), "data.cache": False, "run.figures": False, "tariff.plan": "agl_time_of_use"}
    return p2p_market.run(
        Path(__file__).parents[1] / "configs" / "ausgrid_street.yaml", overrides={**settings, **overrides}
    )


def test_totals_are_those_of_the_raw_file(path: Path, meters: Meters) -> None:
    kpis = simulate(path).kpis
    assert kpis["demand_kwh"] == pytest.approx(sum(sum(d.values()) for d in meters.demand_wh.values()) / 1000)
    assert kpis["pv_kwh"] == pytest.approx(sum(sum(d.values()) for d in meters.pv_wh.values()) / 1000)
    assert kpis["demand_kwh"] == pytest.approx(meters.raw_kwh["GC"], rel=1e-4)
    assert kpis["pv_kwh"] == pytest.approx(meters.raw_kwh["GG"], rel=1e-3)
    finer = simulate(path, **{"market.energy_unit_wh": 0.1}).kpis
    assert finer["demand_kwh"] == pytest.approx(meters.raw_kwh["GC"], rel=1e-9)
    assert finer["pv_kwh"] == pytest.approx(meters.raw_kwh["GG"], rel=1e-9)


def test_one_plan_agrees_with_the_market_worked_out_by_hand(path: Path, meters: Meters) -> None:
    results = simulate(path)
    by_start = {row["start"]: row for row in results.intervals.iter_rows(named=True)}
    assert set(by_start) == set(meters.demand_wh)

    traded_kwh = gains = grid_only = cost = peak_import = 0.0
    for start, demand in meters.demand_wh.items():
        net = {home: demand[home] - meters.pv_wh[start][home] for home in demand}
        deficit = sum(n for n in net.values() if n > 0) / 1000
        surplus = -sum(n for n in net.values() if n < 0) / 1000
        matched = min(deficit, surplus)
        retail, feed_in = agl_retail_price(start), AGL["feed_in"]
        row = by_start[start]
        assert row["traded_kwh"] == pytest.approx(matched, abs=1e-9)
        if matched > 0 and deficit > surplus:
            assert row["price_dollars_per_kwh"] == pytest.approx(retail)  # a rationed bid sets the price
        elif matched > 0 and surplus > deficit:
            assert row["price_dollars_per_kwh"] == pytest.approx(feed_in)  # a rationed ask sets the price
        elif matched == 0:
            assert row["price_dollars_per_kwh"] is None
        traded_kwh += matched
        gains += matched * (retail - feed_in)
        grid_only += deficit * retail - surplus * feed_in
        cost += (deficit - matched) * retail - (surplus - matched) * feed_in
        peak_import = max(peak_import, (deficit - matched) * 2)

    kpis = results.kpis
    assert kpis["traded_kwh"] == pytest.approx(traded_kwh, rel=1e-9)
    assert kpis["gains_from_trade_dollars"] == pytest.approx(gains, rel=1e-9)
    assert kpis["grid_only_cost_dollars"] == pytest.approx(grid_only, rel=1e-9)
    assert kpis["community_cost_dollars"] == pytest.approx(cost, rel=1e-9)
    assert kpis["community_saving_dollars"] == pytest.approx(gains, rel=1e-9)
    assert kpis["peak_import_kw"] == pytest.approx(peak_import, rel=1e-9)
    assert kpis["allocative_efficiency"] == pytest.approx(1.0)
    total_demand = kpis["demand_kwh"]
    assert kpis["self_sufficiency"] == pytest.approx(1 - kpis["grid_import_kwh"] / total_demand)


FEES = {"market.trading_fee_dollars_per_kwh": 0.01, "market.network_fee_dollars_per_kwh": 0.02}
MIXED = {"tariff.plan": {"agl_time_of_use": 0.4, "energy_australia_time_of_use": 0.2, "origin_time_of_use": 0.4}}


@pytest.mark.parametrize("mechanism", ["uniform_price", "pay_as_bid", "pairwise_midpoint"])
@pytest.mark.parametrize("plans", [{}, MIXED], ids=["one plan", "mixed plans"])
@pytest.mark.parametrize("fees", [{}, FEES], ids=["no fees", "fees"])
def test_savings_identity(path: Path, mechanism: str, plans: dict[str, object], fees: dict[str, object]) -> None:
    """Savings, operator surplus and network fees add up to what every pair gains over the grid."""
    policies = {"run.policy": {"truthful": 0.5, "zero_intelligence": 0.5}}
    results = simulate(path, **{"market.mechanism": mechanism, "run.trades": True, **plans, **fees, **policies})
    assert results.trades is not None
    savings = results.household_totals["saving_dollars"].sum()
    distributed = savings + results.kpis["operator_surplus_dollars"] + results.kpis["network_payment_dollars"]

    tariffs = results.households.select(
        "start", "household", "retail_price_dollars_per_kwh", "feed_in_price_dollars_per_kwh"
    )
    pairs = results.trades.join(
        tariffs.select("start", buyer="household", buyer_retail="retail_price_dollars_per_kwh"), on=["start", "buyer"]
    ).join(
        tariffs.select("start", seller="household", seller_feed_in="feed_in_price_dollars_per_kwh"),
        on=["start", "seller"],
    )
    gained = pairs.select(((pl.col("buyer_retail") - pl.col("seller_feed_in")) * pl.col("quantity_kwh")).sum()).item()
    assert gained > 0
    assert distributed == pytest.approx(gained, rel=1e-9)
    if fees:
        traded = results.kpis["traded_kwh"]
        assert results.kpis["network_payment_dollars"] == pytest.approx(0.02 * traded, rel=1e-9)
        if mechanism != "pay_as_bid":
            assert results.kpis["operator_surplus_dollars"] == pytest.approx(0.01 * traded, rel=1e-9)


def test_every_household_balances(path: Path) -> None:
    frame = simulate(path, **MIXED, **FEES).households
    gap = frame.select(
        (pl.col("filled_kwh") + pl.col("grid_import_kwh") - pl.col("grid_export_kwh") - pl.col("net_load_kwh"))
        .abs()
        .max()
    ).item()
    assert gap < 1e-9
    assert math.isclose(frame["filled_kwh"].sum(), 0.0, abs_tol=1e-8)
