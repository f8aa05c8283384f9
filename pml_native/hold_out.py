"""Which rows are held out to choose models by: rows at random, or whole lines where the rows lie on a lattice.

On a lattice, a row held out at random has neighbours on all the lines that pass through it, so that a model which is
right on these lines alone passes for exact. What is asked of a model of a table lies between the lines: there, whole
lines are held out. A column has lines if its values repeat; rows of a table with gaps, or of a grid in some of the
columns alone, have them as well as those of a full grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, Samples, as_samples, repeated_rows

VALIDATION_FRACTION = 0.15
# One is held out of so many rows.
LEAST_ROWS = 3
# More held-out rows than this would only make the training set smaller: the RMSE is known to 1 % already.
MAX_VALIDATION_ROWS = 20_000
# A column of so few values does not tell how y goes between them; each of its values has so many rows.
LEAST_LINES, LEAST_ROWS_A_LINE = 5, 5
# Lines are held out of as many columns as leave this share of the rows to train on.
LEAST_TRAINING_SHARE = 0.4


def split(
    samples: Samples, validation: float | tuple[ArrayLike, ArrayLike] | None, rng: np.random.Generator
) -> tuple[Samples, Samples]:
    """Rows to train on and rows to choose by: the pair given, or the fraction given, 0.15 if None.

    Lines are held out instead where there are any, in all about that fraction, and at least one of each column.
    """
    n = len(samples.X)
    if isinstance(validation, tuple):
        if len(validation) != 2:
            raise ValueError(f"validation: expected a fraction or a pair (X, y), got {len(validation)} items")
        held_out = as_samples(*validation)
        for name, given, wanted in (("X", held_out.X, samples.X), ("y", held_out.y, samples.y)):
            if given.shape[1] != wanted.shape[1]:
                raise ValueError(f"validation {name}: expected {wanted.shape[1]} columns, got {given.shape[1]}")
        return samples, held_out
    fraction = VALIDATION_FRACTION if validation is None else validation
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ValueError(f"validation: expected a fraction between 0 and 1 or a pair (X, y), got {fraction!r}")
    if n < LEAST_ROWS:
        raise ValueError(f"X: expected at least {LEAST_ROWS} rows, of which one is held out, got {n}")
    on_lines = _rows_on_lines(samples.X, fraction, rng)
    if on_lines is not None:
        return samples.take(np.flatnonzero(~on_lines)), samples.take(np.flatnonzero(on_lines))
    n_held_out = min(max(2, round(fraction * n)), MAX_VALIDATION_ROWS, n - 2)
    order = _together(samples.X, rng.permutation(n))
    return samples.take(np.sort(order[n_held_out:])), samples.take(np.sort(order[:n_held_out]))


def _together(X: Array, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """`order` with equal rows of X (n, d) at the place of the first of them: no row held out is known from training.

    But for one group of equal rows, which the end of those held out may cut.
    """
    by_value, group = repeated_rows(X)
    if group[-1] + 1 == len(X):
        return order
    group_of = np.empty(len(X), dtype=np.intp)
    group_of[by_value] = group
    first = np.full(group[-1] + 1, len(X), dtype=np.intp)
    np.minimum.at(first, group_of[order], np.arange(len(X)))
    return order[np.argsort(first[group_of[order]], kind="stable")]


def _rows_on_lines(X: Array, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """The rows of X (n, d) on the lines chosen, none of them at an edge; None where too few rows have lines."""
    n = len(X)
    columns = []
    for column in X.T:
        values, number = np.unique(column, return_inverse=True)
        if LEAST_LINES <= len(values) <= n // LEAST_ROWS_A_LINE:
            columns.append((len(values), number))
    on_lines = np.zeros(n, dtype=bool)
    wanted = min(fraction, MAX_VALIDATION_ROWS / n)
    # The column of most lines first: where not all columns can go without a line, it costs the least rows.
    for n_lines, number in sorted(columns, key=lambda pair: -pair[0]):
        lines = _apart(n_lines, max(1, round(wanted * n_lines / len(columns))), rng)
        more = on_lines | np.isin(number, lines)
        if np.mean(more) > 1.0 - LEAST_TRAINING_SHARE:
            break
        on_lines = more
    return on_lines if on_lines.any() else None


def _apart(n_lines: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Up to `n_wanted` of the lines within, no two side by side: a gap of two asks more than the lines can tell."""
    chosen: list[int] = []
    for line in rng.permutation(np.arange(1, n_lines - 1)):
        if len(chosen) < n_wanted and all(abs(int(line) - other) > 1 for other in chosen):
            chosen.append(int(line))
    return np.array(chosen, dtype=np.intp)
