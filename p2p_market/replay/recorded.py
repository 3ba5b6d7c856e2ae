"""A recorded run as the page asks for it: small sums are kept, intervals are read when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from p2p_market.errors import DataError
from p2p_market.replay.run_files import RunFiles, broken, open_run, stamp_of
from p2p_market.replay.slices import (
    Households,
    MarketCourse,
    binned,
    block_of,
    course_of,
    day_of,
    households_of,
    largest_pair_of,
    markets_of,
    pairs_of,
)
from p2p_market.replay.source import (
    HOUSEHOLD_COLUMNS,
    Answer,
    block_size,
    clock_of,
    columns,
    largest,
    numbers,
    rows_of_day,
)

_STRIP = 480  # bins of the strip below the slider
_OWNS = 1e-9  # [kWh] a battery that is never charged and never moves shows nothing
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class _Market:
    course: MarketCourse
    households: Households
    largest_pair: float  # [kWh] 0 where no pairs were recorded


class RecordedRun:
    """Answers the page from a run folder.

    What it keeps is a row an interval and a row a household; everything else is read again for each answer, so memory
    does not grow while a run is played.

    Parameters
    ----------
    folder
        Of a finished run.

    Raises
    ------
    DataError
        If the folder holds no run, or one without intervals or households.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = folder
        self._files, self._numbers, self._markets = self._open()
        self._market(self._numbers[0])

    @property
    def name(self) -> str:
        """What the run is called."""
        return self._files.name

    def overview(self, market: int) -> Answer:
        """All that the page has to know before it draws an interval; reads the folder anew if it was written anew."""
        if stamp_of(self._files.folder) != self._files.stamp:
            self._files, self._numbers, self._markets = self._open()
        kept = self._market(market)
        course, street = kept.course, kept.households
        first, means = binned(course, _STRIP)
        low, high = (course.columns.get(f"price_{end}_dollars_per_kwh", np.zeros(0)) for end in ("low", "high"))
        owns = _has_battery(street)
        return {
            "name": self._files.name,
            "mechanism": self._files.mechanism,
            "is_pool": self._files.is_pool,
            "has_pairs": self._files.trades is not None,
            "is_live": False,
            "lacks": [name for name in HOUSEHOLD_COLUMNS[:11] if name not in self._recorded],
            "kpis": dict(self._files.kpis),
            "markets": self._numbers,
            "market": market,
            "num_intervals": len(course),
            "clock": clock_of(course.starts),
            "block": block_size(len(street.names)),
            "households": [
                {"name": name, "role": role, "has_battery": has}
                for name, role, has in zip(street.names, street.roles, owns, strict=True)
            ],
            "bill_dollars": numbers(street.bill),
            "saving_dollars": numbers(street.saving),
            "largest": {
                **{name: largest(values) for name, values in street.largest.items()},
                "traded_kwh": largest(course.columns.get("traded_kwh", np.zeros(0))),
                "pair_kwh": kept.largest_pair,
            },
            "price_low": -largest(-low),
            "price_high": largest(high),
            "strip": {"first": first.tolist(), **columns(means)},
        }

    def block(self, market: int, first: int, count: int) -> Answer:
        """All households in ``count`` intervals from ``first`` on."""
        kept = self._market(market)
        part = slice(first, min(first + count, first + block_size(len(kept.households.names))))
        starts = kept.course.starts[part]
        if not len(starts):
            raise DataError(f"interval {first}: the run has {len(kept.course)}")
        names = kept.households.names
        answer: Answer = {
            "first": first,
            "count": len(starts),
            "intervals": columns({name: values[part] for name, values in kept.course.columns.items()}),
            "households": columns(self._read(block_of, self._files.households, market, starts, names)),
        }
        if self._files.trades is not None:
            moment, seller, buyer, table = self._read(pairs_of, self._files.trades, market, starts, names)
            answer["pairs"] = {
                "interval": (moment + first).tolist(),
                "seller": seller.tolist(),
                "buyer": buyer.tolist(),
                **columns(table),
            }
        return answer

    def day(self, market: int, household: int, day: int) -> Answer:
        """One household on a day, counted from 1970."""
        kept = self._market(market)
        names, part = kept.households.names, rows_of_day(kept.course.starts, day)
        if household >= len(names) or part.start == part.stop:
            raise DataError(f"household {household} on day {day}: the run has no such rows")
        starts = kept.course.starts[part]
        rows = self._read(day_of, self._files.households, market, starts, names[household])
        return {"first": part.start, "count": len(starts), "starts": starts.tolist(), "columns": columns(rows)}

    @property
    def _recorded(self) -> Sequence[str]:
        return self._files.households.collect_schema().names()

    def _open(self) -> tuple[RunFiles, list[int], dict[int, _Market]]:
        files = open_run(self._folder)
        present = _reading(files, markets_of, files.intervals)
        if not present:
            raise DataError(f"run folder {str(self._folder)!r} holds a run without intervals; there is nothing to show")
        return files, present, {}

    def _market(self, market: int) -> _Market:
        if market not in self._numbers:
            raise DataError(f"market {market}: the run has {self._numbers}")
        if market not in self._markets:
            course = self._read(course_of, self._files.intervals, market)
            households = self._read(households_of, self._files.households, market)
            if not households.names or not len(course):
                raise DataError(
                    f"run folder {str(self._folder)!r}: market {market} has {len(course)} intervals and "
                    f"{len(households.names)} households; there is nothing to show"
                )
            trades = self._files.trades
            pair = 0.0 if trades is None else self._read(largest_pair_of, trades, market)
            self._markets[market] = _Market(course, households, pair)
        return self._markets[market]

    def _read(self, read: Callable[..., _T], *arguments: object) -> _T:
        """Read from the files that were opened, and from no others."""
        if stamp_of(self._files.folder) != self._files.stamp:
            raise DataError(f"run folder {str(self._folder)!r} was written anew; reload the page")
        return _reading(self._files, read, *arguments)


def _reading(files: RunFiles, read: Callable[..., _T], *arguments: object) -> _T:
    try:
        return read(*arguments)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise broken(files.folder, error) from None


def _has_battery(street: Households) -> list[bool]:
    sizes = [street.largest[name] for name in ("battery_kwh", "state_of_charge") if name in street.largest]
    return [any(size[i] > _OWNS for size in sizes) for i in range(len(street.names))]
