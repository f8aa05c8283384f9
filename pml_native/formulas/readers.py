"""What each family is made of, as an expression of its inputs, as long as that is a few terms.

A reader takes a model, the number of its output, the symbols of its inputs and some points of them. It raises
NoReading, which says why, where there is no such expression. Families are told apart by their names: models may import
this room.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sympy

from ..arrays import Array
from ..monomials import MOST_PRODUCTS, NEGLIGIBLE, Monomials, monomials
from ..singular_values import lstsq, svd
from .fitted import compiled
from .outer import OUTERS
from .parts import NOTHING, spanning
from .series import nodes

# A sum of more terms is no formula.
MOST_TERMS = 60
# Quotients of more terms mostly have common factors, without which they are found elsewhere.
MOST_QUOTIENT_TERMS = 24
# What a search finds as an exponent is a fraction of such a denominator, if it is one, to this, relative.
DENOMINATOR = 12
FRACTION_ERROR = 1e-8
# Functions in a graph of modules correct each other: one of x0 of 2e-12 stood beside a model of 4e-14, and exp(-x0 x1)
# was known to 3e-11; so do the terms of a relation. They are taken to be wrong by so many times the error of the model,
# up to the second; what is smaller is left out, and the rest is fitted without it.
FUNCTIONS, NO_TERM = 1e3, 1e-6


class NoReading(Exception):  # noqa: N818
    """Why a model can't be read off as a formula."""


class Points(NamedTuple):
    """Inputs X (n, d) of a model, and the error of its values, relative."""

    X: Array
    error: float


Reader = Callable[[Any, int, Sequence[Any], Points], Any]


def read(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The expression of output `k` of `model`, of the symbols `x` of its inputs; NoReading where there is none."""
    reader = READERS.get(model.family)
    if reader is None:
        raise NoReading(f"a model of the family {model.family} is made of too many numbers")
    return reader(model, k, x, points)


def short(value: float) -> Any:
    """A coefficient of a variable or an exponent: a fraction of few digits up to the error of a search, or a number.

    As any guess it is tested on the model's values, with the rest of the formula.
    """
    fraction = sympy.Rational(float(value)).limit_denominator(DENOMINATOR)
    return fraction if abs(float(fraction) - value) < FRACTION_ERROR * abs(value) else sympy.Float(float(value))


# Polynomials


def polynomial(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """A sum of monomials."""
    return _sum(_monomials(model, model.coefficients[:, k], int(model.output_exponents[k]), points.error), x)


def _sum(monomials: Monomials, x: Sequence[Any]) -> Any:
    if len(monomials) > MOST_TERMS:
        raise NoReading(f"it has {len(monomials)} terms")
    return sympy.Add(
        *(
            sympy.Float(c) * sympy.Mul(*(v**a for v, a in zip(x, powers, strict=True)))
            for powers, c in monomials.items()
        )
    )


def _monomials(series: Any, coefficients: Array, exponent: int, error: float, largest: float = 0.0) -> Monomials:
    found = monomials(series.indices, np.ldexp(coefficients, exponent), series.inputs, error, largest)
    if found is None:
        raise NoReading(f"it has {np.count_nonzero(coefficients)} terms of high degrees")
    return found


def rational(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """A quotient of two such sums, one coefficient of the denominator 1."""
    top, bottom = (polynomial(model.polynomials, one, x, points) for one in (k, model.signature.n_outputs))
    n_terms = len(top.args) + len(bottom.args)
    if bottom == 0 or n_terms > MOST_QUOTIENT_TERMS:
        raise NoReading(f"it is a quotient of {n_terms} terms")
    unit = max((term.as_coeff_Mul()[0] for term in sympy.Add.make_args(bottom)), key=abs)
    over, under = (sympy.Add(*(_divided(term, unit) for term in sympy.Add.make_args(part))) for part in (top, bottom))
    return over / under


def _divided(term: Any, unit: Any) -> Any:
    coefficient, rest = term.as_coeff_Mul()
    return rest if coefficient == unit else (coefficient / unit) * rest


@dataclass(frozen=True)
class Expanded:
    """A polynomial by its monomials, and the sizes of the terms that each coefficient is a sum of."""

    value: Monomials
    size: Monomials

    @classmethod
    def of(cls, value: Monomials) -> Expanded:
        return cls(value, {powers: abs(c) for powers, c in value.items()})

    def __add__(self, other: Expanded) -> Expanded:
        parts = [
            {powers: a.get(powers, 0.0) + b.get(powers, 0.0) for powers in {**a, **b}}
            for a, b in ((self.value, other.value), (self.size, other.size))
        ]
        return Expanded(*parts)

    def __mul__(self, other: Expanded) -> Expanded:
        if len(self.value) * len(other.value) > MOST_PRODUCTS:
            raise NoReading(f"it has products of sums of {len(self.value)} and {len(other.value)} terms")
        parts: list[Monomials] = [{}, {}]
        for whole, a, b in ((parts[0], self.value, other.value), (parts[1], self.size, other.size)):
            for (i, c), (j, d) in itertools.product(a.items(), b.items()):
                powers = tuple(map(int.__add__, i, j))
                whole[powers] = whole.get(powers, 0.0) + c * d
        return Expanded(*parts)

    def times(self, factor: float) -> Expanded:
        value = {powers: factor * c for powers, c in self.value.items()}
        return Expanded(value, {powers: abs(factor) * c for powers, c in self.size.items()})

    def known(self, error: float) -> Monomials:
        """Its monomials without those that are rounding."""
        return {powers: c for powers, c in self.value.items() if abs(c) > NEGLIGIBLE * error * self.size[powers]}


# Roots of relations


def algebraic(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The root of a relation of degree 2 in y, or of one that is (y - p)^q = r; others have none that is short.

    At the root the relation rises, which tells (-b + sqrt(b^2 - 4 a c)) / (2 a) from the other one.
    """
    q, outputs = model.degree, model.outputs
    shift, scale = (math.ldexp(float(part[0]), int(outputs.exponent[0])) for part in (outputs.shift, outputs.scale))
    # Of v = y / unit, which is at most 1, so that coefficients can be compared; a power of two keeps numbers short.
    unit = 2.0 ** math.frexp(abs(shift) + abs(scale))[1]
    change = np.zeros((q + 1, q + 1))
    for power, i in itertools.product(range(q + 1), range(q + 1)):
        if i <= power:
            change[power, i] = math.comb(power, i) * (-shift) ** (power - i) * unit**i / scale**power
    by_power = model.polynomials.coefficients[:, :-1] @ change
    error, largest = _of_functions(points), float(np.abs(by_power).max())
    parts = [_monomials(model.polynomials, by_power[:, i], 0, error, largest) for i in range(q + 1)]
    n_terms = sum(map(len, parts))
    implicit = NoReading(f"it is the root of a relation of degree {q} in y and {n_terms} terms, an implicit equation")
    if not parts[q] or n_terms > MOST_TERMS:
        raise implicit
    front = max(parts[q].values(), key=abs)
    of_v = [Expanded.of({powers: c / front for powers, c in part.items()}) for part in parts]
    if q == 2:
        c, b, a = of_v
        root = sympy.sqrt(_sum(((b * b).times(0.25) + (a * c).times(-1.0)).known(error), x))
        top = _sum(b.times(-0.5).value, x) + (root if front > 0.0 else -root)
        return sympy.expand(sympy.Float(unit) * top, deep=False) / _ones(_sum(a.value, x))
    nothing = (0,) * len(x)
    if set(parts[q]) != {nothing}:
        raise implicit
    p = of_v[q - 1].times(-1.0 / q)
    powers_of_p = [Expanded.of({nothing: 1.0})]
    for _ in range(q):
        powers_of_p.append(powers_of_p[-1] * p)
    # The relation in v - p.
    rest = [
        functools.reduce(
            Expanded.__add__, [(of_v[i] * powers_of_p[i - j]).times(math.comb(i, j)) for i in range(j, q + 1)]
        )
        for j in range(q)
    ]
    if any(one.known(error) for one in rest[1:]):
        raise implicit
    inside = _sum(rest[0].times(-1.0).known(error), x)
    exponent = sympy.Rational(1, q)
    is_negative = q % 2 == 1 and bool(np.all(compiled(inside, x)(points.X) < 0.0))
    root = -((-inside) ** exponent) if is_negative else inside**exponent
    return sympy.expand(sympy.Float(unit) * (_sum(p.known(error), x) + root), deep=False)


def _ones(expression: Any) -> Any:
    """The same, its terms of the coefficient 1 without it: it is no number to be found."""
    return sympy.Add(*(part.xreplace({sympy.Float(1.0): sympy.Integer(1)}) for part in sympy.Add.make_args(expression)))


# Phases


def waves(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The model inside, its powers of cosines and sines of a phase as cosines and sines of multiples of it."""
    phases = [read(model.phase, i, x, points) for i in range(model.n_phases)]
    n, columns = model.n_phases, [x[j] for j in model.columns]
    cosines, sines = ([sympy.Dummy(real=True) for _ in range(n)] for _ in range(2))
    inner = read(model.model, k, [*cosines, *sines, *columns], Points(model.variables(points.X), points.error))
    there = dict(zip([*cosines, *sines], [*map(sympy.cos, phases), *map(sympy.sin, phases)], strict=True))
    if not inner.is_polynomial(*there):
        return inner.xreplace(there)
    total: dict[Any, list[Any]] = {}
    for term in sympy.Add.make_args(sympy.expand(inner)):
        powers = term.as_powers_dict()
        c, rest = sympy.Mul(*(base**a for base, a in powers.items() if base not in there)).as_coeff_Mul()
        own = zip(phases, cosines, sines, strict=True)
        turning = sympy.Mul(*(_multiples(phase, int(powers[a]), int(powers[b])) for phase, a, b in own))
        for part in sympy.Add.make_args(sympy.expand(turning)):
            number, wave = part.as_coeff_Mul()
            total.setdefault((wave, rest), []).append(c * number)
    largest = max((max(map(abs, numbers)) for numbers in total.values()), default=0)
    least = NEGLIGIBLE * max(points.error, 1e-16) * largest
    kept = [(wave * rest, sum(numbers)) for (wave, rest), numbers in total.items() if abs(sum(numbers)) > least]
    if len(kept) > MOST_TERMS:
        raise NoReading(f"it has {len(kept)} waves")
    return sympy.Add(*(sympy.Float(number) * wave for wave, number in kept))


def _multiples(phase: Any, a: int, b: int) -> Any:
    """cos(phase)^a sin(phase)^b as a sum of cosines, or of sines, of multiples of the phase."""
    # With z = e^(i phase) it is ((z + 1/z) / 2)^a ((z - 1/z) / 2i)^b: z^m and z^-m make a cosine for even b, where
    # their coefficients are the same, and a sine for odd b.
    factors = [[1.0, 0.0, 1.0]] * a + [[-1.0, 0.0, 1.0]] * b
    of_z: Any = np.ones(1)
    for factor in factors:
        of_z = np.convolve(of_z, factor)
    degree, sign, wave = a + b, (-1) ** (b // 2), sympy.sin if b % 2 else sympy.cos
    weights = [sympy.Rational(sign * int(of_z[degree + m]), 2**degree) for m in range(degree + 1)]
    return sympy.Add(weights[0], *(2 * weights[m] * wave(m * phase) for m in range(1, degree + 1)))


# Functions of one variable that are known ones


@dataclass(frozen=True)
class Variable:
    """What functions are of: its formula in the inputs, and its range."""

    formula: Any
    low: float
    high: float

    @property
    def nodes(self) -> Array:
        return nodes(self.low, self.high)


@dataclass(frozen=True)
class Place:
    """A value inside a model, a function `of` its variable."""

    variable: Variable
    of: Callable[[Array], Array]


class Known(NamedTuple):
    """Known functions, as formulas and at nodes (n, k), and the weights (k, m) by which m values are sums of them."""

    formulas: list[Any]
    values: Array
    weights: Array


# An input as the model inside takes it, from the number of its column and its values.
Change = Callable[[int, Array], Array]


def modular(model: Any, k: int, x: Sequence[Any], points: Points, change: Change = lambda j, v: v) -> Any:
    """The sum of products of what its functions are, where all of these are known ones, of inputs or of their sums."""
    error = _of_functions(points)
    places = _inputs(x, points, lambda j, v: _normalized(model.inputs, j, change(j, v)))
    for module in model.modules[:-1]:
        sources, part = [places[source] for source in module.sources], module.polynomial
        if len(sources) == 1:
            own = sources[0]
            outputs = range(part.signature.n_outputs)
            places += [Place(own.variable, _composed(part, i, own.of)) for i in outputs]
        else:
            places.append(_merged(part, sources, error))
    last = model.modules[-1]
    core = last.polynomial
    products = _monomials(core, core.coefficients[:, k], int(core.output_exponents[k]), 0.0)
    return _of_known_functions(products, [places[source] for source in last.sources], error)


def separable(model: Any, k: int, x: Sequence[Any], points: Points, change: Change = lambda j, v: v) -> Any:
    """The sum of products of what its factors are, where all of these are known functions."""
    places = [
        Place(own.variable, _composed(factor, i, own.of))
        for own, factor in zip(_inputs(x, points, change), model.factors, strict=True)
        for i in range(model.rank)
    ]
    products = {tuple(int(i % model.rank == r) for i in range(len(places))): 1.0 for r in range(model.rank)}
    return _of_known_functions(products, places, _of_functions(points))


def _of_functions(points: Points) -> float:
    """What is inside a model is taken to be wrong by more than it, as errors cancel in the sum."""
    return max(points.error, min(FUNCTIONS * max(points.error, 1e-16), NO_TERM))


def _inputs(x: Sequence[Any], points: Points, change: Change) -> list[Place]:
    return [
        Place(Variable(symbol, float(column.min()), float(column.max())), functools.partial(change, j))
        for j, (symbol, column) in enumerate(zip(x, points.X.T, strict=True))
    ]


def _normalized(inputs: Any, j: int, v: Array) -> Array:
    return np.asarray((np.ldexp(v, -inputs.exponent[j]) - inputs.shift[j]) / inputs.divisor[j])


def _composed(part: Any, i: int, of: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Output `i` of a model of one input, of what `of` gives."""
    return lambda v: part.evaluate(np.ascontiguousarray(of(v)[:, None]))[:, i]


def _merged(part: Any, sources: Sequence[Place], error: float) -> Place:
    """A sum of known functions, one of each source, as a variable; a product of powers where these are logarithms."""
    if part.signature.n_outputs > 1 or np.any(np.count_nonzero(part.indices, axis=1) > 1):
        raise NoReading("it has a part that is no sum of functions of one input")
    terms: list[tuple[float, Any]] = []
    constant = low = high = 0.0
    for i, source in enumerate(sources):
        own = np.all(np.delete(part.indices, i, axis=1) == 0, axis=1)
        own &= (part.indices[:, i] > 0) | (i == 0)  # the constant is of the first
        alone = type(part)(part.indices[own, i : i + 1], part.coefficients[own], output_exponents=part.output_exponents)
        known = _known([Place(source.variable, _composed(alone, 0, source.of))], error)
        for formula, weight in zip(known.formulas, known.weights[:, 0].tolist(), strict=True):
            if formula == 1:
                constant += weight
            elif weight:
                terms.append((weight, formula))
        values = known.values @ known.weights[:, 0]
        low, high = low + float(values.min()), high + float(values.max())
    if not terms:
        raise NoReading("it has a part that is a constant")
    front = max((weight for weight, _ in terms), key=abs)
    ends = sorted((end - constant) / front for end in (low, high))
    if all(isinstance(formula, sympy.log) for _, formula in terms):
        product = sympy.Mul(*(formula.args[0] ** short(weight / front) for weight, formula in terms))
        return Place(Variable(product, *map(math.exp, ends)), lambda w: front * np.log(w) + constant)
    total = sympy.Add(*(formula if w == front else sympy.Float(w / front) * formula for w, formula in terms))
    return Place(Variable(total, *ends), lambda w: front * w + constant)


def _known(places: Sequence[Place], error: float) -> Known:
    """Values at places of one variable as sums of known functions, of which 1 is one."""
    variable = places[0].variable
    symbol = sympy.Dummy("w", positive=True) if variable.low > 0.0 else sympy.Dummy("w", real=True)
    u = variable.nodes
    values = np.column_stack([place.of(u) for place in places])
    columns = np.column_stack([np.ones_like(u), values])
    sizes = np.linalg.norm(columns, axis=0)
    if not np.isfinite(values).all():
        raise NoReading(f"a function of {variable.formula} has no value somewhere")
    space, singular, _ = svd(columns / np.where(sizes > 0.0, sizes, 1.0), full_matrices=False)
    count = int(np.sum(singular > NOTHING * error * singular[0]))
    accuracy = min(NOTHING * error * singular[0] / singular[count - 1], 1e-4)
    found = spanning(symbol, u, space[:, :count], accuracy)
    if found is None:
        raise NoReading(f"a function of {variable.formula} in it is no known one")
    basis = np.column_stack([own for _, own in found])
    scale = np.linalg.norm(basis, axis=0)
    weights = lstsq(basis / scale, values, rcond=None)[0]
    weights[np.abs(weights) <= NEGLIGIBLE * error * sizes[1:]] = 0.0
    return Known(
        [formula.xreplace({symbol: variable.formula}) for formula, _ in found], basis, weights / scale[:, None]
    )


def _of_known_functions(products: Monomials, places: Sequence[Place], error: float) -> Any:
    """A sum of products of values at `places`, by their powers, as one of products of known functions."""
    products = _needed(products, [float(np.abs(place.of(place.variable.nodes)).max()) for place in places], error)
    used = [i for i in range(len(places)) if any(powers[i] for powers in products)]
    places = [places[i] for i in used]
    products = {tuple(powers[i] for i in used): c for powers, c in products.items()}
    functions: list[Any] = []
    largest: list[float] = []
    sums: list[list[tuple[int, float]]] = [[] for _ in places]  # of each place, numbers of functions, -1 for 1
    for variable in dict.fromkeys(place.variable for place in places):
        own = [i for i, place in enumerate(places) if place.variable is variable]
        known = _known([places[i] for i in own], error)
        for a, formula in enumerate(known.formulas):
            number = -1 if formula == 1 else len(functions)
            for column, i in enumerate(own):
                if known.weights[a, column]:
                    sums[i].append((number, float(known.weights[a, column])))
            if formula != 1:
                functions.append(formula)
                largest.append(float(np.abs(known.values[:, a]).max()))
    n = len(functions)
    unit = [tuple(int(i == number) for i in range(n)) for number in range(n)] + [(0,) * n]
    expanded = [Expanded.of({unit[number]: weight for number, weight in own}) for own in sums]
    total = Expanded({}, {})
    for powers, c in products.items():
        product = Expanded.of({unit[-1]: c})
        for place, count in enumerate(powers):
            for _ in range(count):
                product = product * expanded[place]
        total = total + product
    return _sum(_needed(total.known(error), largest, error), functions)


def _needed(terms: Monomials, largest: Sequence[float], error: float) -> Monomials:
    """The terms that are more than errors of the largest of them, of variables up to `largest`."""
    sizes = {p: abs(c) * math.prod(v**a for v, a in zip(largest, p, strict=True)) for p, c in terms.items()}
    least = error * max(sizes.values(), default=0.0)
    return {powers: c for powers, c in terms.items() if sizes[powers] > least}


# Models of other models


def transformed(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The model inside, of logarithms and reciprocals; the exponential of a sum of logarithms is a product."""
    scale, name = float(model.output_scales[k]), model.output_transforms[k]
    transforms, scales = model.input_transforms, model.input_scales
    if model.model.family in IN_PLAIN_INPUTS:

        def change(j: int, v: Array) -> Array:
            return np.asarray(model.transform_inputs(v[:, None], [transforms[j]], scales[j : j + 1])[:, 0])

        inner = IN_PLAIN_INPUTS[model.model.family](model.model, k, x, points, change)
    else:
        u = [sympy.Dummy(real=True) for _ in x]
        there = [_input(v, transform, float(a)) for v, transform, a in zip(x, transforms, scales, strict=True)]
        inside = Points(model.transform_inputs(points.X, transforms, scales), points.error)
        inner = read(model.model, k, u, inside).subs(dict(zip(u, there, strict=True)))
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
            factors.append(rest.args[0] ** short(float(coefficient)))
        else:
            factors.append(sympy.exp(part))
    return sympy.Mul(*factors)


def _input(symbol: Any, transform: str, a: float) -> Any:
    if transform == "log":
        return sympy.log(symbol if a > 0.0 else -symbol) - (math.log(abs(a)) if abs(a) != 1.0 else 0)
    scaled = symbol if a == 1.0 else symbol / sympy.Float(a)
    if transform == "root":
        return sympy.sqrt(scaled)
    return 1 / scaled if transform == "reciprocal" else scaled


def reduced(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The model inside, of its variables."""
    variables = model.variables
    U = variables.apply(points.X)[0]
    signed = [
        kind not in ("product", "moduli") or not (own > 0.0).all()
        for kind, own in zip(variables.kinds, U.T, strict=True)
    ]
    u = [sympy.Dummy(real=True) if is_signed else sympy.Dummy(positive=True) for is_signed in signed]
    inner = read(model.model, k, u, Points(U, points.error))
    return product(x, variables.factor) * inner.subs(dict(zip(u, variables_of(variables, x), strict=True)))


def composed(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The model inside, of variables that are models themselves."""
    n = model.variables.signature.n_outputs
    variables = [read(model.variables, i, x, points) for i in range(n)]
    u = [sympy.Dummy(real=True) for _ in range(n)]
    inner = read(model.model, k, [*u, *(x[j] for j in model.columns)], Points(model.values(points.X), points.error))
    return inner.xreplace(dict(zip(u, variables, strict=True)))


def variables_of(variables: Any, x: Sequence[Any]) -> list[Any]:
    """The variables of a symmetry, as formulas."""
    return [_variable(x, kind, row) for kind, row in zip(variables.kinds, variables.coefficients, strict=True)]


def _variable(x: Sequence[Any], kind: str, coefficients: Array) -> Any:
    if kind == "product":
        return product(x, coefficients)
    of_one: dict[str, Callable[[Any], Any]] = {
        "sum": lambda v: v,
        "squares": lambda v: v**2,
        "reciprocals": lambda v: 1 / v,
        "logarithms": sympy.log,
        "moduli": sympy.Abs,
    }
    part = of_one[kind]
    return sympy.Add(*(short(c) * part(v) for c, v in zip(coefficients, x, strict=True) if c))


def product(x: Sequence[Any], exponents: Array) -> Any:
    """x to these powers."""
    return sympy.Mul(*(v ** short(a) for v, a in zip(x, exponents, strict=True) if a))


def boosted(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The sum of the stages."""
    stages = zip(model.stages, model.scales[:, k].tolist(), strict=True)
    return sympy.expand(
        sympy.Add(*(sympy.Float(scale) * read(stage, k, x, points) for stage, scale in stages)), deep=False
    )


def mixed(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """The sum of some outputs."""
    weights = model.mixing[:, k].tolist()
    terms = [sympy.Float(weight) * read(model.model, i, x, points) for i, weight in enumerate(weights) if weight]
    return sympy.expand(sympy.Add(*terms), deep=False)


def exchanged(model: Any, k: int, x: Sequence[Any], points: Points) -> Any:
    """That of the model, which is the same at all images of a point."""
    return read(model.model, k, x, points)


# Those that find out what functions are, which is easier in the inputs themselves than in their logarithms.
IN_PLAIN_INPUTS: dict[str, Callable[[Any, int, Sequence[Any], Points, Change], Any]] = {
    "modular": modular,
    "separable": separable,
}
READERS: dict[str, Reader] = {
    "polynomial": polynomial,
    "rational": rational,
    "algebraic": algebraic,
    "waves": waves,
    "modular": modular,
    "separable": separable,
    "transformed": transformed,
    "reduced": reduced,
    "composed": composed,
    "boosted": boosted,
    "mixed": mixed,
    "exchanged": exchanged,
}
