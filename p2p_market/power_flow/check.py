"""The power flow of an episode: from net loads of households to voltages, loadings and losses of their feeder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from p2p_market.power_flow.engine import Flow, solve
from p2p_market.power_flow.feeder import Feeder
from p2p_market.power_flow.placement import sum_by_connection
from p2p_market.types import BoolArray, FloatArray, IntArray

VOLTAGE_LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"as_60038": (0.94, 1.10), "en_50160": (0.90, 1.10)}
)
"""Lowest and highest voltage where households connect, in parts of the nominal 230 V: Australia's (AS 60038, to
which AS 61000.3.100 holds networks) and Europe's (EN 50160)."""


@dataclass(frozen=True, eq=False)
class PowerFlow:
    """The power flow of ``T`` intervals and ``B`` markets, and where the ``N`` households are.

    Attributes
    ----------
    feeder
        The network.
    places
        ``(N,)`` place of each household's node in `Feeder.connections`.
    voltage_limits
        Lowest and highest voltage that is allowed where households connect [p.u.].
    interval_hours
        Length of an interval [h].
    flow
        The states, ``S = T * B`` in the order of a ``(T, B)`` table.
    power
        ``(S, C)`` [kW] that each connection takes; < 0 where it gives.
    shape
        ``(T, B)``.
    """

    feeder: Feeder
    places: IntArray
    voltage_limits: tuple[float, float]
    interval_hours: float
    flow: Flow
    power: FloatArray
    shape: tuple[int, int]

    @property
    def household_voltage(self) -> FloatArray:
        """``(S, N)`` [p.u.]; nan without a solution."""
        nodes = [self.feeder.nodes.index(node) for node in self.feeder.connections]
        return self.flow.voltage[:, np.array(nodes)[self.places]]

    @property
    def outside_limits(self) -> BoolArray:
        """``(S, N)`` whether a household's voltage is outside the limits; true without a solution."""
        low, high = self.voltage_limits
        voltage = self.household_voltage
        within: BoolArray = (voltage >= low) & (voltage <= high)
        return ~within

    @property
    def overloaded(self) -> BoolArray:
        """``(S,)`` whether the transformer or a line carries more than its rating; true without a solution."""
        within: BoolArray = (self.flow.line_loading <= 100.0).all(axis=1) & (self.flow.transformer_loading <= 100.0)
        return ~within

    @property
    def energy_in(self) -> FloatArray:
        """``(S,)`` [kWh] that enters the feeder, from the grid and from connections that give; nan unsolved."""
        given = np.maximum(-self.power, 0.0).sum(axis=1)
        energy: FloatArray = (np.maximum(self.flow.grid_power, 0.0) + given) * self.interval_hours
        return energy


def check_episode(
    feeder: Feeder,
    net_load: FloatArray,
    demand: FloatArray,
    places: IntArray,
    interval_hours: float,
    *,
    power_factor: float = 0.95,
    source_voltage: float = 1.0,
    voltage_limits: tuple[float, float] = VOLTAGE_LIMITS["as_60038"],
) -> PowerFlow:
    r"""Work out the power flow of every interval of an episode in one batch.

    A household takes its mean power of the interval, on three phases alike. Its demand takes reactive power too,
    :math:`Q = P \tan \arccos \varphi`; PV and devices work at a power factor of 1.

    Parameters
    ----------
    feeder
        The network.
    net_load
        ``(T, B, N)`` [kWh per interval] metered, devices included; < 0 where a household gives.
    demand
        ``(T, B, N)`` [kWh per interval] without PV and devices.
    places
        ``(N,)`` where households connect, see `place_households`.
    interval_hours
        Length of an interval [h].
    power_factor
        Of the demand, lagging; above 0, up to 1.
    source_voltage
        Voltage on the high-voltage side of the transformer [p.u.].
    voltage_limits
        Lowest and highest voltage where households connect [p.u.].

    Raises
    ------
    MissingExtraError
        Without power-grid-model.
    """
    num_intervals, num_markets, num_households = net_load.shape
    power, drawn = (
        sum_by_connection(values.reshape(-1, num_households), places, len(feeder.connections)) / interval_hours
        for values in (net_load, demand)
    )
    reactive_power = drawn * math.tan(math.acos(power_factor))
    flow = solve(feeder, power, reactive_power, source_voltage)
    return PowerFlow(feeder, places, voltage_limits, interval_hours, flow, power, (num_intervals, num_markets))
