"""Batteries behind the meter: what they can take and give, what they lose, and what their wear costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.devices.base import (
    EFFICIENCY,
    ENERGY,
    ONE_OF_OWNERS,
    POWER,
    PRICE,
    SHARE,
    DeviceDesign,
    DeviceDraw,
    DeviceInterval,
    DeviceMove,
    DeviceRecord,
    DeviceState,
    Limits,
    Owners,
    key,
)
from p2p_market.devices.linear import DeviceOutlook, LinearDevice, LinearStore, Target
from p2p_market.errors import ConfigError, is_number
from p2p_market.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class BatteryDesign(DeviceDesign):
    """One size of battery.

    Parameters
    ----------
    share, owners
        As of `DeviceDesign`.
    capacity_kwh
        Most that is stored.
    power_kw
        Most that is taken or given, on the AC side.
    charge_efficiency, discharge_efficiency
        Share of the energy that gets through.
    self_discharge_per_hour
        Share of the stored energy that is lost in an hour.
    minimum_share
        Of the capacity: what discharging leaves.
    initial_share
        Of the capacity: what is stored at the start of an episode.
    wear_dollars_per_kwh
        Of energy that passes the AC side, in either direction.
    """

    owners: Owners = key("prosumers", ONE_OF_OWNERS)
    capacity_kwh: float = key(10.0, ENERGY)
    power_kw: float = key(5.0, POWER)
    charge_efficiency: float = key(0.95, EFFICIENCY)
    discharge_efficiency: float = key(0.95, EFFICIENCY)
    self_discharge_per_hour: float = key(0.0, Limits("1/h", high=1.0))
    minimum_share: float = key(0.0, SHARE)
    initial_share: float = key(0.5, SHARE)
    wear_dollars_per_kwh: float = key(0.0, PRICE)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial_share < self.minimum_share:
            raise ConfigError(
                f"initial_share is {self.initial_share!r}, below minimum_share, {self.minimum_share!r}; "
                "expected a battery that starts with what it has to keep, or more"
            )


# What a battery can be: name, highest value, and whether 0 is too low.
_LIMITS = (
    ("capacity", np.inf, False),
    ("charge_power", np.inf, False),
    ("discharge_power", np.inf, False),
    ("charge_efficiency", 1.0, True),
    ("discharge_efficiency", 1.0, True),
    ("self_discharge", 1.0, False),
    ("minimum", np.inf, False),
    ("initial", np.inf, False),
    ("wear_cost", np.inf, False),
)


@dataclass(frozen=True, eq=False)
class Batteries:
    r"""The batteries of a street, ``(N,)`` each; capacity 0 where there is none.

    With stored energy :math:`e`, energy taken :math:`c` and given :math:`d`, both on the AC side, an interval of
    :math:`h` hours ends with

    .. math:: e' = (1 - \sigma)^h e + \eta_c c - d / \eta_d

    Parameters
    ----------
    capacity
        [kWh] most that is stored.
    charge_power, discharge_power
        [kW] on the AC side.
    charge_efficiency, discharge_efficiency
        Share of the energy that gets through, above 0 and up to 1.
    self_discharge
        Share of the stored energy that is lost in an hour.
    minimum, initial
        [kWh] that discharging leaves, and that are stored at the start of an episode.
    wear_cost
        [$/kWh] of energy that passes the AC side, in either direction.
    interval_hours
        Length of an interval [h].
    units_per_kwh
        Energy grid: what is taken and given is cut down to whole units.

    Raises
    ------
    ConfigError
        If an array is not ``(N,)``, or a battery cannot be: a capacity below 0, an efficiency of 0, a minimum above the
        capacity ...
    """

    capacity: FloatArray
    charge_power: FloatArray
    discharge_power: FloatArray
    charge_efficiency: FloatArray
    discharge_efficiency: FloatArray
    self_discharge: FloatArray
    minimum: FloatArray
    initial: FloatArray
    wear_cost: FloatArray
    interval_hours: float = 0.5
    units_per_kwh: int = 1000

    def __post_init__(self) -> None:
        if not (is_number(self.interval_hours) and self.interval_hours > 0.0):
            raise ConfigError(f"interval_hours is {self.interval_hours!r}; expected a number above 0")
        if self.units_per_kwh < 1:
            raise ConfigError(f"units_per_kwh is {self.units_per_kwh!r}; expected 1 or more")
        for name, highest, above in _LIMITS:
            values = getattr(self, name)
            if np.ndim(self.capacity) != 1 or np.shape(values) != self.capacity.shape:
                raise ConfigError(
                    f"{name} has the shape {np.shape(values)} beside capacities of {np.shape(self.capacity)}; "
                    "expected one entry a household in each, (N,)"
                )
            possible = np.isfinite(values) & (values > 0.0 if above else values >= 0.0) & (values <= highest)
            if not possible.all():
                household = int(np.argmin(possible))
                least = "above 0" if above else "0 or more"
                most = "" if highest == np.inf else f", at most {highest:g}"
                raise ConfigError(
                    f"{name} of household {household} is {values[household]:g}; expected a number {least}{most}"
                )
        for name in ("minimum", "initial"):
            values = getattr(self, name)
            over = self.owners & (values > self.capacity)
            if over.any():
                household = int(np.argmax(over))
                raise ConfigError(
                    f"{name} of household {household} is {values[household]:g} kWh, above the capacity of its battery, "
                    f"{self.capacity[household]:g} kWh"
                )

    @classmethod
    def of_designs(
        cls, designs: Sequence[BatteryDesign], design_of: IntArray, interval_hours: float, units_per_kwh: int
    ) -> Batteries:
        """Batteries of a street from designs and which of them each household ``(N,)`` has, -1 for none."""

        def column(name: str, of_nobody: float) -> FloatArray:
            return np.array([*(getattr(design, name) for design in designs), of_nobody], dtype=np.float64)[design_of]

        capacity, power = column("capacity_kwh", 0.0), column("power_kw", 0.0)
        return cls(
            capacity=capacity,
            charge_power=power,
            discharge_power=power,
            charge_efficiency=column("charge_efficiency", 1.0),
            discharge_efficiency=column("discharge_efficiency", 1.0),
            self_discharge=column("self_discharge_per_hour", 0.0),
            minimum=capacity * column("minimum_share", 0.0),
            initial=capacity * column("initial_share", 0.0),
            wear_cost=column("wear_dollars_per_kwh", 0.0),
            interval_hours=interval_hours,
            units_per_kwh=units_per_kwh,
        )

    @cached_property
    def owners(self) -> BoolArray:
        """``(N,)`` which households have a battery."""
        return self.capacity > 0.0

    @cached_property
    def retention(self) -> FloatArray:
        """``(N,)`` share of the stored energy that is left after an interval."""
        return np.power(1.0 - self.self_discharge, self.interval_hours)

    @cached_property
    def largest_charge(self) -> FloatArray:
        """``(N,)`` [kWh] taken in an interval at rated power."""
        return np.where(self.owners, self.charge_power * self.interval_hours, 0.0)

    @cached_property
    def largest_discharge(self) -> FloatArray:
        """``(N,)`` [kWh] given in an interval at rated power."""
        return np.where(self.owners, self.discharge_power * self.interval_hours, 0.0)

    @cached_property
    def round_trip_efficiency(self) -> FloatArray:
        """``(N,)`` share of the energy taken that comes back."""
        return self.charge_efficiency * self.discharge_efficiency

    @cached_property
    def _loses(self) -> bool:
        return bool((self.owners & (self.self_discharge > 0.0)).any())

    def charge_share(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (a share has no scale)
        """``(B, N)`` stored energy as a share of the capacity."""
        return state["stored"] / np.where(self.owners, self.capacity, 1.0)

    def relative_power(self, state: DeviceState, energy_scale: float) -> FloatArray:
        """``(B, N)`` rated charging power over the reference power."""
        return np.broadcast_to(self.largest_charge / energy_scale, state["stored"].shape)

    def relative_capacity(self, state: DeviceState, energy_scale: float) -> FloatArray:
        """``(B, N)`` capacity over four hours of the reference power."""
        four_hours = 4.0 * energy_scale / self.interval_hours
        return np.broadcast_to(self.capacity / four_hours, state["stored"].shape)

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> DeviceDraw:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State at the start of an episode: ``stored`` [kWh].

        With self-discharge ``unsteered`` too, what would be stored if nobody had steered.
        """
        stored = np.tile(np.where(self.owners, self.initial, 0.0), (len(interval.row), 1))
        return {"stored": stored, "unsteered": stored} if self._loses else {"stored": stored}

    def limits(self, state: DeviceState) -> tuple[FloatArray, FloatArray]:
        """Most that can be taken and given in the coming interval, ``(B, N)`` [kWh] each."""
        kept = state["stored"] * self.retention
        take = np.minimum((self.capacity - kept).clip(min=0.0) / self.charge_efficiency, self.largest_charge)
        give = np.minimum((kept - self.minimum).clip(min=0.0) * self.discharge_efficiency, self.largest_discharge)
        return take, give

    def move(
        self,
        state: DeviceState,
        request: FloatArray,
        interval: DeviceInterval | None = None,  # noqa: ARG002 (a battery is the same in all)
    ) -> DeviceMove:
        """Charge or discharge as far as power, capacity and charge allow.

        Parameters
        ----------
        state
            ``stored`` ``(B, N)`` [kWh] before the interval.
        request
            ``(B, N)``; 1 charges at rated power, -1 discharges at it, nan is idle.
        interval
            The interval; may be left out, a battery is the same in all.
        """
        request = np.where(np.isnan(request), 0.0, request)
        wanted = request * np.where(request > 0.0, self.largest_charge, self.largest_discharge)
        take, give = self.limits(state)
        energy = np.trunc(np.clip(wanted, -give, take) * self.units_per_kwh) / self.units_per_kwh + 0.0
        stored = state["stored"] * self.retention
        stored += np.maximum(energy, 0.0) * self.charge_efficiency
        stored -= np.maximum(-energy, 0.0) / self.discharge_efficiency
        left_alone = {"unsteered": state["unsteered"] * self.retention} if "unsteered" in state else {}
        return DeviceMove(
            state={"stored": stored, **left_alone},
            energy=energy,
            default_energy=np.zeros_like(energy),  # left alone it is idle
            cut=np.where(self.owners, wanted - energy, 0.0),
            cost=np.abs(energy) * self.wear_cost,
            default_state={"stored": left_alone["unsteered"]} if left_alone else None,
        )

    def key_figures(self, record: DeviceRecord) -> dict[str, float]:
        """Energy taken and given; full cycles: what is given over what a full battery gives, mean over batteries."""
        taken, given = np.maximum(record.energy, 0.0).sum(axis=0), np.maximum(-record.energy, 0.0).sum(axis=0)
        full = (self.capacity * self.discharge_efficiency)[self.owners]
        return {
            "battery_taken_kwh": float(taken.sum(axis=1).mean()),
            "battery_given_kwh": float(given.sum(axis=1).mean()),
            "battery_cycles": float((given[:, self.owners] / full).mean()),
        }

    def describe(self, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:
        """Describe them over coming intervals, see `Plannable`.

        Discharging keeps the minimum, self-discharge does not, and its limit here is that nothing leads lower than from
        the start, or from the minimum, by self-discharge alone. A battery that has fallen below its minimum may be used
        down to there, which `move` does not do.
        """
        owners, num_intervals = np.flatnonzero(self.owners), len(outlook.slot)
        shape = (num_intervals, owners.size)
        start, retention = state["stored"][0, owners], self.retention[owners]
        floor = np.minimum(start, self.minimum[owners]) * retention ** np.arange(1, num_intervals + 1)[:, None]
        price = outlook.off_peak_price[owners] / self.round_trip_efficiency[owners]
        nothing = np.zeros(shape)
        return LinearDevice(
            owners=owners,
            most_taken=np.broadcast_to(self.largest_charge[owners], shape),
            most_given=np.broadcast_to(self.largest_discharge[owners], shape),
            take_cost=self.wear_cost[owners],
            give_cost=self.wear_cost[owners],
            fixed=nothing,
            default=nothing,
            units_per_kwh=self.units_per_kwh,
            store=LinearStore(
                start=start,
                retention=np.broadcast_to(retention, shape),
                inflow=nothing,
                taken_in=self.charge_efficiency[owners],
                given_out=self.discharge_efficiency[owners],
                lowest=floor,
                highest=np.broadcast_to(self.capacity[owners], shape),
                ends=(Target(np.broadcast_to(self.initial[owners], shape), np.broadcast_to(price, shape)),),
            ),
        )

    def stored(self, state: DeviceState) -> FloatArray:
        """``(B, N)`` [kWh]."""
        return state["stored"]

    def request(self, energy: FloatArray, interval: DeviceInterval | None = None) -> FloatArray:  # noqa: ARG002 (as in `move`)
        """Requests ``(B, N)`` that ask for ``energy`` (B, N) [kWh], > 0 taken, as far as the rated power goes."""
        rated = np.where(energy > 0.0, self.largest_charge, self.largest_discharge)
        return np.clip(energy / np.where(rated > 0.0, rated, 1.0), -1.0, 1.0) * (rated > 0.0)

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:
        """What charge that is missing against the start is worth ``(B, N)`` [$]; excess is worth nothing.

        Parameters
        ----------
        state
            At the end of an episode.
        price
            Broadcastable to ``(B, N)`` [$/kWh] at which it is bought back, with the losses of a round trip.
        """
        missing = np.maximum(self.initial - state["stored"], 0.0) * self.owners
        return missing * price / self.round_trip_efficiency
