"""Bounds of polynomials on boxes that are proved, for what they are and for what float64 makes of them.

An enclosure of a function f on a box is a Chebyshev series and how far f is from it at most,

    |f(x) - sum_a c_a T_a1(t_1) ... T_ad(t_d)| <= radius,  t in [-1, 1]^d,

as Taylor models are (Makino and Berz 2003, Int. J. Pure Appl. Math. 4), where f is what is computed in float64. Each
operation adds to the radius what its own rounding is at most (Higham 2002, Accuracy and Stability of Numerical
Algorithms, 3.1), and the rounding of the model's evaluation. As |T| <= 1, |c_0| and the sum of the other |c| bound f;
on halves of a box they are nearer to its range, by the square of the size (`boxes`, which looks for zeros so).
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..arrays import Array
from . import boxes
from .families import AnyModel

# Twice the largest relative error of an operation: what the sums of errors themselves are rounded by is in the rest.
EPS = float(np.finfo(np.float64).eps)
# Added to each radius, for results below the smallest normal number, whose relative error is larger.
TINY = 1e-300
# Coefficients of an enclosure, and the degree along an axis: a half of that takes a tenth of a second.
MOST_NUMBERS, MOST_DEGREE = 50_000, 256
# Boxes that are looked at for one bound: some seconds. What is known by then is proved as well, but wider.
MOST_BOXES = 4000
# Points at which the width of the range is guessed, which decides only where to stop.
N_SAMPLES = 64


class Range(NamedTuple):
    """What the values of a model, and its derivatives, are between on a box.

    Of one y that was a vector `low` and `high` are numbers, the derivatives (d,); else (m,) and (m, d).
    """

    low: Any
    high: Any
    gradient_low: Array
    gradient_high: Array

    @property
    def lipschitz(self) -> Any:
        """The gradient is no longer than this: how much y changes at most with x, a number or (m,)."""
        largest = np.maximum(np.abs(self.gradient_low), np.abs(self.gradient_high))
        length = np.linalg.norm(largest, axis=-1) * (1.0 + 2.0 * (largest.shape[-1] + 2) * EPS)
        return float(length) if np.ndim(length) == 0 else length


class Enclosed(NamedTuple):
    """The outputs (m) of a model on a box, and their derivatives by its inputs (m lists of d)."""

    values: list[Enclosure]
    slopes: list[list[Enclosure]]


@dataclass(frozen=True)
class Enclosure:
    """The series `c` (n_1, ..., n_d) on a box, and the `radius` around it; `ends` are those of an input itself."""

    c: Array
    radius: float = 0.0
    ends: tuple[float, float] | None = None

    @property
    def size(self) -> float:
        """|f| is at most this."""
        return float(np.sum(np.abs(self.c))) * (1.0 + self.c.size * EPS) + self.radius

    def range(self) -> tuple[float, float]:
        """What f is between."""
        if self.ends is not None:
            return self.ends
        middle = float(self.c.flat[0])
        total = float(np.sum(np.abs(self.c)))
        rest = total - abs(middle) + (self.c.size + 4) * EPS * total + self.radius * (1.0 + 4.0 * EPS)
        low, high = np.nextafter(middle - rest, -np.inf), np.nextafter(middle + rest, np.inf)
        return (float(low), float(high)) if np.isfinite(rest) else (-np.inf, np.inf)

    def _with(self, c: Array, radius: float, rounding: float = 0.0) -> Enclosure:
        """Other coefficients, which are rounded by `rounding` of them."""
        own = rounding * EPS * float(np.sum(np.abs(c))) if rounding else 0.0
        return Enclosure(c, (radius + own) * (1.0 + 4.0 * EPS) + TINY)

    def widened(self, by: float) -> Enclosure:
        return replace(self, radius=(self.radius + by) * (1.0 + 4.0 * EPS), ends=None)

    def shifted(self, by: float) -> Enclosure:
        c = self.c.copy()
        c.flat[0] += by
        return self._with(c, self.radius, 1.0)

    def scaled(self, by: float) -> Enclosure:
        return self._with(self.c * by, self.radius * abs(by), 2.0)

    def divided(self, by: float) -> Enclosure:
        return self._with(self.c / by, self.radius / abs(by), 2.0)

    def times_power_of_two(self, exponent: int) -> Enclosure:
        return self._with(np.ldexp(self.c, exponent), float(np.ldexp(self.radius, exponent)))

    def plus(self, other: Enclosure) -> Enclosure:
        shape = np.maximum(self.c.shape, other.c.shape)
        c = _padded(self.c, shape) + _padded(other.c, shape)
        return self._with(c, self.radius + other.radius, 1.0)

    def times(self, other: Enclosure) -> Enclosure:
        a, b = self.c, other.c
        sizes = self.size * other.radius + other.size * self.radius
        if all(n == 1 or k == 1 for n, k in zip(a.shape, b.shape, strict=True)):
            return self._with(a * b, sizes, 1.0)
        require_few(np.add(a.shape, b.shape) - 1)
        if a.size > b.size:
            a, b = b, a
        # In powers of w, t = (w + 1 / w) / 2, series are symmetric, and multiply as polynomials.
        whole, other_whole = _symmetric(a), _symmetric(b)
        product = np.zeros(np.add(whole.shape, other_whole.shape) - 1)
        n_terms = 0
        for place in zip(*np.nonzero(whole), strict=True):
            here = tuple(slice(int(i), int(i) + n) for i, n in zip(place, other_whole.shape, strict=True))
            product[here] += whole[place] * other_whole
            n_terms += 1
        c = product
        for axis in range(c.ndim):
            middle = c.shape[axis] // 2
            c = np.take(c, range(middle, c.shape[axis]), axis=axis)
            c[(slice(None),) * axis + (slice(1, None),)] *= 2.0
        rounding = (n_terms + 2.0) * EPS * float(np.sum(np.abs(a))) * float(np.sum(np.abs(b)))
        return self._with(c, sizes + rounding)

    def halves(self, axis: int) -> list[Enclosure]:
        """The same on both halves of the box along an axis."""
        n = self.c.shape[axis]
        found = []
        for is_upper in (False, True):
            matrix = _half(n, is_upper)
            c = np.moveaxis(np.tensordot(matrix, self.c, axes=(1, axis)), 0, axis)
            by_axis = np.sum(np.abs(self.c), axis=tuple(k for k in range(self.c.ndim) if k != axis))
            rounding = (n + 3.0) * EPS * float(np.sum(np.abs(matrix) @ by_axis))
            found.append(self._with(c, self.radius + rounding).trimmed())
        return found

    def trimmed(self) -> Enclosure:
        """Without last coefficients along axes that are nothing beside the others."""
        c, left = self.c, 0.0
        least = 0.25 * EPS * float(np.max(np.abs(c)))
        for axis in range(c.ndim):
            over = np.max(np.abs(c), axis=tuple(k for k in range(c.ndim) if k != axis))
            kept = 1 + int(np.max(np.flatnonzero(over > least), initial=0))
            if kept < c.shape[axis]:
                left += float(np.sum(np.abs(np.take(c, range(kept, c.shape[axis]), axis=axis))))
                c = np.take(c, range(kept), axis=axis)
        return self._with(c, self.radius + left * (1.0 + self.c.size * EPS)) if left else replace(self, c=c)

    def on_sides(self) -> Enclosure:
        """That of the side of the box where the series is least, along axes in which it rises or falls for certain."""
        found = self
        for axis in range(self.c.ndim):
            n = found.c.shape[axis]
            if n == 1:
                continue
            slope = np.asarray(chebyshev.chebder(found.c, axis=axis))
            # The derivative's coefficients are sums of those of the series: of moduli, they bound their rounding.
            rounding = 4.0 * n * EPS * float(np.sum(chebyshev.chebder(np.abs(found.c), axis=axis)))
            middle, total = float(slope.flat[0]), float(np.sum(np.abs(slope)))
            if abs(middle) > total - abs(middle) + (slope.size + 4) * EPS * total + rounding:
                end = -1.0 if middle > 0.0 else 1.0
                c = np.expand_dims(np.tensordot(end ** np.arange(n), found.c, axes=(0, axis)), axis)
                found = found._with(c, found.radius + (n + 1) * EPS * float(np.sum(np.abs(found.c))))
        return found


def _padded(c: Array, shape: Any) -> Array:
    if c.shape == tuple(shape):
        return c
    out = np.zeros(shape)
    out[tuple(map(slice, c.shape))] = c
    return out


def _symmetric(c: Array) -> Array:
    """Coefficients of T_0, ..., T_n along each axis -> those of w^-n, ..., w^n."""
    for axis in range(c.ndim):
        half = np.take(c, range(1, c.shape[axis]), axis=axis) * 0.5
        c = np.concatenate([np.flip(half, axis=axis), np.take(c, [0], axis=axis), half], axis=axis)
    return c


@functools.cache
def _half(n: int, is_upper: bool) -> Array:
    """The matrix (n, n) from coefficients on [-1, 1] to those on a half, each number rounded once.

    Integers: 2^k T_k((s + t) / 2), s = -1 or 1, has the recursion P_(k+1) = 2 (s + t) P_k - 4 P_(k-1).
    """
    sign = 1 if is_upper else -1
    before, here = np.zeros(n, dtype=object), np.zeros(n, dtype=object)
    before[0] = 1
    if n > 1:
        here[0], here[1] = sign, 1
    matrix = np.zeros((n, n))
    matrix[0, 0] = 1.0
    for k in range(1, n):
        matrix[:, k] = [value / (1 << k) for value in here]
        # 2 t T_j = T_(j+1) + T_|j-1|
        shifted = np.zeros(n, dtype=object)
        shifted[1:] += here[:-1]
        shifted[1:2] += here[:1]
        shifted[:-1] += here[1:]
        before, here = here, 2 * sign * here + shifted - 4 * before
    return matrix


def require_few(shape: Sequence[int] | Array) -> None:
    """Raises ValueError for a series of so many terms."""
    if math.prod(int(n) for n in shape) > MOST_NUMBERS or max(int(n) for n in shape) > MOST_DEGREE + 1:
        raise ValueError(
            f"enclosure: expected a model of at most {MOST_NUMBERS:,} products of Chebyshev polynomials of degrees up "
            f"to {MOST_DEGREE}, got one of {' x '.join(str(int(n)) for n in shape)}"
        )


def inputs(low: Array, high: Array) -> list[Enclosure]:
    """The inputs on a box as functions of t."""
    found, d = [], len(low)
    for j, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        middle, half = 0.5 * a + 0.5 * b, 0.5 * b - 0.5 * a
        # Both are affine in t, so that they differ most at an end.
        exact = [abs(Fraction(end) - Fraction(middle) - s * Fraction(half)) for end, s in ((a, -1), (b, 1))]
        c = np.array([middle, half] if b > a else [a]).reshape([-1 if k == j else 1 for k in range(d)])
        found.append(Enclosure(c, float(max(exact)) * (1.0 + EPS) + TINY, (a, b)))
    return found


def constant(value: float, like: Enclosure) -> Enclosure:
    return Enclosure(np.full((1,) * like.c.ndim, value))


def chebyshev_of(z: Enclosure, degree: int) -> tuple[list[Enclosure], list[Enclosure]]:
    """T_0 to T_degree at z, and their derivatives k U_(k-1), as the recursions compute them.

    An error d_j of step j of T_k = 2 z T_(k-1) - T_(k-2) is U_(k-j)(z) d_j of T_k, and so it is for U. |U| and its
    derivative are largest at the end of the range.
    """
    end = max(1.0, *map(abs, z.range())) * (1.0 + 8.0 * EPS)
    U, V = np.ones(degree + 2), np.zeros(degree + 2)
    U[1], V[1] = 2.0 * end, 2.0
    for k in range(2, degree + 2):
        U[k] = 2.0 * end * U[k - 1] - U[k - 2]
        V[k] = 2.0 * U[k - 1] + 2.0 * end * V[k - 1] - V[k - 2]
    moved = z.radius + 8.0 * EPS * end
    without = replace(z, radius=0.0, ends=None)
    one = constant(1.0, z)
    tables = []
    for first in (without, replace(without, c=2.0 * without.c)):
        table, errors = [one, first], np.zeros(degree + 2)
        # The model's own steps are of floating-point numbers: products and differences of at most these.
        errors[1] = 0.0
        for k in range(2, degree + 1):
            following = without.times(table[-1]).scaled(2.0).plus(table[-2].scaled(-1.0)).trimmed()
            errors[k] = following.radius + 4.0 * EPS * (2.0 * end * U[k - 1] + U[k - 2])
            table.append(replace(following, radius=0.0))
        tables.append([(one, float(U[: k + 1][::-1] @ errors[: k + 1])) for k, one in enumerate(table[: degree + 1])])
    T, slopes = [], []
    for k in range(degree + 1):
        series, error = tables[0][k]
        T.append(series.widened(1.01 * (error + k * U[max(0, k - 1)] * moved) if k else 0.0))
        if k == 0:
            slopes.append(constant(0.0, z))
        else:
            series, error = tables[1][k - 1]
            error = 1.01 * (error + V[k - 1] * moved) + 4.0 * EPS * U[k - 1]
            slopes.append(series.widened(error).scaled(float(k)))
    return T, slopes


def sum_of_products(indices: NDArray[np.intp], coefficients: Array, z: Sequence[Enclosure]) -> Enclosed:
    """sum_a c_ak T_a1(z_1) ... T_ad(z_d) for `indices` (p, d) and `coefficients` (p, m), with derivatives by z."""
    d, m = indices.shape[1], coefficients.shape[1]
    degrees = indices.max(axis=0).astype(int).tolist()
    lengths = [np.array(one.c.shape) - 1 for one in z]
    require_few(1 + np.sum([degree * length for degree, length in zip(degrees, lengths, strict=True)], axis=0))
    tables = [chebyshev_of(one, degree) for one, degree in zip(z, degrees, strict=True)]
    one = constant(1.0, z[0])
    totals = [[_Sum(z[0].c.ndim) for _ in range(d + 1)] for _ in range(m)]
    for index, weights in zip(indices.tolist(), coefficients, strict=True):
        factors = [tables[j][0][a] for j, a in enumerate(index) if a]
        products = [functools.reduce(Enclosure.times, factors, one)]
        for j, a in enumerate(index):
            others = [tables[i][0][b] for i, b in enumerate(index) if b and i != j]
            products.append(functools.reduce(Enclosure.times, others, tables[j][1][a]) if a else None)  # type: ignore[arg-type]
        for k in np.flatnonzero(weights).tolist():
            for total, product in zip(totals[k], products, strict=True):
                if product is not None:
                    total.add(product, float(weights[k]))
    rounding = len(indices) + 4.0 * d + 8.0
    done = [[total.done(rounding) for total in of_output] for of_output in totals]
    return Enclosed([one[0] for one in done], [one[1:] for one in done])


def combination(weights: Sequence[float] | Array, terms: Sequence[Enclosure]) -> Enclosure:
    """sum_k weights_k terms_k, as summed in any order."""
    total = _Sum(terms[0].c.ndim)
    for weight, term in zip(weights, terms, strict=True):
        total.add(term, float(weight))
    return total.done(len(terms) + 8.0)


def sum_of_all_products(products: Sequence[Sequence[Enclosure]]) -> Enclosure:
    """sum_k prod_j of factors, as multiplied and summed in any order."""
    total = _Sum(products[0][0].c.ndim)
    for factors in products:
        total.add(functools.reduce(Enclosure.times, factors), 1.0)
        total.moduli += math.prod(one.size for one in factors) - total.last
    return total.done(len(products) + len(products[0]) + 8.0)


def chained(outer: Enclosed, inner: Enclosed) -> Enclosed:
    """f(u(x)) with its derivatives by x, of f at the values of `inner`."""
    by_input = list(zip(*inner.slopes, strict=True))
    slopes = [[sum_of_all_products(list(zip(of_one, own, strict=True))) for own in by_input] for of_one in outer.slopes]
    return Enclosed(outer.values, slopes)


class _Sum:
    """A sum of enclosures with weights, and of the moduli of its terms."""

    def __init__(self, d: int) -> None:
        self.c, self.radius, self.moduli, self.last = np.zeros((1,) * d), 0.0, 0.0, 0.0

    def add(self, term: Enclosure, weight: float) -> None:
        shape = np.maximum(self.c.shape, term.c.shape)
        if self.c.shape != tuple(shape):
            self.c = _padded(self.c, shape)
        self.c[tuple(map(slice, term.c.shape))] += weight * term.c
        self.radius += abs(weight) * term.radius
        self.last = abs(weight) * term.size
        self.moduli += self.last

    def done(self, rounding: float) -> Enclosure:
        """The sum; `rounding` operations are between a term and it, here and in the model, which may be rounded."""
        return Enclosure(self.c, self.radius * (1.0 + rounding * EPS) + 2.0 * rounding * EPS * self.moduli + TINY)


def bounds(functions: Sequence[Enclosure], tolerance: float) -> tuple[float, float]:
    """What all values of `functions`, each on its box, are between: wider than they are by `tolerance` of it, at most,
    if MOST_BOXES are enough, but for their radii."""
    if not all(np.isfinite(f.c).all() and np.isfinite(f.radius) for f in functions):
        return -np.inf, np.inf
    samples = np.concatenate([_samples(f) for f in functions])
    least, greatest = float(samples.min()), float(samples.max())
    low, least = _lowest(functions, tolerance, least, greatest)
    upside_down = [replace(f, c=-f.c, ends=None) for f in functions]
    high, _ = _lowest(upside_down, tolerance, -greatest, -least)
    return low, -high


def _lowest(functions: Sequence[Enclosure], tolerance: float, least: float, greatest: float) -> tuple[float, float]:
    """A bound below all values, and the least value that was seen."""
    count = itertools.count()
    waiting = [(f.range()[0], next(count), f) for f in map(Enclosure.on_sides, functions)]
    heapq.heapify(waiting)
    for _ in range(MOST_BOXES):
        bound, _, f = waiting[0]
        if least - bound <= 0.5 * tolerance * (greatest - least) + 4.0 * f.radius or max(f.c.shape) == 1:
            break
        heapq.heappop(waiting)
        series = boxes.Series(-np.ones(f.c.ndim), np.ones(f.c.ndim), f.c)
        least = min(least, boxes.low_point(series)[1])
        for half in f.halves(series.widest()):
            own = half.on_sides()
            heapq.heappush(waiting, (max(bound, own.range()[0]), next(count), own))
    return waiting[0][0], least


def _samples(f: Enclosure) -> Array:
    """Values of the series at corners, of few axes, and at other points."""
    d = f.c.ndim
    t = np.random.default_rng(0).uniform(-1.0, 1.0, (N_SAMPLES, d))
    if d <= 6:
        t = np.concatenate([t, list(itertools.product((-1.0, 1.0), repeat=d))])
    values = np.tensordot(chebyshev.chebvander(t[:, 0], f.c.shape[0] - 1), f.c, axes=(1, 0))
    for j in range(1, d):
        values = np.einsum("nk...,nk->n...", values, chebyshev.chebvander(t[:, j], f.c.shape[j] - 1))
    return np.asarray(values)


def range_of(model: AnyModel, low: Array, high: Array, tolerance: float) -> Range:
    """Of the m outputs of a model on a box, and of their derivatives."""
    with np.errstate(all="ignore"):
        found = [own for begin, end in parts_of(low, high, model.cuts()) for own in model.enclosed(inputs(begin, end))]
        m, d = model.signature.n_outputs, model.signature.n_inputs
        values = np.array([bounds([own.values[k] for own in found], tolerance) for k in range(m)])
        slopes = np.array(
            [[bounds([own.slopes[k][j] for own in found], tolerance) for j in range(d)] for k in range(m)]
        )
    return Range(values[:, 0], values[:, 1], slopes[:, :, 0], slopes[:, :, 1])


def parts_of(low: Array, high: Array, cuts: Sequence[tuple[int, float]]) -> Iterator[tuple[Array, Array]]:
    """The boxes that a box is cut into at values, (column, value), and the upper end by itself if it is one of them."""
    along: list[list[tuple[float, float]]] = []
    for j, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        ends = [a, *sorted({value for column, value in cuts if column == j and a < value < b}), b]
        pairs = [*itertools.pairwise(ends)]
        if a < b and (j, b) in cuts:
            pairs.append((b, b))
        along.append(pairs)
    for chosen in itertools.product(*along):
        yield np.array([pair[0] for pair in chosen]), np.array([pair[1] for pair in chosen])


def of_all(
    alternatives: Sequence[Sequence[Enclosed]], joined: Callable[[Sequence[Enclosed]], Enclosed]
) -> list[Enclosed]:
    """What is made of several models, each of which may be one of some."""
    return [joined(chosen) for chosen in itertools.product(*alternatives)]
