"""Other forms of an expression, and the shortest of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import sympy

from .fitted import complexity
from .writing import plain

# Longer ones are left as they are: what SymPy does with them may take minutes.
MOST_OPERATIONS = 150
# exp(-2469/(2 x)) is the 2469th power of exp(1/(2 x)) for SymPy, which takes minutes to factor such a polynomial: rates
# of larger whole numbers than this are hidden from it.
LARGEST_POWER = 24


def _with_squares(expression: Any) -> Any:
    """The same with a^2 + 2 a b + b^2 as (a + b)^2, wherever it is part of a sum; factor sees whole sums only."""
    if not expression.args:
        return expression
    expression = expression.func(*(_with_squares(part) for part in expression.args))
    terms = list(sympy.Add.make_args(expression))
    for one, other in itertools.combinations(terms, 2):
        a, b = (sympy.sqrt(term) for term in (one, other))
        for sign in (1, -1) if a.is_polynomial() and b.is_polynomial() else ():
            cross = sympy.expand(2 * sign * a * b)
            if all(term in terms for term in (one, other, cross)):
                terms = [*(term for term in terms if term not in (one, other, cross)), (a + sign * b) ** 2]
    return sympy.Add(*terms) if expression.is_Add else expression


def _with_half_angles(expression: Any) -> Any:
    """The same with c - c cos(v) as 2 c sin(v / 2)^2, and c + c cos(v) as 2 c cos(v / 2)^2, wherever it is in a sum."""
    if not expression.args:
        return expression
    expression = expression.func(*(_with_half_angles(part) for part in expression.args))
    terms = list(sympy.Add.make_args(expression))
    for term in terms if expression.is_Add else ():
        for wave in term.atoms(sympy.cos):
            front, half = term / wave, wave.args[0] / 2
            for one, square in ((-front, -2 * front * sympy.sin(half) ** 2), (front, 2 * front * sympy.cos(half) ** 2)):
                if one in terms and term in terms:
                    terms = [*(other for other in terms if other not in (one, term)), square]
    return sympy.Add(*terms) if expression.is_Add else expression


FORMS: tuple[Callable[[Any], Any], ...] = (
    lambda e: sympy.powsimp(sympy.powdenest(e)),
    sympy.factor_terms,
    lambda e: sympy.cancel(sympy.together(e)),
    sympy.factor,
    sympy.expand,
    _with_squares,
    _with_half_angles,
    sympy.trigsimp,
    sympy.logcombine,
    lambda e: sympy.cancel(e.rewrite(sympy.exp)) if e.has(sympy.tanh) else e,
    lambda e: sympy.radsimp(sympy.factor(e)),
    lambda e: e.replace(
        lambda part: part.is_Pow and part.base.is_Add, lambda part: sympy.factor(part.base) ** part.exp
    ),
)


def simplified(expression: Any, signed: Callable[[Any], Any]) -> Any:
    """The same, in the one of some forms that is the shortest to write; `signed` uses what has one sign in each."""
    best = signed(expression)
    if best.count_ops() > MOST_OPERATIONS:
        return best
    hidden = {power: sympy.Dummy(positive=True) for power in best.atoms(sympy.exp) if _is_of_large_numbers(power)}
    shown = {symbol: power for power, symbol in hidden.items()}
    for form in FORMS:
        try:
            other = signed(form(best.xreplace(hidden)).xreplace(shown))
        except (sympy.PolynomialError, NotImplementedError, AttributeError):
            continue
        if complexity(plain(other)) < complexity(plain(best)):
            best = other
    return best


def _is_of_large_numbers(power: Any) -> bool:
    """Whether an exponential has a rational number of many digits in its exponent."""
    numbers = [term.as_coeff_Mul()[0] for term in sympy.Add.make_args(power.args[0])]
    return any(number.is_Rational and max(abs(number.p), number.q) > LARGEST_POWER for number in numbers)


def phased(expression: Any, *, as_sine: bool = False) -> Any:
    """The same with a cos(v) + b sin(v), of numbers a and b, as one cosine, or sine, of a phase."""
    if not expression.args:
        return expression
    expression = expression.func(*(phased(part, as_sine=as_sine) for part in expression.args))
    if not expression.is_Add:
        return expression
    terms = list(expression.args)
    for one, other in itertools.permutations(expression.args, 2):
        (a, cosine), (b, sine) = one.as_coeff_Mul(), other.as_coeff_Mul()
        for wave in cosine.atoms(sympy.cos) if a.is_Float and b.is_Float else ():
            if sine == cosine.xreplace({wave: sympy.sin(wave.args[0])}) and one in terms and other in terms:
                turned = math.atan2(a, b) if as_sine else -math.atan2(b, a)
                shift = sympy.Float(turned) if turned else 0
                shifted = cosine.xreplace({wave: (sympy.sin if as_sine else sympy.cos)(wave.args[0] + shift)})
                terms = [*(term for term in terms if term not in (one, other)), sympy.Float(math.hypot(a, b)) * shifted]
    return sympy.Add(*terms)
