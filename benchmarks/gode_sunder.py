"""Gode and Sunder's zero-intelligence traders: efficiency by market, kind of trader and number of shouts, as published.

python -m benchmarks.gode_sunder            # a minute
python -m benchmarks.gode_sunder --quick    # few short periods: does it run at all
"""

from __future__ import annotations

import argparse
import time

from p2p_market.analysis.zero_intelligence import GODE_SUNDER_1993, call_once, shout

# Table 2 of the paper [%].
PUBLISHED = {"ZI-C": {1: 99.9, 2: 99.2, 3: 99.0, 4: 98.2}, "ZI-U": {1: 90.0, 2: 90.0, 3: 76.7, 4: 48.8}}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="few short periods: does it run at all")
    arguments = parser.parse_args()
    num_periods = 20 if arguments.quick else 3000
    lengths = (25, 50, 100) if arguments.quick else (50, 100, 200, 400, 600, 1000, 2000, 4000)
    print(f"efficiency [%], mean of {num_periods} periods; columns: shouts a period, then one sealed price a unit")
    print("".join(f"{head:>11}" for head in ("traders", "market", "published", *lengths, "one call", "seconds")))
    for kind, published in PUBLISHED.items():
        for number, market in GODE_SUNDER_1993.items():
            start = time.process_time()
            is_constrained = kind == "ZI-C"
            efficiency = 100 * shout(market, lengths[-1], is_constrained=is_constrained, num_periods=num_periods)
            seconds = time.process_time() - start
            once = 100 * call_once(market, is_constrained=is_constrained, num_periods=num_periods)
            means = [efficiency[:, length - 1].mean() for length in lengths]
            row = [f"{value:.1f}" for value in (published[number], *means, once.mean(), seconds)]
            print("".join(f"{cell:>11}" for cell in (kind, str(number), *row)), flush=True)


if __name__ == "__main__":
    main()
