"""Point location and interpolation against exact fractions over all simplices, and against SciPy."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from pml_native import _core

EPS = np.finfo(float).eps


def fractions_of(array):
    return [[Fraction(entry) for entry in row] for row in np.atleast_2d(array)]


class ExactSimplex:
    """Barycentric weights in fractions: the inverse of the vertices, bordered with ones, times the query and 1."""

    def __init__(self, vertices):
        n = len(vertices)
        rows = [[*column, *map(Fraction, row)] for column, row in zip(bordered(vertices), np.eye(n), strict=True)]
        self.flat = False
        for c in range(n):
            pivot = next((r for r in range(c, n) if rows[r][c] != 0), None)
            if pivot is None:
                self.flat = True
                return
            rows[c], rows[pivot] = rows[pivot], rows[c]
            rows[c] = [entry / rows[c][c] for entry in rows[c]]
            for r in range(n):
                if r != c and rows[r][c] != 0:
                    rows[r] = [a - rows[r][c] * b for a, b in zip(rows[r], rows[c], strict=True)]
        self.inverse = [row[n:] for row in rows]

    def weights(self, q):
        (column,) = zip(*bordered([q]), strict=True)
        return [sum(a * b for a, b in zip(row, column, strict=True)) for row in self.inverse]


def bordered(points):
    """One column a point: its coordinates, and 1."""
    return [*zip(*fractions_of(points), strict=True), [Fraction(1)] * len(points)]


def locator_of(points, triangulation=None):
    triangulation = triangulation or Delaunay(points)
    return _core.SimplexLocator(points, triangulation.simplices, triangulation.neighbors), triangulation


def star(d):
    """The simplex of 0 and the unit vectors, cut into d + 1 by a point inside."""
    points = np.vstack([np.zeros(d), np.eye(d), np.full(d, 0.3 / d)])
    simplices = np.array([[d + 1 if k == i else k for k in range(d + 1)] for i in range(d + 1)], dtype=np.int32)
    neighbors = np.array([[-1 if k == i else k for k in range(d + 1)] for i in range(d + 1)], dtype=np.int32)
    return points, simplices, neighbors


def slivers():
    """Points on a parabola so shallow that the triangles along it are 1e-9 as high as they are wide, and one apart."""
    x = np.linspace(-1, 1, 9)
    return np.vstack([np.column_stack([x, 1e-9 * x**2]), [[0.1, 1.0]]])


def ill_conditioned_in_3d():
    rng = np.random.default_rng(4)
    points = rng.uniform(-1, 1, (12, 3))
    points[:8, 2] = points[:8, 0] - 2 * points[:8, 1] + 1e-8 * rng.normal(size=8)
    return points


def random_points(d, n):
    return np.random.default_rng(d).uniform(-1, 1, (n, d))


SMALL = {
    **{f"{d}D": random_points(d, n) for d, n in ((2, 14), (3, 10), (4, 8), (5, 8))},
    "slivers": slivers(),
    "ill-conditioned": ill_conditioned_in_3d(),
}


def queries_around(points, triangulation, rng):
    """Inside, on facets and edges, at vertices, near the hull and far from it."""
    d = points.shape[1]
    corners = points[triangulation.simplices[rng.integers(len(triangulation.simplices), size=24)]]
    weights = rng.dirichlet(np.ones(d + 1), size=24)
    weights[8:16, 0] = 0.0
    weights[16:, : d - 1] = 0.0
    weights /= weights.sum(1, keepdims=True)
    inside = np.einsum("nk,nkd->nd", weights, corners)
    return np.vstack([inside, points, inside * 1.01, rng.uniform(-2, 2, (8, d))])


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_those_of_exact_fractions(isa, name):
    points = SMALL[name]
    d = points.shape[1]
    locator, triangulation = locator_of(points)
    exact = [ExactSimplex(points[corners]) for corners in triangulation.simplices]
    X = queries_around(points, triangulation, np.random.default_rng(0))
    simplex, weights = locator.locate(X, 1)
    for q, s, w in zip(X, simplex, weights, strict=True):
        if s == -1:
            assert np.isnan(w).all()
            assert not any(min(e.weights(q)) >= 0 for e in exact if not e.flat)
            continue
        assert s >= 0
        assert abs(w.sum() - 1) <= 4 * EPS
        wanted = exact[s].weights(q)
        if min(wanted) >= 0:
            np.testing.assert_allclose(w, [float(e) for e in wanted], rtol=0, atol=d**3 * 2.0**-48)
        # Where the query is beyond the facet, it is so by rounding, and has moved onto it: the weights of thin
        # simplices change a lot by that, but not the place.
        place = weights_times_vertices(w, points[triangulation.simplices[s]])
        assert max(abs(float(a - b)) for a, b in zip(place, fractions_of(q)[0], strict=True)) <= d**3 * 2.0**-48


def weights_times_vertices(w, vertices):
    return [sum(Fraction(wk) * c for wk, c in zip(w, column, strict=True)) for column in bordered(vertices)[:-1]]


@pytest.mark.parametrize("name", SMALL)
def test_values_at_data_points_are_the_data(isa, name):
    points = SMALL[name]
    locator, _ = locator_of(points)
    y = np.random.default_rng(1).normal(size=(len(points), 2))
    np.testing.assert_array_equal(locator.interpolate(points, y, 1), y)


@pytest.mark.parametrize(("d", "n"), [(2, 400), (3, 300), (4, 150), (5, 60), (6, 35), (7, 25)])
def test_values_are_those_of_scipy_on_the_same_triangulation(isa, d, n):
    points = random_points(d, n)
    locator, triangulation = locator_of(points)
    y = np.column_stack([points @ np.arange(1, d + 1) + 0.5, np.sin(3 * points).sum(1), np.exp(points[:, 0])])
    X = np.random.default_rng(2).uniform(-1.1, 1.1, (3000, d))
    theirs = LinearNDInterpolator(triangulation, y)(X)
    np.testing.assert_allclose(locator.interpolate(X, y, 1), theirs, rtol=0, atol=1e-12)
    for column in range(3):  # one column is a kernel's special case
        alone = locator.interpolate(X, y[:, [column]].copy(), 1)
        np.testing.assert_allclose(alone[:, 0], theirs[:, column], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(locator.locate(X, 1)[0] >= 0, ~np.isnan(theirs[:, 0]))


@pytest.mark.parametrize("d", range(1, 17))
def test_every_dimension_finds_the_parts_of_a_star(isa, d):
    points, simplices, neighbors = star(d)
    locator = _core.SimplexLocator(points, simplices, neighbors)
    assert (locator.n_simplices, locator.n_dimensions) == (d + 1, d)
    assert (locator.n_flat, locator.n_inverted) == (0, 0)
    assert locator.nbytes > 0
    rng = np.random.default_rng(d)
    wanted = rng.integers(d + 1, size=200)
    weights = rng.dirichlet(np.ones(d + 1), size=200)
    X = np.einsum("nk,nkd->nd", weights, points[simplices[wanted]])
    simplex, found = locator.locate(X, 1)
    np.testing.assert_array_equal(simplex, wanted)
    # Conditioned no worse than the sum of the entries of the inverse: about (d / 0.3)^2.
    np.testing.assert_allclose(found, weights, rtol=0, atol=2000 * d * EPS)
    assert (locator.locate(points.mean(0)[None] - 1.0, 1)[0] == -1).all()


@pytest.mark.parametrize("d", [2, 3, 5])
def test_the_gradient_is_that_of_the_plane_through_the_vertices(isa, d):
    points = random_points(d, 30)
    locator, triangulation = locator_of(points)
    y = np.random.default_rng(3).normal(size=(30, 2))
    X = np.random.default_rng(4).uniform(-1, 1, (50, d))
    simplex, _ = locator.locate(X, 1)
    gradient = locator.gradient(X, y, 1)
    assert gradient.shape == (50, 2, d)
    for s, g in zip(simplex, gradient, strict=True):
        if s < 0:
            assert np.isnan(g).all()
            continue
        corner = triangulation.simplices[s]
        edges = points[corner[1:]] - points[corner[0]]
        expected = np.linalg.solve(edges, y[corner[1:]] - y[corner[0]]).T
        np.testing.assert_allclose(g, expected, rtol=1e-13 * np.linalg.cond(edges), atol=1e-12)


def test_flat_simplices_are_counted_and_walks_lead_past_them(isa):
    # Two squares; between them a flat triangle of the three points on x = 0.
    points = np.array([[-1.0, -1.0], [-1.0, 1.0], [0.0, -1.0], [0.0, 0.0], [0.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    simplices = np.array([[0, 2, 4], [0, 4, 1], [2, 3, 4], [2, 5, 3], [3, 5, 6], [3, 6, 4]], dtype=np.int32)
    neighbors = np.array([[2, 1, -1], [-1, -1, 0], [5, 0, 3], [4, 2, -1], [-1, 5, 3], [-1, 2, 4]], dtype=np.int32)
    locator = _core.SimplexLocator(points, simplices, neighbors)
    assert (locator.n_flat, locator.n_inverted) == (1, 0)
    rng = np.random.default_rng(0)
    X = np.vstack([rng.uniform(-1, 1, (500, 2)), np.column_stack([np.zeros(50), rng.uniform(-1, 1, 50)]), points])
    simplex, _ = locator.locate(X, 1)
    assert (simplex >= 0).all()
    assert (simplex[:550] != 2).all()
    y = np.abs(points[:, [1]])
    np.testing.assert_array_equal(locator.interpolate(points, y, 1), y)
    slope = np.array([[1.0], [2.0]])
    np.testing.assert_allclose(locator.interpolate(X, points @ slope, 1), X @ slope, rtol=0, atol=8 * EPS)


def test_neighbors_on_one_side_of_their_facet_are_counted(isa):
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.2, 0.2]])
    simplices = np.array([[0, 1, 2], [1, 0, 3]], dtype=np.int32)
    neighbors = np.array([[-1, -1, 1], [-1, -1, 0]], dtype=np.int32)
    assert _core.SimplexLocator(points, simplices, neighbors).n_inverted == 1


def test_values_that_are_not_numbers_stay_where_they_are(isa):
    points, simplices, neighbors = star(2)
    locator = _core.SimplexLocator(points, simplices, neighbors)
    y = np.array([[1.0], [np.nan], [np.inf], [2.0]])
    np.testing.assert_array_equal(locator.interpolate(points, y, 1), y)


def test_wrong_shapes_and_indices_are_refused():
    points, simplices, neighbors = star(2)
    locator = _core.SimplexLocator(points, simplices, neighbors)
    X, y = np.zeros((3, 2)), np.zeros((4, 1))
    build = _core.SimplexLocator
    for call, message in [
        (lambda: build(points[:, 0].copy(), simplices, neighbors), r"points: expected \(N, d\), got \(4,\)"),
        (lambda: build(np.zeros((4, 17)), simplices, neighbors), r"d from 1 to 16, got \(4, 17\)"),
        (lambda: build(points, simplices[:, :2].copy(), neighbors), r"simplices: expected \(S, 3\), got \(3, 2\)"),
        (lambda: build(points, simplices[:0], neighbors[:0]), "expected 1 to 2147483647 rows, got 0"),
        (lambda: build(points, simplices, neighbors[:2]), r"neighbors: expected \(3, 3\), got \(2, 3\)"),
        (lambda: build(points, simplices + 9, neighbors), "simplices: expected indices from 0 to 3, got"),
        (lambda: build(points, simplices, neighbors - 7), "neighbors: expected indices from -1 to 2, got"),
        (lambda: build(points, simplices, neighbors[::-1].copy()), "point back"),
        (lambda: build(points * np.nan, simplices, neighbors), "points: expected finite numbers"),
        (lambda: build(points * 0, simplices, neighbors), "one that has a volume, got flat ones only"),
        (lambda: locator.locate(np.zeros((3, 3)), 1), r"X: expected \(n, 2\), got \(3, 3\)"),
        (lambda: locator.interpolate(X, np.zeros((3, 1)), 1), r"values: expected \(4, m\), got \(3, 1\)"),
        (lambda: locator.gradient(X, np.zeros(4), 1), r"values: expected \(4, m\), got \(4,\)"),
        (lambda: locator.interpolate(X, y, 0), "n_threads: expected a positive integer, got 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_no_queries_give_empty_results():
    locator = _core.SimplexLocator(*star(3))
    X = np.empty((0, 3))
    simplex, weights = locator.locate(X, 2)
    assert (simplex.shape, simplex.dtype, weights.shape) == ((0,), np.int32, (0, 4))
    assert locator.interpolate(X, np.zeros((5, 2)), 2).shape == (0, 2)
    assert locator.gradient(X, np.zeros((5, 2)), 2).shape == (0, 2, 3)
