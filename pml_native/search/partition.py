"""Finds cells of the box, and the degree in each, for polynomials joined by a partition of unity.

A cell is cut across the column along which terms of the highest degrees are largest, level by level, and cuts are taken
back from the last cells to the first where they were of no use (Aiton and Driscoll 2018, SIAM J. Sci. Comput. 40, for
functions that can be called). What cells are, and what says which of two is better: cells.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Samples
from ..models import PartitionOfUnity, Signature
from .cells import (
    BAND,
    EXACT,
    MARGIN,
    ROWS_A_TERM,
    Cell,
    Table,
    cut,
    fitted_cell,
    is_no_smaller,
    with_rows,
    without_useless_cuts,
)
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, MOST_STEP, Found, Rows, searched

# Rows that cells are made of at most: the first cut of so many takes 0.1 s (47 ms of 980,000 rows, Zen 4), and a search
# in 1,000,000 rows of four columns 0.3 GB beside the table.
MOST_ROWS = 2_000_000
# What a cut costs for each row of the cell, in multiply-adds: its coordinate is far from the last one in memory.
CUT = 500.0
# Cells are offered before all cuts are made after so much work, some tenths of a second, if they miss rows by this part
# of what those offered before do. Held-out rows are too few to choose between all levels of few rows.
OFFERED_AFTER, OFFERED = 3e9, 0.5
# Terms of a cell: as many as that much work allows, which is some TURNS n p^2, between these. Of 200,000 rows in three
# columns 84, 120 and 220 come to 5e-5, 1.0e-5 and 9e-7 for smooth functions, and to the same 3e-4 for a steep front.
WORK, TURNS, FEWEST_TERMS, MOST_TERMS = 1e11, 10.0, 35, 250
# Of a cell that has more, so many rows for each term say whether it is to be cut.
ROWS_TO_JUDGE = 5.0


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
        [table] = yield [Step(CALL + 20.0 * samples.n * samples.X.shape[1], lambda worker: Table.of(samples))]
        n, r = table.Z.shape
        if not r:
            return
        most_terms = min(MOST_TERMS, max(FEWEST_TERMS, int(math.sqrt(WORK / (TURNS * n)))))
        enough = (EXACT * table.unit) ** 2
        root = Cell.whole(shuffled(n), r)
        cells: list[Cell] = []
        level, offered, best = [root], math.inf, root
        while level:
            yield from self._fitted(table, level, most_terms, is_trial=True)
            for cell in cells:
                for half in cell.halves or ():
                    half.n_useless = cell.n_useless + 1 if is_no_smaller(half, cell) else 0
            square, best = without_useless_cuts(root)
            if self._work > OFFERED_AFTER and square < OFFERED**2 * offered:
                offered, self._work = square, 0.0
                [found] = yield [self._made(table, best, most_terms, samples)]
                yield found
            cells = level
            level = yield from self._cut(table, cells, enough)
        yield from self._fitted(table, list(best.leaves()), most_terms, is_trial=False)
        [found] = yield [self._made(table, best, most_terms, samples)]
        yield found

    def _made(self, table: Table, root: Cell, most_terms: int, samples: Samples) -> Step:
        n_values = self.rows.n + self.rows.n_held_out
        return Step(CALL + 4.0 * most_terms * n_values, partial(self._found, table, root, most_terms, samples))

    def _in_steps(
        self, cells: Sequence[Cell], work: Callable[[Cell], float], done: Callable[[Cell], object]
    ) -> Part[list[Any]]:
        """What is `done` with the cells, in steps of several; a list of what comes of each."""
        batches: list[list[Cell]] = [[]]
        works = [0.0]
        for cell in cells:
            own = CALL + work(cell)
            if works[-1] + own > MOST_STEP and batches[-1]:
                batches.append([])
                works.append(0.0)
            batches[-1].append(cell)
            works[-1] += own

        def of(batch: Sequence[Cell], worker: Worker) -> list[object]:
            return [done(cell) for cell in batch]

        self._work += sum(works)
        results = yield [Step(own, partial(of, batch)) for own, batch in zip(works, batches, strict=True) if batch]
        return [one for batch in results for one in batch]

    def _cut(self, table: Table, cells: Sequence[Cell], enough: float) -> Part[list[Cell]]:
        """The halves of those that are to be looked at further."""
        halves = yield from self._in_steps(
            cells, lambda cell: CUT * len(cell.rows), lambda cell: cut(table, cell, enough)
        )
        return [half for both in halves for half in both]

    def _fitted(self, table: Table, cells: Sequence[Cell], most_terms: int, *, is_trial: bool) -> Part[None]:
        """Polynomials for the cells, of some of their rows if that is a trial."""
        few, most = int(ROWS_TO_JUDGE * most_terms), most_rows_of(most_terms)

        def work(cell: Cell) -> float:
            n = min(len(cell.rows), few if is_trial else most)
            return 3.0 * n * min(most_terms, n / ROWS_A_TERM + 1.0) ** 2

        def fit(cell: Cell) -> None:
            cell.fitted = fitted_cell(table, cell, most_terms, most_rows=few if is_trial else most)

        # Those of few rows are as they have been.
        new = [cell for cell in cells if cell.fitted is None or len(cell.rows) > few]
        yield from self._in_steps(new, work, fit)

    def _found(self, table: Table, root: Cell, most_terms: int, samples: Samples, worker: Worker) -> Found:
        makers = _Makers(table, root, most_terms, Signature.of(samples))
        model = model_of(table, root, makers.signature)
        work = 3.0 * samples.n * float(most_terms) ** 2  # one triangle and its basis for each row, as a level takes
        n, most = len(model.degrees), int(model.degrees.max())
        return self.rows.found(
            model,
            PartitionOfUnity.family,
            f"{n} cells of degree {most} at most" if n > 1 else f"a cell of degree {most}",
            status="no cut was of use any more",
            refit=makers.again,
            nearby=makers.like_it,
            nearby_work=work,
            without_groups=makers.without_groups,
        )


class _Makers:
    """Makes the same cells again, with polynomials of other rows."""

    def __init__(self, table: Table, root: Cell, most_terms: int, signature: Signature) -> None:
        self.table, self.root, self.most_terms, self.signature = table, root, most_terms, signature

    def again(self, samples: Samples) -> PartitionOfUnity:
        return model_of(*self._fitted(samples), self.signature)

    def like_it(self, samples: Samples) -> PartitionOfUnity:
        """Of the degrees that they have, where rows are enough."""
        return model_of(*self._fitted(samples, is_like=True), self.signature)

    def without_groups(self, samples: Samples, groups: Sequence[NDArray[np.bool_]]) -> list[PartitionOfUnity]:
        """The one that is made `again`, without each of these groups of the rows."""
        own, root = self._fitted(samples, groups)
        return [model_of(own, root, self.signature, without=k) for k in range(len(groups))]

    def _fitted(
        self, samples: Samples, groups: Sequence[NDArray[np.bool_]] = (), *, is_like: bool = False
    ) -> tuple[Table, Cell]:
        own = Table.of(samples, self.table)
        root = with_rows(Cell.whole(shuffled(samples.n), own.Z.shape[1]), own, self.root)
        most = most_rows_of(self.most_terms)
        for cell in root.leaves():
            if len(cell.rows):
                like = cell.fitted if is_like else None
                cell.fitted = fitted_cell(own, cell, self.most_terms, most_rows=most, like=like, groups=groups)
        return own, root


def shuffled(n: int) -> NDArray[np.int32]:
    """Numbers of n rows in an order without meaning, so that the first rows of a cell are a sample of it."""
    return np.random.default_rng(0).permutation(n).astype(np.int32)


def most_rows_of(most_terms: int) -> int:
    """Rows by which a cell is fitted at most, as many as one step has time for: of 100 terms 670 for each."""
    return max(int(ROWS_TO_JUDGE * most_terms), int(MOST_STEP / (3.0 * most_terms**2)))


def model_of(table: Table, root: Cell, signature: Signature, *, without: int | None = None) -> PartitionOfUnity:
    """The model of these cells, or of their polynomials without that group of rows."""
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
        np.concatenate([one.coefficients if without is None else one.without[without] for one in fitted]),
        table.inputs,
        table.outputs,
        signature,
        variables=table.variables,
        n_threads=1,
    )
