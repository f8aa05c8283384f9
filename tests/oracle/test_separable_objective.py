"""The objective of sums of products against loops over rows, products and coefficients, and against differences."""

import itertools

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebvander

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
