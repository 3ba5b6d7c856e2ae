"""Storage rules for agents that see observations: the view from features, and the move that a battery will make."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from p2p_market.devices.base import DeviceState
from p2p_market.devices.battery import Batteries
from p2p_market.errors import ActionError, ConfigError
from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.policies.storage import StorageRule
    from p2p_market.scenario.scenario import AuctionScenario

_DAY = ("weekday_sine", "weekday_cosine", "season_sine", "season_cosine")  # tell days apart; last of the calendar's
_PER_HOUSEHOLD = (
    "capacity", "charge_power", "discharge_power", "charge_efficiency", "discharge_efficiency", "self_discharge",
    "minimum", "initial", "wear_cost",
)  # fmt: skip


class ObservedStorageView:
    """What observations ``(B, L, F)`` say of what a storage rule asks for; attributes as of `StorageView`.

    A rule that asks for what no feature shows gets an error which names the feature.
    """

    def __init__(
        self,
        name: str,
        scenario: AuctionScenario,
        households: IntArray,
        batteries: Batteries,
        values: FloatArray,
        net_load: FloatArray,
    ) -> None:
        self._name, self._scenario, self._households = name, scenario, households
        self._values = values
        self.net_load = net_load
        self.largest_charge = batteries.largest_charge

    @property
    def retail_price(self) -> FloatArray:
        """``(B, L)`` [$/kWh]."""
        return self.read("retail_price") * self._scenario.scales.price

    @property
    def cheapest_price(self) -> FloatArray:
        """``(B, L)`` [$/kWh] lowest retail price of the day, which the own tariff tells."""
        return self._retail_of_day[0]

    @property
    def dearest_price(self) -> FloatArray:
        """``(B, L)`` [$/kWh] highest."""
        return self._retail_of_day[1]

    @property
    def published_position(self) -> FloatArray:
        """``(B, 1)`` last price as a position in its band."""
        return self.read("last_price_in_band")[:, :1]

    @property
    def has_traded(self) -> FloatArray:
        """``(B, 1)`` whether there was one."""
        return self.read("last_traded")[:, :1]

    def read(self, feature: str) -> FloatArray:
        """``(B, L)`` a feature, in units of its scale.

        Raises
        ------
        ConfigError
            For a feature that the observations do not have.
        """
        names = self._scenario.observer.names
        if feature not in names:
            raise ConfigError(
                f"storage rule {self._name!r} on observations needs the feature {feature}, which scenario.observation "
                f"does not have; it has: {', '.join(names)}"
            )
        column: FloatArray = self._values[:, :, names.index(feature)]
        return column

    @cached_property
    def _retail_of_day(self) -> tuple[FloatArray, FloatArray]:
        seen = np.stack([self.read(name)[:, 0] for name in _DAY], axis=-1)
        _, first_row = np.unique(self._scenario.calendar.day, return_index=True)
        known = self._scenario.scales.calendar[first_row, -len(_DAY) :]
        day = ((seen[:, None, :] - known) ** 2).sum(axis=2).argmin(axis=1)
        lowest, highest = self._scenario.read_retail_of_day(first_row[day])
        return self._as_seen(lowest[:, self._households]), self._as_seen(highest[:, self._households])

    def _as_seen(self, price: FloatArray) -> FloatArray:
        # features are float32, and rules ask whether this is the cheapest price of the day
        return np.where(np.isclose(price, self.retail_price, rtol=1e-6, atol=0.0), self.retail_price, price)


class ObservedStorage:
    """Steers the batteries of agents by a storage rule, from what they observe.

    An owner knows its battery, so what the battery can do comes from the street and not from features; what is stored
    comes from the feature ``state_of_charge``.

    Parameters
    ----------
    name, rule
        The storage rule.
    scenario
        The world that the observations come from.
    households
        ``(L,)`` places on the street of the agents, in the order of the observations.

    Raises
    ------
    ConfigError
        Where the action map steers no battery, or features are missing that the rule needs.
    """

    def __init__(self, name: str, rule: StorageRule, scenario: AuctionScenario, households: IntArray) -> None:
        action_map = scenario.action_map
        if "battery" not in action_map.device_places:
            raise ConfigError(
                f"storage is {name!r}, and the action map of this environment steers no battery; choose "
                "scenario.action=price_storage or price_quantity_storage, or leave storage out"
            )
        batteries = scenario.fleet.devices["battery"]
        assert isinstance(batteries, Batteries)  # noqa: S101 - what the registry makes of that kind
        columns = {column: getattr(batteries, column)[households] for column in _PER_HOUSEHOLD}
        self._batteries = replace(batteries, **columns)
        self._name, self._rule, self._scenario, self._households = name, rule, scenario, households
        nothing = np.zeros((1, len(households), len(scenario.observer.names)))
        self.steer(nothing, np.zeros((1, len(households))))  # names missing features now, not in an episode

    def steer(self, values: FloatArray, net_load: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Say what the batteries should do, and what net load that leaves.

        Parameters
        ----------
        values
            ``(B, L, F)`` observations.
        net_load
            ``(B, L)`` [kWh] of them, without devices.

        Returns
        -------
        tuple
            Requests ``(B, L)``, -1 to 1 of the rated power, and the net load ``(B, L)`` [kWh] with the battery.
        """
        batteries, units = self._batteries, self._batteries.units_per_kwh
        if values.shape[1] != len(self._households):
            raise ActionError(
                f"the observation is of {values.shape[1]} agents, and this callable steers the batteries of "
                f"{len(self._households)}; pass those of all agents, or make it for one of them, as_callable(..., "
                "agent=...)"
            )
        net_load = np.rint(net_load * units) / units  # meters are on the energy grid, features are float32
        view = ObservedStorageView(self._name, self._scenario, self._households, batteries, values, net_load)
        wanted = self._rule(view)
        # an action is a float32, and a battery cuts down to whole units: half a unit more survives both
        request = batteries.request(wanted + 0.5 * np.sign(wanted) / units)
        state: DeviceState = {"stored": view.read("state_of_charge") * batteries.capacity}
        return request, net_load + batteries.move(state, request).energy
