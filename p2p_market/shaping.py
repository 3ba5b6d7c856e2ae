r"""Potential-based shaping: a further part of the reward that leaves every optimal policy optimal.

With a potential :math:`\Phi` of the state and the learner's discount :math:`\gamma`, the part is
:math:`F = \gamma\,\Phi(s') - \Phi(s)`, and :math:`\Phi` is 0 at the end of an episode. Its discounted sum
over an episode is :math:`-\Phi(s_0)` whatever is done in it, so that it guides and does not bribe [1]_.

.. [1] A. Y. Ng, D. Harada and S. Russell, "Policy invariance under reward transformations: theory and application to
   reward shaping", International Conference on Machine Learning, 1999, 278-287.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p2p_market.devices.battery import Batteries
from p2p_market.devices.fleet import Fleet, FleetState
from p2p_market.errors import ConfigError
from p2p_market.model import Transition
from p2p_market.registry import Registry
from p2p_market.types import BoolArray, FloatArray


@dataclass(frozen=True)
class Potential:
    """One entry of the registry.

    Parameters
    ----------
    value
        ``f(fleet, states)``: ``(B, N)`` [$], a function of the state alone.
    device
        Kind of device that it is about.
    summary
        One line for lists and docs.
    """

    value: Callable[[Fleet, FleetState], FloatArray]
    device: str
    summary: str


def _stored_energy(fleet: Fleet, states: FleetState) -> FloatArray:
    batteries = fleet.devices["battery"]
    assert isinstance(batteries, Batteries)  # noqa: S101 - what the registry builds of this kind
    return states["battery"]["stored"] * (batteries.discharge_efficiency * fleet.off_peak_price)


POTENTIALS: Registry[Potential] = Registry(
    "potential",
    {
        "stored_energy": Potential(
            _stored_energy,
            "battery",
            "what the stored energy gives when it is discharged, at the household's mean off-peak price",
        )
    },
)


class Shaping:
    """The shaping part of a reward.

    Parameters
    ----------
    potential
        Name of a registered potential.
    gamma
        The learner's discount factor; with another one than the learner's the optimum may move.
    fleet
        The street's devices.

    Raises
    ------
    UnknownNameError, ConfigError
        For a potential that is not registered, or one about a device that nobody on the street has.
    """

    def __init__(self, potential: str, gamma: float, fleet: Fleet) -> None:
        self.potential = POTENTIALS[potential]
        if self.potential.device not in fleet.devices:
            raise ConfigError(
                f"reward.shaping.potential {potential!r} is about a device, {self.potential.device}, and nobody on "
                f"this street has one; give the street some (devices.{self.potential.device}), or leave "
                "reward.shaping out"
            )
        self.gamma = gamma
        self.fleet = fleet

    def of(self, transition: Transition, ends: BoolArray) -> FloatArray:
        """``(B, N)`` [$] of an interval; ``ends`` (B,) marks the markets whose episode ends with it."""
        assert transition.dispatch is not None  # noqa: S101 - there are devices, or this were not made
        before = self.potential.value(self.fleet, transition.before.devices)
        after = self.potential.value(self.fleet, transition.dispatch.states)
        return np.where(ends[:, None], 0.0, self.gamma * after) - before
