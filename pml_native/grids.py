"""Whether scattered points are those of a tensor grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .arrays import Array


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

    `axes` hold all values of each column, ascending. None where a node is no point.
    """
    place = np.zeros(len(points), dtype=np.intp)
    for column, axis in zip(points.T, axes, strict=True):
        place *= len(axis)
        place += np.searchsorted(axis, column)
    order = np.full(len(points), -1, dtype=np.intp)
    order[place] = np.arange(len(points))
    return None if np.any(order < 0) else order
