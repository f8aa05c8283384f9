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
from math import copysign, exp, fabs, inf, log, nan, sqrt

import numpy as np
from numpy import empty
from numpy.typing import NDArray

from ..arrays import Array
from .transcendental import cos, exp_nonpositive, log1p_unit, sin, tanh

Ints = NDArray[np.intc]
Numbers = Array  # that are read
Results = Array  # that are written
Scalar = Callable[[float], float]


@dataclass(frozen=True)
class Kernel:
    """One operation: output = forward(inputs), and backward."""

    name: str
    forward: Callable[..., None]
    backward: Callable[..., None]


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
        row: Results = t[j * (degree + 1) :]
        row[0] = 1.0
        if degree > 0:
            row[1] = z[j]
        for k in range(2, degree + 1):
            row[k] = 2.0 * z[j] * row[k - 1] - row[k - 2]


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


def products(n: int, parents: Ints, factors: Ints, t: Numbers, y: Results) -> None:
    """The first y is 1, each other one an earlier one, its parent, times a factor out of t."""
    y[0] = 1.0
    for i in range(1, n):
        y[i] = y[parents[i]] * t[factors[i]]


def products_back(n: int, parents: Ints, factors: Ints, t: Numbers, y: Numbers, y_bar: Results, t_bar: Results) -> None:
    for i in range(n - 1, 0, -1):
        t_bar[factors[i]] += y_bar[i] * y[parents[i]]
        y_bar[parents[i]] += y_bar[i] * t[factors[i]]


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
    known: int = spline_is_known(d, extrapolate, box, x)
    for j in range(d):
        # y is used no more on the way back.
        spline_sum(d, m, sizes, origins, knots, coefficients, j, x, y)
        for i in range(m):
            x_bar[j] += y_bar[i] * y[i] if known == 1 else nan


# Functions of one number, each with its slope at z, where its value is v


def identity(z: float) -> float:
    return z


def identity_slope(z: float, v: float) -> float:
    return 1.0


def tanh_slope(z: float, v: float) -> float:
    return 1.0 - v * v


def sin_slope(z: float, v: float) -> float:
    return cos(z)


def relu(z: float) -> float:
    return 0.0 if z <= 0.0 else z


def relu_slope(z: float, v: float) -> float:
    return 1.0 if z > 0.0 else 0.0


def sigmoid(z: float) -> float:
    e: float = exp_nonpositive(-fabs(z))
    d: float = 1.0 / (1.0 + e)
    return e * d if z < 0.0 else d


def sigmoid_slope(z: float, v: float) -> float:
    return v * (1.0 - v)


def softplus(z: float) -> float:
    return (z if z > 0.0 else 0.0) + log1p_unit(exp_nonpositive(-fabs(z)))


def softplus_slope(z: float, v: float) -> float:
    return sigmoid(z)


def silu(z: float) -> float:
    return (-1000.0 if z < -1000.0 else z) * sigmoid(z)  # the bound keeps -inf * 0 out


def silu_slope(z: float, v: float) -> float:
    s: float = sigmoid(z)
    return s + (copysign(1000.0, z) if fabs(z) > 1000.0 else z) * (s * (1.0 - s))


def square(z: float) -> float:
    return z * z


def square_slope(z: float, v: float) -> float:
    return 2.0 * z


def polyrelu(z: float) -> float:
    u: float = relu(z)
    return 1.0 / 3.0 * (u * (u * (1.0 + u) + 1.0))


def polyrelu_slope(z: float, v: float) -> float:
    return 0.0 if z <= 0.0 else 1.0 / 3.0 * (z * (3.0 * z + 2.0) + 1.0)


def logarithm(z: float) -> float:
    return log(z) if z > 0.0 and z < inf else nan


def logarithm_slope(z: float, v: float) -> float:
    return 1.0 / z if v == v else nan


def reciprocal(z: float) -> float:
    """NaN where it or its derivative leaves the range of float64."""
    return 1.0 / z if fabs(z) >= 2.2250738585072014e-308 and fabs(z) <= 4.49423283715579e307 else nan


def reciprocal_slope(z: float, v: float) -> float:
    return -(v * v)


def exponential_slope(z: float, v: float) -> float:
    return v


def inverse(z: float) -> float:
    return 1.0 / z


def root_slope(z: float, v: float) -> float:
    return 0.5 / v


def inverse_root(z: float) -> float:
    return 1.0 / sqrt(z)


def inverse_root_slope(z: float, v: float) -> float:
    return -0.5 / (z * sqrt(z))


def inverse_square(z: float) -> float:
    return (1.0 / z) * (1.0 / z) if z > 0.0 else nan


def inverse_square_slope(z: float, v: float) -> float:
    return -2.0 * ((1.0 / z) * (1.0 / z) * (1.0 / z)) if z > 0.0 else nan


def negative(r: float) -> float:
    return -r


def negative_slope(r: float, v: float) -> float:
    return -1.0


def thin_plate(r: float) -> float:
    return r * r * log(r) if r != 0.0 else 0.0


def thin_plate_slope(r: float, v: float) -> float:
    return r * (2.0 * log(r) + 1.0) if r != 0.0 else 0.0


def cubic(r: float) -> float:
    return r * r * r


def cubic_slope(r: float, v: float) -> float:
    return 3.0 * (r * r)


def quintic(r: float) -> float:
    return -(r * r * r * r * r)


def quintic_slope(r: float, v: float) -> float:
    return -5.0 * (r * r * r * r)


def multiquadric(r: float) -> float:
    return -sqrt(1.0 + r * r)


def multiquadric_slope(r: float, v: float) -> float:
    return r / v


def inverse_multiquadric(r: float) -> float:
    return 1.0 / sqrt(1.0 + r * r)


def inverse_multiquadric_slope(r: float, v: float) -> float:
    return -(r * (v * v * v))


def inverse_quadratic(r: float) -> float:
    return 1.0 / (1.0 + r * r)


def inverse_quadratic_slope(r: float, v: float) -> float:
    return -2.0 * r * (v * v)


def gaussian(r: float) -> float:
    return exp(-(r * r))


def gaussian_slope(r: float, v: float) -> float:
    return -2.0 * r * v


def each(name: str, value: Scalar, slope: Callable[[float, float], float]) -> Kernel:
    """A function of one number, for every number of a vector."""

    def forward(n: int, z: Numbers, v: Results) -> None:
        for i in range(n):
            v[i] = value(z[i])

    def backward(n: int, z: Numbers, v: Numbers, v_bar: Numbers, z_bar: Results) -> None:
        for i in range(n):
            z_bar[i] += v_bar[i] * slope(z[i], v[i])

    forward.__name__, backward.__name__ = f"each_{name}", f"each_{name}_back"
    return Kernel(name, forward, backward)


AFFINE = Kernel("affine", affine, affine_back)
SCALED = Kernel("scaled", scaled, scaled_back)
DIVIDED = Kernel("divided", divided, divided_back)
SHIFTED = Kernel("shifted", shifted, shifted_back)
ADDED = Kernel("added", added, added_back)
JOINED = Kernel("joined", joined, joined_back)
TAKEN = Kernel("taken", taken, taken_back)
UNLESS_MISSING = Kernel("unless_missing", unless_missing, unless_missing_back)
CHEBYSHEV = Kernel("chebyshev", chebyshev, chebyshev_back)
PRODUCTS = Kernel("products", products, products_back)
DISTANCES = Kernel("distances", distances, distances_back)
SPLINE = Kernel("spline", spline, spline_back)
# By the names that activations, transforms and radial functions have in the models.
ACTIVATIONS = {
    "tanh": each("tanh", tanh, tanh_slope),
    "relu": each("relu", relu, relu_slope),
    "sigmoid": each("sigmoid", sigmoid, sigmoid_slope),
    "sin": each("sin", sin, sin_slope),
    "softplus": each("softplus", softplus, softplus_slope),
    "silu": each("silu", silu, silu_slope),
    "square": each("square", square, square_slope),
    "polyrelu": each("polyrelu", polyrelu, polyrelu_slope),
}
INPUT_TRANSFORMS = {
    "identity": each("identity", identity, identity_slope),
    "log": each("logarithm", logarithm, logarithm_slope),
    "reciprocal": each("reciprocal", reciprocal, reciprocal_slope),
}
INVERSE_TRANSFORMS = {
    "identity": INPUT_TRANSFORMS["identity"],
    "log": each("exp", exp, exponential_slope),
    "reciprocal": each("inverse", inverse, reciprocal_slope),
    "square": each("sqrt", sqrt, root_slope),
    "reciprocal_square": each("inverse_root", inverse_root, inverse_root_slope),
    "reciprocal_root": each("inverse_square", inverse_square, inverse_square_slope),
}
RADIAL = {
    "linear": each("negative", negative, negative_slope),
    "thin_plate_spline": each("thin_plate", thin_plate, thin_plate_slope),
    "cubic": each("cubic", cubic, cubic_slope),
    "quintic": each("quintic", quintic, quintic_slope),
    "multiquadric": each("multiquadric", multiquadric, multiquadric_slope),
    "inverse_multiquadric": each("inverse_multiquadric", inverse_multiquadric, inverse_multiquadric_slope),
    "inverse_quadratic": each("inverse_quadratic", inverse_quadratic, inverse_quadratic_slope),
    "gaussian": each("gaussian", gaussian, gaussian_slope),
}
