"""How exact pml_native.fit gets with its defaults: a table over equations and seeds, measured on fresh points.

python bench/fit_accuracy.py [--seeds 5] [--equations Z.002 Z.008 I.10.7 I.11.19] [--n 4000] [--time-limit 60]
                             [--threads N]

`--threads` is fit's n_threads. BLAS has its own: OPENBLAS_NUM_THREADS=1 bounds that of NumPy and SciPy.
"""

from __future__ import annotations

import argparse
from statistics import median

import numpy as np

import pml_native
from pml_native.problems import equations

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh


def measure(name: str, n: int, seed: int, time_limit: float, n_threads: int | None) -> dict[str, float]:
    """Errors are relative to the RMS of y."""
    X, y = equations[name].sample(n, seed)
    model = pml_native.fit(X, y, time_limit=time_limit, random_state=seed, n_threads=n_threads, progress=False)
    X_test, y_test = equations[name].sample(N_TEST, FIRST_TEST_SEED + seed)
    error = np.abs(model(X_test) - y_test) / np.sqrt(np.mean(y_test**2))
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "p95": float(np.percentile(error, 95)),
        "max": float(np.max(error)),
        "seconds": model.report.seconds,
        "params": model.n_params,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--equations", nargs="+", default=["Z.002", "Z.008", "I.10.7", "I.11.19"])
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--time-limit", type=float, default=60.0)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    print(
        f"relative errors on {N_TEST:,} fresh points, median (worst) of {options.seeds} seeds; n = {options.n:,}, "
        f"time_limit = {options.time_limit:g} s, n_threads = {options.threads}"
    )
    columns = ("RMSE", "95th percentile", "maximum", "seconds", "parameters")
    print(f"{'equation':10}" + "".join(f"{column:>20}" for column in columns), flush=True)
    for name in options.equations:
        runs = [measure(name, options.n, seed, options.time_limit, options.threads) for seed in range(options.seeds)]
        cells = []
        for key, form in (("rmse", ".1e"), ("p95", ".1e"), ("max", ".1e"), ("seconds", ".1f"), ("params", ".0f")):
            values = [run[key] for run in runs]
            cells.append(f"{median(values):{form}} ({max(values):{form}})")
        print(f"{name:10}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
