"""How exact models of many rows are where no single law of few terms is: narrow peaks, fronts, waves in all directions.

    python bench/uneven_tables.py                                # half an hour of one core
    python bench/uneven_tables.py --targets peaks-2d --rows 20000 200000 --methods cells fit
    python bench/uneven_tables.py --methods cells linear near    # without `fit`: some minutes

Uniform rows of the unit box; errors on 10,000 fresh points, relative to the RMS of y; seconds are processor time of one
core, evaluation of these points included. `cells` are polynomials on cells (`fit_partition`), `fit` is `fit` with its
defaults and no limit of time. Of SciPy: `linear` interpolation on simplices, `cubic` (CloughTocher2DInterpolator), and
`near`, RBFInterpolator of the 50 nearest rows.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator, RBFInterpolator

import pml_native as pml

Array = np.ndarray
N_TEST = 10_000


def peaks(d: int, width: float) -> Callable[[Array], Array]:
    rng = np.random.default_rng(d)
    centres, heights = rng.uniform(size=(40, d)), rng.normal(size=40)
    return lambda X: np.exp(-((X[:, None] - centres) ** 2).sum(axis=2) / (2.0 * width**2)) @ heights


def waves(X: Array) -> Array:
    rng = np.random.default_rng(3)
    along, phases = 15.0 * rng.normal(size=(30, 3)), rng.uniform(0.0, 2.0 * np.pi, 30)
    return np.cos(X @ along.T + phases).sum(axis=1)


TARGETS: dict[str, tuple[int, Callable[[Array], Array]]] = {
    "peaks-2d": (2, peaks(2, 0.05)),
    "front-2d": (2, lambda X: np.tanh(40.0 * (X[:, 0] - X[:, 1] ** 2))),
    "peaks-3d": (3, peaks(3, 0.1)),
    "front-3d": (3, lambda X: np.tanh(20.0 * (X[:, 0] - X[:, 1] ** 2 + 0.3 * X[:, 2])) + np.exp(X[:, 2])),
    "waves-3d": (3, waves),
    "corner-4d": (4, lambda X: np.sin(3.0 * X.sum(axis=1)) / (0.02 + (X[:, 0] - X[:, 1]) ** 2 + X[:, 2] * X[:, 3])),
}


def fitted(X: Array, y: Array) -> Callable[[Array], Array]:
    return pml.fit(X, y, time_limit=None, progress=False, n_threads=1)


METHODS: dict[str, Callable[[Array, Array], Callable[[Array], Array]]] = {
    "cells": lambda X, y: pml.fit_partition(X, y, time_limit=None, n_threads=1),
    "fit": fitted,
    "linear": LinearNDInterpolator,
    "cubic": CloughTocher2DInterpolator,
    "near": lambda X, y: RBFInterpolator(X, y, neighbors=50),
}


def measured(method: str, target: str, n: int, seed: int) -> str:
    d, f = TARGETS[target]
    rng = np.random.default_rng(seed)
    X, Q = rng.uniform(size=(n, d)), rng.uniform(size=(N_TEST, d))
    start = time.process_time()
    model = METHODS[method](X, f(X))
    error = (np.asarray(model(Q)) - f(Q)) / np.sqrt(np.mean(f(Q) ** 2))
    seconds = time.process_time() - start
    error = np.abs(error[np.isfinite(error)])  # beyond the hull there is no value of some
    what = f"{model.family}, {model.n_params} parameters, said {model.report.error:.1e}" if method == "fit" else ""
    rmse, p95 = np.sqrt(np.mean(error**2)), np.quantile(error, 0.95)
    return f"{rmse:9.1e} {p95:9.1e} {error.max():9.1e} {seconds:8.1f}  {what}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--rows", nargs="+", type=int, default=[20_000, 200_000])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'target':10} {'rows':>8} {'method':7} {'RMSE':>9} {'95 %':>9} {'maximum':>9} {'s':>8}")
    for target in args.targets:
        for n in args.rows:
            for method in args.methods:
                if method == "cubic" and TARGETS[target][0] != 2:
                    continue
                if method == "linear" and TARGETS[target][0] > 3:
                    continue  # its triangulation takes minutes
                print(f"{target:10} {n:8d} {method:7} {measured(method, target, n, args.seed)}", flush=True)


if __name__ == "__main__":
    main()
