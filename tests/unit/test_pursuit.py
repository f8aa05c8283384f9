"""Polynomials of few terms in many inputs: how terms are chosen, that they are found, and what `degree` says."""

import itertools

import numpy as np
import pytest

import pml_native as pml
from pml_native.models.chebyshev import BASES, ChebyshevTerms, index_set
from pml_native.search.polynomial import is_simple
from pml_native.search.pursuit import Candidates, halves, is_among, with_divisors

RNG = np.random.default_rng(0)
SIZES = {"total": np.sum, "hyperbolic": lambda a: np.prod(a + 1) - 1, "tensor": np.max, "axes": np.sum, "auto": np.sum}


def relative_rmse(model, X, y):
    return float(np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2)))


def products(n_inputs, degree, n_terms, seed):
    """A sum of products of columns drawn at random, with normal coefficients."""
    rng = np.random.default_rng(seed)
    columns, coefficients = rng.integers(n_inputs, size=(n_terms, degree)), rng.normal(size=n_terms)
    return lambda X: X[:, columns].prod(axis=2) @ coefficients


def fitted(function, n_inputs, n, box, **options):
    """The model of so many uniform rows, and its error at as many others."""
    X, there = (np.random.default_rng(seed).uniform(*box, size=(n, n_inputs)) for seed in (1, 2))
    model = pml.fit(X, function(X), progress=False, **options)
    return model, relative_rmse(model, there, function(there))


def test_matches_are_those_of_all_columns_made_one_by_one():
    indices, _ = index_set("total", 4, [4] * 5, 1000)
    Z, weight = RNG.uniform(-1.0, 1.0, size=(90, 5)), RNG.uniform(0.5, 1.0, size=(90, 1))
    residual = RNG.normal(size=(90, 2))
    columns = ChebyshevTerms(indices).design(Z) * weight
    wanted = np.max(np.abs(columns.T @ (residual / np.sqrt(np.mean(residual**2, axis=0)))), axis=1)
    wanted /= np.linalg.norm(columns, axis=0)
    np.testing.assert_allclose(Candidates(indices).match(Z, residual, weight), wanted, rtol=1e-12)


def test_halves_are_few_and_their_products_are_the_terms():
    indices, _ = index_set("total", 4, [4] * 12, 10_000)
    left, right = halves(indices)
    assert (left + right == indices).all()
    assert (np.minimum(left, right) == 0).all()
    assert len(np.unique(left, axis=0)) + len(np.unique(right, axis=0)) < len(indices) / 8


def test_divisors_are_all_smaller_terms():
    terms = np.array([[2, 0, 1], [0, 3, 0]])
    wanted = {b for a in terms for b in itertools.product(*(range(k + 1) for k in a))}
    found = with_divisors(terms)
    assert {tuple(a) for a in found.tolist()} == wanted
    assert len(found) == len(wanted)
    assert is_among(found, terms).sum() == 2


def test_nothing_is_chosen_by_chance():
    indices, _ = index_set("total", 2, [2] * 12, 1000)
    Z = RNG.uniform(-1.0, 1.0, size=(500, 12))
    some = ChebyshevTerms(indices[[40]]).design(Z)
    assert len(Candidates(indices).chosen(Z, indices[:1], RNG.normal(size=(500, 1)), 10)) == 0
    assert indices[40].tolist() in Candidates(indices).chosen(Z, indices[:1], some, 10).tolist()


@pytest.mark.parametrize("n_inputs", [3, 12])
@pytest.mark.parametrize("basis", ["auto", *BASES])
def test_no_term_is_of_a_higher_degree_than_asked_for(basis, n_inputs):
    X = RNG.uniform(size=(1500, n_inputs))
    top = 1 if basis == "tensor" and n_inputs > 3 else 2  # 2^12 terms are too many
    columns = X[:, :4] if basis == "tensor" else X
    y = np.exp(X.sum(axis=1) / 3.0)
    model = pml.fit_polynomial(columns, y, degree=top, basis=basis, inputs="identity", outputs="identity", effort=0.01)
    assert max(SIZES[basis](a) for a in model.indices) == top


def test_products_of_neighbours_are_found_by_degree_2_and_are_of_no_higher_one():
    X = RNG.uniform(size=(1000, 16))
    y = (X[:, :-1] * X[:, 1:]).sum(axis=1)
    model = pml.fit_polynomial(X, y, degree=2)
    assert relative_rmse(model, X, y) < 1e-15
    assert model.indices.sum(axis=1).max() == 2


@pytest.mark.parametrize("box", [(0.0, 1.0), (-1.0, 1.0), (1.0, 3.0)])
def test_eight_products_of_three_neighbours_are_found_at_once(box):
    model, error = fitted(lambda X: sum(X[:, i] * X[:, i + 1] * X[:, i + 2] for i in range(8)), 10, 1000, box)
    assert error < 1e-15
    assert {candidate.family for candidate in model.report.candidates} == {"polynomial"}


@pytest.mark.parametrize(
    ("n_inputs", "degree", "n_terms", "n"), [(20, 3, 30, 1600), (20, 2, 10, 400), (16, 4, 10, 1600)]
)
def test_few_terms_are_found_among_more_than_there_are_rows(n_inputs, degree, n_terms, n):
    _, error = fitted(products(n_inputs, degree, n_terms, seed=3), n_inputs, n, (-1.0, 1.0))
    assert error < 2e-15


def test_all_terms_are_taken_where_all_carry_something():
    indices, _ = index_set("total", 3, [3] * 12, 1000)
    truth = pml.Polynomial(indices, RNG.normal(size=len(indices)))
    X, there = (np.random.default_rng(seed).uniform(-1.0, 1.0, size=(1200, 12)) for seed in (1, 2))
    model = pml.fit_polynomial(X, truth(X), effort=0.05)
    assert relative_rmse(model, there, truth(there)) < 4e-15
    assert model.n_params == len(indices)


def test_a_function_of_a_polynomial_of_few_terms_is_found():
    inner = products(16, 3, 12, seed=5)
    model, error = fitted(lambda X: np.exp(0.2 * inner(X)), 16, 1200, (0.0, 2.0))
    assert error < 1e-13
    assert model.output_transforms == ("log",)


def test_a_polynomial_of_few_terms_in_logarithms_is_found():
    inner = products(12, 3, 8, seed=9)
    model, error = fitted(lambda X: inner(np.log(X)), 12, 1000, (1.0, 3.0))
    assert error < 1e-14
    assert set(model.input_transforms) == {"log"}


def test_several_outputs_share_their_terms():
    first, second = products(16, 3, 8, seed=6), products(16, 3, 8, seed=7)
    X, there = (np.random.default_rng(seed).uniform(size=(1500, 16)) for seed in (1, 2))
    model = pml.fit_polynomial(X, np.column_stack([first(X), second(X)]), effort=0.1)
    wanted = np.column_stack([first(there), second(there)])
    np.testing.assert_allclose(model(there), wanted, atol=1e-14 * np.abs(wanted).max())


@pytest.mark.parametrize("options", [{"error": "relative"}, {"sample_weight": RNG.uniform(0.1, 1.0, size=2500)}])
def test_rows_may_weigh_differently(options):
    function = products(12, 3, 10, seed=8)
    X, there = (np.random.default_rng(seed).uniform(1.0, 2.0, size=(2500, 12)) for seed in (1, 2))
    model = pml.fit_polynomial(X, 100.0 + function(X), effort=0.02, **options)
    assert relative_rmse(model, there, 100.0 + function(there)) < 1e-15


def test_the_same_rows_give_the_same_bits_on_any_number_of_threads():
    function = products(20, 3, 20, seed=4)
    X, there = (np.random.default_rng(seed).uniform(size=(1500, 20)) for seed in (1, 2))
    one, two = (pml.fit_polynomial(X, function(X), n_threads=k, effort=0.02)(there) for k in (1, 2))
    assert (one == two).all()


def test_low_degrees_in_many_inputs_are_simple():
    def model(n_inputs, degree):
        indices, _ = index_set("total", degree, [degree] * n_inputs, 10_000)
        return pml.Polynomial(indices, np.ones(len(indices)))

    assert is_simple(model(8, 3))
    assert is_simple(model(1, 9))
    assert not is_simple(model(7, 3))
    assert not is_simple(model(8, 5))
