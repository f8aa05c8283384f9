"""Formulas as they are written by hand: in symbols of which nothing is assumed, and as text."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from .fitted import complexity

# SymPy's numbers that print as names.
NAMED = (sympy.pi, sympy.E)
HALF = sympy.Rational(1, 2)


def plain(expression: Any) -> Any:
    """The same of symbols without assumptions, with sqrt(a) sqrt(b) as sqrt(a b) and -log(a / b) as log(b / a).

    SymPy takes roots of products of positive symbols apart. All roots in `expression` have to be real ones.
    """
    symbols = {symbol: sympy.Symbol(symbol.name) for symbol in expression.free_symbols}
    return _gathered(expression.xreplace(symbols))


def _gathered(expression: Any) -> Any:
    if not expression.args:
        return expression
    expression = expression.func(*(_gathered(part) for part in expression.args))
    return _with_turned_logarithm(_with_one_root(expression)) if expression.is_Mul else expression


def _with_one_root(product: Any) -> Any:
    """The product with one factor b^p for all that have the exponents p and -p, a fraction."""
    exponents = dict.fromkeys(abs(part.exp) for part in product.args if _is_root(part))
    for p in exponents:
        roots = [part for part in product.args if _is_root(part) and abs(part.exp) == p]
        above = sympy.Mul(*(part.base for part in roots if part.exp > 0))
        below = sympy.Mul(*(part.base for part in roots if part.exp < 0))
        others = [part for part in product.args if part not in roots]
        for over, under in ((above, below), (sympy.expand(above), sympy.expand(below))):
            other = sympy.Mul(*others, under ** (-p) if over == 1 else (over / under) ** p)
            product = other if complexity(other) < complexity(product) else product
    return product


def _is_root(part: Any) -> bool:
    """Whether it is a power of something with symbols, to a fraction."""
    return part.is_Pow and part.exp.is_Rational and not part.exp.is_Integer and bool(part.base.free_symbols)


def _with_turned_logarithm(product: Any) -> Any:
    if product.as_coeff_Mul()[0].is_negative:
        for part in product.args:
            if isinstance(part, sympy.log):
                above, below = sympy.fraction(part.args[0])
                if below.free_symbols:
                    return -product / part * sympy.log(below / above)
    return product


def text_of(expression: Any) -> str:
    """The formula in Python's notation, `**` for powers and `/` for quotients.

    Names that are no Python identifiers, or that could be taken for a number of the formula such as pi, stand between
    backticks, as `pandas.DataFrame.eval` has them.
    """
    return str(_Printer([str(number) for number in NAMED if expression.has(number)]).doprint(expression))


class _Printer(StrPrinter):  # type: ignore[misc]
    """Differs from SymPy's in that sums begin with what is added, and that 1/x^2 isn't written as a power."""

    def __init__(self, taken: Sequence[str]) -> None:
        super().__init__()
        self._taken = taken

    def _print_Symbol(self, symbol: Any) -> str:  # noqa: N802
        name = str(symbol.name)
        is_plain = name.isidentifier() and not keyword.iskeyword(name) and name not in self._taken
        return name if is_plain else f"`{name}`"

    def _as_ordered_terms(self, expression: Any, order: Any = None) -> Any:
        terms = super()._as_ordered_terms(expression, order=order)
        return sorted(terms, key=lambda term: term.as_coeff_Mul()[0].is_negative)

    def _print_Pow(self, power: Any, rational: bool = False) -> str:  # noqa: N802
        if power.exp.is_Rational and power.exp < 0 and power.exp not in (-1, -HALF):
            below = sympy.Pow(power.base, -power.exp, evaluate=False)
            return f"1/{self.parenthesize(below, PRECEDENCE['Mul'])}"
        return str(super()._print_Pow(power, rational=rational))

    def _print_Mul(self, product: Any) -> str:  # noqa: N802
        """Also with all roots of numbers as one, where that is shorter: x/sqrt(2*pi)."""
        as_it_is = str(super()._print_Mul(product))
        numbers = [part for part in product.args if part.is_Rational or (part.is_Pow and part.base.is_number)]
        rest = [part for part in product.args if part not in numbers]
        square = sympy.Mul(*(part**2 for part in numbers))
        above, below = sympy.fraction(square)
        is_one_root = any(abs(part.exp) == HALF for part in numbers if part.is_Pow) and square.is_positive
        if not rest or not is_one_root or sympy.sqrt(above).is_Mul:
            return as_it_is
        sign = [sympy.Integer(-1)] if sympy.Mul(*numbers).is_negative else []
        roots = [sympy.Pow(part, p, evaluate=False) for part, p in ((above, HALF), (below, -HALF)) if part != 1]
        return min(as_it_is, str(super()._print_Mul(sympy.Mul(*sign, *rest, *roots, evaluate=False))), key=len)
