"""A program as an ONNX graph in float64, on rows: x (n, d) -> y (n, m)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .program import Program, Step

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise ImportError(f'this needs onnx, pip install "pml_native[onnx]" ({error})') from error

OPSET = 18  # and a version of the file format of its time, which older runtimes read too
IR_VERSION = 8


class Graph:
    """Nodes and constants so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operator: str, *inputs: str | float | NDArray[Any], **attributes: Any) -> str:
        """The output of a new node, whose inputs are outputs of others, numbers and arrays."""
        names = [one if isinstance(one, str) else self._constant(np.asarray(one)) for one in inputs]
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def _constant(self, value: NDArray[Any]) -> str:
        name = f"t{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name


def _where(graph: Graph, low: float, z: str, value: str) -> str:
    """`value` where low < z < inf, else NaN."""
    return graph("Where", graph("And", graph("Less", low, z), graph("Less", z, np.inf)), value, np.nan)


def _polyrelu(graph: Graph, z: str) -> str:
    u = graph("Relu", z)
    return graph("Mul", 1.0 / 3.0, graph("Mul", u, graph("Add", graph("Mul", u, graph("Add", 1.0, u)), 1.0)))


def _reciprocal(graph: Graph, z: str) -> str:
    size = graph("Abs", z)
    within = graph("And", graph("LessOrEqual", 2.0**-1022, size), graph("LessOrEqual", size, 2.0**1022))
    return graph("Where", within, graph("Div", 1.0, z), np.nan)


def _inverse_square(graph: Graph, z: str) -> str:
    inverse = graph("Div", 1.0, z)
    return _where(graph, 0.0, z, graph("Mul", inverse, inverse))


# Functions of one number; those are missing that ONNX Runtime has in float32 only.
EACH: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda graph, z: graph("Identity", z),
    "tanh": lambda graph, z: graph("Tanh", z),
    "relu": lambda graph, z: graph("Relu", z),
    "sigmoid": lambda graph, z: graph("Sigmoid", z),
    "sin": lambda graph, z: graph("Sin", z),
    "softplus": lambda graph, z: graph("Softplus", z),
    "silu": lambda graph, z: graph("Mul", z, graph("Sigmoid", z)),
    "square": lambda graph, z: graph("Mul", z, z),
    "polyrelu": _polyrelu,
    "logarithm": lambda graph, z: _where(graph, 0.0, z, graph("Log", z)),
    "reciprocal": _reciprocal,
    "exp": lambda graph, z: graph("Exp", z),
    "inverse": lambda graph, z: graph("Div", 1.0, z),
    "sqrt": lambda graph, z: graph("Sqrt", z),
    "inverse_root": lambda graph, z: graph("Div", 1.0, graph("Sqrt", z)),
    "inverse_square": _inverse_square,
}


def _affine(graph: Graph, step: Step, x: str) -> str:
    m, n = step.sizes
    weight, bias = step.tables
    # Not MatMul: ONNX Runtime merges that with factors before it, which it rounds to float32.
    return graph("Gemm", x, weight.reshape(n, m), bias)


# The other operations.
OPERATIONS: dict[str, Callable[..., str]] = {
    "affine": _affine,
    "scaled": lambda graph, step, x: graph("Mul", x, step.tables[0]),
    "divided": lambda graph, step, x: graph("Div", x, step.tables[0]),
    "shifted": lambda graph, step, x: graph("Add", x, step.tables[0]),
    "added": lambda graph, step, a, b: graph("Add", a, b),
    "joined": lambda graph, step, a, b: graph("Concat", a, b, axis=1),
    "taken": lambda graph, step, x: graph("Gather", x, step.tables[0].astype(np.int64), axis=1),
}


def model(program: Program, about: Sequence[str], producer: str, version: str) -> Any:
    """The graph as an `onnx.ModelProto`; ValueError for a program that has operations beyond those of networks."""
    graph = Graph()
    outputs = ["x"]
    for step in program.steps:
        inputs = [outputs[vector.number] for vector in step.inputs]
        name = step.kernel.name
        if name in OPERATIONS:
            outputs.append(OPERATIONS[name](graph, step, *inputs))
        elif name in EACH:
            outputs.append(EACH[name](graph, *inputs))
        else:
            raise ValueError(f"expected a model made of networks, got one with the operation {name!r}")
    graph.nodes.append(helper.make_node("Identity", [outputs[-1]], ["y"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", size])
        for name, size in (("x", program.n_inputs), ("y", program.y.size))
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "model", ends[:1], ends[1:], graph.constants, doc_string="\n".join(about)),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name=producer,
        producer_version=version,
    )
    onnx.checker.check_model(made, full_check=True)
    return made
