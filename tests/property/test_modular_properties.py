"""What holds for every graph: forms of one derivative agree, and neither threads nor the order of nodes count."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pml_native import Graph, ModularMLP

QUICK = settings(max_examples=25, deadline=None)
EPS = np.finfo(np.float64).eps


@st.composite
def modulars(draw):
    """A network on a random graph in which every node is used, with parameters and data of size 1."""
    n_inputs, n_nodes = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    nodes = [set(rng.integers(0, n_inputs + k, rng.integers(1, 4)).tolist()) for k in range(n_nodes)]
    n_outputs = draw(st.integers(1, n_nodes))
    for k in range(n_nodes - n_outputs):
        if not any(n_inputs + k in node for node in nodes):
            nodes[-1].add(n_inputs + k)
    graph = Graph(n_inputs, tuple(tuple(rng.permutation(list(node)).tolist()) for node in nodes), n_outputs)
    activation = draw(st.sampled_from(["tanh", "sin", "softplus", "silu"]))
    modular = ModularMLP(graph, draw(st.integers(1, 5)), draw(st.integers(2, 4)), activation)
    n = draw(st.sampled_from([0, 1, 7, 121, 700]))
    X, Y = rng.uniform(-1, 1, (n, n_inputs)), rng.normal(size=(n, n_outputs))
    return modular, modular.initialize(rng), X, Y, rng.uniform(0.1, 2, n), rng.normal(size=modular.n_params)


def assert_close(got, wanted, n_terms):
    """Two orders of summing n terms of one size differ by n eps of it at most; through a graph, by some times that."""
    scale = 1 + np.max(np.abs(wanted), initial=0)
    assert np.max(np.abs(np.asarray(got) - wanted), initial=0) <= 100 * (n_terms + 10) * EPS * scale


@QUICK
@given(modulars())
def test_all_forms_of_the_derivatives_agree(problem):
    modular, params, X, Y, weight, v = problem
    n = len(X)
    jacobian = modular.jacobian(params, X)
    residual = modular.forward(params, X) - Y
    w = np.repeat(weight, modular.n_outputs) / max(Y.size, 1)
    loss, gradient = modular.loss_and_gradient(params, X, Y, sample_weight=weight)
    assert_close(loss, w @ residual.ravel() ** 2, n)
    assert_close(gradient, 2 * (w * residual.ravel()) @ jacobian, n)
    assert_close(modular.vector_jacobian_product(params, X, Y), Y.ravel() @ jacobian, n)
    again, same, matrix = modular.gauss_newton(params, X, Y, sample_weight=weight)
    assert_close(again, loss, n)
    assert_close(same, gradient, n)
    assert_close(matrix, 2 * (w[:, None] * jacobian).T @ jacobian, n)
    hessian = modular.hessian(params, X, Y, sample_weight=weight)
    np.testing.assert_array_equal(hessian, hessian.T)
    product = modular.hessian_vector_product(params, X, Y, v, sample_weight=weight)
    assert_close(product, hessian @ v, n + len(v))
    first, second = modular.directional_derivatives(params, X, v)
    assert_close(first.ravel(), jacobian @ v, len(v))
    # v'Hv is 2 sum w (f'^2 + (f - y) f'').
    assert_close(v @ product, 2 * w @ (first.ravel() ** 2 + (residual * second).ravel()), n + len(v))


@QUICK
@given(modulars())
def test_results_are_bitwise_the_same_for_any_number_of_threads(problem):
    modular, params, X, Y, weight, v = problem

    def everything(n_threads):
        options = {"n_threads": n_threads}
        results = [modular.forward(params, X, **options), modular.jacobian(params, X, **options)]
        results += modular.loss_and_gradient(params, X, Y, sample_weight=weight, **options)
        results += modular.gauss_newton(params, X, Y, sample_weight=weight, **options)
        results += [modular.hessian(params, X, Y, sample_weight=weight, **options)]
        results += [modular.hessian_vector_product(params, X, Y, v, sample_weight=weight, **options)]
        results += modular.directional_derivatives(params, X, v, **options)
        results += [modular.vector_jacobian_product(params, X, Y, **options)]
        results += [modular.input_gradient(params, X, **options)]
        return b"".join(np.asarray(result).tobytes() for result in results)

    alone = everything(1)
    assert all(everything(n_threads) == alone for n_threads in (2, 5))


@QUICK
@given(modulars(), st.randoms(use_true_random=False))
def test_the_order_of_inner_nodes_does_not_count(problem, random):
    modular, params, X, Y, _, _ = problem
    graph, d = modular.graph, modular.n_inputs
    inner = len(graph.nodes) - graph.n_outputs
    order = []  # another order in which every node comes after its inputs; outputs keep their place at the end
    while len(order) < inner:
        ready = [k for k in range(inner) if k not in order and all(i < d or i - d in order for i in graph.nodes[k])]
        order.append(random.choice(ready))
    order += range(inner, len(graph.nodes))
    place = {**{i: i for i in range(d)}, **{d + k: d + at for at, k in enumerate(order)}}
    nodes = tuple(tuple(place[i] for i in graph.nodes[k]) for k in order)
    other = ModularMLP(Graph(d, nodes, graph.n_outputs), modular.width, modular.depth, modular.activation)

    def moved(vector):
        return np.concatenate([vector[modular.blocks[k]] for k in order])

    np.testing.assert_array_equal(other.forward(moved(params), X), modular.forward(params, X))
    loss, gradient = modular.loss_and_gradient(params, X, Y)
    other_loss, other_gradient = other.loss_and_gradient(moved(params), X, Y)
    assert other_loss == loss
    assert_close(other_gradient, moved(gradient), len(X))
