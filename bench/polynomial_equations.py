"""How exact Polynomial.fit is on all equations of the paper, in 10 s each: a table, and how many are solved.

python bench/polynomial_equations.py [--n 4000] [--seed 0] [--time-limit 10] [--equations NAME ...] [--jobs 1]

Each is fitted on n uniform points, of which 15 % are held out to choose by, on one thread, and measured on 10,000 fresh
points. `--jobs` runs as many at once.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import multiprocessing
import time
from functools import partial

import numpy as np

from pml_native import Polynomial, Transformed
from pml_native.problems import equations

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
LEVELS = (1e-14, 1e-12, 1e-8, 1e-4)


def coordinates(model: object) -> str:
    """What differs from "identity", inputs to outputs."""
    if not isinstance(model, Transformed):
        return ""
    short = {"identity": "-", "reciprocal": "rec", "reciprocal_square": "rec sq", "reciprocal_root": "rec root"}
    inputs, outputs = (
        " ".join(short.get(name, name) for name in names) for names in (model.input_transforms, model.output_transforms)
    )
    return f"{inputs} > {outputs}"


def measure(name: str, n: int, seed: int, time_limit: float) -> dict[str, float | str]:
    """Errors are relative to the RMS of y."""
    X, y = equations[name].sample(n, seed)
    start = time.perf_counter()
    model = Polynomial.fit(X, y, time_limit=time_limit, random_state=seed)
    seconds = time.perf_counter() - start
    X_test, y_test = equations[name].sample(N_TEST, FIRST_TEST_SEED + seed)
    error = np.abs(model(X_test) - y_test) / np.sqrt(np.mean(y_test**2))
    error = np.where(np.isfinite(error), error, np.inf)
    return {
        "name": name,
        "rmse": float(np.sqrt(np.mean(error**2))),
        "p95": float(np.percentile(error, 95)),
        "max": float(np.max(error)),
        "terms": model.n_params,
        "seconds": seconds,
        "coordinates": coordinates(model),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time-limit", type=float, default=10.0)
    parser.add_argument("--equations", nargs="+", default=list(equations))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    print(
        f"relative errors on {N_TEST:,} fresh points; n = {options.n:,}, seed {options.seed}, "
        f"time_limit = {options.time_limit:g} s, one thread"
    )
    print(f"{'equation':11}{'RMSE':>9}{'95 %':>9}{'maximum':>9}{'terms':>7}{'s':>6}  coordinates", flush=True)
    run = partial(measure, n=options.n, seed=options.seed, time_limit=options.time_limit)
    results = []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for row in pool.imap(run, options.equations):
            results.append(row)
            errors = "".join(f"{row[key]:9.1e}" for key in ("rmse", "p95", "max"))
            print(
                f"{row['name']:11}{errors}{row['terms']:7}{row['seconds']:6.1f}  {row['coordinates']}",
                flush=True,
            )
    for level in LEVELS:
        print(f"{sum(float(row['rmse']) <= level for row in results):4} of {len(results)} to {level:.0e}")


if __name__ == "__main__":
    main()
