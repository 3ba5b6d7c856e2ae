"""What devices say of themselves to a program is what they do: against their moves, and cases worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_streets import DEVICES, controller_of
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.bounds import Episode, execute, optimal_dispatch, perfect_forecast, receding_horizon, selfish_dispatch
from p2p_market.devices import (
    ControlledLoadDesign,
    ControlledLoads,
    DeviceOutlook,
    ElectricVehicleDesign,
    ElectricVehicles,
    LinearDevice,
    PvCurtailment,
)
from p2p_market.devices.battery import Batteries, BatteryDesign
from p2p_market.errors import DataError
from p2p_market.scenario.outlook import ForecastOutlook, of_market, read_ahead

DESIGNS = [(kind, design) for kind, designs in DEVICES.items() for design in designs]
NUM_INTERVALS = 70


@given(st.sampled_from(DESIGNS), st.integers(0, 1000), st.integers(0, NUM_INTERVALS - 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_whatever_devices_are_asked_they_do_what_they_said_they_can(
    kind_and_design: tuple[str, dict[str, Any]], seed: int, first: int, steers: bool
) -> None:
    """From any interval on: limits, levels and cost of all moves are those of the description."""
    kind, design = kind_and_design
    action = "full_devices" if steers else "price_quantity"
    overrides = {"devices": {kind: design}, "scenario.action": action, "seed": seed % 20}
    controller = controller_of(overrides, NUM_INTERVALS, learns=True)
    scenario, rng = controller.model.scenario, np.random.default_rng(seed)
    device: Any = scenario.fleet.devices[kind]
    controller.reset(seed=seed)
    described: LinearDevice | None = None
    energy, stored, cost = [], [], np.zeros(controller.get_size()[1])
    for interval in range(NUM_INTERVALS):
        state = controller.state
        if interval == first:
            draws = of_market(state.device_draws, 1)
            row, profile = int(state.row[1]), state.profile[1]
            _, outlook = read_ahead(scenario, row, profile, NUM_INTERVALS - first, elapsed=first, draws=draws)
            described = scenario.fleet.describe(of_market(state.devices, 1), outlook)[kind]
        asked = rng.normal(rng.choice([-0.8, 0.0, 0.8]), 0.5, (2, 4, controller.get_action_space().shape[0]))
        dispatch = controller.run_auction(np.clip(asked, -1.0, 1.0)).transition.dispatch
        assert dispatch is not None
        if interval >= first:
            energy.append(dispatch.moves[kind].energy[1])
            stored.append(device.stored(dispatch.moves[kind].state)[1])
            cost += dispatch.cost[1]

    assert described is not None
    assert (np.delete(np.array(energy), described.owners, axis=1) == 0.0).all()
    steered = np.array(energy)[:, described.owners] - described.fixed
    assert (steered <= described.most_taken + 1e-9).all()
    assert (-steered <= described.most_given + 1e-9).all()
    if not steers:
        np.testing.assert_allclose(steered, described.default, atol=1e-9)
    told, store = described.stored_by(steered), described.store
    if store is not None:
        goes_on = store.retention[1:] > 0.0  # elsewhere another window, or stay, begins
        np.testing.assert_allclose(told[:-1][goes_on], np.array(stored)[:-1, described.owners][goes_on], atol=1e-9)
        assert (told >= store.lowest - 1e-9).all()
        assert (told <= store.highest + 1e-9).all()
    counted, paid = described.cost(steered, told), cost[described.owners]
    below_a_unit = 0.001 * 3 if "vehicle_to_home" in design else 0.0  # is not missed, at three departures at most
    assert (counted <= paid + 1e-9).all()
    assert (counted >= paid - below_a_unit - 1e-9).all()
    if store is not None and store.ends_at_least is not None:
        for level in (np.linspace(0.0, 1.0, 7)[:, None] * store.lowest[-1], store.lowest[-1:]):
            exact = sum(target.price[-1] * np.maximum(target.level[-1] - level, 0.0) for target in store.ends)
            below = sum(target.price[-1] * np.maximum(target.level[-1] - level, 0.0) for target in store.ends_at_least)
            assert (below <= exact + 1e-9).all()
            assert all((target.price >= 0.0).all() for target in store.ends_at_least)


def test_only_a_perfect_forecast_knows_the_next_trips() -> None:
    def described(kind: str) -> tuple[LinearDevice, np.ndarray]:
        overrides = {
            "devices": {"electric_vehicle": {"owners": "all", "present_share": 0.0}},
            "scenario.forecast": {"kind": kind, "horizon": 48},
        }
        controller = controller_of(overrides, 48, start="2013-01-20", learns=True)  # they leave, and come back
        controller.reset(seed=1)
        state, scenario = controller.state, controller.model.scenario
        _, outlook = ForecastOutlook(scenario, state, 48).of(0, 48)
        device = scenario.fleet.describe(of_market(state.devices, 0), outlook)["electric_vehicle"]
        return device, state.devices["electric_vehicle"]["left"][0]

    (known, left), (unknown, _) = described("perfect"), described("persistence")
    assert (left > 0).all()
    here = np.arange(48)[:, None] < left
    np.testing.assert_array_equal(unknown.most_taken > 0.0, here)
    assert ((known.most_taken > 0.0)[here]).all()
    assert ((known.most_taken > 0.0) & ~here).any(axis=0).all()


def street(retail: list[float], demand: list[float], feed_in: float = 0.0, **others: LinearDevice) -> Episode:
    """One home and hours."""
    price = np.array(retail)[:, None]
    return Episode(np.array(demand)[:, None], price, np.full_like(price, feed_in), None, np.array([0.1]), others=others)


def hot_water(
    recorded: list[float], comfort: float = 1.0, due: float | None = None, first_slot: int = 0
) -> LinearDevice:
    """2 kW at most in a window from 0 to 4 h; hours from ``first_slot`` on, with what is recorded in them and after."""
    design = ControlledLoadDesign(power_kw=2.0, window_hours=4.0, comfort_dollars_per_kwh=comfort)
    loads = ControlledLoads.of_designs([design], np.array([0]), 1.0, 1000)
    num_intervals = len(recorded)
    outlook = DeviceOutlook(
        slot=first_slot + np.arange(num_intervals),
        elapsed=0,
        pv=np.zeros((num_intervals, 1)),
        off_peak_price=np.array([0.1]),
        recorded_load=np.array([*recorded, *[0.5] * 24])[:, None],
    )
    owed = sum(recorded[: max(4 - first_slot, 0)]) + 0.5 * max(4 - first_slot - num_intervals, 0)
    return loads.describe({"due": np.array([[owed if due is None else due]])}, outlook)


@pytest.mark.parametrize(
    ("device", "retail", "cost"),
    [
        (hot_water([0.0, 1.0, 1.0, 1.0]), [0.4, 0.3, 0.2, 0.1], 0.1 * 2.0 + 0.2 * 1.0),  # as late as power allows
        (hot_water([0.0, 3.0, 0.0, 0.0]), [0.4, 0.1, 0.2, 0.3], 0.1 * 3.0),  # as recorded, beyond the power
        (hot_water([0.0, 0.0, 0.0, 1.0], comfort=0.25), [0.4, 0.3, 0.5, 0.3], 0.25),  # better cold than dear
        (hot_water([0.0, 0.0, 0.0, 1.0, 2.0]), [0.4, 0.3, 0.5, 0.2, 0.6], 0.2 + 0.6 * 2.0),  # outside as it comes
        # the window is still open at the end: what is behind the record then costs 0.1 $, what is ahead is lost
        (hot_water([1.0, 1.0]), [0.4, 0.3], 0.1 * 2.0),
        (hot_water([1.0, 1.0]), [0.4, 0.05], 0.05 * 2.0),
        (hot_water([1.0, 1.0], due=1.0, first_slot=3), [0.4, 0.3], 0.4 * 1.0 + 0.3),
    ],
)
def test_hot_water_comes_when_it_is_cheap(device: LinearDevice, retail: list[float], cost: float) -> None:
    episode = street(retail, [0.0] * len(retail), controlled_load=device)
    for schedule in (optimal_dispatch(episode), selfish_dispatch(episode)):
        assert schedule.objective == pytest.approx(cost, abs=1e-9)
        assert schedule.cost.total == pytest.approx(cost, abs=1e-9)
        done = execute(episode, schedule.stored, schedule.others)
        assert done.cost.total == pytest.approx(cost, abs=1e-9)
    by_default = execute(episode, optimal_dispatch(episode).stored)
    assert by_default.cost.total == pytest.approx(float(((device.fixed + device.default)[:, 0] * retail).sum()))


def vehicle(num_intervals: int, *, left: int, due: float, default_due: float = 0.0, **design: Any) -> LinearDevice:
    """One that takes 2 kWh an hour at most, whose next trips are not known."""
    made = ElectricVehicleDesign(power_kw=2.0, most_trip_energy_kwh=10.0, charge_efficiency=1.0, **design)
    vehicles = ElectricVehicles.of_designs([made], np.array([0]), 1.0, 1000)
    outlook = DeviceOutlook(np.arange(num_intervals), 0, np.zeros((num_intervals, 1)), np.array([0.1]))
    state = {name: np.array([[value]]) for name, value in (("due", due), ("left", left), ("default_due", default_due))}
    return vehicles.describe({name: values.astype(float) for name, values in state.items()}, outlook)


GIVES = {"vehicle_to_home": True, "discharge_efficiency": 0.5, "capacity_kwh": 20.0, "minimum_share": 0.4}


@pytest.mark.parametrize(
    ("device", "retail", "demand", "cost"),
    [
        (vehicle(3, left=3, due=3.0), [0.3, 0.2, 0.4], [0.0] * 3, 0.2 * 2.0 + 0.3),
        (vehicle(3, left=2, due=5.0), [0.3, 0.2, 0.1], [0.0] * 3, 0.2 * 2.0 + 0.3 * 2.0 + 1.0),  # 1 kWh is missed
        (vehicle(3, left=2, due=1.0, comfort_dollars_per_kwh=0.1), [0.3, 0.2, 0.1], [0.0] * 3, 0.1),
        # still at home at the end: 6 kWh due, default 1, 2 hours left then: 4 kWh are bought at 0.1 $ later, less 1
        (vehicle(1, left=3, due=6.0, default_due=3.0), [0.3], [0.0], 0.3 * 2.0 + 0.1 * 3.0),
        (vehicle(1, left=2, due=6.0, default_due=3.0), [0.3], [0.0], 0.3 * 2.0 + 1.0 * 2.0 + 0.1 * 1.0),
        # gives 1 kWh for 2 that are bought back: at 0.6 $ against 0.2 $ it is worth it, at 0.3 $ it is not
        (vehicle(2, left=2, due=0.0, **GIVES), [0.6, 0.2], [1.0, 0.0], 0.2 * 2.0),
        (vehicle(2, left=2, due=0.0, **GIVES), [0.3, 0.2], [1.0, 0.0], 0.3),
        (vehicle(2, left=2, due=0.0, wear_dollars_per_kwh=0.3, **GIVES), [0.6, 0.2], [1.0, 0.0], 0.6),
        # 1 kWh is left above the minimum charge, which gives half of it
        (vehicle(2, left=2, due=11.0, **GIVES), [0.6, 0.2], [1.0, 0.0], 0.6 * 3.0 + 0.2 * 2.0 + 7.0),
    ],
)
def test_vehicles_are_charged_when_it_is_cheap(
    device: LinearDevice, retail: list[float], demand: list[float], cost: float
) -> None:
    episode = street(retail, demand, electric_vehicle=device)
    unit = 0.0011 * (device.most_given > 0.0).any()  # of what is missed less than that is not, if energy is given back
    for schedule in (optimal_dispatch(episode), selfish_dispatch(episode)):
        assert cost - unit - 1e-9 <= schedule.objective <= cost + 1e-9
        assert schedule.cost.total == pytest.approx(schedule.objective, abs=1e-9)
        assert execute(episode, schedule.stored, schedule.others).cost.total == pytest.approx(cost, abs=unit + 1e-9)


def test_a_neighbours_vehicle_takes_what_the_roof_has_to_spare() -> None:
    price = np.full((2, 2), 0.3)
    parked = vehicle(2, left=2, due=2.0)
    moved = LinearDevice(**{**parked.__dict__, "owners": np.array([1])})
    episode = Episode(
        np.array([[0.0, 0.0], [-2.0, 0.0]]),
        price,
        price / 3.0,
        None,
        np.full(2, 0.1),
        others={"electric_vehicle": moved},
    )
    together, alone = optimal_dispatch(episode), selfish_dispatch(episode)
    assert together.objective == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(together.others["electric_vehicle"], [[0.0, 0.0], [0.0, 2.0]], atol=1e-9)
    assert alone.cost.total == pytest.approx(2.0 * 0.3 - 2.0 * 0.1)


def test_devices_of_one_household_hand_nothing_on_that_none_of_them_gave() -> None:
    """At a cheap and a dear meter: a battery that loses more than it earns, and a vehicle that gives nothing."""
    designs = [BatteryDesign(capacity_kwh=2.0, power_kw=2.0, charge_efficiency=0.4, discharge_efficiency=0.4)]
    episode = Episode(
        np.array([[0.0, 3.0], [0.0, 3.0]]),
        np.array([[0.1, 0.5], [0.1, 0.5]]),
        np.zeros((2, 2)),
        Batteries.of_designs(designs, np.array([0, -1]), 1.0, 1000),
        np.full(2, 0.1),
        others={"electric_vehicle": vehicle(2, left=2, due=2.0)},
    )
    optimum = optimal_dispatch(episode)
    assert optimum.objective == pytest.approx(0.1 * 2.0 + 0.5 * 6.0)
    assert optimum.cost.total == pytest.approx(optimum.objective)


def test_curtailment_is_part_of_the_program_only_where_it_can_be_of_use() -> None:
    curtailment = PvCurtailment(np.array([True]))
    outlook = DeviceOutlook(np.arange(2), 0, np.array([[1.0], [2.0]]), np.array([0.1]))
    device = curtailment.describe({"curtailed": np.zeros((1, 1))}, outlook)
    np.testing.assert_array_equal(device.most_taken, [[1.0], [2.0]])
    episode = street([0.3, 0.3], [-1.0, -2.0], pv_curtailment=device)
    assert not episode.devices
    assert optimal_dispatch(episode).objective == 0.0


@pytest.mark.parametrize("horizon", [1, 6])
def test_a_receding_horizon_steers_other_devices_too(horizon: int) -> None:
    rng = np.random.default_rng(2)
    retail = rng.uniform(0.1, 0.5, 8).round(2).tolist()
    recorded = rng.uniform(0.0, 1.5, 8).round(3).tolist()
    water, parked = hot_water(recorded), vehicle(8, left=7, due=5.0, default_due=5.0, **GIVES)
    plain = street(retail, rng.uniform(-1.0, 2.0, 8).round(3).tolist(), controlled_load=water, electric_vehicle=parked)
    optimum = optimal_dispatch(plain)
    ahead = receding_horizon(plain, perfect_forecast(plain, 8))
    assert ahead.cost.total == pytest.approx(optimum.cost.total, rel=0.001)
    assert receding_horizon(plain, perfect_forecast(plain, horizon)).cost.total >= optimum.objective - 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"others": {"kettle": vehicle(3, left=1, due=0.0)}},
            "kind kettle are described for 3 intervals and .* has 1 int",
        ),
        (
            {"others": {"battery": vehicle(1, left=1, due=0.0)}},
            "batteries are given, and others has some too; expected them in one place",
        ),
    ],
)
def test_devices_that_do_not_fit_the_episode(change: dict[str, Any], message: str) -> None:
    one = Batteries.of_designs([BatteryDesign()], np.array([0]), 1.0, 1000)
    with pytest.raises(DataError, match=message):
        Episode(np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 1)), one, np.zeros(1), **change)
