"""Rows that `suggest` chooses, beside as many that are uniform: the error after a fit to all of them.

    python bench/new_rows.py [auto] [rbf]     # some minutes on one core

Three functions of two and three columns, seeds 1 to 3: a model of 120 uniform rows, 60 rows more, a new fit of little
effort, by `auto`, where it may find another form, and with the form kept, radial functions. Errors are relative RMSE at
10,000 fresh points of the unit cube; of uniform rows the median of N_DRAWS draws.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import numpy as np

import pml_native as pml

N_ROWS, N_MORE, N_FRESH, N_DRAWS, SEEDS, EFFORT = 120, 60, 10_000, 3, (1, 2, 3), 0.02


def franke(X: np.ndarray) -> np.ndarray:
    x, y = 9.0 * X.T
    return (
        0.75 * np.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((x + 1) ** 2) / 49 - (y + 1) / 10)
        + 0.5 * np.exp(-((x - 7) ** 2 + (y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((x - 4) ** 2) - (y - 7) ** 2)
    )


def front(X: np.ndarray) -> np.ndarray:
    return np.tanh(4.0 * (X[:, 0] + X[:, 1] ** 2 - 1.0)) + np.sin(3.0 * X[:, 0])


def well(X: np.ndarray) -> np.ndarray:
    return np.log(0.1 + np.sum((X - [0.2, 0.3, 0.6]) ** 2, axis=1)) * np.cos(2.0 * X[:, 0])


FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "Franke": (franke, 2),
    "front": (front, 2),
    "well": (well, 3),
}


def fitted(f: Callable[[np.ndarray], np.ndarray], X: np.ndarray, method: str) -> pml.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pml.fit(X, f(X), method=method, effort=EFFORT, time_limit=None, progress=False, n_threads=1)


def compared(method: str) -> None:
    print(f"{method}\n{'function':8} {'seed':>4} {'before':>8} {'suggested':>9} {'uniform':>8}")
    ratios = []
    for name, (f, d) in FUNCTIONS.items():
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            X, fresh = rng.uniform(size=(N_ROWS, d)), rng.uniform(size=(N_FRESH, d))
            wanted = f(fresh)

            def error(model: pml.Model, fresh: np.ndarray = fresh, wanted: np.ndarray = wanted) -> float:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    off = np.nan_to_num(model(fresh) - wanted, nan=float(np.max(np.abs(wanted))))
                return float(np.sqrt(np.mean(off**2) / np.mean(wanted**2)))

            model = fitted(f, X, method)
            suggested = error(fitted(f, np.concatenate([X, pml.suggest(model, N_MORE)]), method))
            draws = [np.concatenate([X, rng.uniform(size=(N_MORE, d))]) for _ in range(N_DRAWS)]
            uniform = float(np.median([error(fitted(f, rows, method)) for rows in draws]))
            print(f"{name:8} {seed:4} {error(model):8.1e} {suggested:9.1e} {uniform:8.1e}", flush=True)
            ratios.append(uniform / suggested)
    better = sum(ratio > 1.0 for ratio in ratios)
    print(f"\nerror of uniform rows over that of suggested: median {np.median(ratios):.2f}, above 1 in {better} of 9")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ["auto", "rbf"]:
        compared(chosen)
