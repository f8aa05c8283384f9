"""Chebyshev series: their polynomials, sums over trees of products, and one for each interval of a number."""

from __future__ import annotations

from .kernel import Ints, Kernel, Numbers, Results
from .places import interval


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


CHEBYSHEV = Kernel("chebyshev", chebyshev, chebyshev_back)
PIECEWISE = Kernel("piecewise", piecewise, piecewise_back)
NESTED = Kernel("nested", nested, nested_back)
