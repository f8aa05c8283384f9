"""Splines on grids and tricubics: what they refuse, and how `fit` uses them."""

import re

import numpy as np
import pytest

import pml_native as pml

AXES = [np.linspace(0.0, 1.0, 6), np.array([0.0, 0.1, 0.5, 1.0, 2.0])]
VALUES = np.sin(AXES[0][:, None] + AXES[1])
CUBE = [np.linspace(0.0, 1.0, 4)] * 3
CUBE_VALUES = np.add.outer(np.add.outer(CUBE[0], CUBE[1]), CUBE[2])


@pytest.mark.parametrize(
    ("axes", "values", "options", "message"),
    [
        ([], 1.0, {}, "axes: expected 1 to 6 arrays, got 0"),
        ([[0, 1, 1, 2]], np.ones(4), {}, "axes[0]: expected increasing points"),
        ([[0, 1, np.nan, 2]], np.ones(4), {}, "axes[0]: expected finite numbers"),
        (AXES, VALUES[:4], {}, "values: expected (6, 5) or (6, 5, m), got (4, 5)"),
        (AXES, np.where(VALUES > 0.5, np.inf, VALUES), {}, "values: expected finite numbers"),
        (AXES, VALUES, {"degree": 5}, "axes[1]: expected at least 6 points for degree 5, got 5"),
        (AXES, VALUES, {"degree": 8}, "degree: expected an integer from 1 to 7, got 8"),
        (AXES, VALUES, {"degree": 2.5}, "degree: expected an integer from 1 to 7, got 2.5"),
        (AXES, VALUES, {"degree": [1, 2, 3]}, "degree: expected one integer, or 2"),
        (AXES, VALUES, {"outside": "zero"}, "outside: expected one of error, extrapolate, nan, got 'zero'"),
        (AXES, VALUES, {"n_threads": 0}, "n_threads: expected a positive integer"),
        ([[-1e308, 0, 1e308, 1.5e308]], np.ones(4), {}, "float64 can hold"),
        ([[0, 0.1, 0.3, 0.1 + 0.2, 0.4]], np.ones(5), {}, "axes[0]: expected points that differ by more than rounding"),
        ([[-1, -5e-17, 0, 1]], np.ones(4), {}, "got -5e-17 and 0.0 at 1"),
        ([[0, 1, 2], [1e-9, 1e-3, 1e-3 + 1e-18, 1, 1e9]], np.ones((3, 5)), {"degree": 1}, "axes[1]: expected points"),
    ],
)
def test_splines_say_what_they_wanted_and_got(axes, values, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.SplineInterpolator(axes, values, **options)


def test_tricubics_say_what_they_wanted_and_got():
    with pytest.raises(ValueError, match="axes: expected 3, got 2"):
        pml.TricubicInterpolator(AXES, VALUES)
    with pytest.raises(ValueError, match="derivatives: expected 7 arrays, got 2"):
        pml.TricubicInterpolator(CUBE, CUBE_VALUES, derivatives=[CUBE_VALUES] * 2)
    with pytest.raises(ValueError, match=r"derivatives\[3\]: expected \(4, 4, 4\)"):
        pml.TricubicInterpolator(
            CUBE, CUBE_VALUES, derivatives=[*[CUBE_VALUES] * 3, CUBE_VALUES[:3], *[CUBE_VALUES] * 3]
        )


@pytest.mark.parametrize("axis", [1.0 + np.arange(9) * 2.0**-50, np.logspace(-300, 0, 9), np.linspace(0, 1e-290, 9)])
def test_axes_of_any_spacing_are_taken(axis):
    np.testing.assert_allclose(pml.SplineInterpolator(axis, np.arange(9.0), degree=1)(axis), np.arange(9.0), atol=1e-9)


def test_tricubics_refuse_points_that_differ_by_rounding():
    with pytest.raises(ValueError, match=re.escape("axes[2]: expected points that differ by more than rounding")):
        pml.TricubicInterpolator([*CUBE[:2], [0.0, 1.0, np.nextafter(1.0, 2.0), 2.0]], CUBE_VALUES)


def test_rows_outside_are_refused_extrapolated_or_nan():
    X = np.array([[0.5, 0.5], [0.5, 2.5], [np.nan, 9.0]])
    with pytest.raises(ValueError, match=re.escape("X: expected column 1 within [0, 2], got 2.5 in row 1")):
        pml.SplineInterpolator(AXES, VALUES)(X)
    assert np.isnan(pml.SplineInterpolator(AXES, VALUES, outside="nan")(X)).tolist() == [False, True, True]
    line = pml.SplineInterpolator([0.0, 1.0, 3.0], [0.0, 2.0, 6.0], degree=1, outside="extrapolate")
    np.testing.assert_allclose(line([-1.0, 4.0]), [-2.0, 8.0], rtol=1e-15)


def test_axes_and_values_may_be_lists_of_integers_and_values_stay_as_they_were():
    model = pml.SplineInterpolator([0, 1, 2, 3], [[0, 1], [1, 0], [4, 1], [9, 0]])
    assert model([0, 2]).tolist() == pytest.approx(np.array([[0.0, 1.0], [4.0, 1.0]]))
    values = VALUES.copy()
    pml.SplineInterpolator(AXES, values)(np.array([[0.5, 0.5]]))
    np.testing.assert_array_equal(values, VALUES)


def test_derivatives_are_refused_beyond_the_degree():
    model = pml.SplineInterpolator(AXES, VALUES, degree=[3, 2])
    assert model.derivative([[0.5, 0.5]], [3, 2]).shape == (1,)
    with pytest.raises(ValueError, match="orders: expected at most the degree, 2, along axis 1, got 3"):
        model.derivative([[0.5, 0.5]], [0, 3])
    with pytest.raises(ValueError, match="orders: expected 2, one for each axis, got 1"):
        model.derivative([[0.5, 0.5]], 1)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_values_of_any_magnitude_keep_their_digits(scale):
    x = np.linspace(0.0, 1.0, 20)
    model = pml.SplineInterpolator(x, scale * np.exp(x), degree=7)
    np.testing.assert_allclose(model([0.123]), [scale * np.exp(0.123)], rtol=1e-13)


def test_e_to_the_x_is_reached_to_the_rounding_of_float64():
    x = np.linspace(0.0, 1.0, 100)
    model = pml.SplineInterpolator(x, np.exp(x), degree=7)
    X = np.random.default_rng(0).uniform(size=5000)
    assert np.sqrt(np.mean((model(X) / np.exp(X) - 1) ** 2)) < 5e-16


def grid_rows(shape, rng):
    axes = [np.linspace(0.0, 1.0, n) for n in shape]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    return X[rng.permutation(len(X))]


def test_fit_interpolates_a_grid_in_any_order_and_measures_between_its_lines():
    rng = np.random.default_rng(3)
    X = grid_rows((17, 14), rng)
    y = np.exp(X[:, 0] * X[:, 1])
    model = pml.fit(X, y, method="spline", progress=False)
    assert isinstance(model, pml.SplineInterpolator)
    assert model.n_params == 17 * 14
    report = model.report
    assert (report.n_train, report.n_validation) == (9 * 8, 17 * 14 - 9 * 8)
    assert "every second line" in report.description
    fresh = rng.uniform(size=(1000, 2))
    rmse = np.sqrt(np.mean((model(fresh) - np.exp(fresh[:, 0] * fresh[:, 1])) ** 2))
    assert rmse < report.validation_rmse < 1e-8  # a promise kept


def test_fit_measures_splines_on_rows_given_to_validate_by():
    rng = np.random.default_rng(4)
    X, fresh = grid_rows((12, 12), rng), rng.uniform(size=(200, 2))
    model = pml.fit(X, X[:, 0] ** 3, method="spline", validation=(fresh, fresh[:, 0] ** 3), progress=False)
    assert model.report.n_validation == 200
    assert model.report.validation_rmse < 1e-14


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_fit_says_why_scattered_rows_are_no_grid():
    rng = np.random.default_rng(5)
    X = rng.uniform(size=(30, 2))
    with pytest.raises(ValueError, match=r"expected 30 x 30 = 900 different rows, got 30 rows"):
        pml.fit(X, X[:, 0], method="spline")
    X = grid_rows((6, 5), rng)
    X[0] = X[1]
    with pytest.raises(ValueError, match="full grid"):
        pml.fit(X, X[:, 0], method="spline")


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
@pytest.mark.parametrize("constants", [{1: 5.0}, {0: -1e8, 3: 1e-30}, {2: 0.0}])
def test_constant_columns_leave_a_grid_a_grid(constants, tmp_path):
    X = grid_rows((12, 11), np.random.default_rng(6))
    y = np.sin(9.0 * X[:, 0]) * np.exp(X[:, 1])
    without = pml.fit(X, y, method="spline", progress=False)
    wider = X
    for column, value in constants.items():
        wider = np.insert(wider, column, value, axis=1)
    model = pml.fit(wider, y, method="spline", progress=False)
    assert model.report.validation_rmse == without.report.validation_rmse
    np.testing.assert_array_equal(model(wider), without(X))
    varying = [j for j in range(wider.shape[1]) if j not in constants]
    np.testing.assert_array_equal(model.gradient(wider)[:, varying], without.gradient(X))
    assert not model.gradient(wider)[:, list(constants)].any()
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(wider), model(wider))


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_a_column_that_is_constant_but_for_rounding_leaves_a_grid_a_grid():
    rng = np.random.default_rng(7)
    X = grid_rows((12, 11), rng)
    y = np.exp(X[:, 0] * X[:, 1])
    wider = np.insert(X, 1, rng.choice([0.3, 0.1 + 0.2], len(X)), axis=1)
    model = pml.fit(wider, y, method="spline", progress=False)
    np.testing.assert_array_equal(model(wider), pml.fit(X, y, method="spline", progress=False)(X))
    line = np.column_stack([np.full(20, 3.0), np.linspace(0.0, 1.0, 20)])
    assert pml.fit(line, np.exp(line[:, 1]), method="spline", progress=False).report.validation_rmse < 1e-8


def test_a_table_with_another_rounding_in_each_row_is_taken_as_a_table():
    rng = np.random.default_rng(8)
    X = grid_rows((14, 12), rng)
    jittered = X + rng.integers(-2, 3, X.shape) * 2.0**-53
    fresh = rng.uniform(size=(500, 2))
    errors = []
    for rows in (X, jittered):
        model = pml.fit(rows, np.exp(rows[:, 0] * rows[:, 1]), effort=0.002, time_limit=None, progress=False)
        assert "a full grid" in model.report.path[0]
        errors.append(np.abs(model(fresh) - np.exp(fresh[:, 0] * fresh[:, 1])).max())
    assert errors[1] < 1e-12 + 3.0 * errors[0]
