"""What holds for any points and queries: weights, empty spheres, hulls, threads, layouts and NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pml_native import _core

EPS = np.finfo(np.float64).eps
SEARCH = settings(max_examples=60, deadline=None)


KINDS = ["uniform", "clusters", "integers", "sphere", "flat"]


@dataclass(frozen=True)
class Scattered:
    """Distinct points of some kind, and queries on them, between them and beyond the hull."""

    kind: str
    d: int
    n: int
    seed: int

    def points_and_queries(self):
        d, rng = self.d, np.random.default_rng(self.seed)
        P = rng.uniform(-1, 1, (d + self.n, d))
        n = len(P)
        if self.kind == "clusters":
            P = 10.0 ** rng.integers(-6, 0, (n, 1)) * P + rng.integers(0, 2, (n, 1))
        elif self.kind == "integers":
            P = rng.integers(-2, 3, (n, d)) / 3
        elif self.kind == "sphere":
            P /= np.linalg.norm(P, axis=1, keepdims=True)
        elif self.kind == "flat":
            P[:, 0] *= 10.0 ** -rng.integers(1, 12)
        P = np.unique(P, axis=0)
        if len(P) <= d:
            P = np.concatenate([np.zeros((1, d)), np.eye(d)])
        few = P[rng.integers(len(P), size=(40, d + 2))]
        beyond = 1.3 * few[:, 0]
        X = np.concatenate([few[:, 0], few[:, :2].mean(1), few.mean(1), beyond, rng.normal(size=(20, d))])
        return P, X


def scattered(most_dimensions=6, kinds=KINDS):
    return st.builds(
        Scattered,
        st.sampled_from(kinds),
        st.integers(2, most_dimensions),
        st.integers(1, 120),
        st.integers(0, 2**32 - 1),
    )


def scale_of(P):
    return np.abs(P).max() + 1


@SEARCH
@given(scattered())
def test_weights_are_barycentric_and_spheres_are_empty(isa, problem):
    P, X = problem.points_and_queries()
    vertices, weights = _core.SimplexSearch(P).locate(X, 1)
    assert np.all(vertices >= -1), "undecided"
    inside = vertices[:, 0] >= 0
    assert np.all(np.isnan(weights[~inside]))
    V, W, Q = vertices[inside], weights[inside], X[inside]
    np.testing.assert_allclose(W.sum(1), 1, rtol=0, atol=8 * EPS)
    np.testing.assert_allclose(np.einsum("nk,nkd->nd", W, P[V]), Q, rtol=0, atol=16 * EPS * scale_of(P))
    for x, simplex, w in zip(Q, V, W, strict=True):
        # All relative to x and in the simplex's own coordinates, so that a flat simplex loses nothing.
        edges = P[simplex[1:]] - P[simplex[0]]
        inverse = np.linalg.inv(edges / np.abs(edges).max(0)) / np.abs(edges).max(0)[:, None]
        slopes = np.abs(inverse).max()
        # Negative only for queries that lie on the hull to rounding, by what rounding of coordinates can change.
        assert w.min() >= -200 * EPS * (1 + slopes * scale_of(P))
        if slopes > 1e6:
            continue  # the next lines would need exact arithmetic
        heights = ((P - x) ** 2).sum(1)
        slope = inverse @ (heights[simplex[1:]] - heights[simplex[0]])
        powers = heights - heights[simplex[0]] - (P - P[simplex[0]]) @ slope
        size = heights + np.abs(P - P[simplex[0]]) @ np.abs(slope)
        assert np.all(powers >= -1e-9 * (1 + slopes) * size.max()), powers.min()


@settings(max_examples=15, deadline=None)
@given(scattered(4))
def test_outside_is_what_no_weights_can_reach(isa, problem):
    P, X = problem.points_and_queries()
    X = X[::7].copy()
    vertices, _ = _core.SimplexSearch(P).locate(X, 1)
    for x, simplex in zip(X, vertices, strict=True):
        # The least sum of distances (by axis) between x and a point of the hull.
        n, d = P.shape
        A = np.zeros((d + 1, n + 2 * d))
        A[:d, :n], A[:d, n : n + d], A[:d, n + d :], A[d, :n] = P.T, np.eye(d), -np.eye(d), 1
        gap = linprog([0] * n + [1] * (2 * d), A_eq=A, b_eq=[*x, 1]).fun
        if gap > 1e-6:  # HiGHS's own tolerance is 1e-7
            assert simplex[0] == -1
        elif simplex[0] == -1:
            assert np.ptp(P, axis=0).min() < 1e-5 or gap > 0 or np.linalg.matrix_rank(P - P[0]) < d or on_hull(P, x)


def on_hull(P, x):
    """Whether some plane through x has all points on one side, to 1e-7: x may be just outside."""
    n, d = P.shape
    # Maximise t with a (p - x) <= -t for all p, |a| <= 1.
    A = np.column_stack([P - x, np.ones(n)])
    found = linprog([0] * d + [-1], A_ub=A, b_ub=np.zeros(n), bounds=[(-1, 1)] * d + [(None, None)])
    return -found.fun >= -1e-7


@SEARCH
@given(scattered())
def test_values_at_the_points_are_exact(isa, problem):
    P, _ = problem.points_and_queries()
    y = np.random.default_rng(len(P)).normal(size=(len(P), 2))
    search = _core.SimplexSearch(P)
    if not search.is_flat:
        np.testing.assert_array_equal(search.interpolate(P, y, 1), y)


@SEARCH
@given(scattered(), st.integers(2, 5))
def test_results_are_bitwise_the_same_for_any_number_of_threads(isa, problem, n_threads):
    P, X = problem.points_and_queries()
    X = np.tile(X, (4, 1)) * np.repeat([1, 0.9, 0.8, 0.7], len(X))[:, None]
    y = P[:, :1] ** 2
    search = _core.SimplexSearch(P)
    assert len(X) > 2 * 256
    for alone, shared in zip(search.locate(X, 1), search.locate(X, n_threads), strict=True):
        np.testing.assert_array_equal(alone, shared)
    np.testing.assert_array_equal(search.interpolate(X, y, 1), search.interpolate(X, y, n_threads))
    np.testing.assert_array_equal(search.gradient(X, y, 1), search.gradient(X, y, n_threads))
    np.testing.assert_array_equal(search.nearest(X, 1), search.nearest(X, n_threads))


# Without cospherical points; where there are, rounding may hide which of the simplices is meant.
@SEARCH
@given(scattered(kinds=["uniform", "clusters"]))
def test_a_query_finds_its_simplex_whatever_else_is_asked(isa, problem):
    P, X = problem.points_and_queries()
    search = _core.SimplexSearch(P)
    together, weights = search.locate(X, 1)
    for k in range(0, len(X), 5):
        alone, weight = search.locate(X[k : k + 1], 1)
        np.testing.assert_array_equal(np.sort(alone[0]), np.sort(together[k]))
        np.testing.assert_allclose(weight[0][np.argsort(alone[0])], weights[k][np.argsort(together[k])], atol=8 * EPS)


@SEARCH
@given(scattered())
def test_affine_functions_are_reproduced(isa, problem):
    P, X = problem.points_and_queries()
    rng = np.random.default_rng(0)
    slope, constant = rng.normal(size=(P.shape[1], 2)), rng.normal(size=2)
    search = _core.SimplexSearch(P)
    values = search.interpolate(X, P @ slope + constant, 1)
    inside = ~np.isnan(values[:, 0])
    expected = X[inside] @ slope + constant
    np.testing.assert_allclose(values[inside], expected, rtol=0, atol=100 * EPS * scale_of(P))


def test_nan_and_infinity_are_outside(isa):
    rng = np.random.default_rng(0)
    P, X = rng.normal(size=(50, 3)), 0.1 * rng.normal(size=(300, 3))
    y = rng.normal(size=(50, 2))
    search = _core.SimplexSearch(P)
    clean = search.interpolate(X, y, 1)
    bad = np.arange(0, 300, 7)
    X[bad, bad % 3] = [np.nan, np.inf, -np.inf] * 14 + [np.nan]
    values = search.interpolate(X, y, 1)
    assert np.all(np.isnan(values[bad]))
    np.testing.assert_allclose(np.delete(values, bad, 0), np.delete(clean, bad, 0), rtol=0, atol=1e-14)
    assert np.all(search.locate(X, 1)[0][bad] == -1)
    assert np.all(np.isnan(search.gradient(X, y, 1)[bad]))


def test_infinite_values_elsewhere_do_not_spoil_a_value_at_a_point():
    rng = np.random.default_rng(0)
    P = rng.normal(size=(50, 3))
    y = np.full((50, 1), np.inf)
    y[7] = 3.0
    assert _core.SimplexSearch(P).interpolate(P[7:8], y, 1)[0, 0] == 3.0


def test_empty_batches_work():
    search = _core.SimplexSearch(np.random.default_rng(0).normal(size=(50, 3)))
    none, y = np.empty((0, 3)), np.zeros((50, 2))
    vertices, weights = search.locate(none, 2)
    assert vertices.shape == weights.shape == (0, 4)
    assert search.interpolate(none, y, 2).shape == (0, 2)
    assert search.gradient(none, y, 2).shape == (0, 2, 3)
    assert search.nearest(none, 2).shape == (0,)
    assert search.interpolate(np.zeros((3, 3)), np.zeros((50, 0)), 1).shape == (3, 0)


def test_points_are_copied_and_counted():
    P = np.random.default_rng(0).normal(size=(1000, 4))
    search = _core.SimplexSearch(P)
    before = search.locate(np.zeros((1, 4)), 1)[0]
    P[:] = 0
    np.testing.assert_array_equal(search.locate(np.zeros((1, 4)), 1)[0], before)
    assert search.n_dimensions == 4
    assert 1000 * 4 * 8 < search.nbytes < 4 * 1000 * 4 * 8


def test_wrong_arguments_are_refused():
    P = np.random.default_rng(0).normal(size=(50, 3))
    search = _core.SimplexSearch(P)
    for points, message in [
        (P[:, 0].copy(), r"points: expected \(N, d\), got \(50,\)"),
        (P[:, :1].copy(), "points: expected 2 to 12 columns, got 1"),
        (np.zeros((50, 13)), "points: expected 2 to 12 columns, got 13"),
        (P[:3], "points: expected at least 4 rows and fewer than 2\\^31, got 3"),
        (np.full((50, 3), np.nan), "points: expected finite numbers, got NaN or infinity"),
    ]:
        with pytest.raises(ValueError, match=message):
            _core.SimplexSearch(points)
    with pytest.raises(ValueError, match=r"X: expected \(n, 3\), got \(5, 2\)"):
        search.locate(np.zeros((5, 2)), 1)
    with pytest.raises(ValueError, match=r"values: expected \(50, m\), got \(49, 2\)"):
        search.interpolate(P, np.zeros((49, 2)), 1)
    with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
        search.nearest(P, 0)
