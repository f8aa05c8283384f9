"""A formula with its variables and their ranges: a target that can be called and sampled."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from types import CodeType

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_matrix
from .problem import Problem

# The names a formula may use. Formulas come from this package's own tables, never from a user.
_FUNCTIONS = {
    "arcsin": np.arcsin,
    "cos": np.cos,
    "exp": np.exp,
    "ln": np.log,
    "pi": np.pi,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class Equation(Problem):
    """y = formula(variables), each variable in the interval of `bounds` that has its place."""

    name: str
    formula: str
    variables: tuple[str, ...]
    bounds: tuple[tuple[float, float], ...]

    def __call__(self, X: ArrayLike) -> Array:
        """Values (n,) at `X` (n, d), columns in the order of `variables`."""
        matrix = as_matrix(X, "X", n_columns=self.n_inputs)
        names: dict[str, object] = dict(zip(self.variables, matrix.T, strict=True))
        values = eval(self._code, {"__builtins__": {}, **_FUNCTIONS}, names)
        return np.ascontiguousarray(np.broadcast_to(values, (len(matrix),)), dtype=np.float64)

    @cached_property
    def _code(self) -> CodeType:
        return compile(self.formula, f"<equation {self.name}>", "eval")


class EquationTable(dict[str, Equation]):
    """Equations by name; a name that isn't there is answered with those nearest to it."""

    def __missing__(self, name: str) -> Equation:
        near = difflib.get_close_matches(str(name), self, n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise KeyError(f"equation {name!r} is not one of the {len(self)} known{hint}")
