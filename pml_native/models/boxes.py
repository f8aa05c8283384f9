"""Zeros and least values of functions on boxes, all of them, by series whose ranges are bounded.

A function that is smooth on a box is its Chebyshev interpolant there, to rounding,

    f(x) = sum_a c_a T_a1(z_1) ... T_ad(z_d),  z in [-1, 1]^d,      |f(x) - c_0| <= sum_(a > 0) |c_a|,

as |T| <= 1. The bounds are those of a sub-box where the series is written on it, and the smaller a box, the nearer they
are to the range: their error falls as the square of its size, as that of Bernstein's coefficients (Farouki 2012,
Comput. Aided Geom. Design 29). Boxes that can't have a zero, or the least value, are left out; others are cut, until in
each one zero is all there can be (Neumaier 1990, Interval methods for systems of equations, 5.1), which Newton's method
finds.

What is certain by this is certain but for rounding and for the part of f that its interpolant leaves, RESOLVED.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from ..arrays import Array
from ..singular_values import lstsq

# Nodes along each axis: the first, of many inputs FEWER, doubled where they do not resolve it, up to so many in all of
# a box; and so many values of the function in all boxes.
FIRST, FEWER, MANY_INPUTS, MOST_NODES, MOST_VALUES = 9, 5, 5, 20_000, 1_000_000
# Coefficients beyond this part of the largest value are resolved; of them the last of each axis must be below.
RESOLVED = 1e-13
# What is left out of a series on a sub-box, as a part of the largest coefficient.
TRIMMED = 1e-15
# Boxes that are looked at before it is given up: some seconds. A curve of zeros would have no end.
MOST_BOXES = 20_000
# A box of this part of the whole in all directions is not cut again: zeros in it are multiple, or touch.
SMALLEST = 1e-7
# Zeros are looked for so far beyond the ends of a box, in halves of it, and those nearer than that are one.
BEYOND_END, SAME = 1e-9, 1e-8
# What rounding makes of a function, as a part of the largest that it is: zeros that it only touches are kept by this.
# At a zero of order 3 in two inputs, boxes of SMALLEST where a function is no larger are already some 10,000.
ROUNDED = 4.0 * np.finfo(float).eps
# A box is cut to where its zeros can be if that is smaller by so much along an axis; else it is halved.
SHRINKS = 0.6
# No side of a box, as a part of that of the whole, is halved when it is this part of the longest one. Where a curve
# touches a line that is parallel to a side, that across it had been halved without end.
NARROWEST = 1.0 / 16.0
# Newton's steps to the least value of a convex function.
NEWTON_STEPS = 5
# The least value is known to this part of the largest, before Newton's method.
TO = 1e-13


class UnresolvedError(Exception):
    """The function is no series of so many terms on the box, or too many boxes are left."""


@dataclass(frozen=True)
class Series:
    """sum_a c_a prod_j T_aj(z_j) for `c` (n_1, ..., n_d) on the box from `low` (d,) to `high` (d,)."""

    low: Array
    high: Array
    c: Array

    @property
    def d(self) -> int:
        return len(self.low)

    @property
    def middle(self) -> float:
        return float(self.c[(0,) * self.d])

    @property
    def rest(self) -> float:
        """How far it is from `middle` at most."""
        return float(np.sum(np.abs(self.c))) - abs(self.middle)

    def rest_around(self) -> float:
        """The same on the box that is larger by BEYOND_END, so that rounding leaves out no zero on a face:
        |T_n(z)| <= 1 + n^2 (|z| - 1) there, to first order."""
        squares = sum(
            np.square(np.arange(n)).reshape([-1 if k == axis else 1 for k in range(self.d)])
            for axis, n in enumerate(self.c.shape)
        )
        return self.rest + 2.0 * BEYOND_END * float(np.sum(np.abs(self.c) * squares))

    def derivative(self, axis: int) -> Series:
        """That by x along an axis."""
        return Series(self.low, self.high, _derived(self.c, axis) / (0.5 * (self.high[axis] - self.low[axis])))

    def on(self, begin: Array, end: Array) -> Series:
        """The same function on a sub-box, `begin` and `end` (d,) in z."""
        c = self.c
        for axis in range(self.d):
            if c.shape[axis] > 1 and (begin[axis] > -1.0 or end[axis] < 1.0):
                c = np.moveaxis(
                    np.tensordot(_within(c.shape[axis], begin[axis], end[axis]), c, axes=(1, axis)), 0, axis
                )
        half, centre = 0.5 * (self.high - self.low), 0.5 * (self.high + self.low)
        return Series(centre + half * begin, centre + half * end, _trimmed(c))

    def halves(self, axis: int) -> list[Series]:
        begin, end = -np.ones(self.d), np.ones(self.d)
        upper, lower = begin.copy(), end.copy()
        upper[axis], lower[axis] = 0.0, 0.0
        return [self.on(begin, lower), self.on(upper, end)]

    def widest(self) -> int:
        """The axis along which it varies most."""
        sizes = np.abs(self.c)
        along = [
            float(np.tensordot(np.arange(n) ** 2.0, sizes, axes=(0, axis)).sum()) for axis, n in enumerate(self.c.shape)
        ]
        return int(np.argmax(along))


def _derived(c: Array, axis: int) -> Array:
    """The coefficients of the derivative by z along an axis."""
    if c.shape[axis] == 1:
        return np.zeros((1,) * c.ndim)
    return np.asarray(chebyshev.chebder(c, axis=axis), dtype=np.float64)


@functools.cache
def _half(n: int, is_upper: bool) -> Array:
    return _vandermonde(n, 0.0 if is_upper else -1.0, 1.0 if is_upper else 0.0)


def _within(n: int, begin: float, end: float) -> Array:
    """The matrix (n, n) that takes coefficients on [-1, 1] to those on [begin, end]."""
    if (begin, end) in ((-1.0, 0.0), (0.0, 1.0)):
        return _half(n, begin == 0.0)
    return _vandermonde(n, begin, end)


def _vandermonde(n: int, begin: float, end: float) -> Array:
    z = 0.5 * (begin + end) + 0.5 * (end - begin) * chebyshev.chebpts1(n)
    return np.asarray(_to_coefficients(n) @ chebyshev.chebvander(z, n - 1), dtype=np.float64)


@functools.cache
def _to_coefficients(n: int) -> Array:
    """Values at n Chebyshev points of the first kind -> coefficients."""
    matrix = np.asarray(chebyshev.chebvander(chebyshev.chebpts1(n), n - 1).T * (2.0 / n), dtype=np.float64)
    matrix[0] *= 0.5
    return matrix


def _trimmed(c: Array) -> Array:
    """Without the last coefficients of each axis that are nothing beside the largest."""
    sizes = np.abs(c)
    least = TRIMMED * float(sizes.max())
    for axis in range(c.ndim):
        over = sizes.max(axis=tuple(k for k in range(c.ndim) if k != axis))
        kept = 1 + int(np.max(np.flatnonzero(over > least), initial=0))
        c, sizes = (np.take(one, range(kept), axis=axis) for one in (c, sizes))
    return np.ascontiguousarray(c)


def resolved(function: Callable[[Array], Array], low: Array, high: Array) -> list[list[Series]]:
    """Of a function (n, d) -> (n, m) m series each on boxes that make up the whole; raises UnresolvedError."""
    d, found, left, scale = len(low), [], float(MOST_VALUES), 0.0
    first = FIRST if d < MANY_INPUTS else FEWER
    waiting = [(low, high, [first] * d)]
    while waiting:
        a, b, shape = waiting.pop()
        left -= math.prod(shape)
        if math.prod(shape) > MOST_NODES or left < 0.0:
            raise UnresolvedError
        c = _coefficients(function, a, b, shape)
        scale = max(scale, float(np.max(np.sum(np.abs(c), axis=tuple(range(d))))))
        tails = [_tail(c, axis) for axis in range(d)]
        more = [2 * n - 1 if tail > RESOLVED * scale else n for n, tail in zip(shape, tails, strict=True)]
        if more == shape:
            found.append([Series(a, b, _trimmed(c[..., k])) for k in range(c.shape[-1])])
        elif math.prod(more) <= MOST_NODES:
            waiting.append((a, b, more))
        else:
            axis = int(np.argmax(tails))
            if not b[axis] - a[axis] > SMALLEST * (high[axis] - low[axis]):
                raise UnresolvedError
            ends, begins = b.copy(), a.copy()
            ends[axis] = begins[axis] = 0.5 * (a[axis] + b[axis])
            waiting += [(a, ends, [first] * d), (begins, b, [first] * d)]
    return found


def _coefficients(function: Callable[[Array], Array], low: Array, high: Array, shape: Sequence[int]) -> Array:
    """Those of the interpolants (n_1, ..., n_d, m) of m functions; raises UnresolvedError where one has no value."""
    z: list[Array] = [chebyshev.chebpts1(n) for n in shape]
    axes = [0.5 * (a + b) + 0.5 * (b - a) * one for a, b, one in zip(low, high, z, strict=True)]
    values = function(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape)))
    if not np.isfinite(values).all():
        raise UnresolvedError
    c = values.reshape(*shape, -1)
    for axis, n in enumerate(shape):
        c = np.moveaxis(np.tensordot(_to_coefficients(n), c, axes=(1, axis)), 0, axis)
    return c


def _tail(c: Array, axis: int) -> float:
    """The largest of the last coefficients along an axis, (n_1, ..., n_d, m)."""
    n = c.shape[axis]
    return float(np.max(np.abs(np.take(c, range(n - max(2, n // 8), n), axis=axis))))


def zeros(boxes: Sequence[Sequence[Series]]) -> Array:
    """The points (k, d), in no order, where d functions are all 0, each box with d series; raises UnresolvedError.

    A zero that is multiple is there once or a few times, as rounding makes some of it.
    """
    whole = np.max([own[0].high for own in boxes], axis=0) - np.min([own[0].low for own in boxes], axis=0)
    waiting = [list(own) for own in boxes]
    rounding = ROUNDED * np.max([[abs(f.middle) + f.rest for f in own] for own in boxes], axis=0)
    found: list[Array] = []
    n_boxes = 0
    while waiting:
        own = waiting.pop()
        n_boxes += 1
        if n_boxes > MOST_BOXES:
            raise UnresolvedError
        if any(abs(f.middle) > f.rest_around() + off for f, off in zip(own, rounding, strict=True)):
            continue
        low, high = own[0].low, own[0].high
        if np.all(high - low <= SMALLEST * whole):
            found.append(0.5 * (low + high))
            continue
        where = _preconditioned(own, rounding)
        if where is not None:
            begin, end, is_one = where
            if np.any(begin > 1.0 + BEYOND_END) or np.any(end < -1.0 - BEYOND_END):
                continue
            begin, end = np.clip(begin, -1.0, 1.0), np.clip(end, -1.0, 1.0)
            if is_one:
                found.append(_newton(own, 0.5 * (begin + end)))
                continue
            if np.min(end - begin) < 2.0 * SHRINKS:
                grown = 0.5 * np.maximum(SAME, 1e-3 * (end - begin))
                begin, end = np.maximum(-1.0, begin - grown), np.minimum(1.0, end + grown)
                waiting.append([f.on(begin, end) for f in own])
                continue
        sides = (high - low) / whole
        wide = np.flatnonzero(sides > NARROWEST * np.max(sides)).tolist()
        axis = max(wide, key=lambda j: sum(_along(f, j) for f in own))
        waiting += [list(pair) for pair in zip(*(f.halves(axis) for f in own), strict=True)]
    return _each_once(np.array(found).reshape(-1, len(whole)), whole)


def _along(f: Series, axis: int) -> float:
    """How much a function varies along an axis, relative to what it does in all."""
    sizes = np.abs(f.c)
    first = float(np.take(sizes, [0], axis=axis).sum())
    return (float(sizes.sum()) - first) / (f.rest or 1.0)


def _preconditioned(own: Sequence[Series], rounding: Array) -> tuple[Array, Array, bool] | None:
    """Where zeros can be in a box, z from `begin` to `end`, and whether there can be only one; None if nothing tells.
    The functions are known but for `rounding` (d,).

    The functions times the inverse of their derivatives in the middle are nearly z - z_0: G_i = g_i + l_i z_i + rest.
    """
    d = own[0].d
    shape = np.max([f.c.shape for f in own], axis=0)
    every = np.stack([_padded(f.c, shape) for f in own])
    J = np.array([[_slope(c, axis) for axis in range(d)] for c in every])
    try:
        inverse = np.linalg.inv(J)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(inverse).all() or np.max(np.abs(inverse)) * np.max(np.abs(J)) > 1e12:
        return None
    G = np.tensordot(inverse, every, axes=1)
    begin, end, is_one = np.empty(d), np.empty(d), True
    for i in range(d):
        linear = tuple(int(axis == i) for axis in range(d))
        if G[i].shape[i] < 2:
            return None
        g, slope = G[i][(0,) * d], G[i][linear]
        rest = float(np.sum(np.abs(G[i]))) - abs(g) - abs(slope) + float(np.abs(inverse[i]) @ rounding)
        if slope == 0.0:
            return None
        ends = np.array([-g - rest, -g + rest]) / slope
        begin[i], end[i] = ends.min(), ends.max()
        # |I - G'| < 1 in the box: two zeros would be a distance apart that it makes shorter.
        off = 0.0
        for axis in range(d):
            by_axis = _derived(G[i], axis)
            by_axis = by_axis.copy()
            by_axis[(0,) * d] -= float(axis == i)
            off += float(np.sum(np.abs(by_axis)))
        is_one = is_one and off < 1.0
    return begin, end, is_one


def _padded(c: Array, shape: Array) -> Array:
    out = np.zeros(shape)
    out[tuple(map(slice, c.shape))] = c
    return out


def _slope(c: Array, axis: int) -> float:
    """The derivative by z at the middle of a box."""
    return _value(_derived(c, axis), np.zeros(c.ndim))


def _newton(own: Sequence[Series], z: Array) -> Array:
    """The zero in a box that has only one, from z: some steps, within it and a little beyond."""
    d = len(z)
    slopes = [[_derived(f.c, j) for j in range(d)] for f in own]
    for _ in range(8):
        F = np.array([_value(f.c, z) for f in own])
        J = np.array([[_value(one, z) for one in row] for row in slopes])
        try:
            step = np.linalg.solve(J, F)
        except np.linalg.LinAlgError:
            break
        z = np.clip(z - step, -1.0 - BEYOND_END, 1.0 + BEYOND_END)
    low, high = own[0].low, own[0].high
    return np.asarray(0.5 * (low + high) + 0.5 * (high - low) * z)


def _value(c: Array, z: Array) -> float:
    value: Any = c
    for one in z:
        value = chebyshev.chebval(one, value)
    return float(value)


def _each_once(points: Array, whole: Array) -> Array:
    """Points nearer to each other than SAME of the whole in all directions are one."""
    kept: list[Array] = []
    for point in points:
        if not any(np.all(np.abs(point - other) <= SAME * whole) for other in kept):
            kept.append(point)
    return np.array(kept).reshape(-1, len(whole))


def least(boxes: Sequence[Sequence[Series]]) -> Array:
    """Where the function of one series for each box has its least value, to TO of the largest; raises UnresolvedError.

    The boxes with the least lower bounds are cut first, and those above a value that is known are left out.
    """
    count = itertools.count()
    scale = max(abs(f.middle) + f.rest for [f] in boxes)
    best, where = np.inf, boxes[0][0].low
    waiting = [(f.middle - f.rest, next(count), f) for [f] in boxes]
    heapq.heapify(waiting)
    n_boxes = 0
    while waiting:
        bound, _, f = heapq.heappop(waiting)
        if bound >= best - TO * scale:
            break
        n_boxes += 1
        if n_boxes > MOST_BOXES:
            raise UnresolvedError
        z, value = low_point(f)
        if value < best:
            best = value
            where = 0.5 * (f.low + f.high) + 0.5 * (f.high - f.low) * z
        f = _on_sides(f)
        if max(f.c.shape) == 1 or _convex_bound(f) >= best - TO * scale:
            continue
        for half in f.halves(f.widest()):
            below = half.middle - half.rest
            if below < best - TO * scale:
                heapq.heappush(waiting, (below, next(count), half))
    return where


def low_point(f: Series) -> tuple[Array, float]:
    """A point of the box, in z, where the function is low: the best of some, after Newton's steps within it."""
    d = f.d
    points = [np.zeros(d), *map(np.array, itertools.product((-1.0, 1.0), repeat=d))] if d <= 4 else [np.zeros(d)]
    slopes = [_derived(f.c, j) for j in range(d)]
    z = np.zeros(d)
    slope = np.array([_value(one, z) for one in slopes])
    bends = np.array([[_value(_derived(one, j), z) for j in range(d)] for one in slopes])
    step = lstsq(bends, -slope, rcond=1e-10)[0]
    points.append(np.clip(step, -1.0, 1.0))
    values = [_value(f.c, point) for point in points]
    k = int(np.argmin(values))
    return points[k], values[k]


def _convex_bound(f: Series) -> float:
    """A lower bound of a function that is convex on its box, by its tangent plane near its least value; else -inf.

    It is convex where the least eigenvalue of second derivatives in the middle is more than what they can change by.
    Without this, boxes around the place of the least value would be cut on and on: bounds see its square only.
    """
    slopes = [_derived(f.c, i) for i in range(f.d)]
    bends = [[_derived(one, j) for j in range(f.d)] for one in slopes]
    middle = np.array([[one[(0,) * f.d] for one in row] for row in bends])
    rest = np.array([[np.sum(np.abs(one)) - abs(one[(0,) * f.d]) for one in row] for row in bends])
    moving = [j for j in range(f.d) if f.c.shape[j] > 1]
    if not np.linalg.eigvalsh(middle[np.ix_(moving, moving)])[0] > np.max(rest.sum(axis=1)):
        return -np.inf
    z = np.zeros(f.d)
    for _ in range(NEWTON_STEPS):
        g = np.array([_value(one, z) for one in slopes])
        held = ((z <= -1.0) & (g > 0.0)) | ((z >= 1.0) & (g < 0.0))
        free = [j for j in moving if not held[j]]
        if not free:
            break
        H = np.array([[_value(bends[i][j], z) for j in free] for i in free])
        z[free] = np.clip(z[free] - np.linalg.solve(H, g[free]), -1.0, 1.0)
    g = np.array([_value(one, z) for one in slopes])
    return _value(f.c, z) + float(np.sum(np.minimum(g * (-1.0 - z), g * (1.0 - z))))


def _on_sides(f: Series) -> Series:
    """The side of the box where the function is least, along axes in which it rises or falls in all of it."""
    for axis in range(f.d):
        if f.c.shape[axis] == 1:
            continue
        slope = _derived(f.c, axis)
        middle = float(slope[(0,) * f.d])
        if abs(middle) > float(np.sum(np.abs(slope))) - abs(middle):
            end = -1.0 if middle > 0.0 else 1.0
            c = np.expand_dims(np.tensordot(end ** np.arange(f.c.shape[axis]), f.c, axes=(0, axis)), axis)
            low, high = f.low.copy(), f.high.copy()
            low[axis] = high[axis] = f.low[axis] if end < 0.0 else f.high[axis]
            f = Series(low, high, c)
    return f
