"""What there is to draw: the first market of a batch, read into plain arrays, for text and pictures alike."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from p2p_market.participant import MarketReader
from p2p_market.types import BoolArray, FloatArray, IntArray
from p2p_market.view.book import Book
from p2p_market.view.clock import as_datetime

if TYPE_CHECKING:
    from p2p_market.auction.operator import MarketOperator
    from p2p_market.model import AuctionModel, MarketState, Transition


class SceneReader(MarketReader, Protocol):
    """What a view reads; the controller is one."""

    @property
    def names(self) -> Sequence[str]:
        """``(N,)`` names of the households."""

    @property
    def horizon(self) -> int:
        """Intervals an episode."""

    @property
    def model(self) -> AuctionModel:
        """State transitions, for calendar, street and tariffs."""

    @property
    def operator(self) -> MarketOperator:
        """The market's rules."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One interval of one market: the last one, or the coming one where none has been played."""

    start: dt.datetime
    minutes: int
    elapsed: int  # intervals of the episode before this one
    horizon: int
    mechanism: str
    names: tuple[str, ...]
    has_pv: BoolArray  # (N,)
    net_load: FloatArray  # (N,) [kWh] > 0 needs energy
    filled: FloatArray  # (N,) [kWh] > 0 bought; 0 before the first auction
    unit_price: FloatArray  # (N,) [$/kWh] fees included; nan where nothing was settled
    grid_import: FloatArray  # (N,) [kWh]
    grid_export: FloatArray  # (N,) [kWh]
    bill: FloatArray  # (N,) [$]
    grid_only_bill: FloatArray  # (N,) [$]
    price_low: float  # [$/kWh] of the band
    price_high: float  # [$/kWh] of the band
    book: Book | None  # None before the first auction

    @property
    def needed(self) -> float:
        """Energy that households need beyond their own PV [kWh]."""
        return _needed(self.net_load)

    @property
    def to_spare(self) -> float:
        """Energy that households have left over [kWh]."""
        return _needed(-self.net_load)

    @property
    def saving(self) -> float:
        """What the households save together against the grid alone [$]."""
        return float(self.grid_only_bill.sum() - self.bill.sum())


@dataclass(frozen=True, eq=False)
class Window:
    """The stretch of the episode that a picture spans, with the band of prices, which is known ahead."""

    first: int  # intervals of the episode before the window
    start: dt.datetime
    price_low: FloatArray  # (W,) [$/kWh]
    price_high: FloatArray  # (W,) [$/kWh]

    def __len__(self) -> int:
        return len(self.price_low)


class Moment(NamedTuple):
    """What a picture remembers of an interval that is past."""

    elapsed: int
    price: float  # [$/kWh] mean price of the traded energy; nan without trade
    traded: float  # [kWh]
    needed: float  # [kWh]
    to_spare: float  # [kWh]


class History:
    """The last intervals of the present episode, as far as they were seen.

    Parameters
    ----------
    length
        Intervals to remember.
    """

    def __init__(self, length: int) -> None:
        self._moments: deque[Moment] = deque(maxlen=length)
        self._first_row = -1
        self._profile: IntArray | None = None

    def __len__(self) -> int:
        return len(self._moments)

    def __iter__(self) -> Iterator[Moment]:
        return iter(self._moments)

    def clear(self) -> None:
        """Forget everything."""
        self._moments.clear()
        self._profile = None

    def note(self, transition: Transition) -> None:
        """Remember an interval; one that does not belong to the same episode begins a new history."""
        before = transition.before
        elapsed, first_row = int(before.elapsed[0]), int(before.row[0] - before.elapsed[0])
        profile = self._profile
        is_same = first_row == self._first_row and (profile is before.profile or _same_street(profile, before))
        if not is_same or (self._moments and elapsed < self._moments[-1].elapsed):
            self._moments.clear()
        if self._moments and self._moments[-1].elapsed == elapsed:
            self._moments.pop()
        self._first_row, self._profile = first_row, before.profile
        net_load = before.net_load[0]
        self._moments.append(
            Moment(
                elapsed=elapsed,
                price=float(transition.mean_price[0]),
                traded=float(transition.clearing.traded[0]),
                needed=_needed(net_load),
                to_spare=_needed(-net_load),
            )
        )


def _same_street(profile: IntArray | None, before: MarketState) -> bool:
    # a batch whose other markets start anew gets a new array, and the first market plays on
    return profile is not None and len(profile) > 1 and np.array_equal(profile[0], before.profile[0])


def _needed(net_load: FloatArray) -> float:
    return float(net_load[net_load > 0.0].sum())


def read_scene(reader: SceneReader) -> Scene:
    """Read the last interval of the first market, or the coming one where none has been played."""
    transition, scenario = reader.transition, reader.model.scenario
    state = reader.state if transition is None else transition.before
    nothing = np.zeros(scenario.num_households)
    settled = None if transition is None else transition.settlement
    return Scene(
        start=_start_of(reader, int(state.row[0])),
        minutes=scenario.calendar.interval_minutes,
        elapsed=int(state.elapsed[0]),
        horizon=reader.horizon,
        mechanism=reader.operator.rules.mechanism,
        names=tuple(reader.names),
        has_pv=scenario.street.is_prosumer,
        net_load=state.net_load[0],
        filled=nothing if transition is None else transition.clearing.filled[0],
        unit_price=nothing * np.nan if transition is None else transition.clearing.unit_price[0],
        grid_import=nothing if settled is None else settled.grid_import[0],
        grid_export=nothing if settled is None else settled.grid_export[0],
        bill=nothing if settled is None else settled.bill[0],
        grid_only_bill=nothing if settled is None else settled.grid_only_bill[0],
        price_low=float(state.price_low[0]),
        price_high=float(state.price_high[0]),
        book=None if transition is None else _book_of(reader, transition),
    )


def read_window(reader: SceneReader, scene: Scene, longest: int) -> Window:
    """Read the stretch of the episode around a scene: all of it, or its last ``longest`` intervals."""
    state = reader.state if reader.transition is None else reader.transition.before
    length = min(max(reader.horizon, scene.elapsed + 1), longest)
    first = max(0, scene.elapsed + 1 - length)
    first_row = int(state.row[0]) - scene.elapsed + first
    *_, low, high = reader.model.scenario.read_tariffs(np.arange(first_row, first_row + length))
    return Window(first, _start_of(reader, first_row), low, high)


def _book_of(reader: SceneReader, transition: Transition) -> Book:
    clearing, orders = transition.clearing, transition.orders
    return Book(
        price=orders.price[0],
        quantity=orders.quantity[0],
        filled=clearing.filled[0],
        band_low=float(transition.before.price_low[0]),
        band_high=float(transition.before.price_high[0]),
        mean_price=float(transition.mean_price[0]),
        has_one_price=bool(np.isfinite(clearing.clearing_price[0])),
        clears_from=float(clearing.price_low[0]),
        clears_to=float(clearing.price_high[0]),
        is_pool=reader.operator.rules.is_pool,
    )


def _start_of(reader: SceneReader, row: int) -> dt.datetime:
    calendar = reader.model.scenario.calendar
    past_end = max(0, row - len(calendar) + 1)  # an episode may end with the data
    return as_datetime(calendar.start[row - past_end]) + dt.timedelta(minutes=past_end * calendar.interval_minutes)
