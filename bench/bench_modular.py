"""Networks along a computation graph against torch's eager mode on one core; each case first checks the results."""

from __future__ import annotations

import numpy as np
import peers
import pytest
from networks import check_arrays, make

from pml_native import MLP, ModularMLP
from pml_native.problems import equations


def case(name: str, W: int, n: int) -> tuple[ModularMLP, np.ndarray, np.ndarray, np.ndarray]:
    """A network along the graph of an equation with its parameters, X (n, d) of size 1 and y (n, 1)."""
    modular = ModularMLP.from_formula(equations[name], width=W)
    X = np.random.default_rng(0).uniform(-1, 1, (n, modular.n_inputs))
    return modular, modular.initialize(0), X, np.sin(X.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("name", "W", "n"),
    [("I.8.14", 20, 1_000), ("I.8.14", 20, 10_000), ("I.8.14", 100, 10_000), ("II.6.15a", 20, 10_000)],
)
def bench_loss_and_gradient(compare, name, W, n):
    modular, params, X, y = case(name, W, n)
    made = make(peers.MODULAR_LOSS_AND_GRADIENT, modular.graph.nodes, modular.mlps[0].widths[1:], params, X, y)

    def ours():
        return modular.loss_and_gradient(params, X, y, n_threads=1)

    check_arrays(ours()[1], {peer: f and (lambda f=f: f()[1]) for peer, f in made.items()}, 1e-10)
    compare("modular gradient", f"{name} W={W} n={n:,}", ours, made)


@pytest.mark.parametrize("kernel", ["loss_and_gradient", "gauss_newton", "hessian"])
def bench_against_a_dense_network(compare, kernel):
    """A plain network of about as many parameters, which the core goes through at once, is the peer."""
    modular, params, X, y = case("I.8.14", 20, 1_000)
    dense = MLP((4, 35, 35, 1))
    dense_params = dense.initialize(0)

    def ours():
        return getattr(modular, kernel)(params, X, y, n_threads=1)

    def theirs():
        return getattr(dense, kernel)(dense_params, X, y, n_threads=1)

    compare(f"modular {kernel}", f"P={modular.n_params:,}, {dense.n_params:,}", ours, {"dense": theirs}, min_rounds=3)
