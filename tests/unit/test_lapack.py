"""Triangular factors against NumPy's general solvers, and the lock that they let go of."""

import sys
import threading

import numpy as np
import pytest

from pml_native import lapack
from pml_native.lapack import (
    shortest_solution,
    solve_triangular,
    solve_with_upper,
    square,
    triangle_of,
    upper_factor,
    upper_inverse,
)


def triangle(n, lower=False, seed=0):
    values = np.random.default_rng(seed).standard_normal((n, n)) + 3.0 * n**0.5 * np.eye(n)
    return np.tril(values) if lower else np.triu(values)


@pytest.mark.parametrize("long", [0.0, np.inf])
@pytest.mark.parametrize("order", ["C", "F", "block", "steps"])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_triangles_are_solved_in_any_layout(monkeypatch, long, order, lower, transposed):
    monkeypatch.setattr(lapack, "LONG", long)
    for n, right in ((1, ()), (1, (3,)), (7, ()), (7, (1,)), (40, (5,)), (0, (2,)), (5, (0,))):
        T = triangle(n, lower)
        around = np.full((2 * n + 3, 2 * n + 4), np.nan)
        if order == "block":
            around = np.asfortranarray(around)
            around[2 : 2 + n, 1 : 1 + n] = T
            T = around[2 : 2 + n, 1 : 1 + n]
        elif order == "steps":
            around[: 2 * n : 2, : 2 * n : 2] = T
            T = around[: 2 * n : 2, : 2 * n : 2]
        else:
            T = np.array(T, order=order)
        B = np.random.default_rng(1).standard_normal((n, *right))
        kept = B.copy()
        expected = np.linalg.inv(T.T if transposed else T) @ B
        X = solve_triangular(T, B, lower=lower, transposed=transposed)
        np.testing.assert_allclose(X, expected, rtol=1e-12, atol=1e-12)
        assert X.shape == B.shape
        np.testing.assert_array_equal(B, kept)


def test_the_other_triangle_and_a_unit_diagonal_are_not_looked_at():
    T = triangle(6, lower=True)
    np.fill_diagonal(T, np.nan)
    T[np.triu_indices(6, 1)] = np.nan
    B = np.arange(12.0).reshape(6, 2)
    L = np.nan_to_num(np.tril(T, -1)) + np.eye(6)
    np.testing.assert_allclose(L @ solve_triangular(T, B, lower=True, unit_diagonal=True), B, atol=1e-12)


def test_a_zero_on_the_diagonal_has_no_solution():
    T = triangle(4)
    T[2, 2] = 0.0
    with pytest.raises(np.linalg.LinAlgError, match="row 2"):
        solve_triangular(T, np.ones(4))
    with pytest.raises(np.linalg.LinAlgError, match="row 2"):
        upper_inverse(T)


@pytest.mark.parametrize(("T", "B"), [((3, 4), (3,)), ((3, 3), (4,))])
def test_shapes_that_do_not_match_are_refused(T, B):
    with pytest.raises(ValueError, match=r"expected \(n, n\) and \(n, k\)"):
        solve_triangular(np.ones(T), np.ones(B))


@pytest.mark.parametrize("n", [0, 1, 5, 70])
def test_upper_factors_solve_their_system(n):
    A = np.random.default_rng(2).standard_normal((2 * n + 1, n))
    G = A.T @ A
    U = upper_factor(np.triu(G))
    assert U is not None
    np.testing.assert_array_equal(U, np.triu(U))
    np.testing.assert_allclose(U.T @ U, G, rtol=0, atol=1e-12 * n)
    for B in (np.ones(n), np.ones((n, 3))):
        np.testing.assert_allclose(G @ solve_with_upper(U, B), B, atol=1e-9)
    np.testing.assert_allclose(U @ upper_inverse(U), np.eye(n), atol=1e-11)
    assert upper_factor(-G - np.eye(n)) is None or n == 0


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (9, 4), (3, 8)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_squares_are_products_in_the_upper_triangle(shape, order):
    A = np.array(np.random.default_rng(3).standard_normal(shape), order=order)
    upper = square(A)
    np.testing.assert_allclose(upper, np.triu(A.T @ A), atol=1e-13)
    assert square(A, scale=-1.0, plus=upper) is upper
    np.testing.assert_allclose(upper, 0.0, atol=1e-13)
    np.testing.assert_allclose(square(A[:, ::-1]), np.triu(A[:, ::-1].T @ A[:, ::-1]), atol=1e-13)
    with pytest.raises(ValueError, match="Fortran-contiguous"):
        square(A, plus=np.zeros((shape[1], shape[1] + 1)))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (3, 8), (90, 7), (300, 80)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_triangles_of_a_matrix_have_its_squares(shape, order):
    A = np.array(np.random.default_rng(4).standard_normal(shape), order=order)
    R = triangle_of(A)
    assert R.shape == (min(shape), shape[1])
    np.testing.assert_array_equal(R, np.triu(R))
    np.testing.assert_allclose(R.T @ R, A.T @ A, rtol=0, atol=1e-12 * max(1, *shape))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (3, 8), (90, 7), (300, 80)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_shortest_solutions_are_those_of_the_pseudoinverse(shape, order):
    rng = np.random.default_rng(6)
    A, b = np.array(rng.standard_normal(shape), order=order), rng.standard_normal(shape[0])
    if shape[1] > 3:
        A[:, 2] = A[:, 0] - A[:, 1]
    kept = A.copy()
    expected = np.linalg.pinv(A, rcond=1e-12) @ b if min(shape) else np.zeros(shape[1])
    np.testing.assert_allclose(shortest_solution(A, b, 1e-12), expected, atol=1e-12)
    np.testing.assert_array_equal(A, kept)


@pytest.mark.parametrize("is_long", [True, False])
def test_other_threads_run_while_a_large_system_is_solved(is_long):
    """No thread is asked to give up the lock: the other one runs where the call lets go of it, or not at all."""
    n = 1000
    U, B = np.eye(n, order="F"), np.ones((n, n), order="F")
    ran, ended = [0], threading.Event()

    def count():
        while not ended.wait(1e-4):
            ran[0] += 1

    interval, other = sys.getswitchinterval(), threading.Thread(target=count)
    sys.setswitchinterval(100.0)
    try:
        other.start()
        for _ in range(100 if is_long else 3):  # on a busy machine the other thread may not come to its turn
            before = ran[0]
            lapack._dpotrs(2.0 * lapack.LONG if is_long else 0.0, b"U", n, n, U, n, B, n)
            if ran[0] > before:
                break
        assert (ran[0] > before) == is_long
    finally:
        ended.set()
        sys.setswitchinterval(interval)
        other.join()
