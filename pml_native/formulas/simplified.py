"""The shortest of a few forms of an expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from .fitted import complexity

# Longer ones are left as they are: what SymPy does with them may take minutes.
MOST_OPERATIONS = 150

FORMS: tuple[Callable[[Any], Any], ...] = (
    lambda e: sympy.powsimp(sympy.powdenest(e)),
    sympy.factor_terms,
    lambda e: sympy.cancel(sympy.together(e)),
    sympy.factor,
    sympy.expand,
    sympy.trigsimp,
    sympy.logcombine,
    lambda e: sympy.cancel(e.rewrite(sympy.exp)) if e.has(sympy.tanh) else e,
    lambda e: sympy.radsimp(sympy.factor(e)),
)


def simplified(expression: Any) -> Any:
    """The same, in the shortest of some forms."""
    if expression.count_ops() > MOST_OPERATIONS:
        return expression
    best = expression
    for form in FORMS:
        try:
            other = form(best)
        except (sympy.PolynomialError, NotImplementedError, AttributeError):
            continue
        if complexity(other) < complexity(best):
            best = other
    return best
