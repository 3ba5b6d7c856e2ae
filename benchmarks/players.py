"""What each policy earns, by everybody and by five of twenty households among truthful ones.

    python benchmarks/players.py            # a minute
    python benchmarks/players.py --quick    # seconds, only to see that it runs

Eight streets of the quick start, homes drawn anew for each, for four summer weeks; savings against the grid alone, per
household and day. Differences are paired over the days, with 95 % bootstrap intervals; results do not depend on the
machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from p2p_market.build_population import build_population
from p2p_market.comparison.statistics import paired_difference
from p2p_market.config import Config
from p2p_market.config_loading import load_config
from p2p_market.experiment import run
from p2p_market.policies import POLICIES
from p2p_market.results import RunResults

QUICKSTART = Path(__file__).parents[1] / "configs" / "quickstart.yaml"
STREETS: dict[str, dict[str, Any]] = {"one plan": {"tariff.plan": "agl_time_of_use"}, "mixed plans": {}}
NUM_FOLLOWERS = 5


def street_of(overrides: dict[str, Any], policy: Any, *, days: int, markets: int) -> Config:
    """The quick start's street under some policy."""
    settings = {"run.days": days, "run.num_markets": markets, "run.figures": False, "run.policy": policy}
    return load_config(QUICKSTART, {**settings, **overrides})


def savings_of(results: RunResults) -> npt.NDArray[np.float64]:
    """``(D, B, N)`` saved against the grid alone by day, market and household [$]."""
    frame, street = results.households.sort("start", "market", "household"), results.config.street
    assert street.num_households is not None
    num_markets, days = results.config.run.num_markets, results.config.run.days
    saving = (frame["grid_only_bill_dollars"] - frame["bill_dollars"]).to_numpy()
    return saving.reshape(days, -1, num_markets, street.num_households).sum(axis=1)


def main() -> None:
    """Run every policy on every street and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one street, two days")
    size = {"days": 2, "markets": 1} if parser.parse_args().quick else {"days": 28, "markets": 8}

    def difference(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> str:
        by_day, reference = one.mean(axis=(1, 2)), other.mean(axis=(1, 2))
        found = paired_difference(by_day, reference, np.ones(len(by_day)))
        return f"{100 * found.estimate:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"

    for street, overrides in STREETS.items():
        print(f"\n{street}, cents per household and day\n")
        print("| policy | all: saving | all: less truthful | price [ct/kWh] | efficiency | five: less truthful |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        honest = savings_of(run(street_of(overrides, "truthful", **size)))
        for name in (name for name, policy in POLICIES.items() if not policy.reads_plan):  # there is no storage
            results = run(street_of(overrides, name, **size))
            saving = savings_of(results)
            few = ""
            if name != "truthful":
                share = NUM_FOLLOWERS / honest.shape[2]
                config = street_of(overrides, {name: share, "truthful": 1.0 - share}, **size)
                names = [f"household_{slot}" for slot in range(honest.shape[2])]
                followers = build_population(config, names, config.run.policy).scripted[0][1]
                order = sorted(range(len(names)), key=lambda slot: names[slot])  # frames are sorted by name
                place = [order.index(slot) for slot in followers.tolist()]
                few = difference(savings_of(run(config))[:, :, place], honest[:, :, place])
            kpis = results.kpis
            cells = [
                f"`{name}`",
                f"{100 * saving.mean():.1f}",
                difference(saving, honest),
                f"{100 * kpis['mean_price_dollars_per_kwh']:.1f}",
                f"{100 * kpis['allocative_efficiency']:.0f} %",
                few,
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
