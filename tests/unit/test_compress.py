"""Smaller models: `model.compress`."""

import itertools

import numpy as np
import pytest

import pml_native as pml
from pml_native.models.adjusting import jacobian_of


def polynomial(indices, coefficients, d=2):
    inputs = pml.Normalization.of_box(np.array([[1.0] * d, [3.0] * d]))
    return pml.Polynomial(indices, coefficients, inputs=inputs)


def over_the_box(a, b, n=40):
    """The relative RMSE of b against a over the box from 1 to 3, by Gauss's rule of n nodes in each of two columns."""
    z, w = np.polynomial.legendre.leggauss(n)
    X = np.stack(np.meshgrid(2.0 + z, 2.0 + z, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.outer(w, w).ravel()
    return np.sqrt(np.average((a(X) - b(X)) ** 2, weights=weights) / np.average(a(X) ** 2, weights=weights))


SQUARE = np.array(list(itertools.product(range(6), range(6))))
FALLING = 10.0 ** -(0.5 * SQUARE.sum(axis=1)) * np.cos(7.0 * np.arange(36))


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-3, 1e-5])
def test_the_error_of_a_polynomial_is_exact_over_its_box(tolerance):
    model = polynomial(SQUARE, FALLING)
    smaller = model.compress(tolerance, effort=0.0)
    assert smaller.n_params < model.n_params
    error = over_the_box(model, smaller)
    assert error <= tolerance * (1.0 + 1e-12)
    assert error > tolerance / 20.0


def test_there_are_as_few_terms_as_of_all_subsets():
    rng = np.random.default_rng(3)
    indices = SQUARE[rng.permutation(36)[:10]]
    model = polynomial(indices, rng.normal(size=10) * 10.0 ** rng.uniform(-2, 0, 10))
    z, w = np.polynomial.legendre.leggauss(8)
    X = np.stack(np.meshgrid(2.0 + z, 2.0 + z, indexing="ij"), axis=-1).reshape(-1, 2)
    root = np.sqrt(np.outer(w, w).ravel())
    A, y = jacobian_of(model, X)[:, 0] * root[:, None], model(X) * root

    def best_of(k):
        return min(
            np.linalg.norm(A[:, c] @ np.linalg.lstsq(A[:, c], y, rcond=None)[0] - y)
            for c in map(list, itertools.combinations(range(10), k))
        ) / np.linalg.norm(y)

    for tolerance in (0.3, 0.1, 0.03):
        smaller = model.compress(tolerance, effort=0.0)
        # Least squares are at points drawn in the box, so that one term more may be there than the very fewest.
        assert best_of(smaller.n_params - 2) > tolerance


def test_terms_that_are_nothing_are_left_out():
    true = polynomial([[0, 0], [1, 2], [3, 0]], [1.0, 0.5, -0.2])
    padded = polynomial(
        SQUARE,
        [sum(c * (i == list(j)) for i, c in (([0, 0], 1.0), ([1, 2], 0.5), ([3, 0], -0.2))) + 1e-14 for j in SQUARE],
    )
    smaller = padded.compress(1e-10, effort=0.0)
    assert sorted(smaller.indices.tolist()) == sorted(true.indices.tolist())
    X = np.random.default_rng(0).uniform(1.0, 3.0, (50, 2))
    np.testing.assert_allclose(smaller(X), true(X), rtol=1e-12)


def test_errors_are_those_at_the_rows_that_are_given():
    model = polynomial(SQUARE, FALLING)
    line = np.column_stack([np.linspace(1.0, 3.0, 200), np.full(200, 1.5)])
    smaller = model.compress(1e-3, line, effort=0.0)
    off = np.sqrt(np.mean((smaller(line) - model(line)) ** 2) / np.mean(model(line) ** 2))
    assert off <= 1e-3
    assert smaller.n_params <= 6  # a polynomial of one variable is enough there


def test_a_quotient_keeps_the_terms_that_it_needs():
    X = np.random.default_rng(0).uniform(0.2, 2.0, (200, 2))
    y = np.sqrt(X[:, 0] + 0.1) / (1.0 + X[:, 1] ** 2)
    model = pml.fit(X, y, method="rational", effort=0.01, n_threads=1, progress=False)
    smaller = model.compress(1e-4, effort=0.0)
    Z = np.random.default_rng(5).uniform(X.min(axis=0), X.max(axis=0), (5000, 2))
    off = np.sqrt(np.mean((smaller(Z) - model(Z)) ** 2) / np.mean(model(Z) ** 2))
    assert smaller.n_params < 0.8 * model.n_params
    assert off <= 1e-4
    told = smaller.report.compression
    assert (told.n_before, told.n_after, told.is_exact) == (model.n_params, smaller.n_params, False)
    assert smaller.report.error >= told.error
    assert f"compressed from {model.n_params}" in str(smaller.report)


def test_factors_of_products_keep_the_terms_that_they_need():
    box = np.array([[0.0], [1.0]])
    degrees = np.arange(12)[:, None]
    rng = np.random.default_rng(1)
    factors = [
        pml.Polynomial(degrees, rng.normal(size=(12, 2)) * 0.1**degrees, inputs=pml.Normalization.of_box(box))
        for _ in range(3)
    ]
    model = pml.Separable(factors)
    smaller = model.compress(1e-4, effort=0.0)
    Z = rng.uniform(0.0, 1.0, (5000, 3))
    assert smaller.n_params < 0.6 * model.n_params
    assert np.sqrt(np.mean((smaller(Z) - model(Z)) ** 2) / np.mean(model(Z) ** 2)) <= 1e-4


def test_another_form_is_taken_where_it_is_smaller(tmp_path):
    X = np.random.default_rng(0).uniform(0.2, 2.0, (200, 2))
    model = pml.fit(X, X[:, 0] * X[:, 1] + X[:, 0] ** 2, method="rbf", effort=0.02, n_threads=1, progress=False)
    smaller = model.compress(1e-5, effort=0.02)
    assert smaller.n_params <= 6
    assert smaller.outside == model.outside
    assert smaller.inside(X).all()
    assert smaller.report.family == smaller.family != "rbf"
    smaller.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").report.compression == smaller.report.compression


def test_a_spline_gets_a_coarser_grid():
    axes = [np.linspace(0.0, 1.0, 41), np.linspace(0.0, 1.0, 30)]
    f = lambda x, y: np.sin(3.0 * x) * np.exp(y)  # noqa: E731
    spline = pml.SplineInterpolator(axes, f(*np.meshgrid(*axes, indexing="ij")), degree=5)
    smaller = spline.compress(1e-6, effort=0.0)
    X = np.random.default_rng(0).uniform(0.0, 1.0, (5000, 2))
    assert np.sqrt(np.mean((smaller(X) - spline(X)) ** 2) / np.mean(spline(X) ** 2)) < 1e-6
    assert smaller.n_params < spline.n_params / 4


def test_a_sum_of_stages_loses_the_last_ones():
    model = pml.NetworkModel(
        pml.MLP((1, 3, 1)), np.linspace(-1.0, 1.0, 10), inputs=pml.Normalization.of_box(np.array([[0.0], [1.0]]))
    )
    boosted = pml.Boosted([model, model, model], [1.0, 1e-3, 1e-6])
    X = np.linspace(0.0, 1.0, 100)[:, None]
    assert len(boosted.compress(1e-5, X, effort=0.0).stages) == 2
    assert len(boosted.compress(1e-2, X, effort=0.0).stages) == 1


def test_what_can_not_be_smaller_stays():
    model = polynomial([[0, 0], [1, 1]], [1.0, 1.0])
    same = model.compress(1e-3, effort=0.0)
    X = np.random.default_rng(0).uniform(1.0, 3.0, (50, 2))
    assert same is not model
    np.testing.assert_array_equal(same(X), model(X))


def test_what_is_0_everywhere_stays_so():
    nothing = polynomial([[0, 0], [1, 1]], [1.0, 1.0]) * 0.0
    assert nothing.compress(1e-3, effort=0.0)([[1.5, 2.5]])[0] == 0.0


def test_a_tolerance_that_is_none_is_refused():
    model = polynomial([[0, 0], [1, 1]], [1.0, 1.0])
    for tolerance in (0.0, 1.0, -1e-3, True, np.nan, "1e-3", None, [1e-3]):
        with pytest.raises(ValueError, match="tolerance: expected a number between 0 and 1"):
            model.compress(tolerance)
    for X in (np.empty((0, 2)), [[1.0, np.nan]]):
        with pytest.raises(ValueError, match="X: expected rows of finite numbers, got"):
            model.compress(1e-3, X)
    network = pml.NetworkModel(pml.MLP((1, 2, 1)), np.ones(7))
    with pytest.raises(ValueError, match="expected a model that knows the box of its rows"):
        network.compress(1e-3)
