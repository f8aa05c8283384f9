"""What known function of one variable values are: powers, exp, log, sin, cos, tanh and such, of a b u + c.

Each family of functions has a differential equation that is linear in a few numbers, which are found from values and
derivatives by least squares: h' = p + q h + r h^2 for exp, tanh, 1/(e^u - 1) and tan, h'' = p h' + q h + s for exp, sin
and cos, also damped, h' (u + c) = a for log, h' (u + c) = p (h - d) for powers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import chebyshev

from ..arrays import Array
from .fitted import Samples, adjusted, complexity
from .outer import views
from .quotients import quotient

# Chebyshev points of the interval, which carry the derivatives too.
NODES = 48
# What a differential equation may miss by, relative, at most, as derivatives are less exact; and what it is told from.
LOOSE = 1e-4
# Powers, the likelier ones first; None is the logarithm. Sums of up to three of them are looked for.
POWERS = (0, 1, -1, 2, -2, sympy.Rational(1, 2), sympy.Rational(-1, 2), 3, -3, None, sympy.Rational(3, 2), 4, -4, 6)
MOST_POWERS = 3
# Powers of u that values are multiplied with before they are compared.
IN_FRONT = (1, -1, 2, -2, 3, -3)
# Errors grow so much by that.
GROWTH = 10.0
# What is as short, in bits (two numbers and some operations), is taken without looking for a shorter one.
SHORT = 130.0
# Quotients of one variable of higher degrees are as good as any function.
MOST_DEGREE = 3

Values = Callable[[Array], Array]
# Functions of one variable, as formulas and at some values of it.
Terms = list[tuple[Any, Array]]


def nodes(low: float, high: float, count: int = NODES) -> Array:
    """Chebyshev points of an interval, ascending."""
    return 0.5 * (low + high) - 0.5 * (high - low) * np.cos(np.pi * (np.arange(count) + 0.5) / count)


def function_of(variable: Any, low: float, high: float, values: Callable[[Array], Array], error: float) -> Any:
    """A formula for `values` of the one variable, between `low` and `high`; None if no known one is as good.

    error : of the values, relative to their RMS.
    """
    u = nodes(low, high)
    samples = Samples(u[:, None], values(u), error)
    if not np.isfinite(samples.y).all():
        return None
    for source in (_sums_of_powers, _solutions, _multiplied, _quotients):
        found = None
        for guess in source(variable, samples, values):
            formula = adjusted(guess, [variable], samples)
            if formula is not None and (found is None or complexity(formula) < complexity(found)):
                found = formula
                if complexity(formula) < SHORT:
                    break
        if found is not None:
            return found
    return None


def _sums_of_powers(variable: Any, samples: Samples, values: Values) -> Iterator[Any]:
    for view in views(samples.y):
        first = next(_powers(variable, view.samples(samples)), None)
        if first is not None:
            yield view.back(first)


def _solutions(variable: Any, samples: Samples, values: Values) -> Iterator[Any]:
    """Known functions of u, 1/u and such, seen through any T."""
    for argument, own in _arguments(variable, samples, values):
        symbol = _symbol(own.X)
        for view in views(own.y):
            for guess in _known(symbol, view.samples(own)):
                yield view.back(guess).xreplace({symbol: argument})


def _multiplied(variable: Any, samples: Samples, values: Values) -> Iterator[Any]:
    """Known functions times a power of u, or one over such."""
    for argument, own in _arguments(variable, samples, values):
        w, symbol = own.X[:, 0], _symbol(own.X)
        for k in IN_FRONT if np.all(w > 0.0) else (k for k in IN_FRONT if k > 0):
            for view in views(own.y):
                if view.outer.name in ("identity", "reciprocal"):
                    seen = view.samples(own)
                    for guess in _known(symbol, Samples(seen.X, seen.y * w**k, GROWTH * seen.error)):
                        yield view.back(guess * symbol**-k).xreplace({symbol: argument})


def _quotients(variable: Any, samples: Samples, values: Values) -> Iterator[Any]:
    for view in views(samples.y):
        if view.outer.name in ("identity", "square", "log"):
            found = quotient([variable], view.samples(samples), MOST_DEGREE)
            if found is not None:
                yield view.back(found)


def _arguments(variable: Any, samples: Samples, values: Values) -> Iterator[tuple[Any, Samples]]:
    """u, 1/u, u^2 and the root of u, and the values at Chebyshev points of each."""
    u = samples.X[:, 0]
    yield variable, samples
    if np.all(u > 0.0):
        for power in (-1, 2, sympy.Rational(1, 2), -2):
            ends = sorted((u[0] ** float(power), u[-1] ** float(power)))
            w = nodes(*ends)
            y = values(np.clip(w ** float(1 / sympy.sympify(power)), u[0], u[-1]))
            yield variable**power, Samples(w[:, None], y, samples.error)


def _symbol(X: Array) -> Any:
    return sympy.Dummy("w", positive=True) if np.all(X > 0.0) else sympy.Dummy("w", real=True)


def column(variable: Any, power: Any, u: Array) -> tuple[Any, Array]:
    """The power, or the logarithm for None, as a formula and at `u`."""
    if power is None:
        return sympy.log(variable), np.log(u)
    return variable**power, u ** float(power)


def powers_for(u: Array) -> list[Any]:
    """Those of POWERS that have values at `u`."""
    if np.all(u > 0.0):
        return list(POWERS)
    return [power for power in POWERS if power is not None and power == int(power) and (power >= 0 or np.all(u != 0))]


def _powers(variable: Any, samples: Samples) -> Iterator[Any]:
    """Sums of a few powers."""
    u, h = samples.X[:, 0], samples.y / samples.unit
    known = [column(variable, power, u) for power in powers_for(u)]
    columns = np.column_stack([values / np.linalg.norm(values) for _, values in known])
    for count in range(1, MOST_POWERS + 1):
        for some in itertools.combinations(range(len(known)), count):
            chosen = list(some)
            weights, *_ = np.linalg.lstsq(columns[:, chosen], h, rcond=None)
            rest = np.sqrt(np.mean((columns[:, chosen] @ weights - h) ** 2))
            if rest <= 10.0 * max(samples.error, 1e-15) * (1.0 + np.abs(weights).max() / np.sqrt(len(h))):
                terms = zip(weights, chosen, strict=True)
                yield sympy.Add(
                    *(
                        sympy.Float(float(w * samples.unit / np.linalg.norm(known[i][1]))) * known[i][0]
                        for w, i in terms
                    )
                )


def _known(variable: Any, samples: Samples) -> Iterator[Any]:
    """Functions that solve one of the differential equations."""
    u, h = samples.X[:, 0], samples.y / samples.unit
    series = chebyshev.chebfit(_centred(u), h, len(u) - 1)
    small = np.flatnonzero(np.abs(series) > 3.0 * max(samples.error, 1e-16))
    series = series[: int(small[-1]) + 1 if len(small) else 1]
    if len(series) < 3:
        return
    half = 0.5 * (u[-1] - u[0]) / np.cos(np.pi * 0.5 / len(u))
    d1 = chebyshev.chebval(_centred(u), chebyshev.chebder(series)) / half
    d2 = chebyshev.chebval(_centred(u), chebyshev.chebder(series, 2)) / half**2
    one = np.ones_like(u)
    for guess in (_riccati(variable, u, h, d1, one), *_oscillation(variable, u, h, d1, d2, one)):
        if guess is not None:
            yield (
                guess * sympy.Float(samples.unit)
                if not guess.is_Add
                else sympy.Add(*(part * sympy.Float(samples.unit) for part in guess.args))
            )
    for guess in (_logarithm(variable, u, h, d1, one), _shifted_power(variable, u, h, d1, one)):
        if guess is not None:
            yield sympy.Add(*(part * sympy.Float(samples.unit) for part in sympy.Add.make_args(guess)))


def _centred(u: Array) -> Array:
    """To [-1, 1], where the nodes are the Chebyshev points."""
    return -np.cos(np.pi * (np.arange(len(u)) + 0.5) / len(u))


def _solved(columns: list[Array], wanted: Array) -> Array | None:
    matrix = np.column_stack(columns)
    sizes = np.linalg.norm(matrix, axis=0)
    if not np.all(sizes > 0.0):
        return None
    weights = np.linalg.lstsq(matrix / sizes, wanted, rcond=None)[0] / sizes
    missed = np.linalg.norm(matrix @ weights - wanted)
    return weights if missed <= LOOSE * np.linalg.norm(wanted) else None


def _combined(columns: Terms, h: Array) -> Any:
    """The least squares sum of `columns`, without those that it doesn't need."""
    while True:
        weights = _solved([values for _, values in columns], h)
        if weights is None:
            return None
        sizes = [abs(w) * np.linalg.norm(values) for w, (_, values) in zip(weights, columns, strict=True)]
        least = int(np.argmin(sizes))
        if sizes[least] > 1e-7 * max(sizes) or len(columns) == 1:
            return sympy.Add(*(sympy.Float(float(w)) * term for w, (term, _) in zip(weights, columns, strict=True)))
        columns = columns[:least] + columns[least + 1 :]


def _riccati(x: Any, u: Array, h: Array, d1: Array, one: Array) -> Any:
    """h' = p + q h + r h^2, without r where it is small."""
    weights = _solved([one, h], d1)
    if weights is not None:
        b = float(weights[1])
        return _combined([(sympy.Integer(1), one), (sympy.exp(sympy.Float(b) * x), np.exp(b * u))], h)
    weights = _solved([one, h, h**2], d1)
    if weights is None:
        return None
    p, q, r = (float(w) for w in weights)
    middle, inside = -q / (2.0 * r), q * q / 4.0 - p * r
    s = float(np.sqrt(abs(inside)))
    w = (h - middle) * r / s if s > 0.0 else h
    if inside < 0.0:
        phase = np.unwrap(2.0 * np.arctan(w)) / 2.0 - s * u
        name, sign = sympy.tan, 1.0
    elif inside > 0.0 and np.all(np.abs(w) < 1.0):
        phase, name, sign = np.arctanh(-w) - s * u, sympy.tanh, -1.0
    elif inside > 0.0 and np.all(np.abs(w) > 1.0):
        phase, name, sign = np.arctanh(-1.0 / w) - s * u, lambda v: 1 / sympy.tanh(v), -1.0
    else:
        return None
    c = float(np.median(phase))
    argument = sympy.Float(s) * x + (0 if abs(c) < 1e-6 else sympy.Float(c))
    front = sympy.Float(sign * s / r) * name(argument)
    return front if abs(middle) < 1e-6 * abs(s / r) else sympy.Float(middle) + front


def _oscillation(x: Any, u: Array, h: Array, d1: Array, d2: Array, one: Array) -> Iterator[Any]:
    """h'' = p h' + q h + s, without p, then with it."""
    for columns in ([h, one], [h, d1, one]):
        weights = _solved(columns, d2)
        if weights is None:
            continue
        q, p = float(weights[0]), float(weights[1]) if len(columns) == 3 else 0.0
        yield _combined([(sympy.Integer(1), one), *exponentials(x, u, np.roots([1.0, -p, -q]).tolist())], h)


def exponentials(x: Any, u: Array, exponents: Sequence[complex]) -> Terms:
    """Real functions that span e^(exponents u), as formulas and at `u`; exponents come with their conjugates."""
    columns: Terms = []
    size = max(map(abs, exponents))
    for exponent in exponents:
        a, b = (0.0 if abs(part) < 1e-6 * size else float(part) for part in (exponent.real, exponent.imag))
        damping = sympy.exp(sympy.Float(a) * x) if a else sympy.Integer(1)
        if b > 0.0:
            columns.append((damping * sympy.cos(sympy.Float(b) * x), np.exp(a * u) * np.cos(b * u)))
            columns.append((damping * sympy.sin(sympy.Float(b) * x), np.exp(a * u) * np.sin(b * u)))
        elif not b:
            columns.append((damping, np.exp(a * u)))
    return columns


def _logarithm(x: Any, u: Array, h: Array, d1: Array, one: Array) -> Any:
    """h' (u + c) = a."""
    weights = _solved([one, d1], d1 * u)
    if weights is None or not np.all(u - weights[1] > 0.0):
        return None
    c = -float(weights[1])
    return _combined([(sympy.log(x + sympy.Float(c)), np.log(u + c)), (sympy.Integer(1), one)], h)


def _shifted_power(x: Any, u: Array, h: Array, d1: Array, one: Array) -> Any:
    """h' (u + c) = p (h - d), for a power p of few digits."""
    weights = _solved([h, d1, one], d1 * u)
    if weights is None:
        return None
    power = sympy.Rational(float(weights[0])).limit_denominator(6)
    c = -float(weights[1])
    if abs(float(power) - weights[0]) > 1e-3 or not power or (not power.is_Integer and not np.all(u + c > 0.0)):
        return None
    with np.errstate(all="ignore"):
        values = (u + c) ** float(power)
    return _combined([((x + sympy.Float(c)) ** power, values), (sympy.Integer(1), one)], h)
