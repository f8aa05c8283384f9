"""What derivatives of y add: n rows with gradients against n rows and (d + 1) n rows of y alone, and other software.

    python bench/derivatives.py              # half an hour on one core
    python bench/derivatives.py 1 --effort 0.1 --only Franke

Rows are a Latin hypercube of the box. Errors are relative RMSEs at 20,000 fresh points, uniform in the box that the n
rows span, over the standard deviation of y there, so that a constant has 1. Beside them scikit-learn's Gaussian process
of the n values, and SMT's gradient-enhanced kriging of values and gradients, where they are installed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pml_native as pml

Array = NDArray[np.float64]
N_FRESH = 20_000
STEP = 1e-150


class Target(NamedTuple):
    name: str
    f: Callable[..., Any]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int

    def rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """n rows of X, y, and the gradient, to rounding by complex steps."""
        low, high = np.array(self.low), np.array(self.high)
        cells = np.stack([rng.permutation(n) for _ in low], axis=1)
        X = low + (high - low) * (cells + rng.uniform(size=cells.shape)) / n
        y = self.f(*X.T)
        gradient = np.empty_like(X)
        for j in range(X.shape[1]):
            stepped = X.astype(complex)
            stepped[:, j] += 1j * STEP
            gradient[:, j] = self.f(*stepped.T).imag / STEP
        return X, y, gradient


def franke(x: Any, y: Any) -> Any:
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


def morse(*r: Any) -> Any:
    """A cluster's energy in its distances, in units of the well's depth and its minimum's place."""
    return sum((1 - np.exp(-3 * (one - 1))) ** 2 for one in r)


def lennard_jones(*r: Any) -> Any:
    return sum(4 * (one**-12 - one**-6) for one in r)


def dihedral(phi: Any, psi: Any) -> Any:
    """A Fourier series of two angles, with the coupling terms of a peptide's map."""
    one = 1.3 * (1 + np.cos(phi)) + 0.7 * (1 - np.cos(2 * phi)) + 0.4 * (1 + np.cos(3 * phi))
    other = 0.9 * (1 + np.cos(psi - 0.5)) + 1.1 * (1 - np.cos(2 * psi))
    return one + other + 0.6 * np.cos(phi - 2 * psi) + 0.3 * np.sin(2 * phi + psi)


def compressibility(T: Any, p: Any) -> Any:
    """The largest root of the cubic equation of Peng and Robinson, above the critical temperature, in reduced units."""
    alpha = (1 + 0.37464 * (1 - np.sqrt(T))) ** 2
    A, B = 0.45724 * alpha * p / T**2, 0.07780 * p / T
    Z = np.ones_like(A)
    for _ in range(60):
        value = ((Z - (1 - B)) * Z + A - 3 * B**2 - 2 * B) * Z - (A * B - B**2 - B**3)
        slope = (3 * Z - 2 * (1 - B)) * Z + A - 3 * B**2 - 2 * B
        Z = Z - value / slope
    return Z


TARGETS = [
    Target("Morse, 3 atoms", morse, (0.7,) * 3, (2.5,) * 3, 30),
    Target("Morse, 4 atoms", morse, (0.7,) * 6, (2.5,) * 6, 40),
    Target("Lennard-Jones, 3 atoms", lennard_jones, (0.9,) * 3, (2.5,) * 3, 30),
    Target("Lennard-Jones, 4 atoms", lennard_jones, (0.9,) * 6, (2.5,) * 6, 40),
    Target("dihedral", dihedral, (-np.pi,) * 2, (np.pi,) * 2, 40),
    Target("Franke", franke, (0.0,) * 2, (1.0,) * 2, 300),
    Target("cubic equation of state", compressibility, (1.1, 0.1), (2.0, 3.0), 60),
]


def gaussian_process(X: Array, y: Array, gradient: Array) -> Callable[[Array], Array]:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    low, width = X.min(axis=0), np.ptp(X, axis=0)
    kernel = ConstantKernel(1.0, (1e-3, 1e6)) * RBF([0.3] * X.shape[1], (1e-2, 1e3))
    model = GaussianProcessRegressor(kernel, alpha=1e-10, normalize_y=True, n_restarts_optimizer=3, random_state=0)
    model.fit((X - low) / width, y)
    return lambda X: np.asarray(model.predict((X - low) / width))


def enhanced_kriging(X: Array, y: Array, gradient: Array) -> Callable[[Array], Array]:
    from smt.surrogate_models import GEKPLS

    d = X.shape[1]
    limits = np.stack([X.min(axis=0), X.max(axis=0)], axis=1)
    model = GEKPLS(
        theta0=[1e-2] * min(d, 2),
        xlimits=limits,
        extra_points=min(d, 5),
        n_comp=min(d, 2),
        print_global=False,
    )
    model.set_training_values(X, y[:, None])
    for j in range(d):
        model.set_training_derivatives(X, gradient[:, [j]], j)
    model.train()
    return lambda X: np.asarray(model.predict_values(X))[:, 0]


def error_of(model: Callable[[Array], Any], X: Array, y: Array) -> float:
    error = float(np.sqrt(np.mean((np.asarray(model(X)) - y) ** 2)) / np.std(y))
    return error if np.isfinite(error) else np.inf  # a model without a value somewhere


def peer(make: Callable[..., Callable[[Array], Array]], rows: tuple[Array, Array, Array], fresh: Any) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f"{error_of(make(*rows), fresh[0], fresh[1]):8.0e}"
    except ImportError:
        return f"{'-':>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--effort", type=float, default=0.5)
    parser.add_argument("--time-limit", type=float, default=30.0)
    parser.add_argument("--only", help="targets whose names hold this")
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    settings = {"effort": options.effort, "time_limit": options.time_limit, "n_threads": 1, "progress": False}
    print(f"{'':24} {'n':>4} {'with':>8} {'(d+1) n':>8} {'n alone':>8} {'GP':>8} {'GEKPLS':>8} {'s':>6}  model")
    ratios: list[tuple[float, float]] = []
    for target in TARGETS:
        if options.only is not None and options.only not in target.name:
            continue
        every = []
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            rows, more = target.rows(target.n, rng), target.rows((len(target.low) + 1) * target.n, rng)
            spanned = target._replace(low=tuple(rows[0].min(axis=0)), high=tuple(rows[0].max(axis=0)))
            fresh = spanned.rows(N_FRESH, rng)
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = pml.fit(rows[0], rows[1], gradients=rows[2], **settings)
                seconds = time.perf_counter() - start
                others = [pml.fit(*some[:2], **settings) for some in (more, rows)]
            errors = [error_of(one, fresh[0], fresh[1]) for one in (model, *others)]
            every.append(errors)
            known = (
                []
                if options.without_peers
                else [peer(one, rows, fresh) for one in (gaussian_process, enhanced_kriging)]
            )
            shown = " ".join(f"{error:8.0e}" for error in errors)
            print(
                f"{target.name:24} {target.n:4} {shown} {' '.join(known)} {seconds:6.1f}  {model.report.description}",
                flush=True,
            )
        middle = np.median(every, axis=0)
        ratios.append((middle[0] / middle[1], middle[2] / middle[0]))
        print(f"{'':24} over (d+1) n rows: {ratios[-1][0]:.1e}; n alone over it: {ratios[-1][1]:.1e}\n", flush=True)
    print(f"medians: {np.median([a for a, _ in ratios]):.1e} and {np.median([b for _, b in ratios]):.1e}")


if __name__ == "__main__":
    main()
