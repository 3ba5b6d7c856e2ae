"""Electric vehicles: trips and their chances, physics against a slow loop, the default, and the street around them."""

from __future__ import annotations

from fractions import Fraction
from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streets import assert_same, homes, random_batch, street_vector_env

import p2p_market
from p2p_market.config_loading import load_config
from p2p_market.devices import DeviceInterval, DeviceMove, DeviceRecord, ElectricVehicleDesign, ElectricVehicles
from p2p_market.errors import ConfigError
from p2p_market.vector_env import AuctionVectorEnv

OFTEN = {"owners": "all", "present_share": 0.1, "comfort_dollars_per_kwh": 2.0}
STREET: dict[str, Any] = {"devices": {"electric_vehicle": OFTEN}, "action": "full_devices", "episode.days": 3}
DATA = homes(12, 8)


def vehicles(num: int = 1, interval_hours: float = 0.5, **keys: Any) -> ElectricVehicles:
    """So many vehicles of one design."""
    return ElectricVehicles.of_designs(
        [ElectricVehicleDesign(**keys)], np.zeros(num, dtype=np.int64), interval_hours, 1000
    )


def interval_of(elapsed: int, draw: dict[str, np.ndarray], num: int) -> DeviceInterval:
    """An interval of one market without demand."""
    nothing, time = np.zeros((1, num)), np.array([elapsed])
    return DeviceInterval(time, time, time, nothing, nothing, nothing, draws={"electric_vehicle": draw})


def stays_of(draw: dict[str, np.ndarray], market: int, household: int) -> list[tuple[int, int, int]]:
    """Stays of a household: first interval, interval in which it leaves, and what it needs [Wh]."""
    columns = (draw[name][market, :, household].tolist() for name in ("arrival", "stay", "need"))
    return [(first, first + length, round(1000 * need)) for first, length, need in zip(*columns, strict=True) if length]


@given(st.integers(0, 47), st.integers(1, 200), st.integers(0, 3), st.sampled_from([0.0, 0.2, 0.7, 1.0]))
@settings(max_examples=40, deadline=None)
def test_trips_take_turns_with_stays(slot: int, horizon: int, seed: int, present: float) -> None:
    device = vehicles(5, present_share=present)
    draw = device.draw([np.random.default_rng(seed)], np.array([slot]), horizon)
    for household in range(5):
        stays = stays_of(draw, 0, household)
        assert stays[0][0] <= 0
        assert stays[-1][1] > horizon  # who is away at the end has been seen leaving
        for (first, leaves, need), following in zip(stays, [*stays[1:], None], strict=True):
            hour, off = (first + slot) % 48 / 2, (leaves + slot) % 48 / 2
            came_home = first != -48 - slot
            assert 13.0 <= hour <= 22.0 or not came_home  # else at home on the day before the episode
            assert 5.0 <= off <= 12.0
            assert 0 < need <= 30_000 / 0.9 + 0.5 or (need == 0 and not came_home)
            assert leaves > first
            if following is not None:
                assert leaves < following[0]
                assert (leaves + slot) // 48 == (following[0] + slot) // 48  # back on the same day
    if present == 1.0:
        assert all(len(stays_of(draw, 0, household)) == 1 for household in range(5))


def truncated(mean: float, deviation: float, low: float, high: float) -> tuple[float, float]:
    """Mean and deviation of a normal distribution that is cut off, by numerical integration."""
    edges = np.linspace(low, high, 20_001)
    below = np.array([erf((edge - mean) / (deviation * sqrt(2.0))) for edge in edges])
    weights, middle = np.diff(below), 0.5 * (edges[1:] + edges[:-1])
    center = np.average(middle, weights=weights)
    return float(center), float(np.sqrt(np.average((middle - center) ** 2, weights=weights)))


def test_times_and_energy_have_the_distributions_that_the_design_names() -> None:
    """Intervals of five minutes, in which an event lies two and a half minutes off on average."""
    num, hours = 400, 1 / 12
    device = vehicles(num, hours, trip_energy_kwh=6.0, trip_energy_deviation_kwh=3.0, present_share=0.3)
    draw = device.draw([np.random.default_rng(0)], np.array([0]), 60 * 288)
    arrival, need = draw["arrival"][0, 1:], draw["need"][0, 1:]
    drives = arrival > -10_000
    assert drives.mean() == pytest.approx(0.7, abs=0.01)
    for times, up, event in (
        (arrival[drives], 1, truncated(17.5, 3.4, 13.0, 22.0)),
        ((arrival + draw["stay"][0, 1:])[drives][:-num], 0, truncated(8.9, 3.4, 5.0, 12.0)),
    ):
        hour = (times % 288 + 0.5 - up) * hours
        assert hour.mean() == pytest.approx(event[0], abs=0.05)
        assert hour.std() == pytest.approx(event[1], abs=0.05)
    energy = need[drives] * 0.9
    assert energy.mean() == pytest.approx(6.0, abs=0.1)
    assert energy.std() == pytest.approx(3.0, abs=0.15)


def test_a_vehicle_does_not_charge_in_the_intervals_in_which_it_comes_and_goes() -> None:
    """Half past eight and twenty past five, to the minute, in hours: gone from eight on, back from eighteen on."""
    device = vehicles(
        3,
        1.0,
        departure_hour=8.5,
        departure_deviation_hours=0.01,
        arrival_hour=17.33,
        arrival_deviation_hours=0.01,
        present_share=0.0,
    )
    draw = device.draw([np.random.default_rng(0)], np.array([0]), 48)
    for household in range(3):
        times = [(first, leaves) for first, leaves, _ in stays_of(draw, 0, household)]
        assert times[:3] == [(-6, 8), (18, 32), (42, 56)]


REQUESTS = st.one_of(st.none(), st.integers(-8, 8))


@given(st.integers(0, 23), st.integers(0, 50), st.lists(REQUESTS, min_size=72, max_size=72), st.booleans())
@settings(max_examples=60, deadline=None)
def test_physics_is_that_of_a_slow_loop(slot: int, seed: int, requests: list[int | None], gives: bool) -> None:
    """Three days of hours; energies in Wh as fractions, requests in eighths; efficiencies that fractions are."""
    into, out = Fraction(4, 5), Fraction(1, 2)
    device = vehicles(
        1,
        1.0,
        charge_efficiency=0.8,
        discharge_efficiency=0.5,
        vehicle_to_home=gives,
        capacity_kwh=20.0,
        minimum_share=0.25,
        most_trip_energy_kwh=15.0,
        power_kw=4.0,
        comfort_dollars_per_kwh=3.0,
        wear_dollars_per_kwh=0.25,
    )
    draw = device.draw([np.random.default_rng(seed)], np.array([slot]), len(requests))
    stays = stays_of(draw, 0, 0)
    first, _, need = next(stay for stay in stays if stay[1] > 0)
    due = default_due = Fraction(max(need - 4000 * max(-first, 0), 0)) if first <= 0 else Fraction(0)
    most_due = Fraction(15_000) / into
    state = device.start(interval_of(0, draw, 1))
    for t, choice in enumerate(requests):
        here = [stay for stay in stays if stay[0] <= t < stay[1]]
        leaves = here[0][1] if here else t
        assert state["left"][0, 0] == leaves - t
        assert state["due"][0, 0] == pytest.approx(float(due) / 1000, abs=1e-9)
        assert state["default_due"][0, 0] == pytest.approx(float(default_due) / 1000, abs=1e-9)
        lowest = -4000 if gives else 0
        wanted = Fraction(0)
        if here:
            wanted = (
                Fraction(min(due, 4000) // 1) if choice is None else lowest + Fraction(choice + 8, 16) * (4000 - lowest)
            )
        taken = min(wanted, due, 4000)
        if taken < 0:
            taken = -min(-taken, max((most_due - due) * into * out, Fraction(0)))
        taken = Fraction(int(taken))  # whole units, towards 0
        default = min(default_due, Fraction(4000)) if here else Fraction(0)
        move = device.move(state, np.array([[np.nan if choice is None else choice / 8]]), interval_of(t, draw, 1))
        assert move.energy[0, 0] == float(taken) / 1000
        assert move.default_energy[0, 0] == float(default) / 1000
        assert move.cut[0, 0] == pytest.approx(float(wanted - taken) / 1000, abs=1e-9)
        before = due
        due += -taken if taken > 0 else -taken / (into * out)
        stored_before, stored = 20_000 - into * before, 20_000 - into * due  # the battery's own balance
        assert stored - stored_before == into * max(taken, 0) - max(-taken, 0) / out
        assert stored >= 5000
        default_due -= default
        missed = int(due) if leaves == t + 1 and here else 0
        assert move.missed is not None
        assert move.deadline is not None
        assert move.missed[0, 0] == missed / 1000
        assert move.deadline[0, 0] == (bool(here) and leaves == t + 1)
        assert move.cost[0, 0] == pytest.approx(3.0 * missed / 1000 + 0.25 * float(max(-taken, 0)) / 1000, abs=1e-9)
        if here and leaves == t + 1:
            due = default_due = Fraction(0)
        for first, _, need in stays:
            if first == t + 1:
                due = default_due = Fraction(need)
        state = move.state
    beyond = max(due - Fraction(state["left"][0, 0]) * 4000, 0)  # can no longer be charged before it leaves
    owed = 3.0 * float(beyond) + 0.5 * float(max(due - beyond - default_due, 0))
    assert device.end_cost(state, np.array([0.5]))[0, 0] == pytest.approx(owed / 1000, abs=1e-9)


def test_who_does_not_steer_charges_on_arrival_and_misses_nothing() -> None:
    env = street_vector_env(3, 6, DATA, overrides={**STREET, "action": "price_quantity"})
    env.reset(seed=1)
    rng, taken, departures = np.random.default_rng(0), 0.0, 0
    due = env.controller.state.devices["electric_vehicle"]["due"]
    for _ in range(env.max_cycles - 1):
        *_, infos = env.step(random_batch(env, rng))
        move = moves_of(env)
        np.testing.assert_array_equal(move.energy, move.default_energy)
        np.testing.assert_allclose(move.energy, np.minimum(due, 3.5), atol=1e-12)  # 7 kW for half an hour
        for name in ("flexibility_gain", "device_cost", "cut_request"):
            np.testing.assert_array_equal(infos[name], 0.0)
        due = env.controller.state.devices["electric_vehicle"]["due"]
        taken += move.energy.sum()
        departures += np.count_nonzero(move.deadline)
    assert taken > 100.0
    assert departures > 30


def moves_of(env: AuctionVectorEnv) -> DeviceMove:
    """What the vehicles did in the last interval."""
    transition = env.controller.transition
    assert transition is not None
    assert transition.dispatch is not None
    return transition.dispatch.moves["electric_vehicle"]


def test_what_is_missing_at_departure_costs_comfort_and_observations_say_what_is_due() -> None:
    env = street_vector_env(3, 6, DATA, overrides=STREET)
    observations, _ = env.reset(seed=1)
    column = env.controller.model.scenario.observer.column
    assert env.controller.model.scenario.action_map.components == ("limit price", "quantity", "electric vehicle")
    off = np.tile(np.array([0.0, 1.0, -1.0], np.float32), (3, 6, 1))
    total = 0.0
    for _ in range(env.max_cycles - 1):
        state = env.controller.state.devices["electric_vehicle"]
        due, left = state["due"], state["left"]
        np.testing.assert_allclose(observations[..., column("electric_vehicle_here")], left > 0)
        np.testing.assert_allclose(observations[..., column("electric_vehicle_due")], due / 168.0, atol=1e-6)
        time_left = np.minimum(left / 48, 1.0)
        np.testing.assert_allclose(observations[..., column("electric_vehicle_time_left")], time_left, atol=1e-6)
        observations, *_, infos = env.step(off)
        assert not moves_of(env).energy.any()
        np.testing.assert_allclose(infos["device_cost"], np.where(left == 1, 2.0 * due, 0.0), atol=1e-12)
        total += infos["device_cost"].sum()
    assert total > 10.0


def test_an_episode_that_ends_during_a_stay_buys_the_rest_later_and_misses_what_is_out_of_reach() -> None:
    """Back at 18 and off at 8, in intervals of an hour; 20 kWh on the AC side at 4 kW are five hours."""
    device = vehicles(
        2,
        1.0,
        departure_hour=8.0,
        arrival_hour=18.0,
        departure_deviation_hours=0.001,
        arrival_deviation_hours=0.001,
        earliest_departure_hour=8.0,
        latest_arrival_hour=18.0,
        trip_energy_kwh=18.0,
        trip_energy_deviation_kwh=0.0,
        present_share=0.0,
        power_kw=4.0,
        comfort_dollars_per_kwh=3.0,
    )
    draw = device.draw([np.random.default_rng(0)], np.array([0]), 48)
    state = device.start(interval_of(0, draw, 2))
    np.testing.assert_array_equal(state["due"], 0.0)
    price, owed = np.array([0.2, 0.4]), {}
    for t in range(47):
        # the second household never charges
        state = device.move(state, np.array([[np.nan, -1.0]]), interval_of(t, draw, 2)).state
        owed[t + 1] = device.end_cost(state, price)[0].tolist()
    assert all(of_default == 0.0 for of_default, _ in owed.values())
    assert owed[8] == owed[18] == [0.0, 0.0]  # it left with nothing due, and is just back
    assert owed[20] == [0.0, pytest.approx(8.0 * 0.4)]  # the default schedule has charged 8 kWh
    assert owed[24] == owed[27] == [0.0, pytest.approx(20.0 * 0.4)]  # it is done, and five hours are left
    assert owed[30] == [0.0, pytest.approx(8.0 * 0.4 + 12.0 * 3.0)]  # in two hours only 8 kWh can be charged


def test_a_market_does_not_depend_on_those_beside_it_and_is_reset_alone() -> None:
    both = {**STREET, "devices": {"electric_vehicle": {**OFTEN, "vehicle_to_home": True}, "battery": {}}}
    many, one = street_vector_env(3, 4, DATA, overrides=both), street_vector_env(1, 4, DATA, overrides=both)
    assert_same(one.reset(seed=5)[0], many.reset(seed=5)[0][:1])
    rng = np.random.default_rng(0)
    for step in range(2 * one.max_cycles + 5):
        if step == 20:
            before = many.controller.state
            many.controller.horizon = 200  # of another length from here on
            many.reset(mask=np.array([False, True, False]))
            after = many.controller.state
            for name, draws in after.device_draws["electric_vehicle"].items():
                kept = before.device_draws["electric_vehicle"][name]
                np.testing.assert_array_equal(draws[[0, 2], : kept.shape[1]], kept[[0, 2]])
            arrival = "arrival"
            changed = after.device_draws["electric_vehicle"][arrival][1, : kept.shape[1]]
            assert (changed != before.device_draws["electric_vehicle"][arrival][1]).any()
            many.controller.horizon = one.max_cycles
        actions = random_batch(many, rng)
        assert_same(one.step(actions[:1])[0], many.step(actions)[0][:1])


def test_devices_without_chance_do_not_see_those_with_it() -> None:
    """Days, households and what scripted bidders draw stay as they are when vehicles come onto the street."""
    keys: dict[str, Any] = {"num_households": 6, "run.days": 2, "seed": 3}
    without = p2p_market.run(overrides={**keys, "devices": {"battery": {}}, "population.storage": "time_of_use"})
    beside = p2p_market.run(
        overrides={
            **keys,
            "devices": {"battery": {}, "electric_vehicle": {"share": 0.5}},
            "population.storage": "time_of_use",
        }
    )
    for name in ("demand_kwh", "pv_kwh", "retail_price_dollars_per_kwh"):
        np.testing.assert_array_equal(without.households[name], beside.households[name])
    assert beside.households["electric_vehicle_kwh"].sum() > 5.0


def test_key_figures_are_those_of_the_record() -> None:
    results = p2p_market.run(
        overrides={
            "num_households": 8,
            "run.days": 4,
            "devices": {"electric_vehicle": {"present_share": 0.0}, "controlled_load": {"power_kw": 10.0}},
        }
    )
    kpis, homes_of = results.kpis, results.households
    vehicle = homes_of["electric_vehicle_kwh"].to_numpy()
    assert kpis["electric_vehicle_charged_kwh"] == pytest.approx(vehicle.sum())
    assert kpis["electric_vehicle_given_kwh"] == 0.0
    assert kpis["electric_vehicle_served_share"] == 1.0
    assert homes_of["electric_vehicle_deadline"].sum() == 4 * 8
    assert kpis["unmet_energy_kwh"] == kpis["electric_vehicle_missed_kwh"] == 0.0
    loads = vehicle.sum() + homes_of["controlled_load_kwh"].sum()
    assert loads > 50.0
    assert kpis["self_sufficiency"] == pytest.approx(1 - kpis["grid_import_kwh"] / (kpis["demand_kwh"] + loads))


def test_key_figures_count_departures_and_what_was_missing() -> None:
    """Two markets of two households: 6 and -1 kWh, and three departures, one of them without 2 kWh."""
    shape = (3, 2, 2)
    energy, missed, deadlines = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    energy[0, 0, 0], energy[2, 1, 1], energy[1, 0, 0] = 4.0, 2.0, -1.0
    deadlines[0, 0, 0] = deadlines[2, 0, 1] = deadlines[2, 1, 1] = 1.0
    missed[2, 0, 1] = 2.0
    assert vehicles().key_figures(DeviceRecord(energy, missed, deadlines)) == {
        "electric_vehicle_charged_kwh": 3.0,
        "electric_vehicle_given_kwh": 0.5,
        "electric_vehicle_missed_kwh": 1.0,
        "electric_vehicle_served_share": pytest.approx(2 / 3),
    }
    nobody_left = DeviceRecord(energy, missed, np.zeros(shape))
    assert np.isnan(vehicles().key_figures(nobody_left)["electric_vehicle_served_share"])


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"capacity_kwh": -10}, "electric_vehicle: capacity_kwh is -10; expected a number above 0"),
        ({"charge_efficiency": 1.1}, "charge_efficiency is 1.1; expected a number above 0, at most 1"),
        ({"discharge_efficiency": 0.0}, "discharge_efficiency is 0.0; expected a number above 0, at most 1"),
        ({"present_share": 1.5}, "present_share is 1.5; expected a number 0 or more, at most 1"),
        ({"vehicle_to_home": "maybe"}, "vehicle_to_home is 'maybe'; expected True or False"),
        ({"vehicle_to_home": 1}, "vehicle_to_home is 1; expected True or False"),
        ({"latest_departure_hour": 14.0}, "earliest_arrival_hour is 13.0, not after latest_departure_hour, 14.0"),
        ({"departure_hour": 3.0}, "departure_hour is 3.0, earliest_departure_hour 5.0 and .* a mean between the two"),
        ({"arrival_hour": 23.0}, "arrival_hour is 23.0, .* expected a mean between the two ends"),
        ({"arrival_deviation_hours": 0}, "arrival_deviation_hours is 0; expected a number above 0"),
        ({"trip_energy_kwh": 31.0}, "trip_energy_kwh is 31.0, above most_trip_energy_kwh, 30.0"),
        (
            {"capacity_kwh": 30.0},
            "a battery of 30 kWh gives 24 kWh above its minimum_share; expected trips that it can",
        ),
        ({"capacity": 30.0}, "unknown key 'capacity'; did you mean 'capacity_kwh'"),
    ],
)
def test_what_cannot_be_is_an_error_when_it_is_loaded(design: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config({"devices": {"electric_vehicle": design}})


def test_a_stay_shorter_than_the_energy_needs_is_an_error_when_it_is_loaded() -> None:
    design = {**OFTEN, "power_kw": 4.0}
    message = (
        "devices.electric_vehicle: a vehicle that comes back at latest_arrival_hour, 22, and leaves at "
        "earliest_departure_hour, 5, charges 28 kWh at power_kw, 4, and a trip of most_trip_energy_kwh, 30, needs "
        "33.3333 kWh; raise the power, or lower the trip or the latest arrival"
    )
    with pytest.raises(ConfigError, match=message):
        street_vector_env(1, 4, DATA, overrides={**STREET, "devices": {"electric_vehicle": design}})
