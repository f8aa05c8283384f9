"""Holds the likelihood of a Gaussian process to its definition, and its derivatives to differences of it."""

import math

import numpy as np
import pytest

from pml_native.search.gaussian_process import NUGGET, likelier, negative_log_likelihood

KERNELS = {
    "gaussian": lambda r: math.exp(-r * r),
    "matern": lambda r: (1.0 + math.sqrt(5.0) * r + 5.0 * r * r / 3.0) * math.exp(-math.sqrt(5.0) * r),
}


def rows(n=60, d=3, seed=0):
    rng = np.random.default_rng(seed)
    Z = rng.uniform(-1.0, 1.0, size=(n, d))
    return Z, np.column_stack([np.sin(3.0 * Z[:, 0]) + 0.1 * Z[:, 1], np.exp(Z[:, -1]) * Z[:, 0]])


def best_density(kernel, scales, Z, y):
    """The largest logarithm of the density of one column of y, of many amplitudes, by eigenvalues of its covariance."""
    K = np.array([[KERNELS[kernel](math.dist(a * scales, b * scales)) for b in Z] for a in Z]) + NUGGET * np.eye(len(Z))
    values, vectors = np.linalg.eigh(K)
    squares = (vectors.T @ y) ** 2
    return max(
        -0.5 * np.sum(squares / (a * values) + np.log(2.0 * math.pi * a * values))
        for a in np.exp(np.linspace(-10.0, 15.0, 2001))
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_likelihood_is_that_of_the_best_amplitude(kernel):
    Z, y = rows()
    scales = np.array([2.0, 1.0, 1.5])
    n, m = y.shape
    value, _ = negative_log_likelihood(kernel, np.log(scales), Z, y)
    left_out = 0.5 * n * m * (1.0 + math.log(2.0 * math.pi) - math.log(n))
    best = sum(best_density(kernel, scales, Z, column) for column in y.T)
    assert -value - left_out == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("kernel", KERNELS)
def test_its_derivatives_are_those_of_differences(kernel):
    Z, y = rows()
    at = np.log([2.0, 1.0, 1.5])
    gradient = negative_log_likelihood(kernel, at, Z, y)[1]
    steps = 1e-5 * np.eye(3)
    differences = [
        negative_log_likelihood(kernel, at + step, Z, y)[0] - negative_log_likelihood(kernel, at - step, Z, y)[0]
        for step in steps
    ]
    np.testing.assert_allclose(gradient, np.array(differences) / 2e-5, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_column_that_bends_y_more_has_a_larger_scale_in_any_unit(kernel):
    Z, _ = rows(150, 2)
    y = np.sin(6.0 * Z[:, [0]]) + 0.3 * Z[:, [1]] ** 2

    def likeliest(scales, Z, y):
        for _ in range(8):
            scales = likelier(kernel, scales, Z, y, 20)
        return scales

    scales = likeliest(np.ones(2), Z, y)
    assert scales[0] > 3.0 * scales[1]
    other = likeliest(np.array([0.5, 1.0]), Z * [2.0, 1.0], 7.0 * y)
    np.testing.assert_allclose(other, scales / [2.0, 1.0], rtol=1e-2)
    before, after = (negative_log_likelihood(kernel, np.log(one), Z, y)[0] for one in (np.ones(2), scales))
    assert after < before
