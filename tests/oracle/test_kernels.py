"""Compares every network kernel, on every instruction set, with the slow network in plain Python."""

from __future__ import annotations

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
# Rows repeat after so many, that the slow network has to compute no more; a prime, so that equal rows stand at
# different places of blocks and tiles.
PERIOD = 97

# Every network with every activation, going round the batches: so each meets all batches but one.
CASES = {
    widths: [(activation, BATCHES[(i + 2 * j) % len(BATCHES)]) for j, activation in enumerate(ACTIVATIONS)]
    for i, widths in enumerate(NETWORKS)
}
# Wide layers shorten the tile to 240 and 120 rows; 102 tiles are summed in 64 chunks, some of two tiles.
CASES |= {(3, 97, 1): [("tanh", 481)], (2, 180, 2): [("silu", 361)], (1, 3, 1): [("sin", 48_500)]}


def name_of(widths):
    return "x".join(map(str, widths))


def data(widths, n):
    """Parameters, inputs, targets and sample weights, all of size 1; rows repeat after PERIOD."""
    rng = np.random.default_rng([n, *widths])
    params = MLP(widths).initialize(rng, scale=1.5)
    rows = np.arange(n) % PERIOD
    n_distinct = min(n, PERIOD)
    X, Y = rng.uniform(-1, 1, (n_distinct, widths[0])), rng.normal(size=(n_distinct, widths[-1]))
    return params, X[rows], Y[rows], rng.uniform(0.1, 2, n_distinct)[rows]


def slow_results(activation, widths, n):
    """Values, loss and gradient without and with sample weights, input gradient."""
    params, X, Y, weight = data(widths, n)
    function = slow_network.FLOAT_ACTIVATIONS[activation]
    rows = np.arange(n) % PERIOD
    count = np.bincount(rows)  # how often each of the distinct rows stands in the batch
    n_distinct = len(count)
    plain = [a.tolist() for a in (params, X[:n_distinct], Y[:n_distinct])]

    def loss_and_gradient(weight_of_rows):
        loss, gradient = slow_network.loss_and_gradient(widths, function, *plain, weight_of_rows.tolist())
        share = n_distinct / max(n, 1)  # a mean over the distinct rows becomes one over all
        return loss * share, np.array(gradient) * share

    values = np.array(slow_network.forward(widths, function, *plain[:2])).reshape(n_distinct, widths[-1])
    input_gradient = np.array(slow_network.input_gradient(widths, function, *plain[:2]))
    return (
        values[rows],
        loss_and_gradient(count),
        loss_and_gradient(count * weight[:n_distinct]),
        input_gradient.reshape(n_distinct, widths[-1], widths[0])[rows],
    )


def assert_close(got, wanted, widths, of=""):
    """To rounding: a layer adds n_in + 1 products, each rounded, then an activation of some 4 ulp and slope up to 3.

    Numbers are of size 1, so that errors count beside 1 where a sum cancels. The worst seen is 0.6 of the bound.
    """
    wanted = np.asarray(wanted)
    scale = 1 + np.max(np.abs(wanted), initial=0)
    tolerance = EPS * sum(n_in + 8 for n_in in widths[:-1]) * scale
    assert np.shape(got) == wanted.shape, of
    assert np.max(np.abs(got - wanted), initial=0) <= tolerance, of


@pytest.mark.parametrize("widths", CASES, ids=name_of)
def test_values_loss_and_gradients_are_those_of_the_slow_network(every_isa, widths):
    for activation, n in CASES[widths]:
        params, X, Y, weight = data(widths, n)
        values, plain, weighted, slopes = slow_results(activation, widths, n)
        mlp = MLP(widths, activation)
        for isa in every_isa():
            for n_threads in THREADS:
                of = f"{isa}, {activation}, {n} rows, {n_threads} threads"
                assert_close(mlp.forward(params, X, n_threads=n_threads), values, widths, of)
                assert_close(mlp.input_gradient(params, X, n_threads=n_threads), slopes, widths, of)
                for sample_weight, wanted in ((None, plain), (weight, weighted)):
                    loss, gradient = mlp.loss_and_gradient(
                        params, X, Y, sample_weight=sample_weight, n_threads=n_threads
                    )
                    assert isinstance(loss, float)
                    assert_close(loss, wanted[0], widths, of)
                    assert_close(gradient, wanted[1], widths, of)


# Differences of the 60-digit loss, which know nothing of backpropagation. The step's square, 1e-40, is their error.
STEP = slow_network.mp.mpf("1e-20")


def exact(values):
    return [[slow_network.mp.mpf(v) for v in row] for row in values]


def exact_activation(name):
    return lambda z: slow_network.ACTIVATIONS[name](z)[:2]


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
def test_gradient_is_the_derivative_of_the_exact_loss(every_isa, activation, widths):
    n = 4
    params, X, Y, weight = data(widths, n)
    exact_loss, differences = loss_differences(activation, widths, n)
    for isa in every_isa():
        loss, gradient = MLP(widths, activation).loss_and_gradient(params, X, Y, sample_weight=weight, n_threads=1)
        assert_close(loss, exact_loss, widths, isa)
        assert_close(gradient, differences, widths, isa)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(2, 2), (1, 3, 1), (3, 2, 3, 2)], ids=str)
def test_input_gradient_is_the_derivative_of_the_exact_values(every_isa, activation, widths):
    n = 4
    params, X, _, _ = data(widths, n)
    wanted = value_differences(activation, widths, n)
    for isa in every_isa():
        assert_close(MLP(widths, activation).input_gradient(params, X, n_threads=1), wanted, widths, isa)
