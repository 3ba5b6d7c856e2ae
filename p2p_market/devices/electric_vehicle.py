"""Electric vehicles at home: plugged in between trips, charged before the next one, and lent to the house if asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.devices.base import (
    EFFICIENCY,
    ENERGY,
    POWER,
    PRICE,
    SHARE,
    YES_OR_NO,
    DeviceDesign,
    DeviceDraw,
    DeviceInterval,
    DeviceMove,
    DeviceRecord,
    DeviceState,
    Limits,
    key,
)
from p2p_market.devices.linear import DeviceOutlook, LinearDevice
from p2p_market.devices.vehicle_outlook import KIND, describe_vehicles, whole_units
from p2p_market.devices.vehicle_trips import SlotChances, TripChances, draw_trips, log_moments
from p2p_market.errors import ConfigError
from p2p_market.types import BoolArray, FloatArray, IntArray

_HOUR = Limits("h", high=23.0)
_DEVIATION = Limits("h", high=24.0, above=True)


@dataclass(frozen=True)
class ElectricVehicleDesign(DeviceDesign):
    """One kind of vehicle and of owner.

    Parameters
    ----------
    share, owners
        As of `DeviceDesign`.
    capacity_kwh
        What is stored in a vehicle that is ready to leave.
    power_kw
        Most that the charger takes, or gives, on the AC side.
    charge_efficiency, discharge_efficiency
        Share of the energy that gets through.
    vehicle_to_home
        Whether the vehicle can give energy back while it is plugged in.
    minimum_share
        Of the capacity: what giving back and trips leave.
    departure_hour
        Mean time at which it leaves, on days on which it does, before the ends are cut off.
    departure_deviation_hours
        Standard deviation of that time.
    earliest_departure_hour, latest_departure_hour
        Where its distribution is cut off.
    arrival_hour
        Mean time at which it is back, before the ends are cut off.
    arrival_deviation_hours
        Standard deviation of that time.
    earliest_arrival_hour, latest_arrival_hour
        Where its distribution is cut off.
    trip_energy_kwh
        Mean of what it uses in between, before large values are cut.
    trip_energy_deviation_kwh
        Standard deviation of it.
    most_trip_energy_kwh
        Larger values are cut to this: what is used beyond is charged on the way.
    present_share
        Share of the days on which it stays at home.
    comfort_dollars_per_kwh
        Penalty for what is missing at departure; it is charged on the way then.
    wear_dollars_per_kwh
        Of energy that it gives back.
    """

    capacity_kwh: float = key(60.0, ENERGY)
    power_kw: float = key(7.0, POWER)
    charge_efficiency: float = key(0.9, EFFICIENCY)
    discharge_efficiency: float = key(0.9, EFFICIENCY)
    vehicle_to_home: bool = key(default=False, limits=YES_OR_NO)
    minimum_share: float = key(0.2, SHARE)
    departure_hour: float = key(8.9, _HOUR)
    departure_deviation_hours: float = key(3.4, _DEVIATION)
    earliest_departure_hour: float = key(5.0, _HOUR)
    latest_departure_hour: float = key(12.0, _HOUR)
    arrival_hour: float = key(17.5, _HOUR)
    arrival_deviation_hours: float = key(3.4, _DEVIATION)
    earliest_arrival_hour: float = key(13.0, _HOUR)
    latest_arrival_hour: float = key(22.0, _HOUR)
    trip_energy_kwh: float = key(7.0, ENERGY)
    trip_energy_deviation_kwh: float = key(5.0, Limits("kWh", high=1e6))
    most_trip_energy_kwh: float = key(30.0, ENERGY)
    present_share: float = key(0.2, SHARE)
    comfort_dollars_per_kwh: float = key(1.0, PRICE)
    wear_dollars_per_kwh: float = key(0.0, PRICE)

    def __post_init__(self) -> None:
        super().__post_init__()
        for event in ("departure", "arrival"):
            earliest, mean, latest = (
                getattr(self, name) for name in (f"earliest_{event}_hour", f"{event}_hour", f"latest_{event}_hour")
            )
            if not earliest <= mean <= latest:
                raise ConfigError(
                    f"{event}_hour is {mean!r}, earliest_{event}_hour {earliest!r} and latest_{event}_hour {latest!r}; "
                    "expected a mean between the two ends"
                )
        if self.earliest_arrival_hour <= self.latest_departure_hour:
            raise ConfigError(
                f"earliest_arrival_hour is {self.earliest_arrival_hour!r}, not after latest_departure_hour, "
                f"{self.latest_departure_hour!r}; expected a vehicle that has left before it comes back"
            )
        if self.trip_energy_kwh > self.most_trip_energy_kwh:
            raise ConfigError(
                f"trip_energy_kwh is {self.trip_energy_kwh!r}, above most_trip_energy_kwh, "
                f"{self.most_trip_energy_kwh!r}; expected a mean below what trips are cut to"
            )
        usable = (1.0 - self.minimum_share) * self.capacity_kwh
        if self.most_trip_energy_kwh > usable:
            raise ConfigError(
                f"most_trip_energy_kwh is {self.most_trip_energy_kwh!r}, and a battery of {self.capacity_kwh:g} kWh "
                f"gives {usable:g} kWh above its minimum_share; expected trips that it can drive"
            )

    def trips(self, owners: BoolArray, interval_hours: float) -> TripChances:
        """What chance decides about those of the households ``owners`` (N,)."""
        location, scale = log_moments(
            self.trip_energy_kwh / self.charge_efficiency, self.trip_energy_deviation_kwh / self.charge_efficiency
        )
        return TripChances(
            owners=owners,
            departure=SlotChances.of_hours(
                self.departure_hour,
                self.departure_deviation_hours,
                self.earliest_departure_hour,
                self.latest_departure_hour,
                interval_hours,
                up=False,
            ),
            arrival=SlotChances.of_hours(
                self.arrival_hour,
                self.arrival_deviation_hours,
                self.earliest_arrival_hour,
                self.latest_arrival_hour,
                interval_hours,
                up=True,
            ),
            need_location=location,
            need_scale=scale,
            largest_need=self.most_trip_energy_kwh / self.charge_efficiency,
            present_share=self.present_share,
        )


@dataclass(frozen=True, eq=False)
class ElectricVehicles:
    r"""The electric vehicles of a street, ``(N,)`` each.

    What is due is the energy that the charger has to take, on the AC side, until the vehicle is ready to leave. It
    comes back from a trip of the energy :math:`E` with :math:`D = E / \eta_c`, in whole units of energy; in every
    interval in which it is plugged in it takes :math:`c` and gives :math:`d`,

    .. math:: D' = D - c + d / (\eta_c \eta_d), \quad 0 \le c \le \min(D, P h), \quad
              0 \le d \le \min(P h, \eta_c \eta_d (D_\max - D)),

    with :math:`D_\max = (1 - m) C / \eta_c`. What is due when it leaves is missed, costs comfort, and is charged on the
    way, so that :math:`D` starts anew with every stay. The default schedule charges on arrival at full power.

    Parameters
    ----------
    owners
        Which households have one.
    largest_charge, largest_discharge
        [kWh] most that is taken and given in an interval; whole units.
    most_due
        [kWh] that is due at the minimum charge.
    round_trip_efficiency
        Share of the energy taken that can be given back.
    comfort_cost
        [$/kWh] of what is missed.
    wear_cost
        [$/kWh] of what is given.
    chances
        How trips are drawn, by design.
    interval_hours
        Length of an interval [h].
    units_per_kwh
        Energy grid: what is taken and given is cut down to whole units.
    """

    owners: BoolArray
    largest_charge: FloatArray
    largest_discharge: FloatArray
    most_due: FloatArray
    round_trip_efficiency: FloatArray
    comfort_cost: FloatArray
    wear_cost: FloatArray
    chances: tuple[TripChances, ...]
    interval_hours: float = 0.5
    units_per_kwh: int = 1000

    @classmethod
    def of_designs(
        cls, designs: Sequence[ElectricVehicleDesign], design_of: IntArray, interval_hours: float, units_per_kwh: int
    ) -> ElectricVehicles:
        """Vehicles of a street from designs and which of them each household ``(N,)`` has, -1 for none.

        Raises
        ------
        ConfigError
            If the longest trip cannot be charged in the shortest stay.
        """
        slots_per_day = round(24.0 / interval_hours)
        chances = tuple(design.trips(design_of == number, interval_hours) for number, design in enumerate(designs))
        for design, trips in zip(designs, chances, strict=True):
            at_full_power = whole_units(np.array(design.power_kw * interval_hours), units_per_kwh)
            shortest = slots_per_day - trips.arrival.last + trips.departure.first
            most = float(at_full_power * shortest)
            if round(most * units_per_kwh) < round(trips.largest_need * units_per_kwh):
                raise ConfigError(
                    f"a vehicle that comes back at latest_arrival_hour, {design.latest_arrival_hour:g}, and leaves at "
                    f"earliest_departure_hour, {design.earliest_departure_hour:g}, charges {most:g} kWh at power_kw, "
                    f"{design.power_kw:g}, and a trip of most_trip_energy_kwh, {design.most_trip_energy_kwh:g}, needs "
                    f"{trips.largest_need:g} kWh; raise the power, or lower the trip or the latest arrival"
                )

        def column(name: str, of_nobody: float = 0.0) -> FloatArray:
            return np.array([*(getattr(design, name) for design in designs), of_nobody], dtype=np.float64)[design_of]

        in_interval = whole_units(column("power_kw") * interval_hours, units_per_kwh)
        charge_efficiency = column("charge_efficiency", 1.0)
        return cls(
            owners=design_of >= 0,
            largest_charge=in_interval,
            largest_discharge=in_interval * column("vehicle_to_home"),
            most_due=column("capacity_kwh") * (1.0 - column("minimum_share")) / charge_efficiency,
            round_trip_efficiency=charge_efficiency * column("discharge_efficiency", 1.0),
            comfort_cost=column("comfort_dollars_per_kwh"),
            wear_cost=column("wear_dollars_per_kwh"),
            chances=chances,
            interval_hours=interval_hours,
            units_per_kwh=units_per_kwh,
        )

    @cached_property
    def slots_per_day(self) -> int:
        """Intervals of a day."""
        return round(24.0 / self.interval_hours)

    def plugged_in(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (a yes has no scale)
        """``(B, N)`` 1 while a vehicle is plugged in."""
        return (state["left"] > 0.0).astype(np.float64)

    def due_days(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (days at full power)
        """``(B, N)`` energy due over what full power takes in a day."""
        return state["due"] / np.where(self.owners, self.largest_charge * self.slots_per_day, 1.0)

    def days_left(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (the same)
        """``(B, N)`` time to departure in days, 0 while it is away and 1 if it is longer."""
        return np.minimum(state["left"] / self.slots_per_day, 1.0)

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> DeviceDraw:
        """Trips of the episode, see `draw_trips`."""
        return draw_trips(self.chances, generators, slot, horizon, self.slots_per_day, self.units_per_kwh)

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State at the start of an episode: a vehicle at home has followed its default schedule since it came back.

        ``due`` [kWh], what the default schedule would leave ``default_due`` [kWh], and ``left``, the intervals till it
        leaves; all 0 while it is away.
        """
        draw = interval.draws[KIND]
        left, due = np.zeros_like(interval.demand), np.zeros_like(interval.demand)
        for day in (0, 1):
            arrival, leaves = draw["arrival"][:, day], (draw["arrival"] + draw["stay"])[:, day]
            here = (arrival <= 0) & (leaves > 0)
            charged = np.maximum(-arrival, 0) * self.largest_charge
            left[here] = leaves[here]
            due[here] = np.maximum(draw["need"][:, day] - charged, 0.0)[here]
        due = np.rint(due * self.units_per_kwh) / self.units_per_kwh
        return {"due": due, "default_due": due, "left": left}

    def move(self, state: DeviceState, request: FloatArray, interval: DeviceInterval) -> DeviceMove:
        """Charge or give back, as far as is possible.

        Parameters
        ----------
        state
            Before the interval.
        request
            ``(B, N)``; 1 charges at full power, -1 gives back at full power where the vehicle can and is off where it
            cannot, and in between it is proportional; nan charges at full power while energy is due. While a vehicle is
            away nothing is asked.
        interval
            The interval, with the trips of the episode.
        """
        due, left = state["due"], state["left"]
        is_here = left > 0.0
        on_arrival = whole_units(np.minimum(due, self.largest_charge), self.units_per_kwh)
        steered = 0.5 * (request + 1.0) * (self.largest_charge + self.largest_discharge) - self.largest_discharge
        wanted = np.where(is_here, np.where(np.isnan(request), on_arrival, steered), 0.0)
        most_given = np.minimum(self.largest_discharge, (self.most_due - due) * self.round_trip_efficiency)
        energy = whole_units(np.clip(wanted, -np.maximum(most_given, 0.0), on_arrival), self.units_per_kwh)
        given = np.maximum(-energy, 0.0)
        due = due - np.maximum(energy, 0.0) + given / self.round_trip_efficiency
        default = whole_units(np.minimum(state["default_due"], self.largest_charge), self.units_per_kwh)
        leaves = left == 1.0
        missed = np.where(leaves, whole_units(due, self.units_per_kwh), 0.0)
        return DeviceMove(
            state=self._next(due, state["default_due"] - default, left, interval),
            energy=energy,
            default_energy=default,
            cut=wanted - energy,
            cost=missed * self.comfort_cost + given * self.wear_cost,
            missed=missed,
            deadline=leaves,
        )

    def _next(
        self, due: FloatArray, default_due: FloatArray, left: FloatArray, interval: DeviceInterval
    ) -> DeviceState:
        """Before the next interval: some vehicles have left, and others come back."""
        draw, elapsed = interval.draws[KIND], interval.elapsed + 1
        place = np.arange(len(elapsed)), (draw["first"][:, 0] + elapsed) // self.slots_per_day
        comes = draw["arrival"][place] == elapsed[:, None]
        stays = left > 1.0
        due, default_due, left = due * stays, default_due * stays, np.maximum(left - 1.0, 0.0)
        if np.count_nonzero(comes):
            need = draw["need"][place][comes]
            due[comes], default_due[comes], left[comes] = need, need, draw["stay"][place][comes]
        return {"due": due, "default_due": default_due, "left": left}

    def describe(self, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:
        """Describe them over coming intervals, see `Plannable`; the store holds what is due, below 0.

        Where the trips of the episode are not known, a vehicle is described until it leaves, which its owner knows.
        """
        return describe_vehicles(self, state, outlook)

    def stored(self, state: DeviceState) -> FloatArray:
        """``(B, N)`` [kWh] what is due, below 0."""
        return -state["due"]

    def request(self, energy: FloatArray, interval: DeviceInterval) -> FloatArray:  # noqa: ARG002 (power is always the same)
        """Requests ``(B, N)`` that ask for ``energy`` (B, N) [kWh], > 0 charged, as far as the power goes."""
        reach = self.largest_charge + self.largest_discharge
        asked = 2.0 * (energy + self.largest_discharge) / np.where(reach > 0.0, reach, 1.0) - 1.0
        return np.clip(asked, -1.0, 1.0)

    def key_figures(self, record: DeviceRecord) -> dict[str, float]:
        """Energy charged, given back and missed, and the share of departures at which nothing was missing."""
        taken, given = np.maximum(record.energy, 0.0), np.maximum(-record.energy, 0.0)
        departures = float(record.deadlines.sum())
        served = float((record.deadlines * (record.missed == 0.0)).sum())
        return {
            "electric_vehicle_charged_kwh": float(taken.sum(axis=(0, 2)).mean()),
            "electric_vehicle_given_kwh": float(given.sum(axis=(0, 2)).mean()),
            "electric_vehicle_missed_kwh": float(record.missed.sum(axis=(0, 2)).mean()),
            "electric_vehicle_served_share": served / departures if departures > 0.0 else float("nan"),
        }

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:
        """What an episode that ends during a stay owes against the default schedule ``(B, N)`` [$].

        What can no longer be charged until departure costs comfort, as it will be missed; the rest of what is due
        beyond the default schedule is bought later.
        """
        beyond = np.maximum(state["due"] - state["left"] * self.largest_charge, 0.0)
        later = np.maximum(state["due"] - beyond - state["default_due"], 0.0)
        return beyond * self.comfort_cost + later * price
