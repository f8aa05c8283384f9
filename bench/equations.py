"""How exact `fit` is with its defaults on all equations of the paper: a table, and how many are met to which error.

    python bench/equations.py --store equations.db            # an hour or so on two cores; goes on where it was ended
    python bench/equations.py --quick                          # ten of them
    python bench/equations.py --method polynomial --seconds 10  # Polynomial.fit alone

Each: n uniform points, one core, the default minute; errors on 10,000 fresh points of the whole box. `--peers` adds
what else takes scattered points, on every fourth equation, with the same minute: SciPy's RBFInterpolator (of up to
4,000 points) and LinearNDInterpolator, whose own way to the points outside the hull is the nearest point.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator, RBFInterpolator

import pml_native as pml

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
LEVELS = (1e-14, 1e-12, 1e-8, 1e-4)
QUICK = 11  # every so many equations
PEERS_EVERY = 4
Function = Callable[[np.ndarray], np.ndarray]


def fit(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    model = pml.fit(X, y, time_limit=seconds, random_state=seed, n_threads=1, progress=False)
    assert model.report is not None
    return model, f"{model.report.family} {model.report.description}"


def polynomial(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    model = pml.Polynomial.fit(X, y, time_limit=seconds, random_state=seed)
    return model, repr(model)


def rbf(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    scale = X.std(axis=0)
    model = RBFInterpolator(X / scale, y, kernel="thin_plate_spline" if X.shape[1] <= 4 else "cubic")
    return lambda Q: model(Q / scale), ""


def linear(X: np.ndarray, y: np.ndarray, seed: int, seconds: float) -> tuple[Function, str]:
    if X.shape[1] == 1:
        order = np.argsort(X[:, 0])
        return lambda Q: np.interp(Q[:, 0], X[order, 0], y[order]), ""
    if X.shape[1] > 5:
        raise ValueError("no triangulation of so many dimensions in a minute")
    inside, outside = LinearNDInterpolator(X, y, rescale=True), NearestNDInterpolator(X, y, rescale=True)
    return lambda Q: np.where(np.isnan(values := inside(Q)), outside(Q), values), ""


METHODS = {"fit": fit, "polynomial": polynomial, "RBFInterpolator": rbf, "LinearNDInterpolator": linear}
PEERS = ("RBFInterpolator", "LinearNDInterpolator")


def run(equation: str, method: str, n: int, seconds: float, seed: int) -> dict[str, float | str]:
    """One row: relative errors, divided by the RMS of y."""
    target = pml.problems.equations[equation]
    X, y = target.sample(n, seed)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, description = METHODS[method](X, y, seed, seconds)
        took = time.perf_counter() - start
        X_test, y_test = target.sample(N_TEST, FIRST_TEST_SEED + seed)
        errors = pml.report.Errors.of(np.ravel(model(X_test))[:, None], y_test[:, None])
    return {
        "rmse": errors.rmse,
        "p95": errors.p95,
        "max": errors.max,
        "fit_seconds": took,
        "description": description,
    }


def settings(options: argparse.Namespace) -> list[dict[str, object]]:
    names = options.equations or list(pml.problems.equations)[:: QUICK if options.quick else 1]
    wanted = [(name, options.method) for name in names]
    if options.peers:
        wanted += [(e, m) for e in names[::PEERS_EVERY] for m in PEERS]
    return [
        {"equation": equation, "method": method, "n": options.n, "seconds": options.seconds, "seed": seed}
        for equation, method in wanted
        for seed in options.seeds
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--equations", nargs="+", help="these only")
    parser.add_argument("--quick", action="store_true", help="ten equations")
    parser.add_argument("--method", choices=["fit", "polynomial"], default="fit")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--jobs", type=int, help="runs at a time; as many as cores if not given")
    parser.add_argument("--store", help="keeps finished runs in this file")
    options = parser.parse_args()
    table = pml.scaling.sweep(run, settings=settings(options), store=options.store, jobs=options.jobs)
    print(
        f"relative errors on {N_TEST:,} fresh points; n = {options.n:,}, {options.seconds:g} s, seeds {options.seeds}"
    )
    print(f"{'equation':10} {'RMSE':>8} {'95 %':>8} {'maximum':>8} {'s':>6}  chosen")
    ours = table.where(method=options.method).done
    for row in ours:
        errors = " ".join(f"{row[name]:8.1e}" for name in ("rmse", "p95", "max"))
        print(f"{row['equation']:10} {errors} {row['fit_seconds']:6.1f}  {row['description'][:90]}")
    rmse = ours.column("rmse")
    for level in LEVELS:
        print(f"{np.count_nonzero(rmse <= level):4} of {len(rmse)} to {level:.0e}")
    print(f"median {np.median(rmse):.1e}")
    by_name = {(row["equation"], row["seed"]): row["rmse"] for row in ours}
    for method in PEERS if options.peers else ():
        ratios = [row["rmse"] / by_name[row["equation"], row["seed"]] for row in table.where(method=method).done]
        if ratios:
            print(f"{method}: its error over ours, median {np.median(ratios):.1e}, least {min(ratios):.1e}")


if __name__ == "__main__":
    main()
