"""Controlled load inside its daily window: physics against a slow loop, the default, and the street around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streets import assert_same, homes, random_batch, street_vector_env

import p2p_market
from p2p_market.data.container import DataContainer
from p2p_market.devices import ControlledLoadDesign, ControlledLoads, DeviceInterval
from p2p_market.errors import ConfigError

DESIGN = {"owners": "all", "window_start_hour": 8.0, "window_hours": 6.0, "comfort_dollars_per_kwh": 2.0}
STREET: dict[str, Any] = {"devices": {"controlled_load": DESIGN}, "action": "full_devices"}


def with_hot_water(data: DataContainer, seed: int = 0) -> DataContainer:
    """The same homes with a controlled load on top; home 0 has none."""
    rng = np.random.default_rng(seed)
    shape = data.demand.shape
    load = np.where(rng.random(shape) < 0.2, rng.integers(0, 2000, shape) / 1000.0, 0.0)
    load[:, 0] = 0.0
    return DataContainer.from_arrays(
        demand=data.demand + load,
        pv=data.pv,
        controlled_load=load,
        pv_capacity=data.pv_capacity,
        calendar=data.calendar,
    )


DATA = with_hot_water(homes(12, 4))


def interval_of(row: int, recorded: list[int], pv: float = 0.0) -> DeviceInterval:
    """Interval ``row`` of days of 6 intervals, with a record [Wh] of one home."""

    def between(first: np.ndarray, end: np.ndarray) -> np.ndarray:
        last = len(recorded)
        total = sum(recorded[min(int(first[0, 0]), last) : min(int(end[0, 0]), last)])
        return np.array([[total / 1000.0]])

    one = np.full((1, 1), pv)
    return DeviceInterval(np.array([row]), np.array([row % 6]), np.zeros(1, np.int64), one, one, one, between)


@given(
    st.lists(st.integers(0, 3000), min_size=14, max_size=14),
    st.lists(st.one_of(st.none(), st.integers(-8, 8)), min_size=12, max_size=12),
    st.integers(0, 5),
    st.integers(1, 6),
    st.integers(0, 5),
)
def test_physics_is_that_of_a_slow_loop(
    recorded: list[int], requests: list[int | None], first: int, length: int, begin: int
) -> None:
    """Two days of intervals of four hours, from somewhere in the first one, requests in eighths of 1 kW."""
    length = min(length, 6 - first)
    design = ControlledLoadDesign(
        power_kw=1.0, window_start_hour=4.0 * first, window_hours=4.0 * length, comfort_dollars_per_kwh=3.0
    )
    device = ControlledLoads.of_designs([design], np.array([0]), 4.0, 1000)
    state = device.start(interval_of(begin, recorded))
    window = range(first, first + length)
    ends = [row for row in range(len(recorded) + 6) if row % 6 == window[-1]]
    due = sum(recorded[begin : min(end for end in ends if end >= begin) + 1]) if begin in window else 0
    for row in range(begin, 12):
        slot, choice = row % 6, requests[row]
        if slot == first:
            due = sum(recorded[row : row + length])
        asked = recorded[row] if choice is None or slot not in window else (choice + 8) * 4000 // 16
        taken = min(asked, due) if slot in window else recorded[row]
        move = device.move(state, np.array([[np.nan if choice is None else choice / 8.0]]), interval_of(row, recorded))
        assert move.energy[0, 0] == taken / 1000.0
        assert move.default_energy[0, 0] == recorded[row] / 1000.0
        assert move.cut[0, 0] == pytest.approx((asked - taken) / 1000.0, abs=1e-12)
        due -= taken if slot in window else 0
        assert move.cost[0, 0] == pytest.approx(3.0 * due / 1000.0 if slot == window[-1] else 0.0, abs=1e-12)
        state = move.state
        if slot in window and slot != window[-1]:
            assert state["due"][0, 0] == due / 1000.0
            assert state["left"][0, 0] == window[-1] - slot
            behind = due - sum(recorded[row + 1 : row + 1 + window[-1] - slot])
            assert device.end_cost(state, np.array([0.5]))[0, 0] == pytest.approx(max(behind, 0) * 0.0005, abs=1e-12)


def test_who_does_not_steer_follows_the_record() -> None:
    env = street_vector_env(2, 6, DATA, overrides={**STREET, "action": "price_quantity"})
    env.reset(seed=1)
    scenario = env.controller.model.scenario
    rng, taken = np.random.default_rng(0), 0.0
    for _ in range(48):
        *_, infos = env.step(random_batch(env, rng))
        transition = env.controller.transition
        assert transition is not None
        assert transition.dispatch is not None
        before, move = transition.before, transition.dispatch.moves["controlled_load"]
        assert DATA.controlled_load is not None
        np.testing.assert_allclose(move.energy, DATA.controlled_load[before.row[:, None], before.profile], atol=1e-6)
        np.testing.assert_array_equal(move.energy, move.default_energy)
        whole = DATA.demand[before.row[:, None], before.profile]
        np.testing.assert_allclose(before.demand + move.energy, whole, atol=1e-6)
        for name in ("flexibility_gain", "device_cost", "cut_request"):
            np.testing.assert_array_equal(infos[name], 0.0)
        taken += move.energy.sum()
    assert taken > 1.0
    assert scenario.action_map.devices == ()


def test_what_is_missed_costs_comfort_at_the_end_of_the_window() -> None:
    env = street_vector_env(2, 6, DATA, overrides=STREET)
    observations, _ = env.reset(seed=1)
    column = env.controller.model.scenario.observer.column
    off = np.tile(np.array([0.0, 1.0, -1.0], np.float32), (2, 6, 1))
    total = 0.0
    for slot in range(47):
        state = env.controller.state.devices["controlled_load"]
        inside = 16 <= slot < 28
        np.testing.assert_allclose(observations[..., column("controlled_load_due")], state["due"] / 30.0, atol=1e-6)
        left = (28 - slot) / 12 if inside else 0.0
        np.testing.assert_allclose(observations[..., column("controlled_load_time_left")], left, atol=1e-6)
        due = state["due"]
        observations, *_, infos = env.step(off)
        np.testing.assert_allclose(infos["device_cost"], 2.0 * due if slot == 27 else 0.0 * due, atol=1e-12)
        total += infos["device_cost"].sum()
    assert total > 1.0


def test_a_market_does_not_depend_on_those_beside_it_and_is_reset_alone() -> None:
    many, one = street_vector_env(3, 4, DATA, overrides=STREET), street_vector_env(1, 4, DATA, overrides=STREET)
    assert_same(one.reset(seed=5)[0], many.reset(seed=5)[0][:1])
    rng = np.random.default_rng(0)
    for step in range(60):
        if step == 20:
            before = many.controller.state.devices["controlled_load"]["left"].copy()
            many.reset(mask=np.array([False, True, False]))
            after = many.controller.state.devices["controlled_load"]["left"]
            np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
            assert (before[1] > 0).all()
            np.testing.assert_array_equal(after[1], 0.0)  # midnight, before the window
        actions = random_batch(many, rng)
        assert_same(one.step(actions[:1])[0], many.step(actions)[0][:1])


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"power_kw": -1}, "power_kw is -1; expected a number above 0"),
        ({"window_start_hour": 20.0}, "expected a window that ends at midnight or before"),
        ({"window_hours": 0.7}, "no whole number of intervals of 0.5 h"),
        ({"power_kw": 0.01}, "0.06 kWh can be delivered in the window, and customer .* raise power_kw or window_hours"),
    ],
)
def test_what_cannot_be_is_an_error_when_it_is_loaded(design: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        street_vector_env(1, 4, DATA, overrides={**STREET, "devices": {"controlled_load": DESIGN | design}})


def test_data_without_a_controlled_load_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the data has no controlled load kept apart"):
        street_vector_env(1, 4, overrides=STREET)


def test_as_a_device_it_is_not_part_of_the_demand_whatever_the_data_section_says() -> None:
    runs = [
        p2p_market.run(
            overrides={
                "num_households": 6,
                "data": {"days": 8, "num_homes": 12, "controlled_load_share": 1.0, "include_controlled_load": included},
                "run.days": 2,
                "devices": devices,
            }
        )
        for included in (False, True)
        for devices in ({"controlled_load": {"share": 0.5}}, {})
    ]
    device, general, included_too, whole = (run.households["demand_kwh"].to_numpy() for run in runs)
    np.testing.assert_array_equal(device, included_too)  # with the device it makes no difference
    np.testing.assert_array_equal(device, general)
    taken = [run.households["controlled_load_kwh"].to_numpy() for run in (runs[0], runs[2])]
    np.testing.assert_array_equal(*taken)
    assert taken[0].sum() > 1.0
    assert whole.sum() > general.sum() + taken[0].sum()  # half of the street has the device
