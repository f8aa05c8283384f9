"""The operations as loops, each with its derivative, in a subset of Python that is also C.

numba compiles these functions as they are, `translation` reads their syntax: arguments and locals are int, float, Ints,
Numbers or Results by annotation; there are `for` over a range, `while`, `if`, arithmetic, `empty` of a fixed size,
functions of math, and slices `v[i:]`, which are pointers.

Arguments stand in this order: sizes, tables, input vectors, output vector. The derivative takes the same, then the
derivative of some number by the output, and adds to its derivatives by each input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import copysign, fabs, inf, nan, pow, sqrt
from typing import Any

import numpy as np
from numpy import empty
from numpy.typing import NDArray

from ..arrays import Array

Ints = NDArray[np.intc]
Numbers = Array  # that are read
Results = Array  # that are written


@dataclass(frozen=True)
class Kernel:
    """One operation: output = forward(inputs), and backward, but for those of which no derivative is asked."""

    name: str
    forward: Callable[..., None]
    backward: Callable[..., None] | None = None

    @property
    def functions(self) -> tuple[Callable[..., None], ...]:
        """Both, or the one that there is."""
        return (self.forward,) if self.backward is None else (self.forward, self.backward)


# Affine maps


def affine(m: int, n: int, weight: Numbers, bias: Numbers, x: Numbers, y: Results) -> None:
    """y_i = bias_i + sum_j weight[j][i] x_j: columns of the matrix lie together, so that the inner loop is a vector."""
    for i in range(m):
        y[i] = bias[i]
    for j in range(n):
        for i in range(m):
            y[i] += weight[j * m + i] * x[j]


def affine_back(
    m: int, n: int, weight: Numbers, bias: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results
) -> None:
    for j in range(n):
        total: float = x_bar[j]
        for i in range(m):
            total += weight[j * m + i] * y_bar[i]
        x_bar[j] = total


def scaled(n: int, factor: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] * factor[i]


def scaled_back(n: int, factor: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i] * factor[i]


def divided(n: int, divisor: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] / divisor[i]


def divided_back(n: int, divisor: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i] / divisor[i]


def shifted(n: int, shift: Numbers, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[i] + shift[i]


def shifted_back(n: int, shift: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[i] += y_bar[i]


def added(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = a[i] + b[i]


def added_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i]
        b_bar[i] += y_bar[i]


def multiplied(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    """y = b_0 a."""
    for i in range(n):
        y[i] = a[i] * b[0]


def multiplied_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i] * b[0]
        b_bar[0] += y_bar[i] * a[i]


def quotient(n: int, a: Numbers, b: Numbers, y: Results) -> None:
    """y = a / b_0."""
    for i in range(n):
        y[i] = a[i] / b[0]


def quotient_back(n: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i] / b[0]
        b_bar[0] -= y_bar[i] * y[i] / b[0]


def powers(m: int, d: int, exponents: Numbers, x: Numbers, y: Results) -> None:
    """y_k = prod_j x_j^exponents[k][j]; an exponent of 0 leaves x_j out, whatever it is."""
    for k in range(m):
        y[k] = 1.0
        for j in range(d):
            if exponents[k * d + j] != 0.0:
                y[k] *= pow(x[j], exponents[k * d + j])


def powers_back(m: int, d: int, exponents: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for k in range(m):
        for j in range(d):
            if exponents[k * d + j] != 0.0 and x[j] != 0.0:
                x_bar[j] += y_bar[k] * exponents[k * d + j] * y[k] / x[j]
            if exponents[k * d + j] != 0.0 and x[j] == 0.0:
                slope: float = 1.0
                if exponents[k * d + j] != 1.0:
                    # 0 for whole numbers above 1, NaN for others: so say the models that have such powers.
                    slope = 0.0 * pow(-1.0, exponents[k * d + j]) if exponents[k * d + j] > 1.0 else nan
                for i in range(d):
                    if i != j and exponents[k * d + i] != 0.0:
                        slope *= pow(x[i], exponents[k * d + i])
                x_bar[j] += y_bar[k] * slope


# Which numbers go where


def joined(n_a: int, n_b: int, a: Numbers, b: Numbers, y: Results) -> None:
    for i in range(n_a):
        y[i] = a[i]
    for i in range(n_b):
        y[n_a + i] = b[i]


def joined_back(
    n_a: int, n_b: int, a: Numbers, b: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, b_bar: Results
) -> None:
    for i in range(n_a):
        a_bar[i] += y_bar[i]
    for i in range(n_b):
        b_bar[i] += y_bar[n_a + i]


def taken(n: int, places: Ints, x: Numbers, y: Results) -> None:
    for i in range(n):
        y[i] = x[places[i]]


def taken_back(n: int, places: Ints, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(n):
        x_bar[places[i]] += y_bar[i]


def unless_missing(n: int, d: int, a: Numbers, x: Numbers, y: Results) -> None:
    """y = a, but NaN where an x is NaN that a doesn't depend on."""
    missing: float = 0.0
    for j in range(d):
        if x[j] != x[j]:
            missing = nan
    for i in range(n):
        y[i] = a[i] + missing


def unless_missing_back(
    n: int, d: int, a: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, a_bar: Results, x_bar: Results
) -> None:
    for i in range(n):
        a_bar[i] += y_bar[i]
    for j in range(d):
        if x[j] != x[j]:
            for k in range(d):
                x_bar[k] = nan


# Chebyshev polynomials


def chebyshev(d: int, degree: int, z: Numbers, t: Results) -> None:
    """T_0 to T_degree of each z_j, one z after the other."""
    for j in range(d):
        first: int = j * (degree + 1)
        t[first] = 1.0
        if degree > 0:
            t[first + 1] = z[j]
        for k in range(first + 2, first + degree + 1):
            t[k] = 2.0 * z[j] * t[k - 1] - t[k - 2]


def chebyshev_back(d: int, degree: int, z: Numbers, t: Numbers, t_bar: Numbers, z_bar: Results) -> None:
    """T_k' = 2 T_(k-1) + 2 z T'_(k-1) - T'_(k-2)."""
    for j in range(d):
        before: float = 0.0
        slope: float = 1.0
        for k in range(1, degree + 1):
            z_bar[j] += t_bar[j * (degree + 1) + k] * slope
            after: float = 2.0 * t[j * (degree + 1) + k] + 2.0 * z[j] * slope - before
            before = slope
            slope = after


def nested(n: int, m: int, parents: Ints, factors: Ints, coefficients: Numbers, t: Numbers, s: Results) -> None:
    """Sums over a tree, m at once: s_i = sum over children k of i: t_factors[k] s_k + coefficients[i]."""
    for i in range(n * m):
        s[i] = 0.0
    for i in range(n - 1, -1, -1):
        for k in range(m):
            s[i * m + k] += coefficients[i * m + k]
            if i > 0:
                s[parents[i] * m + k] += t[factors[i]] * s[i * m + k]


def nested_back(
    n: int,
    m: int,
    parents: Ints,
    factors: Ints,
    coefficients: Numbers,
    t: Numbers,
    s: Numbers,
    s_bar: Results,
    t_bar: Results,
) -> None:
    for i in range(1, n):
        for k in range(m):
            t_bar[factors[i]] += s_bar[parents[i] * m + k] * s[i * m + k]
            s_bar[i * m + k] += s_bar[parents[i] * m + k] * t[factors[i]]


def interval(n: int, breaks: Numbers, x: float) -> int:
    """Which of n intervals x is in, the first or last one beyond them: breaks[i] <= x < breaks[i + 1]."""
    low: int = 0
    high: int = n - 1
    while low < high:
        middle: int = (low + high + 1) // 2
        if x >= breaks[middle]:
            low = middle
        else:
            high = middle - 1
    return low


def piecewise(
    n: int,
    m: int,
    starts: Ints,
    breaks: Numbers,
    units: Numbers,
    factors: Numbers,
    coefficients: Numbers,
    x: Numbers,
    y: Results,
) -> None:
    """A Chebyshev series for each interval, of z = (x f - s) / d for its `units` f, s and d, by Clenshaw's scheme.

    Interval i has the coefficients from starts[i] to starts[i + 1], m for each polynomial; `factors` multiply y.
    """
    i: int = interval(n, breaks, x[0])
    z: float = (x[0] * units[3 * i] - units[3 * i + 1]) / units[3 * i + 2]
    for k in range(m):
        ahead: float = 0.0
        beyond: float = 0.0
        for j in range(starts[i + 1] - 1, starts[i], -1):
            now: float = 2.0 * z * ahead - beyond + coefficients[j * m + k]
            beyond = ahead
            ahead = now
        y[k] = (z * ahead - beyond + coefficients[starts[i] * m + k]) * factors[i * m + k]


def piecewise_back(
    n: int,
    m: int,
    starts: Ints,
    breaks: Numbers,
    units: Numbers,
    factors: Numbers,
    coefficients: Numbers,
    x: Numbers,
    y: Numbers,
    y_bar: Numbers,
    x_bar: Results,
) -> None:
    """The scheme and its derivative by z side by side."""
    i: int = interval(n, breaks, x[0])
    z: float = (x[0] * units[3 * i] - units[3 * i + 1]) / units[3 * i + 2]
    for k in range(m):
        ahead: float = 0.0
        beyond: float = 0.0
        slope_ahead: float = 0.0
        slope_beyond: float = 0.0
        for j in range(starts[i + 1] - 1, starts[i], -1):
            slope: float = 2.0 * ahead + 2.0 * z * slope_ahead - slope_beyond
            slope_beyond = slope_ahead
            slope_ahead = slope
            now: float = 2.0 * z * ahead - beyond + coefficients[j * m + k]
            beyond = ahead
            ahead = now
        total: float = (ahead + z * slope_ahead - slope_beyond) * factors[i * m + k]
        x_bar[0] += y_bar[k] * total * units[3 * i] / units[3 * i + 2]


def within(d: int, j: int, ends: Numbers, x: Numbers, y: Results) -> None:
    """y = x, but for y_j = ends[2] where x_j isn't in [ends[0], ends[1])."""
    for i in range(d):
        y[i] = x[i]
    if x[j] < ends[0] or x[j] >= ends[1]:
        y[j] = ends[2]


def within_back(d: int, j: int, ends: Numbers, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    for i in range(d):
        if i != j or (x[j] >= ends[0] and x[j] < ends[1]):
            x_bar[i] += y_bar[i]


def chosen(d: int, n: int, m: int, j: int, breaks: Numbers, x: Numbers, values: Numbers, y: Results) -> None:
    """The m values of the interval of n that x_j is in."""
    i: int = interval(n, breaks, x[j])
    for k in range(m):
        y[k] = values[i * m + k]


def chosen_back(
    d: int,
    n: int,
    m: int,
    j: int,
    breaks: Numbers,
    x: Numbers,
    values: Numbers,
    y: Numbers,
    y_bar: Numbers,
    x_bar: Results,
    values_bar: Results,
) -> None:
    first: int = m * interval(n, breaks, x[j])
    for k in range(m):
        values_bar[first + k] += y_bar[k]
    if x[j] != x[j]:
        for i in range(d):
            x_bar[i] = nan


# Roots


def polynomial_root(q: int, n_steps: int, lengths: Numbers, c: Numbers, t: Results) -> None:
    """Where sum_k c_k t^k is 0 and rises, by Newton's method from t = c_(q+1), lengths[0] a step at most.

    It starts between -1 and 1, or lengths[0] beyond. A step that would go beyond where the sum is known to have the
    other sign goes to the middle instead; one of lengths[1] or less is the last. Where the sum is at most lengths[2] of
    its coefficients' sizes, and a step would be longer than lengths[3] or the sum does not rise, two roots touch: it
    ends there.
    """
    nothing: float = 0.0
    for k in range(q + 1):
        nothing += fabs(c[k])
    nothing *= lengths[2]
    now: float = c[q + 1]
    if now < -1.0 - lengths[0]:
        now = -1.0 - lengths[0]
    if now > 1.0 + lengths[0]:
        now = 1.0 + lengths[0]
    low: float = -inf
    high: float = inf
    i: int = 0
    while i < n_steps:
        i += 1
        value: float = c[q]
        slope: float = 0.0
        for k in range(q - 1, -1, -1):
            slope = slope * now + value
            value = value * now + c[k]
        if value < 0.0:
            low = now
        if value > 0.0:
            high = now
        move: float = value / slope
        if fabs(value) <= nothing and (slope <= 0.0 or fabs(move) > lengths[3]):
            i = n_steps
        else:
            if slope <= 0.0 or fabs(move) > lengths[0]:
                move = copysign(lengths[0], value)
            now -= move
            if now < low or now > high:
                now = 0.5 * (low + high)
            if fabs(move) <= lengths[1]:
                i = n_steps
    t[0] = now


def polynomial_root_back(
    q: int, n_steps: int, lengths: Numbers, c: Numbers, t: Numbers, t_bar: Numbers, c_bar: Results
) -> None:
    """dt/dc_k = -t^k over the derivative by t: where the steps began is forgotten."""
    value: float = c[q]
    slope: float = 0.0
    for k in range(q - 1, -1, -1):
        slope = slope * t[0] + value
        value = value * t[0] + c[k]
    power: float = -t_bar[0] / slope
    for k in range(q + 1):
        c_bar[k] += power
        power *= t[0]


def embedded(program: Any) -> Callable[..., None]:
    """The function of a point: what `program` makes of z (m), then z (d), then its gradient (m, d), in any language.

    It reads z and writes the others. It is written from the program, not translated: nothing calls it as it is.
    """

    def value_and_gradient(point: Results) -> None:
        raise NotImplementedError

    value_and_gradient.__name__ = program.name
    value_and_gradient.__dict__["program"] = program
    return value_and_gradient


def solving(program: Any) -> Kernel:
    """Where the one number that `program` makes of z, x with t for x[column], is x[column]: Newton's method."""
    value_and_gradient = embedded(program)

    def solved(d: int, column: int, n_steps: int, limits: Numbers, x: Numbers, start: Numbers, root: Results) -> None:
        """root[0] is t, after it are z and the derivatives by z; t lies between limits[0] and limits[1].

        A step that would leave what is left of that goes to its middle; one of limits[2] or less is the last. The
        function rises with t where limits[3] is 1, and falls where it is -1.
        """
        for j in range(d):
            root[1 + j] = x[j]
        low: float = limits[0]
        high: float = limits[1]
        now: float = start[0]
        if now != now:
            now = 0.5 * (low + high)
        if now < low:
            now = low
        if now > high:
            now = high
        found: float = nan
        i: int = 0
        while i < n_steps:
            i += 1
            root[1 + column] = now
            value_and_gradient(root)
            value: float = limits[3] * (root[0] - x[column])
            slope: float = limits[3] * root[1 + d + column]
            if value < 0.0:
                low = now
            if value > 0.0:
                high = now
            following: float = now - value / slope
            if slope > 0.0 and following >= low and following <= high:
                if fabs(following - now) <= limits[2]:
                    found = following
                    i = n_steps
            else:
                following = 0.5 * (low + high)
            now = following
        root[1 + column] = found
        value_and_gradient(root)
        root[0] = start[0]
        if found == found:
            root[0] = found

    def solved_back(
        d: int,
        column: int,
        n_steps: int,
        limits: Numbers,
        x: Numbers,
        start: Numbers,
        root: Numbers,
        root_bar: Numbers,
        x_bar: Results,
        start_bar: Results,
    ) -> None:
        """By the theorem of implicit functions: where the steps began is forgotten."""
        if root[1 + column] == root[1 + column]:
            share: float = root_bar[0] / root[1 + d + column]
            for j in range(d):
                if j == column:
                    x_bar[j] += share
                else:
                    x_bar[j] -= share * root[1 + d + j]
        else:
            start_bar[0] += root_bar[0]

    solved.__name__, solved_back.__name__ = f"solved_{program.name}", f"solved_{program.name}_back"
    return Kernel(f"solved_{program.name}", solved, solved_back)


# Radial functions


def distances(n: int, d: int, points: Numbers, z: Numbers, r: Results) -> None:
    for i in range(n):
        total: float = 0.0
        for j in range(d):
            total += (z[j] - points[i * d + j]) * (z[j] - points[i * d + j])
        r[i] = sqrt(total)


def distances_back(n: int, d: int, points: Numbers, z: Numbers, r: Numbers, r_bar: Numbers, z_bar: Results) -> None:
    for i in range(n):
        if r[i] != 0.0:
            for j in range(d):
                z_bar[j] += r_bar[i] * ((z[j] - points[i * d + j]) / r[i])


# Estimates of the error at a point


def spread(m: int, n: int, is_relative: int, unit: Numbers, sizes: Numbers, z: Numbers, e: Results) -> None:
    """sizes_0 times the root of sum_g mean_j ((z_gj - z_0j) / u_j)^2, and sizes_1 at least.

    z holds m numbers n + 1 times; u is the `unit` (m), or |z_0| if is_relative.
    """
    total: float = 0.0
    for g in range(1, n + 1):
        for j in range(m):
            apart: float = (z[g * m + j] - z[j]) / (fabs(z[j]) if is_relative == 1 else unit[j])
            total += apart * apart / m
    e[0] = sizes[0] * sqrt(total)
    if e[0] < sizes[1]:
        e[0] = sizes[1]
    if e[0] != e[0]:
        e[0] = inf


def nearest(d: int, starts: Ints, values: Numbers, u: Numbers, y: Results) -> None:
    """Of the values from starts_j on, ascending, the nearest to u_j; u_j where there are none."""
    for j in range(d):
        y[j] = u[j]
        if starts[j] < starts[j + 1]:
            y[j] = values[starts[j]]
        for i in range(starts[j] + 1, starts[j + 1]):
            if u[j] > 0.5 * values[i - 1] + 0.5 * values[i]:
                y[j] = values[i]


def away(
    d: int, n: int, top: Numbers, rows: Numbers, sizes: Numbers, e: Numbers, u: Numbers, z: Numbers, y: Results
) -> None:
    """e, and sizes_0 at least unless u is in the box from 0 to top, and z within sizes_1 of one of the n rows.

    sizes_2 is the rounding of u. Without rows all of the box is near.
    """
    n_within: int = 0
    for j in range(d):
        if u[j] >= -sizes[2] and u[j] <= top[j] + sizes[2]:
            n_within += 1
    is_near: int = 1 if n_within == d and n == 0 else 0
    if n_within == d:
        for i in range(n):
            total: float = 0.0
            for j in range(d):
                total += (z[j] - rows[i * d + j]) * (z[j] - rows[i * d + j])
            if total < sizes[1] * sizes[1]:
                is_near = 1
    y[0] = e[0]
    if is_near == 0 and e[0] < sizes[0]:
        y[0] = sizes[0]


# Splines


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


# Regions


def extreme(n: int, sign: int, x: Numbers, y: Results) -> None:
    """The largest of n numbers that is not NaN, or for a sign of -1 the smallest."""
    y[0] = x[extreme_place(n, sign, x)]


def extreme_place(n: int, sign: int, x: Numbers) -> int:
    k: int = 0
    for i in range(1, n):
        if x[k] != x[k] or sign * x[i] > sign * x[k]:
            k = i
    return k


def extreme_back(n: int, sign: int, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    x_bar[extreme_place(n, sign, x)] += y_bar[0]


def scored(q: int, m: int, scores: Numbers, values: Numbers, y: Results) -> None:
    """The k-th m of `values`, where the k-th of 0, scores_0, scores_1, ... is the largest."""
    k: int = scored_place(q, scores)
    for i in range(m):
        y[i] = values[k * m + i]


def scored_place(q: int, scores: Numbers) -> int:
    k: int = 0
    most: float = 0.0
    for i in range(q - 1):
        if scores[i] > most:
            most = scores[i]
            k = i + 1
    return k


def scored_back(
    q: int,
    m: int,
    scores: Numbers,
    values: Numbers,
    y: Numbers,
    y_bar: Numbers,
    scores_bar: Results,
    values_bar: Results,
) -> None:
    k: int = scored_place(q, scores)
    for i in range(m):
        values_bar[k * m + i] += y_bar[i]


# Columns in each other's place


def ordered(d: int, g: int, images: Ints, x: Numbers, y: Results) -> None:
    """Of g permutations of x the first in lexicographic order; a number that is missing decides nothing."""
    k: int = ordered_place(d, g, images, x)
    for j in range(d):
        y[j] = x[images[k * d + j]]


def ordered_place(d: int, g: int, images: Ints, x: Numbers) -> int:
    k: int = 0
    for i in range(1, g):
        way: int = 0
        for j in range(d):
            if way == 0 and x[images[i * d + j]] < x[images[k * d + j]]:
                way = 1
            if way == 0 and x[images[i * d + j]] > x[images[k * d + j]]:
                way = 2
        if way == 1:
            k = i
    return k


def ordered_back(d: int, g: int, images: Ints, x: Numbers, y: Numbers, y_bar: Numbers, x_bar: Results) -> None:
    k: int = ordered_place(d, g, images, x)
    for j in range(d):
        x_bar[images[k * d + j]] += y_bar[j]


AFFINE = Kernel("affine", affine, affine_back)
SCALED = Kernel("scaled", scaled, scaled_back)
DIVIDED = Kernel("divided", divided, divided_back)
SHIFTED = Kernel("shifted", shifted, shifted_back)
ADDED = Kernel("added", added, added_back)
MULTIPLIED = Kernel("multiplied", multiplied, multiplied_back)
QUOTIENT = Kernel("quotient", quotient, quotient_back)
POWERS = Kernel("powers", powers, powers_back)
JOINED = Kernel("joined", joined, joined_back)
TAKEN = Kernel("taken", taken, taken_back)
UNLESS_MISSING = Kernel("unless_missing", unless_missing, unless_missing_back)
CHEBYSHEV = Kernel("chebyshev", chebyshev, chebyshev_back)
PIECEWISE = Kernel("piecewise", piecewise, piecewise_back)
WITHIN = Kernel("within", within, within_back)
CHOSEN = Kernel("chosen", chosen, chosen_back)
NESTED = Kernel("nested", nested, nested_back)
POLYNOMIAL_ROOT = Kernel("polynomial_root", polynomial_root, polynomial_root_back)
DISTANCES = Kernel("distances", distances, distances_back)
SPREAD = Kernel("spread", spread)
NEAREST = Kernel("nearest", nearest)
AWAY = Kernel("away", away)
SPLINE = Kernel("spline", spline, spline_back)
EXTREME = Kernel("extreme", extreme, extreme_back)
SCORED = Kernel("scored", scored, scored_back)
ORDERED = Kernel("ordered", ordered, ordered_back)
