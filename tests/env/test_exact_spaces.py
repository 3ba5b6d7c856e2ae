"""Exact spaces: every agent with what it has, and the same market behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from streets import homes, street_env, street_vector_env

from p2p_market.errors import ActionError, ConfigError
from p2p_market.policies import as_callable

DATA = homes(12, 12)
STREET = {
    "devices": {"battery": {"share": 0.5, "owners": "prosumers"}, "pv_curtailment": {"share": 0.7}},
    "scenario.observation": "forecast",
    "scenario.forecast": {"kind": "persistence", "horizon": 2},
}


def pair(action: str, **overrides: Any) -> tuple[Any, Any]:
    """The same street with exact spaces, and with equal ones."""
    keys = STREET | {"scenario.action": action} | overrides
    return tuple(
        street_env(8, DATA, overrides=keys | {"scenario.homogeneous": homogeneous}) for homogeneous in (False, True)
    )


@pytest.mark.parametrize("action", ["price", "price_storage", "full_devices", "multi_discrete_storage"])
@pytest.mark.parametrize("learners", ["all", 5])
def test_both_are_one_market(action: str, learners: Any) -> None:
    exact, equal = pair(action, **{"population.learners": learners})
    assert exact.possible_agents == equal.possible_agents
    scenario, slots = equal.model.scenario, equal.controller.population.learners
    rng = np.random.default_rng(0)
    seen, all_seen = exact.reset(seed=1)[0], equal.reset(seed=1)[0]
    for _ in range(48):
        actions, all_actions = {}, {}
        for slot, agent in zip(slots.tolist(), equal.agents, strict=True):
            features, components = scenario.feature_mask[slot], scenario.component_mask[slot]
            np.testing.assert_array_equal(seen[agent], all_seen[agent][features])
            assert not all_seen[agent][~features].any()
            assert seen[agent] in exact.observation_space(agent)
            space = equal.action_space(agent)
            if isinstance(space, spaces.Box):
                action_of_all = rng.uniform(-1.0, 1.0, space.shape).astype(np.float32)
            else:
                action_of_all = rng.integers(space.nvec)
            all_actions[agent], actions[agent] = action_of_all, action_of_all[components]
            assert exact.action_space(agent).contains(actions[agent])
        first, second = exact.step(actions), equal.step(all_actions)
        seen, all_seen = first[0], second[0]
        assert first[1:4] == second[1:4]
        assert first[4] == second[4]
        np.testing.assert_array_equal(exact.state(), equal.state())


def test_spaces_hold_what_the_household_has() -> None:
    exact, _ = pair("full_devices", **{"street.agent_names": "role"})
    batteries = exact.model.scenario.fleet.devices["battery"].owners
    names = np.array(exact.model.scenario.observer.names)
    sizes = set()
    for slot, agent in enumerate(exact.possible_agents):
        features = names[exact.model.scenario.feature_mask[slot]]
        assert ("pv" in features) == ("pv_forecast_2" in features) == agent.startswith("prosumer")
        assert ("state_of_charge" in features) == bool(batteries[slot])
        assert exact.observation_space(agent).shape == (len(features),)
        assert exact.observation_space(agent) is exact.observation_space(agent)
        sizes.add(exact.action_space(agent).shape[0])
        assert (exact.action_space(agent).shape[0] == 2) == (not batteries[slot] and "can_curtail_pv" not in features)
    assert sizes == {2, 3, 4}


def test_a_single_choice_is_left_where_the_battery_was_the_other() -> None:
    exact, _ = pair("multi_discrete_storage")
    kinds = {type(exact.action_space(agent)) for agent in exact.possible_agents}
    lengths = {len(exact.action_space(agent).nvec) for agent in exact.possible_agents}
    assert kinds == {spaces.MultiDiscrete}
    assert lengths == {2, 3}


def test_wrong_actions_name_the_agent_and_its_own_shape() -> None:
    exact, equal = pair("price_quantity_storage")
    exact.reset(seed=0)
    consumer = exact.possible_agents[-1]
    actions = {agent: np.zeros(exact.action_space(agent).shape, dtype=np.float32) for agent in exact.agents}
    before = exact.controller.state
    with pytest.raises(ActionError, match=rf"action of '{consumer}' has shape \(3,\); expected \(2,\)"):
        exact.step(actions | {consumer: np.zeros(3, dtype=np.float32)})
    with pytest.raises(ActionError, match=rf"action of '{consumer}' in market 0, component 1 \(quantity\), is nan"):
        exact.step(actions | {consumer: np.array([0.0, np.nan], dtype=np.float32)})
    assert exact.controller.state is before
    with pytest.raises(ConfigError, match=r"scenario\.homogeneous is false"):
        as_callable("truthful", exact)
    assert as_callable("truthful", equal) is not None


def test_batched_arrays_hold_every_column() -> None:
    batched = street_vector_env(2, 8, DATA, overrides=STREET | {"scenario.homogeneous": False})
    observations, _ = batched.reset(seed=0)
    mask = batched.controller.model.scenario.feature_mask
    assert observations.shape == (2, *mask.shape)
    assert not observations[:, ~mask].any()
