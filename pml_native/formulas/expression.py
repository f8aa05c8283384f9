"""Models -> SymPy expressions: what each family is made of, as long as it is a few terms.

A model of other variables (`Reduced`) is a formula of these, which are looked for first. What a model of few terms is
made of is read off (`readers`); else the function is asked (`parts`). Numbers are fitted and recognised at the end, on
the model's own values at points of its box: the formula is as good as the model there, or there is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy
from scipy.spatial import Delaunay, QhullError

from ..arrays import Array
from .fitted import Samples, compiled, complexity, difference, fitted, root_mean_square
from .parts import Function, SpentError, explained
from .readers import MOST_TERMS, NoReading, Points, product, read, variables_of
from .simplified import phased, simplified
from .writing import plain

POINTS = 1000
FITTED_POINTS = 400
# What is no polynomial has at most so many numbers that are not recognised.
MOST_NUMBERS = 8
# Of what is as short, in bits, no shorter one is looked for.
SHORT = 130.0
# The share of the points on either side that a box leaves out, where errors may be larger.
EDGE = 0.01
# A box inside them has such a share of their widths; that its corners are inside is only tested in few dimensions.
SIZES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
MOST_IN_HULL = 4
# Of a model that is worse, relative, most short formulas would be as good.
MOST_ERROR = 0.01
# The errors of a model that knows none, one after the other: of one that is exact, and of one whose functions or
# corners are not quite.
UNKNOWN_ERRORS = (1e-15, 3e-14)


def formulas_of(model: Any, *, share: float = 1.0) -> tuple[Any, ...]:
    """A SymPy expression for each output; ValueError where there is none of few terms.

    share : of what a model may be asked for, which is most of the time that it takes.
    """
    try:
        with np.errstate(all="ignore"):  # powers of numbers of any size: what overflows is no formula
            return tuple(_formula(model, k, share) for k in range(model.signature.n_outputs))
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise ValueError(f"formula: numbers on the way are beyond float64 ({error}): scale X or y") from None


def symbols_of(model: Any, X: Array) -> list[Any]:
    """The inputs, with the signs that they have at all points of `X` (n, d)."""
    signature = model.signature
    names = signature.input_names or [f"x{i}" for i in range(signature.n_inputs)]
    return [
        sympy.Symbol(name, positive=True) if np.all(X[:, j] > 0.0) else sympy.Symbol(name, real=True)
        for j, name in enumerate(names)
    ]


def _formula(model: Any, k: int, share: float) -> Any:
    X = points_of(model)
    x = symbols_of(model, X)
    errors = UNKNOWN_ERRORS if model.report is None else (float(model.report.error),)
    if not errors[0] < MOST_ERROR:
        raise ValueError(f"formula: expected a model of an error below {MOST_ERROR}, got one of {errors[0]:.1e}")
    y = model.evaluate(X)[:, k]
    finite = np.isfinite(y)
    if finite.sum() < FITTED_POINTS:
        raise ValueError("formula: expected a model that has values at the points of its box, got NaN")
    for error in errors:
        samples = Samples(X[finite], y[finite], error)
        found, reason = _shortest(model, k, x, _best(model, samples), share)
        if found is not None and difference(found, x, samples) <= samples.allowed:
            return plain(found)
    raise ValueError(f"formula: expected a model that is a formula of few terms, got {model!r}: {reason}")


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


def points_of(model: Any) -> Array:
    """Points of the model's box, near its rows."""
    box = model.box() if model.near is None else (model.near.low, model.near.high)
    if box is None:
        raise ValueError("formula: expected a model that knows the box of its rows, got one that doesn't")
    X = np.random.default_rng(0).uniform(box[0], box[1], (4 * POINTS, len(box[0])))
    near = X if model.near is None else X[model.near.contains(X)]
    return np.ascontiguousarray((near if len(near) >= FITTED_POINTS else X)[:POINTS])


def _shortest(model: Any, k: int, x: Sequence[Any], samples: Samples, share: float) -> tuple[Any, str]:
    """The shortest formula of the symbols `x` that is as good as the model, None if there is none, and why not."""
    model, k = _output(model, k)
    u, front, inner, U, power = unwrapped(model, x, samples.X)
    few = _divided_by(power, U, samples)
    symbols = [
        sympy.Dummy(f"u{j}", positive=True) if np.all(few.X[:, j] > 0.0) else sympy.Dummy(f"u{j}", real=True)
        for j in range(len(u))
    ]
    there = dict(zip(symbols, u, strict=True))
    best, reason = None, "what its terms say is not as exact as it is"
    sources: list[Callable[..., Any]] = [_read, partial(_asked, share)]
    if inner.family == "composed":  # of exponentials, which values know as tanh and such
        sources.reverse()
    for source in sources:
        try:
            guess = source(inner, k, symbols, few)
        except NoReading as why:
            reason = str(why) or f"{reason}, and its values are no sum of products of known functions"
            continue
        for numbers in _fitted(guess, symbols, few):
            if _n_numbers(numbers) > (MOST_TERMS if numbers.is_polynomial() else MOST_NUMBERS):
                continue
            whole = simplified(front * numbers.xreplace(there), partial(_signed, x=x, samples=samples))
            if difference(whole, x, samples) > samples.allowed:
                whole = fitted(whole, x, samples)
            if whole is not None and (best is None or complexity(plain(whole)) < complexity(plain(best))):
                best = whole
        if best is not None and complexity(best) < SHORT:
            break
    for symbol, formula in there.items():
        reason = reason.replace(str(symbol), str(formula))
    return best, reason


def _fitted(guess: Any, symbols: Sequence[Any], samples: Samples) -> Iterator[Any]:
    """The formula with its numbers fitted, and with phases in place of sums of sines and cosines."""
    forms = dict.fromkeys((guess, phased(guess)))
    found = [numbers for form in forms if (numbers := fitted(form, symbols, samples)) is not None]
    yield from dict.fromkeys(found)
    for numbers in found:
        # Some can be told only once numbers that are 0 are gone; a phase may be short for sines, not for cosines.
        for form in dict.fromkeys((phased(numbers), phased(numbers, as_sine=True))):
            again = None if form in (numbers, *forms) else fitted(form, symbols, samples)
            if again is not None:
                yield again


def _divided_by(power: Array, U: Array, samples: Samples) -> Samples:
    """Some of y over the power in front, at U; where that is small, errors become larger."""
    with np.errstate(all="ignore"):
        y = samples.y / power
    finite = np.flatnonzero(np.isfinite(y) & np.isfinite(U).all(axis=1))[:FITTED_POINTS]
    U, y = np.ascontiguousarray(U[finite]), np.ascontiguousarray(y[finite])
    few = Samples(U, y, 0.0)
    errors = max(samples.error, 1e-16) * samples.unit / power[finite]
    return few._replace(error=root_mean_square(errors) / few.unit)


def _signed(expression: Any, x: Sequence[Any], samples: Samples) -> Any:
    """|v| as v or -v, and (u / v)^p as u^p / v^p, where v has one sign at all points."""
    for part in expression.atoms(sympy.Abs):
        sign = _sign(part.args[0], x, samples)
        if sign:
            expression = expression.xreplace({part: sign * part.args[0]})
    for part in expression.atoms(sympy.Pow):
        above, below = sympy.fraction(part.base)
        # Of what SymPy knows to be positive it does so itself.
        if part.exp.is_Rational and not part.exp.is_Integer and below.free_symbols:
            sign = _sign(below, x, samples)
            if sign:
                expression = expression.xreplace({part: (sign * above) ** part.exp / (sign * below) ** part.exp})
    return expression


def _sign(expression: Any, x: Sequence[Any], samples: Samples) -> int:
    """1 or -1 where it isn't below or above 0 at any point, 0 else."""
    values = compiled(expression, x)(samples.X)
    return 1 if np.all(values >= 0.0) else -1 if np.all(values <= 0.0) else 0


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


def unwrapped(model: Any, x: Sequence[Any], X: Array) -> tuple[list[Any], Any, Any, Array, Array]:
    """The variables of the innermost model as formulas, the power in front, that model, and both at X."""
    u, front, power = list(x), sympy.Integer(1), np.ones(len(X))
    while model.family == "reduced":
        inside, own = model.variables.apply(X)
        front *= product(u, model.variables.factor)
        u = variables_of(model.variables, u)
        X, power, model = inside, power * own, model.model
    return u, front, model, X, power


def _read(model: Any, k: int, symbols: Sequence[Any], samples: Samples) -> Any:
    return read(model, k, symbols, Points(samples.X, samples.error))


def _asked(share: float, model: Any, k: int, symbols: Sequence[Any], samples: Samples) -> Any:
    def values(X: Array) -> Array:
        return np.asarray(model.evaluate(np.ascontiguousarray(X))[:, k])

    function = Function(values, *_inscribed(samples.X), samples.error).limited(model.n_params, share)
    try:
        guess = explained(function, symbols)
    except SpentError:
        guess = None
    if guess is None:
        raise NoReading
    return guess


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
