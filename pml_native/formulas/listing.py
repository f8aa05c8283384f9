"""The formulas that a report lists: what the model is, if it is one that is found quickly, and simpler ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from ..report import Formula
from .expression import formulas_of, points_of, symbols_of, unwrapped
from .fitted import Samples, complexity
from .simpler import simpler
from .writing import plain, text_of

# A model that is worse is no formula that is found quickly, and `model.formula()` looks for longer.
MOST_ERROR = 1e-8
# The share of what `model.formula()` may ask a model for: a fraction of a second.
SHARE = 0.05
# Points at which simpler formulas are compared with the model.
POINTS = 400


def listed(model: Any) -> tuple[Formula, ...]:
    """That of `model`, of one output and with a report, then shorter ones, the most exact first."""
    if model.signature.n_outputs > 1:
        return ()
    with np.errstate(all="ignore"):  # powers of numbers of any size: what overflows is no formula
        return _listed(model)


def _listed(model: Any) -> tuple[Formula, ...]:
    found, bits = [], np.inf
    if model.report.error <= MOST_ERROR:
        try:
            [expression] = formulas_of(model, share=SHARE)
            found.append(Formula(text_of(expression), model.report.validation_rmse, n_terms(expression), True))
            bits = complexity(expression)
        except ValueError:
            pass
    try:
        X = points_of(model)
    except ValueError:  # without a box
        return tuple(found)
    X = X[:POINTS]
    y = model.evaluate(X)[:, 0]
    x = symbols_of(model, X)
    u, front, _, U, power = unwrapped(model, x, X)
    finite = np.isfinite(y) & np.isfinite(power) & np.isfinite(U).all(axis=1)
    if not y[finite].any():
        return tuple(found)
    samples = Samples(X[finite], y[finite], model.report.error)
    shorter = simpler(x, u, front, U[finite], power[finite], samples)
    for one in reversed(shorter):
        if complexity(one.expression) < bits and one.error > 10.0 * model.report.error:
            found.append(Formula(text_of(plain(one.expression)), one.error, one.n_terms, False))
    return tuple(found)


def n_terms(expression: Any) -> int:
    """Terms of the sum that it is, or of numerator and denominator together."""
    top, bottom = sympy.fraction(expression)
    return sum(len(sympy.Add.make_args(part)) for part in (top, bottom) if part.free_symbols) or 1
