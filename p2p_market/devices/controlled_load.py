"""Controlled load that can be shifted: hot water whose recorded energy of a daily window may come at any time in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.devices.base import (
    POWER,
    PRICE,
    DeviceDesign,
    DeviceDraw,
    DeviceInterval,
    DeviceMove,
    DeviceRecord,
    DeviceState,
    Limits,
    key,
)
from p2p_market.devices.linear import DeviceOutlook, LinearDevice, LinearStore, Target
from p2p_market.errors import ConfigError
from p2p_market.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class ControlledLoadDesign(DeviceDesign):
    """One way of controlling a load.

    Parameters
    ----------
    share, owners
        As of `DeviceDesign`.
    power_kw
        Most that is taken.
    window_start_hour
        When the daily window begins.
    window_hours
        How long it is; it ends at midnight or before.
    comfort_dollars_per_kwh
        Penalty for what is missed at the end of the window.
    """

    power_kw: float = key(5.0, POWER)
    window_start_hour: float = key(0.0, Limits("h", high=24.0))
    window_hours: float = key(24.0, Limits("h", high=24.0, above=True))
    comfort_dollars_per_kwh: float = key(1.0, PRICE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window_start_hour + self.window_hours > 24.0:
            raise ConfigError(
                f"window_start_hour is {self.window_start_hour!r} and window_hours {self.window_hours!r}; expected a "
                "window that ends at midnight or before"
            )


@dataclass(frozen=True, eq=False)
class ControlledLoads:
    r"""The controlled loads of a street, ``(N,)`` each.

    At the start of a window the energy due is what the data records in it, :math:`D = \sum_t \ell_t`; in every interval
    :math:`D' = D - e` with :math:`0 \le e \le \min(D, P h)`. At its end :math:`D' c` is paid for what is missed. What
    is recorded outside the window comes as recorded. The default schedule is the recorded one.

    Parameters
    ----------
    owners
        Which households have one.
    power
        [kW] most that is taken.
    first_slot, num_slots
        Intervals of the day in the window: where it begins, and how many.
    comfort_cost
        [$/kWh] of what is missed.
    interval_hours
        Length of an interval [h].
    units_per_kwh
        Energy grid: what is taken is cut down to whole units.
    """

    owners: BoolArray
    power: FloatArray
    first_slot: IntArray
    num_slots: IntArray
    comfort_cost: FloatArray
    interval_hours: float = 0.5
    units_per_kwh: int = 1000

    @classmethod
    def of_designs(
        cls, designs: Sequence[ControlledLoadDesign], design_of: IntArray, interval_hours: float, units_per_kwh: int
    ) -> ControlledLoads:
        """Loads of a street from designs and which of them each household ``(N,)`` has, -1 for none.

        Raises
        ------
        ConfigError
            For a window that does not lie on whole intervals.
        """

        def column(name: str) -> FloatArray:
            return np.array([*(getattr(design, name) for design in designs), 0.0], dtype=np.float64)[design_of]

        first, length = (column(name) / interval_hours for name in ("window_start_hour", "window_hours"))
        if (first % 1.0).any() or (length % 1.0).any():
            raise ConfigError(
                f"window_start_hour or window_hours is no whole number of intervals of {interval_hours:g} h"
            )
        return cls(
            owners=design_of >= 0,
            power=column("power_kw"),
            first_slot=first.astype(np.int64),
            num_slots=length.astype(np.int64),
            comfort_cost=column("comfort_dollars_per_kwh"),
            interval_hours=interval_hours,
            units_per_kwh=units_per_kwh,
        )

    @cached_property
    def largest(self) -> FloatArray:
        """``(N,)`` [kWh] taken in an interval at full power."""
        return np.where(self.owners, self.power * self.interval_hours, 0.0)

    def _left(self, slot: IntArray) -> IntArray:
        """``(B, N)`` intervals of the window from ``slot`` (B,) on, 0 outside it."""
        passed = slot[:, None] - self.first_slot
        return np.where((passed >= 0) & (passed < self.num_slots), self.num_slots - passed, 0)

    def _recorded(self, interval: DeviceInterval, ahead: int, num_rows: IntArray) -> FloatArray:
        """``(B, N)`` [kWh] recorded in ``num_rows`` (B, N) intervals, the first so many after the coming one."""
        if interval.recorded_load is None:
            raise AssertionError("a street with controlled loads has their record")
        first = interval.row[:, None] + ahead
        return interval.recorded_load(first, first + num_rows) * self.owners

    def _whole(self, energy: FloatArray) -> FloatArray:
        """Sums and differences of whole units, as the floats nearest to them."""
        return np.rint(energy * self.units_per_kwh) / self.units_per_kwh

    def due_share(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (a share has no scale)
        """``(B, N)`` energy due over what full power takes in the window."""
        return state["due"] / np.where(self.owners, self.largest * self.num_slots, 1.0)

    def time_left(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (the same)
        """``(B, N)`` share of the window that is left, 0 outside it."""
        return state["left"] / np.where(self.owners, self.num_slots, 1)

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> DeviceDraw:  # noqa: ARG002
        """Nothing is left to chance but the days of the data."""
        return {}

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State at the start of an episode: what is ``due`` [kWh] and what of it is ``later`` in the default schedule.

        ``left`` are the intervals that are left of the window, 0 outside it.
        """
        left = self._left(interval.slot) * self.owners
        due = self._recorded(interval, 0, left)
        return {"due": due, "later": due, "left": left.astype(np.float64)}

    def move(self, state: DeviceState, request: FloatArray, interval: DeviceInterval) -> DeviceMove:
        """Take a share of the full power, as far as energy is due.

        Parameters
        ----------
        state
            Before the interval.
        request
            ``(B, N)``; -1 takes nothing, 1 full power, nan what is recorded. Outside the window nothing is asked.
        interval
            The interval, with the record.
        """
        left = self._left(interval.slot) * self.owners
        inside = left > 0
        recorded = self._recorded(interval, 0, np.ones_like(left))
        wanted = np.where(inside & ~np.isnan(request), 0.5 * (request + 1.0) * self.largest, recorded)
        possible = np.where(inside, np.minimum(wanted, state["due"]), recorded)
        energy = np.floor(np.round(possible * self.units_per_kwh, 6)) / self.units_per_kwh
        due = np.where(inside, self._whole(state["due"] - energy), 0.0)
        closes = left == 1
        missed = np.where(closes, due, 0.0)
        following = self._left((interval.slot + 1) % round(24.0 / self.interval_hours)) * self.owners
        later = self._recorded(interval, 1, following)
        opens = following == np.where(self.owners, self.num_slots, -1)
        due = np.where(opens, later, np.where(following > 0, due, 0.0))
        return DeviceMove(
            state={"due": due, "later": later, "left": following.astype(np.float64)},
            energy=energy,
            default_energy=recorded,
            cut=wanted - energy,
            cost=missed * self.comfort_cost,
            missed=missed,
            deadline=closes,
        )

    def describe(self, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:
        """Describe them over coming intervals, see `Plannable`; the store holds what is due, below 0.

        The recorded schedule may go beyond the rated power, and so may whoever follows it: the limit of an interval is
        the larger of the two.
        """
        if outlook.recorded_load is None:
            raise AssertionError("a street with controlled loads has their record")
        owners, place = np.flatnonzero(self.owners), np.arange(len(outlook.slot))
        recorded = outlook.recorded_load[:, owners]
        so_far = np.concatenate([np.zeros((1, owners.size)), recorded.cumsum(axis=0)])
        recorded, now = recorded[: place.size], place[:, None]
        left, length = self._left(outlook.slot)[:, owners], self.num_slots[owners]
        inside, opens = left > 0, left == length
        to_end = np.take_along_axis(so_far, now + left, axis=0)
        later = np.where(inside, to_end - so_far[place + 1], 0.0)  # of the default schedule, after the interval
        opening = np.maximum.accumulate(np.where(opens, now, 0), axis=0)  # of the window, or the first interval
        due = to_end - so_far[place]
        due[0] = state["due"][0, owners]
        due = np.where(inside, np.take_along_axis(due, opening, axis=0), 0.0)
        new = opens & (now > 0)
        start = np.where(inside[0], -due[0], 0.0)
        nothing = np.zeros(recorded.shape)
        price = np.broadcast_to(outlook.off_peak_price[owners], recorded.shape)
        return LinearDevice(
            owners=owners,
            most_taken=np.where(inside, np.maximum(self.largest[owners], recorded), 0.0),
            most_given=nothing,
            take_cost=np.zeros(owners.size),
            give_cost=np.zeros(owners.size),
            fixed=np.where(inside, 0.0, recorded),
            default=np.where(inside, recorded, 0.0),
            units_per_kwh=self.units_per_kwh,
            store=LinearStore(
                start=start,
                retention=(inside & ~new).astype(np.float64),
                inflow=np.where(new, -due, 0.0),
                taken_in=np.ones(owners.size),
                given_out=np.ones(owners.size),
                lowest=-due,
                highest=nothing,
                deadlines=Target(nothing, np.where(left == 1, self.comfort_cost[owners], 0.0)),
                ends=(Target(-later, np.where(left > 1, price, 0.0)),),
            ),
        )

    def stored(self, state: DeviceState) -> FloatArray:
        """``(B, N)`` [kWh] what is due, below 0."""
        return -state["due"]

    def request(self, energy: FloatArray, interval: DeviceInterval) -> FloatArray:
        """Requests ``(B, N)`` that ask for ``energy`` (B, N) [kWh]; what is recorded, for more than the rated power."""
        recorded = self._recorded(interval, 0, np.ones(energy.shape, dtype=np.int64))
        rated = np.where(self.owners, self.largest, 1.0)
        asked = np.clip(2.0 * energy / rated - 1.0, -1.0, 1.0)
        return np.where(np.minimum(energy, recorded) > rated + 0.5 / self.units_per_kwh, np.nan, asked)

    def key_figures(self, record: DeviceRecord) -> dict[str, float]:
        """Energy taken."""
        return {"controlled_load_taken_kwh": float(record.energy.sum(axis=(0, 2)).mean())}

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:
        """What an episode that ends inside a window owes against the recorded schedule ``(B, N)`` [$]."""
        return np.maximum(state["due"] - state["later"], 0.0) * price
