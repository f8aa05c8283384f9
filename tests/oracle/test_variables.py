"""Holds the core's variables of inputs, and the chain rule through them, to loops over their definition."""

from __future__ import annotations

import re

import mpmath
import numpy as np
import pytest

from pml_native import _core

KINDS = ("product", "sum", "squares", "reciprocals", "product", "logarithms")
COEFFICIENTS = np.array(
    [[1.0, -2.0, 0.0], [0.5, 0.0, -3.0], [1.0, 1.0, 1.0], [0.0, 2.0, -1.0], [-0.5, 1.25, 7.0], [0.0, 1.5, 1.0]],
    dtype=float,
)
FACTOR = np.array([3.0, 0.0, -0.5])
T = {"sum": lambda v: v, "squares": lambda v: v**2, "reciprocals": lambda v: 1 / v, "logarithms": mpmath.log}


def product(x, exponents):
    return mpmath.fprod(v ** mpmath.mpf(float(e)) for v, e in zip(x, exponents, strict=True))


def variables_of(x):
    """u and the power in front at one point."""
    u = [
        product(x, row) if kind == "product" else mpmath.fsum(a * T[kind](v) for a, v in zip(row, x, strict=True))
        for kind, row in zip(KINDS, COEFFICIENTS.tolist(), strict=True)
    ]
    return u, product(x, FACTOR)


def test_variables_and_the_power_are_those_of_their_definition():
    X = np.random.default_rng(0).uniform(0.5, 3.0, size=(20, 3))
    U, power = _core.variables(KINDS, COEFFICIENTS, FACTOR, X, 1)
    for x, u, front in zip(X, U, power, strict=True):
        exact_u, exact_front = variables_of([mpmath.mpf(float(v)) for v in x])
        np.testing.assert_allclose(u, [float(v) for v in exact_u], rtol=1e-14, atol=1e-14)
        assert front == pytest.approx(float(exact_front), rel=1e-15)


def test_the_chain_rule_is_the_derivative_of_the_definition():
    X = np.random.default_rng(1).uniform(0.5, 3.0, size=(5, 3))
    U, power = _core.variables(KINDS, COEFFICIENTS, FACTOR, X, 1)
    linear = np.array([[1.0, -0.5, 0.25, 2.0, 0.125, 1.0], [0.0, 3.0, 0.0, -1.0, 0.5, 2.0]])  # f = linear u
    slopes = np.tile(linear, (len(X), 1, 1))
    out = _core.variables_chain(KINDS, COEFFICIENTS, FACTOR, X, U, power, U @ linear.T, slopes, 1)
    for q, k, i in np.ndindex(out.shape):

        def along(v, q=q, k=k, i=i):
            x = [mpmath.mpf(float(w)) for w in X[q]]
            x[i] = v
            u, front = variables_of(x)
            return front * mpmath.fsum(a * b for a, b in zip(linear[k].tolist(), u, strict=True))

        exact = float(mpmath.diff(along, mpmath.mpf(float(X[q, i]))))
        assert out[q, k, i] == pytest.approx(exact, rel=1e-11, abs=1e-11 * np.max(np.abs(out[q, k])))


def test_what_is_not_finite_is_nan_in_its_own_row_on_any_number_of_threads():
    X = np.random.default_rng(2).uniform(0.5, 3.0, size=(10_000, 3))
    X[7, 2], X[9, 1], X[11, 0] = -1.0, 0.0, np.nan  # a root of a negative number, a reciprocal of 0
    U, power = _core.variables(KINDS, COEFFICIENTS, FACTOR, X, 1)
    assert np.isnan(power[7])
    assert np.isnan(U[9, [0, 3]]).all()
    assert np.isfinite(U[9, [1, 2]]).all()
    known = np.isfinite(U).all(axis=1) & np.isfinite(power)
    np.testing.assert_array_equal(np.flatnonzero(~known), [7, 9, 11])
    f, slopes = np.ones((len(X), 1)), np.ones((len(X), 1, len(KINDS)))
    out = _core.variables_chain(KINDS, COEFFICIENTS, FACTOR, X, U, power, f, slopes, 1)
    np.testing.assert_array_equal(np.isnan(out).all(axis=(1, 2)), ~known)
    for n_threads in (2, 5):
        again, front = _core.variables(KINDS, COEFFICIENTS, FACTOR, X, n_threads)
        np.testing.assert_array_equal(again, U)
        np.testing.assert_array_equal(front, power)
        chained = _core.variables_chain(KINDS, COEFFICIENTS, FACTOR, X, U, power, f, slopes, n_threads)
        np.testing.assert_array_equal(chained, out)


def test_what_makes_no_variables_is_refused():
    X, a, b = np.ones((4, 2)), np.ones((1, 2)), np.ones(2)
    for arguments, message in (
        ((["cubes"], a, b, X, 1), "kinds: expected some of product, sum, squares, reciprocals, logarithms, got cubes"),
        ((["sum"] * 2, a, b, X, 1), "coefficients: expected (2, 2), got (1, 2)"),
        ((["sum"], a, b, X[:, :1].copy(), 1), "x: expected (n, 2), got (4, 1)"),
        ((["sum"], a, b, X, 0), "n_threads: expected a positive integer, got 0"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            _core.variables(*arguments)
    U, power = _core.variables(["sum"], a, b, X, 1)
    for changed, message in (
        ({"u": np.ones((4, 2))}, "u: expected (4, 1), got (4, 2)"),
        ({"power": np.ones(3)}, "power: expected (4,), got (3,)"),
        ({"slopes": np.ones((4, 1, 2))}, "slopes: expected (4, 1, 1), got (4, 1, 2)"),
    ):
        given = {"u": U, "power": power, "f": np.ones((4, 1)), "slopes": np.ones((4, 1, 1)), **changed}
        with pytest.raises(ValueError, match=re.escape(message)):
            _core.variables_chain(["sum"], a, b, X, *given.values(), 1)
