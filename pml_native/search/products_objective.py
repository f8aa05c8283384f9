"""The squares of what a sum of products of series leaves of y, with all derivatives that Levenberg-Marquardt asks for.

    r_i = w_i (sum_k prod_j F_jik - y_i),  F_j = V_j A_j,
with V_j (n, K_j + 1) the Chebyshev polynomials of variable j at the rows and A_j (K_j + 1, r) their coefficients, which
are the parameters: A_1' row by row, then A_2' and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _core
from ..arrays import Array, contiguous


class SumOfProducts:
    """r'r for `V`, a list of d arrays (n, K_j + 1), of `rank` products, `y` (n,) and `root_weight` w (n,)."""

    def __init__(self, V: Sequence[Array], rank: int, y: Array, root_weight: Array) -> None:
        # By column, as the core takes them.
        self.V: list[Array] = [np.asfortranarray(v) for v in V]
        self.rank, self.y, self.root_weight = rank, y, contiguous(root_weight)
        self._ends = np.cumsum([rank * v.shape[1] for v in V])[:-1]

    def coefficients(self, params: Array) -> list[Array]:
        """The A_j."""
        return [part.reshape(self.rank, -1).T for part in np.split(params, self._ends)]

    @staticmethod
    def params(A: Sequence[Array]) -> Array:
        """The parameters (P,) that the A_j are."""
        return np.concatenate([a.T.ravel() for a in A])

    def factors(self, params: Array) -> list[Array]:
        """The F_j (n, r)."""
        return [v @ a for v, a in zip(self.V, self.coefficients(params), strict=True)]

    def loss(self, params: Array) -> float:
        residuals = self._residuals(self.factors(params))
        return float(residuals @ residuals)

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        residuals = self._residuals(self.factors(params))
        return float(residuals @ residuals), 2.0 * self.vector_jacobian_product(params, residuals)

    def residuals_and_jacobian(self, params: Array) -> tuple[Array, Array]:
        F = self.factors(params)
        return self._residuals(F), _core.products_jacobian([v.T for v in self.V], F, self.root_weight, 1)

    def gauss_newton(self, params: Array) -> tuple[float, Array, Array]:
        residuals, J = self.residuals_and_jacobian(params)
        return float(residuals @ residuals), 2.0 * (J.T @ residuals), 2.0 * (J.T @ J)

    def second_derivative(self, params: Array, v: Array) -> Array:
        """By the product of F_j + e G_j up to e^2."""
        value, first, second = np.ones((3, len(self.y), self.rank)) * np.array([1.0, 0.0, 0.0])[:, None, None]
        for F, G in zip(self.factors(params), self.factors(v), strict=True):
            value, first, second = value * F, first * F + value * G, second * F + first * G
        second_derivative: Array = 2.0 * self.root_weight * second.sum(axis=1)
        return second_derivative

    def vector_jacobian_product(self, params: Array, u: Array) -> Array:
        F, weighted = self.factors(params), (self.root_weight * u)[:, None]
        return self.params([v.T @ (weighted * others(F, j)) for j, v in enumerate(self.V)])

    def _residuals(self, F: list[Array]) -> Array:
        residuals: Array = self.root_weight * (value(F) - self.y)
        return residuals


def value(F: Sequence[Array]) -> Array:
    """The sum of the products (n,) of factors (n, r)."""
    total: Array = np.prod(F, axis=0).sum(axis=1)
    return total


def others(F: Sequence[Array], j: int) -> Array:
    """The product (n, r) of all factors but the j-th."""
    rest = [f for i, f in enumerate(F) if i != j]
    product: Array = np.prod(rest, axis=0) if rest else np.ones_like(F[j])
    return product
