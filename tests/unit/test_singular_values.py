"""Singular values, where LAPACK's first algorithm has none, and what is not finite, with which LAPACK may never end."""

import numpy as np
import pytest

from pml_native.singular_values import lstsq, pinv, singular_values, svd


def fails(*_, **__):
    raise np.linalg.LinAlgError("SVD did not converge")


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_a_matrix_is_the_product_of_its_parts(monkeypatch, broken, full):
    if broken:
        monkeypatch.setattr(np.linalg, "svd", fails)
    A = np.random.default_rng(0).standard_normal((7, 4))
    U, values, Vt = svd(A, full_matrices=full)
    assert U.shape == (7, 7 if full else 4)
    np.testing.assert_allclose(U[:, :4] * values @ Vt, A, rtol=0, atol=1e-14)
    np.testing.assert_allclose(U.T @ U, np.eye(len(U.T)), rtol=0, atol=1e-14)
    assert np.all(np.diff(values) <= 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_of_what_is_not_finite_all_is_nan_and_lapack_is_not_asked(monkeypatch, value):
    for name in ("svd", "lstsq", "pinv"):
        monkeypatch.setattr(np.linalg, name, None)
    A = np.ones((5, 3))
    A[1, 2] = value
    for full, shapes in ((True, [(5, 5), (3,), (3, 3)]), (False, [(5, 3), (3,), (3, 3)])):
        parts = svd(A, full_matrices=full)
        assert [part.shape for part in parts] == shapes
        assert all(np.isnan(part).all() for part in parts)
    assert np.isnan(singular_values(A)).all()
    for right, shape in ((np.ones(5), (3,)), (np.ones((5, 2)), (3, 2))):
        solution, _, rank, _ = lstsq(A, right)
        assert solution.shape == shape
        assert np.isnan(solution).all()
        assert rank == 0
    assert pinv(np.stack([A, A])).shape == (2, 3, 5)
    assert np.isnan(pinv(A)).all()


def test_finite_matrices_have_the_solutions_of_numpy():
    rng = np.random.default_rng(1)
    A, b = rng.standard_normal((6, 3)), rng.standard_normal(6)
    np.testing.assert_array_equal(lstsq(A, b)[0], np.linalg.lstsq(A, b, rcond=None)[0])
    np.testing.assert_array_equal(pinv(A), np.linalg.pinv(A))
