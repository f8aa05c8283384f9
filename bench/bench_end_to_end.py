"""What a user waits for: one fit from data to model, and the evaluation of a model on many rows."""

from __future__ import annotations

import numpy as np
import peers

import pml_native
from pml_native import MLP, NetworkModel, Normalization
from pml_native.problems import equations


def bench_fit(benchmark, summary_line):
    X, y = equations["Z.002"].sample(1_000, 0)
    X_test, y_test = equations["Z.002"].sample(10_000, 1)
    options = {"time_limit": 5.0, "random_state": 0, "progress": False}
    model = benchmark.pedantic(pml_native.fit, args=(X, y), kwargs=options, rounds=1)
    error = np.sqrt(np.mean((model(X_test) - y_test) ** 2) / np.mean(y_test**2))
    benchmark.extra_info["relative_rmse"] = error
    summary_line(
        f"{'fit':18} {'Z.002 n=1,000':24} {model.report.seconds:9.2f} s   relative RMSE {error:.1e}, {model!r}"
    )


def bench_model(compare):
    """The model's normalizations count for ours; the peers get the plain network with both folded in."""
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 5, (100_000, 2))
    mlp = MLP((2, 40, 40, 1))
    outputs = Normalization.of(X[:, :1] * X[:, 1:])
    model = NetworkModel(mlp, mlp.initialize(rng), inputs=Normalization.of(X), outputs=outputs, n_threads=1)
    plain = model.folded()
    made = {name: make(mlp.widths, plain.params, X) for name, make in peers.FORWARD.items()}
    values = model(X)
    for name, peer in made.items():
        if peer is not None:
            # Folding subtracts offsets about as large as the spread of the inputs: a few digits of slack.
            error = np.max(np.abs(np.asarray(peer())[:, 0] - values)) / np.max(np.abs(values))
            assert error <= 1e-12, f"{name} differs by {error:.1e}"
    compare("model(X)", "2-40-40-1 n=100,000", lambda: model(X), made)
