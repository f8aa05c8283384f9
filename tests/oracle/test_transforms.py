"""Holds the core's functions of columns to mpmath, and their domains to what is said of them."""

from __future__ import annotations

import re

import mpmath
import numpy as np
import pytest

from pml_native import _core

EPS = np.finfo(float).eps
# Forward, inverse, and values within the domain.
TRANSFORMS = {
    "identity": (lambda v: v, lambda t: t, [-3.0, 0.0, 7.5]),
    "log": (mpmath.log, mpmath.exp, [1e-300, 0.3, 1.0, 17.0, 1e300]),
    "reciprocal": (lambda v: 1 / v, lambda t: 1 / t, [-1e-300, -0.3, 0.7, 1e300]),
    "square": (lambda v: v**2, mpmath.sqrt, [1e-150, 0.3, 1e150]),
    "reciprocal_square": (lambda v: 1 / v**2, lambda t: 1 / mpmath.sqrt(t), [1e-100, 0.3, 1e100]),
    "reciprocal_root": (lambda v: 1 / mpmath.sqrt(v), lambda t: 1 / t**2, [1e-200, 0.3, 1e200]),
    "exp": (mpmath.exp, mpmath.log, [-29.0, -0.5, 0.7, 29.0]),
    "sine": (mpmath.sin, mpmath.asin, [-1.5, -0.3, 0.0, 1.2]),
    "cosine": (mpmath.cos, mpmath.acos, [0.1, 1.5, 3.0]),
    "tangent": (mpmath.tan, mpmath.atan, [-1.5, -0.1, 0.0, 1.2]),
}
OUTSIDE = {
    "log": [0.0, -1.0, np.inf],
    "reciprocal": [0.0, 1e-310, 1e308],
    "square": [-1.0, 1e-160, 1e160],
    "reciprocal_square": [-1.0, 0.0, 1e-110],
    "reciprocal_root": [-1.0, 0.0, 1e-210],
    "exp": [30.1, -31.0],
    "sine": [1.6, -1.6],
    "cosine": [-0.1, 3.2],
    "tangent": [1.58, -1.58],
}
NO_INVERSE = {"square": [-1.0], "reciprocal_square": [-1.0], "reciprocal_root": [0.0], "exp": [-1.0], "sine": [1.1]}


def transformed(part, name, values, divisor=1.0, factor=1.0):
    column = np.array(values, dtype=float)[:, None]
    return _core.transform(part, [name], column, np.array([divisor]), np.array([factor]), 1)[:, 0]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_functions_and_derivatives_are_those_of_mpmath(name):
    forward, inverse, values = TRANSFORMS[name]
    with mpmath.workdps(40):
        there = transformed("forward", name, values)
        for part, function, arguments in (("forward", forward, values), ("inverse", inverse, there.tolist())):
            wanted = np.array([float(function(mpmath.mpf(v))) for v in arguments])
            np.testing.assert_allclose(transformed(part, name, arguments), wanted, rtol=4 * EPS, atol=0)
            inner = [v for v in arguments if 1e-10 < abs(v) < 1e10]
            slopes = [float(mpmath.diff(function, mpmath.mpf(v))) for v in inner]
            np.testing.assert_allclose(transformed(f"{part}_derivative", name, inner), slopes, rtol=1e-13)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_outside_of_the_domain_there_is_nan(name):
    assert np.isnan(transformed("forward", name, [*OUTSIDE.get(name, []), np.nan])).all()
    assert np.isnan(transformed("inverse", name, [*NO_INVERSE.get(name, []), np.nan])).all()


def test_columns_have_their_own_function_divisor_and_factor_on_any_number_of_threads():
    V = np.random.default_rng(0).uniform(1.0, 2.0, size=(20_000, 3))
    names, divisor, factor = ["log", "identity", "reciprocal"], np.array([2.0, 4.0, -1.0]), np.array([1.0, 3.0, 0.5])
    results = [_core.transform("forward", names, V, divisor, factor, t) for t in (1, 2, 5)]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    wanted = np.column_stack([np.log(V[:, 0] / 2.0), V[:, 1] / 4.0 * 3.0, 0.5 / -V[:, 2]])
    np.testing.assert_allclose(results[0], wanted, rtol=4 * EPS, atol=4 * EPS)
    assert _core.transform("inverse", names, V[:0], divisor, factor, 1).shape == (0, 3)


def test_what_is_no_transform_is_refused():
    one, V = np.ones(1), np.ones((2, 1))
    for arguments, message in (
        (("backward", ["log"], V, one, one, 1), "part: expected forward, inverse, forward_derivative or"),
        (("forward", ["cube"], V, one, one, 1), "names: expected some of identity, log, reciprocal, square"),
        (("forward", ["log"] * 2, V, one, one, 1), "values: expected (n, 2), got (2, 1)"),
        (("forward", ["log"], V, np.ones(2), one, 1), "divisor: expected (1,), got (2,)"),
        (("forward", ["log"], V, one, np.ones(2), 1), "factor: expected (1,), got (2,)"),
        (("forward", ["log"], V, one, one, 0), "n_threads: expected a positive integer, got 0"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            _core.transform(*arguments)
