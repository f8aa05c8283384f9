"""Whether `fit` repeats itself: twenty tables, each fitted in fresh processes under other circumstances.

    python bench/repeatability.py                # 1, 2 and 3 threads, and a busy machine: the same files, bit for bit
    python bench/repeatability.py --kernels      # other kernels of BLAS and of the core: errors within 10x
    python bench/repeatability.py --perturbed    # other last bits of y: the same
    python bench/repeatability.py --tables voigt kink --effort 1

No clock ends these fits, which is what may keep a fit from repeating itself. Files are compared without the seconds
in their reports. Where rounding differs, results differ, but none should hang on it: errors are those at fresh points,
relative to the RMS of y there, and all below EXACT count as equal. Where something does not repeat, what differs
follows. A few minutes on two cores; the default effort ends most searches early, as `--effort 1` does not.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from fresh_fit import Array, FreshFit, fresh_fit
from own_targets import own_targets

import pml_native as pml

EFFORT = 0.02  # a second or so of one core for each fit
N_ROWS, N_TEST = 4000, 10_000
FIRST_TEST_SEED = 1_000_000  # beyond any training seed: test points are fresh
# Errors under other rounding are to be within so many times each other; those below EXACT are rounding themselves.
TIMES, EXACT = 10.0, 1e-14
PERTURBED_SEEDS = (1, 2, 3)
N_BUSY = 2
# Runs until nobody waits for it, even where whoever started it was killed.
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"
SHOWN = 6  # differences that are printed of a model that did not repeat


@dataclass(frozen=True)
class Rows:
    """Inputs (n, d), outputs (n,) or (n, m), weights (n,) or None."""

    X: Array
    y: Array
    sample_weight: Array | None = None


@dataclass(frozen=True)
class Table:
    """`make` draws rows to train on; `fresh` draws points without noise, where errors are measured."""

    name: str
    make: Callable[[np.random.Generator], Rows]
    fresh: Callable[[np.random.Generator], Rows]


def of_problem(name: str) -> Table:
    problem = own_targets[name] if name in own_targets else pml.problems.equations[name]
    return Table(
        name,
        lambda rng: Rows(*problem.sample(N_ROWS, rng)),
        lambda rng: Rows(*problem.sample(N_TEST, rng)),
    )


def of_function(
    name: str,
    function: Callable[[Array], Array],
    d: int,
    *,
    n: int = N_ROWS,
    bounds: tuple[float, float] = (0.5, 2.0),
    points: Callable[[np.random.Generator], Array] | None = None,
    fresh_points: Callable[[np.random.Generator], Array] | None = None,
    noise: float = 0.0,
    weigh: Callable[[Array], Array] | None = None,
) -> Table:
    """A table of `function` at uniform points, or at those of `points`; `noise` is that of y, relative to its RMS."""

    def make(rng: np.random.Generator) -> Rows:
        X = rng.uniform(*bounds, (n, d)) if points is None else points(rng)
        y = function(X)
        if noise:
            y = y + noise * np.sqrt(np.mean(y**2)) * rng.standard_normal(y.shape)
        return Rows(X, y, None if weigh is None else weigh(X))

    def fresh(rng: np.random.Generator) -> Rows:
        X = rng.uniform(*bounds, (N_TEST, d)) if fresh_points is None else fresh_points(rng)
        return Rows(X, function(X))

    return Table(name, make, fresh)


def damped_wave(X: Array) -> Array:
    """exp(-x0 x1) sin(x0 + x1 + ...) / (1 + x2^2)."""
    values: Array = np.exp(-X[:, 0] * X[:, 1]) * np.sin(X.sum(axis=1)) / (1.0 + X[:, 2] ** 2)
    return values


def with_constant(X: Array) -> Array:
    return np.column_stack([X[:, :2], np.full(len(X), 3.0), X[:, 2:]])


def grid(rng: np.random.Generator) -> Array:
    axis = np.linspace(0.5, 2.0, 15)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


TABLES = [
    *map(of_problem, ("I.30.3", "II.35.18", "II.35.21", "III.8.54", "I.40.1", "I.15.3t")),
    *map(of_problem, ("2F1", "voigt", "colebrook", "peng-robinson")),
    of_function("grid", damped_wave, 3, points=grid),
    of_function("noise", damped_wave, 3, noise=1e-3),
    of_function("50,000 rows", damped_wave, 4, n=50_000),
    of_function(
        "3 outputs",
        lambda X: np.stack([damped_wave(X), X[:, 0] / (X[:, 1] + X[:, 2]), np.cosh(X[:, 0] - X[:, 2])], axis=1),
        3,
    ),
    of_function("one input", lambda X: np.exp(np.sin(3.0 * X[:, 0])) / (1.0 + X[:, 0] ** 2), 1, n=300),
    of_function("ten inputs", lambda X: np.log(X @ np.arange(1.0, 11.0)) + X[:, 0] * X[:, 9], 10),
    of_function("kink", lambda X: np.abs(X[:, 0] - X[:, 1]) + np.exp(X[:, 1]), 2),
    of_function("weights", lambda X: np.sqrt(X[:, 0] + X[:, 1] ** X[:, 2]), 3, weigh=lambda X: X[:, 0] ** 4),
    of_function(
        "constant column",
        lambda X: np.arctan(X[:, 0] * X[:, 1]) + X[:, 3],
        4,
        points=lambda rng: with_constant(rng.uniform(0.5, 2.0, (N_ROWS, 3))),
        fresh_points=lambda rng: with_constant(rng.uniform(0.5, 2.0, (N_TEST, 3))),
    ),
    of_function(
        "integers",
        lambda X: np.sqrt(X[:, 0] ** 2 + X[:, 1] ** 2 + X[:, 2]),
        3,
        points=lambda rng: rng.integers(1, 13, (N_ROWS, 3)).astype(np.float64),
        fresh_points=lambda rng: rng.integers(1, 13, (N_TEST, 3)).astype(np.float64),
    ),
]


def fitted(table: Table, effort: float, *, n_threads: int = 1, perturb: int = 0, **environment: str) -> FreshFit:
    """The table fitted in a fresh process; `perturb` is the seed of what changes last bits of y, 0 for none."""
    rows = table.make(np.random.default_rng(1))
    y = rows.y
    if perturb:
        y = y * (1.0 + np.finfo(float).eps * np.random.default_rng(perturb).integers(-1, 2, y.shape))
    return fresh_fit(
        rows.X,
        y,
        table.fresh(np.random.default_rng(FIRST_TEST_SEED)).X,
        sample_weight=rows.sample_weight,
        environment={"OPENBLAS_NUM_THREADS": str(n_threads), **environment},
        effort=effort,
        time_limit=None,
        n_threads=n_threads,
        random_state=1,
    )


def error_of(table: Table, fit: FreshFit) -> float:
    y = table.fresh(np.random.default_rng(FIRST_TEST_SEED)).y.reshape(N_TEST, -1)
    return float(pml.report.Errors.of(fit.prediction.reshape(y.shape), y).rmse)


# --- the same under all circumstances


@contextmanager
def busy_loops() -> Iterator[None]:
    """Processes that take all the time they get."""
    loops = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(N_BUSY)]
    try:
        yield
    finally:
        for loop in loops:
            loop.terminate()
            loop.wait()


def repeats(table: Table, effort: float) -> bool:
    """Whether the saved models are the same, bit for bit; prints a line, and what differs."""
    fits = {f"{n} threads": fitted(table, effort, n_threads=n) for n in (1, 2, 3)}
    with busy_loops():
        fits["busy, 1 thread"] = fitted(table, effort)
        fits["busy, 2 threads"] = fitted(table, effort, n_threads=2)
    first, *others = fits.values()
    same = [other.saved == first.saved for other in others]
    words = "".join(f" {'same' if one else 'DIFFERS':>15}" for one in same)
    print(f"{table.name:15} {first.seconds:7.1f} {error_of(table, first):8.1e}{words}  {first.description[:60]}")
    for name, other, one in zip(list(fits)[1:], others, same, strict=True):
        if not one:
            for line in list(differences(contents(first.saved), contents(other.saved)))[:SHOWN]:
                print(f"    {name}: {line[:300]}", flush=True)
    return all(same)


def contents(saved: bytes) -> dict[str, Any]:
    """What is in the file of a model, by name: the header as plain values, and arrays."""
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else np.load(io.BytesIO(archive.read(name)))
            for name in archive.namelist()
        }


def differences(a: Any, b: Any, where: str = "") -> Iterator[str]:
    """Where two trees of plain values and arrays differ, in words."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys([*a, *b]):
            yield from differences(a.get(key), b.get(key), f"{where}/{key}")
    elif isinstance(a, list) and isinstance(b, list):
        for i in range(max(len(a), len(b))):
            yield from differences(a[i] if i < len(a) else None, b[i] if i < len(b) else None, f"{where}[{i}]")
    elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            yield f"{where}: {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        elif a.tobytes() != b.tobytes():
            yield f"{where}: {np.count_nonzero(a != b)} of {a.size} numbers, by up to {np.max(np.abs(a - b)):.1e}"
    elif a != b and not (a != a and b != b):
        yield f"{where}: {a!r} and {b!r}"


# --- nearly the same under other rounding


def kernels() -> dict[str, dict[str, str]]:
    """Environments in which this machine rounds in another way, by name."""
    types = ["Haswell", *(["SkylakeX"] if "avx512" in pml.info()["isa_available"] else []), "Sandybridge", "Zen"]
    return {name: {"OPENBLAS_CORETYPE": name} for name in types} | {"baseline": {"PML_NATIVE_ISA": "baseline"}}


def conditions_of(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What `fitted` is given for each column of the table."""
    conditions: dict[str, dict[str, Any]] = kernels() if options.kernels else {}
    if options.perturbed:
        conditions |= {"unchanged": {}} | {f"changed {seed}": {"perturb": seed} for seed in PERTURBED_SEEDS}
    return conditions


def agrees(table: Table, effort: float, conditions: Mapping[str, dict[str, Any]]) -> bool:
    """Whether errors are within TIMES of each other; prints a line, and what was chosen where they are not."""
    fits = {name: fitted(table, effort, **given) for name, given in conditions.items()}
    errors = {name: error_of(table, fit) for name, fit in fits.items()}
    most, least = max(*errors.values(), EXACT), max(min(errors.values()), EXACT)
    ratio = 1.0 if most == least else most / least  # all may be infinite, of a model without a value at some points
    words = "".join(f" {error:>11.1e}" for error in errors.values())
    print(f"{table.name:15}{words} {ratio:8.1f}", flush=True)
    if not ratio <= TIMES:
        for name, fit in fits.items():
            print(f"    {name}: {fit.description[:100]}; {fit.report['status'][:80]}")
            for line in fit.report["path"]:
                print(f"        {line[:110]}", flush=True)
    return ratio <= TIMES


def goes_well(check: Callable[..., bool], table: Table, *arguments: Any) -> bool:
    """What `check` says of the table; False where one of its fits fails, which is printed."""
    try:
        return check(table, *arguments)
    except RuntimeError as failure:
        print(f"{table.name}: {failure}", flush=True)
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", action="store_true", help="under other kernels of BLAS and of the core")
    parser.add_argument("--perturbed", action="store_true", help="with the last bits of y changed at random")
    parser.add_argument("--effort", type=float, default=EFFORT)
    parser.add_argument("--tables", nargs="+", choices=[table.name for table in TABLES], help="these only")
    options = parser.parse_args()
    tables = [table for table in TABLES if options.tables is None or table.name in options.tables]
    print(f"effort {options.effort:g}, {os.cpu_count()} cores; {pml.info()['isa']}, {pml.info()['blas']}")
    if options.kernels or options.perturbed:
        conditions = conditions_of(options)
        print(f"{'errors':15}" + "".join(f" {name:>11}" for name in conditions) + f" {'ratio':>8}")
        n_good = sum(goes_well(agrees, table, options.effort, conditions) for table in tables)
        print(f"{n_good} of {len(tables)} within {TIMES:g}x")
    else:
        columns = ("2 threads", "3 threads", "busy, 1 thread", "busy, 2 threads")
        print(f"{'':15} {'s':>7} {'error':>8}" + "".join(f" {name:>15}" for name in columns))
        n_good = sum(goes_well(repeats, table, options.effort) for table in tables)
        print(f"{n_good} of {len(tables)} repeat")


if __name__ == "__main__":
    main()
