"""Which boundary parts rows of known regions: the laws themselves, a threshold of a column, or a polynomial's sign.

Where y is the largest, or the smallest, of its laws, or the largest of the smallest of some, these say which holds, and
the boundary is as exact as they are (lattices of laws: Tarela and Martinez 1999, for lines).
Otherwise rows tell it only to the gaps between them. The simplest boundary that parts all rows is taken, in the middle
of its gap: of polynomials of one degree the one that leaves the rows the widest margin, a linear programme (Mangasarian
1965; of several regions at once, Bennett and Mangasarian 1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import KDTree

from ..arrays import Array
from ..models import RBF, Model, Normalization, Polynomial
from ..models.regions import EXTREMES, LabelFunction, Lattice, place_of
from .divisions import Labels, chebyshev_products, exponents, n_terms

# Degrees of polynomials whose sign is tried, with at least so many rows a coefficient: fewer can be parted by chance.
DEGREES, ROWS_A_COEFFICIENT = (1, 2, 3, 4, 6), 10
# Rows of a linear programme at first, for each of its unknowns; rows that it then takes in at once, and how often.
ROWS_AT_FIRST, ROWS_MORE, MOST_CYCLES = 6, 200, 30
# A margin is above rounding of scores, whose coefficients are up to 1.
LEAST_MARGIN = 1e-9
# Rows of an interpolant of labels, the last resort, and how often it takes in more.
MOST_POINTS, POINT_CYCLES = 600, 6


@dataclass(frozen=True, eq=False)
class Boundary:
    """What `Regions` takes for its boundary, with its margin, and in words."""

    boundary: str | Lattice | Model | LabelFunction
    margin: float
    described: str

    @property
    def is_of_laws(self) -> bool:
        """Whether the laws say which of them holds."""
        return isinstance(self.boundary, (str, tuple))


def boundary_of(X: Array, labels: Labels, values: Array | None, names: Sequence[str]) -> Boundary | None:
    """The simplest boundary that gives the rows X (n, d) their `labels` (n,), 0 ... q - 1, or -1 for rows of either.

    `values` (n, q) are those of the laws, None where which is larger means nothing. None where no boundary does.
    """
    sure = np.flatnonzero(labels >= 0)
    X, labels = X[sure], labels[sure]
    q = int(labels.max()) + 1
    of_laws = None if values is None else _of_laws(values[sure], labels)
    if of_laws is not None:
        return of_laws
    if q == 2:
        found = _threshold(X, labels, names)
        if found is not None:
            return found
    inputs = Normalization.of_box(X)
    z = inputs.apply(X)
    near = _nearest_to_others(z, labels)
    for degree in DEGREES:
        terms = n_terms(X.shape[1], degree)
        if ROWS_A_COEFFICIENT * terms * (q - 1) > len(X):
            break
        parted = parted_by(chebyshev_products(z, degree), labels, near)
        if parted is not None:
            w, margin = parted
            scores = Polynomial(exponents(X.shape[1], degree), w, inputs=inputs, n_threads=1)
            what = "a plane" if degree == 1 else f"a polynomial of degree {degree}"
            sign = "changes sign" if q == 2 else "each is the largest"
            described = f"where {what} {sign}" if q == 2 else f"where of {q} polynomials of degree {degree} {sign}"
            return Boundary(scores, margin, described)
    return _interpolant(X, labels, near)


def _of_laws(values: Array, labels: Labels) -> Boundary | None:
    """The boundary that `values` of the laws (n, q) make, if it gives the rows their `labels` (n,).

    At a row y is the smallest of the law that holds and all above it, and nowhere is it below the smallest of these.
    """
    q = values.shape[1]
    for name, words in zip(EXTREMES, ("larger", "smaller"), strict=True):
        if np.array_equal(place_of(values, name), labels):
            return Boundary(name, 0.0, f"the {words if q == 2 else words[:-1] + 'st'} of {q} laws")
    own = np.take_along_axis(values, labels[:, None], axis=1)
    with np.errstate(invalid="ignore"):
        every = [frozenset(np.flatnonzero(one).tolist()) for one in np.unique(values >= own, axis=0)]
    # The smallest of more laws is never above that of some of them.
    groups = tuple(sorted(tuple(sorted(one)) for one in every if not any(other < one for other in every)))
    if {number for group in groups for number in group} != set(range(q)):
        return None
    if not np.array_equal(place_of(values, groups), labels):
        return None
    described = ", ".join(f"min({', '.join(map(str, one))})" if len(one) > 1 else str(one[0]) for one in groups)
    return Boundary(groups, 0.0, f"max({described}) of {q} laws")


def _threshold(X: Array, labels: Labels, names: Sequence[str]) -> Boundary | None:
    """A value of one column that parts two regions: of several columns the one of the widest gap."""
    d, found = X.shape[1], []
    for j in range(d):
        a, b = X[labels == 0, j], X[labels == 1, j]
        for sign, below, above in ((1.0, a, b), (-1.0, b, a)):
            low, high = float(below.max()), float(above.min())
            half = 0.5 * float(X[:, j].max()) - 0.5 * float(X[:, j].min())
            if low < high:
                found.append(((0.5 * high - 0.5 * low) / half, j, sign, 0.5 * low + 0.5 * high, half))
    if not found:
        return None
    margin, j, sign, place, half = max(found)
    shift, scale = np.zeros(d), np.ones(d)
    shift[j], scale[j] = place, half
    inputs = Normalization(np.zeros(d, dtype=np.intc), shift, scale)
    scores = Polynomial(np.eye(d, dtype=np.intp)[[j]], [[sign]], inputs=inputs, n_threads=1)
    return Boundary(scores, margin, f"at {names[j]} = {place:.6g}")


def _nearest_to_others(z: Array, labels: Labels) -> Labels:
    """All rows, those first that lie nearest to a row of another region."""
    distance = np.empty(len(z))
    for k in range(int(labels.max()) + 1):
        own = labels == k
        distance[own] = KDTree(z[~own]).query(z[own])[0]
    return np.argsort(distance, kind="stable")


def parted_by(terms: Array, labels: Labels, near: Labels) -> tuple[Array, float] | None:
    """Coefficients (p, q - 1) of scores, between -1 and 1, that give each row of `terms` (n, p) its label, with the
    largest margin between the score of the label and all others; None where there are none.

    The programme begins with the rows `near` others, the first of all, and takes in those that it gets wrong.
    """
    n, p = terms.shape
    q = int(labels.max()) + 1
    n_first = min(n, ROWS_AT_FIRST * p * (q - 1))
    spread = np.linspace(0, n - 1, min(n, n_first)).astype(np.intp)
    taken = np.unique(np.concatenate([near[:n_first], spread]))
    for _ in range(MOST_CYCLES):
        rows = _constraints(terms[taken], labels[taken], q)
        cost = np.zeros(p * (q - 1) + 1)
        cost[-1] = -1.0
        bounds = [(-1.0, 1.0)] * (p * (q - 1)) + [(None, 1.0)]
        solved = linprog(cost, A_ub=rows, b_ub=np.zeros(len(rows)), bounds=bounds, method="highs")
        if solved.status != 0 or not solved.x[-1] > LEAST_MARGIN:
            return None
        w, margin = solved.x[:-1].reshape(q - 1, p).T, float(solved.x[-1])
        left = _margins(terms @ w, labels)
        wrong = np.flatnonzero(left < margin - 0.1 * LEAST_MARGIN - 1e-3 * margin)
        wrong = np.setdiff1d(wrong[np.argsort(left[wrong], kind="stable")][:ROWS_MORE], taken)
        if not len(wrong):
            least = float(left.min())
            return (np.ascontiguousarray(w), least) if least > 0.0 else None
        taken = np.union1d(taken, wrong)
    return None


def _constraints(terms: Array, labels: Labels, q: int) -> Array:
    """Rows of A in A (w, t) <= 0: the score of the label is above each other one by t at least."""
    p = terms.shape[1]
    parts = []
    for k in range(q):
        rows = np.flatnonzero(labels != k)
        block = np.zeros((len(rows), q - 1, p))
        of_label = labels[rows]
        has_score = of_label > 0
        block[np.flatnonzero(has_score), of_label[has_score] - 1] -= terms[rows[has_score]]
        if k > 0:
            block[:, k - 1] += terms[rows]
        parts.append(np.column_stack([block.reshape(len(rows), (q - 1) * p), np.ones(len(rows))]))
    return np.concatenate(parts)


def _margins(scores: Array, labels: Labels) -> Array:
    """By how much the score of each row's label is above all others, (n,)."""
    every = np.column_stack([np.zeros(len(scores)), scores])
    rows = np.arange(len(every))
    own = every[rows, labels]
    every[rows, labels] = -np.inf
    margins: Array = own - every.max(axis=1)
    return margins


def _interpolant(X: Array, labels: Labels, near: Labels) -> Boundary | None:
    """Scores that interpolate the labels of rows near others; the last resort."""
    q = int(labels.max()) + 1
    wanted: Array = (labels[:, None] == np.arange(1, q)).astype(float) - (labels == 0)[:, None]
    spread = np.linspace(0, len(X) - 1, MOST_POINTS // 3).astype(np.intp)
    taken: NDArray[np.intp] = np.unique(np.concatenate([near[: MOST_POINTS // 3], spread]))
    for _ in range(POINT_CYCLES):
        scores = RBF(X[taken], wanted[taken], kernel="linear", n_threads=1)
        margins = _margins(scores.evaluate(X), labels)
        wrong = np.flatnonzero(margins <= 0.0)
        if not len(wrong):
            return Boundary(scores, 0.5, "where labels of the nearest rows change")
        if len(taken) >= 2 * MOST_POINTS:
            break
        taken = np.union1d(taken, wrong[np.argsort(margins[wrong], kind="stable")][: MOST_POINTS // 3])
    return None
