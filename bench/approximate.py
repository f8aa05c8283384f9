"""What `approximate` takes and reaches on functions that can be called, beside what else chooses its own points.

    python bench/approximate.py --store approximate.db      # some minutes; goes on where it was ended
    python bench/approximate.py --peers --store approximate.db

All have the tolerance 1e-12 and 100,000 evaluations at most. Errors are relative, on 10,000 fresh uniform points.
The peers (`pip install chebfun chebyshevnd`):
    chebpy       chebpy.chebfun(f, box), its own adaptive choice of the degree; one input
    AAA          scipy.interpolate.AAA(rtol=1e-13) on 2^k + 1 Chebyshev points, k = 4, 5, ... until it meets 1e-12 at
                 100 fresh points, which are not counted (which flatters it); one input
    ChebyshevND  its interpolant on Gauss-Lobatto grids of 2^k + 1 points along every axis, k = 2, 3, ... until its own
                 estimate of the relative error is below 1e-12; two to four inputs
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

import pml_native as pml

TOLERANCE, MOST_EVALUATIONS = 1e-12, 100_000
N_TEST, TEST_SEED = 10_000, 1_000_000
Function = Callable[[np.ndarray], np.ndarray]


def franke(X: np.ndarray) -> np.ndarray:
    a, b = 9.0 * X.T
    return (
        0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def peaks(X: np.ndarray) -> np.ndarray:
    a, b = X.T
    return (
        3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2)
        - 10 * (a / 5 - a**3 - b**5) * np.exp(-(a**2) - b**2)
        - np.exp(-((a + 1) ** 2) - b**2) / 3
    )


def black_scholes(X: np.ndarray) -> np.ndarray:
    """The price of a call over its strike, of the asset's price over the strike, volatility, years and interest."""
    price, volatility, years, interest = X.T
    spread = volatility * np.sqrt(years)
    d = (np.log(price) + interest * years) / spread + spread / 2
    return price * special.ndtr(d) - np.exp(-interest * years) * special.ndtr(d - spread)


ONE = (-1.0, 1.0)
UNIT = (0.0, 1.0)
# Chosen before the first run.
TARGETS: dict[str, tuple[Function, list[tuple[float, float]]]] = {
    "exp(sin 5x)": (lambda X: np.exp(np.sin(5 * X[:, 0])), [ONE]),
    "1/(1 + 25x^2)": (lambda X: 1 / (1 + 25 * X[:, 0] ** 2), [ONE]),
    "tanh 50x": (lambda X: np.tanh(50 * X[:, 0]), [ONE]),
    "Airy Ai": (lambda X: special.airy(X[:, 0])[0], [(-20.0, 5.0)]),
    "cos 300x": (lambda X: np.cos(300 * X[:, 0]), [ONE]),
    "|x - 0.3|": (lambda X: np.abs(X[:, 0] - 0.3), [ONE]),
    "exp x + |x - 0.3|": (lambda X: np.exp(X[:, 0]) + np.abs(X[:, 0] - 0.3), [ONE]),
    "sqrt x": (lambda X: np.sqrt(X[:, 0]), [UNIT]),
    "sqrt x + sin x": (lambda X: np.sqrt(X[:, 0]) + np.sin(X[:, 0]), [UNIT]),
    "Franke": (franke, [UNIT] * 2),
    "peaks": (peaks, [(-3.0, 3.0)] * 2),
    "cos 20xy": (lambda X: np.cos(20 * X[:, 0] * X[:, 1]), [ONE] * 2),
    "tanh 5(x + 2y - 1/2)": (lambda X: np.tanh(5 * (X[:, 0] + 2 * X[:, 1] - 0.5)), [ONE] * 2),
    "(1 + x + 2y + 3z)^-4": (lambda X: (1 + X @ [1.0, 2.0, 3.0]) ** -4.0, [UNIT] * 3),
    "exp(-r)/r": (lambda X: (lambda r: np.exp(-r) / r)(np.sqrt(np.sum(X**2, axis=1))), [(0.5, 2.0)] * 3),
    "Gaussian, 4D": (
        lambda X: np.exp(-(((X - [0.3, 0.4, 0.5, 0.6]) ** 2) @ [2.0, 3.0, 4.0, 5.0])),
        [UNIT] * 4,
    ),
    "cos(1 + a.x), 4D": (lambda X: np.cos(1 + X @ [2.0, 3.0, 4.0, 5.0]), [UNIT] * 4),
    "Black-Scholes, 4D": (black_scholes, [(0.7, 1.3), (0.1, 0.5), (0.2, 2.0), (0.0, 0.1)]),
}


@dataclass
class Counted:
    """A target that counts the points it is called at."""

    f: Function
    n: int = 0

    def __call__(self, X: np.ndarray) -> np.ndarray:
        self.n += len(X) if np.ndim(X) == 2 else 1
        return self.f(X)


def ours(f: Counted, bounds: list[tuple[float, float]], seed: int) -> tuple[Function, str]:
    model = pml.approximate(
        f, bounds, tolerance=TOLERANCE, max_evaluations=MOST_EVALUATIONS, random_state=seed, n_threads=1, progress=False
    )
    assert model.report is not None
    assert model.report.evaluations == f.n
    return model, f"{model.report.description}; {model.report.n_params} parameters"


def chebpy(f: Counted, bounds: list[tuple[float, float]], seed: int) -> tuple[Function, str]:
    from chebpy import chebfun

    model = chebfun(lambda x: f(np.atleast_1d(x)[:, None]), list(bounds[0]))
    return lambda X: model(X[:, 0]), f"degree {model.funs[0].size - 1}"


def aaa(f: Counted, bounds: list[tuple[float, float]], seed: int) -> tuple[Function, str]:
    from scipy.interpolate import AAA

    low, high = bounds[0]
    fresh = np.random.default_rng(seed).uniform(low, high, size=(100, 1))
    y_fresh = f.f(fresh)
    for k in range(4, 16):
        z = np.cos(np.pi * np.arange(2**k + 1) / 2**k)
        x = 0.5 * (low + high) + 0.5 * (high - low) * z
        model = AAA(x, f.f(x[:, None]), rtol=1e-13)
        f.n = len(x)  # the points of all k before are among these
        error = np.sqrt(np.mean((model(fresh[:, 0]).real - y_fresh) ** 2) / np.mean(y_fresh**2))
        if error <= TOLERANCE or 2 * len(x) > 5000:  # more take it minutes
            break
    return lambda X: model(X[:, 0]).real, f"{len(model.support_points)} support points"


def chebyshev_nd(f: Counted, bounds: list[tuple[float, float]], seed: int) -> tuple[Function, str]:
    import chebyshevnd as nd

    kind = {2: nd.ChebyshevInterpolant2D, 3: nd.ChebyshevInterpolant3D, 4: nd.ChebyshevInterpolant4D}[len(bounds)]
    limits = [end for pair in bounds for end in pair]
    for k in range(2, 12):
        n = 2**k + 1
        axes = [nd.chebyshev_gauss_lobatto_nodes(n, low, high) for low, high in bounds]
        X = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        model = kind(f.f(X).reshape((n,) * len(bounds)), *limits, nodes="GaussLobatto")
        f.n = len(X)
        if model.rel_error <= TOLERANCE or (2 * n - 1) ** len(bounds) > MOST_EVALUATIONS:
            break
    return lambda X: np.array([model.evaluate(*x) for x in X]), f"{n} points along each axis"


METHODS = {"approximate": ours, "chebpy": chebpy, "AAA": aaa, "ChebyshevND": chebyshev_nd}
PEERS = {1: ("chebpy", "AAA"), 2: ("ChebyshevND",), 3: ("ChebyshevND",), 4: ("ChebyshevND",)}


def run(target: str, method: str, seed: int) -> dict[str, float | str]:
    """One row: evaluations, and relative errors, divided by the RMS of y."""
    f, bounds = TARGETS[target]
    counted = Counted(f)
    start = time.perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        model, description = METHODS[method](counted, bounds, seed)
        took = time.perf_counter() - start
        low, high = np.array(bounds).T
        X = np.random.default_rng(TEST_SEED + seed).uniform(low, high, size=(N_TEST, len(bounds)))
        errors = pml.report.Errors.of(np.ravel(model(X))[:, None], f(X)[:, None])
    return {
        "evaluations": counted.n,
        "rmse": errors.rmse,
        "p95": errors.p95,
        "max": errors.max,
        "fit_seconds": took,
        "description": description,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), help="these only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--jobs", type=int, help="runs at a time; as many as cores if not given")
    parser.add_argument("--store", help="keeps finished runs in this file")
    options = parser.parse_args()
    settings = [
        {"target": name, "method": method, "seed": seed}
        for name in options.targets or TARGETS
        for method in ("approximate", *(PEERS[len(TARGETS[name][1])] if options.peers else ()))
        for seed in (options.seeds if method == "approximate" else options.seeds[:1])
    ]
    table = pml.scaling.sweep(run, settings=settings, store=options.store, jobs=options.jobs)
    print(f"tolerance {TOLERANCE:g}; relative errors on {N_TEST:,} fresh uniform points")
    print(f"{'target':21} {'method':12} {'evaluations':>11} {'RMSE':>8} {'95 %':>8} {'maximum':>8} {'s':>6}")
    for row in table.done:
        errors = " ".join(f"{row[name]:8.1e}" for name in ("rmse", "p95", "max"))
        print(
            f"{row['target']:21} {row['method']:12} {row['evaluations']:11,} {errors} {row['fit_seconds']:6.1f}  "
            f"{row['description'][:80]}"
        )
    for row in table.failed:
        print(f"{row['target']:21} {row['method']:12} failed")


if __name__ == "__main__":
    main()
