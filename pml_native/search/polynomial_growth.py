"""Sets of terms that grow towards those that a function needs: which terms to drop, and which come next.

A bulk search as in adaptive finite elements: the neighbours of the largest terms are candidates, and those are added
that go best with what is left over. Sources: Chkifa, Cohen and Schwab (2014) for polynomials, Pati et al. (1993) for
matching pursuit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..models.chebyshev import Indices, unique_rows
from .coordinates import InputCoordinates, Link
from .equations import Equations

# Rows and candidates that the next terms are chosen on.
SCORING_ROWS, MOST_CANDIDATES = 1000, 2000
# Terms below this many standard errors are dropped; terms that go less than this well with what is left over, relative
# to the best one, are not added yet, but for a few.
SIGNIFICANT = 6.0
LEAST_SCORE, FEW = 0.1, 8


@dataclass
class Growth:
    """A set of terms that grows, in some coordinates."""

    frame: InputCoordinates
    link: Link
    indices: Indices
    coefficients: Array
    error: float = math.inf
    best: tuple[float, Indices, Array] | None = None
    waiting: int = 0
    ended: bool = False
    n_terms: tuple[int, ...] = ()  # of the fits so far, with their errors on the rows held out
    errors: tuple[float, ...] = ()


def sizes(growth: Growth) -> Array:
    """The size of each term (p,): its largest coefficient, relative to the output's RMS."""
    size: Array = np.max(np.abs(growth.coefficients) / rms(growth.link.t), axis=1)
    return size


def prune(growth: Growth, residual: Array) -> None:
    """Drops terms that are far below what is left over."""
    size = sizes(growth)
    # Rounding or not, what is left over puts this much of it into each coefficient: its standard error.
    error = float(np.max(rms(residual) / rms(growth.link.t))) / math.sqrt(max(1, len(residual) - len(size)))
    keep = size > SIGNIFICANT * error
    keep[0] |= not keep.any()
    growth.indices, growth.coefficients = growth.indices[keep], growth.coefficients[keep]


def next_terms(
    growth: Growth,
    equations: Equations,
    residual: Array,
    count: int,
    weight: Array | None = None,
    degree: int | None = None,
) -> Indices:
    """The `count` neighbours of the largest terms that go best with what is left over of the `equations`, weighed by
    `weight` (n, 1).

    None of them is of a total degree above `degree`.
    """
    d = growth.indices.shape[1]
    size = sizes(growth)
    largest = growth.indices[np.argsort(-size, kind="stable")]
    steps = np.eye(d, dtype=np.intp)
    pairs = [steps[i] + steps[j] for i in range(d) for j in range(i, d)]
    steps = np.concatenate([steps, np.array(pairs)])
    largest = largest[: max(1, 2 * MOST_CANDIDATES // len(steps))]
    near = (largest[:, None, :] + steps[None, :, :]).reshape(-1, d)
    near = near[(near <= np.array(growth.frame.highest)).all(axis=1)]
    if degree is not None:
        near = near[near.sum(axis=1) <= degree]
    if growth.frame.exchanges is not None:
        near = growth.frame.exchanges.canonical(near)
    both, place_of = unique_rows(np.concatenate([growth.indices, near]))
    is_new = np.ones(len(both), dtype=bool)
    is_new[place_of[: len(growth.indices)]] = False
    first = np.full(len(both), len(place_of))
    np.minimum.at(first, place_of, np.arange(len(place_of)))
    candidates = both[is_new][np.argsort(first[is_new])][:MOST_CANDIDATES]
    if len(candidates) == 0:
        return candidates
    rows = min(len(residual), SCORING_ROWS)
    columns = equations.design(growth.frame.terms(candidates), slice(rows))
    if weight is not None:
        columns *= weight[:rows]
    norms = np.sqrt(np.einsum("np,np->p", columns, columns))
    score = np.max(np.abs(columns.T @ (residual[:rows] / rms(growth.link.t))), axis=1) / np.maximum(norms, 1e-3)
    order = np.argsort(-score, kind="stable")[:count]
    chosen: Indices = candidates[order[(score[order] > LEAST_SCORE * score[order[0]]) | (np.arange(len(order)) < FEW)]]
    return chosen


def constants_exact(growth: Growth) -> Array:
    """The coefficients, of an output that never varies those that give it to the last bit."""
    coefficients, t = growth.coefficients, growth.link.t
    constant = np.flatnonzero(np.all(t == t[0], axis=0))
    first = np.flatnonzero(~growth.indices.any(axis=1))
    if len(constant) and len(first):
        coefficients = coefficients.copy()
        coefficients[:, constant] = 0.0
        coefficients[first[0], constant] = t[0, constant]
    return coefficients


def rms(values: Array) -> Array:
    """By column, 1 for a column of zeros."""
    rms = np.sqrt(np.mean(values**2, axis=0))
    return np.where(rms > 0, rms, 1.0)
