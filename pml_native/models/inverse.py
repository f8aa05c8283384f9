"""The inverse of a model in one of its inputs: y that makes a function of it and the other inputs equal to that input.

What is simple may have an inverse that is not: the price of an option is a smooth function of its volatility, the
volatility no such function of the price.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, contiguous
from ..export.program import Vector, affine, solved
from ..report import FitReport
from .model import Model, Signature
from .nested import parts_described, parts_restored

# Steps of Newton's method and halvings of the bracket, together; a step of Newton below this part of the first bracket
# is the last: it leaves its square.
STEPS, CONVERGED = 50, 1e-10


class Inverse(Model):
    """y with f(x_1, ..., y, ..., x_d) = x_j, where y stands in the place of x_j, the input number `column`.

    `model` is f, of d inputs and one output; `start` a model of the inputs that says where Newton's method begins: in
    the middle of the bracket without one, and where it has no value; `bounds` (2,) the bracket, the least and the
    greatest y. f rises with y in all of the bracket, or falls, as `rises` says. A step goes to the middle of what is
    left of the bracket where it would leave it. Where there is no root within, as where f is flat and not exact, the
    value is that of `start`, NaN without one; where there are several, it means nothing.

    Raises ValueError for models that don't fit each other, and bounds that are none.
    """

    family = "inverse"

    def __init__(
        self,
        model: Model,
        start: Model | None,
        column: int,
        bounds: ArrayLike,
        rises: bool,
        signature: Signature | None = None,
        report: FitReport | None = None,
    ) -> None:
        d = model.signature.n_inputs
        super().__init__(signature or Signature(d, 1, True), report)
        self.signature.require(*_shape(model), "the model")
        if start is not None:
            self.signature.require(*_shape(start), "the start")
        if not 0 <= column < d:
            raise ValueError(f"column: expected a number of {d} inputs, got {column}")
        self.bounds = np.array(bounds, dtype=np.float64)
        if self.bounds.shape != (2,) or not (np.isfinite(self.bounds).all() and self.bounds[0] < self.bounds[1]):
            raise ValueError(f"bounds: expected two finite numbers, the lower first, got {self.bounds.tolist()}")
        self.model, self.start, self.column, self.rises = model, start, int(column), bool(rises)
        self.n_threads = model.n_threads

    def __repr__(self) -> str:
        begin = "" if self.start is None else f", from {self.start!r}"
        return f"Inverse({self.model!r} in input {self.column}{begin})"

    @property
    def n_params(self) -> int:
        return self.model.n_params + (0 if self.start is None else self.start.n_params)

    def evaluate(self, X: Array) -> Array:
        start = self._start(X)
        root = self._root(X, start[:, 0])[:, None]
        return np.where(np.isnan(root), start, root)

    def _start(self, X: Array) -> Array:
        """What the start says (n, 1)."""
        return np.full((len(X), 1), np.nan) if self.start is None else self.start.evaluate(X)

    def _root(self, X: Array, start: Array) -> Array:
        """The root of each row, NaN where there is none."""
        low, high = np.full(len(X), self.bounds[0]), np.full(len(X), self.bounds[1])
        t = np.clip(np.where(np.isnan(start), 0.5 * (low + high), start), low, high)
        result, rows, sign = np.full(len(X), np.nan), np.arange(len(X)), 1.0 if self.rises else -1.0
        least = CONVERGED * (self.bounds[1] - self.bounds[0])
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                if not len(rows):
                    break
                Z = self._with(X[rows], t)
                value = sign * (self.model.evaluate(Z)[:, 0] - X[rows, self.column])
                slope = sign * self.model.evaluate_gradient(Z)[:, 0, self.column]
                low, high = np.where(value < 0.0, t, low), np.where(value > 0.0, t, high)
                following = t - value / slope
                is_newton = (slope > 0.0) & (following >= low) & (following <= high)
                following = np.where(is_newton, following, 0.5 * (low + high))
                done = is_newton & (np.abs(following - t) <= least)
                result[rows[done]] = following[done]
                left = np.flatnonzero(~done)  # each row by itself, so that it has the same bits in any batch
                rows, t, low, high = rows[left], following[left], low[left], high[left]
        return result

    def evaluate_gradient(self, X: Array) -> Array:
        """By the theorem of implicit functions: -(df/dx_i) / (df/dy), and 1 / (df/dy) for x_j."""
        root = self._root(X, self._start(X)[:, 0])
        gradient = self.model.evaluate_gradient(self._with(X, root))
        with np.errstate(all="ignore"):
            slope = gradient[:, :, [self.column]]
            result: Array = -gradient / slope
            result[:, :, self.column] = 1.0 / slope[:, :, 0]
        rootless = np.flatnonzero(np.isnan(root))
        if len(rootless) and self.start is not None:
            result[rootless] = self.start.evaluate_gradient(contiguous(X[rootless]))
        return result

    def operations(self, x: Vector) -> Vector:
        least = CONVERGED * (self.bounds[1] - self.bounds[0])
        limits = np.array([*self.bounds, least, 1.0 if self.rises else -1.0])
        nowhere = affine(x, np.zeros((1, x.size)), np.array([np.nan]))
        start = nowhere if self.start is None else self.start.operations(x)
        return solved(x, start, self.model.operations, self.column, STEPS, limits)

    def box(self) -> tuple[Array, Array] | None:
        return None if self.start is None else self.start.box()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        parts, arrays = parts_described([self.model] if self.start is None else [self.model, self.start])
        return {"parts": parts, "column": self.column, "rises": self.rises}, arrays | {"bounds": self.bounds}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Inverse:
        model, *start = parts_restored(values["parts"], arrays)
        return cls(model, start[0] if start else None, values["column"], arrays["bounds"], values["rises"], signature)

    def _with(self, X: Array, t: Array) -> Array:
        """The inputs (n, d) with `t` (n,) for the column."""
        Z = X.copy()
        Z[:, self.column] = t
        return contiguous(Z)


def _shape(model: Model) -> tuple[int, int]:
    return model.signature.n_inputs, model.signature.n_outputs
