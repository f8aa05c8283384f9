"""Models of every family taken away as C, for numba and as a formula: how far from the core, and nanoseconds a point.

    python bench/exported_families.py            # some minutes, most of them to fit and to compile
    python bench/exported_families.py --families polynomial waves --points 100000 --rounds 25

Differences are the largest at the points, in units of the last place of the largest value, or derivative in brackets:
compiled without fused multiply-adds (gcc -std=c99), with them (-O3 -march=native), by numba, and of `model.formula()`
where the model is one, as NumPy has it. Times are the least of the rounds on one core, C and numba one point after the
other, NumPy and the core all at once. A dash is for what a family has not. Networks are in bench_export.py, too.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_export import OPTIONS, in_c, in_numba, library_of
from cores import on_core

import pml_native as pml

Array = np.ndarray


class Family(NamedTuple):
    """A function in a box, and how a model of the family is found."""

    function: Callable[[Array], Array]
    bounds: tuple[tuple[float, float], ...]
    fit: Callable[..., pml.Model]
    n: int = 2000


def damped(X: Array) -> Array:
    return X[:, 0] * np.exp(-X[:, 1]) * np.cos(X[:, 2])


def product_of_powers(X: Array) -> Array:
    return X[:, 0] * X[:, 1] ** 2 / np.sqrt(X[:, 2])


def quotient(X: Array) -> Array:
    return (X[:, 0] + 2.0 * X[:, 1]) / (1.0 + X[:, 0] * X[:, 2])


def root_at_an_end(X: Array) -> Array:
    return np.sqrt(X[:, 0] - 1.0) * np.cos(X[:, 0]) + X[:, 0]


def kink(X: Array) -> Array:
    return np.where(X[:, 0] < 2.0, np.sin(X[:, 0]), np.sin(2.0) + np.exp(X[:, 0] - 2.0) - 1.0)


def larger(X: Array) -> Array:
    return np.maximum(X[:, 0] * X[:, 1], X[:, 1] + X[:, 2])


def nested(X: Array) -> Array:
    return np.tanh(np.log(X[:, 0]) + X[:, 1] * X[:, 2]) + X[:, 0]


def anomaly(X: Array) -> Array:
    """E of E - e sin(E) = M."""
    mean, e = X.T
    E = mean + e * np.sin(mean)
    for _ in range(20):
        E -= (E - e * np.sin(E) - mean) / (1.0 - e * np.cos(E))
    return E


def arm(X: Array) -> Array:
    return np.hypot(X[:, 0] * np.cos(X[:, 2]) + X[:, 1] * np.cos(X[:, 3]), np.sin(X[:, 2]) + np.sin(X[:, 3]))


def with_a_root(X: Array) -> Array:
    return np.sqrt(0.1 + X[:, 0] ** 2 + (1.0 + X[:, 1]) * X[:, 2] ** 2) + X[:, 0] * X[:, 1]


def of_parts(X: Array) -> Array:
    return X[:, 2] / (X[:, 0] + 2.0 * X[:, 1]) ** 2 + X[:, 3] ** 3 * X[:, 2]


def chirp(X: Array) -> Array:
    return np.cos(X[:, 1] * X[:, 0] + X[:, 2] * X[:, 0] ** 2)


def angle(X: Array) -> Array:
    return X[:, 1] * np.exp(np.sin(X[:, 0]))


def force(X: Array) -> Array:
    """I.12.11: q (Ef + B v sin theta)."""
    return X[:, 0] * (X[:, 1] + X[:, 2] * X[:, 3] * np.sin(X[:, 4]))


def variables_of_parts(X: Array) -> Array:
    return np.exp(-X[:, 0] * X[:, 1]) / (X[:, 2] - X[:, 3] + 4.0)


def fit(X: Array, y: Array, **options: object) -> pml.Model:
    return pml.fit(X, y, progress=False, **options)


def by(method: str) -> Callable[..., pml.Model]:
    return partial(fit, method=method)


TURN = 2.0 * np.pi
SMALL = {"effort": 0.05, "time_limit": None, "n_threads": 1}
BOX = ((1.0, 3.0),) * 3
FAMILIES = {
    "polynomial": Family(damped, BOX, pml.fit_polynomial),
    "polynomial of logarithms": Family(product_of_powers, BOX, pml.fit_polynomial),
    "rational": Family(quotient, BOX, pml.fit_rational),
    "separable": Family(damped, BOX, pml.fit_separable),
    "algebraic": Family(with_a_root, ((-1.0, 1.0),) * 3, pml.fit_algebraic),
    "modular": Family(of_parts, ((1.0, 2.0),) * 4, pml.fit_modular, 700),
    "waves": Family(chirp, ((0.0, 5.0), (2.0, 6.0), (0.1, 1.0)), pml.fit_waves),
    "waves of a period": Family(angle, ((0.0, TURN), (1.0, 2.0)), lambda X, y, **o: fit(X, y, periods={0: TURN}, **o)),
    "cosines and sines": Family(arm, ((0.5, 1.0),) * 2 + ((0.0, TURN),) * 2, by("trigonometric")),
    "reduced, a product": Family(force, ((1.0, 5.0),) * 5, fit),
    "reduced, and a difference": Family(variables_of_parts, ((1.0, 2.0),) * 4, fit),
    "nested": Family(nested, ((1.0, 2.0),) * 3, fit),
    "inverse": Family(anomaly, ((0.0, TURN), (0.1, 0.8)), fit),
    "ends": Family(root_at_an_end, ((1.0, 4.0),), by("ends")),
    "piecewise": Family(kink, ((0.0, 4.0),), fit),
    "regions": Family(larger, ((0.0, 3.0),) * 3, fit),
    "network": Family(damped, BOX, by("network")),
    "random features": Family(damped, BOX, pml.fit_random_features),
    "radial functions": Family(damped, BOX, pml.fit_rbf, 500),
    "simplices": Family(damped, BOX, by("simplex")),
    "spline": Family(damped, BOX, by("spline"), 20),
}


def model_of(name: str, family: Family) -> pml.Model:
    low, high = np.array(family.bounds).T
    if name == "spline":  # which is of full grids: n points along each axis
        axes = [np.linspace(a, b, family.n) for a, b in family.bounds]
        X = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low))
    else:
        X = np.random.default_rng(0).uniform(low, high, (family.n, len(low)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = family.fit(X, family.function(X), **SMALL)
    model.use_threads(1)
    return model


def ulps(got: Array, wanted: Array) -> float:
    return float(np.max(np.abs(got - wanted.reshape(got.shape))) / np.spacing(np.max(np.abs(wanted))))


def nanoseconds(call: Callable[[], Array], n: int, rounds: int) -> float:
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return 1e9 * best / n


def as_formula(model: pml.Model, X: Array) -> Callable[[], Array] | None:
    """The values of `model.formula()`, where there is one."""
    try:
        formula = model.formula()
    except (ValueError, ImportError):
        return None
    import sympy

    names = [sympy.Symbol(f"x{j}") for j in range(X.shape[1])]
    function = sympy.lambdify(names, formula.n(17), "numpy", cse=True)
    columns = [np.ascontiguousarray(column) for column in X.T]
    return lambda: np.broadcast_to(function(*columns), len(X))


def print_row(name: str, family: Family, n: int, rounds: int, folder: Path) -> None:
    model = model_of(name, family)
    low, high = np.array(family.bounds).T
    X = np.random.default_rng(1).uniform(low, high, (n, len(low)))
    values, slopes = model(X), model.gradient(X)
    has_value = np.isfinite(values)  # simplices have none outside of the hull of their rows
    X, values, slopes = np.ascontiguousarray(X[has_value]), values[has_value], slopes[has_value]
    away, took, slope_took = [], [], []
    for options in OPTIONS.values():
        try:
            library, n_warnings = library_of(model, folder, options)
        except ValueError:
            away.append("-")
            took.append("-")
            slope_took.append("-")
            continue
        assert n_warnings == 0
        value, slope = in_c(library.rows, X, (1,)), in_c(library.gradient_rows, X, (X.shape[1],))
        away.append(f"{ulps(value(), values):.1f} ({ulps(slope(), slopes):.1f})")
        took.append(f"{nanoseconds(value, len(X), rounds):.0f}")
        slope_took.append(f"{nanoseconds(slope, len(X), rounds):.0f}")
    try:
        compiled = in_numba(model, X)
    except ValueError:
        compiled = None
    for call in (compiled, as_formula(model, X)):
        away.append("-" if call is None else f"{ulps(call(), values):.1f}")
        took.append("-" if call is None else f"{nanoseconds(call, len(X), rounds):.0f}")
    took.append(f"{nanoseconds(lambda: model(X), len(X), rounds):.0f}")
    slope_took.append(f"{nanoseconds(lambda: model.gradient(X), len(X), rounds):.0f}")
    cells = (f"{name} ({model.family})", str(model.n_params), *away, *took, *slope_took)
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="*", help="those whose name contains one of these")
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--core", type=int, help="the core that all runs on")
    options = parser.parse_args()
    ways = [*OPTIONS, "numba", "formula"]
    times = [*(f"ns, {way}" for way in (*ways, "core")), *(f"ns of derivatives, {way}" for way in (*OPTIONS, "core"))]
    print(f"| family | numbers | {' | '.join([*(f'ulp, {way}' for way in ways), *times])} |")
    with on_core(options.core), tempfile.TemporaryDirectory() as folder:
        for number, (name, family) in enumerate(FAMILIES.items()):
            if options.families and not any(one in name for one in options.families):
                continue
            own = Path(folder) / str(number)  # a library that is loaded must not be written again
            own.mkdir()
            print_row(name, family, options.points, options.rounds, own)


if __name__ == "__main__":
    main()
