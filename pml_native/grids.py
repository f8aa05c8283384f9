"""Whether scattered points are those of a tensor grid, and which values of a column are one but for rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .arrays import Array

# Values of a column that are one may differ by so many units of rounding of its largest: 1 or 2 where one program has
# a * b and another b * a, 5 for text of 16 digits, 10 where steps were added up.
ROUNDING_ULPS = 16.0
# ... if those that are not one are so many times farther apart. What a smooth y does between two values of one line is
# then below a thousandth of what it does from line to line; numbers in sequence, ulp after ulp, are left alone.
SEPARATION = 1e3
# ... and they differ by no less than this part of what they may, if not by their own rounding: 1e-300 and 1e-260 among
# numbers up to 1 are numbers of many magnitudes, not one.
LEAST_ROUNDING = 2.0**-10


def merged_by_rounding(ascending: Array) -> NDArray[np.intp] | None:
    """Where each value begins among `ascending` numbers (n,), if some that differ by rounding are one; else None.

    The rounding is that of the largest number or, where numbers are of many magnitudes, that of each.
    """
    low, high = ascending[:-1], ascending[1:]
    gaps = 0.5 * high - 0.5 * low  # halves, which can't overflow
    largest = np.max(np.abs(ascending), initial=0.0)
    for least_size in (largest, 0.0):
        tolerance = 0.5 * _rounding(low, high, least_size)
        is_next = gaps > tolerance
        is_rounding = ~is_next & (gaps > 0.0)
        is_tiny = is_rounding & (gaps < LEAST_ROUNDING * tolerance) & (gaps > 0.5 * _rounding(low, high, 0.0))
        if not is_rounding.any() or is_tiny.any() or np.any(gaps[is_next] < SEPARATION * tolerance[is_next]):
            continue
        first = np.flatnonzero(np.concatenate(([True], is_next)))
        least, most = ascending[first], ascending[np.append(first[1:], len(ascending)) - 1]
        if np.all(0.5 * most - 0.5 * least <= 0.5 * _rounding(least, most, least_size)):
            return first
    return None


def _rounding(low: Array, high: Array, least_size: float) -> Array:
    """How much numbers of the size of `low` and `high`, or of `least_size` where that is more, differ by rounding."""
    size: Array = np.maximum(np.maximum(np.abs(low), np.abs(high)), least_size)
    return ROUNDING_ULPS * np.spacing(size)


def nearest_lines(axis: Array, column: Array) -> NDArray[np.intp]:
    """The place on `axis` (k,), ascending, of the value that is nearest to each number of `column` (n,)."""
    if len(axis) < 2:
        return np.zeros(len(column), dtype=np.intp)
    after = np.clip(np.searchsorted(axis, column), 1, len(axis) - 1)
    return after - (column - axis[after - 1] < axis[after] - column)


def grid_axes(points: Array) -> tuple[list[Array], NDArray[np.intp]] | None:
    """The axes of the grid whose points are exactly `points` (n, d), in any order; None where there is no such grid.

    With them the order that sorts the points into C order, the last axis fastest.
    """
    n, n_nodes = len(points), 1
    axes = []
    for column in points.T:
        axes.append(np.unique(column))
        n_nodes *= len(axes[-1])
        if len(axes[-1]) < 2 or n % n_nodes:
            return None
    order = grid_order(points, axes) if n_nodes == n else None
    return None if order is None else (axes, order)


def grid_order(points: Array, axes: Sequence[Array]) -> NDArray[np.intp] | None:
    """The order that sorts `points` (n, d) into C order of the grid of n nodes with these axes.

    `axes` hold all values of each column, ascending, but for rounding. None where a node is no point.
    """
    place = np.zeros(len(points), dtype=np.intp)
    for column, axis in zip(points.T, axes, strict=True):
        place *= len(axis)
        place += nearest_lines(axis, column)
    order = np.full(len(points), -1, dtype=np.intp)
    order[place] = np.arange(len(points))
    return None if np.any(order < 0) else order
