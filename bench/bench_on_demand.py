"""Delaunay simplices found without a triangulation against Qhull's triangulation, and HiGHS where there is none.

Uniform points and queries, one core. Qhull's time counts the triangulation, which ours does without, apart.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial import Delaunay
from timing import interleaved

from pml_native import _core


def case(d, n_points, n):
    """Points in a cube, queries in its middle nine tenths."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (n_points, d)), rng.uniform(-0.9, 0.9, (n, d))


def highs(P, x):
    """The vertices by the linear program that has every point as a column."""
    P = P - x
    solved = linprog((P**2).sum(1), A_eq=np.vstack([P.T, np.ones(len(P))]), b_eq=[0.0] * P.shape[1] + [1.0])
    return np.flatnonzero(solved.x > 1e-9)


@pytest.mark.parametrize(
    ("d", "n_points", "n", "qhull"),
    [
        (2, 10_000, 100_000, True),
        (3, 100_000, 100_000, True),
        (4, 10_000, 50_000, True),
        (4, 100_000, 50_000, False),  # Qhull: minutes
        (6, 1_000, 10_000, True),
        (6, 10_000, 10_000, False),  # gigabytes
        (6, 100_000, 20_000, False),
        (10, 100_000, 500, False),
    ],
)
def bench_locate(summary_line, benchmark, d, n_points, n, qhull):
    P, X = case(d, n_points, n)
    start = perf_counter()
    search = _core.SimplexSearch(P)
    built = perf_counter() - start
    vertices, _ = search.locate(X, 1)
    assert not np.any(vertices == -2)
    parts = [f"locate             {d}-D {n_points:7,} points, {n:7,} queries "]
    contestants = {"ours": lambda: search.locate(X, 1), "nearest": lambda: search.nearest(X, 1)}
    if qhull:
        start = perf_counter()
        triangulation = Delaunay(P)
        triangulated = perf_counter() - start
        contestants["Qhull"] = lambda: triangulation.find_simplex(X)
        theirs = triangulation.find_simplex(X)
        np.testing.assert_array_equal(theirs >= 0, vertices[:, 0] >= 0)
        inside = theirs >= 0
        np.testing.assert_array_equal(np.sort(triangulation.simplices[theirs[inside]]), np.sort(vertices[inside]))
    seconds = interleaved(contestants, min_rounds=3)
    parts.append(f"{1e6 * seconds['ours'] / n:7.2f} us a query, built in {1e3 * built:.0f} ms;")
    parts.append(f"nearest point {1e6 * seconds['nearest'] / n:.2f} us;")
    if qhull:
        parts.append(f"Qhull {1e6 * seconds['Qhull'] / n:.2f} us, triangulated in {1e3 * triangulated:.0f} ms")
    else:
        few = np.flatnonzero(vertices[:, 0] >= 0)[:2]
        start = perf_counter()
        for k in few:
            np.testing.assert_array_equal(highs(P, X[k]), np.sort(vertices[k]))
        parts.append(f"HiGHS {1e6 * (perf_counter() - start) / len(few):,.0f} us")
    summary_line(" ".join(parts))
    benchmark.pedantic(contestants["ours"], rounds=3, iterations=1)
