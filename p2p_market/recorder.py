"""The recorder: what happened, interval by interval, in preallocated columns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.devices import DEVICES, Device, DeviceRecord
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.devices.fleet import Dispatch, FleetDraw, FleetState
    from p2p_market.model import Transition
    from p2p_market.network import Network, NetworkOutcome

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
DEVICE_COLUMNS = ("default_bill_dollars", "device_cost_dollars")  # and what `device_columns` says of each kind
IMBALANCE_COLUMNS = ("announced_kwh", "imbalance_kwh", "imbalance_payment_dollars")
NETWORK_COLUMNS = (  # and the default bill, which stands among those of devices too
    "curtailed_kwh",
    "shed_kwh",
    "shed_cost_dollars",
    "scarcity_payment_dollars",
    "loss_kwh",
    "loss_payment_dollars",
)
COSTS_BESIDE_BILL = ("device_cost_dollars", "shed_cost_dollars")  # what a household bears too, where recorded
MARKET_COLUMNS = (
    "traded_kwh",
    "price_dollars_per_kwh",
    "price_low_dollars_per_kwh",
    "price_high_dollars_per_kwh",
    "operator_surplus_dollars",
    "network_payment_dollars",
    "grid_payment_dollars",
)


def device_columns(kind: str) -> tuple[str, ...]:
    """Further columns of a household for a kind of device: its energy, and what the registry says is recorded."""
    entry = DEVICES[kind]
    of_deadlines = (missed_column(kind), deadline_column(kind)) if entry.has_deadlines else ()
    return (f"{kind}_kwh", *of_deadlines, *entry.recorded)


def missed_column(kind: str) -> str:
    """Column of the energy that devices of a kind with deadlines missed."""
    return f"{kind}_missed_kwh"


def deadline_column(kind: str) -> str:
    """Column of 1 where such a device had a deadline."""
    return f"{kind}_deadline"


class Recorder:
    """Columns of ``T`` intervals, ``B`` markets and ``N`` households.

    Parameters
    ----------
    num_intervals, num_markets, num_households
        ``T``, ``B`` and ``N``.
    devices
        The street's devices by kind; with any, `DEVICE_COLUMNS` and those of each kind are recorded too.
    settles_imbalance
        Whether traded energy that the meter does not confirm has prices; `IMBALANCE_COLUMNS` are recorded then.
    network
        Feeders and lines, where there are any; `NETWORK_COLUMNS` are recorded then.

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
    device_states, device_draws
        Devices before the first interval, and what chance decided about them, by kind.
    num_recorded
        Intervals so far.
    """

    def __init__(
        self,
        num_intervals: int,
        num_markets: int,
        num_households: int,
        devices: Mapping[str, Device] = MappingProxyType({}),
        *,
        settles_imbalance: bool = False,
        network: Network | None = None,
    ) -> None:
        shape = (num_intervals, num_markets)
        self.devices = devices
        self.network = network
        names = list(HOUSEHOLD_COLUMNS)
        if devices:
            names += [*DEVICE_COLUMNS, *(name for kind in devices for name in device_columns(kind))]
        if settles_imbalance:
            names += IMBALANCE_COLUMNS
        if network is not None:
            names += ["default_bill_dollars", *NETWORK_COLUMNS]
        self.households: dict[str, FloatArray] = {name: np.zeros((*shape, num_households)) for name in names}
        self.markets: dict[str, FloatArray] = {name: np.zeros(shape) for name in MARKET_COLUMNS}
        self.row: IntArray = np.zeros(shape, dtype=np.int64)
        self.profile: IntArray = np.zeros((num_markets, num_households), dtype=np.int64)
        self.device_states: FleetState = {}
        self.device_draws: FleetDraw = {}
        self.num_recorded = 0

    def record_of(self, kind: str) -> DeviceRecord:
        """What the devices of a kind did."""
        energy, nothing = self.households[f"{kind}_kwh"], np.zeros((1, 1, 1))
        missed, deadlines = (self.households.get(name(kind), nothing) for name in (missed_column, deadline_column))
        return DeviceRecord(energy, missed, deadlines)

    def record(self, transition: Transition) -> None:
        """Add one interval."""
        t = self.num_recorded
        before, orders, clearing = transition.before, transition.orders, transition.clearing
        settlement = transition.settlement
        has_order = orders.quantity != 0.0
        self.row[t] = before.row
        self.profile[...] = before.profile
        if t == 0:
            self.device_states, self.device_draws = before.devices, before.device_draws
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
        if settlement.imbalance is not None and settlement.imbalance_payment is not None:
            self.households["announced_kwh"][t] = transition.announced
            self.households["imbalance_kwh"][t] = settlement.imbalance
            self.households["imbalance_payment_dollars"][t] = settlement.imbalance_payment
        if transition.network is not None:
            self._record_network(t, transition, transition.network)
        if transition.dispatch is not None:
            self._record_devices(t, transition, transition.dispatch)
        self.num_recorded = t + 1

    def _record_network(self, t: int, transition: Transition, outcome: NetworkOutcome) -> None:
        limited = outcome.limited
        for name, values in (
            ("default_bill_dollars", transition.default_bill),
            ("curtailed_kwh", limited.curtailed),
            ("shed_kwh", limited.shed),
            ("shed_cost_dollars", limited.shed_cost),
            ("scarcity_payment_dollars", limited.scarcity_payment),
            ("loss_kwh", outcome.loss),
            ("loss_payment_dollars", outcome.loss_payment),
        ):
            self.households[name][t] = values

    def _record_devices(self, t: int, transition: Transition, dispatch: Dispatch) -> None:
        self.households["default_bill_dollars"][t] = transition.default_bill
        self.households["device_cost_dollars"][t] = dispatch.cost
        for kind, move in dispatch.moves.items():
            self.households[f"{kind}_kwh"][t] = move.energy
            if move.missed is not None and move.deadline is not None:
                self.households[missed_column(kind)][t] = move.missed
                self.households[deadline_column(kind)][t] = move.deadline
            for name in DEVICES[kind].recorded:
                feature = DEVICES[kind].features[name]
                self.households[name][t] = feature.read(self.devices[kind], move.state, 1.0)
