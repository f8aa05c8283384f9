"""Models that meet new rows: `model.update`, and the derivatives by parameters that it takes."""

import functools
import warnings

import numpy as np
import pytest
from unit.models_of_all_families import BOX, MODELS, model_of

import pml_native as pml
from pml_native.models.adjusting import jacobian_of, parameters_of, with_parameters
from pml_native.update import Rows, adjusted

ADJUSTABLE = [name for name in MODELS if len(parameters_of(model_of(name)))]


def law(X):
    return X[:, 0] * np.exp(-X[:, 1]) / (1.0 + X[:, 0])


def wavy(X):
    return np.exp(-X[:, 0] * X[:, 1]) * np.sin(3.0 * X[:, 0] + X[:, 2]) + np.log(1.0 + X[:, 0] + X[:, 1] * X[:, 2])


def table(f, n, d, seed, low=0.2, high=2.0):
    X = np.random.default_rng(seed).uniform(low, high, (n, d))
    return X, f(X)


def rmse(model, f, d, low=0.2, high=2.0):
    X, y = table(f, 3000, d, 99, low, high)
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


@functools.cache
def fitted(f, n, d, method="auto"):
    X, y = table(f, n, d, 0)
    return pml.fit(X, y, effort=0.02, n_threads=1, progress=False, method=method), X, y


# Derivatives by parameters


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_values_move_with_parameters_as_the_jacobian_says(name):
    model = model_of(name)
    X = np.ascontiguousarray(np.resize(BOX, (40, model.signature.n_inputs)))
    parameters = parameters_of(model)
    J = jacobian_of(model, X)
    assert J.shape == (40, model.signature.n_outputs, len(parameters))
    way = np.random.default_rng(1).normal(size=len(parameters)) * np.maximum(np.abs(parameters), 1e-3)
    h = 1e-6
    above, below = (with_parameters(model, parameters + sign * h * way).evaluate(X) for sign in (1.0, -1.0))
    with np.errstate(all="ignore"):
        got, wanted = J @ way, (above - below) / (2.0 * h)
        size = np.max(np.abs(np.where(np.isfinite(wanted), wanted, 0.0)))
        noise = 1e-15 * np.max(np.abs(np.where(np.isfinite(above), above, 0.0))) / h
    known = np.isfinite(wanted) & np.isfinite(got)
    assert known.mean() > 0.3
    assert np.max(np.abs(got - wanted)[known]) <= 1e-5 * size + 10.0 * noise


@pytest.mark.parametrize("name", ADJUSTABLE)
def test_a_model_of_its_own_parameters_is_the_same(name):
    model = model_of(name)
    X = np.ascontiguousarray(np.resize(BOX, (40, model.signature.n_inputs)))
    np.testing.assert_array_equal(with_parameters(model, parameters_of(model)).evaluate(X), model.evaluate(X))


def test_a_polynomial_with_other_coefficients_is_found_in_one_step():
    rng = np.random.default_rng(2)
    indices = np.array([(i, j) for i in range(5) for j in range(5 - i)])
    inputs = pml.Normalization.of_box(BOX[:, :2])
    true = pml.Polynomial(indices, rng.normal(size=(15, 2)), inputs=inputs)
    other = pml.Polynomial(indices, rng.normal(size=(15, 2)), inputs=inputs)
    X = np.ascontiguousarray(BOX[:, :2])
    found = adjusted(other, Rows(X, true.evaluate(X), np.ones((400, 2))), 1)
    assert np.max(np.abs(found.coefficients - true.coefficients)) < 1e-13


def test_a_network_goes_on_from_where_it_is():
    true = model_of("network tanh")
    near = with_parameters(true, parameters_of(true) * (1.0 + 1e-3 * np.sin(np.arange(true.n_params))))
    rows = Rows(BOX, true.evaluate(BOX), np.ones((400, 2)))
    off = [np.sqrt(np.mean((one.evaluate(BOX) - rows.y) ** 2)) for one in (near, adjusted(near, rows, 6))]
    assert off[1] < 1e-6 * off[0]


# Updates


def test_an_update_is_the_least_squares_of_all_rows():
    X, y = table(wavy, 300, 3, 0)
    Z, z = table(wavy, 40, 3, 1)
    indices = np.array([(i, j, k) for i in range(4) for j in range(4 - i) for k in range(4 - i - j)])
    inputs = pml.Normalization.of_box(np.concatenate([X, [[0.2] * 3, [2.0] * 3]]))

    def least_squares(X, y):
        unit = pml.Polynomial(indices, np.ones((len(indices), 1)), inputs=inputs)
        return pml.Polynomial(indices, np.linalg.lstsq(jacobian_of(unit, X)[:, 0], y)[0], inputs=inputs)

    model = least_squares(X, y)
    updated, wanted = model.update(Z, z, X, y), least_squares(np.concatenate([X, Z]), np.concatenate([y, z]))
    T = table(wavy, 500, 3, 2)[0]
    moved = np.sqrt(np.mean((model(T) - wanted(T)) ** 2))
    # Points that are drawn between the rows take part with a tenth of all rows' weight or so.
    assert np.sqrt(np.mean((updated(T) - wanted(T)) ** 2)) < 0.5 * moved


def test_a_law_that_new_rows_obey_stays_as_it_is():
    model, X, _ = fitted(law, 150, 2)
    Z, z = table(law, 15, 2, 1)
    updated = model.update(Z, z)
    assert updated is not model
    np.testing.assert_array_equal(updated(X), model(X))
    [one] = updated.report.updates
    assert one.suffices
    assert one.n_rows == 15
    assert one.before < 1e-14
    assert model.report.updates == ()
    assert "15 new rows" in str(updated.report)


@pytest.mark.parametrize("method", ["polynomial", "rational", "rbf", "simplex"])
def test_an_updated_model_is_as_exact_as_it_says(method):
    model, X, y = fitted(wavy, 300, 3, method=method)
    Z, z = table(wavy, 30, 3, 1)
    updated, measured = model.update(Z, z), model.update(Z, z, X, y)
    for one in (updated, measured):
        true = rmse(one, wavy, 3) if method != "simplex" else 0.0  # which has no value outside of the hull
        assert true < 3.0 * one.report.error
        assert true < 1.5 * rmse(model, wavy, 3) if method != "simplex" else True
        told = one.report.updates[0]
        unit = np.sqrt(np.mean(y**2))
        with np.errstate(invalid="ignore"):
            at_old = np.sqrt(np.nanmean((one(X) - y) ** 2)) / unit
        assert at_old <= 1.5 * told.at_old_rows + 1e-12
    assert measured.report.updates[0].is_measured
    assert not updated.report.updates[0].is_measured


def test_rows_that_the_form_can_not_meet_are_said_to_be():
    model, X, _ = fitted(law, 150, 2)
    Z = table(law, 30, 2, 3)[0]
    z = law(Z) + 0.1 * np.abs(Z[:, 0] - 1.0)
    with pytest.warns(pml.FitWarning, match="no longer suffices"):
        updated = model.update(Z, z)
    assert not updated.report.updates[0].suffices
    assert "fit all rows anew" in updated.report.advice[0]
    assert updated.report.error > 0.001
    assert np.median(updated.error_estimate(X)) > 0.001


def test_rows_beyond_the_box_widen_it():
    model, _, _ = fitted(law, 150, 2)
    Z, z = table(law, 30, 2, 3, 1.0, 3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # errors may be larger there
        updated = model.update(Z, z)
    assert updated.report.updates[0].n_beyond > 5
    assert updated.report.box[0][1] == Z[:, 0].max()
    assert updated.inside(Z).mean() > 0.8
    assert not model.inside(Z).all()


@pytest.mark.parametrize("method", ["rbf", "simplex"])
def test_interpolants_go_through_new_rows(method):
    model, X, y = fitted(wavy, 200, 3, method=method)
    Z, z = table(wavy, 20, 3, 1, 0.6, 1.6)
    updated = model.update(Z, z)
    np.testing.assert_allclose(updated(Z), z, rtol=1e-7)
    np.testing.assert_allclose(updated(X), y, rtol=1e-7)


def test_a_spline_takes_rows_that_make_a_finer_grid():
    axes = [np.linspace(0.0, 1.0, 9), np.linspace(0.0, 1.0, 8)]
    f = lambda x, y: np.sin(3.0 * x) * np.exp(y)  # noqa: E731
    spline = pml.SplineInterpolator(axes, f(*np.meshgrid(*axes, indexing="ij")))
    line = np.column_stack([np.full(8, 0.06), axes[1]])
    updated = spline.update(line, f(*line.T))
    assert [len(axis) for axis in updated.axes] == [10, 8]
    np.testing.assert_allclose(updated(line), f(*line.T), rtol=1e-14)
    same = spline.update([[0.03, 0.03]], [f(0.03, 0.03)])
    assert [len(axis) for axis in same.axes] == [9, 8]


def test_an_updated_model_is_saved_with_what_it_says(tmp_path):
    model, _, _ = fitted(wavy, 200, 3, method="polynomial")
    updated = model.update(*table(wavy, 20, 3, 1)).update(*table(wavy, 20, 3, 2))
    updated.save(tmp_path / "model.pml")
    loaded = pml.load(tmp_path / "model.pml")
    assert loaded.report.updates == updated.report.updates
    assert len(loaded.report.updates) == 2
    X = table(wavy, 20, 3, 3)[0]
    np.testing.assert_array_equal(loaded(X), updated(X))
    np.testing.assert_array_equal(loaded.error_estimate(X), updated.error_estimate(X))
    (tmp_path / "before").mkdir()
    model.save(tmp_path / "before" / "model.pml")
    assert (tmp_path / "model.pml").stat().st_size < 1.1 * (tmp_path / "before" / "model.pml").stat().st_size


def test_rows_that_are_none_of_the_model_are_refused():
    model, X, y = fitted(law, 150, 2)
    with pytest.raises(ValueError, match="y: expected 1 outputs of the model, got 2"):
        model.update(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="expected both of the rows before, or neither"):
        model.update(X, y, X)
    network = pml.NetworkModel(pml.MLP((1, 2, 1)), np.ones(7))
    with pytest.raises(ValueError, match="expected a model that knows the box of its rows"):
        network.update([[1.0], [2.0]], [1.0, 2.0])


def test_new_rows_may_be_of_any_size():
    X = np.random.default_rng(3).uniform(-1.0, 1.0, (80, 2))
    y = X[:, 0] * X[:, 1] + 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", pml.FitWarning)
        model = pml.fit_polynomial(X, y, degree=3).update(X[:5], 1e300 * y[:5])
    assert np.isfinite(model(X)).all()
