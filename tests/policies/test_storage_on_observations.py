"""Storage rules as callables: batteries steered from what agents observe, as if the rule played inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import homes, street_env, street_vector_env

from p2p_market.build import build_controller
from p2p_market.config import Config
from p2p_market.config_loading import load_config
from p2p_market.errors import ActionError, ConfigError, UnknownNameError
from p2p_market.policies import as_callable
from p2p_market.scenario.actions import ACTION_MAPS

RULES = ["self_consumption", "time_of_use", "price_threshold"]
STREET: dict[str, Any] = {
    "devices": {
        "battery": [
            {"share": 0.5, "owners": "prosumers"},
            {"share": 0.25, "owners": "consumers", "capacity_kwh": 4.0},
        ]
    },
    "tariff.plan": {"flat": 0.5, "agl_time_of_use": 0.5},
    "scenario.observation": "full",
    "scenario.action": "price_storage",
}


@pytest.mark.parametrize("rule", RULES)
def test_batteries_move_as_by_the_same_rule_inside_the_market(rule: str) -> None:
    env = street_vector_env(3, 6, max_cycles=48, overrides=STREET)
    observations, infos = env.reset(seed=1)
    config = load_config(Config(), {**STREET, "street.num_households": 6, "population.storage": rule})
    inside = build_controller(config, container=homes(), num_markets=3, learners_follow="truthful")
    inside.reset(1)
    act = as_callable("truthful", env, storage=rule)
    moved = np.zeros(6)
    for _ in range(48):
        observations, _, _, _, infos = env.step(act(observations, infos))
        inside.run_auction(None)
        one, other = env.controller.transition, inside.transition
        assert one is not None
        assert other is not None
        assert one.dispatch is not None
        assert other.dispatch is not None
        # features are float32 of up to 10 kWh: a full or empty battery is off by some watt-hours
        np.testing.assert_allclose(one.dispatch.net_load, other.dispatch.net_load, atol=0.006)
        np.testing.assert_allclose(one.settlement.bill, other.settlement.bill, atol=0.006)
        moved += np.abs(one.dispatch.moves["battery"].energy).sum(axis=0)
    assert ((moved > 0.0) == env.controller.model.scenario.fleet.devices["battery"].owners).all()


def test_one_agent_steers_its_own_battery() -> None:
    env = street_env(6, overrides=STREET)
    observations, _ = env.reset(seed=1)
    together = as_callable("truthful", env, storage="time_of_use")(np.stack(list(observations.values())))
    assert len(set(together[:, 1])) > 2
    for place, (agent, observation) in enumerate(observations.items()):
        alone = as_callable("truthful", env, storage="time_of_use", agent=agent)
        np.testing.assert_array_equal(alone(observation), together[place])
    with pytest.raises(ActionError, match=r"of 1 agents, and this callable steers the batteries of 6; .*agent="):
        as_callable("truthful", env, storage="time_of_use")(observation)


def test_a_bid_is_for_the_net_load_that_the_battery_leaves() -> None:
    """Who discharges more than it needs sells: its price is a seller's."""
    action_map = ACTION_MAPS["price_storage"]
    env = street_vector_env(1, 6, max_cycles=48, overrides={**STREET, "episode.start": "2013-01-14 18:00"})
    observations, _ = env.reset(seed=1)
    idle = as_callable("linear", env)(observations)
    assert (action_map.decode_devices(idle)["battery"] == 0.0).all()
    steered = as_callable("linear", env, storage="self_consumption")(observations)
    given = action_map.decode_devices(steered)["battery"] < 0.0
    assert given.any()
    assert (steered[given][:, 0] < idle[given][:, 0]).all()  # a need that is covered asks for less


@pytest.mark.parametrize(
    ("storage", "overrides", "text"),
    [
        (
            "time_of_use",
            {"scenario.action": "price"},
            "storage is 'time_of_use', and the action map of this environment",
        ),
        (
            "price_threshold",
            {"scenario.observation": ["net_load", "retail_price", "feed_in_price", "band_low", "band_high"]},
            "'price_threshold' on observations needs the feature last_price_in_band, which scenario.observation does",
        ),
        (
            "self_consumption",
            {"scenario.observation": ["net_load", "retail_price", "feed_in_price", "band_low", "band_high"]},
            "needs the feature state_of_charge",
        ),
        ("mpc", {}, "'mpc' is a storage rule that plans with the meters of all neighbours, which no observation shows"),
    ],
)
def test_what_cannot_steer_on_these_observations_says_why(storage: str, overrides: dict[str, Any], text: str) -> None:
    env = street_env(4, overrides={**STREET, **overrides})
    with pytest.raises(ConfigError, match=text):
        as_callable("truthful", env, storage=storage)


def test_unknown_names_are_refused() -> None:
    env = street_env(4, overrides=STREET)
    with pytest.raises(UnknownNameError, match="self_consumption"):
        as_callable("truthful", env, storage="self_consumptoin")
    with pytest.raises(ConfigError, match=r"agent is 'prosumer_9'.*expected one of: "):
        as_callable("truthful", env, agent="prosumer_9")
