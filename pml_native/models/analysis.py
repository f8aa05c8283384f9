"""Integrals, roots and extrema of any model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array
from . import calculus
from .evaluation import Evaluated


class Analyzed(Evaluated):
    """What is asked of a model as a function on a box."""

    def integral(self, bounds: ArrayLike | None = None, *, tolerance: float = 1e-12) -> Any:
        """The integral over a box, `bounds` (d, 2), or (low, high) for one input; of the rows, if left out.

        A number if y was a vector, else (m,). Exact to rounding for polynomials, splines in their axes, pieces along
        one input, and sums of these; else by adaptive quadrature (`scipy.integrate.cubature`) to `tolerance` of the
        integral of |y|, with a `PrecisionWarning` where that takes too long, as it may from four inputs on.
        """
        low, high = self._bounds(bounds)
        found = calculus.integral(self, low, high, tolerance)
        return float(found[0]) if self.signature.y_is_vector else found

    def roots(self, y: float = 0.0, bounds: ArrayLike | None = None) -> Array:
        """All x, ascending, between `bounds` (low, high), the box if left out, where a model of one input is `y`.

        A double root may be there twice, as rounding makes two of it. Raises ValueError for a model of several inputs,
        or outputs.
        """
        low, high = self._one_input("roots", bounds)
        return calculus.roots(lambda x: self._at(x) - y, self._slope_at, low, high)

    def extrema(self, bounds: ArrayLike | None = None) -> tuple[Array, Array]:
        """All x between `bounds` where the derivative of a model of one input is 0 or changes its sign, and y there."""
        low, high = self._one_input("extrema", bounds)
        bend = lambda x: self.evaluate_hessian(x[:, None])[:, 0, 0, 0]  # noqa: E731
        x = calculus.roots(self._slope_at, bend, low, high, jumps=True)
        return x, self._at(x)

    def minimum(self, bounds: ArrayLike | None = None) -> tuple[float, float]:
        """Where a model of one input is least between `bounds`, ends included, and y there."""
        low, high = self._one_input("minimum", bounds)
        x = np.concatenate([[low, high], self.extrema(bounds)[0]])
        y = self._at(x)
        least = int(np.nanargmin(y))
        return float(x[least]), float(y[least])

    def maximum(self, bounds: ArrayLike | None = None) -> tuple[float, float]:
        """Where a model of one input is largest between `bounds`, ends included, and y there."""
        low, high = self._one_input("maximum", bounds)
        x = np.concatenate([[low, high], self.extrema(bounds)[0]])
        y = self._at(x)
        largest = int(np.nanargmax(y))
        return float(x[largest]), float(y[largest])

    def _at(self, x: Array) -> Array:
        return np.asarray(self.predict(x[:, None])).reshape(len(x))

    def _slope_at(self, x: Array) -> Array:
        return self.gradient(x[:, None]).reshape(len(x))

    def _one_input(self, what: str, bounds: ArrayLike | None) -> tuple[float, float]:
        """The bounds of a model of one input and one output."""
        if (self.signature.n_inputs, self.signature.n_outputs) != (1, 1):
            raise ValueError(
                f"{what}: expected a model of 1 input and 1 output, got "
                f"{self.signature.n_inputs} and {self.signature.n_outputs}"
            )
        low, high = self._bounds(bounds)
        return float(low[0]), float(high[0])

    def _bounds(self, bounds: ArrayLike | None) -> tuple[Array, Array]:
        """Bounds as the lowest and the highest inputs (d,)."""
        if bounds is None:
            return self.known_box()
        d = self.signature.n_inputs
        given = np.asarray(bounds, dtype=np.float64)
        pairs = given[None] if given.shape == (2,) and d == 1 else given
        if pairs.shape != (d, 2) or not np.all(pairs[:, 0] < pairs[:, 1]) or not np.isfinite(pairs).all():
            raise ValueError(f"bounds: expected ({d}, 2), finite numbers, the lower first, got {given.tolist()}")
        return np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
