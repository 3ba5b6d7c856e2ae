"""The scenario: the street, the data behind it, and the information and choices that a household has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from p2p_market.devices import DEVICES
from p2p_market.devices.base import Device, DeviceInterval
from p2p_market.devices.controlled_load import ControlledLoads
from p2p_market.devices.fleet import Fleet, FleetDraw
from p2p_market.errors import ConfigError
from p2p_market.network.network import Network
from p2p_market.scenario.actions import ACTION_MAPS, ActionMap
from p2p_market.scenario.features import ObservationScales, calendar_table
from p2p_market.scenario.forecasts import Forecaster, ForecastRule
from p2p_market.scenario.meters import Meters
from p2p_market.scenario.observations import Observer
from p2p_market.scenario.samplers import HouseholdSampler, WindowSampler, check_roles
from p2p_market.types import BoolArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.container import DataContainer
    from p2p_market.model import MarketState
    from p2p_market.tariffs import TariffSchedule


@dataclass(frozen=True, eq=False)
class Street:
    """The slots of a street; a slot keeps its name, role and tariff in every episode and market.

    Parameters
    ----------
    is_prosumer
        ``(N,)`` which slots have PV.
    profile
        ``(N,)`` household of the data behind each slot, or ``None`` when every episode draws anew.
    pv_capacity_kw
        Give every prosumer a roof of this size [kW] and scale its profile to it; ``None`` keeps the data's.
    """

    is_prosumer: BoolArray
    profile: IntArray | None = None
    pv_capacity_kw: float | None = None

    @property
    def num_households(self) -> int:
        """Number of slots."""
        return len(self.is_prosumer)

    @property
    def roles(self) -> tuple[str, ...]:
        """``"prosumer"`` or ``"consumer"``, a slot each."""
        return tuple("prosumer" if has_pv else "consumer" for has_pv in self.is_prosumer.tolist())

    def names(self, agent_names: str = "household") -> tuple[str, ...]:
        """Names of the slots: ``household_0 ...``, or ``prosumer_0 ... consumer_0 ...`` counted by role."""
        if agent_names == "household":
            return tuple(f"household_{i}" for i in range(self.num_households))
        counts = {"prosumer": 0, "consumer": 0}
        names = []
        for role in self.roles:
            names.append(f"{role}_{counts[role]}")
            counts[role] += 1
        return tuple(names)


@dataclass(frozen=True, eq=False)
class EpisodeDraw:
    """What chance decides about an episode, for ``B`` markets."""

    row: IntArray  # (B,) first row of the data
    profile: IntArray  # (B, N) household of the data behind each slot
    forecast_error: FloatArray | None = None  # (B, T + 1 + H, 2, N) where forecasts are noisy
    devices: FleetDraw = field(default_factory=dict)  # by kind of device


class AuctionScenario:
    """The world drawn for an episode, and what each household sees and may do in it.

    Parameters
    ----------
    container
        The household data.
    street
        The slots.
    tariffs
        Prices of every slot at every interval of the data.
    observation
        Name of a preset, or a list of features.
    action
        Name of an action map.
    action_levels
        How many choices each component of a discrete map has; ``None`` takes the map's own numbers.
    window
        Draws the first interval of an episode.
    reference_power_kw
        Power that counts as 1 in observations [kW].
    energy_unit
        Grid of metered energy [kWh].
    devices
        What households can steer, by kind.
    forecast
        How the forecasts are made that households see; ``None``: there are none.
    bids_ahead
        Whether households bid before the interval, on a forecast of their own meter in place of its reading.
    max_quote_ratio
        How many times what it has to trade a household may offer.
    network
        Feeders and lines; ``None``: nothing limits what flows, and nothing is lost.
    homogeneous
        Whether all agents of the dict environment have the same spaces, or each those of what it has.
    keeps_book
        Whether the state keeps the last interval's book even if no learner sees it.

    Attributes
    ----------
    feature_mask, component_mask
        ``(N, F)`` and ``(N, A)`` which features of an observation and components of an action are about something that
        the household has; the others read 0, and nothing listens to them.
    """

    def __init__(
        self,
        container: DataContainer,
        street: Street,
        tariffs: TariffSchedule,
        *,
        observation: str | Sequence[str] = "public_price",
        action: str = "price_quantity",
        action_levels: Sequence[int] | None = None,
        window: WindowSampler | None = None,
        reference_power_kw: float = 10.0,
        energy_unit: float = 0.001,
        devices: Mapping[str, Device] | None = None,
        forecast: ForecastRule | None = None,
        bids_ahead: bool = False,
        max_quote_ratio: float = 1.0,
        network: Network | None = None,
        homogeneous: bool = True,
        keeps_book: bool = False,
    ) -> None:
        has_pv = container.pv_capacity > 0.0
        check_roles(has_pv, int(street.is_prosumer.sum()))
        self.data_container = container
        self.street = street
        self.tariffs = tariffs
        self.calendar = container.calendar
        self.fleet = Fleet(devices or {}, tariffs.off_peak_price(container.calendar))
        self.forecast = forecast
        self.network = network
        self.reference_power_kw = reference_power_kw
        self.max_quote_ratio = max_quote_ratio
        self.observer = Observer(
            observation,
            self.fleet.devices,
            0 if forecast is None else forecast.horizon,
            has_network=network is not None,
        )
        self.keeps_book = keeps_book or self.observer.reads_book
        street_map = ACTION_MAPS[action].on_street(self.fleet.devices)
        self.action_map: ActionMap = street_map.with_levels(action, action_levels).with_quotes(action, max_quote_ratio)
        missing = [kind for kind in self.action_map.devices if kind not in self.fleet.devices]
        if missing:
            raise ConfigError(
                f"action map {action!r} steers {missing[0]!r}, and nobody on this street has one; "
                f"give the street some (devices.{missing[0]}), or choose another action map"
            )
        controlled_loads = self.fleet.devices.get("controlled_load")
        self.meters = Meters(
            container,
            is_prosumer=street.is_prosumer,
            pv_capacity_kw=street.pv_capacity_kw,
            energy_unit=energy_unit,
            controlled_loads=controlled_loads if isinstance(controlled_loads, ControlledLoads) else None,
        )
        self.window = WindowSampler(container.calendar) if window is None else window
        self.households = HouseholdSampler(has_pv, street.is_prosumer)
        self.interval_hours = container.interval_minutes / 60.0
        forecaster = None
        if forecast is not None:
            slots_per_day = container.calendar.slots_per_day
            forecaster = Forecaster(forecast, self.read_meters, slots_per_day, knows_coming=not bids_ahead)
        self._announces = forecaster if bids_ahead and forecast is not None and forecast.kind != "perfect" else None
        self.scales = ObservationScales(
            energy=reference_power_kw * self.interval_hours,
            price=max(float(tariffs.retail.max()), 1e-9),
            calendar=calendar_table(container.calendar),
            devices=self.fleet.devices,
            tariffs=tariffs,
            forecaster=forecaster,
            network=network,
        )
        self.homogeneous = homogeneous
        self.feature_mask = self._owners_of(
            [feature.device for feature in self.observer.features],
            [feature.of_prosumers for feature in self.observer.features],
        )
        kinds = {DEVICES[kind].component: kind for kind in self.action_map.devices}
        of_devices = [kinds.get(component) for component in self.action_map.components]
        self.component_mask = self._owners_of(of_devices, [False] * len(of_devices))
        self._observation_space = spaces.Box(self.observer.low, self.observer.high, dtype=np.float32)
        self._action_space = self.action_map.make_space()

    def _owners_of(self, devices: Sequence[str | None], of_prosumers: Sequence[bool]) -> BoolArray:
        """``(N, K)`` which households have what each of K numbers is about."""
        mask = np.ones((self.num_households, len(devices)), dtype=bool)
        for place, (kind, needs_pv) in enumerate(zip(devices, of_prosumers, strict=True)):
            if kind is not None:
                mask[:, place] = self.fleet.devices[kind].owners
            elif needs_pv:
                mask[:, place] = self.street.is_prosumer
        return mask

    @property
    def num_households(self) -> int:
        """Number of slots on the street."""
        return self.street.num_households

    def get_observation_space(self) -> spaces.Box:
        """Space of one household's observation, ``(F,)`` float32, the same for all."""
        return self._observation_space

    def get_action_space(self) -> spaces.Space[Any]:
        """Space of one household's action, the same for all: ``(A,)`` float32 in [-1, 1], or choices."""
        return self._action_space

    def get_state_space(self) -> spaces.Box:
        """Space of a market's state, ``(S,)`` float32."""
        low, high = self.observer.state_bounds(self.num_households)
        return spaces.Box(low, high, dtype=np.float32)

    def get_state(self, observations: Float32Array) -> Float32Array:
        """State ``(B, S)`` for centralised critics from the observations ``(B, N, F)`` of the whole street.

        Every household's own features, one household after the other, then the features that all share, once.
        """
        return self.observer.state_vector(observations)

    def observe(self, state: MarketState, out: Float32Array | None = None) -> tuple[Float32Array, IntArray]:
        """Observations ``(B, N, F)`` and how many values of each were clipped to their bounds ``(B, N)``."""
        if out is None:
            out = np.empty((*state.net_load.shape, len(self.observer.names)), dtype=np.float32)
        return out, self.observer.observe(state, self.scales, out)

    def draw_episode(
        self,
        generators: Sequence[np.random.Generator],
        horizon: int,
        device_generators: Sequence[np.random.Generator] = (),
    ) -> EpisodeDraw:
        """Draw days and households of an episode, a generator a market.

        Parameters
        ----------
        generators
            For days, households and errors of forecasts.
        horizon
            Intervals of the episode.
        device_generators
            For what chance decides about devices; not needed on a street without.

        Raises
        ------
        DataError
            If the data holds no window of that length.
        """
        starts = self.window.starts(horizon)
        rows = np.array([starts[rng.integers(starts.size)] for rng in generators], dtype=np.int64)
        fixed = self.street.profile
        profile = np.stack([self.households(rng) if fixed is None else fixed for rng in generators])
        errors = None if self.forecast is None else self.forecast.draw_errors(generators, horizon, profile.shape[1])
        devices = self.fleet.draw(device_generators, self.calendar.slot[rows], horizon)
        return EpisodeDraw(rows, profile, errors, devices)

    def read_meters(self, row: IntArray, profile: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Demand, PV and net load ``(B, N)`` [kWh] of interval ``row`` (B,), on the energy grid.

        A row past the end of the data reads the last one; only an episode that ends with the data gets there.
        """
        return self.meters.read(row, profile)

    def announce(self, state: MarketState) -> MarketState:
        """The state as households know it when they bid: what they forecast of their meters, where they bid ahead."""
        if self._announces is None:
            return state
        units = self.meters.units_per_kwh
        demand, pv = (np.rint(self._announces.energy(state, quantity, 0) * units) for quantity in (0, 1))
        return replace(state, demand=demand / units, pv=pv / units, net_load=(demand - pv) / units)

    def meter(self, state: MarketState) -> MarketState:
        """The state with what is metered in the interval, the other way of `announce`."""
        if self._announces is None:
            return state
        demand, pv, net_load = self.read_meters(state.row, state.profile)
        return replace(state, demand=demand, pv=pv, net_load=net_load)

    def describe_interval(self, state: MarketState) -> DeviceInterval:
        """Describe the coming interval, with its meters as in ``state``, to devices."""
        slot = self.calendar.slot.take(state.row, mode="clip")
        interval = DeviceInterval(
            state.row, slot, state.elapsed, state.demand, state.pv, state.net_load, draws=state.device_draws
        )
        if not self.meters.has_controlled_load:
            return interval

        def recorded(first: IntArray, end: IntArray) -> FloatArray:
            return self.meters.read_controlled_load(first, end, state.profile)

        return replace(interval, recorded_load=recorded)

    def read_controlled_load(self, row: IntArray, profile: IntArray) -> FloatArray:
        """Controlled load ``(K, N)`` [kWh] recorded in rows ``row`` (K,), 0 past the end; where that is a device."""
        return self.meters.read_controlled_load(row[:, None], row[:, None] + 1, profile)

    @property
    def has_controlled_load(self) -> bool:
        """Whether controlled loads are devices, so that their record is known apart."""
        return self.meters.has_controlled_load

    def read_retail_of_day(self, row: IntArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest retail price of the day of interval ``row`` (B,), ``(B, N)`` [$/kWh] each."""
        lowest, highest = self._retail_of_day
        plan = self.tariffs.plan
        return lowest.take(row, axis=0, mode="clip")[:, plan], highest.take(row, axis=0, mode="clip")[:, plan]

    @cached_property
    def _retail_of_day(self) -> tuple[FloatArray, FloatArray]:
        return self.tariffs.retail_of_day(self.calendar)

    def read_tariffs(self, row: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Retail and feed-in price ``(B, N)`` and the band's ends ``(B,)`` [$/kWh] of interval ``row`` (B,)."""
        rows = np.minimum(row, len(self.calendar) - 1)
        retail_price, feed_in_price = self.tariffs.prices(rows)
        return retail_price, feed_in_price, self.tariffs.band_low.take(rows), self.tariffs.band_high.take(rows)
