"""What a plan has to know of devices: their physics and cost over coming intervals, as the data of a linear program.

A device that says this of itself (`Plannable`) is in the bounds of `p2p_market.bounds`, and planners steer it. Nothing
here solves anything, or knows of a solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

from p2p_market.devices.base import Device, DeviceDraw, DeviceInterval, DeviceState
from p2p_market.types import BoolArray, FloatArray, IntArray

_SAME = 1e-9  # [kWh] sums of readings differ by so much


@dataclass(frozen=True, eq=False)
class DeviceOutlook:
    """What is known, or expected, of the ``T`` coming intervals in one market of ``N`` households."""

    slot: IntArray  # (T,) interval of the day
    elapsed: int  # intervals of the episode that have been played
    pv: FloatArray  # (T, N) [kWh]
    off_peak_price: FloatArray  # (N,) [$/kWh] at which what is owed at the end is valued
    recorded_load: FloatArray | None = None  # (T + a day, N) [kWh] controlled load, on a street that has the device
    draws: Mapping[str, DeviceDraw] = field(default_factory=dict)  # (1, ...) by kind; one that is not there: unknown


@dataclass(frozen=True, eq=False)
class Target:
    """Levels ``(T, M)`` [kWh] that a store should have after an interval, and what each kWh below costs [$/kWh]."""

    level: FloatArray
    price: FloatArray

    def cost(self, stored: FloatArray) -> FloatArray:
        """``(T, M)`` [$] of what is stored after each interval."""
        return self.price * np.maximum(self.level - stored, 0.0)


@dataclass(frozen=True, eq=False)
class LinearStore:
    r"""How the energy of ``M`` devices adds up, ``(T, M)`` by interval, ``(M,)`` where it is always the same.

    After interval :math:`t` there is :math:`s_t = \rho_t s_{t-1} + i_t + \eta c_t - d_t / \delta`, with energy taken
    :math:`c` and given :math:`d`. A level below 0 is energy that is owed.
    """

    start: FloatArray  # (M,) [kWh] before the first interval
    retention: FloatArray  # (T, M) share of what was there that still is
    inflow: FloatArray  # (T, M) [kWh] that comes, or falls due, by itself
    taken_in: FloatArray  # (M,) stored of each kWh taken
    given_out: FloatArray  # (M,) given of each stored kWh
    lowest: FloatArray  # (T, M) [kWh]
    highest: FloatArray  # (T, M) [kWh]
    deadlines: Target | None = None  # in whatever interval they are
    ends: tuple[Target, ...] = ()  # counted for the last interval alone: what is owed if the episode ends with it
    ends_at_least: tuple[Target, ...] | None = None  # where a price of those is below 0: a convex function below them


@dataclass(frozen=True, eq=False)
class LinearDevice:
    """The devices of one kind of ``M`` households over ``T`` intervals, as rows and columns of a linear program.

    All that the devices can do, whatever is asked of them, keeps to these limits and costs no less than this says, so
    that the optimum of a program made of them is a bound.
    """

    owners: IntArray  # (M,) places on the street
    most_taken: FloatArray  # (T, M) [kWh] on the AC side
    most_given: FloatArray  # (T, M) [kWh]
    take_cost: FloatArray  # (M,) [$/kWh] beside the energy
    give_cost: FloatArray  # (M,) [$/kWh]
    fixed: FloatArray  # (T, M) [kWh] that they take in any case, on top
    default: FloatArray  # (T, M) [kWh] taken, on top of that, if nobody steers
    units_per_kwh: int
    store: LinearStore | None = None  # of those that keep what they take, or owe it

    @property
    def num_intervals(self) -> int:
        """``T``."""
        return len(self.most_taken)

    @property
    def start(self) -> FloatArray:
        """``(M,)`` [kWh] stored before the first interval; 0 where there is no store."""
        return np.zeros(self.owners.size) if self.store is None else self.store.start

    def of(self, steered: BoolArray) -> LinearDevice:
        """Those of the households ``steered`` (N,)."""
        kept = steered[self.owners]
        return self if kept.all() else self._take(slice(None), kept)

    def rest(self, first: int, length: int, stored: FloatArray) -> LinearDevice:
        """What is left from interval ``first`` on, over ``length`` intervals, with ``stored`` (M,) [kWh] before it."""
        later = self._take(slice(first, first + length), slice(None))
        return later if later.store is None else replace(later, store=replace(later.store, start=stored))

    def unsteered_load(self, steered: BoolArray) -> FloatArray:
        """``(T, N)`` [kWh] that those of all other households take by default."""
        load = np.zeros((self.num_intervals, steered.size))
        others = ~steered[self.owners]
        load[:, self.owners[others]] = (self.fixed + self.default)[:, others]
        return load

    def fixed_load(self, num_households: int) -> FloatArray:
        """``(T, N)`` [kWh] that cannot be steered."""
        return self.spread(self.fixed, num_households)

    def spread(self, values: FloatArray, num_households: int) -> FloatArray:
        """``(T, N)`` from values ``(T, M)`` of the owners, 0 for the others."""
        of_all = np.zeros((len(values), num_households))
        of_all[:, self.owners] = values
        return of_all

    def stored_by(self, energy: FloatArray) -> FloatArray:
        """``(T, M)`` [kWh] after each interval, from the energy ``(T, M)`` [kWh] taken, < 0 given."""
        stored, store = np.zeros_like(energy), self.store
        if store is not None:
            now = store.start
            for interval, taken in enumerate(energy):
                now = self._kept(store, interval, now) + _gained(store, taken)
                stored[interval] = now
        return stored

    def energy_of(self, stored: FloatArray) -> FloatArray:
        """``(T, M)`` [kWh] taken, < 0 given, that leads to these levels ``(T, M)`` of devices with a store."""
        store = self.store
        assert store is not None  # noqa: S101 - asked of those alone
        before = np.concatenate([store.start[None], stored[:-1]])
        gained = stored - store.retention * before - store.inflow
        gained[np.abs(gained) < _SAME] = 0.0
        energy: FloatArray = np.where(gained > 0.0, gained / store.taken_in, gained * store.given_out)
        return energy

    def energy_towards(self, interval: int, stored: FloatArray, target: FloatArray) -> FloatArray:
        """``(M,)`` [kWh] to ask for, in whole units, so that a level ``stored`` comes nearest to ``target``."""
        store = self.store
        assert store is not None  # noqa: S101 - asked of those alone
        if store.deadlines is not None:  # what a deadline lets pass is given up on it, and not by rounding
            deadline = store.deadlines.price[interval] > 0.0
            is_met = deadline & (target >= store.deadlines.level[interval] - _SAME)
            target = np.where(is_met, store.highest[interval], target)
        missing = target - self._kept(store, interval, stored)
        return self.to_ask(np.where(missing > 0.0, missing / store.taken_in, missing * store.given_out))

    def to_ask(self, energy: FloatArray) -> FloatArray:
        """What to ask for to get ``energy`` (M,) [kWh], in whole units: a quarter of a unit more than the nearest.

        Devices cut requests down to whole units, so that a rounding error would cost one.
        """
        units = np.round(energy * self.units_per_kwh)
        asked: FloatArray = (units + 0.25 * np.sign(units)) / self.units_per_kwh
        return asked

    def step(self, interval: int, stored: FloatArray, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Move in an interval as far as is possible, in whole units.

        Parameters
        ----------
        interval
            Which one.
        stored
            ``(M,)`` [kWh] before it.
        wanted
            ``(M,)`` [kWh] to take, < 0 give.

        Returns
        -------
        tuple
            Energy ``(M,)`` [kWh], and what is then stored.
        """
        take, give, store = self.most_taken[interval], self.most_given[interval], self.store
        if store is not None:
            kept = self._kept(store, interval, stored)
            take = np.minimum(take, np.maximum(store.highest[interval] - kept, 0.0) / store.taken_in)
            give = np.minimum(give, np.maximum(kept - store.lowest[interval], 0.0) * store.given_out)
        units = np.clip(wanted, -give, take) * self.units_per_kwh
        energy: FloatArray = np.trunc(units + 1e-6 * np.sign(units)) / self.units_per_kwh + 0.0
        return energy, stored if store is None else kept + _gained(store, energy)

    def step_towards(
        self, interval: int, stored: FloatArray, target: FloatArray, planned: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Move towards a level ``target``, or where there is no store by ``planned``, ``(M,)`` [kWh]; see `step`."""
        wanted = self.to_ask(planned) if self.store is None else self.energy_towards(interval, stored, target)
        return self.step(interval, stored, wanted)

    def cost(self, energy: FloatArray, stored: FloatArray) -> FloatArray:
        """``(M,)`` [$] wear, penalties, and what is owed after the last interval.

        Parameters
        ----------
        energy
            ``(T, M)`` [kWh] taken, < 0 given.
        stored
            ``(T, M)`` [kWh] after each interval.
        """
        total: FloatArray = (np.maximum(energy, 0.0) * self.take_cost).sum(axis=0)
        total = total + (np.maximum(-energy, 0.0) * self.give_cost).sum(axis=0)
        if self.store is not None:
            if self.store.deadlines is not None:
                total = total + self.store.deadlines.cost(stored).sum(axis=0)
            for target in self.store.ends:
                total = total + target.cost(stored)[-1]
        return total

    def worth(self, energy: FloatArray, value: FloatArray) -> FloatArray:
        """``(M,)`` [$/kWh] of a kWh at the meter to devices that take or give; nan where they do neither.

        Parameters
        ----------
        energy
            ``(M,)`` [kWh] taken, < 0 given.
        value
            ``(M,)`` [$/kWh] of a stored kWh.
        """
        if self.store is None:
            return np.full_like(value, np.nan)
        to_take = value * self.store.taken_in - self.take_cost
        to_give = value / self.store.given_out + self.give_cost
        return np.where(energy > 0.0, to_take, np.where(energy < 0.0, to_give, np.nan))

    def goes_on_as(self, earlier: LinearDevice, place: int) -> bool:
        """Whether nothing else is expected than ``place`` intervals ago; what is stored now is not compared."""
        return all(
            one.shape == other.shape and np.allclose(one, other, rtol=0.0, atol=_SAME)
            for one, other in zip(self._expected(0), earlier._expected(place), strict=True)
        )

    def _expected(self, first: int) -> list[FloatArray]:
        expected = [self.most_taken[first:], self.most_given[first:], self.fixed[first:]]
        if self.store is not None:
            expected += [self.store.inflow[first + 1 :], self.store.retention[first + 1 :]]
            expected += [array[-1] for target in self.store.ends for array in (target.level, target.price)]
        return expected

    def _take(self, intervals: slice, devices: BoolArray | slice) -> LinearDevice:
        def part(values: FloatArray) -> FloatArray:
            return values[intervals][:, devices]

        def target(given: Target) -> Target:
            return Target(part(given.level), part(given.price))

        store = self.store
        if store is not None:
            store = LinearStore(
                start=store.start[devices],
                retention=part(store.retention),
                inflow=part(store.inflow),
                taken_in=store.taken_in[devices],
                given_out=store.given_out[devices],
                lowest=part(store.lowest),
                highest=part(store.highest),
                deadlines=None if store.deadlines is None else target(store.deadlines),
                ends=tuple(target(each) for each in store.ends),
                ends_at_least=None
                if store.ends_at_least is None
                else tuple(target(each) for each in store.ends_at_least),
            )
        return LinearDevice(
            owners=self.owners[devices],
            most_taken=part(self.most_taken),
            most_given=part(self.most_given),
            take_cost=self.take_cost[devices],
            give_cost=self.give_cost[devices],
            fixed=part(self.fixed),
            default=part(self.default),
            units_per_kwh=self.units_per_kwh,
            store=store,
        )

    @staticmethod
    def _kept(store: LinearStore, interval: int, stored: FloatArray) -> FloatArray:
        kept: FloatArray = store.retention[interval] * stored + store.inflow[interval]
        return kept


def _gained(store: LinearStore, energy: FloatArray) -> FloatArray:
    gained: FloatArray = np.maximum(energy, 0.0) * store.taken_in - np.maximum(-energy, 0.0) / store.given_out
    return gained


@runtime_checkable
class Plannable(Device, Protocol):
    """A device that bounds and planners know: its rows and columns, and how it is asked for what a plan says."""

    def describe(self, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:
        """Describe the devices of one market over coming intervals, from their state ``(1, N)`` before the first."""

    def stored(self, state: DeviceState) -> FloatArray:
        """Level ``(B, N)`` [kWh] of the store that `describe` speaks of; 0 where there is none."""

    def request(self, energy: FloatArray, interval: DeviceInterval) -> FloatArray:
        """Requests ``(B, N)`` that ask for ``energy`` (B, N) [kWh], > 0 taken, as far as the device goes."""
