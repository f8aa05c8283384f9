"""Solves a large dense system of equations by steps: elimination with partial pivoting, a panel of columns at a time.

For each panel of columns (Golub and Van Loan, "Matrix Computations", algorithm 3.4.3),
    P [A11; A21] = [L11; L21] U11,   U12 = L11^-1 P A12,   A22 := P A22 - L21 U12,
where the columns of A12 and A22 come in parts that know nothing of each other. A single call of LAPACK for 10,000
unknowns can't be ended for half a minute; a step here takes some 0.2 s, and the speed is the same.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ..arrays import Array
from ..lapack import solve_triangular
from .scheduler import Part, Step, Worker
from .search import MOST_STEP

# Columns of a panel: with fewer, passing over the rest of the matrix takes longer than multiplying; with more, the
# panels, which LAPACK factors one by one, take a larger share of the work.
PANEL = 256


def elimination_work(n: float) -> float:
    """Multiply-adds of a system of n equations."""
    return n**3 / 3.0


def solved_by_steps(system: Array, n_right: int) -> Part[Array | None]:
    """The solution (n, m) of the equations A x = b in the rows [A b] of `system` (n, n + m); None if A is singular.

    A part of a search, by `yield from`. It works in the place of `system`.
    """
    n = len(system)
    for begin in range(0, n, PANEL):
        end = min(begin + PANEL, n)
        width = max(PANEL, int(MOST_STEP / ((n - begin) * (end - begin))))
        [order] = yield [Step((n - begin) * (end - begin) ** 2, partial(_factored, system, begin, end))]
        if order is None:
            return None
        yield [
            Step(
                (n - begin) * (end - begin) * (min(first + width, n + n_right) - first),
                partial(_eliminated, system, begin, end, order, slice(first, min(first + width, n + n_right))),
            )
            for first in range(end, n + n_right, width)
        ]
    solution: list[Array] = yield [Step(n * n * n_right / 2.0, lambda worker: _substituted(system, n))]
    return solution[0]


def _factored(system: Array, begin: int, end: int, worker: Worker) -> NDArray[np.intp] | None:
    """Factors a panel in its place; the order of its rows, or None where a pivot is 0."""
    panel, pivots, info = lapack.dgetrf(system[begin:, begin:end])
    if info:
        return None
    system[begin:, begin:end] = panel
    order = np.arange(len(panel))
    for row, pivot in enumerate(pivots):
        order[[row, pivot]] = order[[pivot, row]]
    return order


def _eliminated(system: Array, begin: int, end: int, order: NDArray[np.intp], columns: slice, worker: Worker) -> None:
    part = system[begin:, columns]
    moved = np.flatnonzero(order != np.arange(len(order)))
    part[moved] = part[order[moved]]
    size = end - begin
    part[:size] = solve_triangular(system[begin:end, begin:end], part[:size], lower=True, unit_diagonal=True)
    part[size:] -= system[end:, begin:end] @ part[:size]


def _substituted(system: Array, n: int) -> Array:
    return solve_triangular(system[:, :n], system[:, n:])
