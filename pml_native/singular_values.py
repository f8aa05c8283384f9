"""The singular value decomposition, of every finite matrix."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from .arrays import Array


def svd(matrix: Array, *, full_matrices: bool = True) -> tuple[Array, Array, Array]:
    """U, the singular values, descending, and V' of `matrix` (m, n), as `numpy.linalg.svd` gives them.

    LAPACK's divide and conquer ends without a result on a few ordinary matrices; its QR iteration, slower, has one.
    """
    try:
        return np.linalg.svd(matrix, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        U, values, Vt = scipy.linalg.svd(matrix, full_matrices=full_matrices, lapack_driver="gesvd")
        return U, values, Vt
