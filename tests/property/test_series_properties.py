"""What holds for any Chebyshev series, and what its core refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pml_native as pml
from pml_native import _core
from pml_native.models.chebyshev import ChebyshevTerms


@st.composite
def polynomials(draw):
    """Any terms, in any order, some of them perhaps twice."""
    d, p, m = draw(st.integers(1, 5)), draw(st.integers(1, 40)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = rng.integers(0, rng.integers(1, 7, size=d), size=(p, d))
    inputs = pml.Normalization.of_box(rng.uniform(-3.0, 2.0, size=(20, d)))
    n_threads = draw(st.sampled_from([1, 2, 5]))
    exponents = rng.integers(-5, 5, size=m)
    signature = pml.models.Signature(d, m, y_is_vector=False)
    options = {"inputs": inputs, "output_exponents": exponents, "signature": signature, "n_threads": n_threads}
    return pml.Polynomial(indices, rng.normal(size=(p, m)), **options), rng


@given(polynomials(), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_a_row_has_the_same_bits_in_any_batch_layout_and_number_of_threads(made, n):
    model, rng = made
    d, m = model.signature.n_inputs, model.signature.n_outputs
    X = rng.uniform(-3.0, 2.0, size=(n, d))
    values, gradient = model(X), model.gradient(X)
    assert values.shape == (n, m)
    assert gradient.shape == (n, m, d)
    strided = np.zeros((2 * n, d + 1))[::2, 1:]
    strided[...] = X
    for other in (strided, np.asfortranarray(X)):
        assert model(other).tobytes() == values.tobytes()
        assert model.gradient(other).tobytes() == gradient.tobytes()
    if n:
        i = int(rng.integers(n))
        assert model(X[i : i + 1]).tobytes() == values[i : i + 1].tobytes()
        assert model.gradient(X[i:]).tobytes() == gradient[i:].tobytes()


@given(polynomials())
@settings(max_examples=40, deadline=None)
def test_values_are_those_of_the_evaluation_in_double_double(made):
    model, rng = made
    X = rng.uniform(-3.0, 2.0, size=(30, model.signature.n_inputs))
    high, _ = model.extended(X)
    # Outside of the box by a little too, where T_6 reaches some hundreds.
    z = np.maximum(1.0, np.max(np.abs(model.inputs.apply(X)), axis=0))
    size = np.sum(np.abs(model.coefficients), axis=0) * np.prod((2 * z) ** model.indices.max(axis=0))
    assert np.all(np.abs(model(X) - high) <= 1e-14 * np.ldexp(size, model.output_exponents))


@given(polynomials())
@settings(max_examples=40, deadline=None)
def test_the_gradient_is_the_derivative(made):
    model, rng = made
    X = rng.uniform(-2.0, 1.0, size=(10, model.signature.n_inputs))
    gradient = model.gradient(X)
    step = 1e-4
    size = 1e-6 * (1.0 + np.max(np.abs(gradient))) * 10.0 ** model.indices.max()
    for j in range(X.shape[1]):
        moved = np.eye(X.shape[1])[j] * step
        slope = (model(X + moved) - model(X - moved)) / (2 * step)
        assert np.all(np.abs(gradient[:, :, j] - slope) <= size)


def test_many_rows_are_bitwise_the_same_on_any_number_of_threads(isa):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 6, size=(60, 3))
    coefficients, X = rng.normal(size=60), rng.uniform(-1.0, 1.0, size=(5000, 3))
    models = [pml.Polynomial(indices, coefficients, n_threads=t) for t in (1, 2, 7)]
    for model in models[1:]:
        np.testing.assert_array_equal(model(X), models[0](X))
        np.testing.assert_array_equal(model.gradient(X), models[0].gradient(X))


def test_instruction_sets_agree_to_rounding():
    rng = np.random.default_rng(9)
    indices = rng.integers(0, 6, size=(80, 4))
    model = pml.Polynomial(indices, rng.normal(size=80))
    X = rng.uniform(-1.0, 1.0, size=(500, 4))
    before, results = _core.isa_selected(), []
    for name in _core.isa_available():
        _core.isa_select(name)
        results.append(model(X))
    _core.isa_select(before)
    for other in results:
        np.testing.assert_allclose(other, results[0], rtol=0, atol=1e-14 * np.sum(np.abs(model.coefficients)))


def test_a_term_given_twice_counts_twice_in_values_and_derivatives():
    twice = pml.Polynomial([[2, 1], [0, 1], [2, 1]], [1.0, 2.0, 0.5])
    once = pml.Polynomial([[2, 1], [0, 1]], [1.5, 2.0])
    X = np.random.default_rng(0).uniform(-1.0, 1.0, size=(20, 2))
    np.testing.assert_array_equal(twice(X), once(X))
    np.testing.assert_array_equal(twice.gradient(X), once.gradient(X))
    np.testing.assert_array_equal(twice.extended(X), once.extended(X))


@given(st.integers(1, 6), st.integers(1, 60), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_tree_has_every_term_once_and_parents_before_children(d, p, seed):
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, rng.integers(1, 5, size=d), size=(p, d))
    tree = ChebyshevTerms(indices).tree
    nodes = np.zeros((len(tree.parents), d), dtype=np.intp)
    for i in range(1, len(nodes)):
        parent = tree.parents[i]
        assert parent < i
        assert parent == 0 or tree.variables[parent] < tree.variables[i]
        nodes[i] = nodes[parent]
        nodes[i, tree.variables[i]] = tree.degrees[i]
    np.testing.assert_array_equal(nodes[tree.places], indices)
    assert len(np.unique(nodes, axis=0)) == len(nodes)


TREE = {"parents": [0, 0, 1], "variables": [0, 0, 1], "degrees": [0, 1, 2]}
REST = {"columns": [0, 1], "exponents": [0, 0], "shift": [0.0, 0.0], "divisor": [1.0, 1.0], "output_exponents": [0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parents": [], "variables": [], "degrees": []}, "coefficients: expected (1, 0), got (1, 3)"),
        ({"degrees": [0, 1]}, "variables, degrees: expected 3 of each, got 3 and 2"),
        ({"parents": [0, 0, 2]}, "node 2: expected a parent of an earlier variable"),
        ({"variables": [0, 1, 1]}, "node 2: expected a parent of an earlier variable"),
        ({"variables": [0, 0, 2]}, "node 2: expected a variable below 2 and a degree from 1, got variable 2, degree 2"),
        ({"degrees": [0, 0, 2]}, "node 1: expected a variable below 2 and a degree from 1, got variable 0, degree 0"),
        ({"columns": [1, 1]}, "columns: expected each from 0 to 1 once, got 1"),
        ({"shift": [0.0]}, "columns, exponents, shift, divisor: expected the same number from 1 of each, got 2, 2, 1"),
        ({"output_exponents": [0, 0]}, "coefficients: expected (2, 3), got (1, 3)"),
    ],
)
def test_tables_that_make_no_series_are_refused(changes, message):
    arguments = {**TREE, "coefficients": np.ones((1, 3)), **REST, **changes}
    with pytest.raises(ValueError, match=re.escape(message)):
        _core.ChebyshevSeries(**arguments)


def test_wrong_rows_and_threads_are_refused():
    series = _core.ChebyshevSeries(**TREE, coefficients=np.ones((1, 3)), **REST)
    for method in (series.evaluate, series.gradient):
        with pytest.raises(ValueError, match=re.escape("X: expected (n, 2), got (3, 1)")):
            method(np.ones((3, 1)), 1)
        with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
            method(np.ones((3, 2)), 0)
    with pytest.raises(ValueError, match="n_threads: expected a positive integer or None, got 0"):
        pml.Polynomial([[0]], [1.0], n_threads=0)
