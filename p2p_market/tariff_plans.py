"""Retail plans of single households: price tables by clock, and the YAML files that hold them.

A plan has two price tables, retail and feed-in. A table is one price and the clock windows in which another
holds. An interval takes the price of the clock label of its start; public holidays count as the weekday that
they fall on. Every plan keeps ``0 <= feed-in <= retail`` at every time: a household could otherwise earn by
sending its own energy round through the meter.

Fixed daily charges are not modelled: no action changes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

import numpy as np

from p2p_market.errors import ConfigError, is_number, suggest
from p2p_market.types import BoolArray, FloatArray, IntArray
from p2p_market.yaml_files import read_keys, read_yaml

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar

Days: TypeAlias = Literal["all", "weekdays", "weekends"]

_MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True)
class PriceWindow:
    """A price that holds between two clock times on some days.

    Attributes
    ----------
    start_minute, end_minute
        Minutes after midnight, 0..1440, the end excluded. ``end < start`` runs past midnight.
    price
        [$/kWh].
    days
        ``"all"``, ``"weekdays"`` (Monday to Friday) or ``"weekends"``, asked of an interval's own date: of a
        weekday window 22-7 h, Saturday 0-7 h is no part and Monday 0-7 h is.
    name
        Free text such as ``"peak"``, used in messages.
    """

    start_minute: int
    end_minute: int
    price: float
    days: Days = "all"
    name: str = "window"

    def covers(self, minute: IntArray, is_weekend: BoolArray) -> BoolArray:
        """Return where the window holds; `minute` [minutes after midnight] and `is_weekend` broadcast."""
        after, before = minute >= self.start_minute, minute < self.end_minute
        hit = after & before if self.start_minute < self.end_minute else after | before
        if self.days == "weekdays":
            return hit & ~is_weekend
        return hit & is_weekend if self.days == "weekends" else hit

    def __str__(self) -> str:
        return f"{self.name!r} ({self.days}, {_clock(self.start_minute)}-{_clock(self.end_minute)})"


@dataclass(frozen=True)
class PriceTable:
    """One price [$/kWh] and the windows in which another one holds; windows must not overlap."""

    price: float
    windows: tuple[PriceWindow, ...] = ()

    def at(self, minute: IntArray, is_weekend: BoolArray) -> FloatArray:
        """Return the price [$/kWh] at minutes after midnight; the arguments broadcast against each other."""
        price = np.full(np.broadcast_shapes(minute.shape, is_weekend.shape), self.price)
        for window in self.windows:
            price[window.covers(minute, is_weekend)] = window.price
        return price

    def resolve(self, calendar: Calendar) -> FloatArray:
        """Return the price of each interval of a calendar, (T,) [$/kWh].

        Raises
        ------
        ConfigError
            If a window begins or ends inside an interval, whose price would then be a guess.
        """
        for window in self.windows:
            for minute in (window.start_minute, window.end_minute):
                if minute % calendar.interval_minutes:
                    raise ConfigError(
                        f"price window {window} changes at {_clock(minute)}, inside an interval of "
                        f"{calendar.interval_minutes} minutes; let it change where an interval starts"
                    )
        return self.at(np.rint(calendar.hour * 60).astype(np.int64), calendar.is_weekend)


@dataclass(frozen=True)
class TariffPlan:
    """A retail plan of one household: what it pays for energy from the grid and gets for energy sent there.

    Attributes
    ----------
    name
        Used in configurations and messages.
    retail, feed_in
        Price tables [$/kWh].
    source, date
        Where the prices were published, and when.
    summary
        One line for lists.

    Raises
    ------
    ConfigError
        Unless ``0 <= feed-in <= retail`` at every time of the week, or if windows of one table overlap.
    """

    name: str
    retail: PriceTable
    feed_in: PriceTable
    source: str = ""
    date: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        minute = np.arange(_MINUTES_PER_DAY)
        for days, weekend in (("a weekday", False), ("a weekend day", True)):
            is_weekend = np.full(_MINUTES_PER_DAY, weekend)
            for table, kind in ((self.retail, "retail"), (self.feed_in, "feed_in")):
                _check_overlap(table, minute, is_weekend, f"tariff plan {self.name!r}, {kind}", days)
            check_band(
                self.name,
                self.retail.at(minute, is_weekend),
                self.feed_in.at(minute, is_weekend),
                lambda i, days=days: f"{_clock(i)} on {days}",  # type: ignore[misc]
            )

    def retail_price(self, calendar: Calendar) -> FloatArray:
        """Return the price of energy from the grid, (T,) [$/kWh]."""
        return self.retail.resolve(calendar)

    def feed_in_price(self, calendar: Calendar) -> FloatArray:
        """Return the price paid for energy sent to the grid, (T,) [$/kWh]."""
        return self.feed_in.resolve(calendar)


def load_plan(path: str | Path) -> TariffPlan:
    """Read one plan from a YAML file.

    The file holds ``retail`` and ``feed_in``, each with ``price_dollars_per_kwh`` and optional ``windows`` of
    ``days`` (all, weekdays, weekends), ``from`` and ``to`` (clock hours: 14.5 or "14:30"),
    ``price_dollars_per_kwh`` and an optional ``name``; and the optional texts ``name`` (default: the file's
    name), ``summary``, ``source`` and ``date``. ``tariff_plans.yaml`` in the package shows four plans.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown or missing, a value is no price or clock time, windows
        overlap, or the feed-in price leaves 0..retail. The message names file and key.
    """
    path = Path(path)
    content = read_yaml(path, "tariff file")
    return _parse_plan(content, default_name=path.stem, where=str(path))


def load_plans(path: str | Path) -> dict[str, TariffPlan]:
    """Read a YAML file of several plans, one a top-level key; errors as in `load_plan`."""
    path = Path(path)
    return {name: _parse_plan(plan, name, f"{path}: {name}") for name, plan in read_yaml(path, "tariff file").items()}


def check_band(name: str, retail: FloatArray, feed_in: FloatArray, label: Callable[[int], str]) -> None:
    """Raise unless 0 <= feed-in <= retail; nan fails too."""
    wrong = np.flatnonzero(~((feed_in >= 0) & (feed_in <= retail)))
    if wrong.size:
        i = int(wrong[0])
        raise ConfigError(
            f"tariff plan {name!r} at {label(i)}: feed-in price {feed_in[i]:g} $/kWh, "
            f"retail price {retail[i]:g} $/kWh; expected 0 <= feed-in <= retail at all times"
        )


def _check_overlap(table: PriceTable, minute: IntArray, is_weekend: BoolArray, where: str, days: str) -> None:
    """Raise if two windows claim the same minute: which price holds must not depend on their order."""
    taken = np.full(len(minute), -1)
    for i, window in enumerate(table.windows):
        covered = window.covers(minute, is_weekend)
        clash = np.flatnonzero(covered & (taken >= 0))
        if clash.size:
            at = int(clash[0])
            raise ConfigError(
                f"{where}: windows {table.windows[taken[at]]} and {window} both hold at {_clock(at)} "
                f"on {days}; let one end where the other begins"
            )
        taken[covered] = i


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _parse_plan(value: object, default_name: str, where: str) -> TariffPlan:
    content = read_keys(value, where, ("retail", "feed_in"), ("name", "summary", "source", "date"))
    text = {key: str(content[key]) for key in ("summary", "source", "date") if key in content}
    return TariffPlan(
        name=str(content.get("name", default_name)),
        retail=_parse_table(content["retail"], f"{where}: retail"),
        feed_in=_parse_table(content["feed_in"], f"{where}: feed_in"),
        **text,
    )


def _parse_table(value: object, where: str) -> PriceTable:
    content = read_keys(value, where, ("price_dollars_per_kwh",), ("windows",))
    windows = content.get("windows", [])
    if not isinstance(windows, list):
        raise ConfigError(f"{where}: windows: expected a list, found {windows!r}")
    parsed = tuple(_parse_window(window, f"{where}: windows[{i}]") for i, window in enumerate(windows))
    return PriceTable(_parse_price(content["price_dollars_per_kwh"], where), parsed)


def _parse_window(value: object, where: str) -> PriceWindow:
    content = read_keys(value, where, ("from", "to", "price_dollars_per_kwh"), ("days", "name"))
    days = content.get("days", "all")
    if days not in get_args(Days):
        raise ConfigError(f"{where}: days: {days!r}{suggest(days, get_args(Days))}; expected all, weekdays or weekends")
    start, end = (_parse_clock(content[key], f"{where}: {key}") for key in ("from", "to"))
    if start in (end, _MINUTES_PER_DAY):
        raise ConfigError(
            f"{where}: a window from {_clock(start)} to {_clock(end)} is empty; a whole day is from 0 to 24"
        )
    price = _parse_price(content["price_dollars_per_kwh"], where)
    return PriceWindow(start, end, price, cast("Days", days), str(content.get("name", "window")))


def _parse_price(value: object, where: str) -> float:
    if not is_number(value):
        raise ConfigError(f"{where}: price_dollars_per_kwh: {value!r} is not a number of $/kWh")
    return float(value)


def _parse_clock(value: object, where: str) -> int:
    """Return minutes after midnight of ``14.5`` or ``"14:30"``."""
    minute = math.nan
    if isinstance(value, str):
        hours, _, minutes = value.partition(":")
        if hours.isdigit() and minutes.isdigit() and int(minutes) < 60:
            minute = int(hours) * 60 + int(minutes)
    elif is_number(value):
        minute = float(value) * 60
    if not (0 <= minute <= _MINUTES_PER_DAY and abs(minute - round(minute)) < 1e-6):
        raise ConfigError(
            f'{where}: {value!r} is not a clock time; write hours from 0 to 24 such as 14.5, or "14:30" in quotes'
        )
    return round(minute)
