"""Action maps: what a learner's numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces

from p2p_market.devices import DEVICES
from p2p_market.errors import ConfigError
from p2p_market.registry import Registry
from p2p_market.types import AnyArray, FloatArray, IntArray


@dataclass(frozen=True)
class ActionMap:
    """Turns actions in [-1, 1] into a position in the price band and a share of the net load.

    A map with ``levels`` takes whole numbers instead, each the place on an even grid from -1 to 1.

    Parameters
    ----------
    components
        What each component of an action is, in order.
    decode
        From ``(B, L, A)`` actions inside [-1, 1] to position ``(B, L)`` in [-1, 1] and share ``(B, L)`` of what there
        is to trade, 0 to 1, or to the ratio of `with_quotes`.
    summary
        One line for lists and docs.
    decode_closing
        From the same actions to the position ``(B, L)`` of the last bidding round, for maps that move from one to the
        other; the position of ``decode`` is that of the first round then.
    device_places
        Kinds of devices that it steers, each with the component that is its request, -1 to 1 of the rated power.
    encode
        The way back, from position and share to an action ``(..., A)`` that says them as nearly as this map can;
        ``None`` where there is none.
    levels
        How many choices each component has, 2 or more; ``None`` where actions are numbers in [-1, 1].
    steers_all
        Whether it has a further component for every kind of device on the street, see `on_street`.
    """

    components: tuple[str, ...]
    decode: Callable[[AnyArray], tuple[FloatArray, FloatArray]]
    summary: str
    decode_closing: Callable[[AnyArray], FloatArray] | None = None
    device_places: Mapping[str, int] = field(default_factory=dict)
    encode: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    levels: tuple[int, ...] | None = None
    steers_all: bool = False

    @property
    def devices(self) -> tuple[str, ...]:
        """Kinds of devices that it steers."""
        return tuple(self.device_places)

    def decode_devices(self, actions: AnyArray) -> dict[str, FloatArray]:
        """Take the requests ``(B, L)`` by kind out of actions ``(B, L, A)`` inside [-1, 1]."""
        return {kind: actions[..., place].astype(np.float64) for kind, place in self.device_places.items()}

    def with_levels(self, name: str, levels: Sequence[int] | None) -> ActionMap:
        """Return the same map with other numbers of choices; ``None`` leaves them.

        Raises
        ------
        ConfigError
            For a map of numbers in [-1, 1], another count of components, or fewer than 2 choices.
        """
        if levels is None:
            return self
        if self.levels is None:
            raise ConfigError(
                f"action map {name!r} takes numbers in [-1, 1], and scenario.action_levels is {list(levels)}; leave it "
                "out, or choose a discrete map"
            )
        if len(levels) != len(self.components) or min(levels) < 2:
            raise ConfigError(
                f"scenario.action_levels is {list(levels)}; expected a number of choices, 2 or more, for each "
                f"component of action map {name!r}: {', '.join(self.components)}"
            )
        return replace(self, levels=tuple(levels))

    def with_quotes(self, name: str, max_ratio: float) -> ActionMap:
        """Return the same map with a quantity component that reaches up to so many times what there is to trade.

        Raises
        ------
        ConfigError
            For a ratio above 1 and a map that has no such component.
        """
        if max_ratio == 1.0:
            return self
        if "quantity" not in self.components:
            raise ConfigError(
                f"market.max_quote_ratio is {max_ratio:g}, and action map {name!r} always offers the whole net load; "
                "set the ratio to 1, or choose a map with a quantity, e.g. price_quantity"
            )
        decode, encode = self.decode, self.encode

        def decode_more(actions: AnyArray) -> tuple[FloatArray, FloatArray]:
            position, share = decode(actions)
            return position, max_ratio * share

        def encode_more(position: FloatArray, share: FloatArray) -> FloatArray:
            assert encode is not None  # noqa: S101 - only used where there is one
            return encode(position, share / max_ratio)

        return replace(self, decode=decode_more, encode=None if encode is None else encode_more)

    def make_space(self) -> spaces.Space[Any]:
        """A new space of one household's action."""
        if self.levels is None:
            return spaces.Box(-1.0, 1.0, (len(self.components),), dtype=np.float32)
        if len(self.levels) == 1:
            return spaces.Discrete(self.levels[0])
        return spaces.MultiDiscrete(list(self.levels))

    def of_components(self, places: Sequence[int]) -> ActionMap:
        """Return the space's description for some of the components; what decodes is that of the whole map."""
        return replace(
            self,
            components=tuple(self.components[place] for place in places),
            levels=None if self.levels is None else tuple(self.levels[place] for place in places),
        )

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one household's action: ``(A,)``, or none where it is a single choice."""
        return () if self.levels is not None and len(self.levels) == 1 else (len(self.components),)

    @cached_property
    def last_choice(self) -> IntArray:
        """``(A,)`` the largest number of each component, of a map with levels."""
        assert self.levels is not None  # noqa: S101 - asked of such maps alone
        return np.array(self.levels) - 1

    def from_choices(self, choices: AnyArray) -> FloatArray:
        """Choices ``(..., A)`` as places on even grids from -1 to 1, of a map with levels."""
        places: FloatArray = choices * (2.0 / self.last_choice) - 1.0
        return places

    def on_street(self, kinds: Collection[str]) -> ActionMap:
        """Return the map for a street with these kinds of devices, whose components follow in the registry's order."""
        if not self.steers_all:
            return self
        present = tuple(kind for kind in DEVICES if kind in kinds)
        components = (*self.components, *(DEVICES[kind].component for kind in present))
        places = {kind: len(self.components) + i for i, kind in enumerate(present)}
        return replace(self, components=components, device_places=places)


def _price(actions: AnyArray) -> tuple[FloatArray, FloatArray]:
    position = actions[..., 0].astype(np.float64)
    return position, np.ones_like(position)


def _price_quantity(actions: AnyArray) -> tuple[FloatArray, FloatArray]:
    return actions[..., 0].astype(np.float64), 0.5 * (actions[..., 1].astype(np.float64) + 1.0)


def _second_price(actions: AnyArray) -> FloatArray:
    return actions[..., 1].astype(np.float64)


def _to_price(position: FloatArray, share: FloatArray) -> FloatArray:  # noqa: ARG001 (the whole net load is offered)
    return position[..., None]


def _to_price_quantity(position: FloatArray, share: FloatArray) -> FloatArray:
    return np.stack([position, 2.0 * share - 1.0], axis=-1)


def _to_price_concession(position: FloatArray, share: FloatArray) -> FloatArray:  # noqa: ARG001 (the same)
    return np.stack([position, position], axis=-1)


def _to_price_storage(position: FloatArray, share: FloatArray) -> FloatArray:  # noqa: ARG001 (the same)
    return np.stack([position, np.zeros_like(position)], axis=-1)  # the battery idle


def _to_price_quantity_storage(position: FloatArray, share: FloatArray) -> FloatArray:
    return np.stack([position, 2.0 * share - 1.0, np.zeros_like(position)], axis=-1)


ACTION_MAPS: Registry[ActionMap] = Registry(
    "action map",
    {
        "price": ActionMap(
            ("limit price",),
            _price,
            "limit price, -1 low end of the band, +1 high end; the whole net load is offered",
            encode=_to_price,
        ),
        "price_quantity": ActionMap(
            ("limit price", "quantity"),
            _price_quantity,
            "limit price, and the share of the net load that is offered, -1 nothing, +1 all",
            encode=_to_price_quantity,
        ),
        "price_concession": ActionMap(
            ("opening limit price", "closing limit price"),
            _price,
            "limit price of the first bidding round and of the last, moving evenly in between; the whole net load is "
            "offered",
            decode_closing=_second_price,
            encode=_to_price_concession,
        ),
        "price_storage": ActionMap(
            ("limit price", "battery power"),
            _price,
            "limit price of the whole net load, and battery power, -1 discharges and +1 charges at rated power",
            device_places={"battery": 1},
            encode=_to_price_storage,
        ),
        "price_quantity_storage": ActionMap(
            ("limit price", "quantity", "battery power"),
            _price_quantity,
            "limit price, the share of the net load that is offered, and battery power as in price_storage",
            device_places={"battery": 2},
            encode=_to_price_quantity_storage,
        ),
        "discrete_price": ActionMap(
            ("limit price",),
            _price,
            "limit price as one choice, 0 low end of the band, the last high end; the whole net load is offered",
            levels=(21,),
        ),
        "multi_discrete": ActionMap(
            ("limit price", "quantity"),
            _price_quantity,
            "limit price and the share of the net load that is offered, a choice each, 0 low end and nothing",
            levels=(21, 5),
        ),
        "multi_discrete_storage": ActionMap(
            ("limit price", "quantity", "battery power"),
            _price_quantity,
            "the same, and battery power as a choice, 0 discharges, the middle idles, the last charges",
            device_places={"battery": 2},
            levels=(21, 5, 5),
        ),
        "full_devices": ActionMap(
            ("limit price", "quantity"),
            _price_quantity,
            "limit price, the share of the net load that is offered, and one component for each kind of device on the "
            "street",
            steers_all=True,
        ),
    },
)


def action_map_of(
    components: Sequence[str], levels: Sequence[int] | None, max_ratio: float = 1.0
) -> tuple[str, ActionMap] | None:
    """The map whose actions are made of these components, and its name; ``None`` if there is none.

    Parameters
    ----------
    components, levels
        What an action is made of, as `ActionMap` has it.
    max_ratio
        See `ActionMap.with_quotes`.
    """
    wanted = tuple(components)
    for name, known in ACTION_MAPS.items():
        candidate = known.on_street([kind for kind in DEVICES if DEVICES[kind].component in wanted])
        if candidate.components == wanted and (candidate.levels is None) == (levels is None):
            return name, candidate.with_levels(name, levels).with_quotes(name, max_ratio)
    return None
