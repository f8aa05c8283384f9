"""Holds tricubic interpolation to the 64 x 64 system of Lekien and Marsden, cell by cell."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

import pml_native as pml

# f, fx, fy, fz, fxy, fxz, fyz, fxyz as orders along the axes.
ORDERS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)]
POWERS = list(itertools.product(range(4), repeat=3))


def monomial(x, powers, orders):
    product = 1.0
    for xj, p, order in zip(x, powers, orders, strict=True):
        factor = float(p) if order else 1.0
        product *= factor * xj ** max(p - order, 0)
    return product


@functools.cache
def matrix():
    """Row (derivative, corner), column (power of x, y, z): the 64 conditions on the unit cube."""
    corners = list(itertools.product((0.0, 1.0), repeat=3))
    return np.array([[monomial(c, p, o) for p in POWERS] for o in ORDERS for c in corners])


def slow_tricubic(axes, data, x, orders=(0, 0, 0)):
    """`data` (8, n_1, n_2, n_3) at the nodes; the derivative at x."""
    cell = [min(int(np.searchsorted(a, xj, side="right")) - 1, len(a) - 2) for a, xj in zip(axes, x, strict=True)]
    widths = np.array([a[i + 1] - a[i] for a, i in zip(axes, cell, strict=True)])
    conditions = []
    for o, values in zip(ORDERS, data, strict=True):
        for corner in itertools.product((0, 1), repeat=3):
            node = tuple(i + c for i, c in zip(cell, corner, strict=True))
            conditions.append(values[node] * np.prod(widths ** np.array(o)))
    coefficients = np.linalg.solve(matrix(), conditions)
    s = [(xj - a[i]) / h for a, i, xj, h in zip(axes, cell, x, widths, strict=True)]
    value = sum(c * monomial(s, p, orders) for c, p in zip(coefficients, POWERS, strict=True))
    return value / np.prod(widths ** np.array(orders))


@pytest.mark.parametrize("even", [True, False])
def test_values_and_gradients_are_those_of_the_system_of_64(isa, even):
    rng = np.random.default_rng(1)
    axes = [np.linspace(-1, 2, n) if even else np.cumsum(rng.uniform(0.2, 1.5, n)) for n in (4, 2, 5)]
    data = rng.normal(size=(8, 4, 2, 5))
    model = pml.TricubicInterpolator(axes, data[0], derivatives=data[1:])
    X = np.stack([rng.uniform(a[0], a[-1], 40) for a in axes], axis=1)
    # A condition of about 1e3 of the system, and numbers of order 1.
    np.testing.assert_allclose(model(X), [slow_tricubic(axes, data, x) for x in X], rtol=0, atol=1e-12)
    gradient = [[slow_tricubic(axes, data, x, tuple(row)) for row in np.eye(3, dtype=int)] for x in X]
    np.testing.assert_allclose(model.gradient(X), gradient, rtol=0, atol=1e-11)
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    for order, values in zip(ORDERS, data, strict=True):
        np.testing.assert_allclose(model.derivative(nodes, order), values.ravel(), rtol=0, atol=1e-13 * 50)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8])
def test_derivatives_of_polynomials_up_to_the_order_of_the_differences_are_exact(n):
    rng = np.random.default_rng(n)
    axes = [np.cumsum(rng.uniform(0.5, 1.0, n)) for _ in range(3)]
    degree = min(n - 1, 3)  # cubics at most are in the space of the interpolant
    factors = [np.polynomial.Polynomial(rng.normal(size=degree + 1)) for _ in range(3)]
    parts = np.meshgrid(*(f(a) for f, a in zip(factors, axes, strict=True)), indexing="ij")
    model = pml.TricubicInterpolator(axes, np.prod(parts, axis=0))
    X = np.stack([rng.uniform(a[0], a[-1], 100) for a in axes], axis=1)
    expected = np.prod([f(x) for f, x in zip(factors, X.T, strict=True)], axis=0)
    # Differences over 5 points lose a digit or two.
    np.testing.assert_allclose(model(X), expected, rtol=0, atol=1e-12 * np.max(np.abs(parts)) ** 3)


def test_the_error_falls_as_the_fourth_power_of_the_step_and_the_gradient_as_the_third():
    X = np.random.default_rng(0).uniform(size=(2000, 3))

    def f(x):
        return np.exp(x[..., 0] * x[..., 1]) * np.sin(2 * x[..., 2])

    errors, slopes = [], []
    for n in (17, 33):
        axis = np.linspace(0.0, 1.0, n)
        model = pml.TricubicInterpolator([axis] * 3, f(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)))
        errors.append(np.sqrt(np.mean((model(X) - f(X)) ** 2)))
        exact = np.exp(X[:, 0] * X[:, 1]) * 2 * np.cos(2 * X[:, 2])
        slopes.append(np.sqrt(np.mean((model.gradient(X)[:, 2] - exact) ** 2)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.3)
    assert np.log2(slopes[0] / slopes[1]) == pytest.approx(3.0, abs=0.3)


def test_the_gradient_is_continuous_across_cells():
    rng = np.random.default_rng(4)
    axes = [np.cumsum(rng.uniform(0.5, 1.0, 6)) for _ in range(3)]
    model = pml.TricubicInterpolator(axes, rng.normal(size=(6, 6, 6)))
    X = np.stack([rng.uniform(a[0], a[-1], 50) for a in axes], axis=1)
    X[:, 1] = axes[1][3]
    before = X.copy()
    before[:, 1] = np.nextafter(axes[1][3], 0.0)
    np.testing.assert_allclose(model.gradient(before), model.gradient(X), rtol=0, atol=1e-11)
