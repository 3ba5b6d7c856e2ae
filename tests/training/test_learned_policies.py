"""Learned policies in NumPy: what they compute, that files come back as they were, and what is no policy."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import policy_of
from streets import homes, street_env, street_vector_env

from p2p_market.errors import ActionError, ConfigError
from p2p_market.learned import load_policy

DATA = homes(12, 4)


@pytest.mark.parametrize("head", ["clip", "tanh", "soft_tanh"])
def test_numbers_layer_by_layer(head: str) -> None:
    env = street_vector_env(3, 4, DATA)
    policy = policy_of(env, head=head)
    observations, _ = env.reset(seed=0)
    network = policy.networks["household"]
    for market in range(3):
        for household in range(4):
            hidden = np.tanh(observations[market, household] @ network.weights[0] + network.biases[0])
            value = hidden @ network.weights[1] + network.biases[1]
            expected = {
                "clip": np.clip(value, -1.0, 1.0),
                "tanh": np.tanh(value),
                "soft_tanh": np.tanh(5.0 * np.tanh(value / 5.0)),
            }[head]
            np.testing.assert_allclose(policy(observations)[market, household], expected, atol=1e-5)
    env.step(policy(observations))


@pytest.mark.parametrize("action", ["discrete_price", "multi_discrete"])
def test_choices_are_the_best_of_each_component(action: str) -> None:
    env = street_vector_env(2, 4, DATA, action=action)
    policy = policy_of(env, head="choice")
    observations, _ = env.reset(seed=0)
    choices = policy(observations)
    values = policy.networks["household"](observations)
    np.testing.assert_array_equal(choices if choices.ndim == 2 else choices[..., 0], values[..., :21].argmax(axis=-1))
    if choices.ndim == 3:
        np.testing.assert_array_equal(choices[..., 1], values[..., 21:].argmax(axis=-1))
    env.step(choices)


def test_groups_have_networks_of_their_own() -> None:
    env = street_vector_env(2, 5, DATA, agent_names="role")
    agents = tuple(env.agents)
    groups = {role: tuple(name for name in agents if name.startswith(role)) for role in ("consumer", "prosumer")}
    policy = policy_of(env, groups)
    observations, _ = env.reset(seed=0)
    found = policy(observations)
    for role, members in groups.items():
        places = [agents.index(name) for name in members]
        alone = np.clip(policy.networks[role](observations[:, places]), -1.0, 1.0)
        np.testing.assert_array_equal(found[:, places], alone)


def test_files_come_back_as_they_were(tmp_path: Path) -> None:
    env = street_vector_env(2, 5, DATA, agent_names="role", action="multi_discrete")
    agents = tuple(env.agents)
    policy = policy_of(env, {"prosumer": agents[:3], "consumer": agents[3:]}, head="choice")
    file = policy.save(tmp_path / "folder" / "best.npz")
    again = load_policy(file)
    observations, _ = env.reset(seed=0)
    np.testing.assert_array_equal(again(observations), policy(observations))
    for field in ("groups", "agents", "features", "components", "levels", "head", "about"):
        assert getattr(again, field) == getattr(policy, field)
    assert load_policy(tmp_path / "folder").agents == agents
    assert [path.name for path in file.parent.iterdir()] == ["best.npz"]


@pytest.mark.parametrize(
    ("keywords", "what"),
    [
        ({"observation": "private"}, "features"),
        ({"action": "price"}, "action components"),
        ({"agent_names": "role"}, "agents"),
        ({"num_households": 5}, "agents"),
        ({"action": "multi_discrete"}, "choices"),
    ],
)
def test_another_street_is_told_apart(keywords: dict[str, Any], what: str) -> None:
    policy = policy_of(street_vector_env(1, 4, DATA))
    policy.check(street_env(4, DATA).controller)
    keywords = {"num_households": 4, **keywords}
    other = street_vector_env(1, keywords.pop("num_households"), DATA, **keywords)
    with pytest.raises(ConfigError, match=f"trained for other {what} than this street has"):
        policy.check(other.controller)


def test_wrong_observations_and_wrong_files(tmp_path: Path) -> None:
    env = street_vector_env(1, 4, DATA)
    policy = policy_of(env)
    with pytest.raises(ActionError, match=r"shape \(1, 5, 15\); this policy was learned for \(B, \*\(4, 15\)\)"):
        policy(np.zeros((1, 5, 15)))
    with pytest.raises(ConfigError, match="no learned policy is there"):
        load_policy(tmp_path / "best.npz")
    (tmp_path / "best.npz").write_bytes(b"not this")
    with pytest.raises(ConfigError, match="is not a learned policy, or is broken"):
        load_policy(tmp_path)
    file = policy.save(tmp_path / "cut.npz")
    file.write_bytes(file.read_bytes()[:-60])
    with pytest.raises(ConfigError, match="is not a learned policy, or is broken"):
        load_policy(file)
    meta = np.frombuffer(json.dumps({"format": 99, "version": "7.0"}).encode(), dtype=np.uint8)
    np.savez(tmp_path / "later.npz", meta=meta)
    with pytest.raises(ConfigError, match=r"of format 99, written by p2p_market 7\.0; this version reads format 1"):
        load_policy(tmp_path / "later.npz")
    assert dataclasses.replace(policy, about={}).__name__ == "learned"
