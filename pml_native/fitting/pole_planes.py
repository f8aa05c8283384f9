"""Where y goes to infinity in a plane x = p, x one of several inputs: y (x - p)^k is smooth, if that is a pole.

The place p is looked for beside the rows of the largest |y|: where they are close together in a column, 1 / y of them
goes to 0. From there p is found by golden sections, as the place of the least error of polynomials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .probe import Probe

FEWEST_ROWS = 20
# The largest |y| is at least so many times the median one: 1 / (x - p) has 2 n for n rows at random.
LARGE = 20.0
# Of the rows of the largest |y|, this share of all, all lie within this part of the range of a column.
LARGEST_SHARE, FEWEST_LARGEST, NARROW = 0.03, 4, 0.15
# Polynomials of y (x - p)^k are more exact than those of y by so much, each over the RMS of what it is of.
GAIN = 100.0
# Places that are tried first, beside the largest |y| and half as far beyond them; then sections of what is left.
PLACES, SECTIONS, GOLDEN = 97, 50, 0.618
# What is tried, x and p in braces, in this order: what is smooth times (x - p) is so times its square as well.
FACTORS: dict[str, Callable[[Array], Array]] = {
    "({} - {})": lambda r: r,
    "|{} - {}|": np.abs,
    "({} - {})^2": lambda r: r * r,
}


@dataclass(frozen=True)
class PolePlane:
    """y times `factor` is smooth, which goes to 0 where x_`column` = `place`; `level` is the error of polynomials of
    that, over its RMS."""

    column: int
    place: float
    factor: str
    level: float


def plane_of(probe: Probe, X: Array, y: Array) -> PolePlane | None:
    """The pole of `y` (n,) at the rows `X` (n, d) of the probe; None for none."""
    size = np.abs(y)
    if len(X) < FEWEST_ROWS or not np.max(size) > LARGE * np.median(size):
        return None
    largest = np.argsort(-size, kind="stable")[: max(FEWEST_LARGEST, int(LARGEST_SHARE * len(X)))]
    spread = np.ptp(X[largest], axis=0) / np.where(np.ptp(X, axis=0) > 0.0, np.ptp(X, axis=0), np.inf)
    column = int(np.argmin(np.where(np.ptp(X, axis=0) > 0.0, spread, np.inf)))
    if not spread[column] < NARROW:
        return None
    x = X[:, column]
    width = float(np.ptp(x))
    enough = _level(probe, y) / GAIN
    found = (_placed(probe, x, y, factor, x[largest], width) for factor in FACTORS)
    return next((PolePlane(column, place, factor, level) for level, place, factor in found if level < enough), None)


def _placed(probe: Probe, x: Array, y: Array, factor: str, near: Array, width: float) -> tuple[float, float, str]:
    """The least error, the place of it, and the factor itself."""

    def level(place: float) -> float:
        return _level(probe, y * FACTORS[factor]((x - place) / width))

    # The error as a function of p has many minima: the best of some places is where sections begin.
    low, high = float(near.min()), float(near.max())
    places = np.linspace(low - 0.5 * (high - low), high + 0.5 * (high - low), PLACES)
    levels = [level(place) for place in places]
    best = int(np.argmin(levels))
    a, d = float(places[max(best - 1, 0)]), float(places[min(best + 1, len(places) - 1)])
    b, c = d - GOLDEN * (d - a), a + GOLDEN * (d - a)
    at_b, at_c = level(b), level(c)
    for _ in range(SECTIONS):
        if not a < b < c < d:
            break
        if at_b <= at_c:
            c, d, at_c = b, c, at_b
            b = d - GOLDEN * (d - a)
            at_b = level(b)
        else:
            a, b, at_b = b, c, at_c
            c = a + GOLDEN * (d - a)
            at_c = level(c)
    return min((at_b, b, factor), (at_c, c, factor))


def _level(probe: Probe, target: Array) -> float:
    """The RMS error of the best polynomial, over the RMS."""
    rms = float(np.sqrt(np.mean(target**2)))
    return probe.best(target)[1] / rms if rms > 0.0 else 0.0
