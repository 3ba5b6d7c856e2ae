"""Electric vehicles over coming intervals, for plans: when they are plugged in, what falls due, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.devices.base import DeviceState
from p2p_market.devices.linear import DeviceOutlook, LinearDevice, LinearStore, Target
from p2p_market.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.devices.electric_vehicle import ElectricVehicles

KIND = "electric_vehicle"


@dataclass(frozen=True, eq=False)
class Stays:
    """The ``M`` owners of vehicles and their stays at home over ``T`` intervals, ``(T, M)`` each."""

    owners: IntArray  # (M,)
    left: FloatArray  # intervals until it leaves, this one included; 0 while it is away
    arrives: BoolArray  # whether a stay begins
    need: FloatArray  # [kWh] due when the stay began, or before the first interval; 0 while it is away
    default: FloatArray  # [kWh] that the default schedule charges
    default_due: FloatArray  # [kWh] that it leaves due after the interval

    @classmethod
    def ahead(cls, vehicles: ElectricVehicles, state: DeviceState, outlook: DeviceOutlook) -> Stays:
        """Stays from the one under way, ``state`` (1, N) before the first interval, and the trips that are known."""
        owners, num_intervals = np.flatnonzero(vehicles.owners), len(outlook.slot)
        shape = (num_intervals, owners.size)
        arrives, stay, energy = np.zeros(shape, dtype=bool), np.zeros(shape), np.zeros(shape)
        draw = outlook.draws.get(KIND)
        if draw is not None:
            arrival = draw["arrival"][0][:, owners] - outlook.elapsed
            day, place = np.nonzero((arrival > 0) & (arrival < num_intervals))
            at = arrival[day, place], place
            arrives[at] = True
            stay[at], energy[at] = draw["stay"][0][day, owners[place]], draw["need"][0][day, owners[place]]

        left, need, default, default_due = (np.zeros(shape) for _ in range(4))
        until, began_with, owed = (state[name][0, owners] for name in ("left", "due", "default_due"))
        largest = vehicles.largest_charge[owners]
        for interval in range(num_intervals):
            if interval:
                comes = arrives[interval]
                until = np.where(comes, stay[interval], np.maximum(until - 1.0, 0.0))
                began_with = np.where(comes, energy[interval], began_with)
                owed = np.where(comes, energy[interval], owed)
            is_here = until > 0.0
            left[interval], need[interval] = until, np.where(is_here, began_with, 0.0)
            default[interval] = whole_units(np.where(is_here, np.minimum(owed, largest), 0.0), vehicles.units_per_kwh)
            owed = np.where(is_here, owed - default[interval], 0.0)
            default_due[interval] = owed
        return cls(owners, left, arrives, need, default, default_due)


def describe_vehicles(vehicles: ElectricVehicles, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:
    """Describe vehicles, see `ElectricVehicles.describe`; the store holds what is due, below 0."""
    stays = Stays.ahead(vehicles, state, outlook)
    owners, here = stays.owners, stays.left > 0.0
    gives = vehicles.largest_discharge[owners] > 0.0
    # less than a whole unit is not missed, and only what is given back can leave that
    not_missed = np.where(gives, 1.0 / vehicles.units_per_kwh, 0.0)
    ends, ends_at_least = _end_costs(vehicles, stays, outlook.off_peak_price[owners])
    nothing = np.zeros(here.shape)
    return LinearDevice(
        owners=owners,
        most_taken=np.where(here, vehicles.largest_charge[owners], 0.0),
        most_given=np.where(here, vehicles.largest_discharge[owners], 0.0),
        take_cost=np.zeros(owners.size),
        give_cost=vehicles.wear_cost[owners],
        fixed=nothing,
        default=stays.default,
        units_per_kwh=vehicles.units_per_kwh,
        store=LinearStore(
            start=-state["due"][0, owners],
            retention=(here & ~stays.arrives).astype(np.float64),
            inflow=np.where(stays.arrives, -stays.need, 0.0),
            taken_in=np.ones(owners.size),
            given_out=vehicles.round_trip_efficiency[owners],
            lowest=np.where(here, -_most_due(vehicles, stays), 0.0),
            highest=nothing,
            deadlines=Target(
                np.broadcast_to(-not_missed, here.shape),
                np.where(stays.left == 1.0, vehicles.comfort_cost[owners], 0.0),
            ),
            ends=ends,
            ends_at_least=ends_at_least,
        ),
    )


def _end_costs(
    vehicles: ElectricVehicles, stays: Stays, price: FloatArray
) -> tuple[tuple[Target, ...], tuple[Target, ...] | None]:
    """`ElectricVehicles.end_cost` by what is due, and a convex function below it where comfort is cheap."""
    owners, stays_on = stays.owners, stays.left > 1.0
    comfort = vehicles.comfort_cost[owners]
    chargeable = (stays.left - 1.0) * vehicles.largest_charge[owners]
    by_default = np.minimum(stays.default_due, chargeable)
    exact = (
        Target(-by_default, np.where(stays_on, price, 0.0)),
        Target(-chargeable, np.where(stays_on, comfort - price, 0.0)),
    )
    if (comfort >= price).all():
        return exact, None
    most_due = _most_due(vehicles, stays)
    highest = sum(target.cost(-most_due) for target in exact)
    chord = highest / np.maximum(most_due - by_default, 1.0 / vehicles.units_per_kwh)
    is_cheap = stays_on & (comfort < price)
    return exact, (
        Target(-by_default, np.where(is_cheap, chord, exact[0].price)),
        Target(-chargeable, np.where(is_cheap, 0.0, exact[1].price)),
    )


def _most_due(vehicles: ElectricVehicles, stays: Stays) -> FloatArray:
    gives = vehicles.largest_discharge[stays.owners] > 0.0
    return np.maximum(stays.need, np.where(gives, vehicles.most_due[stays.owners], 0.0))


def whole_units(energy: FloatArray, units_per_kwh: int) -> FloatArray:
    """Energy [kWh] cut down to whole units, from which sums of them may be off by a trillionth."""
    whole: FloatArray = np.trunc(energy * (units_per_kwh * (1.0 + 1e-12))) / units_per_kwh + 0.0
    return whole
