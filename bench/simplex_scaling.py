"""How the error of linear interpolation on simplices falls with the number of points: slopes -2/d for d = 1..6.

The paper's equations of figure 2, uniform points, errors at 30,000 points of the box shrunk to 80 %, slopes by least
squares over the larger half of the sizes (on a logarithmic scale).
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np

import pml_native as pml

EQUATIONS = ("Z.001", "II.8.31", "I.30.5", "I.8.14", "I.44.4", "II.6.15a")
N_TEST = 30_000


def errors(name: str, sizes: list[int], n_test: int, seed: int) -> list[pml.report.Errors]:
    """Errors of one equation for tables of each size."""
    equation = pml.problems.equations[name]
    rng = np.random.default_rng(seed)
    low, high = np.array(equation.bounds).T
    X_test = 0.5 * (low + high) + 0.4 * (high - low) * rng.uniform(-1, 1, (n_test, len(low)))
    y_test = equation(X_test)
    found = []
    for n in sizes:
        start = perf_counter()
        X, y = equation.sample(n, rng)
        model = pml.SimplexInterpolator(X, y)
        prediction = model(X_test)
        inside = np.isfinite(prediction)
        error = pml.report.Errors.of(prediction[inside, None], y_test[inside, None])
        print(
            f"  n = {n:7}  RMSE {error.rmse:.2e}  95 % {error.p95:.2e}  max {error.max:.2e}  outside "
            f"{100 * np.mean(~inside):4.1f} %  {perf_counter() - start:5.1f} s  {model.used}",
            flush=True,
        )
        found.append(error)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=262_144, help="points of the largest table")
    parser.add_argument("--test", type=int, default=N_TEST, help="test points")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sizes = [4**k for k in range(3, 20) if 4**k <= arguments.largest]
    for d, name in enumerate(EQUATIONS, start=1):
        print(f"{name}, {d} inputs: {pml.problems.equations[name].formula}")
        found = errors(name, sizes, arguments.test, arguments.seed)
        half = slice(len(sizes) // 2, None)
        slope = np.polyfit(np.log(sizes[half]), np.log([e.rmse for e in found[half]]), 1)[0]
        print(f"  slope {slope:.3f}, -2/d = {-2 / d:.3f}, ratio {slope * d / -2:.3f}")


if __name__ == "__main__":
    main()
