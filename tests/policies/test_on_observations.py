"""Policies as callables: from what an agent observes to its action, as if it played inside."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from streets import homes, street_env, street_vector_env

import p2p_market
from p2p_market.errors import ActionError, ConfigError, UnknownNameError
from p2p_market.policies import POLICIES, BidView, ObservingPolicy, Outcome, Rule, as_callable
from p2p_market.scenario.actions import ACTION_MAPS
from p2p_market.types import FloatArray

ON_OBSERVATIONS = [name for name, policy in POLICIES.items() if not (policy.reads_book or policy.reads_plan)]
MIXED_PLANS = {"flat": 0.5, "agl_time_of_use": 0.5}
WITH_BAND = ["net_load", "retail_price", "feed_in_price", "last_price", "last_volume", "band_low", "band_high"]
MIXED = {"tariff.plan": MIXED_PLANS, "scenario.observation": WITH_BAND}


@pytest.mark.parametrize("name", ON_OBSERVATIONS)
@pytest.mark.parametrize("overrides", [{}, MIXED], ids=["one plan", "mixed plans"])
def test_agents_play_through_their_observations(name: str, overrides: dict[str, Any]) -> None:
    env = street_env(5, max_cycles=10, overrides=overrides)
    observations, infos = env.reset(seed=0)
    players = {agent: as_callable(name, env, seed=place) for place, agent in enumerate(env.agents)}
    while env.agents:
        actions = {agent: players[agent](observations[agent], infos[agent]) for agent in env.agents}
        for agent, action in actions.items():
            assert env.action_space(agent).contains(action)
        observations, _, _, _, infos = env.step(actions)


@pytest.mark.parametrize("name", ["grid_only", "truthful", "linear"])
@pytest.mark.parametrize("overrides", [{}, MIXED], ids=["one plan", "mixed plans"])
def test_orders_are_those_of_the_same_policy_inside_the_market(name: str, overrides: dict[str, Any]) -> None:
    env = street_vector_env(2, 6, max_cycles=48, overrides=overrides)
    observations, infos = env.reset(seed=0)
    act = as_callable(name, env)
    for _ in range(40):
        state = env.controller.state
        view = BidView.of(state, env.controller.operator.rules, np.arange(6), np.empty((2, 0, 6)))
        price, quantity = POLICIES[name].bid(view, {})
        observations, _, _, _, infos = env.step(act(observations, infos))
        transition = env.controller.transition
        assert transition is not None
        trades = transition.orders.quantity != 0.0
        np.testing.assert_allclose(transition.orders.price[trades], price[trades], atol=1.01e-4)  # a tick
        np.testing.assert_allclose(transition.orders.quantity, quantity, atol=1.01e-3)  # a watt-hour


@pytest.mark.parametrize("name", ["zip", "adaptive_aggressive"])
def test_what_is_learned_is_what_the_same_policy_learns_inside(name: str) -> None:
    """One interval: the memory afterwards is what the true outcome leaves, to within a float32."""
    env = street_vector_env(2, 6, max_cycles=48, overrides={**MIXED, "episode.start": "2013-01-14 11:00"})
    observations, infos = env.reset(seed=0)
    act = as_callable(name, env, seed=4)
    rng, policy = np.random.default_rng(4), POLICIES[name]
    draws = rng.random((2, policy.num_draws, 6))
    memory = policy.start(rng.random((2, policy.num_start_draws, 6)), 6)
    rules = env.controller.operator.rules
    view = BidView.of(env.controller.state, rules, np.arange(6), draws)
    observations, _, _, _, infos = env.step(act(observations, infos))
    transition, following = env.controller.transition, env.controller.state
    assert transition is not None
    outcome = Outcome(
        transition.orders.price,
        transition.orders.quantity,
        transition.clearing.filled,
        following.published_price[:, None],
        following.traded[:, None],
    )
    assert (following.traded > 0.0).any()
    expected = policy.learn(view, outcome, memory)
    act(observations, infos)
    assert act.memory is not None
    for key, values in expected.items():
        np.testing.assert_allclose(act.memory[key], values, atol=2e-3, err_msg=key)
    assert any((np.abs(values - memory[key]) > 1e-3).any() for key, values in expected.items())


def test_one_agent_and_a_batch_are_asked_alike() -> None:
    env = street_env(4, overrides=MIXED)
    observations, _ = env.reset(seed=0)
    stacked = np.stack(list(observations.values()))
    together = as_callable("linear", env)(stacked)
    assert together.shape == (4, 2)
    assert together.dtype == np.float32
    for place, observation in enumerate(observations.values()):
        np.testing.assert_array_equal(as_callable("linear", env)(observation), together[place])
        np.testing.assert_array_equal(as_callable("linear", env)(observation[None, None]), together[None, None, place])


def test_the_seed_decides_and_a_new_episode_forgets() -> None:
    env = street_env(3)
    observations, infos = env.reset(seed=0)
    agent = env.agents[0]
    act, same, other = (as_callable("zip", env, seed=seed) for seed in (1, 1, 2))
    first = act(observations[agent], infos[agent])
    np.testing.assert_array_equal(first, same(observations[agent], infos[agent]))
    assert (first != other(observations[agent], infos[agent])).any()
    act.reset()
    assert (act(observations[agent]) != first).any()
    act.reset(seed=1)
    np.testing.assert_array_equal(act(observations[agent]), first)


def test_net_load_is_worked_out_where_only_demand_and_pv_are_seen() -> None:
    features = ["demand", "pv", "retail_price", "feed_in_price"]
    env = street_env(4, overrides={"scenario.observation": features})
    observations, _ = env.reset(seed=0)
    wide = street_env(4)
    seen, _ = wide.reset(seed=0)
    for agent, observation in observations.items():
        expected = as_callable("linear", wide)(seen[agent])
        np.testing.assert_allclose(as_callable("linear", env)(observation), expected, atol=1e-5)


def test_options_are_taken() -> None:
    env = street_env(3)
    observations, _ = env.reset(seed=0)
    observation = observations[env.agents[0]]
    flat, steep = (as_callable("linear", env, options={"slope": slope})(observation) for slope in (0.0, 0.5))
    assert flat[0] != steep[0]
    with pytest.raises(ConfigError, match="policy 'linear' takes no option 'slop'; did you mean 'slope'"):
        as_callable("linear", env, options={"slop": 1})


@pytest.mark.parametrize(
    ("policy", "overrides", "text"),
    [
        ("gd", {}, "policy 'gd' reads the published order book, which no feature of an observation shows; let it play"),
        ("best_response", {}, "policy 'best_response' reads the published order book"),
        (
            "truthful",
            {"scenario.observation": ["demand", "retail_price"]},
            "needs the features pv, feed_in_price, which scenario.observation does not have; it has: demand, retail",
        ),
        (
            "truthful",
            {"tariff.plan": MIXED_PLANS},
            "needs the features band_low, band_high, which",
        ),
        ("zip", {"scenario.observation": "private"}, "needs the features last_price, last_traded, which"),
    ],
)
def test_what_cannot_play_on_these_observations_says_why(policy: str, overrides: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        as_callable(policy, street_env(4, overrides=overrides))


def test_wrong_calls_are_explained() -> None:
    env = street_env(4)
    observations, infos = env.reset(seed=0)
    agent = env.agents[0]
    with pytest.raises(UnknownNameError, match="unknown policy 'zipp'; did you mean 'zip'"):
        as_callable("zipp", env)
    with pytest.raises(ConfigError, match="env is dict; expected what p2p_market"):
        as_callable("zip", {})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the seed is -1; expected a whole number, 0 or more"):
        as_callable("zip", env, seed=-1)
    act = as_callable("zip", env)
    with pytest.raises(ActionError, match=r"the observation has shape \(3,\); expected \(15,\), the features"):
        act(np.zeros(3))
    act(observations[agent], infos[agent])
    with pytest.raises(ActionError, match="policy 'zip' learns from its fills; call it with the info"):
        act(observations[agent])
    with pytest.raises(ActionError, match=r"is of \(markets, agents\) = \(1, 4\), and the last one was of \(1, 1\)"):
        act(np.stack(list(observations.values())), {"filled": 0.0})


def test_an_action_map_that_cannot_say_a_bid_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    env = street_env(4, action="price")
    observations, _ = env.reset(seed=0)
    observation = observations[env.agents[0]]
    assert as_callable("truthful", env)(observation).shape == (1,)
    with pytest.raises(ActionError, match="policy 'grid_only' offers a part of the net load only"):
        as_callable("grid_only", env)(observation)
    one_way = dataclasses.replace(ACTION_MAPS["price"], encode=None)
    monkeypatch.setattr(env.controller.model.scenario, "action_map", one_way)
    with pytest.raises(ConfigError, match="has no way back from bids to actions"):
        as_callable("truthful", env)


@pytest.mark.parametrize("name", ACTION_MAPS)
def test_an_action_map_finds_the_way_back(name: str) -> None:
    action_map = ACTION_MAPS[name]
    # a bid is rarely one of a few choices, and no number says that devices follow their default
    if action_map.levels is not None or action_map.steers_all:
        assert action_map.encode is None
        return
    assert action_map.encode is not None
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 3, len(action_map.components)))
    said = action_map.decode(actions)
    again = action_map.encode(*said)
    assert again.shape == actions.shape
    np.testing.assert_allclose(action_map.decode(again), said)
    if action_map.decode_closing is not None:  # a policy names one price, so it concedes nothing
        np.testing.assert_allclose(action_map.decode_closing(again), said[0])


def near_the_last_price(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Bid the last price."""
    return view.published_price + np.zeros_like(view.net_load), view.net_load


def test_a_policy_that_asks_for_what_is_not_seen_bids_nothing_by_mistake() -> None:
    """A price that observations do not show is nan, which the environment refuses."""
    env = street_env(4, overrides={"scenario.observation": "private"})
    observations, _ = env.reset(seed=0)
    rule = ObservingPolicy("near", Rule(near_the_last_price), env, seed=0)
    actions = {agent: rule(observation) for agent, observation in observations.items()}
    with pytest.raises(ActionError, match="is nan; expected a number from -1 to 1"):
        env.step(actions)


def test_it_is_made_of_an_environment_of_the_package() -> None:
    env = p2p_market.parallel_env(data_container=homes(), num_households=3)
    assert as_callable("truthful", env).policy is POLICIES["truthful"]
