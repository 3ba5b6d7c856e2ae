"""Who on the street has which plan, and what the grid then charges and pays in every interval.

Tariffs are per household: one plan for all, or a mix. They are resolved once to arrays (T, P) over the P
plans in use, so that a step only gathers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from p2p_market.errors import ConfigError
from p2p_market.registry import Registry
from p2p_market.shares import apportion
from p2p_market.tariff_plans import TariffPlan, check_band, load_plan, load_plans
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar

__all__ = ["TARIFFS", "Tariff", "TariffPlan", "TariffSchedule", "build_schedule", "load_plan"]

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator

_WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Tariff(Protocol):
    """What the schedule asks of a plan; register an object of your own for prices that no table holds."""

    def retail_price(self, calendar: Calendar) -> FloatArray:
        """Return the price of energy from the grid, (T,) [$/kWh]."""

    def feed_in_price(self, calendar: Calendar) -> FloatArray:
        """Return the price paid for energy sent to the grid, (T,) [$/kWh]."""


class _PackagedPlans(Registry[Tariff]):
    """The registry of plans, which reads the packaged file on first use: an import need not load YAML."""

    def __init__(self) -> None:
        self.kind = "tariff plan"

    @cached_property
    def _entries(self) -> dict[str, Tariff]:  # type: ignore[override]  # lazy form of the same mapping
        with resources.as_file(resources.files("p2p_market") / "tariff_plans.yaml") as path:
            return dict(load_plans(path))


TARIFFS: Registry[Tariff] = _PackagedPlans()
"""Named plans: the Ausgrid-area plans of ``tariff_plans.yaml`` and those that you register."""


@dataclass(frozen=True, eq=False)
class TariffSchedule:
    """The prices of a street over a calendar; what the environment reads.

    Attributes
    ----------
    plan_names
        (P,) the plans that at least one household has.
    plan
        (N,) index of each household's plan.
    retail, feed_in
        (T, P) [$/kWh].
    """

    plan_names: tuple[str, ...]
    plan: IntArray
    retail: FloatArray
    feed_in: FloatArray

    def __post_init__(self) -> None:
        for array in (self.plan, self.retail, self.feed_in):
            array.setflags(write=False)

    @cached_property
    def band_low(self) -> FloatArray:
        """(T,) the lowest feed-in price of the street [$/kWh]: the low end of the price band."""
        low: FloatArray = self.feed_in.min(axis=1)
        return low

    @cached_property
    def band_high(self) -> FloatArray:
        """(T,) the highest retail price of the street [$/kWh]: the high end of the price band."""
        high: FloatArray = self.retail.max(axis=1)
        return high

    def retail_of_day(self, calendar: Calendar) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest retail price of the day that each interval is of, ``(T, P)`` [$/kWh] each."""
        _, first, day = np.unique(calendar.day, return_index=True, return_inverse=True)
        lowest, highest = (by.reduceat(self.retail, first, axis=0)[day] for by in (np.minimum, np.maximum))
        return lowest, highest

    def off_peak_price(self, calendar: Calendar) -> FloatArray:
        """``(N,)`` [$/kWh] each household's lowest retail price of a day, mean over the days of the calendar."""
        lowest, _ = self.retail_of_day(calendar)
        _, first = np.unique(calendar.day, return_index=True)
        price: FloatArray = lowest[first].mean(axis=0)[self.plan]
        return price

    def prices(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return every household's retail and feed-in price in the intervals `rows`.

        Parameters
        ----------
        rows
            (B,) index of the interval that each market is in.

        Returns
        -------
        tuple of arrays
            Retail and feed-in price, each (B, N) [$/kWh].
        """
        retail, feed_in = self.retail.take(rows, axis=0), self.feed_in.take(rows, axis=0)
        return retail.take(self.plan, axis=1), feed_in.take(self.plan, axis=1)


def build_schedule(
    plans: str | Mapping[str, float],
    num_households: int,
    calendar: Calendar,
    *,
    seed: Seed = 0,
    folder: str | Path | None = None,
) -> TariffSchedule:
    """Give every household a plan and resolve the prices to arrays.

    Parameters
    ----------
    plans
        One plan, or the share of the households that has each (``{"flat": 0.6, "agl_time_of_use": 0.4}``). A
        name is one of `TARIFFS`, or a file if it ends in ``.yaml`` or ``.yml``.
    num_households
        N, at least 1.
    calendar
        T intervals.
    seed
        Decides which households have which plan. Shares become counts by largest remainder, so the mix itself
        does not depend on it.
    folder
        Where relative file names start; by default the working directory.

    Raises
    ------
    UnknownNameError
        If a plan is neither registered nor a file name.
    ConfigError
        If the shares do not sum to 1 (within 0.001), a file is wrong, or somewhere a feed-in price leaves
        0..retail; the message then names plan, time and both prices.
    """
    if num_households < 1:
        raise ConfigError(f"num_households = {num_households}: a street has at least 1 household")
    shares = {plans: 1.0} if isinstance(plans, str) else dict(plans)
    counts = apportion(shares, num_households, "plans")
    chosen = {name: _find_plan(name, folder) for name in shares}  # all of them: a typo must not hide in a share of 0
    retail, feed_in = [], []
    for name, tariff in chosen.items():
        high, low = tariff.retail_price(calendar), tariff.feed_in_price(calendar)
        check_band(name, high, low, lambda i: _label(calendar, i))
        retail.append(high)
        feed_in.append(low)
    used = np.flatnonzero(counts)
    plan = np.repeat(np.arange(len(used)), counts[used])
    return TariffSchedule(
        plan_names=tuple(list(shares)[i] for i in used),
        plan=np.random.default_rng(seed).permutation(plan),
        retail=np.stack([retail[i] for i in used], axis=1),
        feed_in=np.stack([feed_in[i] for i in used], axis=1),
    )


def _find_plan(name: str, folder: str | Path | None) -> Tariff:
    if str(name).endswith((".yaml", ".yml")):
        return load_plan(Path(folder or ".") / name)
    return TARIFFS[name]


def _label(calendar: Calendar, i: int) -> str:
    start = str(calendar.start[i].astype("datetime64[m]")).replace("T", " ")
    return f"{start} ({_WEEKDAY_NAMES[calendar.weekday[i]]})"
