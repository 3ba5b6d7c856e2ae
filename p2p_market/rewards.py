"""Rewards: what a household is paid for, as named parts in dollars."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from p2p_market import social_rewards as social
from p2p_market.errors import ConfigError, is_number, suggest
from p2p_market.model import Transition
from p2p_market.registry import Registry
from p2p_market.shaping import Shaping
from p2p_market.types import BoolArray, FloatArray

_OTHER_INFOS = frozenset(
    {
        "bill",
        "filled",
        "clipped_features",
        "clearing_price",
        "traded",
        "final_obs",
        "_final_obs",
        "device_cost",
        "cut_request",
        "curtailed",
        "shed",
        "shed_cost",
        "scarcity_payment",
        "loss_payment",
        "imbalance",
        "imbalance_payment",
        "shaping",
    }
)  # beside the parts of a reward, in either environment


@dataclass(frozen=True)
class RewardRule:
    """One entry of the registry: a function from a transition to named parts ``(B, N)`` [$].

    Keyword parameters of the function, numbers with a default, are the reward's options. ``check`` raises `ConfigError`
    for values of them all that cannot be.

    Raises
    ------
    ValueError
        If a part is called as something else that infos hold: one would hide the other.
    """

    parts: Callable[..., Mapping[str, FloatArray]]
    part_names: tuple[str, ...]
    flexible_part_names: tuple[str, ...] = ()  # further parts, on streets with devices
    check: Callable[[Mapping[str, float]], None] | None = None

    def __post_init__(self) -> None:
        taken = sorted(_OTHER_INFOS.intersection(self.part_names + self.flexible_part_names))
        if taken:
            raise ValueError(f"reward part {taken[0]!r}: infos hold something else by this name; choose another")

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.parts) or "").split("\n", 1)[0]

    @property
    def options(self) -> dict[str, float]:
        """Names and default values of its options."""
        parameters = inspect.signature(self.parts).parameters.values()
        return {
            parameter.name: parameter.default for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY
        }

    def with_options(self, name: str, options: Mapping[str, float]) -> dict[str, float]:
        """Values of all options, some of them given.

        Raises
        ------
        ConfigError
            For an option that the reward does not have, or a value that it cannot use.
        """
        known = self.options
        for option, value in options.items():
            if option not in known:
                raise ConfigError(
                    f"reward {name!r} takes no option {option!r}{suggest(option, known)}; "
                    f"its options are: {', '.join(known) or 'none'}"
                )
            if not is_number(value):
                raise ConfigError(f"reward {name!r}: {option} is {value!r}; expected a number")
        values = known | dict(options)
        if self.check is not None:
            try:
                self.check(values)
            except ConfigError as error:
                raise ConfigError(f"reward {name!r}: {error}") from None
        return values


def bill_saving(transition: Transition) -> Mapping[str, FloatArray]:
    """Saving against the bill of the grid alone, devices left to themselves.

    ``trading_gain``: what the metered net load costs with the grid alone less what it cost with the market. On a street
    with devices also ``flexibility_gain``: what the net load of devices that nobody steers costs with the grid alone,
    less what the metered one does, less wear and comfort. With feeder limits shed load counts on both sides.
    """
    settlement, dispatch = transition.settlement, transition.dispatch
    gains = {"trading_gain": settlement.grid_only_bill - settlement.bill}
    if dispatch is not None and (cost := transition.cost_beside_bill) is not None:
        gains["flexibility_gain"] = transition.default_bill - settlement.grid_only_bill - cost
    return gains


def negative_cost(transition: Transition) -> Mapping[str, FloatArray]:
    """Bill of the interval and what devices and shed load cost in it, with the sign changed.

    One part of the same name.
    """
    bill, cost = transition.settlement.bill, transition.cost_beside_bill
    return {"negative_cost": -bill if cost is None else -(bill + cost)}


REWARDS: Registry[RewardRule] = Registry(
    "reward",
    {
        "bill_saving": RewardRule(bill_saving, ("trading_gain",), ("flexibility_gain",)),
        "negative_cost": RewardRule(negative_cost, ("negative_cost",)),
        "community_saving": RewardRule(social.community_saving, ("community_saving",)),
        "blend": RewardRule(social.blend, ("own_saving", "community_share"), check=social.check_blend),
        "inequity_averse": RewardRule(
            social.inequity_averse, ("own_saving", "envy", "guilt"), check=social.check_inequity_averse
        ),
        "peak_penalty": RewardRule(
            social.peak_penalty, ("own_saving", "peak_penalty"), check=social.check_peak_penalty
        ),
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
    has_devices
        Whether the street has devices.
    options
        Options of the reward.
    shaping
        Adds the part ``shaping``.

    Raises
    ------
    UnknownNameError, ConfigError
        For a reward, a part or an option that does not exist, or a scale that is not a number.
    """

    def __init__(
        self,
        name: str = "bill_saving",
        *,
        scale: float = 1.0,
        weights: Mapping[str, float] | None = None,
        has_devices: bool = False,
        options: Mapping[str, float] | None = None,
        shaping: Shaping | None = None,
    ) -> None:
        self.rule = REWARDS[name]
        self.part_names = self.rule.part_names + self.rule.flexible_part_names * has_devices
        if shaping is not None:
            self.part_names += ("shaping",)
        self.options = self.rule.with_options(name, options or {})
        self.shaping = shaping
        self.name = name
        self.scale = float(scale)
        self.weights = dict(weights or {})
        for part in self.weights:
            if part not in self.part_names:
                known = ", ".join(self.part_names)
                raise ConfigError(
                    f"reward {name!r} has no part {part!r}{suggest(part, self.part_names)}; its parts are: {known}"
                )
        if not np.isfinite(self.scale):
            raise ConfigError(f"the reward's scale is {scale!r}; expected a finite number")

    def get_reward(self, transition: Transition, ends: BoolArray) -> tuple[FloatArray, Mapping[str, FloatArray]]:
        """Reward ``(B, N)`` and its named parts ``(B, N)`` [$], before weights and scale.

        Parameters
        ----------
        transition
            What an interval brought.
        ends
            ``(B,)`` markets whose episode ends with it.
        """
        parts = self.rule.parts(transition, **self.options)
        if self.shaping is not None:
            parts = {**parts, "shaping": self.shaping.of(transition, ends)}
        total: FloatArray | None = None
        for name, values in parts.items():
            weight = self.scale * self.weights.get(name, 1.0)
            weighted = values if weight == 1.0 else weight * values
            total = weighted if total is None else total + weighted
        if total is None:
            raise AssertionError(f"reward {self.name!r} has no parts")
        return total, parts
