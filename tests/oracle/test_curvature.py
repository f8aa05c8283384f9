"""Compares every second-order kernel, on every instruction set, with slow and obvious derivatives, mpmath and torch."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from oracle import slow_curvature, slow_network

from pml_native import MLP

EPS = np.finfo(np.float64).eps
ACTIVATIONS = list(slow_network.ACTIVATIONS)
THREADS = (1, 2)

# 0 to 4 hidden layers, 1 and 3 outputs; hidden widths and numbers of parameters leave every remainder modulo 3, 5, 8,
# of which register blocks are made.
NETWORKS = [
    (1, 1),
    (7, 3),
    (3, 1, 1),
    (1, 2, 3),
    (3, 3, 1),
    (6, 4, 3),
    (4, 5, 1),
    (5, 6, 3),
    (11, 7, 1),
    (2, 8, 1),
    (3, 11, 3),
    (1, 20, 20, 1),
    (6, 23, 5, 1),
    (2, 9, 11, 3),
    (3, 7, 13, 4, 1),
    (1, 5, 2, 6, 3),
    (2, 3, 4, 2, 7, 1),
]
# No row, blocks of 40 and 240 and their neighbours, one row more than a tile of 480, two tiles and a rest.
BATCHES = (0, 1, 39, 40, 41, 240, 241, 481, 1001)
SHORT_BATCHES = (1, 39, 40, 41, 241)  # for networks of more than 200 parameters, which the oracle is slow for


def batches_for(widths):
    return BATCHES if MLP(widths).n_params <= 200 else SHORT_BATCHES


# Every network with every activation, going round the batches; some networks with every batch. Every other has weights.
CASES = {
    widths: [
        (activation, batches_for(widths)[(i + 2 * j) % len(batches_for(widths))])
        for j, activation in enumerate(ACTIVATIONS)
    ]
    for i, widths in enumerate(NETWORKS)
}
CASES |= {widths: [("tanh", n) for n in BATCHES] for widths in [(3, 1), (5, 4, 3), (2, 12, 3), (2, 5, 7, 1)]}
# A wide layer, more than 1,000 parameters, and 102 tiles of 480 rows.
CASES |= {(3, 97, 1): [("tanh", 41)], (2, 33, 27, 2): [("silu", 41)], (1, 3, 1): [("sin", 48_500)]}


def name_of(widths):
    return "x".join(map(str, widths))


def test_the_networks_leave_every_remainder():
    hidden = [width for widths in NETWORKS for width in widths[1:-1]]
    n_params = [MLP(widths).n_params for widths in NETWORKS]
    for numbers in (hidden, n_params):
        for modulus in (3, 5, 8):
            assert {number % modulus for number in numbers} == set(range(modulus))


class Data:
    """Parameters, inputs, targets and weights of size 1; directions v of length 1; u of mean square 1/n^2."""

    def __init__(self, widths, n):
        rng = np.random.default_rng([n, *widths])
        self.params = MLP(widths).initialize(rng, scale=1.5)
        self.X, self.Y = rng.uniform(-1, 1, (n, widths[0])), rng.normal(size=(n, widths[-1]))
        self.weight = rng.uniform(0.1, 2, n)
        self.v = rng.normal(size=len(self.params))
        self.v /= np.linalg.norm(self.v)
        self.u = rng.normal(size=(n, widths[-1])) / max(n, 1)


def assert_close(got, wanted, widths, of="", *, n_summed=0):
    """To rounding: a pass forward or backward adds n_in + 1 products in a layer, each rounded, then an activation of
    some 4 ulp and slope up to 3. Second derivatives are sums of products of three such results: the derivatives of z
    with respect to two parameters, and the derivative of the loss with respect to that z. The errors of a running sum
    over `n_summed` samples grow like the root of their number, which tiles keep below 1,000.

    Numbers are of size 1, so that errors count beside 1 where a sum cancels.
    """
    wanted = np.asarray(wanted)
    scale = 1 + np.max(np.abs(wanted), initial=0)
    tolerance = EPS * (3 * sum(n_in + 8 for n_in in widths[:-1]) + min(n_summed, 1000) ** 0.5) * scale
    assert np.shape(got) == wanted.shape, of
    assert np.max(np.abs(got - wanted), initial=0) <= tolerance, of


# The oracle itself, against the exact one.


def exact(values):
    return [[slow_network.mp.mpf(v) for v in row] for row in values]


def exact_activation(name, n_derivatives):
    return lambda z: slow_network.ACTIVATIONS[name](z)[: 1 + n_derivatives]


# Zero to three hidden layers: one of them with every activation, the others with three each, so that at 60 digits
# every activation is met in two networks.
SMALL_CASES = [((1, 3, 1), activation) for activation in ACTIVATIONS]
SMALL_CASES += [
    (widths, ACTIVATIONS[(3 * i + j) % len(ACTIVATIONS)])
    for i, widths in enumerate([(2, 2), (2, 3, 2), (3, 2, 3, 2), (1, 2, 3, 2, 1)])
    for j in range(3)
]
every_small_case = pytest.mark.parametrize(("widths", "activation"), SMALL_CASES, ids=str)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
SMALL_BATCH = 2


class Exact:
    """What the kernels should return, from 60 digits, rounded to float64 at the end; with sample weights."""

    def __init__(self, activation, widths):
        data = Data(widths, SMALL_BATCH)
        params, X = [slow_network.mp.mpf(p) for p in data.params], exact(data.X)
        results = slow_curvature.second_order_forward(widths, exact_activation(activation, 2), params, X)
        f, J, H = (np.array(nested, dtype=object) for nested in results)
        w, r = data.weight, f - data.Y
        mean = slow_network.mp.mpf(2) / r.size
        products = np.einsum("b,bkp,bkq->pq", w, J, J) * mean
        rest = np.einsum("b,bk,bkpq->pq", w, r, H) * mean
        self.loss = float(np.einsum("b,bk,bk->", w, r, r) / r.size)
        self.gradient = (np.einsum("b,bk,bkp->p", w, r, J) * mean).astype(float)
        self.jacobian = J.reshape(-1, len(params)).astype(float)
        self.gauss_newton = products.astype(float)
        self.hessian = (products + rest).astype(float)
        self.hessian_vector_product = ((products + rest) @ data.v).astype(float)
        self.first = (J @ data.v).astype(float)
        self.second = (H @ data.v @ data.v).astype(float)
        self.vector_jacobian_product = np.einsum("bk,bkp->p", data.u, J).astype(float)


exact_results = functools.cache(Exact)


@every_small_case
def test_the_exact_hessian_is_the_difference_of_exact_gradients(widths, activation):
    data = Data(widths, SMALL_BATCH)
    arrays = exact([data.params])[0], exact(data.X), exact(data.Y), exact([data.weight])[0]
    rows = slow_curvature.gradient_differences(widths, exact_activation(activation, 1), *arrays)
    wanted = np.array(rows, dtype=object).astype(float)
    # Both are rounded to float64 from 60 digits, of which the differences keep about 40.
    np.testing.assert_allclose(exact_results(activation, widths).hessian, wanted, rtol=EPS, atol=1e-35)


@every_small_case
def test_the_oracle_for_larger_networks_is_the_exact_one(widths, activation):
    data, wanted = Data(widths, SMALL_BATCH), exact_results(activation, widths)
    got = slow_curvature.curvature(widths, activation, data.params, data.X, data.Y, data.weight)
    for name in ("loss", "gradient", "gauss_newton", "hessian"):
        assert_close(getattr(got, name), getattr(wanted, name), widths)
    assert_close(got.jacobian.reshape(wanted.jacobian.shape), wanted.jacobian, widths)
    _, first, second = slow_curvature.directional_derivatives(widths, activation, data.params, data.X, data.v)
    assert_close(first, wanted.first, widths)
    assert_close(second, wanted.second, widths)


# The kernels against 60 digits.


@every_small_case
def test_kernels_are_the_exact_derivatives(every_isa, widths, activation):
    data, wanted, mlp = Data(widths, SMALL_BATCH), exact_results(activation, widths), MLP(widths, activation)
    weighted = {"sample_weight": data.weight, "n_threads": 1}
    for isa in every_isa():
        loss, gradient, products = mlp.gauss_newton(data.params, data.X, data.Y, **weighted)
        first, second = mlp.directional_derivatives(data.params, data.X, data.v, n_threads=1)
        assert_close(loss, wanted.loss, widths, isa)
        assert_close(gradient, wanted.gradient, widths, isa)
        assert_close(products, wanted.gauss_newton, widths, isa)
        assert_close(mlp.hessian(data.params, data.X, data.Y, **weighted), wanted.hessian, widths, isa)
        product = mlp.hessian_vector_product(data.params, data.X, data.Y, data.v, **weighted)
        assert_close(product, wanted.hessian_vector_product, widths, isa)
        assert_close(mlp.jacobian(data.params, data.X, n_threads=1), wanted.jacobian, widths, isa)
        assert_close(first, wanted.first, widths, isa)
        assert_close(second, wanted.second, widths, isa)
        product = mlp.vector_jacobian_product(data.params, data.X, data.u, n_threads=1)
        assert_close(product, wanted.vector_jacobian_product, widths, isa)


# The kernels against the slow derivatives in float64, for larger networks and batches.


@pytest.mark.parametrize("widths", CASES, ids=name_of)
def test_second_order_kernels_are_the_slow_network(every_isa, widths):
    for number, (activation, n) in enumerate(CASES[widths]):
        data, mlp = Data(widths, n), MLP(widths, activation)
        params, X, Y = data.params, data.X, data.Y
        weight = data.weight if number % 2 else None
        slow = slow_curvature.curvature(widths, activation, params, X, Y, weight)
        jacobian = slow.jacobian.reshape(n * widths[-1], len(params))
        vector_jacobian_product = np.einsum("bk,bkp->p", data.u, slow.jacobian)
        _, first, second = slow_curvature.directional_derivatives(widths, activation, params, X, data.v)
        for isa in every_isa():
            for n_threads in THREADS:
                of = f"{isa}, {activation}, {n} rows, {n_threads} threads"
                assert_close(mlp.jacobian(params, X, n_threads=n_threads), jacobian, widths, of)
                got = mlp.vector_jacobian_product(params, X, data.u, n_threads=n_threads)
                assert_close(got, vector_jacobian_product, widths, of, n_summed=n)
                got = mlp.directional_derivatives(params, X, data.v, n_threads=n_threads)
                assert_close(got[0], first, widths, of)
                assert_close(got[1], second, widths, of)
                options = {"sample_weight": weight, "n_threads": n_threads}
                loss, gradient, products = mlp.gauss_newton(params, X, Y, **options)
                assert isinstance(loss, float)
                assert_close(loss, slow.loss, widths, of, n_summed=n)
                assert_close(gradient, slow.gradient, widths, of, n_summed=n)
                assert_close(products, slow.gauss_newton, widths, of, n_summed=n)
                assert_close(mlp.hessian(params, X, Y, **options), slow.hessian, widths, of, n_summed=n)
                got = mlp.hessian_vector_product(params, X, Y, data.v, **options)
                assert_close(got, slow.hessian @ data.v, widths, of, n_summed=n)


# The kernels against torch's automatic differentiation.


def torch_activation(torch, name):
    if name == "softplus":
        # torch.nn.functional.softplus takes another branch for z > 20.
        return lambda z: torch.clamp(z, min=0) + torch.log1p(torch.exp(-torch.abs(z)))
    written_out = {
        "silu": lambda z: z * torch.sigmoid(z),
        "square": lambda z: z * z,
        "polyrelu": lambda z: torch.where(z > 0, (z + z**2 + z**3) / 3, 0.0),
    }
    return written_out.get(name) or getattr(torch, name)


class Torch:
    """What the kernels should return, from torch.func, with sample weights."""

    def __init__(self, torch, activation, widths, data):
        function = torch_activation(torch, activation)
        params, X, Y, w, v, u = (torch.tensor(a) for a in (data.params, data.X, data.Y, data.weight, data.v, data.u))

        def network(params, a=X):
            begin = 0
            for n_in, n_out in itertools.pairwise(widths):
                weight, bias = params[begin : begin + n_in * n_out], params[begin + n_in * n_out :][:n_out]
                a = (function(a) if begin else a) @ weight.reshape(n_out, n_in).T + bias
                begin += n_out * (n_in + 1)
            return a

        def loss(params):
            return torch.mean(w[:, None] * (network(params) - Y) ** 2)

        def derivative(function):
            return lambda params: torch.func.jvp(function, (params,), (v,))[1]

        J = torch.func.jacrev(network)(params)
        self.jacobian = J.reshape(-1, len(params)).numpy()
        self.loss = loss(params).item()
        self.gradient = torch.func.grad(loss)(params).numpy()
        self.gauss_newton = (2 / Y.numel() * torch.einsum("b,bkp,bkq->pq", w, J, J)).numpy()
        self.hessian = torch.func.hessian(loss)(params).numpy()
        self.hessian_vector_product = derivative(torch.func.grad(loss))(params).numpy()
        self.first = derivative(network)(params).numpy()
        self.second = derivative(derivative(network))(params).numpy()
        self.vector_jacobian_product = torch.func.vjp(network, params)[1](u)[0].numpy()


@functools.cache
def torch_results(activation, widths, n):
    torch = pytest.importorskip("torch")
    return Torch(torch, activation, widths, Data(widths, n))


def assert_equal_to_13_digits(got, wanted):
    assert np.max(np.abs(got - wanted)) <= 1e-13 * np.max(np.abs(wanted))


@pytest.mark.filterwarnings("ignore")  # torch's warnings are its own
@every_activation
@pytest.mark.parametrize("widths", [(2, 11, 1), (3, 7, 5, 2), (1, 6, 4, 5, 1)], ids=str)
def test_kernels_are_the_derivatives_torch_finds(isa, activation, widths):
    n = 50
    data, wanted, mlp = Data(widths, n), torch_results(activation, widths, n), MLP(widths, activation)
    loss, gradient, products = mlp.gauss_newton(data.params, data.X, data.Y, sample_weight=data.weight)
    first, second = mlp.directional_derivatives(data.params, data.X, data.v)
    got = {
        "loss": loss,
        "gradient": gradient,
        "gauss_newton": products,
        "jacobian": mlp.jacobian(data.params, data.X),
        "hessian": mlp.hessian(data.params, data.X, data.Y, sample_weight=data.weight),
        "hessian_vector_product": mlp.hessian_vector_product(
            data.params, data.X, data.Y, data.v, sample_weight=data.weight
        ),
        "first": first,
        "second": second,
        "vector_jacobian_product": mlp.vector_jacobian_product(data.params, data.X, data.u),
    }
    for name, value in got.items():
        assert_equal_to_13_digits(value, getattr(wanted, name))
