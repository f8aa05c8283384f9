"""A Delaunay triangulation that is one: every point a vertex, no simplex flat, neighbours on both sides of each facet.

Qhull builds it. Where points lie on common spheres or planes, as those of a grid do, it leaves simplices without volume
or drops points. The remedy is the symbolic perturbation's numerical cousin: Delaunay simplices are the lower facets of
the hull of the points lifted to a paraboloid; with random numbers, far below the distance to the next sphere but far
above rounding, added to the lifted heights, no d + 2 lifted points share a hyperplane any more. The result triangulates
each cell that the common spheres leave undecided, and touches nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, Delaunay, QhullError

from .. import _core
from ..arrays import Array

# Simplices a point of uniform data in many points, by dimension from 2 (3 is 24 pi^2 / 35), and Qhull's seconds and
# bytes for each with what we keep.
SIMPLICES_PER_POINT = (2.0, 6.8, 32.0, 187.0, 1300.0)
SECONDS_PER_SIMPLEX = 4e-6
BYTES_PER_SIMPLEX = 500.0
# Of the squared distance between neighbours: the heights' perturbation, above the 1e-13 that Qhull takes for equal.
PERTURBATION = 1e-6
# Facets of the lifted hull count as lower where their normal points down by more than rounding.
DOWNWARD = -1e-9


@dataclass(frozen=True)
class Triangulation:
    """Simplices (s, d + 1) of points, and the neighbour (s, d + 1) opposite each vertex, -1 at the hull."""

    simplices: NDArray[np.int32]
    neighbors: NDArray[np.int32]


def expected_simplices(n: int, d: int) -> float:
    """How many simplices n uniform points in d dimensions have, roughly."""
    growth = SIMPLICES_PER_POINT[-1] * 9.0 ** max(0, d - 6)
    return n * (SIMPLICES_PER_POINT[d - 2] if d <= 6 else growth)


def expected_seconds(n: int, d: int) -> float:
    """How long Qhull takes, roughly."""
    return SECONDS_PER_SIMPLEX * 1.4 ** (d - 2) * expected_simplices(n, d)


def expected_bytes(n: int, d: int) -> float:
    """How much memory it takes, roughly."""
    return BYTES_PER_SIMPLEX * expected_simplices(n, d)


def triangulate(points: Array) -> tuple[Triangulation, _core.SimplexLocator] | None:
    """A sound triangulation of `points` (n, d), d >= 2, and its locator; None where Qhull can't give one."""
    for build in (_plain, _perturbed):
        try:
            found = build(points)
        except QhullError:
            continue
        if found is None:
            continue
        locator = _core.SimplexLocator(points, found.simplices, found.neighbors)
        if locator.n_flat == 0 and locator.n_inverted == 0:
            return found, locator
    return None


def _plain(points: Array) -> Triangulation | None:
    delaunay = Delaunay(points)
    return None if len(delaunay.coplanar) else Triangulation(delaunay.simplices, delaunay.neighbors)


def _perturbed(points: Array) -> Triangulation | None:
    n, d = points.shape
    # The same numbers each time, so that the same points have the same triangulation.
    noise = np.random.default_rng(0).uniform(size=n)
    spacing = float(np.prod(np.ptp(points, axis=0)) / n) ** (1.0 / d)
    lifted = np.sum(points**2, axis=1) + PERTURBATION * spacing**2 * noise
    hull = ConvexHull(np.column_stack([points, lifted]))
    lower = hull.equations[:, -2] < DOWNWARD
    simplices = hull.simplices[lower]
    if len(np.unique(simplices)) < n:
        return None
    number = np.full(len(lower), -1, dtype=np.int32)
    number[lower] = np.arange(lower.sum(), dtype=np.int32)
    neighbors = hull.neighbors[lower]
    found = Triangulation(simplices, np.where(neighbors >= 0, number[neighbors], -1).astype(np.int32))
    return found if _fills_hull(points, simplices, found.neighbors) else None


def _fills_hull(points: Array, simplices: NDArray[np.int32], neighbors: NDArray[np.int32]) -> bool:
    """Whether the simplices have the volume of the hull of the points, apart from rounding."""
    edges = points[simplices[:, 1:]] - points[simplices[:, :1]]
    volume = float(np.sum(np.abs(np.linalg.det(edges)))) / math.factorial(points.shape[1])
    return math.isclose(volume, ConvexHull(points).volume, rel_tol=1e-9)
