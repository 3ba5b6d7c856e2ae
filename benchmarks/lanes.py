"""Stepping the street through learning libraries: their PettingZoo path beside the integrations of this package.

python -m benchmarks.lanes            # all libraries that are installed: about two minutes
python -m benchmarks.lanes --write    # and put the table into docs/learning.md
python -m benchmarks.lanes --quick    # few steps: does it run at all

Agent-steps a second of processor time, one thread, actions of a random policy; those of TorchRL are drawn in the loop
by its own rollout, for the others they are drawn before. The PettingZoo path steps one street at a time (four side by
side for SuperSuit), the integration 64.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import p2p_market
from benchmarks.measure import medians
from benchmarks.pages import ROOT, write_between_marks
from benchmarks.report import machine, number, significant

NUM_MARKETS = 64
SIZES = (10, 100)
PAGE, MARKS = ROOT / "docs" / "learning.md", "lanes"
HEADS = ("library", "households", "PettingZoo path", "integration", "ratio")

Lane = tuple[Callable[[], object], int]  # a call, and how many agent-steps it is


def actions(*shape: int) -> Any:
    """Random actions."""
    return np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(np.float32)


def torchrl_lanes(num_households: int, steps: int) -> tuple[Lane, Lane]:
    """Rollouts by a random policy."""
    import torch  # noqa: PLC0415 (optional, here and below)
    from torchrl.envs import PettingZooWrapper  # noqa: PLC0415

    from p2p_market.integrations.torchrl import StreetEnv  # noqa: PLC0415

    torch.set_num_threads(1)
    wrapped = PettingZooWrapper(p2p_market.parallel_env(num_households=num_households))
    street = StreetEnv(num_envs=NUM_MARKETS, num_households=num_households)
    few = max(steps // 4, 2)
    return (
        (lambda: wrapped.rollout(few, break_when_any_done=False), few * num_households),
        (lambda: street.rollout(steps, break_when_any_done=False), steps * num_households * NUM_MARKETS),
    )


def stable_baselines3_lanes(num_households: int, steps: int) -> tuple[Lane, Lane]:
    """Steps of SuperSuit's rows, and of ours."""
    import supersuit  # noqa: PLC0415

    from p2p_market.integrations.stable_baselines3 import StreetVecEnv  # noqa: PLC0415

    copies = 4
    rows = supersuit.pettingzoo_env_to_vec_env_v1(p2p_market.parallel_env(num_households=num_households))
    rows = supersuit.concat_vec_envs_v1(rows, copies, num_cpus=1, base_class="stable_baselines3")
    street = StreetVecEnv(num_markets=NUM_MARKETS, num_households=num_households)
    return _stepping(rows, copies * num_households, steps), _stepping(street, NUM_MARKETS * num_households, steps)


def pufferlib_lanes(num_households: int, steps: int) -> tuple[Lane, Lane]:
    """Steps of PufferLib's emulation, and of our native environment."""
    import pufferlib.emulation  # noqa: PLC0415

    from p2p_market.integrations.pufferlib import StreetPufferEnv  # noqa: PLC0415

    emulated = pufferlib.emulation.PettingZooPufferEnv(p2p_market.parallel_env(num_households=num_households))
    emulated.reset(seed=0)
    chosen = actions(num_households, 2)

    def step_emulated() -> None:
        for _ in range(steps):
            if emulated.done:
                emulated.reset()
            emulated.step(chosen)

    street = StreetPufferEnv(num_markets=NUM_MARKETS, num_households=num_households)
    return (step_emulated, steps * num_households), _stepping(street, NUM_MARKETS * num_households, steps)


def _stepping(rows: Any, num_rows: int, steps: int) -> Lane:
    rows.reset()
    chosen = actions(num_rows, 2)

    def step() -> None:
        for _ in range(steps):
            rows.step(chosen)

    return step, steps * num_rows


LIBRARIES = {
    "TorchRL": (torchrl_lanes, "torchrl", ("torchrl",)),
    "Stable-Baselines3": (stable_baselines3_lanes, "stable-baselines3", ("stable_baselines3", "supersuit")),
    "PufferLib": (pufferlib_lanes, "pufferlib-core", ("pufferlib",)),
}


def rows(*, is_quick: bool) -> Iterator[tuple[str, ...]]:
    """Rows of the table, by library and size."""
    steps, seconds = (2, 0.0) if is_quick else (48, 5.0)
    for name, (lanes, package, needed) in LIBRARIES.items():
        if not all(importlib.util.find_spec(module) for module in needed):
            print(f"{name}: not installed ({', '.join(needed)}), left out")
            continue
        for num_households in SIZES:
            (slow, few), (fast, many) = lanes(num_households, steps)
            times = medians({"slow": slow, "fast": fast}, seconds)
            rates = few / times["slow"], many / times["fast"]
            shown = (f"{number(rate)}/s" for rate in rates)
            yield (
                f"{name} {importlib.metadata.version(package)}",
                str(num_households),
                *shown,
                f"{significant(rates[1] / rates[0])} x",
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the libraries' own
    lines = ["| " + " | ".join(HEADS) + " |", "| " + " | ".join("---" for _ in HEADS) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(is_quick=options.quick)]
    text = "\n".join([f"Measured on {machine()}.", "", *lines])
    print(text)
    if options.write:
        write_between_marks(PAGE, MARKS, text)


if __name__ == "__main__":
    main()
