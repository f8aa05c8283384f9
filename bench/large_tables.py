"""What large tables cost before the first search of a fit, by how much fits overrun their time limit, and what many
rows cost in exactness.

    python bench/large_tables.py                              # seconds before the first search
    python bench/large_tables.py --fits --threads 1 2         # whole fits
    python bench/large_tables.py --errors                     # 10,000 and 1,000,000 rows, 20 and 60 s: three minutes
    python bench/large_tables.py --errors --limits 20 --seeds 0 1 2

Without an option: seconds of taking the arrays, of finding facts and of holding rows out. With one: the overrun is the
seconds waited beyond the limit, and beside it how much the report's seconds differ from those waited. Memory is the
peak of the process, beyond what the imports take, over the size of the table, which is part of it: 1.0 is the table
alone. Errors are those at fresh rows, relative to the RMS of y, and the ratio is that to the error of the fewer rows of
the same limit and seed. Each table is measured in a fresh process.

With --processor-time limits and seconds are those of the process, so that a machine may do other work: of one thread.
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
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
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
    seed: int = 0
    n_threads: int = 1
    has_processor_time: bool = False

    def __str__(self) -> str:
        outputs = f", {self.m} outputs" if self.m > 1 else ""
        method = f", {self.method}" if self.method != "auto" else ""
        threads = f", {self.n_threads} threads" if self.n_threads > 1 else ""
        return f"{self.n:,} x {self.d}{outputs}{method}{threads}"


@dataclass(frozen=True)
class Fitted:
    """What a fit of a `case` came to: seconds, memory over the table, and the relative error at fresh rows."""

    case: Case
    waited: float
    reported: float
    memory: float
    error: float
    effort: float
    model: str

    def __str__(self) -> str:
        overrun, unreported = self.waited - self.case.time_limit, self.reported - self.waited
        return (
            f"{self.case!s:34}{self.case.time_limit:8.1f}{overrun:10.2f}{unreported:10.2f}{self.memory:8.2f}"
            f"{self.error:10.1e}{self.effort:8.3f}"
        )


FITTED_COLUMNS = (
    f"{'rows x inputs':34}{'limit/s':>8}{'overrun/s':>10}{'reported-':>10}{'memory':>8}{'error':>10}{'effort':>8}"
)
BEFORE_SEARCHES = [Case(1_000_000, 4), Case(100_000, 50), Case(2000, 3, 2000)]
FITS = [Case(1_000_000, 4), Case(100_000, 50), Case(500, 3, 2000), Case(100_000, 3, method="rbf", time_limit=2.0)]
FEW, MANY, LIMITS = 10_000, 1_000_000, (20.0, 60.0)
N_FRESH = 20_000


def target(X: Array, n_outputs: int) -> Array:
    """exp(-x0 x1) sin(w (x0 + x1 + ...)) / (1 + x2^2), with w = 1 for the first output and up to 2 for the last."""
    frequency = 1.0 + np.arange(n_outputs) / n_outputs
    return (np.exp(-X[:, 0] * X[:, 1]) / (1.0 + X[:, 2] ** 2))[:, None] * np.sin(X.sum(axis=1)[:, None] * frequency)


def inputs(n: int, d: int, seed: int) -> Array:
    return np.random.default_rng(seed).uniform(0.5, 2.0, (n, d))


def in_a_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


def make(case: Case, folder: Path) -> None:
    """The table as files: a process that makes one holds more than the table."""
    X = inputs(case.n, case.d, case.seed)
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
    return f"{case!s:34}{seconds}{times[-1] - times[0]:10.3f}{memory:8.2f}"


def whole_fit(case: Case, folder: Path) -> Fitted:
    if case.has_processor_time:
        time.perf_counter = time.process_time  # which is what fits read
    x = np.linspace(1.0, 2.0, 50)
    pml.fit(x, x, method="polynomial", effort=0.0, progress=False)  # imports what comes when it is first asked for
    imports = peak()
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(
            X,
            y,
            method=case.method,
            time_limit=case.time_limit,
            random_state=case.seed,
            n_threads=case.n_threads,
            progress=False,
        )
    waited = time.perf_counter() - start
    memory = (peak() - imports) / (X.nbytes + y.nbytes)
    report = model.report
    fresh = inputs(min(N_FRESH, 10_000_000 // case.m), case.d, case.seed + 1_000_000)
    wanted = target(fresh, case.m)
    error = float(np.sqrt(np.mean((model(fresh).reshape(wanted.shape) - wanted) ** 2) / np.mean(wanted**2)))
    return Fitted(case, waited, report.seconds, memory, error, report.effort, f"{report.family}, {report.description}")


def measured(measure: Callable[[Case, Path], Any], case: Case) -> Any:
    with tempfile.TemporaryDirectory() as name:
        in_a_fresh_process(make, case, Path(name))
        return in_a_fresh_process(measure, case, Path(name))


def compare(limits: Sequence[float], seeds: Sequence[int], threads: Sequence[int], has_processor_time: bool) -> None:
    """Prints what FEW and MANY rows come to within each limit, and the ratios of their errors."""
    print(f"{FITTED_COLUMNS}{'seed':>6}{'ratio':>8}")
    for limit, seed, n_threads in itertools.product(limits, seeds, threads):
        few = None
        for n in (FEW, MANY):
            case = Case(n, 4, 1, "auto", limit, seed, n_threads, has_processor_time)
            fitted = measured(whole_fit, case)
            ratio = "" if few is None else f"{fitted.error / few:.2g}"
            print(f"{fitted!s}{seed:6}{ratio:>8}  {fitted.model}", flush=True)
            few = fitted.error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--fits", action="store_true", help="measure whole fits")
    what.add_argument("--errors", action="store_true", help=f"compare the errors from {FEW:,} and {MANY:,} rows")
    parser.add_argument("--limits", type=float, nargs="+", default=LIMITS, help="seconds, of --errors")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the tables and fits of --errors")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="of --fits and --errors")
    parser.add_argument("--processor-time", action="store_true", help="limits and seconds of processor time")
    given = parser.parse_args()
    if given.errors:
        compare(given.limits, given.seeds, given.threads, given.processor_time)
    elif given.fits:
        print(FITTED_COLUMNS)
        for case, n_threads in itertools.product(FITS, given.threads):
            case = replace(case, n_threads=n_threads, has_processor_time=given.processor_time)
            print(measured(whole_fit, case), flush=True)
    else:
        columns = ("samples/s", "facts/s", "split/s", "sum/s")
        print(f"{'rows x inputs':34}" + "".join(f"{column:>10}" for column in columns) + f"{'memory':>8}")
        for case in BEFORE_SEARCHES:
            print(measured(before_searches, case), flush=True)


if __name__ == "__main__":
    main()
