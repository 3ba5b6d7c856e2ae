"""What a kind of device is to the model: a state that moves by requests, energy that it takes, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from p2p_market.types import BoolArray, FloatArray

DeviceState: TypeAlias = Mapping[str, FloatArray]
"""Named arrays ``(B, N)``, so that markets can be reset one by one whatever the device."""


@dataclass(frozen=True, eq=False)
class DeviceMove:
    """What the devices of one kind do in an interval, ``(B, N)`` each; 0 for households without one."""

    state: DeviceState  # after the interval
    energy: FloatArray  # [kWh] on the AC side: > 0 taken, < 0 given
    cut: FloatArray  # [kWh] of the request that was not possible: request less energy
    cost: FloatArray  # [$] wear, and comfort that is missed


class Device(Protocol):
    """The devices of one kind on a street, an entry a household."""

    @property
    def owners(self) -> BoolArray:
        """``(N,)`` which households have one."""

    def start(self, num_markets: int) -> DeviceState:
        """State at the start of an episode."""

    def move(self, state: DeviceState, request: FloatArray) -> DeviceMove:
        """Follow requests ``(B, N)``, -1 to 1 of the rated power, as far as is possible."""
