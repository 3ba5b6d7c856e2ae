"""Stable-Baselines3 and PufferLib: flat rows that are the households of the batched environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import homes, street_vector_env

from p2p_market.errors import ConfigError, EpisodeError

DATA = homes(12, 4)
pytestmark = pytest.mark.filterwarnings("default")  # warnings of the libraries are their own business


@pytest.fixture
def rows() -> Any:
    """The class of Stable-Baselines3's rows."""
    pytest.importorskip("stable_baselines3", reason="needs Stable-Baselines3: pip install 'p2p-market[sb3]'")
    from p2p_market.integrations.stable_baselines3 import StreetVecEnv  # noqa: PLC0415 (needs the library)

    return StreetVecEnv


@pytest.mark.parametrize("action", ["price_quantity", "discrete_price", "multi_discrete"])
def test_rows_are_the_households_of_all_markets(rows: Any, action: str) -> None:
    flat = rows(num_markets=3, num_households=4, data_container=DATA, action=action, infos=["bill"])
    apart = street_vector_env(3, 4, DATA, action=action)
    flat.seed(6)
    seen, (seen_there, _) = flat.reset(), apart.reset(seed=6)
    assert flat.num_envs == 12
    flat.action_space.seed(0)
    total = np.zeros(12)
    for interval in range(50):
        np.testing.assert_array_equal(seen, seen_there.reshape(12, -1))
        actions = np.stack([flat.action_space.sample() for _ in range(12)])
        seen, rewards, ends, infos = flat.step(actions)
        seen_there, rewards_there, _, _, infos_there = apart.step(actions.reshape(3, 4, *actions.shape[1:]))
        np.testing.assert_array_equal(rewards, rewards_there.reshape(-1))
        assert [info["bill"] for info in infos] == infos_there["bill"].reshape(-1).tolist()
        total += rewards
        assert ends.all() == ends.any() == (interval == 47)
        if interval == 47:
            for row, info in enumerate(infos):
                last = infos_there["final_obs"].reshape(12, -1)[row]
                np.testing.assert_array_equal(info["terminal_observation"], last)
                assert info["TimeLimit.truncated"]
                assert info["episode"]["r"] == pytest.approx(total[row])
                assert info["episode"]["l"] == 48
        else:
            assert all(info.keys() == {"bill"} for info in infos)


def test_stable_baselines_learns_and_monitors(rows: Any) -> None:
    from stable_baselines3 import PPO  # noqa: PLC0415 (needs the library)

    flat = rows(num_markets=4, num_households=4, data_container=DATA)
    model = PPO("MlpPolicy", flat, n_steps=48, batch_size=192, n_epochs=2, seed=0, device="cpu")
    model.learn(2 * 48 * 16)
    assert model.num_timesteps == 2 * 48 * 16
    assert len(model.ep_info_buffer) == 32
    assert all(info["l"] == 48 for info in model.ep_info_buffer)
    assert flat.get_attr("num_agents") == [4] * 16
    assert flat.env_method("state", indices=[0, 3])[1].shape[0] == 4


def test_wrong_calls_of_rows(rows: Any) -> None:
    with pytest.raises(ConfigError, match=r"no info 'bills'.*bill"):
        rows(num_markets=1, num_households=4, data_container=DATA, infos=["bills"])
    with pytest.raises(EpisodeError, match="step_async"):
        rows(num_markets=1, num_households=4, data_container=DATA).step_wait()


@pytest.fixture
def puffer() -> Any:
    """The class of PufferLib's rows."""
    pytest.importorskip("pufferlib", reason="needs PufferLib: pip install 'p2p-market[puffer]'")
    from p2p_market.integrations.pufferlib import StreetPufferEnv  # noqa: PLC0415 (needs the library)

    return StreetPufferEnv


def test_puffer_rows_are_the_households_of_all_markets(puffer: Any) -> None:
    flat = puffer(num_markets=3, num_households=4, data_container=DATA, seed=9)
    apart = street_vector_env(3, 4, DATA)
    seen, logs = flat.reset()
    seen_there, _ = apart.reset(seed=9)
    assert (logs, seen is flat.observations) == ([], True)
    rng, total = np.random.default_rng(0), np.zeros(12)
    for interval in range(49):
        np.testing.assert_array_equal(flat.observations, seen_there.reshape(12, -1))
        actions = rng.uniform(-1.0, 1.0, (12, 2)).astype(np.float32)
        seen, rewards, terminals, truncations, logs = flat.step(actions)
        seen_there, rewards_there, *_ = apart.step(actions.reshape(3, 4, 2))
        np.testing.assert_array_equal(rewards, rewards_there.reshape(-1))
        assert rewards is flat.rewards
        assert not terminals.any()
        assert truncations.all() == (interval == 47)
        total += rewards * (interval < 48)
        if interval == 47:
            assert logs == [{"episode_return": pytest.approx(total.mean(), rel=1e-6)}]
        else:
            assert logs == []


def test_puffer_runs_several_of_them(puffer: Any) -> None:
    import pufferlib.vector  # noqa: PLC0415 (needs the library)

    keywords = {"num_households": 4, "num_markets": 2, "data_container": DATA}
    streets = pufferlib.vector.make(puffer, env_kwargs=keywords, num_envs=2, backend=pufferlib.vector.Serial)
    streets.reset(seed=1)
    for _ in range(3):
        observations, rewards, *_ = streets.step(np.zeros((16, 2), dtype=np.float32))
    assert observations.shape[0] == 16
    assert np.isfinite(rewards).all()
