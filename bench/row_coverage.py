"""What `pml_native.coverage` says of rows that fill their box, and of rows that do not, and what it costs.

    python bench/row_coverage.py               # 100 tables of each kind, a minute of one core
    python bench/row_coverage.py --seed 2      # others

Layouts are those of honesty.py, and some more. Each table has a number of rows and of inputs drawn at random.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

import numpy as np
from honesty_problems import HOLES, LAYOUTS, SPOILED, Array, Layout

from pml_native.arrays import as_samples
from pml_native.coverage import Coverage
from pml_native.facts import Facts

FILLS = "fills the box"
REPEATS = 3  # the least time of so many counts


def normal(n: int, d: int, rng: np.random.Generator) -> Array:
    return rng.normal(size=(n, d))


def log_uniform(n: int, d: int, rng: np.random.Generator) -> Array:
    """Over two decades."""
    return np.asarray(10.0 ** rng.uniform(-2.0, 0.0, (n, d)))


def lognormal(n: int, d: int, rng: np.random.Generator) -> Array:
    """Most of the box is empty in truth."""
    return np.exp(rng.normal(size=(n, d)))


def integers(n: int, d: int, rng: np.random.Generator) -> Array:
    return rng.integers(0, 6, (n, d)).astype(float)


def fractions(n: int, d: int, rng: np.random.Generator) -> Array:
    """They sum to 1."""
    return rng.dirichlet(np.ones(d), n)


def surface(n: int, d: int, rng: np.random.Generator) -> Array:
    """The last input follows from the first two."""
    u = rng.random((n, d))
    u[:, -1] = np.sin(rng.uniform(2.0, 5.0) * u[:, 0]) * np.exp(u[:, (1 if d > 2 else 0)])
    return u


def circle(n: int, d: int, rng: np.random.Generator) -> Array:
    u, angle = rng.random((n, d)), rng.uniform(0.0, 2.0 * np.pi, n)
    u[:, 0], u[:, 1] = np.cos(angle), np.sin(angle)
    return u


def near_copies(n: int, d: int, rng: np.random.Generator) -> Array:
    """Two of each row."""
    u = rng.random((n // 2, d))
    return np.concatenate([u, u + 1e-8 * rng.normal(size=u.shape)])


SEVERAL = LAYOUTS["band"].inputs
KINDS = {name: layout for name, layout in LAYOUTS.items() if layout.group != SPOILED} | {
    "normal": Layout(FILLS, normal),
    "log-uniform": Layout(FILLS, log_uniform),
    "integers": Layout(FILLS, integers),
    "lognormal": Layout(FILLS, lognormal),
    "fractions": Layout(HOLES, fractions, SEVERAL),
    "surface": Layout(HOLES, surface, SEVERAL),
    "circle": Layout(HOLES, circle, SEVERAL),
    "near copies": Layout(HOLES, near_copies),
}


def seconds_of(X: Array) -> tuple[Coverage, float]:
    """The coverage of these rows, and the seconds that it takes beyond the facts."""
    facts = Facts.of(as_samples(X, X[:, 0]))
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        found = Coverage.of(X, facts)
        taken.append(time.process_time() - start)
    return found, min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=100, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| rows | anything said, % | box | columns tied | gap | groups | curve or surface | copies | median ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for number, (name, kind) in enumerate(KINDS.items()):
        found, seconds = [], []
        for table in range(options.tables):
            rng = np.random.default_rng([options.seed, number, table])
            d, n = int(rng.choice(kind.inputs)), int(rng.choice(kind.sizes))
            one, taken = seconds_of(np.ascontiguousarray(kind.rows(n, d, rng)))
            found.append(one)
            seconds.append(taken)
        said = [
            [bool(one.sentences(None)) for one in found],
            [one.is_hollow for one in found],
            [bool(one.ties) for one in found],
            [bool(one.gaps) for one in found],
            [one.n_clusters > 0 for one in found],
            [one.is_hollow and one.dimension is not None for one in found],
            [len(one.copies.rows) > 0 for one in found],
        ]
        shares = " | ".join(f"{100.0 * np.mean(one):.0f}" for one in said)
        print(f"| {name} | {shares} | {1e3 * np.median(seconds):.1f} |", flush=True)
    for n, d in ((100, 2), (4000, 4), (1_000_000, 4), (4000, 12)):
        _, taken = seconds_of(np.random.default_rng(options.seed).random((n, d)))
        print(f"{n:,} uniform rows of {d} columns: {1e3 * taken:.1f} ms")


if __name__ == "__main__":
    main()
