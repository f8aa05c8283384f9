"""Models as functions of jax.numpy: values, derivatives of any order, and what is refused."""

import numpy as np
import pytest
from unit.models_of_all_families import (
    MODELS,
    exported,
    inside,
    model_of,
    models_with_every_family_of_steps,
    network,
    points,
    polynomial,
    ulps,
)
from unit.test_export_c import with_error_estimate

jax = pytest.importorskip("jax")
jnp = jax.numpy

# Of the ulp that C has: XLA fuses products with sums, and adds in an order of its own.
MORE = 4.0
# A derivative that jumps, at a datum: fused products are not exactly there.
JUMPS_AT_DATA = ("rbf linear",)


@pytest.fixture(autouse=True)
def float64():
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def names():
    """Of all models; those are slow that others have all steps of."""
    few = models_with_every_family_of_steps(exported())
    return [name if name in few else pytest.param(name, marks=pytest.mark.slow) for name in exported()]


@pytest.mark.parametrize("name", names())
def test_it_agrees_with_the_model(name):
    case, model = MODELS[name], model_of(name)
    X, f = points(case, model), model.to_jax()
    if name in JUMPS_AT_DATA:
        X = np.delete(X, 5, axis=0)
    values, slopes = jax.jit(jax.vmap(lambda x: (f(x), jax.jacrev(f)(x))))(X)
    with np.errstate(all="ignore"):
        wanted, wanted_slopes = model(X), model.gradient(X)
    assert ulps(np.asarray(values), wanted) <= MORE * case.value_ulps
    # Where a power is 0 at the end of its range, JAX knows its derivative and the model does not.
    known = ~(
        np.isnan(wanted_slopes) & ~np.isnan(wanted).reshape(wanted.shape + (1,) * (wanted_slopes.ndim - wanted.ndim))
    )
    assert ulps(np.asarray(slopes)[known], wanted_slopes[known]) <= MORE * case.gradient_ulps


@pytest.mark.parametrize("name", ["network silu", "algebraic", "inverse"])
def test_second_derivatives_are_those_of_the_first(name):
    case, model = MODELS[name], model_of(name)
    low, high = case.box
    X = np.clip(inside(case, model.signature.n_inputs, 20), low + 0.01, high - 0.01)
    f, step = model.to_jax(), 1e-5
    got = np.asarray(jax.jit(jax.vmap(jax.hessian(lambda x: jnp.atleast_1d(f(x))[0])))(X))
    for j, unit in enumerate(step * np.eye(X.shape[1])):
        wanted = (model.evaluate_gradient(X + unit) - model.evaluate_gradient(X - unit))[:, 0] / (2.0 * step)
        np.testing.assert_allclose(got[:, j], wanted, rtol=1e-5, atol=1e-6 * np.max(np.abs(wanted)))


def test_it_is_a_number_or_an_array_as_y_was():
    x = np.array([1.0, 2.0, 3.0])
    assert network((3, 1)).to_jax()(x).shape == ()
    assert polynomial().to_jax()(x).shape == (2,)


def test_the_error_to_expect_is_that_of_the_model():
    model, X = with_error_estimate("lines")
    low, width = X.min(axis=0), np.ptp(X, axis=0)
    X = low + width * np.random.default_rng(1).uniform(-0.1, 1.1, (100, 2))
    X[0, 0] = np.nan
    got = jax.jit(jax.vmap(model.to_jax(error_estimate=True)))(X)
    np.testing.assert_allclose(got, model.error_estimate(X), rtol=1e-6, atol=1e-14)


def test_float32_and_points_of_another_shape_are_refused():
    f = polynomial().to_jax()
    for wrong in (np.ones(2), np.ones((5, 3)), 1.0):
        with pytest.raises(ValueError, match=r"x: expected \(3,\), got \(.*\); jax.vmap makes a function of many"):
            f(wrong)
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(
        ValueError, match=r'expected float64, got float32: first jax.config.update\("jax_enable_x64", True'
    ):
        f(np.ones(3))
