r"""Key figures of a market, in formulas over recorded columns.

Community cost is what leaves the street, wear and missed comfort of devices and the value of load that feeder limits
shed included: :math:`\sum \text{bills} + \text{device cost} + \text{shed cost} - \text{operator surplus}`. What it is
compared with is the grid alone under the same limits, devices left to themselves. Gains from trade value
every traded kWh at its owner's own tariff, the retail price where it is bought and the feed-in price where it is sold:
:math:`G = \sum_i \lambda_i q_i` with :math:`q_i > 0` bought. With the same dispatch on the grid as a baseline,

.. math:: \sum_i \text{saving}_i + \text{operator surplus} + \text{network fees} = \sum_t G_t,

for order-based mechanisms. Allocative efficiency is :math:`\sum_t G_t` over its largest possible value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.devices import DEVICES
from p2p_market.market_metrics import fairness, liquidity, load_figures, market_power, price_figures
from p2p_market.recorder import COSTS_BESIDE_BILL, NETWORK_COLUMNS, Recorder, missed_column
from p2p_market.types import FloatArray

_BLOCK = 16_384  # orders that are looked at together, so that their arrays stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Gains:
    """Gains from trade of every interval and market, at the households' own tariffs."""

    achieved: FloatArray  # (T, B) [$]
    best: FloatArray  # (T, B) [$] when everybody offers its whole net load at its own tariff
    price_low: FloatArray  # (T, B) [$/kWh] competitive prices of those offers reach from here
    price_high: FloatArray  # (T, B) [$/kWh] to here; nan where they do not trade


def gains_from_trade(recorder: Recorder) -> Gains:
    """What trade was worth, and what it could have been worth."""
    columns = recorder.households
    num_intervals, num_markets, num_households = columns["net_load_kwh"].shape
    net_load, filled, retail, feed_in = (
        columns[name].reshape(-1, num_households)
        for name in ("net_load_kwh", "filled_kwh", "retail_price_dollars_per_kwh", "feed_in_price_dollars_per_kwh")
    )
    achieved, best, low, high = (np.empty(len(net_load)) for _ in range(4))
    step = max(1, _BLOCK // max(num_households, 1))
    for first in range(0, len(net_load), step):
        rows = slice(first, first + step)
        traded, quantity = filled[rows], net_load[rows]
        achieved[rows] = (np.where(traded > 0.0, retail[rows], feed_in[rows]) * traded).sum(axis=1)
        value = np.where(quantity > 0.0, retail[rows], feed_in[rows])
        book = SortedBook(value, quantity)
        best[rows] = (value * book.efficient_trade).sum(axis=1)
        low[rows], high[rows] = book.margin.price_low, book.margin.price_high
    shape = num_intervals, num_markets
    return Gains(achieved.reshape(shape), best.reshape(shape), low.reshape(shape), high.reshape(shape))


def key_figures(recorder: Recorder, gains: Gains, interval_hours: float) -> dict[str, float]:
    """Key figures of a run, mean over its markets where there are several.

    Parameters
    ----------
    recorder
        A full recorder.
    gains
        Its `gains_from_trade`.
    interval_hours
        Length of an interval [h].

    Returns
    -------
    dict
        Energy in kWh, power in kW, money in $, prices in $/kWh; nan where a figure has no meaning, such as a mean
        price without trade.
    """
    households, markets = recorder.households, recorder.markets
    per_market = {name: values.sum(axis=(0, 2)) for name, values in households.items() if name.endswith(_SUMMABLE)}
    totals = {name: float(values.mean()) for name, values in per_market.items()}
    market_totals = {name: float(markets[name].sum(axis=0).mean()) for name in markets if name.endswith(_SUMMABLE)}
    default_bill = households.get("default_bill_dollars", households["grid_only_bill_dollars"])
    beside_bill = [name for name in COSTS_BESIDE_BILL if name in households]
    saving = (default_bill - sum((households[name] for name in beside_bill), households["bill_dollars"])).sum(axis=0)
    default_cost = totals.get("default_bill_dollars", totals["grid_only_bill_dollars"])
    traded, price = markets["traded_kwh"], markets["price_dollars_per_kwh"]
    turnover = float(np.where(traded > 0.0, price * traded, 0.0).sum())
    grid_import = households["grid_import_kwh"].sum(axis=2)
    grid_export = households["grid_export_kwh"].sum(axis=2)
    loads = (kind for kind in recorder.devices if DEVICES[kind].is_load)
    consumption = totals["demand_kwh"] + sum(totals[f"{kind}_kwh"] for kind in loads)
    bills, surplus = totals["bill_dollars"], market_totals["operator_surplus_dollars"]
    cost = bills + sum(totals[name] for name in beside_bill) - surplus
    unserved, curtailed = totals.get("shed_kwh", 0.0), totals.get("curtailed_kwh", 0.0)
    return {
        "demand_kwh": totals["demand_kwh"],
        "pv_kwh": totals["pv_kwh"],
        "traded_kwh": market_totals["traded_kwh"],
        "grid_import_kwh": totals["grid_import_kwh"],
        "grid_export_kwh": totals["grid_export_kwh"],
        "bills_dollars": bills,
        "community_cost_dollars": cost,
        "grid_only_cost_dollars": default_cost,
        "community_saving_dollars": default_cost - cost,
        "saving_mean_dollars": float(saving.mean()),
        "saving_worst_dollars": float(saving.min()),
        "saving_best_dollars": float(saving.max()),
        "share_better_off": float((saving > 1e-9).mean()),
        "self_sufficiency": 1.0 - _ratio(totals["grid_import_kwh"] + unserved, consumption),
        "self_consumption": 1.0 - _ratio(totals["grid_export_kwh"] + curtailed, totals["pv_kwh"]),
        "peak_import_kw": float(grid_import.max(axis=0).mean()) / interval_hours,
        "peak_export_kw": float(grid_export.max(axis=0).mean()) / interval_hours,
        "mean_price_dollars_per_kwh": _ratio(turnover, float(traded.sum())),
        "gains_from_trade_dollars": float(gains.achieved.sum(axis=0).mean()),
        "allocative_efficiency": _ratio(float(gains.achieved.sum()), float(gains.best.sum())),
        "operator_surplus_dollars": surplus,
        "network_payment_dollars": market_totals["network_payment_dollars"],
        **price_figures(price, traded, gains.price_low, gains.price_high),
        **liquidity(households["net_load_kwh"], households["filled_kwh"]),
        **load_figures(households["net_load_kwh"], interval_hours),
        **fairness(saving),
        **market_power(households, price),
        **_of_devices(recorder, totals),
        **_of_imbalance(recorder, totals),
        **_of_network(recorder, totals, interval_hours),
    }


def _of_network(recorder: Recorder, totals: Mapping[str, float], interval_hours: float) -> dict[str, float]:
    if recorder.network is None:
        return {}
    figures = recorder.network.key_figures(recorder.households, interval_hours)
    return {name: totals[name] for name in NETWORK_COLUMNS} | figures


def _of_imbalance(recorder: Recorder, totals: Mapping[str, float]) -> dict[str, float]:
    if "imbalance_kwh" not in recorder.households:
        return {}
    announced, metered = recorder.households["announced_kwh"], recorder.households["net_load_kwh"]
    num_markets = metered.shape[1]
    return {
        "forecast_error_kwh": float(np.abs(announced - metered).sum()) / num_markets,
        "imbalance_kwh": float(np.abs(recorder.households["imbalance_kwh"]).sum()) / num_markets,
        "imbalance_payment_dollars": totals["imbalance_payment_dollars"],
    }


def _of_devices(recorder: Recorder, totals: Mapping[str, float]) -> dict[str, float]:
    if not recorder.devices:
        return {}
    cost, same_dispatch = totals["device_cost_dollars"], totals["grid_only_bill_dollars"]
    figures = {
        "trading_gain_dollars": same_dispatch - totals["bill_dollars"],
        "flexibility_gain_dollars": totals["default_bill_dollars"] - same_dispatch - cost - totals.get(_SHED_COST, 0.0),
        "device_cost_dollars": cost,
    }
    owing = [kind for kind in recorder.devices if DEVICES[kind].has_deadlines]
    if owing:
        figures["unmet_energy_kwh"] = sum(totals[missed_column(kind)] for kind in owing)
    for kind, device in recorder.devices.items():
        figures |= device.key_figures(recorder.record_of(kind))
    return figures


def value_captured(figures: Mapping[str, float], optimal_cost: float) -> float:
    """Share of what could be saved at best that was saved; nan where less than a hundredth of a cent could be.

    Both are sums over the run, so that days on which there is much to save count for more.
    """
    grid_only = figures["grid_only_cost_dollars"]
    possible = grid_only - optimal_cost
    return float("nan") if possible < _NOTHING else (grid_only - figures["community_cost_dollars"]) / possible


_NOTHING = 1e-4  # [$]
_SHED_COST = "shed_cost_dollars"
_SUMMABLE = ("_kwh", "_dollars")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else float("nan")


def describe(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Rows of a compact table: label and value with its unit."""

    def money(value: float) -> str:
        return f"{round(value, 2) + 0.0:,.2f} $"  # no negative zeros

    def share(value: float) -> str:
        return "-" if np.isnan(value) else f"{100.0 * value:.1f} %"

    def number(value: float, decimals: int) -> str:
        return "-" if np.isnan(value) else f"{value:.{decimals}f}"

    price = figures["mean_price_dollars_per_kwh"]
    saving = figures["community_saving_dollars"]
    relative = _ratio(saving, abs(figures["grid_only_cost_dollars"]))
    bounds = []
    if "optimal_cost_dollars" in figures:
        bounds = [
            ("Community cost, selfish: everybody alone at best", money(figures["selfish_cost_dollars"])),
            ("Community cost, optimum: together at best", money(figures["optimal_cost_dollars"])),
            ("Community cost of a plan near it", money(figures["optimal_plan_cost_dollars"])),
            ("Value captured", share(figures["value_captured"])),
        ]
    limits = []
    if "curtailed_kwh" in figures:
        limits = [
            ("Curtailed by feeder limits", f"{figures['curtailed_kwh']:,.1f} kWh"),
            ("Shed by feeder limits", f"{figures['shed_kwh']:,.1f} kWh"),
            ("Feeders at their limit", f"{share(figures['feeder_share_at_limit'])} of the time"),
        ]
    cycles = [("Battery cycles", number(figures["battery_cycles"], 1))] if "battery_cycles" in figures else []
    withheld, margin = share(figures["withheld_share"]), share(figures["price_cost_margin"])
    return [
        ("Community cost", money(figures["community_cost_dollars"])),
        ("Community cost with the grid alone", money(figures["grid_only_cost_dollars"])),
        *bounds,
        ("Community saving", f"{money(saving)} ({share(relative)})"),
        ("Saving a household: mean", money(figures["saving_mean_dollars"])),
        ("Saving a household: worst", money(figures["saving_worst_dollars"])),
        ("Saving a household: best", money(figures["saving_best_dollars"])),
        ("Households better off", share(figures["share_better_off"])),
        ("Fairness of savings: Gini, Jain", f"{number(figures['gini'], 2)}, {number(figures['jain'], 2)}"),
        ("Traded energy", f"{figures['traded_kwh']:,.1f} kWh"),
        ("Self-sufficiency", share(figures["self_sufficiency"])),
        ("Self-consumption", share(figures["self_consumption"])),
        ("Peak import", f"{figures['peak_import_kw']:,.1f} kW"),
        ("Peak to average import of the street", number(figures["peak_to_average"], 1)),
        *cycles,
        *limits,
        ("Mean price", "-" if np.isnan(price) else f"{100.0 * price:.2f} c/kWh"),
        ("Allocative efficiency", share(figures["allocative_efficiency"])),
        (
            "Sellers: withheld, margin, Herfindahl",
            f"{withheld}, {margin}, {number(figures['seller_concentration'], 2)}",
        ),
        ("Operator surplus", money(figures["operator_surplus_dollars"])),
        *_of_power_flow(figures),
    ]


def _of_power_flow(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    if "voltage_lowest_pu" not in figures:
        return []

    def number(name: str, decimals: int) -> str:
        return "-" if np.isnan(figures[name]) else f"{figures[name]:,.{decimals}f}"

    def share(name: str) -> str:
        return "-" if np.isnan(figures[name]) else f"{100.0 * figures[name]:.1f} %"

    lowest, highest = number("voltage_lowest_pu", 3), number("voltage_highest_pu", 3)
    line, transformer = number("line_loading_highest_percent", 0), number("transformer_loading_highest_percent", 0)
    unsolved = [("Intervals without a power flow", share("unsolved_share"))] if figures["unsolved_share"] > 0.0 else []
    return [
        ("Voltage: lowest, highest", f"{lowest}, {highest} p.u."),
        ("Intervals with a voltage outside the limits", share("voltage_outside_share")),
        ("Highest loading: line, transformer", f"{line} %, {transformer} %"),
        ("Intervals with an overload", share("overloaded_share")),
        *unsolved,
        ("Losses of the feeder", f"{number('feeder_losses_kwh', 1)} kWh ({share('feeder_losses_share')})"),
    ]
