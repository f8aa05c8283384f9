"""Network kernels against NumPy, torch and JAX on one core; each case first checks that all compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import peers
import pytest

from pml_native import MLP, _core


def _case(d: int, W: int, n: int) -> tuple[MLP, np.ndarray, np.ndarray, np.ndarray]:
    """A d-W-W-1 network with its parameters, X (n, d) and y (n, 1)."""
    rng = np.random.default_rng(0)
    mlp = MLP((d, W, W, 1))
    X = rng.uniform(-1, 1, (n, d))
    return mlp, mlp.initialize(rng), X, np.sin(3 * X.sum(axis=1, keepdims=True))


def _make(makers: Mapping[str, Callable[..., Any]], *arguments: Any) -> dict[str, Callable[[], Any] | None]:
    return {name: make(*arguments) for name, make in makers.items()}


def _check_arrays(ours: np.ndarray, made: Mapping[str, Callable[[], Any] | None], tolerance: float) -> None:
    """The largest error is within `tolerance` times the largest value."""
    for name, peer in made.items():
        if peer is not None:
            theirs = np.asarray(peer()).reshape(ours.shape)
            error = np.max(np.abs(theirs - ours)) / np.max(np.abs(theirs))
            assert error <= tolerance, f"{name} differs by {error:.1e}"


@pytest.mark.parametrize(
    ("n", "W"), [(1_000, 20), (10_000, 20), (10_000, 40), (10_000, 200), (100_000, 20), (100_000, 100)]
)
def bench_loss_and_gradient(compare, n, W):
    mlp, params, X, y = _case(1, W, n)
    made = _make(peers.LOSS_AND_GRADIENT, mlp.widths, params, X, y)

    def ours():
        return mlp.loss_and_gradient(params, X, y, n_threads=1)

    loss, gradient = ours()
    for name, peer in made.items():
        if peer is not None:
            # Sums of n terms in another order: about sqrt(n) eps for the loss, and the gradient cancels further.
            difference = abs(float(peer()[0]) - loss) / loss
            assert difference <= 1e-12, f"{name}'s loss differs by {difference:.1e}"
    _check_arrays(gradient, {name: peer and (lambda peer=peer: peer()[1]) for name, peer in made.items()}, 1e-10)

    # Every weight is used forward, for its own gradient, and (but for the first layer's) to go backward.
    n_weights = sum(a * b for a, b in pairwise(mlp.widths))
    flops = 2 * n * (3 * n_weights - mlp.widths[0] * mlp.widths[1])
    compare("loss_and_gradient", f"1-{W}-{W}-1 n={n:,}", ours, made, flops=flops)


@pytest.mark.parametrize(("n", "W"), [(10_000, 20), (10_000, 200)])
def bench_forward(compare, n, W):
    mlp, params, X, _ = _case(1, W, n)
    made = _make(peers.FORWARD, mlp.widths, params, X)

    def ours():
        return mlp.forward(params, X, n_threads=1)

    _check_arrays(ours(), made, 1e-12)
    flops = 2 * n * (W + W * W + W)
    compare("forward", f"1-{W}-{W}-1 n={n:,}", ours, made, flops=flops)


@pytest.mark.parametrize(("n", "W"), [(10_000, 20), (10_000, 200)])
def bench_input_gradient(compare, n, W):
    mlp, params, X, _ = _case(3, W, n)
    made = _make(peers.INPUT_GRADIENT, mlp.widths, params, X)

    def ours():
        return mlp.input_gradient(params, X, n_threads=1)

    _check_arrays(ours(), made, 1e-12)
    compare("input_gradient", f"3-{W}-{W}-1 n={n:,}", ours, made)


def bench_tanh(compare):
    n = 10_000  # input and output stay in the second-level cache, and the call itself costs little beside them
    z = np.random.default_rng(0).uniform(-4, 4, n)
    made = _make(peers.TANH, z)

    def ours():
        return _core.activation_value("tanh", z)

    _check_arrays(ours(), made, 1e-15)
    compare("tanh", f"{n:,} elements", ours, made, n_elements=n)
