"""Models in compiled code of a user."""

import numpy as np
import pytest
from unit.exported import MODELS, network, points, polynomial, ulps

import pml_native as pml

numba = pytest.importorskip("numba")

# One of each kind: compiling takes a second or two.
SOME = [
    "network tanh",
    "network silu",
    "modular",
    "boosted",
    "transformed reciprocal_root",
    "polynomial",
    "rbf gaussian",
    "spline of degree 3",
    "spline that ends",
    "tricubic",
]


@pytest.mark.parametrize("name", SOME)
def test_a_compiled_loop_agrees_with_the_model(name):
    make, value_ulps, gradient_ulps = MODELS[name]
    model = make()
    value, gradient = model.to_numba(), model.to_numba(gradient=True)
    m, d = model.signature.n_outputs, model.signature.n_inputs

    @numba.njit
    def loop(X, values, gradients):
        for i in range(len(X)):
            values[i] = value(X[i])
            gradients[i] = gradient(X[i])

    X = points(model)
    vector = model.signature.y_is_vector
    values, gradients = np.empty(len(X) if vector else (len(X), m)), np.empty((len(X), d) if vector else (len(X), m, d))
    loop(X, values, gradients)
    with np.errstate(all="ignore"):
        assert ulps(values, model(X)) <= value_ulps
        assert ulps(gradients, model.gradient(X)) <= gradient_ulps


def test_it_is_a_function_of_python_too():
    model = network((3, 5, 1))
    x = np.array([1.0, 2.0, 3.0])
    assert isinstance(model.to_numba()(x), float)
    assert model.to_numba()(x) == pytest.approx(model(x[None])[0], rel=1e-14)
    assert polynomial().to_numba()(x).shape == (2,)
    assert polynomial().to_numba(gradient=True)(x).shape == (2, 3)


def test_families_that_stay_here_are_refused():
    with pytest.raises(ValueError, match="expected a model that other languages can have"):
        pml.SimplexInterpolator(np.eye(3), np.arange(3.0)).to_numba()
