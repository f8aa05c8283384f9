"""Which terms of many a polynomial of few terms is made of: orthogonal matching pursuit.

Of 20 inputs there are 1,771 terms of degree 3 and 10,626 of degree 4, more than rows. If few of them carry something,
those do that go best with what the others leave over: |a'r| / |a| for columns a and residuals r. All terms are fitted
again, exactly, before the next ones are chosen, so that what is left over becomes rounding once the last one is in.
Sources: Pati, Rezaiifar and Krishnaprasad (1993); Tropp and Gilbert (2007) for how many rows are needed.

Each column is one of few left halves times one of few right ones, a_i = u_l(i) v_r(i) row by row, so that

    a_i'r = (U' diag(r) V)_l(i)r(i),   |a_i|^2 = ((U^2)' V^2)_l(i)r(i)

are matrix products: the 10,626 columns are never made.

Polynomials of few powers x^a are of few Chebyshev products T_b(z), as z = (x - s) / r makes of x^a those of all b <= a:
a term is taken together with all that divide it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..models.chebyshev import ChebyshevTerms, Indices, unique_rows
from .polynomial_growth import rms

# A term is chosen with others that go at least this part as well with what is left over. With 0.35 it takes fewer fits
# of more terms, which are fewer than rows allow where rows are scarce.
LEAST_PART = 0.5
# Rows that terms are chosen by: 40 terms of degree 3 in 20 inputs were found by 500 in 8 of 9 cases.
MATCHED_ROWS = 2000
# Rows that the norms of columns are taken of: to a tenth they need not be known, and all rows would take as long again.
NORM_ROWS = 500
# A column that is smaller everywhere than this part of its bound of 1 says nothing.
LEAST_NORM = 1e-3


class Candidates:
    """Terms `indices` (k, d) that may be chosen, with the halves that they are products of."""

    def __init__(self, indices: Indices) -> None:
        self.indices = indices
        (self._lefts, left_of), (self._rights, right_of) = map(unique_rows, halves(indices))
        self._places = left_of, right_of

    def work(self, n: int) -> float:
        """Multiply-adds of what chooses among them by `n` rows, for one output."""
        return float(min(n, MATCHED_ROWS) * len(self._lefts) * len(self._rights))

    def match(self, Z: Array, residual: Array, weight: Array | None = None, most_rows: int = MATCHED_ROWS) -> Array:
        """|a'r| / |a| / rms(r) of the column a of each term with the `residual` r, the largest of its outputs: (k,).

        The first rows of `Z` (n, d) are those of the `residual` (n, m), and of the `weight` (n, 1) of both, which the
        residual has in it. Columns that have nothing to do with r come to about 1.
        """
        n = min(len(residual), most_rows)
        left, right = (ChebyshevTerms(terms).design(Z[:n]) for terms in (self._lefts, self._rights))
        if weight is not None:
            left *= weight[:n]
        found = np.zeros(len(self.indices))
        for column in (residual[:n] / rms(residual[:n])).T:
            products = left.T @ (right * column[:, None])
            np.maximum(found, np.abs(products[self._places]), out=found)
        some = min(n, NORM_ROWS)
        squares = (left[:some] ** 2).T @ right[:some] ** 2 * (n / some)
        matches: Array = found / np.maximum(np.sqrt(squares[self._places]), LEAST_NORM)
        return matches

    def share(self, Z: Array, residual: Array, weight: Array | None = None) -> float:
        """About which share of the `residual` all terms together explain: 0 for none, 1 for all of it.

        Of n rows and k columns that are nearly orthogonal, the mean square of the matches is 1 - share + share n / k.
        """
        n = len(residual)
        mean = float(np.mean(self.match(Z, residual, weight, n) ** 2))
        return (mean - 1.0) / max(n / len(self.indices) - 1.0, 1.0)

    def chosen(self, Z: Array, taken: Indices, residual: Array, count: int, weight: Array | None = None) -> Indices:
        """The `count` that go best with the `residual` of the terms `taken` (p, d), with all that divide them.

        Rows, residual and weights as in `match`. None where none goes with it better than by chance, and none of those
        taken.
        """
        matches = self.match(Z, residual, weight)
        matches[is_among(self.indices, taken)] = 0.0
        order = np.argsort(-matches, kind="stable")[:count]
        # The largest of k normal numbers is about sqrt(2 log k).
        least = max(LEAST_PART * matches[order[0]], math.sqrt(2.0 * math.log(1.0 + len(matches))))
        terms = with_divisors(self.indices[order[matches[order] >= least]])
        return terms[~is_among(terms, taken)]


def halves(terms: Indices) -> tuple[Indices, Indices]:
    """Each of the `terms` (k, d) as a product of two: the largest degrees, until they are half of all, and the rest."""
    order = np.argsort(-terms, axis=1, kind="stable")
    degrees = np.take_along_axis(terms, order, axis=1)
    before = np.cumsum(degrees, axis=1) - degrees
    left = np.zeros_like(terms)
    np.put_along_axis(left, order, np.where(2 * before < terms.sum(axis=1)[:, None], degrees, 0), axis=1)
    return left, terms - left


def with_divisors(terms: Indices) -> Indices:
    """The `terms` (k, d) and all b <= a for any a of them."""
    closed, n_before = unique_rows(terms)[0], -1
    while len(closed) > n_before:
        n_before = len(closed)
        lowered = closed[:, None, :] - np.eye(closed.shape[1], dtype=np.intp)
        closed = unique_rows(np.concatenate([closed, lowered[(lowered >= 0).all(axis=2)]]))[0]
    return closed


def is_among(terms: Indices, others: Indices) -> NDArray[np.bool_]:
    """Which of the `terms` (k, d) are among the `others` (p, d): (k,)."""
    unique, place_of = unique_rows(np.concatenate([others, terms]))
    is_other = np.zeros(len(unique), dtype=bool)
    is_other[place_of[: len(others)]] = True
    return is_other[place_of[len(others) :]]
