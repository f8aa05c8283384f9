"""The singular value decomposition of every matrix, and what is made by it."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from .arrays import Array


def svd(matrix: Array, *, full_matrices: bool = True) -> tuple[Array, Array, Array]:
    """U, the singular values, descending, and V' of `matrix` (m, n), as `numpy.linalg.svd` gives them.

    All are NaN where an entry is not finite: LAPACK may go on for ever then. Its divide and conquer ends without a
    result on a few ordinary matrices; its QR iteration, slower, has one.
    """
    if not np.isfinite(matrix).all():
        (m, n), k = matrix.shape, min(matrix.shape)
        shapes = ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))
        U, values, Vt = (np.full(shape, np.nan) for shape in shapes)
        return U, values, Vt
    try:
        return np.linalg.svd(matrix, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        U, values, Vt = scipy.linalg.svd(matrix, full_matrices=full_matrices, lapack_driver="gesvd")
        return U, values, Vt


def singular_values(matrix: Array) -> Array:
    """Those of `matrix` alone, descending."""
    return svd(matrix, full_matrices=False)[1]


def lstsq(A: Array, b: Array, rcond: float | None = None) -> tuple[Array, Array, int, Array]:
    """As `numpy.linalg.lstsq`; the solution is NaN where an entry of `A` is not finite, for the same reason."""
    if not np.isfinite(A).all():
        k = A.shape[1]
        return np.full((k, *b.shape[1:]), np.nan), np.empty(0), 0, np.full(min(A.shape), np.nan)
    found: tuple[Array, Array, int, Array] = np.linalg.lstsq(A, b, rcond=rcond)  # type: ignore[assignment]
    return found


def pinv(matrix: Array, rcond: float = 1e-15) -> Array:
    """As `numpy.linalg.pinv`, of `matrix` (..., m, n); NaN where an entry is not finite."""
    if not np.isfinite(matrix).all():
        return np.full((*matrix.shape[:-2], matrix.shape[-1], matrix.shape[-2]), np.nan)
    return np.asarray(np.linalg.pinv(matrix, rcond=rcond), dtype=np.float64)
