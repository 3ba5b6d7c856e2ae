"""The section ``data``: where households come from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from p2p_market.config_base import PathText, Section
from p2p_market.config_values import Customers, Day, Months, Share

MissingPolicy: TypeAlias = Literal["error", "drop", "fill", "skip_days"]


_INCLUDE_CONTROLLED_LOAD = (
    "add the controlled load (CL) to the demand; no matter with devices.controlled_load, which takes it out of "
    "everybody's demand: it is the device's then"
)


class SyntheticData(Section):
    """Households from the seeded generator; needs no download."""

    source: Literal["synthetic"] = "synthetic"
    num_homes: int | None = Field(None, ge=1, description="homes to generate; null: the street's number, at least 50")
    start: Day = Field(dt.date(2012, 7, 1), description="first day")
    days: int = Field(365, ge=1, le=36525, description="number of days")
    interval_minutes: Literal[5, 10, 15, 20, 30, 60] = Field(30, description="length of an interval")
    seed: int = Field(0, ge=0, description="seed of the generator")
    pv_share: Share = Field(0.6, description="share of homes with PV")
    controlled_load_share: Share = Field(0.46, description="share of homes with a controlled hot-water circuit")
    include_controlled_load: bool = Field(False, description=_INCLUDE_CONTROLLED_LOAD)


class AusgridData(Section):
    """Households from the Ausgrid solar home files."""

    source: Literal["ausgrid"]
    path: PathText | Annotated[tuple[PathText, ...], Field(min_length=1)] = Field(
        description="file, zip or folder, or a list of them"
    )
    customers: Customers | None = Field(None, description="customers to load; null: all")
    start: Day | None = Field(None, description="first day to load")
    end: Day | None = Field(None, description="first day not to load")
    months: Months | None = Field(None, description="months to load, 1 to 12")
    include_controlled_load: bool = Field(False, description=_INCLUDE_CONTROLLED_LOAD)
    missing: MissingPolicy = Field("error", description="what to do about missing intervals")
    clock_changes: Literal["recorded", "repair"] = Field("recorded", description="the two odd half hours of such a day")
    cache: bool = Field(True, description="keep a parsed copy in the user's cache folder")


class TableData(Section):
    """Households from your own CSV or Parquet file."""

    source: Literal["table"]
    path: PathText = Field(description="CSV or Parquet file")
    customers: Customers | None = Field(None, description="households to load; null: all")
    start: Day | None = Field(None, description="first day to load")
    end: Day | None = Field(None, description="first day not to load")
    months: Months | None = Field(None, description="months to load, 1 to 12")
    missing: MissingPolicy = Field("error", description="what to do about missing intervals")
    options: dict[str, Any] = Field(default_factory=dict, description="further options of load_table, by name")


DataSection: TypeAlias = Annotated[SyntheticData | AusgridData | TableData, Field(discriminator="source")]
