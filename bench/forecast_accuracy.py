"""Forecasts against what it then really takes: points for a relative RMSE of 1e-4 by simplices and by cubic splines.

python bench/forecast_accuracy.py [--tolerance 1e-4]

Each forecast is made from few points of an equation, and the actual number is where the law through measurements around
the forecast reaches the tolerance. The last ones have a singularity, and must be refused.
"""

from __future__ import annotations

import argparse

import numpy as np

import pml_native as pml
from pml_native.problems import FunctionProblem, Problem
from pml_native.scaling import forecast, measure

# Of each family: points that the forecast sees, by the number of inputs, and the equations.
CASES = {
    "simplex": (
        {1: 300, 2: 4000},
        ["Z.001", "Z.002", "Z.003", "Z.009", "I.6.2a", "I.12.1", "I.6.2", "I.25.13", "I.14.4", "I.29.4"],
    ),
    "spline": (
        {1: 27, 2: 40**2, 3: 33**3},
        ["Z.002", "I.6.2", "I.25.13", "I.26.2", "I.29.4", "I.10.7", "I.18.12", "I.39.11", "I.6.2b", "Z.007"],
    ),
}
SINGULAR = [
    FunctionProblem("|x - 0.3|", "|x - 0.3|", ((-1.0, 1.0),), lambda X: np.abs(X[:, 0] - 0.3)),
    FunctionProblem("1/x", "1/x", ((-1.0, 1.0),), lambda X: 1.0 / (X[:, 0] + 1e-9)),
]
WITHIN = 1.5


def actual(problem: Problem, family: str, guess: int, tolerance: float) -> float:
    """Points that reach `tolerance`, from the errors around `guess`."""
    sizes, errors = [], []
    for factor in (0.6, 1.0, 1.6):
        runs = [measure(problem, family, int(factor * guess), seed=seed) for seed in range(3)]
        sizes.append(np.log(runs[0]["n_points"]))
        errors.append(np.mean([np.log(run["rmse"]) for run in runs]))
    return float(np.exp(np.polyval(np.polyfit(errors, sizes, 1), np.log(tolerance))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    tolerance = parser.parse_args().tolerance
    for family, (n_seen, names) in CASES.items():
        sampler = "grid" if family == "spline" else "uniform"
        n_right = 0
        for problem in [*(pml.problems.get(name) for name in names), *SINGULAR]:
            X, y = problem.sample(n_seen[problem.n_inputs], 1, sampler)
            found = forecast(X, y, tolerance, method=family)
            if found.n_points is None:
                print(f"{problem.name:10} {found}")
                continue
            truth = actual(problem, family, found.n_points, tolerance)
            ratio = found.n_points / truth
            n_right += 1 / WITHIN < ratio < WITHIN
            print(
                f"{problem.name:10} {family} from {len(X)} points: {found.n_points} ({found.interval[0]} to "
                f"{found.interval[1]}), actual {truth:.0f}, ratio {ratio:.2f}",
                flush=True,
            )
        print(f"{family}: {n_right} of {len(names)} within a factor {WITHIN}\n")


if __name__ == "__main__":
    main()
