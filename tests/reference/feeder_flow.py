"""Power flow of one state, written out: an admittance matrix, and currents renewed until the voltages stand still."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from p2p_market.power_flow import Feeder


def admittances(feeder: Feeder) -> Any:
    """Node admittances [S] at the low-voltage level; node 0 is the high-voltage side, referred to it."""
    nodes = ["high voltage", *feeder.nodes]
    matrix = np.zeros((len(nodes), len(nodes)), dtype=complex)

    def connect(start: int, end: int, series: complex, shunt: complex) -> None:
        for node in (start, end):
            matrix[node, node] += series + shunt / 2
        matrix[start, end] -= series
        matrix[end, start] -= series

    for line in feeder.lines:
        cable, kilometres = feeder.cables[line.cable], line.length_m / 1000.0
        impedance = complex(cable.r_ohm_per_km, cable.x_ohm_per_km) * kilometres
        shunt = 2j * math.pi * 50.0 * cable.c_nf_per_km * 1e-9 * kilometres
        connect(nodes.index(line.start), nodes.index(line.end), 1.0 / impedance, shunt)
    plate = feeder.transformer
    base = (1000.0 * plate.low_voltage_kv) ** 2 / (1000.0 * plate.rating_kva)
    size, resistance = plate.short_circuit_voltage_percent / 100.0, plate.load_losses_kw / plate.rating_kva
    series = 1.0 / (complex(resistance, math.sqrt(size**2 - resistance**2)) * base)
    current, core = plate.no_load_current_percent / 100.0, plate.no_load_losses_kw / plate.rating_kva
    shunt = complex(core, -math.sqrt(max(current**2 - core**2, 0.0))) / base
    connect(0, 1, series, shunt)
    return matrix


def reference_flow(
    feeder: Feeder, power: list[float], reactive_power: list[float], source_voltage: float
) -> dict[str, Any]:
    """Voltages [p.u.], loadings [%] and losses [kW] of one state; power in kW and kvar by connection."""
    matrix = admittances(feeder)
    nodes = ["high voltage", *feeder.nodes]
    taken = np.zeros(len(nodes), dtype=complex)  # [VA] of one of three phases
    for node, active, reactive in zip(feeder.connections, power, reactive_power, strict=True):
        taken[nodes.index(node)] += complex(active, reactive) * 1000.0 / 3.0
    root = math.sqrt(3.0)
    held = 1000.0 * feeder.transformer.low_voltage_kv / root * source_voltage
    voltage = np.full(len(nodes), complex(held))
    for _ in range(2000):
        injected = -np.conj(taken[1:] / voltage[1:])
        renewed = np.linalg.solve(matrix[1:, 1:], injected - matrix[1:, 0] * held)
        change = np.abs(renewed - voltage[1:]).max()
        voltage[1:] = renewed
        if change < 1e-11:
            break
    else:
        raise AssertionError("the reference found no solution")

    loading = []
    for line in feeder.lines:
        cable, kilometres = feeder.cables[line.cable], line.length_m / 1000.0
        start, end = voltage[nodes.index(line.start)], voltage[nodes.index(line.end)]
        through = (start - end) / (complex(cable.r_ohm_per_km, cable.x_ohm_per_km) * kilometres)
        half = 1j * math.pi * 50.0 * cable.c_nf_per_km * 1e-9 * kilometres
        loading.append(100.0 * max(abs(through + half * start), abs(through - half * end)) / cable.rating_a)
    entering = 3.0 * voltage[0] * (matrix[0] @ voltage).conjugate()
    leaving = 3.0 * voltage[1] * (-(matrix[1, 0] * voltage[0]) - (matrix[0, 0]) * voltage[1]).conjugate()
    rating = 1000.0 * feeder.transformer.rating_kva
    return {
        "voltage": np.abs(voltage[1:]) * root / (1000.0 * feeder.nominal_voltage_kv),
        "line_loading": np.array(loading),
        "transformer_loading": 100.0 * max(abs(entering), abs(leaving)) / rating,
        "grid_power": entering.real / 1000.0,
        "losses": (entering.real - 3.0 * taken.sum().real) / 1000.0,
    }


def two_buses(held: float, impedance: complex, taken: complex) -> float:
    """Voltage at the end of one line, in closed form: the larger root of its biquadratic equation.

    With the voltage held at the start, ``|V|**4 - b |V|**2 + |Z S|**2 = 0`` where ``b = held**2 - 2 Re(conj(Z) S)``:
    all in the same units, per phase or in parts of a base.
    """
    b = held**2 - 2.0 * (impedance.conjugate() * taken).real
    return math.sqrt((b + math.sqrt(b**2 - 4.0 * abs(impedance * taken) ** 2)) / 2.0)


def solves_two_buses(held: float, impedance: complex, taken: complex) -> bool:
    """Whether the equation of `two_buses` has a root."""
    b = held**2 - 2.0 * (impedance.conjugate() * taken).real
    return b > 0.0 and b**2 >= 4.0 * abs(impedance * taken) ** 2
