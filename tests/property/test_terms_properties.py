"""What holds for columns of any Chebyshev products, for any index sets, and what the core refuses."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pml_native import _core
from pml_native.models.chebyshev import BASES, ChebyshevTerms, chebyshev_table, index_set, largest_index_set


@st.composite
def term_sets(draw):
    """Any terms in any order, some of them twice, and rows for them, some with NaN."""
    d, p, n = draw(st.integers(1, 8)), draw(st.integers(0, 40)), draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    indices = rng.integers(0, rng.integers(1, 9, size=d), size=(p, d))
    indices = np.concatenate([indices, indices[rng.integers(0, p, size=draw(st.integers(0, 5)))]]) if p else indices
    Z = rng.uniform(-1.5, 1.5, size=(n, d))
    Z[rng.random(size=Z.shape) < draw(st.sampled_from([0.0, 0.01]))] = np.nan
    return indices, Z


@given(term_sets())
@settings(max_examples=100, deadline=None)
def test_columns_are_the_products_of_tables(made):
    indices, Z = made
    wanted = np.ones((len(Z), len(indices)))
    for j in range(indices.shape[1]):
        table = chebyshev_table(Z[:, j], int(indices[:, j].max(initial=0)))
        # From the first factor to the last, and no factor for degree 0: 1 times anything is exact.
        for a, degree in enumerate(indices[:, j]):
            if degree:
                wanted[:, a] *= table[degree]
    np.testing.assert_array_equal(ChebyshevTerms(indices).design(Z), wanted)


@given(term_sets(), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_a_column_has_the_same_bits_in_any_set_batch_layout_and_number_of_threads(made, n_threads):
    indices, Z = made
    n, p = len(Z), len(indices)
    design = ChebyshevTerms(indices).design(Z)
    for same in (
        ChebyshevTerms(indices).design(np.asfortranarray(Z), n_threads),
        ChebyshevTerms(np.asfortranarray(indices)).design(np.repeat(Z, 2, axis=0)[::2]),
        copy.deepcopy(ChebyshevTerms(indices)).design(Z),
        pickle.loads(pickle.dumps(ChebyshevTerms(indices.astype(np.int32)))).design(Z),
        np.concatenate([ChebyshevTerms(indices).design(part) for part in (Z[: n // 3], Z[n // 3 :])]),
        ChebyshevTerms(indices[::-1]).design(Z)[:, ::-1],
        np.column_stack([np.empty((n, 0)), *(ChebyshevTerms(one[None]).design(Z) for one in indices)]),
    ):
        assert same.shape == (n, p)
        assert np.ascontiguousarray(same).tobytes() == np.ascontiguousarray(design).tobytes()


def test_many_rows_are_bitwise_the_same_on_any_number_of_threads_and_instruction_set():
    indices, _ = index_set("total", 9, [9] * 3, 1000)
    Z = np.random.default_rng(0).uniform(-1.0, 1.0, size=(5000, 3))
    terms, before, found = ChebyshevTerms(indices), _core.isa_selected(), set()
    for name in _core.isa_available():
        _core.isa_select(name)
        found |= {terms.design(Z, n_threads).tobytes("A") for n_threads in (1, 2, 7)}
    _core.isa_select(before)
    assert len(found) == 1


def test_indices_rows_and_threads_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match=re.escape("indices: expected (p, d), got (3,)")):
        _core.ChebyshevTerms(np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match=re.escape("indices: expected integers >= 0, got -2")):
        ChebyshevTerms(np.array([[1, -2]]))
    terms = ChebyshevTerms(np.array([[1, 2]]))
    with pytest.raises(ValueError, match=re.escape("Z: expected (n, 2), got (3, 1)")):
        terms.design(np.ones((3, 1)))
    with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
        terms.design(np.ones((3, 2)), 0)


def slow_largest(basis, highest, budget):
    """One degree after the other, while the set grows and stays within the budget."""
    largest = index_set(basis, 0, highest, 1)
    while True:
        more = index_set(basis, int(largest[1][-1]) + 1, highest, budget)
        if more is None or len(more[0]) == len(largest[0]):
            return largest
        largest = more


@given(st.sampled_from(list(BASES)), st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(1, 300))
@settings(max_examples=300, deadline=None)
def test_the_largest_set_is_what_raising_the_degree_ends_at(basis, highest, budget):
    indices, sizes = largest_index_set(basis, highest, budget)
    wanted_indices, wanted_sizes = slow_largest(basis, highest, budget)
    np.testing.assert_array_equal(indices, wanted_indices)
    np.testing.assert_array_equal(sizes, wanted_sizes)


def test_largest_sets_are_kept_and_cannot_be_changed():
    indices, sizes = largest_index_set("axes", [5000, 3, 0], 30)
    assert largest_index_set("axes", (7000, 3, 0), 30)[0] is indices  # no power is above the budget in either
    for array in (indices, sizes):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
