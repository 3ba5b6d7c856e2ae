"""Gymnasium's own checks, and the same market behind its environments as behind ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from networks import policy_of
from streets import homes, street_env, street_vector_env

import p2p_market  # noqa: F401 - registers the ids
from p2p_market.errors import ActionError, ConfigError
from p2p_market.integrations.gymnasium import HouseholdEnv, StreetVectorEnv
from p2p_market.learned import Network

DATA = homes(12, 4)


def household(**keywords: Any) -> HouseholdEnv:
    return HouseholdEnv(data_container=DATA, num_households=6, **keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"household": "household_2", "overrides": {"population.scripted": "zip"}},
        {"action": "discrete_price"},
        {"action": "multi_discrete"},
        {"render_mode": "ansi"},
        {"household": "consumer_1", "overrides": {"street.agent_names": "role", "scenario.homogeneous": False}},
    ],
)
def test_the_household_passes_gymnasiums_check(keywords: dict[str, Any]) -> None:
    env = household(**keywords)
    check_env(env, skip_render_check=True)
    env.close()


def test_a_household_plays_in_the_street_as_one_agent() -> None:
    env = household(household="household_3", overrides={"population.scripted": "zero_intelligence"})
    keys = {"population.learners": ["household_3"], "population.scripted": "zero_intelligence"}
    street = street_env(6, DATA, overrides=keys)
    seen, _ = env.reset(seed=4)
    seen_there, _ = street.reset(seed=4)
    assert street.possible_agents == ["household_3"]
    rng = np.random.default_rng(0)
    for interval in range(48):
        np.testing.assert_array_equal(seen, seen_there["household_3"])
        action = rng.uniform(-1.0, 1.0, 2).astype(np.float32)
        seen, reward, terminated, truncated, info = env.step(action)
        seen_there, rewards, _, _, infos = street.step({"household_3": action})
        assert (reward, info) == (rewards["household_3"], infos["household_3"])
        assert not terminated
        assert truncated == (interval == 47)


def test_a_household_learns_among_others_that_have_learned(tmp_path: Path) -> None:
    """Seen, and paid, as one of a street whose others are steered by the same networks."""
    streets = street_vector_env(1, 6, DATA, observation="order_book")
    policy = policy_of(streets, head="tanh")
    file = policy.save(tmp_path / "best.npz")
    env = household(household="household_3", observation="order_book", overrides={"population.scripted": file})
    check_env(env, skip_render_check=True)
    seen, _ = env.reset(seed=4)
    everybody, _ = streets.reset(seed=4)
    rng = np.random.default_rng(0)
    for _ in range(48):
        np.testing.assert_array_equal(seen, everybody[0, 3])
        actions = policy(everybody)
        actions[0, 3] = rng.uniform(-1.0, 1.0, 2)
        everybody, _, _, _, infos = streets.step(actions)
        seen, _, _, _, info = env.step(actions[0, 3])
        assert info["bill"] == infos["bill"][0, 3]
        if "final_obs" in infos:
            everybody = infos["final_obs"]


@pytest.mark.slow
def test_a_best_responder_trains_against_frozen_others(tmp_path: Path) -> None:
    """Against neighbours who always name the top of the band, a prosumer's reward grows with training."""
    sb3 = pytest.importorskip("stable_baselines3", reason="needs the extra sb3")
    policy = policy_of(street_vector_env(1, 6, DATA))
    top = Network((np.zeros((len(policy.features), 2), np.float32),), (np.array([1.0, 1.0], np.float32),))
    file = dataclasses.replace(policy, networks={"household": top}).save(tmp_path / "best.npz")
    env = household(household="household_0", overrides={"population.scripted": str(file)})
    model = sb3.PPO("MlpPolicy", env, n_steps=480, batch_size=120, seed=0, device="cpu")

    def reward_of_days() -> float:
        total = 0.0
        for seed in range(5):
            seen, _ = env.reset(seed=seed)
            for _ in range(48):
                seen, reward, *_ = env.step(model.predict(seen, deterministic=True)[0])
                total += reward
        return total

    before = reward_of_days()
    model.learn(4_800)
    assert reward_of_days() > before + 1.0  # 12.0 and 19.5 where this was written


def test_the_seed_of_the_config_draws_the_household_that_learns() -> None:
    names = {household(seed=seed).household for seed in range(8)}
    assert len(names) > 2
    assert household(seed=1).household == household(seed=1).household


def test_ids_are_registered() -> None:
    env = gymnasium.make("p2p_market/Household-v0", data_container=DATA, num_households=4, max_cycles=5)
    _, _ = env.reset(seed=0)
    for interval in range(5):
        *_, truncated, _ = env.step(env.action_space.low)
        assert truncated == (interval == 4)
    streets = gymnasium.make_vec("p2p_market/Street-v0", num_envs=3, data_container=DATA, num_households=4)
    assert streets.num_envs == 3
    assert streets.reset(seed=0)[0].shape == streets.observation_space.shape


@pytest.mark.parametrize("action", ["price_quantity", "discrete_price", "multi_discrete"])
def test_a_street_as_one_agent_is_the_batched_environment(action: str) -> None:
    joint = StreetVectorEnv(num_envs=3, data_container=DATA, num_households=4, action=action)
    apart = street_vector_env(3, 4, DATA, action=action)
    assert joint.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    seen, _ = joint.reset(seed=2)
    np.testing.assert_array_equal(seen, apart.reset(seed=2)[0])
    joint.action_space.seed(0)
    for _ in range(50):
        actions = joint.action_space.sample()
        seen, team, terminated, truncated, infos = joint.step(actions)
        seen_there, rewards, _, ends, infos_there = apart.step(actions)
        np.testing.assert_array_equal(seen, seen_there)
        assert joint.observation_space.contains(seen)
        np.testing.assert_allclose(team, rewards.mean(axis=1), rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(truncated, ends[:, 0])
        assert not terminated.any()
        assert infos.keys() == infos_there.keys()


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match=r"no household 'household_9'.*household_0 to household_5"):
        household(household="household_9")
    with pytest.raises(ConfigError, match=r"household twice"):
        street_env(6, DATA, overrides={"population.learners": ["household_1", "household_1"]})
    env = household()
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"shape \(3,\)"):
        env.step(np.zeros(3, dtype=np.float32))
    streets = StreetVectorEnv(num_envs=2, data_container=DATA, num_households=4)
    with pytest.raises(ConfigError, match="seed is a list"):
        streets.reset(seed=[1, 2])
    with pytest.raises(ConfigError, match="draws nothing"):
        StreetVectorEnv(num_envs=2, render_mode="human")
