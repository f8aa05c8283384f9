"""Which of many outputs are to be fitted, where the others are sums of these: a spectrum of 500 values has some 30.

The outputs Y (n, m), each over its RMS, have a decomposition with column pivoting (Businger and Golub 1965), Y P = Q R,
in which the first k columns span the others but for what is left in the last rows of R: an interpolative decomposition
(Cheng, Gimbutas, Martinsson, Rokhlin 2005). It takes a few columns more than a singular value decomposition takes
vectors, but these are outputs themselves: they keep their sign, their symmetries and the form of a law, so that all
that is known of single outputs serves, and errors relative to each are those that count. The coefficients of the sums
were below 2 on spectra, so that errors grow little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from ..arrays import Array, rms_of_columns
from ..lapack import solve_triangular
from ..search.search import EPS

# Sums are taken for an output where they meet it to this many roundings, relative to its RMS: products of matrices and
# y itself leave some four of them on spectra of 500 values.
ROUNDINGS = 20.0
# ... and so many times that at the rows held out.
BETWEEN_ROWS = 10.0
# Of the outputs, those that are kept at most: sums of more spare little.
MOST_KEPT = 2 / 3
# So few outputs are all fitted, unless they are multiples of one: which of f, h and f + h are simple, no rank tells.
FEW = 8
# Of more outputs than this, the columns that span the others are sought in so many random sums of the rows (Liberty,
# Woolfe, Martinsson, Rokhlin, Tygert 2007), which takes a tenth of the time, if they are fewer than these but for some
# to spare.
SKETCHED, SUMS, SPARE = 512, 128, 8
# Rows for each output, and in all, of which the sums are made.
ROWS_PER_OUTPUT, FEWEST_ROWS = 4, 2000


@dataclass(frozen=True, eq=False)
class Kept:
    """Y is about Y[:, `places`] @ `mixing` (k, m), to an `error` relative to the RMS of each output, the largest."""

    places: tuple[int, ...]
    mixing: Array
    error: float


def n_rows(n: int, m: int) -> int:
    """How many of `n` rows of `m` outputs `kept_outputs` looks at."""
    return min(n, max(FEWEST_ROWS, ROWS_PER_OUTPUT * m))


def kept_outputs(train: Array, held_out: Array, tolerance: float) -> Kept | None:
    """The outputs (n, m) that others are sums of, to rounding or a tenth of `tolerance`; None where there are none."""
    Y, m = train[: n_rows(*train.shape)], train.shape[1]
    with np.errstate(all="ignore"):
        unit = rms_of_columns(Y)
        Y = Y / unit
    if not np.isfinite(Y).all():
        return None
    enough = max(ROUNDINGS * EPS, 0.1 * tolerance)
    first = _spanning_few(Y, enough) if m > SKETCHED else None
    R, order, k = _spanning(Y, enough) if first is None else _of_first(Y, first)
    if k > MOST_KEPT * m or (k > 1 and m <= FEW):
        return None
    mixing = np.zeros((k, m))
    mixing[:, order[:k]] = np.eye(k)
    mixing[:, order[k:]] = solve_triangular(R[:k, :k], R[:k, k:])
    places = tuple(order[:k].tolist())
    errors = [_largest_error(Y, places, mixing), _largest_error(held_out / unit, places, mixing)]
    with np.errstate(all="ignore"):
        mixing = mixing * unit / unit[list(places), None]
    if not (errors[0] <= 2.0 * enough and errors[1] <= BETWEEN_ROWS * enough and np.isfinite(mixing).all()):
        return None
    return Kept(places, mixing, max(errors))


def _spanning(Y: Array, enough: float) -> tuple[Array, NDArray[np.intp], int]:
    """R and the order of the columns of Y (n, m), and how many first ones leave at most `enough` of each other one."""
    R, order = scipy.linalg.qr(Y, mode="r", pivoting=True)
    R = R[: Y.shape[1]]
    # What is left of each column without the first k: sums of squares from the bottom up.
    left = np.sqrt(np.cumsum((R**2)[::-1], axis=0)[::-1] / len(Y))
    found = np.flatnonzero(np.max(left, axis=1) <= enough)
    return R, order, max(1, int(found[0])) if len(found) else len(R)


def _spanning_few(Y: Array, enough: float) -> NDArray[np.intp] | None:
    """Columns of Y that span the others, if these are few: those that do so for random sums of its rows."""
    sums = np.random.default_rng(0).normal(scale=len(Y) ** -0.5, size=(SUMS, len(Y))) @ Y
    _, order, k = _spanning(sums, enough)
    return order[:k] if k < SUMS - SPARE else None


def _of_first(Y: Array, first: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp], int]:
    """As `_spanning`, where the first columns are known; what the others leave is not in R."""
    order = np.concatenate([first, np.setdiff1d(np.arange(Y.shape[1]), first)])
    Q, R = scipy.linalg.qr(Y[:, first], mode="economic")
    return np.hstack([R, Q.T @ Y[:, order[len(first) :]]]), order, len(first)


def _largest_error(Y: Array, places: tuple[int, ...], mixing: Array) -> float:
    return float(np.max(np.sqrt(np.mean((Y[:, list(places)] @ mixing - Y) ** 2, axis=0))))
