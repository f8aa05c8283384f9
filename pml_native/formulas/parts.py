"""What a function of several variables is made of, found by asking it: sums of products of functions of one variable.

For each outer function T of a short list, the values T(f) at some values of one variable and at some points of the
others are a matrix. Its rank is the number of functions of that variable that it takes; where these are spanned by
known ones, their factors are functions of one variable less, and are looked at the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy

from ..arrays import Array
from .fitted import Samples, adjusted, compiled
from .outer import View, views
from .quotients import quotient
from .series import column, exponentials, function_of, nodes, powers_for

Values = Callable[[Array], Array]
POINTS = 240
# The matrix of a test: values of one variable, points of the others.
ROWS, COLUMNS = 20, 30
MOST_FUNCTIONS = 3
# Singular values below so many times the error are 0; an error grows by so much where functions are taken apart.
NOTHING = 30.0
GROWTH = 4.0
# Points at which the function may be asked in all, which bounds the work: ten seconds or so of a long polynomial.
MOST_VALUES = 6_000_000


class SpentError(Exception):
    """The function was asked too often."""


@dataclass
class Function:
    """A function of a box, which counts at how many points it is asked; `error` is relative to the RMS of its values."""

    values: Values
    low: Array
    high: Array
    error: float


def counted(values: Values, most: int = MOST_VALUES) -> Values:
    """The same function, which raises SpentError after so many points."""
    left = [most]

    def counting(X: Array) -> Array:
        left[0] -= len(X)
        if left[0] < 0:
            raise SpentError
        return values(X)

    return counting


def explained(function: Function, variables: Sequence[Any], depth: int = 0) -> Any:
    """A formula for `function` of the symbols `variables`, its numbers as Floats; None if none is found."""
    samples = _samples(function, len(variables))
    if not np.isfinite(samples.y).all():
        return None
    needed = _needed(function, samples)
    if len(needed) < len(variables):
        if not needed:
            return sympy.Float(float(np.mean(samples.y)))
        middle = 0.5 * (function.low + function.high)

        def fewer(X: Array) -> Array:
            full = np.tile(middle, (len(X), 1))
            full[:, needed] = X
            return function.values(full)

        return explained(
            Function(fewer, function.low[needed], function.high[needed], function.error),
            [variables[j] for j in needed],
            depth,
        )
    if len(variables) == 1:
        [variable] = variables
        return function_of(
            variable, float(function.low[0]), float(function.high[0]), lambda u: function.values(u[:, None]), function.error
        )
    for source in (_power_law, _quotients, _products, _sums):
        for guess in source(function, variables, samples, depth):
            formula = adjusted(guess, variables, samples)
            if formula is not None:
                return formula
    return None


def _samples(function: Function, d: int) -> Samples:
    X = np.random.default_rng(0).uniform(function.low, function.high, (POINTS, d))
    return Samples(X, function.values(X), function.error)


def _needed(function: Function, samples: Samples) -> list[int]:
    """The variables that the function changes with."""
    needed = []
    for j in range(samples.X.shape[1]):
        X = samples.X.copy()
        X[:, j] = np.roll(X[:, j], 1)
        if np.sqrt(np.mean((function.values(X) - samples.y) ** 2)) > NOTHING * function.error * samples.unit:
            needed.append(j)
    return needed


def _power_law(function: Function, variables: Sequence[Any], samples: Samples, depth: int) -> Iterator[Any]:
    """c prod_j x_j^a_j."""
    sign = 1 if np.all(samples.y > 0.0) else -1
    if not np.all(sign * samples.y > 0.0) or not np.all(samples.X > 0.0):
        return
    matrix = np.column_stack([np.log(samples.X), np.ones(POINTS)])
    exponents, *_ = np.linalg.lstsq(matrix, np.log(sign * samples.y), rcond=None)
    rational = [sympy.Rational(float(a)).limit_denominator(6) for a in exponents[:-1]]
    if max(abs(float(r) - a) for r, a in zip(rational, exponents, strict=False)) < 1e-6:
        front = sympy.Float(sign * float(np.exp(exponents[-1])))
        yield front * sympy.Mul(*(x**a for x, a in zip(variables, rational, strict=True)))


def _quotients(function: Function, variables: Sequence[Any], samples: Samples, depth: int) -> Iterator[Any]:
    most = {2: 4, 3: 3, 4: 2}.get(len(variables), 0)
    for view in views(samples.y):
        if view.outer.name in ("reciprocal", "reciprocal_square"):
            continue  # quotients too, where the values are
        found = quotient(variables, view.samples(samples), most)
        if found is not None:
            yield view.back(found)


def _products(function: Function, variables: Sequence[Any], samples: Samples, depth: int) -> Iterator[Any]:
    """f_j(x_j) times a function of the others."""
    for j, variable in enumerate(variables):
        u = nodes(function.low[j], function.high[j], ROWS)
        others, matrix = _matrix(function, j, u, samples.X[:COLUMNS])
        singular = np.linalg.svd(matrix, compute_uv=False)
        if not singular[1] <= NOTHING * function.error * singular[0]:
            continue
        row, place = np.unravel_index(np.argmax(np.abs(matrix)), matrix.shape)
        there = others[int(place)]
        one = function_of(
            variable,
            float(function.low[j]),
            float(function.high[j]),
            lambda v, j=j, there=there: function.values(_with(there, j, v)),  # type: ignore[misc]
            GROWTH * function.error,
        )
        if one is None:
            return
        rest = [i for i in range(len(variables)) if i != j]
        own = float(matrix[row, place])
        factor = explained(
            Function(
                lambda X, j=j, at=u[row]: function.values(np.insert(X, j, at, axis=1)) / own,  # type: ignore[misc]
                function.low[rest],
                function.high[rest],
                GROWTH * function.error,
            ),
            [variables[i] for i in rest],
            depth + 1,
        )
        if factor is not None:
            product = monic(one) * monic(factor)
            yield product * sympy.Float(_scale(product, variables, samples))
        return  # whatever is a product is one for any of its variables


def _sums(function: Function, variables: Sequence[Any], samples: Samples, depth: int) -> Iterator[Any]:
    """T^-1 of a sum of known functions of x_j, each times a function of the others."""
    for count in range(1, MOST_FUNCTIONS + 1):
        for view in views(samples.y):
            seen = view.samples(samples)
            for j in range(len(variables)):
                if count > 1 or view.outer.name not in ("identity", "reciprocal", "square", "reciprocal_square"):
                    inner = _expansion(function, view, seen.error, variables, j, samples, count, depth)
                    if inner is not None:
                        yield view.back(inner)


def _expansion(
    function: Function, view: View, error: float, variables: Sequence[Any], j: int, samples: Samples, count: int, depth: int
) -> Any:
    low, high = float(function.low[j]), float(function.high[j])
    u = nodes(low, high, ROWS)
    _, matrix = _matrix(function, j, u, samples.X[:COLUMNS])
    with np.errstate(all="ignore"):
        matrix = view.of(matrix)
    if not np.isfinite(matrix).all():
        return None
    space, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    rank = int(np.sum(singular > NOTHING * error * singular[0]))
    if rank != count:
        return None
    accuracy = min(NOTHING * error * singular[0] / singular[rank - 1], 1e-4)
    columns = _spanning(variables[j], u, space[:, :rank], accuracy)
    if columns is None:
        return None
    basis = np.column_stack([values for _, values in columns])
    sizes = np.linalg.norm(basis, axis=0)
    inverse = np.linalg.pinv(basis / sizes) / sizes[:, None]
    growth = float(np.linalg.norm(np.linalg.pinv(basis / sizes), 2))
    rest = [i for i in range(len(variables)) if i != j]
    terms = []
    for k, (term, _) in enumerate(columns):

        def coefficient(X: Array, k: int = k) -> Array:
            asked = np.repeat(np.insert(X, j, 0.0, axis=1), ROWS, axis=0)
            asked[:, j] = np.tile(u, len(X))
            return view.of(function.values(asked)).reshape(len(X), ROWS) @ inverse[k]

        scale = np.sqrt(np.mean((coefficient(samples.X[:COLUMNS][:, rest])) ** 2))
        own = error * np.sqrt(np.mean(matrix**2)) * growth / sizes[k] * np.sqrt(ROWS) / max(scale, 1e-300)
        part = explained(
            Function(coefficient, function.low[rest], function.high[rest], max(float(own), GROWTH * error)),
            [variables[i] for i in rest],
            depth + 1,
        )
        if part is None:
            return None
        terms.append(part * term)
    return sympy.Add(*terms)


def _spanning(variable: Any, u: Array, space: Array, accuracy: float) -> list[tuple[Any, Array]] | None:
    """Known functions that span the columns of `space` (n, k), as formulas and at `u`; None if there are none."""
    count = space.shape[1]
    found: list[tuple[Any, Array]] = []

    def add(term: Any, values: Array) -> None:
        values = np.asarray(values, dtype=np.float64)
        size = np.linalg.norm(values)
        outside = values - space @ (space.T @ values)
        if len(found) == count or np.linalg.norm(outside) > accuracy * size:
            return
        if found:
            known = np.column_stack([own / np.linalg.norm(own) for _, own in found])
            rest = values - known @ np.linalg.lstsq(known, values, rcond=None)[0]
            if np.linalg.norm(rest) < 1e-3 * size:
                return
        found.append((term, values))

    for power in powers_for(u):
        add(*column(variable, power, u))
    if count - len(found) == 1:
        known = np.column_stack([own for _, own in found]) if found else np.zeros((len(u), 0))
        inside = space.T @ known
        left = space @ np.linalg.svd(inside, full_matrices=True)[0][:, -1]
        fit = np.polynomial.chebyshev.Chebyshev.fit(u, left, len(u) - 1, domain=[u[0], u[-1]])
        term = function_of(variable, float(u[0]), float(u[-1]), fit, accuracy)
        if term is not None:
            term = _without_constant(monic(term)) if any(own[0] == 1 for own in found) else monic(term)
            add(term, np.broadcast_to(sympy.lambdify(variable, term, "numpy")(u), u.shape))
    if len(found) < count:
        for term, values in _shift_invariant(variable, u, space):
            add(term, values)
    return found if len(found) == count else None


def _without_constant(expression: Any) -> Any:
    return sympy.Add(*(part for part in sympy.Add.make_args(expression) if part.free_symbols))


def _shift_invariant(variable: Any, u: Array, space: Array) -> list[tuple[Any, Array]]:
    """The exponentials, sines and cosines that span a space which derivatives don't leave."""
    slopes = np.column_stack(
        [
            np.polynomial.chebyshev.Chebyshev.fit(u, own, len(u) - 1, domain=[u[0], u[-1]]).deriv()(u)
            for own in space.T
        ]
    )
    inside = space.T @ slopes
    if np.linalg.norm(slopes - space @ inside) > 1e-4 * np.linalg.norm(slopes):
        return []
    exponents = np.linalg.eigvals(inside)
    found = []
    for exponent in exponents:
        if exponent.imag >= 0.0 and abs(exponent) > 1e-6 * np.abs(exponents).max():
            found += exponentials(variable, u, _refined(exponent, u, space))
    return found


def _refined(exponent: complex, u: Array, space: Array) -> Array:
    """The exponent whose e^(exponent u) lies in the space, by Newton's method, with its conjugate."""
    z = complex(exponent) if abs(exponent.imag) > 1e-6 * abs(exponent) else complex(exponent.real)
    for _ in range(6):
        values = np.exp(z * (u - u.mean()))
        outside = values - space @ (space.T @ values)
        slopes = (u - u.mean()) * values
        slope = slopes - space @ (space.T @ slopes)
        step = -np.vdot(slope, outside) / np.vdot(slope, slope)
        z += step if z.imag else step.real
    return np.array([z, z.conjugate()]) if z.imag else np.array([z])


def monic(expression: Any) -> Any:
    """The formula without a number in front, or with a term that has none: its scale is found elsewhere."""
    if expression.is_Mul:
        return sympy.Mul(*(monic(part) for part in expression.args if not part.is_Float and part != -1))
    if expression.is_Pow and expression.exp.is_Rational:
        return monic(expression.base) ** expression.exp
    if isinstance(expression, sympy.exp):
        return sympy.exp(_without_constant(expression.args[0]))
    if expression.is_Add:
        unit = next((part.args[0] for part in expression.args if part.is_Mul and part.args[0].is_Float), None)
        if unit is not None:
            return sympy.Add(*(_over(part, unit) for part in expression.args))
    return expression


def _over(term: Any, unit: Any) -> Any:
    coefficient, rest = term.as_coeff_Mul()
    return rest if coefficient == unit else (coefficient / unit) * rest


def _scale(expression: Any, variables: Sequence[Any], samples: Samples) -> float:
    """What it is multiplied with to be the samples."""
    values = compiled(expression, variables)(samples.X)
    return float(np.real(values @ samples.y) / np.real(values @ values))


def _with(point: Array, j: int, values: Array) -> Array:
    """Points like `point` (d,), with `values` in column j."""
    X = np.tile(point, (len(values), 1))
    X[:, j] = values
    return X


def _matrix(function: Function, j: int, u: Array, X: Array) -> tuple[Array, Array]:
    """The points X, and f at each of `u` in column j of each of them, (len(u), n)."""
    asked = np.repeat(X, len(u), axis=0)
    asked[:, j] = np.tile(u, len(X))
    return X, function.values(asked).reshape(len(X), len(u)).T
