"""The power flow against closed forms, a slow reference, and another engine's numbers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.feeder_flow import reference_flow, solves_two_buses, two_buses

from p2p_market.power_flow import FEEDERS, Cable, Feeder, Flow, Line, Transformer, engine, solve

pytest.importorskip("power_grid_model", reason="needs the extra power-flow: pip install 'p2p-market[power-flow]'")

NAMES = sorted(FEEDERS)


def two_bus_feeder(r: float = 0.4, x: float = 0.1, metres: float = 100.0, **plate: float) -> Feeder:
    values = {"rating_kva": 100.0, "high_voltage_kv": 11.0, "low_voltage_kv": 0.4}
    values |= {"short_circuit_voltage_percent": 4.0, "load_losses_kw": 1.5}
    return Feeder(
        name="two buses",
        transformer=Transformer(**(values | plate)),
        busbar="a",
        cables={"cable": Cable(r, x, 0.0, 100.0)},
        lines=(Line("a", "b", "cable", metres),),
        connections={"b": 1.0},
        nominal_voltage_kv=0.4,
    )


def states(feeder: Feeder, count: int, seed: int, largest: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    size = (count, len(feeder.connections))
    return rng.uniform(-largest, largest, size), rng.uniform(-0.3, 0.5, size) * largest


@given(
    r=st.floats(0.05, 1.0),
    x=st.floats(0.02, 0.5),
    metres=st.floats(5.0, 400.0),
    power=st.floats(-80.0, 80.0),
    reactive=st.floats(-40.0, 40.0),
    source=st.floats(0.9, 1.1),
)
@settings(max_examples=150)
def test_one_line_is_solved_as_in_closed_form(
    r: float, x: float, metres: float, power: float, reactive: float, source: float
) -> None:
    base = 0.4**2 / 0.1  # [ohm] of 400 V and 100 kVA
    transformer = complex(0.015, math.sqrt(0.04**2 - 0.015**2))
    impedance = transformer + complex(r, x) * metres / 1000.0 / base
    taken = complex(power, reactive) / 100.0
    flow = solve(two_bus_feeder(r, x, metres), np.array([[power]]), np.array([[reactive]]), source)
    if not solves_two_buses(source, impedance, 1.1 * taken):
        return  # at the nose of the curve, where a step of rounding decides
    assert flow.solved[0]
    expected = two_buses(source, impedance, taken)
    assert flow.voltage[0, 1] == pytest.approx(expected, abs=1e-7)
    current = abs(taken) / expected
    assert flow.losses[0] == pytest.approx(100.0 * current**2 * impedance.real, abs=1e-5)
    ampere = current * 100e3 / (math.sqrt(3.0) * 400.0)
    assert flow.line_loading[0, 0] == pytest.approx(ampere, abs=1e-4)  # the rating is 100 A


@pytest.mark.parametrize("name", NAMES)
def test_feeders_are_solved_as_by_the_reference(name: str) -> None:
    feeder = FEEDERS[name]
    power, reactive = states(feeder, 6, 1, 220.0 / len(feeder.connections))
    flow = solve(feeder, power, reactive, 1.02)
    for state in range(len(power)):
        expected = reference_flow(feeder, power[state].tolist(), reactive[state].tolist(), 1.02)
        for column, values in expected.items():
            np.testing.assert_allclose(getattr(flow, column)[state], values, rtol=1e-6, atol=1e-6, err_msg=column)


def test_the_benchmark_is_solved_as_by_pandapower() -> None:
    """pandapower 3.5.6, create_cigre_network_lv with its own loads, the one at the busbar set to 0."""
    power = np.array([[15.0, 52.0, 55.0, 35.0, 47.0]]) * 0.95
    reactive = power * math.tan(math.acos(0.95))
    flow = solve(FEEDERS["cigre_residential"], power, reactive)
    expected = [
        *(0.99028526, 0.98172815, 0.97317289, 0.96522729, 0.95948715, 0.95374786, 0.95029872, 0.94684988, 0.94340137),
        *(0.94142138, 0.97083388, 0.95530423, 0.94538578, 0.93547209, 0.92697854, 0.94493498, 0.93775064, 0.93380078),
    ]
    by_node = dict(zip(FEEDERS["cigre_residential"].nodes, flow.voltage[0], strict=True))
    np.testing.assert_allclose([by_node[f"R{number}"] for number in range(1, 19)], expected, atol=2e-8)
    assert flow.line_losses.sum() == pytest.approx(10.556329667, abs=1e-6)
    assert flow.transformer_losses[0] == pytest.approx(0.945299696, abs=1e-6)
    assert flow.grid_power[0] == pytest.approx(205.301629363, abs=1e-6)
    assert flow.transformer_loading[0] == pytest.approx(43.481023365, abs=1e-6)
    assert flow.line_loading[0, 0] == pytest.approx(100.0 * 313.797257 / 313.0, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "power", "reactive", "voltage", "line", "transformer", "losses"),
    [
        ("kerber_rural", 6.0, 2.0, (0.902910903897, 0.983318465046), 94.698621305, 71.083501021, 11.864639168),
        ("kerber_village", 4.0, 1.0, (0.962862852475, 0.986526364907), 35.684832742, 60.394931986, 5.158453621),
        ("kerber_village", -5.0, 0.0, (1.008799603800, 1.034110626259), 40.916968091, 70.488068025, 6.586697081),
    ],
)
def test_rural_networks_are_solved_as_by_pandapower(
    name: str,
    power: float,
    reactive: float,
    voltage: tuple[float, float],
    line: float,
    transformer: float,
    losses: float,
) -> None:
    """pandapower 3.5.6 on the same tables, every home alike; trafo_model "pi", trafo_loading "power"."""
    shape = (1, len(FEEDERS[name].connections))
    flow = solve(FEEDERS[name], np.full(shape, power), np.full(shape, reactive))
    assert (flow.voltage.min(), flow.voltage.max()) == pytest.approx(voltage, abs=1e-8)
    assert flow.line_loading.max() == pytest.approx(line, abs=1e-6)
    assert flow.transformer_loading[0] == pytest.approx(transformer, abs=1e-6)
    assert flow.losses[0] == pytest.approx(losses, abs=1e-6)


@given(name=st.sampled_from(NAMES), seed=st.integers(0, 10_000), total=st.floats(0.0, 180.0))
@settings(max_examples=30)
def test_losses_are_what_enters_and_does_not_arrive(name: str, seed: int, total: float) -> None:
    feeder = FEEDERS[name]
    power, reactive = states(feeder, 4, seed, total / len(feeder.connections))
    flow = solve(feeder, power, reactive)
    assert flow.solved.all()
    np.testing.assert_allclose(flow.losses, flow.grid_power - power.sum(axis=1), atol=1e-6)
    assert (flow.line_losses >= -1e-9).all()
    assert (flow.transformer_losses >= feeder.transformer.no_load_losses_kw * 0.98 - 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_what_its_states_are_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feeder = FEEDERS[name]
    power, reactive = states(feeder, 11, 3, 150.0 / len(feeder.connections))
    power[4] *= 100.0  # without a solution, in the middle
    together = solve(feeder, power, reactive)
    singly = [solve(feeder, power[state : state + 1], reactive[state : state + 1]) for state in range(11)]
    monkeypatch.setattr(engine, "_BLOCK", 3)
    in_blocks = solve(feeder, power, reactive)
    for field in dataclasses.fields(Flow):
        batch = getattr(together, field.name)
        np.testing.assert_allclose(batch, np.concatenate([getattr(one, field.name) for one in singly]), atol=1e-8)
        np.testing.assert_allclose(batch, getattr(in_blocks, field.name), atol=1e-8)


def test_states_without_a_solution_are_marked_and_hold_no_numbers() -> None:
    feeder = two_bus_feeder()
    power = np.array([[10.0], [900.0], [-20.0], [9000.0]])
    flow = solve(feeder, power, np.zeros_like(power))
    assert flow.solved.tolist() == [True, False, True, False]
    for column in (flow.voltage, flow.line_loading, flow.line_losses, flow.transformer_loading, flow.grid_power):
        assert np.isnan(column[[1, 3]]).all()
        assert np.isfinite(column[[0, 2]]).all()


def test_no_states_have_no_flow() -> None:
    flow = solve(FEEDERS["kerber_rural"], np.empty((0, 26)), np.empty((0, 26)))
    assert flow.voltage.shape == (0, 27)
    assert flow.losses.shape == (0,)


def test_a_ring_is_solved_too() -> None:
    feeder = dataclasses.replace(
        two_bus_feeder(),
        lines=(Line("a", "b", "cable", 100.0), Line("b", "c", "cable", 50.0), Line("c", "a", "cable", 150.0)),
        connections={"b": 1.0, "c": 1.0},
    )
    power, reactive = np.array([[30.0, -12.0]]), np.array([[5.0, 0.0]])
    flow = solve(feeder, power, reactive)
    expected = reference_flow(feeder, power[0].tolist(), reactive[0].tolist(), 1.0)
    np.testing.assert_allclose(flow.voltage[0], expected["voltage"], atol=1e-8)
    np.testing.assert_allclose(flow.line_loading[0], expected["line_loading"], atol=1e-5)


def test_a_transformer_may_be_rated_above_the_nominal_voltage() -> None:
    feeder = two_bus_feeder(low_voltage_kv=0.433)  # as is usual in Australia
    flow = solve(feeder, np.array([[0.0], [20.0]]), np.array([[0.0], [5.0]]))
    assert flow.voltage[0] == pytest.approx([1.0825, 1.0825])
    expected = reference_flow(feeder, [20.0], [5.0], 1.0)
    np.testing.assert_allclose(flow.voltage[1], expected["voltage"], atol=1e-8)
    assert flow.transformer_loading[1] == pytest.approx(expected["transformer_loading"], abs=1e-6)


def test_wrong_arrays_are_refused() -> None:
    feeder = two_bus_feeder()
    with pytest.raises(ValueError, match=r"power has the shape \(2, 3\); expected \(2, 1\): states x connections"):
        solve(feeder, np.zeros((2, 3)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="reactive_power holds something that is no finite number"):
        solve(feeder, np.zeros((1, 1)), np.array([[np.nan]]))
