"""Tables of six kinds and the tools that people take for them: errors and processor time, those where ours loses too.

    python bench/which_tool.py      # some minutes
    pip install smt pyoperon        # for two of the peers, which are left out otherwise

Errors are relative RMSEs against the true function on 10,000 fresh points of the box. `fit` has its defaults, without a
limit of time; peers have the settings that their documentation gives for such data:
    SciPy         make_interp_spline(k=5) for one input, else RBFInterpolator (thin plate splines, their default)
    scikit-learn  a Gaussian process: anisotropic RBF kernel, with a white one on top if there is noise; and
                  HistGradientBoostingRegressor
    SMT           KRG, Kriging with a constant trend, which is its default
    pyoperon      SymbolicRegressor, 200 generations of 1,000 trees, one thread
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import io
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

import pml_native as pml

N_TEST = 10_000
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A function on a box of `d` unit intervals, the rows of its table, and noise of this part of its RMS."""

    what: str
    f: Function
    d: int
    n: int
    noise: float = 0.0


def bumps(X: np.ndarray) -> np.ndarray:
    """Franke's function."""
    a, b = 9.0 * X.T
    return (
        0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def mass(X: np.ndarray) -> np.ndarray:
    """A relativistic mass: rest mass 1 to 5, speed 1 to 2, speed of light 3 to 10."""
    m, v, c = (np.array([1.0, 1.0, 3.0]) + X * np.array([4.0, 1.0, 7.0])).T
    return m / np.sqrt(1.0 - (v / c) ** 2)


def borehole(X: np.ndarray) -> np.ndarray:
    """The flow of water through a borehole, eight inputs."""
    low = np.array([0.05, 100.0, 63070.0, 990.0, 63.1, 700.0, 1120.0, 9855.0])
    high = np.array([0.15, 50000.0, 115600.0, 1110.0, 116.0, 820.0, 1680.0, 12045.0])
    rw, r, Tu, Hu, Tl, Hl, L, Kw = (low + X * (high - low)).T
    log = np.log(r / rw)
    return 2.0 * np.pi * Tu * (Hu - Hl) / (log * (1.0 + 2.0 * L * Tu / (log * rw**2 * Kw) + Tu / Tl))


def steps(X: np.ndarray) -> np.ndarray:
    """Constant on each of 6 x 6 boxes, as a tariff or a classification is: nothing in it is smooth."""
    levels = np.random.default_rng(0).normal(size=(6, 6))
    i, j = np.minimum((6.0 * X).astype(int), 5).T
    return levels[i, j]


CASES = [
    Case("Airy's function, 60 points of one input", lambda X: special.airy(18.0 * X[:, 0] - 15.0)[0], 1, 60),
    Case("Franke's function, 400 points of 2 inputs", bumps, 2, 400),
    Case("a law of physics, 300 points of 3 inputs", mass, 3, 300),
    Case("the same with 1 % of noise", mass, 3, 300, noise=0.01),
    Case("a borehole, 60 points of 8 inputs", borehole, 8, 60),
    Case("steps, 2,000 points of 2 inputs", steps, 2, 2000),
]


def ours(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    return pml.fit(X, y, time_limit=None, progress=False)


def scipy_interpolant(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    if X.shape[1] == 1:
        order = np.argsort(X[:, 0])
        spline = interpolate.make_interp_spline(X[order, 0], y[order], k=5)
        return lambda X: spline(X[:, 0])
    return interpolate.RBFInterpolator(X, y, smoothing=noise * len(y) ** 0.5)


def gaussian_process(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel

    kernel = 1.0 * RBF(np.ones(X.shape[1]))
    kernel = kernel + WhiteKernel() if noise else kernel
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)
    return model.fit(X, y).predict


def boosted_trees(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=500, random_state=0).fit(X, y).predict


def kriging(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    from smt.surrogate_models import KRG

    model = KRG(print_global=False, eval_noise=noise > 0)
    model.set_training_values(X, y)
    model.train()
    return lambda X: model.predict_values(X)[:, 0]


def symbolic(X: np.ndarray, y: np.ndarray, noise: float) -> Function:
    from pyoperon.sklearn import SymbolicRegressor

    model = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,constant,variable,sqrt,square,exp,log,sin",
        generations=200,
        population_size=1000,
        n_threads=1,
        random_state=0,
        optimizer_iterations=5,
    )
    return model.fit(X, y).predict


TOOLS = {
    "pml_native": ours,
    "SciPy": scipy_interpolant,
    "scikit-learn GP": gaussian_process,
    "boosted trees": boosted_trees,
    "SMT KRG": kriging,
    "pyoperon": symbolic,
}
# A Gaussian process or Kriging model of more rows than this takes minutes.
MOST_ROWS = {"scikit-learn GP": 1000, "SMT KRG": 1000}


def measure(case: Case, tool: str, seed: int) -> tuple[float, float]:
    """The relative RMSE and the seconds of processor time of one tool on one table."""
    rng = np.random.default_rng(seed)
    X, X_new = rng.uniform(size=(case.n, case.d)), rng.uniform(size=(N_TEST, case.d))
    y, wanted = case.f(X), case.f(X_new)
    rms = np.sqrt(np.mean(wanted**2))
    y = y + case.noise * rms * rng.normal(size=case.n)
    start = time.process_time()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = TOOLS[tool](X, y, case.noise)
    seconds = time.process_time() - start
    return float(np.sqrt(np.mean((found(X_new) - wanted) ** 2)) / rms), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tools", nargs="+", default=list(TOOLS), choices=TOOLS)
    options = parser.parse_args()
    print(f"| table | {' | '.join(options.tools)} |\n|---|{'---|' * len(options.tools)}")
    for case in CASES:
        cells = []
        for tool in options.tools:
            if case.n > MOST_ROWS.get(tool, case.n):
                cells.append("")
                continue
            try:
                error, seconds = measure(case, tool, options.seed)
            except ImportError:
                cells.append("not installed")
            else:
                cells.append(f"{error:.1e} ({seconds:.1f} s)")
        print(f"| {case.what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
