"""What holds for any graph of polynomial modules, and what the core refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pml_native import _core
from pml_native.models.chebyshev import index_set


@st.composite
def graphs(draw):
    """Any modules of up to three values before them, a core of up to four, coefficients and rows."""
    d, n_modules, n = draw(st.integers(1, 4)), draw(st.integers(0, 5)), draw(st.integers(0, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def part(n_known, most):
        sources = rng.permutation(n_known)[: rng.integers(1, most + 1)].tolist()
        basis = draw(st.sampled_from(["axes", "total", "hyperbolic"]))
        indices = index_set(basis, 4, [4] * len(sources), 1000)[0]
        return sources, rng.permutation(indices).astype(np.int64)

    modules = [part(d + k, 3) for k in range(n_modules)]
    core = part(d + n_modules, 4)
    graph = _core.ModularGraph(d, [sources for sources, _ in modules], [indices for _, indices in modules], *core)
    params = [rng.normal(size=len(i)) / np.sum(np.abs(i).sum(axis=1) + 1.0) for _, i in modules]
    return (
        graph,
        rng.uniform(-1.0, 1.0, (n, d)),
        np.concatenate([np.empty(0), *params]),
        rng.normal(size=len(core[1])),
        rng.uniform(0.5, 2.0, n),
    )


@given(graphs(), st.integers(2, 5))
@settings(max_examples=60, deadline=None)
def test_a_row_has_the_same_bits_in_any_batch_and_for_any_number_of_threads(made, n_threads):
    graph, Z, params, core, root_weight = made
    half = len(Z) // 2

    def all_of(rows, threads):
        return [
            graph.values(Z[rows], params, threads),
            graph.value(Z[rows], params, core, threads),
            graph.slopes(Z[rows], params, core, threads),
            graph.design(Z[rows], params, root_weight[rows], threads),
            graph.jacobian(Z[rows], params, core, root_weight[rows], threads),
        ]

    whole, shared = all_of(slice(None), 1), all_of(slice(None), n_threads)
    parts = zip(all_of(slice(half), 1), all_of(slice(half, None), 1), strict=True)
    for one, other, (first, second) in zip(whole, shared, parts, strict=True):
        np.testing.assert_array_equal(other, one)
        np.testing.assert_array_equal(np.concatenate([first, second]), one)


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_y_is_linear_in_the_core_and_its_derivatives_are_the_limits_of_differences(made):
    graph, Z, params, core, root_weight = made
    y = graph.value(Z, params, core)
    size = 1.0 + np.abs(y).max(initial=0.0)
    np.testing.assert_allclose(graph.design(Z, params, root_weight) @ core, root_weight * y, atol=1e-11 * size)
    h = 1e-6
    J = graph.jacobian(Z, params, core, root_weight)
    for k in range(0, len(params), 1 + len(params) // 5):
        step = h * (np.arange(len(params)) == k)
        up, down = (graph.value(Z, params + sign * step, core) for sign in (1.0, -1.0))
        scale = 1.0 + np.abs(J[:, k]).max(initial=0.0)
        np.testing.assert_allclose(J[:, k], root_weight * (up - down) / (2 * h), atol=1e-5 * scale * size)
    slopes = graph.slopes(Z, params, core)
    for j in range(Z.shape[1]):
        step = h * (np.arange(Z.shape[1]) == j)
        up, down = (graph.value(Z + sign * step, params, core) for sign in (1.0, -1.0))
        scale = 1.0 + np.abs(slopes[:, j]).max(initial=0.0)
        np.testing.assert_allclose(slopes[:, j], (up - down) / (2 * h), atol=1e-5 * scale * size)


def test_graphs_coefficients_and_rows_that_make_no_sense_are_refused():
    line = np.arange(3, dtype=np.int64)[:, None]
    with pytest.raises(ValueError, match="modules: expected different sources among the 2 values before, got 2"):
        _core.ModularGraph(2, [(2,)], [line], (0,), line)
    pairs = np.zeros((1, 2), dtype=np.int64)
    with pytest.raises(ValueError, match="core: expected different sources among the 3 values before, got 1"):
        _core.ModularGraph(2, [(0,)], [line], (1, 1), pairs)
    with pytest.raises(ValueError, match="core: expected all lower terms beside a term, got one without"):
        _core.ModularGraph(1, [], [], (0,), line[2:])
    with pytest.raises(ValueError, match="expected integers >= 0, got -1"):
        _core.ModularGraph(1, [], [], (0,), line - 1)
    with pytest.raises(ValueError, match="sources, indices: expected the same number of both, got 1 and 0"):
        _core.ModularGraph(1, [(0,)], [], (0,), line)
    with pytest.raises(ValueError, match=re.escape("indices: expected (p, 2), got (3, 1)")):
        _core.ModularGraph(2, [(0, 1)], [line], (0,), line)
    graph = _core.ModularGraph(2, [(0,)], [line], (2, 1), np.array([[0, 0], [1, 0]]))
    Z, params, core, ones = np.zeros((4, 2)), np.zeros(3), np.zeros(2), np.ones(4)
    with pytest.raises(ValueError, match=re.escape("Z: expected (n, 2), got (4, 1)")):
        graph.values(Z[:, :1].copy(), params)
    with pytest.raises(ValueError, match=re.escape("params: expected (3,), got (2,)")):
        graph.values(Z, core)
    with pytest.raises(ValueError, match=re.escape("core: expected (2,), got (3,)")):
        graph.value(Z, params, params)
    with pytest.raises(ValueError, match=re.escape("root_weight: expected (4,), got (3,)")):
        graph.jacobian(Z, params, core, ones[:3])
    with pytest.raises(ValueError, match="n_threads: expected a positive integer, got 0"):
        graph.values(Z, params, 0)
