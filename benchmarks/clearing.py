"""How fast markets clear, beside one sort of the same prices and a plain-Python walk through the same books.

First every mechanism on 1,000 markets of 300 orders, beside one `np.argsort` of the same prices, in processor time.
Then cases: mechanism x households N x batch x shape of the book. Batches hold about a million orders, so that a row of
N = 10 clears 100,000 markets at once; rows with B = 1 show what a single market costs, where the overhead of a NumPy
call dominates and a plain loop wins for small N. Figures are medians.

Most mechanisms take less than 15 times the sort. Three take more, by their nature: `muda` clears both halves and queues
them, `vcg` sorts twice more and looks up in running sums what every trade displaces, and `continuous` takes one order
after the other, each in all markets at once.

    python benchmarks/clearing.py            # minutes
    python benchmarks/clearing.py --quick    # a smoke run
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import p2p_market
from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules

FEED_IN, RETAIL = 0.11, 0.59
LOT = 0.5
SHAPES = ("random", "balanced", "one-sided", "capped")
SIZES = (10, 30, 100, 300, 1000)
ORDERS_A_BATCH = 1_000_000


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    mechanism: str
    shape: str
    num_households: int
    num_markets: int
    grid: bool  # price ticks and whole watt-hours, as the environment has it


def cases(quick: bool) -> Iterator[Case]:
    """All combinations that are worth a line: every mechanism on random books, every shape for the default one."""
    orders = 20_000 if quick else ORDERS_A_BATCH
    sizes = (10, 300) if quick else SIZES
    for mechanism in MECHANISMS:
        for n in sizes:
            yield Case(mechanism, "random", n, orders // n, grid=False)
    for n in sizes:
        yield Case("uniform_price", "random", n, orders // n, grid=True)
    for shape in SHAPES[1:]:
        for n in sizes[-2:]:
            yield Case("uniform_price", shape, n, orders // n, grid=False)
    for mechanism in MECHANISMS:
        for n in sizes:
            yield Case(mechanism, "random", n, 1, grid=False)


def draw_book(case: Case, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw prices [$/kWh] and signed quantities [kWh], (B, N) each."""
    rng = np.random.default_rng(seed)
    size = (case.num_markets, case.num_households)
    price = rng.uniform(FEED_IN, RETAIL, size)
    quantity = rng.normal(0.0, 0.5, size)
    if case.shape == "balanced":  # as many kWh wanted as offered, and nearly all of it crosses
        quantity = np.abs(quantity) * np.where(np.arange(size[1]) % 2, 1.0, -1.0)
        price = np.where(quantity > 0, rng.uniform(0.3, RETAIL, size), rng.uniform(FEED_IN, 0.3, size))
    elif case.shape == "one-sided":  # a night: nobody has anything to spare
        quantity = np.abs(quantity)
    elif case.shape == "capped":  # untrained learners: a sixth of each side at each end of the band
        price = np.clip(rng.normal(0.35, 0.25, size), FEED_IN, RETAIL)
    if case.grid:
        price, quantity = np.round(price, 4), np.round(quantity, 3)
    if MECHANISMS[case.mechanism].promises.unit_lots:
        quantity = np.copysign(LOT, quantity)
    return price, quantity


def book_walk(price: list[float], quantity: list[float]) -> tuple[float, list[float]]:
    """Clear one market by two pointers, midpoint of the marginal pair; what a careful loop in plain Python does."""
    bids = sorted((i for i, q in enumerate(quantity) if q > 0), key=lambda i: -price[i])
    asks = sorted((i for i, q in enumerate(quantity) if q < 0), key=lambda i: price[i])
    filled = [0.0] * len(price)
    left = list(quantity)
    b = a = 0
    clearing_price = float("nan")
    while b < len(bids) and a < len(asks) and price[bids[b]] >= price[asks[a]]:
        bid, ask = bids[b], asks[a]
        step = min(left[bid], -left[ask])
        filled[bid] += step
        filled[ask] -= step
        left[bid] -= step
        left[ask] += step
        clearing_price = 0.5 * (price[bid] + price[ask])
        if left[bid] <= 1e-12:
            b += 1
        if left[ask] >= -1e-12:
            a += 1
    return clearing_price, filled


def median_seconds(function: Callable[[], object], budget: float, at_least: int = 5) -> float:
    """Median time of one call within a budget of seconds, after one call to warm up."""
    function()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < at_least or (time.perf_counter() - begin < budget and len(times) < 1000):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(case: Case, budget: float) -> dict[str, float]:
    """Seconds a batch for the core, for `clear`, for one argsort, and (scaled up from a sample) for the loop."""
    price, quantity = draw_book(case)
    options = {"price_tick": 0.0001, "energy_unit": 0.001} if case.grid else {}
    tariffs = {"retail_price": np.float64(RETAIL), "feed_in_price": np.float64(FEED_IN)}
    rules, orders = AuctionRules(case.mechanism, **options), Orders(price, quantity)
    lots = np.random.default_rng(1).random(price.shape)
    draws = lots if rules.draws_lots else None
    sample = min(case.num_markets, max(1, 20_000 // case.num_households))
    books = [(p.tolist(), q.tolist()) for p, q in zip(price[:sample], quantity[:sample], strict=True)]
    return {
        "core": median_seconds(lambda: clear_orders(rules, orders, draws=draws, **tariffs), budget),
        "clear": median_seconds(
            lambda: p2p_market.clear(
                price, quantity, case.mechanism, rng=np.random.default_rng(1), **options, **tariffs
            ),
            budget,
        ),
        "argsort": median_seconds(lambda: np.argsort(price, axis=1), budget / 2),
        "loop": median_seconds(lambda: [book_walk(*book) for book in books], budget / 2, 3)
        * (case.num_markets / sample),
    }


def against_argsort(quick: bool) -> None:
    """Print what each mechanism takes beside one sort, in processor time: others on the machine count less."""
    num_markets, num_orders, repeats = (50, 300, 2) if quick else (1000, 300, 15)
    print(f"every mechanism, {num_markets} markets of {num_orders} orders\n")
    print("".join(f"{head:>{width}}" for head, width in zip(_HEADS, _WIDTHS, strict=True)))
    for mechanism in MECHANISMS:
        price, quantity = draw_book(Case(mechanism, "random", num_orders, num_markets, grid=False))
        rules, orders = AuctionRules(mechanism), Orders(price, quantity)
        draws = np.random.default_rng(1).random(price.shape)
        tariffs = {"retail_price": np.float64(RETAIL), "feed_in_price": np.float64(FEED_IN)}
        sort = processor_seconds(lambda price=price: np.argsort(price, axis=1), repeats)
        clear = processor_seconds(
            lambda rules=rules, orders=orders, draws=draws, tariffs=tariffs: clear_orders(
                rules, orders, draws=draws, **tariffs
            ),
            repeats,
        )
        books = [(p.tolist(), q.tolist()) for p, q in zip(price[:50], quantity[:50], strict=True)]
        loop = processor_seconds(lambda books=books: [book_walk(*book) for book in books], 2) * (num_markets / 50)
        row = (mechanism, f"{price.size / clear / 1e6:.2f}", f"{clear / sort:.1f}", f"{loop / clear:.1f}")
        print("".join(f"{value:>{width}}" for value, width in zip(row, _WIDTHS, strict=True)), flush=True)
    print()


_HEADS, _WIDTHS = ("mechanism", "Morders/s", "clear / argsort", "book walk / clear"), (22, 12, 18, 20)


def processor_seconds(function: Callable[[], object], repeats: int) -> float:
    """Median processor time of one call, after one call to warm up."""
    function()
    times: list[float] = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="few small cases: does it run at all")
    arguments = parser.parse_args()
    budget = 0.02 if arguments.quick else 1.0
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    against_argsort(arguments.quick)
    print("core: the clearing of valid orders, as a step runs it; clear: the checked public function")
    print("Morders/s of a batch; us a market; loop / core: how many times longer the plain-Python walk takes\n")
    heads = (
        "mechanism",
        "book",
        "N",
        "B",
        "core M/s",
        "clear M/s",
        "argsort M/s",
        "loop M/s",
        "core us",
        "loop / core",
    )
    widths = (22, 10, 5, 7, 9, 10, 12, 9, 9, 12)
    print("".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for case in cases(arguments.quick):
        seconds = measure(case, budget)
        count = case.num_markets * case.num_households
        rates = [f"{count / seconds[name] / 1e6:.2f}" for name in ("core", "clear", "argsort", "loop")]
        row = (
            case.mechanism + (" (grid)" if case.grid else ""),
            case.shape,
            str(case.num_households),
            str(case.num_markets),
            *rates,
            f"{seconds['core'] / case.num_markets * 1e6:.2f}",
            f"{seconds['loop'] / seconds['core']:.1f}",
        )
        print("".join(f"{value:>{width}}" for value, width in zip(row, widths, strict=True)), flush=True)


if __name__ == "__main__":
    main()
