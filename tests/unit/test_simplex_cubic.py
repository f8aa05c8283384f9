"""Cubics on simplices, of values and slopes."""

import itertools

import numpy as np
import pytest
from scipy.spatial import Delaunay

import pml_native as pml


def box(n, d, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))


def wave(X):
    t = X @ np.arange(1.0, X.shape[1] + 1)
    return np.sin(t), np.cos(t)[:, None] * np.arange(1.0, X.shape[1] + 1)


def by_ordinates(tri, y, G, x):
    """The cubic at x as a sum over its ordinates, one by one."""
    simplex = int(tri.find_simplex(x))
    T, vertices = tri.transform[simplex], tri.simplices[simplex]
    w = T[:-1] @ (x - T[-1])
    w = np.append(w, 1 - w.sum())
    f, g, p = y[vertices], G[vertices], tri.points[vertices]
    r = range(len(vertices))
    edge = {(i, j): f[i] + g[i] @ (p[j] - p[i]) / 3 for i in r for j in r if i != j}
    total = sum(w[i] ** 3 * f[i] for i in r) + 3 * sum(w[i] ** 2 * w[j] * edge[i, j] for i, j in edge)
    for three in itertools.combinations(r, 3):
        ordinate = sum(edge[pair] for pair in itertools.permutations(three, 2)) / 4 - sum(f[list(three)]) / 6
        total += 6 * np.prod(w[list(three)]) * ordinate
    return total


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_values_are_those_of_the_ordinates(d):
    X, new = box(30, d), 0.3 * box(20, d, 1)
    y, G = wave(X)
    if d == 1:
        order = np.argsort(X[:, 0])
        from scipy.interpolate import CubicHermiteSpline

        wanted = CubicHermiteSpline(X[order, 0], y[order], G[order, 0])(new[:, 0])
        np.testing.assert_allclose(pml.SimplexInterpolator(X, y, gradients=G)(new), wanted, atol=1e-13)
        return
    tri = Delaunay(X)
    model = pml.SimplexInterpolator(tri, y, gradients=G)
    np.testing.assert_allclose(model(new), [by_ordinates(tri, y, G, x) for x in new], atol=1e-13)
    np.testing.assert_allclose(model(X), y, atol=1e-13)
    np.testing.assert_allclose(model.gradient(0.9999 * X), wave(0.9999 * X)[1], atol=2.0)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("method", ["triangulation", "on_demand"])
def test_quadratics_are_exact_with_their_derivatives(d, method):
    A = box(d, d, 5)
    A += A.T
    X, new = 3.0 + 100.0 * box(40, d), 3.0 + 30.0 * box(20, d, 1)
    y, G = np.einsum("ni,ij,nj->n", X, A, X), 2 * X @ A
    model = pml.SimplexInterpolator(X, y, gradients=G, method=method)
    np.testing.assert_allclose(model(new), np.einsum("ni,ij,nj->n", new, A, new), atol=1e-9)
    np.testing.assert_allclose(model.gradient(new), 2 * new @ A, atol=1e-10)
    np.testing.assert_allclose(model.hessian(new), np.broadcast_to(2 * A, (20, d, d)), atol=1e-11)


@pytest.mark.parametrize("extent", [0.4, 3.0])
def test_derivatives_are_those_of_the_cubic_and_of_its_continuation(extent):
    X, new = box(40, 2), extent * box(30, 2, 1)
    y, G = wave(X)
    model, h = pml.SimplexInterpolator(X, y, gradients=G, outside="linear"), 1e-6
    for j in range(2):
        e = h * np.eye(2)[j]
        change = (model(new + e) - model(new - e)) / (2 * h)
        assert np.median(np.abs(change - model.gradient(new)[:, j])) < 1e-8
        if extent < 1.0:
            bend = (model.gradient(new + e) - model.gradient(new - e)) / (2 * h)
            assert np.median(np.abs(bend - model.hessian(new)[:, j])) < 1e-7


def test_points_in_a_plane_and_on_a_grid_have_slopes():
    flat = np.column_stack([box(30, 2), np.full(30, 2.0)])
    y, G = flat[:, 0] ** 2 + flat[:, 0] * flat[:, 1], np.zeros((30, 3))
    G[:, 0], G[:, 1], G[:, 2] = 2 * flat[:, 0] + flat[:, 1], flat[:, 0], 7.0
    model, new = pml.SimplexInterpolator(flat, y, gradients=G), np.array([[0.1, 0.2, 2.0]])
    np.testing.assert_allclose(model(new), 0.03, atol=1e-14)
    np.testing.assert_allclose(model.gradient(new), [[0.4, 0.1, 0.0]], atol=1e-13)
    grid = np.stack(np.meshgrid([0.0, 1.0, 3.0], [-1.0, 0.5, 2.0], indexing="ij"), axis=-1).reshape(-1, 2)[::-1]
    model = pml.SimplexInterpolator(grid, grid[:, 0] * grid[:, 1], gradients=grid[:, ::-1])
    assert model.used == "grid"
    np.testing.assert_allclose(model([[0.3, 0.7]]), 0.21, atol=1e-14)


def test_fits_of_simplices_meet_slopes_and_keep_them_in_files(tmp_path):
    X, new = box(200, 2), 0.8 * box(300, 2, 1)
    y, G = wave(X)
    errors = []
    for known in ({}, {"gradients": G}):
        model = pml.fit(X, y, method="simplex", **known)
        errors.append(np.sqrt(np.mean((model(new) - wave(new)[0]) ** 2)))
    assert "by y and its derivatives" in model.report.description
    assert errors[1] < 0.2 * errors[0]
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(new), model(new))


def test_slopes_are_known_at_all_points():
    X = box(20, 2)
    y, G = wave(X)
    G[3, 1] = np.nan
    with pytest.raises(ValueError, match="gradients: expected all of them at all points, got 1 that are not known"):
        pml.SimplexInterpolator(X, y, gradients=G)
    assert "by y alone" in pml.fit(X, y, method="simplex", gradients=G).report.description
