"""Discrete action maps: the same as the continuous ones on their grid, in every interface, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from streets import assert_same, homes, street_env, street_vector_env

from p2p_market import p2p_market_v0
from p2p_market.errors import ActionError, ConfigError

BATTERY = {"devices": {"battery": {"share": 0.5}}}
MAPS: list[Any] = [
    ("discrete_price", "price", None, (21,), {}),
    ("discrete_price", "price", (2,), (2,), {}),
    ("multi_discrete", "price_quantity", (5, 3), (5, 3), {}),
    ("multi_discrete_storage", "price_quantity_storage", None, (21, 5, 5), BATTERY),
]


@pytest.mark.parametrize(("name", "continuous", "given", "levels", "street"), MAPS)
def test_choices_are_places_on_an_even_grid(
    name: str, continuous: str, given: Any, levels: tuple[int, ...], street: dict[str, Any]
) -> None:
    discrete = street_vector_env(2, 4, overrides={**street, "action": name, "action_levels": given})
    plain = street_vector_env(2, 4, overrides={**street, "action": continuous})
    assert_same(discrete.reset(seed=0), plain.reset(seed=0))
    rng = np.random.default_rng(0)
    grids = [np.linspace(-1.0, 1.0, size) for size in levels]
    for _ in range(48):
        choices = rng.integers(0, levels, (2, 4, len(levels)))
        actions = np.stack([grid[choices[..., place]] for place, grid in enumerate(grids)], axis=-1)
        one = discrete.step(choices[..., 0] if len(levels) == 1 else choices)
        other = plain.step(actions)
        for mine, theirs in zip(one[:2], other[:2], strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize(("name", "continuous", "given", "levels", "street"), MAPS)
def test_spaces_and_the_batch_of_one(
    name: str, continuous: str, given: Any, levels: tuple[int, ...], street: dict[str, Any]
) -> None:
    settings = {**street, "action": name, "action_levels": given}
    env, batch = street_env(4, overrides=settings), street_vector_env(1, 4, overrides=settings)
    space = env.action_space("household_0")
    wanted = spaces.Discrete(levels[0]) if len(levels) == 1 else spaces.MultiDiscrete(levels)
    assert space == wanted == batch.single_action_space
    assert space is not env.action_space("household_1")
    observations, _ = env.reset(seed=3)
    arrays, _ = batch.reset(seed=3)
    for place, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(place)
    for _ in range(10):
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        observations, rewards, *_ = env.step(actions)
        arrays, array_rewards, *_ = batch.step(np.stack([np.asarray(action) for action in actions.values()])[None])
        np.testing.assert_array_equal(np.stack(list(observations.values())), arrays[0])
        np.testing.assert_allclose(list(rewards.values()), array_rewards[0], rtol=1e-6)


def test_plain_numbers_are_choices_and_what_is_none_is_an_error() -> None:
    env = street_env(2, action="discrete_price", action_levels=[5])
    env.reset(seed=0)
    env.step({"household_0": 4, "household_1": np.int32(0)})
    before = env.state()
    for wrong in (5, -1, 1.5, float("nan")):
        text = (
            rf"action of 'household_1' in market 0, component 0 \(limit price\), is {wrong:g}; expected a whole number"
        )
        with pytest.raises(ActionError, match=f"{text} from 0 to 4"):
            env.step({"household_0": 0, "household_1": wrong})
    with pytest.raises(ActionError, match=r"action of 'household_0' has shape \(1,\); expected \(\)"):
        env.step({"household_0": [0], "household_1": 0})
    np.testing.assert_array_equal(env.state(), before)


def test_the_turn_based_environment_does_not_move_a_wrong_choice() -> None:
    env = p2p_market_v0.env(data_container=homes(), num_households=2, action="multi_discrete")
    env.reset(seed=0)
    env.step(np.array([0, 0]))
    with pytest.raises(ActionError, match="is 9; expected a whole number from 0 to 4"):
        env.step(np.array([0, 9]))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"action": "price", "action_levels": [3]}, r"action map 'price' takes numbers in \[-1, 1\]"),
        ({"action": "multi_discrete", "action_levels": [3]}, "for each component.*limit price, quantity"),
        ({"action": "discrete_price", "action_levels": [1]}, "expected a number of choices, 2 or more"),
        ({"action": "multi_discrete_storage"}, "steers 'battery', and nobody on this street has one"),
    ],
)
def test_levels_that_a_map_cannot_have_are_errors_at_load(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        street_env(2, **settings)
