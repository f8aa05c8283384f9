"""Holds sums of radial functions, on every instruction set, to their definition in 40 digits."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mpmath import exp, log, mp, mpf, sqrt, workdps

from pml_native import _core

EPS = np.finfo(float).eps
# phi(r) and phi'(r).
FUNCTIONS = {
    "linear": (lambda r: -r, lambda r: mpf(-1)),
    "thin_plate_spline": (lambda r: r**2 * log(r) if r else mpf(0), lambda r: 2 * r * log(r) + r if r else mpf(0)),
    "cubic": (lambda r: r**3, lambda r: 3 * r**2),
    "quintic": (lambda r: -(r**5), lambda r: -5 * r**4),
    "multiquadric": (lambda r: -sqrt(1 + r**2), lambda r: -r / sqrt(1 + r**2)),
    "inverse_multiquadric": (lambda r: 1 / sqrt(1 + r**2), lambda r: -r / sqrt(1 + r**2) ** 3),
    "inverse_quadratic": (lambda r: 1 / (1 + r**2), lambda r: -2 * r / (1 + r**2) ** 2),
    "gaussian": (lambda r: exp(-(r**2)), lambda r: -2 * r * exp(-(r**2))),
    "matern": (
        lambda r: (1 + sqrt(5) * r + 5 * r**2 / 3) * exp(-sqrt(5) * r),
        lambda r: -5 * r * (1 + sqrt(5) * r) / 3 * exp(-sqrt(5) * r),
    ),
}


@pytest.mark.parametrize("epsilon", [0.3, 4.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_are_those_of_the_definition(isa, name, epsilon):
    value, slope = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    n, d, m = 70, 3, 2  # more centers than are summed in one group
    centers, weights = rng.uniform(-1.0, 1.0, size=(n, d)), rng.normal(size=(n, m))
    total = _core.RadialSum(name, epsilon, centers, weights)
    Z = np.concatenate([rng.uniform(-1.0, 1.0, size=(3, d)), centers[:1], centers[1:2] + 1e-9])
    values, gradient = total.evaluate(Z, 1), total.gradient(Z, 1)
    with workdps(40):
        for i, z in enumerate(Z):
            differences = [[mpf(float(a)) - mpf(float(b)) for a, b in zip(z, c, strict=True)] for c in centers]
            radii = [epsilon * sqrt(sum(v**2 for v in row)) for row in differences]
            phi, slopes = [value(r) for r in radii], [slope(r) for r in radii]
            # t = (epsilon r)^2 errs by d + 3 eps, by which phi varies by phi' r / 2; phi by some eps, the sum by many.
            sizes = [abs(float(p)) + abs(float(s * r)) + 1e-2 for p, s, r in zip(phi, slopes, radii, strict=True)]
            steep = [epsilon * (abs(float(s)) + 1e-2) * (1 + float(r) ** 2) for s, r in zip(slopes, radii, strict=True)]
            for k in range(m):
                w = weights[:, k]
                exact = sum(mpf(float(a)) * p for a, p in zip(w, phi, strict=True))
                assert abs(float(exact - mpf(values[i, k]))) <= 16 * EPS * np.abs(w) @ sizes
                for j in range(d):
                    parts = zip(w, slopes, differences, radii, strict=True)
                    exact = sum((mpf(float(a)) * s * v[j] / r * epsilon**2 for a, s, v, r in parts if r), mpf(0))
                    assert abs(float(exact - mpf(gradient[i, k, j]))) <= 32 * EPS * np.abs(w) @ steep
    assert mp.dps != 40


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rows_do_not_depend_on_threads_or_neighbours_and_keep_their_nan(isa, name):
    rng = np.random.default_rng(1)
    total = _core.RadialSum(name, 1.5, rng.normal(size=(130, 2)), rng.normal(size=(130, 1)))
    Z = rng.normal(size=(1000, 2))
    Z[17, 1] = np.nan
    for method in (total.evaluate, total.gradient):
        values = method(Z, 1)
        assert np.isnan(values[17]).all()
        assert np.isfinite(np.delete(values, 17, axis=0)).all()
        for n_threads in (2, 5):
            np.testing.assert_array_equal(method(Z, n_threads), values)
        np.testing.assert_array_equal(method(Z[500:503].copy(), 1), values[500:503])
        assert len(method(Z[:0], 1)) == 0


def test_what_makes_no_sum_is_refused():
    ones = np.ones((3, 2))
    for arguments, message in (
        (("cubed", 1.0, ones, ones), "function: expected one of linear, thin_plate_spline, cubic"),
        (("cubic", 0.0, ones, ones), "epsilon: expected a number > 0, got 0"),
        (("cubic", 1.0, ones[0], ones), "centers: expected (n, d), got (2,)"),
        (("cubic", 1.0, ones, ones[:2]), "weights: expected (3, m), got (2, 2)"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            _core.RadialSum(*arguments)
    total = _core.RadialSum("cubic", 1.0, ones, ones)
    with pytest.raises(ValueError, match=re.escape("z: expected (n, 2), got (2, 3)")):
        total.evaluate(np.ones((2, 3)), 1)
    with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
        total.gradient(ones, 0)
