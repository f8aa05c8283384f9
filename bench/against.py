"""Two builds of pml_native on the same tables, in turns, and one build with other numbers of threads.

What `equations.py --against` and `equations.py --threads` do. Each fit is in a process of its own on one core, and only
the seconds of `fit` count, imports aside.
"""

from __future__ import annotations

import sys

import numpy as np
from fresh_fit import Array, FreshFit, fresh_fit
from own_targets import own_targets

import pml_native as pml

N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
LEVELS = (1e-14, 1e-12, 1e-8, 1e-4)
EXACT = 1e-14  # errors below are rounding: they count as this in ratios
WORSE = 2.0  # equations on which this build's error is so many times the other's are named
BUILDS = ("this", "other")


def fit_equation(equation: str, n: int, seed: int, python: str, n_threads: int) -> tuple[FreshFit, pml.report.Errors]:
    """The fit with defaults of the build that `python` has, and its errors at fresh points."""
    target = own_targets[equation] if equation in own_targets else pml.problems.equations[equation]
    X, y = target.sample(n, seed)
    X_test, y_test = target.sample(N_TEST, FIRST_TEST_SEED + seed)
    fit = fresh_fit(
        X,
        y,
        X_test,
        python=python,
        environment={"OPENBLAS_NUM_THREADS": "1"},
        random_state=seed,
        n_threads=n_threads,
    )
    return fit, pml.report.Errors.of(fit.prediction.reshape(-1, 1), y_test.reshape(-1, 1))


def run_against(equation: str, n: int, seed: int, python: str) -> dict[str, float | str]:
    """One row: the same rows fitted by this build and by the one of the interpreter `python`, in turns the first."""
    found: dict[str, float | str] = {}
    for build in BUILDS if seed % 2 else BUILDS[::-1]:
        fit, errors = fit_equation(equation, n, seed, sys.executable if build == "this" else python, 1)
        found |= {
            f"{build}_seconds": fit.seconds,
            f"{build}_rmse": errors.rmse,
            f"{build}_max": errors.max,
            f"{build}_description": fit.description,
            f"{build}_build": fit.build,
        }
    return found


def run_with_threads(equation: str, n: int, seed: int, n_threads: tuple[int, ...], repeat: int) -> dict[str, float]:
    """One row: seconds of the same fit with each of these numbers of threads, in turns; `repeat` counts rows."""
    found: dict[str, float] = {}
    for threads in n_threads if repeat % 2 else n_threads[::-1]:
        fit, errors = fit_equation(equation, n, seed, sys.executable, threads)
        found |= {f"seconds_{threads}": fit.seconds, f"rmse_{threads}": errors.rmse}
    return found


def print_against(table: pml.scaling.Table) -> None:
    """Each run of both builds, then totals, medians, and how many equations each meets by the worst of the seeds."""
    done = table.done
    if not len(done):
        print("no run has ended well")
        return
    for build in BUILDS:
        print(f"{build}: {done.rows[0][f'{build}_build']}")
    print(f"{'equation':13} {'seed':>4}  {'s':>7} {'other s':>7} {'ratio':>6}  {'RMSE':>8} {'other':>8}  chosen")
    for row in done:
        seconds, theirs = row["this_seconds"], row["other_seconds"]
        print(
            f"{row['equation']:13} {row['seed']:4}  {seconds:7.2f} {theirs:7.2f} {seconds / theirs:6.2f}  "
            f"{row['this_rmse']:8.1e} {row['other_rmse']:8.1e}  {row['this_description'][:70]}"
        )
    seconds = {build: done.column(f"{build}_seconds") for build in BUILDS}
    for build in BUILDS:
        print(f"{build}: {seconds[build].sum():.1f} s in all, median {np.median(seconds[build]):.2f} s")
    print(
        f"ratio of the totals {seconds['this'].sum() / seconds['other'].sum():.3f}, "
        f"of the medians {np.median(seconds['this']) / np.median(seconds['other']):.3f}; "
        f"median of the ratios {np.median(seconds['this'] / seconds['other']):.3f}"
    )
    worst = {build: worst_of_seeds(table, f"{build}_rmse") for build in BUILDS}
    for build in BUILDS:
        errors = np.array(list(worst[build].values()))
        counts = ", ".join(f"{np.count_nonzero(errors <= level)} to {level:.0e}" for level in LEVELS)
        print(f"{build}, worst seed: of {len(errors)} {counts}; median {np.median(errors):.1e}")
    ratios = {name: max(error, EXACT) / max(worst["other"][name], EXACT) for name, error in worst["this"].items()}
    worse = sorted((name for name in ratios if ratios[name] > WORSE), key=lambda name: -ratios[name])
    named = ", ".join(f"{name} {ratios[name]:.1f}x" for name in worse)
    print(f"errors of the worst seed more than {WORSE:g} times the other's: {len(worse)} of {len(ratios)} {named}")


def worst_of_seeds(table: pml.scaling.Table, name: str) -> dict[str, float]:
    """The largest value of a column for each equation; infinite where a run has failed."""
    worst: dict[str, float] = {}
    for row in table:
        worst[row["equation"]] = max(worst.get(row["equation"], 0.0), row.get(name, np.inf))
    return worst


def longest(table: pml.scaling.Table, column: str, number: int) -> list[str]:
    """The equations with the largest medians of seconds over the seeds."""
    names = dict.fromkeys(row["equation"] for row in table.done)
    medians = {name: float(np.median(table.done.where(equation=name).column(column))) for name in names}
    return sorted(names, key=lambda name: -medians[name])[:number]


def print_threads(table: pml.scaling.Table, n_threads: tuple[int, ...]) -> None:
    """Least seconds of each equation with each number of threads, and how many times faster than with the first."""
    names = list(dict.fromkeys(row["equation"] for row in table.done))
    least: Array = np.array(
        [[table.done.where(equation=name).column(f"seconds_{k}").min() for k in n_threads] for name in names]
    )
    print("\nseconds".ljust(14) + "".join(f" {f'{k} threads':>10}" for k in n_threads) + "   times faster")
    for name, seconds in zip(names, least, strict=True):
        faster = "".join(f" {seconds[0] / other:6.2f}" for other in seconds[1:])
        print(f"{name:13}" + "".join(f" {one:10.2f}" for one in seconds) + f"  {faster}")
    for k, seconds in zip(n_threads[1:], least.T[1:], strict=True):
        print(
            f"{k} threads: {least[:, 0].sum() / seconds.sum():.2f} times faster in all, "
            f"median {np.median(least[:, 0] / seconds):.2f}, least {np.min(least[:, 0] / seconds):.2f}"
        )
