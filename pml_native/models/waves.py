"""A model of phases: of the cosines and the sines of functions of the inputs, and of inputs as they are.

    y = f(cos phi_1(x), ..., cos phi_k(x), sin phi_1(x), ..., sin phi_k(x), x_j, ...)
With phi = 2 pi x_i / P it repeats itself in x_i with the period P. With a phase that is learned and a polynomial f it
is a sum of waves of changing amplitude and frequency: T_m(cos phi) = cos m phi, sin phi U_(m-1)(cos phi) = sin m phi.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, contiguous
from ..export import functions
from ..export.program import Vector, each, joined, taken
from ..networks.parts import Parts, Value, applied
from ..report import FitReport
from .adjusting import AtPart
from .model import Model, Signature
from .nested import parts_described, parts_restored
from .polynomial import Polynomial


class Waves(Model):
    """`model` f of the cosines and sines of the outputs of `phase` (d inputs, k outputs), and of the inputs `columns`.

    `bounds` (2, d) are the least and the greatest inputs of the training data, if they are known. Raises ValueError for
    parts that don't fit each other.
    """

    family = "waves"
    is_linear = False

    def __init__(
        self,
        model: Model,
        phase: Model,
        columns: Sequence[int] = (),
        *,
        bounds: ArrayLike | None = None,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d, k = phase.signature.n_inputs, phase.signature.n_outputs
        self.model, self.phase = model, phase
        self.columns = [int(j) for j in columns]
        if not all(0 <= j < d for j in self.columns):
            raise ValueError(f"columns: expected numbers of {d} inputs, got {self.columns}")
        if model.signature.n_inputs != 2 * k + len(self.columns):
            wanted = f"{2 * k + len(self.columns)}, two for each phase and one for each column"
            raise ValueError(f"model: expected a model of {wanted}, got {model.signature.n_inputs} inputs")
        self.bounds = None if bounds is None else np.array(bounds, dtype=np.float64)
        if self.bounds is not None and self.bounds.shape != (2, d):
            raise ValueError(f"bounds: expected (2, {d}), got {self.bounds.shape}")
        m = model.signature.n_outputs
        super().__init__(signature or Signature(d, m, y_is_vector=m == 1), report)
        self.signature.require(d, m, "the model of the phases")
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        return f"Waves({self.model!r} of {self.n_phases} phases, {self.phase!r})"

    @property
    def n_phases(self) -> int:
        """k."""
        return self.phase.signature.n_outputs

    @property
    def n_params(self) -> int:
        return self.model.n_params + self.phase.n_params

    def variables(self, X: Array) -> Array:
        """What f takes at `X` (n, d): cosines, sines and columns (n, 2 k + c)."""
        with np.errstate(invalid="ignore"):
            phase = self.phase.evaluate(X)
            return np.concatenate([np.cos(phase), np.sin(phase), X[:, self.columns]], axis=1)

    def evaluate(self, X: Array) -> Array:
        return self.model.evaluate(self.variables(X))

    def evaluate_gradient(self, X: Array) -> Array:
        U, k = self.variables(X), self.n_phases
        slopes = self.model.evaluate_gradient(contiguous(U))
        with np.errstate(all="ignore"):
            by_phase = U[:, None, :k] * slopes[:, :, k : 2 * k] - U[:, None, k : 2 * k] * slopes[:, :, :k]
            turns = self.phase.evaluate_gradient(X)
            gradient = np.zeros((len(X), self.signature.n_outputs, self.signature.n_inputs))
            for i in range(k):
                gradient += by_phase[:, :, i, None] * turns[:, None, i, :]
            for place, j in enumerate(self.columns):
                gradient[:, :, j] += slopes[:, :, 2 * k + place]
        gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def operations(self, x: Vector) -> Vector:
        phase = self.phase.operations(x)
        u = joined(each(phase, functions.COSINE), each(phase, functions.ACTIVATIONS["sin"]))
        return self.model.operations(joined(u, taken(x, self.columns)) if self.columns else u)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        phases = self.phase.made_of(parts, x)
        turning = [applied(name, phase) for name in ("cos", "sin") for phase in phases]
        return self.model.made_of(parts, [*turning, *(x[j] for j in self.columns)])

    def repeating(self) -> frozenset[int]:
        if not isinstance(self.phase, Polynomial) or self.phase.indices.sum(axis=1).max(initial=0) > 1:
            return frozenset()
        return frozenset(range(self.signature.n_inputs)).difference(self.columns)

    @property
    def adjustable_parts(self) -> tuple[Model, ...]:
        return self.model, self.phase

    def at_parts(self, X: Array) -> list[AtPart]:
        U, k, m = contiguous(self.variables(X)), self.n_phases, self.signature.n_outputs
        slopes = self.model.evaluate_gradient(U)
        by_phase = U[:, None, :k] * slopes[:, :, k : 2 * k] - U[:, None, k : 2 * k] * slopes[:, :, :k]
        return [AtPart(U, np.broadcast_to(np.eye(m), (len(X), m, m))), AtPart(X, by_phase)]

    def with_parts(self, parts: Sequence[Model]) -> Waves:
        return Waves(parts[0], parts[1], self.columns, bounds=self.bounds, signature=self.signature)

    def box(self) -> tuple[Array, Array] | None:
        return None if self.bounds is None else (self.bounds[0], self.bounds[1])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        parts, arrays = parts_described([self.model, self.phase])
        if self.bounds is not None:
            arrays |= {"bounds": self.bounds}
        return {"parts": parts, "columns": self.columns}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Waves:
        model, phase = parts_restored(values["parts"], arrays)
        return cls(model, phase, values["columns"], bounds=arrays.get("bounds"), signature=signature)
