"""Relations sum_ak c_ak T_a(z) t^k = 0 and the least squares that find them: sets of terms, tables, null vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..lapack import solve_triangular, triangle_of
from ..models.algebraic import CONVERGED, value_and_slope
from ..models.chebyshev import ChebyshevTerms, Indices, index_set, unique_rows
from .along import Along
from .coordinates import InputCoordinates
from .search import EPS

MOST_TERMS = 1000  # of any relation
LEAST_SLOPE = 1e-3  # the least of dP/dt, over its largest, that rows are weighed by
# Of inverse iteration: each lowers the part of another singular vector by the square of the ratio of singular values.
ITERATIONS = 6
# Columns of degree D are raised by D over this, one at least.
RAISE = 6
# P is known to so many EPS of the sum of its coefficients' sizes: what rounding makes of a sum that is 0.
P_ROUNDING = 100.0
# Where two roots are so near each other, in units of half the range of y, they may be one: Newton's method, which only
# halves its distance from a double root in each of its steps, ends 2e-6 from it at most, and rounding hides 1e-7.
TOUCH = 1e-5


@dataclass(frozen=True)
class Shape:
    """Which products T_a(z) t^k: a_j up to `highest`, and a_1 + ... + a_d + k up to `total`, k up to `degree`."""

    highest: tuple[int, ...]
    total: int
    degree: int

    def terms(self) -> tuple[Indices, NDArray[np.intp]]:
        """The a (p, d) by their sums, ascending, and how many of them go with t^k: (q + 1,), descending."""
        found = index_set("total", self.total, self.highest, MOST_TERMS)
        assert found is not None
        return found[0], np.searchsorted(found[1], self.total - np.arange(self.degree + 1), side="right")

    @cached_property
    def n_terms(self) -> int:
        """The number of products, or more than MOST_TERMS where it is more."""
        if index_set("total", self.total, self.highest, MOST_TERMS) is None:
            return MOST_TERMS + 1
        return int(self.terms()[1].sum())

    def products(self) -> Indices:
        """All of them, a and k: (m, d + 1)."""
        indices, counts = self.terms()
        return np.concatenate(
            [np.insert(indices[:count], indices.shape[1], k, axis=1) for k, count in enumerate(counts)]
        )

    def larger(self, most: Sequence[int]) -> Iterator[Shape]:
        """Shapes of a higher degree in one column, in the sum, or both."""
        yield replace(self, total=self.total + 1)
        for j, (now, top) in enumerate(zip(self.highest, most, strict=True)):
            higher = min(top, now + max(1, now // RAISE))
            if higher > now:
                wider = replace(self, highest=(*self.highest[:j], higher, *self.highest[j + 1 :]))
                yield wider
                yield replace(wider, total=self.total + higher - now)

    def smaller(self) -> Iterator[Shape]:
        """Shapes of a lower degree in one column, or in the sum."""
        if self.total > self.degree:
            yield replace(self, total=self.total - 1)
        for j, now in enumerate(self.highest):
            if now > 0:
                yield replace(self, highest=(*self.highest[:j], now - 1, *self.highest[j + 1 :]))


@dataclass(frozen=True)
class Relation:
    """Coefficients (m,) of the products of a shape, with dP/dt > 0 at most rows, and the error of y that they leave on
    those held out."""

    frame: InputCoordinates
    shape: Shape
    coefficients: Array
    error: float

    @property
    def n_terms(self) -> int:
        return len(self.coefficients)

    def by_power(self) -> tuple[Indices, Array]:
        """The terms in z (p, d), and the coefficients of each power of t in them (p, q + 1)."""
        indices, counts = self.shape.terms()
        c, begin = np.zeros((len(indices), len(counts))), 0
        for k, count in enumerate(counts):
            c[:count, k] = self.coefficients[begin : begin + count]
            begin += count
        return indices, c

    def slope(self, Z: Array, t: Array) -> Array:
        """dP/dt at `Z` (n, d) and `t` (n,)."""
        indices, c = self.by_power()
        return value_and_slope(ChebyshevTerms(indices).design(Z) @ c, t)[1]


class Table:
    """The products at rows, T_a(z) t^k and their derivatives by t, (n, m): `products` (m, d + 1) are the a and k.

    Where derivatives of t are known `along` z at rows, k `slopes` times a `balance` (k, 1), the derivatives of the
    products are further equations.
    """

    def __init__(
        self,
        products: Indices,
        Z: Array,
        t: Array,
        along: Along | None = None,
        slopes: Array | None = None,
        balance: Array | None = None,
    ) -> None:
        self.t = t[: len(Z)]
        indices, places = unique_rows(np.ascontiguousarray(products[:, :-1]))
        terms = ChebyshevTerms(indices)
        design, k = terms.design(Z), products[:, -1]
        powers = np.vander(self.t, int(k.max()) + 1, increasing=True)
        own = design[:, places]
        # In place, as these are the largest arrays of a search.
        self.values: Array = powers.take(k, axis=1)
        self.values *= own
        self.slopes: Array = powers.take(np.maximum(k - 1, 0), axis=1)
        self.slopes *= k
        self.slopes *= own
        self.points = np.arange(len(Z))
        self._rest: Array | None = None
        if along is not None and slopes is not None and balance is not None:
            rows = along.known.rows
            by_z = along.design(terms)[:, places] * powers[rows][:, k]
            self._rest = (by_z + slopes * self.slopes[rows]) * balance
            self.points = np.concatenate([self.points, rows])

    def factor(self, weight: Array) -> Array:
        """The triangle of all equations, times `weight` (n,) of the rows: where what the relation is off by is `weight`
        times less, so are derivatives of that."""
        values = self.values if self._rest is None else np.concatenate([self.values, self._rest])
        return triangle_of(np.multiply(values, weight[self.points][:, None], order="F"), overwrite=True)

    def distances(self, c: Array) -> tuple[Array, NDArray[np.bool_]]:
        """How far t is above the root (n,), to first order, 1 at most, and 1 where P does not rise; which these are.

        Where two roots touch at a row, rounding decides how P rises: there it is 0.
        """
        value, slope, size = self.values @ c, self.slopes @ c, float(np.sum(np.abs(c)))
        touches = (np.abs(value) <= P_ROUNDING * EPS * size) & (np.abs(slope) <= TOUCH * size)
        falls = ~(slope > 0.0) & ~touches
        with np.errstate(all="ignore"):
            apart = np.where(falls, 1.0, np.clip(value / slope, -1.0, 1.0))
        return np.where(touches, 0.0, apart), falls

    def rising(self, c: Array) -> tuple[Array, Array]:
        """c with the sign that makes dP/dt positive at most rows, and dP/dt (n,)."""
        slope = self.slopes @ c
        sign = 1.0 if np.count_nonzero(slope > 0.0) >= 0.5 * len(slope) else -1.0
        return sign * c, sign * slope


@dataclass(frozen=True)
class System:
    """The factor R of the table of `products`: of the m of a relation, then of all that raises add to them."""

    frame: InputCoordinates
    products: Indices
    m: int
    table: Table
    R: Array
    error_of: Callable[[Array], float]

    def raised(self, shape: Shape) -> Array:
        """The factor of the products of a larger shape: of those of the relation it is triangular as it is."""
        part = self.R[:, self._columns(shape)]
        rest = triangle_of(part[self.m :, self.m :])
        return np.concatenate([part[: self.m], np.concatenate([np.zeros((len(rest), self.m)), rest], axis=1)])

    def lowered(self, R: Array, whole: Shape, shape: Shape) -> Array:
        """The factor of the products of a shape, from that of a `whole` shape that has them all."""
        kept = np.isin(self._columns(whole), self._columns(shape))
        return triangle_of(R[:, kept])

    def solved(self, shape: Shape, R: Array) -> tuple[Relation, Array]:
        """The relation of a shape whose factor is R, and R."""
        columns = self._columns(shape)
        c = np.zeros(len(self.products))
        c[columns] = null_vector(R)
        c, _ = self.table.rising(c)
        return Relation(self.frame, shape, c[self._places(shape)], self.error_of(c)), R

    def _columns(self, shape: Shape) -> NDArray[np.intp]:
        """Where the products of a shape stand, ascending."""
        return np.sort(self._places(shape))

    def _places(self, shape: Shape) -> NDArray[np.intp]:
        """Where they stand, in their own order."""
        return np.array([self._column[tuple(row)] for row in shape.products().tolist()], dtype=np.intp)

    @cached_property
    def _column(self) -> dict[tuple[int, ...], int]:
        return {tuple(row): i for i, row in enumerate(self.products.tolist())}


def null_vector(R: Array) -> Array:
    """The right singular vector (m,) of the least singular value of a triangular R (m, m), by inverse iteration."""
    m = R.shape[1]
    if len(R) < m:
        R = np.concatenate([R, np.zeros((m - len(R), m))])
    diagonal = np.arange(m)
    R = R.copy()
    least = 1e-3 * EPS * max(float(np.max(np.abs(R[diagonal, diagonal]))), 1e-300)
    R[diagonal, diagonal] = np.where(np.abs(R[diagonal, diagonal]) > least, R[diagonal, diagonal], least)
    c = np.full(m, m**-0.5)
    for _ in range(ITERATIONS):
        for transposed in (True, False):
            c = solve_triangular(R, c, transposed=transposed)
            c = c / np.linalg.norm(c)
    return c


def at_least(slope: Array) -> Array:
    """|dP/dt|, LEAST_SLOPE times its largest at least."""
    size = np.abs(slope)
    bounded: Array = np.maximum(size, LEAST_SLOPE * size.max())
    return bounded


def are_roots(c: Array, t: Array, size: float) -> NDArray[np.bool_]:
    """Whether P with coefficients `c` (n, q + 1) of powers, which add up to `size`, has a root at `t` (n,), and rises.

    Two roots may touch: which sign dP/dt then has, and whether there is a real root, is a matter of rounding. What
    rounding leaves open of t is u with (dP/dt) u + (d2P/dt2) u^2 / 2 = P_ROUNDING EPS size; where that is more than
    TOUCH, as for the product of a relation and a square that is 0 there, t is anything.
    """
    value, slope = value_and_slope(c, t)
    curvature = value_and_slope(c[:, 1:] * np.arange(1, c.shape[1]), t)[1]
    with np.errstate(all="ignore"):
        touches = np.abs(slope) <= TOUCH * curvature
        rising, noise = np.where(touches, np.abs(slope), slope), P_ROUNDING * EPS * size
        left_open = 2.0 * noise / (rising + np.sqrt(rising**2 + 2.0 * np.where(touches, curvature, 0.0) * noise))
        is_met = np.where(touches, np.abs(value) <= TOUCH**2 * curvature, np.abs(value / slope) < CONVERGED)
    return (rising > 0.0) & is_met & (left_open <= TOUCH)
