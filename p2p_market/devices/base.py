"""What a kind of device is to the rest: a design to configure, a state that moves by requests, energy, and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np

from p2p_market.errors import ConfigError, is_number, suggest
from p2p_market.types import BoolArray, FloatArray, IntArray

DeviceState: TypeAlias = Mapping[str, FloatArray]
"""Named arrays ``(B, N)``, so that markets can be reset one by one whatever the device."""

DesignType = TypeVar("DesignType", bound="DeviceDesign")


RecordedLoad: TypeAlias = Callable[[IntArray, IntArray], FloatArray]
"""Controlled load ``(B, N)`` [kWh] that the data records from row ``first`` (B, 1) up to row ``end`` (B, N)."""


@dataclass(frozen=True, eq=False)
class DeviceInterval:
    """The interval in which devices move, in ``B`` markets of ``N`` households."""

    row: IntArray  # (B,) row of the data
    slot: IntArray  # (B,) interval of the day
    demand: FloatArray  # (B, N) [kWh] without devices
    pv: FloatArray  # (B, N) [kWh]
    net_load: FloatArray  # (B, N) [kWh] without devices, > 0 needs energy
    recorded_load: RecordedLoad | None = None  # on a street with controlled loads


@dataclass(frozen=True, eq=False)
class DeviceMove:
    """What the devices of one kind do in an interval, ``(B, N)`` each; 0 for households without one."""

    state: DeviceState  # after the interval
    energy: FloatArray  # [kWh] on the AC side: > 0 taken, < 0 given
    default_energy: FloatArray  # [kWh] what it would be if nobody steered; see `bill_saving`
    cut: FloatArray  # [kWh] of the request that was not possible: request less energy
    cost: FloatArray  # [$] wear, and comfort that is missed
    default_state: DeviceState | None = None  # the state if nobody had steered, where one owes something in it


class Device(Protocol):
    """The devices of one kind on a street, an entry a household."""

    @property
    def owners(self) -> BoolArray:
        """``(N,)`` which households have one."""

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State before the first interval of an episode."""

    def move(self, state: DeviceState, request: FloatArray, interval: DeviceInterval) -> DeviceMove:
        """Follow requests ``(B, N)`` from -1 to 1 as far as is possible; the default schedule where one is nan."""

    def key_figures(self, energy: FloatArray) -> dict[str, float]:
        """Key figures of a run by name, from the energy ``(T, B, N)`` [kWh] in every interval; means over markets."""

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:
        """What an episode that ends in this state still owes ``(B, N)`` [$], energy at ``price`` (N,) [$/kWh]."""


@dataclass(frozen=True)
class DeviceDesign:
    """One size of a device and how many of the street have it; the fields are the keys of the configuration.

    Parameters
    ----------
    share
        Share of the ``owners`` that have one of this design.
    owners
        Who can: ``"all"``, ``"prosumers"`` or ``"consumers"``.
    """

    share: float = 1.0
    owners: Literal["all", "prosumers", "consumers"] = "all"

    def __post_init__(self) -> None:
        self.need("share", 0.0, 1.0)
        if self.owners not in ("all", "prosumers", "consumers"):
            raise ConfigError(f"owners is {self.owners!r}; expected 'all', 'prosumers' or 'consumers'")

    def need(self, name: str, low: float, high: float, *, above: bool = False) -> None:
        """Raise unless a field is a number from ``low`` to ``high``, above ``low`` if so said."""
        value = getattr(self, name)
        if not is_number(value) or not (low < value if above else low <= value) or value > high:
            least = f"above {low:g}" if above else f"{low:g} or more"
            most = "" if high == np.inf else f", at most {high:g}"
            raise ConfigError(f"{name} is {value!r}; expected a number {least}{most}")

    @classmethod
    def of(cls: type[DesignType], options: Mapping[str, Any]) -> DesignType:
        """Make a design from keys and values.

        Raises
        ------
        ConfigError
            For a key that the design does not have, or a value that cannot be.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise ConfigError(f"unknown key {name!r}{suggest(name, known)}; known: {', '.join(known)}")
        return cls(**options)


@dataclass(frozen=True)
class DeviceFeature:
    """What the owner of a device sees of it.

    Parameters
    ----------
    read
        ``f(device, state, energy_scale)``, ``(B, N)`` and 0 for households without one; the scale is an interval's
        energy [kWh] at the reference power.
    low, high
        Bounds.
    unit
        What the number is a multiple of.
    summary
        One line for lists and docs.
    """

    read: Callable[[Any, DeviceState, float], FloatArray]
    low: float
    high: float
    unit: str
    summary: str


@dataclass(frozen=True)
class DeviceKind:
    """One entry of the registry.

    Parameters
    ----------
    design
        The class of its designs.
    build
        ``f(designs, design_of, interval_hours, units_per_kwh)``: the street's devices, from the designs and which of
        them each household ``(N,)`` has, -1 for none.
    component
        What its component of an action is called.
    features
        What its owner sees of it, by name.
    recorded
        Which of them are recorded too, as they are after an interval.
    summary
        One line for lists and docs.
    key_figures
        What `Device.key_figures` gives, by name, and what it means.
    """

    design: type[DeviceDesign]
    build: Callable[[Sequence[Any], IntArray, float, int], Device]
    component: str
    features: Mapping[str, DeviceFeature]
    summary: str
    recorded: tuple[str, ...] = ()
    key_figures: Mapping[str, str] = field(default_factory=dict)


def assign(designs: Sequence[DeviceDesign], is_prosumer: BoolArray, rng: np.random.Generator) -> IntArray:
    """Which design each household ``(N,)`` gets, -1 for none; drawn, nobody gets two.

    Raises
    ------
    ConfigError
        If the shares add up to more households than there are.
    """
    design_of = np.full(is_prosumer.shape, -1)
    for number, design in enumerate(designs):
        can = {"all": np.ones_like(is_prosumer), "prosumers": is_prosumer, "consumers": ~is_prosumer}[design.owners]
        wanted, free = round(design.share * np.count_nonzero(can)), np.flatnonzero(can & (design_of < 0))
        if wanted > free.size:
            raise ConfigError(
                f"design {number + 1} is for {wanted} of the {np.count_nonzero(can)} households "
                f"({design.owners}), and only {free.size} of them have none yet; lower the shares"
            )
        design_of[rng.permutation(free)[:wanted]] = number
    return design_of
