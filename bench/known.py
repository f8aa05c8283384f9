"""What it adds to know something of y beforehand: fits with `known=` against the same fits without.

    python bench/known.py                # half an hour on one core
    python bench/known.py 1 --effort 0.1 --only water

Rows are uniform in a box, seeds 1 2 3. Errors are relative RMSEs at 20,000 fresh points of it, over the standard
deviation of y there, and for limits at points up to ten times as far out, relative to each y. `apart` is how far values
at images of a point are apart, over the RMS of y, with and without: as far as the error where nothing is known.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import pml_native as pml
from pml_native import known

Array = NDArray[np.float64]
N_FRESH = 20_000


class Target(NamedTuple):
    name: str
    f: Callable[[Array], Array]
    low: Sequence[float]
    high: Sequence[float]
    n: tuple[int, ...]
    known: Sequence[Any]
    image: Callable[[Array], Array] | None = None  # of points at which y is the same, or -y
    far: int | None = None  # a column that goes ten times as far out


def morse(r: Any, a: float, middle: float) -> Any:
    return (1.0 - np.exp(-a * (r - middle))) ** 2


def water(X: Array) -> Array:
    """Two bonds and an angle: Morse's functions, a repulsion of the hydrogens, and a term of all three atoms."""
    a, b, angle = X.T
    c = np.sqrt(a**2 + b**2 - 2.0 * a * b * np.cos(angle))
    cosines = np.cos(angle) * (a**2 + c**2 - b**2) / (2.0 * a * c) * (b**2 + c**2 - a**2) / (2.0 * b * c)
    three = np.exp(-0.8 * (a + b + c - 3.4)) * (1.0 + 3.0 * cosines)
    return np.asarray(morse(a, 2.2, 0.96) + morse(b, 2.2, 0.96) + 0.3 * np.exp(-1.5 * (c - 1.5)) + 0.2 * three)


def methane(X: Array) -> Array:
    """Four bonds to the corners of a tetrahedron: Morse's functions, hydrogens that repel each other, and terms of two
    and of four bonds."""
    y = np.sum(morse(X, 1.9, 1.09), axis=1) + 0.05 * np.exp(-(X.sum(axis=1) - 4.36))
    for i, j in itertools.combinations(range(4), 2):
        a, b = X[:, i], X[:, j]
        c = np.sqrt(a**2 + b**2 + 2.0 / 3.0 * a * b)
        y = y + 0.3 * np.exp(-1.4 * (c - 1.78)) + 0.1 * np.exp(-1.1 * (a + b + c - 3.96)) * (1.0 + (a - b) ** 2 / c**2)
    return np.asarray(y)


PAIRS = {f"r{i}{j}": (i, j) for i, j in itertools.combinations((1, 2, 3, 4), 2)}


def cluster(X: Array) -> Array:
    """Four identical atoms in their six distances: Morse's functions, and a term of each three of them."""
    r = dict(zip(PAIRS.values(), X.T, strict=True))
    y = np.sum(morse(X, 1.5, 1.2), axis=1)
    for i, j, k in itertools.combinations((1, 2, 3, 4), 3):
        a, b, c = r[i, j], r[i, k], r[j, k]
        y = y + 0.5 * np.exp(-1.2 * (a + b + c - 3.6)) * (1.0 + a * b * c / (a**2 + b**2 + c**2))
    return np.asarray(y)


def exchanged_atoms(X: Array) -> Array:
    """Atoms 1 and 2 in each other's place."""
    names = list(PAIRS.values())
    swap = {1: 2, 2: 1}
    places = [names.index(tuple(sorted(swap.get(k, k) for k in pair))) for pair in names]  # type: ignore[arg-type]
    return X[:, places]


def well(X: Array) -> Array:
    """An even function of x0: a double well that a field of the other column deepens."""
    return np.asarray(np.exp(-(X[:, 0] ** 2)) / (1.2 + np.cos(3.0 * X[:, 0]) * np.tanh(X[:, 1])))


def magnetization(X: Array) -> Array:
    """An odd function of the field x0 at a temperature x1: Langevin's, by its series where x0 is small."""
    z = 4.0 * X[:, 0] / X[:, 1]
    small = np.abs(z) < 1e-3
    safe = np.where(small, 1.0, z)
    return np.asarray(np.where(small, z / 3.0 - z**3 / 45.0, 1.0 / np.tanh(safe) - 1.0 / safe))


def dispersion(X: Array) -> Array:
    """Argon-like: a repulsion, and attractions of r^-6, r^-8 and r^-10 that are damped (Tang and Toennies 1984)."""
    r, b = X[:, 0], 2.0
    y = 300.0 * np.exp(-b * r * 1.4)
    for power, c in ((6, 1.0), (8, 2.0), (10, 5.0)):
        term, total = np.ones_like(r), np.zeros_like(r)
        for k in range(power + 1):
            term = term * (b * r / k) if k else term
            total = total + term
        y = y - c * (1.0 - np.exp(-b * r) * total) / r**power
    return np.asarray(y)


def exact_water(X: Array) -> Array:
    """What a better theory adds to `water`, which is the base: a smooth correction of some percent."""
    a, b, angle = X.T
    return np.asarray(water(X) + 0.05 * np.exp(-((a - 1.0) ** 2) - (b - 1.0) ** 2) * np.cos(angle))


def swapped(X: Array) -> Array:
    return X[:, [1, 0, *range(2, X.shape[1])]]


def mirrored(X: Array) -> Array:
    return X * [-1.0, *[1.0] * (X.shape[1] - 1)]


TARGETS = [
    Target("water", water, (0.75, 0.75, 1.4), (1.5, 1.5, 2.4), (100, 300, 1000), [known.exchange([0, 1])], swapped),
    Target("methane", methane, (0.85,) * 4, (1.6,) * 4, (100, 300, 1000), [known.exchange([0, 1, 2, 3])], swapped),
    Target(
        "four atoms",
        cluster,
        (0.9,) * 6,
        (2.0,) * 6,
        (300, 1000),
        [known.identical((1, 2, 3, 4), {j: pair for j, pair in enumerate(PAIRS.values())})],
        exchanged_atoms,
    ),
    Target("even", well, (-2.0, -1.0), (2.0, 1.0), (150,), [known.symmetric(0)], mirrored),
    Target("odd", magnetization, (-2.0, 0.5), (2.0, 2.0), (100,), [known.antisymmetric(0)], mirrored),
    Target("limit r^-6", dispersion, (3.2,), (9.0,), (40,), [known.limit(0, -6)], None, 0),
    Target("base", exact_water, (0.75, 0.75, 1.4), (1.5, 1.5, 2.4), (100,), [known.base(water)]),
]


def error_of(model: Any, X: Array, y: Array) -> float:
    error = float(np.sqrt(np.mean((model(X) - y) ** 2)) / np.std(y))
    return error if np.isfinite(error) else np.inf


def apart(model: Any, X: Array, target: Target) -> float:
    """How far values at images are apart, at most, over the RMS of y."""
    if target.image is None:
        return np.nan
    y, other = model(X), model(target.image(X))
    sign = -1.0 if target.name == "odd" else 1.0
    return float(np.max(np.abs(other - sign * y)) / np.sqrt(np.mean(y**2)))


def far_out(model: Any, target: Target, rng: np.random.Generator) -> float:
    """The largest error relative to y from the end of the rows to ten times as far."""
    if target.far is None:
        return np.nan
    X = rng.uniform(target.low, target.high, (200, len(target.low)))
    X[:, target.far] = target.high[target.far] * np.geomspace(1.0, 10.0, len(X))
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(model(X) / target.f(X) - 1.0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--effort", type=float, default=0.3)
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds, 0 for no limit")
    parser.add_argument("--only", help="targets whose names hold this")
    options = parser.parse_args()
    settings = {"effort": options.effort, "time_limit": options.time_limit or None, "n_threads": 1, "progress": False}
    head = (
        f"{'':12} {'rows':>5} {'with':>8} {'without':>8} {'apart':>8} {'without':>8} {'far':>8} {'without':>8} {'s':>5}"
    )
    print(f"{head}  model")
    for target in TARGETS:
        if options.only is not None and options.only not in target.name:
            continue
        for n in target.n:
            ratios = []
            for seed in options.seeds:
                rng = np.random.default_rng(seed)
                X, fresh = (rng.uniform(target.low, target.high, (k, len(target.low))) for k in (n, N_FRESH))
                y, wanted = target.f(X), target.f(fresh)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    start = time.perf_counter()
                    models = [pml.fit(X, y, known=target.known, **settings)]
                    seconds = time.perf_counter() - start
                    models.append(pml.fit(X, y, **settings))
                    errors = [error_of(one, fresh, wanted) for one in models]
                    pairs = [[apart(one, fresh, target) for one in models]]
                    pairs.append([far_out(one, target, np.random.default_rng(0)) for one in models])
                ratios.append(errors[1] / errors[0])
                numbers = " ".join(
                    "       -" if np.isnan(v) else f"{v:8.0e}" for pair in (errors, *pairs) for v in pair
                )
                print(f"{target.name:12} {n:5} {numbers} {seconds:5.1f}  {models[0].report.description}", flush=True)
            print(
                f"{'':18} without over with: {np.median(ratios):.0f} (median), {np.min(ratios):.0f} (least)\n",
                flush=True,
            )


if __name__ == "__main__":
    main()
