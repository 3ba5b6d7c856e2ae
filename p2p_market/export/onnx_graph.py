"""ONNX: a learned policy as a graph, written with the package onnx alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from p2p_market._version import __version__
from p2p_market.errors import require_extra
from p2p_market.learned import LearnedPolicy, Network
from p2p_market.types import AnyArray

_OPSET, _IR_VERSION = 17, 8  # what runtimes of 2022 and later read
_INPUT, _OUTPUT = "observations", "actions"


def onnx_model(policy: LearnedPolicy, description: str) -> bytes:
    """The policy as an ONNX model, its description under the key ``p2p_market`` of the metadata.

    Raises
    ------
    MissingExtraError
        Without the package onnx.
    """
    try:
        import onnx  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise require_extra("onnx", "export", "the export format onnx") from error
    graph = _Graph(onnx)
    values = _values(graph, policy)
    if policy.levels is None:
        _head(graph, policy.head, values)
    else:
        _choose(graph, policy.levels, values)
    agents = "agents" if policy.shares_one_network else len(policy.agents)
    kind = onnx.TensorProto.FLOAT if policy.levels is None else onnx.TensorProto.INT64
    parts = len(policy.components)
    one_choice = policy.levels is not None and parts == 1
    helper = onnx.helper
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            policy.__name__,
            [helper.make_tensor_value_info(_INPUT, onnx.TensorProto.FLOAT, ["markets", agents, len(policy.features)])],
            [helper.make_tensor_value_info(_OUTPUT, kind, ["markets", agents, *(() if one_choice else (parts,))])],
            graph.constants,
        ),
        producer_name="p2p_market",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(model, {"p2p_market": description})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


class _Graph:
    """Nodes in order and constants; every value has the name of what made it."""

    def __init__(self, onnx: Any) -> None:
        self._onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: AnyArray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self._onnx.numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: Sequence[str], outputs: Sequence[str] = (), **attributes: Any) -> str:
        outputs = list(outputs) or [f"{kind.lower()}_{len(self.nodes)}"]
        self.nodes.append(self._onnx.helper.make_node(kind, list(inputs), outputs, **attributes))
        return outputs[0]

    def take(self, values: str, places: AnyArray) -> str:
        """Agents at some places."""
        return self.node("Gather", [values, self.constant(places.astype(np.int64))], axis=1)


def _values(graph: _Graph, policy: LearnedPolicy) -> str:
    """What the last layers of all agents say, ``(B, N, outputs)``."""
    if policy.shares_one_network:
        return _layers(graph, next(iter(policy.networks.values())), _INPUT)
    places = policy.places
    parts = [_layers(graph, policy.networks[group], graph.take(_INPUT, of)) for group, of in places.items()]
    together = graph.node("Concat", parts, axis=1)
    return graph.take(together, np.argsort(np.concatenate(list(places.values()))))


def _layers(graph: _Graph, network: Network, values: str) -> str:
    for place, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        product = graph.node("MatMul", [values, graph.constant(weight)])
        values = graph.node("Add", [product, graph.constant(bias)])
        if place < len(network.weights) - 1:
            values = graph.node("Tanh", [values])
    return values


def _head(graph: _Graph, head: str, values: str) -> None:
    if head == "clip":
        ends = [graph.constant(np.array(end, dtype=np.float32)) for end in (-1.0, 1.0)]
        graph.node("Clip", [values, *ends], [_OUTPUT])
        return
    if head == "soft_tanh":
        five = graph.constant(np.array(5.0, dtype=np.float32))
        values = graph.node("Mul", [graph.node("Tanh", [graph.node("Div", [values, five])]), five])
    graph.node("Tanh", [values], [_OUTPUT])


def _choose(graph: _Graph, levels: tuple[int, ...], values: str) -> None:
    if len(levels) == 1:
        graph.node("ArgMax", [values], [_OUTPUT], axis=2, keepdims=0)
        return
    names = [f"component_{place}" for place in range(len(levels))]
    graph.node("Split", [values, graph.constant(np.array(levels, dtype=np.int64))], names, axis=2)
    graph.node("Concat", [graph.node("ArgMax", [name], axis=2, keepdims=1) for name in names], [_OUTPUT], axis=2)
