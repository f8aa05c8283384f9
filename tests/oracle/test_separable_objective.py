"""The objective of sums of products against loops over rows, products and coefficients, and against differences."""

import itertools
import re

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebvander

from pml_native import _core
from pml_native.search.products_objective import SumOfProducts


def problem(d, rank, seed=0, n=23):
    rng = np.random.default_rng(seed)
    V = [chebvander(rng.uniform(-1.0, 1.0, n), 2 + j) for j in range(d)]
    objective = SumOfProducts(V, rank, rng.normal(size=n), rng.uniform(0.0, 2.0, n))
    return objective, rng.normal(size=sum(rank * v.shape[1] for v in V)), rng


def slow_residuals(objective, params):
    """Coefficients in the order of the parameters: variable, product, degree."""
    sizes = [v.shape[1] for v in objective.V]
    coefficients, at = {}, 0
    for j, size in enumerate(sizes):
        for k, degree in itertools.product(range(objective.rank), range(size)):
            coefficients[j, k, degree] = params[at]
            at += 1
    residuals = []
    for i in range(len(objective.y)):
        total = 0.0
        for k in range(objective.rank):
            product = 1.0
            for j, size in enumerate(sizes):
                product *= sum(coefficients[j, k, degree] * objective.V[j][i, degree] for degree in range(size))
            total += product
        residuals.append(objective.root_weight[i] * (total - objective.y[i]))
    return np.array(residuals)


@pytest.mark.parametrize(("d", "rank"), [(1, 1), (2, 1), (2, 3), (4, 2)])
def test_residuals_and_derivatives_are_those_of_the_loops(d, rank):
    objective, params, rng = problem(d, rank)
    wanted = slow_residuals(objective, params)
    residuals, jacobian = objective.residuals_and_jacobian(params)
    np.testing.assert_allclose(residuals, wanted, rtol=0, atol=1e-12)
    assert objective.loss(params) == pytest.approx(wanted @ wanted, rel=1e-13)
    # Residuals are linear in each parameter: any step gives the exact derivative.
    for p, one in enumerate(np.eye(len(params))):
        column = slow_residuals(objective, params + one) - wanted
        np.testing.assert_allclose(jacobian[:, p], column, rtol=0, atol=1e-11)
    v, u = rng.normal(size=len(params)), rng.normal(size=len(wanted))
    # Of degree d along v: the fourth-order difference is exact for all d here but for rounding.
    at = [slow_residuals(objective, params + h * v) for h in (-1.0, -0.5, 0.5, 1.0)]
    second = (-at[0] + 16 * at[1] - 30 * wanted + 16 * at[2] - at[3]) / (12 * 0.25)
    np.testing.assert_allclose(objective.second_derivative(params, v), second, rtol=0, atol=1e-10)
    np.testing.assert_allclose(objective.vector_jacobian_product(params, u), jacobian.T @ u, rtol=0, atol=1e-11)


@pytest.mark.parametrize("rank", [1, 2])
def test_the_forms_of_second_order_agree(rank):
    objective, params, _ = problem(3, rank)
    residuals, jacobian = objective.residuals_and_jacobian(params)
    loss, gradient, matrix = objective.gauss_newton(params)
    assert loss == pytest.approx(residuals @ residuals)
    np.testing.assert_allclose(gradient, 2 * jacobian.T @ residuals, rtol=1e-12)
    np.testing.assert_allclose(matrix, 2 * jacobian.T @ jacobian, rtol=1e-12)
    same_loss, same_gradient = objective.loss_and_gradient(params)
    assert same_loss == pytest.approx(loss)
    np.testing.assert_allclose(same_gradient, gradient, rtol=1e-10)


def test_parameters_are_the_coefficients_and_back():
    objective, params, _ = problem(3, 2)
    A = objective.coefficients(params)
    assert [a.shape for a in A] == [(3, 2), (4, 2), (5, 2)]
    np.testing.assert_array_equal(objective.params(A), params)


@pytest.mark.parametrize(("d", "rank", "n"), [(1, 1, 0), (1, 2, 1), (3, 2, 128), (4, 3, 1000)])
def test_the_jacobian_is_bitwise_the_same_on_any_number_of_threads(d, rank, n):
    objective, params, _ = problem(d, rank, n=n)
    F, V = objective.factors(params), [v.T for v in objective.V]
    found = [_core.products_jacobian(V, F, objective.root_weight, n_threads) for n_threads in (1, 2, 5)]
    assert found[0].shape == (n, len(params))
    for other in found[1:]:
        assert other.tobytes("A") == found[0].tobytes("A")
    # Each product is rounded as often as it has factors: by at most eps / 2 each time.
    wanted, at = np.empty_like(found[0]), 0
    for j, k in itertools.product(range(d), range(rank)):
        others = np.prod([F[i][:, k] for i in range(d) if i != j], axis=0) * objective.root_weight
        wanted[:, at : at + len(V[j])] = (others * V[j]).T
        at += len(V[j])
    np.testing.assert_allclose(found[0], wanted, rtol=2 * (d + 1) * np.finfo(float).eps, atol=0)


def test_arrays_that_do_not_belong_together_are_refused():
    V, F, weight = [np.ones((3, 5))] * 2, [np.ones((5, 2))] * 2, np.ones(5)
    for arguments, message in (
        (([], [], weight), "polynomials, series: expected the same number from 1 of both, got 0 and 0"),
        ((V, F[:1], weight), "polynomials, series: expected the same number from 1 of both, got 2 and 1"),
        ((V, F, np.ones(4)), "series: expected (4, r), got (5, 2)"),
        ((V, [F[0], np.ones((5, 3))], weight), "series: expected (5, 2), got (5, 3)"),
        (([V[0], np.ones((3, 4))], F, weight), "polynomials: expected (p, 5), got (3, 4)"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            _core.products_jacobian(*arguments, 1)
    with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
        _core.products_jacobian(V, F, weight, 0)
