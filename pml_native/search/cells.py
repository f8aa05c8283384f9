"""Cells of the box of the rows, each with the polynomial that its rows give, and how they are cut.

A cell's polynomial is that of least squares at the rows in it and in a margin about it, with columns in the order of
their degrees: one triangle then has all lower degrees. What a row is missed by without it is, in closed form, its
residual over 1 - h, with h the square of its part of the orthogonal basis (the delete-one jackknife, PRESS; Allen 1974,
Technometrics 16). By that the degree is chosen, and whether two halves are better than a cell. Without a group of rows
whose part of the basis is Q (p, k), with residuals r, the coefficients are, in closed form as well,

    c - R^-1 (I - Q Q')^-1 Q r.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .. import lapack
from ..arrays import Array, Samples
from ..export.kernels.partition import MOST_CUTS
from ..models import Normalization
from ..models.chebyshev import ChebyshevTerms, index_set
from .search import FLOOR

# The margin of a cell, as a share of its width; the band in which it goes over into the next one is this part of the
# margin of the narrowest cell there. Of 200,000 rows in two and three columns margins of 0.05, 0.1 and 0.2 come to
# 2.7e-14, 8e-15 and 3e-15, and to 1.3e-5, 1.0e-5 and 0.9e-5, with 0.8, 1 and 1.4 times the work.
MARGIN, BAND = 0.1, 0.9
# Rows for each term, at least; and where some are left out of those that the degree was chosen by.
ROWS_A_TERM, FEWEST_ROWS_A_TERM = 2.0, 1.2
# Two halves must miss their rows by this much less, squared, and a higher degree by that much. Both keep cells from
# following the rounding of the jackknife; other values have not been tried.
HALVES_GAIN, DEGREE_GAIN = 0.8, 0.9
# A cell whose error is as small as rounding, relative to the RMS of y, is not cut: 1e-16 to 1e-15 for polynomials.
EXACT = 10.0 * FLOOR
# A cell is not cut again after so many cuts that have not made its error smaller: a feature that is narrow beside a
# cell shows when cells are as narrow. Of 200,000 rows that came to rounding by 8 cuts, 10 more took as long again.
MOST_USELESS = 3
# A half has this share of its cell's rows at least, as far as the first so many tell; else the cut is in the middle of
# these: halving empty space made cells as wide as the gap between two clusters. Others have not been tried.
LEAST_SHARE, ROWS_THAT_TELL = 1.0 / 8.0, 10_000
# Diagonals of the triangle below this part of the largest belong to terms that the rows do not tell from lower ones: on
# the lines of a grid. Other limits have not been tried.
DEPENDENT = 1e-9
# A row is missed by at most 1 / LEAST_FREEDOM times its residual for being left out; other values have not been tried.
LEAST_FREEDOM = 1e-3


@dataclass(frozen=True)
class Fitted:
    """The polynomial of a cell: `coefficients` (p, m) of `products_of` its degree, and the mean square that it misses
    rows of the cell by that are left out. Its own coordinates go over the `box` (2, r) of its rows. `along` (r,) is how
    much its highest terms change along each column. `without` are the coefficients without each group of rows."""

    degree: int
    box: Array
    coefficients: Array
    square: float
    along: Array
    without: tuple[Array, ...] = ()


@dataclass(eq=False)
class Cell:
    """A box `low` to `high` (r,), the numbers of the `rows` in it and in its margin, and which of them are `inside`."""

    low: Array
    high: Array
    rows: NDArray[np.int32]
    inside: NDArray[np.bool_]
    n_cuts: int = 0
    n_useless: int = 0  # of them, the last ones, that have not made the error smaller
    fitted: Fitted | None = None
    column: int = -1
    place: float = 0.0
    halves: tuple[Cell, Cell] | None = None

    @classmethod
    def whole(cls, rows: NDArray[np.int32], r: int) -> Cell:
        """That of all rows, in the order given."""
        return cls(-np.ones(r), np.ones(r), rows, np.ones(len(rows), dtype=bool))

    @property
    def n_inside(self) -> int:
        return int(np.count_nonzero(self.inside))

    @property
    def box(self) -> Array:
        """The lowest and the highest coordinates (2, r) of the cell and its margin, within those of all rows."""
        margin = MARGIN * (self.high - self.low)
        return np.clip(np.stack([self.low - margin, self.high + margin]), -1.0, 1.0)

    def leaves(self) -> Iterator[Cell]:
        if self.halves is None:
            yield self
        else:
            for half in self.halves:
                yield from half.leaves()


@dataclass(frozen=True)
class Table:
    """The rows in the coordinates of the model: `Z` (n, r) in [-1, 1], a column after the other in memory, `y` (n, m),
    and the roots of their weights."""

    Z: Array
    y: Array
    root_weight: Array | None
    inputs: Normalization
    outputs: Normalization
    variables: NDArray[np.intp]

    @classmethod
    def of(cls, samples: Samples, like: Table | None = None) -> Table:
        """Those of the `samples`, normalized as `like` if that is given."""
        inputs = Normalization.of_box(samples.X) if like is None else like.inputs
        outputs = Normalization.of(samples.y) if like is None else like.outputs
        weight = samples.sample_weight
        root = None if weight is None else np.sqrt(weight.reshape(samples.n, -1).mean(axis=1))
        if samples.is_relative:
            size = np.sqrt(np.mean((samples.y * np.ldexp(1.0, -outputs.exponent)) ** 2, axis=1))
            root = (1.0 if root is None else root) / size
        if root is not None:
            root = root / np.max(root)
        variables = np.flatnonzero(~inputs.constant)
        Z = np.asfortranarray(inputs.apply(samples.X)[:, variables])
        return cls(Z, outputs.apply(samples.y), root, inputs, outputs, variables)

    @property
    def unit(self) -> float:
        """The RMS of y, as it is normalized and weighed."""
        varies = self.outputs.scale > 0.0
        y = self.y[:, varies] + self.outputs.shift[varies] / self.outputs.scale[varies]
        return float(np.sqrt(np.mean((y if self.root_weight is None else self.root_weight[:, None] * y) ** 2)))


def fitted_cell(
    table: Table,
    cell: Cell,
    most_terms: int,
    *,
    most_rows: int | None = None,
    like: Fitted | None = None,
    groups: Sequence[NDArray[np.bool_]] = (),
) -> Fitted:
    """The polynomial of the cell by its first `most_rows` rows, or all, and what it misses those by that are inside.

    Of the degree that is best by that, or of that of the one it is to be `like`, if there are rows for it; and the same
    without each of the `groups` of rows, masks (n,) of the whole table.
    """
    rows, inside = cell.rows[:most_rows], cell.inside[:most_rows]
    Z, y = table.Z[rows], table.y[rows]
    box = np.stack([Z.min(axis=0), Z.max(axis=0)])
    low, high = box = np.where(box[0] < box[1], box, cell.box)
    n, r = Z.shape
    degree, most = 0, min(most_terms, n / (ROWS_A_TERM if like is None else FEWEST_ROWS_A_TERM))
    while math.comb(r + degree + 1, r) <= most and (like is None or degree < like.degree):
        degree += 1
    found = index_set("total", degree, [degree] * r, most_terms)
    assert found is not None
    indices, sizes = found
    U = np.ascontiguousarray((Z - 0.5 * (low + high)) / (0.5 * (high - low)))
    A = ChebyshevTerms(indices).design(U)
    if table.root_weight is not None:
        A *= table.root_weight[rows, None]
        y = y * table.root_weight[rows, None]
    R = lapack.triangle_of(A)
    diagonal = np.abs(np.diag(R))
    ends = np.searchsorted(sizes, np.arange(degree + 1), side="right")
    known = [k for k in ends if diagonal[:k].min() > DEPENDENT * diagonal[:k].max()]
    ends = ends[: max(1, len(known))]
    count = int(ends[-1])
    basis = lapack.solve_triangular(np.asfortranarray(R[:count, :count]), A[:, :count].T, transposed=True)
    parts = basis @ y
    if not inside.any():
        inside = np.ones(n, dtype=bool)
    taken, square, values, leverage = 0, math.inf, np.zeros_like(y), np.zeros(n)
    for k, (first, last) in enumerate(itertools.pairwise([0, *ends.tolist()])):
        values += basis[first:last].T @ parts[first:last]
        leverage += np.sum(basis[first:last] ** 2, axis=0)
        missed = (y - values) / np.maximum(1.0 - leverage, LEAST_FREEDOM)[:, None]
        own = float(np.mean(missed[inside] ** 2))
        if own < DEGREE_GAIN**2 * square or like is not None:
            taken, square = k, own
    last = int(ends[taken])
    triangle = np.asfortranarray(R[:last, :last])
    c = lapack.solve_triangular(triangle, np.asfortranarray(parts[:last]))
    # Once more for what is left: the basis is orthogonal to eps times the condition only.
    rest = A[:, :last].T @ (y - A[:, :last] @ c)
    c += lapack.solve_triangular(triangle, lapack.solve_triangular(triangle, rest, transposed=True))
    highest = np.flatnonzero(sizes[:last] >= max(1, int(sizes[last - 1]) - 1))
    along = np.einsum("km,kj->j", c[highest] ** 2, indices[highest] / np.maximum(sizes[highest, None], 1))
    order = np.lexsort(indices[:last].T[::-1])
    without = []
    for group in groups:
        own_rows = group[rows]
        Q, missed = basis[:last, own_rows], (y - A[:, :last] @ c)[own_rows]
        # The unit is a little more than 1, so that rows that no others stand for move coefficients by finite amounts.
        step = np.linalg.solve((1.0 + LEAST_FREEDOM) * np.eye(last) - Q @ Q.T, Q @ missed)
        without.append((c - lapack.solve_triangular(triangle, np.asfortranarray(step)))[order])
    return Fitted(taken, box, c[order], square, along, tuple(without))


def cut(table: Table, cell: Cell, enough: float) -> tuple[Cell, ...]:
    """The halves of a cell that is to be looked at further, none of one that is exact or has too few rows."""
    assert cell.fitted is not None
    r = len(cell.low)
    if cell.fitted.square <= enough or cell.n_cuts >= MOST_CUTS or cell.n_useless >= MOST_USELESS:
        return ()
    order = np.argsort(-cell.fitted.along, kind="stable").tolist()
    for j in order[: 1 if cell.fitted.along.any() else r]:
        place = 0.5 * (cell.low[j] + cell.high[j])
        x = table.Z[:, j][cell.rows[:ROWS_THAT_TELL]][cell.inside[:ROWS_THAT_TELL]]
        if len(x) and not LEAST_SHARE <= np.mean(x < place) <= 1.0 - LEAST_SHARE:
            place = 0.5 * float(x.min()) + 0.5 * float(x.max())
        if not cell.low[j] < place < cell.high[j]:
            continue
        halves = halves_of(cell, table, j, place)
        if min(len(half.rows) for half in halves) >= ROWS_A_TERM * (r + 1) and all(
            half.inside.any() for half in halves
        ):
            cell.column, cell.place, cell.halves = j, place, halves
            return halves
    return ()


def halves_of(cell: Cell, table: Table, j: int, place: float) -> tuple[Cell, Cell]:
    """What a cut of the cell across column j makes of it: along the others all of its rows are near both halves."""
    z = table.Z[:, j][cell.rows]
    made = []
    for low, high in ((cell.low[j], place), (place, cell.high[j])):
        half = replace(cell, low=_moved(cell.low, j, low), high=_moved(cell.high, j, high), fitted=None, halves=None)
        lowest, highest = half.box[:, j]
        near = (z >= lowest) & (z <= highest)
        own = z[near]
        half.rows, half.inside = cell.rows[near], cell.inside[near] & (own >= low) & (own <= high)
        half.n_cuts += 1
        made.append(half)
    return made[0], made[1]


def _moved(corner: Array, j: int, place: float) -> Array:
    corner = corner.copy()
    corner[j] = place
    return corner


def with_rows(cell: Cell, table: Table, like: Cell) -> Cell:
    """`cell`, with rows of this table, cut as `like` is, and with its polynomials."""
    cell.fitted, cell.column, cell.place = like.fitted, like.column, like.place
    if like.halves is not None:
        halves = halves_of(cell, table, like.column, like.place)
        left, right = (with_rows(half, table, one) for half, one in zip(halves, like.halves, strict=True))
        cell.halves = left, right
    return cell


def is_no_smaller(half: Cell, cell: Cell) -> bool:
    """Whether rows of a half are missed by about as much as those of the cell."""
    assert half.fitted is not None
    assert cell.fitted is not None
    return half.fitted.square > HALVES_GAIN * cell.fitted.square


def without_useless_cuts(cell: Cell) -> tuple[float, Cell]:
    """The square that rows of the cell are missed by, in all, and a copy of it with those cuts that make it smaller."""
    assert cell.fitted is not None
    own = cell.fitted.square * max(1, cell.n_inside)
    if cell.halves is not None and all(half.fitted is not None for half in cell.halves):
        (left, first), (right, second) = map(without_useless_cuts, cell.halves)
        if left + right < HALVES_GAIN * own:
            return left + right, replace(cell, halves=(first, second))
    return own, replace(cell, halves=None)
