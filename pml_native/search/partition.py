"""Finds cells of the box, and the degree in each, for polynomials joined by a partition of unity.

A cell's polynomial is that of least squares at the rows in it and in a margin about it, with columns in the order of
their degrees: one triangle then has all lower degrees. What a row is missed by without it is, in closed form, its
residual over 1 - h, with h the square of its part of the orthogonal basis (the delete-one jackknife, PRESS; Allen 1974,
Technometrics 16). By that the degree is chosen, and whether two halves are better than a cell: cut is across the column
along which terms of the highest degrees are largest, level by level, and taken back from the last cells to the first
where it was of no use (Aiton and Driscoll 2018, SIAM J. Sci. Comput. 40, for functions that can be called).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lapack
from ..arrays import Array, Samples
from ..export.kernels.partition import MOST_CUTS
from ..models import Normalization, PartitionOfUnity, Signature
from ..models.chebyshev import ChebyshevTerms, index_set
from .scheduler import Step, Steps, Worker
from .search import CALL, FLOOR, MOST_STEP, Found, Rows, searched

# The margin of a cell, as a share of its width; the band in which it goes over into the next one is this part of the
# margin of the narrowest cell there. Of 200,000 rows in two and three columns margins of 0.05, 0.1 and 0.2 come to
# 2.7e-14, 8e-15 and 3e-15, and to 1.3e-5, 1.0e-5 and 0.9e-5, with 0.8, 1 and 1.4 times the work.
MARGIN, BAND = 0.1, 0.9
# Rows that cells are made of at most: the cuts of a level are made between two steps, where no deadline ends them, and
# that of a million rows of four columns takes 0.6 s, of 200,000 0.1 s (Intel, AVX-512).
MOST_ROWS = 200_000
# Cells are offered before all cuts are made after so much work, some tenths of a second, if they miss rows by this part
# of what those offered before do. Held-out rows are too few to choose between all levels of few rows.
OFFERED_AFTER, OFFERED = 3e9, 0.5
# Rows for each term, at least; and where some are left out of those that the degree was chosen by.
ROWS_A_TERM, FEWEST_ROWS_A_TERM = 2.0, 1.2
# Terms of a cell: as many as that much work allows, which is some TURNS n p^2, between these. Of 200,000 rows in three
# columns 84, 120 and 220 come to 5e-5, 1.0e-5 and 9e-7 for smooth functions, and to the same 3e-4 for a steep front.
WORK, TURNS, FEWEST_TERMS, MOST_TERMS = 1e11, 10.0, 35, 250
# Of a cell that has more, so many rows for each term say whether it is to be cut.
ROWS_TO_JUDGE = 5.0
# Two halves must miss their rows by this much less, squared, and a higher degree by that much. Both keep cells from
# following the rounding of the jackknife; other values have not been tried.
HALVES_GAIN, DEGREE_GAIN = 0.8, 0.9
# A cell whose error is as small as rounding, relative to the RMS of y, is not cut: 1e-16 to 1e-15 for polynomials.
EXACT = 10.0 * FLOOR
# A cell is not cut again after so many cuts that have not made its error smaller: a feature that is narrow beside a
# cell shows when cells are as narrow. Of 200,000 rows that came to rounding by 8 cuts, 10 more took as long again.
MOST_USELESS = 3
# A half has this share of its cell's rows at least; else the cut is in the middle of these: halving empty space made
# cells as wide as the gap between two clusters. Other shares have not been tried.
LEAST_SHARE = 1.0 / 8.0
# Diagonals of the triangle below this part of the largest belong to terms that the rows do not tell from lower ones: on
# the lines of a grid. Other limits have not been tried.
DEPENDENT = 1e-9
# A row is missed by at most 1 / LEAST_FREEDOM times its residual for being left out; other values have not been tried.
LEAST_FREEDOM = 1e-3


def fit_partition(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    error: str = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> PartitionOfUnity:
    """Polynomials on cells of the box of `X` (n, d), joined smoothly, for `y` (n,) or (n, m): for many rows of few
    columns, where y is too uneven for one polynomial.

    sample_weight : (n,), how much each row's squared error counts.
    error : "absolute", or "relative" to each y.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for bad options.
    """
    model = searched(
        PartitionSearch,
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )
    assert isinstance(model, PartitionOfUnity)
    return model


@dataclass(frozen=True)
class Fitted:
    """The polynomial of a cell: `coefficients` (p, m) of `products_of` its degree, and the mean square that it misses
    rows of the cell by that are left out. Its own coordinates go over the `box` (2, r) of its rows. `along` (r,) is how
    much its highest terms change along each column."""

    degree: int
    box: Array
    coefficients: Array
    square: float
    along: Array


@dataclass(eq=False)
class Cell:
    """A box `low` to `high` (r,), the numbers of `rows` in it and its margin, and how many are in it."""

    low: Array
    high: Array
    rows: NDArray[np.intp]
    n_inside: int
    n_cuts: int = 0
    n_useless: int = 0  # of them, the last ones, that have not made the error smaller
    fitted: Fitted | None = None
    column: int = -1
    place: float = 0.0
    halves: tuple[Cell, Cell] | None = None

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
    """The rows in the coordinates of the model: `Z` (n, r) in [-1, 1], `y` (n, m), and the roots of their weights."""

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
        Z = np.ascontiguousarray(inputs.apply(samples.X)[:, variables])
        return cls(Z, outputs.apply(samples.y), root, inputs, outputs, variables)

    @property
    def unit(self) -> float:
        """The RMS of y, as it is normalized and weighed."""
        varies = self.outputs.scale > 0.0
        y = self.y[:, varies] + self.outputs.shift[varies] / self.outputs.scale[varies]
        return float(np.sqrt(np.mean((y if self.root_weight is None else self.root_weight[:, None] * y) ** 2)))


class PartitionSearch:
    """Cuts the box into cells level by level, and offers what that comes to.

    It looks at all rows that are to be trained on, up to MOST_ROWS, not at a sample as small as that of other searches:
    what more rows tell, more cells take up.
    """

    def __init__(self, rows: Rows) -> None:
        self.rows, self.prospect = rows, 0.0
        self._work = 0.0  # since cells were last offered

    def steps(self) -> Steps:
        samples = self.rows.whole
        if samples.n > MOST_ROWS:
            samples = samples.take(np.sort(np.random.default_rng(0).permutation(samples.n)[:MOST_ROWS]))
        shuffled = np.random.default_rng(0).permutation(
            samples.n
        )  # so that the first rows of a cell are a sample of it
        [table] = yield [Step(CALL + 20.0 * samples.n * samples.X.shape[1], lambda worker: Table.of(samples))]
        n, r = table.Z.shape
        if not r:
            return
        most_terms = min(MOST_TERMS, max(FEWEST_TERMS, int(math.sqrt(WORK / (TURNS * n)))))
        enough = (EXACT * table.unit) ** 2
        root = Cell(-np.ones(r), np.ones(r), shuffled, n)
        cut: list[Cell] = []
        level, offered, best = [root], math.inf, root
        while level:
            yield from self._fitted(table, level, most_terms, is_trial=True)
            for cell in cut:
                for half in cell.halves or ():
                    half.n_useless = cell.n_useless + 1 if is_no_smaller(half, cell) else 0
            square, best = without_useless_cuts(root)
            if self._work > OFFERED_AFTER and square < OFFERED**2 * offered:
                offered, self._work = square, 0.0
                [found] = yield [self._made(table, best, most_terms, samples)]
                yield found
            cut = level
            level = [half for cell in cut for half in _cut(table, cell, enough)]
        yield from self._fitted(table, list(best.leaves()), most_terms, is_trial=False)
        [found] = yield [self._made(table, best, most_terms, samples)]
        yield found

    def _made(self, table: Table, root: Cell, most_terms: int, samples: Samples) -> Step:
        n_values = self.rows.n + self.rows.n_held_out
        return Step(CALL + 4.0 * most_terms * n_values, partial(self._found, table, root, most_terms, samples))

    def _fitted(self, table: Table, cells: Sequence[Cell], most_terms: int, *, is_trial: bool) -> Steps:
        """Polynomials for the cells, of some of their rows if that is a trial."""
        batches: list[list[Cell]] = [[]]
        works = [0.0]
        for cell in cells:
            n = min(len(cell.rows), int(ROWS_TO_JUDGE * most_terms)) if is_trial else len(cell.rows)
            if cell.fitted is not None and n == min(len(cell.rows), int(ROWS_TO_JUDGE * most_terms)):
                continue  # as it has been
            work = CALL + 3.0 * n * min(most_terms, n / ROWS_A_TERM + 1.0) ** 2
            if works[-1] + work > MOST_STEP and batches[-1]:
                batches.append([])
                works.append(0.0)
            batches[-1].append(cell)
            works[-1] += work

        def fitted(batch: Sequence[Cell], worker: Worker) -> None:
            for cell in batch:
                rows = cell.rows[: int(ROWS_TO_JUDGE * most_terms)] if is_trial else cell.rows
                cell.fitted = fitted_cell(table, cell, rows, most_terms)

        self._work += sum(works)
        yield [Step(work, partial(fitted, batch)) for work, batch in zip(works, batches, strict=True) if batch]

    def _found(self, table: Table, root: Cell, most_terms: int, samples: Samples, worker: Worker) -> Found:
        signature = Signature.of(samples)

        def again(samples: Samples, *, is_like: bool) -> PartitionOfUnity:
            """The same cells, with polynomials of these rows, of the same degrees if they are to be like those."""
            own = Table.of(samples, table)
            copy = _with_rows(root, own, np.arange(samples.n))
            for cell in copy.leaves():
                if len(cell.rows):
                    cell.fitted = fitted_cell(own, cell, cell.rows, most_terms, cell.fitted if is_like else None)
            return model_of(own, copy, signature)

        model = model_of(table, root, signature)
        work = 3.0 * samples.n * float(most_terms) ** 2  # one triangle and its basis for each row, as a level takes
        n, most = len(model.degrees), int(model.degrees.max())
        return self.rows.found(
            model,
            PartitionOfUnity.family,
            f"{n} cells of degree {most} at most" if n > 1 else f"a cell of degree {most}",
            status="no cut was of use any more",
            refit=partial(again, is_like=False),
            nearby=partial(again, is_like=True),
            nearby_work=work,
        )


def fitted_cell(
    table: Table, cell: Cell, rows: NDArray[np.intp], most_terms: int, like: Fitted | None = None
) -> Fitted:
    """The polynomial of the cell by these rows, and what it misses those of them by that are in the cell.

    Of the degree that is best by that, or of that of the one it is to be `like`, if there are rows for it.
    """
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
    U = (Z - 0.5 * (low + high)) / (0.5 * (high - low))
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
    inside = np.all((cell.low <= Z) & (cell.high >= Z), axis=1)
    if not inside.any():
        inside[:] = True
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
    return Fitted(taken, box, c[order], square, along)


def _cut(table: Table, cell: Cell, enough: float) -> tuple[Cell, ...]:
    """The halves of a cell that is to be looked at further, none of one that is exact or has too few rows."""
    assert cell.fitted is not None
    r = len(cell.low)
    if cell.fitted.square <= enough or cell.n_cuts >= MOST_CUTS or cell.n_useless >= MOST_USELESS:
        return ()
    order = np.argsort(-cell.fitted.along, kind="stable")
    for j in order[: 1 if cell.fitted.along.any() else r]:
        place = 0.5 * (cell.low[j] + cell.high[j])
        x = table.Z[cell.rows, j]
        inside = x[np.all((table.Z[cell.rows] >= cell.low) & (table.Z[cell.rows] <= cell.high), axis=1)]
        if len(inside) and not LEAST_SHARE <= np.mean(inside < place) <= 1.0 - LEAST_SHARE:
            place = 0.5 * float(inside.min()) + 0.5 * float(inside.max())
        if not cell.low[j] < place < cell.high[j]:
            continue
        ends = (cell.low, _moved(cell.high, j, place)), (_moved(cell.low, j, place), cell.high)
        halves = [_half(table.Z, cell, low, high) for low, high in ends]
        if min(len(half.rows) for half in halves) >= ROWS_A_TERM * (r + 1) and min(half.n_inside for half in halves):
            cell.column, cell.place, cell.halves = int(j), place, (halves[0], halves[1])
            return cell.halves
    return ()


def _moved(corner: Array, j: int, place: float) -> Array:
    corner = corner.copy()
    corner[j] = place
    return corner


def _half(Z: Array, cell: Cell, low: Array, high: Array) -> Cell:
    half = Cell(low, high, cell.rows, 0, cell.n_cuts + 1)
    _take_rows(half, Z, cell.rows)
    return half


def _take_rows(cell: Cell, Z: Array, rows: NDArray[np.intp]) -> None:
    """Of these rows those in the cell and its margin."""
    (low, high), own = cell.box, Z[rows]
    near = np.all((own >= low) & (own <= high), axis=1)
    cell.rows, own = rows[near], own[near]
    cell.n_inside = int(np.count_nonzero(np.all((own >= cell.low) & (own <= cell.high), axis=1)))


def _with_rows(cell: Cell, table: Table, rows: NDArray[np.intp]) -> Cell:
    """A copy of the cell, and of those in it, with other rows."""
    own = replace(cell)
    _take_rows(own, table.Z, rows)
    if cell.halves is not None:
        left, right = (_with_rows(half, table, own.rows) for half in cell.halves)
        own.halves = left, right
    return own


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


def model_of(table: Table, root: Cell, signature: Signature) -> PartitionOfUnity:
    """The model of these cells."""
    nodes: list[list[int]] = []
    cuts: list[list[float]] = []
    leaves: list[Cell] = []

    def entered(cell: Cell) -> int:
        if cell.halves is None:
            leaves.append(cell)
            return -len(leaves)
        number = len(nodes)
        nodes.append([cell.column, 0, 0])
        j, place = cell.column, cell.place
        beside = [leaf.high[j] - leaf.low[j] for leaf in cell.leaves() if place in (leaf.low[j], leaf.high[j])]
        cuts.append([place, BAND * MARGIN * min(beside)])
        nodes[number][1:] = [entered(half) for half in cell.halves]
        return number

    entered(root)
    fitted = [leaf.fitted for leaf in leaves if leaf.fitted is not None]
    return PartitionOfUnity(
        np.array(nodes, dtype=np.int64).reshape(-1, 3),
        np.array(cuts).reshape(-1, 2),
        np.array([one.degree for one in fitted]),
        np.array([one.box for one in fitted]),
        np.concatenate([one.coefficients for one in fitted]),
        table.inputs,
        table.outputs,
        signature,
        variables=table.variables,
        n_threads=1,
    )
