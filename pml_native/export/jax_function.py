"""A program as a function of jax.numpy: of one point, in float64, that jit, grad and vmap take."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .definition import definition_of, within
from .kernels import Kernel
from .of_arrays import OfArrays
from .program import Program, Step

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError as error:
    raise ImportError(f'this needs jax, pip install "pml_native[jax]" ({error})') from error

Value = Any  # an array of jax

# JAX's own, with derivatives of any order, for those that the core has formulas for.
KNOWN: dict[str, Callable[..., Value]] = {
    **{name: getattr(jnp, name) for name in ("tanh", "sin", "cos", "exp", "log", "sqrt", "copysign", "where", "real")},
    "exp_nonpositive": jnp.exp,
    "log1p_unit": jnp.log1p,
    "fabs": jnp.abs,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
}


def function(program: Program, is_number: bool) -> Callable[[Value], Value]:
    """f(x), x (d,): y (m,), or y[0] if `is_number`."""
    d = program.n_inputs

    def f(x: Value) -> Value:
        if not jax.config.read("jax_enable_x64"):
            raise ValueError('expected float64, got float32: first jax.config.update("jax_enable_x64", True)')
        x = jnp.asarray(x, dtype=jnp.float64)
        if x.shape != (d,):
            raise ValueError(f"x: expected ({d},), got {x.shape}; jax.vmap makes a function of many points")
        y = evaluated(program, x)
        return y[0] if is_number else y

    return f


def evaluated(program: Program, x: Value) -> Value:
    """y (m,) at x (d,)."""
    values = [x]
    for step in program.steps:
        inputs = [values[vector.number] for vector in step.inputs]
        if step.kernel.name in OPERATIONS:
            values.append(OPERATIONS[step.kernel.name](step, *inputs))
        elif step.kernel.name.startswith("solved"):
            values.append(_solved(step, *inputs))
        elif step.kernel.name.startswith("sloped"):
            values.append(_sloped(step, *inputs))
        else:
            values.append(_each(step.kernel)(*inputs))
    return values[-1]


of_arrays = OfArrays(KNOWN)


@functools.cache
def _each(kernel: Kernel) -> Callable[[Value], Value]:
    """The function of `functions.each`, whose derivative is the slope that is given there."""
    value, slope = of_arrays.value_and_slope(kernel)
    one: Any = jax.custom_jvp(value)
    one.defjvps(lambda tangent, v, z: slope(z, v) * tangent)
    made: Callable[[Value], Value] = one
    return made


def _unknown(is_unknown: Value, x: Value) -> Value:
    """NaN, as are its derivatives by all of x, where a condition holds, else 0."""
    return jnp.where(is_unknown, math.nan, 0.0) * jnp.sum(jnp.where(is_unknown, x, 0.0))


def _root(square: Value) -> Value:
    """Its square root, of which the derivative at 0 is 0."""
    return jnp.where(square == 0.0, 0.0, jnp.sqrt(jnp.where(square == 0.0, 1.0, square)))


def _affine(step: Step, x: Value) -> Value:
    m, n = step.sizes
    weight, bias = step.tables
    return jnp.dot(x, weight.reshape(n, m), precision=lax.Precision.HIGHEST) + bias


def _powers(step: Step, x: Value) -> Value:
    exponents = step.tables[0].reshape(step.sizes)
    used = jnp.where(exponents == 0.0, 1.0, x)
    missing = jnp.isnan(used)
    # The derivative of the power 1 is 1, even where x is NaN.
    unknown = jnp.where(missing.any(axis=1), math.nan, 0.0) * jnp.sum(jnp.where(missing, used, 0.0), axis=1)
    return jnp.prod(used**exponents, axis=1) + unknown


def _chebyshev(step: Step, z: Value) -> Value:
    _, degree = step.sizes
    rows = [jnp.ones_like(z), z]
    for _ in range(2, degree + 1):
        rows.append(2.0 * z * rows[-1] - rows[-2])
    return jnp.stack(rows[: degree + 1], axis=1).ravel()


def _nested(step: Step, t: Value) -> Value:
    """The factors of each product are multiplied at once; of the sums only the whole one is known then."""
    n, m = step.sizes
    parents, factors, coefficients = step.tables
    paths: list[list[int]] = [[]]
    for i in range(1, n):
        paths.append([*paths[parents[i]], int(factors[i])])
    longest = max(map(len, paths))
    places = np.array([[*path, *[t.size] * (longest - len(path))] for path in paths], dtype=np.intp)
    products = jnp.prod(jnp.append(t, 1.0)[places], axis=1)
    whole = jnp.dot(products, coefficients.reshape(n, m), precision=lax.Precision.HIGHEST)
    return jnp.concatenate([whole, jnp.zeros(n * m - m)])


def _interval(breaks: Any, n: int, x: Value) -> Value:
    """Which of n intervals x is in, as `kernels.interval`."""
    return jnp.searchsorted(breaks[1:n], x, side="right")


def _piecewise(step: Step, x: Value) -> Value:
    p, m = step.sizes
    starts, breaks, units, factors, coefficients = step.tables
    longest = max(np.diff(starts))
    padded = np.zeros((p, longest, m))
    for i, (begin, end) in enumerate(itertools.pairwise(starts)):
        padded[i, : end - begin] = coefficients.reshape(-1, m)[begin:end]
    i = jnp.minimum(_interval(breaks, p, x[0]), p - 1)
    f, s, d = jnp.asarray(units.reshape(p, 3))[i]
    z = (x[0] * f - s) / d
    own = jnp.asarray(padded)[i]
    zeros = jnp.zeros(m) * z
    (ahead, beyond), _ = lax.scan(
        lambda both, c: ((2.0 * z * both[0] - both[1] + c, both[0]), None), (zeros, zeros), own[:0:-1]
    )
    return (z * ahead - beyond + own[0]) * jnp.asarray(factors.reshape(p, m))[i]


# Leaves of a partition that have a part in one point at most: bands of cuts across one column lie apart, so that there
# are two for each column; so many are looked at in any case.
MOST_LEAVES = 16


def _partition(step: Step, z: Value) -> Value:
    """The weights of all leaves, and the polynomials of those that have one, all written as of the highest degree."""
    d, m, degree, _, root = step.sizes
    nodes, leaves, trees, cuts, units, coefficients = step.tables
    nodes, cuts = nodes.reshape(-1, 3), cuts.reshape(-1, 2)
    paths: list[list[tuple[int, int]]] = [[] for _ in leaves[::3]]

    def follow(number: int, path: list[tuple[int, int]]) -> None:
        if number < 0:
            paths[-1 - number] = path
        else:
            follow(int(nodes[number, 1]), [*path, (number, 0)])
            follow(int(nodes[number, 2]), [*path, (number, 1)])

    follow(root, [])
    longest = max(1, *map(len, paths))
    unity = len(nodes)  # the number of what is 1 on either side
    padded = np.array([path + [(unity, 0)] * (longest - len(path)) for path in paths])
    v = jnp.clip(0.5 + 0.5 * (z[nodes[:, 0]] - cuts[:, 0]) / cuts[:, 1], 0.0, 1.0)
    up = v**4 * (35.0 + v * (-84.0 + v * (70.0 - 20.0 * v)))
    sides = jnp.stack([jnp.append(1.0 - up, 1.0), jnp.append(up, 1.0)])
    weights = jnp.prod(sides[padded[:, :, 1], padded[:, :, 0]], axis=1)

    every: dict[tuple[int, ...], int] = {}
    sums = np.zeros((len(paths), math.comb(d + degree, d), m))
    for leaf, (tree, n, begin) in enumerate(leaves.reshape(-1, 3).tolist()):
        own = [(0,) * d]
        for parent, factor in trees.reshape(-1, 2)[tree + 1 : tree + n].tolist():
            column, power = divmod(factor, degree + 1)
            own.append(tuple(power if j == column else a for j, a in enumerate(own[parent])))
        places = [every.setdefault(index, len(every)) for index in own]
        sums[leaf, places] = coefficients[begin : begin + n * m].reshape(n, m)
    indices = np.array(list(every))
    chosen = lax.top_k(lax.stop_gradient(weights), min(len(paths), max(MOST_LEAVES, 2**d)))[1]
    shift, divisor = jnp.moveaxis(jnp.asarray(units.reshape(-1, 2, d))[chosen], 1, 0)
    u = (z - shift) / divisor
    table = [jnp.ones_like(u), u]
    for _ in range(2, degree + 1):
        table.append(2.0 * u * table[-1] - table[-2])
    powers = jnp.stack(table)
    products = jnp.ones((len(indices), len(chosen)))
    for j in range(d):
        products = products * powers[indices[:, j], :, j]
    values = jnp.einsum("pk,kpm->km", products, jnp.asarray(sums[:, : len(indices)])[chosen], precision="highest")
    y = weights[chosen] @ values + _unknown(jnp.any(jnp.isnan(z)), z)
    return jnp.concatenate([y, jnp.zeros(step.output.size - m)])


def _within(step: Step, x: Value) -> Value:
    j, (low, high, otherwise) = step.sizes[1], step.tables[0]
    return x.at[j].set(jnp.where((x[j] < low) | (x[j] >= high), otherwise, x[j]))


def _chosen(step: Step, x: Value, values: Value) -> Value:
    _, n, m, j = step.sizes
    i = jnp.minimum(_interval(step.tables[0], n, x[j]), n - 1)
    return values.reshape(n, m)[i] + _unknown(jnp.isnan(x[j]), x)


def _polynomial_root(step: Step, c: Value) -> Value:
    """See `kernels.polynomial_root`; its derivatives are those of the function that is implicit."""
    (q, n_steps), (longest, least, rounded, still) = step.sizes, step.tables[0]
    nothing = rounded * lax.stop_gradient(
        functools.reduce(lambda sum_, k: sum_ + jnp.abs(c[k]), range(1, q + 1), jnp.abs(c[0]))
    )

    def value(t: Value) -> Value:
        return functools.reduce(lambda sum_, k: sum_ * t + c[k], range(q - 1, -1, -1), c[q])

    def improved(state: tuple[Value, ...]) -> tuple[Value, ...]:
        i, now, low, high = state
        y, slope = jax.jvp(value, (now,), (1.0,))
        low, high = jnp.where(y < 0.0, now, low), jnp.where(y > 0.0, now, high)
        move = y / slope
        touching = (jnp.abs(y) <= nothing) & ((slope <= 0.0) | (jnp.abs(move) > still))
        move = jnp.where((slope <= 0.0) | (jnp.abs(move) > longest), jnp.copysign(longest, y), move)
        following = now - move
        following = jnp.where((following < low) | (following > high), 0.5 * (low + high), following)
        now = jnp.where(touching, now, following)
        return jnp.where(touching | (jnp.abs(move) <= least), n_steps, i + 1), now, low, high

    def solve(_: Any, start: Value) -> Value:
        state = (0, jnp.clip(start, -1.0 - longest, 1.0 + longest), -jnp.inf, jnp.inf)
        return lax.while_loop(lambda state: state[0] < n_steps, improved, state)[1]

    return lax.custom_root(value, lax.stop_gradient(c[q + 1]), solve, _over_slope)[None]


def _over_slope(linear: Callable[[Value], Value], y: Value) -> Value:
    """The x with `linear`(x) = y."""
    return y / linear(jnp.ones_like(y))


def _solved(step: Step, x: Value, start: Value) -> Value:
    """See `kernels.solving`; what it leaves of its point beside t is not used."""
    (d, column, n_steps), (lowest, highest, least, sign) = step.sizes, step.tables[0]
    program = within(definition_of(step.kernel.forward).known["value_and_gradient"])

    def value(t: Value) -> Value:
        return sign * (evaluated(program, x.at[column].set(t))[0] - x[column])

    def improved(state: tuple[Value, ...]) -> tuple[Value, ...]:
        i, now, low, high, found = state
        y, slope = jax.jvp(value, (now,), (1.0,))
        low, high = jnp.where(y < 0.0, now, low), jnp.where(y > 0.0, now, high)
        following = now - y / slope
        is_within = (slope > 0.0) & (following >= low) & (following <= high)
        is_last = is_within & (jnp.abs(following - now) <= least)
        following = jnp.where(is_within, following, 0.5 * (low + high))
        return jnp.where(is_last, n_steps, i + 1), following, low, high, jnp.where(is_last, following, found)

    first = lax.stop_gradient(start[0])
    begin = jnp.clip(jnp.where(jnp.isnan(first), 0.5 * (lowest + highest), first), lowest, highest)

    def solve(_: Any, start: Value) -> Value:
        state = (0, begin, lowest, highest, math.nan)
        return lax.while_loop(lambda state: state[0] < n_steps, improved, state)[4]

    def of_root(t: Value) -> Value:  # without a root t is NaN, and its derivatives, which count for nothing, finite
        return jnp.where(jnp.isnan(t), t, value(jnp.where(jnp.isnan(t), begin, t)))

    t = lax.custom_root(of_root, first, solve, _over_slope)
    t = jnp.where(jnp.isnan(t), start[0], t)
    return jnp.append(t, jnp.zeros(2 * d))


def _clipped(step: Step, x: Value) -> Value:
    low, high = step.tables[0].reshape(2, -1)
    return jnp.where(x < low, low, jnp.where(x > high, high, x))


def _bounded(step: Step, x: Value) -> Value:
    low, high = step.tables[0].reshape(2, -1)
    return x + _unknown(jnp.any((x < low) | (x > high)), x)


def _sloped(step: Step, x: Value) -> Value:
    """See `box.sloping`; the points that it leaves behind its m numbers are not used."""
    d, m, _ = step.sizes
    program = within(definition_of(step.kernel.forward).known["value_and_gradient"])
    nearest = _clipped(step, x)
    way = jnp.where(jnp.any(jnp.isnan(x)), 0.0, x - nearest)
    _, added = jax.jvp(lambda z: evaluated(program, z), (nearest,), (way,))
    return jnp.concatenate([added, jnp.zeros(2 * (m + d + m * d))])


def _distances(step: Step, z: Value) -> Value:
    return _root(jnp.sum((z - step.tables[0].reshape(step.sizes)) ** 2, axis=1))


def _spline(step: Step, x: Value) -> Value:
    """The recursion of Cox and de Boor, see `kernels.spline_weights`, which JAX differentiates."""
    d, m, extrapolate = step.sizes
    sizes, box, origins, knots, coefficients = step.tables
    degrees, counts = sizes.reshape(d, 2).T
    low, high = box.reshape(d, 2).T
    outside = jnp.isnan(x) | ((x < low) | (x > high) if not extrapolate else False)
    is_unknown = jnp.any(outside)
    u = (jnp.where(is_unknown, low, x) - origins[::2]) / origins[1::2]
    weights, firsts, begin = [], [], 0
    for j, (k, n) in enumerate(zip(degrees.tolist(), counts.tolist(), strict=True)):
        t = jnp.asarray(knots[begin : begin + n + k + 1])
        begin += n + k + 1
        cell = k + jnp.searchsorted(t[k + 1 : n], u[j], side="right")
        own = [jnp.ones(())]
        for r in range(1, k + 1):
            rest, following = jnp.zeros(()), []
            for f in range(r):
                right, left = t[cell + 1 + f], t[cell + 1 + f - r]
                share = own[f] / (right - left)
                following.append(rest + (right - u[j]) * share)
                rest = (u[j] - left) * share
            own = [*following, rest]
        weights.append(jnp.stack(own))
        firsts.append(cell - k)
    cells = lax.dynamic_slice(
        jnp.asarray(coefficients.reshape(m, *counts)),
        [jnp.asarray(first, dtype=jnp.int32) for first in (0, *firsts)],
        (m, *(int(k) + 1 for k in degrees)),
    )
    for own in reversed(weights):
        cells = jnp.dot(cells, own, precision=lax.Precision.HIGHEST)
    return cells + _unknown(is_unknown, x)


def _spread(step: Step, z: Value) -> Value:
    (m, n, is_relative), (unit, (factor, least)) = step.sizes, step.tables
    rows = z.reshape(n + 1, m)
    apart = (rows[1:] - rows[0]) / (jnp.abs(rows[0]) if is_relative else unit)
    error = jnp.maximum(factor * jnp.sqrt(jnp.sum(apart**2 / m)), least)
    return jnp.where(jnp.isnan(error), jnp.inf, error)[None]


def _nearest(step: Step, u: Value) -> Value:
    starts, values = step.tables
    near = []
    for j, (begin, end) in enumerate(itertools.pairwise(starts)):
        own = values[begin:end]
        place = jnp.searchsorted(0.5 * own[:-1] + 0.5 * own[1:], u[j], side="left")
        near.append(jnp.asarray(own)[place] if len(own) else u[j])
    return jnp.stack(near)


def _away(step: Step, e: Value, u: Value, z: Value) -> Value:
    (d, n), (top, rows, (least, reach, rounding)) = step.sizes, step.tables
    is_near = jnp.all((u >= -rounding) & (u <= top + rounding))
    if n:
        is_near &= jnp.any(jnp.sum((z - rows[: n * d].reshape(n, d)) ** 2, axis=1) < reach**2)
    return jnp.where(is_near, e, jnp.maximum(e, least))


def _extreme(step: Step, x: Value) -> Value:
    return x[jnp.argmax(jnp.where(jnp.isnan(x), -jnp.inf, step.sizes[1] * x))][None]


def _scored(step: Step, scores: Value, values: Value) -> Value:
    k = jnp.argmax(jnp.append(0.0, jnp.where(jnp.isnan(scores), -jnp.inf, scores)))
    return values.reshape(step.sizes)[k]


def _ordered(step: Step, x: Value) -> Value:
    d, g = step.sizes
    images = x[step.tables[0].reshape(g, d)]
    return images[jnp.lexsort(images.T[::-1])[0]]


# By the names of kernels; those that are missing are functions of one number.
OPERATIONS: dict[str, Callable[..., Value]] = {
    "affine": _affine,
    "scaled": lambda step, x: x * step.tables[0],
    "divided": lambda step, x: x / step.tables[0],
    "shifted": lambda step, x: x + step.tables[0],
    "added": lambda step, a, b: a + b,
    "multiplied": lambda step, a, b: a * b[0],
    "quotient": lambda step, a, b: a / b[0],
    "powers": _powers,
    "joined": lambda step, a, b: jnp.concatenate([a, b]),
    "taken": lambda step, x: x[step.tables[0]],
    "unless_missing": lambda step, a, x: a + _unknown(jnp.any(jnp.isnan(x)), x),
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
    "spread": _spread,
    "nearest": _nearest,
    "away": _away,
    "clipped": _clipped,
    "bounded": _bounded,
}
