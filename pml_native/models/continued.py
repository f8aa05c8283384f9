"""A model that goes on linearly below the least values of some inputs that it is known for, as of 1 / r."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, contiguous
from ..export.program import Vector, added, affine, clipped, multiplied, scaled, shifted, taken
from ..networks.parts import Parts, Value
from ..report import FitReport
from .model import Model, Signature
from .nested import parts_described, parts_restored

# The derivative at 0 of what is known at 0, 1 and 2: off by a third of the third derivative.
WEIGHTS = (-1.5, 2.0, -0.5)


class Continued(Model):
    """y = f(c) + sum_j min(x_j - low_j, 0) s_j(c), with c = max(x, low), and s_j the slope of f by x_j at low_j.

    `low` (d,) is -inf for inputs in which f goes on by itself. Slopes are differences of f at places `step` (d,) apart
    above low_j: they need one derivative less than f has. Raises ValueError for steps that are not above 0.
    """

    family = "continued"

    def __init__(
        self,
        model: Model,
        low: ArrayLike,
        step: ArrayLike,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d = model.signature.n_inputs
        self.low, self.step = (np.array(one, dtype=np.float64) for one in (low, step))
        if not (self.low.shape == self.step.shape == (d,) and np.all(self.step > 0.0)):
            raise ValueError(f"low, step: expected ({d},) each, steps above 0, got {self.low} and {self.step}")
        super().__init__(signature or model.signature, report)
        self.signature.require(d, model.signature.n_outputs, "the model")
        self.model, self.n_threads = model, model.n_threads
        self._columns = np.flatnonzero(np.isfinite(self.low)).tolist()

    def __repr__(self) -> str:
        return f"Continued({self.model!r}, below {self.low.tolist()})"

    @property
    def n_params(self) -> int:
        return self.model.n_params

    def evaluate(self, X: Array) -> Array:
        nearest = np.maximum(X, self.low)
        values = self.model.evaluate(nearest)
        for j in self._columns:
            rows = np.flatnonzero(X[:, j] < self.low[j])
            if len(rows):
                way = (X[rows, j] - self.low[j])[:, None]
                values[rows] += way * self._slopes(self.model.evaluate, nearest[rows], j)
        return values

    def evaluate_gradient(self, X: Array) -> Array:
        nearest = np.maximum(X, self.low)
        gradient = self.model.evaluate_gradient(nearest)
        beyond = self.low > X
        gradient[np.broadcast_to(beyond[:, None, :], gradient.shape)] = 0.0
        for j in self._columns:
            rows = np.flatnonzero(beyond[:, j])
            if len(rows):
                way = (X[rows, j] - self.low[j])[:, None, None]
                turned = way * self._slopes(self.model.evaluate_gradient, nearest[rows], j)
                turned[np.broadcast_to(beyond[rows, None, :], turned.shape)] = 0.0
                gradient[rows] += turned
                gradient[rows, :, j] = self._slopes(self.model.evaluate, nearest[rows], j)
        gradient[np.isnan(X).any(axis=1)] = np.nan
        return gradient

    def _slopes(self, function: Any, points: Array, j: int) -> Array:
        """How values of a function of X change with x_j, at low_j."""
        total = 0.0
        for k, weight in enumerate(WEIGHTS):
            at = points.copy()
            at[:, j] = self.low[j] + k * self.step[j]
            total = total + weight / self.step[j] * function(contiguous(at))
        return np.asarray(total)

    def operations(self, x: Vector) -> Vector:
        d, m = self.signature.n_inputs, self.signature.n_outputs
        nearest = clipped(x, self.low, np.full(d, np.inf))
        y = self.model.operations(nearest)
        for j in self._columns:
            others = np.where(np.arange(d) == j, 0.0, 1.0)
            # Where x_j is low_j, the derivative is that of f alone.
            below = np.array([np.nextafter(0.0, -1.0)])
            way = clipped(shifted(taken(x, [j]), np.array([-self.low[j]])), np.array([-np.inf]), below)
            for k, weight in enumerate(WEIGHTS):
                at = affine(nearest, np.diag(others), (1.0 - others) * (self.low[j] + k * self.step[j]))
                part = scaled(self.model.operations(at), np.full(m, weight / self.step[j]))
                y = added(y, multiplied(part, way))
        return y

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        return self.model.made_of(parts, x)

    def repeating(self) -> frozenset[int]:
        return self.model.repeating()

    def box(self) -> tuple[Array, Array] | None:
        return self.model.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        [model], arrays = parts_described([self.model])
        return {"model": model}, {"low": self.low, "step": self.step, **arrays}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Continued:
        [model] = parts_restored([values["model"]], arrays)
        return cls(model, arrays["low"], arrays["step"], signature)
