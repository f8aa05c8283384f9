"""Models of parts, roots and waves taken away as C and for numba: how far from the core, and nanoseconds a point.

    python bench/exported_families.py            # a minute, most of it to fit and to compile
    python bench/exported_families.py --points 100000 --rounds 25

Differences are the largest at the points, in units of the last place of the largest value, or derivative: compiled
without fused multiply-adds (gcc -std=c99), with them (-O3 -march=native), and by numba. Times are the least of the
rounds on one core, C and numba one point after the other, the core all at once. Networks are in bench_export.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_export import OPTIONS, in_c, in_numba, library_of
from cores import on_core

import pml_native as pml
from pml_native.models import Reduced

Array = np.ndarray


class Family(NamedTuple):
    """A function in a box, and how a model of the family is found."""

    function: Callable[[Array], Array]
    bounds: tuple[tuple[float, float], ...]
    fit: Callable[..., pml.Model]
    n: int = 2000


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


TURN = 2.0 * np.pi
SMALL = {"effort": 0.05, "time_limit": None, "n_threads": 1}
FAMILIES = {
    "Algebraic": Family(with_a_root, ((-1.0, 1.0),) * 3, pml.fit_algebraic),
    "ModularPolynomial": Family(of_parts, ((1.0, 2.0),) * 4, pml.fit_modular, 700),
    "Waves": Family(chirp, ((0.0, 5.0), (2.0, 6.0), (0.1, 1.0)), pml.fit_waves),
    "Waves of a period": Family(angle, ((0.0, TURN), (1.0, 2.0)), lambda X, y, **o: fit(X, y, periods={0: TURN}, **o)),
    "Reduced, a product": Family(force, ((1.0, 5.0),) * 5, fit),
    "Reduced, a product and a difference": Family(variables_of_parts, ((1.0, 2.0),) * 4, fit),
}


def model_of(family: Family) -> pml.Model:
    low, high = np.array(family.bounds).T
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


def print_row(name: str, family: Family, n: int, rounds: int, folder: Path) -> None:
    model = model_of(family)
    low, high = np.array(family.bounds).T
    X = np.random.default_rng(1).uniform(low, high, (n, len(low)))
    values, slopes = model(X), model.gradient(X)
    away, took, slope_took = [], [], []
    for options in OPTIONS.values():
        library, n_warnings = library_of(model, folder, options)
        assert n_warnings == 0
        value, slope = in_c(library.rows, X, (1,)), in_c(library.gradient_rows, X, (X.shape[1],))
        away.append((ulps(value(), values), ulps(slope(), slopes)))
        took.append(nanoseconds(value, n, rounds))
        slope_took.append(nanoseconds(slope, n, rounds))
    compiled = in_numba(model, X)
    if compiled is not None:
        away.append((ulps(compiled(), values), np.nan))
        took.append(nanoseconds(compiled, n, rounds))
    took.append(nanoseconds(lambda: model(X), n, rounds))
    slope_took.append(nanoseconds(lambda: model.gradient(X), n, rounds))
    differences = " ".join(f"{value:5.1f} ({slope:5.1f})" for value, slope in away)
    what = f"{name}{'' if isinstance(model, Reduced) or not name.startswith('Reduced') else ' (not found)'}"
    print(
        f"{what:36} {model.n_params:5}  {differences}  {' '.join(f'{one:6.0f}' for one in took)}  "
        f"{' '.join(f'{one:6.0f}' for one in slope_took)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--core", type=int, help="the core that all runs on")
    options = parser.parse_args()
    ways = [*OPTIONS, "numba"]
    print(f"differences in ulp, and of derivatives: {', '.join(ways)}")
    print(f"ns a point: {', '.join([*ways, 'core'])}; of the derivative: {', '.join([*OPTIONS, 'core'])}")
    with on_core(options.core), tempfile.TemporaryDirectory() as folder:
        for number, (name, family) in enumerate(FAMILIES.items()):
            own = Path(folder) / str(number)  # a library that is loaded must not be written again
            own.mkdir()
            print_row(name, family, options.points, options.rounds, own)


if __name__ == "__main__":
    main()
