"""What PettingZoo's tests do not look at: whole trajectories, types, aliasing, errors that leave no trace."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streets import assert_same, homes, random_actions, street_env, street_vector_env

from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.env import AuctionEnv
from p2p_market.errors import ActionError, ConfigError, DataError, EpisodeError, UnknownNameError
from p2p_market.rewards import REWARDS

STREETS: list[Any] = [
    pytest.param({}, id="default"),
    pytest.param({"plan": {"agl_time_of_use": 0.5, "flat": 0.5}, "agent_names": "role"}, id="mixed plans"),
    pytest.param({"mechanism": "pay_as_bid", "ties": "random", "reward.name": "negative_cost"}, id="lots"),
    pytest.param({"learners": 3, "scripted": {"zero_intelligence": 0.5, "truthful": 0.5}}, id="mixed street"),
    pytest.param({"learners": 1}, id="one learner"),
    pytest.param({"mechanism": "grid_only", "observation": "private", "action": "price"}, id="pool"),
    pytest.param({"mechanism": "pairwise_midpoint", "trading_fee_dollars_per_kwh": 0.02, "audit": True}, id="fees"),
    pytest.param({"reference_power_kw": 0.3}, id="clipped features"),
]


def make(num_households: int = 6, **keywords: Any) -> AuctionEnv:
    keywords = {key.replace("__", "."): value for key, value in keywords.items()}
    return street_env(num_households, overrides=keywords)


def play(env: AuctionEnv, seed: int | None, action_seed: int = 0) -> list[Any]:
    """Everything that one episode gives, the reset's part first."""
    rng = np.random.default_rng(action_seed)
    trace: list[Any] = [copy.deepcopy((*env.reset(seed=seed), env.state()))]
    while env.agents:
        outcome = env.step(random_actions(env, rng))
        trace.append(copy.deepcopy((*outcome, env.state())))
    return trace


@pytest.mark.parametrize("keywords", STREETS)
def test_the_seed_fixes_two_whole_episodes(keywords: dict[str, Any]) -> None:
    one, other = make(**keywords), make(**keywords)
    first, second = [*play(one, 5), *play(one, None)], [*play(other, 5), *play(other, None)]
    assert len(first) == 2 * 49
    assert_same(first, second)
    assert_same([*play(one, 5), *play(one, None)], first)  # the same environment, seeded again


def test_another_seed_gives_another_episode_and_so_does_going_on() -> None:
    env = make()
    first, going_on = play(env, 5), play(env, None)
    assert not np.array_equal(first[0][0]["household_0"], going_on[0][0]["household_0"])
    assert not np.array_equal(first[0][0]["household_0"], play(env, 6)[0][0]["household_0"])


def test_without_a_seed_two_environments_differ() -> None:
    states = [make().reset()[0]["household_0"].tobytes() for _ in range(6)]
    assert len(set(states)) > 1


@pytest.mark.parametrize("keywords", STREETS)
def test_values_have_the_promised_types_and_lie_in_their_spaces(keywords: dict[str, Any]) -> None:
    env = make(**keywords)
    rng = np.random.default_rng(1)
    observations, infos = env.reset(seed=1)
    assert env.state_space.contains(env.state())
    keys = list(infos[env.agents[0]])
    traded = 0.0
    while env.agents:
        agents = env.agents[:]
        assert list(observations) == list(infos) == agents
        for agent in agents:
            assert env.observation_space(agent).contains(observations[agent])
            assert observations[agent].dtype == np.float32
        observations, rewards, terminations, truncations, infos = env.step(random_actions(env, rng))
        for values, kind in ((rewards, float), (terminations, bool), (truncations, bool)):
            assert list(values) == agents
            assert {type(value) for value in values.values()} == {kind}
        assert np.isfinite(list(rewards.values())).all()
        assert list(infos) == agents
        for info in infos.values():
            assert list(info) == keys
            assert {type(value) for value in info.values()} <= {float, int}
            assert np.isfinite(list(info.values())).all()
            traded += abs(info["filled"])
        assert env.state_space.contains(env.state())
        assert env.state().dtype == np.float32
    assert (traded > 0.0) == (keywords.get("mechanism") != "grid_only")


@pytest.mark.parametrize("reward", REWARDS)
def test_infos_hold_the_bill_and_the_parts_of_the_reward(reward: str) -> None:
    env, batch = make(reward__name=reward), street_vector_env(1, 6, overrides={"reward.name": reward})
    env.reset(seed=3)
    batch.reset(seed=3)
    actions = random_actions(env, np.random.default_rng(3))
    _, rewards, _, _, infos = env.step(actions)
    _, _, _, _, arrays = batch.step(np.stack([actions[agent] for agent in env.agents])[None])
    transition = env.controller.transition
    assert transition is not None
    parts = REWARDS[reward].part_names
    for place, agent in enumerate(env.possible_agents):
        info = infos[agent]
        assert info == {key: arrays[key][0, place] for key in ("bill", "filled", "clipped_features", *parts)}
        assert info["bill"] == transition.settlement.bill[0, place]
        assert rewards[agent] == pytest.approx(env.controller.reward.scale * sum(info[part] for part in parts))


def test_clipped_features_are_counted() -> None:
    env = make(reference_power_kw=0.3)
    trace = play(env, 1)
    counts = [info["clipped_features"] for step in trace for info in step[-2].values()]
    assert {type(count) for count in counts} == {int}
    assert max(counts) >= 2  # demand and net load at once
    for step in trace:
        for agent, observation in step[0].items():
            at_bounds = np.isin(observation[:3], (-1.0, 1.0)).sum()
            assert at_bounds >= step[-2][agent]["clipped_features"]


@pytest.mark.parametrize("keywords", STREETS)
def test_what_a_step_gave_never_changes_afterwards(keywords: dict[str, Any]) -> None:
    env = make(**keywords)
    rng = np.random.default_rng(2)
    given: list[Any] = [(*env.reset(seed=2), env.state())]
    kept = copy.deepcopy(given)
    while env.agents:
        given.append((*env.step(random_actions(env, rng)), env.state()))
        kept.append(copy.deepcopy(given[-1]))
    env.reset(seed=3)
    assert_same(given, kept)


def test_what_the_caller_does_to_results_does_not_reach_the_environment() -> None:
    env, twin = make(), make()
    rng, other_rng = np.random.default_rng(3), np.random.default_rng(3)
    observations, infos = env.reset(seed=4)
    twin.reset(seed=4)
    for _ in range(5):
        for agent in observations:
            observations[agent][...] = 7.0
            infos[agent].clear()
        env.state()[...] = 7.0
        actions = random_actions(env, rng)
        outcome = env.step(actions)
        for action in actions.values():
            action[...] = 7.0
        assert_same(outcome, twin.step(random_actions(twin, other_rng)))
        observations, _, _, _, infos = outcome
        for part in outcome[1:]:
            part["__all__"] = True  # as RLlib's wrapper does


def test_dicts_are_new_in_every_call() -> None:
    env = make()
    results = [*env.reset(seed=0)]
    for _ in range(3):
        results += env.step(random_actions(env, np.random.default_rng(0)))
    assert len({id(result) for result in results}) == len(results)


def test_spaces_are_the_same_objects_and_each_agent_has_its_own() -> None:
    env = make()
    env.reset(seed=0)
    for agent in env.possible_agents:
        assert env.observation_space(agent) is env.observation_spaces[agent]
        assert env.action_space(agent) is env.action_spaces[agent]
    assert len({id(space) for space in env.action_spaces.values()}) == 6
    assert list(env.observation_spaces) == list(env.action_spaces) == env.possible_agents
    for space in [*env.observation_spaces.values(), *env.action_spaces.values(), env.state_space]:
        assert space.dtype == np.float32
        assert np.isfinite(space.low).all()
        assert np.isfinite(space.high).all()


def test_after_the_end_an_empty_step_gives_five_empty_dicts() -> None:
    env = make()
    play(env, 0)
    assert env.agents == []
    results = env.step({})
    assert results == ({}, {}, {}, {}, {})
    assert len({id(result) for result in results}) == 5
    assert env.state_space.contains(env.state())
    with pytest.raises(ActionError, match=r"the episode is over; call reset\(\) before the next step"):
        env.step({"household_0": np.zeros(2, np.float32)})
    assert len(play(env, 0)) == 49


@pytest.mark.parametrize(
    ("keywords", "horizon"),
    [({}, 48), ({"episode__days": 2}, 96), ({"num_intervals": 7}, 7), ({"num_intervals": 1}, 1)],
)
def test_everybody_stays_to_the_horizon_which_truncates(keywords: dict[str, Any], horizon: int) -> None:
    env = make(**keywords)
    assert env.max_cycles == horizon
    trace = play(env, 0)[1:]
    assert len(trace) == horizon
    for interval, (_, _, terminations, truncations, _, _) in enumerate(trace):
        assert len(truncations) == 6
        assert not any(terminations.values())
        assert set(truncations.values()) == {interval == horizon - 1}


def test_max_cycles_is_a_keyword_and_a_property_that_holds_from_the_next_reset_on() -> None:
    env = street_env(3, max_cycles=5)
    assert len(play(env, 0)) == 1 + 5
    env.reset(seed=0)
    env.max_cycles = 2
    rng = np.random.default_rng(0)
    for _ in range(5):
        assert env.agents
        env.step(random_actions(env, rng))
    assert not env.agents
    assert len(play(env, 0)) == 1 + 2


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0, ConfigError, r"the length of an episode \(max_cycles\) is 0; expected a whole number, 1 or more"),
        (2.5, ConfigError, "is 2.5; expected a whole number"),
        ("2", ConfigError, "is '2'; expected a whole number"),
        (True, ConfigError, "is True; expected a whole number"),
        (10_000, DataError, "no stretch of 10001 intervals without a gap .* shorten the episode"),
    ],
)
def test_a_max_cycles_that_cannot_be_is_refused_and_changes_nothing(
    value: Any, error: type[Exception], text: str
) -> None:
    env, twin = make(), make()
    env.reset(seed=0)
    with pytest.raises(error, match=text):
        env.max_cycles = value
    assert_same(play(env, 1), play(twin, 1))


@pytest.mark.parametrize("transport", ["pickle", "deepcopy"])
@pytest.mark.parametrize("keywords", STREETS)
def test_a_copy_in_the_middle_of_an_episode_goes_on_identically(keywords: dict[str, Any], transport: str) -> None:
    env = make(**keywords)
    env.reset(seed=7)
    rng = np.random.default_rng(7)
    for _ in range(20):
        env.step(random_actions(env, rng))
    twin = pickle.loads(pickle.dumps(env)) if transport == "pickle" else copy.deepcopy(env)  # noqa: S301 - our own bytes
    other_rng = copy.deepcopy(rng)
    assert_same(env.state(), twin.state())
    while env.agents:
        assert_same(env.step(random_actions(env, rng)), twin.step(random_actions(twin, other_rng)))
    assert not twin.agents
    assert_same(play(env, None), play(twin, None))


def test_a_fresh_environment_can_be_pickled_before_its_first_reset() -> None:
    env = make()
    twin = pickle.loads(pickle.dumps(env))  # noqa: S301 - our own bytes
    assert_same(play(env, 1), play(twin, 1))


def test_agents_can_be_named_by_role() -> None:
    data = homes(12, pv_share=1.0)  # consumers get homes with PV too, which is then left out of account
    env = street_env(10, data, overrides={"agent_names": "role", "street.pv_share": 0.6})
    assert env.possible_agents == [
        *(f"prosumer_{i}" for i in range(6)),
        *(f"consumer_{i}" for i in range(4)),
    ]
    env.reset(seed=0)
    while env.agents:
        observations, *_ = env.step(random_actions(env, np.random.default_rng(0)))
        column = env.model.scenario.observer.column("pv")
        assert all(values[column] == 0.0 for agent, values in observations.items() if agent.startswith("consumer"))
    roles = [participant.role for participant in env.operator.participants]
    assert roles == ["prosumer"] * 6 + ["consumer"] * 4


@pytest.mark.parametrize("scripted", ["truthful", "grid_only", "zero_intelligence"])
def test_on_a_mixed_street_learners_are_the_agents(scripted: str) -> None:
    env = make(8, learners=3, scripted=scripted, seed=3)
    everybody = [participant.id for participant in env.operator.participants]
    assert len(env.possible_agents) == 3
    assert len(everybody) == 8
    slots = [everybody.index(agent) for agent in env.possible_agents]
    assert slots == sorted(slots)
    observations, _ = env.reset(seed=0)
    assert list(observations) == env.possible_agents
    own = 5  # features that only a household itself knows
    while env.agents:
        state = env.state()
        for agent, slot in zip(env.agents, slots, strict=True):
            np.testing.assert_array_equal(observations[agent][:own], state[slot * own : (slot + 1) * own])
        observations, rewards, _, _, infos = env.step({agent: np.zeros(2, np.float32) for agent in env.agents})
        transition = env.controller.transition
        assert transition is not None
        for agent, slot in zip(rewards, slots, strict=True):
            settlement = transition.settlement
            assert infos[agent]["bill"] == settlement.bill[0, slot]
            assert infos[agent]["filled"] == transition.clearing.filled[0, slot]
            saving = settlement.grid_only_bill[0, slot] - settlement.bill[0, slot]
            assert rewards[agent] == env.controller.reward.scale * saving
        others = np.setdiff1d(np.arange(8), slots)
        orders = transition.orders.quantity[0, others]
        need = transition.before.net_load[0, others]
        np.testing.assert_array_equal(orders, need * (scripted != "grid_only"))


def test_a_street_on_which_nobody_learns_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"nobody learns on this street \(population.learners is 0\)"):
        make(4, learners=0)


def test_a_batch_is_not_a_pettingzoo_environment() -> None:
    controller = build_controller(load_config(), container=homes(), num_markets=2)
    with pytest.raises(ConfigError, match="a PettingZoo environment is one market; the controller has 2"):
        AuctionEnv(controller)


@pytest.mark.parametrize("beyond", [1.0001, 30.0, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_actions_beyond_the_bounds_are_clipped(beyond: float, dtype: type) -> None:
    env, twin = make(), make()
    env.reset(seed=0)
    twin.reset(seed=0)
    rng = np.random.default_rng(0)
    while env.agents:
        signs = {agent: np.sign(rng.normal(size=2)).astype(dtype) for agent in env.agents}
        outside = {agent: sign * dtype(beyond) for agent, sign in signs.items()}
        assert_same(env.step(outside), twin.step(signs))


@pytest.mark.parametrize(
    "form",
    [
        lambda action: action.tolist(),
        lambda action: tuple(action.tolist()),
        lambda action: action.astype(object),
        np.ma.masked_array,
        lambda action: np.repeat(action, 2)[::2],
    ],
)
def test_actions_may_come_as_anything_that_is_an_array_of_numbers(form: Callable[[np.ndarray], Any]) -> None:
    env, twin = make(), make()
    env.reset(seed=0)
    twin.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions = {agent: rng.uniform(-1, 1, 2) for agent in env.agents}
        given = {agent: form(action) for agent, action in reversed(actions.items())}
        assert_same(env.step(given), twin.step(actions))


def test_whole_number_and_boolean_actions_count_as_numbers() -> None:
    env, twin = make(), make()
    env.reset(seed=0)
    twin.reset(seed=0)
    for _ in range(20):
        given = {agent: np.array([i % 2, 1], dtype=(np.int64, bool)[i % 2]) for i, agent in enumerate(env.agents)}
        plain = {agent: action.astype(np.float64) for agent, action in given.items()}
        assert_same(env.step(given), twin.step(plain))


def change(agent: str, action: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda actions: actions | {agent: action}


BAD_ACTIONS: list[Any] = [
    (
        lambda actions: {agent: action for agent, action in actions.items() if agent != "household_2"},
        "no action for 'household_2'; every live agent needs one",
    ),
    (lambda _: {}, "no action for 'household_0', 'household_1', .* and 1 more"),
    (change("household_9", np.zeros(2)), "action for unknown agent 'household_9'; the agents are 'household_0'"),
    (change("household_3", np.zeros(3)), r"action of 'household_3' has shape \(3,\); expected \(2,\)"),
    (change("household_3", np.zeros((1, 2))), r"action of 'household_3' has shape \(1, 2\); expected \(2,\)"),
    (change("household_3", 0.5), r"action of 'household_3' has shape \(\); expected \(2,\)"),
    (  # of the right size together
        lambda actions: actions | {"household_1": np.zeros(1), "household_2": np.zeros(3)},
        r"action of 'household_1' has shape \(1,\); expected \(2,\)",
    ),
    (
        lambda actions: {agent: action[:, None] for agent, action in actions.items()},
        r"action of 'household_0' has shape \(2, 1\); expected \(2,\)",
    ),
    (change("household_3", None), r"action of 'household_3' has shape \(\); expected \(2,\)"),
    (change("household_3", [0.5, None]), r"action of 'household_3' .*component 1 \(quantity\), is nan"),
    (change("household_3", ["a", "b"]), "action of 'household_3' is not an array of numbers: the type is <U1"),
    (change("household_3", ["0.5", "1"]), "action of 'household_3' is not an array of numbers"),
    (change("household_3", [[1.0], [1.0, 2.0]]), "action of 'household_3' is not an array of numbers"),
    (change("household_3", np.zeros(2, complex)), "action of 'household_3' is not an array of numbers: .* complex"),
    (change("household_3", {"price": 1.0}), "action of 'household_3' is not an array of numbers"),
    (
        change("household_4", np.array([np.nan, 0.0], np.float32)),
        r"action of 'household_4' in market 0, component 0 \(limit price\), is nan; expected a number from -1 to 1",
    ),
    (lambda actions: list(actions.values()), "actions are list; expected a dict from every live agent"),
    (lambda actions: np.stack(list(actions.values())), "actions are ndarray; expected a dict"),
    (lambda _: None, "actions are NoneType; expected a dict"),
]


@pytest.mark.parametrize(("spoil", "text"), BAD_ACTIONS)
def test_a_bad_action_is_one_clear_error_and_leaves_no_trace(spoil: Callable[[dict[str, Any]], Any], text: str) -> None:
    env, twin = make(ties="random"), make(ties="random")
    rng, other_rng = np.random.default_rng(1), np.random.default_rng(1)
    env.reset(seed=1)
    twin.reset(seed=1)
    for interval in range(env.max_cycles):
        actions = random_actions(env, rng)
        if interval in (0, 3, 47):
            with pytest.raises(ActionError, match=text):
                env.step(spoil(actions))
        assert_same(env.step(actions), twin.step(random_actions(twin, other_rng)))
        assert_same(env.state(), twin.state())
    assert_same(play(env, None), play(twin, None))


def test_a_bad_action_on_a_mixed_street_names_the_learner_and_draws_nothing() -> None:
    keywords = {"learners": 3, "scripted": "zero_intelligence", "ties": "random", "seed": 1}
    env, twin = make(9, **keywords), make(9, **keywords)
    rng, other_rng = np.random.default_rng(1), np.random.default_rng(1)
    env.reset(seed=1)
    twin.reset(seed=1)
    victim = env.agents[1]
    assert victim != "household_1"  # a learner's place among the learners is not its place on the street
    while env.agents:
        actions = random_actions(env, rng)
        with pytest.raises(ActionError, match=f"action of '{victim}' in market 0, component 1"):
            env.step(actions | {victim: np.array([0.0, np.nan])})
        assert_same(env.step(actions), twin.step(random_actions(twin, other_rng)))
    assert_same(play(env, None), play(twin, None))


@pytest.mark.parametrize(
    ("seed", "text"),
    [
        (-1, "the seed is -1; expected a whole number, 0 or more"),
        (1.5, "the seed is 1.5; expected a whole number"),
        (2.0, "the seed is 2.0; expected a whole number"),
        ("7", "the seed is '7'; expected a whole number"),
        (True, "the seed is True; expected a whole number"),
        ([1, 2], r"the seed is \[1, 2\]; expected a whole number"),
    ],
)
def test_a_bad_seed_is_one_clear_error_and_leaves_no_trace(seed: Any, text: str) -> None:
    env, twin = make(), make()
    rng, other_rng = np.random.default_rng(1), np.random.default_rng(1)
    env.reset(seed=1)
    twin.reset(seed=1)
    env.step(random_actions(env, rng))
    twin.step(random_actions(twin, other_rng))
    with pytest.raises(ConfigError, match=text):
        env.reset(seed=seed)
    while env.agents:
        assert_same(env.step(random_actions(env, rng)), twin.step(random_actions(twin, other_rng)))
    assert_same(play(env, None), play(twin, None))


def test_numpy_seeds_are_seeds() -> None:
    assert_same(play(make(), np.int64(3)), play(make(), 3))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda env: env.step({}), r"step\(\) before reset\(\); call reset\(\) first"),
        (lambda env: env.step(dict.fromkeys(env.possible_agents, np.zeros(2))), r"step\(\) before reset\(\)"),
        (lambda env: env.state(), r"has not been reset yet; call reset\(\) first"),
        (lambda env: env.render(), "made without a render mode; make it with render_mode='ansi'"),
        (lambda env: env.controller.get_reward(), "no interval has been played since the reset"),
    ],
)
def test_a_call_before_the_first_reset_says_so(call: Callable[[AuctionEnv], Any], text: str) -> None:
    env, twin = make(), make()
    with pytest.raises(EpisodeError, match=text):
        call(env)
    assert_same(play(env, 0), play(twin, 0))


def test_nothing_to_draw_before_the_first_reset() -> None:
    env = street_env(3, render_mode="ansi")
    with pytest.raises(EpisodeError, match=r"nothing to draw before the first reset\(\)"):
        env.render()


@pytest.mark.parametrize("mode", ["ansii", "rgb", 3, ["ansi"]])
def test_an_unknown_render_mode_is_refused(mode: Any) -> None:
    with pytest.raises(ConfigError, match=r"render_mode is .*expected \('human', 'ansi', 'rgb_array'\)"):
        street_env(3, render_mode=mode)
    with pytest.raises(ConfigError, match="did you mean 'ansi'"):
        street_env(3, render_mode="ansii")


@pytest.mark.parametrize("space", ["observation_space", "action_space"])
def test_an_unknown_agent_has_no_space(space: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown agent 'household_7'; did you mean 'household_"):
        getattr(make(3), space)("household_7")


def test_reset_twice_and_in_the_middle_starts_anew() -> None:
    env = make()
    whole = play(env, 9)
    env.reset(seed=9)
    env.reset(seed=9)
    assert_same(play(env, 9), whole)
    env.reset(seed=9)
    env.step(random_actions(env, np.random.default_rng(0)))
    assert_same(play(env, 9), whole)


def test_participants_read_the_present_state_and_the_last_bid() -> None:
    env = make()
    participant = env.operator.participants[0]
    with pytest.raises(EpisodeError, match="has not been reset"):
        _ = participant.net_load
    env.reset(seed=0)
    assert participant.bid_action() is None
    assert participant.bill == 0.0
    sold = False
    while env.agents:
        before = participant.net_load
        assert participant.has_product == (before < 0.0)
        assert before == pytest.approx(participant.demand - participant.pv)
        *_, infos = env.step({agent: np.ones(2, np.float32) for agent in env.agents})
        action = participant.bid_action()
        assert action is not None
        assert action.quantity == before
        assert action.filled == infos["household_0"]["filled"]
        assert participant.bill == infos["household_0"]["bill"]
        assert repr(participant).startswith("Participant('household_0', prosumer, market 0, net load ")
        sold = sold or action.filled < 0.0
    assert sold


def test_data_containers_are_taken_and_other_data_is_refused() -> None:
    with pytest.raises(DataError, match=r"data_container is ndarray; expected a DataContainer, such as .*from_frame"):
        street_env(3, data=np.zeros((48, 3)))
