"""Least squares for coefficients of polynomials: by Gram matrices where columns are far from dependent, else by QR.

Well-conditioned columns: with G = A'A = LL', each pass solves for what the last one left over,
    c += (LL')^-1 A'(y - A c).
The error falls by eps cond(A)^2 a pass, down to that of a QR factorization, which takes five times as long (Bjorck
1987, "Stability analysis of the method of seminormal equations"). Chebyshev polynomials at evenly scattered points
have condition numbers of 10 to 1e4. One factor serves all its leading blocks: L_p of the first p columns is the corner
of L, and L_p^-1 A_p'y the beginning of L^-1 A'y.

Others: where points are scarce, in a corner of the new variables for example, high degrees are hardly determined there.
They are found by QR with a row lambda w_j c_j = 0 for each column, lambda = eps/2 |y| and w = 2^degree: far below the
residual for a coefficient that falls off as those of smooth functions do, it chooses the smooth solution where the
points leave a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ..arrays import Array
from ..lapack import solve_triangular, triangle_of

EPS = float(np.finfo(np.float64).eps)
# The least reciprocal condition of A'A for which its factor is used: cond(A) = 1e6. LAPACK's estimate was within a
# factor of two of the truth on seven matrices of cond 6e2 to 2e9; the ratio of the diagonal, 0.09 to 0.7, says
# nothing (Kahan's matrix).
LEAST_RECIPROCAL = 1e-12
# The first correction is at most this part of the solution, or columns are too near to dependent for the factor: later
# ones fall by as much, down to rounding, where they no longer do.
LEAST_FALL = 1e-3
REFINEMENTS, NO_FALL = 5, 0.1
# The base of the weights, and where they end.
DECAY, MOST_DOUBLINGS = 2.0, 100
# Numbers in a tile of rows: 16 MiB. Fits of more rows take their terms' values tile by tile, several times.
TILE_NUMBERS = 2**21
# Relative residuals below which a scan over leading blocks refines: eps cond(A) is 1e-10 at most before.
REFINED_BELOW = 1e-6

Solve = Callable[[int], Array]


def least_squares(A: Array, Y: Array, degrees: NDArray[np.intp]) -> Array:
    """The coefficients (p, k) of the columns of A (n, p), of these `degrees` (p,), nearest to Y (n, k)."""
    return tiled_least_squares(lambda: iter([(A, Y)]), degrees)


def leading_least_squares(A: Array, Y: Array, degrees: NDArray[np.intp]) -> Solve:
    """A function of p that gives the coefficients (p, k) of the first p columns of A: one factorization for all."""
    factor = cholesky(A.T @ A)
    if factor is None:
        return nested_least_squares(A, Y, degrees)
    forward = solve_triangular(factor, A.T @ Y, lower=True)
    size = np.sqrt(np.sum(Y**2, axis=0))

    def solve(count: int) -> Array:
        L, part = factor[:count, :count], A[:, :count]
        c = solve_triangular(L, forward[:count], lower=True, transposed=True)
        # |y - A c|^2 = |y|^2 - |L^-1 A'y|^2, which rounding makes meaningless where it has to be refined anyway.
        left = np.sqrt(np.maximum(0.0, size**2 - np.sum(forward[:count] ** 2, axis=0)))
        small = np.flatnonzero(left <= REFINED_BELOW * size)
        if len(small):
            rest = part.T @ (Y[:, small] - part @ c[:, small])
            c[:, small] += _solved(L, rest)
        return c

    return solve


def nested_least_squares(A: Array, Y: Array, degrees: NDArray[np.intp]) -> Solve:
    """The same by QR, with the ridge of this file's head, for columns that are nearly dependent."""
    n, p = A.shape
    ridge = 0.5 * EPS * np.sqrt(np.mean(Y**2) * n)
    factor, tau = ridged_factor(A, ridge * DECAY ** np.minimum(degrees, MOST_DOUBLINGS))
    right = np.zeros((n + p, Y.shape[1]), order="F")
    right[:n] = Y
    block = 64 * max(p, Y.shape[1])
    projected = lapack.dormqr("L", "T", factor, tau, right, block, overwrite_c=1)[0][:p]

    def solve(count: int) -> Array:
        R = factor[:count, :count]
        # A column of zeros beyond rounding: ridge rows are 0 only where Y is.
        if not np.diag(R).all():
            return np.zeros((count, Y.shape[1]))
        return solve_triangular(R, projected[:count])

    return solve


def ridged_factor(A: Array, ridge: Array) -> tuple[Array, Array]:
    """The factor QR, as LAPACK has it, of A (n, p) over the diagonal `ridge` (p,), and its scalars."""
    n, p = A.shape
    stacked = np.zeros((n + p, p), order="F")
    stacked[:n] = A
    stacked[n + np.arange(p), np.arange(p)] = ridge
    factor, tau, _, _ = lapack.dgeqrf(stacked, lwork=64 * p, overwrite_a=1)
    return factor, tau


def tiled_least_squares(tiles: Callable[[], Iterator[tuple[Array, Array]]], degrees: NDArray[np.intp]) -> Array:
    """The same as `least_squares` of rows that come in parts: `tiles()` goes through all (A, Y) once more.

    Memory follows the columns and one tile, not the rows. Where the Gram matrix is not enough, triangles of tiles are
    stacked and factored again (TSQR; Demmel et al. 2012).
    """
    p = len(degrees)
    factor = cholesky(_sum(A.T @ A for A, _ in tiles()))
    if factor is not None:

        def normal(c: Array | None) -> Array:
            return _sum(A.T @ (Y if c is None else Y - A @ c) for A, Y in tiles())

        coefficients = refined(factor, normal)
        if coefficients is not None:
            return coefficients
    squares = sum(float(np.sum(Y**2)) for _, Y in tiles())
    R: Array | None = None
    for A, Y in tiles():
        if R is None:
            R = np.zeros((p, p + Y.shape[1]))
            ridge = 0.5 * EPS * np.sqrt(squares / Y.shape[1])
            R[np.arange(p), np.arange(p)] = ridge * DECAY ** np.minimum(degrees, MOST_DOUBLINGS)
        stacked = np.empty((len(R) + len(A), R.shape[1]), order="F")
        stacked[: len(R)], stacked[len(R) :, :p], stacked[len(R) :, p:] = R, A, Y
        R = triangle_of(stacked, overwrite=True)
    assert R is not None
    if not np.diag(R)[:p].all():
        return np.zeros((p, R.shape[1] - p))
    return solve_triangular(R[:p, :p], R[:p, p:])


def _sum(arrays: Iterable[Array]) -> Array:
    total: Array | None = None
    for one in arrays:
        if total is None:
            total = one
        else:
            total += one
    assert total is not None
    return total


def cholesky(gram: Array) -> Array | None:
    """The lower factor of A'A; None where A is too near to dependent columns for it to be of use."""
    try:
        factor = np.asarray(np.linalg.cholesky(gram), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    norm = float(np.max(np.sum(np.abs(gram), axis=0), initial=0.0))
    reciprocal, info = lapack.dpocon(factor, norm, uplo="L")
    return factor if info == 0 and reciprocal > LEAST_RECIPROCAL else None


def refined(factor: Array, normal: Callable[[Array | None], Array]) -> Array | None:
    """The solution c of A'A c = A'Y by corrections: `normal(c)` is A'(Y - A c), or A'Y. None where they don't fall."""
    coefficients = _solved(factor, normal(None))
    first = last = float(np.max(np.abs(coefficients), initial=0.0))
    for pass_number in range(REFINEMENTS):
        correction = _solved(factor, normal(coefficients))
        size = float(np.max(np.abs(correction), initial=0.0))
        if pass_number == 0 and not size <= LEAST_FALL * first:
            return None
        coefficients += correction
        if not EPS * first < size < NO_FALL * last:
            break
        last = size
    return coefficients


def _solved(factor: Array, right: Array) -> Array:
    return solve_triangular(factor, solve_triangular(factor, right, lower=True), lower=True, transposed=True)
