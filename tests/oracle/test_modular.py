"""Compares modular networks with slow ones, node by node in plain Python, that know nothing of the chain rule."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from oracle import slow_curvature, slow_network

from pml_native import Graph, ModularMLP

EPS = np.finfo(np.float64).eps
N = 4
GRAPHS = {
    "one node": Graph(2, ((0, 1),)),
    "distance": Graph(4, ((0, 1), (2, 3), (4, 5))),
    "chain": Graph(1, ((0,), (1,), (2,))),
    "used twice, two outputs": Graph(3, ((0, 1), (3, 2), (0, 3, 4), (4, 5), (1, 6)), n_outputs=2),
}
CASES = [(name, activation, depth) for name in GRAPHS for activation, depth in (("tanh", 3), ("sin", 2), ("silu", 3))]
STEP = slow_network.mp.mpf("1e-20")  # with 60 digits the step's square, 1e-40, is the error of a central difference


def network(case):
    name, activation, depth = case
    return ModularMLP(GRAPHS[name], width=2, depth=depth, activation=activation)


def data(modular):
    rng = np.random.default_rng(7)
    params = modular.initialize(rng, scale=1.2)
    X, Y = rng.uniform(-1, 1, (N, modular.n_inputs)), rng.normal(size=(N, modular.n_outputs))
    return params, X, Y, rng.uniform(0.1, 2, N), rng.normal(size=len(params))


def slow_forward(modular, activation, params, x):
    """The values of all outputs at one row; numbers of any kind."""
    numbers, at = list(x), 0
    for node in modular.graph.nodes:
        widths = (len(node), *[modular.width] * (modular.depth - 1), 1)
        n_params = sum((a + 1) * b for a, b in itertools.pairwise(widths))
        inputs = [numbers[i] for i in node]
        numbers += slow_network.forward(widths, activation, params[at : at + n_params], [inputs])[0]
        at += n_params
    return numbers[-modular.n_outputs :]


@functools.cache
def slow_results(case):
    """Values (N, m), Jacobian (N, m, P) and Hessians (N, m, P, P)."""
    modular = network(case)
    params, X, *_ = data(modular)
    activation = slow_curvature.float_activation(modular.activation)
    n_params = len(params)
    flat = [[0.0] * n_params for _ in params]
    unit = np.eye(n_params).tolist()
    numbers = [slow_curvature.SecondOrder(p, unit[i], flat) for i, p in enumerate(params.tolist())]
    rows = [slow_forward(modular, lambda z: (z.apply(*activation(z.value)), None), numbers, x.tolist()) for x in X]
    return tuple(
        np.array([[getattr(f, name) for f in row] for row in rows]) for name in ("value", "gradient", "hessian")
    )


def assert_close(got, wanted):
    """Within some hundred roundings of the largest number: sums of some ten terms, through up to five nodes."""
    wanted = np.asarray(wanted)
    assert np.shape(got) == wanted.shape
    assert np.max(np.abs(got - wanted)) <= 500 * EPS * (1 + np.max(np.abs(wanted)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_jacobian(case):
    modular = network(case)
    params, X, *_ = data(modular)
    values, jacobian, _ = slow_results(case)
    assert_close(modular.forward(params, X), values)
    assert_close(modular.jacobian(params, X), jacobian.reshape(-1, len(params)))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_gradient_gauss_newton_and_hessian(case, weighted):
    modular = network(case)
    params, X, Y, weight, v = data(modular)
    values, jacobian, hessians = slow_results(case)
    w = (weight if weighted else np.ones(N))[:, None] / Y.size
    residual = values - Y
    loss, gradient = np.sum(w * residual**2), 2 * np.einsum("no,nop->p", w * residual, jacobian)
    matrix = 2 * np.einsum("n,nop,noq->pq", w[:, 0], jacobian, jacobian)
    hessian = matrix + 2 * np.einsum("no,nopq->pq", w * residual, hessians)
    given = {"sample_weight": weight if weighted else None}
    for got, wanted in zip(modular.loss_and_gradient(params, X, Y, **given), (loss, gradient), strict=True):
        assert_close(got, wanted)
    for got, wanted in zip(modular.gauss_newton(params, X, Y, **given), (loss, gradient, matrix), strict=True):
        assert_close(got, wanted)
    got = modular.hessian(params, X, Y, **given)
    assert_close(got, hessian)
    np.testing.assert_array_equal(got, got.T)
    assert_close(modular.hessian_vector_product(params, X, Y, v, **given), hessian @ v)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_products_with_the_jacobian_and_derivatives_along_a_direction(case):
    modular = network(case)
    params, X, Y, _, v = data(modular)
    _, jacobian, hessians = slow_results(case)
    first, second = modular.directional_derivatives(params, X, v)
    assert_close(first, jacobian @ v)
    assert_close(second, hessians @ v @ v)
    assert_close(modular.vector_jacobian_product(params, X, Y), np.einsum("no,nop->p", Y, jacobian))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_input_gradient_and_values_in_double_double_against_60_digits(case):
    modular = network(case)
    params, X, *_ = data(modular)
    exact_params = [slow_network.mp.mpf(p) for p in params]

    def exact(x):
        return slow_forward(modular, lambda z: slow_network.ACTIVATIONS[modular.activation](z)[:2], exact_params, x)

    gradient = np.empty((N, modular.n_outputs, modular.n_inputs))
    high, low = modular.forward_extended(params, X)
    for i, row in enumerate(X):
        x = [slow_network.mp.mpf(value) for value in row]
        for value, a, b in zip(exact(x), high[i], low[i], strict=True):
            assert abs(value - slow_network.mp.mpf(a) - slow_network.mp.mpf(b)) < 1e-29
        for j in range(modular.n_inputs):
            up, down = list(x), list(x)
            up[j], down[j] = x[j] + STEP, x[j] - STEP
            gradient[i, :, j] = [float((a - b) / (2 * STEP)) for a, b in zip(exact(up), exact(down), strict=True)]
    assert_close(modular.input_gradient(params, X), gradient)
