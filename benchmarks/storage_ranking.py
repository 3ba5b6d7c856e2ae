"""How much of what could be saved players save on streets with batteries, over streets drawn by seed.

    python -m benchmarks.storage_ranking            # twenty streets, three days each: a quarter of an hour
    python -m benchmarks.storage_ranking --quick    # two streets, a day each, only to see that it runs

Every seed draws homes, batteries and tariff plans of the storage street (configs/storage_street.yaml) and three days
of the year. Value captured is the sum of savings over all streets over the sum of what could be saved. Intervals are
of 95 %, from a bootstrap over the streets (BCa), paired between players; results do not depend on the machine, but for
what the solver's version does among equal plans.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from p2p_market.experiment import run

STREET = Path(__file__).parents[1] / "configs" / "storage_street.yaml"
Numbers = npt.NDArray[np.float64]
BIDDERS = ("truthful", "zero_intelligence", "zip", "linear")
RULES = ("self_consumption", "time_of_use", "price_threshold")
GRID, NOISE = ("grid_only", "idle"), ("zero_intelligence", "idle")
PAIRS = tuple((bidder, rule) for bidder in BIDDERS for rule in RULES)
PLANNERS = (("truthful", "mpc"), ("truthful", "optimal"))
FIRST_DAY, NUM_DAYS = np.datetime64("2012-07-15"), 345


class Estimate(NamedTuple):
    """A share with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"


def savings(players: Iterable[tuple[str, str]], seeds: Sequence[int], **overrides: Any) -> dict[Any, Numbers]:
    """``(S,)`` [$] saved on the street of each seed by each player, a policy and a storage rule.

    Under ``"most"`` stands what could be saved at best.
    """
    saved: dict[Any, list[float]] = {}
    for seed in seeds:
        start = FIRST_DAY + int(np.random.default_rng(seed).integers(NUM_DAYS))
        for number, player in enumerate(players):
            values = {
                "seed": seed,
                "run.start": str(start),
                "run.figures": False,
                "run.policy": player[0],
                "population.storage": player[1],
                "run.bounds": number == 0,  # the optimum is the street's, whoever plays
                **overrides,
            }
            kpis = run(STREET, overrides=values).kpis
            if number == 0:
                most = kpis["grid_only_cost_dollars"] - kpis["optimal_cost_dollars"]
                saved.setdefault("most", []).append(most)
            saved.setdefault(player, []).append(kpis["community_saving_dollars"])
    return {player: np.array(values) for player, values in saved.items()}


def captured(saved: Numbers, most: Numbers) -> Estimate:
    """Share of what could be saved that was saved, or, of differences in savings, how much more of it."""

    def share(part: Numbers, whole: Numbers, axis: int = -1) -> Numbers:
        ratio: Numbers = part.sum(axis=axis) / whole.sum(axis=axis)
        return ratio

    value = float(share(saved, most))
    if np.ptp(saved / most) == 0.0:  # the grid alone saves nothing anywhere
        return Estimate(value, value, value)
    interval = bootstrap(
        (saved, most), share, paired=True, n_resamples=9999, rng=np.random.default_rng(0)
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))


def best_pair(saved: Mapping[Any, Numbers]) -> tuple[str, str]:
    """The policy and rule without a plan that save most, all streets together."""
    return max(PAIRS, key=lambda pair: float(saved[pair].sum()))


def ranking(saved: Mapping[Any, Numbers]) -> list[tuple[tuple[str, str], Estimate, Estimate]]:
    """Players from the grid alone to the optimum: value captured, and how much more than the one before."""
    order = [GRID, NOISE, best_pair(saved), *PLANNERS]
    most, before = saved["most"], [order[0], *order[:-1]]
    return [
        (player, captured(saved[player], most), captured(saved[player] - saved[last], most))
        for player, last in zip(order, before, strict=True)
    ]


def main() -> None:
    """Play all pairs of policy and rule, and who plans, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two streets, a day each")
    quick = parser.parse_args().quick
    saved = savings((GRID, NOISE, *PAIRS, *PLANNERS), range(2 if quick else 20), **{"run.days": 1 if quick else 3})
    print("| bids | storage | value captured | more than the row above |")
    print("| --- | --- | ---: | ---: |")
    for (policy, rule), share, more in ranking(saved):
        last = "" if (policy, rule) == GRID else str(more)
        print(f"| `{policy}` | `{rule}` | {share} | {last} |")
    print("\n| bids | " + " | ".join(f"`{rule}`" for rule in RULES) + " |")
    print("| --- |" + " ---: |" * len(RULES))
    for bidder in BIDDERS:
        shares = (f"{100 * captured(saved[bidder, rule], saved['most']).value:.1f} %" for rule in RULES)
        print(f"| `{bidder}` | " + " | ".join(shares) + " |")


if __name__ == "__main__":
    main()
