"""Whether what a model leaves at the rows is noise: without pattern, shared by other families, and not to be lowered.

Residuals of a function that a family can't follow have a pattern: neighbours are alike, polynomials of more terms
bring them down, a few rows beside an edge make most of them, and another family has others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Array
from .probe import Probe

FEWEST_ROWS = 40
# The mean product of neighbours' residuals is at most so many standard deviations above 0, if they are independent.
MOST_ALIKE, NEIGHBOURS = 3.0, 4
# Polynomials must not bring the standard deviation, with its degrees of freedom counted, below this part.
LEAST_LEFT = 0.8
# All but this share of residuals are at most so many times the median one, which counts for those beyond, and none is
# so many times: 2,000 normal ones come to 5; of Student's t of 3 degrees 0.9 % are beyond 8 times, the largest 25.
MOST_TAIL, MOST_BEYOND, FARTHEST = 8.0, 0.02, 50.0
# The correlation with residuals of another family whose error is at most so many times as large.
LEAST_SHARED, MOST_UNEQUAL = 0.8, 1.5
# Without another family: of so many rows a parameter, and with half the margins.
ROWS_A_PARAMETER, FEWEST_ALONE = 10, 150
# A model that leaves more than this part of the deviation of y explains too little to call the rest noise.
MOST_LEFT = 0.3


def is_noise(probe: Probe, y: Array, residual: Array, n_params: int, rivals: Sequence[Array]) -> bool:
    """Whether the `residual` of `y` (n,) and a model of `n_params`, at the rows of the probe, is noise.

    `rivals` (n,) are residuals of models of other families.
    """
    n, size = len(residual), _rms(residual)
    if n < FEWEST_ROWS or not 0.0 < size <= MOST_LEFT * float(np.std(y)):
        return False
    median = float(np.median(np.abs(residual)))
    far = np.abs(residual) > MOST_TAIL * median
    if np.max(np.abs(residual)) > FARTHEST * median or np.mean(far) > MOST_BEYOND:
        return False
    residual = np.clip(residual, -MOST_TAIL * median, MOST_TAIL * median)
    size = _rms(residual)
    near = residual[probe.neighbours(min(NEIGHBOURS, n - 1))]
    alike = float(np.mean(residual[:, None] * near)) / size**2 * np.sqrt(n)
    left = min(_deviation(probe.residual(residual, count), count) for count in probe.counts) / _deviation(residual, 0)
    if alike > MOST_ALIKE or left < LEAST_LEFT:
        return False
    if any(_is_shared(residual, np.where(far, residual, other)) for other in rivals):
        return True
    return (
        n >= max(FEWEST_ALONE, ROWS_A_PARAMETER * n_params)
        and alike < 0.5 * MOST_ALIKE
        and left > 0.5 + 0.5 * LEAST_LEFT
    )


def _is_shared(residual: Array, other: Array) -> bool:
    if not np.isfinite(other).all() or not 0.0 < _rms(other) <= MOST_UNEQUAL * _rms(residual):
        return False
    return float(np.mean(residual * other)) > LEAST_SHARED * _rms(residual) * _rms(other)


def _deviation(residual: Array, n_terms: int) -> float:
    return float(np.sqrt(np.sum(residual**2) / (len(residual) - n_terms)))


def _rms(values: Array) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(values**2)))
