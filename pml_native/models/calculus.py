"""Integrals, roots and extrema of a model.

Roots of a model of one input are those of Chebyshev interpolants: an interval is halved until 33 nodes resolve the
model in it, the roots of the polynomial are eigenvalues of its colleague matrix (Good 1961; Boyd 2002, SIAM J. Numer.
Anal. 40), and Newton's method with the model itself improves them to its rounding. Of several inputs they are found on
boxes, by series with bounds (`boxes`), or by Newton's method from many starts where the model is no such series.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

from ..arrays import Array, PrecisionWarning
from ..singular_values import lstsq
from . import boxes
from .families import AnyModel

Function = Callable[[Array], Array]
# Parts of a box that adaptive quadrature makes at most: some seconds.
MOST = 2000
# The degree of interpolants: from 16 to 64 the same roots come out of some times as many intervals or flops.
DEGREE = 32
# Coefficients of the last quarter are below this part of the largest value where an interpolant is resolved.
RESOLVED = 1e-13
# Below this part, coefficients that half an interval does not make smaller by this factor are rounding of the model.
NOISE, SHRINKS = 1e-7, 0.25
# An interval of this part of the whole is not halved again: at a kink or a pole no polynomial resolves it.
SHORTEST = 2.0**-40
# Where there have been so many intervals, those of this part are not either: near a kink that is the root of a square a
# slope is mostly rounding, which no interval resolves. Functions that need more turn some 20,000 times.
MOST_INTERVALS, COARSER = 2000, 2.0**-26
# Roots are looked for so far beyond the ends of an interval, in halves of it, and within this of the real axis: double
# roots, of which rounding makes pairs, among them.
BEYOND_END, OFF_AXIS = 1e-10, 1e-7
NEWTON_STEPS = 4
# Of several inputs, where the model is no series: points that Newton's method starts from, steps, halvings of a step
# that leads up, and how small a function is at a zero, beside its derivatives times the box.
STARTS, FAR_STEPS, HALVINGS, FOUND = 200, 60, 12, 1e-9
# Roots nearer to each other, as a part of the interval searched, are one.
SAME = 1e-12


def integral(model: AnyModel, function: Function, low: Array, high: Array, tolerance: float) -> Array:
    """The integrals (m,) of `model` over a box, to `tolerance` of what |y| has: a warning where that is not met.

    `function` (n, d) -> (n, m) gives its values.
    """
    how = model.beyond
    if how is None or how.kind == "extrapolate" or (np.all(low >= how.low) and np.all(high <= how.high)):
        exact = model.exact_integral(low, high)
        if exact is not None:
            return exact
    from scipy.integrate import cubature  # which takes as long to import as all else

    m = model.signature.n_outputs

    def values(X: Array) -> Array:
        y = function(X)
        return np.concatenate([y, np.abs(y)], axis=1)

    rule = "gk21" if len(low) <= 3 else "genz-malik"
    # The integral of |y| is what errors are measured by; a first look knows it well enough.
    size = cubature(values, low, high, rule=rule, rtol=0.1, max_subdivisions=3).estimate[m:]
    if not np.any(size > 0.0):
        return np.zeros(m)
    atol = float(tolerance * np.min(size[size > 0.0]))
    found = cubature(lambda X: values(X)[:, :m], low, high, rule=rule, rtol=0.0, atol=atol, max_subdivisions=MOST)
    if found.status != "converged":
        to = float(np.max(found.error / np.where(size > 0.0, size, 1.0)))
        warnings.warn(
            f"integral: known to {to:.0e} of that of |y|, not to {tolerance:.0e}", PrecisionWarning, stacklevel=3
        )
    result: Array = found.estimate
    return result


def roots(function: Function, slope: Function, low: float, high: float, *, jumps: bool = False) -> Array:
    """All x in [low, high], ascending, where `function` (n,) -> (n,), whose derivative is `slope`, is 0.

    With `jumps` also those where it jumps from one sign to the other.
    """
    nodes = chebyshev.chebpts1(DEGREE + 1)
    found: list[Array] = []
    whole = high - low
    intervals = [(low, high, np.inf)]
    scale, n_intervals = 0.0, 0
    while intervals:
        a, b, before = intervals.pop()
        n_intervals += 1
        half, middle = 0.5 * (b - a), 0.5 * (a + b)
        y = function(middle + half * nodes)
        is_shortest = b - a <= (SHORTEST if n_intervals <= MOST_INTERVALS else COARSER) * whole
        if not np.isfinite(y).all():
            if not np.isfinite(y).any():  # no function is here
                continue
            if not is_shortest:
                intervals += [(middle, b, before), (a, middle, before)]
            elif jumps:  # rounding leaves no value where a slope jumps: its sign is that a little beyond
                beside = function(np.clip(np.array([a - (b - a), b + (b - a)]), low, high))
                if beside[0] * beside[1] < 0.0:
                    found.append(np.array([middle]))
            continue
        scale = max(scale, float(np.max(np.abs(y))))
        c = chebyshev.chebfit(nodes, y, DEGREE)
        rest = float(np.max(np.abs(c[-DEGREE // 4 :])))
        is_noise = rest <= NOISE * scale and rest > SHRINKS * before
        if rest > RESOLVED * scale and not is_noise and not is_shortest:
            intervals += [(middle, b, rest), (a, middle, rest)]
            continue
        if is_shortest:
            if y.min() <= 0.0 <= y.max() and (jumps or np.min(np.abs(y)) <= RESOLVED * scale):
                found.append(np.array([middle]))
            continue
        c = c[: 1 + int(np.max(np.flatnonzero(np.abs(c) > RESOLVED * scale), initial=0))]
        if len(c) < 2:
            continue
        z = chebyshev.chebroots(c)
        z = z.real[(np.abs(z.imag) < OFF_AXIS) & (np.abs(z.real) <= 1.0 + BEYOND_END)]
        found.append(middle + half * np.clip(z, -1.0, 1.0))
    x = _improved(function, slope, np.concatenate([*found, np.empty(0)]), low, high)
    x = np.sort(x)
    return x[np.concatenate([[True], np.diff(x) > SAME * whole])] if len(x) else x


def _improved(function: Function, slope: Function, x: Array, low: float, high: float) -> Array:
    """x after Newton's method, where that makes the function smaller."""
    y = function(x) if len(x) else x
    for _ in range(NEWTON_STEPS if len(x) else 0):
        with np.errstate(all="ignore"):
            following = x - y / slope(x)
        following = np.clip(np.where(np.isfinite(following), following, x), low, high)
        changed = function(following)
        smaller = np.abs(changed) < np.abs(y)
        x, y = np.where(smaller, following, x), np.where(smaller, changed, y)
    return x


def zeros_in_box(
    series_of: Callable[[], list[list[boxes.Series]]], function: Function, slope: Function, low: Array, high: Array
) -> tuple[Array, bool]:
    """The points (k, d) of a box where d functions are all 0, ordered, and whether these are all for certain.

    `series_of` gives these functions as series, `function` (n, d) -> (n, d) their values and `slope` -> (n, d, d) their
    derivatives, by which points are improved.
    """
    try:
        x, is_certain = np.clip(boxes.zeros(series_of()), low, high), True
    except boxes.UnresolvedError:
        x, is_certain = np.random.default_rng(0).uniform(low, high, (STARTS, len(low))), False
    better = np.ones(len(x), dtype=bool)
    for _ in range(FAR_STEPS):
        if not better.any():
            break
        with np.errstate(all="ignore"):
            F, J = function(x), slope(x)
            known = np.isfinite(F).all(axis=1) & np.isfinite(J).all(axis=(1, 2))
            step = np.zeros_like(x)
            for row in np.flatnonzero(known):
                step[row] = lstsq(J[row], F[row], rcond=1e-13)[0]
            following = np.clip(x - step, low, high)
            better = np.sum(function(following) ** 2, axis=1) < np.sum(F**2, axis=1)
        x = np.where(better[:, None], following, x)
    if not is_certain:
        with np.errstate(all="ignore"):
            F, scale = np.abs(function(x)), np.max(np.abs(slope(x)) * (high - low), axis=2)
            x = x[np.all(FOUND * scale >= F, axis=1)]
    kept: list[Array] = []
    for point in x:
        if not any(np.all(np.abs(point - other) <= boxes.SAME * (high - low)) for other in kept):
            kept.append(point)
    found = np.array(kept).reshape(-1, len(low))
    return found[np.lexsort(found.T[::-1])], is_certain


def least_in_box(
    series_of: Callable[[], list[list[boxes.Series]]],
    function: Function,
    slope: Function,
    bend: Function,
    low: Array,
    high: Array,
) -> tuple[Array, float, bool]:
    """Where in a box `function` (n, d) -> (n,) is least, its value there, and whether that is so for certain."""
    try:
        x, is_certain = np.clip(boxes.least(series_of()), low, high)[None], True
    except boxes.UnresolvedError:
        every = np.random.default_rng(0).uniform(low, high, (10 * STARTS, len(low)))
        y = function(every)
        x, is_certain = every[np.argsort(np.where(np.isfinite(y), y, np.inf), kind="stable")[: STARTS // 4]], False
    if not is_certain:
        x = np.concatenate([x, 0.5 * (low + high)[None]])
    x = descended(function, slope, bend, x, low, high)
    y = function(x)
    k = int(np.nanargmin(y))
    return x[k], float(y[k]), is_certain


def descended(function: Function, slope: Function, bend: Function, x: Array, low: Array, high: Array) -> Array:
    """Points (k, d) after steps downwards within the box: Newton's with the moduli of eigenvalues, so that they leave
    saddles (Dauphin et al. 2014, NIPS 27), halved where they don't go down. `bend` (n, d, d) may be 0."""
    y, width = function(x), high - low
    for _ in range(FAR_STEPS):
        with np.errstate(all="ignore"):
            g, H = slope(x), bend(x)
        held = ((x <= low) & (g > 0.0)) | ((x >= high) & (g < 0.0)) | ~np.isfinite(g)
        g = np.where(held, 0.0, g)
        H = np.where(held[:, :, None] | held[:, None, :] | ~np.isfinite(H), 0.0, H)
        sizes, vectors = np.linalg.eigh(H * width[:, None] * width)
        along = np.einsum("nij,ni->nj", vectors, g * width)
        # Where nothing bends, a step goes a tenth of the box.
        flat = 10.0 * np.max(np.abs(g * width), axis=1, keepdims=True) + np.finfo(float).tiny
        sizes = np.where(np.abs(sizes) > 1e-12 * flat, np.abs(sizes), flat)
        step = -width * np.einsum("nij,nj->ni", vectors, along / sizes)
        moved = np.zeros(len(x), dtype=bool)
        for halving in range(HALVINGS):
            trial = np.where(moved[:, None], x, np.clip(x + 0.5**halving * step, low, high))
            there = function(trial)
            lower = ~moved & (there < y)
            x, y = np.where(lower[:, None], trial, x), np.where(lower, there, y)
            moved |= lower
            if moved.all():
                break
        if not moved.any():
            break
    return x


def chebyshev_integrals(low: float, high: float, degree: int) -> Array:
    """Those of T_0 to T_degree from `low` to `high`."""
    integrals = np.empty(degree + 1)
    for end, sign in ((high, 1.0), (low, -1.0)):
        [t] = chebyshev.chebvander([end], degree + 1)
        k = np.arange(2, degree + 1)
        own = np.empty(degree + 1)
        own[0] = t[1]
        if degree:
            own[1] = 0.5 * end * end
        own[2:] = 0.5 * (t[k + 1] / (k + 1) - t[k - 1] / (k - 1))
        integrals = sign * own if sign > 0 else integrals + sign * own
    return integrals
