"""Sums of products of functions of one input each: what they are, how they are found, what is refused."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.search import products


def box(n, d, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))


def product(X):
    return np.prod([np.sin((2 + j) * column + j) for j, column in enumerate(X.T)], axis=0)


def two_products(X):
    return np.cos(3 * X[:, 0]) * X[:, 1] * np.exp(X[:, 2]) + np.sin(4 * X[:, 1]) * X[:, 2]


def model_of_two():
    """2 T_1(x) T_0(y) + (1 + T_2(x)) T_3(y), scaled by 4."""
    first = pml.Polynomial([[0], [1], [2]], [[0.0, 1.0], [2.0, 0.0], [0.0, 1.0]], output_exponents=[2, 2])
    second = pml.Polynomial([[0], [3]], [[1.0, 0.0], [0.0, 1.0]])
    return pml.Separable([first, second])


def test_the_value_is_the_sum_of_the_products():
    X = box(50, 2)
    x, y = X.T
    wanted = 4 * (2 * x + 2 * x**2 * (4 * y**3 - 3 * y))
    np.testing.assert_allclose(model_of_two()(X), wanted, rtol=0, atol=1e-14)
    high, low = model_of_two().extended(X)
    np.testing.assert_allclose(high, wanted, rtol=0, atol=1e-14)
    assert np.any(low != 0.0)


@pytest.mark.parametrize("d", [2, 4, 7])
def test_a_product_that_changes_signs_is_found_to_rounding(d):
    X, X_new = box(3000, d), box(1000, d, 1)
    scale = 1e8
    model = pml.fit_separable(X, scale * product(X), effort=0.5)
    error = np.sqrt(np.mean((model(X_new) / scale - product(X_new)) ** 2) / np.mean(product(X_new) ** 2))
    assert model.rank == 1
    assert error < 1e-13


def test_a_column_that_never_varies_is_ignored():
    X = np.column_stack([box(1000, 2), np.full(1000, 3.0)])
    model = pml.fit_separable(X, product(X[:, :2]), effort=0.5)
    assert np.max(np.abs(model(X) - product(X[:, :2]))) < 1e-12


def test_no_time_still_gives_a_model():
    X = box(500, 3)
    assert np.isfinite(pml.fit_separable(X, product(X), time_limit=0.0)(X)).all()


def test_rows_that_few_others_are_near_are_not_missed():
    """A fit of the first rows has seen none at the end of a column whose values are differences, or products."""
    rng = np.random.default_rng(2)
    u = rng.uniform(0.0, 5.0, 2500) - 1.0 / rng.uniform(1.0, 5.0, 2500)
    u[:-1] = np.minimum(u[:-1], 4.3)
    u[-1] = 4.79
    z = rng.uniform(1.0, 5.0, 2500)
    X, y = np.column_stack([u, z]), np.hypot(1.0, u) * np.cos(z)
    new = rng.permutation(2500)[:150]
    new = new[new < 2499]
    rows = np.delete(np.arange(2500), new)
    model = pml.fit_separable(X[rows], y[rows], rank=1, validation=(X[new], y[new]), n_threads=1)
    assert np.max(np.abs(model(X) - y)) < 1e-13


def test_two_products_are_found_one_after_the_other():
    X, X_new = box(2000, 3), box(1000, 3, 1)
    model = pml.fit_separable(X, two_products(X), effort=0.5)
    assert model.rank >= 2
    assert np.sqrt(np.mean((model(X_new) - two_products(X_new)) ** 2)) < 1e-13
    assert pml.fit_separable(X, two_products(X), rank=1, effort=0.5).rank == 1


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_two_products_of_which_none_is_the_best_single_one_are_found(seed):
    """One product after the other ended at errors of 1e-9 to 4e-4."""

    def table(n, seed):
        x = np.random.default_rng(seed).uniform(0.5, 2.0, (4, n))
        X = np.column_stack([x[0] + x[1] + x[3], x[0] * x[1], x[2]])  # as a symmetry leaves them, in no box
        return X, np.exp(-X[:, 1]) * np.sin(X[:, 0] + X[:, 2]) / (1.0 + X[:, 2] ** 2)

    model = pml.fit_separable(*table(3000, seed), random_state=seed, effort=0.01)
    X_new, y_new = table(1000, seed + 100)
    assert np.sqrt(np.mean((model(X_new) - y_new) ** 2)) < 1e-11


def test_four_products_of_narrow_factors_are_found():
    """Franke's function, whose factors take more terms than a product begins with."""

    def franke(X):
        x, y = 9 * X.T
        hills = 0.75 * np.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 4) + 0.5 * np.exp(-((x - 7) ** 2 + (y - 3) ** 2) / 4)
        slope = 0.75 * np.exp(-((x + 1) ** 2) / 49 - (y + 1) / 10)
        return hills + slope - 0.2 * np.exp(-((x - 4) ** 2) - (y - 7) ** 2)

    rng = np.random.default_rng(0)
    X, X_new = rng.random((3000, 2)), rng.random((1000, 2))
    model = pml.fit_separable(X, franke(X), effort=0.5)
    assert model.rank == 4
    assert np.sqrt(np.mean((model(X_new) - franke(X_new)) ** 2)) < 1e-13


def test_weights_choose_what_is_met():
    X = box(600, 2)
    y, weight = product(X), np.ones(600)
    y[:60] += 5.0
    weight[:60] = 0.0
    model = pml.fit_separable(X, y, sample_weight=weight, validation=(X[60:], y[60:]), effort=0.5)
    assert np.sqrt(np.mean((model(X[60:]) - y[60:]) ** 2)) < 1e-12


def test_fit_takes_products_where_nothing_else_is_exact():
    X = box(3000, 6)
    report = pml.fit(X, product(X), effort=0.5, n_threads=1, progress=False).report
    assert report.family == "separable"
    assert report.validation_rmse < 1e-13
    assert any("sums of products" in sentence for sentence in report.path)


def test_sums_of_functions_of_one_input_are_polynomials():
    X = box(2000, 6)
    y = sum(np.exp(np.sin((2 + j) * X[:, j])) for j in range(6))
    model = pml.fit_polynomial(X, y, effort=0.5)
    X_new = box(1000, 6, 1)
    y_new = sum(np.exp(np.sin((2 + j) * X_new[:, j])) for j in range(6))
    assert np.sqrt(np.mean((model(X_new) - y_new) ** 2)) < 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pml.Separable([]), "factors: expected models of 1 input"),
        (lambda: pml.Separable([pml.Polynomial([[0, 1]], [1.0])]), "factors: expected models of 1 input"),
        (
            lambda: pml.Separable([pml.Polynomial([[0]], [1.0]), pml.Polynomial([[0]], [[1.0, 2.0]])]),
            "factors: expected models of 1 input",
        ),
        (lambda: pml.fit_separable(box(50, 2), box(50, 2)), "y: expected one output, got 2"),
        (lambda: pml.fit_separable(box(50, 2), product(box(50, 2)), rank=0), "rank: expected an integer >= 1"),
        (lambda: pml.fit_separable(box(50, 2), np.ones(50)), "y: expected values that vary, got one value only"),
        (lambda: pml.fit(box(50, 2), box(50, 2), method="separable", effort=0.02), "y: expected one output, got 2"),
    ],
)
def test_what_is_no_separable_model_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("size", [1e-20, 1e-100, 1e-156, 1e-200, 0.0])
def test_factors_that_have_gone_to_nothing_stay_finite(size):
    z = box(40, 2)
    V = [np.polynomial.chebyshev.chebvander(column, 2) for column in z.T]
    table = products.Table(list(z.T), V, np.random.default_rng(0).normal(size=40), np.ones(40), np.ones(40, dtype=bool))
    A = products._round(table, table.y, [np.full((3, 1), 1e-27 * size), np.full((3, 1), size)])
    assert all(np.isfinite(a).all() for a in A)
