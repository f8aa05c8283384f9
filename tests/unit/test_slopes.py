"""Networks that meet values and slopes: the objective against differences, and fits."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.networks.slopes import Slopes, ValuesAndSlopes
from pml_native.optimize import LeastSquares
from pml_native.search.search import Rows
from pml_native.search.training import Coordinates, without


@pytest.fixture
def objective():
    rng = np.random.default_rng(0)
    mlp = pml.MLP((3, 5, 4, 1), "tanh")
    U, X = rng.normal(size=(4, 3)), rng.normal(size=(6, 3))
    place = np.array([0, 0, 1, 2, 3, 3, 3])
    rows = np.array([0, 0, 1, 4, -1, -1, -1])
    slopes = Slopes(U, place, rng.normal(size=(7, 3)), rng.normal(size=7), rng.uniform(0.1, 1.0, 7), rows)
    return ValuesAndSlopes(mlp, LeastSquares(mlp, X, rng.normal(size=(6, 1))), slopes), mlp.initialize(1)


def residuals(objective, params):
    """As the definition has them, slopes by differences of values."""
    h, mlp, slopes, values = 1e-5, objective.mlp, objective.slopes, objective.values
    n, k = len(values.X), len(slopes)
    after, before = (mlp.forward(params, slopes.points + sign * h * slopes.directions)[:, 0] for sign in (1, -1))
    of_slopes = slopes.factors * ((after - before) / (2 * h) - slopes.values)
    return np.concatenate([(mlp.forward(params, values.X) - values.y)[:, 0], of_slopes]) / np.sqrt(n + k)


def test_residuals_are_those_of_values_and_of_differences_of_them(objective):
    objective, params = objective
    found, jacobian = objective.residuals_and_jacobian(params)
    np.testing.assert_allclose(found, residuals(objective, params), atol=1e-9)
    assert objective.loss(params) == pytest.approx(found @ found, rel=1e-13)
    h = 1e-5
    for j in range(objective.n_params):
        e = np.eye(objective.n_params)[j] * h
        change = objective.residuals_and_jacobian(params + e)[0] - objective.residuals_and_jacobian(params - e)[0]
        np.testing.assert_allclose(jacobian[:, j], change / (2 * h), atol=1e-8)


def test_all_forms_of_second_order_are_of_the_same_residuals(objective):
    objective, params = objective
    r, J = objective.residuals_and_jacobian(params)
    loss, gradient, matrix = objective.gauss_newton(params)
    np.testing.assert_allclose(gradient, 2 * J.T @ r, atol=1e-13)
    np.testing.assert_allclose(matrix, 2 * J.T @ J, atol=1e-13)
    again, same = objective.loss_and_gradient(params)
    assert (loss, again) == (pytest.approx(r @ r, rel=1e-13),) * 2
    np.testing.assert_allclose(same, gradient, atol=1e-13)
    u = np.random.default_rng(2).normal(size=len(r))
    np.testing.assert_allclose(objective.vector_jacobian_product(params, u), J.T @ u, atol=1e-13)
    v, h = np.random.default_rng(3).normal(size=len(params)), 1e-5
    change = objective.residuals_and_jacobian(params + h * v)[1] - objective.residuals_and_jacobian(params - h * v)[1]
    np.testing.assert_allclose(objective.second_derivative(params, v), change @ v / (2 * h), atol=1e-6)
    np.testing.assert_array_equal(objective.second_derivative(params, 0 * v), 0 * r)


def test_first_slopes_are_those_of_first_rows(objective):
    slopes = objective[0].slopes
    kept = slopes.first(2)
    np.testing.assert_array_equal(kept.rows, [0, 0, 1, -1, -1, -1])
    np.testing.assert_array_equal(kept.points, slopes.points[[0, 1, 2, 4, 5, 6]])


@pytest.mark.parametrize("names", [("identity", "identity"), ("log", "identity"), ("log", "log")])
def test_slopes_in_coordinates_are_those_of_a_network_there(names):
    """Slopes of a model of logarithms, normalized, are met by the network inside to rounding."""
    rng = np.random.default_rng(0)
    X, mlp = np.exp(rng.uniform(-1, 1, (20, 2))), pml.MLP((2, 4, 1))
    params, inputs = mlp.initialize(0), (names[0],) * 2
    first = Coordinates.of(Rows(*[as_samples(X, X[:, 0])] * 2), inputs, ("identity",))
    network = pml.NetworkModel(mlp, params, inputs=first.input_normalization)
    model = pml.Transformed(network, inputs, (names[1],))
    samples = as_samples(X, model(X), gradients=model.gradient(X))
    of = Coordinates.of(Rows(samples, samples), inputs, (names[1],))
    assert len(of.train.slopes) == 40
    shifted = params.copy()  # y is normalized as well
    unit = np.ldexp(of.output_normalization.scale[0], of.output_normalization.exponent[0])
    shifted[-5:] /= unit
    shifted[-1] -= np.ldexp(of.output_normalization.shift[0], of.output_normalization.exponent[0]) / unit
    assert of.train.objective(mlp, 1).loss(shifted) < 1e-28


def test_what_a_model_leaves_has_slopes_without_those_of_the_model():
    X = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    model = pml.Polynomial([(0, 0), (1, 0), (1, 1)], [1.0, 2.0, 3.0])
    left = without(as_samples(X, model(X), gradients=model.gradient(X)), model, np.array([0.5]))
    np.testing.assert_allclose(left.y[:, 0], 0.5 * model(X))
    np.testing.assert_allclose(left.derivatives.of(model), 2.0 * left.derivatives.values)


def test_networks_meet_slopes():
    def wave(X):
        t = 3 * X[:, 0] + X[:, 1] ** 2
        return np.tanh(t), (1 - np.tanh(t) ** 2)[:, None] * np.stack([np.full(len(X), 3.0), 2 * X[:, 1]], axis=1)

    X, new = (np.random.default_rng(seed).uniform(-1, 1, (n, 2)) for seed, n in ((0, 60), (1, 500)))
    y, slopes = wave(X)
    errors = []
    for known in ({}, {"gradients": slopes}):
        model = pml.fit(X, y, method="network", effort=0.004, **known)
        errors.append(np.sqrt(np.mean((model(new) - wave(new)[0]) ** 2)))
    assert "by y and its derivatives" in model.report.description
    assert errors[1] < 0.3 * errors[0]
