"""Training from end to end: the libraries' PettingZoo paths beside the integrations of this package, in one run.

python -m benchmarks.training_speed            # some minutes
python -m benchmarks.training_speed --write    # and put the table into docs/training.md
python -m benchmarks.training_speed --quick    # little of everything: does it run at all

Same street (`storage10-v0`), network, optimiser and hyperparameters on both sides of a row, PPO on one thread: an
update has one episode of 64 streets, and four passes over it in four parts. What differs is how many streets stand
side by side, which is what a batch is for: the PettingZoo paths step one street (SuperSuit four), which play so
many more episodes in a row, the integrations 64. Agent-steps a second of processor time, collecting and learning
together, after one update to warm up.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import p2p_market
from benchmarks.pages import ROOT, write_between_marks
from benchmarks.report import machine, number, significant
from p2p_market.config import Config
from p2p_market.tasks import find_task

PAGE, MARKS = ROOT / "docs" / "training.md", "training speed"
TASK, HIDDEN, EPOCHS, PARTS, RATE = "storage10-v0", (64, 64), 4, 4, 1e-3
_PLENTY = 1000  # updates that the collector is made for
COPIES = 4  # of the street for SuperSuit
HEADS = ("training", "PettingZoo path", "integration", "ratio", "asked", "environment's share")

Update = Callable[[], tuple[int, float]]
"""Collects and learns once: agent-steps, and seconds in the environment (0 where that is not known)."""


def street() -> Config:
    """The task's split train."""
    return find_task(TASK).configuration("train")


def sb3_update(rows: Any, steps: int, seconds: Callable[[], float]) -> Update:
    """PPO of Stable-Baselines3 on rows of households."""
    import torch  # noqa: PLC0415 (optional)
    from stable_baselines3 import PPO  # noqa: PLC0415

    model = PPO(
        "MlpPolicy",
        rows,
        n_steps=steps,
        batch_size=steps * rows.num_envs // PARTS,
        n_epochs=EPOCHS,
        learning_rate=RATE,
        policy_kwargs={"net_arch": list(HIDDEN), "activation_fn": torch.nn.Tanh, "log_std_init": -1.5},
        device="cpu",
    )

    def update() -> tuple[int, float]:
        began = seconds()
        model.learn(steps * rows.num_envs, reset_num_timesteps=False)
        return steps * rows.num_envs, seconds() - began

    return update


def sb3_lanes(num_markets: int) -> tuple[Update, Update]:
    """Through SuperSuit, and through our rows."""
    import supersuit  # noqa: PLC0415

    from p2p_market.integrations.stable_baselines3 import StreetVecEnv  # noqa: PLC0415

    config = street()
    wrapped = supersuit.pettingzoo_env_to_vec_env_v1(p2p_market.parallel_env(config))
    wrapped = supersuit.concat_vec_envs_v1(wrapped, COPIES, num_cpus=1, base_class="stable_baselines3")
    rows = StreetVecEnv(config, num_markets=num_markets)
    horizon = rows.street.controller.horizon
    return (
        sb3_update(wrapped, horizon * num_markets // COPIES, lambda: 0.0),
        sb3_update(rows, horizon, lambda: rows.seconds),
    )


def benchmarl_lanes(num_markets: int) -> tuple[Update, Update]:
    """Through TorchRL's wrapper of PettingZoo, as BenchMARL's own task has it, and through our environment."""
    return benchmarl_update(num_markets, is_wrapped=True), benchmarl_update(num_markets, is_wrapped=False)


def benchmarl_update(num_markets: int, *, is_wrapped: bool) -> Update:
    """MAPPO of BenchMARL."""
    import benchmarl.experiment.experiment as loop  # noqa: PLC0415
    from benchmarl.algorithms import MappoConfig  # noqa: PLC0415
    from benchmarl.experiment import Experiment, ExperimentConfig  # noqa: PLC0415
    from benchmarl.models.mlp import MlpConfig  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    from benchmarks.training_speed_task import SpeedTask  # noqa: PLC0415

    horizon = p2p_market.vector_env(street()).controller.horizon
    frames = horizon * num_markets
    settings = ExperimentConfig.get_from_yaml()
    settings.sampling_device = settings.train_device = settings.buffer_device = "cpu"
    settings.lr, settings.max_n_iters, settings.max_n_frames = RATE, _PLENTY, None
    settings.on_policy_collected_frames_per_batch = frames
    settings.on_policy_n_envs_per_worker = 1 if is_wrapped else num_markets
    settings.on_policy_n_minibatch_iters, settings.on_policy_minibatch_size = EPOCHS, frames // PARTS
    settings.evaluation, settings.render, settings.loggers, settings.create_json = False, False, [], False
    settings.save_folder = tempfile.mkdtemp()
    loop.tqdm = functools.partial(loop.tqdm, disable=True)
    model = MlpConfig(num_cells=list(HIDDEN), layer_class=nn.Linear, activation_class=nn.Tanh)
    experiment = Experiment(
        task=SpeedTask(street(), is_wrapped=is_wrapped, horizon=horizon),
        algorithm_config=MappoConfig.get_from_yaml(),
        model_config=model,
        critic_model_config=model,
        seed=0,
        config=settings,
    )
    experiment.close = lambda: None  # the loop would close it after each update
    street_env = None if is_wrapped else experiment.collector.env.base_env

    def update() -> tuple[int, float]:
        inside = 0.0 if street_env is None else street_env.seconds
        before = experiment.total_frames
        experiment.config.max_n_iters = experiment.n_iters_performed + 1
        experiment._collection_loop()  # noqa: SLF001 (there is no public way to do one update)
        after = 0.0 if street_env is None else street_env.seconds
        agents = sum(len(members) for members in experiment.group_map.values())
        return (experiment.total_frames - before) * agents, after - inside

    return update


LANES = {
    "Stable-Baselines3, PPO": (sb3_lanes, 2.0, ("stable_baselines3", "supersuit")),
    "BenchMARL on TorchRL, MAPPO": (benchmarl_lanes, 8.0, ("benchmarl", "torchrl")),
}


def measured(update: Update, num_updates: int) -> tuple[float, float]:
    """Agent-steps a second of processor time, and the share of wall-clock time spent in the environment."""
    update()
    steps, inside, began, clock = 0, 0.0, time.process_time(), time.perf_counter()
    for _ in range(num_updates):
        more, seconds = update()
        steps, inside = steps + more, inside + seconds
    return steps / (time.process_time() - began), inside / (time.perf_counter() - clock)


def rows(*, is_quick: bool) -> Iterator[tuple[str, ...]]:
    """Rows of the table."""
    num_markets, updates = (4, 1) if is_quick else (64, 3)
    for name, (lanes, asked, needed) in LANES.items():
        if not all(importlib.util.find_spec(module) for module in needed):
            print(f"{name}: not installed ({', '.join(needed)}), left out")
            continue
        import torch  # noqa: PLC0415 (optional)

        torch.set_num_threads(1)
        slow, fast = lanes(num_markets)
        (slow_rate, _), (fast_rate, share) = measured(slow, 1), measured(fast, updates)
        yield (
            name,
            f"{number(slow_rate)}/s",
            f"{number(fast_rate)}/s",
            f"{significant(fast_rate / slow_rate)} x",
            f"{asked:g} x",
            f"{100.0 * share:.0f} %",
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little of everything")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the libraries' own
    lines = ["| " + " | ".join(HEADS) + " |", "| --- |" + " ---: |" * (len(HEADS) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(is_quick=options.quick)]
    text = "\n".join([f"Measured on {machine()}.", "", *lines])
    print(text)
    if options.write:
        write_between_marks(PAGE, MARKS, text)


if __name__ == "__main__":
    main()
