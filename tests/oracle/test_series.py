"""Holds Chebyshev series, on every instruction set, to their terms one after the other in 50 digits."""

from __future__ import annotations

import functools

import mpmath
import numpy as np
import pytest

from pml_native.models.chebyshev import ChebyshevTerms, index_set
from pml_native.models.chebyshev_series import ChebyshevSeries
from pml_native.models.normalization import Normalization

EPS = np.finfo(float).eps
INDICES = {
    "a constant": np.zeros((1, 2), dtype=np.intp),
    "one variable": np.arange(25)[::-1, None],
    "one high degree": np.array([[90]]),
    "total degree in three": index_set("total", 7, [7] * 3, 1000)[0],
    "many of the first variable, few of the last": index_set("tensor", 20, [20, 1, 2], 1000)[0],
    "without constant and heads": np.array([[0, 3, 1, 0], [2, 0, 0, 5], [2, 0, 0, 4], [0, 0, 0, 1], [1, 1, 1, 1]]),
    "a variable in no term": np.array([[0, 0, 2], [1, 0, 0]]),
    "hyperbolic in six": index_set("hyperbolic", 5, [5] * 6, 1000)[0],
}


@functools.cache
def factor(k, v):
    """T_k(v) = cos(k arccos v) and its derivative, k U_(k-1)(v)."""
    return mpmath.chebyt(k, v), k * mpmath.chebyu(k - 1, v) if k else 0


def slow(indices, coefficients, z, derivative=None):
    """The sum of the terms."""
    with mpmath.workdps(50):
        total = mpmath.mpf(0)
        for a, c in zip(indices.tolist(), coefficients, strict=True):
            term = mpmath.mpf(float(c))
            for j, (k, v) in enumerate(zip(a, z, strict=True)):
                term *= factor(k, mpmath.mpf(float(v)))[j == derivative]
            total += term
        return total


@pytest.mark.parametrize("name", INDICES)
def test_values_and_derivatives_are_those_of_the_terms(every_isa, name):
    indices = INDICES[name].astype(np.intp)
    p, d = indices.shape
    rng = np.random.default_rng(p)
    coefficients = rng.normal(size=(p, 2)) / (1.0 + indices.sum(axis=1, keepdims=True)) ** 2
    series = ChebyshevSeries(indices, coefficients, Normalization.identity(d), np.zeros(2, dtype=np.intc))
    Z = np.concatenate([rng.uniform(-1.0, 1.0, size=(4, d)), np.ones((1, d)), -np.ones((1, d)), np.zeros((1, d))])
    results = [(isa, series.evaluate(Z, 1), series.gradient(Z, 1)) for isa in every_isa()]
    # T_k by its recursion errs by k^2 eps at the ends, the sums by d roundings and some of their size.
    tolerance = (int(indices.max()) ** 2 + 4 * d + 8) * EPS
    for i, z in enumerate(Z):
        for k in range(2):
            size = np.sum(np.abs(coefficients[:, k]))
            exact = slow(indices, coefficients[:, k], z)
            for isa, values, _ in results:
                assert abs(float(exact - mpmath.mpf(values[i, k]))) <= tolerance * size, isa
            for j in range(d):
                slopes = np.sum(np.abs(coefficients[:, k]) * indices[:, j] ** 2)
                exact = slow(indices, coefficients[:, k], z, derivative=j)
                for isa, _, gradient in results:
                    assert abs(float(exact - mpmath.mpf(gradient[i, k, j]))) <= tolerance * (slopes + size), isa


def test_rounding_is_no_larger_than_that_of_the_terms_summed_by_numpy(isa):
    indices = INDICES["total degree in three"]
    rng = np.random.default_rng(0)
    Z = rng.uniform(-1.0, 1.0, size=(40, 3))
    ours, numpys = [], []
    for _ in range(2):
        coefficients = rng.normal(size=(len(indices), 1))
        series = ChebyshevSeries(indices, coefficients, Normalization.identity(3), np.zeros(1, dtype=np.intc))
        terms = ChebyshevTerms(indices)
        exact = [slow(indices, coefficients[:, 0], z) for z in Z]
        for values, errors in ((series.evaluate(Z, 1), ours), (terms.design(Z) @ coefficients, numpys)):
            errors += [float(e - mpmath.mpf(v)) for e, v in zip(exact, values[:, 0], strict=True)]
    # 80 errors know their RMS to some per cent.
    assert np.sqrt(np.mean(np.square(ours))) <= 1.15 * np.sqrt(np.mean(np.square(numpys)))


@pytest.mark.parametrize("power", [-1000, 0, 1000])
def test_columns_and_outputs_of_any_size_keep_their_digits(isa, power):
    X = np.ldexp(np.random.default_rng(1).uniform(1.0, 3.0, size=(50, 2)), [power, -power])
    X = np.column_stack([X, np.full(50, 7.0)])  # and one that never varies
    indices = np.array([[0, 0, 0], [3, 1, 0], [1, 0, 0]])
    coefficients = np.array([[0.5], [2.0], [-1.0]])
    inputs = Normalization.of_box(X)
    series = ChebyshevSeries(indices, coefficients, inputs, np.array([power], dtype=np.intc))
    z = inputs.apply(X)
    value = 0.5 + 2.0 * (4 * z[:, 0] ** 3 - 3 * z[:, 0]) * z[:, 1] - z[:, 0]
    np.testing.assert_allclose(np.ldexp(series.evaluate(X)[:, 0], -power), value, rtol=0, atol=40 * EPS)
    slope = (2.0 * (12 * z[:, 0] ** 2 - 3) * z[:, 1] - 1.0) / inputs.scale[0]
    gradient = series.gradient(X)[:, 0]
    with np.errstate(over="ignore"):
        wanted = np.ldexp(slope, power - int(inputs.exponent[0]))
    np.testing.assert_allclose(gradient[:, 0], wanted, rtol=0, atol=40 * EPS * np.max(np.abs(wanted)))
    np.testing.assert_array_equal(gradient[:, 2], 0.0)
