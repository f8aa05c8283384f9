"""The quotient of polynomials of lowest degree that values are, found as the null vector of a matrix.

p(x) - f q(x) = 0 at all points is linear in the coefficients of p and q. The degrees are raised until the smallest
singular value is that of rounding: of the first degrees for which that is so, p and q have no common factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ..arrays import Array
from ..singular_values import svd
from .fitted import Samples

Indices = NDArray[np.intp]
# Terms of both polynomials, of which there are at least so many times as many points.
MOST_TERMS = 90
POINTS_PER_TERM = 1.5
# The smallest singular value, over the largest, against the error of the values; and how far the next one is above it.
ROUNDING = 30.0
GAP = 100.0
# Coefficients of columns of length 1 are 0 below so many times the error, and none is from LARGE on.
NEGLIGIBLE, LARGE = 1e4, 1e-3


def quotient(variables: Sequence[Any], samples: Samples, most_degree: int) -> Any:
    """The quotient p / q of `variables` that `samples` are, its coefficients as Floats; None if there is none."""
    scale = np.max(np.abs(samples.X), axis=0)
    if not np.all(scale > 0.0) or not np.isfinite(samples.y).all():
        return None
    Z, y = samples.X / scale, samples.y / samples.unit
    error = max(samples.error, 1e-16)
    for top, bottom in _degrees(most_degree):
        over, under = (_indices(len(variables), degree) for degree in (top, bottom))
        if (len(over) + len(under)) * POINTS_PER_TERM > len(y) or len(over) + len(under) > MOST_TERMS:
            continue
        # Chebyshev polynomials of the box would be better conditioned; of so low degrees powers are good enough.
        terms = [np.prod(Z[:, None, :] ** rows, axis=2) for rows in (over, under)]
        matrix = np.hstack([terms[0], -y[:, None] * terms[1]])
        sizes = np.linalg.norm(matrix, axis=0)
        _, singular, rows = svd(matrix / sizes, full_matrices=False)
        if singular[-1] > ROUNDING * error * singular[0]:
            continue
        if len(singular) > 1 and singular[-2] < GAP * max(singular[-1], error * singular[0]):
            return None
        found = rows[-1] / sizes
        found[np.abs(rows[-1]) < min(NEGLIGIBLE * error, LARGE)] = 0.0
        # Of z = x / scale and y / unit, before; the largest coefficient of the denominator becomes 1.
        p = found[: len(over)] / np.prod(scale**over, axis=1) * samples.unit
        q = found[len(over) :] / np.prod(scale**under, axis=1)
        if not p.any() or not q.any():
            return None
        unit = q[np.argmax(np.abs(rows[-1][len(over) :]))]
        return _sum(variables, over, p / unit) / _sum(variables, under, q / unit)
    return None


def _degrees(most: int) -> list[tuple[int, int]]:
    """Those of numerator and denominator, the lowest sums first."""
    pairs = [(top, bottom) for top in range(most + 1) for bottom in range(most + 1)]
    return sorted(pairs, key=lambda pair: (sum(pair), pair[1]))


def _indices(n_variables: int, degree: int) -> Indices:
    rows: list[list[int]] = [[]]
    for _ in range(n_variables):
        rows = [[*row, a] for row in rows for a in range(degree - sum(row) + 1)]
    return np.array(sorted(rows, key=sum))


def _sum(variables: Sequence[Any], indices: Indices, coefficients: Array) -> Any:
    terms = []
    for row, c in zip(indices, coefficients, strict=True):
        if c != 0.0:
            powers = [variable ** int(a) for variable, a in zip(variables, row, strict=True)]
            # The coefficient that is 1 by choice is no number to be found.
            terms.append(sympy.Mul(sympy.Integer(1) if c == 1.0 else sympy.Float(float(c)), *powers))
    return sympy.Add(*terms)
