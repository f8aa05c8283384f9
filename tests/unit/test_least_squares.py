"""Least squares for polynomial coefficients, on columns good and bad."""

import numpy as np
import pytest

from pml_native.search.least_squares import least_squares, nested_least_squares


def chebyshev(z, degree):
    return np.asfortranarray(np.polynomial.chebyshev.chebvander(z, degree))


def test_well_conditioned_columns_give_the_solution_of_svd():
    rng = np.random.default_rng(0)
    A, Y = chebyshev(rng.uniform(-1, 1, 500), 20), rng.normal(size=(500, 3))
    expected = np.linalg.lstsq(A, Y, rcond=None)[0]
    np.testing.assert_allclose(least_squares(A, Y, np.arange(21)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("degree", [30, 80, 150])
def test_where_points_are_scarce_the_smooth_solution_is_taken(degree):
    # Points crowd at the left; normal equations and their drop of dependent columns gave errors of 1e-2 here.
    rng = np.random.default_rng(0)
    z = 2 * rng.uniform(size=2000) ** 4 - 1
    y = 1 / (2.5 + z)
    c = least_squares(chebyshev(z, degree), y[:, None], np.arange(degree + 1))
    # The extremes of 2,000 points are not quite the ends.
    Q = np.linspace(z.min(), z.max(), 1000)
    error = chebyshev(Q, degree) @ c[:, 0] - 1 / (2.5 + Q)
    assert np.abs(error).max() < 1e-11


def test_one_factorization_serves_all_its_first_columns():
    rng = np.random.default_rng(0)
    A, Y = chebyshev(rng.uniform(-1, 1, 300), 30), rng.normal(size=(300, 2))
    solve = nested_least_squares(A, Y, np.arange(31))
    for p in (1, 7, 31):
        expected = np.linalg.lstsq(A[:, :p], Y, rcond=None)[0]
        np.testing.assert_allclose(solve(p), expected, rtol=0, atol=1e-9)


def test_equal_columns_and_zeros_do_no_harm():
    A = np.asfortranarray(np.ones((10, 3)))
    c = least_squares(A, np.full((10, 1), 2.0), np.array([0, 1, 2]))
    np.testing.assert_allclose(A @ c, 2.0, rtol=1e-14)
    assert not least_squares(A, np.zeros((10, 1)), np.array([0, 1, 2])).any()
