"""What a kind of device is to the rest: a design to configure, a state that moves by requests, energy, and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np

from p2p_market.errors import ConfigError, is_number, suggest
from p2p_market.types import AnyArray, BoolArray, FloatArray, IntArray

DeviceState: TypeAlias = Mapping[str, FloatArray]
"""Named arrays ``(B, N)``, so that markets can be reset one by one whatever the device."""

DeviceDraw: TypeAlias = Mapping[str, AnyArray]
"""Named arrays ``(B, ...)``: what chance decides about an episode, drawn before it starts."""

DesignType = TypeVar("DesignType", bound="DeviceDesign")

RecordedLoad: TypeAlias = Callable[[IntArray, IntArray], FloatArray]
"""Controlled load ``(B, N)`` [kWh] that the data records from row ``first`` (B, 1) up to row ``end`` (B, N)."""


@dataclass(frozen=True, eq=False)
class DeviceInterval:
    """The interval in which devices move, in ``B`` markets of ``N`` households."""

    row: IntArray  # (B,) row of the data
    slot: IntArray  # (B,) interval of the day
    elapsed: IntArray  # (B,) intervals played in this episode
    demand: FloatArray  # (B, N) [kWh] without devices
    pv: FloatArray  # (B, N) [kWh]
    net_load: FloatArray  # (B, N) [kWh] without devices, > 0 needs energy
    recorded_load: RecordedLoad | None = None  # on a street with controlled loads
    draws: Mapping[str, DeviceDraw] = field(default_factory=dict)  # of the episode, by kind of device


@dataclass(frozen=True, eq=False)
class DeviceMove:
    """What the devices of one kind do in an interval, ``(B, N)`` each; 0 for households without one."""

    state: DeviceState  # after the interval
    energy: FloatArray  # [kWh] on the AC side: > 0 taken, < 0 given
    default_energy: FloatArray  # [kWh] what it would be if nobody steered; see `bill_saving`
    cut: FloatArray  # [kWh] of the request that was not possible: request less energy
    cost: FloatArray  # [$] wear, and comfort that is missed
    default_state: DeviceState | None = None  # the state if nobody had steered, where one owes something in it
    missed: FloatArray | None = None  # [kWh] that had to come by the end of the interval and did not
    deadline: BoolArray | None = None  # whether energy had to come by the end of the interval


@dataclass(frozen=True, eq=False)
class DeviceRecord:
    """What the devices of one kind did in a run, ``(T, B, N)`` each; 0 for households without one."""

    energy: FloatArray  # [kWh] on the AC side: > 0 taken, < 0 given
    missed: FloatArray  # [kWh] as in `DeviceMove`
    deadlines: FloatArray  # 1 where energy had to come by the end of the interval


class Device(Protocol):
    """The devices of one kind on a street, an entry a household."""

    @property
    def owners(self) -> BoolArray:
        """``(N,)`` which households have one."""

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> DeviceDraw:
        """What chance decides about episodes of ``horizon`` intervals, a generator a market; empty if it does nothing.

        The first interval of each episode is ``slot`` (B,) of the day. A market's arrays depend on its generator alone.
        """

    def start(self, interval: DeviceInterval) -> DeviceState:
        """State before the first interval of an episode."""

    def move(self, state: DeviceState, request: FloatArray, interval: DeviceInterval) -> DeviceMove:
        """Follow requests ``(B, N)`` from -1 to 1 as far as is possible; the default schedule where one is nan."""

    def key_figures(self, record: DeviceRecord) -> dict[str, float]:
        """Key figures of a run by name; means over markets."""

    def end_cost(self, state: DeviceState, price: FloatArray) -> FloatArray:
        """What an episode that ends in this state still owes ``(B, N)`` [$], energy at ``price`` (N,) [$/kWh]."""


@dataclass(frozen=True)
class Limits:
    """What a key of a design can be: a number from ``low`` to ``high``, or one of ``choices`` where there are any."""

    unit: str = ""
    low: float = 0.0
    high: float = np.inf
    above: bool = False  # ``low`` itself is too low
    choices: tuple[Any, ...] = ()

    def allow(self, value: Any) -> bool:
        """Whether a key can have this value."""
        if self.choices:
            return any(value is choice or (isinstance(value, str) and value == choice) for choice in self.choices)
        return is_number(value) and (self.low < value if self.above else self.low <= value) and value <= self.high

    @property
    def wanted(self) -> str:
        """What is expected, as errors say it."""
        if self.choices:
            *others, last = (repr(choice) for choice in self.choices)
            return f"{', '.join(others)} or {last}"
        least = f"above {self.low:g}" if self.above else f"{self.low:g} or more"
        return f"a number {least}" + ("" if self.high == np.inf else f", at most {self.high:g}")


Owners: TypeAlias = Literal["all", "prosumers", "consumers"]

SHARE = Limits(high=1.0)
EFFICIENCY = Limits(high=1.0, above=True)
ENERGY = Limits("kWh", high=1e6, above=True)
POWER = Limits("kW", high=1e6, above=True)
PRICE = Limits("$/kWh")
YES_OR_NO = Limits(choices=(True, False))
ONE_OF_OWNERS = Limits(choices=("all", "prosumers", "consumers"))

_LIMITS = "limits"


def key(default: Any, limits: Limits) -> Any:
    """Declare a field of a design with its default and what it can be, which errors and the docs read."""
    return field(default=default, metadata={_LIMITS: limits})


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

    share: float = key(1.0, SHARE)
    owners: Owners = key("all", ONE_OF_OWNERS)

    def __post_init__(self) -> None:
        for each in fields(self):
            limits, value = each.metadata[_LIMITS], getattr(self, each.name)
            if not limits.allow(value):
                raise ConfigError(f"{each.name} is {value!r}; expected {limits.wanted}")

    @classmethod
    def limits(cls) -> dict[str, Limits]:
        """What the keys can be, by name."""
        return {each.name: each.metadata[_LIMITS] for each in fields(cls)}

    @classmethod
    def of(cls: type[DesignType], options: Mapping[str, Any]) -> DesignType:
        """Make a design from keys and values.

        Raises
        ------
        ConfigError
            For a key that the design does not have, or a value that cannot be.
        """
        known = list(cls.limits())
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
    default
        What it does when nobody steers it.
    cost
        What it costs beside the energy.
    key_figures
        What `Device.key_figures` gives, by name, and what it means.
    is_load
        Whether the energy that it takes is consumption, as that of a load is and that of a store is not.
    has_deadlines
        Whether it owes energy by deadlines, which it may miss; moves say `DeviceMove.missed` and ``deadline`` then.
    """

    design: type[DeviceDesign]
    build: Callable[[Sequence[Any], IntArray, float, int], Device]
    component: str
    features: Mapping[str, DeviceFeature]
    summary: str
    default: str
    cost: str
    recorded: tuple[str, ...] = ()
    key_figures: Mapping[str, str] = field(default_factory=dict)
    is_load: bool = False
    has_deadlines: bool = False


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
