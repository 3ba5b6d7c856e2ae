"""The laws of one interval on random streets: energy, money, individual rationality, and where the gains go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import network as reference

from p2p_market import devices
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.controller import AuctionController
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer
from p2p_market.devices.battery import Batteries
from p2p_market.devices.fleet import Dispatch
from p2p_market.model import Transition
from p2p_market.network import FEEDER_RULES, Feeders, Network, NetworkOutcome

ORDER_BASED = [name for name, entry in MECHANISMS.items() if not entry.is_pool]
RATIONAL = [name for name, entry in MECHANISMS.items() if entry.promises.individually_rational]
PLANS: list[Any] = [
    "flat",
    "agl_time_of_use",
    {"flat": 0.5, "agl_time_of_use": 0.5},
    {"flat": 0.2, "agl_time_of_use": 0.3, "origin_time_of_use": 0.5},
]
FREE = {"trading_fee_dollars_per_kwh": 0.0}
FEES: list[dict[str, float]] = [
    FREE,
    FREE,
    {"trading_fee_dollars_per_kwh": 0.013},
    {"network_fee_dollars_per_kwh": 0.02, "buyer_share_of_fees": 0.25},
    {"trading_fee_share_of_price": 0.1},
    {
        "trading_fee_dollars_per_kwh": 0.01,
        "network_fee_dollars_per_kwh": 0.007,
        "trading_fee_share_of_price": 0.05,
        "buyer_share_of_fees": 1.0,
    },
]
EVERYBODY = {"owners": "all"}
DEVICES: dict[str, list[dict[str, Any]]] = {  # by kind; none of the kind is a choice too
    "battery": [
        {**EVERYBODY, "capacity_kwh": 4.0, "power_kw": 3.0, "wear_dollars_per_kwh": 0.01},
        {  # of some, and small
            **EVERYBODY,
            "share": 0.6,
            "capacity_kwh": 0.7,
            "charge_efficiency": 0.8,
            "minimum_share": 0.2,
            "self_discharge_per_hour": 0.01,
        },
    ],
    "controlled_load": [
        {**EVERYBODY, "window_start_hour": 11.0, "window_hours": 1.5, "power_kw": 20.0},
        {**EVERYBODY, "share": 0.6},
    ],
    "pv_curtailment": [EVERYBODY, {**EVERYBODY, "share": 0.5}],
    "electric_vehicle": [  # from ten to one o'clock they leave and come back
        {
            **EVERYBODY,
            "present_share": 0.1,
            "latest_departure_hour": 11.0,
            "earliest_arrival_hour": 11.1,
            "arrival_hour": 12.0,
            "vehicle_to_home": True,
            "wear_dollars_per_kwh": 0.02,
        },
        {**EVERYBODY, "share": 0.6, "present_share": 0.8},
    ],
}
NETWORKS: list[dict[str, Any] | None] = [
    None,
    None,
    {"feeders": 2, "import_limit_kw": 3.0, "export_limit_kw": 1.001, "losses": {"other_feeder": 0.05}},
    {"import_limit_kw": 4.0, "export_limit_kw": 0.0, "value_of_lost_load_dollars_per_kwh": 0.9},
    {
        "feeders": 3,
        "import_limit_kw": [0.5, 4.0, 8.0],
        "export_limit_kw": [0.0, 1.0, 3.0],
        "rule": "scarcity_price",
        "scarcity_price_dollars_per_kwh": 0.4,
        "losses": {"same_feeder": 0.01, "other_feeder": 0.03},
    },
]
WITHOUT_LOSSES = [network and {**network, "losses": {}} for network in NETWORKS]
NUM_INTERVALS = 6
EXAMPLES = settings(max_examples=60, deadline=None)


@dataclass(frozen=True)
class Case:
    """A street, its market, and who bids how."""

    demand: np.ndarray  # (T, N) [kWh]
    pv: np.ndarray  # (T, N) [kWh]
    overrides: dict[str, Any]
    num_learners: int
    action_seed: int

    def play(self) -> list[tuple[AuctionController, Transition, np.ndarray]]:
        """The intervals of two markets: controller, transition, rewards (B, N) or (B, 0)."""
        num_homes = self.demand.shape[1]
        container = DataContainer.from_arrays(
            demand=self.demand,
            pv=self.pv,
            controlled_load=np.floor(500.0 * self.demand) / 1000.0,
            calendar=Calendar.regular("2013-01-14 10:00", len(self.demand)),
        )
        config = load_config(
            {"street": {"households": "all"}, "episode": {"num_intervals": NUM_INTERVALS}},
            {"population.learners": self.num_learners, **self.overrides},
        )
        controller = build_controller(config, container=container, num_markets=2)
        assert controller.get_size() == (2, num_homes)
        controller.reset(seed=0)
        rng = np.random.default_rng(self.action_seed)
        played = []
        for _ in range(NUM_INTERVALS):
            components = controller.get_action_space().shape[0]
            actions = rng.uniform(-1.3, 1.3, (2, self.num_learners, components)) if self.num_learners else None
            result = controller.run_auction(actions)
            played.append((controller, result.transition, result.rewards))
        return played


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    mechanisms: list[str] = list(MECHANISMS),  # noqa: B006 - never changed
    plans: list[Any] = PLANS,
    fees: list[dict[str, float]] = FEES,
    bidders: str | None = None,
    networks: list[dict[str, Any] | None] = NETWORKS,
) -> Case:
    """Streets of 1 to 12 homes; `bidders` fixes one scripted policy for all, None lets anybody learn."""
    num_homes = draw(st.integers(1, 12))
    watt_hours = st.one_of(st.integers(0, 3000), st.sampled_from([0, 1, 500, 1000]))
    readings = st.lists(watt_hours, min_size=num_homes, max_size=num_homes)
    rows = NUM_INTERVALS + 1
    demand, pv = (np.array([draw(readings) for _ in range(rows)]) / 1000.0 for _ in range(2))
    has_pv = np.array(draw(st.lists(st.booleans(), min_size=num_homes, max_size=num_homes)))
    overrides = {
        "market.mechanism": draw(st.sampled_from(mechanisms)),
        "tariff.plan": draw(st.sampled_from(plans)),
        "market.ties": draw(st.sampled_from(["prorata", "priority", "random"])),
        "market.price_tick_dollars_per_kwh": draw(st.sampled_from([0.0001, 0.01, None])),
        "market.audit": True,
        "reward.scale": draw(st.sampled_from([1.0, 2.0, 0.3])),
        "scenario.action": draw(st.sampled_from(["price", "price_quantity"])),
        "seed": draw(st.integers(0, 3)),
        "population.scripted": bidders or draw(st.sampled_from(["truthful", "zero_intelligence", "grid_only"])),
        **{f"market.{key}": value for key, value in draw(st.sampled_from(fees)).items()},
    }
    if MECHANISMS[overrides["market.mechanism"]].promises.unit_lots or draw(st.integers(0, 9)) == 0:
        overrides["market.lot_kwh"] = draw(st.sampled_from([0.1, 0.5, 1.0]))
    if MECHANISMS[overrides["market.mechanism"]].takes_rounds:
        overrides["market.rounds"] = draw(st.sampled_from([1, 2, 5]))
        if overrides["market.rounds"] > 1:
            overrides["scenario.action"] = draw(st.sampled_from(["price", "price_quantity", "price_concession"]))
    chosen = {kind: draw(st.sampled_from([None, None, *designs])) for kind, designs in DEVICES.items()}
    overrides["devices"] = {kind: design for kind, design in chosen.items() if design is not None}
    of_batteries = ["price_storage", "price_quantity_storage"] if "battery" in overrides["devices"] else []
    if overrides["devices"] and overrides["scenario.action"] != "price_concession":
        overrides["scenario.action"] = draw(st.sampled_from(["price", "full_devices", *of_batteries]))
    overrides["network"] = draw(st.sampled_from([n for n in networks if n is None or n.get("feeders", 1) <= num_homes]))
    num_learners = 0 if bidders else draw(st.sampled_from([num_homes, num_homes, num_homes // 2, 0]))
    return Case(demand, pv * has_pv, overrides, num_learners, draw(st.integers(0, 1000)))


def device_energy(dispatch: Dispatch) -> np.ndarray:
    """Energy (B, N) of all devices together."""
    return sum((move.energy for move in dispatch.moves.values()), np.zeros_like(dispatch.net_load))


def limited_load(outcome: NetworkOutcome, net_load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loads (B, N) [kWh] as feeder limits leave them, and what that costs [$], both by the loops of the reference."""
    network, feeders = outcome.network, outcome.network.feeders
    rest = feeders.feeder.tolist(), feeders.import_limit.tolist(), feeders.export_limit.tolist()
    left, cost = net_load.copy(), np.zeros_like(net_load)
    for market, row in enumerate(np.rint(1000.0 * net_load).astype(int).tolist()):
        if network.rule is FEEDER_RULES["pro_rata"]:
            curtailed, shed = reference.pro_rata(row, *rest)
            left[market] += (np.array(curtailed) - np.array(shed)) / 1000.0
            cost[market] = network.value_of_lost_load * np.array(shed) / 1000.0
        else:
            beyond = [float(part) for part in reference.excess(row, *rest)]
            cost[market] = network.scarcity_price * np.array(beyond) / 1000.0
    return left, cost


def owed_by_idle_batteries(controller: AuctionController, transition: Transition) -> np.ndarray | float:
    """What self-discharge makes batteries that nobody steered owe at the end of an episode ``(N,)`` [$]."""
    fleet = controller.model.scenario.fleet
    batteries = fleet.devices.get("battery")
    if not isinstance(batteries, Batteries) or transition.before.elapsed[0] + 1 < NUM_INTERVALS:
        return 0.0
    left = (1.0 - batteries.self_discharge) ** (0.5 * NUM_INTERVALS)
    lost = batteries.owners * batteries.initial * (1.0 - left)
    return lost * fleet.off_peak_price / (batteries.charge_efficiency * batteries.discharge_efficiency)


def default_bill(controller: AuctionController, transition: Transition) -> np.ndarray:
    """Bill (B, N) with the grid alone, devices left to themselves, and what feeder limits make that cost."""
    before, dispatch = transition.before, transition.dispatch
    net_load = before.demand - before.pv
    for move in dispatch.moves.values() if dispatch is not None else ():
        net_load = net_load + move.default_energy
    cost = np.zeros_like(net_load)
    if transition.network is not None:
        net_load, cost = limited_load(transition.network, net_load)
    cost = cost + owed_by_idle_batteries(controller, transition)
    return np.where(net_load > 0.0, before.retail_price, before.feed_in_price) * net_load + cost


def of_network(transition: Transition) -> NetworkOutcome:
    """What the network did; without one, nothing."""
    if transition.network is not None:
        return transition.network
    net_load = transition.before.net_load
    nobody = np.zeros(net_load.shape[1], dtype=np.int64)
    nothing = Network(Feeders(nobody, *np.full((2, 1), np.inf)), FEEDER_RULES["pro_rata"])
    return nothing.settle(nothing.limit(net_load), transition.clearing.filled, transition.before.retail_price)


def assert_close(actual: np.ndarray, expected: np.ndarray, size: np.ndarray | float) -> None:
    """Equal to 1e-9 of a size, which is what was added up to get there."""
    gap = np.abs(actual - expected)
    assert (gap <= 1e-9 * np.maximum(size, 1e-3)).all(), (actual, expected)


@given(cases())
@EXAMPLES
def test_energy_balances(case: Case) -> None:
    for _, transition, _ in case.play():
        before, filled, settlement = transition.before, transition.clearing.filled, transition.settlement
        volume = np.abs(before.net_load).sum(axis=1)
        assert_close(filled.sum(axis=1), np.zeros(2), volume)
        assert_close(filled + settlement.grid_import - settlement.grid_export, before.net_load, np.abs(before.net_load))
        energy = np.zeros_like(before.demand) if transition.dispatch is None else device_energy(transition.dispatch)
        for move in () if transition.dispatch is None else transition.dispatch.moves.values():
            np.testing.assert_array_equal(move.energy, np.rint(1000.0 * move.energy) / 1000.0)  # whole watt-hours
        limited = of_network(transition).limited
        metered = before.demand - before.pv + energy + limited.curtailed - limited.shed
        assert_close(metered, before.net_load, before.demand + before.pv + np.abs(energy))
        assert (settlement.grid_import >= 0.0).all()
        assert (settlement.grid_export >= 0.0).all()
        assert (settlement.grid_import * settlement.grid_export == 0.0).all()
        orders = transition.orders.quantity
        assert (np.abs(filled) <= np.abs(orders) + 1e-12).all()
        assert (np.abs(orders) <= np.abs(before.net_load) + 1e-12).all()
        assert (filled * before.net_load >= 0.0).all()
        assert_close(transition.clearing.traded, np.maximum(filled, 0.0).sum(axis=1), volume)


@given(cases())
@EXAMPLES
def test_money_balances(case: Case) -> None:
    for controller, transition, rewards in case.play():
        clearing, settlement, before = transition.clearing, transition.settlement, transition.before
        money = np.abs(clearing.payment).sum(axis=1)
        assert_close(
            clearing.payment.sum(axis=1),
            clearing.operator_surplus + clearing.network_payment + clearing.grid_payment,
            money,
        )
        # what households pay goes to the operator, the network and the grid, losses included, and nowhere else
        network = of_network(transition)
        charged = network.limited.scarcity_payment + network.loss_payment
        to_grid = (settlement.grid_import * before.retail_price - settlement.grid_export * before.feed_in_price).sum(1)
        assert_close(
            settlement.bill.sum(axis=1),
            clearing.operator_surplus + clearing.network_payment + to_grid + charged.sum(axis=1),
            np.abs(settlement.bill).sum(axis=1) + money,
        )
        assert_close(
            settlement.bill,
            clearing.payment + settlement.grid_payment + charged,
            np.abs(clearing.payment) + np.abs(settlement.bill),
        )
        alone = np.where(
            before.net_load > 0.0, before.retail_price * before.net_load, before.feed_in_price * before.net_load
        )
        alone = alone + network.limited.scarcity_payment
        assert_close(settlement.grid_only_bill, alone, np.abs(alone))
        network_fee = case.overrides.get("market.network_fee_dollars_per_kwh", 0.0)
        assert_close(clearing.network_payment, network_fee * clearing.traded, money)
        learners = controller.population.learners
        saved = default_bill(controller, transition) - settlement.bill
        if transition.dispatch is not None:
            saved = saved - transition.dispatch.cost
        saved = saved - network.limited.shed_cost
        saving = case.overrides["reward.scale"] * saved[:, learners]
        assert rewards.shape == saving.shape
        assert_close(rewards, saving, (np.abs(settlement.bill) + np.abs(saved))[:, learners])


@given(
    st.one_of(
        # losses are known after clearing only, and a trade may not be worth them
        cases(
            mechanisms=[name for name in RATIONAL if name in ORDER_BASED],
            bidders="truthful",
            networks=WITHOUT_LOSSES,
        ),
        # a pool's formula takes the mean of different tariffs, so a household with a good one can lose by it
        cases(
            mechanisms=[name for name in RATIONAL if name not in ORDER_BASED],
            plans=PLANS[:2],
            bidders="truthful",
            networks=WITHOUT_LOSSES,
        ),
    )
)
@EXAMPLES
def test_nobody_who_bids_truthfully_is_worse_off_than_with_the_grid(case: Case) -> None:
    has_deficit = MECHANISMS[case.overrides["market.mechanism"]].promises.budget == "deficit"
    for _, transition, _ in case.play():
        settlement = transition.settlement
        saving = settlement.grid_only_bill - settlement.bill
        assert (saving >= -1e-9 * np.abs(settlement.grid_only_bill)).all()
        assert (transition.clearing.operator_surplus >= -1e-9).all() or has_deficit


@given(cases(mechanisms=ORDER_BASED))
@EXAMPLES
def test_in_a_market_of_lots_every_order_is_one_lot(case: Case) -> None:
    lot = case.overrides.setdefault("market.lot_kwh", 0.5)
    whole = "quantity" not in case.overrides["scenario.action"] or not case.num_learners
    bids_at_all = case.overrides["population.scripted"] != "grid_only" and not case.num_learners
    for _, transition, _ in case.play():
        size, need = np.abs(transition.orders.quantity), np.abs(transition.before.net_load)
        assert ((size == lot) | (size == 0.0)).all()
        assert (size <= need * (1.0 + 1e-6)).all()
        if whole and bids_at_all:
            np.testing.assert_array_equal(size == lot, need >= lot * (1.0 - 1e-6))


@given(cases(mechanisms=ORDER_BASED, plans=["flat", "agl_time_of_use"]))
@EXAMPLES
def test_savings_under_one_plan_are_the_volume_times_the_width_of_the_tariff(case: Case) -> None:
    """Σ savings + operator surplus + network fees + losses = Q (retail - feed-in), in every interval."""
    for _, transition, _ in case.play():
        clearing, settlement, before = transition.clearing, transition.settlement, transition.before
        savings = (settlement.grid_only_bill - settlement.bill).sum(axis=1)
        losses = of_network(transition).loss_payment.sum(axis=1)
        width = before.retail_price[:, 0] - before.feed_in_price[:, 0]
        assert_close(
            savings + clearing.operator_surplus + clearing.network_payment + losses,
            clearing.traded * width,
            np.abs(settlement.grid_only_bill).sum(axis=1),
        )


@given(cases(mechanisms=ORDER_BASED, plans=PLANS[2:]))
@EXAMPLES
def test_savings_under_mixed_plans_are_the_gains_of_the_pairs(case: Case) -> None:
    """Σ savings + operator surplus + network fees + losses = Σ over pairs (buyer's retail - seller's feed-in) q."""
    for _, transition, _ in case.play():
        clearing, settlement, before = transition.clearing, transition.settlement, transition.before
        losses = of_network(transition).loss_payment.sum(axis=1)
        for market in range(2):
            pairs = transition.context.transaction(market)
            gains = (
                before.retail_price[market, pairs.buyer] - before.feed_in_price[market, pairs.seller]
            ) * pairs.quantity
            savings = (settlement.grid_only_bill - settlement.bill)[market].sum()
            assert_close(
                savings + clearing.operator_surplus[market] + clearing.network_payment[market] + losses[market],
                gains.sum(),
                np.abs(settlement.grid_only_bill[market]).sum(),
            )


@given(cases(mechanisms=ORDER_BASED))
@EXAMPLES
def test_pairs_are_the_fills_and_the_payments(case: Case) -> None:
    num_homes = case.demand.shape[1]
    for _, transition, _ in case.play():
        clearing = transition.clearing
        for market in range(2):
            pairs = transition.context.transaction(market)
            volume = float(clearing.traded[market])
            bought = np.bincount(pairs.buyer, pairs.quantity, num_homes)
            sold = np.bincount(pairs.seller, pairs.quantity, num_homes)
            assert_close(bought - sold, clearing.filled[market], volume)
            assert (pairs.quantity > 0.0).all()
            paid = np.bincount(pairs.buyer, pairs.quantity * pairs.buyer_price, num_homes)
            earned = np.bincount(pairs.seller, pairs.quantity * pairs.seller_price, num_homes)
            assert_close(paid - earned, clearing.payment[market], np.abs(clearing.payment[market]).sum())


@given(cases(mechanisms=ORDER_BASED, fees=[FREE]))
@EXAMPLES
def test_prices_stay_in_the_band_and_what_was_published_is_the_last_price(case: Case) -> None:
    previous: Transition | None = None
    for controller, transition, _ in case.play():
        before, clearing = transition.before, transition.clearing
        tick = case.overrides["market.price_tick_dollars_per_kwh"] or 0.0
        has_order = transition.orders.quantity != 0.0
        low, high = before.price_low[:, None] - tick - 1e-12, before.price_high[:, None] + tick + 1e-12
        price = transition.orders.price
        assert ((price >= low) & (price <= high))[has_order].all()
        settled = ~np.isnan(clearing.unit_price)
        assert (settled == (clearing.filled != 0.0)).all()
        assert ((clearing.unit_price >= low) & (clearing.unit_price <= high))[settled].all()
        assert (np.isnan(transition.mean_price) == (clearing.traded == 0.0)).all()
        if previous is not None:
            traded = previous.clearing.traded
            np.testing.assert_array_equal(before.traded, traded)
            published = np.where(traded > 0.0, previous.mean_price, 0.0)
            np.testing.assert_array_equal(before.published_price, published)
        assert (np.abs(controller.state.published_position) <= 1.0).all()
        previous = transition


def test_every_registered_device_is_among_the_cases() -> None:
    assert list(DEVICES) == list(devices.DEVICES)


def test_every_registered_mechanism_is_among_the_cases() -> None:
    assert set(ORDER_BASED) | {name for name, entry in MECHANISMS.items() if entry.is_pool} == set(MECHANISMS)
    assert set(RATIONAL) <= set(MECHANISMS)
    assert {"uniform_price", "pay_as_bid", "pairwise_midpoint"} <= set(ORDER_BASED)


def test_the_checks_see_a_wrong_clearing() -> None:
    """The tolerance is tight enough: a thousandth of a watt-hour too much does not pass."""
    demand, pv = np.full((7, 2), [[1.0, 0.0]]), np.full((7, 2), [[0.0, 1.0]])
    case = Case(demand, pv, {"market.mechanism": "uniform_price", "reward.scale": 1.0}, 0, 0)
    _, transition, _ = case.play()[0]
    assert transition.clearing.traded.tolist() == [1.0, 1.0]
    wrong = transition.clearing.filled + np.array([0.0, 1e-6])
    with pytest.raises(AssertionError):
        assert_close(wrong.sum(axis=1), np.zeros(2), 2.0)
