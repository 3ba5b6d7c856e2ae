"""The power flow itself, worked out by power-grid-model for many states at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.errors import require_extra
from p2p_market.power_flow.feeder import Feeder
from p2p_market.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from power_grid_model import PowerGridModel

_BLOCK = 4096  # states that are solved together, which bounds the memory that the engine's answers take
_MOST_ITERATIONS = 50
_STIFF_VA = 1e20  # short-circuit power of a voltage that is held
_WANTED = {
    "node": ["u_pu"],
    "line": ["loading", "p_from", "p_to"],
    "transformer": ["loading", "p_from", "p_to"],
}


@dataclass(frozen=True, eq=False)
class Flow:
    """Power flow of ``S`` states on a feeder with ``K`` nodes and ``M`` lines; nan in states without a solution."""

    solved: BoolArray  # (S,)
    voltage: FloatArray  # (S, K) [p.u.] of the nominal voltage, in the order of `Feeder.nodes`
    line_loading: FloatArray  # (S, M) [%] current over the cable's rating, at the end where it is larger
    line_losses: FloatArray  # (S, M) [kW]
    transformer_loading: FloatArray  # (S,) [%] apparent power over the rating, on the side where it is larger
    transformer_losses: FloatArray  # (S,) [kW] windings and core
    grid_power: FloatArray  # (S,) [kW] from the high-voltage side; < 0 back to it

    @property
    def losses(self) -> FloatArray:
        """``(S,)`` [kW] losses of all lines and the transformer."""
        total: FloatArray = self.line_losses.sum(axis=-1) + self.transformer_losses
        return total


def solve(feeder: Feeder, power: FloatArray, reactive_power: FloatArray, source_voltage: float = 1.0) -> Flow:
    """Work out the three-phase balanced power flow of many states.

    Newton-Raphson to voltages within 1e-8 p.u.; loads take constant power. The high-voltage side of the transformer
    is held at ``source_voltage``, and its tap is where it transforms as it is rated.

    Parameters
    ----------
    feeder
        The network.
    power, reactive_power
        ``(S, C)`` [kW] and [kvar] that the connections take, in the order of `Feeder.connections`; < 0 where they
        give.
    source_voltage
        Voltage on the high-voltage side [p.u.].

    Returns
    -------
    Flow
        Voltages, loadings and losses. A state that has no solution, since more is asked for than the lines can
        carry at any voltage, is not ``solved``.

    Raises
    ------
    MissingExtraError
        Without power-grid-model.
    ValueError
        If the arrays have the wrong shape, or hold something that is no finite number.
    """
    shape = (len(power), len(feeder.connections))
    for name, values in (("power", power), ("reactive_power", reactive_power)):
        if values.shape != shape:
            raise ValueError(f"{name} has the shape {values.shape}; expected {shape}: states x connections")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds something that is no finite number")
    model = _model(feeder, source_voltage)
    blocks = [slice(first, first + _BLOCK) for first in range(0, len(power), _BLOCK)] or [slice(0)]
    parts = [_solve_block(model, power[block], reactive_power[block]) for block in blocks]
    return Flow(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Flow)})


def _solve_block(model: PowerGridModel, power: FloatArray, reactive_power: FloatArray) -> Flow:
    update: Any = {"sym_load": {"p_specified": 1000.0 * power, "q_specified": 1000.0 * reactive_power}}
    answer: Any = model.calculate_power_flow(
        update_data=update,
        max_iterations=_MOST_ITERATIONS,
        continue_on_batch_error=True,
        output_component_types=_WANTED,
    )
    solved = np.ones(len(power), dtype=np.bool_)
    if model.batch_error is not None:
        solved[model.batch_error.failed_scenarios] = False

    def column(component: str, name: str) -> FloatArray:
        values = answer[component][name]
        values[~solved] = np.nan  # what the engine leaves there is no number of anything
        return np.asarray(values)

    def losses(component: str) -> FloatArray:
        return (column(component, "p_from") + column(component, "p_to")) / 1000.0

    return Flow(
        solved=solved,
        voltage=column("node", "u_pu")[:, 1:],
        line_loading=100.0 * column("line", "loading"),
        line_losses=losses("line"),
        transformer_loading=100.0 * column("transformer", "loading")[:, 0],
        transformer_losses=losses("transformer")[:, 0],
        grid_power=column("transformer", "p_from")[:, 0] / 1000.0,
    )


def _model(feeder: Feeder, source_voltage: float) -> PowerGridModel:
    """Node 0 is the high-voltage side, and the feeder's nodes follow; every component has an id of its own."""
    try:
        from power_grid_model import PowerGridModel, initialize_array  # noqa: PLC0415 (an optional extra)
    except ImportError as error:
        raise require_extra("power-grid-model", "power-flow", "a power flow") from error

    plate, place = feeder.transformer, {node: number for number, node in enumerate(feeder.nodes, start=1)}
    cables = [feeder.cables[line.cable] for line in feeder.lines]
    kilometres = np.array([line.length_m for line in feeder.lines]) / 1000.0
    rating = 1000.0 * plate.rating_kva
    rated_kv = [plate.high_voltage_kv] + [feeder.nominal_voltage_kv] * len(feeder.nodes)
    columns: dict[str, dict[str, Any]] = {
        "node": {"u_rated": 1000.0 * np.array(rated_kv)},
        "source": {"node": [0], "status": 1, "u_ref": source_voltage, "sk": _STIFF_VA},
        "transformer": {
            "from_node": [0],
            "to_node": 1,
            "from_status": 1,
            "to_status": 1,
            "u1": 1000.0 * plate.high_voltage_kv,
            "u2": 1000.0 * plate.low_voltage_kv,
            "sn": rating,
            "uk": plate.short_circuit_voltage_percent / 100.0,
            "pk": 1000.0 * plate.load_losses_kw,
            "i0": plate.no_load_current_percent / 100.0,
            "p0": 1000.0 * plate.no_load_losses_kw,
            # a vector group turns all angles alike, and no result depends on them
            "winding_from": 1,
            "winding_to": 1,
            "clock": 0,
            **dict.fromkeys(("tap_side", "tap_pos", "tap_min", "tap_max", "tap_nom", "tap_size"), 0),
        },
        "line": {
            "from_node": [place[line.start] for line in feeder.lines],
            "to_node": [place[line.end] for line in feeder.lines],
            "from_status": 1,
            "to_status": 1,
            "r1": np.array([cable.r_ohm_per_km for cable in cables]) * kilometres,
            "x1": np.array([cable.x_ohm_per_km for cable in cables]) * kilometres,
            "c1": np.array([cable.c_nf_per_km for cable in cables]) * kilometres * 1e-9,
            "tan1": 0.0,
            "i_n": [cable.rating_a for cable in cables],
        },
        "sym_load": {
            "node": [place[node] for node in feeder.connections],
            "status": 1,
            "type": 0,  # constant power
            "p_specified": 0.0,
            "q_specified": 0.0,
        },
    }
    network: Any = {}
    next_id = 0
    for component, values in columns.items():
        size = len(next(iter(values.values())))
        table: Any = initialize_array("input", component, size)
        table["id"] = np.arange(next_id, next_id + size)
        next_id += size
        for name, value in values.items():
            table[name] = value
        network[component] = table
    return PowerGridModel(network, system_frequency=50.0)
