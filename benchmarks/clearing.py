"""Measuring the clearing of markets: the core, the public function, every mechanism, and the floors under them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import p2p_market
from benchmarks.books import ENERGY_UNIT, FEED_IN, PRICE_TICK, RETAIL, Book, book_walk, draw_book
from benchmarks.cases import BASE_SIZE, Case, Row
from benchmarks.measure import Effort, medians
from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules

Call = Callable[[], object]
UNIT = "orders"


def core_call(book: Book) -> Call:
    """One clearing of orders that are in whole ticks and watt-hours, as a step of the environment runs it."""
    rules = AuctionRules(price_tick=PRICE_TICK, energy_unit=ENERGY_UNIT)
    orders = rules.make_orders(book.price, book.quantity)
    return lambda: clear_orders(rules, orders)


def clear_call(book: Book, *, on_grid: bool) -> Call:
    """One call of the public function, checks of its input included."""
    grids = {"price_tick": PRICE_TICK, "energy_unit": ENERGY_UNIT} if on_grid else {}
    return lambda: p2p_market.clear(book.price, book.quantity, **grids)


def mechanism_call(mechanism: str, book: Book) -> Call:
    """One clearing of exact floats by any mechanism, with lots and tariffs for those that use them."""
    rules = AuctionRules(mechanism)
    orders = book.in_lots() if MECHANISMS[mechanism].promises.unit_lots else book
    draws = np.random.default_rng(1).random(book.price.shape) if rules.draws_lots else None
    retail, feed_in = np.float64(RETAIL), np.float64(FEED_IN)
    return lambda: clear_orders(
        rules, Orders(orders.price, orders.quantity), draws=draws, retail_price=retail, feed_in_price=feed_in
    )


def floor_call(name: str, book: Book) -> Call:
    """One call of what the clearing is measured beside."""
    if name == "np.argsort":
        return lambda: np.argsort(book.price, axis=1)
    if name == "np.sort":
        return lambda: np.sort(book.price, axis=1)
    if name == "np.sort, 32-bit ticks":
        ticks = np.round(book.price / PRICE_TICK).astype(np.int32)
        return lambda: np.sort(ticks, axis=1)
    if name == "np.copyto":
        copy = np.empty_like(book.price)
        return lambda: np.copyto(copy, book.price)
    if name == "book walk":
        lists = book.as_lists()
        return lambda: [book_walk(*each) for each in lists]
    raise ValueError(f"no floor is called {name!r}")


def _call_of(case: Case, book: Book) -> Call:
    if case.phase == "mechanisms":
        return mechanism_call(case.what, book)
    if case.phase == "floors":
        return floor_call(case.what, book)
    if case.phase == "core" or case.what == "core":
        return core_call(book)
    return clear_call(book, on_grid=case.what != "exact floats")


def measure_clearing(case: Case, effort: Effort) -> Row:
    """A case of the phases core, clear, single, mechanisms and floors."""
    book = draw_book(case.book, case.num_markets, case.num_households)
    # the core's floor sorts the prices that the core sees, where ties make a sort quicker or slower
    sorted_book = book.on_grid() if case.phase == "core" else book
    calls = {"case": _call_of(case, book), "floor": floor_call(case.floor, sorted_book)}
    seconds = medians(calls, effort.seconds)
    return Row(case, seconds["case"], seconds["floor"], book.price.size, UNIT)


def measure_growth_of_clearing(case: Case, effort: Effort) -> Row:
    """Cost of as many orders in few large markets, beside many of ordinary size."""
    orders = case.num_markets * case.num_households
    base = max(1, orders // BASE_SIZE)
    seconds = medians(
        {
            "case": core_call(draw_book("random", case.num_markets, case.num_households)),
            "floor": core_call(draw_book("random", base, BASE_SIZE)),
        },
        effort.seconds,
    )
    return Row(case, seconds["case"], seconds["floor"] * orders / (base * BASE_SIZE), orders, UNIT)
