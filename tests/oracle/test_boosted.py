"""Holds sums of models and models in other coordinates, on every instruction set, to 60-digit arithmetic."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from oracle import slow_network

from pml_native import MLP, Boosted, NetworkModel, Normalization, Transformed

mpf = slow_network.mp.mpf
X = np.random.default_rng(0).uniform(1.0, 5.0, (30, 2))
Y = np.random.default_rng(1).normal(size=(30, 2)) * [1.0, 1e3] + [4.0, 7e3]


def network(seed, widths=(2, 6, 2), outputs=None):
    mlp = MLP(widths)
    return NetworkModel(
        mlp, mlp.initialize(seed, scale=2.0), inputs=Normalization.of(X), outputs=outputs or Normalization.of(Y)
    )


PLAIN = Normalization.identity(2)
MODELS = {
    "two networks": Boosted([network(1), network(2, (2, 4, 5, 2))], [1.0, 0.25]),
    "a scale for each output": Boosted([network(1), network(2)], [[3.0, 1e-4], [1e-3, 1e-6]]),
    "three stages": Boosted([network(1), network(2, outputs=PLAIN), network(3, outputs=PLAIN)], [1.0, 1e-4, 1.1e-6]),
    "nested": Boosted([Boosted([network(1), network(2)], [1.0, 0.7]), network(3)], [0.3, 1e-2]),
}
NEGLIGIBLE = Boosted([network(1), network(2, outputs=PLAIN), network(3, outputs=PLAIN)], [1.0, 1e-8, 1e-16])


def columns(normalization):
    """Per column the shift and the scale as exact numbers, both in units of the data."""
    triples = zip(
        normalization.exponent.tolist(), normalization.shift.tolist(), normalization.scale.tolist(), strict=True
    )
    return [(mpf(shift) * mpf(2) ** e, mpf(scale) * mpf(2) ** e) for e, shift, scale in triples]


def exact_values(model):
    """Values at X, a list of n lists of m mpf."""
    if isinstance(model, Boosted):
        total = [[mpf(0)] * 2 for _ in X]
        for stage, scales in zip(model.stages, model.scales.tolist(), strict=True):
            for row, values in zip(total, exact_values(stage), strict=True):
                for k, (value, scale) in enumerate(zip(values, scales, strict=True)):
                    row[k] += mpf(scale) * value
        return total
    inputs = [
        [(mpf(v) - shift) / scale for v, (shift, scale) in zip(row, columns(model.inputs), strict=True)]
        for row in X.tolist()
    ]
    params = [mpf(p) for p in model.params.tolist()]
    values = slow_network.forward(model.mlp.widths, slow_network.tanh, params, inputs)
    outputs = columns(model.outputs)
    return [[z * scale + shift for z, (shift, scale) in zip(row, outputs, strict=True)] for row in values]


@functools.cache
def exact(name):
    return np.array(exact_values(NEGLIGIBLE if name == "negligible" else MODELS[name]), dtype=object)


def ulps(got, wanted):
    """The largest error in units of the last place of the double nearest to the exact value."""
    pairs = zip(got.ravel().tolist(), wanted.ravel(), strict=True)
    return max(float(abs(mpf(g) - w) / mpf(math.ulp(float(w)))) for g, w in pairs)


@pytest.mark.parametrize("name", MODELS)
def test_a_sum_is_the_exact_sum_rounded_once(isa, name):
    assert ulps(MODELS[name](X), exact(name)) <= 0.5000001


def test_stages_evaluated_in_float64_cost_less_than_a_thousandth_of_a_place(isa):
    assert ulps(NEGLIGIBLE(X), exact("negligible")) <= 0.501
    assert ulps(NEGLIGIBLE.extended(X)[0], exact("negligible")) <= 0.5000001


@pytest.mark.parametrize("name", [*MODELS, "negligible"])
def test_extended_values_of_a_sum_are_right_to_about_30_digits(isa, name):
    model = NEGLIGIBLE if name == "negligible" else MODELS[name]
    high, low = model.extended(X)
    for h, rest, wanted in zip(high.ravel().tolist(), low.ravel().tolist(), exact(name).ravel(), strict=True):
        assert abs(mpf(h) + mpf(rest) - wanted) <= abs(wanted) * mpf(2.0**-98)


@pytest.mark.parametrize("name", [*MODELS, "negligible"])
@pytest.mark.parametrize("distance", [0.0, 1e-16, 1e-12, 1e-3])
def test_residuals_are_exact_differences_rounded_once(isa, name, distance):
    model = NEGLIGIBLE if name == "negligible" else MODELS[name]
    y = model(X) * (1.0 + distance * np.random.default_rng(3).uniform(-1, 1, (len(X), 2)))
    got = model.residuals(X, y)
    for r, target, value in zip(got.ravel().tolist(), y.ravel().tolist(), exact(name).ravel(), strict=True):
        error = abs(mpf(r) - (mpf(target) - value))
        assert error <= mpf(math.ulp(r)) / 2 + abs(value) * mpf(2.0**-98)


def test_extended_values_of_exponentials_lose_nothing_to_the_rounding_of_the_exponent(isa):
    # exp(300 + z): half a place of 300 is 150 places of the result in float64.
    around = Normalization(np.zeros(2, dtype=np.intc), np.full(2, 300.0), np.ones(2))
    inner = network(1, outputs=around)
    model = Transformed(inner, ["identity", "identity"], ["log", "reciprocal"])
    values = exact_values(inner)
    wanted = np.array([[slow_network.exp(a), 1 / b] for a, b in values], dtype=object)
    assert ulps(model(X)[:, 0], wanted[:, 0]) > 20
    high, _ = model.extended(X)
    # One place for exp and for the reciprocal in float64, half a place for the sum with the correction.
    assert ulps(high, wanted) <= 1.5
