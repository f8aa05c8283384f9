"""Problems whose true error is known everywhere: functions on rows of many kinds, drawn afresh for each seed.

`problem_of(number, seed)` takes functions and layouts in turns, so that every pair is met.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
        """The share of the points `X` that are in a part of the function, behind a jump or a kink, without rows.

        Of one input that is also those between two rows on both sides of a jump, which may be anywhere between them.
        """
        if self.target.piece is None:
            return 0.0
        rows, points = self.target.piece(self.unit(self.X)), self.target.piece(self.unit(X))
        is_unseen = ~np.isin(points, np.unique(rows))
        if self.function == "jump" and self.X.shape[1] == 1:
            order = np.argsort(self.X[:, 0])
            place = np.clip(np.searchsorted(self.X[order, 0], X[:, 0]), 1, len(order) - 1)
            is_unseen |= rows[order[place - 1]] != rows[order[place]]
        return float(np.mean(is_unseen))


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
