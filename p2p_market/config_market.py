"""The section ``market``: mechanism, grids, fees, and how trades are settled."""

from __future__ import annotations

import importlib
from typing import Any, Literal

from pydantic import Field, model_validator

from p2p_market.config_base import Section
from p2p_market.config_values import MechanismName, Share


class MarketSection(Section):
    """The market's rules."""

    mechanism: MechanismName = Field("uniform_price", description="name of a mechanism")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the mechanism, e.g. {k: 0.5}")
    price_tick_dollars_per_kwh: float | None = Field(0.0001, gt=0.0, le=1.0, description="price grid; null: none")
    energy_unit_wh: float = Field(1.0, gt=0.0, le=1000.0, description="energy grid of meters and orders")
    lot_kwh: float | None = Field(
        None,
        gt=0.0,
        description="size of every order: one lot for whoever has as much to trade; null: any size. Mechanisms for "
        "orders of one size need it",
    )
    rounds: int = Field(
        1, ge=1, description="how often a household quotes inside an interval; `continuous` takes more than one"
    )
    ties: Literal["prorata", "priority", "random"] = Field("prorata", description="how a partly filled level is shared")
    trading_fee_dollars_per_kwh: float = Field(0.0, ge=0.0, description="the operator's fee on traded energy")
    trading_fee_share_of_price: float = Field(0.0, ge=0.0, lt=1.0, description="the operator's ad-valorem fee")
    network_fee_dollars_per_kwh: float = Field(0.0, ge=0.0, description="the network's fee on traded energy")
    settlement: Literal["metered", "imbalance"] = Field(
        "metered",
        description="imbalance: households bid on forecasts (scenario.forecast), and traded energy that the meter does "
        "not confirm costs imbalance prices",
    )
    imbalance_import_factor: float = Field(
        1.25, ge=1.0, description="price of energy sold and not delivered, in multiples of the highest retail price"
    )
    imbalance_export_factor: Share = Field(
        0.75, description="price of energy bought and not taken, in multiples of the lowest feed-in price"
    )
    max_quote_ratio: float = Field(
        1.0, ge=1.0, description="how many times what it has a learner may offer; above 1 with settlement imbalance"
    )
    buyer_share_of_fees: Share = Field(0.5, description="part of all fees that buyers carry")
    audit: bool = Field(False, description="check every clearing for energy and money balance and rationality")

    @model_validator(mode="after")
    def _lot_where_one_is_needed(self) -> MarketSection:
        """Mechanisms for orders of one size cannot clear what households of all sizes have to trade."""
        mechanisms = importlib.import_module("p2p_market.auction.mechanisms").MECHANISMS
        if mechanisms[self.mechanism].promises.unit_lots and self.lot_kwh is None:
            raise ValueError(
                f"mechanism {self.mechanism!r} is defined for orders of one size; set market.lot_kwh, e.g. to 0.25, or "
                "choose 'huang' or 'muda', which take orders of any size"
            )
        return self

    @model_validator(mode="after")
    def _imbalance_where_it_can_be(self) -> MarketSection:
        """A pool takes net loads as they are metered, and only a commitment can go beyond them."""
        mechanisms = importlib.import_module("p2p_market.auction.mechanisms").MECHANISMS
        if self.settlement == "imbalance" and mechanisms[self.mechanism].is_pool:
            raise ValueError(
                f"mechanism {self.mechanism!r} is a pool rule, which settles what is metered, and market.settlement is "
                "'imbalance'; set it to 'metered', or choose a mechanism with orders, e.g. uniform_price"
            )
        if self.settlement == "metered" and self.max_quote_ratio > 1.0:
            raise ValueError(
                f"market.max_quote_ratio is {self.max_quote_ratio:g}, and only what a household has can be traded "
                "with market.settlement: metered; set the ratio to 1, or settlement to 'imbalance'"
            )
        return self

    @model_validator(mode="after")
    def _rounds_where_they_can_be(self) -> MarketSection:
        """Most mechanisms clear all orders at once, so that there is nothing to renew."""
        mechanisms = importlib.import_module("p2p_market.auction.mechanisms").MECHANISMS
        if self.rounds > 1 and not mechanisms[self.mechanism].takes_rounds:
            able = ", ".join(repr(name) for name, mechanism in mechanisms.items() if mechanism.takes_rounds)
            raise ValueError(
                f"mechanism {self.mechanism!r} clears all orders at once, and market.rounds is {self.rounds}; set it "
                f"to 1, or choose {able}"
            )
        if "rounds" in self.options:
            raise ValueError("the number of rounds is market.rounds; leave it out of market.options")
        return self
