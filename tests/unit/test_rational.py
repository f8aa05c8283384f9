"""Quotients of polynomials: what they are, how they are found, what is refused."""

from dataclasses import replace

import numpy as np
import pytest

import pml_native as pml
from pml_native.search.equations import Equations
from pml_native.search.rational import Shape, solutions


def box(n, d, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))


def quotient_of_two():
    """(4 (1 + 2 T_1(x)) + T_2(y)) / (3 + T_1(x) T_1(y)), and half the numerator without the x."""
    indices = [(0, 0), (1, 0), (0, 2), (1, 1)]
    coefficients = [(4.0, 4.0, 3.0), (8.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
    return pml.Rational(pml.Polynomial(indices, coefficients, output_exponents=[0, -1, 0]))


def wanted(X):
    x, y = X.T
    bottom = 3 + x * y
    return np.stack([(4 + 8 * x + 2 * y**2 - 1) / bottom, 0.5 * (4 + 2 * y**2 - 1) / bottom], axis=1)


def relative_rmse(model, f, X):
    y = f(X)
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


def with_poles_near(X):
    """Singular on a sphere of radius 0.63 around (1.7, ..., 1.7), which is 0.7 from the box."""
    return 1.0 / (np.sum((X - 1.7) ** 2, axis=1) - 0.4)


def two_sharp_ridges(X):
    x, y = X.T
    return np.arctan(8 * (x - 0.3)) / (1 + 4 * y**2)


def test_the_value_is_the_quotient():
    X = box(50, 2)
    np.testing.assert_allclose(quotient_of_two()(X), wanted(X), rtol=0, atol=1e-14)
    high, low = quotient_of_two().extended(X)
    np.testing.assert_allclose(high, wanted(X), rtol=0, atol=1e-14)
    assert np.any(low != 0.0)


def test_the_extended_quotient_has_more_digits_than_float64():
    third = pml.Rational(pml.Polynomial([[0]], [[1.0, 3.0]]))
    high, low = third.extended(np.zeros((1, 1)))
    # 1/3 - fl(1/3) = 2^-54 / 3, as 3 fl(1/3) = 1 - 2^-54
    np.testing.assert_allclose((high[0], low[0]), (1 / 3, 2.0**-54 / 3), rtol=1e-15)


def test_a_zero_of_the_denominator_gives_no_finite_value():
    model = pml.Rational(pml.Polynomial([[0], [1]], [[1.0, 0.0], [0.0, 1.0]]))
    assert np.isinf(model(np.zeros((1, 1))))


def test_terms_are_those_below_a_level_that_fit_into_the_budget():
    indices, q = Shape((1.0, 0.5), 0.5).terms((9, 9), 20)
    sizes = indices @ np.array([1.0, 2.0])
    top = sizes.max()
    every = np.stack(np.meshgrid(np.arange(10), np.arange(10), indexing="ij"), axis=-1).reshape(-1, 2)
    assert np.array_equal(sizes, np.sort(sizes))
    assert len(indices) == np.count_nonzero(every @ np.array([1.0, 2.0]) <= top)
    assert q == np.count_nonzero(sizes <= 0.5 * top)
    assert len(indices) + q <= 20


def test_few_columns_of_few_values_have_few_terms():
    indices, q = Shape((1.0, 1.0), 1.0).terms((1, 2), 1000)
    assert (len(indices), q) == (6, 6)


def test_without_a_ridge_the_solution_is_that_of_the_linear_problem():
    """An oracle: the normal equations of p - t q' = t, all coefficients at once."""
    rng = np.random.default_rng(3)
    Z = rng.uniform(-1.0, 1.0, (200, 1))
    design = np.polynomial.chebyshev.chebvander(Z[:, 0], 4)
    t = np.stack([np.exp(2 * Z[:, 0]), np.sin(3 * Z[:, 0])], axis=1)
    weight = rng.uniform(0.5, 2.0, 200)
    equations = Equations(Z, t, None, None, None, None)
    [found] = solutions(np.arange(5)[:, None], equations, design, 3, weight, ridges=(0.0,))
    scaled = t / np.sqrt(np.mean(t**2, axis=0))
    zeros = np.zeros_like(design)
    rows = [
        np.concatenate([design, zeros, -scaled[:, :1] * design[:, 1:3]], axis=1),
        np.concatenate([zeros, design, -scaled[:, 1:] * design[:, 1:3]], axis=1),
    ]
    A = np.tile(weight, 2)[:, None] * np.concatenate(rows)
    slow = np.linalg.lstsq(A, np.tile(weight, 2) * scaled.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found.denominator, np.append(1.0, slow[10:]), rtol=0, atol=1e-11)
    np.testing.assert_allclose(
        found.numerators, slow[:10].reshape(2, 5).T * np.sqrt(np.mean(t**2, axis=0)), rtol=0, atol=1e-11
    )


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_quotient_is_found_to_rounding(d):
    X, X_new = box(2000, d), box(1000, d, 1)
    model = pml.fit_rational(1e3 + X, 1e8 * with_poles_near(X), effort=0.5)
    assert relative_rmse(lambda X: model(1e3 + X) / 1e8, with_poles_near, X_new) < 1e-11  # X + 1e3 has lost 3 digits


def test_sharp_bends_take_fewer_terms_than_polynomials():
    X, X_new = box(3000, 2), box(1000, 2, 1)
    options = {"inputs": "identity", "outputs": "identity", "effort": 0.02}
    rational = pml.fit_rational(X, two_sharp_ridges(X), **options)
    polynomial = pml.fit_polynomial(X, two_sharp_ridges(X), **options)
    assert relative_rmse(rational, two_sharp_ridges, X_new) < 1e-3 * relative_rmse(polynomial, two_sharp_ridges, X_new)


def test_outputs_share_a_denominator():
    X, X_new = box(1500, 2), box(500, 2, 1)

    def f(X):
        return with_poles_near(X)[:, None] * np.stack([1e-6 * X[:, 0], 1e6 * (1 + X[:, 1] ** 2)], axis=1)

    model = pml.fit_rational(X, f(X), effort=0.5)
    for k in range(2):
        assert np.max(np.abs(model(X_new) - f(X_new))[:, k]) < 1e-12 * np.max(np.abs(f(X_new)[:, k]))


def test_denominators_are_positive_in_the_whole_box():
    """Of few rows, between which many a denominator that meets them changes its sign."""
    X = box(60, 3)
    model = pml.fit_rational(X, two_sharp_ridges(X[:, :2]), outputs="identity", inputs="identity", effort=0.5)
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3), axis=-1).reshape(-1, 3)
    everywhere = np.concatenate([box(100_000, 3, 1), corners])
    inside = np.clip(everywhere, X.min(axis=0), X.max(axis=0))
    assert model.polynomials(inside)[:, -1].min() > 0.0


def test_weights_choose_what_is_met():
    X = box(600, 2)
    y, weight = with_poles_near(X), np.ones(600)
    y[:60] += 5.0
    weight[:60] = 0.0
    model = pml.fit_rational(X, y, sample_weight=weight, validation=(X[60:], y[60:]), effort=0.5)
    assert np.sqrt(np.mean((model(X[60:]) - y[60:]) ** 2)) < 1e-12


def test_a_column_that_never_varies_is_ignored():
    X = np.column_stack([box(1000, 2), np.full(1000, 3.0)])
    model = pml.fit_rational(X, with_poles_near(X[:, :2]), effort=0.5)
    assert np.max(np.abs(model(X) - with_poles_near(X[:, :2]))) < 1e-11


def test_no_time_still_gives_a_model():
    X = box(500, 3)
    assert np.isfinite(pml.fit_rational(X, with_poles_near(X), time_limit=0.0)(X)).all()


def test_a_constant_is_left_where_every_denominator_has_a_zero(monkeypatch):
    def with_zeros(*arguments, **options):
        return [
            replace(one, denominator=one.denominator * (1.0 if len(one.denominator) == 1 else -1.0))
            for one in solutions(*arguments, **options)
        ]

    monkeypatch.setattr("pml_native.search.rational.solutions", with_zeros)
    X = box(200, 2)
    model = pml.fit_rational(X, with_poles_near(X), effort=0.02)
    assert np.all(model(X) == model(X)[0])
    assert np.isfinite(model(X)[0])


def test_fit_takes_quotients_where_neither_polynomials_nor_products_are_exact():
    """Neither have such a ridge along a diagonal; relations, which come later, hold all quotients."""
    X, X_new = box(3000, 3), box(1000, 3, 1)

    def f(X):
        return (X[:, 0] + np.sin(X[:, 1])) / (1.5 + X[:, 0] * X[:, 1] + 0.3 * X[:, 2] * np.cos(X[:, 0]))

    model = pml.fit(X, f(X), effort=0.1, tolerance=1e-7, n_threads=1, progress=False)
    assert model.report.family in ("rational", "algebraic")
    assert any("quotients" in sentence for sentence in model.report.path)
    assert relative_rmse(model, f, X_new) < 2e-7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pml.Rational(pml.Polynomial([[0]], [1.0])), "polynomials: expected numerators and a denominator"),
        (
            lambda: pml.Rational(pml.Polynomial([[0]], [[1.0, 2.0]]), pml.models.Signature(1, 2, False)),
            "signature: expected 1 inputs and 1 outputs",
        ),
        (lambda: pml.fit_rational(box(50, 2), box(50, 1), max_terms=1), "max_terms: expected an integer >= 2"),
        (lambda: pml.fit_rational(box(50, 2), box(50, 1), outputs="root"), "outputs: expected one of identity"),
        (lambda: pml.fit_rational(box(50, 2), box(40, 1)), "expected 50"),
    ],
)
def test_what_is_no_quotient_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
