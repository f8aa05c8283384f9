"""Rows that are divided among laws: each law a polynomial of its rows, each row that of the law which meets it best.

Fitting laws and giving rows again in turns is k-means with polynomials for means (Spath 1979, "clusterwise linear
regression"). With growing degree the laws become so exact that a row of another law is missed by many times what the
law's own rows are. A cut that a smooth function doesn't need shows as well: the law of one side goes on across it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ..arrays import Array
from ..lapack import shortest_solution, solve_with_upper, upper_factor
from .search import CALL

Labels = NDArray[np.intp]


class Law(Protocol):
    """What a law of some rows misses all by, up to a degree; `is_exact` asks for no digit less than float64 has."""

    def __call__(self, table: Table, rows: Labels, degree: int, *, is_exact: bool = False) -> Array: ...


# Rows that a term of a law needs at least. With 1.4, laws of few rows meet them by chance: four regions of two laws.
ROWS_A_TERM = 2
# The lowest and the highest total degree by the number of columns, and the highest number of terms for each row.
DEGREES = {2: (3, 14), 3: (2, 9), 4: (2, 6), 5: (2, 5), 6: (2, 4)}
MOST_TERMS_A_ROW = 0.12
# Normal equations get this much of their trace on their diagonal. Where they leave less than this of y, the ridge may
# be what is left, and so many refinements follow: residuals come to 1e-9.
RIDGE, REFINED_FROM, REFINEMENTS = 1e-13, 1e-4, 2
# What a law costs beside its multiply-adds: a millisecond a round.
CALLS_A_ROUND = 50.0
# A law is fitted again without the rows that it misses by so many times what it misses four of five by.
OUTLYING, WITHIN = 5.0, 0.8
# Laws are one if one for both misses their rows by less than so many times what the two do. At low degrees, 4 joins
# the sides of weak kinks.
JOINED = 1.5
# Of the rows of a region, those that lie nearest to others tell how certain the cut is; at least so many.
STRIP, FEWEST_IN_STRIP, FEWEST_OF_A_PAIR = 0.1, 10, 5
# Least-squares fits of a quotient, each weighted by the denominator of the one before.
QUOTIENT_STEPS = 3
# What rounding adds to any miss, in units of the RMS of y.
ROUNDING = 1e-16


@dataclass(frozen=True, eq=False)
class Division:
    """Numbers of laws (n,), 0 to q - 1, and what each law misses each row by, (q, n), in units of the RMS of y."""

    labels: Labels
    misses: Array

    @property
    def q(self) -> int:
        return len(self.misses)

    @property
    def score(self) -> float:
        """The mean log10 of what rows are missed by: exactness counts, in which squares are ruled by the worst rows."""
        return float(np.mean(np.log10(self.misses.min(axis=0) + ROUNDING)))

    @property
    def own(self) -> Array:
        """What each row is missed by its law, (n,)."""
        own: Array = self.misses[self.labels, np.arange(len(self.labels))]
        return own


@dataclass(frozen=True)
class Pair:
    """Two neighbouring regions, and by how many decades a cut between them is certain."""

    decades: float
    a: int = -1
    b: int = -1
    # What the law of the other side misses the rows next to the cut by, in the median.
    miss: float = 0.0


class Table:
    """Rows that regions are looked for in: `z` (n, d), their box being [-1, 1]^d, and `y` (n,) of mean 0 and RMS 1."""

    def __init__(self, X: Array, y: Array) -> None:
        self.z, self.y = in_box(X, X), _standard(y)
        self.n, self.d = len(X), int(X.shape[1])
        low, high = DEGREES[self.d]
        while high > low and n_terms(self.d, high) > MOST_TERMS_A_ROW * self.n:
            high -= 1
        self.degrees = sorted({low, min(low + 1, high), high, *range(low + 3, high, 3)})
        self._terms: dict[int, Array] = {}

    @property
    def fewest(self) -> int:
        """Rows of a region at least."""
        return 2 * self.d + 6

    def terms(self, degree: int) -> Array:
        """Chebyshev products up to this total degree at the rows, low degrees first: (n, p)."""
        if degree not in self._terms:
            self._terms[degree] = chebyshev_products(self.z, degree)
        return self._terms[degree]

    def work(self, degree: int, rounds: int) -> float:
        """Multiply-adds of fitting laws to all rows so many times."""
        p = n_terms(self.d, degree)
        return rounds * (self.n * p**2 + 20.0 * self.n * p + p**3 + CALLS_A_ROUND * CALL)


def in_box(X: Array, box: Array) -> Array:
    """X (n, d) in coordinates in which the box of the rows of `box` is [-1, 1]^d."""
    low, high = box.min(axis=0), box.max(axis=0)
    centre, half = 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low
    z: Array = (X - centre) / np.where(half > 0.0, half, 1.0)
    return z


def _standard(y: Array) -> Array:
    y = np.ldexp(y, -int(np.frexp(np.max(np.abs(y)))[1]))
    y = y - np.mean(y)
    return y / max(float(np.sqrt(np.mean(y**2))), np.finfo(np.float64).tiny)


def n_terms(d: int, degree: int) -> int:
    """Terms up to a total degree in d columns."""
    return math.comb(d + degree, degree)


def exponents(d: int, degree: int) -> Labels:
    """Of all terms up to a total degree, low degrees first: (p, d)."""
    rows = [row for k in range(degree + 1) for row in combinations_with_replacement(range(d), k)]
    return np.array([[row.count(j) for j in range(d)] for row in rows], dtype=np.intp).reshape(len(rows), d)


def chebyshev_products(z: Array, degree: int) -> Array:
    """Products of Chebyshev polynomials up to a total degree at z (n, d), in the order of `exponents`: (n, p)."""
    one = np.polynomial.chebyshev.chebvander(z, degree)
    powers = exponents(z.shape[1], degree)
    product = one[:, 0, powers[:, 0]]
    for j in range(1, z.shape[1]):
        product = product * one[:, j, powers[:, j]]
    return np.ascontiguousarray(product)


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Of least squares in rows: the sums of their terms' products, (p, p), and of their terms times y, (p,)."""

    gram: Array
    right: Array

    @classmethod
    def of(cls, terms: Array, y: Array) -> NormalEquations:
        return cls(terms.T @ terms, terms.T @ y)

    def without(self, other: NormalEquations) -> NormalEquations:
        """Those of the rows that `other` has not."""
        return NormalEquations(self.gram - other.gram, self.right - other.right)

    def solver(self) -> Callable[[Array], Array] | None:
        """What gives coefficients for a right side, those that rows leave open being small; None without digits."""
        gram = self.gram.copy()
        gram[np.diag_indices_from(gram)] += RIDGE * np.trace(gram) / len(gram)
        factor = upper_factor(gram)
        return None if factor is None else partial(solve_with_upper, factor)


def solved(terms: Array, y: Array) -> Array:
    """Coefficients of least squares by normal equations."""
    normal = NormalEquations.of(terms, y)
    solve = normal.solver()
    if solve is None:
        return exactly_solved(terms, y)
    w = solve(normal.right)
    if _may_be_the_ridge(y - terms @ w):
        w = _refined(w, solve, terms, y)
    return w


def _may_be_the_ridge(left: Array) -> bool:
    return bool(left @ left < REFINED_FROM**2 * len(left))


def _refined(w: Array, solve: Callable[[Array], Array], terms: Array, y: Array) -> Array:
    for _ in range(REFINEMENTS):
        w = w + solve(terms.T @ (y - terms @ w))
    return w


def exactly_solved(terms: Array, y: Array) -> Array:
    """The same to rounding, by QR: 10 times the time."""
    return shortest_solution(terms, y, 1e-14)


def misses_of(table: Table, rows: Labels, degree: int, *, is_exact: bool = False) -> Array:
    """What the law of these rows misses all rows by, (n,); its degree is lower where they are few."""
    while degree > 0 and ROWS_A_TERM * n_terms(table.d, degree) > len(rows):
        degree -= 1
    terms, y = table.terms(degree), table.y
    normal = None if is_exact else NormalEquations.of(terms[rows], y[rows])
    misses = _misses_of(terms, y, rows, normal)
    own = misses[rows]
    typical = np.partition(own, int(WITHIN * len(own)))[int(WITHIN * len(own))]
    is_good = own <= OUTLYING * typical + ROUNDING
    good = rows[is_good]
    if 1.3 * terms.shape[1] <= len(good) < len(rows):
        if normal is not None:  # at least four of five rows are good: those of the others take less time
            others = rows[~is_good]
            normal = normal.without(NormalEquations.of(terms[others], y[others]))
        misses = _misses_of(terms, y, good, normal)
    return misses


def _misses_of(terms: Array, y: Array, rows: Labels, normal: NormalEquations | None) -> Array:
    """What the polynomial of these rows misses all by; exact without their normal equations."""
    solve = None if normal is None else normal.solver()
    if normal is None or solve is None:
        return np.abs(y - terms @ exactly_solved(terms[rows], y[rows]))
    w = solve(normal.right)
    left = y - terms @ w
    if _may_be_the_ridge(left[rows]):
        left = y - terms @ _refined(w, solve, terms[rows], y[rows])
    return np.abs(left)


def quotient_misses_of(table: Table, rows: Labels, degree: int, *, is_exact: bool = False) -> Array:
    """What a quotient of polynomials misses all rows by, (n,): of p / q with p - y (q - 1) = y by least squares.

    Steep laws are met by these to far more digits than by polynomials of as many terms.
    """
    while degree > 0 and ROWS_A_TERM * (2 * n_terms(table.d, degree) - 1) > len(rows):
        degree -= 1
    terms, y = table.terms(degree), table.y
    p = terms.shape[1]
    both = np.concatenate([terms, -y[:, None] * terms[:, 1:]], axis=1)
    weight = np.ones(len(rows))
    for _ in range(QUOTIENT_STEPS):  # weights make these errors of p / q (Sanathanan and Koerner 1963)
        w = exactly_solved(both[rows] * weight[:, None], y[rows] * weight)
        below = 1.0 + terms[:, 1:] @ w[p:]
        weight = 1.0 / np.maximum(np.abs(below[rows]), 1e-3 * np.max(np.abs(below[rows])))
    with np.errstate(all="ignore"):
        misses: Array = np.abs(y - (terms @ w[:p]) / below)
    return np.where(np.isfinite(misses), misses, np.inf)


def numbered(labels: Labels, fewest: int) -> Labels:
    """Labels 0, 1, ... of the regions of at least so many rows, -1 for other rows."""
    names, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_kept = (names >= 0) & (counts >= fewest)
    number = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    return number[place].astype(np.intp)


def alternated(
    table: Table, labels: Labels, degree: int, rounds: int, *, law: Law = misses_of, is_exact: bool = False
) -> tuple[Division | None, bool]:
    """Laws of this degree and rows given to them in turns, and whether they stand; no division where no region is
    large enough. `labels` (n,) are -1 for rows that no region has yet."""
    misses, stands = None, False
    for _ in range(rounds):
        labels = numbered(labels, table.fewest)
        q = int(labels.max()) + 1
        if q == 0:
            return None, True
        misses = np.stack([law(table, np.flatnonzero(labels == k), degree, is_exact=is_exact) for k in range(q)])
        new = np.argmin(misses, axis=0)
        stands = np.array_equal(new, labels)
        if stands:
            break
        labels = new
    assert misses is not None
    return Division(labels, misses), stands


def merged(table: Table, division: Division, degree: int) -> Division:
    """Without regions, the smallest first, that another one's law meets about as well."""
    labels = division.labels.copy()

    def miss(rows: Labels) -> float:
        own = misses_of(table, rows, degree)[rows]
        p = n_terms(table.d, degree)
        return float(np.sqrt(np.sum(own**2) / max(1, len(rows) - min(p, len(rows) // ROWS_A_TERM)))) + 30 * ROUNDING

    known: dict[int, float] = {}
    while True:
        names, counts = np.unique(labels, return_counts=True)
        for k in names:
            known.setdefault(int(k), miss(np.flatnonzero(labels == k)))
        pair = _alike(labels, names[np.argsort(counts, kind="stable")].tolist(), known, miss)
        if pair is None:
            break
        a, b = pair
        labels[labels == a] = b
        known.pop(b)
    if np.array_equal(labels, division.labels):
        return division
    labels = numbered(labels, 1)
    rows = [np.flatnonzero(labels == k) for k in range(int(labels.max()) + 1)]
    return Division(labels, np.stack([misses_of(table, one, degree) for one in rows]))


def _alike(labels: Labels, names: Sequence[int], known: dict[int, float], miss: object) -> tuple[int, int] | None:
    """Two regions that are one, of `names`, the smallest first."""
    assert callable(miss)
    for i, a in enumerate(names[:-1]):
        for b in names[:i:-1]:
            if miss(np.flatnonzero((labels == a) | (labels == b))) < JOINED * max(known[a], known[b]):
                return a, b
    return None


def certainty(z: Array, division: Division) -> Pair:
    """The least certain of the pairs of neighbouring regions."""
    return min(pairs_of(z, division), key=lambda pair: pair.decades, default=Pair(0.0))


def pairs_of(z: Array, division: Division) -> list[Pair]:
    """The pairs of neighbouring regions, with how certain the cut between them is.

    Over the rows of one that lie next to the other it is the median of log10 of what the other's law misses them by,
    over what their own does. A cut that a smooth function doesn't need has 0.5 to 1.6 decades with polynomials.
    """
    found = []
    for a in range(division.q):
        rows, other = np.flatnonzero(division.labels == a), np.flatnonzero(division.labels != a)
        if not (len(rows) and len(other)):
            continue
        distance, place = KDTree(z[other]).query(z[rows])
        near = np.argsort(distance, kind="stable")[: max(FEWEST_IN_STRIP, int(STRIP * len(rows)))]
        beside, own = division.labels[other[place[near]]], division.misses[a, rows[near]]
        others = division.misses[beside, rows[near]]
        decades = np.log10((others + 0.1 * ROUNDING) / (own + ROUNDING))
        for b in np.unique(beside):
            if np.count_nonzero(beside == b) >= min(FEWEST_OF_A_PAIR, len(near)):
                here = beside == b
                found.append(Pair(float(np.median(decades[here])), a, int(b), float(np.median(others[here]))))
    return found
