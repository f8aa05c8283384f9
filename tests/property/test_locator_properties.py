"""What holds for every triangulation and query: threads, order, degenerate grids and odd numbers change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from pml_native import _core

QUICK = settings(max_examples=25, deadline=None)
EPS = np.finfo(float).eps


def locator_of(points):
    triangulation = Delaunay(points)
    return _core.SimplexLocator(points, triangulation.simplices, triangulation.neighbors), triangulation


def everything(locator, X, y, n_threads=1):
    """All results as arrays."""
    return (*locator.locate(X, n_threads), locator.interpolate(X, y, n_threads), locator.gradient(X, y, n_threads))


def assert_same_bits(some, others):
    assert [a.tobytes() for a in some] == [b.tobytes() for b in others]


@st.composite
def clouds(draw):
    """Random points, some in clusters or on planes, and queries of all kinds around them."""
    d = draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(d + 2, {2: 200, 3: 100, 4: 50, 5: 30, 6: 20}[d]))
    points = rng.uniform(-1, 1, (n, d))
    kind = draw(st.sampled_from(["uniform", "clustered", "on a lattice"]))
    if kind == "clustered":
        points[: n // 2] *= 1e-4
    elif kind == "on a lattice":
        lattice = np.unique(np.round(points * 3), axis=0) / 3
        points = np.vstack([lattice, np.eye(d), -np.eye(d)])
    return points, rng


def queries(points, triangulation, rng, n=60):
    d = points.shape[1]
    corners = points[triangulation.simplices[rng.integers(len(triangulation.simplices), size=n)]]
    weights = rng.dirichlet(np.ones(d + 1), size=n)
    weights[rng.uniform(size=weights.shape) < 0.3] = 0.0
    weights[:, 0] += 1e-300
    weights /= weights.sum(1, keepdims=True)
    inside = np.einsum("nk,nkd->nd", weights, corners)
    odd = rng.uniform(-1, 1, (8, d))
    odd[range(8), rng.integers(d, size=8)] = [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, 1e30]
    return inside, np.vstack([inside, points, rng.uniform(-1.5, 1.5, (n, d)), odd])


@QUICK
@given(clouds())
def test_answers_are_right_or_withheld_whatever_the_points(isa, cloud):
    points, rng = cloud
    locator, triangulation = locator_of(points)
    inside, X = queries(points, triangulation, rng)
    slope = np.arange(1.0, points.shape[1] + 1)
    y = np.column_stack([points @ slope + 0.5, np.sin(5 * points).sum(1)])
    simplex, weights, values, gradient = everything(locator, X, y)

    found = simplex >= 0
    assert not np.isnan(values[found]).any()
    assert np.isnan(values[~found]).all()
    assert np.isnan(weights[~found]).all()
    assert np.isnan(gradient[~found]).all()
    assert ((simplex >= -2) & (simplex < len(triangulation.simplices))).all()
    # The interpolant of a linear function is that function: weights err by d^3 2^-48 at most, values of up to 22 by
    # d + 1 times that.
    tolerance = 22 * (points.shape[1] + 1) * points.shape[1] ** 3 * 2.0**-48
    np.testing.assert_allclose(values[found, 0], X[found] @ slope + 0.5, rtol=0, atol=tolerance)
    # A point of a simplex isn't outside, and data points get their data, bit for bit.
    assert (simplex[: len(inside)] != -1).all()
    vertices = np.unique(triangulation.simplices)
    np.testing.assert_array_equal(locator.interpolate(points[vertices], y, 1), y[vertices])
    # Neither NaN nor what is far away has a simplex.
    assert (simplex[-8:-3] == -1).all()
    assert simplex[-1] == -1


@QUICK
@given(clouds(), st.integers(0, 2**32 - 1))
def test_results_depend_on_the_query_alone(isa, cloud, seed):
    points, rng = cloud
    locator, triangulation = locator_of(points)
    _, X = queries(points, triangulation, rng)
    y = rng.normal(size=(len(points), 3))
    results = everything(locator, X, y)
    assert_same_bits(everything(locator, X, y, 2), results)
    order = np.random.default_rng(seed).permutation(len(X))
    assert_same_bits(everything(locator, X[order], y), [r[order] for r in results])


@pytest.fixture(scope="module")
def large():
    """Enough simplices that large batches are sorted before they walk."""
    points = np.random.default_rng(0).uniform(-1, 1, (300, 6))
    locator, _ = locator_of(points)
    return points, locator


def test_large_batches_give_the_bits_of_small_ones(isa, large):
    points, locator = large
    n = 120_000
    assert 48 * 8 * min(n, locator.n_simplices) > 2**25, "not sorted: the test needs more points"
    rng = np.random.default_rng(1)
    X = rng.uniform(-0.7, 0.7, (n, 6))
    y = rng.normal(size=(len(points), 2))
    results = everything(locator, X, y, 1)
    assert_same_bits(everything(locator, X, y, 2), results)
    assert_same_bits(everything(locator, X, y, 3), results)
    for begin in (0, 50_000, n - 1000):
        rows = slice(begin, begin + 1000)
        assert_same_bits(everything(locator, X[rows], y), [r[rows] for r in results])
    nearly_sorted = np.argsort(X[:, 0])
    assert_same_bits(everything(locator, X[nearly_sorted], y), [r[nearly_sorted] for r in results])


@pytest.mark.parametrize(("d", "n"), [(2, 12), (3, 7), (4, 4), (5, 3)])
@pytest.mark.parametrize("shape", ["regular", "uneven", "rotated"])
def test_grids_are_interpolated_everywhere(isa, d, n, shape):
    """Their triangulations hold many flat simplices, and when rotated, flat but for rounding."""
    axis = np.linspace(-1, 1, n) if shape != "uneven" else np.linspace(0, 1, n) ** 1.3 * np.pi - 1.5
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    rng = np.random.default_rng(d)
    X = rng.uniform(axis[0], axis[-1], (600, d))
    X[200:400, 0] = rng.choice(axis, 200)
    X[300:400, 1] = rng.choice(axis, 100)
    if shape == "rotated":
        turn, _ = np.linalg.qr(rng.normal(size=(d, d)))
        points, X = points @ turn, X @ turn
    locator, _ = locator_of(points)
    slope = np.arange(1.0, d + 1)[:, None]
    simplex, _ = locator.locate(X, 1)
    assert (simplex >= 0).all()
    np.testing.assert_allclose(locator.interpolate(X, points @ slope, 1), X @ slope, rtol=0, atol=1e-13 * d**2)
    y = rng.normal(size=(len(points), 1))
    np.testing.assert_array_equal(locator.interpolate(points, y, 1), y)
