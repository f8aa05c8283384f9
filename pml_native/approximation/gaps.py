"""Where a model jumps, or is steep, and how far the points that it was made of leave the place of a jump open.

Such places may be far narrower than points at random are apart. So they are looked for along lines: one along an axis,
through a point at random, meets a set of the box in a part of its length that is the share of the set in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..models import Model
from .target import inside

# Lines, and points of each at first. A gap that 2 % of the lines along axes cross is missed by 192 of them once in 50
# times (0.98^192); models of that many points take milliseconds.
LINES, POINTS = 192, 33
# Halves of the distance of two of these points: down to the rounding of a place in the box, and for what is steep.
HALVES, FEW_HALVES = 44, 12
# Gaps are no longer than this to either side, in units of half the box, or count as no more.
LONGEST = 0.25


@dataclass(frozen=True)
class Gaps:
    """Points `X` (k, d) in gaps, how far the laws beside each are `apart` (k, m), and its `share` (k,) of the box."""

    X: Array
    apart: Array
    share: Array


@dataclass(frozen=True)
class _Lines:
    """Lines through `z` (n, d), in units of half the box, along the `axis` (n,) of each."""

    low: Array
    high: Array
    z: Array
    axis: NDArray[np.intp]

    @classmethod
    def of(cls, low: Array, high: Array, rng: np.random.Generator) -> _Lines:
        z = 2.0 * rng.random((LINES, len(low))) - 1.0
        return cls(low, high, z, rng.integers(0, len(low), LINES))

    def at(self, t: Array) -> Array:
        """The points (n, d) at the places t (n,) from -1 to 1."""
        on_line = self.z.copy()
        on_line[np.arange(len(t)), self.axis] = t
        return inside(on_line, self.low, self.high)

    def largest_change(self, model: Model, halves: int) -> tuple[Array, Array]:
        """Of each line the place where the model changes most, found by so many halvings of the distance of two, and by
        how much it changes over what is left of this, (n, m)."""
        places, lines = np.linspace(-1.0, 1.0, POINTS), np.arange(LINES)
        values = np.stack([model.evaluate(self.at(np.full(LINES, t))) for t in places])
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.max(np.abs(np.diff(values, axis=0)), axis=2)
            first = np.argmax(np.where(np.isfinite(size), size, 0.0), axis=0)
            left, right = places[first], places[first + 1]
            y_left, y_right = values[first, lines], values[first + 1, lines]
            for _ in range(halves):
                middle = 0.5 * (left + right)
                y = model.evaluate(self.at(middle))
                is_left = np.max(np.abs(y - y_left), axis=1) >= np.max(np.abs(y_right - y), axis=1)
                left, right = np.where(is_left, left, middle), np.where(is_left, middle, right)
                y_left, y_right = np.where(is_left[:, None], y_left, y), np.where(is_left[:, None], y, y_right)
            return 0.5 * (left + right), np.abs(y_right - y_left)


def steepest(model: Model, low: Array, high: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points (n, d) where the model changes most, and by how much (n, m) over some 1e-5 of the box."""
    lines = _Lines.of(low, high, rng)
    place, change = lines.largest_change(model, FEW_HALVES)
    return lines.at(place), np.where(np.isfinite(change), change, 0.0)


def gaps_of(model: Model, low: Array, high: Array, rng: np.random.Generator) -> Gaps | None:
    """The gaps of a model in the box; None where it has none, or none that lines meet."""
    if type(model).undecided is Model.undecided:
        return None
    lines = _Lines.of(low, high, rng)
    place, _ = lines.largest_change(model, HALVES)
    apart = model.undecided(lines.at(place))
    met = np.flatnonzero(apart.any(axis=1) & np.isfinite(apart).all(axis=1))
    if not len(met):
        return None
    width = np.zeros(LINES)
    for far in (-LONGEST, LONGEST):
        inner, outer = place, np.clip(place + far, -1.0, 1.0)
        for _ in range(HALVES):
            half = 0.5 * (inner + outer)
            goes_on = model.undecided(lines.at(half)).any(axis=1)
            inner, outer = np.where(goes_on, half, inner), np.where(goes_on, outer, half)
        width += np.abs(inner - place)
    return Gaps(lines.at(place)[met], apart[met], 0.5 * width[met] / LINES)
