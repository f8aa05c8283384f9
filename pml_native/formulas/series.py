"""What known function of one variable values are: powers, exp, log, sin, cos, tanh and such, of a b u + c.

Each family of functions has a differential equation that is linear in a few numbers, which are found from values and
derivatives by least squares: h' = p + q h + r h^2 for exp, tanh, 1/(e^u - 1) and tan, h'' = p h' + q h + s for exp, sin
and cos, also damped, h' (u + c) = a for log, h' (u + c) = p (h - d) for powers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import chebyshev

from ..arrays import Array
from ..singular_values import lstsq
from .fitted import Samples, adjusted, complexity
from .outer import views
from .quotients import quotient

# Chebyshev points of the interval, which carry the derivatives too.
NODES = 48
# What a differential equation may miss by, relative, at most, as derivatives are less exact; and what it is told from.
TIGHT, LOOSE = 1e-7, 1e-4
# Second derivatives of values at that many nodes are so many times less exact than they are.
DERIVATIVES = 1e5
# A term is needed that has so much of the largest.
NEEDED = 1e-7
# Powers, the likelier ones first; None is the logarithm. Sums of up to three of them are looked for.
POWERS = (0, 1, -1, 2, -2, sympy.Rational(1, 2), sympy.Rational(-1, 2), 3, -3, None, sympy.Rational(3, 2), 4, -4, 6)
MOST_POWERS = 3
# Of each number of powers so many sums are tried, those that miss least.
BEST_POWERS = 3
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
    """u, 1/u, u^2 and the root of u, and the values at Chebyshev points of each; of both signs u^2 is for even ones."""
    low, high = float(samples.X[0, 0]), float(samples.X[-1, 0])
    yield variable, samples
    for power in (-1, 2, sympy.Rational(1, 2), -2) if low > 0.0 else (2,):
        side = 1.0 if high >= -low else -1.0
        a, b = (low, high) if low * high > 0.0 else (0.0, max(high, -low))
        w = nodes(*sorted((abs(a) ** float(power), abs(b) ** float(power))))
        u = side * w ** float(1 / sympy.sympify(power))
        yield variable**power, Samples(w[:, None], values(np.clip(u, low, high)), samples.error)


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
    columns = np.column_stack([values for _, values in known])
    sizes = np.linalg.norm(columns, axis=0)
    columns = columns / sizes
    for count in range(1, MOST_POWERS + 1):
        some = np.array(list(itertools.combinations(range(len(known)), count)))
        spans, _ = np.linalg.qr(columns[:, some].transpose(1, 0, 2))
        rests = np.sqrt(np.mean((h - np.einsum("snk,sk->sn", spans, h @ spans)) ** 2, axis=1))
        for chosen in some[np.argsort(rests)[:BEST_POWERS]]:
            weights, *_ = lstsq(columns[:, chosen], h, rcond=None)
            rest = np.sqrt(np.mean((columns[:, chosen] @ weights - h) ** 2))
            cancelling = 1.0 + np.abs(weights).max() / np.sqrt(len(h))
            if rest <= GROWTH * max(samples.error, 1e-15) * cancelling:
                numbers = weights * samples.unit / sizes[chosen]
                yield sympy.Add(*(sympy.Float(float(c)) * known[i][0] for c, i in zip(numbers, chosen, strict=True)))


@dataclass(frozen=True)
class Curve:
    """h at u (n,) of the symbol x, in units of its RMS, and two derivatives; equations may be missed by `tolerance`."""

    x: Any
    u: Array
    h: Array
    d1: Array
    d2: Array
    tolerance: float

    @classmethod
    def of(cls, variable: Any, samples: Samples) -> Curve | None:
        """None for what is a straight line, or has no digits."""
        u, h = samples.X[:, 0], samples.y / samples.unit
        z = nodes(-1.0, 1.0, len(u))
        series = chebyshev.chebfit(z, h, len(u) - 1)
        # What is left at the end of the series is noise, often less than the error that the values are known to have.
        noise = max(min(samples.error, float(np.abs(series[-len(u) // 4 :]).max())), 1e-16)
        kept = np.flatnonzero(np.abs(series) > 3.0 * noise)
        series = series[: int(kept[-1]) + 1 if len(kept) else 1]
        if len(series) < 3:
            return None
        stretch = (z[-1] - z[0]) / (u[-1] - u[0])
        d1, d2 = (chebyshev.chebval(z, chebyshev.chebder(series, k)) * stretch**k for k in (1, 2))
        return cls(variable, u, h, d1, d2, min(max(TIGHT, DERIVATIVES * noise), LOOSE))

    @property
    def one(self) -> Array:
        return np.ones_like(self.u)

    def solved(self, columns: list[Array], wanted: Array) -> Array | None:
        """The weights with which `columns` sum up to `wanted`; None if they don't."""
        matrix = np.column_stack(columns)
        sizes = np.linalg.norm(matrix, axis=0)
        if not np.all(sizes > 0.0) or not np.isfinite(sizes).all():
            return None
        weights = lstsq(matrix / sizes, wanted, rcond=None)[0] / sizes
        missed = np.linalg.norm(matrix @ weights - wanted)
        return np.asarray(weights) if missed <= self.tolerance * np.linalg.norm(wanted) else None

    def combined(self, terms: Terms) -> Any:
        """h as a sum of `terms`, without those that it doesn't need; None if it is none."""
        while True:
            weights = self.solved([values for _, values in terms], self.h)
            if weights is None:
                return None
            sizes = [abs(w) * np.linalg.norm(values) for w, (_, values) in zip(weights, terms, strict=True)]
            least = int(np.argmin(sizes))
            if sizes[least] > NEEDED * max(sizes) or len(terms) == 1:
                return sympy.Add(*(sympy.Float(float(w)) * term for w, (term, _) in zip(weights, terms, strict=True)))
            terms = terms[:least] + terms[least + 1 :]


def _known(variable: Any, samples: Samples) -> Iterator[Any]:
    """Functions that solve one of the differential equations."""
    curve = Curve.of(variable, samples)
    if curve is not None:
        for equation in (_exponential, _riccati, _oscillation, _damped, _logarithm, _shifted_power):
            guess = equation(curve)
            if guess is not None:
                yield sympy.Add(*(part * sympy.Float(samples.unit) for part in sympy.Add.make_args(guess)))


def _exponential(curve: Curve) -> Any:
    """h' = p + b h: an exponential and a constant."""
    weights = curve.solved([curve.one, curve.h], curve.d1)
    if weights is None:
        return None
    b = float(weights[1])
    return curve.combined([(sympy.Integer(1), curve.one), (sympy.exp(sympy.Float(b) * curve.x), np.exp(b * curve.u))])


def _riccati(curve: Curve) -> Any:
    """h' = p + q h + r h^2: tanh, its reciprocal, or tan, and a constant."""
    u, h = curve.u, curve.h
    weights = curve.solved([curve.one, h, h**2], curve.d1)
    if weights is None:
        return None
    p, q, r = (float(w) for w in weights)
    middle, inside = -q / (2.0 * r), q * q / 4.0 - p * r
    s = math.sqrt(abs(inside))
    w = (h - middle) * r / s
    if inside < 0.0:
        phase, name, sign = np.unwrap(2.0 * np.arctan(w)) / 2.0 - s * u, sympy.tan, 1.0
    elif np.all(np.abs(w) < 1.0):
        phase, name, sign = np.arctanh(-w) - s * u, sympy.tanh, -1.0
    elif np.all(np.abs(w) > 1.0):
        phase, name, sign = np.arctanh(-1.0 / w) - s * u, lambda v: 1 / sympy.tanh(v), -1.0
    else:
        return None
    c = float(np.median(phase))
    argument = sympy.Float(s) * curve.x + (sympy.Float(c) if abs(c) > NEEDED else 0)
    front = sympy.Float(sign * s / r) * name(argument)
    return front + (sympy.Float(middle) if abs(middle) > NEEDED * abs(s / r) else 0)


def _oscillation(curve: Curve) -> Any:
    """h'' = q h + s: a sine and a cosine, or two exponentials, and a constant."""
    weights = curve.solved([curve.h, curve.one], curve.d2)
    return None if weights is None else _of_exponents(curve, 0.0, float(weights[0]))


def _damped(curve: Curve) -> Any:
    """h'' = p h' + q h + s: the same, damped."""
    weights = curve.solved([curve.h, curve.d1, curve.one], curve.d2)
    return None if weights is None else _of_exponents(curve, float(weights[1]), float(weights[0]))


def _of_exponents(curve: Curve, p: float, q: float) -> Any:
    """A constant and the functions whose exponents are the roots of z^2 = p z + q."""
    exponents = np.roots([1.0, -p, -q]).tolist()
    return curve.combined([(sympy.Integer(1), curve.one), *exponentials(curve.x, curve.u, exponents)])


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
        elif not b and a:
            columns.append((damping, np.exp(a * u)))
    return columns


def _logarithm(curve: Curve) -> Any:
    """h' (u + c) = a: the logarithm of u + c."""
    weights = curve.solved([curve.one, curve.d1], curve.d1 * curve.u)
    if weights is None or not np.all(curve.u > weights[1]):
        return None
    c = -float(weights[1])
    return curve.combined([(sympy.log(curve.x + sympy.Float(c)), np.log(curve.u + c)), (sympy.Integer(1), curve.one)])


def _shifted_power(curve: Curve) -> Any:
    """h' (u + c) = p (h - d): (u + c)^p, for a power p of few digits."""
    weights = curve.solved([curve.h, curve.d1, curve.one], curve.d1 * curve.u)
    if weights is None:
        return None
    power = sympy.Rational(float(weights[0])).limit_denominator(6)
    c = -float(weights[1])
    if abs(float(power) - weights[0]) > 1e-3 or not power or (not power.is_Integer and not np.all(curve.u + c > 0.0)):
        return None
    with np.errstate(all="ignore"):
        values = (curve.u + c) ** float(power)
    return curve.combined([((curve.x + sympy.Float(c)) ** power, values), (sympy.Integer(1), curve.one)])
