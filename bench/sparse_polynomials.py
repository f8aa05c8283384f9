"""How exact `fit` is, and how long it takes, on polynomials of few terms in many inputs, of which all terms are many.

    python bench/sparse_polynomials.py                    # some six minutes on one core
    python bench/sparse_polynomials.py --quick --seeds 1  # one number of terms, one box and one seed each

Each target is a sum of different products of columns drawn at random, with normal coefficients; rows are uniform in a
box. Errors are those on 10,000 fresh points of the box, relative to the RMS of y: the median over boxes and seeds, and
the worst; seconds are processor time of one thread, all that `fit` does with its defaults.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import itertools
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import pml_native as pml
from pml_native.report import Errors

Array = np.ndarray
Target = Callable[[Array], Array]
BOXES = ((0.0, 1.0), (-1.0, 1.0), (1.0, 3.0))
N_TEST, FIRST_TEST_SEED = 10_000, 1_000


@dataclass(frozen=True)
class SparsePolynomial:
    """sum_k c_k prod_j x_(columns[k, j]), where column `n_inputs` is 1: terms of lower degrees are among them."""

    n_inputs: int
    columns: Array
    coefficients: Array

    @classmethod
    def drawn(cls, n_inputs: int, degree: int, n_terms: int, seed: int) -> SparsePolynomial:
        """Different products of `degree` columns each, drawn with repetition, and normal coefficients."""
        rng = np.random.default_rng(seed)
        columns: dict[tuple[int, ...], None] = {}
        while len(columns) < n_terms:
            columns[tuple(np.sort(rng.integers(n_inputs + 1, size=degree)).tolist())] = None
        return cls(n_inputs, np.array(list(columns)), rng.normal(size=n_terms))

    def __call__(self, X: Array) -> Array:
        with_one = np.column_stack([X, np.ones(len(X))])
        return with_one[:, self.columns].prod(axis=2) @ self.coefficients


def neighbours_of_three(X: Array) -> Array:
    """Eight products of three neighbours in 10 inputs: 286 terms of degree 3."""
    return sum(X[:, i] * X[:, i + 1] * X[:, i + 2] for i in range(8))


def neighbours_of_two(X: Array) -> Array:
    """Fifteen products of two neighbours in 16 inputs."""
    return (X[:, :-1] * X[:, 1:]).sum(axis=1)


def measured(target: Target, n_inputs: int, box: tuple[float, float], n: int, seed: int) -> dict[str, float | str]:
    """Errors on fresh points, processor time, and what was chosen."""
    X = np.random.default_rng([seed, n]).uniform(*box, size=(n, n_inputs))
    y = target(X)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(X, y, random_state=seed, n_threads=1, progress=False)
    seconds = time.process_time() - start
    X_test = np.random.default_rng(FIRST_TEST_SEED + seed).uniform(*box, size=(N_TEST, n_inputs))
    errors = Errors.of(model(X_test)[:, None], target(X_test)[:, None])
    assert model.report is not None
    chosen = f"{model.report.family} {model.report.description}"
    return {"rmse": errors.rmse, "p95": errors.p95, "max": errors.max, "seconds": seconds, "chosen": chosen}


def cases(quick: bool) -> list[tuple[str, int, int, str, Callable[[int], Target]]]:
    """Name, inputs, degree and number of terms, as they are printed, and the target for a seed."""
    drawn = [
        ("drawn", d, degree, str(terms), lambda seed, a=d, b=degree, c=terms: SparsePolynomial.drawn(a, b, c, seed))
        for d, degree, terms in itertools.product((10, 16, 20), (2, 3), (40,) if quick else (10, 20, 40))
    ]
    larger = [
        ("drawn", 20, 4, "20", lambda seed: SparsePolynomial.drawn(20, 4, 20, seed)),
        ("exp of drawn", 16, 3, "20", lambda seed: _exponential(SparsePolynomial.drawn(16, 3, 20, seed))),
        ("neighbours", 10, 3, "8", lambda seed: neighbours_of_three),
        ("neighbours", 16, 2, "15", lambda seed: neighbours_of_two),
    ]
    return [*drawn, *larger]


def _exponential(target: Target) -> Target:
    """exp of it, a tenth: values of the target are up to some tens."""
    return lambda X: np.exp(0.1 * target(X))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--rows", type=int, nargs="+", default=[2000, 4000])
    parser.add_argument("--inputs", type=int, nargs="+", help="only targets of so many inputs")
    parser.add_argument("--each", action="store_true", help="print each fit as well")
    options = parser.parse_args()
    print(
        f"{'target':13} {'inputs':>6} {'degree':>6} {'terms':>5} {'rows':>5} {'RMSE':>8} {'worst':>8} "
        f"{'95 %':>8} {'maximum':>8} {'s':>6} {'worst':>6}"
    )
    for name, d, degree, terms, target_of in cases(options.quick):
        if options.inputs is not None and d not in options.inputs:
            continue
        for n in options.rows:
            found = []
            for box, seed in itertools.product(BOXES[:1] if options.quick else BOXES, options.seeds):
                found.append(measured(target_of(seed), d, box, n, seed))
                if options.each:
                    one = found[-1]
                    print(f"    {box} {seed}: {one['rmse']:.1e} {one['seconds']:.2f} s, {one['chosen']}", flush=True)
            rmse, p95, largest, seconds = (
                np.array([one[key] for one in found]) for key in ("rmse", "p95", "max", "seconds")
            )
            print(
                f"{name:13} {d:6} {degree:6} {terms:>5} {n:5} {np.median(rmse):8.1e} {rmse.max():8.1e} "
                f"{p95.max():8.1e} {largest.max():8.1e} {np.median(seconds):6.2f} {seconds.max():6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
