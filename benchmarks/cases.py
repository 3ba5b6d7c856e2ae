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
        What it is measured beside.
    num_households, num_markets
        ``N`` and ``B``.
    book
        Shape of the order book, where there is one.
    goals
        What it should reach.
    """

    phase: str
    what: str
    floor: str
    num_households: int = 0
    num_markets: int = 1
    book: str = ""
    goals: tuple[Goal, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """Whether its ratio says something of this project, and not of NumPy alone."""
        return self.phase != "floors"

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
BOOK_SIZES = (10, 100, 300, 1000)
VECTOR_SIZES = ((1, 10), (1, 300), (64, 10), (64, 100), (64, 300), (16, 1000))
GROWTH_SIZES = (10_000, 100_000)
BASE_SIZE = 300  # households that growth is measured against


def _core(orders: int) -> Iterator[Case]:
    for n, goal in CORE_GOALS.items():
        for shape in SHAPES if n in {300, 1000} else SHAPES[:1]:
            yield Case("core", "uniform_price", "np.argsort", n, orders // n, shape, (Goal("rate", goal * MILLION),))


def _clear(orders: int) -> Iterator[Case]:
    for what, goals in (("rounded to ticks", CLEAR_GOALS), ("exact floats", EXACT_GOALS)):
        for n in BOOK_SIZES:
            yield Case("clear", what, "np.argsort", n, orders // n, "random", goals.get(n, ()))


def _single() -> Iterator[Case]:
    for what in ("core", "clear"):
        for n, goal in SINGLE_GOALS.items():
            yield Case("single", what, "book walk", n, 1, "random", (Goal("cost", goal * MICROSECOND),))


def _mechanisms(orders: int) -> Iterator[Case]:
    for mechanism in MECHANISMS:
        yield Case("mechanisms", mechanism, "np.argsort", 300, orders // 1000, "random")


def _floors(orders: int) -> Iterator[Case]:
    for n in BOOK_SIZES:
        for what in ("np.sort", "np.sort, 32-bit ticks", "np.copyto"):
            yield Case("floors", what, "np.argsort", n, orders // n, "random")
        yield Case("floors", "book walk", "np.argsort", n, max(1, orders // 50 // n), "random")


def _step() -> Iterator[Case]:
    for b, n in VECTOR_SIZES:
        goals = (Goal("rate", 5 * MILLION),) if (b, n) == (64, 300) else ()
        yield Case("step", "AuctionVectorEnv", "np.argsort", n, b, "", goals)
    yield Case("step", "AuctionVectorEnv with batteries", "np.argsort", 300, 64, "", (Goal("rate", 3 * MILLION),))
    for b, n in VECTOR_SIZES:
        goals = (Goal("ratio", 20.0),) if (b, n) == (64, 300) else ()
        yield Case("reset", "AuctionVectorEnv", "its step", n, b, "", goals)


def _pettingzoo() -> Iterator[Case]:
    for n, goals in DICT_GOALS.items():
        yield Case("pettingzoo", "AuctionEnv", "no-op environment", n, 1, "", goals)
    for n in DICT_GOALS:
        yield Case("pettingzoo", "AuctionEnv and a learner's dicts", "no-op environment, the same", n)


def _growth(orders: int) -> Iterator[Case]:
    agents = orders * 3 // 10
    for what in ("core", "AuctionVectorEnv.step"):
        for n in GROWTH_SIZES:
            yield Case("growth", what, f"N = {BASE_SIZE}", n, max(1, agents // n), "", (Goal("ratio", 3.0),))
    for n in (BASE_SIZE, *GROWTH_SIZES):
        yield Case("memory", "peak of a step", "the state", n, max(1, agents // n), "", (Goal("ratio", 4.0),))


def _year() -> Iterator[Case]:
    for b, seconds in ((1, 10.0), (16, 16 * 2.5)):
        yield Case("year", "key figures day by day", "np.argsort", 300, b, "", (Goal("cost", seconds),))
    yield Case("year", "p2p_market.run", "np.argsort", 300, 1, "", (Goal("cost", 10.0),))


def _loader() -> Iterator[Case]:
    yield Case("loader", "parse three years", "polars.read_csv", 300, 1, "", (Goal("cost", 4.0),))
    yield Case("loader", "parse, peak memory", "the arrays", 300, 1, "", (Goal("cost", 1.5 * GIGABYTE),))
    yield Case("loader", "from the cache, all homes", "polars.read_parquet", 300, 1, "", (Goal("cost", 0.2),))
    yield Case("loader", "from the cache, one home", "polars.read_parquet", 300)


def _start() -> Iterator[Case]:
    yield Case("start", "import p2p_market", "its dependencies", goals=(Goal("excess", 0.25),))
    yield Case("start", "make an environment", "import p2p_market")


def _groups(orders: int) -> dict[str, Iterator[Case]]:
    return {
        "core": _core(orders),
        "clear": _clear(orders),
        "single": _single(),
        "mechanisms": _mechanisms(orders),
        "floors": _floors(orders),
        "step": _step(),
        "pettingzoo": _pettingzoo(),
        "growth": _growth(orders),
        "year": _year(),
        "loader": _loader(),
        "start": _start(),
    }


GROUPS = tuple(_groups(ORDERS))

# What the README shows, in its order and words, by the keys of the cases.
HEADLINES = {
    "core, uniform_price, random, 3333 x 300": "clear 3,333 books of 300, from ticks and watt-hours",
    "clear, rounded to ticks, random, 3333 x 300": "the same with `p2p_market.clear`, from floats rounded to ticks",
    "clear, exact floats, random, 3333 x 300": "the same, exact floats",
    "single, core, random, 1 x 10": "clear one book of 10, from ticks and watt-hours",
    "single, core, random, 1 x 300": "clear one book of 300, from ticks and watt-hours",
    "step, AuctionVectorEnv, 1 x 10": "step `AuctionVectorEnv`, 1 market of 10",
    "step, AuctionVectorEnv, 64 x 10": "step `AuctionVectorEnv`, 64 markets of 10",
    "step, AuctionVectorEnv, 64 x 300": "step `AuctionVectorEnv`, 64 markets of 300",
    "step, AuctionVectorEnv with batteries, 64 x 300": "the same, 80 % with a battery",
    "growth, AuctionVectorEnv.step, 3 x 100000": "step `AuctionVectorEnv`, 3 markets of 100,000",
    "pettingzoo, AuctionEnv, 1 x 10": "step PettingZoo's `AuctionEnv`, 10 households",
    "pettingzoo, AuctionEnv, 1 x 300": "step PettingZoo's `AuctionEnv`, 300 households",
    "year, key figures day by day, 1 x 300": "a year of half hours, 300 scripted households, key figures every day",
    "loader, parse three years, 1 x 300": "parse three Ausgrid years of 300 homes",
    "loader, from the cache, all homes, 1 x 300": "load those homes again from the cache",
}


def cases(groups: tuple[str, ...] = GROUPS, *, quick: bool = False) -> list[Case]:
    """All cases of some groups; quick ones are small and have no goals, only to see that they run."""
    enumerated = _groups(QUICK_ORDERS if quick else ORDERS)
    chosen = [case for group in groups for case in enumerated[group]]
    return [dataclasses.replace(case, goals=()) for case in chosen] if quick else chosen
