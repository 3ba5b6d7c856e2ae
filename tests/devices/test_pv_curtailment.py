"""PV that is thrown away by choice: physics against a slow loop, the default, and the street around it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streets import assert_same, random_batch, street_env, street_vector_env

from p2p_market.devices import DeviceInterval, PvCurtailment
from p2p_market.errors import ConfigError

STREET: dict[str, Any] = {"devices": {"pv_curtailment": {}}, "action": "full_devices"}


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(-8, 8), st.booleans()), min_size=1, max_size=6))
def test_physics_is_that_of_a_slow_loop(homes: list[tuple[int, int, bool]]) -> None:
    """Requests in eighths, so that shares are exact."""
    pv = np.array([[watt_hours / 1000.0 for watt_hours, _, _ in homes]])
    request = np.array([[eighths / 8.0 for _, eighths, _ in homes]])
    device = PvCurtailment(np.array([owns for _, _, owns in homes]))
    start = np.zeros(1, np.int64)
    interval = DeviceInterval(start, start, start, np.zeros_like(pv), pv, -pv)
    move = device.move(device.start(interval), request, interval)
    for place, (watt_hours, eighths, owns) in enumerate(homes):
        wanted = Fraction(eighths + 8, 16) * watt_hours if owns else Fraction(0)
        assert move.energy[0, place] == math.floor(wanted) / 1000.0
        assert move.cut[0, place] == pytest.approx(float(wanted - math.floor(wanted)) / 1000.0, abs=1e-12)
        assert move.energy[0, place] <= pv[0, place]
    assert not move.cost.any()
    assert not move.default_energy.any()


def test_what_is_thrown_away_is_not_sold() -> None:
    env = street_env(4, overrides=STREET)
    env.reset(seed=0)
    assert env.controller.model.scenario.action_map.components == ("limit price", "quantity", "PV curtailment")
    thrown_away = 0.0
    while env.agents:
        everything = np.array([0.0, 1.0, 1.0], np.float32)
        _, rewards, _, _, infos = env.step(dict.fromkeys(env.agents, everything))
        transition = env.controller.transition
        assert transition is not None
        assert transition.dispatch is not None
        before = transition.before
        np.testing.assert_array_equal(transition.dispatch.moves["pv_curtailment"].energy, before.pv)
        np.testing.assert_allclose(before.net_load, before.demand, atol=1e-12)
        thrown_away += before.pv.sum()
        for agent, info in infos.items():
            assert info["flexibility_gain"] <= 1e-12  # energy thrown away is worth the feed-in price at least
            assert info["device_cost"] == 0.0
            assert rewards[agent] == pytest.approx(3.0 * (info["trading_gain"] + info["flexibility_gain"]))
    assert thrown_away > 0.0


def test_nobody_throws_anything_away_who_does_not_choose_to() -> None:
    """The lowest request, and households that no learner steers, are the street without the choice."""
    plain = street_vector_env(2, 5)
    chosen = street_vector_env(2, 5, overrides=STREET)
    unsteered = street_vector_env(2, 5, overrides={**STREET, "action": "price_quantity"})
    for env in (plain, chosen, unsteered):
        env.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(48):
        actions = random_batch(plain, rng)
        _, rewards, *_, infos = plain.step(actions)
        for env, given_actions in (
            (chosen, np.concatenate([actions, np.full((2, 5, 1), -1.0, np.float32)], axis=2)),
            (unsteered, actions),
        ):
            _, others, *_, other = env.step(given_actions)
            np.testing.assert_array_equal(rewards, others)
            np.testing.assert_array_equal(infos["bill"], other["bill"])
            np.testing.assert_array_equal(other["flexibility_gain"], 0.0)


def test_a_scripted_household_follows_the_default_beside_learners() -> None:
    env = street_vector_env(2, 6, overrides={**STREET, "population.learners": 3})
    env.reset(seed=0)
    learners = env.controller.population.learners
    others = np.setdiff1d(np.arange(6), learners)
    curtailed = 0.0
    for _ in range(30):
        env.step(np.ones((2, 3, 3), np.float32))
        transition = env.controller.transition
        assert transition is not None
        assert transition.dispatch is not None
        energy = transition.dispatch.moves["pv_curtailment"].energy
        np.testing.assert_array_equal(energy[:, others], 0.0)
        np.testing.assert_array_equal(energy[:, learners], transition.before.pv[:, learners])
        curtailed += energy.sum()
    assert curtailed > 0.0


def test_full_devices_steers_each_kind_by_its_own_component() -> None:
    devices = {"pv_curtailment": {}, "battery": {"owners": "all"}}  # named in another order than the registry's
    env = street_vector_env(3, 4, overrides={**STREET, "devices": devices})
    alone = street_vector_env(1, 4, overrides={**STREET, "devices": devices})
    first = env.reset(seed=5)[0][:1]
    assert_same(alone.reset(seed=5)[0], first)
    components = ("limit price", "quantity", "battery power", "PV curtailment")
    assert env.controller.model.scenario.action_map.components == components
    rng = np.random.default_rng(0)
    for step in range(60):
        if step == 10:
            env.reset(mask=np.array([False, True, False]))
        actions = random_batch(env, rng)
        actions[..., 2] = 0.0
        assert_same(alone.step(actions[:1])[0], env.step(actions)[0][:1])
        transition = env.controller.transition
        assert transition is not None
        assert transition.dispatch is not None
        moves = transition.dispatch.moves
        assert not moves["battery"].energy.any()
        share = np.where(transition.before.pv > 0.0, 0.5 * (actions[..., 3] + 1.0), 0.0)
        np.testing.assert_allclose(moves["pv_curtailment"].energy, share * transition.before.pv, atol=0.001)


def test_a_street_without_devices_has_no_further_component() -> None:
    env = street_env(3, action="full_devices")
    assert env.controller.model.scenario.action_map.components == ("limit price", "quantity")


def test_what_cannot_be_is_an_error_when_it_is_loaded() -> None:
    with pytest.raises(ConfigError, match="unknown key 'power_kw'"):
        street_env(4, overrides={"devices": {"pv_curtailment": {"power_kw": 5}}})
    with pytest.raises(ConfigError, match=r"share is 1.5; expected a number 0 or more, at most 1"):
        street_env(4, overrides={"devices": {"pv_curtailment": {"share": 1.5}}})
