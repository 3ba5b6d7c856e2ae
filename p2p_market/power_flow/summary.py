"""What a power flow says in short: key figures, and frames by interval, node and branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from p2p_market.power_flow.check import PowerFlow
from p2p_market.types import AnyArray, FloatArray

TRANSFORMER = "transformer"


@dataclass(frozen=True, eq=False)
class PowerFlowFrames:
    """Frames of a power flow, null where there is no solution.

    Attributes
    ----------
    intervals
        A row a market and interval: whether it was ``solved``, lowest and highest voltage of a household, how many
        households are outside the limits, highest loading of a line, loading of the transformer, losses.
    nodes
        A row a market, interval and node: the voltage.
    branches
        A row a market, interval and line, or the transformer: loading and losses.
    voltage_limits
        Lowest and highest voltage that is allowed [p.u.].
    """

    intervals: pl.DataFrame
    nodes: pl.DataFrame
    branches: pl.DataFrame
    voltage_limits: tuple[float, float]


def power_flow_figures(checked: PowerFlow) -> dict[str, float]:
    """Key figures over all intervals and markets; energy is the mean over markets.

    An interval without a solution counts as outside the limits and as overloaded, and has no voltage, loading or
    losses.
    """
    flow, outside = checked.flow, checked.outside_limits
    voltage, num_markets = checked.household_voltage, checked.shape[1]
    losses, energy_in = (float(np.nansum(v)) for v in (flow.losses * checked.interval_hours, checked.energy_in))
    return {
        "voltage_lowest_pu": -_largest(-voltage),
        "voltage_highest_pu": _largest(voltage),
        "voltage_outside_share": float(outside.any(axis=1).mean()),
        "voltage_outside_household_share": float(outside.mean()),
        "line_loading_highest_percent": _largest(flow.line_loading),
        "transformer_loading_highest_percent": _largest(flow.transformer_loading),
        "overloaded_share": float(checked.overloaded.mean()),
        "feeder_losses_kwh": losses / num_markets,
        "feeder_losses_share": losses / energy_in if energy_in > 0.0 else float("nan"),
        "unsolved_share": float((~flow.solved).mean()),
    }


def power_flow_frames(checked: PowerFlow, start: AnyArray) -> PowerFlowFrames:
    """Build the frames of a power flow whose intervals start at ``(T, B)`` local times."""
    flow, hours, feeder = checked.flow, checked.interval_hours, checked.feeder
    num_intervals, num_markets = checked.shape
    states: dict[str, AnyArray] = {
        "market": np.tile(np.arange(num_markets), num_intervals),
        "start": start.reshape(-1).astype("datetime64[ms]"),
    }
    voltage = checked.household_voltage
    intervals = {
        "solved": flow.solved,
        "voltage_low_pu": voltage.min(axis=1),
        "voltage_high_pu": voltage.max(axis=1),
        "households_outside_limits": checked.outside_limits.sum(axis=1),
        "line_loading_percent": flow.line_loading.max(axis=1),
        "transformer_loading_percent": flow.transformer_loading,
        "losses_kwh": flow.losses * hours,
    }
    branches = {
        "loading_percent": np.column_stack([flow.line_loading, flow.transformer_loading]),
        "losses_kwh": np.column_stack([flow.line_losses, flow.transformer_losses]) * hours,
    }
    names = [*(line.name for line in feeder.lines), TRANSFORMER]
    return PowerFlowFrames(
        pl.DataFrame({**states, **intervals}).with_columns(pl.selectors.float().fill_nan(None)),
        _long(states, "node", list(feeder.nodes), {"voltage_pu": flow.voltage}),
        _long(states, "branch", names, branches),
        checked.voltage_limits,
    )


def _long(states: dict[str, AnyArray], kind: str, names: list[str], columns: dict[str, FloatArray]) -> pl.DataFrame:
    """Table of a row a state and name, of columns ``(S, names)``."""
    num_states = len(states["market"])
    place = np.tile(np.arange(len(names), dtype=np.uint32), num_states)
    table: dict[str, AnyArray | pl.Series] = {
        **{name: np.repeat(values, len(names)) for name, values in states.items()},
        kind: pl.Series(names).gather(place),
        **{name: values.reshape(-1) for name, values in columns.items()},
    }
    return pl.DataFrame(table).with_columns(pl.selectors.float().fill_nan(None))


def _largest(values: FloatArray) -> float:
    """Largest of the values that there are; nan where there is none."""
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else float("nan")
