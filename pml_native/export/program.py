"""A program: what a model computes, as a list of operations on vectors, and the functions that write such lists."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array
from ..coverage import ROUNDING, Near, exponent_of, units_of
from . import kernels
from .kernels import Kernel, box
from .kernels.partition import MOST_CUTS, PARTITION

# 2^e is a normal number for |e| up to this.
MOST_EXPONENT = 1000
EMPTY = np.empty(0)


@dataclass(frozen=True)
class Vector:
    """A vector of a program: the input x, number 0, or what step number - 1 computes."""

    program: Program = field(repr=False)
    number: int
    size: int


@dataclass(frozen=True)
class Step:
    """output = kernel(sizes, tables, inputs)."""

    kernel: Kernel
    sizes: tuple[int, ...]
    tables: tuple[NDArray[Any], ...]
    inputs: tuple[Vector, ...]
    output: Vector


@dataclass
class Program:
    """The steps from x (`n_inputs` numbers) to the last one's output, y; a program within another has a `name`."""

    n_inputs: int
    steps: list[Step] = field(default_factory=list)
    name: str = ""

    @property
    def x(self) -> Vector:
        return Vector(self, 0, self.n_inputs)

    @property
    def y(self) -> Vector:
        return self.steps[-1].output if self.steps else self.x


def step(
    kernel: Kernel, size: int, inputs: Sequence[Vector], sizes: Sequence[int] = (), tables: Sequence[ArrayLike] = ()
) -> Vector:
    """The `size` numbers that `kernel` makes of `inputs`, which must differ; `sizes` come before the tables."""
    program = inputs[0].program
    output = Vector(program, len(program.steps) + 1, size)
    flat = [np.ravel(table).astype(np.intc if np.asarray(table).dtype.kind in "iu" else float) for table in tables]
    program.steps.append(Step(kernel, tuple(map(int, sizes)), tuple(flat), tuple(inputs), output))
    return output


def affine(x: Vector, weight: Array, bias: Array) -> Vector:
    """`weight` (m, n) x + `bias` (m,)."""
    return step(kernels.AFFINE, len(bias), [x], weight.shape, [weight.T, bias])


def scaled(x: Vector, factor: Array) -> Vector:
    """x times `factor`, number by number."""
    return x if np.all(factor == 1.0) else step(kernels.SCALED, x.size, [x], [x.size], [factor])


def divided(x: Vector, divisor: Array) -> Vector:
    """x over `divisor`, which may be infinite."""
    return x if np.all(divisor == 1.0) else step(kernels.DIVIDED, x.size, [x], [x.size], [divisor])


def shifted(x: Vector, shift: Array) -> Vector:
    """x + `shift`."""
    return step(kernels.SHIFTED, x.size, [x], [x.size], [shift]) if np.any(shift) else x


def times_power_of_two(x: Vector, exponent: NDArray[np.intc]) -> Vector:
    """x 2^`exponent`, exact where float64 can hold it."""
    while np.any(exponent):
        part = np.clip(exponent, -MOST_EXPONENT, MOST_EXPONENT)
        x, exponent = scaled(x, np.ldexp(np.ones(x.size), part)), exponent - part
    return x


def each(x: Vector, kernel: Kernel) -> Vector:
    """A function of one number, for all of x."""
    return step(kernel, x.size, [x], [x.size])


def each_column(x: Vector, functions: Sequence[Kernel]) -> Vector:
    """A function of its own for each number of x."""
    if all(function.name == "identity" for function in functions):
        return x
    if len(set(functions)) == 1:
        return each(x, functions[0])
    result = None
    for j, function in enumerate(functions):
        one = each(taken(x, [j]), function)
        result = one if result is None else joined(result, one)
    assert result is not None
    return result


def added(a: Vector, b: Vector) -> Vector:
    """a + b."""
    return step(kernels.ADDED, a.size, [a, b], [a.size])


def multiplied(a: Vector, b: Vector) -> Vector:
    """a times the one number b."""
    return step(kernels.MULTIPLIED, a.size, [a, b], [a.size])


def quotient(a: Vector, b: Vector) -> Vector:
    """a over the one number b."""
    return step(kernels.QUOTIENT, a.size, [a, b], [a.size])


def powers(x: Vector, exponents: Array) -> Vector:
    """Products of powers of x, one for each row of `exponents` (m, d)."""
    return step(kernels.POWERS, len(exponents), [x], exponents.shape, [exponents])


def joined(a: Vector, b: Vector) -> Vector:
    """The numbers of a, then those of b."""
    return step(kernels.JOINED, a.size + b.size, [a, b], [a.size, b.size])


def taken(x: Vector, places: Sequence[int]) -> Vector:
    """The numbers of x at `places`."""
    return step(kernels.TAKEN, len(places), [x], [len(places)], [np.array(places, dtype=np.intc)])


def unless_missing(a: Vector, x: Vector) -> Vector:
    """a, but NaN where x has one."""
    return step(kernels.UNLESS_MISSING, a.size, [a, x], [a.size, x.size])


def nested_chebyshev(
    z: Vector, parents: NDArray[np.intp], variables: NDArray[np.intp], degrees: NDArray[np.intp], coefficients: Array
) -> Vector:
    """`coefficients` (m, n) times products: 1, then product parents[i] < i times T_degrees[i](z_variables[i])."""
    m, n = coefficients.shape
    degree = int(degrees.max())
    table = step(kernels.CHEBYSHEV, z.size * (degree + 1), [z], [z.size, degree])
    tables = [parents, variables * (degree + 1) + degrees, coefficients.T]
    return taken(step(kernels.NESTED, n * m, [table], [n, m], tables), range(m))


def piecewise_chebyshev(
    x: Vector, breaks: Array, units: Array, factors: Array, coefficients: Sequence[Array]
) -> Vector:
    """Series of the one number x, a `coefficients` (k, m) each; `units` (p, 3), `factors` (p, m): kernels.piecewise."""
    p, m = factors.shape
    starts = np.concatenate([[0], np.cumsum([len(own) for own in coefficients])])
    return step(kernels.PIECEWISE, m, [x], [p, m], [starts, breaks, units, factors, np.concatenate(coefficients)])


def partition(
    z: Vector,
    nodes: NDArray[np.intp],
    cuts: Array,
    leaves: NDArray[np.intp],
    units: Array,
    trees: Sequence[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]],
    coefficients: Array,
) -> Vector:
    """Polynomials on the leaves of a tree: `nodes` (k, 3), `cuts` (k, 2), and of leaf i the degree leaves_i, whose
    products `trees` has as parents, variables and degrees, and shift and divisor units_i (2 d); `coefficients` (p, m)
    of all leaves."""
    d, m, degree = z.size, coefficients.shape[1], max(1, len(trees) - 1)
    counts = np.array([len(parents) for parents, _, _ in trees])
    begins = np.concatenate([[0], np.cumsum(counts)])
    flat = [np.stack([parents, v * (degree + 1) + k], axis=1) for parents, v, k in trees]
    sizes = counts[leaves]
    of_leaves = np.stack([begins[leaves], sizes, m * (np.cumsum(sizes) - sizes)], axis=1)
    most = int(counts.max())
    size = m + d * (degree + 1) + most + (MOST_CUTS + 2) * d
    root = 0 if len(nodes) else -1
    if root < 0:  # not all languages have tables without numbers
        nodes, cuts = np.zeros((1, 3), dtype=np.intp), np.ones((1, 2))
    tables = [nodes, of_leaves, np.concatenate(flat), cuts, units, coefficients]
    whole = step(PARTITION, size, [z], [d, m, degree, most, root], tables)
    return taken(whole, range(m))


def within(x: Vector, column: int, low: float, high: float, otherwise: float) -> Vector:
    """x, but for one number of it that is `otherwise` if it isn't in [low, high)."""
    return step(kernels.WITHIN, x.size, [x], [x.size, column], [[low, high, otherwise]])


def chosen(x: Vector, column: int, breaks: Array, values: Vector) -> Vector:
    """The values of the interval that one number of x is in, those of all intervals being one after the other."""
    p = len(breaks) - 1
    return step(kernels.CHOSEN, values.size // p, [x, values], [x.size, p, values.size // p, column], [breaks])


def polynomial_root(c: Vector, n_steps: int, lengths: Sequence[float]) -> Vector:
    """t with sum_k c_k t^k = 0 by Newton's method from the last number of c, which is none of the c_k.

    `lengths` are the longest step, that of the last if there are `n_steps` before, and what says where two roots touch:
    see kernels.polynomial_root.
    """
    return step(kernels.POLYNOMIAL_ROOT, 1, [c], [c.size - 2, n_steps], [list(lengths)])


def solved(
    x: Vector, start: Vector, model: Callable[[Vector], Vector], column: int, n_steps: int, limits: Array
) -> Vector:
    """t for which the one number `model`(z) is x[column], z being x with t for that: by Newton's method from `start`.

    `limits` are those of t, the step that is the last, and 1 where the model rises with t, -1 where it falls.
    """
    program = x.program
    within = Program(x.size, name=f"{program.name}within{len(program.steps)}")
    model(within.x)
    root = step(kernels.solving(within), 1 + 2 * x.size, [x, start], [x.size, column, n_steps], [limits])
    return taken(root, [0])


def distances(z: Vector, points: Array) -> Vector:
    """From z (d,) to `points` (n, d)."""
    return step(kernels.DISTANCES, len(points), [z], points.shape, [points])


def spread(values: Sequence[Vector], unit: Array, factor: float, least: float, is_relative: bool) -> Vector:
    """How far the others among `values` are from the first: see kernels.spread."""
    m, z = values[0].size, functools.reduce(joined, values)
    return step(kernels.SPREAD, 1, [z], [m, len(values) - 1, is_relative], [unit, [factor, least]])


def at_least_away(e: Vector, x: Vector, away: float, near: Near) -> Vector:
    """The one number e, and `away` at least where x has no row near: see kernels.away."""
    exponent = exponent_of(near.low, near.high)
    low, high = np.ldexp(near.low, exponent), np.ldexp(near.high, exponent)
    varies = high > low
    u = divided(shifted(times_power_of_two(x, exponent), -low), np.where(varies, high - low, 1.0))
    columns = range(x.size)
    values = [units_of(near.values[j], near.low[j], near.high[j]) if j in near.values else EMPTY for j in columns]
    starts = np.cumsum([0, *map(len, values)]).astype(np.intc)
    z = step(kernels.NEAREST, x.size, [u], [x.size], [starts, np.concatenate([*values, [0.0]])])
    sizes = np.array([away, near.reach, ROUNDING])
    tables = [varies.astype(np.float64), np.append(near.rows, 0.0), sizes]
    return step(kernels.AWAY, 1, [e, u, z], [x.size, len(near.rows)], tables)


def spline(
    x: Vector,
    degrees: Sequence[int],
    knots: Sequence[Array],
    units: Sequence[tuple[float, float]],
    box: Sequence[tuple[float, float]],
    coefficients: Array,
    extrapolate: bool,
) -> Vector:
    """The tensor-product spline of `coefficients` (m, n_1, ..., n_d) on `knots` u, x = origin + step u for `units`."""
    m = len(coefficients)
    sizes = np.column_stack([degrees, coefficients.shape[1:]])
    tables = [sizes, np.array(box), np.array(units), np.concatenate(knots), coefficients]
    return step(kernels.SPLINE, m, [x], [x.size, m, extrapolate], tables)


def extreme(x: Vector, sign: int) -> Vector:
    """The largest number of x that is not NaN, or for a sign of -1 the smallest."""
    return step(kernels.EXTREME, 1, [x], [x.size, sign])


def scored(scores: Vector, values: Vector) -> Vector:
    """Those of the `values` of q models, one after the other, of which 0 or one of q - 1 `scores` is the largest."""
    q = scores.size + 1
    return step(kernels.SCORED, values.size // q, [scores, values], [q, values.size // q])


def ordered(x: Vector, images: NDArray[np.intp]) -> Vector:
    """Of the permutations `images` (g, d) of x the first one in lexicographic order."""
    return step(kernels.ORDERED, x.size, [x], [x.size, len(images)], [images])


def clipped(x: Vector, low: Array, high: Array) -> Vector:
    """The point of a box that is nearest to x."""
    return step(box.CLIPPED, x.size, [x], [x.size], [np.concatenate([low, high])])


def bounded(x: Vector, low: Array, high: Array) -> Vector:
    """x in a box, elsewhere NaN."""
    return step(box.BOUNDED, x.size, [x], [x.size], [np.concatenate([low, high])])


def continued(
    x: Vector, model: Callable[[Vector], Vector], low: Array, high: Array, apart: float, weights: Array
) -> Vector:
    """`model` in a box, and beyond it its linear continuation: see box.sloping."""
    program = x.program
    y = model(clipped(x, low, high))
    within = Program(x.size, name=f"{program.name}within{len(program.steps)}")
    model(within.x)
    d, m = x.size, y.size
    tables = [np.concatenate([low, high]), np.append(weights, apart)]
    slope = step(box.sloping(within), m + 2 * (m + d + m * d), [x], [d, m, len(weights)], tables)
    return added(y, taken(slope, range(m)))
