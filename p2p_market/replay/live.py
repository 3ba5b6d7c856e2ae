"""A market that runs now, as the page asks for it: the episode so far, and the page that shows it."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.errors import DataError
from p2p_market.recorder import Recorder
from p2p_market.replay.browser import open_browser
from p2p_market.replay.server import ReplayServer
from p2p_market.replay.source import (
    HOUSEHOLD_COLUMNS,
    INTERVAL_COLUMNS,
    SCALED_COLUMNS,
    Answer,
    block_size,
    clock_of,
    columns,
    largest,
    numbers,
    rows_of_day,
)
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.auction.depth import Transactions
    from p2p_market.model import Transition
    from p2p_market.view.scene import SceneReader

_MOST_KEPT = 1_344  # four weeks of half hours; then the first of them go
_FORGOTTEN = _MOST_KEPT // 4
_STILL_LOOKS = 2.0  # [s] a page that is open asks several times in that
_PATIENCE = 5.0  # [s] for a browser that was told to open


@dataclass(frozen=True, eq=False)
class _Moment:
    start: int  # [ms since 1970, of the local clock]
    households: dict[str, FloatArray]  # (N,) by column
    interval: dict[str, float]
    saving: FloatArray  # (N,) [$]
    pairs: Transactions


class LiveRun:
    """Answers the page from the episode that is being played: the first market of a batch.

    `note` may be called by another thread than the answers. It keeps four weeks of half hours at most.

    Parameters
    ----------
    reader
        Where names, calendar and rules are read, usually the controller.
    """

    def __init__(self, reader: SceneReader) -> None:
        scenario, operator = reader.model.scenario, reader.operator
        devices = scenario.fleet.devices
        battery = devices.get("battery")
        owns = [False] * scenario.num_households if battery is None else battery.owners.tolist()
        self._street = [
            {"name": name, "role": role, "has_battery": has}
            for name, role, has in zip(reader.names, scenario.street.roles, owns, strict=True)
        ]
        self._mechanism, self._is_pool = operator.rules.mechanism, operator.rules.is_pool
        self._starts, self._minutes = scenario.calendar.start, scenario.calendar.interval_minutes
        self._devices, self._network = devices, scenario.network
        self._settles_imbalance = operator.imbalance is not None
        self._moments: list[_Moment] = []
        self._last: Transition | None = None
        self._episode = 0
        self._lock = threading.Lock()
        self.asked_at = -np.inf
        """When the page last asked for anything, on the clock `time.monotonic`."""

    def note(self, reader: SceneReader) -> None:
        """Add the last interval; one that does not follow on the last but begins an episode begins anew."""
        transition = reader.transition
        if transition is self._last and transition is not None:
            return
        moment = None if transition is None else self._read(transition)
        with self._lock:
            if transition is None or (self._last is not None and _begins_anew(transition, self._last)):
                self._moments = []
                self._episode += 1
            if len(self._moments) == _MOST_KEPT:
                del self._moments[:_FORGOTTEN]
                self._episode += 1  # the page counts from what is kept
            if moment is not None:
                self._moments.append(moment)
            self._last = transition

    def overview(self, market: int) -> Answer:
        """All that the page has to know before it draws an interval."""
        self._check(market)
        moments, episode = self._now()
        starts = _starts_of(moments)
        course = _course(moments)
        saving = np.sum([m.saving for m in moments], axis=0) if moments else np.zeros(len(self._street))
        bill = _summed(moments, "bill_dollars", len(self._street))
        sizes = {
            name: [float(np.abs(m.households[name]).max()) for m in moments if name in m.households]
            for name in SCALED_COLUMNS
        }
        return {
            "name": "Live market",
            "mechanism": self._mechanism,
            "is_pool": self._is_pool,
            "has_pairs": True,
            "is_live": True,
            "episode": episode,
            "lacks": [],
            "kpis": _key_figures(course, saving),
            "markets": [0],
            "market": 0,
            "num_intervals": len(moments),
            "clock": {**clock_of(starts), "step": 60_000 * self._minutes},
            "block": block_size(len(self._street)),
            "households": self._street,
            "bill_dollars": numbers(bill),
            "saving_dollars": numbers(saving),
            "largest": {
                **{name: largest(values) for name, values in sizes.items()},
                "traded_kwh": largest(course["traded_kwh"]),
                "pair_kwh": largest([float(m.pairs.quantity.max(initial=0.0)) for m in moments]),
            },
            "price_low": -largest(-course["price_low_dollars_per_kwh"]),
            "price_high": largest(course["price_high_dollars_per_kwh"]),
            "strip": {"first": list(range(len(moments))), **columns(course)},
        }

    def block(self, market: int, first: int, count: int) -> Answer:
        """All households in ``count`` intervals from ``first`` on."""
        self._check(market)
        moments = self._now()[0][first : first + min(count, block_size(len(self._street)))]
        if not moments:
            raise DataError(f"interval {first} was not played yet, or is not kept any more")
        pairs = [m.pairs for m in moments]
        sizes = [len(p.quantity) for p in pairs]
        return {
            "first": first,
            "count": len(moments),
            "intervals": columns(_course(moments)),
            "households": columns(_tables(moments)),
            "pairs": {
                "interval": np.repeat(np.arange(first, first + len(moments)), sizes).tolist(),
                "seller": np.concatenate([p.seller for p in pairs]).tolist(),
                "buyer": np.concatenate([p.buyer for p in pairs]).tolist(),
                "quantity_kwh": numbers(np.concatenate([p.quantity for p in pairs])),
                "buyer_price_dollars_per_kwh": numbers(np.concatenate([p.buyer_price for p in pairs])),
            },
        }

    def day(self, market: int, household: int, day: int) -> Answer:
        """One household on a day, counted from 1970."""
        self._check(market)
        moments = self._now()[0]
        starts = _starts_of(moments)
        part = rows_of_day(starts, day)
        if household >= len(self._street) or part.start == part.stop:
            raise DataError(f"household {household} on day {day}: nothing of it was played yet")
        table = {name: values[:, household] for name, values in _tables(moments[part]).items()}
        return {
            "first": part.start,
            "count": part.stop - part.start,
            "starts": starts[part].tolist(),
            "columns": columns(table),
        }

    def _check(self, market: int) -> None:
        self.asked_at = time.monotonic()
        if market != 0:
            raise DataError(f"market {market}: the first market alone is shown while an environment runs")

    def _now(self) -> tuple[list[_Moment], int]:
        with self._lock:
            return self._moments[:], self._episode

    def _read(self, transition: Transition) -> _Moment:
        """Read what a run would record of the interval."""
        num_markets, num_households = transition.before.demand.shape
        recorder = Recorder(
            1,
            num_markets,
            num_households,
            self._devices,
            settles_imbalance=self._settles_imbalance,
            network=self._network,
        )
        recorder.record(transition)
        table = {name: recorder.households[name][0, 0] for name in HOUSEHOLD_COLUMNS if name in recorder.households}
        interval = {name: float(recorder.markets[name][0, 0]) for name in INTERVAL_COLUMNS if name in recorder.markets}
        interval |= {name: float(table[name].sum()) for name in INTERVAL_COLUMNS if name in table}
        beside = transition.cost_beside_bill
        saving = transition.default_bill[0] - table["bill_dollars"] - (0.0 if beside is None else beside[0])
        start = self._starts[transition.before.row[0]].astype("datetime64[ms]").astype(np.int64)
        return _Moment(int(start), table, interval, saving, transition.context.transaction(0))


class LivePage:
    """The page of a market that runs: serves it, opens it where there is a display, and keeps pace with who looks on.

    Parameters
    ----------
    reader
        Where the market is read.
    frames_per_second
        Intervals a second while somebody looks; with nobody there the environment is not held up.
    """

    def __init__(self, reader: SceneReader, frames_per_second: float) -> None:
        self._run = LiveRun(reader)
        self._seconds = 1.0 / frames_per_second
        self._server = ReplayServer(self._run)
        self._shown_at = -np.inf
        sys.stderr.write(f"p2p_market: the market is shown at {self.address}\n")
        self._waits = open_browser(self.address)

    @property
    def address(self) -> str:
        """Where the page is."""
        return self._server.address

    def show(self, reader: SceneReader) -> None:
        """Show the last interval, and wait until it is time for the next."""
        self._run.note(reader)
        if self._waits:  # a browser that opens takes a moment, in which an episode could be over
            self._waits = False
            self._wait_for_reader()
        if time.monotonic() - self._run.asked_at < _STILL_LOOKS:
            time.sleep(max(0.0, self._shown_at + self._seconds - time.monotonic()))
        self._shown_at = time.monotonic()

    def close(self) -> None:
        """Stop serving; a second time does nothing."""
        self._server.close()

    def _wait_for_reader(self) -> None:
        end = time.monotonic() + _PATIENCE
        while self._run.asked_at < 0.0 and time.monotonic() < end:
            time.sleep(0.02)


def _begins_anew(transition: Transition, last: Transition) -> bool:
    elapsed, before = int(transition.before.elapsed[0]), int(last.before.elapsed[0])
    return elapsed <= before or transition.before.row[0] - last.before.row[0] != elapsed - before


def _starts_of(moments: list[_Moment]) -> IntArray:
    return np.array([m.start for m in moments], dtype=np.int64)


def _course(moments: list[_Moment]) -> dict[str, FloatArray]:
    return {name: np.array([m.interval[name] for m in moments]) for name in INTERVAL_COLUMNS}


def _tables(moments: list[_Moment]) -> dict[str, FloatArray]:
    return {name: np.stack([m.households[name] for m in moments]) for name in moments[0].households}


def _summed(moments: list[_Moment], name: str, num_households: int) -> FloatArray:
    total: FloatArray = np.sum([m.households[name] for m in moments], axis=0) if moments else np.zeros(num_households)
    return total


def _key_figures(course: dict[str, FloatArray], saving: FloatArray) -> dict[str, float]:
    """What the page's head shows, of the episode so far."""
    traded = course["traded_kwh"]
    figures = {"community_saving_dollars": float(saving.sum()), "traded_kwh": float(traded.sum())}
    if traded.sum() > 0.0:
        figures["mean_price_dollars_per_kwh"] = float(
            np.nansum(traded * course["price_dollars_per_kwh"]) / traded.sum()
        )
    return figures
