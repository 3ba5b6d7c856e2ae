"""BenchMARL: its algorithms play the street, by its own experiments and its own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from p2p_market.errors import ConfigError

pytest.importorskip("benchmarl", reason="needs BenchMARL: pip install 'p2p-market[benchmarl]'")
pytestmark = pytest.mark.filterwarnings("default")  # warnings of the library are its own business

from benchmarl import algorithms  # noqa: E402
from benchmarl.environments import task_config_registry  # noqa: E402
from benchmarl.experiment import Experiment, ExperimentConfig  # noqa: E402
from benchmarl.models.mlp import MlpConfig  # noqa: E402

from p2p_market.integrations.benchmarl import StreetTask  # noqa: E402

STREET = {"street.num_households": 4, "data.num_homes": 12, "data.days": 30, "street.agent_names": "role"}
FRAMES = 48 * 4
ROOT = Path(__file__).parents[2]


def experiment(algorithm: str, task: dict[str, Any], folder: Path) -> Experiment:
    """Two small iterations and an evaluation."""
    config = ExperimentConfig.get_from_yaml()
    config.loggers, config.create_json, config.render, config.save_folder = ["csv"], False, False, str(folder)
    config.max_n_frames, config.evaluation_interval, config.evaluation_episodes = 2 * FRAMES, FRAMES, 2
    for policy in ("on", "off"):
        setattr(config, f"{policy}_policy_collected_frames_per_batch", FRAMES)
        setattr(config, f"{policy}_policy_n_envs_per_worker", 4)
    config.on_policy_n_minibatch_iters, config.on_policy_minibatch_size = 1, FRAMES
    config.off_policy_n_optimizer_steps, config.off_policy_train_batch_size = 2, 32
    return Experiment(
        task=StreetTask.STREET.get_task(task),
        algorithm_config=getattr(algorithms, f"{algorithm}Config").get_from_yaml(),
        model_config=MlpConfig.get_from_yaml(),
        critic_model_config=MlpConfig.get_from_yaml(),
        seed=0,
        config=config,
    )


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("Ippo", "Maddpg", "Iddpg", "Masac", "Iql")]


@pytest.mark.parametrize("algorithm", ["Mappo", "Qmix", *SLOW])
def test_algorithms_train(algorithm: str, tmp_path: Path) -> None:
    trained = experiment(algorithm, {"overrides": STREET}, tmp_path)
    assert set(trained.group_map) == {"prosumer", "consumer"}
    assert trained.continuous_actions == (algorithm not in ("Iql", "Qmix"))
    trained.run()
    assert trained.total_frames == 2 * FRAMES
    written = {path.stem for path in tmp_path.rglob("scalars/*.csv")}
    assert {"eval_reward_episode_reward_mean", "collection_prosumer_info_bill"} <= written


def test_a_configuration_with_choices_keeps_its_own(tmp_path: Path) -> None:
    task = {"overrides": STREET | {"scenario.action": "discrete_price", "scenario.action_levels": [5]}}
    assert not StreetTask.STREET.get_task(task).supports_continuous_actions()
    trained = experiment("Iql", task, tmp_path)
    assert trained.action_spec["consumer", "action"].space.n == 5


def test_the_task_is_in_benchmarls_registry() -> None:
    assert task_config_registry["p2p_market/street"] is StreetTask.STREET
    with pytest.warns(UserWarning, match="without type checks"):
        assert StreetTask.STREET.get_from_yaml().config["discrete_action"] == "discrete_price"


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ConfigError, match="unknown keys override;"):
        StreetTask.STREET.get_task({"override": {}})
    task = StreetTask.STREET.get_task({"discrete_action": "price"})
    with pytest.raises(ConfigError, match="discrete_action is 'price'"):
        task.get_env_fun(1, continuous_actions=False, seed=0, device="cpu")


@pytest.mark.slow
def test_the_command_line_trains(tmp_path: Path) -> None:
    overrides = ["algorithm=ippo", "task=p2p_market/street", "+task.overrides.street.num_households=4"]
    sizes = {
        "max_n_frames": 96,
        "on_policy_collected_frames_per_batch": 96,
        "on_policy_n_envs_per_worker": 2,
        "on_policy_n_minibatch_iters": 1,
        "evaluation": False,
        "loggers": "[csv]",
    }
    command = [sys.executable, "-m", "p2p_market.integrations.benchmarl", *overrides]
    command += [f"experiment.{key}={value}" for key, value in sizes.items()]
    done = subprocess.run(  # noqa: S603 - our own
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*.csv"))
