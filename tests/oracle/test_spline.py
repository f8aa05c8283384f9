"""Holds splines on grids, on every instruction set, to the recursion of Cox and de Boor in 50-digit arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mpmath import mpf

import pml_native as pml
from pml_native import _core

EPS = np.finfo(np.float64).eps


def b_spline(knots, j, k, x, order):
    """The derivative of the B-spline j of degree k at x, from the right, or from the left at the last knot."""
    if order > 0:
        left, right = knots[j + k] - knots[j], knots[j + k + 1] - knots[j + 1]
        return k * (
            (b_spline(knots, j, k - 1, x, order - 1) / left if left else 0)
            - (b_spline(knots, j + 1, k - 1, x, order - 1) / right if right else 0)
        )
    if k == 0:
        return mpf(knots[j] <= x < knots[j + 1] or (x == knots[-1] == knots[j + 1] and knots[j] < x))
    left, right = knots[j + k] - knots[j], knots[j + k + 1] - knots[j + 1]
    first = (x - knots[j]) / left * b_spline(knots, j, k - 1, x, 0) if left else 0
    second = (knots[j + k + 1] - x) / right * b_spline(knots, j + 1, k - 1, x, 0) if right else 0
    return first + second


def exact(knots, degrees, coefficients, x, orders):
    """The spline of each output at x, and the sums of the magnitudes of its terms."""
    columns = []
    for t, k, xj, order in zip(knots, degrees, x, orders, strict=True):
        t = [mpf(v) for v in t]
        columns.append([b_spline(t, j, k, mpf(xj), order) for j in range(len(t) - k - 1)])
    totals, sizes = [mpf(0)] * len(coefficients), [mpf(0)] * len(coefficients)
    for index in itertools.product(*(range(len(column)) for column in columns)):
        weight = mpf(1)
        for column, i in zip(columns, index, strict=True):
            weight *= column[i]
        for output, of_output in enumerate(coefficients):
            totals[output] += weight * mpf(of_output[index])
            sizes[output] += abs(weight * mpf(of_output[index]))
    return zip(totals, sizes, strict=True)


def clamped(points, k):
    return np.concatenate([[points[0]] * k, points, [points[-1]] * k])


CASES = [((k,), (9,)) for k in range(1, 8)] + [
    ((1, 1), (3, 2)),
    ((3, 2), (2, 3)),
    ((7, 4), (2, 2)),
    ((5, 6), (1, 2)),
    ((2, 7), (2, 2)),
    ((3, 1, 2), (2, 3, 2)),
    ((1, 2, 1, 3), (1, 2, 1, 2)),
    ((1, 1, 2, 1, 1), (1, 2, 1, 1, 1)),
    ((1, 2, 1, 1, 1, 2), (1, 1, 1, 1, 1, 1)),
]


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(("degrees", "cells"), CASES, ids=str)
def test_values_and_derivatives_are_those_of_the_recursion(every_isa, degrees, cells, even):
    rng = np.random.default_rng([len(degrees), *degrees, even])
    units = [np.arange(n + 1.0) if even else np.cumsum(rng.uniform(0.05, 2.0, n + 1)) for n in cells]
    unit_knots = [clamped(u, k) for u, k in zip(units, degrees, strict=True)]
    origin, step = (3.0, 0.25) if even else (0.0, 1.0)  # exact products, so that the oracle has the same knots
    knots = [origin + step * t for t in unit_knots]
    d = len(degrees)
    shape = [len(t) - k - 1 for t, k in zip(knots, degrees, strict=True)]
    coefficients = rng.normal(size=(2, *shape))
    lows, highs = [t[0] for t in knots], [t[-1] for t in knots]
    spline = _core.Spline(degrees, unit_knots, [origin] * d, [step] * d, [even] * d, lows, highs, "error", coefficients)
    X = np.stack([rng.uniform(a, b, 3) for a, b in zip(lows, highs, strict=True)], axis=1)
    X = np.concatenate([X, [lows, highs]])
    narrowest = min(np.min(np.diff(origin + step * u)) for u in units)
    for orders in ([0] * d, [1] + [0] * (d - 1), list(degrees) if d < 3 else [1] * d):
        got = {isa: spline.derivative(X, orders, 1) for isa in every_isa()}
        # Some roundings for each power of each axis; a weight's derivative is k!/(k-r)! / h^r at most.
        largest = np.prod([(2 * k / narrowest) ** r for k, r in zip(degrees, orders, strict=True)])
        for i, x in enumerate(X):
            for output, (value, size) in enumerate(exact(knots, degrees, coefficients, x, orders)):
                bound = 8 * sum(degrees) * EPS * (float(size) + largest * np.max(np.abs(coefficients)))
                for isa, values in got.items():
                    assert abs(float(value - mpf(values[i, output]))) <= bound, isa


@pytest.mark.parametrize("k", range(1, 8))
@pytest.mark.parametrize("d", [1, 2])
def test_interpolants_are_those_of_scipy(isa, d, k):
    from scipy.interpolate import make_interp_spline

    rng = np.random.default_rng(k)
    axes = [np.sort(rng.uniform(size=12)) for _ in range(d)]
    values = rng.normal(size=[12] * d)
    X = np.stack([rng.uniform(axis[0], axis[-1], 50) for axis in axes], axis=1)
    expected = []
    for x in X:
        rest = values
        for axis, xj in zip(axes, x, strict=True):
            rest = make_interp_spline(axis, rest, k)(xj)
        expected.append(rest)
    model = pml.SplineInterpolator(axes, values, degree=k)
    # Random points make a system whose condition SciPy and we share, in different roundings.
    np.testing.assert_allclose(model(X), expected, rtol=0, atol=1e-11 * np.max(np.abs(model.coefficients)))
