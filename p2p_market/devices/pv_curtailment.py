"""PV curtailment as a choice: a part of what the roof could give is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2p_market.devices.base import (
    ONE_OF_OWNERS,
    DeviceDesign,
    DeviceDraw,
    DeviceInterval,
    DeviceMove,
    DeviceRecord,
    DeviceState,
    Owners,
    key,
)
from p2p_market.devices.linear import DeviceOutlook, LinearDevice
from p2p_market.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class PvCurtailmentDesign(DeviceDesign):
    """Inverters that can be told to give less.

    Parameters
    ----------
    share, owners
        As of `DeviceDesign`.
    """

    owners: Owners = key("prosumers", ONE_OF_OWNERS)


@dataclass(frozen=True, eq=False)
class PvCurtailment:
    r"""The inverters of a street that can be told to give less.

    A request :math:`a` throws away the share :math:`(a + 1) / 2` of the interval's PV, in whole units of energy. It
    costs nothing but the energy; the default throws nothing away.

    Parameters
    ----------
    owners
        ``(N,)`` which households have one.
    units_per_kwh
        Energy grid: what is thrown away is cut down to whole units.
    """

    owners: BoolArray
    units_per_kwh: int = 1000

    @classmethod
    def of_designs(
        cls,
        designs: Sequence[PvCurtailmentDesign],  # noqa: ARG003 (they differ in nothing but who has one)
        design_of: IntArray,
        interval_hours: float,  # noqa: ARG003 (a share of the energy has no power)
        units_per_kwh: int,
    ) -> PvCurtailment:
        """Inverters of a street from which design each household ``(N,)`` has, -1 for none."""
        return cls(design_of >= 0, units_per_kwh)

    def can_curtail(self, state: DeviceState, energy_scale: float) -> FloatArray:  # noqa: ARG002 (the same for all)
        """``(B, N)`` 1 for households that have one."""
        return np.broadcast_to(self.owners.astype(np.float64), state["curtailed"].shape)

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> DeviceDraw:  # noqa: ARG002
        """Nothing is left to chance."""
        return {}

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State at the start of an episode: ``curtailed`` [kWh] in the last interval, 0."""
        return {"curtailed": np.zeros_like(interval.pv)}

    def move(self, state: DeviceState, request: FloatArray, interval: DeviceInterval) -> DeviceMove:  # noqa: ARG002
        """Throw away a share of the PV; the energy is that much more net load.

        Parameters
        ----------
        state
            Before the interval; what was thrown away before does not matter.
        request
            ``(B, N)``; -1 throws nothing away, 1 everything, nan nothing.
        interval
            The interval, for its PV.
        """
        share = np.where(self.owners & ~np.isnan(request), 0.5 * (request + 1.0), 0.0)
        units = np.rint(interval.pv * self.units_per_kwh)
        wanted = share * interval.pv
        energy = np.floor(share * units) / self.units_per_kwh
        nothing = np.zeros_like(energy)
        return DeviceMove(
            state={"curtailed": energy}, energy=energy, default_energy=nothing, cut=wanted - energy, cost=nothing
        )

    def describe(self, state: DeviceState, outlook: DeviceOutlook) -> LinearDevice:  # noqa: ARG002 (nothing is kept)
        """Describe them over coming intervals, see `Plannable`: they take some of the PV, and keep nothing."""
        owners = np.flatnonzero(self.owners)
        pv = outlook.pv[:, owners]
        nothing, free = np.zeros(pv.shape), np.zeros(owners.size)
        return LinearDevice(
            owners=owners,
            most_taken=pv,
            most_given=nothing,
            take_cost=free,
            give_cost=free,
            fixed=nothing,
            default=nothing,
            units_per_kwh=self.units_per_kwh,
        )

    def stored(self, state: DeviceState) -> FloatArray:
        """Nothing is kept: 0 ``(B, N)`` [kWh]."""
        return np.zeros_like(state["curtailed"])

    def request(self, energy: FloatArray, interval: DeviceInterval) -> FloatArray:
        """Requests ``(B, N)`` that throw away ``energy`` (B, N) [kWh]."""
        share = np.clip(energy / np.where(interval.pv > 0.0, interval.pv, 1.0), 0.0, 1.0)
        return 2.0 * share - 1.0

    def key_figures(self, record: DeviceRecord) -> dict[str, float]:
        """Energy thrown away."""
        return {"pv_curtailed_kwh": float(record.energy.sum(axis=(0, 2)).mean())}

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:  # noqa: ARG002 (nothing is owed)
        """Nothing is owed at the end of an episode: 0 ``(B, N)`` [$]."""
        return np.zeros_like(state["curtailed"])
