"""Where y of a table of one column goes to infinity between two rows, as a tangent does.

Beside a simple pole the inverse of y is smooth, and goes through 0 in the gap between two rows; beside a double one its
root is, with the other sign on the other side. Polynomials of few rows on both sides of the gap tell whether it is, by
the errors at rows left out one by one, beside those of y itself. A peak narrower than the gap looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import Chebyshev

from ..arrays import Array
from ..models.chebyshev import chebyshev_table

# Rows on each side of a gap at most and at least, and degrees of their polynomials.
MOST_BESIDE, FEWEST_BESIDE, DEGREES = 6, 4, (2, 3, 4, 5)
# |y| grows towards the gap, from the rows at the ends of the window to those beside it, by so much on each side.
GROWS = 2.5
# The inverse is met to this part of its largest value, and so many times better than y to its.
SMOOTH, BETTER = 0.02, 30.0
# Poles that are named.
MOST_POLES = 20


@dataclass(frozen=True)
class Pole:
    """y goes to infinity about `place`, with the other sign on the other side or the same."""

    place: float
    changes_sign: bool


def poles_of(x: Array, y: Array) -> tuple[Pole, ...]:
    """Those between the rows x, y (n,), ascending; rows may come in any order."""
    x, first = np.unique(x, return_index=True)
    y = y[first]
    if not (y != 0.0).all():
        is_known = y != 0.0
        x, y = x[is_known], y[is_known]
    size, found = np.abs(y), []
    for gap in range(FEWEST_BESIDE, len(x) - FEWEST_BESIDE + 1):  # between rows gap - 1 and gap
        if not (size[gap - 2] < size[gap - 1] and size[gap] > size[gap + 1]):
            continue
        k = min(MOST_BESIDE, gap, len(x) - gap)
        some = slice(gap - k, gap + k)
        if min(size[gap - 1] / size[some][0], size[gap] / size[some][-1]) < GROWS:
            continue
        pole = _pole(x[some], y[some], k)
        if pole is not None:
            found.append(pole)
    return tuple(found[:MOST_POLES])


def _pole(x: Array, y: Array, k: int) -> Pole | None:
    """The pole between the first k rows and the others; None where the inverse of y is no smoother than y."""
    changes_sign = bool((y[k - 1] > 0.0) != (y[k] > 0.0))
    inverse = np.max(np.abs(y)) / y
    if not changes_sign:
        inverse = np.sqrt(np.abs(inverse)) * np.where(np.arange(len(y)) < k, -1.0, 1.0)
    error, smooth = _best(x, inverse)
    if error > SMOOTH or BETTER * error > _best(x, y)[0]:
        return None
    inside = [
        float(root.real)
        for root in smooth.roots()
        if abs(root.imag) <= 1e-8 * (x[-1] - x[0]) and x[k - 1] < root.real < x[k]
    ]
    return Pole(inside[0], changes_sign) if len(inside) == 1 else None


def _best(x: Array, y: Array) -> tuple[float, Chebyshev]:
    """The least RMS error of polynomials at rows left out one by one, over the largest |y|, and the polynomial."""
    found = []
    for degree in DEGREES:
        if degree + 2 > len(x) // 2 + 1:
            break
        V = chebyshev_table(2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0, degree).T
        Q, R = np.linalg.qr(V)
        part = Q.T @ y
        left_out = (y - Q @ part) / np.maximum(1.0 - np.sum(Q**2, axis=1), 1e-3)
        error = float(np.sqrt(np.mean(left_out**2)) / np.max(np.abs(y)))
        found.append((error, Chebyshev(np.linalg.solve(R, part), domain=[x[0], x[-1]])))
    return min(found, key=lambda one: one[0])
