"""The TorchRL environment: TorchRL's own check, and tensors equal to the arrays of the batched environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import homes, street_vector_env

from p2p_market.errors import ConfigError

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'p2p-market[torchrl]'")
pytest.importorskip("torchrl", reason="needs TorchRL: pip install 'p2p-market[torchrl]'")
pytestmark = pytest.mark.filterwarnings("default")  # warnings of the library are its own business

from torchrl.envs import check_env_specs  # noqa: E402

from p2p_market.integrations.torchrl import StreetEnv  # noqa: E402

DATA = homes(12, 12)
BATTERY = {"devices": {"battery": {"share": 0.5}}, "scenario.action": "price_quantity_storage"}


def torch_env(num_envs: int = 3, num_households: int = 4, **keywords: Any) -> StreetEnv:
    return StreetEnv(num_envs=num_envs, num_households=num_households, data_container=DATA, **keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"action": "discrete_price"},
        {"action": "multi_discrete", "with_state": False},
        {"agent_names": "role", "infos": ["bill", "filled", "trading_gain"]},
        {"learners": 2},
        {"overrides": BATTERY, "infos": ["cut_request"]},
    ],
)
def test_specs_are_those_of_what_comes(keywords: dict[str, Any]) -> None:
    check_env_specs(torch_env(seed=0, **keywords))
    check_env_specs(torch_env(seed=0, num_envs=1, **keywords))


@pytest.mark.parametrize("names", ["household", "role"])
def test_tensors_are_the_arrays_of_the_batched_environment(names: str) -> None:
    env = torch_env(seed=7, agent_names=names, infos=["bill"])
    arrays = street_vector_env(3, 4, DATA, agent_names=names)
    seen, _ = arrays.reset(seed=7)
    state = env.reset()
    assert set(env.group_map) == ({"household"} if names == "household" else {"prosumer", "consumer"})
    places = {group: [arrays.agents.index(name) for name in members] for group, members in env.group_map.items()}
    rng = np.random.default_rng(0)
    for _ in range(47):
        actions = rng.uniform(-1.0, 1.0, (3, 4, 2)).astype(np.float32)
        for group, columns in places.items():
            np.testing.assert_array_equal(state[group, "observation"].numpy(), seen[:, columns])
            state[group, "action"] = torch.from_numpy(actions[:, columns])
        np.testing.assert_array_equal(state["state"].numpy(), arrays.state())
        following = env.step(state)["next"]
        seen, rewards, _, truncations, infos = arrays.step(actions)
        for group, columns in places.items():
            np.testing.assert_array_equal(following[group, "reward"].numpy()[..., 0], rewards[:, columns])
            bill = following[group, "info", "bill"].numpy()[..., 0]
            np.testing.assert_allclose(bill, infos["bill"][:, columns], rtol=1e-6)
        np.testing.assert_array_equal(following["truncated"].numpy()[:, 0], truncations[:, 0])
        assert not following["terminated"].any()
        state = following


def test_memory_is_shared_on_the_processor() -> None:
    env = torch_env(seed=0)
    first = env.reset()["household", "observation"]
    kept = first.clone()
    env.rand_step(env.reset())
    assert torch.equal(first, kept)  # what was given out is not written into again
    observations, _ = env.controller.observe()
    assert env._tensor(observations).data_ptr() == observations.ctypes.data


def test_partial_resets_start_the_chosen_markets_only() -> None:
    env = torch_env(num_envs=4, seed=3)
    state = env.rand_step(env.reset())["next"]
    before = state["household", "observation"].clone()
    chosen = torch.tensor([[True], [False], [True], [False]])
    state["_reset"] = chosen
    after = env.reset(state)["household", "observation"]
    same = [bool(torch.equal(before[market], after[market])) for market in range(4)]
    assert same[1]
    assert same[3]
    assert env.controller.state.elapsed.tolist() == [0, 1, 0, 1]


def test_seeds_and_rollouts() -> None:
    first, second = torch_env(seed=5), torch_env()
    second.set_seed(5)
    torch.manual_seed(0)
    one = first.rollout(100, break_when_any_done=False)
    torch.manual_seed(0)
    two = second.rollout(100, break_when_any_done=False)
    assert torch.equal(one["household", "observation"], two["household", "observation"])
    assert torch.equal(one["next", "household", "reward"], two["next", "household", "reward"])
    assert one["next", "done"].sum() == 2 * 3  # two days each
    alone = torch_env(num_envs=1, seed=5).reset()["household", "observation"]
    assert torch.equal(alone[0], one["household", "observation"][0, 0])


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match=r"no info 'bil'.*bill"):
        torch_env(infos=["bil"])
    with pytest.raises(ConfigError, match="nobody learns"):
        torch_env(learners=0)


@pytest.mark.parametrize("ends", [True, False])
def test_the_last_interval_is_an_end_or_a_time_limit(ends: bool) -> None:
    env = torch_env(seed=0, num_envs=2, episodes_end=ends)
    last = env.rollout(48)["next"][:, -1]
    assert last["done"].all()
    assert last["terminated"].all() == ends
    assert last["truncated"].any() != ends
    check_env_specs(env)


def test_scaled_observations_and_states() -> None:
    plain, scaled = torch_env(seed=0), torch_env(seed=0, scaling=lambda observations: 2.0 * observations)
    check_env_specs(torch_env(seed=0, scaling=lambda observations: 2.0 * observations))
    first, second = plain.reset(), scaled.reset()
    for name in (("household", "observation"), "state"):
        np.testing.assert_array_equal(2.0 * first[name].numpy(), second[name].numpy())
