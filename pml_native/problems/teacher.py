"""Teacher-student tasks: a small random network as the target."""

from __future__ import annotations

from collections.abc import Sequence

from ..arrays import Array
from ..networks import MLP
from .problem import FunctionProblem


def teacher_student(widths: Sequence[int], seed: int, *, activation: str = "tanh") -> FunctionProblem:
    """The network of `widths` (d, ..., 1) with the paper's random parameters, on [-1, 1]^d: what a student learns."""
    mlp = MLP(tuple(widths), activation)
    if mlp.n_outputs != 1:
        raise ValueError(f"widths: expected one output, got {mlp.n_outputs}")
    params = mlp.initialize(seed)

    def values(X: Array) -> Array:
        return mlp.forward(params, X)[:, 0]

    shape = "-".join(map(str, mlp.widths))
    name = f"teacher:{shape}:{seed}" + ("" if activation == "tanh" else f":{activation}")
    return FunctionProblem(name, f"{activation} network {shape} of seed {seed}", ((-1.0, 1.0),) * mlp.n_inputs, values)
