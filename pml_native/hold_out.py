"""Which rows are held out to choose models by: rows at random, or whole lines where the rows lie on a lattice.

On a lattice, a row held out at random has neighbours on all the lines that pass through it, so that a model which is
right on these lines alone passes for exact. What is asked of a model of a table lies between the lines: there, whole
lines are held out. A column has lines if its values repeat; rows of a table with gaps, or of a grid in some of the
columns alone, have them as well as those of a full grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, Samples, Subset, as_samples
from .facts import EqualRows, Facts
from .grids import nearest_lines

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
    samples: Samples,
    validation: float | tuple[ArrayLike, ...] | None,
    rng: np.random.Generator,
    facts: Facts | None = None,
    copies: EqualRows | None = None,
) -> tuple[Subset, Samples]:
    """Rows to train on and rows to choose by: (X, y), or (X, y, gradients), or the fraction given, 0.15 if None.

    The rows to train on are not copied: of a large table searches look at a sample.

    Lines are held out instead where there are any, in all about that fraction, and at least one of each column.
    `facts` are those of the samples; None finds them. `copies` are rows that are nearly equal, which are held out
    together as equal rows are.
    """
    n = len(samples.X)
    if isinstance(validation, tuple):
        if len(validation) not in (2, 3):
            raise ValueError(
                f"validation: expected a fraction, (X, y), or (X, y, gradients), got {len(validation)} items"
            )
        error = "relative" if samples.is_relative else "absolute"
        X, y, *gradients = validation
        if gradients and samples.derivatives is None:
            raise ValueError("validation: expected gradients of the rows to train on as well, got those held out alone")
        held_out = as_samples(
            X, y, error=error, encode=samples.encodings or False, gradients=gradients[0] if gradients else None
        )
        for name, given, wanted in (("X", held_out.X, samples.X), ("y", held_out.y, samples.y)):
            if given.shape[1] != wanted.shape[1]:
                raise ValueError(f"validation {name}: expected {wanted.shape[1]} columns, got {given.shape[1]}")
        return Subset(samples, np.ones(n, dtype=bool)), held_out
    fraction = VALIDATION_FRACTION if validation is None else validation
    if not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ValueError(
            f"validation: expected a fraction between 0 and 1, (X, y), or (X, y, gradients), got {fraction!r}"
        )
    if n < LEAST_ROWS:
        raise ValueError(f"X: expected at least {LEAST_ROWS} rows, of which one is held out, got {n}")
    if facts is None:
        facts = Facts.of(samples)
    is_held_out = _rows_on_lines(samples.X, facts, fraction, rng)
    if is_held_out is None:
        n_held_out = min(max(2, round(fraction * n)), MAX_VALIDATION_ROWS, n - 2)
        is_held_out = np.zeros(n, dtype=bool)
        together = facts.equal_rows if copies is None or not len(copies.rows) else copies
        is_held_out[_first_together(rng.permutation(n), n_held_out, together)] = True
    apart = _apart_held_out(samples, fraction, rng)
    held_out = samples.take(np.flatnonzero(is_held_out), apart=apart)
    return Subset(samples, np.logical_not(is_held_out, out=is_held_out), ~apart), held_out


def _apart_held_out(samples: Samples, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of the derivatives at points without y are held out, if any: (k,), whole points."""
    known = samples.derivatives
    if known is None or not known.is_apart.any():
        return np.zeros(0 if known is None else len(known), dtype=bool)
    points = np.unique(known.numbers[known.is_apart])
    return np.isin(known.numbers, rng.permutation(points)[: round(fraction * len(points))])


def _first_together(order: NDArray[np.intp], n_first: int, equal_rows: EqualRows) -> NDArray[np.intp]:
    """The first of `order` with equal rows at the place of the first of them: no row held out is known from training.

    But for one group of equal rows, which the end of those held out may cut.
    """
    rows, group = equal_rows.rows, equal_rows.group
    if not len(rows):
        return order[:n_first]
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    begin = np.flatnonzero(np.diff(group, prepend=-1))
    place[rows] = np.minimum.reduceat(place[rows], begin)[group]
    # Of rows that only move forward, the first now have been or have come there: the others need no sorting.
    moved_there = order[place[order] < n_first]
    return moved_there[np.argsort(place[moved_there], kind="stable")][:n_first]


def _rows_on_lines(X: Array, facts: Facts, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """The rows of X (n, d) on the lines chosen, none of them at an edge; None where too few rows have lines."""
    n = len(X)
    columns = [
        (values, column)
        for values, column in zip(facts.values, X.T, strict=True)
        if values is not None and LEAST_LINES <= len(values) <= n // LEAST_ROWS_A_LINE
    ]
    on_lines = np.zeros(n, dtype=bool)
    wanted = min(fraction, MAX_VALIDATION_ROWS / n)
    # The column of most lines first: where not all columns can go without a line, it costs the least rows.
    for values, column in sorted(columns, key=lambda pair: -len(pair[0])):
        chosen = np.zeros(len(values), dtype=bool)
        chosen[_apart(len(values), max(1, round(wanted * len(values) / len(columns))), rng)] = True
        more = on_lines | chosen[nearest_lines(values, column)]
        if np.mean(more) > 1.0 - LEAST_TRAINING_SHARE:
            break
        on_lines = more
    return on_lines if on_lines.any() else None


def _apart(n_lines: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Up to `n_wanted` of the lines within, no two side by side: a gap of two asks more than the lines can tell."""
    chosen = np.zeros(n_lines, dtype=bool)
    for line in rng.permutation(np.arange(1, n_lines - 1)):
        if n_wanted > 0 and not (chosen[line - 1] or chosen[line + 1]):
            chosen[line] = True
            n_wanted -= 1
    return np.flatnonzero(chosen)
