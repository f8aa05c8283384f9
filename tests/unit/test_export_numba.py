"""Models in compiled code of a user: derivatives, and use from Python. Their values are in `test_model_contract`."""

import numpy as np
import pytest
from unit.models_of_all_families import MODELS, network, points, polynomial, ulps

import pml_native as pml

pytest.importorskip("numba")

# Few, as compiling takes seconds: the functions are those that C has, for every model.
WITH_GRADIENT = ["network of one input", "polynomial without a column", "spline that ends"]


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_derivatives_agree_with_the_model(name):
    case = MODELS[name]
    model = case.make()
    X, f = points(case, model), model.to_numba(gradient=True)
    assert ulps(np.array([f(x) for x in X]), model.gradient(X)) <= case.gradient_ulps


def test_it_is_a_function_of_python_too():
    model = network((3, 1))
    x = np.array([1.0, 2.0, 3.0])
    assert isinstance(model.to_numba()(x), float)
    assert model.to_numba()(x) == pytest.approx(model(x[None])[0], rel=1e-14)
    assert polynomial().to_numba()(x).shape == (2,)


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("n", [0, 2, 4])
def test_a_point_of_another_number_of_inputs_is_refused(gradient, n):
    with pytest.raises(ValueError, match="x: expected 3 numbers"):
        network((3, 1)).to_numba(gradient=gradient)(np.ones(n))


def test_the_error_to_expect_is_that_of_the_model():
    X = np.random.default_rng(0).uniform(0.2, 1.0, (60, 1))
    model = pml.fit(X, np.exp(X[:, 0]) / X[:, 0], method="polynomial", effort=1e-3, time_limit=None, progress=False)
    f = model.to_numba(error_estimate=True)
    assert isinstance(f(X[0]), float)
    np.testing.assert_allclose([f(x) for x in X], model.error_estimate(X), rtol=1e-6, atol=1e-14)
    with pytest.raises(ValueError, match="gradient, error_estimate: expected one of them, got both"):
        model.to_numba(gradient=True, error_estimate=True)
