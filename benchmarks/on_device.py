"""Clearing torch tensors where they lie, beside the NumPy core: the same books, the same results.

python -m benchmarks.on_device                   # on the CPU, one thread: a minute
python -m benchmarks.on_device --device cuda     # on a GPU
python -m benchmarks.on_device --quick           # small books, few calls: does it run at all

Times are medians of a call, in ms: of processor time on the CPU, of wall-clock time on a GPU until it has finished. The
first call on a GPU runs in the mode in which torch raises where the host waits for the device.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.books import ENERGY_UNIT, FEED_IN, PRICE_TICK, RETAIL, draw_book
from benchmarks.cases import BOOK_SIZES, ORDERS, QUICK_ORDERS
from benchmarks.measure import medians
from benchmarks.report import machine, number, significant
from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.on_device import clear_arrays, settle_arrays
from p2p_market.auction.operator import MarketOperator
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules

GRIDS = {"price_tick": PRICE_TICK, "energy_unit": ENERGY_UNIT}
TARIFFS = {"retail_price": RETAIL, "feed_in_price": FEED_IN}
MECHANISMS = ("uniform_price", "pay_as_bid", "mid_market_rate")
HEADS = (
    "bills by",
    "B x N",
    "NumPy core",
    "arrays: NumPy",
    "arrays: torch",
    "torch orders/s",
    "core / torch",
    "apart by $",
)


def bills_by_core(mechanism: str, price: Any, quantity: Any) -> Any:
    """Bids in, bills out, as a step of the environment settles an interval."""
    rules = AuctionRules(mechanism, **GRIDS)
    tariffs = [np.full(price.shape, tariff) for tariff in (RETAIL, FEED_IN)]
    context = MarketOperator(rules).open_auction(np.full(len(price), FEED_IN), np.full(len(price), RETAIL), *tariffs)
    clearing = clear_orders(
        rules, Orders(price, quantity), retail_price=context.retail_price, feed_in_price=context.feed_in_price
    )
    return MarketOperator(rules).settle(context, quantity, clearing).bill


def bills_by_arrays(mechanism: str, price: Any, quantity: Any) -> Any:
    """The same where the arrays lie."""
    clearing = clear_arrays(price, quantity, mechanism, **GRIDS, **TARIFFS)
    return settle_arrays(clearing, quantity, mechanism=mechanism, **TARIFFS).bill


def median_wall_time(call: Callable[[], object], wait: Callable[[], object], seconds: float) -> float:
    """Median wall-clock time of a call and of what it has begun elsewhere [s], after two to warm up."""
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < 7 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        wait()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples[2:])


def measure(torch: Any, device: str, mechanism: str, num_orders: int, orders: int, seconds: float) -> tuple[str, ...]:
    """One row of the table."""
    book = draw_book("random", orders // num_orders, num_orders).on_grid()
    tensors = [torch.asarray(values, device=device) for values in (book.price, book.quantity)]
    on_gpu = device != "cpu"
    if on_gpu:
        torch.cuda.set_sync_debug_mode("error")
    bills = bills_by_arrays(mechanism, *tensors)
    if on_gpu:
        torch.cuda.set_sync_debug_mode("default")
    apart = np.abs(bills.cpu().numpy() - bills_by_core(mechanism, book.price, book.quantity)).max()
    calls = {
        "core": lambda: bills_by_core(mechanism, book.price, book.quantity),
        "numpy": lambda: bills_by_arrays(mechanism, book.price, book.quantity),
    }
    if not on_gpu:
        calls["torch"] = lambda: bills_by_arrays(mechanism, *tensors)
    cost = medians(calls, seconds)
    if on_gpu:
        cost["torch"] = median_wall_time(
            lambda: bills_by_arrays(mechanism, *tensors), torch.cuda.synchronize, seconds / 3
        )
    return (
        mechanism,
        f"{orders // num_orders} x {num_orders:,}",
        *(f"{1000 * cost[name]:.3g}" for name in ("core", "numpy", "torch")),
        number(book.price.size / cost["torch"]),
        significant(cost["core"] / cost["torch"]),
        f"{apart:.1g}",
    )


def main() -> None:
    """Print one row a mechanism and size of the market."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="where torch computes: cpu, cuda, cuda:1 …")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders in all markets together")
    parser.add_argument("--quick", action="store_true", help="small books, few calls: does it run at all")
    options = parser.parse_args()
    for module, package in (("torch", "torch"), ("array_api_compat", "array-api-compat")):
        if importlib.util.find_spec(module) is None:
            print(f"nothing measured: {package} is not installed; pip install torch 'p2p-market[arrays]'")
            return
    torch: Any = importlib.import_module("torch")
    if options.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"torch {torch.__version__} finds no GPU here; leave --device out")
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(options.device) if options.device != "cpu" else "the CPU"
    print(f"{machine()}; torch {torch.__version__} on {name}")
    widths = [max(len(head), 15) + 2 for head in HEADS]
    print("".join(f"{head:>{width}}" for head, width in zip(HEADS, widths, strict=True)))
    orders, seconds = (QUICK_ORDERS, 0.01) if options.quick else (options.orders, 3.0)
    for mechanism in MECHANISMS:
        for num_orders in BOOK_SIZES:
            row = measure(torch, options.device, mechanism, num_orders, orders, seconds)
            print("".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)), flush=True)


if __name__ == "__main__":
    main()
