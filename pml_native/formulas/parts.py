"""What a function of several variables is made of, found by asking it for values in its box.

A power law and a quotient of low degree are found as they are. Else the function is taken apart into ones of fewer
variables, which are looked at the same way:

- f(x_i, x_j) = x_j^c g(x_i x_j^p), or g(x_i + p x_j): x_i and x_j are moved together, and f is multiplied with a power;
- f = g(x_j) h(others): the values at some x_j and at some points of the others are a matrix of rank 1;
- T(f) = sum_k g_k(x_j) h_k(others) for an outer function T: a matrix of low rank, whose columns are spanned by known
  functions g_k; what they are multiplied with is found by least squares, wherever it is asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import Chebyshev

from ..arrays import Array
from ..singular_values import lstsq, pinv, singular_values, svd
from .fitted import Samples, adjusted, monic, without_constant
from .outer import View, views
from .quotients import quotient
from .series import Terms, column, exponentials, function_of, nodes, powers_for

POINTS = 240
# The matrix of a test: values of one variable, points of the others.
ROWS, COLUMNS = 20, 30
MOST_FUNCTIONS = 3
# What is below so many times the error is 0; an error grows by so much where a function is taken apart.
NOTHING = 30.0
GROWTH = 4.0
# Degrees up to which quotients of 2, 3 and 4 variables are looked for: of higher ones there are too many.
QUOTIENT_DEGREES = {2: 4, 3: 3, 4: 2}
# Exponents p of joint scalings; the factors by which x_j is moved, and points that must stay in the box.
SCALINGS = (1, -1, 2, -2, sympy.Rational(1, 2), sympy.Rational(-1, 2))
MOVES = (0.7, 1.4)
FEWEST = 30
# Variables up to which functions in front of such are looked for: there are many pairs of more.
MOST_JOINED = 4
# Exponents of a power law that are fractions of such denominators to this are taken for these; logarithms of values
# are as near to those of a power law.
DENOMINATOR = 6
FRACTION_ERROR = 1e-6
# Known functions are dependent of which one has less than this that the others have not.
DEPENDENT = 1e-3
# Derivatives leave a space, relative, by less than this, where it is one of exponentials.
LEAVING = 1e-4
# Exponents that are smaller, relative to the largest, are 0 twice, for 1 and u, where eigenvalues are exact to roots of
# eps: 8e-6 was seen.
SLOW = 1e-4
# Points at which a function may be asked in all, and that times its numbers: some seconds.
MOST_VALUES = 6_000_000
MOST_WORK = 6_000_000_000


class SpentError(Exception):
    """The function was asked too often."""


@dataclass(frozen=True)
class Function:
    """Values (n,) at points (n, d) of a box, `low` and `high` (d,), with an error relative to their RMS."""

    values: Callable[[Array], Array]
    low: Array
    high: Array
    error: float

    def limited(self, n_params: int, share: float) -> Function:
        """The same, of so many numbers, which raises SpentError when it has been asked that share of too often."""
        left = [int(share * min(MOST_VALUES, MOST_WORK // max(n_params, 1)))]

        def values(X: Array) -> Array:
            left[0] -= len(X)
            if left[0] < 0:
                raise SpentError
            return self.values(X)

        return replace(self, values=values)

    def held(self, places: Sequence[int], at: Array) -> Function:
        """That of the other variables, where those at `places` have the values that the point `at` (d,) has."""
        others = [j for j in range(len(at)) if j not in places]

        def values(X: Array) -> Array:
            full = np.tile(at, (len(X), 1))
            full[:, others] = X
            return self.values(full)

        return Function(values, self.low[others], self.high[others], self.error)

    def grown(self, factor: float) -> Function:
        """The same, with a larger error."""
        return replace(self, error=factor * self.error)

    def matrix(self, j: int, u: Array, X: Array) -> Array:
        """Values where column j of each point of `X` (n, d) becomes each of `u` (k,): (k, n)."""
        asked = np.repeat(X, len(u), axis=0)
        asked[:, j] = np.tile(u, len(X))
        return np.ascontiguousarray(self.values(asked).reshape(len(X), len(u)).T)


def explained(function: Function, variables: Sequence[Any]) -> Any:
    """A formula for `function` of the symbols `variables`, its numbers as Floats; None if none is found."""
    X = np.random.default_rng(0).uniform(function.low, function.high, (POINTS, len(variables)))
    samples = Samples(X, function.values(X), function.error)
    if not np.isfinite(samples.y).all():
        return None
    needless = [j for j in range(len(variables)) if not _changes(function, samples, j)]
    if len(needless) == len(variables):
        return sympy.Float(float(np.mean(samples.y)))
    if needless:
        middle = 0.5 * (function.low + function.high)
        return explained(function.held(needless, middle), _without(variables, needless))
    if len(variables) == 1:
        return _of_one(function, variables[0])
    for source in (_power_laws, _quotients, _joined, _products, _sums, _joined_products):
        for guess in source(function, variables, samples):
            formula = adjusted(guess, variables, samples)
            if formula is not None:
                return formula
    return None


def _without(variables: Sequence[Any], places: Sequence[int]) -> list[Any]:
    return [variable for j, variable in enumerate(variables) if j not in places]


def _changes(function: Function, samples: Samples, j: int) -> bool:
    """Whether the function changes with variable j."""
    X = samples.X.copy()
    X[:, j] = np.roll(X[:, j], 1)
    change = np.sqrt(np.mean((function.values(X) - samples.y) ** 2))
    return bool(change > NOTHING * function.error * samples.unit)


def _of_one(function: Function, variable: Any) -> Any:
    low, high = float(function.low[0]), float(function.high[0])
    return function_of(variable, low, high, lambda u: function.values(u[:, None]), function.error)


def _power_laws(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """c prod_j x_j^a_j."""
    sign = 1 if np.all(samples.y > 0.0) else -1
    if not np.all(sign * samples.y > 0.0) or not np.all(samples.X > 0.0):
        return
    matrix = np.column_stack([np.log(samples.X), np.ones(POINTS)])
    exponents, *_ = lstsq(matrix, np.log(sign * samples.y), rcond=None)
    if np.max(np.abs(matrix @ exponents - np.log(sign * samples.y))) < FRACTION_ERROR:
        front = sympy.Float(sign * float(np.exp(exponents[-1])))
        yield front * sympy.Mul(*(x ** _exponent(float(a)) for x, a in zip(variables, exponents, strict=False)))


def _exponent(value: float) -> Any:
    """A fraction of a small denominator, or a number to be found."""
    fraction = sympy.Rational(value).limit_denominator(DENOMINATOR)
    return fraction if abs(float(fraction) - value) < FRACTION_ERROR else sympy.Float(value)


def _quotients(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    for view in views(samples.y):
        # One over a quotient is one too.
        if view.outer.name not in ("reciprocal", "reciprocal_square"):
            found = quotient(variables, view.samples(samples), QUOTIENT_DEGREES.get(len(variables), 0))
            if found is not None:
                yield view.back(found)


# Two variables that stand together


@dataclass(frozen=True)
class Scaling:
    """x_j is multiplied with t, x_i divided by t^p: x_i x_j^p stays."""

    p: Any

    def moved(self, x: Array, z: Array, t: Array) -> tuple[Array, Array]:
        return x / t ** float(self.p), z * t

    def joined(self, x: Any, z: Any) -> Any:
        return x * z**self.p

    def back(self, v: Array, z: float) -> Array:
        return np.asarray(v / z ** float(self.p))


@dataclass(frozen=True)
class Shift:
    """x_j gets log t more, x_i p log t less: x_i + p x_j stays."""

    p: int

    def moved(self, x: Array, z: Array, t: Array) -> tuple[Array, Array]:
        return x - self.p * np.log(t), z + np.log(t)

    def joined(self, x: Any, z: Any) -> Any:
        return x + self.p * z

    def back(self, v: Array, z: float) -> Array:
        return np.asarray(v - self.p * z)


Move = Scaling | Shift


def _joined(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """A power of x_j times a function of x_i x_j^p, or one of x_i + p x_j, and of the other variables."""
    for i, j, move in _moves(function):
        power = _invariance(function, samples, i, j, move)
        if power is not None:
            at = float(0.5 * (function.low[j] + function.high[j]))
            inside = _explained_joint(function, variables, i, j, move, at)
            if inside is not None:
                yield (variables[j] / sympy.Float(at)) ** power * inside


def _joined_products(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """The same with any function of x_j in front."""
    for i, j, move in _moves(function) if len(variables) <= MOST_JOINED else ():
        # Where x_j keeps away from its ends, x_i x_j^p takes many values for each of them.
        low, high = np.array([0.75, 0.25]) * function.low[j] + np.array([0.25, 0.75]) * function.high[j]
        ends = np.array([[float(move.joined(x, z)) for x in (function.low[i], function.high[i])] for z in (low, high)])
        bottom, top = ends.min(axis=1).max(), ends.max(axis=1).min()
        if not bottom < top:
            continue
        z, v = nodes(low, high, ROWS), np.linspace(bottom, top, COLUMNS)
        X = samples.X[:COLUMNS].copy()
        matrix = np.empty((ROWS, COLUMNS))
        for k in range(ROWS):
            X[:, i], X[:, j] = move.back(v, float(z[k])), z[k]
            matrix[k] = function.values(X)
        singular = singular_values(matrix)
        if not singular[1] <= NOTHING * function.error * singular[0]:
            continue
        row, place = np.unravel_index(np.argmax(np.abs(matrix)), matrix.shape)
        there, at = X[int(place)], float(z[row])

        def in_front(
            w: Array, i: int = i, j: int = j, move: Move = move, v: Array = v[place], there: Array = there
        ) -> Array:
            X = np.tile(there, (len(w), 1))
            X[:, i], X[:, j] = [float(move.back(v, float(one))) for one in w], w
            return function.values(X)

        front = function_of(variables[j], float(low), float(high), in_front, GROWTH * function.error)
        inside = None if front is None else _explained_joint(function, variables, i, j, move, at)
        if inside is not None:
            yield front * inside / sympy.Float(float(matrix[row, place]))


def _moves(function: Function) -> Iterator[tuple[int, int, Move]]:
    """All i and j, and the moves that may leave a function of both as it is."""
    for i, j in itertools.permutations(range(len(function.low)), 2):
        for p in SCALINGS if function.low[j] > 0.0 else ():
            yield i, j, Scaling(p)
        yield i, j, Shift(1)
        yield i, j, Shift(-1)


def _explained_joint(function: Function, variables: Sequence[Any], i: int, j: int, move: Move, at: float) -> Any:
    """A formula for the function where x_j is `at`, of what x_i and x_j have in common."""
    is_positive = isinstance(move, Scaling) and bool(function.low[i] > 0.0)
    joint = sympy.Dummy("v", positive=True) if is_positive else sympy.Dummy("v", real=True)
    names = _without([joint if k == i else variable for k, variable in enumerate(variables)], [j])
    inside = explained(_of_joint(function, i, j, move, at), names)
    return None if inside is None else inside.xreplace({joint: move.joined(variables[i], variables[j])})


def _invariance(function: Function, samples: Samples, i: int, j: int, move: Move) -> Any:
    """The power of t that the function is multiplied with by the move, 0 for a shift; None if there is none."""
    X = samples.X.copy()
    t = np.random.default_rng(1).uniform(*MOVES, len(X))
    X[:, i], X[:, j] = move.moved(X[:, i], X[:, j], t)
    inside = np.all((function.low <= X) & (function.high >= X), axis=1)
    if inside.sum() < FEWEST:
        return None
    y, other, t = samples.y[inside], function.values(X[inside]), t[inside]
    power = sympy.Integer(0)
    if isinstance(move, Scaling):
        with np.errstate(all="ignore"):
            exponent = float(np.median(np.log(other / y) / np.log(t)))
        if not np.isfinite(exponent):
            return None
        power = sympy.Rational(exponent).limit_denominator(DENOMINATOR)
    missed = np.sqrt(np.mean((other - y * t ** float(power)) ** 2))
    return power if missed <= NOTHING * function.error * samples.unit else None


def _of_joint(function: Function, i: int, j: int, move: Move, at: float) -> Function:
    """The function where x_j is `at`, of what x_i and x_j have in common instead of x_i."""
    middle = 0.5 * (function.low + function.high)
    middle[j] = at
    held = function.held([j], middle)
    place = i - (i > j)
    low, high = held.low.copy(), held.high.copy()
    for ends in (low, high):
        ends[place] = float(move.joined(ends[place], at))

    def values(X: Array) -> Array:
        X = X.copy()
        X[:, place] = move.back(X[:, place], at)
        return held.values(X)

    return Function(values, low, high, function.error)


# Products and sums


def _products(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """g(x_j) times a function of the others."""
    for j, variable in enumerate(variables):
        u, X = nodes(function.low[j], function.high[j], ROWS), samples.X[:COLUMNS]
        matrix = function.matrix(j, u, X)
        singular = singular_values(matrix)
        if singular[1] > NOTHING * function.error * singular[0]:
            continue
        row, place = np.unravel_index(np.argmax(np.abs(matrix)), matrix.shape)
        there = X[int(place)].copy()
        there[j] = u[row]
        grown = function.grown(GROWTH)
        one = _of_one(grown.held([k for k in range(len(variables)) if k != j], there), variable)
        others = None if one is None else explained(grown.held([j], there), _without(variables, [j]))
        if others is not None:
            yield one * others / sympy.Float(float(matrix[row, place]))
        return  # a product of which one factor has no formula has none


def _sums(function: Function, variables: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """T^-1 of a sum of known functions of x_j, each times a function of the others."""
    for view in views(samples.y):
        # Roots and reciprocals of products are products.
        fewest = 2 if view.outer.name in ("identity", "reciprocal", "square", "reciprocal_square") else 1
        for count in range(fewest, MOST_FUNCTIONS + 1):
            for j in range(len(variables)):
                inner = _expansion(function, view, variables, j, samples, count)
                if inner is not None:
                    yield view.back(inner)


def _expansion(function: Function, view: View, variables: Sequence[Any], j: int, samples: Samples, count: int) -> Any:
    """T(f) as such a sum, of `count` functions of x_j; None if it is none, or one of more."""
    error = view.samples(samples).error
    u, X = nodes(function.low[j], function.high[j], ROWS), samples.X[:COLUMNS]
    matrix = view.of(function.matrix(j, u, X))
    if not np.isfinite(matrix).all():
        return None
    space, singular, _ = svd(matrix, full_matrices=False)
    if int(np.sum(singular > NOTHING * error * singular[0])) != count:
        return None
    known = spanning(variables[j], u, space[:, :count], min(NOTHING * error * singular[0] / singular[count - 1], 1e-4))
    if known is None:
        return None
    basis = np.column_stack([values for _, values in known])
    sizes = np.linalg.norm(basis, axis=0)
    inverse = pinv(basis / sizes)
    wrong = error * np.sqrt(np.mean(matrix**2) * ROWS) * np.linalg.norm(inverse, 2)
    terms = []
    for k, (term, _) in enumerate(known):
        others = _coefficient(function, view, j, u, inverse[k] / sizes[k])
        own = others.values(np.delete(X, j, axis=1))
        others = replace(others, error=max(float(wrong / sizes[k] / np.sqrt(np.mean(own**2))), GROWTH * error))
        part = explained(others, _without(variables, [j]))
        if part is None:
            return None
        terms.append(part * term)
    return sympy.Add(*terms)


def _coefficient(function: Function, view: View, j: int, u: Array, weights: Array) -> Function:
    """Sums of T(f) over x_j at `u`, with these `weights`: a function of the other variables."""

    def values(X: Array) -> Array:
        return np.asarray(weights @ view.of(function.matrix(j, u, np.insert(X, j, 0.0, axis=1))))

    return Function(values, np.delete(function.low, j), np.delete(function.high, j), function.error)


def spanning(variable: Any, u: Array, space: Array, accuracy: float) -> Terms | None:
    """Known functions that span the columns of `space` (n, k), as formulas and at `u`; None if there are none."""
    found: Terms = []
    for power in powers_for(u):
        _take(found, [column(variable, power, u)], space, accuracy)
    if len(found) < space.shape[1]:
        _take(found, _scale_invariant(variable, u, space), space, accuracy)
    if len(found) == space.shape[1] - 1:
        inside = space.T @ np.column_stack([values for _, values in found]) if found else np.zeros((1, 0))
        left = space @ svd(inside, full_matrices=True)[0][:, -1]
        term = function_of(variable, float(u[0]), float(u[-1]), _interpolated(u, left), accuracy)
        if term is not None:
            _, term = monic(term)
            term = without_constant(term) if any(known == 1 for known, _ in found) else term
            values = np.broadcast_to(sympy.lambdify(variable, term, "numpy")(u), u.shape)
            _take(found, [(term, values)], space, accuracy)
    if len(found) < space.shape[1]:
        _take(found, _shift_invariant(variable, u, space), space, accuracy)
    if len(found) == space.shape[1] - 1:
        _take(found, _with_derivatives(variable, u, space, accuracy), space, accuracy)
    return found if len(found) == space.shape[1] else None


def _take(found: Terms, offered: Terms, space: Array, accuracy: float) -> None:
    """Adds to `found` what is in the space, as long as it is not full, and not spanned by `found` already."""
    for term, values in offered:
        size = np.linalg.norm(values)
        outside = values - space @ (space.T @ values)
        if len(found) == space.shape[1] or not np.linalg.norm(outside) <= accuracy * size:
            continue
        known = (
            np.column_stack([own / np.linalg.norm(own) for _, own in found]) if found else np.zeros((len(values), 0))
        )
        rest = values - known @ lstsq(known, values, rcond=None)[0]
        if np.linalg.norm(rest) > DEPENDENT * size:
            found.append((term, values))


def _shift_invariant(variable: Any, u: Array, space: Array) -> Terms:
    """The exponentials, sines and cosines that span a space which derivatives don't leave; none of another."""
    slopes = np.column_stack([_interpolated(u, own).deriv()(u) for own in space.T])
    inside = space.T @ slopes
    if np.linalg.norm(slopes - space @ inside) > LEAVING * np.linalg.norm(slopes):
        return []
    exponents = np.linalg.eigvals(inside)
    return [
        term
        for exponent in exponents
        if exponent.imag >= 0.0 and abs(exponent) > SLOW * np.abs(exponents).max()
        for term in exponentials(variable, u, _refined(exponent, u, space))
    ]


def _with_derivatives(variable: Any, u: Array, space: Array, accuracy: float) -> Terms:
    """The sum of exponentials, sines and cosines that lies in the space, where with its derivatives it is invariant.

    So sin(u + 1) is found in the space of 1, u and sin(u + 1), which the derivative leaves for cos(u + 1).
    """
    slopes = np.column_stack([_interpolated(u, own).deriv()(u) for own in space.T])
    larger, singular, _ = svd(np.hstack([space, slopes / np.linalg.norm(slopes)]), full_matrices=False)
    terms = _shift_invariant(variable, u, larger[:, : int(np.sum(singular > LEAVING * singular[0]))])
    if not terms:
        return []
    columns = np.column_stack([values / np.linalg.norm(values) for _, values in terms])
    _, outside, rows = svd(columns - space @ (space.T @ columns), full_matrices=False)
    if not outside[-1] <= accuracy:
        return []
    weights = [w / np.linalg.norm(values) for w, (_, values) in zip(rows[-1], terms, strict=True)]
    largest = max(abs(w) for w in weights)
    kept = [(float(w / largest), one) for w, one in zip(weights, terms, strict=True) if abs(w) > accuracy * largest]
    total = np.sum([w * values for w, (_, values) in kept], axis=0)
    return [(sympy.Add(*(sympy.Float(w) * term for w, (term, _) in kept)), total)]


def _scale_invariant(variable: Any, u: Array, space: Array) -> Terms:
    """The powers that span a space which u d/du doesn't leave, whatever their exponents; none of another."""
    if not np.all(u > 0.0):
        return []
    slopes = np.column_stack([u * _interpolated(u, own).deriv()(u) for own in space.T])
    inside = space.T @ slopes
    if np.linalg.norm(slopes - space @ inside) > LEAVING * np.linalg.norm(slopes):
        return []
    exponents = [_refined(one, np.log(u), space)[0].real for one in np.linalg.eigvals(inside) if one.imag == 0.0]
    return [(variable ** sympy.Float(p), u**p) for p in exponents]


def _refined(exponent: complex, u: Array, space: Array) -> list[complex]:
    """The exponent whose e^(exponent u) lies in the space, by Gauss and Newton's method, and its conjugate."""
    z = complex(exponent) if abs(exponent.imag) > 1e-6 * abs(exponent) else complex(exponent.real)
    v = u - u.mean()
    for _ in range(6):
        values = np.exp(z * v)
        outside, slope = (part - space @ (space.T @ part) for part in (values, v * values))
        step = -np.vdot(slope, outside) / np.vdot(slope, slope)
        z += complex(step) if z.imag else float(step.real)
    return [z, z.conjugate()] if z.imag else [z]


def _interpolated(u: Array, values: Array) -> Any:
    """The polynomial through the values at the nodes `u`."""
    return Chebyshev.fit(u, values, len(u) - 1, domain=[u[0], u[-1]])
