"""What batteries do that nobody learns to steer: rules from own meter, own tariff and the published price to energy.

Rules that plan ahead are in `p2p_market.policies.planners`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from p2p_market.policies.planners import PLANNERS, Planner
from p2p_market.registry import Registry
from p2p_market.types import FloatArray

if TYPE_CHECKING:
    from p2p_market.devices.battery import Batteries
    from p2p_market.model import MarketState
    from p2p_market.scenario.scenario import AuctionScenario


class StorageView(Protocol):
    """What households know when they steer their batteries, in ``B`` markets of ``N`` households.

    Inside the market it comes from the state, for `p2p_market.policies.as_callable` from observations.
    """

    @property
    def net_load(self) -> FloatArray:
        """``(B, N)`` [kWh] without devices, > 0 needs energy."""

    @property
    def retail_price(self) -> FloatArray:
        """``(B, N)`` [$/kWh]."""

    @property
    def cheapest_price(self) -> FloatArray:
        """``(B, N)`` [$/kWh] lowest retail price of the day."""

    @property
    def dearest_price(self) -> FloatArray:
        """``(B, N)`` [$/kWh] highest."""

    @property
    def published_position(self) -> FloatArray:
        """``(B, 1)`` last price as a position -1 ... 1 in its band, 0 without trade."""

    @property
    def has_traded(self) -> FloatArray:
        """``(B, 1)`` whether there was one."""

    @property
    def largest_charge(self) -> FloatArray:
        """``(N,)`` [kWh] taken in an interval at rated power."""


@dataclass(frozen=True, eq=False)
class StateStorageView:
    """The view from the state of the markets before their devices move; attributes as of `StorageView`."""

    net_load: FloatArray
    retail_price: FloatArray
    cheapest_price: FloatArray
    dearest_price: FloatArray
    published_position: FloatArray
    has_traded: FloatArray
    largest_charge: FloatArray

    @classmethod
    def of(cls, state: MarketState, scenario: AuctionScenario, batteries: Batteries) -> StateStorageView:
        """Take the view."""
        cheapest, dearest = scenario.read_retail_of_day(state.row)
        return cls(
            net_load=state.net_load,
            retail_price=state.retail_price,
            cheapest_price=cheapest,
            dearest_price=dearest,
            published_position=state.published_position[:, None],
            has_traded=(state.traded > 0.0)[:, None].astype(np.float64),
            largest_charge=batteries.largest_charge,
        )


StorageRule: TypeAlias = Callable[[StorageView], FloatArray]
"""From a view to the energy ``(B, N)`` [kWh] that batteries should take, < 0 give; they do as much as they can."""


def idle(view: StorageView) -> FloatArray:
    """Nothing."""
    return np.zeros_like(view.net_load)


def self_consumption(view: StorageView) -> FloatArray:
    r"""Store what is spare, and give what is needed: :math:`-\text{net load}`.

    The usual rule of home batteries. It uses no price.
    """
    return -view.net_load


def time_of_use(view: StorageView) -> FloatArray:
    """Charge at rated power at the day's lowest retail price, cover the own need at its highest, store what is spare.

    Under a flat tariff it is `self_consumption`.
    """
    varies = view.dearest_price > view.cheapest_price
    spare = np.maximum(-view.net_load, 0.0)
    energy = np.where(view.retail_price == view.cheapest_price, view.largest_charge, spare)
    is_dear = view.retail_price == view.dearest_price
    return np.where(varies, np.where(is_dear, -view.net_load, energy), -view.net_load)


def price_threshold(view: StorageView) -> FloatArray:
    """Store what is spare unless the last price was high, and give what is needed unless it was low.

    High is the upper quarter of the band, low the lower one. So at a high price it sells and at a low one it buys; in
    between, and when nothing was traded, it is `self_consumption`.
    """
    is_low = (view.published_position < -0.5) & (view.has_traded > 0.0)
    is_high = (view.published_position > 0.5) & (view.has_traded > 0.0)
    stays = np.where(view.net_load > 0.0, is_low, is_high)
    return np.where(stays, 0.0, -view.net_load)


STORAGE_RULES: Registry[StorageRule | Planner] = Registry(
    "storage rule",
    {
        "idle": idle,
        "self_consumption": self_consumption,
        "time_of_use": time_of_use,
        "price_threshold": price_threshold,
        **PLANNERS,
    },
)
