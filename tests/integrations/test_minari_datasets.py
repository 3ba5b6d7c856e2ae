"""Datasets of recorded play: what Minari gives back is what was seen, done and paid, in either layout."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import policy_of

import p2p_market
from p2p_market.errors import ConfigError, MissingExtraError, UnknownNameError

pytestmark = pytest.mark.filterwarnings("default")  # warnings of the library are its own business
STREET: dict[str, Any] = {"num_households": 4}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`record_dataset`, which writes to a folder of the test."""
    pytest.importorskip("minari", reason="needs Minari: pip install 'p2p-market[offline]'")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return importlib.import_module("p2p_market.integrations.minari").record_dataset


def played(policy: Any, action: str, episodes: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same by hand: observations (T + 1, B, N, F), actions and rewards (T, B, N, ...)."""
    env = p2p_market.vector_env(num_envs=episodes, num_households=4, action=action)
    seen, _ = env.reset(seed=9)
    observations, actions, rewards = [seen], [], []
    for _ in range(48):
        actions.append(policy(seen))
        seen, reward, _, _, infos = env.step(actions[-1])
        observations.append(infos.get("final_obs", seen))
        rewards.append(reward)
    return np.stack(observations), np.stack(actions), np.stack(rewards)


@pytest.mark.parametrize("action", ["price_quantity", "discrete_price", "multi_discrete"])
@pytest.mark.parametrize("layout", ["household", "street"])
def test_what_is_recorded_comes_back(record: Any, layout: str, action: str) -> None:
    minari = pytest.importorskip("minari")
    env = p2p_market.vector_env(num_households=4, action=action)
    policy = policy_of(env, head="clip" if action == "price_quantity" else "choice")
    overrides = {**STREET, "action": action}
    record("p2p/test-v0", policy, layout=layout, episodes=2, seed=9, overrides=overrides, author="somebody")
    dataset = minari.load_dataset("p2p/test-v0")
    observations, actions, rewards = played(policy, action)
    found = list(dataset.iterate_episodes())
    assert len(found) == (8 if layout == "household" else 2)
    assert dataset.total_steps == 48 * len(found)
    for number, episode in enumerate(found):
        at = np.s_[:, number // 4, number % 4] if layout == "household" else np.s_[:, number]
        np.testing.assert_array_equal(episode.observations, observations[at])
        np.testing.assert_array_equal(episode.actions, actions[at])
        assert dataset.observation_space.contains(episode.observations[0])
        assert dataset.action_space.contains(episode.actions[0])
        assert not episode.terminations.any()
        assert episode.truncations.tolist() == [False] * 47 + [True]
        if layout == "household":
            np.testing.assert_array_equal(episode.rewards, rewards[at])
        else:
            np.testing.assert_allclose(episode.rewards, rewards[at].mean(axis=1), rtol=1e-6)
            np.testing.assert_array_equal(episode.infos["rewards"][1:], rewards[at])
    about = json.loads(dataset.storage.metadata["description"])
    assert about["features"] == list(policy.features)
    assert about["components"] == list(policy.components)
    assert (about["layout"], about["agents"]) == (layout, list(policy.agents))
    assert dataset.storage.metadata["algorithm_name"] == "random"


def test_scripted_policies_and_files_play_too(record: Any, tmp_path: Path) -> None:
    with_battery = {**STREET, "devices": {"battery": {"share": 1.0}}, "action": "price_quantity_storage"}
    dataset = record("ruled-v0", "zip", episodes=1, overrides=with_battery, storage="self_consumption")
    powers = [np.abs(episode.actions[:, 2]).max() for episode in dataset.iterate_episodes()]
    assert max(powers) > 0.0
    assert dataset.storage.metadata["algorithm_name"] == "zip + self_consumption"
    file = policy_of(p2p_market.vector_env(num_households=4)).save(tmp_path / "best.npz")
    assert record("filed-v0", str(file), episodes=1, overrides={"num_households": 6}).total_episodes == 6
    assert (
        record("called-v0", lambda seen: np.zeros((*seen.shape[:2], 2)), episodes=1, overrides=STREET).total_steps > 0
    )


def test_what_cannot_be_recorded(record: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown layout 'streets'; did you mean 'street'"):
        record("x-v0", "truthful", layout="streets")
    with pytest.raises(UnknownNameError, match="unknown policy 'truthfull'"):
        record("x-v0", "truthfull", overrides=STREET)
    policy = policy_of(p2p_market.vector_env(num_households=4, observation="private"))
    with pytest.raises(ConfigError, match="trained for other features than this street has"):
        record("x-v0", policy, overrides=STREET)
    with pytest.raises(ConfigError, match="storage is 'time_of_use', and actions of the policy steer the batteries"):
        record("x-v0", policy, overrides=STREET, storage="time_of_use")
    record("x-v0", "truthful", episodes=1, overrides=STREET)
    with pytest.raises(ConfigError, match="dataset 'x-v0' exists already"):
        record("x-v0", "truthful", episodes=1, overrides=STREET)


def test_without_minari(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    monkeypatch.delitem(sys.modules, "p2p_market.integrations.minari", raising=False)
    with pytest.raises(MissingExtraError, match=r"'minari', which is not installed.*p2p-market\[offline\]"):
        importlib.import_module("p2p_market.integrations.minari")
