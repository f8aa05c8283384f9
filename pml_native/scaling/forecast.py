"""How many points some data need for an error, from fits to parts of them.

A family is fitted to parts of the data of several sizes and measured on rows that are left over, in the box of 80 % of
each column's range about its middle (for scattered points, simplices at the hull are long and thin) and inside the
hull. Where parts of the data reach the tolerance, the sizes around it tell by themselves. Otherwise the errors must
follow a power law whose exponent is about what the family promises for smooth functions, -(k + 1)/d for pieces of
degree k. The promised exponent, through the largest sizes, then says more than the measured one, whose uncertainty
grows with the way to go. A singularity, noise, or too few points show in the law, and are the reason for not giving a
forecast.
Source for the exponents: Michaud, Liu, Tegmark, "Precision Machine Learning" (2022), section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import models
from ..arrays import Array, as_samples
from ..facts import Facts
from ..models import SimplexInterpolator
from ..options import generator, number, shown, whole_number
from ..problems.problem import TEST_SHARE
from ..report import Errors
from .power_law import PowerLaw, fit_power_law

Mask = NDArray[np.bool_]
Build = Callable[[Array, Array], Callable[[Array], Array]]

MARGIN = 0.5 * (1.0 - TEST_SHARE)
# Rows held out of scattered data, and the fewest that an error is taken from.
TEST_PART, MOST_TEST_ROWS, FEWEST_TEST_ROWS = 0.2, 10_000, 20
FEWEST_GRID_ROWS = 8  # they lie evenly, and those of several first lines are taken together
# Parts of the same size that are fitted where the data have so many, and the smallest size.
REPEATS = 4
SMALLEST = 16
# Sizes that a law needs, and lines of a grid beyond the degree.
FEWEST_SIZES = 4
EXTRA_LINES = 2
# One line of a grid in so many is taken.
STRIDES = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# A measured exponent below this share of the promised one is not that of a smooth function.
SHALLOW = 0.8
# Errors that scatter about the law by more than this (a standard deviation of logarithms), and an interval whose ends
# differ by more than this factor, say nothing.
SCATTER = 0.5
WIDEST = 10.0
# An error of 0 counts as this, far below the rounding of relative errors.
EXACT = 1e-18


@dataclass(frozen=True)
class Forecast:
    """How many points reach a relative RMSE of `tolerance`, in the box of 80 % of each width and inside the hull.

    `n_points` and its `interval` are None where nothing can be said; `reason` then says why. `exponent` is
    the measured one, `promised` that of the family for smooth functions. The law was measured at `sizes` with `errors`.
    """

    tolerance: float
    method: str
    n_points: int | None
    interval: tuple[int, int] | None
    reason: str | None
    exponent: float | None
    promised: float | None
    law: PowerLaw | None = field(repr=False)
    sizes: Array = field(repr=False)
    errors: Array = field(repr=False)

    def __str__(self) -> str:
        if self.n_points is None or self.interval is None:
            return f"no forecast of {self.method} for a relative RMSE of {self.tolerance:g}: {self.reason}"
        exponents = "" if self.exponent is None else f"; exponent {self.exponent:.3g}"
        if self.exponent is not None and self.promised is not None:
            exponents += f", {self.promised:.3g} promised"
        return (
            f"{self.method}: {self.n_points:,} points for a relative RMSE of {self.tolerance:g} "
            f"({self.interval[0]:,} to {self.interval[1]:,}{exponents})"
        )


def forecast(
    X: ArrayLike,
    y: ArrayLike,
    tolerance: float,
    *,
    method: str | Build = "simplex",
    degree: int = 3,
    random_state: int | np.random.Generator | None = 0,
) -> Forecast:
    """How many points like `X` (n, d), `y` (n,) or (n, m) it takes for a relative RMSE of `tolerance`.

    method : "simplex" (scattered points); "spline" (the points of a full grid, in any order; any points where d = 1)
        of `degree`; or a function of X and y that returns a model.

    Where that can't be told, the forecast has a reason instead of a number. What the data don't show, as noise below
    the errors of all their parts, it can't know of. Raises ValueError for wrong arguments.
    """
    samples = as_samples(X, y)
    d = samples.X.shape[1]
    tolerance, rng = number(tolerance, "tolerance", above=0.0, below=1.0), generator(random_state)
    degree = whole_number(degree, "degree", 1)
    if not callable(method) and not (isinstance(method, str) and method in ("simplex", "spline")):
        raise ValueError(f"method: expected simplex, spline or a function, got {shown(method)}")
    if method == "simplex":
        found = _Measured(_by_rows(samples.X, samples.y, SimplexInterpolator, rng), -2.0 / d)
    elif method == "spline":
        grid = Facts.of(samples).grid
        if grid is None:
            raise ValueError("X: expected the points of a full grid for method='spline'")
        axes = [axis for axis in grid[0] if len(axis) > 1]
        values = samples.y[grid[1]].reshape([*map(len, axes), -1])
        found = _Measured(_by_lines(axes, values, degree), -(degree + 1.0) / len(axes), 1, _grid_points(axes))
    else:
        assert callable(method)
        found = _Measured(_by_rows(samples.X, samples.y, method, rng))
    return _foretold(found, tolerance, method if isinstance(method, str) else getattr(method, "__name__", "function"))


@dataclass(frozen=True)
class _Measured:
    """Sizes with the relative error at each (a size occurs several times), and how the family's law is used.

    `n_anchors` of the largest sizes carry the `promised` exponent: two where they are random parts, whose errors
    scatter. `points` makes a number of points of a size.
    """

    pairs: list[tuple[float, float]]
    promised: float | None = None
    n_anchors: int = 2
    points: Callable[[float], float] = float


def _foretold(measured: _Measured, tolerance: float, method: str) -> Forecast:
    """The forecast from these measurements."""
    promised, points = measured.promised, measured.points
    usable = np.array([pair for pair in measured.pairs if math.isfinite(pair[1])]).reshape(-1, 2)
    sizes, group = np.unique(usable[:, 0], return_inverse=True)
    logarithms = np.log(np.maximum(usable[:, 1], EXACT))
    errors = np.exp(np.bincount(group, logarithms) / np.bincount(group)) if len(group) else np.zeros(0)

    def told(size: float, low: float, high: float) -> Forecast:
        ends = (round(points(low)), round(points(high)))
        return Forecast(tolerance, method, round(points(size)), ends, None, exponent, promised, law, sizes, errors)

    def refused(reason: str) -> Forecast:
        return Forecast(tolerance, method, None, None, reason, exponent, promised, law, sizes, errors)

    law = fit_power_law(sizes, errors) if len(sizes) >= FEWEST_SIZES else None
    exponent = None if law is None else law.exponent
    reached = np.flatnonzero(errors <= tolerance)
    if reached.size and reached[0] == 0:
        return told(sizes[0], 0.0, sizes[0])
    if law is not None and not law.bends and law.spread > SCATTER:
        return refused(f"the errors scatter by a factor of {math.exp(law.spread):.2g} about a law")
    if reached.size:
        around = slice(reached[0] - 1, reached[0] + 1)
        size = np.exp(np.interp(-math.log(tolerance), -np.log(errors[around]), np.log(sizes[around])))
        return told(float(size), *sizes[around])
    if law is None:
        return refused(f"{method} could be measured at {len(sizes)} sizes only, and {FEWEST_SIZES} are needed")
    objection = _objection(law, tolerance, promised)
    if objection is not None:
        return refused(objection)
    if promised is None:
        n, low, high = law.size_for(tolerance)
    else:
        n, low, high = _anchored(law, sizes, errors, tolerance, promised, measured.n_anchors)
    if not (low > 0 and high / low <= WIDEST):
        return refused(f"the law is too uncertain: between {points(low):.2g} and {points(high):.2g} points")
    return told(n, low, high)


def _objection(law: PowerLaw, tolerance: float, promised: float | None) -> str | None:
    """Why a law can't be extrapolated, if it can't."""
    if law.bends:
        return law.message
    if law.floor is not None and law.floor > tolerance:
        return f"the errors stop falling at {law.floor:.2g}: noise, or rounding"
    if law.interval[1] >= 0:
        return f"the errors don't surely fall: exponent {law.exponent:.3g}"
    if promised is not None and law.exponent > SHALLOW * promised:
        return (
            f"the errors fall as n^{law.exponent:.3g}, where smooth functions promise n^{promised:.3g}: "
            f"a singularity, noise, or too few points to see the shape"
        )
    return None


def _anchored(
    law: PowerLaw, sizes: Array, errors: Array, tolerance: float, promised: float, n_anchors: int
) -> tuple[float, float, float]:
    """The size where the promised exponent, through the largest sizes, reaches `tolerance`; and an interval.

    The interval adds up two standard deviations of the errors' scatter about the law, and how far the measured
    exponent leads away.
    """
    used = (sizes >= 0.999 * law.range_used[0]) & (sizes <= 1.001 * law.range_used[1])
    x, y = np.log(sizes[used])[-n_anchors:].mean(), np.log(errors[used])[-n_anchors:].mean()
    way = math.log(tolerance) - float(y)
    half = 2.0 * law.spread * math.sqrt(1.0 + 1.0 / n_anchors) / -promised
    half += abs(way / promised - way / law.exponent)
    n = float(x) + way / promised
    return math.exp(n), math.exp(n - half), math.exp(n + half)


def _by_rows(X: Array, y: Array, build: Any, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Fits to random parts of all sizes in powers of 2, nested, the smaller ones several times."""
    n = len(X)
    order = rng.permutation(n)
    n_pool = n - min(MOST_TEST_ROWS, int(TEST_PART * n))
    depth = _depth(X, [(column.min(), column.max()) for column in X.T])
    found = []
    size = n_pool
    while size >= SMALLEST:
        for part in range(min(REPEATS, n_pool // size)):
            rows = order[part * size : (part + 1) * size]
            model = build(X[rows], y[rows])
            test = np.concatenate([order[n_pool:], order[: part * size], order[(part + 1) * size : n_pool]])
            test = test[:MOST_TEST_ROWS]
            prediction = np.asarray(model(X[test])).reshape(len(test), -1)
            found.append((float(size), _rmse(prediction, y[test], depth[test] >= MARGIN, FEWEST_TEST_ROWS)))
        size //= 2
    return found


def _by_lines(axes: list[Array], values: Array, degree: int) -> list[tuple[float, float]]:
    """Splines through every 2nd, 3rd, ... line of a grid, from several first lines, measured on all points between.

    Sizes are numbers of cells. The points that the spline goes through count too: over whole cells they make the mean
    a trapezoidal rule, which is exact enough from the first size on.
    """
    build: Any = models.SplineInterpolator  # type: ignore[attr-defined,unused-ignore]
    found = []
    for stride in STRIDES:
        if min(len(axis) // stride for axis in axes) < degree + EXTRA_LINES:
            break
        size = math.prod((len(axis) - 1) / stride for axis in axes)
        for first in _offsets(stride):
            kept = [slice(first, None, stride) for _ in axes]
            covered = [slice(first, first + stride * ((len(axis) - 1 - first) // stride) + 1) for axis in axes]
            spline = build([axis[k] for axis, k in zip(axes, kept, strict=True)], values[tuple(kept)], degree=degree)
            between = [axis[k] for axis, k in zip(axes, covered, strict=True)]
            X = np.stack(np.meshgrid(*between, indexing="ij"), axis=-1).reshape(-1, len(axes))
            y = values[tuple(covered)].reshape(len(X), -1)
            prediction = np.asarray(spline(X)).reshape(y.shape)
            depth = _depth(X, [(axis[0], axis[-1]) for axis in axes])
            found.append((size, _rmse(prediction, y, depth >= MARGIN, FEWEST_GRID_ROWS)))
    return found


def _offsets(stride: int) -> Iterator[int]:
    yield from sorted({round(part * stride / REPEATS) for part in range(min(stride, REPEATS))})


def _grid_points(axes: list[Array]) -> Callable[[float], float]:
    """Cells of a refined or coarsened grid -> its points."""
    cells = [len(axis) - 1 for axis in axes]

    def points(size: float) -> float:
        finer = (size / math.prod(cells)) ** (1.0 / len(cells))
        return float(np.prod([finer * count + 1.0 for count in cells]))

    return points


def _depth(X: Array, ranges: list[tuple[float, float]]) -> Array:
    """How far each row is from the nearest edge of the box of `ranges`, in shares of its width (n,)."""
    low, high = np.array(ranges).T
    width = np.where(high > low, high - low, 1.0)
    depth: Array = np.min(np.minimum(X - low, high - X) / width, axis=1)
    return depth


def _rmse(prediction: Array, y: Array, rows: Mask, fewest: int) -> float:
    """The relative RMSE on `rows`, without those where the model has no value; NaN where too few are left."""
    inside = rows & np.isfinite(prediction).all(axis=1)
    if np.count_nonzero(inside) < max(fewest, 0.5 * np.count_nonzero(rows)):
        return math.nan
    return Errors.of(prediction[inside], y[inside]).rmse
