"""Holds columns of Chebyshev products, on every instruction set, to loops over rows, terms and factors, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from pml_native.models.chebyshev import ChebyshevTerms, index_set

INDICES = {
    "no terms": np.zeros((0, 2), dtype=np.intp),
    "no variables": np.zeros((2, 0), dtype=np.intp),
    "constants alone": np.zeros((2, 3), dtype=np.intp),
    "one variable, falling": np.arange(25)[::-1, None],
    "one high degree": np.array([[90]]),
    "total degree in three": index_set("total", 7, [7] * 3, 1000)[0],
    "hyperbolic in six": index_set("hyperbolic", 5, [5] * 6, 1000)[0],
    "sums of functions of one variable": index_set("axes", 30, [30] * 4, 1000)[0],
    "without constant and heads": np.array([[0, 3, 1, 0], [2, 0, 0, 5], [2, 0, 0, 4], [0, 0, 0, 1], [1, 1, 1, 1]]),
    "some twice": np.array([[2, 1], [0, 0], [2, 1], [2, 0], [2, 3], [0, 0], [2, 1], [2, 0]]),
    "a variable in no term": np.array([[0, 0, 2], [1, 0, 0]]),
}
# Of rows: none, one, around a tile of 64 and around a task of 256.
ROWS = [0, 1, 63, 64, 65, 255, 257, 1000]


def slow_polynomial(degree, z):
    """T_k = 2 z T_(k-1) - T_(k-2), rounded after each operation."""
    before, here = np.float64(1.0), np.float64(z)
    for _ in range(degree):
        before, here = here, np.float64(2.0) * np.float64(z) * here - before
    return before


def slow_design(indices, Z):
    out = np.empty((len(Z), len(indices)))
    for i, z in enumerate(Z):
        table = [[slow_polynomial(k, v) for k in range(int(indices[:, j].max(initial=0)) + 1)] for j, v in enumerate(z)]
        for a, index in enumerate(indices):
            product = np.float64(1.0)
            for j, degree in enumerate(index):
                if degree:
                    product = product * table[j][degree]
            out[i, a] = product
    return out


@pytest.mark.parametrize("name", INDICES)
def test_columns_are_the_products_of_the_loops(isa, name):
    indices = INDICES[name].astype(np.intp)
    Z = np.random.default_rng(0).uniform(-1.25, 1.25, size=(70, indices.shape[1]))
    np.testing.assert_array_equal(ChebyshevTerms(indices).design(Z), slow_design(indices, Z))


def test_any_number_of_rows(isa):
    indices = INDICES["some twice"]
    Z = np.random.default_rng(1).uniform(-1.0, 1.0, size=(max(ROWS), 2))
    wanted, terms = slow_design(indices, Z), ChebyshevTerms(indices)
    for n in ROWS:
        design = terms.design(Z[:n])
        assert design.shape == (n, len(indices))
        assert design.flags.f_contiguous
        np.testing.assert_array_equal(design, wanted[:n])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_missing_number_is_missing_in_the_terms_that_it_is_in_alone(isa):
    indices = INDICES["total degree in three"]
    Z = np.random.default_rng(2).uniform(-1.0, 1.0, size=(130, 3))
    Z[3, 1], Z[64, 0], Z[128, 2], Z[129, 2] = np.nan, np.nan, np.inf, -np.inf
    design = ChebyshevTerms(indices).design(Z)
    np.testing.assert_array_equal(design, slow_design(indices, Z))
    np.testing.assert_array_equal(np.isnan(design[3]), indices[:, 1] > 0)
