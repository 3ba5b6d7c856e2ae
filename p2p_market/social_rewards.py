"""Rewards that look beyond the own bill: at the community's saving, at what others save, and at the street's peak.

What a household saves in an interval is its bill with the grid alone, devices left to themselves, less its bill and
what its devices cost. What the community saves is the sum of that and the operator's surplus: less community cost.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from p2p_market.errors import ConfigError
from p2p_market.model import Transition
from p2p_market.types import FloatArray


def own_saving(transition: Transition) -> FloatArray:
    """``(B, N)`` [$] what every household saves against the grid alone and devices that nobody steers."""
    saving, cost = transition.default_bill - transition.settlement.bill, transition.cost_beside_bill
    return saving if cost is None else saving - cost


def community_share(transition: Transition) -> FloatArray:
    """``(B, N)`` [$] an equal share of what the community saves, the operator's surplus included."""
    saving = own_saving(transition)
    total = saving.sum(axis=1) + transition.clearing.operator_surplus
    return np.repeat((total / saving.shape[1])[:, None], saving.shape[1], axis=1)


def community_saving(transition: Transition) -> Mapping[str, FloatArray]:
    """Equal share of the community's saving: everybody is paid for the same.

    One part of the same name: community cost with the grid alone and devices left to themselves, less community cost,
    over the number of households.
    """
    return {"community_saving": community_share(transition)}


def blend(transition: Transition, *, own_weight: float = 0.5) -> Mapping[str, FloatArray]:
    """Own saving and an equal share of the community's, weighted.

    ``own_saving``: ``own_weight`` times what the household saves. ``community_share``: ``1 - own_weight`` times what
    `community_saving` pays.
    """
    return {
        "own_saving": own_weight * own_saving(transition),
        "community_share": (1.0 - own_weight) * community_share(transition),
    }


def check_blend(options: Mapping[str, float]) -> None:
    """Raise `ConfigError` unless the own weight is a share."""
    if not 0.0 <= options["own_weight"] <= 1.0:
        raise ConfigError(f"own_weight is {options['own_weight']!r}; expected a share from 0 to 1")


def inequity_averse(transition: Transition, *, envy: float = 0.5, guilt: float = 0.25) -> Mapping[str, FloatArray]:
    r"""Own saving, less for every dollar that others save more or less.

    With savings :math:`x_i` of the interval, envy :math:`\alpha` and guilt :math:`\beta` [1]_:

    .. math:: x_i - \frac{\alpha}{N - 1} \sum_j \max(x_j - x_i, 0) - \frac{\beta}{N - 1} \sum_j \max(x_i - x_j, 0)

    Parts: ``own_saving``, ``envy`` and ``guilt``, the last two 0 or less. A household alone envies nobody.

    References
    ----------
    .. [1] E. Fehr and K. M. Schmidt, "A theory of fairness, competition, and cooperation", Quarterly Journal of
       Economics 114(3), 1999, 817-868.
    """
    saving = own_saving(transition)
    behind, ahead = distances_to_others(saving)
    others = max(saving.shape[1] - 1, 1)
    return {"own_saving": saving, "envy": -envy / others * behind, "guilt": -guilt / others * ahead}


def check_inequity_averse(options: Mapping[str, float]) -> None:
    """Raise `ConfigError` unless 0 <= guilt <= envy and guilt < 1, as the authors assume."""
    envy, guilt = options["envy"], options["guilt"]
    if not 0.0 <= guilt <= envy or guilt >= 1.0:
        raise ConfigError(f"envy is {envy!r} and guilt is {guilt!r}; expected 0 <= guilt <= envy and guilt below 1")


def distances_to_others(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far all others together are ahead of each, and how far it is ahead of them, ``(B, N)`` each.

    From sorted values and their running sums, in N log N instead of N squared.
    """
    num = values.shape[1]
    order = np.argsort(values, axis=1, kind="stable")
    rising = np.take_along_axis(values, order, axis=1)
    below = np.cumsum(rising, axis=1)
    place = np.arange(1, num + 1)
    ahead = np.empty_like(values)
    behind = np.empty_like(values)
    # those equal to it are counted on one side or the other, and add nothing to either
    np.put_along_axis(ahead, order, (place * rising - below).clip(min=0.0), axis=1)
    above = below[:, -1:] - below
    np.put_along_axis(behind, order, (above - (num - place) * rising).clip(min=0.0), axis=1)
    return behind, ahead


def peak_penalty(
    transition: Transition, *, dollars_per_kwh: float = 0.5, free_kwh_per_household: float = 0.25
) -> Mapping[str, FloatArray]:
    r"""Own saving, less a share of a charge on what the street draws from the grid beyond a free amount.

    With net load :math:`n_i`, price :math:`c` and free energy :math:`f` a household and interval, the street is charged
    :math:`c \max(\sum_i n_i - N f, 0)`, and who needs energy bears it in proportion to :math:`\max(n_i, 0)`. What
    neighbours trade with each other draws nothing.

    Parts: ``own_saving`` and ``peak_penalty``, which is 0 or less.
    """
    net_load = transition.before.net_load
    drawn = np.maximum(net_load, 0.0)
    needed = drawn.sum(axis=1)
    beyond = (net_load.sum(axis=1) - free_kwh_per_household * net_load.shape[1]).clip(min=0.0)
    charge = dollars_per_kwh * beyond / np.where(needed > 0.0, needed, 1.0)
    return {"own_saving": own_saving(transition), "peak_penalty": -charge[:, None] * drawn}


def check_peak_penalty(options: Mapping[str, float]) -> None:
    """Raise `ConfigError` for a negative price or free amount."""
    for name, value in options.items():
        if value < 0.0:
            raise ConfigError(f"{name} is {value!r}; expected 0 or more")
