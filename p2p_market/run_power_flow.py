"""What a run does to a feeder: the power flow of `p2p_market.power_flow` for the episode that was recorded."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import polars as pl

from p2p_market.config import Config
from p2p_market.config_power_flow import PowerFlowSection
from p2p_market.controller import AuctionController
from p2p_market.errors import PowerFlowWarning, require_extra
from p2p_market.power_flow import (
    VOLTAGE_LIMITS,
    Feeder,
    PowerFlow,
    check_episode,
    load_feeder,
    place_households,
)
from p2p_market.power_flow.summary import PowerFlowFrames, power_flow_figures, power_flow_frames
from p2p_market.recorder import Recorder
from p2p_market.types import AnyArray, FloatArray


@dataclass(frozen=True, eq=False)
class RunPowerFlow:
    """Key figures and frames of a run's power flow."""

    figures: dict[str, float]
    frames: PowerFlowFrames
    node: list[str]  # (N,) where each household connects
    voltage: FloatArray  # (T * B, N) [p.u.]

    def with_voltages(self, households: pl.DataFrame) -> pl.DataFrame:
        """Add the columns ``node`` and ``voltage_pu`` to the frame of households."""
        place = np.tile(np.arange(len(self.node), dtype=np.uint32), len(self.voltage))
        return households.with_columns(
            node=pl.Series(self.node).gather(place),
            voltage_pu=pl.Series(self.voltage.reshape(-1)).fill_nan(None),
        )


def prepare_power_flow(config: Config) -> Feeder | None:
    """Say before a run whether its power flow can be worked out after it, and read the feeder.

    Returns
    -------
    Feeder or None
        ``None`` where the configuration asks for no power flow.

    Raises
    ------
    MissingExtraError
        Without power-grid-model.
    ConfigError
        If the feeder's file cannot be read or holds no feeder.
    """
    if config.run.power_flow is None:
        return None
    if find_spec("power_grid_model") is None:
        raise require_extra("power-grid-model", "power-flow", "run.power_flow")
    return load_feeder(config.run.power_flow.feeder)


def run_power_flow(config: Config, controller: AuctionController, recorder: Recorder, feeder: Feeder) -> RunPowerFlow:
    """Work out the power flow of a finished run.

    Parameters
    ----------
    config
        What was asked for.
    controller
        What was run.
    recorder
        Its full record.
    feeder
        From `prepare_power_flow`.

    Warns
    -----
    PowerFlowWarning
        If an interval has no solution; the message names the first, with market and power.
    """
    asked = config.run.power_flow
    assert isinstance(asked, PowerFlowSection)  # noqa: S101 - there would be no feeder otherwise
    limits = asked.voltage_limits
    checked = check_episode(
        feeder,
        recorder.households["net_load_kwh"],
        _served_demand(recorder),
        place_households(feeder, recorder.profile.shape[1], config.seed if asked.placement == "random" else None),
        controller.model.scenario.interval_hours,
        power_factor=asked.power_factor,
        source_voltage=asked.source_voltage_pu,
        voltage_limits=VOLTAGE_LIMITS[limits] if isinstance(limits, str) else limits,
    )
    start = controller.model.scenario.calendar.start[recorder.row]
    if not checked.flow.solved.all():
        _warn_unsolved(checked, start)
    connections = list(feeder.connections)
    return RunPowerFlow(
        figures=power_flow_figures(checked),
        frames=power_flow_frames(checked, start),
        node=[connections[place] for place in checked.places],
        voltage=checked.household_voltage,
    )


def _served_demand(recorder: Recorder) -> FloatArray:
    """Demand without what feeder limits shed, which draws no reactive power either."""
    served: FloatArray = recorder.households["demand_kwh"]
    if "shed_kwh" in recorder.households:
        served = np.maximum(served - recorder.households["shed_kwh"], 0.0)
    return served


def _warn_unsolved(checked: PowerFlow, start: AnyArray) -> None:
    unsolved = np.flatnonzero(~checked.flow.solved)
    interval, market = divmod(int(unsolved[0]), checked.shape[1])
    taken, rating = checked.power[unsolved[0]].sum(), checked.feeder.transformer.rating_kva
    warnings.warn(
        f"power flow: no solution in {len(unsolved)} of {len(checked.flow.solved)} intervals, the first in market "
        f"{market} at {start[interval, market]}, when households took {taken:,.0f} kW on feeder "
        f"{checked.feeder.name!r} with a transformer of {rating:,.0f} kVA; they count as outside the limits and "
        "overloaded, and have no voltages; choose a stronger feeder, or fewer households",
        PowerFlowWarning,
        stacklevel=2,
    )
