"""Splines through values and slopes on grids."""

import itertools

import numpy as np
import pytest
from scipy.interpolate import BPoly, CubicHermiteSpline

import pml_native as pml
from pml_native.models import HermiteSpline


def powers(x, k, order=0):
    """x^k and its derivatives."""
    return np.prod([k - i for i in range(order)]) * x ** max(k - order, 0) if k >= order else 0.0 * x


AXIS = np.array([0.0, 0.3, 0.5, 1.1, 1.3, 2.0])


def test_degree_3_is_hermites_cubic_and_5_of_second_derivatives_his_quintic():
    y, slope, bend, x = np.sin(3 * AXIS), 3 * np.cos(3 * AXIS), -9 * np.sin(3 * AXIS), np.linspace(0.0, 2.0, 101)
    cubic = HermiteSpline([AXIS], y, [slope], degrees=[3])
    np.testing.assert_allclose(cubic(x), CubicHermiteSpline(AXIS, y, slope)(x), atol=1e-14)
    quintic = HermiteSpline([AXIS], y, [slope], bends=bend, degrees=[5])
    wanted = BPoly.from_derivatives(AXIS, np.stack([y, slope, bend], axis=1))(x)
    np.testing.assert_allclose(quintic(x), wanted, atol=1e-14)


@pytest.mark.parametrize(("degree", "has_bends"), [(3, False), (5, False), (7, False), (5, True), (7, True)])
def test_polynomials_of_the_degree_are_reproduced_and_derivatives_met(degree, has_bends):
    x, axis = np.linspace(0.0, 2.0, 57), AXIS - 0.4
    for k in range(degree + 1):
        bends = powers(axis, k, 2) if has_bends else None
        model = HermiteSpline([axis], powers(axis, k), [powers(axis, k, 1)], bends=bends, degrees=[degree])
        np.testing.assert_allclose(model(x - 0.4), powers(x - 0.4, k), atol=1e-12)
    rough = np.random.default_rng(0).normal(size=(3, 6))
    model = HermiteSpline([axis], rough[0], [rough[1]], bends=rough[2] if has_bends else None, degrees=[degree])
    np.testing.assert_allclose(model(axis), rough[0], atol=1e-10)
    np.testing.assert_allclose(model.gradient(axis)[:, 0], rough[1], atol=1e-9)
    if has_bends:
        np.testing.assert_allclose(model.hessian(axis)[:, 0, 0], rough[2], atol=1e-7)


def test_products_of_powers_are_reproduced_in_three_dimensions():
    axes = [AXIS, AXIS[:4] + 1.0, np.linspace(-1.0, 1.0, 5)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    new = np.random.default_rng(0).uniform([0.0, 1.0, -1.0], [2.0, 2.1, 1.0], (50, 3))
    for exponents in itertools.product((0, 3), (1, 2), (0, 2)):

        def product(X, along=None, exponents=exponents):
            parts = [powers(X[..., j], k, int(j == along)) for j, k in enumerate(exponents)]
            return np.prod(parts, axis=0)

        slopes = [product(nodes, j) for j in range(3)]
        model = HermiteSpline(axes, product(nodes), slopes, degrees=(5, 3, 3))
        np.testing.assert_allclose(model(new), product(new), atol=1e-11)


def test_an_error_falls_as_one_of_more_points():
    def f(x):
        return np.exp(np.sin(3 * x)), 3 * np.cos(3 * x) * np.exp(np.sin(3 * x))

    x, (few, many) = np.linspace(0.0, 2.0, 501), (np.linspace(0.0, 2.0, n) for n in (40, 80))
    of_slopes = HermiteSpline([few], f(few)[0], [f(few)[1]], degrees=[7])
    of_values = pml.SplineInterpolator([many], f(many)[0], degree=7)
    errors = [np.max(np.abs(model(x) - f(x)[0])) for model in (of_slopes, of_values)]
    assert errors[0] < errors[1]


def test_fits_of_grids_go_through_slopes():
    axes = [np.linspace(0.0, 2.0, n) for n in (14, 12)]
    X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def f(X):
        wave = np.exp(np.sin(2 * X[:, 0]) * X[:, 1])
        return wave, wave[:, None] * np.stack([2 * np.cos(2 * X[:, 0]) * X[:, 1], np.sin(2 * X[:, 0])], axis=1)

    new = np.random.default_rng(0).uniform(0.0, 2.0, (500, 2))
    errors = []
    for known in ({}, {"gradients": f(X)[1]}):
        model = pml.fit(X, f(X)[0], method="spline", **known)
        errors.append(np.sqrt(np.mean((model(new) - f(new)[0]) ** 2)))
    assert isinstance(model, HermiteSpline)
    assert "by y and its derivatives" in model.report.description
    assert errors[1] < 0.3 * errors[0]


def test_fits_of_one_column_go_through_second_derivatives():
    x, new = np.linspace(0.0, 2.0, 21), np.linspace(0.0, 2.0, 201)
    slope, bend = 5 * np.cos(5 * x), -25 * np.sin(5 * x)
    errors = []
    for known in ({}, {"gradients": slope}, {"gradients": slope, "second_derivatives": bend}):
        model = pml.fit(x, np.sin(5 * x), method="spline", **known)
        errors.append(np.max(np.abs(model(new) - np.sin(5 * new))))
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 0.1 * errors[1]


def test_slopes_that_are_not_all_known_are_left_out():
    x = np.linspace(0.0, 2.0, 21)
    slope = np.where(x > 1.9, np.nan, np.cos(x))
    model = pml.fit(x, np.sin(x), method="spline", gradients=slope)
    assert model.family == "spline"
    assert "by y alone" in model.report.description


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"degrees": [4]}, "degrees: expected odd numbers from 3 to 7, got 4"),
        ({"degrees": [3], "bends": np.ones(6)}, "degrees: expected odd numbers from 5 to 7, got 3"),
        ({"degrees": [3, 3]}, "expected 1, one for each axis, got 1 and 2"),
        ({"slopes": [np.ones(5)]}, r"slopes\[0\]: expected \(6,\) or \(6, m\), got \(5,\)"),
        ({"slopes": [np.ones((6, 2))]}, r"slopes\[0\]: expected \(6,\), as values, got \(6, 2\)"),
        ({"axes": [AXIS[:3]], "values": np.ones(3), "slopes": [np.ones(3)], "degrees": [7]}, "at least 4 points"),
    ],
)
def test_what_does_not_fit_is_said(change, said):
    given = {"axes": [AXIS], "values": np.ones(6), "slopes": [np.ones(6)], "degrees": [3], **change}
    with pytest.raises(ValueError, match=said):
        HermiteSpline(given.pop("axes"), given.pop("values"), given.pop("slopes"), **given)


def test_second_derivatives_are_of_one_axis():
    ones = np.ones((6, 6))
    with pytest.raises(ValueError, match="bends: expected one axis, got 2"):
        HermiteSpline([AXIS, AXIS], ones, [ones, ones], bends=ones, degrees=[5, 5])
