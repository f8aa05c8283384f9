"""SimplexInterpolator: which search it takes, hard points, what is outside, damaged files."""

import warnings

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import ConvexHull, Delaunay

import pml_native as pml
from pml_native.models import triangulation

METHODS = ["triangulation", "on_demand"]


def curved(X):
    return np.cos(2.0 * X.sum(axis=1)) + np.prod(X, axis=1)


def scattered(n, d, seed=0):
    X = np.random.default_rng(seed).uniform(size=(n, d))
    return X, curved(X)


def grid(n, d):
    return np.stack(np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij"), axis=-1).reshape(-1, d)


def queries(n, d, seed=1):
    return np.random.default_rng(seed).uniform(0.2, 0.8, (n, d))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("d", range(2, 6))
def test_values_are_those_of_scipy(method, d):
    X, y = scattered(400, d)
    Q = queries(500, d)
    model = pml.SimplexInterpolator(X, y, method=method, rescale=False)
    np.testing.assert_allclose(model(Q), LinearNDInterpolator(X, y)(Q), rtol=0, atol=1e-12)


def test_in_one_dimension_it_is_piecewise_linear_in_any_order_of_the_points():
    x = np.random.default_rng(0).permutation(np.linspace(-2, 3, 77) ** 3)
    model = pml.SimplexInterpolator(x, np.sin(x))
    q = np.linspace(-7, 26, 1001)
    order = np.argsort(x)
    np.testing.assert_allclose(model(q), np.interp(q, x[order], np.sin(x[order])), rtol=0, atol=1e-14)
    assert model.gradient(q).shape == (1001, 1)
    assert np.isnan(model([-8.1])[0])


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("X", [scattered(300, 3)[0], grid(6, 3), grid(5, 3) @ np.linalg.qr(scattered(3, 3)[0])[0]])
def test_the_data_are_met_exactly(method, X):
    y = np.random.default_rng(5).normal(size=(len(X), 2))
    np.testing.assert_array_equal(pml.SimplexInterpolator(X, y, method=method)(X), y)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_linear_functions_are_exact_in_any_units(method):
    X, _ = scattered(300, 3)
    X = X * [1.0, 1e-3, 10.0] + [0.0, 5.0, 0.0]
    model = pml.SimplexInterpolator(X, X @ [1.0, -2.0, 3.0], method=method)
    Q = queries(50, 3) * [1.0, 1e-3, 10.0] + [0.0, 5.0, 0.0]
    np.testing.assert_allclose(model.gradient(Q), np.tile([1.0, -2.0, 3.0], (50, 1)), rtol=1e-9)


@pytest.mark.parametrize(
    "move",
    [
        lambda X: X + 1e8,
        lambda X: X * [1.0, 1e-12, 1.0],
        lambda X: X * [1e-200, 1.0, 1e200],
        lambda X: X[:, ::-1] * 3 - 7,
    ],
)
def test_units_and_offsets_make_no_difference(move):
    X, y = scattered(500, 3)
    Q = queries(400, 3)
    plain, moved = pml.SimplexInterpolator(X, y), pml.SimplexInterpolator(move(X), y)
    # At an offset of 1e8 the points themselves are moved by 1e-8.
    np.testing.assert_allclose(moved(move(Q)), plain(Q), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(40, 2), (9, 3), (5, 4)])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_grids_lose_no_point_and_leave_no_hole(n, d, turned, method):
    turn = np.linalg.qr(np.random.default_rng(d).normal(size=(d, d)))[0] if turned else np.eye(d)
    X, Q = grid(n, d), np.random.default_rng(1).uniform(size=(500, d))
    model = pml.SimplexInterpolator(X @ turn + 0.3, curved(X), method=method)
    model._axes = None  # even without the short cut that grids have
    assert np.isfinite(model(Q @ turn + 0.3)).all()
    np.testing.assert_array_equal(model(X @ turn + 0.3), curved(X))
    errors = model(Q @ turn + 0.3) - curved(Q)
    on_grid = pml.SimplexInterpolator(X, curved(X))(Q) - curved(Q)
    # Which way a cell is cut is left open by the points, and matters to a function that bends along its diagonals.
    assert np.sqrt(np.mean(errors**2)) < 3.0 * np.sqrt(np.mean(on_grid**2))


def relative_error(X, y, Q, truth):
    return np.sqrt(np.mean((pml.SimplexInterpolator(X, y)(Q) - truth) ** 2) / np.mean(truth**2))


@pytest.mark.parametrize(("n", "d"), [(60, 2), (15, 3), (6, 4)])
def test_a_turned_grid_is_interpolated_as_well_as_one_along_the_axes(n, d):
    # If all cells were cut alike, functions that bend along the diagonals would suffer.
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
    X, Q = grid(n, d), queries(5000, d)
    y, truth = np.cos(2.0 * X.sum(axis=1)), np.cos(2.0 * Q.sum(axis=1))
    ratio = relative_error(X @ turn, y, Q @ turn, truth) / relative_error(X, y, Q, truth)
    assert ratio < 1.15


def test_a_perturbed_triangulation_has_the_volume_of_the_hull_and_no_flat_simplex():
    points = grid(7, 3) - 0.5
    found = triangulation._perturbed(points)
    edges = points[found.simplices[:, 1:]] - points[found.simplices[:, :1]]
    volumes = np.abs(np.linalg.det(edges)) / 6
    assert volumes.min() > 1e-6
    assert volumes.sum() == pytest.approx(ConvexHull(points).volume, rel=1e-12)


def test_a_triangulation_of_the_users_is_taken_as_it_is():
    X, y = scattered(300, 3)
    delaunay = Delaunay(X)
    model = pml.SimplexInterpolator(delaunay, y)
    assert model.used == "triangulation"
    assert model.triangulation.simplices is delaunay.simplices
    Q = queries(100, 3)
    np.testing.assert_allclose(model(Q), LinearNDInterpolator(delaunay, y)(Q), rtol=0, atol=1e-13)


def test_a_triangulation_that_dropped_points_is_refused():
    X = scattered(200, 2)[0] + 1e7
    delaunay = Delaunay(X)
    assert len(delaunay.coplanar)
    with pytest.raises(ValueError, match="expected a triangulation of all its points"):
        pml.SimplexInterpolator(delaunay, X[:, 0])


def test_auto_goes_from_on_demand_to_a_triangulation_when_many_queries_come():
    X, y = scattered(2000, 3)
    model = pml.SimplexInterpolator(X, y)
    assert "undecided" in repr(model)
    few = model(queries(10, 3))
    assert "on demand" in repr(model)
    many = model(queries(50_000, 3))
    assert "triangulation" in repr(model)
    np.testing.assert_allclose(model(queries(10, 3)), few, rtol=0, atol=1e-12)
    assert np.isfinite(many).all()
    assert "grid" in repr(pml.SimplexInterpolator(grid(4, 3), np.zeros(64)))


@pytest.mark.parametrize("method", METHODS)
def test_outside_the_hull(method):
    X, _ = scattered(300, 2)
    y = np.column_stack([X @ [2.0, -1.0] + 1.0, curved(X)])
    Q = np.array([[3.0, -2.0], [0.5, 0.5], [-0.1, 0.4], [np.nan, 0.0]])
    far = [0, 2]

    def model(outside):
        return pml.SimplexInterpolator(X, y, outside=outside, method=method)

    values = model("nan")(Q)
    np.testing.assert_array_equal(np.isnan(values[:, 0]), [True, False, True, True])
    np.testing.assert_allclose(model("linear")(Q)[far, 0], Q[far] @ [2.0, -1.0] + 1.0, rtol=1e-9)
    np.testing.assert_allclose(model("linear").gradient(Q)[far, 0], [[2.0, -1.0]] * 2, rtol=1e-9)
    scale = X.std(axis=0)
    nearest = [np.argmin(np.sum(((X - q) / scale) ** 2, axis=1)) for q in Q[far]]
    np.testing.assert_array_equal(model("nearest")(Q)[far], y[nearest])
    np.testing.assert_array_equal(model("nearest").gradient(Q)[far], 0.0)
    assert np.isnan(model("linear")(Q)[3]).all()
    with pytest.raises(ValueError, match=r"inside the convex hull of the data, got 2 outside, the first in row 0"):
        model("error")(Q)


@pytest.mark.parametrize("embedded", [[[1.0]], [[1.0, -2.0]], [[1.0, 0.0, 0.0]]])
def test_outside_of_points_on_a_line_the_nearest_of_them_counts(embedded):
    x = np.random.default_rng(2).permutation(np.linspace(0.0, 1.0, 11))[:, None]
    q = np.array([[-0.5], [0.3], [0.94], [1.7], [np.nan]])
    embedded = np.array(embedded)
    model = pml.SimplexInterpolator(x @ embedded, x[:, 0] ** 2, outside="nearest")
    np.testing.assert_allclose(model(q @ embedded), [0.0, 0.09, 0.886, 1.0, np.nan], rtol=1e-12, atol=1e-15)
    slope = model.gradient(q @ embedded) @ embedded[0]
    np.testing.assert_allclose(slope, [0.0, 0.5, 1.9, 0.0, np.nan], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("X", [scattered(9, 1)[0], scattered(80, 2)[0], scattered(150, 3)[0], grid(4, 2), grid(3, 4)])
def test_the_gradient_of_a_linear_continuation_is_its_derivative(method, X):
    d = X.shape[1]
    y = np.column_stack([curved(X), 1e3 + np.sin(3.0 * X[:, 0])])
    model = pml.SimplexInterpolator(X, y, outside="linear", method=method)
    q = np.random.default_rng(1).uniform(-2.0, 3.0, (40, d))
    steps = 1e-5 * np.eye(d)
    by_differences = np.stack([(model(q + step) - model(q - step)) / 2e-5 for step in steps], axis=2)
    # A few of the differences may reach over an edge of the hull, or of a simplex.
    close = np.isclose(model.gradient(q), by_differences, rtol=1e-5, atol=1e-5).all(axis=(1, 2))
    assert np.mean(close) > 0.95


def slanted(d, narrow, offset):
    """Points in a box that is turned and `narrow` along one axis, points on its faces, and some beyond them."""
    rng = np.random.default_rng(d)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0] * np.array([narrow] + [1.0] * (d - 1))
    inner = np.concatenate([grid(2, d), rng.uniform(size=(60, d))])
    on_face, beyond = rng.uniform(size=(300, d)), rng.uniform(size=(300, d))
    rows, face, side = np.arange(300), rng.integers(0, d, 300), rng.integers(0, 2, 300)
    on_face[rows, face] = side
    beyond[rows, face] = np.where(side, 1.01, -0.01)
    return inner, on_face, [points @ turn.T + offset for points in (inner, on_face, beyond)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("offset", [1e6, -1e8])
@pytest.mark.parametrize(("d", "narrow"), [(2, 1.0), (2, 0.01), (3, 1.0), (4, 0.1)])
def test_points_on_slanted_faces_are_inside_at_any_offset(d, narrow, offset, method):
    inner, on_face, (X, on, beyond) = slanted(d, narrow, offset)
    slope = np.arange(1.0, d + 1)
    model = pml.SimplexInterpolator(X, inner @ slope, method=method)
    # Coordinates are known to an ulp of the offset, of which the narrow axis makes more.
    atol = 100.0 * np.spacing(abs(offset)) / narrow
    np.testing.assert_allclose(model(on), on_face @ slope, atol=atol)
    assert np.isnan(model(beyond)).all()


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_points_on_the_edges_of_a_plane_are_inside_at_any_offset(offset):
    inner, on_edge, _ = slanted(2, 1.0, 0.0)
    plane = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    model = pml.SimplexInterpolator(inner @ plane[:2] + offset, inner @ [1.0, 2.0])
    assert "in 2 dimensions" in repr(model)
    queries = on_edge @ plane[:2] + offset
    np.testing.assert_allclose(model(queries), on_edge @ [1.0, 2.0], atol=1e-12 + 1e-15 * offset * 10)
    assert np.isnan(model(queries + 1e-3 * plane[2])).all()


@pytest.mark.parametrize("X", [np.linspace(0.1, 0.7, 7)[:, None], 0.1 + 0.6 * grid(4, 2), 1e8 + grid(3, 3) / 3.0])
def test_points_that_rounding_moved_off_a_grid_are_inside(X):
    ends = np.stack([X.min(axis=0), X.max(axis=0)])
    model = pml.SimplexInterpolator(X, X.sum(axis=1))
    assert model.used == "grid"
    moved = np.nextafter(ends, [[-9e9], [9e9]])
    np.testing.assert_allclose(model(moved), ends.sum(axis=1), rtol=1e-13)
    assert np.isnan(model(ends * [[0.999], [1.001]])).all()


def test_a_linear_continuation_meets_the_hull():
    X, y = scattered(400, 2)
    model = pml.SimplexInterpolator(X, y, outside="linear")
    hull = X[ConvexHull(X).vertices]
    middle = 0.5 * (hull + np.roll(hull, 1, axis=0))
    outward = 1e-7 * (middle - 0.5)
    np.testing.assert_allclose(model(middle + outward), model(middle - outward), rtol=0, atol=1e-4)


def test_equal_duplicates_are_merged_and_others_refused_or_averaged():
    X, y = scattered(100, 2)
    twice, values = np.repeat(X, 2, axis=0), np.repeat(y, 2)
    assert len(pml.SimplexInterpolator(twice, values).points) == 100
    values[1] += 1.0
    with pytest.raises(ValueError, match=r"expected one y for each point, got 1 rows .* among them row 1"):
        pml.SimplexInterpolator(twice, values)
    averaged = pml.SimplexInterpolator(twice, values, duplicates="average")(X)
    np.testing.assert_allclose(averaged[0], y[0] + 0.5, rtol=1e-15)
    np.testing.assert_array_equal(averaged[1:], y[1:])


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_points_in_a_plane_are_interpolated_within_it(offset):
    rng = np.random.default_rng(0)
    inner, Q = rng.uniform(size=(300, 2)), rng.uniform(0.2, 0.8, (200, 2))
    basis = np.linalg.qr(rng.normal(size=(4, 4)))[0][:2]
    model = pml.SimplexInterpolator(inner @ basis + offset, curved(inner))
    assert "in 2 dimensions" in repr(model)
    np.testing.assert_allclose(
        model(Q @ basis + offset), pml.SimplexInterpolator(inner, curved(inner), rescale=False)(Q), atol=2e-2
    )
    assert np.isfinite(model.gradient(Q @ basis + offset)).all()
    assert np.isnan(model(Q @ basis + offset + 0.1 * np.eye(4)[0])).all()
    onto = pml.SimplexInterpolator(inner @ basis + offset, curved(inner), outside="nearest")
    assert np.isfinite(onto(Q @ basis + offset + 0.1 * np.eye(4)[0])).all()


def test_in_a_plane_only_distances_within_it_count():
    X, y = scattered(2000, 2)
    Q = queries(5000, 2)
    embedding = np.random.default_rng(3).normal(size=(2, 3)) @ np.diag([1.0, 1e3, 1e-3])
    ratio = relative_error(X @ embedding, y, Q @ embedding, curved(Q)) / relative_error(X, y, Q, curved(Q))
    assert 0.95 < ratio < 1.05


def test_a_constant_column_is_a_plane_too():
    X, y = scattered(200, 2)
    padded = np.column_stack([X, np.full(200, 7.0)])
    model = pml.SimplexInterpolator(padded, y)
    np.testing.assert_array_equal(model(padded), y)
    assert np.isnan(model([[0.5, 0.5, 7.1]])[0])
    assert model.gradient(padded)[:, 2].max() == 0.0


def test_fewer_points_than_a_simplex_needs_lie_in_a_plane():
    X = np.eye(5)[:3]
    model = pml.SimplexInterpolator(X, [1.0, 2.0, 3.0])
    assert model([X.mean(axis=0)])[0] == pytest.approx(2.0)
    with pytest.raises(ValueError, match="at least 2 different points, got 1"):
        pml.SimplexInterpolator(np.ones((3, 2)), np.ones(3))


def test_a_file_whose_simplices_are_not_of_its_points_is_refused(tmp_path):
    X, y = scattered(100, 2)
    model = pml.SimplexInterpolator(X, y, method="triangulation")
    model(X)
    model.triangulation.simplices[0, 0] = 1000
    model.save(tmp_path / "m.pml")
    with pytest.raises(ValueError, match=r"m\.pml"):
        pml.load(tmp_path / "m.pml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outside": "zero"}, "outside: expected one of nan, nearest, linear, error, got 'zero'"),
        ({"method": "qhull"}, "method: expected one of auto, triangulation, on_demand, got 'qhull'"),
        ({"duplicates": "drop"}, "duplicates: expected one of error, average, got 'drop'"),
        ({"n_threads": 0}, "n_threads"),
    ],
)
def test_wrong_options_are_refused(options, message):
    X, y = scattered(50, 2)
    with pytest.raises(ValueError, match=message):
        pml.SimplexInterpolator(X, y, **options)(X)


@pytest.mark.parametrize("d", [7, 10])
def test_many_dimensions_need_no_triangulation(d):
    X, _ = scattered(2000, d)
    model = pml.SimplexInterpolator(X, X @ np.arange(1.0, d + 1))
    Q = np.random.default_rng(1).uniform(0.4, 0.6, (20, d))
    np.testing.assert_allclose(model(Q), Q @ np.arange(1.0, d + 1), rtol=1e-10)
    assert model.used == "on demand"


def test_fit_takes_the_method_and_reports_errors_on_rows_it_did_not_see():
    X, y = scattered(2000, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = pml.fit(X, y, method="simplex")
    assert isinstance(model, pml.SimplexInterpolator)
    np.testing.assert_array_equal(model(X), y)
    assert 1e-5 < model.report.validation_rmse < 0.1  # with the rows outside the hull of the others
    assert np.isfinite(model([[1.5, 1.5]])[0])
