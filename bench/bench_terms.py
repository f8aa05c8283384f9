"""Columns of Chebyshev products, as least squares takes them, and Jacobians of sums of products, beside NumPy.

"heads first" is the same number of multiplications: each product is the one without its last factor, times that factor,
for blocks of rows in cache. It was what the searches ran before the core had columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebvander

from pml_native import _core
from pml_native.models.chebyshev import ChebyshevTerms, blocks, chebyshev_table, index_set
from pml_native.search.products_objective import SumOfProducts

# Columns, total degree, rows: sums of all terms of a search, and a small one in many columns.
CASES = [(2, 30, 3400), (3, 7, 3400), (3, 15, 3400), (4, 9, 3400), (6, 3, 600)]


def heads_first(terms: ChebyshevTerms, Z: np.ndarray) -> Callable[[], np.ndarray]:
    parents, variables, degrees, places = terms.tree
    d = Z.shape[1]
    last = np.where(degrees > 0, variables, -1)
    order = np.argsort(last, kind="stable")
    row_of = np.argsort(order)
    bounds = itertools.pairwise(np.searchsorted(last[order], np.arange(d + 1)))
    steps = [(slice(a, b), row_of[parents[order[a:b]]], degrees[order[a:b]]) for a, b in bounds]

    def run() -> np.ndarray:
        out = np.empty((len(places), len(Z)))
        for rows in blocks(len(Z), len(parents)):
            products = np.empty((len(parents), rows.stop - rows.start))
            products[0] = 1.0
            for j, (here, heads, powers) in enumerate(steps):
                if len(heads):
                    table = chebyshev_table(Z[rows, j], int(powers.max()))
                    np.multiply(products[heads], table[powers], out=products[here])
            out[:, rows] = products[row_of[places]]
        return out.T

    return run


def all_factors(indices: np.ndarray, Z: np.ndarray) -> np.ndarray:
    out = np.ones((len(Z), len(indices)), order="F")
    for j in range(Z.shape[1]):
        out *= chebvander(Z[:, j], int(indices[:, j].max()))[:, indices[:, j]]
    return out


def case(d: int, degree: int, n: int) -> tuple[np.ndarray, np.ndarray, str]:
    found = index_set("total", degree, [degree] * d, 10**6)
    assert found is not None
    Z = np.random.default_rng(d).uniform(-1.0, 1.0, size=(n, d))
    return found[0], Z, f"d={d} p={len(found[0])} n={n:,}"


@pytest.mark.parametrize(("d", "degree", "n"), CASES)
def bench_terms(compare, d, degree, n):
    indices, Z, name = case(d, degree, n)
    terms = ChebyshevTerms(indices)
    made = {"heads first": heads_first(terms, Z), "chebvander": lambda: all_factors(indices, Z)}
    np.testing.assert_array_equal(made["heads first"](), terms.design(Z))
    compare("terms", name, lambda: terms.design(Z), made, n_elements=n * len(indices))


@pytest.mark.parametrize(("d", "degree", "n"), CASES)
def bench_terms_anew(compare, d, degree, n):
    """With the tree of the terms, which a search makes for each set that it tries."""
    indices, Z, name = case(d, degree, n)
    compare("terms and tree", name, lambda: ChebyshevTerms(indices).design(Z), {}, n_elements=n * len(indices))


def numpy_jacobian(V: list[np.ndarray], F: list[np.ndarray], root_weight: np.ndarray) -> np.ndarray:
    """By broadcasting, as the search for sums of products did it."""
    others = [np.prod([f for i, f in enumerate(F) if i != j], axis=0) for j in range(len(F))]
    columns = [(o[:, :, None] * v[:, None, :]).reshape(len(v), -1) for o, v in zip(others, V, strict=True)]
    return root_weight[:, None] * np.concatenate(columns, axis=1)


@pytest.mark.parametrize(("d", "rank", "degree"), [(3, 1, 12), (2, 6, 12), (3, 3, 12), (4, 2, 20)])
def bench_products_jacobian(compare, d, rank, degree, n=3400):
    rng = np.random.default_rng(d)
    V = [chebvander(rng.uniform(-1.0, 1.0, n), degree) for _ in range(d)]
    objective = SumOfProducts(V, rank, rng.normal(size=n), np.ones(n))
    F = objective.factors(rng.normal(size=d * rank * (degree + 1)))
    columns = [v.T for v in objective.V]
    ours = partial(_core.products_jacobian, columns, F, objective.root_weight, 1)
    made = {"NumPy": lambda: numpy_jacobian(V, F, objective.root_weight)}
    np.testing.assert_allclose(ours(), made["NumPy"](), rtol=1e-14)
    P = d * rank * (degree + 1)
    compare("Jacobian of products", f"d={d} r={rank} P={P} n={n:,}", ours, made, n_elements=n * P)
