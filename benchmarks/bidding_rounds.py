"""What asking again is worth: zero-intelligence households that quote once or more often in a half hour.

The street of the quickstart for its summer week, under its one plan and under a mix of three, four streets a row.

python -m benchmarks.bidding_rounds            # a minute
python -m benchmarks.bidding_rounds --quick    # one day, few rounds: does it run at all
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import p2p_market
from benchmarks.pages import ROOT

QUICKSTART = ROOT / "configs" / "quickstart.yaml"
PLANS: dict[str, Any] = {
    "one plan": "agl_time_of_use",
    "three plans": {"agl_time_of_use": 0.4, "origin_time_of_use": 0.3, "flat": 0.3},
}
HEADS = ("street", "mechanism", "bidders", "rounds", "efficiency %", "traded kWh", "price $/kWh", "seconds")


def main() -> None:
    """Print one row a street, mechanism and number of rounds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="one day, few rounds: does it run at all")
    arguments = parser.parse_args()
    run = {"run.days": 1, "run.num_markets": 1} if arguments.quick else {"run.num_markets": 4}
    counts = (1, 2) if arguments.quick else (1, 2, 4, 8, 16, 32)
    rows = [("uniform_price", "zero_intelligence", 1), ("uniform_price", "truthful", 1), ("continuous", "truthful", 1)]
    rows += [("continuous", "zero_intelligence", rounds) for rounds in counts]
    print("".join(f"{head:>19}" for head in HEADS))
    for street, plan in PLANS.items():
        for mechanism, policy, rounds in rows:
            overrides = {
                "market.mechanism": mechanism,
                "market.rounds": rounds,
                "run.policy": policy,
                "tariff.plan": plan,
                **run,
            }
            start = time.process_time()
            figures = p2p_market.run(QUICKSTART, overrides=overrides).kpis
            row = (
                street,
                mechanism,
                policy,
                str(rounds),
                f"{100 * figures['allocative_efficiency']:.1f}",
                f"{figures['traded_kwh']:.0f}",
                f"{figures['mean_price_dollars_per_kwh']:.3f}",
                f"{time.process_time() - start:.1f}",
            )
            print("".join(f"{cell:>19}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
