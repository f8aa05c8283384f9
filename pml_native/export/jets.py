"""A program at many points at once, with all first and second derivatives: Taylor polynomials of degree 2.

A jet is what is known of k numbers at n points: values, gradients and Hessians. Sums, products and functions of jets
follow the rules of differentiation, so that derivatives are as exact as values. The second derivative of a function of
one number is that of the slope which `functions` has for it, by a complex step (Squire and Trapp 1998, SIAM Rev. 40):
slope(z + i h) = slope(z) + i h slope'(z) + O(h^2), where no difference loses digits, however small h is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..exchanges import Exchanges
from .definition import definition_of, within
from .kernels import Kernel
from .of_arrays import OfArrays
from .program import Program, Step

STEP = 1e-100  # its square is 0 beside 1, and whatever it multiplies stays a normal number
# Distances from a point of a radial function that is asked at that point: their own second derivatives are infinite
# there, those of smooth functions of them are the same at 0 as at so small a part of the unit.
AT_POINT = 1e-9
# Newton's method that starts at a root with all its digits adds a degree of the Taylor polynomial with each step.
STEPS_OF_DEGREE_2 = 2


@dataclass(frozen=True)
class Jets:
    """Values (n, k), their gradients (n, k, d) and Hessians (n, k, d, d)."""

    value: Array
    first: Array
    second: Array

    @classmethod
    def of_inputs(cls, X: Array) -> Jets:
        """The inputs themselves, `X` (n, d)."""
        n, d = X.shape
        return cls(X, np.broadcast_to(np.eye(d), (n, d, d)), np.zeros((n, d, d, d)))

    def constant(self, value: Array) -> Jets:
        """Numbers (n, k) that do not depend on the inputs."""
        n, d = len(value), self.first.shape[2]
        return Jets(value, np.zeros((n, value.shape[1], d)), np.zeros((n, value.shape[1], d, d)))

    def __getitem__(self, places: Any) -> Jets:
        """Some of the k numbers."""
        return Jets(self.value[:, places], self.first[:, places], self.second[:, places])

    def at(self, points: Any) -> Jets:
        """At some of the n points."""
        return Jets(self.value[points], self.first[points], self.second[points])

    def __add__(self, other: Jets | Array | float) -> Jets:
        if isinstance(other, Jets):
            return Jets(self.value + other.value, self.first + other.first, self.second + other.second)
        return Jets(self.value + other, self.first, self.second)

    def __sub__(self, other: Jets | Array | float) -> Jets:
        return self + (other * -1.0)

    def __mul__(self, other: Jets | Array | float) -> Jets:
        """The products, number by number; `other` may be numbers (k,), or one."""
        if isinstance(other, Jets):
            a, b = self, other
            cross = a.first[..., :, None] * b.first[..., None, :]
            return Jets(
                a.value * b.value,
                a.first * b.value[..., None] + b.first * a.value[..., None],
                a.second * b.value[..., None, None]
                + b.second * a.value[..., None, None]
                + cross
                + np.swapaxes(cross, -1, -2),
            )
        factor = np.asarray(other)
        return Jets(self.value * factor, self.first * factor[..., None], self.second * factor[..., None, None])

    def through(self, value: Array, slope: Array, bend: Array) -> Jets:
        """A function of each number, of which these are the values and derivatives (n, k)."""
        square = self.first[..., :, None] * self.first[..., None, :]
        return Jets(
            value,
            _times(slope[..., None], self.first),
            _times(slope[..., None, None], self.second) + _times(bend[..., None, None], square),
        )

    def inverse(self) -> Jets:
        """1 over each number."""
        value = 1.0 / self.value
        return self.through(value, -(value**2), 2.0 * value**3)

    def into(self, matrix: Array) -> Jets:
        """The sums of them with the weights `matrix` (k, m)."""
        return Jets(
            self.value @ matrix,
            np.einsum("nkd,km->nmd", self.first, matrix, optimize=True),
            np.einsum("nkde,km->nmde", self.second, matrix, optimize=True),
        )

    def chosen(self, places: NDArray[np.intp]) -> Jets:
        """Of each point the numbers at `places` (n, m)."""
        rows = np.arange(len(places))[:, None]
        return Jets(self.value[rows, places], self.first[rows, places], self.second[rows, places])

    def missing(self, rows: Any) -> Jets:
        """NaN at some points (n,)."""
        added = np.where(rows, math.nan, 0.0)
        return Jets(
            self.value + added[:, None], self.first + added[:, None, None], self.second + added[:, None, None, None]
        )


def jets_of(program: Program, X: Array) -> Jets:
    """y, and its derivatives, at `X` (n, d): NaN where y is."""
    with np.errstate(all="ignore"):
        y = evaluated(program, Jets.of_inputs(X))
        lost = np.where(np.isnan(y.value), math.nan, 0.0)
        # Products of derivatives are rounded in two orders.
        second = 0.5 * (y.second + np.swapaxes(y.second, 2, 3))
        return Jets(y.value, y.first + lost[..., None], second + lost[..., None, None])


def evaluated(program: Program, x: Jets) -> Jets:
    """y of x."""
    values = [x]
    for step in program.steps:
        inputs = [values[vector.number] for vector in step.inputs]
        if step.kernel.name in OPERATIONS:
            values.append(OPERATIONS[step.kernel.name](step, *inputs))
        elif step.kernel.name.startswith("solved"):
            values.append(_solved(step, *inputs))
        else:
            values.append(_each(step.kernel, inputs[0]))
    return values[-1]


def _times(a: Array, b: Array) -> Array:
    """Products in which 0 stays 0: what does not depend on an input does not by an infinite slope either."""
    result: Array = np.where(b == 0.0, 0.0, a * b)
    return result


def _joined(parts: Sequence[Jets]) -> Jets:
    """The numbers of all, one after the other."""
    return Jets(
        np.concatenate([part.value for part in parts], axis=1),
        np.concatenate([part.first for part in parts], axis=1),
        np.concatenate([part.second for part in parts], axis=1),
    )


# Functions of one number


def _fabs(z: Any) -> Any:
    return np.where(np.real(z) < 0.0, -z, z)


def _copysign(size: Any, sign: Any) -> Any:
    return np.where(np.signbit(np.real(sign)), -_fabs(size), _fabs(size))


# NumPy's own, of complex numbers too, for those that the core has formulas for.
KNOWN: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("tanh", "sin", "cos", "exp", "log", "sqrt", "where", "real")},
    "exp_nonpositive": np.exp,
    "log1p_unit": np.log1p,
    "fabs": _fabs,
    "copysign": _copysign,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
}


of_arrays = OfArrays(KNOWN)


def _each(kernel: Kernel, z: Jets) -> Jets:
    """The function of `functions.each`, for all numbers."""
    value, slope = of_arrays.value_and_slope(kernel)
    v = np.asarray(value(z.value)) + np.zeros_like(z.value)
    s = np.asarray(slope(z.value, v)) + np.zeros_like(v)
    # A number that a slope keeps in both parts must stay within float64.
    bend = np.imag(slope(z.value + 1j * STEP, v + 1j * (STEP * s)) + np.zeros_like(v, dtype=complex)) / STEP
    return z.through(v, s, bend)


# Operations


def _affine(step: Step, x: Jets) -> Jets:
    m, n = step.sizes
    weight, bias = step.tables
    return x.into(weight.reshape(n, m)) + bias


def _powers(step: Step, x: Jets) -> Jets:
    products = []
    for exponents in step.tables[0].reshape(step.sizes):
        product = x.constant(np.ones((len(x.value), 1)))
        for j in np.flatnonzero(exponents):
            z, p = x[[j]], exponents[j]
            power = z.through(z.value**p, p * z.value ** (p - 1.0), p * (p - 1.0) * z.value ** (p - 2.0))
            product = product * power
        products.append(product)
    return _joined(products)


def _chebyshev(step: Step, z: Jets) -> Jets:
    return chebyshev_of(z, step.sizes[1])


def chebyshev_of(z: Jets, degree: int) -> Jets:
    """T_0 to T_degree of each number of z, one after the other."""
    d = z.value.shape[1]
    rows = [z.constant(np.ones_like(z.value)), z]
    for _ in range(2, degree + 1):
        rows.append(z * rows[-1] * 2.0 - rows[-2])
    return _joined([rows[k][[j]] for j in range(d) for k in range(degree + 1)])


def _products(parents: NDArray[Any], factors: NDArray[Any], t: Jets) -> Jets:
    """The products of a tree, each of its parent's."""
    products = [t.constant(np.ones((len(t.value), 1)))]
    for parent, factor in zip(parents[1:], factors[1:], strict=True):
        products.append(products[parent] * t[[int(factor)]])
    return _joined(products)


def _nested(step: Step, t: Jets) -> Jets:
    """The sums of the tree's products, of which only the whole one is known then."""
    n, m = step.sizes
    parents, factors, coefficients = step.tables
    whole = _products(parents, factors, t).into(coefficients.reshape(n, m))
    return _joined([whole, t.constant(np.zeros((len(t.value), n * m - m)))])


def _interval(breaks: Array, n: int, x: Array) -> NDArray[np.intp]:
    """Which of n intervals x is in, as `kernels.interval`."""
    found: NDArray[np.intp] = np.minimum(np.searchsorted(breaks[1:n], x, side="right"), n - 1)
    return found


def _piecewise(step: Step, x: Jets) -> Jets:
    p, m = step.sizes
    starts, breaks, units, factors, coefficients = step.tables
    place = _interval(breaks, p, x.value[:, 0])
    result = x.constant(np.full((len(x.value), m), math.nan))
    for i in np.unique(place):
        rows = place == i
        f, s, d = units.reshape(p, 3)[i]
        own = x.at(rows)
        z = (own * f - s) * (1.0 / d)
        rest = coefficients.reshape(-1, m)[starts[i] : starts[i + 1]]
        zero = own.constant(np.zeros((len(own.value), m)))
        ahead, beyond = zero, zero
        for c in rest[:0:-1]:
            ahead, beyond = z * ahead * 2.0 - beyond + c, ahead
        y = (z * ahead - beyond + rest[0]) * factors.reshape(p, m)[i]
        result.value[rows], result.first[rows], result.second[rows] = y.value, y.first, y.second
    return result


def _partition(step: Step, z: Jets) -> Jets:
    d, m, degree, _, root = step.sizes
    nodes, leaves, trees, cuts, units, coefficients = step.tables
    result = z.constant(np.zeros((len(z.value), step.output.size)))
    open_nodes: list[tuple[int, NDArray[np.intp], Jets]] = []

    def enter(number: int, rows: NDArray[np.intp], weight: Jets) -> None:
        if len(rows):
            open_nodes.append((number, rows, weight))

    enter(root, np.arange(len(z.value)), z.constant(np.ones((len(z.value), 1))))
    while open_nodes:
        number, rows, weight = open_nodes.pop()
        own = z.at(rows)
        if number < 0:
            leaf = -1 - number
            tree, n, begin = leaves[3 * leaf : 3 * leaf + 3].tolist()
            unit = units[2 * d * leaf : 2 * d * (leaf + 1)].reshape(2, d)
            table = chebyshev_of((own + -unit[0]) * (1.0 / unit[1]), degree)
            parents, factors = trees[2 * tree : 2 * (tree + n)].reshape(n, 2).T
            y = _products(parents, factors, table).into(coefficients[begin : begin + n * m].reshape(n, m)) * weight
            result.value[rows, :m] += y.value
            result.first[rows, :m] += y.first
            result.second[rows, :m] += y.second
            continue
        column, left, right = nodes[3 * number : 3 * number + 3].tolist()
        place, width = cuts[2 * number : 2 * number + 2]
        v = (own[[column]] + -place) * (0.5 / width) + 0.5
        is_right, is_both = v.value[:, 0] >= 1.0, (v.value[:, 0] > 0.0) & (v.value[:, 0] < 1.0)
        is_left = ~(is_right | is_both)
        enter(right, rows[is_right], weight.at(is_right))
        enter(left, rows[is_left], weight.at(is_left))
        v, weight = v.at(is_both), weight.at(is_both)
        up = v * v * v * v * (((v * -20.0 + 70.0) * v + -84.0) * v + 35.0)
        enter(right, rows[is_both], weight * up)
        enter(left, rows[is_both], weight * (up * -1.0 + 1.0))
    return result


def _within(step: Step, x: Jets) -> Jets:
    j, (low, high, otherwise) = step.sizes[1], step.tables[0]
    outside = (x.value[:, j] < low) | (x.value[:, j] >= high)
    return _replaced(x, outside, j, otherwise)


def _replaced(x: Jets, rows: NDArray[np.bool_], j: int, value: Any) -> Jets:
    """x with a constant for its number j at some points."""
    changed = Jets(x.value.copy(), x.first.copy(), x.second.copy())
    changed.value[rows, j], changed.first[rows, j], changed.second[rows, j] = value, 0.0, 0.0
    return changed


def _chosen(step: Step, x: Jets, values: Jets) -> Jets:
    _, n, m, j = step.sizes
    place = _interval(step.tables[0], n, x.value[:, j])
    return values.chosen(m * place[:, None] + np.arange(m)).missing(np.isnan(x.value[:, j]))


def _clipped(step: Step, x: Jets) -> Jets:
    low, high = step.tables[0].reshape(2, -1)
    for j in range(len(low)):
        for end, rows in ((low[j], x.value[:, j] < low[j]), (high[j], x.value[:, j] > high[j])):
            x = _replaced(x, rows, j, end)
    return x


def _bounded(step: Step, x: Jets) -> Jets:
    low, high = step.tables[0].reshape(2, -1)
    return x.missing(((x.value < low) | (x.value > high)).any(axis=1))


def _polynomial_root(step: Step, c: Jets) -> Jets:
    """The root by the function that is translated to other languages, its derivatives by Newton's method for jets."""
    q, n_steps = step.sizes
    lengths, root = step.tables[0], np.empty(1)
    found = np.full((len(c.value), 1), math.nan)
    for i, row in enumerate(c.value):
        if np.isfinite(row).all():
            step.kernel.forward(q, n_steps, lengths, row, root)
            found[i] = root[0]

    def value(t: Jets) -> Jets:
        total: Jets = c[[q]]
        for k in range(q - 1, -1, -1):
            total = total * t + c[[k]]
        return total

    slope = np.sum([k * c.value[:, [k]] * found ** (k - 1) for k in range(1, q + 1)], axis=0)
    return _with_derivatives(value, c.constant(found), slope)


def _with_derivatives(value: Callable[[Jets], Jets], root: Jets, slope: Array) -> Jets:
    """The root of `value`, whose slope along it is known, with its derivatives."""
    start = root
    for _ in range(STEPS_OF_DEGREE_2):
        root = root - value(root) * (1.0 / slope)
    return Jets(start.value, root.first, root.second)


def _solved(step: Step, x: Jets, start: Jets) -> Jets:
    """See `kernels.solving`; what it leaves of its point beside t is not used."""
    (d, column, n_steps), (lowest, highest, least, sign) = step.sizes, step.tables[0]
    program = within(definition_of(step.kernel.forward).known["value_and_gradient"])

    def value(t: Jets) -> Jets:
        z = Jets(x.value.copy(), x.first.copy(), x.second.copy())
        z.value[:, column], z.first[:, column], z.second[:, column] = t.value[:, 0], t.first[:, 0], t.second[:, 0]
        apart = evaluated(program, z) - x[[column]]
        return apart * float(sign)

    def value_and_slope(t: Array) -> tuple[Array, Array]:
        """Of numbers alone, by t."""
        z = x.value.copy()
        z[:, column] = t[:, 0]
        along = np.zeros((len(z), d, 1))
        along[:, column] = 1.0
        y = evaluated(program, Jets(z, along, np.zeros((len(z), d, 1, 1))))
        return sign * (y.value - x.value[:, [column]]), sign * y.first[:, :, 0]

    now = np.clip(np.where(np.isnan(start.value), 0.5 * (lowest + highest), start.value), lowest, highest)
    low, high = np.full_like(now, lowest), np.full_like(now, highest)
    found = np.full_like(now, math.nan)
    for _ in range(n_steps):
        y, slope = value_and_slope(now)
        low, high = np.where(y < 0.0, now, low), np.where(y > 0.0, now, high)
        following = now - y / slope
        is_within = (slope > 0.0) & (following >= low) & (following <= high)
        is_last = is_within & (np.abs(following - now) <= least)
        found = np.where(np.isnan(found) & is_last, following, found)
        if not np.any(np.isnan(found) & ~np.isnan(y)):
            break
        now = np.where(is_within, following, 0.5 * (low + high))
    t = _with_derivatives(value, x.constant(found), value_and_slope(found)[1])
    rootless = np.isnan(found[:, 0])
    t.value[rootless], t.first[rootless], t.second[rootless] = (
        start.value[rootless],
        start.first[rootless],
        start.second[rootless],
    )
    return _joined([t, x.constant(np.zeros((len(found), 2 * d)))])


def _distances(step: Step, z: Jets) -> Jets:
    n, d = step.sizes
    points, parts = step.tables[0].reshape(n, d), []
    for point in points:
        way = z - point
        square = (way * way).into(np.ones((d, 1)))
        r = np.sqrt(square.value)
        r = np.where(r == 0.0, AT_POINT, r)
        parts.append(square.through(r, 0.5 / r, -0.25 / r**3))
    return _joined(parts)


def _spline(step: Step, x: Jets) -> Jets:
    """The recursion of Cox and de Boor for jets, see `kernels.spline_weights`."""
    d, m, extrapolate = step.sizes
    sizes, box, origins, knots, coefficients = step.tables
    degrees, counts = sizes.reshape(d, 2).T
    low, high = box.reshape(d, 2).T
    unknown = np.isnan(x.value)
    if not extrapolate:
        unknown |= (x.value < low) | (x.value > high)
    rows = unknown.any(axis=1)
    u = (x - origins[::2]) * (1.0 / origins[1::2])
    product: list[Jets] = [x.constant(np.ones((len(x.value), 1)))]
    places = [np.zeros((len(x.value), 1), dtype=np.intp)]
    begin = 0
    for j, (k, n) in enumerate(zip(degrees.tolist(), counts.tolist(), strict=True)):
        t = knots[begin : begin + n + k + 1]
        begin += n + k + 1
        cell = k + np.searchsorted(t[k + 1 : n], np.where(rows, low[j], u.value[:, j]), side="right")
        own = [x.constant(np.ones((len(x.value), 1)))]
        for r in range(1, k + 1):
            rest, following = x.constant(np.zeros((len(x.value), 1))), []
            for f in range(r):
                right, left = t[cell + 1 + f][:, None], t[cell + 1 + f - r][:, None]
                share = _scaled(own[f], 1.0 / (right - left))
                following.append(rest + (x.constant(right) - u[[j]]) * share)
                rest = (u[[j]] - x.constant(left)) * share
            own = [*following, rest]
        product = [before * weight for before in product for weight in own]
        places = [before * n + (cell - k + f)[:, None] for before in places for f in range(k + 1)]
    values = coefficients.reshape(m, -1)
    total = x.constant(np.zeros((len(x.value), m)))
    for weight, place in zip(product, places, strict=True):
        own_values = values[:, place[:, 0]].T
        total = total + weight * x.constant(own_values)
    return total.missing(rows)


def _scaled(x: Jets, factor: Array) -> Jets:
    """x times numbers (n, k) of each point."""
    return Jets(x.value * factor, x.first * factor[..., None], x.second * factor[..., None, None])


def _extreme(step: Step, x: Jets) -> Jets:
    place = np.argmax(np.where(np.isnan(x.value), -np.inf, step.sizes[1] * x.value), axis=1)
    return x.chosen(place[:, None])


def _ordered(step: Step, x: Jets) -> Jets:
    exchanges = Exchanges(step.tables[0].reshape(step.sizes[1], step.sizes[0]).astype(np.intp))
    return x.chosen(exchanges.images[exchanges.places(x.value)])


def _scored(step: Step, scores: Jets, values: Jets) -> Jets:
    _, m = step.sizes
    known = np.where(np.isnan(scores.value), -np.inf, scores.value)
    place = np.argmax(np.column_stack([np.zeros(len(known)), known]), axis=1)
    return values.chosen(m * place[:, None] + np.arange(m))


# By the names of kernels; those that are missing are functions of one number.
OPERATIONS: dict[str, Callable[..., Jets]] = {
    "affine": _affine,
    "scaled": lambda step, x: x * step.tables[0],
    "divided": lambda step, x: Jets(
        x.value / step.tables[0], x.first / step.tables[0][:, None], x.second / step.tables[0][:, None, None]
    ),
    "shifted": lambda step, x: x + step.tables[0],
    "added": lambda step, a, b: a + b,
    "multiplied": lambda step, a, b: a * b,
    "quotient": lambda step, a, b: a * b.inverse(),
    "powers": _powers,
    "joined": lambda step, a, b: _joined([a, b]),
    "taken": lambda step, x: x[step.tables[0]],
    "unless_missing": lambda step, a, x: a.missing(np.isnan(x.value).any(axis=1)),
    "chebyshev": _chebyshev,
    "piecewise": _piecewise,
    "within": _within,
    "chosen": _chosen,
    "nested": _nested,
    "partition": _partition,
    "polynomial_root": _polynomial_root,
    "distances": _distances,
    "spline": _spline,
    "extreme": _extreme,
    "scored": _scored,
    "ordered": _ordered,
    "clipped": _clipped,
    "bounded": _bounded,
}
