"""Training runs: that they learn from what they say, go on to the bit after a stop, and refuse what cannot be."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p2p_market.build import build_controller
from p2p_market.cli import main
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError, MissingExtraError, UnknownNameError
from p2p_market.evaluation import evaluate
from p2p_market.learned import Network, load_policy
from p2p_market.social_rewards import own_saving
from p2p_market.training import train, validation
from p2p_market.training.journal import COLUMNS, read_rows
from p2p_market.training.plan import TrainingPlan
from p2p_market.training.run import BACKENDS
from p2p_market.training.scaling import Scaling

pytestmark = pytest.mark.filterwarnings("default")  # warnings of the libraries are their own business

STREET: dict[str, Any] = {
    "name": "small",
    "data": {"num_homes": 12, "days": 20},
    "street": {"num_households": 4},
    "devices": {"battery": {"owners": "all"}},
    "scenario": {"action": "price_quantity_storage"},
    "train": {
        "agent_steps": 4 * 4 * 48 * 6,
        "num_markets": 4,
        "hidden": [8],
        "epochs": 2,
        "evaluate_every": 2,
        "evaluation_episodes": 2,
        "checkpoint_every": 2,
    },
}
CHOICES = {"scenario.action": "discrete_price", "devices": {}}
SB3 = pytest.param("sb3", "ippo", {}, id="sb3")
BENCHMARL = [
    pytest.param("benchmarl", "ippo", {}, id="ippo"),
    pytest.param("benchmarl", "mappo", {"street.agent_names": "role"}, id="mappo"),
    pytest.param("benchmarl", "iql", CHOICES, id="iql"),
    *(
        pytest.param("benchmarl", name, keys, id=name, marks=pytest.mark.slow)
        for name, keys in (
            ("maddpg", {}),
            ("iddpg", {}),
            ("masac", {}),
            ("isac", {}),
            ("vdn", CHOICES),
            ("qmix", CHOICES),
        )
    ),
]


class StoppedError(Exception):
    """As if somebody had pulled the plug."""


def keys(backend: str, algorithm: str, more: dict[str, Any]) -> dict[str, Any]:
    pytest.importorskip({"sb3": "stable_baselines3"}.get(backend, backend), reason=f"needs the extra {backend}")
    return {"train.backend": backend, "train.algorithm": algorithm, **more}


def without_times(rows: list[dict[str, float | None]]) -> list[dict[str, float | None]]:
    times = ("seconds", "agent_steps_per_second", "environment_share")
    return [{name: value for name, value in row.items() if name not in times} for row in rows]


@pytest.mark.parametrize(("backend", "algorithm", "more"), [SB3, *BENCHMARL])
def test_a_stopped_run_goes_on_as_if_it_had_not(
    backend: str, algorithm: str, more: dict[str, Any], tmp_path: Path
) -> None:
    overrides = keys(backend, algorithm, more)
    whole = train(STREET, output=tmp_path / "whole", overrides=overrides)
    assert [row["update"] for row in whole.rows] == [1, 2, 3, 4, 5, 6]
    assert [row["validation_reward"] is not None for row in whole.rows] == [False, True] * 3
    assert whole.rows[-1]["agent_steps"] == STREET["train"]["agent_steps"]

    def pull_the_plug(row: Any, num_updates: int) -> None:
        assert num_updates == 6
        if row["update"] == 3:
            raise StoppedError

    folder = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        train(STREET, output=folder, overrides=overrides, report=pull_the_plug)
    assert len(read_rows(folder / "progress.csv")) == 3
    gone_on = train(STREET, output=folder, overrides=overrides, resume=True)
    assert without_times(gone_on.rows) == without_times(whole.rows)
    assert without_times(read_rows(folder / "progress.csv")) == without_times(whole.rows)
    first, second = load_policy(tmp_path / "whole" / "last.npz"), load_policy(folder / "last.npz")
    for group, network in first.networks.items():
        for mine, other in zip(network.weights, second.networks[group].weights, strict=True):
            np.testing.assert_array_equal(mine, other)
    scores = [row["validation_reward"] for row in whole.rows if row["validation_reward"] is not None]
    if algorithm in ("ippo", "mappo"):
        assert len(set(scores)) == 3  # it does change
    assert whole.best.about["algorithm"] == algorithm


def test_what_a_run_writes(tmp_path: Path) -> None:
    results = train(STREET, output=tmp_path / "run", overrides=keys("sb3", "ippo", {}))
    names = {path.name for path in results.folder.iterdir()} - {"tensorboard"}
    assert names == {"best.npz", "last.npz", "progress.csv", "checkpoint.pt", "config.resolved.yaml"}
    with (results.folder / "progress.csv").open() as file:
        assert tuple(csv.DictReader(file).fieldnames or ()) == COLUMNS
    assert all(0.0 < (row["environment_share"] or 0.0) < 1.0 for row in results.rows)


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    overrides = keys("sb3", "ippo", {})
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds something that is not a training run"):
        train(STREET, output=folder, overrides=overrides)
    (folder / "notes.txt").unlink()
    train(STREET, output=folder, overrides=overrides)
    with pytest.raises(ConfigError, match=r"holds a training run; go on with it \(--resume\)"):
        train(STREET, output=folder, overrides=overrides)
    with pytest.raises(ConfigError, match="training run of another configuration"):
        train(STREET, output=folder, overrides={**overrides, "train.seed": 1}, resume=True)
    checkpoint = folder / "checkpoint.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"the checkpoint .*checkpoint\.pt is broken"):
        train(STREET, output=folder, overrides=overrides, resume=True)


def test_a_task_is_learned_on_train_and_measured_by_its_protocol(tmp_path: Path) -> None:
    settings = {**STREET["train"], "agent_steps": 2 * 4 * 10 * 48, "task": "storage10-v0"}
    overrides = keys("sb3", "ippo", {})
    results = train({"name": "mine", "train": settings}, output=tmp_path / "run", overrides=overrides)
    assert results.best.about["task"] == "storage10-v0"
    measured = evaluate(results.best, "storage10-v0", references=False, bounds=False, episodes=2)
    assert measured.summary["player"].to_list() == ["mine"]
    with pytest.raises(ConfigError, match="sees features that this street does not have: state_of_charge"):
        evaluate(results.best, "street10-v0", references=False, bounds=False, episodes=2)
    command = ["evaluate", str(results.folder), "--task", "storage10-v0", "--split", "validation"]
    assert main(command) == 0


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    overrides = keys("sb3", "ippo", {})
    first = train(STREET, output=tmp_path / "run", overrides=overrides)
    second = train(STREET, output=tmp_path / "run", overrides=overrides, resume=True)
    assert without_times(first.rows) == without_times(second.rows)


@pytest.mark.parametrize("backend", ["sb3", "benchmarl"])
def test_policies_of_scaled_observations_play_on_those_that_the_street_gives(backend: str, tmp_path: Path) -> None:
    overrides = keys(backend, "ippo", {"train.agent_steps": 4 * 4 * 48})
    scaled = train(STREET, output=tmp_path / "scaled", overrides=overrides)
    plain = train(STREET, output=tmp_path / "plain", overrides={**overrides, "train.scales_observations": False})
    first, other = (results.best.networks["household"].weights[0] for results in (scaled, plain))
    spread = Scaling.of(load_config(STREET)).spread
    assert spread.min() < 0.05  # of a net load, e.g., so that its weights grow
    grown = np.linalg.norm(first, axis=1) / np.linalg.norm(other, axis=1)
    assert np.corrcoef(np.log(grown), -np.log(spread))[0, 1] > 0.9


def test_scaling() -> None:
    street = load_config(STREET)
    scaling = Scaling.of(street)
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(3, 4, scaling.mean.size)).astype(np.float32)
    np.testing.assert_allclose(scaling.undone(scaling(observations)), observations, atol=1e-5)
    sizes = [(scaling.mean.size, 8), (8, 3)]
    network = Network(
        tuple(rng.normal(size=size).astype(np.float32) for size in sizes),
        tuple(rng.normal(size=size[1]).astype(np.float32) for size in sizes),
    )
    np.testing.assert_allclose(scaling.folded(network)(observations), network(scaling(observations)), atol=1e-3)
    np.testing.assert_array_equal(scaling.mean, Scaling.of(street).mean)  # nothing is left to chance
    choices = Scaling.of(load_config(STREET, CHOICES))
    assert (choices.spread > 0.0).all()


@pytest.mark.parametrize(("backend", "algorithm"), [("sb3", "ippo"), ("benchmarl", "mappo"), ("benchmarl", "iddpg")])
def test_an_untrained_policy_offers_what_there_is_at_a_middle_price(backend: str, algorithm: str) -> None:
    plan = TrainingPlan.of(load_config(STREET, keys(backend, algorithm, {})))
    np.testing.assert_array_equal(plan.first_action, [0.0, 1.0, 0.0])
    module, name = BACKENDS[backend]
    learner = getattr(importlib.import_module(module), name)(plan)
    controller = build_controller(plan.street, num_markets=16)
    controller.reset(seed=0)
    actions = learner.policy()(controller.observe()[0])
    assert abs(actions[..., 0].mean()) < 0.3
    assert actions[..., 1].mean() > 0.6
    assert abs(actions[..., 2].mean()) < 0.5
    learner.close()
    assert TrainingPlan.of(load_config(STREET, CHOICES)).first_action is None


@pytest.mark.parametrize("ends", [True, False])
def test_the_value_of_an_episode_stops_at_its_end_unless_told_otherwise(ends: bool) -> None:
    overrides = keys("sb3", "ippo", {"train.episodes_end": ends})
    from p2p_market.training.sb3_backend import StableBaselines3Learner  # noqa: PLC0415 (optional)

    learner = StableBaselines3Learner(TrainingPlan.of(load_config(STREET, overrides)))
    learner.model.policy.value_net.bias.data += 100.0
    learner.advance()
    buffer = learner.model.rollout_buffer
    beyond = buffer.rewards[-1].mean() - buffer.rewards[:-1].mean()
    assert beyond == pytest.approx(0.0 if ends else 99.0, abs=2.0)
    learner.close()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"train.algorithm": "ppo"}, r"algorithm is 'ppo'; backend 'benchmarl' has ippo, mappo"),
        ({"train.backend": "sb3", "train.algorithm": "mappo"}, r"backend 'sb3' has ippo"),
        (
            {"train.algorithm": "qmix"},
            r"'qmix' chooses among actions, and scenario\.action is 'price_quantity_storage'",
        ),
        ({"population.learners": 0}, "nobody learns on this street"),
        ({"train.overrides": {"seed": 1}}, "overrides change a task, and train.task is null"),
        ({"train.task": "street10-v0"}, r"describes one too \(data, street, devices, scenario\).* as train.overrides"),
        ({"train.hidden": []}, "hidden"),
        ({"train.agent_steps": 0}, "agent_steps"),
        ({"train.gamma": 1.5}, "gamma"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train(STREET, output=tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run").exists()


def test_unknown_options_of_algorithms(tmp_path: Path) -> None:
    overrides = keys("benchmarl", "ippo", {"train.options": {"clip": 0.1}})
    with pytest.raises(ConfigError, match=r"ippo has no setting 'clip'; it has .*clip_epsilon"):
        train(STREET, output=tmp_path / "run", overrides=overrides)
    overrides = keys("sb3", "ippo", {"train.options": {"clip": 0.1}})
    with pytest.raises(ConfigError, match=r"train\.options: .*clip"):
        train(STREET, output=tmp_path / "run", overrides=overrides)


def test_an_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="storage10-v0"):
        train(STREET, output=tmp_path / "run", overrides={"train.task": "storage10-v1"})


@pytest.mark.parametrize(("backend", "library"), [("sb3", "stable_baselines3"), ("benchmarl", "benchmarl")])
def test_a_missing_library_names_the_extra(backend: str, library: str, tmp_path: Path) -> None:
    try:
        __import__(library)
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"pip install 'p2p-market\[train\]'"):
            train(STREET, output=tmp_path / "run", overrides={"train.backend": backend})
    else:
        pytest.skip(f"{library} is installed")


@pytest.mark.slow
def test_the_quick_start_learns_more_than_zip(tmp_path: Path) -> None:
    quick = Path(__file__).parents[2] / "configs" / "train_quick.yaml"
    overrides = keys("sb3", "ippo", {"train.agent_steps": 400_000})
    best = max(
        row["validation_saving_dollars"] or 0.0 for row in train(quick, output=tmp_path, overrides=overrides).rows
    )
    config = load_config(quick, {"population.storage": "self_consumption"})
    controller = build_controller(config, num_markets=32, learners_follow="zip")
    controller.reset(validation.SEED)
    saving = 0.0
    for _ in range(controller.horizon):
        controller.run_auction(None)
        transition = controller.transition
        assert transition is not None
        saving += float(own_saving(transition).mean())
    assert best > 1.1 * saving > 0.5
