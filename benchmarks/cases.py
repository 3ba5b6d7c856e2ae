"""What is measured, as data: a case is one line of the table, with its floor and its goals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.books import SHAPES
from p2p_market.auction.mechanisms import MECHANISMS

Figure = Literal["rate", "cost", "ratio", "excess"]


@dataclass(frozen=True)
class Goal:
    """A bound on a figure of a row: at least for a rate, at most for everything else."""

    figure: Figure
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether a measured value keeps the bound."""
        return value >= self.bound if self.figure == "rate" else value <= self.bound


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Parameters
    ----------
    phase
        The part of the work; names the function that measures it.
    what
        What is measured of the phase.
    floor
        What it is measured beside; empty for a floor itself.
    num_households, num_markets
        ``N`` and ``B``.
    book
        Shape of the order book, where there is one.
    goals
        What it should reach.
    is_headline
        Whether the README shows it.
    """

    phase: str
    what: str
    floor: str
    num_households: int = 0
    num_markets: int = 1
    book: str = ""
    goals: tuple[Goal, ...] = ()
    is_headline: bool = False

    @property
    def key(self) -> str:
        """Name in the record of ratios; the same for the same work, whatever the goals."""
        size = f"{self.num_markets} x {self.num_households}" if self.num_households else ""
        return ", ".join(part for part in (self.phase, self.what, self.book, size) if part)


@dataclass(frozen=True)
class Row:
    """What was measured of a case.

    Parameters
    ----------
    case
        The case.
    cost, floor
        Processor time of one call [s], or memory [byte], of the case and of what stands beside it.
    count
        Orders, agent-steps or intervals a call; 0 where a rate says nothing.
    unit
        What is counted.
    is_memory
        Whether costs are bytes.
    """

    case: Case
    cost: float
    floor: float
    count: float = 0.0
    unit: str = ""
    is_memory: bool = False

    def value(self, figure: Figure) -> float:
        """One figure: rate a second, cost, cost as a multiple of the floor, or cost above the floor."""
        match figure:
            case "rate":
                return self.count / self.cost
            case "cost":
                return self.cost
            case "ratio":
                return self.cost / self.floor
            case "excess":
                return self.cost - self.floor


ORDERS, QUICK_ORDERS = 1_000_000, 20_000
MICROSECOND, MILLION, GIGABYTE = 1e-6, 1e6, 1e9

CORE_GOALS = {10: 18, 100: 35, 300: 40, 1000: 60, 3000: 60}  # million orders/s
CLEAR_GOALS = {300: (Goal("rate", 25 * MILLION), Goal("ratio", 2.0)), 1000: (Goal("ratio", 1.5),)}
EXACT_GOALS = {300: (Goal("rate", 12 * MILLION), Goal("ratio", 4.0))}
SINGLE_GOALS = {10: 20, 30: 60, 300: 150}  # microseconds
DICT_GOALS = {
    10: (Goal("ratio", 6.0), Goal("rate", 60_000)),
    100: (Goal("ratio", 2.5),),
    300: (Goal("ratio", 2.5), Goal("rate", 300_000)),
    1000: (Goal("ratio", 2.5),),
}
VECTOR_SIZES = ((1, 10), (1, 300), (64, 10), (64, 100), (64, 300), (16, 1000))
GROWTH_SIZES = (10_000, 100_000)
BASE_SIZE = 300  # households that growth is measured against


def _core(orders: int) -> Iterator[Case]:
    for n, goal in CORE_GOALS.items():
        rate = (Goal("rate", goal * MILLION),)
        for shape in SHAPES if n in {300, 1000} else SHAPES[:1]:
            is_headline = n == BASE_SIZE and shape == "random"
            yield Case("core", "uniform_price", "np.argsort", n, orders // n, shape, rate, is_headline)


def _clear(orders: int) -> Iterator[Case]:
    for what, goals in (("rounded to ticks", CLEAR_GOALS), ("exact floats", EXACT_GOALS)):
        for n in (10, 100, 300, 1000):
            yield Case("clear", what, "np.argsort", n, orders // n, "random", goals.get(n, ()), n == BASE_SIZE)


def _single(orders: int) -> Iterator[Case]:  # noqa: ARG001 (one market has as many orders as it has)
    for what in ("core", "clear"):
        for n, goal in SINGLE_GOALS.items():
            yield Case("single", what, "book walk", n, 1, "random", (Goal("cost", goal * MICROSECOND),), n != 30)


def _mechanisms(orders: int) -> Iterator[Case]:
    for mechanism in MECHANISMS:
        yield Case("mechanisms", mechanism, "np.argsort", 300, orders * 3 // 10 // 300, "random")


def _floors(orders: int) -> Iterator[Case]:
    for n in (10, 100, 300, 1000):
        for what in ("np.sort", "np.sort, 32-bit ticks", "np.copyto"):
            yield Case("floors", what, "np.argsort", n, orders // n, "random")
        yield Case("floors", "book walk", "np.argsort", n, orders // 50 // n, "random")


def _step(orders: int) -> Iterator[Case]:  # noqa: ARG001 (sizes that learners have)
    for b, n in VECTOR_SIZES:
        goals = (Goal("rate", 5 * MILLION),) if (b, n) == (64, 300) else ()
        yield Case("step", "AuctionVectorEnv", "np.argsort", n, b, "", goals, n in {10, 300})
    for b, n in VECTOR_SIZES:
        goals = (Goal("ratio", 20.0),) if (b, n) == (64, 300) else ()
        yield Case("reset", "AuctionVectorEnv", "its step", n, b, "", goals)


def _pettingzoo(orders: int) -> Iterator[Case]:  # noqa: ARG001
    for n, goals in DICT_GOALS.items():
        yield Case("pettingzoo", "AuctionEnv", "no-op environment", n, 1, "", goals, n in {10, 300})
    for n in DICT_GOALS:
        yield Case("pettingzoo", "AuctionEnv and a learner's dicts", "no-op environment, the same", n)


def _growth(orders: int) -> Iterator[Case]:
    for what in ("core", "AuctionVectorEnv.step"):
        for n in GROWTH_SIZES:
            b = max(1, orders * 3 // 10 // n)
            yield Case("growth", what, f"N = {BASE_SIZE}", n, b, "", (Goal("ratio", 3.0),), b == 3 and what != "core")
    for n in (BASE_SIZE, *GROWTH_SIZES):
        b = max(1, orders * 3 // 10 // n)
        yield Case("memory", "peak of a step", "the state", n, b, "", (Goal("ratio", 4.0),))


def _year(orders: int) -> Iterator[Case]:  # noqa: ARG001
    yield Case("year", "key figures day by day", "np.argsort", 300, 1, "", (Goal("cost", 10.0),), is_headline=True)
    yield Case("year", "key figures day by day", "np.argsort", 300, 16, "", (Goal("cost", 16 * 2.5),), True)
    yield Case("year", "p2p_market.run", "np.argsort", 300, 1, "", (Goal("cost", 10.0),))


def _loader(orders: int) -> Iterator[Case]:  # noqa: ARG001
    yield Case("loader", "parse three years", "polars.read_csv", 300, 1, "", (Goal("cost", 4.0),), is_headline=True)
    yield Case("loader", "parse, peak memory", "the arrays", 300, 1, "", (Goal("cost", 1.5 * GIGABYTE),), True)
    yield Case("loader", "from the cache, all homes", "polars.read_parquet", 300, 1, "", (Goal("cost", 0.2),), True)
    yield Case("loader", "from the cache, one home", "polars.read_parquet", 300)


def _start(orders: int) -> Iterator[Case]:  # noqa: ARG001
    goal = (Goal("excess", 0.25),)
    yield Case("start", "import p2p_market", "its dependencies", goals=goal, is_headline=True)
    yield Case("start", "make an environment", "import p2p_market")


_ENUMERATIONS = {
    "core": _core,
    "clear": _clear,
    "single": _single,
    "mechanisms": _mechanisms,
    "floors": _floors,
    "step": _step,
    "pettingzoo": _pettingzoo,
    "growth": _growth,
    "year": _year,
    "loader": _loader,
    "start": _start,
}
GROUPS = tuple(_ENUMERATIONS)


def cases(groups: tuple[str, ...] = GROUPS, *, quick: bool = False) -> list[Case]:
    """All cases of some groups; quick ones are small and have no goals, only to see that they run."""
    if not quick:
        return [case for group in groups for case in _ENUMERATIONS[group](ORDERS)]
    return [
        dataclasses.replace(case, goals=(), num_markets=max(1, case.num_markets))
        for group in groups
        for case in _ENUMERATIONS[group](QUICK_ORDERS)
    ]
