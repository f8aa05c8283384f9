"""Products of Chebyshev polynomials T_a1(z_1) ... T_ad(z_d), their index sets, and sums of them in double-double.

Terms are rows of an index array (p, d). A product is the one without its last factor, times that factor: with the
terms sorted by the place of the last factor, all products of a block of rows take d vectorised multiplications.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from .extended import Extended

Indices = NDArray[np.intp]
# Numbers in the table of products of one block of rows: 1 MiB, so that it stays in cache.
BLOCK_NUMBERS = 2**17


class ChebyshevTerms:
    """The products T_a(z) for the rows a of `indices` (p, d)."""

    def __init__(self, indices: Indices) -> None:
        self.indices = indices
        d = indices.shape[1]
        places = np.arange(d)
        # All terms with all they are made of: cut off after each of their factors.
        heads = [np.where(places <= k, indices[indices[:, k] > 0], 0) for k in range(d)]
        nodes, _ = unique_rows(np.concatenate([np.zeros((1, d), dtype=np.intp), *heads]))
        last = d - np.argmax(nodes[:, ::-1] > 0, axis=1) - 1
        last[~nodes.any(axis=1)] = -1
        order = np.argsort(last, kind="stable")
        nodes, last = nodes[order], last[order]
        parents = np.where(places == last[:, None], 0, nodes)
        _, place_of = unique_rows(np.concatenate([nodes, parents, indices]))
        row_of = np.empty(len(nodes), dtype=np.intp)
        row_of[place_of[: len(nodes)]] = np.arange(len(nodes))
        self._rows = row_of[place_of[2 * len(nodes) :]]
        bounds = np.searchsorted(last, np.arange(d + 1))
        # For each variable: which products it completes, from which ones, and by which polynomial.
        self._steps = [
            (slice(a, b), row_of[place_of[len(nodes) + a : len(nodes) + b]], nodes[a:b, j])
            for j, (a, b) in enumerate(itertools.pairwise(bounds))
        ]
        self._degrees = nodes.max(axis=0, initial=0)
        self.n_products = len(nodes)

    def products(self, Z: Array) -> Array:
        """All products at `Z` (n, d), (n_products, n); `rows` of it are the terms."""
        out = np.empty((self.n_products, len(Z)))
        out[0] = 1.0
        for j, (here, parents, degrees) in enumerate(self._steps):
            if len(parents):
                table = chebyshev_table(Z[:, j], int(self._degrees[j]))
                np.multiply(out[parents], table[degrees], out=out[here])
        return out

    def design(self, Z: Array) -> Array:
        """T_a(z) at `Z` (n, d), Fortran-contiguous (n, p)."""
        out = np.empty((len(self._rows), len(Z)))
        for rows in blocks(len(Z), self.n_products):
            out[:, rows] = self.products(Z[rows])[self._rows]
        return out.T

    def extended_sum(self, Z: Extended, coefficients: Array) -> Extended:
        """The sums of `coefficients` (p, k) times the terms at `Z` (n, d), in double-double, (n, k)."""
        weights = np.zeros((self.n_products, coefficients.shape[1]))
        np.add.at(weights, self._rows, coefficients)  # a term may be there twice
        shape = coefficients.shape[1], len(Z.high)
        out = Extended(np.zeros(shape), np.zeros(shape))
        for rows in blocks(len(Z.high), 8 * self.n_products):
            products = self._extended_products(Extended(Z.high[rows], Z.low[rows]))
            total = Extended(np.zeros((shape[0], products.high.shape[1])), np.zeros((shape[0], products.high.shape[1])))
            for k in range(self.n_products - 1, -1, -1):
                total = total + Extended(products.high[k], products.low[k]).times(weights[k][:, None])
            out.high[:, rows], out.low[:, rows] = total.high, total.low
        return Extended(np.ascontiguousarray(out.high.T), np.ascontiguousarray(out.low.T))

    def _extended_products(self, Z: Extended) -> Extended:
        shape = self.n_products, len(Z.high)
        out = Extended(np.zeros(shape), np.zeros(shape))
        out.high[0] = 1.0
        for j, (here, parents, degrees) in enumerate(self._steps):
            if len(parents):
                table = _extended_table(Extended(Z.high[:, j], Z.low[:, j]), int(self._degrees[j]))
                factor = Extended(table.high[degrees], table.low[degrees])
                product = Extended(out.high[parents], out.low[parents]) * factor
                out.high[here], out.low[here] = product.high, product.low
        return out


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


# How the size of an index comes about, column by column from 0: sums, products of (a + 1), or maxima.
BASES: dict[str, Callable[[Indices, Indices], Indices]] = {
    "total": lambda size, a: size + a,
    "hyperbolic": lambda size, a: (size + 1) * (a + 1) - 1,
    "tensor": np.maximum,
    "axes": lambda size, a: np.where((size > 0) & (a > 0), np.iinfo(np.intp).max, size + a),
}


def index_set(basis: str, degree: int, highest: Sequence[int], most: int) -> tuple[Indices, Indices] | None:
    """All indices of size up to `degree`, no column above its `highest`, and their sizes, ascending; None above `most`.

    "total": a_1 + ... + a_d, "hyperbolic": (a_1 + 1) ... (a_d + 1) - 1, "tensor": the largest a_j,
    "axes": one a_j is not 0 at most.
    """
    indices, sizes = np.zeros((1, 0), dtype=np.intp), np.zeros(1, dtype=np.intp)
    for top in highest:
        steps = np.arange(min(degree, top) + 1)
        grown = BASES[basis](sizes[:, None], steps[None, :])
        row, step = np.nonzero(grown <= degree)
        if len(row) > most:
            return None
        indices, sizes = np.column_stack([indices[row], steps[step]]), grown[row, step]
    order = np.argsort(sizes, kind="stable")
    return indices[order], sizes[order]
