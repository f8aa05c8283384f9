"""Slices through a model: its values along one input, all others held where one of the rows has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import Array

# Points of a slice: a picture of 300 pixels shows no more of a smooth function.
POINTS = 97
# Slices that a report has: those along which y changes most.
MOST_SLICES = 12
# Inputs that are looked at for them, those of the largest derivatives at the row that slices go through.
MOST_LOOKED_AT = 50
# An input of positive values that span this factor, half of them below this part of the largest, is looked at in its
# logarithm. Of values uniform from 0 half are below 0.5 of it, of values uniform in the logarithm 0.1 or less.
LARGE_FACTOR, SMALL_PART = 100.0, 0.25


@dataclass(frozen=True)
class Slice:
    """Values `y` of the first output, over its RMS, to 4 digits, along the input `name`, from its least to its largest.

    The points are `places(low, high)`, even steps of the input or, if `is_log`, of its logarithm.
    """

    name: str
    is_log: bool
    y: tuple[float, ...]

    def places(self, low: float, high: float) -> Array:
        """Where its values are, of an input from `low` to `high`."""
        return _places(low, high, len(self.y), self.is_log)


def _places(low: float, high: float, n: int, is_log: bool) -> Array:
    share = np.linspace(0.0, 1.0, n)
    places: Array = np.geomspace(low, high, n) if is_log else (1.0 - share) * low + share * high
    return np.clip(places, low, high)


def slices_of(
    evaluate: Callable[[Array], Array],
    evaluate_gradient: Callable[[Array], Array],
    box: Sequence[tuple[float, float]],
    names: Sequence[str],
    rows: Array,
    unit: float,
) -> tuple[tuple[float, ...], tuple[Slice, ...]]:
    """Of a model, (n, d) -> (n, m) and its derivatives (n, m, d), in a `box` of d intervals.

    They go through that of `rows` (n, d) which is nearest to the middle, values are divided by `unit`, and constant
    inputs have none. Returns that row, and the slices in the order of the inputs.
    """
    low, high = np.array(box).T
    middle, half = 0.5 * low + 0.5 * high, np.maximum(0.5 * high - 0.5 * low, np.finfo(np.float64).tiny)
    through = rows[np.argmin(np.max(np.abs((rows - middle) / half), axis=1))]
    looked_at = np.flatnonzero(low < high)
    if len(looked_at) > MOST_LOOKED_AT:
        with np.errstate(all="ignore"):
            steps = np.abs(evaluate_gradient(through[None])[0, 0] * half)
        looked_at = looked_at[np.argsort(-steps[looked_at], kind="stable")[:MOST_LOOKED_AT]]
    is_log = (low > 0.0) & (low < high / LARGE_FACTOR) & (np.median(rows, axis=0) < SMALL_PART * high)
    changes: dict[int, float] = {}
    values: dict[int, Array] = {}
    X = np.tile(through, (POINTS, 1))  # once, as rows may have a hundred thousand columns
    for j in looked_at.tolist():
        X[:, j] = _places(low[j], high[j], POINTS, bool(is_log[j]))
        with np.errstate(all="ignore"):
            values[j] = evaluate(X)[:, 0] / unit
        X[:, j] = through[j]
        known = values[j][np.isfinite(values[j])]
        changes[j] = float(np.max(known) - np.min(known)) if len(known) else 0.0
    most = sorted(changes, key=lambda j: -changes[j])[:MOST_SLICES]
    along = (Slice(names[j], bool(is_log[j]), tuple(float(f"{y:.4g}") for y in values[j])) for j in sorted(most))
    return tuple(through.tolist()), tuple(along)
