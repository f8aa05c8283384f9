"""Compares every network kernel, on every instruction set, with the slow network in plain Python."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from oracle import slow_network

from pml_native import MLP

EPS = np.finfo(np.float64).eps
ACTIVATIONS = list(slow_network.ACTIVATIONS)
THREADS = (1, 2)

# 0 to 4 hidden layers, 1 and 3 outputs; the widths leave every remainder of the register blocks (4 rows of 3 vectors
# on SSE2 and AVX2, 5 rows of 5 vectors on AVX-512).
NETWORKS = [
    (1, 1),
    (7, 3),
    (2, 1, 1),
    (1, 2, 3),
    (3, 3, 1),
    (3, 4, 3),
    (4, 5, 1),
    (5, 6, 3),
    (11, 7, 1),
    (2, 11, 3),
    (20, 20, 1),
    (6, 23, 5, 1),
    (2, 20, 11, 3),
    (3, 7, 23, 4, 1),
    (1, 5, 2, 6, 3),
    (2, 3, 4, 2, 7, 1),
]
# No row, a block of AVX-512 (40) and its neighbours, a tile (480) and one row more, two tiles and a rest.
BATCHES = (0, 1, 2, 39, 40, 41, 240, 481, 1001)

# Every network with every batch for tanh; every network with every activation, going round the batches.
CASES = [("tanh", widths, n) for widths in NETWORKS for n in BATCHES]
CASES += [
    (activation, widths, BATCHES[(i + 2 * j) % len(BATCHES)])
    for i, widths in enumerate(NETWORKS)
    for j, activation in enumerate(ACTIVATIONS)
    if activation != "tanh"
]
# Wide layers shorten the tile to 240 and 120 rows; 102 tiles are summed in 64 chunks, some of two tiles.
CASES += [("tanh", (3, 97, 1), 481), ("silu", (2, 180, 2), 361), ("sin", (1, 3, 1), 48_500)]


def case_name(case):
    activation, widths, n = case
    return f"{activation}-{'x'.join(map(str, widths))}-{n}"


def data(widths, n):
    """Parameters, inputs, targets and sample weights, all of size 1."""
    rng = np.random.default_rng([n, *widths])
    params = MLP(widths).initialize(rng, scale=1.5)
    return params, rng.uniform(-1, 1, (n, widths[0])), rng.normal(size=(n, widths[-1])), rng.uniform(0.1, 2, n)


@functools.cache
def slow_results(activation, widths, n):
    """Values, loss and gradient without and with sample weights, input gradient."""
    params, X, Y, weight = data(widths, n)
    function = slow_network.FLOAT_ACTIVATIONS[activation]
    plain = [a.tolist() for a in (params, X, Y, weight)]
    arguments = (widths, function, plain[0], plain[1])
    return (
        np.array(slow_network.forward(*arguments)).reshape(n, widths[-1]),
        slow_network.loss_and_gradient(*arguments, plain[2]),
        slow_network.loss_and_gradient(*arguments, plain[2], plain[3]),
        np.array(slow_network.input_gradient(*arguments)).reshape(n, widths[-1], widths[0]),
    )


def assert_close(got, wanted, widths):
    """To rounding: a layer adds n_in + 1 products, each rounded, then an activation of some 4 ulp and slope up to 3.

    Numbers are of size 1, so that errors count beside 1 where a sum cancels. The worst seen is 0.6 of the bound.
    """
    wanted = np.asarray(wanted)
    scale = 1 + np.max(np.abs(wanted), initial=0)
    tolerance = EPS * sum(n_in + 8 for n_in in widths[:-1]) * scale
    assert np.shape(got) == wanted.shape
    assert np.max(np.abs(got - wanted), initial=0) <= tolerance


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_forward_is_the_slow_network(isa, case):
    activation, widths, n = case
    params, X, _, _ = data(widths, n)
    for n_threads in THREADS:
        got = MLP(widths, activation).forward(params, X, n_threads=n_threads)
        assert_close(got, slow_results(*case)[0], widths)


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_loss_and_gradient_are_those_of_the_slow_network(isa, case):
    activation, widths, n = case
    params, X, Y, weight = data(widths, n)
    for n_threads in THREADS:
        for sample_weight, wanted in ((None, slow_results(*case)[1]), (weight, slow_results(*case)[2])):
            loss, gradient = MLP(widths, activation).loss_and_gradient(
                params, X, Y, sample_weight=sample_weight, n_threads=n_threads
            )
            assert isinstance(loss, float)
            assert_close(loss, wanted[0], widths)
            assert_close(gradient, wanted[1], widths)


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_input_gradient_is_that_of_the_slow_network(isa, case):
    activation, widths, n = case
    params, X, _, _ = data(widths, n)
    for n_threads in THREADS:
        got = MLP(widths, activation).input_gradient(params, X, n_threads=n_threads)
        assert_close(got, slow_results(*case)[3], widths)


# Differences of the 60-digit loss, which know nothing of backpropagation. The step's square, 1e-40, is their error.
STEP = slow_network.mp.mpf("1e-20")


def exact(values):
    return [[slow_network.mp.mpf(v) for v in row] for row in values]


def exact_activation(name):
    return lambda z: slow_network.ACTIVATIONS[name](z)[:2]


@functools.cache
def loss_differences(activation, widths, n):
    params, X, Y, weight = data(widths, n)
    params, X, Y = [slow_network.mp.mpf(p) for p in params], exact(X), exact(Y)
    count = n * widths[-1]

    def loss(p):
        values = slow_network.forward(widths, exact_activation(activation), p, X)
        rows = zip(values, Y, weight.tolist(), strict=True)
        return sum(w * sum((f - t) ** 2 for f, t in zip(v, y, strict=True)) for v, y, w in rows) / count

    differences = []
    for i in range(len(params)):
        up, down = list(params), list(params)
        up[i], down[i] = params[i] + STEP, params[i] - STEP
        differences.append(float((loss(up) - loss(down)) / (2 * STEP)))
    return float(loss(params)), differences


@functools.cache
def value_differences(activation, widths, n):
    params, X, _, _ = data(widths, n)
    params = [slow_network.mp.mpf(p) for p in params]
    out = np.empty((n, widths[-1], widths[0]))
    for row, x in enumerate(exact(X)):
        for j in range(widths[0]):
            up, down = list(x), list(x)
            up[j], down[j] = x[j] + STEP, x[j] - STEP
            f_up, f_down = slow_network.forward(widths, exact_activation(activation), params, [up, down])
            out[row, :, j] = [float((a - b) / (2 * STEP)) for a, b in zip(f_up, f_down, strict=True)]
    return out


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(2, 2), (1, 3, 1), (3, 2, 3, 2)], ids=str)
def test_gradient_is_the_derivative_of_the_exact_loss(isa, activation, widths):
    n = 4
    params, X, Y, weight = data(widths, n)
    loss, gradient = MLP(widths, activation).loss_and_gradient(params, X, Y, sample_weight=weight, n_threads=1)
    exact_loss, differences = loss_differences(activation, widths, n)
    assert_close(loss, exact_loss, widths)
    assert_close(gradient, differences, widths)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(2, 2), (1, 3, 1), (3, 2, 3, 2)], ids=str)
def test_input_gradient_is_the_derivative_of_the_exact_values(isa, activation, widths):
    n = 4
    params, X, _, _ = data(widths, n)
    got = MLP(widths, activation).input_gradient(params, X, n_threads=1)
    assert_close(got, value_differences(activation, widths, n), widths)
