"""Meters: what the data's homes needed and generated, on the energy grid, ready to be read by row and profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from p2p_market.devices.controlled_load import ControlledLoads
from p2p_market.errors import ConfigError
from p2p_market.types import AnyArray, BoolArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar
    from p2p_market.data.container import DataContainer

_MOST_UNITS = 2**30  # differences of two readings fit 32 bits


class Meters:
    """Readings of a street's data, by row of the data and by the home (profile) that each slot follows.

    Parameters
    ----------
    container
        The data.
    is_prosumer
        ``(N,)`` which slots have PV; elsewhere it is not read.
    pv_capacity_kw
        Size that every roof is scaled to; ``None``: as in the data.
    energy_unit
        [kWh] energy grid, a whole number of units a kWh.
    controlled_loads
        The device, where controlled loads are one: then they are no part of the demand, and their record is known
        apart.

    Attributes
    ----------
    units_per_kwh
        Energy grid.

    Raises
    ------
    ConfigError
        For an energy unit that does not fit a kWh, or is too fine for the readings; and for controlled loads that the
        data does not tell apart, or that need more than their window and power can deliver.
    """

    def __init__(
        self,
        container: DataContainer,
        *,
        is_prosumer: BoolArray,
        pv_capacity_kw: float | None = None,
        energy_unit: float = 0.001,
        controlled_loads: ControlledLoads | None = None,
    ) -> None:
        units_per_kwh = round(1.0 / energy_unit)
        if units_per_kwh < 1 or abs(units_per_kwh * energy_unit - 1.0) > 1e-9:
            raise ConfigError(
                f"the energy unit (market.energy_unit_wh) is {1000.0 * energy_unit:g} Wh; expected a whole number of "
                "units a kWh, e.g. 1 Wh"
            )
        self.units_per_kwh = units_per_kwh
        demand, self._recorded = container.demand, None
        if controlled_loads is not None:
            demand, load = _apart(container)
            self._recorded = _sum_up(load, container, controlled_loads, units_per_kwh)
        # demand and PV of all households, an interval after the other: one look-up reads both
        self._units: AnyArray = np.empty((2, container.demand.size), dtype=np.int32)
        self._units[0] = _in_units(demand, units_per_kwh).ravel()
        pv = _in_units(container.pv, units_per_kwh)
        if pv_capacity_kw is not None:
            pv = np.rint(pv * _scale_to(pv_capacity_kw, container.pv_capacity))
            if pv.max() > _MOST_UNITS:
                self._units = self._units.astype(np.float64)
        self._units[1] = pv.ravel()
        num_rows, num_homes = container.get_size()
        self._first_unit = num_homes * np.arange(num_rows)  # where the interval of each row starts in that table
        self._pv_mask = None if is_prosumer.all() else is_prosumer.astype(np.float64)

    def read(self, row: IntArray, profile: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Demand, PV and net load ``(B, N)`` [kWh] of rows ``row`` (B,) and profiles ``(B, N)``.

        A row past the end of the data reads the last one; only an episode that ends with the data gets there.
        """
        energy = np.empty((3, *profile.shape))
        energy[:2] = self._units.take(self._first_unit.take(row, mode="clip")[:, None] + profile, axis=1)
        if self._pv_mask is not None:
            energy[1] *= self._pv_mask
        np.subtract(energy[0], energy[1], out=energy[2])
        energy /= self.units_per_kwh
        return energy[0], energy[1], energy[2]

    @property
    def has_controlled_load(self) -> bool:
        """Whether controlled loads are devices, so that their record is known apart."""
        return self._recorded is not None

    def read_controlled_load(self, first: IntArray, end: IntArray, profile: IntArray) -> FloatArray:
        """Controlled load [kWh] recorded in rows ``first`` up to, without, ``end``, 0 past the end of the data.

        Parameters
        ----------
        first, end
            Rows that broadcast to the shape of ``profile``.
        profile
            The homes.
        """
        table = self._recorded
        assert table is not None  # noqa: S101 - asked on streets with such devices alone
        last = len(table) - 1
        energy: FloatArray = table[np.minimum(end, last), profile] - table[np.minimum(first, last), profile]
        return energy / self.units_per_kwh


def _apart(container: DataContainer) -> tuple[Float32Array, Float32Array]:
    """``(T, H)`` [kWh] demand without controlled load, and the controlled load."""
    if container.controlled_load is None:
        raise ConfigError(
            "devices.controlled_load: the data has no controlled load kept apart; load it with "
            "include_controlled_load, or leave the device out"
        )
    return np.maximum(container.demand - container.controlled_load, np.float32(0.0)), container.controlled_load


def _sum_up(load: Float32Array, container: DataContainer, device: ControlledLoads, units_per_kwh: int) -> FloatArray:
    """``(T + 1, H)`` units of controlled load recorded before each row."""
    units = _in_units(load, units_per_kwh)
    table: FloatArray = np.concatenate([np.zeros((1, units.shape[1])), np.cumsum(units, axis=0)])
    calendar: Calendar = container.calendar
    windows = {place for place in zip(device.first_slot, device.num_slots, device.largest, strict=True) if place[2]}
    for first_slot, num_slots, largest in windows:
        opens = np.flatnonzero(calendar.slot == first_slot)
        needed = table[np.minimum(opens + num_slots, len(units))] - table[opens]
        if needed.max(initial=0.0) > largest * num_slots * units_per_kwh + 1e-6:
            day, home = np.unravel_index(needed.argmax(), needed.shape)
            raise ConfigError(
                f"devices.controlled_load: {largest * num_slots:g} kWh can be delivered in the window, and "
                f"customer {container.customer_ids[home]} needs {needed.max() / units_per_kwh:g} kWh in that of "
                f"{calendar.day[opens[day]]}; raise power_kw or window_hours"
            )
    return table


def _scale_to(capacity_kw: float, capacity: FloatArray) -> FloatArray:
    """``(H,)`` factor from the data's PV to roofs of one size."""
    return np.where(capacity > 0.0, capacity_kw / np.where(capacity > 0.0, capacity, 1.0), 0.0)


def _in_units(energy: Float32Array, units_per_kwh: int) -> FloatArray:
    """Whole units of energy; a reading half way between two goes to the even one, as it is written in decimals.

    A float32 is off its decimals by up to 6e-8 of itself, so a thousandth of a unit is settled first.
    """
    units = np.round(energy * np.float64(units_per_kwh), 3)
    if units.max() > _MOST_UNITS:
        raise ConfigError(
            f"the energy unit (market.energy_unit_wh) of {1000.0 / units_per_kwh:g} Wh is too fine for readings of up "
            f"to {float(energy.max()):g} kWh; expected at least {1000.0 * float(energy.max()) / _MOST_UNITS:.1g} Wh"
        )
    return np.rint(units, out=units)
