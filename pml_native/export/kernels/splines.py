"""Tensor products of B-splines."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy import empty

from .kernel import Ints, Kernel, Numbers, Results


def spline_weights(k: int, n: int, knots: Numbers, order: int, u: float, weights: Results) -> int:
    """The k + 1 B-splines that aren't 0 at u, or their first derivatives; returns the number of the first.

    The recursion of Cox and de Boor, N_(i,r) = (u - t_i) / (t_(i+r) - t_i) N_(i,r-1) + ..., in the cell of u, or the
    nearest one. t are the n + k + 1 `knots`.
    """
    low: int = k
    high: int = n - 1
    while low < high:
        middle: int = (low + high + 1) // 2
        if u >= knots[middle]:
            low = middle
        else:
            high = middle - 1
    weights[0] = 1.0
    for r in range(1, k + 1):
        rest: float = 0.0
        for f in range(r):
            right: float = knots[low + 1 + f]
            left: float = knots[low + 1 + f - r]
            share: float = weights[f] / (right - left)
            if order == 1 and r == k:
                weights[f] = rest - k * share
                rest = k * share
            else:
                weights[f] = rest + (right - u) * share
                rest = (u - left) * share
        weights[r] = rest
    return low - k


def spline_sum(
    d: int,
    m: int,
    sizes: Ints,
    origins: Numbers,
    knots: Numbers,
    coefficients: Numbers,
    along: int,
    x: Numbers,
    y: Results,
) -> None:
    """The spline, or its derivative along one axis. `sizes` has per axis the degree and the number of functions."""
    weights: Results = empty(48)
    firsts: Ints = empty(6, np.intc)
    outer: int = 1
    inner: int = 1
    begin: int = 0
    for j in range(d):
        k: int = sizes[2 * j]
        n: int = sizes[2 * j + 1]
        order: int = 1 if j == along else 0
        u: float = (x[j] - origins[2 * j]) / origins[2 * j + 1]
        firsts[j] = spline_weights(k, n, knots[begin:], order, u, weights[8 * j :])
        begin += n + k + 1
        outer *= k + 1
        inner *= n
    last: int = sizes[2 * d - 2] + 1
    outer //= last
    for i in range(m):
        y[i] = 0.0
    for o in range(outer):
        # Which functions of the axes before the last one, as the digits of o; where their coefficients stand.
        product: float = 1.0
        place: int = firsts[d - 1]
        stride: int = sizes[2 * d - 1]
        rest: int = o
        for j in range(d - 2, -1, -1):
            digit: int = rest % (sizes[2 * j] + 1)
            rest //= sizes[2 * j] + 1
            product *= weights[8 * j + digit]
            place += (firsts[j] + digit) * stride
            stride *= sizes[2 * j + 1]
        for i in range(m):
            total: float = 0.0
            for f in range(last):
                total += weights[8 * (d - 1) + f] * coefficients[i * inner + place + f]
            y[i] += product * total
    if along >= 0:
        for i in range(m):
            y[i] /= origins[2 * along + 1]


def spline_is_known(d: int, extrapolate: int, box: Numbers, x: Numbers) -> int:
    for j in range(d):
        if x[j] != x[j] or (extrapolate == 0 and (x[j] < box[2 * j] or x[j] > box[2 * j + 1])):
            return 0
    return 1


def spline(
    d: int,
    m: int,
    extrapolate: int,
    sizes: Ints,
    box: Numbers,
    origins: Numbers,
    knots: Numbers,
    coefficients: Numbers,
    x: Numbers,
    y: Results,
) -> None:
    if spline_is_known(d, extrapolate, box, x) == 1:
        spline_sum(d, m, sizes, origins, knots, coefficients, -1, x, y)
    else:
        for i in range(m):
            y[i] = nan


def spline_back(
    d: int,
    m: int,
    extrapolate: int,
    sizes: Ints,
    box: Numbers,
    origins: Numbers,
    knots: Numbers,
    coefficients: Numbers,
    x: Numbers,
    y: Results,
    y_bar: Numbers,
    x_bar: Results,
) -> None:
    if spline_is_known(d, extrapolate, box, x) == 1:
        for j in range(d):
            spline_sum(d, m, sizes, origins, knots, coefficients, j, x, y)
            for i in range(m):
                x_bar[j] += y_bar[i] * y[i]
        spline_sum(d, m, sizes, origins, knots, coefficients, -1, x, y)  # what y was: others may need it
    else:
        for j in range(d):
            x_bar[j] = nan


SPLINE = Kernel("spline", spline, spline_back)
