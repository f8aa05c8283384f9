"""Models in compiled code of a user."""

import numpy as np
import pytest
from unit.exported import MODELS, network, points, polynomial, ulps

import pml_native as pml

numba = pytest.importorskip("numba")

# One of each kind: compiling takes a second or two.
SOME = ["network tanh", "modular", "boosted", "transformed reciprocal_root", "polynomial", "rbf gaussian", "tricubic"]
WITH_GRADIENT = ["network softplus", "polynomial", "spline that ends"]


@pytest.mark.parametrize("name", SOME)
def test_a_compiled_loop_agrees_with_the_model(name):
    make, value_ulps, _ = MODELS[name]
    model = make()
    f, m = model.to_numba(), model.signature.n_outputs

    @numba.njit
    def loop(X, out):
        for i in range(len(X)):
            out[i] = f(X[i])

    X = points(model)
    out = np.empty(len(X) if model.signature.y_is_vector else (len(X), m))
    loop(X, out)
    with np.errstate(all="ignore"):
        assert ulps(out, model(X)) <= value_ulps


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_derivatives_agree_with_the_model(name):
    make, _, gradient_ulps = MODELS[name]
    model = make()
    X, f = points(model), model.to_numba(gradient=True)
    with np.errstate(all="ignore"):
        assert ulps(np.array([f(x) for x in X]), model.gradient(X)) <= gradient_ulps


def test_it_is_a_function_of_python_too():
    model = network((3, 5, 1))
    x = np.array([1.0, 2.0, 3.0])
    assert isinstance(model.to_numba()(x), float)
    assert model.to_numba()(x) == pytest.approx(model(x[None])[0], rel=1e-14)
    assert polynomial().to_numba()(x).shape == (2,)


def test_families_that_stay_here_are_refused():
    with pytest.raises(ValueError, match="expected a model that other languages can have"):
        pml.SimplexInterpolator(np.eye(3), np.arange(3.0)).to_numba()
