"""The section ``network`` of a configuration."""

from __future__ import annotations

import importlib
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from p2p_market.config_base import Section, registered

FeederRuleName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.network", "FEEDER_RULES"))]
FeederShares: TypeAlias = Annotated[tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...], Field(min_length=1)]
Limit: TypeAlias = Annotated[float, Field(ge=0.0)]
Limits: TypeAlias = Limit | Annotated[tuple[Limit, ...], Field(min_length=1)]


class LossSection(Section):
    """Shares of traded energy that lines lose, by distance."""

    same_feeder: float = Field(0.0, ge=0.0, lt=1.0, description="of what stays on a feeder")
    other_feeder: float = Field(0.0, ge=0.0, lt=1.0, description="of what goes from one feeder to another")

    @model_validator(mode="after")
    def _farther_loses_more(self) -> LossSection:
        if self.same_feeder > self.other_feeder:
            raise ValueError(
                f"same_feeder is {self.same_feeder:g} and other_feeder {self.other_feeder:g}; energy that goes to "
                "another feeder passes through the own one first, so expected same_feeder <= other_feeder"
            )
        return self


class NetworkSection(Section):
    """Feeders with limits on what flows over their heads, and line losses of traded energy."""

    feeders: Annotated[int, Field(ge=1)] | FeederShares = Field(
        1, description="how many, households spread evenly; or a list of the shares of households on each"
    )
    import_limit_kw: Limits | None = Field(
        None, description="most that flows into a feeder, one number or a list, one a feeder; null: no limit"
    )
    export_limit_kw: Limits | None = Field(None, description="most that flows out of a feeder, alike")
    rule: FeederRuleName = Field(
        "pro_rata",
        description="what happens at a limit; pro_rata: exports are curtailed and load is shed; scarcity_price: "
        "nothing is cut, and what is beyond the limit is charged",
    )
    value_of_lost_load_dollars_per_kwh: float = Field(
        25.0, ge=0.0, description="what shed load counts as; at least the highest retail price"
    )
    scarcity_price_dollars_per_kwh: float | None = Field(
        None, ge=0.0, description="price of energy beyond a limit, for rules that charge it"
    )
    losses: LossSection = Field(
        LossSection(), description="shares of traded energy that are lost: same_feeder, other_feeder"
    )

    @property
    def num_feeders(self) -> int:
        """How many feeders there are."""
        return self.feeders if isinstance(self.feeders, int) else len(self.feeders)

    @model_validator(mode="after")
    def _a_limit_a_feeder(self) -> NetworkSection:
        for key in ("import_limit_kw", "export_limit_kw"):
            limits = getattr(self, key)
            if isinstance(limits, tuple) and len(limits) != self.num_feeders:
                raise ValueError(
                    f"{key} lists {len(limits)} limits, and network.feeders are {self.num_feeders}; give one number "
                    "for all, or a list with one a feeder"
                )
        return self

    @model_validator(mode="after")
    def _a_price_where_one_is_charged(self) -> NetworkSection:
        charges = importlib.import_module("p2p_market.network").FEEDER_RULES[self.rule].charges
        if charges and self.scarcity_price_dollars_per_kwh is None:
            raise ValueError(
                f"rule {self.rule!r} charges energy beyond a limit; set network.scarcity_price_dollars_per_kwh, "
                "e.g. to 1.0"
            )
        if not charges and self.scarcity_price_dollars_per_kwh is not None:
            raise ValueError(
                f"rule {self.rule!r} leaves nothing beyond a limit to charge; leave scarcity_price_dollars_per_kwh "
                "out, or choose 'scarcity_price'"
            )
        return self
