"""A model of variables that are themselves models of the inputs: what is nested is fitted from the inside out.

    y = f(u_1(x), ..., u_k(x), x_j, ...)
The variables may have been learned, as sums of functions of few inputs; f then takes fewer values than x has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, contiguous
from ..export.program import Vector, joined, taken
from ..networks.parts import Parts, Value
from ..report import FitReport
from . import enclosures
from .adjusting import AtPart
from .enclosures import Enclosed, Enclosure
from .model import Model, Signature
from .nested import parts_described, parts_restored


class Composed(Model):
    """`model` f of the outputs of `variables` (d inputs, k outputs), and of the inputs `columns` after them.

    `extended` is that of f, at u as float64 has it. Values are NaN where a variable is. Raises ValueError for parts
    that don't fit each other.
    """

    family = "composed"
    is_linear = False

    def __init__(
        self,
        model: Model,
        variables: Model,
        columns: Sequence[int] = (),
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d, k = variables.signature.n_inputs, variables.signature.n_outputs
        self.model, self.variables = model, variables
        self.columns = [int(j) for j in columns]
        if not all(0 <= j < d for j in self.columns):
            raise ValueError(f"columns: expected numbers of {d} inputs, got {self.columns}")
        if model.signature.n_inputs != k + len(self.columns):
            wanted = f"{k + len(self.columns)}, one for each variable and column"
            raise ValueError(f"model: expected a model of {wanted}, got {model.signature.n_inputs} inputs")
        m = model.signature.n_outputs
        super().__init__(signature or Signature(d, m, model.signature.y_is_vector), report)
        self.signature.require(d, m, "the model of the variables")
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        return f"Composed({self.model!r} of {self.variables!r})"

    @property
    def n_params(self) -> int:
        return self.model.n_params + self.variables.n_params

    def values(self, X: Array) -> Array:
        """What f takes at `X` (n, d): variables and columns (n, k + c)."""
        U = self.variables.evaluate(X)
        return contiguous(np.concatenate([U, X[:, self.columns]], axis=1)) if self.columns else contiguous(U)

    def undecided(self, X: Array) -> Array:
        """Of what variables leave undecided, as much as values change with them."""
        out, apart = super().undecided(X), self.variables.undecided(X)
        rows = np.flatnonzero(apart.any(axis=1))
        if len(rows):
            slopes = np.abs(self.model.evaluate_gradient(self.values(X[rows]))[:, :, : apart.shape[1]])
            out[rows] = np.maximum(out[rows], np.einsum("nmk,nk->nm", slopes, apart[rows]))
        return out

    def evaluate(self, X: Array) -> Array:
        return self.model.evaluate(self.values(X))

    def evaluate_extended(self, X: Array) -> tuple[Array, Array]:
        return self.model.evaluate_extended(self.values(X))

    def evaluate_gradient(self, X: Array) -> Array:
        k = self.variables.signature.n_outputs
        outer, inner = self.model.evaluate_gradient(self.values(X)), self.variables.evaluate_gradient(X)
        gradient = np.zeros((len(X), self.signature.n_outputs, self.signature.n_inputs))
        with np.errstate(all="ignore"):
            for i in range(k):
                gradient += outer[:, :, i, None] * inner[:, None, i, :]
        for place, j in enumerate(self.columns):
            gradient[:, :, j] += outer[:, :, k + place]
        gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def enclosed(self, x: Sequence[Enclosure]) -> list[Enclosed]:
        found = []
        for own in self.variables.enclosed(x):
            units = [[enclosures.constant(float(i == j), one) for i, one in enumerate(x)] for j in self.columns]
            inner = Enclosed([*own.values, *(x[j] for j in self.columns)], [*own.slopes, *units])
            found += [enclosures.chained(outer, inner) for outer in self.model.enclosed(inner.values)]
        return found

    def cuts(self) -> list[tuple[int, float]]:
        return self.variables.cuts()

    def repeating(self) -> frozenset[int]:
        k, inner = self.variables.signature.n_outputs, self.model.repeating()
        alone = frozenset(j for place, j in enumerate(self.columns) if k + place not in inner)
        return self.variables.repeating() - alone

    def operations(self, x: Vector) -> Vector:
        u = self.variables.operations(x)
        return self.model.operations(joined(u, taken(x, self.columns)) if self.columns else u)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return self.model.made_of(parts, [*self.variables.made_of(parts, x), *(x[j] for j in self.columns)])

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.model, self.variables

    def at_parts(self, X: Array) -> list[AtPart]:
        U, m = self.values(X), self.signature.n_outputs
        by_variables = self.model.evaluate_gradient(U)[:, :, : self.variables.signature.n_outputs]
        return [AtPart(U, np.broadcast_to(np.eye(m), (len(X), m, m))), AtPart(X, by_variables)]

    def with_parts(self, parts: Sequence[Model]) -> Composed:
        return Composed(parts[0], parts[1], self.columns, self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return self.variables.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        parts, arrays = parts_described([self.model, self.variables])
        return {"parts": parts, "columns": self.columns}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Composed:
        model, variables = parts_restored(values["parts"], arrays)
        return cls(model, variables, values["columns"], signature)
