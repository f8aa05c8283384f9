"""Network kernels against NumPy, torch and JAX on one core; each case first checks that all compute the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import peers
import pytest
from networks import case, check_arrays, make

from pml_native import MLP, _core, register_activation


@pytest.mark.parametrize(
    ("n", "W"), [(1_000, 20), (10_000, 20), (10_000, 40), (10_000, 200), (100_000, 20), (100_000, 100)]
)
def bench_loss_and_gradient(compare, n, W):
    mlp, params, X, y = case(1, W, n)
    made = make(peers.LOSS_AND_GRADIENT, mlp.widths, params, X, y)

    def ours():
        return mlp.loss_and_gradient(params, X, y, n_threads=1)

    loss, gradient = ours()
    for name, peer in made.items():
        if peer is not None:
            # Sums of n terms in another order: about sqrt(n) eps for the loss, and the gradient cancels further.
            difference = abs(float(peer()[0]) - loss) / loss
            assert difference <= 1e-12, f"{name}'s loss differs by {difference:.1e}"
    check_arrays(gradient, {name: peer and (lambda peer=peer: peer()[1]) for name, peer in made.items()}, 1e-10)

    # Every weight is used forward, for its own gradient, and (but for the first layer's) to go backward.
    n_weights = sum(a * b for a, b in pairwise(mlp.widths))
    flops = 2 * n * (3 * n_weights - mlp.widths[0] * mlp.widths[1])
    compare("loss_and_gradient", f"1-{W}-{W}-1 n={n:,}", ours, made, flops=flops)


@pytest.mark.parametrize(("n", "W"), [(10_000, 20), (10_000, 200)])
def bench_forward(compare, n, W):
    mlp, params, X, _ = case(1, W, n)
    made = make(peers.FORWARD, mlp.widths, params, X)

    def ours():
        return mlp.forward(params, X, n_threads=1)

    check_arrays(ours(), made, 1e-12)
    flops = 2 * n * (W + W * W + W)
    compare("forward", f"1-{W}-{W}-1 n={n:,}", ours, made, flops=flops)


@pytest.mark.parametrize(("n", "W"), [(10_000, 20), (10_000, 200)])
def bench_input_gradient(compare, n, W):
    mlp, params, X, _ = case(3, W, n)
    made = make(peers.INPUT_GRADIENT, mlp.widths, params, X)

    def ours():
        return mlp.input_gradient(params, X, n_threads=1)

    check_arrays(ours(), made, 1e-12)
    compare("input_gradient", f"3-{W}-{W}-1 n={n:,}", ours, made)


def _user_activations() -> dict[str, tuple[Callable[[float], float], ...]]:
    from numba import njit

    from pml_native.elementary import cos, exp, log1p, sin, tanh

    @njit
    def sigmoid(z):
        return 1 / (1 + exp(-z))

    @njit
    def slope(z):
        return exp(-abs(z)) / (1 + exp(-abs(z))) ** 2

    return {
        "square": (lambda z: z * z, lambda z: 2 * z, lambda z: 2),
        "polyrelu": (
            lambda z: max(z, 0.0) * (1 + z + z * z) / 3,
            lambda z: (1 + 2 * z + 3 * z * z) / 3 if z > 0 else 0.0,
            lambda z: (2 + 6 * z) / 3 if z > 0 else 0.0,
        ),
        "tanh": (lambda z: tanh(z), lambda z: 1 - tanh(z) ** 2, lambda z: -2 * tanh(z) * (1 - tanh(z) ** 2)),
        "sigmoid": (sigmoid, slope, lambda z: slope(z) * (1 - 2 / (1 + exp(-z)))),
        "softplus": (lambda z: max(z, 0.0) + log1p(exp(-abs(z))), sigmoid, slope),
        "sin": (sin, cos, lambda z: -sin(z)),
    }


@pytest.mark.parametrize("name", ["square", "polyrelu", "tanh", "sigmoid", "softplus", "sin"])
def bench_user_activation(compare, name):
    """A user's own activation is ours; the same one, built in, is the peer."""
    pytest.importorskip("numba")
    register_activation(f"user_{name}", *_user_activations()[name])
    _, params, X, y = case(1, 20, 10_000)
    user, built_in = (MLP((1, 20, 20, 1), activation) for activation in (f"user_{name}", name))

    def ours():
        return user.loss_and_gradient(params, X, y, n_threads=1)

    def theirs():
        return built_in.loss_and_gradient(params, X, y, n_threads=1)

    check_arrays(ours()[1], {"built-in": lambda: theirs()[1]}, 1e-12)
    compare("user's activation", f"{name} 1-20-20-1 n=10,000", ours, {"built-in": theirs})


def bench_tanh(compare):
    n = 10_000  # input and output stay in the second-level cache, and the call itself costs little beside them
    z = np.random.default_rng(0).uniform(-4, 4, n)
    made = make(peers.TANH, z)

    def ours():
        return _core.activation_value("tanh", z)

    check_arrays(ours(), made, 1e-15)
    compare("tanh", f"{n:,} elements", ours, made, n_elements=n)
