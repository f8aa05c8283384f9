"""Least squares for coefficients of polynomials: by QR where columns are nearly dependent, faster where they aren't.

Well-conditioned columns: with G = A'A = LL', each pass solves for what the last one left over,
    c += (LL')^-1 A'(y - A c).
The error falls by eps cond(A)^2 a pass, down to that of a QR factorization, which takes five times as long (Bjorck
1987, "Stability analysis of the method of seminormal equations"). Chebyshev polynomials at evenly scattered points
have condition numbers of 10 to 1e4.

Others: where points are scarce, in a corner of the new variables for example, high degrees are hardly determined there.
They are found by QR with a row lambda w_j c_j = 0 for each column, lambda = eps/2 |y| and w = 2^degree: far below the
residual for a coefficient that falls off as those of smooth functions do, it chooses the smooth solution where the
points leave a choice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from ..arrays import Array

# The least diagonal of the Cholesky factor over the largest; beyond it refinement may not converge.
WELL_CONDITIONED = 1e-4
REFINEMENTS = 3
# The base of the weights, and where they end.
DECAY, MOST_DOUBLINGS = 2.0, 100


def least_squares(A: Array, Y: Array, degrees: NDArray[np.intp]) -> Array:
    """The coefficients (p, k) of the columns of A (n, p), of these `degrees` (p,), nearest to Y (n, k)."""
    factor, info = lapack.dpotrf(A.T @ A, lower=1)
    diagonal = np.diag(factor)
    if info == 0 and diagonal.min() > WELL_CONDITIONED * diagonal.max():
        return _refined(A, Y, factor)
    return nested_least_squares(A, Y, degrees)(A.shape[1])


def nested_least_squares(A: Array, Y: Array, degrees: NDArray[np.intp]) -> Callable[[int], Array]:
    """A function of p that gives the coefficients (p, k) of the first p columns of A: one QR factorization for all."""
    n, p = A.shape
    ridge = 0.5 * np.finfo(float).eps * np.sqrt(np.mean(Y**2) * n)
    stacked = np.zeros((n + p, p), order="F")
    stacked[:n] = A
    stacked[n + np.arange(p), np.arange(p)] = ridge * DECAY ** np.minimum(degrees, MOST_DOUBLINGS)
    right = np.zeros((n + p, Y.shape[1]), order="F")
    right[:n] = Y
    block = 64 * max(p, Y.shape[1])
    factor, tau, _, _ = lapack.dgeqrf(stacked, lwork=block, overwrite_a=1)
    projected = lapack.dormqr("L", "T", factor, tau, right, block, overwrite_c=1)[0][:p]

    def solve(count: int) -> Array:
        R = factor[:count, :count]
        # A column of zeros beyond rounding: ridge rows are 0 only where Y is.
        if not np.diag(R).all():
            return np.zeros((count, Y.shape[1]))
        solution: Array = solve_triangular(R, projected[:count], check_finite=False)
        return solution

    return solve


def _refined(A: Array, Y: Array, factor: Array) -> Array:
    coefficients = np.zeros((A.shape[1], Y.shape[1]))
    rest = Y
    for _ in range(1 + REFINEMENTS):
        coefficients += lapack.dpotrs(factor, A.T @ rest, lower=1)[0]
        rest = Y - A @ coefficients
    return coefficients
