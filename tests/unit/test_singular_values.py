"""Singular values, where LAPACK's first algorithm has none."""

import numpy as np
import pytest

from pml_native.singular_values import svd


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
