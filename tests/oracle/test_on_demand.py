"""Simplices found without a triangulation against Qhull's, exact arithmetic, and the linear program solved by HiGHS."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, Delaunay, cKDTree

from pml_native import _core

EPS = np.finfo(np.float64).eps
# Points that Qhull triangulates in a fraction of a second.
SIZES = {2: 2000, 3: 1000, 4: 400, 5: 150, 6: 60}


def cloud(d, n, seed=0):
    """Uniform points, and queries in their box, some outside the hull."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (400, d))


def grid(d, n):
    """n^d points of a regular grid whose coordinates are not round."""
    axis = np.linspace(-0.9, 1.1, n)
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)


def affine_function(points, heights):
    """The affine function that has these heights at d + 1 points, as coefficients of (x, 1), exactly."""
    matrix = [[*map(Fraction, p), Fraction(1), Fraction(h)] for p, h in zip(points, heights, strict=True)]
    for c in range(len(matrix)):
        pivot = next(r for r in range(c, len(matrix)) if matrix[r][c] != 0)  # StopIteration: a flat simplex
        matrix[c], matrix[pivot] = matrix[pivot], matrix[c]
        matrix[c] = [a / matrix[c][c] for a in matrix[c]]
        for r in range(len(matrix)):
            if r != c:
                matrix[r] = [a - matrix[r][c] * b for a, b in zip(matrix[r], matrix[c], strict=True)]
    return [row[-1] for row in matrix]


def deepest_power(P, simplex):
    """The least power of any point with respect to the sphere through d + 1 of them, and its radius squared: exact."""
    exact = [[Fraction(a) for a in p] for p in P.tolist()]
    square = [sum(a * a for a in p) for p in exact]
    *slope, constant = affine_function([exact[k] for k in simplex], [square[k] for k in simplex])
    inside = [sum(a * b for a, b in zip(slope, p, strict=True)) + constant for p in exact]
    return min(s - t for s, t in zip(square, inside, strict=True)), constant + sum(a * a for a in slope) / 4


def assert_empty_spheres(P, simplices):
    for simplex in {tuple(sorted(s)) for s in simplices.tolist()}:
        power, radius_squared = deepest_power(P, simplex)
        # Waves of relative height 6 * 2^-35, 1.7e-10, are in the paraboloid, so that cospherical points have one
        # triangulation.
        assert power >= -1e-9 * radius_squared, f"a point lies inside the sphere by {float(power):.1e}"


def assert_barycentric(P, X, vertices, weights):
    assert np.all(np.abs(weights.sum(1) - 1) <= 4 * EPS)
    assert np.all(np.diff(np.sort(vertices, 1)) > 0)
    np.testing.assert_allclose(
        np.einsum("nk,nkd->nd", weights, P[vertices]), X, rtol=0, atol=16 * EPS * np.abs(P).max()
    )


@pytest.mark.parametrize("d", SIZES)
def test_simplices_are_those_of_qhull(isa, d):
    P, X = cloud(d, SIZES[d])
    triangulation = Delaunay(P)
    theirs = triangulation.find_simplex(X)
    vertices, weights = _core.SimplexSearch(P).locate(X, 1)
    inside = theirs >= 0
    np.testing.assert_array_equal(vertices[:, 0] == -1, ~inside)
    assert np.all(vertices >= -1)
    assert np.all(np.isnan(weights[~inside]))
    np.testing.assert_array_equal(np.sort(vertices[inside]), np.sort(triangulation.simplices[theirs[inside]]))
    assert_barycentric(P, X[inside], vertices[inside], weights[inside])
    corners = np.concatenate([P[vertices[inside]], np.ones((inside.sum(), d + 1, 1))], 2).transpose(0, 2, 1)
    expected = np.linalg.solve(corners, np.concatenate([X[inside], np.ones((inside.sum(), 1))], 1)[:, :, None])[:, :, 0]
    # Their solution loses digits in slivers, ours doesn't.
    bound = 10 * EPS * np.linalg.cond(corners)[:, None]
    assert np.all(np.abs(weights[inside] - expected) <= bound)


@pytest.mark.parametrize("d", SIZES)
def test_values_and_gradients_are_those_of_qhull(isa, d):
    P, X = cloud(d, SIZES[d], seed=1)
    y = np.stack([np.sin(3 * P.sum(1)), np.exp(P[:, 0]) * P[:, 1]], 1)
    search = _core.SimplexSearch(P)
    np.testing.assert_allclose(search.interpolate(X, y, 1), LinearNDInterpolator(P, y)(X), rtol=0, atol=1e-12)
    gradients = search.gradient(X, y, 1)
    vertices, _ = search.locate(X, 1)
    inside = vertices[:, 0] >= 0
    assert np.all(np.isnan(gradients[~inside]))
    edges = P[vertices[inside, 1:]] - P[vertices[inside, :1]]
    expected = np.linalg.solve(edges, y[vertices[inside, 1:]] - y[vertices[inside, :1]]).transpose(0, 2, 1)
    bound = 10 * EPS * np.linalg.cond(edges) * np.abs(expected).max((1, 2))
    assert np.all(np.abs(gradients[inside] - expected).max((1, 2)) <= bound)


@pytest.mark.parametrize(("d", "n"), [(2, 40), (3, 40), (4, 30), (5, 25), (6, 20), (8, 20), (12, 20)])
def test_spheres_are_empty_in_exact_arithmetic(isa, d, n):
    rng = np.random.default_rng(d)
    P = rng.uniform(-1, 1, (n, d))
    X = rng.dirichlet(np.ones(n), 6) @ P
    vertices, weights = _core.SimplexSearch(P).locate(X, 1)
    assert np.all(vertices >= 0)
    assert weights.min() >= 0
    assert_barycentric(P, X, vertices, weights)
    assert_empty_spheres(P, vertices)


@pytest.mark.parametrize(("d", "n"), [(2, 500), (4, 300), (7, 300), (10, 300), (12, 200)])
def test_the_program_is_solved_as_by_highs(isa, d, n):
    rng = np.random.default_rng(d)
    P = rng.normal(size=(n, d))
    X = np.concatenate([0.3 * rng.normal(size=(5, d)), 4 * rng.normal(size=(5, d))])
    vertices, weights = _core.SimplexSearch(P).locate(X, 1)
    for x, simplex, w in zip(X, vertices, weights, strict=True):
        theirs = linprog(((P - x) ** 2).sum(1), A_eq=np.vstack([(P - x).T, np.ones(n)]), b_eq=[0.0] * d + [1.0])
        assert (simplex[0] == -1) == (theirs.status == 2)
        if theirs.status == 0:
            # HiGHS is content with errors of 1e-7.
            np.testing.assert_allclose(w @ ((P[simplex] - x) ** 2).sum(1), theirs.fun, rtol=1e-6)


@pytest.mark.parametrize(("d", "n"), [(2, 60), (3, 15), (4, 7), (5, 5), (6, 4)])
def test_grids_are_searched_everywhere(isa, d, n):
    P = grid(d, n)
    rng = np.random.default_rng(0)
    cells = np.unique(P[:, 0])
    middles = (cells[1:] + cells[:-1]) / 2
    X = np.concatenate(
        [
            P,
            rng.choice(middles, (500, d)),  # centres of cells
            rng.choice(np.concatenate([cells, middles]), (500, d)),  # of faces and edges
            rng.uniform(cells[0], cells[-1], (500, d)),
            np.where(
                rng.random((500, d)) < 0.5, rng.choice(cells, (500, d)), rng.uniform(cells[0], cells[-1], (500, d))
            ),
        ]
    )
    y = rng.normal(size=(len(P), 1))
    search = _core.SimplexSearch(P)
    vertices, weights = search.locate(X, 1)
    assert np.all(vertices >= 0)
    assert weights.min() >= -1e-13
    assert_barycentric(P, X, vertices, weights)
    np.testing.assert_array_equal(search.interpolate(P, y, 1), y)
    # The vertices of a cell are cospherical, and no other point is: the simplex lies in one cell.
    spacing = (cells[-1] - cells[0]) / (n - 1)
    assert np.ptp(P[vertices], axis=1).max() <= spacing * (1 + 1e-12)
    volumes = np.abs(np.linalg.det((P[vertices[:, 1:]] - P[vertices[:, :1]]) / spacing))
    assert volumes.min() > 0.5  # no simplex of corners has less than 1 / d! of a cell
    # Whatever was asked before, the cell is cut in the same way.
    for k in rng.integers(len(X), size=100):
        alone, _ = search.locate(X[k : k + 1], 1)
        np.testing.assert_array_equal(np.sort(alone[0]), np.sort(vertices[k]))


def test_all_queries_of_a_cell_see_the_same_triangulation(isa):
    P = grid(3, 6)
    y = np.random.default_rng(0).normal(size=(len(P), 1))
    search = _core.SimplexSearch(P)
    start, end = np.array([[-0.83, -0.7, 0.9]]), np.array([[1.03, 0.95, -0.8]])
    t = np.linspace(0, 1, 20001)[:, None]
    values = search.interpolate(start + t * (end - start), y, 1)[:, 0]
    # A continuous, piecewise linear function: between neighbours it changes by no more than its slope allows.
    slopes = np.abs(search.gradient(start + t * (end - start), y, 1)[:, 0] @ (end - start)[0])
    assert np.abs(np.diff(values)).max() <= slopes.max() / 20000 * (1 + 1e-9)


def test_points_on_circles_and_spheres_have_empty_spheres(isa):
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * np.arange(24) / 24
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    sphere = rng.normal(size=(40, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    octahedron = np.concatenate([np.eye(4), -np.eye(4)])
    for P in (circle, np.concatenate([circle, [[0.0, 0.0]]]), sphere, octahedron):
        X = np.concatenate([0.9 * rng.dirichlet(np.ones(len(P)), 30) @ P, P, np.zeros((1, P.shape[1]))])
        vertices, weights = _core.SimplexSearch(P).locate(X, 1)
        assert np.all(vertices >= 0)
        assert weights.min() >= -1e-13
        assert_barycentric(P, X, vertices, weights)
        assert_empty_spheres(P, vertices)


@pytest.mark.parametrize("flatness", [1e-3, 1e-6, 1e-9, 1e-12])
def test_clouds_and_grids_that_are_nearly_flat_are_searched(isa, flatness):
    rng = np.random.default_rng(0)
    for P in (rng.uniform(-1, 1, (300, 3)), grid(3, 7)):
        X = rng.dirichlet(np.ones(len(P)), 100) @ P
        vertices, weights = _core.SimplexSearch(P * [1, 1, flatness]).locate(X * [1, 1, flatness], 1)
        assert np.all(vertices >= 0)
        # Coordinates along the flat axis are exact to EPS of their own size, and so are the weights.
        assert weights.min() >= -1e-12
        assert_barycentric(P, X, vertices, weights)
        assert_empty_spheres(P * [1, 1, flatness], vertices[:5])


def test_a_cluster_is_triangulated_to_its_own_scale(isa):
    rng = np.random.default_rng(0)
    inner = 1e-7 * rng.uniform(-1, 1, (30, 2)) + [0.3, 0.4]
    P = np.concatenate([rng.uniform(-1, 1, (30, 2)), inner])
    X = rng.dirichlet(np.ones(30), 20) @ inner
    vertices, weights = _core.SimplexSearch(P).locate(X, 1)
    assert weights.min() >= 0
    assert_empty_spheres(P, vertices)


def test_points_almost_at_another_keep_their_own_value(isa):
    rng = np.random.default_rng(0)
    P = rng.uniform(-1, 1, (200, 3))
    for distance in (1e-6, 1e-10, 1e-14):
        both = np.concatenate([P, P[:100] + distance * rng.choice([-1, 1], (100, 3))])
        y = rng.normal(size=(300, 2))
        np.testing.assert_array_equal(_core.SimplexSearch(both).interpolate(both, y, 1), y)


def test_the_hull_is_that_of_qhull(isa):
    for d, n in ((2, 300), (3, 200), (5, 60)):
        rng = np.random.default_rng(d)
        P = rng.uniform(-1, 1, (n, d))
        X = rng.uniform(-1.1, 1.1, (500, d))
        hull = ConvexHull(P)
        beyond = (X @ hull.equations[:, :-1].T + hull.equations[:, -1]).max(1)
        vertices, _ = _core.SimplexSearch(P).locate(X, 1)
        np.testing.assert_array_equal(vertices[:, 0] == -1, beyond > 0)
        # Points of the facets are inside to rounding, and points a little further out are not.
        facet = rng.dirichlet(np.ones(d), 50)[:, None] @ P[hull.simplices[rng.integers(len(hull.simplices), size=50)]]
        on_hull = facet[:, 0]
        vertices, weights = _core.SimplexSearch(P).locate(on_hull, 1)
        assert np.all(vertices >= 0)
        assert_barycentric(P, on_hull, vertices, weights)
        vertices, _ = _core.SimplexSearch(P).locate(on_hull * (1 + 1e-9), 1)
        assert np.all(vertices == -1)


def test_a_plane_of_points_has_no_simplices(isa):
    rng = np.random.default_rng(0)
    P = rng.uniform(-1, 1, (50, 3))
    for flat in (P * [1, 1, 0], P * [1, 0, 0], np.column_stack([P[:, :2], P[:, :2].sum(1)])):
        search = _core.SimplexSearch(flat)
        assert search.is_flat
        assert np.all(search.locate(flat, 1)[0] == -1)
    assert not _core.SimplexSearch(P * [1, 1, 1e-12]).is_flat


@pytest.mark.parametrize("d", [2, 3, 6, 12])
def test_the_nearest_point_is_that_of_scipy(isa, d):
    rng = np.random.default_rng(0)
    for n in (13, 64, 65, 513, 5000):
        P = rng.normal(size=(n, d))
        X = rng.normal(size=(100, d))
        np.testing.assert_array_equal(_core.SimplexSearch(P).nearest(X, 1), cKDTree(P).query(X)[1])


@pytest.mark.parametrize("d", range(2, 13))
def test_every_dimension_finds_the_corner_of_a_simplex_and_cube(isa, d):
    corners = np.concatenate([np.zeros((1, d)), np.eye(d)])
    X = np.full((1, d), 0.5 / d)
    vertices, weights = _core.SimplexSearch(corners).locate(X, 1)
    np.testing.assert_array_equal(np.sort(vertices), [np.arange(d + 1)])
    np.testing.assert_allclose(np.sort(weights[0]), np.sort([0.5, *[0.5 / d] * d]), rtol=0, atol=2 * EPS)
    if d <= 8:
        cube = np.array(list(itertools.product([-1.0, 1.0], repeat=d)))
        vertices, weights = _core.SimplexSearch(cube).locate(np.concatenate([np.zeros((1, d)), cube]), 1)
        assert np.all(vertices >= 0)
        np.testing.assert_array_equal(weights[1:].max(1), 1.0)
