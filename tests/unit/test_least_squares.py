"""Least squares for polynomial coefficients, on columns good and bad."""

import numpy as np
import pytest

from pml_native.search.least_squares import (
    cholesky,
    leading_least_squares,
    least_squares,
    nested_least_squares,
    tiled_least_squares,
)


def chebyshev(z, degree):
    return np.asfortranarray(np.polynomial.chebyshev.chebvander(z, degree))


def kahan(p, angle=1.2):
    """Upper triangular with diagonal 1, s, s^2, ...: nearly dependent, though the diagonal hardly shows it."""
    s, c = np.sin(angle), np.cos(angle)
    return np.diag(s ** np.arange(p)) @ (np.eye(p) - c * np.triu(np.ones((p, p)), 1))


def rotated(R, n, rng):
    """A matrix of n rows with the singular values of R."""
    return np.asfortranarray(np.linalg.qr(rng.normal(size=(n, len(R))))[0] @ R)


def crowded(n=2000, seed=0):
    """Points of which most are at the left, and a function that is smooth there."""
    z = 2 * np.random.default_rng(seed).uniform(size=n) ** 4 - 1
    return z, 1 / (2.5 + z)


def in_tiles(A, Y, size):
    """What `tiled_least_squares` asks for."""
    return lambda: ((A[i : i + size], Y[i : i + size]) for i in range(0, len(A), size))


def test_well_conditioned_columns_give_the_solution_of_svd():
    rng = np.random.default_rng(0)
    A, Y = chebyshev(rng.uniform(-1, 1, 500), 20), rng.normal(size=(500, 3))
    expected = np.linalg.lstsq(A, Y, rcond=None)[0]
    np.testing.assert_allclose(least_squares(A, Y, np.arange(21)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("degree", [30, 80, 150])
def test_where_points_are_scarce_the_smooth_solution_is_taken(degree):
    # Normal equations and their drop of dependent columns gave errors of 1e-2 here.
    z, y = crowded()
    c = least_squares(chebyshev(z, degree), y[:, None], np.arange(degree + 1))
    # The extremes of 2,000 points are not quite the ends.
    Q = np.linspace(z.min(), z.max(), 1000)
    error = chebyshev(Q, degree) @ c[:, 0] - 1 / (2.5 + Q)
    assert np.abs(error).max() < 1e-11


def test_a_condition_that_the_diagonal_does_not_show_is_seen():
    """A Gram matrix of columns of condition 3e8 has lost all digits, and its diagonal is within a factor of 50."""
    rng = np.random.default_rng(0)
    R = kahan(52)
    A = rotated(R, 400, rng)
    assert np.linalg.cond(R) > 1e8
    assert R[-1, -1] / R[0, 0] > 0.02
    assert cholesky(R.T @ R) is None
    wanted = rng.normal(size=(52, 1))
    c = least_squares(A, A @ wanted, np.zeros(52, dtype=np.intp))
    # As exact as QR: what is left over is rounding.
    assert np.linalg.norm(A @ (c - wanted)) < 1e-13 * np.linalg.norm(A @ wanted)
    np.testing.assert_allclose(c, wanted, rtol=0, atol=1e-15 * np.linalg.cond(R) * np.linalg.norm(wanted))


@pytest.mark.parametrize("condition", [1e1, 1e3, 1e5, 3e5])
def test_a_gram_matrix_serves_up_to_its_condition(condition):
    rng = np.random.default_rng(1)
    V = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    A = rotated(np.diag(np.geomspace(1.0, 1.0 / condition, 20)) @ V, 300, rng)
    assert cholesky(A.T @ A) is not None
    wanted = rng.normal(size=(20, 2))
    c = least_squares(A, A @ wanted, np.zeros(20, dtype=np.intp))
    np.testing.assert_allclose(c, wanted, rtol=0, atol=1e-14 * condition)


@pytest.mark.parametrize("condition", [1e7, 1e9])
def test_beyond_it_another_way_is_taken(condition):
    rng = np.random.default_rng(1)
    V = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    A = np.diag(np.geomspace(1.0, 1.0 / condition, 20)) @ V
    assert cholesky(A.T @ A) is None


def test_one_factorization_serves_all_its_first_columns():
    """Of both ways, by Gram matrices and by QR, against a factorization for each number of columns."""
    rng = np.random.default_rng(0)
    A = chebyshev(rng.uniform(-1, 1, 300), 30)
    Y = np.stack([rng.normal(size=300), A @ rng.normal(size=31), A[:, :8] @ rng.normal(size=8)], axis=1)
    for solve in (leading_least_squares(A, Y, np.arange(31)), nested_least_squares(A, Y, np.arange(31))):
        for p in range(1, 32):
            Q, R = np.linalg.qr(A[:, :p])
            np.testing.assert_allclose(solve(p), np.linalg.solve(R, Q.T @ Y), rtol=0, atol=1e-11)


def test_leading_blocks_of_an_exact_fit_are_exact_to_rounding():
    """As residuals that are nearly 0 can't be known from the squares of what is left, these are refined."""
    rng = np.random.default_rng(2)
    A, wanted = chebyshev(rng.uniform(-1, 1, 400), 25), rng.normal(size=(12, 1))
    solve = leading_least_squares(A, A[:, :12] @ wanted, np.arange(26))
    np.testing.assert_allclose(solve(12), wanted, rtol=0, atol=1e-14)
    np.testing.assert_allclose(solve(26)[:12], wanted, rtol=0, atol=1e-14)


def test_leading_blocks_of_nearly_dependent_columns_are_those_of_qr():
    z, y = crowded()
    A, degrees = chebyshev(z, 150), np.arange(151)
    solve, other = leading_least_squares(A, y[:, None], degrees), nested_least_squares(A, y[:, None], degrees)
    for p in (1, 10, 151):
        np.testing.assert_array_equal(solve(p), other(p))


@pytest.mark.parametrize("size", [7, 100, 5000])
def test_rows_in_tiles_give_the_solution_of_all_at_once(size):
    rng = np.random.default_rng(0)
    A, Y = chebyshev(rng.uniform(-1, 1, 1000), 20), rng.normal(size=(1000, 2))
    expected = np.linalg.lstsq(A, Y, rcond=None)[0]
    found = tiled_least_squares(in_tiles(A, Y, size), np.arange(21))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [90, 700])
def test_tiles_of_nearly_dependent_columns_give_the_smooth_solution(size):
    z, y = crowded()
    found = tiled_least_squares(in_tiles(chebyshev(z, 80), y[:, None], size), np.arange(81))
    Q = np.linspace(z.min(), z.max(), 1000)
    assert np.abs(chebyshev(Q, 80) @ found[:, 0] - 1 / (2.5 + Q)).max() < 1e-11


def test_tiles_of_a_matrix_whose_diagonal_hides_its_condition():
    rng = np.random.default_rng(0)
    A, wanted = rotated(kahan(52), 400, rng), rng.normal(size=(52, 1))
    found = tiled_least_squares(in_tiles(A, A @ wanted, 150), np.zeros(52, dtype=np.intp))
    assert np.linalg.norm(A @ (found - wanted)) < 1e-13 * np.linalg.norm(A @ wanted)


def test_equal_columns_and_zeros_do_no_harm():
    A, degrees = np.asfortranarray(np.ones((10, 3))), np.array([0, 1, 2])
    two, zero = np.full((10, 1), 2.0), np.zeros((10, 1))
    np.testing.assert_allclose(A @ least_squares(A, two, degrees), 2.0, rtol=1e-14)
    np.testing.assert_allclose(A @ tiled_least_squares(in_tiles(A, two, 4), degrees), 2.0, rtol=1e-14)
    assert not least_squares(A, zero, degrees).any()
    assert not tiled_least_squares(in_tiles(A, zero, 4), degrees).any()
