"""Interpolation on simplices against SciPy: in the same triangulation of random points, and on regular grids."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

import pml_native as pml
from pml_native import _core

N_QUERIES = 1_000_000
# Of unsorted queries SciPy gets the first tenth: it takes from seconds to minutes for all, at the same cost each.
SHARE = 0.1


def morton_order(X):
    """The order of the rows along a Morton curve through cells of equal size, 60 bits in all."""
    d = X.shape[1]
    bits = 60 // d
    low, high = X.min(0), X.max(0)
    cells = ((X - low) / (high - low) * (2**bits - 1)).astype(np.uint64)
    key = np.zeros(len(X), dtype=np.uint64)
    for bit in range(bits - 1, -1, -1):
        for j in range(d):
            key = (key << np.uint64(1)) | ((cells[:, j] >> np.uint64(bit)) & np.uint64(1))
    return np.argsort(key)


@cache
def case(d, n_points):
    """The triangulation, ours and SciPy's interpolant of a smooth function, and random queries inside the hull."""
    rng = np.random.default_rng(d)
    points = rng.uniform(-1, 1, (n_points, d))
    triangulation = Delaunay(points)
    locator = _core.SimplexLocator(points, triangulation.simplices, triangulation.neighbors)
    y = np.sin(points.sum(1))[:, None]
    X = np.empty((0, d))
    while len(X) < N_QUERIES:
        # The corners of the cube lie outside in many dimensions.
        more = rng.uniform(-0.99, 0.99, (N_QUERIES, d)) if d < 5 else rng.uniform(-0.8, 0.8, (N_QUERIES, d))
        X = np.vstack([X, more[locator.locate(more, 1)[0] >= 0]])
    return locator, LinearNDInterpolator(triangulation, y), y, X[:N_QUERIES].copy()


@pytest.mark.parametrize("order", ["unsorted", "sorted"])
@pytest.mark.parametrize(("d", "n_points"), [(2, 10_000), (2, 100_000), (3, 100_000), (4, 10_000), (6, 1_000)])
def bench_interpolate(compare, d, n_points, order):
    locator, theirs, y, X = case(d, n_points)
    if order == "sorted":
        X = X[morton_order(X)]
    share = SHARE if order == "unsorted" else 1.0
    part = X[: round(share * len(X))]

    def ours():
        return locator.interpolate(X, y, 1)

    # A weight errs by up to d^3 2^-48 here, less than 1e-12, and values are below 1; SciPy's own error is larger.
    np.testing.assert_allclose(ours()[: len(part)], theirs(part), rtol=0, atol=1e-10)
    compare(
        "simplex_interpolate",
        f"{d}D {n_points:,} points, {order}",
        ours,
        {"scipy": lambda: theirs(part)},
        n_elements=len(X),
        min_rounds=3,
        share=share,
    )


@pytest.mark.parametrize(("n", "d"), [(15, 3), (7, 4), (5, 5), (4, 6)])
def bench_grid(compare, n, d):
    """Points of a grid as a table in any order, through the public model: the cells' triangulations may differ."""
    rng = np.random.default_rng(d)
    points = rng.permutation(np.stack(np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij"), -1).reshape(-1, d))
    X = rng.uniform(size=(N_QUERIES, d))
    model = pml.SimplexInterpolator(points, np.sin(points.sum(1)), n_threads=1)
    theirs = LinearNDInterpolator(points, np.sin(points.sum(1)))
    # Qhull's slivers send SciPy's search through all simplices: milliseconds a query.
    share = 2e-4
    part = X[: round(share * len(X))]
    # Whichever way a cell is cut, the interpolants differ by no more than their errors: h^2 / 8 times the curvature
    # along the diagonal, d^2 here.
    known = ~np.isnan(theirs(part))
    assert not np.isnan(model(X)).any()
    np.testing.assert_allclose(model(part)[known], theirs(part)[known], rtol=0, atol=(d / (n - 1)) ** 2 / 4)
    compare(
        "simplex_interpolate",
        f"{d}D grid {n}^{d}, unsorted",
        lambda: model(X),
        {"scipy": lambda: theirs(part)},
        n_elements=len(X),
        min_rounds=3,
        share=share,
    )
