"""Batteries of a street in the environment: energy, requests, infos, rewards, resets, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import assert_same, homes, random_actions, random_batch, street_env, street_vector_env

from p2p_market.errors import ConfigError

BATTERY = {"owners": "all", "capacity_kwh": 4.0, "power_kw": 2.0, "charge_efficiency": 0.9, "discharge_efficiency": 0.8}
STREET: dict[str, Any] = {"devices": {"battery": {**BATTERY, "share": 0.5}}, "action": "price_quantity_storage"}


def test_stored_energy_follows_what_is_taken_and_given() -> None:
    env = street_vector_env(
        3, 4, overrides=STREET | {"devices": {"battery": {**BATTERY, "self_discharge_per_hour": 0.02}}}
    )
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(47):  # to the last interval but one, since the next episode starts with the last
        before = env.controller.state.devices["battery"]["stored"]
        env.step(random_batch(env, rng))
        transition = env.controller.transition
        assert transition is not None
        assert transition.dispatch is not None
        move = transition.dispatch.moves["battery"]
        energy = move.energy
        gained = 0.9 * np.maximum(energy, 0.0) - np.maximum(-energy, 0.0) / 0.8
        np.testing.assert_allclose(move.state["stored"], before * 0.98**0.5 + gained, rtol=1e-12, atol=1e-12)
        assert (move.state["stored"] >= -1e-12).all()
        assert (move.state["stored"] <= 4.0 + 1e-12).all()
        assert (np.abs(energy) <= 1.0).all()
        np.testing.assert_allclose(energy * 1000, np.round(energy * 1000), atol=1e-9)  # whole watt-hours
        after = transition.before
        np.testing.assert_allclose(after.net_load, after.demand - after.pv + energy, atol=1e-12)


def test_households_without_a_battery_have_nothing_to_move() -> None:
    env = street_vector_env(2, 6, overrides=STREET)
    observations, _ = env.reset(seed=0)
    owners = env.controller.model.scenario.fleet.devices["battery"].owners
    assert owners.sum() == 3
    assert env.single_action_space.shape == (3,)
    rng = np.random.default_rng(0)
    column = env.controller.model.scenario.observer.column
    for _ in range(20):
        np.testing.assert_array_equal(observations[:, ~owners, column("state_of_charge")], 0.0)
        np.testing.assert_array_equal(observations[..., column("battery_power")] > 0.0, np.tile(owners, (2, 1)))
        observations, *_, infos = env.step(random_batch(env, rng))
        dispatch = env.controller.transition.dispatch  # type: ignore[union-attr]  # it has just been played
        assert dispatch is not None
        np.testing.assert_array_equal(dispatch.moves["battery"].energy[:, ~owners], 0.0)
        np.testing.assert_array_equal(infos["cut_request"][:, ~owners], 0.0)
        np.testing.assert_array_equal(infos["device_cost"][:, ~owners], 0.0)


def test_infos_say_how_much_of_a_request_was_not_possible() -> None:
    """A battery of 4 kWh that starts half full takes 2 kW for two half hours and a bit, and no more."""
    env = street_env(2, overrides=STREET | {"devices": {"battery": BATTERY}})
    env.reset(seed=0)
    cuts = []
    for _ in range(4):
        *_, infos = env.step({agent: np.array([0.0, 0.0, 1.0], np.float32) for agent in env.agents})
        cuts.append(infos["household_0"]["cut_request"])
    # 2 kWh are free, 0.9 of what is taken gets in: 2.222 kWh in whole watt-hours, 1 kWh an interval at most
    assert cuts == pytest.approx([0.0, 0.0, 0.778, 1.0])
    stored = env.controller.state.devices["battery"]["stored"]
    assert stored[0, 0] == pytest.approx(2.0 + 0.9 * 2.222)


def test_charge_that_is_missing_at_the_end_of_an_episode_is_bought_back() -> None:
    wear = {"wear_dollars_per_kwh": 0.01}
    env = street_env(2, overrides=STREET | {"devices": {"battery": BATTERY | wear}, "plan": "flat"}, max_cycles=3)
    env.reset(seed=0)
    costs = []
    for request in (-1.0, 0.5, 0.0):
        *_, infos = env.step({agent: np.array([0.0, 0.0, request], np.float32) for agent in env.agents})
        costs.append(infos["household_0"]["device_cost"])
    # gives 1 kWh, which takes 1.25 out of the battery, and puts back 0.9 of half a kWh: 0.8 kWh are missing
    flat = float(env.controller.state.retail_price[0, 0])
    assert costs == pytest.approx([0.01, 0.005, 0.8 * flat / (0.9 * 0.8)])


@pytest.mark.parametrize("reward", ["bill_saving", "community_saving"])
def test_who_lets_a_battery_with_self_discharge_rest_neither_saves_nor_loses(reward: str) -> None:
    leaks = {**BATTERY, "self_discharge_per_hour": 0.05}
    overrides = {"devices": {"battery": leaks}, "action": "price_quantity_storage", "reward.name": reward}
    env = street_vector_env(2, 3, overrides=overrides, max_cycles=5)
    env.reset(seed=0)
    out_of_the_market = np.tile(np.array([0.0, -1.0, 0.0], np.float32), (2, 3, 1))
    for _ in range(5):
        _, rewards, *_, infos = env.step(out_of_the_market)
        np.testing.assert_allclose(rewards, 0.0, atol=1e-6)
    flat = env.controller.model.scenario.fleet.off_peak_price
    owed = 2.0 * (1.0 - 0.95**2.5) * flat / (0.9 * 0.8)  # half of 4 kWh at the start
    np.testing.assert_allclose(infos["device_cost"], np.tile(owed, (2, 1)), rtol=1e-6)
    # a second episode starts with a full account
    env.step(out_of_the_market)
    np.testing.assert_allclose(env.controller.state.devices["battery"]["unsteered"], 2.0 * 0.95**0.5)


def test_gains_from_trading_and_from_flexibility_add_up_to_the_reward() -> None:
    env = street_env(4, overrides=STREET | {"reward.scale": 2.0})
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    while env.agents:
        _, rewards, _, _, infos = env.step(random_actions(env, rng))
        transition = env.controller.transition
        assert transition is not None
        before = transition.before
        idle = before.demand - before.pv  # the fixed default, from which no action moves it
        alone = np.where(idle > 0.0, before.retail_price, before.feed_in_price) * idle
        for place, agent in enumerate(env.possible_agents):
            info = infos[agent]
            assert rewards[agent] == pytest.approx(2.0 * (info["trading_gain"] + info["flexibility_gain"]))
            saved = alone[0, place] - info["bill"] - info["device_cost"]
            assert info["trading_gain"] + info["flexibility_gain"] == pytest.approx(saved, abs=1e-12)


def test_idle_batteries_change_no_trade_and_no_bill() -> None:
    plain = street_vector_env(2, 5, homes(12, 4))
    idle = street_vector_env(2, 5, homes(12, 4), overrides=STREET)
    plain.reset(seed=3)
    idle.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(48):
        actions = random_batch(plain, rng)
        _, rewards, *_, infos = plain.step(actions)
        _, with_idle, *_, other = idle.step(np.concatenate([actions, np.zeros((2, 5, 1), np.float32)], axis=2))
        np.testing.assert_array_equal(infos["bill"], other["bill"])
        np.testing.assert_array_equal(infos["filled"], other["filled"])
        np.testing.assert_array_equal(rewards, with_idle)


def test_a_market_does_not_depend_on_those_beside_it_and_is_reset_alone() -> None:
    many, one = street_vector_env(3, 4, overrides=STREET), street_vector_env(1, 4, overrides=STREET)
    first = many.reset(seed=5)[0][:1]
    assert_same(one.reset(seed=5)[0], first)
    rng = np.random.default_rng(0)
    for step in range(60):
        if step == 10:
            stored = many.controller.state.devices["battery"]["stored"].copy()
            many.reset(mask=np.array([False, True, False]))
            now = many.controller.state.devices["battery"]["stored"]
            np.testing.assert_array_equal(now[[0, 2]], stored[[0, 2]])
            np.testing.assert_array_equal(now[1], many.controller.model.scenario.fleet.devices["battery"].initial)
        actions = random_batch(many, rng)
        assert_same(one.step(actions[:1])[0], many.step(actions)[0][:1])


def test_who_has_a_battery_is_drawn_by_the_seed_and_in_several_sizes() -> None:
    sizes = [{"share": 0.4, "owners": "all", "capacity_kwh": size} for size in (5.0, 13.5)]
    streets = [
        street_env(10, overrides={"devices": {"battery": sizes}, "seed": seed}).model.scenario.fleet.devices["battery"]
        for seed in (0, 0, 1)
    ]
    capacities = [batteries.capacity for batteries in streets]  # type: ignore[attr-defined]  # of Batteries
    assert sorted(capacities[0]) == [0.0] * 2 + [5.0] * 4 + [13.5] * 4
    np.testing.assert_array_equal(capacities[0], capacities[1])
    assert (capacities[0] != capacities[2]).any()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"devices": {"batery": {}}}, "unknown device 'batery'; did you mean 'battery'?"),
        ({"devices": {"battery": {"capacity": 5}}}, "unknown key 'capacity'; did you mean 'capacity_kwh'?"),
        ({"devices": {"battery": {"capacity_kwh": -5}}}, "capacity_kwh is -5; expected a number above 0"),
        (
            {"devices": {"battery": {"charge_efficiency": 1.1}}},
            "charge_efficiency is 1.1; expected a number above 0, at most 1",
        ),
        ({"devices": {"battery": {"power_kw": "5 kW"}}}, "power_kw is '5 kW'; expected a number above 0"),
        (
            {"devices": {"battery": [{}, {"owners": "some"}]}},
            r"battery\[1\]: owners is 'some'; expected 'all', 'prosumers' or",
        ),
        ({"devices": {"battery": {"minimum_share": 0.6}}}, "initial_share is 0.5, below minimum_share, 0.6"),
        ({"devices": {"battery": [{"owners": "all"}, {"owners": "all"}]}}, "design 2 is for 4 of the 4 households"),
        ({"action": "price_storage"}, "action map 'price_storage' steers 'battery', and nobody on this street has one"),
        (
            {"observation": ["state_of_charge"]},
            "'state_of_charge' is about a device, battery, and nobody on this street has one",
        ),
    ],
)
def test_what_cannot_be_is_an_error_when_it_is_loaded(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        street_env(4, overrides=overrides)
