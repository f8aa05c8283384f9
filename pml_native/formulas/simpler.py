"""Formulas of very few terms that are near to a model: a power law, and sums of some products of powers.

They are of the variables that symmetries have left, with the power in front that is there anyway. Terms of a sum are
taken one by one, each time the one that goes best with what is left over (orthogonal matching pursuit; Pati, Rezaiifar,
Krishnaprasad 1993).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy

from ..arrays import Array
from ..singular_values import lstsq
from .fitted import Samples, root_mean_square

# Numbers of terms of sums, total degrees of products, and the most of these that are looked at.
TERMS = (1, 2, 3, 5)
DEGREES = (3, 2, 1)
MOST_PRODUCTS = 300
# Powers of a power law, and the logarithm of its factor, which is a float64.
MOST_POWER, LARGEST = 100.0, 700.0
# Formulas that are worse say nothing, and one of more terms must be better than those of fewer by the second.
MOST_ERROR, BETTER = 0.3, 0.5


class Simple(NamedTuple):
    """A formula, its relative error, and its number of terms."""

    expression: Any
    error: float
    n_terms: int


def simpler(x: Sequence[Any], u: Sequence[Any], front: Any, U: Array, power: Array, samples: Samples) -> list[Simple]:
    """Formulas for samples of the inputs `x`, the fewest terms first: of them, or `front` times a sum of products of
    the variables `u`, which are `U` (n, r) there, as `front` is `power` (n,)."""
    found = [*_power_law(x, samples), *_sums(u, front, U, power, samples)]
    kept: list[Simple] = []
    for one in sorted(found, key=lambda one: (one.n_terms, one.error)):
        if one.error < min(MOST_ERROR, BETTER * kept[-1].error if kept else MOST_ERROR):
            kept.append(one)
    return kept


def _power_law(x: Sequence[Any], samples: Samples) -> list[Simple]:
    sign = 1.0 if samples.y[0] > 0.0 else -1.0
    if not np.all(sign * samples.y > 0.0) or not np.all(samples.X > 0.0):
        return []
    # Errors of y, not of its logarithm, are to be small: rows count as much as their y.
    matrix = np.column_stack([np.log(samples.X), np.ones(len(samples.y))])
    size = np.abs(samples.y)
    weight = size / size.max()
    solution = lstsq(matrix * weight[:, None], np.log(size) * weight, rcond=None)[0]
    if not np.all(np.abs(solution[:-1]) <= MOST_POWER) or not abs(solution[-1]) < LARGEST:
        return []
    error = _error(sign * np.exp(matrix @ solution), samples)
    powers = [value ** _number(a, error) for value, a in zip(x, solution[:-1].tolist(), strict=True)]
    return [Simple(_number(sign * math.exp(solution[-1]), error) * sympy.Mul(*powers), error, 1)]


def _sums(u: Sequence[Any], front: Any, U: Array, power: Array, samples: Samples) -> list[Simple]:
    r = len(u)
    degree = next((degree for degree in DEGREES if math.comb(r + degree, degree) <= MOST_PRODUCTS), None)
    if degree is None:
        return []
    indices = [row for row in itertools.product(range(degree + 1), repeat=r) if sum(row) <= degree]
    design = np.column_stack([np.prod(U ** np.array(row), axis=1) for row in indices]) * power[:, None]
    design = design / samples.unit
    sizes = np.linalg.norm(design, axis=0)
    if not np.isfinite(sizes).all():  # beside a y that is near the least of float64
        return []
    candidates = np.flatnonzero(sizes > 0.0)
    y, chosen, found = samples.y / samples.unit, [], []
    left, others = y, design[:, candidates] / sizes[candidates]
    for count in range(1, min(max(TERMS), len(candidates)) + 1):
        lengths = np.linalg.norm(others, axis=0)
        best = int(np.argmax(np.where(lengths > 1e-8, np.abs(left @ others) / np.maximum(lengths, 1e-8), 0.0)))
        direction = others[:, best] / lengths[best]
        chosen.append(int(candidates[best]))
        left = left - direction * (direction @ left)
        others = others - np.outer(direction, direction @ others)
        if count in TERMS:
            weights = lstsq(design[:, chosen], y, rcond=None)[0]
            error = _error(design[:, chosen] @ weights * samples.unit, samples)
            terms = [
                _number(float(c), error) * sympy.Mul(*(v**a for v, a in zip(u, indices[i], strict=True)))
                for c, i in zip(weights, chosen, strict=True)
            ]
            found.append(Simple(front * sympy.Add(*terms), error, count))
    return found


def _error(values: Array, samples: Samples) -> float:
    return root_mean_square((values - samples.y) / samples.unit)


def _number(value: float, error: float) -> Any:
    """A number with two digits more than a formula of this error has."""
    digits = 2 + max(0, math.ceil(-math.log10(min(max(error, 1e-15), 1.0))))
    return sympy.Float(f"{value:.{digits}g}", 15)
