"""Graphs of polynomial modules, on every instruction set, against loops over rows, modules and terms."""

from __future__ import annotations

import numpy as np
import pytest

from pml_native import _core
from pml_native.models.chebyshev import index_set

EPS = float(np.finfo(np.float64).eps)
AXES, TOTAL = (index_set(basis, 3, (3, 3), 100)[0] for basis in ("axes", "total"))
LINE, LONG = np.arange(6)[:, None], np.arange(41)[:, None]
# Of each graph: inputs, the sources and terms of its modules, and those of its core.
GRAPHS = {
    "no modules": (2, [], [], (0, 1), TOTAL),
    "no core but 1": (1, [(0,)], [LINE], (1,), np.zeros((1, 1), dtype=int)),
    "a sum, and two functions of it": (2, [(0, 1), (2,), (2,)], [AXES, LINE, LONG], (3, 4), TOTAL),
    "functions of functions": (3, [(1,), (3,), (4,), (0, 2)], [LINE, LINE, LONG, TOTAL], (5, 6), TOTAL),
    "a core of an input, too": (2, [(0,)], [LONG[:30]], (2, 1), TOTAL[::-1]),
}
ROWS = [0, 1, 63, 64, 65, 300]


def graph_of(name):
    n_inputs, sources, indices, core_sources, core = GRAPHS[name]
    made = [np.ascontiguousarray(i, dtype=np.int64) for i in (*indices, core)]
    graph = _core.ModularGraph(n_inputs, sources, made[:-1], core_sources, made[-1])
    return graph, (n_inputs, list(zip(sources, indices, strict=True)), (core_sources, core))


def point_of(description, seed=0):
    _, modules, (_, core) = description
    rng = np.random.default_rng(seed)
    # Coefficients that fall with the degree keep the values within [-1, 1], about.
    params = [rng.normal(size=len(indices)) / (1.0 + indices.sum(axis=1)) ** 2 for _, indices in modules]
    return np.concatenate([np.empty(0), *params]), rng.normal(size=len(core)), rng


def polynomial(degree, z):
    """T_k and its derivative, by the recursion."""
    values, slopes = [1.0, z], [0.0, 1.0]
    while len(values) <= degree:
        slopes.append(2.0 * values[-1] + 2.0 * z * slopes[-1] - slopes[-2])
        values.append(2.0 * z * values[-1] - values[-2])
    return values[degree], slopes[degree]


def slow_terms(sources, indices, values):
    """Each term, and its derivative by each of its sources."""
    terms, by_source = [], []
    for index in indices:
        factors = [polynomial(int(k), values[s]) for s, k in zip(sources, index, strict=True)]
        terms.append(np.prod([value for value, _ in factors]))
        by_source.append(
            [
                np.prod([slope if i == j else value for i, (value, slope) in enumerate(factors)])
                for j in range(len(factors))
            ]
        )
    return terms, by_source


def slow_row(description, params, core, z):
    """Values, y, its slopes by all values, the core's terms, and derivatives by the modules' coefficients."""
    n_inputs, modules, (core_sources, core_indices) = description
    values, made, at = list(z), [], 0
    for sources, indices in modules:
        own = params[at : at + len(indices)]
        at += len(indices)
        terms, by_source = slow_terms(sources, indices, values)
        made.append((sources, terms, by_source, own))
        values.append(sum(c * term for c, term in zip(own, terms, strict=True)))
    terms, by_source = slow_terms(core_sources, core_indices, values)
    slopes = np.zeros(len(values))
    for c, by in zip(core, by_source, strict=True):
        for source, slope in zip(core_sources, by, strict=True):
            slopes[source] += c * slope
    for k in range(len(modules) - 1, -1, -1):
        sources, _, by_source, own = made[k]
        for c, by in zip(own, by_source, strict=True):
            for source, slope in zip(sources, by, strict=True):
                slopes[source] += slopes[n_inputs + k] * c * slope
    jacobian = [slopes[n_inputs + k] * term for k, (_, own, _, _) in enumerate(made) for term in own]
    return values, sum(c * term for c, term in zip(core, terms, strict=True)), slopes, terms, jacobian


@pytest.mark.parametrize("name", GRAPHS)
def test_values_slopes_and_matrices_are_those_of_the_loops(isa, name):
    graph, description = graph_of(name)
    params, core, rng = point_of(description)
    Z, root_weight = rng.uniform(-1.0, 1.0, (70, description[0])), rng.uniform(0.5, 2.0, 70)
    rows = [slow_row(description, params, core, z) for z in Z]
    values, y, slopes, terms, jacobian = (np.array(part) for part in zip(*rows, strict=True))
    degree = max((int(indices.max()) for _, indices in description[1]), default=1)
    # T_k and its derivative are known to some k^2 EPS and k^4 EPS.
    near, steep = 50 * degree**2 * EPS, 50 * degree**4 * EPS
    np.testing.assert_allclose(graph.values(Z, params), values, rtol=near, atol=near)
    np.testing.assert_allclose(graph.value(Z, params, core), y, rtol=near, atol=10 * near)
    np.testing.assert_allclose(graph.slopes(Z, params, core), slopes, rtol=steep, atol=steep)
    np.testing.assert_allclose(
        graph.design(Z, params, root_weight), root_weight[:, None] * terms, rtol=near, atol=10 * near
    )
    J = graph.jacobian(Z, params, core, root_weight)
    np.testing.assert_allclose(J, root_weight[:, None] * jacobian.reshape(70, -1), rtol=steep, atol=steep)


def test_any_number_of_rows(isa):
    graph, description = graph_of("functions of functions")
    params, core, rng = point_of(description)
    Z, root_weight = rng.uniform(-1.0, 1.0, (max(ROWS), description[0])), rng.uniform(0.5, 2.0, max(ROWS))
    for n in ROWS:
        for wanted, got in (
            (graph.values(Z, params), graph.values(Z[:n], params)),
            (graph.value(Z, params, core), graph.value(Z[:n], params, core)),
            (graph.slopes(Z, params, core), graph.slopes(Z[:n], params, core)),
            (graph.design(Z, params, root_weight), graph.design(Z[:n], params, root_weight[:n])),
            (graph.jacobian(Z, params, core, root_weight), graph.jacobian(Z[:n], params, core, root_weight[:n])),
        ):
            np.testing.assert_array_equal(got, wanted[:n])
            assert got.flags.f_contiguous
