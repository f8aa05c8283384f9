"""Polynomials of growing degree at some rows, by one factorization: what rows tell apart from any model.

With A = QR, the columns sorted by degree, the first p columns of Q are a basis of the polynomials of the first p terms:
the fit is Q_p Q_p' t, the share of row i in its own value h_i = sum_j Q_ij^2, and the error at row i of the fit without
it e_i = r_i / (1 - h_i). So every degree costs a product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.spatial import cKDTree

from ..arrays import Array
from ..lapack import solve_triangular
from ..models import Normalization
from ..models.chebyshev import ChebyshevTerms, largest_index_set

# Terms at most, and rows a term at least: 2,000 rows take some 30 ms.
MOST_TERMS, ROWS_A_TERM = 200, 3
# Degrees are looked at whose numbers of terms differ by such a factor at least.
GROWTH = 1.3
# An error without a row counts as if h were no larger: beyond, the row is alone in its corner.
MOST_LEVERAGE = 0.7


@dataclass(frozen=True, eq=False)
class Probe:
    """Polynomials at rows: an orthonormal basis `Q` (n, p), the triangle `R` (p, p) that leads to its terms.

    `box` maps the rows to [-1, 1], (n, k) `U` without columns that are constant; `counts` are the numbers of terms of
    the degrees looked at, ascending.
    """

    box: Normalization
    U: Array
    terms: ChebyshevTerms
    Q: Array
    R: Array
    counts: list[int]

    @classmethod
    def of(cls, X: Array, most_terms: int = MOST_TERMS) -> Probe:
        """Those of the rows `X` (n, d)."""
        box = Normalization.of_box(X)
        U = _varying(box, X)
        most = max(1, min(most_terms, len(X) // ROWS_A_TERM))
        indices, sizes = largest_index_set("total", [most] * U.shape[1], most)
        terms = ChebyshevTerms(indices)
        factor, tau, _, _ = lapack.dgeqrf(terms.design(U), overwrite_a=1)
        R = np.triu(factor[: len(indices)])
        Q, _, _ = lapack.dorgqr(factor, tau, overwrite_a=1)
        counts = [1]
        for count in np.flatnonzero(np.diff(sizes, append=sizes[-1] + 1)) + 1:
            if count >= GROWTH * counts[-1]:
                counts.append(int(count))
        return cls(box, U, terms, Q, R, counts)

    def neighbours(self, number: int) -> NDArray[np.intp]:
        """The nearest other rows of each, (n, number)."""
        near: NDArray[np.intp] = cKDTree(self.U).query(self.U, k=number + 1)[1][:, 1:]
        return near

    def residual(self, target: Array, count: int) -> Array:
        """What the first `count` terms leave of `target` (n,)."""
        Q = self.Q[:, :count]
        left: Array = target - Q @ (Q.T @ target)
        return left

    def best(self, target: Array) -> tuple[int, float]:
        """The count of the least RMS of the errors at rows left out one by one, and that RMS."""
        found = (1, np.inf)
        for count in self.counts:
            rest = 1.0 - np.minimum(np.sum(self.Q[:, :count] ** 2, axis=1), MOST_LEVERAGE)
            error = float(np.sqrt(np.mean((self.residual(target, count) / rest) ** 2)))
            found = min(found, (count, error), key=lambda one: one[1])
        return found

    def at(self, X: Array, target: Array, count: int) -> Array:
        """The polynomial of the first `count` terms that is fitted to `target` (n,), at `X` (k, d)."""
        Q, R = self.Q[:, :count], self.R[:count, :count]
        if not np.diag(R).all():
            return np.full(len(X), np.nan)
        values: Array = self.terms.design(_varying(self.box, X))[:, :count] @ solve_triangular(R, Q.T @ target)
        return values


def _varying(box: Normalization, X: Array) -> Array:
    return np.ascontiguousarray(box.apply(X)[:, ~box.constant])
