"""Jumps and poles of functions of several variables: one place of each, found where errors, or values, are largest."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ..arrays import Array
from ..models import Model
from .breaks import HALVES, LEAST_JUMP, Break, ascend, jump, locate_jump, named, singularity, unbounded
from .target import Target

# A jump is looked for between so many of the points with the largest errors and so many of their neighbours, until so
# many are found; and where none is, among more neighbours, as those on a sparse grid may all be on one side.
MOST_POINTS, NEIGHBOURS, ENOUGH = 12, (16, 128), 3
# A pole is looked for where |y| has values of so many times the median one; and more for a function that a model has
# met to the tolerance, as a steep one can have them too.
LARGE, VERY_LARGE = 100.0, 1e4
# The first step of an ascent, over half the width of the box.
STEP = 0.05
# Places are known to some part of the distance of neighbours, and named to this part of half the width of the box.
NAMED = 1e-6


def find_jumps(target: Target, model: Model, X: Array, error: Array, most: int) -> list[Break]:
    """Jumps near the largest of the errors (n, m) that `model` has at `X` (n, d).

    Ends when f has been asked at `most` points in all.
    """
    largest = np.maximum(np.max(np.abs(target.y), axis=0), 5e-324)
    relative = np.abs(error) / largest
    relative[~np.isfinite(relative)] = math.inf
    found: list[Break] = []
    points = np.argsort(-np.max(relative, axis=1), kind="stable")[:MOST_POINTS]
    for number, k in itertools.product(NEIGHBOURS, points):
        if len(found) >= ENOUGH or (found and number > NEIGHBOURS[0]):
            break
        output = int(np.argmax(relative[k]))
        # A good model's errors jump where f does and change less than f in between, a bad one's change more.
        one = next(filter(None, (_jump_near(target, X[k], output, of, number, most) for of in (model, None))), None)
        if one is not None and one.place not in [other.place for other in found]:
            found.append(one)
    return found


def find_poles(target: Target, most: int, large: float) -> list[Break]:
    """A pole near the largest |y|, if that is `large` times the median or f is infinite anywhere.

    It is climbed along one axis after the other, until f has been asked at `most` points in all.
    """
    size = np.abs(target.y)
    typical = np.median(size, axis=0)
    if not (target.n_infinite or np.any(np.max(size, axis=0) > large * typical)):
        return []
    k, output = np.unravel_index(int(np.argmax(size / np.where(typical > 0, typical, 1.0))), size.shape)
    x, y = target.X[k].copy(), float(target.y[k, output])
    for j in 2 * list(range(len(x))):
        low, high = float(target.low[j]), float(target.high[j])

        def ask(at: float, j: int = j) -> float:
            point = x.copy()
            point[j] = at
            return float(_value(target, point, most)[output])

        top = ascend(ask, float(x[j]), y, STEP * (0.5 * high - 0.5 * low), low, high)
        if top is None:
            continue
        found = singularity(ask, *top, low, high)
        x[j] = top[0]
        if found is not None and found[0] != "peak":
            return [unbounded(found[0], tuple(x.tolist()), _named(target, x), found[1])]
        y = ask(top[0])
        if not math.isfinite(y):
            break
    return []


def _jump_near(target: Target, x: Array, output: int, model: Model | None, number: int, most: int) -> Break | None:
    """The jump on the way from `x` to that of so many neighbours where f, or the error of `model`, is most unlike its
    own."""
    width = 0.5 * target.high - 0.5 * target.low
    distance = np.sum(((target.X - x) * 0.5 / width) ** 2, axis=1)
    near = np.argsort(distance, kind="stable")[: number + 1]
    X, y = target.X[near], target.y[near, output]

    def left(X: Array, y: Array) -> Array:
        return y if model is None else y - model.evaluate(X)[:, output]

    values = left(X, y)
    own = values[0]  # `x` is the nearest
    other = int(np.argmax(np.abs(values - own)))
    if not abs(values[other] - own) > LEAST_JUMP * target.eps * np.max(np.abs(y)):
        return None

    def ask(t: float) -> float:
        point = (1.0 - t) * x + t * X[other]
        return float(left(point[None, :], _value(target, point, most)[None, output])[0])

    found = locate_jump(ask, 0.0, 1.0, float(own), float(values[other]), HALVES)
    if isinstance(found, str):
        return None
    _, t, by = found
    unit = max(float(np.max(np.abs(target.y[:, output]))), 5e-324)
    rms = unit * math.sqrt(float(np.mean((target.y[:, output] / unit) ** 2)))
    place = (1.0 - t) * x + t * X[other]
    return jump(tuple(place.tolist()), _named(target, place), abs(by), abs(by) / rms if rms > 0 else 0.0)


def _value(target: Target, x: Array, most: int) -> Array:
    """f (m,) at a point; NaN where it has none, and when it has been asked at `most` points."""
    if target.n_evaluations >= most or target.guard.requested:
        return np.full(target.y.shape[1], np.nan)
    value: Array = target.ask(x[None, :], least=1)[0]
    return value


def _named(target: Target, x: Array) -> str:
    precision = NAMED * (0.5 * target.high - 0.5 * target.low)
    values = (named(float(one), float(known)) for one, known in zip(x, precision, strict=True))
    return f"x = ({', '.join(values)})"
