"""The batched environment: every market is the market that it would be alone, and arrays go where they should."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from streets import assert_same, homes, random_batch, street_env, street_vector_env

from p2p_market.errors import ActionError, ConfigError, DataError, EpisodeError
from p2p_market.vector_env import AuctionVectorEnv, StepBuffers

STREETS: list[Any] = [
    pytest.param({}, id="default"),
    pytest.param(
        {
            "mechanism": "pay_as_bid",
            "ties": "random",
            "plan": {"flat": 0.5, "agl_time_of_use": 0.5},
            "num_intervals": 30,
        },
        id="lots",
    ),
    pytest.param(
        {"mechanism": "pairwise_midpoint", "learners": 3, "scripted": "zero_intelligence", "num_intervals": 30},
        id="mixed street",
    ),
    pytest.param({"mechanism": "grid_only", "action": "price", "observation": "private"}, id="pool"),
    pytest.param(
        {"households": "fixed", "network_fee_dollars_per_kwh": 0.01, "trading_fee_share_of_price": 0.1}, id="fees"
    ),
    pytest.param({"episode.start": "2013-01-15", "pv_capacity_kw": 7.0, "street.pv_share": 0.3}, id="fixed day"),
]
# Longer than an episode, so that automatic resets take part, and into the next one's daylight; the episodes of 30
# intervals end in the afternoon, in the middle of trading.
LENGTH = 80


def make(num_envs: int, num_households: int = 6, **keywords: Any) -> AuctionVectorEnv:
    return street_vector_env(num_envs, num_households, overrides=keywords)


def actions_of_market(env: Any, market: int) -> np.ndarray:
    """Actions (LENGTH, L, A) that depend on the market's place alone."""
    single = env.single_action_space.shape
    return np.random.default_rng([market, 11]).uniform(-1.2, 1.2, (LENGTH, env.num_agents, *single)).astype(np.float32)


def play(env: AuctionVectorEnv, seed: int | None, num_steps: int = LENGTH) -> list[Any]:
    """Everything that a number of steps give, the reset's part first."""
    actions = np.stack([actions_of_market(env, market) for market in range(env.num_envs)], axis=1)
    trace: list[Any] = [copy.deepcopy((*env.reset(seed=seed), env.state()))]
    return trace + [copy.deepcopy((*env.step(actions[step]), env.state())) for step in range(num_steps)]


def of_market(trace: Any, market: int) -> Any:
    """The same, for one market of the batch: its row of every array."""
    if isinstance(trace, dict):
        return {key: of_market(value, market) for key, value in trace.items()}
    if isinstance(trace, (list, tuple)):
        return [of_market(value, market) for value in trace]
    return trace[market]


@pytest.mark.parametrize("keywords", STREETS)
@pytest.mark.parametrize(("small", "large"), [(1, 5), (3, 8)])
def test_a_market_of_a_batch_is_the_market_of_any_other_batch(keywords: dict[str, Any], small: int, large: int) -> None:
    one, other = play(make(small, **keywords), 3), play(make(large, **keywords), 3)
    for market in range(small):
        assert_same(of_market(one, market), of_market(other, market), f"market {market}")


@pytest.mark.parametrize("keywords", STREETS)
def test_the_pettingzoo_environment_is_row_0(keywords: dict[str, Any]) -> None:
    batch = make(3, **keywords)
    env = street_env(6, overrides=keywords)
    assert batch.agents == env.possible_agents
    assert batch.num_agents == env.num_agents == env.max_num_agents if env.agents else True
    actions = np.stack([actions_of_market(batch, market) for market in range(3)], axis=1)
    observations, _ = env.reset(seed=8)
    rows, _ = batch.reset(seed=8)
    for step in range(LENGTH):
        for place, agent in enumerate(batch.agents):
            np.testing.assert_array_equal(rows[0, place], observations[agent])
        np.testing.assert_array_equal(batch.state()[0], env.state())
        rows, rewards, terminations, truncations, infos = batch.step(actions[step])
        observations, *outcome = env.step(dict(zip(env.agents, actions[step, 0], strict=True)))
        for place, agent in enumerate(batch.agents):
            assert rewards[0, place] == np.float32(outcome[0][agent])
            assert terminations[0, place] == outcome[1][agent]
            assert truncations[0, place] == outcome[2][agent]
            for key, value in outcome[3][agent].items():
                if key == "clipped_features" and not env.agents:
                    continue  # counts the observation that is handed out, after an end the next episode's first
                assert infos[key][0, place] == value
        if not env.agents:
            for place, agent in enumerate(batch.agents):
                np.testing.assert_array_equal(infos["final_obs"][0, place], observations[agent])
            observations, _ = env.reset()


@pytest.mark.parametrize("keywords", STREETS)
def test_the_seed_fixes_everything(keywords: dict[str, Any]) -> None:
    env = make(4, **keywords)
    trace = play(env, 2)
    going_on = play(env, None)
    assert_same(play(env, 2), trace)
    assert_same(play(env, None), going_on)
    other = make(4, **keywords)
    assert_same(play(other, 2), trace)


def test_markets_of_a_batch_differ() -> None:
    observations, _ = make(6).reset(seed=0)
    assert len({row.tobytes() for row in observations}) > 1
    assert len({row.tobytes() for row in make(6).reset(seed=1)[0]} - {row.tobytes() for row in observations}) > 1


@pytest.mark.parametrize("keywords", STREETS)
def test_shapes_types_and_bounds(keywords: dict[str, Any]) -> None:
    env = make(4, **keywords)
    learners, features = env.num_agents, env.single_observation_space.shape[0]
    rng = np.random.default_rng(0)
    observations, infos = env.reset(seed=0)
    assert set(infos) == {"clipped_features"}
    for _ in range(LENGTH):
        assert observations.shape == (4, learners, features)
        assert observations.dtype == np.float32
        assert (observations >= env.single_observation_space.low).all()
        assert (observations <= env.single_observation_space.high).all()
        assert all(env.single_observation_space.contains(row) for row in observations[:, 0])
        states = env.state()
        assert states.shape == (4, *env.state_space.shape)
        assert all(env.state_space.contains(row) for row in states)
        observations, rewards, terminations, truncations, infos = env.step(random_batch(env, rng))
        assert (rewards.shape, rewards.dtype) == ((4, learners), np.float32)
        assert np.isfinite(rewards).all()
        assert (terminations.shape, terminations.dtype) == ((4, learners), np.bool_)
        assert (truncations.shape, truncations.dtype) == ((4, learners), np.bool_)
        assert not terminations.any()
        for key in ("bill", "filled", "clipped_features", "trading_gain"):
            assert infos[key].shape == (4, learners)
            assert np.isfinite(infos[key]).all()
        for key in ("clearing_price", "traded"):
            assert infos[key].shape == (4,)


def test_what_a_step_gave_never_changes_afterwards_without_buffers() -> None:
    env = make(3, ties="random")
    rng = np.random.default_rng(2)
    given: list[Any] = [(*env.reset(seed=2), env.state())]
    kept = copy.deepcopy(given)
    for _ in range(LENGTH):
        given.append((*env.step(random_batch(env, rng)), env.state()))
        kept.append(copy.deepcopy(given[-1]))
    assert_same(given, kept)


def test_metadata_says_how_episodes_are_reset() -> None:
    env = make(2)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert env.metadata["name"] == "p2p_market_v0"
    assert env.num_envs == 2
    assert env.agents == [f"household_{i}" for i in range(6)]
    assert env.single_action_space.shape == (2,)
    env.close()


def test_an_ended_episode_is_followed_by_the_next_in_the_same_step() -> None:
    env = make(3, num_intervals=5)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for step in range(1, 16):
        before = env.controller.state
        observations, _, _, truncations, infos = env.step(random_batch(env, rng))
        state = env.controller.state
        if step % 5:
            assert not truncations.any()
            assert "final_obs" not in infos
            np.testing.assert_array_equal(state.row, before.row + 1)
            continue
        assert truncations.all()
        assert infos["_final_obs"].tolist() == [True] * 3
        np.testing.assert_array_equal(state.elapsed, 0)
        np.testing.assert_array_equal(state.traded, 0.0)
        column = env.controller.model.scenario.observer.column("demand")
        scale = env.controller.model.scenario.scales.energy
        np.testing.assert_array_equal(observations[..., column], (state.demand / scale).astype(np.float32))
        demand, _, _ = env.controller.model.scenario.read_meters(before.row + 1, before.profile)
        np.testing.assert_array_equal(infos["final_obs"][..., column], (demand / scale).astype(np.float32))


@pytest.mark.parametrize("keywords", STREETS)
def test_a_reset_by_mask_starts_those_markets_anew_and_leaves_the_others_alone(keywords: dict[str, Any]) -> None:
    env, twin = make(4, **keywords), make(4, **keywords)
    mask = np.array([False, True, False, True])
    actions = np.stack([actions_of_market(env, market) for market in range(4)], axis=1)
    env.reset(seed=5)
    twin.reset(seed=5)
    noon = 24
    for step in range(noon):
        env.step(actions[step])
        observations, *_ = twin.step(actions[step])
    again, infos = env.reset(mask=mask)
    np.testing.assert_array_equal(again[~mask], observations[~mask])
    assert infos["clipped_features"].shape == (4, env.num_agents)
    state = env.controller.state
    np.testing.assert_array_equal(state.elapsed, [noon, 0, noon, 0])
    for published in (state.published_price, state.published_position, state.traded):
        np.testing.assert_array_equal(published[mask], 0.0)
    for step in range(noon, LENGTH):
        one, other = env.step(actions[step]), twin.step(actions[step])
        for market in (0, 2):
            assert_same(of_market(one[:4], market), of_market(other[:4], market))
        played = np.where(mask, step - noon + 1, step + 1)
        ended = played % env.max_cycles == 0
        np.testing.assert_array_equal(one[3], np.repeat(ended[:, None], env.num_agents, axis=1))
        assert ("final_obs" in one[4]) == ended.any()
        if ended.any():
            np.testing.assert_array_equal(one[4]["_final_obs"], ended)
            np.testing.assert_array_equal(env.controller.state.traded[ended], 0.0)


def test_a_mask_may_be_a_list_and_an_empty_one_changes_nothing() -> None:
    env = make(2)
    observations, _ = env.reset(seed=0)
    again, _ = env.reset(mask=[False, False])
    np.testing.assert_array_equal(again, observations)
    env.reset(mask=[True, False])
    env.reset(seed=3, mask=[True, True])
    np.testing.assert_array_equal(env.reset(seed=3)[0], make(2).reset(seed=3)[0])


def test_options_are_taken_and_not_used() -> None:
    np.testing.assert_array_equal(make(2).reset(seed=0, options={"day": 1})[0], make(2).reset(seed=0)[0])


def buffers_for(env: AuctionVectorEnv, **changes: Any) -> StepBuffers:
    shape = (env.num_envs, env.num_agents)
    arrays: dict[str, Any] = {
        "observations": np.full((*shape, env.single_observation_space.shape[0]), 9.0, np.float32),
        "rewards": np.full(shape, 9.0, np.float32),
        "terminations": np.ones(shape, bool),
        "truncations": np.ones(shape, bool),
    }
    return StepBuffers(**{**arrays, **changes})


@pytest.mark.parametrize("keywords", STREETS)
def test_buffers_are_written_in_place_and_hold_the_same_values(keywords: dict[str, Any]) -> None:
    plain = make(3, **keywords)
    buffers = buffers_for(plain)
    env = street_vector_env(3, 6, overrides=keywords, buffers=buffers)
    actions = np.stack([actions_of_market(env, market) for market in range(3)], axis=1)
    assert_same(env.reset(seed=4), plain.reset(seed=4))
    for step in range(LENGTH):
        outcome = env.step(actions[step])
        assert outcome[0] is buffers.observations
        assert outcome[1] is buffers.rewards
        assert outcome[2] is buffers.terminations
        assert outcome[3] is buffers.truncations
        assert_same(outcome, plain.step(actions[step]))
    assert env.reset()[0] is buffers.observations


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rewards": np.zeros((3, 6))}, r"buffer 'rewards' has shape \(3, 6\) and type float64; expected a writeable"),
        ({"rewards": np.zeros((3, 5), np.float32)}, r"buffer 'rewards' has shape \(3, 5\)"),
        (
            {"observations": np.zeros((3, 6, 2), np.float32)},
            r"'observations' has shape \(3, 6, 2\).*\(3, 6, 15\) of float32",
        ),
        ({"truncations": np.zeros((3, 6), np.int8)}, r"buffer 'truncations' .* int8; expected .* of bool"),
        ({"terminations": None}, "buffer 'terminations' is NoneType; expected a writeable array"),
        ({"rewards": np.broadcast_to(np.float32(0), (3, 6))}, "buffer 'rewards' is read-only"),
    ],
)
def test_buffers_that_do_not_fit_are_refused(changes: dict[str, Any], text: str) -> None:
    buffers = buffers_for(make(3), **changes)
    with pytest.raises(ConfigError, match=text):
        street_vector_env(3, 6, buffers=buffers)


def test_buffers_are_step_buffers() -> None:
    with pytest.raises(ConfigError, match="buffers are tuple; expected StepBuffers"):
        street_vector_env(3, 6, buffers=(1, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize("beyond", [1.5, np.inf])
def test_actions_beyond_the_bounds_are_clipped(beyond: float) -> None:
    env, twin = make(2), make(2)
    env.reset(seed=0)
    twin.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(LENGTH):
        signs = np.sign(rng.normal(size=(2, 6, 2)))
        assert_same(env.step(signs * beyond), twin.step(signs))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (
            lambda a: a[:1],
            r"actions have shape \(1, 6, 2\); expected \(markets, households, components\) = \(2, 6, 2\)",
        ),
        (lambda a: a[..., None], r"actions have shape \(2, 6, 2, 1\)"),
        (lambda a: a[0, 0, 0], r"actions have shape \(\)"),
        (lambda _: None, r"no actions were given; expected an array of shape \(2, 6, 2\)"),
        (lambda _: "north", "actions are not an array of numbers: their type is <U5"),
        (lambda a: a.astype(complex), "actions are not an array of numbers: their type is complex"),
        (lambda a: {"household_0": a}, "actions are not an array of numbers"),
        (lambda _: [[1.0], [1.0, 2.0]], "actions are not an array of numbers"),
        (
            lambda a: np.where(np.arange(24).reshape(2, 6, 2) == 19, np.nan, a),
            r"action of 'household_3' in market 1, component 1 \(quantity\), is nan; expected a number from -1 to 1",
        ),
    ],
)
def test_a_bad_action_is_one_clear_error_and_leaves_no_trace(spoil: Any, text: str) -> None:
    env, twin = make(2, ties="random"), make(2, ties="random")
    env.reset(seed=1)
    twin.reset(seed=1)
    rng, other_rng = np.random.default_rng(1), np.random.default_rng(1)
    for interval in range(LENGTH):
        actions = random_batch(env, rng)
        if interval in (0, 3, 47, 48):
            with pytest.raises(ActionError, match=text):
                env.step(spoil(actions))
        assert_same(env.step(actions), twin.step(random_batch(twin, other_rng)))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"mask": [True]}, EpisodeError, r"reset\(mask=...\) has shape \(1,\) and type bool; expected 2 booleans"),
        ({"mask": [1, 0]}, EpisodeError, r"has shape \(2,\) and type int64; expected 2 booleans"),
        ({"mask": True}, EpisodeError, r"has shape \(\) and type bool"),
        (
            {"seed": 1, "mask": [True, False]},
            EpisodeError,
            "a seed reseeds all markets; reset them all, or leave it out",
        ),
        ({"seed": -1}, ConfigError, "the seed is -1; expected a whole number, 0 or more"),
        ({"seed": [1, 2]}, ConfigError, r"the seed is \[1, 2\]; expected a whole number"),
    ],
)
def test_a_bad_reset_is_one_clear_error_and_leaves_no_trace(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    env, twin = make(2), make(2)
    env.reset(seed=1)
    twin.reset(seed=1)
    rng, other_rng = np.random.default_rng(1), np.random.default_rng(1)
    for interval in range(LENGTH):
        if interval == 5:
            with pytest.raises(error, match=text):
                env.reset(**arguments)
        assert_same(env.step(random_batch(env, rng)), twin.step(random_batch(twin, other_rng)))


@pytest.mark.parametrize("num_envs", [0, -1, 2.5, "3", None, True])
def test_the_number_of_markets_is_a_whole_number(num_envs: Any) -> None:
    with pytest.raises(ConfigError, match=f"the number of markets is {num_envs!r}; expected a whole number, 1 or more"):
        street_vector_env(num_envs)


def test_calls_before_the_first_reset_say_so() -> None:
    env = make(2)
    for call in (env.state, lambda: env.step(np.zeros((2, 6, 2)))):
        with pytest.raises(EpisodeError, match=r"has not been reset yet; call reset\(\) first"):
            call()
    env.reset(mask=[True, False])  # there is nothing to keep yet, so all start
    assert env.step(np.zeros((2, 6, 2)))[0].shape == (2, 6, 15)


def test_a_street_on_which_nobody_learns_is_refused() -> None:
    with pytest.raises(ConfigError, match="nobody learns on this street"):
        make(2, learners=0)


def test_max_cycles_holds_for_episodes_that_start_from_then_on() -> None:
    env = make(2, num_intervals=6)
    assert env.max_cycles == 6
    env.reset(seed=0)
    actions = np.zeros((2, 6, 2))
    env.max_cycles = 3
    env.step(actions)
    env.reset(mask=[False, True])
    ends = [env.step(actions)[3].any(axis=1).tolist() for _ in range(8)]
    assert [step for step, end in enumerate(ends) if end[0]] == [4, 7]
    assert [step for step, end in enumerate(ends) if end[1]] == [2, 5]
    with pytest.raises(DataError, match="no stretch of 1001 intervals"):
        env.max_cycles = 1000
    assert env.max_cycles == 3


def test_a_copy_in_the_middle_goes_on_identically() -> None:
    env = make(3, mechanism="pay_as_bid", ties="random", learners=4, scripted="zero_intelligence")
    env.reset(seed=7)
    rng = np.random.default_rng(7)
    for _ in range(20):
        env.step(random_batch(env, rng))
    twin, other_rng = pickle.loads(pickle.dumps(env)), copy.deepcopy(rng)  # noqa: S301
    for _ in range(LENGTH):
        assert_same(env.step(random_batch(env, rng)), twin.step(random_batch(twin, other_rng)))


def test_learners_of_a_mixed_street_are_the_columns() -> None:
    whole, part = make(3, 9, seed=1), make(3, 9, seed=1, learners=4, scripted="truthful")
    slots = [whole.agents.index(agent) for agent in part.agents]
    assert part.num_agents == 4
    assert slots != [0, 1, 2, 3]
    everybody, _ = whole.reset(seed=2)
    observations, _ = part.reset(seed=2)
    np.testing.assert_array_equal(observations, everybody[:, slots])
    np.testing.assert_array_equal(part.state(), whole.state())
    rng = np.random.default_rng(0)
    for _ in range(30):
        actions = random_batch(whole, rng)
        whole.step(actions)
        _, rewards, _, _, infos = part.step(actions[:, slots])
        orders, others = (env.controller.transition.orders for env in (part, whole))  # type: ignore[union-attr]
        np.testing.assert_array_equal(orders.price[:, slots], others.price[:, slots])
        np.testing.assert_array_equal(orders.quantity[:, slots], others.quantity[:, slots])
        settlement = part.controller.transition.settlement  # type: ignore[union-attr]
        np.testing.assert_array_equal(infos["bill"], settlement.bill[:, slots])
        saving = settlement.grid_only_bill - settlement.bill
        np.testing.assert_array_equal(rewards, (part.controller.reward.scale * saving[:, slots]).astype(np.float32))


def test_one_household_alone_and_many_more_than_the_data_has() -> None:
    alone = make(2, 1)
    crowd = street_vector_env(2, 40, homes(5, 3))
    for env in (alone, crowd):
        env.reset(seed=0)
        rng = np.random.default_rng(0)
        traded = sum(env.step(random_batch(env, rng))[4]["traded"].sum() for _ in range(LENGTH))
        assert (traded > 0.0) == (env is crowd)
