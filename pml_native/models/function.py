"""A function of the user's as a model, part of another one: it has no file, and no other language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..export.program import Vector
from .model import Model, Signature

# Differences of sixth order: of places so many steps to either side, with these weights.
WEIGHTS = {1: 3.0 / 4.0, 2: -3.0 / 20.0, 3: 1.0 / 60.0}


class Function(Model, has_files=False):
    """y = f(X) for a `function` of X (n, d) that gives (n,), or (n, m) for `n_outputs` m.

    Its derivatives are those that `gradient` gives, (n, d), or (n, m, d), or differences of values that are `steps`
    (d,) apart. Calling it raises ValueError where it gives another shape.
    """

    def __init__(
        self,
        function: Callable[[Array], ArrayLike],
        steps: ArrayLike,
        n_outputs: int = 1,
        gradient: Callable[[Array], ArrayLike] | None = None,
    ) -> None:
        self.steps = np.array(steps, dtype=np.float64)
        super().__init__(Signature(len(self.steps), n_outputs, y_is_vector=n_outputs == 1))
        self.function, self._gradient = function, gradient

    @property
    def family(self) -> str:  # type: ignore[override]
        return "function"

    def __repr__(self) -> str:
        return f"Function({getattr(self.function, '__name__', 'given')})"

    @property
    def n_params(self) -> int:
        return 0

    def evaluate(self, X: Array) -> Array:
        return self._shaped(self.function(X), (len(X), self.signature.n_outputs))

    def evaluate_gradient(self, X: Array) -> Array:
        n, (m, d) = len(X), (self.signature.n_outputs, self.signature.n_inputs)
        if self._gradient is not None:
            return self._shaped(self._gradient(X), (n, m, d))
        gradient = np.zeros((n, m, d))
        for j in np.flatnonzero(self.steps > 0.0):
            for k, weight in WEIGHTS.items():
                step = np.where(np.arange(d) == j, k * self.steps, 0.0)
                gradient[:, :, j] += weight * (self.evaluate(X + step) - self.evaluate(X - step)) / self.steps[j]
        return gradient

    def operations(self, x: Vector) -> Vector:
        raise ValueError("base: expected a model, for other languages, got a function")

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        raise ValueError("base: expected a model, to be saved, got a function; fit or approximate it first")

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, NDArray[Any]], signature: Signature) -> Function:
        raise ValueError("base: expected a model, got a function, which no file has")

    @staticmethod
    def _shaped(values: ArrayLike, shape: tuple[int, ...]) -> Array:
        array = np.asarray(values, dtype=np.float64)
        if array.shape == (shape[0], *shape[2:]) and shape[1] == 1:
            array = array.reshape(shape)
        if array.shape != shape:
            wanted = (shape[0], *shape[2:]) if shape[1] == 1 else shape
            raise ValueError(f"base: expected a function that gives {wanted}, got {array.shape}")
        return np.ascontiguousarray(array)
