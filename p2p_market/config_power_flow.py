"""The section ``run.power_flow`` of a configuration."""

from __future__ import annotations

import importlib
from typing import Literal

from pydantic import Field, model_validator

from p2p_market.config_base import PathText, Section
from p2p_market.errors import UnknownNameError


class PowerFlowSection(Section):
    """The feeder on which a run is checked by power flow, and what is assumed about it."""

    feeder: PathText = Field("cigre_residential", description="a feeder's name, or a YAML file")
    placement: Literal["in_turn", "random"] = Field(
        "in_turn", description="who connects where: in the order of the street, or shuffled by the seed"
    )
    power_factor: float = Field(0.95, gt=0.0, le=1.0, description="of the demand, lagging; PV and devices have 1")
    source_voltage_pu: float = Field(
        1.0, ge=0.8, le=1.2, description="voltage on the high-voltage side of the transformer"
    )
    voltage_limits: Literal["as_60038", "en_50160"] | tuple[float, float] = Field(
        "as_60038",
        description="lowest and highest voltage where households connect: 0.94 to 1.10 (as_60038), 0.90 to 1.10 "
        "(en_50160), or [lowest, highest]",
    )

    @model_validator(mode="after")
    def _known_feeder_and_ordered_limits(self) -> PowerFlowSection:
        """A feeder's file is read when a run starts, as a tariff's is."""
        files = importlib.import_module("p2p_market.power_flow.feeder_files")
        if not files.is_feeder_file(self.feeder) and self.feeder not in files.FEEDERS:
            error = UnknownNameError("feeder", self.feeder, files.FEEDERS)
            raise ValueError(f"{error}; a file ends in .yaml or .yml")
        if not isinstance(self.voltage_limits, str) and not 0.0 < self.voltage_limits[0] < self.voltage_limits[1]:
            raise ValueError(
                f"voltage_limits are {list(self.voltage_limits)}; expected the lowest first, both above 0, "
                "e.g. [0.94, 1.10]"
            )
        return self
