"""The simplices of a grid against the Delaunay condition and against linear interpolation in one dimension."""

import numpy as np
import pytest

from pml_native import _core


def grid_points(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def random_axes(d, rng):
    return [np.sort(rng.uniform(-1, 3, rng.integers(2, 7))) for _ in range(d)]


@pytest.mark.parametrize("d", range(1, 7))
def test_the_weights_are_those_of_a_simplex_of_the_cell_that_holds_the_query(d):
    rng = np.random.default_rng(d)
    axes = random_axes(d, rng)
    points = grid_points(axes)
    X = rng.uniform([a[0] for a in axes], [a[-1] for a in axes], (300, d))
    vertices, weights = _core.SimplexGrid(axes).locate(X, 1)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-15)
    assert weights.min() >= 0
    np.testing.assert_allclose(np.einsum("nv,nvd->nd", weights, points[vertices]), X, rtol=0, atol=4e-15)
    for x, simplex in zip(X, points[vertices], strict=True):
        for j, axis in enumerate(axes):
            cell = np.searchsorted(axis, x[j], side="right") - 1
            assert set(simplex[:, j]) == set(axis[cell : cell + 2])
        assert abs(np.linalg.det(simplex[1:] - simplex[0])) > 0


@pytest.mark.parametrize("d", range(1, 5))
def test_no_point_of_the_grid_is_inside_the_sphere_of_a_simplex(d):
    rng = np.random.default_rng(10 + d)
    axes = random_axes(d, rng)
    points = grid_points(axes)
    X = rng.uniform([a[0] for a in axes], [a[-1] for a in axes], (50, d))
    vertices, _ = _core.SimplexGrid(axes).locate(X, 1)
    for simplex in points[vertices]:
        edges = simplex[1:] - simplex[0]
        centre = simplex[0] + np.linalg.solve(2 * edges, np.sum(edges**2, axis=1))
        distance = np.linalg.norm(points - centre, axis=1)
        assert distance.min() > np.linalg.norm(simplex[0] - centre) * (1 - 1e-12)


def test_one_dimension_is_piecewise_linear():
    rng = np.random.default_rng(0)
    axis = np.cumsum(rng.exponential(size=200) ** 4)  # cells of very different widths
    y = rng.normal(size=(200, 1))
    x = rng.uniform(axis[0], axis[-1], (5000, 1))
    value = _core.SimplexGrid([axis]).interpolate(x, y, 1)[:, 0]
    np.testing.assert_allclose(value, np.interp(x[:, 0], axis, y[:, 0]), rtol=0, atol=1e-13)


def test_gradients_are_differences_along_the_edges():
    rng = np.random.default_rng(3)
    axes = random_axes(3, rng)
    grid, values = _core.SimplexGrid(axes), rng.normal(size=(np.prod([len(a) for a in axes]), 2))
    X = rng.uniform([a[0] for a in axes], [a[-1] for a in axes], (200, 3))
    h = 1e-7
    gradient = grid.gradient(X, values, 1)
    for j in range(3):
        step = h * np.eye(3)[j]
        left, right = (grid.interpolate(X + s * step, values, 1) for s in (-1, 1))
        same = np.all(grid.locate(X - step, 1)[0] == grid.locate(X + step, 1)[0], axis=1)
        assert same.sum() > 150
        np.testing.assert_allclose(gradient[same, :, j], ((right - left) / (2 * h))[same], rtol=1e-5, atol=1e-6)


def test_nodes_have_their_values_exactly_and_threads_change_nothing():
    rng = np.random.default_rng(4)
    axes = random_axes(4, rng)
    points = grid_points(axes)
    grid, values = _core.SimplexGrid(axes), rng.normal(size=(len(points), 3))
    np.testing.assert_array_equal(grid.interpolate(points, values, 1), values)
    X = rng.uniform(-1, 3, (20_000, 4))
    np.testing.assert_array_equal(grid.interpolate(X, values, 1), grid.interpolate(X, values, 3))


def test_queries_outside_or_nan_are_nan_and_none_is_nothing():
    grid, values = _core.SimplexGrid([np.arange(3.0), np.arange(4.0)]), np.zeros((12, 1))
    X = np.array([[-1e-12, 1.0], [1.0, np.nan], [np.inf, 1.0], [1.0, 3.0]])
    np.testing.assert_array_equal(np.isnan(grid.interpolate(X, values, 1)[:, 0]), [True, True, True, False])
    np.testing.assert_array_equal(grid.locate(X, 1)[0][:3], -1)
    assert grid.gradient(np.zeros((0, 2)), values, 1).shape == (0, 1, 2)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ([], "axes: expected 1 to 32 arrays, got 0"),
        ([np.array([1.0])], r"axes\[0\]: expected at least 2 strictly increasing finite numbers"),
        ([np.arange(3.0), np.array([0.0, 0.0, 1.0])], r"axes\[1\]"),
        ([np.array([0.0, np.nan, 1.0])], r"axes\[0\]"),
        ([np.array([0.0, np.inf])], r"axes\[0\]"),
        ([np.arange(60000.0)] * 2, "less than 2"),
    ],
)
def test_axes_that_make_no_grid_are_refused(axes, message):
    with pytest.raises(ValueError, match=message):
        _core.SimplexGrid(axes)
