"""Products of Chebyshev polynomials T_a1(z_1) ... T_ad(z_d), their index sets, and sums of them in double-double.

Terms are rows of an index array (p, d). A product is the one without its last factor, times that factor: the core
makes columns of them. In double-double, with the products sorted by the place of the last factor, all products of a
block of rows take d vectorised multiplications.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arrays import Array, contiguous
from .extended import Extended

Indices = NDArray[np.intp]
# Numbers in the table of products of one block of rows: 1 MiB, so that it stays in cache.
BLOCK_NUMBERS = 2**17
# The highest degree that a series may have: at a point, all polynomials up to it are evaluated, and half a megabyte of
# them is more than any fit has come to (some thousands, for functions that can be called).
MOST_DEGREE = 1 << 16


class TermTree(NamedTuple):
    """Products as nodes: node 0 is 1, node i is node parents[i] < i times T_degrees[i](z_variables[i]).

    What hangs from a node follows it, and is of later variables. `places` (p,) are the nodes of the terms that the tree
    was made for. What is said of node 0 means nothing.
    """

    parents: Indices
    variables: Indices
    degrees: Indices
    places: Indices


class ChebyshevTerms:
    """The products T_a(z) for the rows a of `indices` (p, d), a term perhaps twice.

    Raises ValueError for an index below 0.
    """

    def __init__(self, indices: Indices) -> None:
        self.indices = indices
        self._core = _core.ChebyshevTerms(np.ascontiguousarray(indices, dtype=np.int64))

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the core's tables, which are built again."""
        return ChebyshevTerms, (self.indices,)

    def design(self, Z: Array, n_threads: int = 1) -> Array:
        """T_a(z) at `Z` (n, d), Fortran-contiguous (n, p): the same bits for any number of threads."""
        return self._core.design(contiguous(Z), n_threads)

    def derivatives(self, Z: Array, directions: Array, order: Indices, bends: Array) -> Array:
        """d/ds T_a(z + s v) at `Z` (k, d) along `directions` v (k, d) where the `order` (k,) is 1; where it is 2 the
        second derivative, of directions along axes, plus `bends` (k, d) times the gradient: (k, p)."""
        found = np.zeros((len(Z), len(self.indices)), order="F")
        second = order == 2
        along = np.where(second[:, None], bends, directions)
        for j, degrees in enumerate(self.indices.T):
            some = np.flatnonzero((along[:, j] != 0.0) | (second & (directions[:, j] != 0.0)))
            if not len(some) or not degrees.any():
                continue
            rest = self.indices.copy()
            rest[:, j] = 0
            slope, bend = chebyshev_derivatives(Z[some, j], int(degrees.max()))
            own = along[some, j] * slope
            own += np.where(second[some], directions[some, j] ** 2, 0.0) * bend
            found[some] += own[degrees].T * ChebyshevTerms(rest).design(Z[some])
        return found

    @cached_property
    def tree(self) -> TermTree:
        """The terms and all that they begin with, in the order of their indices."""
        return TermTree(*self._core.tree())

    def extended_sum(self, Z: Extended, coefficients: Array) -> Extended:
        """The sums of `coefficients` (p, k) times the terms at `Z` (n, d), in double-double, (n, k)."""
        n_products = len(self.tree.parents)
        weights = np.zeros((n_products, coefficients.shape[1]))
        np.add.at(weights, self._extended_plan.places, coefficients)  # a term may be there twice
        shape = coefficients.shape[1], len(Z.high)
        out = Extended(np.zeros(shape), np.zeros(shape))
        for rows in blocks(len(Z.high), 8 * n_products):
            products = self._extended_products(Extended(Z.high[rows], Z.low[rows]))
            total = Extended(np.zeros((shape[0], products.high.shape[1])), np.zeros((shape[0], products.high.shape[1])))
            for k in range(n_products - 1, -1, -1):
                total = total + Extended(products.high[k], products.low[k]).times(weights[k][:, None])
            out.high[:, rows], out.low[:, rows] = total.high, total.low
        return Extended(np.ascontiguousarray(out.high.T), np.ascontiguousarray(out.low.T))

    @cached_property
    def _extended_plan(self) -> _ExtendedPlan:
        parents, variables, degrees, places = self.tree
        d = self.indices.shape[1]
        last = np.where(degrees > 0, variables, -1)
        order = np.argsort(last, kind="stable")
        row_of = np.empty(len(order), dtype=np.intp)
        row_of[order] = np.arange(len(order))
        bounds = np.searchsorted(last[order], np.arange(d + 1))
        steps = [(slice(a, b), row_of[parents[order[a:b]]], degrees[order[a:b]]) for a, b in itertools.pairwise(bounds)]
        return _ExtendedPlan(steps, row_of[places])

    def _extended_products(self, Z: Extended) -> Extended:
        shape = len(self.tree.parents), len(Z.high)
        out = Extended(np.zeros(shape), np.zeros(shape))
        out.high[0] = 1.0
        for j, (here, parents, degrees) in enumerate(self._extended_plan.steps):
            if len(parents):
                table = _extended_table(Extended(Z.high[:, j], Z.low[:, j]), int(degrees.max()))
                factor = Extended(table.high[degrees], table.low[degrees])
                product = Extended(out.high[parents], out.low[parents]) * factor
                out.high[here], out.low[here] = product.high, product.low
        return out


class _ExtendedPlan(NamedTuple):
    """For each variable: which products it completes, from which ones, by which polynomial; and the terms' products."""

    steps: list[tuple[slice, Indices, Indices]]
    places: Indices


def blocks(n: int, numbers_per_row: int) -> Iterator[slice]:
    """Slices of n rows, each of about BLOCK_NUMBERS numbers."""
    size = max(64, BLOCK_NUMBERS // max(1, numbers_per_row))
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def chebyshev_table(z: Array, degree: int) -> Array:
    """T_0 to T_degree at `z` (n,), (degree + 1, n)."""
    table = np.empty((degree + 1, len(z)))
    table[0] = 1.0
    if degree > 0:
        table[1] = z
        twice = 2.0 * z
        for k in range(2, degree + 1):
            np.multiply(twice, table[k - 1], out=table[k])
            table[k] -= table[k - 2]
    return table


def chebyshev_derivatives(z: Array, degree: int) -> tuple[Array, Array]:
    """T_k' and T_k'' for k = 0 to degree at `z` (n,), both (degree + 1, n)."""
    table = chebyshev_table(z, degree)
    slope, bend = np.zeros_like(table), np.zeros_like(table)
    if degree > 0:
        slope[1] = 1.0
    for k in range(2, degree + 1):
        slope[k] = 2.0 * (table[k - 1] + z * slope[k - 1]) - slope[k - 2]
        bend[k] = 4.0 * slope[k - 1] + 2.0 * z * bend[k - 1] - bend[k - 2]
    return slope, bend


def _extended_table(z: Extended, degree: int) -> Extended:
    table = [Extended(np.ones_like(z.high), np.zeros_like(z.low)), z]
    twice = Extended(2.0 * z.high, 2.0 * z.low)
    while len(table) <= degree:
        table.append(twice * table[-1] - table[-2])
    return Extended(np.stack([t.high for t in table]), np.stack([t.low for t in table]))


def unique_rows(rows: Indices) -> tuple[Indices, Indices]:
    """The distinct rows of `rows` (p, d), sorted, and the place of each row among them (p,)."""
    ranges = rows.max(axis=0, initial=0) + 1
    if float(np.prod(ranges.astype(float))) < 2.0**62:  # each row as one number is many times faster
        units = np.append(np.cumprod(ranges[:0:-1])[::-1], 1)
        _, first, place_of = np.unique(rows @ units, return_index=True, return_inverse=True)
        return rows[first], place_of
    unique, place_of = np.unique(rows, axis=0, return_inverse=True)
    return unique, place_of.reshape(-1)


class Basis(NamedTuple):
    """How the size of an index comes about, column by column from 0.

    `grown(size, a)` is the size with one column more, `most(degree, size)` the largest a that keeps it to `degree`.
    """

    grown: Callable[[Indices, Indices], Indices]
    most: Callable[[int, Indices], Indices]


BASES = {
    "total": Basis(lambda size, a: size + a, lambda degree, size: degree - size),
    "hyperbolic": Basis(lambda size, a: (size + 1) * (a + 1) - 1, lambda degree, size: (degree + 1) // (size + 1) - 1),
    "tensor": Basis(np.maximum, lambda degree, size: np.full_like(size, degree)),
    "axes": Basis(lambda size, a: size + a, lambda degree, size: np.where(size > 0, 0, degree)),
}
# Largest sets that are kept, as the searches of a table ask for few, often: 1,200 terms in 10 columns take 100 KB.
KEPT_SETS = 32


def index_set(basis: str, degree: int, highest: Sequence[int], most: int) -> tuple[Indices, Indices] | None:
    """All indices of size up to `degree`, no column above its `highest`, and their sizes, ascending; None above `most`.

    "total": a_1 + ... + a_d, "hyperbolic": (a_1 + 1) ... (a_d + 1) - 1, "tensor": the largest a_j,
    "axes": one a_j is not 0 at most.
    """
    indices, sizes = np.zeros((1, 0), dtype=np.intp), np.zeros(1, dtype=np.intp)
    for top in highest:
        counts = np.minimum(BASES[basis].most(degree, sizes), top) + 1
        total = int(counts.sum())
        if total > most:
            return None
        row = np.repeat(np.arange(len(sizes)), counts)
        step = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        indices, sizes = np.column_stack([indices[row], step]), BASES[basis].grown(sizes[row], step)
    order = np.argsort(sizes, kind="stable")
    return indices[order], sizes[order]


def largest_index_set(basis: str, highest: Sequence[int], budget: int) -> tuple[Indices, Indices]:
    """The largest set of `basis` that has `budget` terms at most, 1 or more, and its sizes; both are read-only.

    The set has every size up to its largest: where `highest` leaves a "hyperbolic" one no index of a size, it ends.
    """
    # An index of a column's power a stands beside all lower powers, so that no a from `budget` on is in the set.
    return _largest_index_set(basis, tuple(min(int(top), budget - 1) for top in highest), budget)


@lru_cache(maxsize=KEPT_SETS)
def _largest_index_set(basis: str, highest: tuple[int, ...], budget: int) -> tuple[Indices, Indices]:
    degree = bisect_left(range(1, budget), True, key=lambda k: index_set(basis, k, highest, budget) is None)
    found = index_set(basis, degree, highest, budget)
    assert found is not None
    indices, sizes = found
    gaps = np.flatnonzero(np.diff(sizes) > 1)
    if len(gaps):
        indices, sizes = indices[: gaps[0] + 1].copy(), sizes[: gaps[0] + 1].copy()
    indices.flags.writeable = sizes.flags.writeable = False
    return indices, sizes
