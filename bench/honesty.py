"""How true the error is that the report of `fit` gives: hundreds of problems that are drawn afresh for each seed.

    python bench/honesty.py                                  # 400 problems, some minutes of one core
    python bench/honesty.py --store honesty.db --seed 2      # goes on where it was ended
    python bench/honesty.py --store honesty.db --part 0/2 --core 0 & \
        python bench/honesty.py --store honesty.db --part 1/2 --core 1; wait  # on two cores; then again without --part
    python bench/honesty.py --only jump --show 30            # of the 400 those of one function, layout, or group
    python bench/honesty.py --seed 2 --one 17                # a single one, and its report

A problem is a function, a layout of rows, and what is done to y. The truth is the RMS error at fresh uniform points of
the bounding box of the rows, against the function without noise and with all digits, over the RMS of y. NaN counts as
an error of one range of y, and no error as more than CAP ranges. Claims and truths below FLOOR count as FLOOR. What the
report claims is `report.error`; of a build without it, the larger of its `validation_rmse` and `box_rmse`. No row can
tell what lies behind a jump, step or kink where no row is; where an error has this reason, the list says so. Seconds
are processor time. A store knows nothing of builds: take another one for another build.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cores import on_core
from numpy.typing import NDArray

import pml_native as pml

Array = NDArray[np.float64]
Row = dict[str, Any]
N_TEST = 20_000
N_LOCAL = 5000  # of them those at which the model's own estimates of its error are asked for
FLOOR = 1e-15  # relative; what float64 leaves of any claim
CAP = 1000.0  # ranges of y
# What the report has to reach: shares of problems whose error is so many times the claim, the median of the claim over
# the error, the share of smooth scattered problems with a warning that nothing bears out, the shares of points within
# the model's own estimate and within 10 times it, and the median of this estimate over the error.
MOST_ABOVE_3, MOST_ABOVE_30, MOST_MEDIAN, MOST_WARNED = 0.03, 0.005, 3.0, 0.10
LEAST_WITHIN, LEAST_WITHIN_10, MOST_LOCAL_MEDIAN = 0.95, 0.999, 10.0
# An error over the box above this bears out a warning: two digits are few for a smooth function.
BORNE_OUT = 1e-2


# --- functions of u (n, d) in the unit box


@dataclass(frozen=True)
class Target:
    """`value` maps u (n, d) to (n,); `piece`, of functions with a jump, kink or step, to the number of the part."""

    value: Callable[[Array], Array]
    piece: Callable[[Array], NDArray[Any]] | None = None


def direction(d: int, rng: np.random.Generator) -> Array:
    vector = rng.standard_normal(d)
    return vector / np.float64(np.linalg.norm(vector))


def inner_point(d: int, rng: np.random.Generator) -> Array:
    return np.asarray(rng.uniform(0.25, 0.75, d))


def smooth(d: int, rng: np.random.Generator) -> Target:
    """Entire, or with singularities far from the box."""
    a, p, shift = 2.0 * direction(d, rng), inner_point(d, rng), rng.uniform(0.0, 6.0)
    forms: list[Callable[[Array], Array]] = [
        lambda u: np.exp(u @ a),
        lambda u: np.cos(1.5 * (u @ a) + shift),
        lambda u: np.exp(-np.sum((u - p) ** 2, axis=1)) + u[:, 0],
        lambda u: np.log(1.2 + np.sum(np.abs(a) * u, axis=1)),
        lambda u: np.arctan((u - p) @ a) + 0.2 * u[:, -1] ** 2,
    ]
    return Target(forms[rng.integers(len(forms))])


def product(d: int, rng: np.random.Generator) -> Target:
    """A product of powers, as in formulas of physics."""
    powers, shifts = rng.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 1.5, 2.0, 3.0], d), rng.uniform(0.3, 1.0, d)
    return Target(lambda u: np.prod((shifts + u) ** powers, axis=1))


def sparse(d: int, rng: np.random.Generator) -> Target:
    """Each term of two inputs at most."""
    i, j, k = rng.integers(d, size=3)
    w = rng.uniform(1.0, 4.0, 2)
    return Target(lambda u: np.sin(w[0] * u[:, i] + u[:, j] * u[:, k]) + np.exp(-w[1] * u[:, j]))


def oscillating(d: int, rng: np.random.Generator) -> Target:
    v, w, shift = direction(d, rng), rng.uniform(6.0, 30.0), rng.uniform(0.0, 6.0)
    return Target(lambda u: np.sin(w * (u @ v) + shift) + 0.3 * np.cos(0.4 * w * u[:, 0]))


def corner(d: int, rng: np.random.Generator) -> Target:
    """Most of it, or all of its steepness, in one corner."""
    few, beyond, power = min(d, 3), 10.0 ** rng.uniform(-2.0, -0.7), rng.integers(5, 10)
    forms: list[Callable[[Array], Array]] = [
        lambda u: 1.0 / (1.0 + beyond - np.prod(u[:, :few], axis=1)),
        lambda u: np.mean(u[:, :few], axis=1) ** power + 0.1 * u[:, -1],
        lambda u: np.exp(power * np.mean(u[:, :few], axis=1)),
    ]
    return Target(forms[rng.integers(len(forms))])


def peak(d: int, rng: np.random.Generator) -> Target:
    p, s = inner_point(d, rng), rng.uniform(8.0, 60.0)
    return Target(lambda u: 1.0 / (1.0 + s * np.sum((u - p) ** 2, axis=1)))


def root(d: int, rng: np.random.Generator) -> Target:
    """Not analytic at a corner or at a side of the box."""
    power = rng.choice([0.3, 0.5, 1.5])
    forms: list[Callable[[Array], Array]] = [
        lambda u: np.mean(u, axis=1) ** power + 0.1 * u[:, 0],
        lambda u: u[:, 0] ** power * np.exp(0.5 * u[:, -1]),
        lambda u: np.linalg.norm(u, axis=1),
    ]
    return Target(forms[rng.integers(len(forms))])


def vapour(d: int, rng: np.random.Generator) -> Target:
    """Of the first input alone: a root beyond its end under an exponential, and a small wave, as along saturation."""
    a, b, wave = rng.uniform(200.0, 800.0), rng.uniform(0.4, 0.7), rng.uniform(0.02, 0.1)
    beyond = 10.0 ** rng.uniform(-3.0, -1.0)
    return Target(
        lambda u: (
            a * np.exp(-b * np.sqrt(174.2 * (1.0 - u[:, 0]) + beyond))
            + wave * np.sin(10.0 + 174.2 / 20.0 * u[:, 0])
            + 0.1
        )
    )


def kinked(d: int, rng: np.random.Generator) -> Target:
    v, p, a = direction(d, rng), inner_point(d, rng), direction(d, rng)
    return Target(lambda u: np.abs((u - p) @ v) + 0.5 * np.exp(u @ a), lambda u: (u - p) @ v > 0.0)


def jump(d: int, rng: np.random.Generator) -> Target:
    """Across a plane or a sphere."""
    v, p, a, radius = direction(d, rng), inner_point(d, rng), direction(d, rng), math.sqrt(d) * rng.uniform(0.2, 0.4)
    is_plane = rng.random() < 0.5

    def piece(u: Array) -> NDArray[Any]:
        return (u - p) @ v > 0.0 if is_plane else np.linalg.norm(u - p, axis=1) < radius

    return Target(lambda u: np.where(piece(u), 1.0, 0.0) + 0.5 * np.cos(u @ a), piece)


def steep(d: int, rng: np.random.Generator) -> Target:
    v, p, s = direction(d, rng), inner_point(d, rng), rng.uniform(6.0, 40.0)
    return Target(lambda u: np.tanh(s * ((u - p) @ v)) + 0.2 * u[:, 0], lambda u: (u - p) @ v > 0.0)


FUNCTIONS = {
    make.__name__: make
    for make in (smooth, oscillating, corner, kinked, product, jump, vapour, sparse, steep, peak, root)
}
SMOOTH = ("smooth", "product", "sparse")


# --- rows: u (n, d) in the unit box; `n` is about how many


def uniform(n: int, d: int, rng: np.random.Generator) -> Array:
    return rng.random((n, d))


def latin(n: int, d: int, rng: np.random.Generator) -> Array:
    """A Latin hypercube: of each input one value in each n-th of its range."""
    return np.stack([(rng.permutation(n) + rng.random(n)) / n for _ in range(d)], axis=1)


def grid(n: int, d: int, rng: np.random.Generator) -> Array:
    axis = np.linspace(0.0, 1.0, max(3, round(n ** (1.0 / d))))
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)


def lattice(n: int, d: int, rng: np.random.Generator) -> Array:
    """A grid whose points are displaced, each on its own, by up to a third of a step."""
    points = grid(n, d, rng)
    step = 1.0 / (max(3, round(n ** (1.0 / d))) - 1)
    moved: Array = points + rng.uniform(-0.33 * step, 0.33 * step, points.shape)
    return np.clip(moved, 0.0, 1.0)


def clusters(n: int, d: int, rng: np.random.Generator) -> Array:
    centres = rng.uniform(0.05, 0.95, (rng.integers(4, 10), d))
    spread = rng.uniform(0.015, 0.05)
    return np.clip(centres[rng.integers(len(centres), size=n)] + spread * rng.standard_normal((n, d)), 0.0, 1.0)


def curve(n: int, d: int, rng: np.random.Generator) -> Array:
    t, shift = rng.random(n), rng.uniform(0.0, 6.0, d)
    return 0.5 + 0.5 * np.sin(2.0 * t[:, None] * (1.0 + 0.6 * np.arange(d)) + shift)


def ring(n: int, d: int, rng: np.random.Generator) -> Array:
    """Between two spheres."""
    v = rng.standard_normal((n, d))
    shell: Array = v / np.linalg.norm(v, axis=1, keepdims=True) * rng.uniform(0.4, 0.5, (n, 1))
    return 0.5 + shell


def band(n: int, d: int, rng: np.random.Generator) -> Array:
    """The second input nearly the first."""
    u = rng.random((n, d))
    u[:, 1] = np.clip(u[:, 0] + rng.uniform(-0.07, 0.07, n), 0.0, 1.0)
    return u


def lines(n: int, d: int, rng: np.random.Generator) -> Array:
    """Along the first input, at a few values of the others."""
    others = rng.random((rng.integers(4, 12), d - 1))
    return np.column_stack([rng.random(n), others[rng.integers(len(others), size=n)]])


def gap(n: int, d: int, rng: np.random.Generator) -> Array:
    """None in a slab of a quarter of the first input."""
    u, low = rng.random((n, d)), rng.uniform(0.2, 0.6)
    u[:, 0] = np.where(0.75 * u[:, 0] < low, 0.75 * u[:, 0], 0.75 * u[:, 0] + 0.25)
    return u


def half_empty(n: int, d: int, rng: np.random.Generator) -> Array:
    """None, but for one in a hundred, in one of the corners that halves of the first two inputs make."""
    u = rng.random((n, d))
    in_corner = (u[:, : min(2, d)] > 0.5).all(axis=1) & (rng.random(n) > 0.01)
    u[in_corner, 0] *= 0.5
    return u


# --- what is done to y


def as_computed(y: Array, rng: np.random.Generator) -> Array:
    return y


def printed(y: Array, rng: np.random.Generator) -> Array:
    """With 4 to 8 digits, or with as many decimals as give the largest so many."""
    digits = int(rng.integers(4, 9))
    if rng.random() < 0.5:
        return np.array([float(f"{value:.{digits}g}") for value in y])
    return np.round(y, digits - 1 - math.floor(np.log10(np.max(np.abs(y)))))


def noisy(y: Array, rng: np.random.Generator) -> Array:
    size = 10.0 ** rng.uniform(-6.0, -1.5) * float(np.sqrt(np.mean(y**2)))
    return y + rng.normal(0.0, size, y.shape)


@dataclass(frozen=True)
class Layout:
    """Where rows are, how many, of how many inputs, and what is done to y; `jitter` is that of X, in its last bits."""

    group: str
    rows: Callable[[int, int, np.random.Generator], Array]
    inputs: tuple[int, ...] = (1, 1, 2, 2, 3, 3, 4, 5, 6, 8)
    sizes: tuple[int, ...] = (40, 80, 160, 300, 600, 1200, 2000)
    spoiled: Callable[[Array, np.random.Generator], Array] = as_computed
    jitter: int = 0


FULL, HOLES, TINY, SPOILED = GROUPS = ("fills the box", "holes", "tiny", "digits, noise")
GRID_INPUTS, SEVERAL = (1, 2, 2, 3, 3, 4), (2, 2, 3, 3, 4, 5, 6, 8)
LAYOUTS = {
    "uniform": Layout(FULL, uniform),
    "latin": Layout(FULL, latin),
    "lattice": Layout(FULL, lattice, GRID_INPUTS),
    "grid": Layout(FULL, grid, GRID_INPUTS),
    "jittered table": Layout(FULL, grid, GRID_INPUTS, jitter=2),
    "clusters": Layout(HOLES, clusters),
    "curve": Layout(HOLES, curve, SEVERAL),
    "ring": Layout(HOLES, ring, SEVERAL),
    "band": Layout(HOLES, band, SEVERAL),
    "lines": Layout(HOLES, lines, SEVERAL),
    "gap": Layout(HOLES, gap),
    "half-empty": Layout(HOLES, half_empty),
    "tiny": Layout(TINY, uniform, (1, 1, 2, 2, 3, 4), tuple(range(10, 25))),
    "digits": Layout(SPOILED, uniform, spoiled=printed),
    "noise": Layout(SPOILED, uniform, spoiled=noisy),
}
SCATTERED = ("uniform", "latin", "lattice")
# Problem i has the layout i of these, in turns, and the function i of the others: their numbers have no common factor.
TURNS = (
    *("uniform", "clusters", "tiny", "latin", "curve", "jittered table", "uniform", "gap", "digits", "lattice", "ring"),
    *("uniform", "tiny", "half-empty", "grid", "latin", "clusters", "noise", "band", "jittered table", "uniform"),
    *("lines", "tiny"),
)
assert math.gcd(len(TURNS), len(FUNCTIONS)) == 1


@dataclass(frozen=True)
class Problem:
    """Rows X (n, d), y (n,) with what was done to it, and the function, of points (n, d) in the bounding box of X."""

    number: int
    function: str
    layout: str
    X: Array
    y: Array
    target: Target
    low: Array
    width: Array

    @property
    def group(self) -> str:
        return LAYOUTS[self.layout].group

    def unit(self, X: Array) -> Array:
        return np.maximum((X - self.low) / self.width, 0.0)  # a jittered side is below its end by a rounding

    def value(self, X: Array) -> Array:
        return self.target.value(self.unit(X))

    def unseen(self, X: Array) -> float:
        """The share of the points `X` that are in a part of the function, behind a jump or a kink, without rows."""
        if self.target.piece is None:
            return 0.0
        there = np.unique(self.target.piece(self.unit(self.X)))
        return float(np.mean(~np.isin(self.target.piece(self.unit(X)), there)))


def kinds_of(number: int) -> tuple[str, str]:
    """The names of the function and of the layout."""
    return list(FUNCTIONS)[number % len(FUNCTIONS)], TURNS[number % len(TURNS)]


def problem_of(number: int, seed: int) -> Problem:
    function, layout = kinds_of(number)
    kind = LAYOUTS[layout]
    rng = np.random.default_rng([seed, number])
    d, n = int(rng.choice(kind.inputs)), int(rng.choice(kind.sizes))
    if function == "vapour" and 1 in kind.inputs:
        d, n = 1, n if kind.group == TINY else int(rng.choice((600, 1000, 2000)))
    u = kind.rows(n, d, rng)
    scale = rng.integers(3)  # the unit box, positive, or anywhere
    low = (np.zeros(d), np.full(d, 0.5), rng.uniform(-10.0, 10.0, d))[scale]
    width = (np.ones(d), np.full(d, 1.5), 10.0 ** rng.uniform(-0.5, 1.5, d))[scale]
    X = low + width * u
    if kind.jitter:
        X = X * (1.0 + np.finfo(float).eps * rng.integers(-kind.jitter, kind.jitter + 1, X.shape))
    target = FUNCTIONS[function](d, rng)
    exact = Problem(number, function, layout, X, np.empty(0), target, low, width)
    return Problem(number, function, layout, X, kind.spoiled(exact.value(X), rng), target, low, width)


# --- one problem: its model, what the report says, and what is true


def fitted(problem: Problem, effort: float) -> tuple[pml.models.Model, float]:
    """The model, and the processor seconds that it took."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(
            problem.X, problem.y, effort=effort, time_limit=None, random_state=1, n_threads=1, progress=False
        )
    return model, time.process_time() - start


def test_points(problem: Problem, seed: int) -> Array:
    low, high = problem.X.min(axis=0), problem.X.max(axis=0)
    rng = np.random.default_rng([seed, problem.number, N_TEST])  # others than those that have drawn the rows
    return rng.uniform(low, high, (N_TEST, len(low)))


def true_errors(problem: Problem, model: pml.models.Model, points: Array) -> tuple[Array, float]:
    """The errors at `points` (n,) over the RMS of y, and the share of points where the model is not a number."""
    size = float(np.sqrt(np.mean(problem.y**2))) or 1.0
    span = float(np.ptp(problem.y)) or size
    with np.errstate(all="ignore"):
        errors = np.abs(np.ravel(model(points)) - problem.value(points))
    is_nan = np.isnan(errors)
    return np.where(is_nan, span, np.minimum(errors, CAP * span)) / size, float(np.mean(is_nan))


def claim_of(report: pml.report.FitReport) -> float:
    claimed = getattr(report, "error", None)
    if claimed is None:
        return max(report.validation_rmse, report.box_rmse or 0.0)
    return float(claimed)


def local_estimates(model: pml.models.Model, points: Array, errors: Array) -> Row:
    """How the model's own estimates (n,), relative to the RMS of y, are borne out by the `errors` at `points`."""
    if model.estimate is None:
        return {}
    own = np.maximum(model.error_estimate(points), FLOOR)
    true = np.maximum(errors, FLOOR)
    return {
        "within": float(np.mean(true <= own)),
        "within_10": float(np.mean(true <= 10.0 * own)),
        "local_median": float(np.median(own / true)),
    }


def measured(problem: Problem, model: pml.models.Model, seed: int) -> Row:
    """What is known of one model: names and values of a row of the store."""
    report = model.report
    assert report is not None
    points = test_points(problem, seed)
    errors, nan_share = true_errors(problem, model, points)
    return {
        "function": problem.function,
        "layout": problem.layout,
        "group": problem.group,
        "n": len(problem.X),
        "d": problem.X.shape[1],
        "family": report.family,
        "description": report.description,
        "true": float(np.sqrt(np.mean(errors**2))),
        "nan_share": nan_share,
        "claimed": claim_of(report),
        "validation_rmse": report.validation_rmse,
        "box_rmse": report.box_rmse,
        "warnings": report.warnings,
        "not_checked": "not checked" in " ".join(str(report).split()),  # it is wrapped
        "unseen": problem.unseen(points),
        **local_estimates(model, points[:N_LOCAL], errors[:N_LOCAL]),
        "build": this_build(),
    }


def run(number: int, seed: int, effort: float) -> Row:
    """One row of the store."""
    problem = problem_of(number, seed)
    model, took = fitted(problem, effort)
    return measured(problem, model, seed) | {"fit_seconds": took}


def this_build() -> str:
    return f"{pml.__version__} in {Path(pml.__file__).parent}"


# --- tables


def over_truth(rows: Iterable[Row], claim: Callable[[Row], float] = lambda row: row["claimed"]) -> Array:
    """Claims over true errors (n,), both at least FLOOR; a claim that is not a number is none, and counts as FLOOR."""
    return np.array([max(FLOOR, claim(row)) / max(FLOOR, row["true"]) for row in rows])


def held_out_and_box(row: Row) -> float:
    return float(max(row["validation_rmse"], row["box_rmse"] or 0.0))


def print_line(name: str, ratios: Array) -> None:
    if not len(ratios):
        return
    shares = [100.0 * np.mean(ratios < 1.0 / times) for times in (3.0, 30.0, 1000.0)]
    shares += [100.0 * np.mean((ratios >= 1.0 / 3.0) & (ratios <= 3.0)), 100.0 * np.mean(ratios > 30.0)]
    texts = "".join(f" {share:8.1f}" for share in shares)
    print(f"{name:34} {len(ratios):4}{texts} {np.median(ratios):8.1e} {np.percentile(ratios, 90):8.1e}")


def print_tables(rows: Sequence[Row]) -> None:
    """Shares in percent: true error above 3, 30, 1,000 times the claim, within 3 times, claim above 30 times it."""
    heads = ("> 3x", "> 30x", "> 1000x", "within", "fear 30x", "median", "90 %")
    print(f"{'claim over true error; % of them':34} {'n':>4}" + "".join(f" {head:>8}" for head in heads))
    print_line("all", over_truth(rows))
    for group in GROUPS:
        print_line(group, over_truth(row for row in rows if row["group"] == group))
    print_line("smooth and scattered", over_truth(filter(is_smooth_scattered, rows)))
    print_line("said to be not checked", over_truth(row for row in rows if row["not_checked"]))
    for name in ("family", "function", "layout"):
        for value in sorted({row[name] for row in rows}):
            print_line(f"{name} {value}", over_truth(row for row in rows if row[name] == value))
    print_line("instead: validation_rmse", over_truth(rows, lambda row: row["validation_rmse"]))
    print_line("instead: the larger, with box_rmse", over_truth(rows, held_out_and_box))


def is_smooth_scattered(row: Row) -> bool:
    return row["function"] in SMOOTH and row["layout"] in SCATTERED


def is_warned_in_vain(row: Row) -> bool:
    """Whether there is a warning that no error bears out."""
    return len(row["warnings"]) > 0 and row["true"] <= BORNE_OUT


class Goal(NamedTuple):
    """A figure and the most that it may be."""

    words: str
    value: float
    most: float
    is_share: bool


def goals(rows: Sequence[Row]) -> list[Goal]:
    """What has to be reached, and what is."""
    ratios = over_truth(rows)
    above_30 = [row for row, ratio in zip(rows, ratios, strict=True) if ratio < 1.0 / 30.0]
    n_unseen = sum(row["unseen"] > 0.0 for row in above_30)
    told = f"above 30x ({len(above_30)}, of which no row can tell {n_unseen})"
    found = [
        Goal("true error above 3x of the claim", float(np.mean(ratios < 1.0 / 3.0)), MOST_ABOVE_3, True),
        Goal(told, len(above_30) / len(rows), MOST_ABOVE_30, True),
        Goal("median of the claim over the true error", float(np.median(ratios)), MOST_MEDIAN, False),
    ]
    if plain := list(filter(is_smooth_scattered, rows)):
        share = sum(map(is_warned_in_vain, plain)) / len(plain)
        words = f"smooth scattered problems, {len(plain)}, with a warning that nothing bears out"
        found.append(Goal(words, share, MOST_WARNED, True))
    if local := [row for row in rows if "within" in row]:
        beyond, far_beyond = (1.0 - float(np.mean([row[name] for row in local])) for name in ("within", "within_10"))
        median = float(np.median([row["local_median"] for row in local]))
        found += [
            Goal("points beyond the model's own estimate", beyond, 1.0 - LEAST_WITHIN, True),
            Goal("points beyond 10x of it", far_beyond, 1.0 - LEAST_WITHIN_10, True),
            Goal("median of it over the true error", median, MOST_LOCAL_MEDIAN, False),
        ]
    return found


def print_goals(rows: Sequence[Row]) -> None:
    print()
    for words, value, most, is_share in goals(rows):
        scale, unit = (100.0, "%") if is_share else (1.0, " ")
        word = "ok" if value <= most else "MISSED"
        print(f"{words:72} {scale * value:8.3g} {unit} (at most {scale * most:.3g}) {word}")


def print_problems(rows: Iterable[Row]) -> None:
    heads = ("true", "claimed", "held out", "box", "ratio")
    print(f"{'number':>6} {'function':11} {'layout':14} {'n':>4} d" + "".join(f" {head:>8}" for head in heads))
    for row in rows:
        box = math.nan if row["box_rmse"] is None else row["box_rmse"]
        ratio = float(over_truth([row])[0])
        errors = (row["true"], row["claimed"], row["validation_rmse"], box, ratio)
        words = [f"{row['family']}: {row['description'][:60]}"]
        if row["nan_share"]:
            words.append(f"NaN in {100.0 * row['nan_share']:.2g} %")
        if row["unseen"]:
            words.append(f"no row can tell: none in a part that is {100.0 * row['unseen']:.2g} % of the box")
        if row["not_checked"]:
            words.append("said to be not checked")
        if row["warnings"]:
            words.append(f"{len(row['warnings'])} warned")
        print(
            f"{row['number']:6} {row['function']:11} {row['layout']:14} {row['n']:4} {row['d']}"
            + "".join(f" {error:8.1e}" for error in errors)
            + f"  {'; '.join(words)}"
        )


def print_worst(rows: Sequence[Row], n_shown: int, seed: int, effort: float) -> None:
    """The most hopeful, all of those by more than 30x among them, the most fearful, and warnings without a reason."""
    ratios = over_truth(rows)
    order = np.argsort(ratios, kind="stable")
    n_hopeful = max(min(n_shown, np.count_nonzero(ratios < 1.0 / 3.0)), np.count_nonzero(ratios < 1.0 / 30.0))
    n_fearful = min(n_shown, np.count_nonzero(ratios > 3.0))
    print(f"\nany of these again: python bench/honesty.py --seed {seed} --effort {effort:g} --one NUMBER")
    if n_hopeful:
        print("too hopeful by more than 3x, worst first")
        print_problems(rows[i] for i in order[:n_hopeful])
    if n_fearful:
        print("too fearful by more than 3x, worst first")
        print_problems(rows[i] for i in order[::-1][:n_fearful])
    if in_vain := [row for row in rows if is_smooth_scattered(row) and is_warned_in_vain(row)][:n_shown]:
        print("smooth and scattered, with warnings that nothing bears out")
        for row in in_vain:
            print(f"{row['number']:6} true {row['true']:.1e}: {' | '.join(row['warnings'])[:200]}")


def print_one(number: int, seed: int, effort: float) -> None:
    """One problem again: what it is, its report, and what is true."""
    problem = problem_of(number, seed)
    model, took = fitted(problem, effort)
    row = measured(problem, model, seed) | {"number": number}
    print(model.report)
    print()
    print_problems([row])
    for name, value in row.items():
        print(f"{name:16} {value}")
    print(f"{'seconds':16} {took:.2f}")


def is_wanted(number: int, only: str | None) -> bool:
    function, layout = kinds_of(number)
    return only is None or only in (function, layout, LAYOUTS[layout].group)


def part(text: str) -> tuple[int, int]:
    """Of "0/2" the first half: every second problem."""
    index, _, number = text.partition("/")
    if not (index.isdigit() and number.isdigit() and int(index) < int(number)):
        raise argparse.ArgumentTypeError(f"expected I/N with 0 <= I < N, as 0/2, got {text!r}")
    return int(index), int(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument("--effort", type=float, default=0.02)
    parser.add_argument("--only", choices=dict.fromkeys([*FUNCTIONS, *LAYOUTS, *GROUPS]), help="of these problems some")
    parser.add_argument("--one", type=int, metavar="NUMBER", help="this problem alone, with its report")
    parser.add_argument("--show", type=int, default=10, help="how many of the worst are printed")
    parser.add_argument("--store", help="keeps finished problems in this file; several may share it")
    parser.add_argument("--part", type=part, default=(0, 1), metavar="I/N", help="every N-th, from the I-th")
    parser.add_argument("--core", type=int, help="the core that all runs on")
    options = parser.parse_args()
    with on_core(options.core):
        print(
            f"seed {options.seed}, effort {options.effort:g}; {this_build()}; {pml.info()['isa']}, {pml.info()['blas']}"
        )
        if options.one is not None:
            print_one(options.one, options.seed, options.effort)
            return
        index, every = options.part
        numbers = [i for i in range(options.problems)[index::every] if is_wanted(i, options.only)]
        wanted = [{"number": i, "seed": options.seed, "effort": options.effort} for i in numbers]
        table = pml.scaling.sweep(run, settings=wanted, store=options.store, jobs=1)
    rows = table.done.rows
    if not rows:
        print("no fit has ended well")
        return
    seconds = table.done.column("fit_seconds")
    print(
        f"{len(rows)} problems, {len(table.failed)} failed; {seconds.sum():.0f} s in fits, "
        f"median {np.median(seconds):.2f}, longest {seconds.max():.1f}"
    )
    if others := {row["build"] for row in rows} - {this_build()}:
        print(f"of other builds in the store: {', '.join(sorted(others))}")
    for row, error in zip(table.failed, table.failed.errors, strict=True):
        print(f"failed: {row['number']}: {(error or '').strip().splitlines()[-1]}")
    print_tables(rows)
    print_goals(rows)
    print_worst(rows, options.show, options.seed, options.effort)


if __name__ == "__main__":
    main()
