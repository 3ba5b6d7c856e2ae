"""Fingerprints of the tasks: what a test holds their numbers to.

    python -m benchmarks.fingerprints                   # compare all
    python -m benchmarks.fingerprints --write NAME ...  # into the files of tasks that are new, or have a new version

A version moves exactly when numbers do. So where a task that others have used gives other numbers, and that is meant,
its file moves to the next version (``git mv street10-v0.yaml street10-v1.yaml``), the change goes into the changelog,
and the new file gets its fingerprint. Where it is not meant, it is a bug.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from typing import Any

import numpy as np
import yaml

import p2p_market
from p2p_market.tasks import FOLDER, SPLITS, find_task, task_names
from p2p_market.tasks.task import Fingerprint, load_task
from p2p_market.types import AnyArray

NUM_MARKETS = 2
FIGURES = ("community_cost_dollars", "traded_kwh", "mean_price_dollars_per_kwh")
# Rounding must not turn on the last bits of a float: multiples of half a tick, as mean prices are, lie on the border
# between two whole numbers, and are moved well away from it.
STEP, OFFSET = 1e-4, 0.2718


def fingerprint_of(name: str) -> Fingerprint:
    """What a task gives now."""
    rollouts = [roll_out(name, split) for split in SPLITS]
    references = [player.name for player in find_task(name).references]
    chosen = ("zero_intelligence", references[-1])
    results = p2p_market.evaluate(None, name, bounds=False)
    kpis = {player: {figure: float(f"{results.kpis[player][figure]:.6g}") for figure in FIGURES} for player in chosen}
    return Fingerprint(rollout=hashlib.sha256("".join(rollouts).encode()).hexdigest()[:16], kpis=kpis)


def roll_out(name: str, split: str) -> str:
    """Hash of an episode's rounded observations and rewards under drawn actions."""
    env = p2p_market.make(name, split=split, kind="vector", num_envs=NUM_MARKETS)
    rng = np.random.default_rng(0)
    digest = hashlib.sha256()
    observations, _ = env.reset(seed=0)
    for _ in range(env.max_cycles):
        digest.update(_rounded(observations))
        actions = np.round(rng.uniform(-1.0, 1.0, (NUM_MARKETS, env.num_agents, *env.single_action_space.shape)), 3)
        observations, rewards, *_, infos = env.step(actions)
        digest.update(_rounded(rewards))
    digest.update(_rounded(infos["final_obs"]))
    return digest.hexdigest()


def _rounded(values: AnyArray) -> bytes:
    whole: AnyArray = np.rint(values.astype(np.float64) / STEP + OFFSET)
    return whole.astype("<i8").tobytes()


def write(name: str) -> None:
    """Put a task's fingerprint at the end of its file."""
    path = FOLDER / f"{name}.yaml"
    text = path.read_text(encoding="utf-8").split("\nfingerprint:")[0].rstrip("\n")
    part = path.with_name(path.name + ".part")
    found: dict[str, Any] = {"fingerprint": fingerprint_of(name).model_dump(mode="json")}
    part.write_text(f"{text}\n\n{yaml.safe_dump(found, sort_keys=False)}", encoding="utf-8")
    os.replace(part, path)  # noqa: PTH105 (in one step)


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks; all by default")
    parser.add_argument("--write", action="store_true", help="write them into the files")
    arguments = parser.parse_args()
    moved = 0
    for name in arguments.names or task_names():
        if arguments.write:
            write(name)
        agrees = load_task(FOLDER / f"{name}.yaml").fingerprint == fingerprint_of(name)
        moved += not agrees
        print(f"{name}: {'as it was' if agrees else 'other numbers'}", flush=True)
    return int(moved > 0)


if __name__ == "__main__":
    sys.exit(main())
