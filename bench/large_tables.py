"""What large tables cost before the first search of a fit, and by how much fits overrun their time limit.

python bench/large_tables.py [--fits]

Without --fits: seconds of taking the arrays, of finding facts and of holding rows out. With it: whole fits; the
overrun is the seconds waited beyond the limit, and beside it how much the report's seconds differ from those waited.
Memory is the peak of the process, beyond what the imports take, over the size of the table, which is part of it: 1.0
is the table alone. Each table is measured in a fresh process.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.facts import Facts
from pml_native.hold_out import split

Array = NDArray[np.float64]
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Case:
    """A table of `n` rows, `d` inputs and `m` outputs, and how it is fitted."""

    n: int
    d: int
    m: int = 1
    method: str = "auto"
    time_limit: float = 1.0

    def __str__(self) -> str:
        outputs = f", {self.m} outputs" if self.m > 1 else ""
        method = f", {self.method}" if self.method != "auto" else ""
        return f"{self.n:,} x {self.d}{outputs}{method}"


BEFORE_SEARCHES = [Case(1_000_000, 4), Case(100_000, 50), Case(2000, 3, 2000)]
FITS = [Case(1_000_000, 4), Case(100_000, 50), Case(500, 3, 2000), Case(100_000, 3, method="rbf", time_limit=2.0)]


def target(X: Array, n_outputs: int) -> Array:
    """exp(-x0 x1) sin(w (x0 + x1 + ...)) / (1 + x2^2), with w = 1 for the first output and up to 2 for the last."""
    frequency = 1.0 + np.arange(n_outputs) / n_outputs
    return (np.exp(-X[:, 0] * X[:, 1]) / (1.0 + X[:, 2] ** 2))[:, None] * np.sin(X.sum(axis=1)[:, None] * frequency)


def in_a_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def make(case: Case, folder: Path) -> None:
    """The table as files: a process that makes one holds more than the table."""
    X = np.random.default_rng(0).uniform(0.5, 2.0, (case.n, case.d))
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", target(X, case.m))


def peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_MAXRSS


def before_searches(case: Case, folder: Path) -> str:
    imports = peak()
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    times = [time.perf_counter()]
    samples = as_samples(X, y)
    times.append(time.perf_counter())
    facts = Facts.of(samples)
    times.append(time.perf_counter())
    split(samples, None, np.random.default_rng(0), facts)
    times.append(time.perf_counter())
    memory = (peak() - imports) / (X.nbytes + y.nbytes)
    seconds = "".join(f"{after - before:10.3f}" for before, after in itertools.pairwise(times))
    return f"{case!s:32}{seconds}{times[-1] - times[0]:10.3f}{memory:10.2f}"


def whole_fit(case: Case, folder: Path) -> str:
    x = np.linspace(1.0, 2.0, 50)
    pml.fit(x, x, method="polynomial", effort=0.0, progress=False)  # imports what comes when it is first asked for
    imports = peak()
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(X, y, method=case.method, time_limit=case.time_limit, progress=False)
    waited = time.perf_counter() - start
    memory = (peak() - imports) / (X.nbytes + y.nbytes)
    overrun, unreported = waited - case.time_limit, model.report.seconds - waited
    error = model.report.validation_rmse
    return f"{case!s:32}{case.time_limit:10.1f}{overrun:10.2f}{unreported:10.2f}{memory:10.2f}{error:10.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", action="store_true", help="measure whole fits")
    if parser.parse_args().fits:
        cases, measure = FITS, whole_fit
        columns = ("limit/s", "overrun/s", "reported-", "memory", "error")
    else:
        cases, measure = BEFORE_SEARCHES, before_searches
        columns = ("samples/s", "facts/s", "split/s", "sum/s", "memory")
    print(f"{'rows x inputs':32}" + "".join(f"{column:>10}" for column in columns))
    for case in cases:
        with tempfile.TemporaryDirectory() as name:
            in_a_fresh_process(make, case, Path(name))
            print(in_a_fresh_process(measure, case, Path(name)), flush=True)


if __name__ == "__main__":
    main()
