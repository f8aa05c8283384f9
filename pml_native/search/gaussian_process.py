"""Lengths of a Gaussian process, one a column, by which its rows are likeliest.

With K_ij = phi(|s (z_i - z_j)|) + NUGGET delta_ij for scales s (d,), the inverses of the lengths, and the amplitude
that makes rows y of m outputs likeliest, minus the logarithm of their density is, but for a constant,

    L(s) = sum_k n/2 log(y_k' K^-1 y_k) + m/2 log det K,   dK_ij / dlog s_l = phi'(r) / r s_l^2 (z_il - z_jl)^2,

so that all derivatives take one inverse of K (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006,
section 5.4.1). The mean of the process is a sum of radial functions in the coordinates s z: the family rbf.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from ..arrays import Array
from ..lapack import solve_with_upper, upper_factor
from ..models.rbf import KERNELS

# What is added to the diagonal, of the amplitude: float64 factors any such system of some hundred points. Rows of no
# noise make the process so smooth that its system is singular otherwise.
NUGGET = 1e-9
# Scales are within these, in boxes that are 2 wide; their logarithms change by no more than the last number at a time:
# where a kernel is so narrow that no row tells of another one, the likelihood is flat.
LEAST_SCALE, LARGEST_SCALE, MOST_CHANGE = 1e-3, 1e2, 1.0


def negative_log_likelihood(kernel: str, log_scales: Array, Z: Array, y: Array) -> tuple[float, Array]:
    """L at the logarithms of the scales (d,), for rows `Z` (n, d) and `y` (n, m), and its derivatives (d,).

    Raises LinAlgError where float64 can't factor K.
    """
    n, m = y.shape
    z = Z * np.exp(log_scales)
    r = cdist(z, z)
    K = KERNELS[kernel].value(r)
    K[np.diag_indices(n)] += NUGGET
    factor = upper_factor(K)
    if factor is None:
        raise np.linalg.LinAlgError("K: expected a positive definite matrix, got none to rounding")
    inverse = solve_with_upper(factor, np.eye(n))
    alpha = inverse @ y
    fits = np.einsum("nk,nk->k", y, alpha)
    value = 0.5 * n * float(np.sum(np.log(fits))) + m * float(np.sum(np.log(np.diag(factor))))
    weights = (0.5 * m * inverse - 0.5 * n * (alpha / fits) @ alpha.T) * KERNELS[kernel].slope(r)
    # The sum over i, j of W_ij (z_i - z_j)^2, by column, W being symmetric.
    gradient = 2.0 * (weights.sum(axis=1) @ z**2 - np.einsum("nl,nl->l", z, weights @ z))
    return value, gradient


def likelier(kernel: str, scales: Array, Z: Array, y: Array, n_evaluations: int) -> Array:
    """Scales (d,) of a greater likelihood than `scales`, within MOST_CHANGE of them, by L-BFGS of so many
    evaluations; the same where there are none."""

    def objective(log_scales: Array) -> tuple[float, Array]:
        try:
            return negative_log_likelihood(kernel, log_scales, Z, y)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(log_scales)

    start = np.log(scales)
    ends = np.clip([start - MOST_CHANGE, start + MOST_CHANGE], np.log(LEAST_SCALE), np.log(LARGEST_SCALE))
    bounds = list(zip(*ends.tolist(), strict=True))
    solved = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxfun": n_evaluations})
    found: Array = np.exp(solved.x)
    return found if np.isfinite(solved.fun) else scales
