"""Print the synthetic community beside the recorded homes, as the table of ``docs/synthetic-data.md``, and its speed.

Run from the repository root::

    python -m benchmarks.synthetic_vs_real            # five seeds, about half a minute
    python -m benchmarks.synthetic_vs_real --quick    # one seed and one year: a smoke test, not a comparison
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from p2p_market.data.comparison import (
    CUSTOMER_1,
    CUSTOMER_12,
    RECORDED,
    RECORDED_DAYS,
    RECORDED_HOMES,
    RECORDED_START,
    TRADABLE,
    TRADABLE_PV_PER_DEMAND,
    community_figures,
    customer_1_rows,
    lag_correlation,
    load_factor,
    tradable_share,
)
from p2p_market.data.container import DataContainer
from p2p_market.data.synthetic import synthetic_community


def print_community_table(communities: list[DataContainer]) -> None:
    """Print the figures of whole communities: recorded, first seed, its ratio, and the range over seeds."""
    synthetic = [community_figures(data) for data in communities]
    print(f"| 300 homes, all with PV, three years | recorded | synthetic | ratio | ratio over {len(synthetic)} seeds |")
    print("|---|---:|---:|---:|---:|")
    for name, recorded in RECORDED.items():
        ratios = np.array([figures[name] for figures in synthetic]) / recorded
        print(
            f"| {name} | {recorded:.2f} | {synthetic[0][name]:.2f} | {ratios[0]:.2f} "
            f"| {ratios.min():.2f} to {ratios.max():.2f} |"
        )


def print_home_table(data: DataContainer) -> None:
    """Print where the single recorded homes lie among the synthetic ones, over the same days."""
    year = data.select(start="2011-07-01", end="2012-07-01").demand
    customer_1_days = data.demand[customer_1_rows(data.calendar)]
    print("\n| single homes, half-hourly | recorded | synthetic 5 % | 50 % | 95 % |")
    print("|---|---:|---:|---:|---:|")
    for home, recorded, demand in (
        ("customer 12, a year", CUSTOMER_12, year),
        ("customer 1, 47 days", CUSTOMER_1, customer_1_days),
    ):
        synthetic = {"load factor": load_factor(demand), "lag-1 autocorrelation": lag_correlation(demand)}
        for name, value in recorded.items():
            low, middle, high = np.quantile(synthetic[name], (0.05, 0.5, 0.95))
            print(f"| {name}, {home} | {value:.3f} | {low:.3f} | {middle:.3f} | {high:.3f} |")


def print_trade_table(data: DataContainer) -> None:
    """Print the share of surplus that groups of ten can use: the months of the 19 recorded homes, hourly.

    Those homes have less PV for their consumption; the middle column scales the panels to the same share.
    """
    winter = data.select(start="2012-07-01", end="2012-09-01")
    homes = data.num_households
    demand, pv = (series.reshape(-1, 2, homes).sum(axis=1) for series in (winter.demand, winter.pv))
    scale = TRADABLE_PV_PER_DEMAND * demand.sum() / pv.sum()
    print("\n| share of surplus used inside groups of ten | recorded | synthetic, PV scaled | synthetic |")
    print("|---|---:|---:|---:|")
    for name, recorded in TRADABLE.items():
        shares = [tradable_share(demand, factor * pv, pv_on_half="half" in name) for factor in (scale, 1.0)]
        print(f"| {name} | {recorded:.2f} | {shares[0]:.2f} | {shares[1]:.2f} |")


def print_speed_table(cases: list[tuple[int, int]]) -> None:
    """Print how long communities take to make: the best of three, all homes with PV."""
    print("\n| homes | days | seconds |")
    print("|---:|---:|---:|")
    for homes, days in cases:
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            synthetic_community(homes, days=days, pv_share=1.0)
            seconds.append(time.perf_counter() - begin)
        print(f"| {homes} | {days} | {min(seconds):.2f} |")


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 on")
    parser.add_argument("--quick", action="store_true", help="one seed and one year of fewer homes")
    options = parser.parse_args()
    if options.quick:
        print_community_table([synthetic_community(30, RECORDED_START, 365, pv_share=1.0)])
        print_speed_table([(20, 365)])
        return
    communities = [
        synthetic_community(RECORDED_HOMES, RECORDED_START, RECORDED_DAYS, seed=seed, pv_share=1.0)
        for seed in range(options.seeds)
    ]
    print_community_table(communities)
    print_home_table(communities[0])
    print_trade_table(communities[0])
    print_speed_table([(20, 365), (300, 365), (300, 1096)])


if __name__ == "__main__":
    main()
