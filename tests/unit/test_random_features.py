"""RandomFeatures: what it reaches in one dimension, its derivative, files, wrong input."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.search.random_features import output_layers

X = np.random.default_rng(0).uniform(0.0, 6.0, size=(1000, 1))
X_NEW = np.random.default_rng(1).uniform(0.0, 6.0, size=(500, 1))


def test_one_dimension_is_fitted_almost_to_rounding():
    model = pml.fit_random_features(X, np.sin(X[:, 0]), effort=0.1, time_limit=None)
    # eps times the 1-norm of the output weights is what is left.
    assert np.sqrt(2 * np.mean((model(X_NEW) - np.sin(X_NEW[:, 0])) ** 2)) < 1e-12
    assert np.sum(np.abs(model.mlp.layers(model.params)[-1][0])) < 1e4
    np.testing.assert_allclose(model.gradient(X_NEW), np.cos(X_NEW), atol=1e-9)
    assert model.n_params == model.mlp.widths[1] + 1
    assert "frozen" in repr(model)


def test_the_output_layer_is_the_least_squares_solution():
    mlp = pml.MLP((2, 10, 3, 2), "tanh")
    rng = np.random.default_rng(2)
    params = mlp.initialize(rng)
    Z, y, weight = rng.normal(size=(80, 2)), rng.normal(size=(80, 2)), rng.uniform(0.1, 2.0, size=80)
    [solution] = output_layers(mlp, params, Z, y, weight, (1e-14,))
    params[mlp.linear] = solution
    _, gradient = mlp.loss_and_gradient(params, Z, y, sample_weight=weight)
    assert np.max(np.abs(gradient[mlp.linear])) < 1e-13


def test_options_outputs_extreme_scales_and_files(tmp_path):
    y = np.column_stack([1e200 * np.sin(X[:, 0]), 1e-200 * np.cos(X[:, 0])])
    model = pml.fit_random_features(X * 1e-100, y, n_features=70, activation="tanh", scale=3.0, effort=0.0)
    assert model.mlp.widths == (1, 70, 2)
    assert model.mlp.activation == "tanh"
    np.testing.assert_allclose(model(X * 1e-100) / [1e200, 1e-200], y / [1e200, 1e-200], atol=1e-8)
    model.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    assert isinstance(again, pml.RandomFeatures)
    np.testing.assert_array_equal(again(X), model(X))
    assert again(X[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_features": 0}, "n_features: expected an integer >= 1 or None, got 0"),
        ({"scale": -1.0}, "scale: expected a number > 0 or None, got -1"),
        ({"activation": "no such function"}, "activation"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pml.fit_random_features(X, X, **options)
