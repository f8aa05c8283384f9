"""Models -> SymPy expressions: what each family is made of, as long as it is a few terms.

A model of other variables (`Reduced`) is a formula of these, which are looked for first. Of a polynomial or quotient of
few terms the formula is read off; else the function is asked (`parts`). Numbers are fitted and recognised at the end,
on the model's own values at points of its box: the formula is as good as the model there, or there is none.

Families are told apart by their names: models may import this file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from scipy.spatial import Delaunay, QhullError

from ..arrays import Array
from .fitted import Samples, compiled, complexity, difference, fitted
from .outer import OUTERS
from .parts import Function, SpentError, explained
from .simplified import phased, simplified

POINTS = 1000
FITTED_POINTS = 400
# A polynomial of more monomials is no formula, nor is one of more numbers that are not recognised.
MOST_TERMS = 60
MOST_NUMBERS = 8
# Of what is as short, in bits, no shorter one is looked for.
SHORT = 130.0
# Quotients of more terms mostly have common factors, without which they are found elsewhere.
MOST_QUOTIENT_TERMS = 24
# Monomials of higher degrees are not looked at: their coefficients would have lost all digits to cancellation.
MOST_DEGREE = 12
MOST_PRODUCTS = 20_000
# A coefficient is 0 that is below so many times the error of the values.
NEGLIGIBLE = 10.0
# What a search finds as an exponent is a fraction of such a denominator, if it is one, to this, relative.
DENOMINATOR = 12
FRACTION_ERROR = 1e-8
# The share of the points on either side that a box leaves out, where errors may be larger.
EDGE = 0.01
# A box inside them has such a share of their widths; that its corners are inside is only tested in few dimensions.
SIZES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
MOST_IN_HULL = 4
# Of a model that is worse, relative, most short formulas would be as good.
MOST_ERROR = 0.01
# An error of a model that knows none.
UNKNOWN_ERROR = 1e-15


def formulas_of(model: Any) -> tuple[Any, ...]:
    """A SymPy expression for each output; ValueError where there is none of few terms."""
    return tuple(_formula(model, k) for k in range(model.signature.n_outputs))


def _formula(model: Any, k: int) -> Any:
    X = _points(model)
    signature = model.signature
    names = signature.input_names or [f"x{i}" for i in range(signature.n_inputs)]
    x = [sympy.Symbol(name, positive=True) if np.all(X[:, j] > 0.0) else sympy.Symbol(name, real=True)
         for j, name in enumerate(names)]  # fmt: skip
    error = UNKNOWN_ERROR if model.report is None else float(model.report.error)
    if not error < MOST_ERROR:
        raise ValueError(f"formula: expected a model of an error below {MOST_ERROR}, got one of {error:.1e}")
    y = model.evaluate(X)[:, k]
    finite = np.isfinite(y)
    if finite.sum() < FITTED_POINTS:
        raise ValueError("formula: expected a model that has values at the points of its box, got NaN")
    samples = Samples(X[finite], y[finite], error)
    found = _shortest(model, k, x, _best(model, samples))
    if found is None or difference(found, x, samples) > samples.allowed:
        raise ValueError(
            f"formula: expected a model that is a formula of few terms, got {model!r}; "
            f"{', '.join(READERS)} can be, and sums of products of known functions of one input"
        )
    return found.xreplace({symbol: sympy.Symbol(name) for symbol, name in zip(x, names, strict=True)})


def _best(model: Any, samples: Samples) -> Samples:
    """Those of the samples where the model is best, and their error, as far as it knows: a box has bad corners."""
    if model.estimate is None:
        return samples
    errors = model.error_estimate(samples.X)
    best = errors <= np.median(errors)
    error = float(np.sqrt(np.mean(errors[best] ** 2))) * float(model.estimate.unit.mean()) / samples.unit
    if not error < samples.error:
        return samples
    return Samples(samples.X[best], samples.y[best], error)


def _points(model: Any) -> Array:
    """Points of the model's box, near its rows."""
    box = model.box() if model.near is None else (model.near.low, model.near.high)
    if box is None:
        raise ValueError("formula: expected a model that knows the box of its rows, got one that doesn't")
    X = np.random.default_rng(0).uniform(box[0], box[1], (4 * POINTS, len(box[0])))
    near = X if model.near is None else X[model.near.contains(X)]
    return np.ascontiguousarray((near if len(near) >= FITTED_POINTS else X)[:POINTS])


def _shortest(model: Any, k: int, x: Sequence[Any], samples: Samples) -> Any:
    """The shortest formula of the symbols `x` that is as good as the model; None if there is none."""
    model, k = _output(model, k)
    u, front, inner, U, power = _unwrapped(model, x, samples.X)
    few = _divided_by(power, U, samples)
    symbols = [
        sympy.Dummy(f"u{j}", positive=True) if np.all(few.X[:, j] > 0.0) else sympy.Dummy(f"u{j}", real=True)
        for j in range(len(u))
    ]
    there = dict(zip(symbols, u, strict=True))
    best = None
    for source in (_read, _asked):
        guess = source(inner, k, symbols, few)
        for form in () if guess is None else dict.fromkeys((guess, phased(guess))):
            numbers = fitted(form, symbols, few)
            if numbers is None or _n_numbers(numbers) > (MOST_TERMS if numbers.is_polynomial() else MOST_NUMBERS):
                continue
            whole = _without_absolutes(front * numbers.xreplace(there), x, samples)
            whole = _without_absolutes(simplified(whole), x, samples)
            if difference(whole, x, samples) > samples.allowed:
                whole = fitted(whole, x, samples)
            if whole is not None and (best is None or complexity(whole) < complexity(best)):
                best = whole
        if best is not None and complexity(best) < SHORT:
            break
    return best


def _divided_by(power: Array, U: Array, samples: Samples) -> Samples:
    """Some of y over the power in front, at U; where that is small, errors become larger."""
    with np.errstate(all="ignore"):
        y = samples.y / power
    finite = np.flatnonzero(np.isfinite(y) & np.isfinite(U).all(axis=1))[:FITTED_POINTS]
    U, y = np.ascontiguousarray(U[finite]), np.ascontiguousarray(y[finite])
    few = Samples(U, y, 0.0)
    errors = max(samples.error, 1e-16) * samples.unit / power[finite]
    return few._replace(error=float(np.sqrt(np.mean(errors**2))) / few.unit)


def _without_absolutes(expression: Any, x: Sequence[Any], samples: Samples) -> Any:
    """|v| as v or -v where v has one sign at all points."""
    for part in expression.atoms(sympy.Abs):
        values = compiled(part.args[0], x)(samples.X)
        if np.all(values >= 0.0) or np.all(values <= 0.0):
            expression = expression.xreplace({part: part.args[0] if values[0] >= 0.0 else -part.args[0]})
    return expression


def _n_numbers(expression: Any) -> int:
    """Numbers that are no short ones."""
    return len(expression.atoms(sympy.Float))


def _output(model: Any, k: int) -> tuple[Any, int]:
    """The model whose output number k is, and its number there, where outputs have models of their own."""
    while model.family == "outputs":
        k = int(model.columns[k])
        for part in model.parts:
            if k < part.signature.n_outputs:
                model = part
                break
            k -= part.signature.n_outputs
    return model, k


def _unwrapped(model: Any, x: Sequence[Any], X: Array) -> tuple[list[Any], Any, Any, Array, Array]:
    """The variables of the innermost model as formulas, the power in front, that model, and both at X."""
    u, front, power = list(x), sympy.Integer(1), np.ones(len(X))
    while model.family == "reduced":
        variables = model.variables
        inside, own = variables.apply(X)
        front *= _product(u, variables.factor)
        u = [_variable(u, kind, row) for kind, row in zip(variables.kinds, variables.coefficients, strict=True)]
        X, power, model = inside, power * own, model.model
    return u, front, model, X, power


def _variable(x: Sequence[Any], kind: str, coefficients: Array) -> Any:
    if kind == "product":
        return _product(x, coefficients)
    part: Callable[[Any], Any] = {"sum": lambda v: v, "squares": lambda v: v**2, "reciprocals": lambda v: 1 / v}[kind]
    return sympy.Add(*(_short(c) * part(v) for c, v in zip(coefficients, x, strict=True) if c))


def _product(x: Sequence[Any], exponents: Array) -> Any:
    return sympy.Mul(*(v ** _short(a) for v, a in zip(x, exponents, strict=True) if a))


def _short(value: float) -> Any:
    """A coefficient of a variable or an exponent: a fraction of few digits up to the error of a search, or a number.

    As any guess it is tested on the model's values, with the rest of the formula.
    """
    fraction = sympy.Rational(float(value)).limit_denominator(DENOMINATOR)
    return fraction if abs(float(fraction) - value) < FRACTION_ERROR * abs(value) else sympy.Float(float(value))


def _asked(model: Any, k: int, symbols: Sequence[Any], samples: Samples) -> Any:
    def values(X: Array) -> Array:
        return np.asarray(model.evaluate(np.ascontiguousarray(X))[:, k])

    try:
        return explained(Function(values, *_inscribed(samples.X), samples.error).limited(model.n_params), symbols)
    except SpentError:
        return None


def _inscribed(U: Array) -> tuple[Array, Array]:
    """A box whose corners are among the points U (n, r), as well as can be told."""
    r = U.shape[1]
    # In logarithms, as variables mostly are products, whose images of a box then have flat sides.
    logs = np.all(U > 0.0, axis=0)
    with np.errstate(all="ignore"):
        V = np.where(logs, np.log(np.where(logs, U, 1.0)), U)
    bottom, top = np.quantile(V, [EDGE, 1.0 - EDGE], axis=0)
    middle, width = np.median(V, axis=0), np.where(top > bottom, top - bottom, 1.0)
    corners = np.array(list(itertools.product((0, 1), repeat=r)))
    try:
        hull = Delaunay((V - middle) / width) if 2 <= r <= MOST_IN_HULL else None
    except QhullError:
        hull = None
    for size in SIZES:
        a, b = middle + size * (bottom - middle), middle + size * (top - middle)
        inside = np.where(corners, b, a)
        if hull is None or np.all(hull.find_simplex((inside - middle) / width) >= 0):
            break
    return np.where(logs, np.exp(a), a), np.where(logs, np.exp(b), b)


# Reading formulas off


def _read(model: Any, k: int, symbols: Sequence[Any], samples: Samples) -> Any:
    reader = READERS.get(model.family)
    return None if reader is None else reader(model, k, symbols, samples.error)


def polynomial(model: Any, k: int, x: Sequence[Any], error: float) -> Any:
    """A sum of monomials; None for more than MOST_TERMS."""
    used = np.flatnonzero(model.coefficients[:, k])
    indices = model.indices[used]
    if not len(used):
        return sympy.Integer(0)
    if indices.sum(axis=1).max() > MOST_DEGREE or np.prod(indices + 1.0, axis=1).sum() > MOST_PRODUCTS:
        return None
    total: dict[tuple[int, ...], Fraction] = {}
    sizes: dict[tuple[int, ...], float] = {}
    unit = Fraction(2) ** int(model.output_exponents[k])
    largest = float(np.abs(model.coefficients[used, k]).max() * unit)
    normal = model.inputs
    for row, c in zip(indices, model.coefficients[used, k], strict=True):
        factors = [
            _powers(int(a), int(normal.exponent[j]), float(normal.shift[j]), float(normal.scale[j]))
            for j, a in enumerate(row)
        ]
        for powers in itertools.product(*(range(len(factor)) for factor in factors)):
            weight = math.prod((factor[i] for factor, i in zip(factors, powers, strict=True)), start=Fraction(1))
            if weight:
                total[powers] = total.get(powers, Fraction(0)) + unit * Fraction(float(c)) * weight
                sizes[powers] = sizes.get(powers, 0.0) + abs(float(weight))
    least = NEGLIGIBLE * max(error, 1e-16) * largest
    kept = {powers: float(c) for powers, c in total.items() if abs(float(c)) > least * sizes[powers]}
    if len(kept) > MOST_TERMS:
        return None
    return sympy.Add(*(sympy.Float(c) * sympy.Mul(*(v**a for v, a in zip(x, p, strict=True))) for p, c in kept.items()))


@lru_cache(maxsize=1000)
def _powers(degree: int, exponent: int, shift: float, scale: float) -> tuple[Fraction, ...]:
    """Coefficients of the powers of v in T_degree((v 2^-exponent - shift) / scale), exact; a constant v has z = 0."""
    slope = Fraction(0) if scale == 0.0 else Fraction(2) ** -exponent / Fraction(scale)
    z = (-Fraction(shift) / Fraction(scale) if scale else Fraction(0), slope)
    before: tuple[Fraction, ...] = (Fraction(1),)
    now: tuple[Fraction, ...] = z
    for _ in range(degree - 1):
        following = [Fraction(0)] * (len(now) + 1)
        for i, c in enumerate(now):
            following[i] += 2 * z[0] * c
            following[i + 1] += 2 * z[1] * c
        for i, c in enumerate(before):
            following[i] -= c
        before, now = now, tuple(following)
    return now if degree else before


def rational(model: Any, k: int, x: Sequence[Any], error: float) -> Any:
    """A quotient of two such sums, one coefficient of the denominator 1."""
    top, bottom = (polynomial(model.polynomials, one, x, error) for one in (k, model.signature.n_outputs))
    if top is None or bottom is None or bottom == 0 or len(top.args) + len(bottom.args) > MOST_QUOTIENT_TERMS:
        return None
    unit = max((term.as_coeff_Mul()[0] for term in sympy.Add.make_args(bottom)), key=abs)
    over, under = (sympy.Add(*(_divided(term, unit) for term in sympy.Add.make_args(part))) for part in (top, bottom))
    return over / under


def _divided(term: Any, unit: Any) -> Any:
    coefficient, rest = term.as_coeff_Mul()
    return rest if coefficient == unit else (coefficient / unit) * rest


def transformed(model: Any, k: int, x: Sequence[Any], error: float) -> Any:
    """The model inside, of logarithms and reciprocals; the exponential of a sum of logarithms is a product."""
    inputs: dict[str, Callable[[Any], Any]] = {"identity": lambda v: v, "reciprocal": lambda v: 1 / v}
    u = [sympy.Dummy(real=True) for _ in x]
    reader = READERS.get(model.model.family)
    inner = None if reader is None else reader(model.model, k, u, error)
    if inner is None:
        return None
    scale, name = float(model.output_scales[k]), model.output_transforms[k]
    there = {}
    for own, symbol, transform, a in zip(u, x, model.input_transforms, model.input_scales, strict=True):
        if transform == "log":
            there[own] = sympy.log(symbol if a > 0.0 else -symbol) - (math.log(abs(a)) if abs(a) != 1.0 else 0)
        else:
            there[own] = inputs[transform](symbol if a == 1.0 else symbol / sympy.Float(float(a)))
    inner = inner.subs(there)
    if inner.is_Add:
        inner = sympy.expand(inner)  # of polynomials, not of quotients
    if name == "identity":
        return sympy.Add(*(sympy.Float(scale) * part if scale != 1.0 else part for part in sympy.Add.make_args(inner)))
    if name != "log":
        return (sympy.Integer(1) if scale == 1.0 else sympy.Float(scale)) * OUTERS[name].inverse(inner)
    factors = [sympy.Float(scale)]
    for part in sympy.Add.make_args(inner):
        coefficient, rest = part.as_coeff_Mul()
        if rest == 1:
            factors.append(sympy.Float(math.exp(coefficient)))
        elif isinstance(rest, sympy.log):
            factors.append(rest.args[0] ** _short(float(coefficient)))
        else:
            factors.append(sympy.exp(part))
    return sympy.Mul(*factors)


def reduced(model: Any, k: int, x: Sequence[Any], error: float) -> Any:
    """The model inside, of its variables."""
    variables = model.variables
    u = [sympy.Dummy(positive=True) if kind == "product" else sympy.Dummy(real=True) for kind in variables.kinds]
    reader = READERS.get(model.model.family)
    inner = None if reader is None else reader(model.model, k, u, error)
    if inner is None:
        return None
    there = [_variable(x, kind, row) for kind, row in zip(variables.kinds, variables.coefficients, strict=True)]
    return _product(x, variables.factor) * inner.subs(dict(zip(u, there, strict=True)))


READERS: dict[str, Callable[[Any, int, Sequence[Any], float], Any]] = {
    "polynomial": polynomial,
    "rational": rational,
    "transformed": transformed,
    "reduced": reduced,
}
