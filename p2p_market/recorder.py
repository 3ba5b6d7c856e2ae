"""The recorder: what happened, interval by interval, in preallocated columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import Transition

HOUSEHOLD_COLUMNS = (
    "demand_kwh",
    "pv_kwh",
    "net_load_kwh",
    "retail_price_dollars_per_kwh",
    "feed_in_price_dollars_per_kwh",
    "limit_price_dollars_per_kwh",
    "order_kwh",
    "filled_kwh",
    "unit_price_dollars_per_kwh",
    "market_payment_dollars",
    "grid_import_kwh",
    "grid_export_kwh",
    "bill_dollars",
    "grid_only_bill_dollars",
)
MARKET_COLUMNS = (
    "traded_kwh",
    "price_dollars_per_kwh",
    "price_low_dollars_per_kwh",
    "price_high_dollars_per_kwh",
    "operator_surplus_dollars",
    "network_payment_dollars",
    "grid_payment_dollars",
)


class Recorder:
    """Columns of ``T`` intervals, ``B`` markets and ``N`` households.

    Parameters
    ----------
    num_intervals, num_markets, num_households
        ``T``, ``B`` and ``N``.

    Attributes
    ----------
    households
        Columns ``(T, B, N)`` by name: energy [kWh], prices [$/kWh], money [$].
    markets
        Columns ``(T, B)`` by name.
    row
        ``(T, B)`` row of the data that each interval was.
    profile
        ``(B, N)`` household of the data behind each slot.
    num_recorded
        Intervals so far.
    """

    def __init__(self, num_intervals: int, num_markets: int, num_households: int) -> None:
        shape = (num_intervals, num_markets)
        self.households: dict[str, FloatArray] = {
            name: np.zeros((*shape, num_households)) for name in HOUSEHOLD_COLUMNS
        }
        self.markets: dict[str, FloatArray] = {name: np.zeros(shape) for name in MARKET_COLUMNS}
        self.row: IntArray = np.zeros(shape, dtype=np.int64)
        self.profile: IntArray = np.zeros((num_markets, num_households), dtype=np.int64)
        self.num_recorded = 0

    def record(self, transition: Transition) -> None:
        """Add one interval."""
        t = self.num_recorded
        before, orders, clearing = transition.before, transition.orders, transition.clearing
        settlement = transition.settlement
        has_order = orders.quantity != 0.0
        self.row[t] = before.row
        self.profile[...] = before.profile
        for name, values in (
            ("demand_kwh", before.demand),
            ("pv_kwh", before.pv),
            ("net_load_kwh", before.net_load),
            ("retail_price_dollars_per_kwh", before.retail_price),
            ("feed_in_price_dollars_per_kwh", before.feed_in_price),
            ("limit_price_dollars_per_kwh", np.where(has_order, orders.price, np.nan)),
            ("order_kwh", orders.quantity),
            ("filled_kwh", clearing.filled),
            ("unit_price_dollars_per_kwh", clearing.unit_price),
            ("market_payment_dollars", clearing.payment),
            ("grid_import_kwh", settlement.grid_import),
            ("grid_export_kwh", settlement.grid_export),
            ("bill_dollars", settlement.bill),
            ("grid_only_bill_dollars", settlement.grid_only_bill),
        ):
            self.households[name][t] = values
        for name, column in (
            ("traded_kwh", clearing.traded),
            ("price_dollars_per_kwh", transition.mean_price),
            ("price_low_dollars_per_kwh", before.price_low),
            ("price_high_dollars_per_kwh", before.price_high),
            ("operator_surplus_dollars", clearing.operator_surplus),
            ("network_payment_dollars", clearing.network_payment),
            ("grid_payment_dollars", clearing.grid_payment),
        ):
            self.markets[name][t] = column
        self.num_recorded = t + 1
