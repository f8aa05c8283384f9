"""Whether scattered points are those of a tensor grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .arrays import Array


def grid_axes(points: Array) -> tuple[list[Array], NDArray[np.intp]] | None:
    """The axes of the grid whose points are exactly `points` (n, d), in any order; None where there is no such grid.

    With them the order that sorts the points into C order, the last axis fastest.
    """
    n = len(points)
    axes, index = [], np.zeros(n, dtype=np.intp)
    for column in points.T:
        nodes, number = np.unique(column, return_inverse=True)
        if len(nodes) < 2 or n % len(nodes):
            return None
        axes.append(nodes)
        index = index * len(nodes) + number
        if np.prod([len(axis) for axis in axes]) > n:
            return None
    order = np.argsort(index)
    if not np.array_equal(index[order], np.arange(n)):
        return None
    return axes, order
