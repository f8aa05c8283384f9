"""Holds users' copies of built-in activations to the built-in ones, and what they are written with to 60 digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracle import slow_network

from pml_native import MLP, _core, register_activation

njit = pytest.importorskip("numba").njit
from pml_native.elementary import cos, exp, expm1, fma, log, log1p, sin, sqrt, tanh  # noqa: E402 - which needs numba

EPS = np.finfo(np.float64).eps
RNG = np.random.default_rng(20240607)
N_POINTS = 600


@njit
def sigmoid(z):
    return 1 / (1 + exp(-z))


@njit
def slope_of_sigmoid(z):
    return sigmoid(z) * sigmoid(-z)


@njit
def polyrelu(z):
    u = max(z, 0.0)
    return (u + u * u + u * u * u) / 3


# A name ends in what it is a copy of: `math_` ones call the C library, the others loop over vectors.
COPIES = {
    "user_square": (lambda z: z * z, lambda z: 2 * z, lambda z: 2),
    "user_relu": (lambda z: max(z, 0.0), lambda z: z > 0, lambda z: 0),
    "user_polyrelu": (
        polyrelu,
        lambda z: (1 + 2 * z + 3 * z**2) / 3 if z > 0 else 0.0,
        lambda z: (2 + 6 * z) / 3 if z > 0 else 0.0,
    ),
    "user_tanh": (
        lambda z: tanh(z),
        lambda z: 1 - tanh(z) ** 2,
        lambda z: -2 * tanh(z) * (1 - tanh(z) ** 2),
    ),
    "math_tanh": (
        math.tanh,
        lambda z: 1 - math.tanh(z) ** 2,
        lambda z: -2 * np.tanh(z) * (1 - np.tanh(z) ** 2),
    ),
    "user_sigmoid": (sigmoid, slope_of_sigmoid, lambda z: slope_of_sigmoid(z) * (1 - 2 * sigmoid(z))),
    "user_softplus": (lambda z: max(z, 0.0) + log1p(exp(-abs(z))), sigmoid, slope_of_sigmoid),
    "user_sin": (sin, cos, lambda z: -sin(z)),
}


@pytest.fixture(scope="module", autouse=True)
def copies():
    for name, functions in COPIES.items():
        register_activation(name, *functions)


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize(("widths", "n"), [((20, 20, 1), 481), ((3, 7, 23, 4, 1), 1001), ((2, 11, 3), 41)], ids=str)
def test_kernels_give_the_same_for_a_copy_of_a_built_in_activation(every_isa, name, widths, n):
    rng = np.random.default_rng(n)
    copy, built_in = MLP(widths, name), MLP(widths, name.split("_")[1])
    params = copy.initialize(rng, scale=1.5)
    X, y = rng.uniform(-1, 1, (n, widths[0])), rng.normal(size=(n, widths[-1]))
    # To rounding: as in test_kernels, a layer adds n_in + 1 products, then an activation of some 4 ulp and slope up to
    # 3, in each of the two.
    tolerance = 2 * EPS * sum(n_in + 8 for n_in in widths[:-1])

    def assert_same(got, wanted):
        assert np.max(np.abs(got - wanted)) <= tolerance * (1 + np.max(np.abs(wanted)))

    for _ in every_isa():
        for n_threads in (1, 2):
            assert_same(copy.forward(params, X, n_threads=n_threads), built_in.forward(params, X))
            loss, gradient = copy.loss_and_gradient(params, X, y, n_threads=n_threads)
            built_in_loss, built_in_gradient = built_in.loss_and_gradient(params, X, y)
            assert_same(loss, built_in_loss)
            assert_same(gradient, built_in_gradient)
            assert_same(copy.input_gradient(params, X, n_threads=n_threads), built_in.input_gradient(params, X))


@pytest.mark.parametrize("name", COPIES)
def test_derivatives_are_those_of_the_built_in_activation(isa, name):
    z = RNG.uniform(-4, 4, 1003)
    both = zip(_core.activation_derivatives(name, z), _core.activation_derivatives(name.split("_")[1], z), strict=True)
    for got, wanted in both:
        # Formulas like 1 - t*t lose a few eps of 1.
        np.testing.assert_allclose(got, wanted, rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("name", COPIES)
def test_each_set_of_results_has_the_same_bits(name):
    # A network of one hidden neuron with weights 1 and biases 0 returns s(x), by the kernel that wants the value alone;
    # its input gradient is s'(x), by the one that wants two.
    z = RNG.uniform(-4, 4, 1003)
    value, first, _ = _core.activation_derivatives(name, z)
    mlp, params = MLP((1, 1, 1), name), np.array([1.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(mlp.forward(params, z[:, None])[:, 0], value)
    np.testing.assert_array_equal(mlp.input_gradient(params, z[:, None])[:, 0, 0], first)


def test_results_are_the_same_for_any_number_of_threads():
    mlp = MLP((2, 20, 20, 1), "user_softplus")
    rng = np.random.default_rng(0)
    params, X, y = mlp.initialize(rng), rng.normal(size=(5000, 2)), rng.normal(size=5000)
    one, two = (mlp.loss_and_gradient(params, X, y, n_threads=n) for n in (1, 2))
    assert one[0] == two[0]
    assert one[1].tobytes() == two[1].tobytes()


def scales(low, high):
    return RNG.choice([-1.0, 1.0], N_POINTS) * 10.0 ** RNG.uniform(low, high, N_POINTS)


def uniform(low, high):
    return RNG.uniform(low, high, N_POINTS)


QUARTER_TURNS = RNG.integers(-667544, 667544, N_POINTS) * (np.pi / 2)
# A little above the largest error seen at 20,000 points, in units of the last place, and where that is measured.
ELEMENTARY = {
    "exp": (exp, 1.25, [uniform(-1, 1), uniform(-30, 30), uniform(-745, 709.7)]),
    "expm1": (expm1, 2.5, [uniform(-1, 1), uniform(-4, 4), uniform(-45, 709.7), scales(-300, 0)]),
    "log": (log, 1, [uniform(0.5, 2), uniform(0.99, 1.01), np.abs(scales(-320, 308))]),
    "log1p": (log1p, 1.5, [uniform(-0.9999, 1), uniform(0, 30), np.abs(scales(-20, 308)), scales(-300, -1)]),
    "sqrt": (sqrt, 0.5, [uniform(0, 4), np.abs(scales(-320, 308))]),
    "tanh": (tanh, 2.5, [uniform(-1, 1), uniform(-22, 22), uniform(0.5, 0.56), scales(-300, 0)]),
    "sin": (sin, 2.75, [uniform(-7, 7), uniform(-(2**20), 2**20), QUARTER_TURNS]),
    "cos": (cos, 2.75, [uniform(-7, 7), uniform(-(2**20), 2**20), QUARTER_TURNS]),
}
SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1e308, -1e308, 1.0, -1.0, -2.0, 710.0, -746.0]


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_are_within_their_bounds(name):
    function, bound, points = ELEMENTARY[name]
    for z in np.concatenate(points).tolist():
        nearest, rest = slow_network.nearest_and_rest(getattr(slow_network.mp, name)(slow_network.mp.mpf(z)))
        got = function(z)
        if math.isinf(nearest):
            assert got == nearest, f"at {z!r}"
        else:
            assert abs((got - nearest) / math.ulp(nearest) - rest) <= bound, f"at {z!r}: {got!r}, exact {nearest!r}"


@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_have_the_limits_and_zeros_of_numpys(name):
    for z in SPECIAL:
        if name in ("sin", "cos") and abs(z) >= 2.0**30:
            wanted = math.nan
        else:
            with np.errstate(all="ignore"):
                wanted = float(getattr(np, name)(z))
        got = ELEMENTARY[name][0](z)
        np.testing.assert_allclose(got, wanted, rtol=4 * EPS, atol=0, err_msg=f"at {z}")
        assert math.isnan(wanted) or math.copysign(1.0, got) == math.copysign(1.0, wanted), f"sign at {z}"


def test_fma_is_a_product_and_a_sum():
    assert fma(3.0, 4.0, -5.0) == 7.0
