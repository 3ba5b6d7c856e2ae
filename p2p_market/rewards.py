"""Rewards: what a household is paid for, as named parts in dollars."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from p2p_market.errors import ConfigError, suggest
from p2p_market.model import Transition
from p2p_market.registry import Registry
from p2p_market.types import FloatArray

_OTHER_INFOS = frozenset(
    {"bill", "filled", "clipped_features", "clearing_price", "traded", "final_obs", "_final_obs"}
)  # beside the parts of a reward, in either environment


@dataclass(frozen=True)
class RewardRule:
    """One entry of the registry: a function from a transition to named parts ``(B, N)`` [$].

    Raises
    ------
    ValueError
        If a part is called as something else that infos hold: one would hide the other.
    """

    parts: Callable[[Transition], Mapping[str, FloatArray]]
    part_names: tuple[str, ...]

    def __post_init__(self) -> None:
        taken = sorted(_OTHER_INFOS.intersection(self.part_names))
        if taken:
            raise ValueError(f"reward part {taken[0]!r}: infos hold something else by this name; choose another")

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.parts) or "").split("\n", 1)[0]


def bill_saving(transition: Transition) -> Mapping[str, FloatArray]:
    """Saving against the bill of the grid alone.

    One part, ``trading_gain``: what the metered net load costs with the grid alone less what it cost with the market.
    """
    settlement = transition.settlement
    return {"trading_gain": settlement.grid_only_bill - settlement.bill}


def negative_cost(transition: Transition) -> Mapping[str, FloatArray]:
    """Bill of the interval, with the sign changed.

    One part of the same name.
    """
    return {"negative_cost": -transition.settlement.bill}


REWARDS: Registry[RewardRule] = Registry(
    "reward",
    {
        "bill_saving": RewardRule(bill_saving, ("trading_gain",)),
        "negative_cost": RewardRule(negative_cost, ("negative_cost",)),
    },
)


class Reward:
    """Turns what happened into a number a household.

    Parameters
    ----------
    name
        A registered reward.
    scale
        Factor from dollars to reward, so that learners see numbers of order 1; reported results stay in dollars.
    weights
        Weight of each named part; parts that are not named weigh 1.

    Raises
    ------
    UnknownNameError, ConfigError
        For a reward or a part that does not exist, or a scale that is not a number.
    """

    def __init__(
        self, name: str = "bill_saving", *, scale: float = 1.0, weights: Mapping[str, float] | None = None
    ) -> None:
        self.rule = REWARDS[name]
        self.name = name
        self.scale = float(scale)
        self.weights = dict(weights or {})
        for part in self.weights:
            if part not in self.rule.part_names:
                known = ", ".join(self.rule.part_names)
                raise ConfigError(
                    f"reward {name!r} has no part {part!r}{suggest(part, self.rule.part_names)}; its parts are: {known}"
                )
        if not np.isfinite(self.scale):
            raise ConfigError(f"the reward's scale is {scale!r}; expected a finite number")

    def get_reward(self, transition: Transition) -> tuple[FloatArray, Mapping[str, FloatArray]]:
        """Reward ``(B, N)`` and its named parts ``(B, N)`` [$], before weights and scale."""
        parts = self.rule.parts(transition)
        total: FloatArray | None = None
        for name, values in parts.items():
            weight = self.scale * self.weights.get(name, 1.0)
            weighted = values if weight == 1.0 else weight * values
            total = weighted if total is None else total + weighted
        if total is None:
            raise AssertionError(f"reward {self.name!r} has no parts")
        return total, parts
