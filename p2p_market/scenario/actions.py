"""Action maps: what a learner's numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from p2p_market.devices import DEVICES
from p2p_market.registry import Registry
from p2p_market.types import AnyArray, FloatArray


@dataclass(frozen=True)
class ActionMap:
    """Turns actions in [-1, 1] into a position in the price band and a share of the net load.

    Parameters
    ----------
    components
        What each component of an action is, in order.
    decode
        From ``(B, L, A)`` actions inside [-1, 1] to position ``(B, L)`` in [-1, 1] and share ``(B, L)`` in [0, 1].
    summary
        One line for lists and docs.
    decode_closing
        From the same actions to the position ``(B, L)`` of the last bidding round, for maps that move from one to the
        other; the position of ``decode`` is that of the first round then.
    devices
        Kinds of devices that it steers.
    decode_devices
        From the same actions to requests ``(B, L)`` by kind, -1 to 1 of the rated power.
    encode
        The way back, from position and share to an action ``(..., A)`` that says them as nearly as this map can;
        ``None`` where there is none.
    steers_all
        Whether it has a further component for every kind of device on the street, see `on_street`.
    """

    components: tuple[str, ...]
    decode: Callable[[AnyArray], tuple[FloatArray, FloatArray]]
    summary: str
    decode_closing: Callable[[AnyArray], FloatArray] | None = None
    devices: tuple[str, ...] = ()
    decode_devices: Callable[[AnyArray], Mapping[str, FloatArray]] | None = None
    encode: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    steers_all: bool = False

    def on_street(self, kinds: Collection[str]) -> ActionMap:
        """Return the map for a street with these kinds of devices, whose components follow in the registry's order."""
        if not self.steers_all:
            return self
        present = tuple(kind for kind in DEVICES if kind in kinds)
        first = len(self.components)

        def decode_devices(actions: AnyArray) -> Mapping[str, FloatArray]:
            return {kind: actions[..., first + i].astype(np.float64) for i, kind in enumerate(present)}

        components = (*self.components, *(DEVICES[kind].component for kind in present))
        return replace(self, components=components, devices=present, decode_devices=decode_devices)


def _price(actions: AnyArray) -> tuple[FloatArray, FloatArray]:
    position = actions[..., 0].astype(np.float64)
    return position, np.ones_like(position)


def _price_quantity(actions: AnyArray) -> tuple[FloatArray, FloatArray]:
    return actions[..., 0].astype(np.float64), 0.5 * (actions[..., 1].astype(np.float64) + 1.0)


def _second_price(actions: AnyArray) -> FloatArray:
    return actions[..., 1].astype(np.float64)


def _second_as_battery(actions: AnyArray) -> Mapping[str, FloatArray]:
    return {"battery": actions[..., 1].astype(np.float64)}


def _third_as_battery(actions: AnyArray) -> Mapping[str, FloatArray]:
    return {"battery": actions[..., 2].astype(np.float64)}


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
            devices=("battery",),
            decode_devices=_second_as_battery,
            encode=_to_price_storage,
        ),
        "price_quantity_storage": ActionMap(
            ("limit price", "quantity", "battery power"),
            _price_quantity,
            "limit price, the share of the net load that is offered, and battery power as in price_storage",
            devices=("battery",),
            decode_devices=_third_as_battery,
            encode=_to_price_quantity_storage,
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
