"""All devices of a street together: how they start, move by requests, and what that makes of the net load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from p2p_market.devices.base import Device, DeviceDraw, DeviceInterval, DeviceMove, DeviceState
from p2p_market.devices.linear import DeviceOutlook, LinearDevice, Plannable
from p2p_market.randomness import join_episodes
from p2p_market.types import BoolArray, FloatArray, IntArray

FleetState: TypeAlias = Mapping[str, DeviceState]
"""State of the devices by kind."""

FleetDraw: TypeAlias = Mapping[str, DeviceDraw]
"""What chance decides about an episode, by kind."""

Requests: TypeAlias = Mapping[str, FloatArray]
"""Requests ``(B, N)`` by kind of device, -1 to 1; what is nan, and a kind that is not named, follows its default."""


@dataclass(frozen=True, eq=False)
class Dispatch:
    """What all devices do in an interval."""

    moves: Mapping[str, DeviceMove]
    net_load: FloatArray  # (B, N) [kWh] with the devices
    default_net_load: FloatArray  # (B, N) [kWh] if nobody steered them
    cost: FloatArray  # (B, N) [$] wear and comfort, and what is owed where an episode ends
    default_cost: FloatArray | None = None  # (B, N) [$] what they would owe if nobody had steered; None: nothing

    @property
    def states(self) -> FleetState:
        """After the interval."""
        return {kind: move.state for kind, move in self.moves.items()}

    @property
    def cut(self) -> FloatArray:
        """``(B, N)`` [kWh] of all requests that was not possible, without sign."""
        total = np.zeros_like(self.net_load)
        for move in self.moves.values():
            total += np.abs(move.cut)
        return total


class Fleet:
    """The devices of a street, by kind; empty where there are none.

    Parameters
    ----------
    devices
        Devices by the name of their kind.
    off_peak_price
        ``(N,)`` [$/kWh] at which what is owed at the end of an episode is valued.
    """

    def __init__(self, devices: Mapping[str, Device], off_peak_price: FloatArray) -> None:
        self.devices = dict(devices)
        self.off_peak_price = off_peak_price

    def __bool__(self) -> bool:
        return bool(self.devices)

    def draw(self, generators: Sequence[np.random.Generator], slot: IntArray, horizon: int) -> FleetDraw:
        """What chance decides about episodes that start in interval ``slot`` (B,) of the day, a generator a market."""
        return {kind: device.draw(generators, slot, horizon) for kind, device in self.devices.items()}

    def join_draws(self, previous: FleetDraw, drawn: FleetDraw, mask: BoolArray) -> FleetDraw:
        """Of a batch in which the episodes of the markets ``mask`` (B,) start anew."""
        chosen = np.flatnonzero(mask)
        return {
            kind: {name: join_episodes(values, drawn[kind][name], chosen) for name, values in draw.items()}
            for kind, draw in previous.items()
        }

    def start(self, interval: DeviceInterval) -> FleetState:
        """State before the first interval of episodes."""
        return {kind: device.start(interval) for kind, device in self.devices.items()}

    def restart(self, states: FleetState, mask: BoolArray, interval: DeviceInterval) -> FleetState:
        """Start anew in the markets ``mask`` (B,), before ``interval``, and go on in the others."""
        fresh = self.start(interval)
        return {
            kind: {name: np.where(mask[:, None], fresh[kind][name], values) for name, values in state.items()}
            for kind, state in states.items()
        }

    def describe(self, states: FleetState, outlook: DeviceOutlook) -> dict[str, LinearDevice]:
        """Describe those that can describe themselves to a plan, from the states ``(1, N)`` of one market."""
        return {
            kind: device.describe(states[kind], outlook)
            for kind, device in self.devices.items()
            if isinstance(device, Plannable)
        }

    def move(self, states: FleetState, requests: Requests, interval: DeviceInterval, ends: BoolArray) -> Dispatch:
        """Follow the requests as far as is possible.

        Parameters
        ----------
        states
            Before the interval.
        requests
            What is asked of the devices.
        interval
            The interval in which they move.
        ends
            ``(B,)`` markets whose episode ends with this interval.
        """
        net_load = interval.net_load
        nothing, unsteered = np.zeros_like(net_load), np.full_like(net_load, np.nan)
        moves = {
            kind: device.move(states[kind], requests.get(kind, unsteered), interval)
            for kind, device in self.devices.items()
        }
        total, default, cost = net_load, net_load, nothing
        default_cost: FloatArray | None = None
        for move in moves.values():
            total, default, cost = total + move.energy, default + move.default_energy, cost + move.cost
        if ends.any():
            for kind, device in self.devices.items():
                move = moves[kind]
                cost = cost + ends[:, None] * device.end_cost(move.state, self.off_peak_price)
                if move.default_state is not None:
                    owed = ends[:, None] * device.end_cost(move.default_state, self.off_peak_price)
                    default_cost = owed if default_cost is None else default_cost + owed
        return Dispatch(moves, total, default, cost, default_cost)
