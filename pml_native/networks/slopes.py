"""Least squares of a network's values and of its slopes, whose residuals are as exact as those of the values.

The slope of f at u along s is the tangent f'(u) s, and its derivatives by the parameters are the change along s of
those of the value, d/ds (df/dp), by the symmetry of second derivatives: see tangent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..optimize import LeastSquares
from .mlp import MLP
from .tangent import Linearization, linearized

# The second derivative of slopes along a direction of the parameters is a difference of first ones so far apart, over
# the size of the parameters: the fourth root of eps leaves 8 digits of it, and what a step is bent by takes two.
APART = 1e-4


@dataclass(frozen=True)
class Slopes:
    """`values` (k,) of slopes at the points U[place] along `directions` (k, d), each of which weighs `factors` (k,)
    times as much as a value does; `rows` (k,) are those of a table that are the same points, -1 for none."""

    U: Array
    place: NDArray[np.intp]
    directions: Array
    values: Array
    factors: Array
    rows: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.values)

    def first(self, n: int) -> Slopes | None:
        """Those at the first n rows and at none; None if there are none."""
        kept = self.rows < n
        if not kept.any():
            return None
        places, place = np.unique(self.place[kept], return_inverse=True)
        of_slopes = {name: getattr(self, name)[kept] for name in ("directions", "values", "factors", "rows")}
        return replace(self, U=np.ascontiguousarray(self.U[places]), place=place, **of_slopes)

    @cached_property
    def points(self) -> Array:
        """One for each slope, (k, d)."""
        return np.ascontiguousarray(self.U[self.place])


class ValuesAndSlopes:
    """The mean of the squares of what `values` leaves, of n rows of one output, and `slopes`, of k: a SumOfSquares.

    Its residuals are those of the values times sqrt(n / (n + k)), then the slopes' times their factors / sqrt(n + k).
    """

    def __init__(self, mlp: MLP, values: LeastSquares, slopes: Slopes) -> None:
        if mlp.n_outputs != 1:
            raise ValueError(f"mlp: expected one output, got {mlp.n_outputs}")
        self.mlp, self.values, self.slopes = mlp, values, slopes
        n, k = values.n_samples, len(slopes)
        self._share = n / (n + k)
        self._factors = slopes.factors / math.sqrt(n + k)

    @property
    def n_params(self) -> int:
        return self.mlp.n_params

    @property
    def linear(self) -> slice:
        return self.values.linear

    def _off(self, params: Array) -> Array:
        """The residuals of the slopes, (k,)."""
        slopes = self.slopes
        gradient = self.mlp.input_gradient(params, slopes.U, n_threads=self.values.n_threads)[slopes.place, 0]
        off: Array = self._factors * (np.sum(gradient * slopes.directions, axis=1) - slopes.values)
        return off

    def _along(self, params: Array) -> Linearization:
        """Along the directions of the slopes."""
        return linearized(self.mlp, params, self.slopes.points, np.zeros_like(params), self.slopes.directions)

    def loss(self, params: Array) -> float:
        off = self._off(params)
        return self._share * self.values.loss(params) + float(off @ off)

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        loss, gradient = self.values.loss_and_gradient(params)
        off = self._off(params)
        of_slopes = self._along(params).pulled_back(self._factors * off, np.zeros_like(off))
        return self._share * loss + float(off @ off), self._share * gradient + 2.0 * of_slopes

    def residuals_and_jacobian(self, params: Array) -> tuple[Array, Array]:
        residuals, jacobian = self.values.residuals_and_jacobian(params)
        root = math.sqrt(self._share)
        by_params = self._factors[:, None] * self._along(params).by_params()
        return np.concatenate([root * residuals, self._off(params)]), np.concatenate([root * jacobian, by_params])

    def gauss_newton(self, params: Array) -> tuple[float, Array, Array]:
        loss, gradient, matrix = self.values.gauss_newton(params)
        off, by_params = self._off(params), self._factors[:, None] * self._along(params).by_params()
        matrix = self._share * matrix + 2.0 * (by_params.T @ by_params)
        return self._share * loss + float(off @ off), self._share * gradient + 2.0 * (by_params.T @ off), matrix

    def second_derivative(self, params: Array, v: Array) -> Array:
        of_values = math.sqrt(self._share) * self.values.second_derivative(params, v)
        slopes, length = self.slopes, float(np.linalg.norm(v))
        if not 0.0 < length < math.inf:
            return np.concatenate([of_values, np.zeros(len(slopes))])
        step = APART * max(float(np.linalg.norm(params)), 1.0) / length
        still = np.zeros_like(slopes.U)
        after, before = (
            linearized(self.mlp, params + sign * step * v, slopes.U, v, still).slopes_dot for sign in (1.0, -1.0)
        )
        bends = ((after - before) / (2.0 * step))[slopes.place]
        return np.concatenate([of_values, self._factors * np.sum(bends * slopes.directions, axis=1)])

    def vector_jacobian_product(self, params: Array, u: Array) -> Array:
        n = self.values.n_samples
        of_values = math.sqrt(self._share) * self.values.vector_jacobian_product(params, u[:n])
        weights = self._factors * u[n:]
        found: Array = of_values + self._along(params).pulled_back(weights, np.zeros_like(weights))
        return found
