"""What holds for every sum of networks and every transform: one network equals the sum, inverses invert."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pml_native import MLP, Boosted, NetworkModel, Normalization
from pml_native.models.transformed import TRANSFORMS

QUICK = settings(max_examples=60, deadline=None)
EPS = np.finfo(np.float64).eps


@st.composite
def sums(draw):
    """A sum of up to four networks of one depth, and points: other widths, normalizations and scales in each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d, m, depth = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    activation = draw(st.sampled_from(["tanh", "sin", "sigmoid"]))
    X = rng.uniform(-1.0, 1.0, (9, d)) * 10.0 ** rng.uniform(-6, 6, d)
    stages = []
    for _ in range(draw(st.integers(1, 4))):
        mlp = MLP((d, *rng.integers(1, 8, depth).tolist(), m), activation)
        inputs = Normalization.of(X * rng.uniform(0.5, 2.0, d) + rng.uniform(-1.0, 1.0, d) * np.max(np.abs(X), axis=0))
        outputs = Normalization.of(rng.normal(size=(9, m)) * 10.0 ** rng.uniform(-100, 100, m))
        params = mlp.initialize(rng, scale=2.0)
        stages.append(NetworkModel(mlp, params, inputs=inputs, outputs=outputs))
    return Boosted(stages, 10.0 ** rng.uniform(-9, 0, (len(stages), m))), X


@QUICK
@given(sums())
def test_one_network_equals_the_sum_to_rounding(model_and_points):
    model, X = model_and_points
    merged = model.merge()
    terms = [scale * _size(stage) for stage, scale in zip(model.stages, model.scales, strict=True)]
    assert np.all(np.abs(merged(X) - model(X)) <= 2000 * EPS * np.sum(terms, axis=0))


def _size(network):
    """Rounding errors of the outputs are below some hundred eps of this: inputs below 8, a factor 2 for each layer."""
    layers = network.mlp.layers(network.params)
    size = np.full(network.mlp.n_inputs, 8.0)
    for weight, bias in layers:
        size = np.abs(weight) @ size + np.abs(bias)
    return np.ldexp(size * network.outputs.scale + np.abs(network.outputs.shift), network.outputs.exponent)


@QUICK
@given(sums())
def test_residuals_of_the_value_are_the_low_part_and_stages_come_off_and_on(model_and_points):
    model, X = model_and_points
    high, low = model.evaluate_extended(X)
    np.testing.assert_array_equal(high + low, high)
    np.testing.assert_array_equal(model.residuals(X, high), -low)
    rebuilt = model.truncated(1)
    for stage, scale in zip(model.stages[1:], model.scales[1:], strict=True):
        rebuilt = rebuilt.with_stage(stage, scale)
    np.testing.assert_array_equal(rebuilt.evaluate_extended(X), (high, low))


@QUICK
@given(sums())
def test_a_row_does_not_depend_on_its_neighbours(model_and_points):
    model, X = model_and_points
    alone = np.concatenate([model.evaluate(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, model.evaluate(X))


@pytest.mark.parametrize("name", TRANSFORMS)
@given(st.floats(1e-150, 1e150), st.booleans())
def test_transforms_invert_and_their_derivatives_are_reciprocals(name, magnitude, negative):
    transform = TRANSFORMS[name]
    v = np.array([-magnitude if negative else magnitude])
    if not transform.holds(v)[0]:
        assert np.isnan(transform.forward(v)[0])
        return
    t = transform.forward(v)
    # The rounding of t, times the slope of the way back: exp makes of that of a logarithm of 346 a relative error.
    with np.errstate(divide="ignore"):
        slope = np.abs(transform.inverse_derivative(t))
    assert np.all(np.abs(transform.inverse(t) - v) <= 4 * EPS * (np.abs(t) * slope + np.abs(v)))
    if name in ("sine", "cosine") and slope[0] > 10:
        return  # infinite where these turn around
    np.testing.assert_allclose(transform.forward_derivative(v) * transform.inverse_derivative(t), 1.0, rtol=800 * EPS)


@pytest.mark.parametrize("name", TRANSFORMS)
@given(st.floats())
def test_a_transformed_value_is_finite_or_nan_and_keeps_its_digits(name, value):
    transform, v = TRANSFORMS[name], np.array([value])
    t = transform.forward(v)
    if name == "identity":
        np.testing.assert_array_equal(t, v)
        return
    assert np.isfinite(t[0]) == transform.holds(v)[0]
    assert np.isfinite(t[0]) or np.isnan(t[0])
    # The sine of a small number is that number.
    assert not 0.0 < abs(t[0]) < 2.2e-308 or name in ("log", "sine", "tangent")
