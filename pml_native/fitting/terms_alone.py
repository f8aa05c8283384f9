"""Finds terms that stand by themselves in a function, from the gradient of a model of it.

One column: dy/dt_i = b, as in y = b t(x_i) + f(the others). A product: dy/dx_i = b x_j^p ..., without x_i. Two
columns: dy/dx_i = c dy/dx_j + b, as y is b x_i and a function of x_j + c x_i; it is -b/c x_j and another function of
these as well. b, c and p are small fractions where units are the same. Where the rest has not the column, b may be any
number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from ..models.reduced import variables_of
from ..singular_values import lstsq
from .symmetry import MIXED, MOST_RELATIVE, Evidence, nearest_fraction, rms

# The deviation of a slope from a constant that a term by itself may have, relative: few terms decide on it.
COARSE_SUMMAND = 0.1
# The part of the points where a slope that is a product has one sign.
ONE_SIGN = 0.99


class Summand(NamedTuple):
    """A term of y by itself: `coefficient` times a variable of a `kind`, of these coefficients or exponents (d,).

    The rest of y has not the `private` columns. The coefficient is a small fraction, or, if the term `is_rough`, any
    number that is known about.
    """

    kind: str
    row: tuple[float, ...]
    coefficient: float
    private: tuple[int, ...] = ()
    is_rough: bool = False

    def described(self, names: Sequence[str]) -> str:
        """With its sign before it."""
        size = abs(self.coefficient)
        text = variables_of([self.kind], [self.row], np.zeros(len(self.row))).described(names)
        return ("-" if self.coefficient < 0 else "+") + ("" if size == 1 else f"{size:g}*") + text


def find_summands(evidence: Evidence, *, are_rough: bool = False) -> list[tuple[Summand, ...]]:
    """Choices of terms that may stand by themselves in y: without them y is simpler.

    Terms that are small beside y show coarsely, so that there are choices of all, and of those that are sure.
    Coefficients are small fractions; where terms of one column or product `are_rough`, any numbers.
    """
    d = evidence.X.shape[1]
    units = [tuple(row) for row in np.eye(d).tolist()]
    alone: dict[int, tuple[float, Summand]] = {}
    for kind in MIXED:
        slopes, spreads = evidence.slopes(kind), evidence.spreads(kind)
        for i, h in enumerate(slopes.T):
            term = Summand(kind, units[i], 1.0, (i,), are_rough)
            found = _summand(evidence, term, h, np.ones_like(h), spreads[i])
            if found is not None and (i not in alone or found[0] < alone[i][0]):
                alone[i] = found
    slopes, spreads = evidence.slopes("sum"), evidence.spreads("sum")
    pairs = []
    for i, j in itertools.permutations([j for j in range(d) if j not in alone], 2):
        table = np.column_stack([np.ones(len(slopes)), slopes[:, j]])
        c = float(lstsq(table, slopes[:, i], rcond=None)[0][1])
        rest = slopes[:, i] - c * slopes[:, j]
        found = _summand(evidence, Summand("sum", units[i], 1.0), rest, table[:, 0], spreads[i])
        differs = abs(c) * float(np.std(slopes[:, j])) * spreads[i]
        if found is not None and nearest_fraction(c, COARSE_SUMMAND) and differs > evidence.error:
            pairs.append(found)
    products = [_product_alone(evidence, i, are_rough) for i in range(d) if i not in alone]
    surest = list(dict.fromkeys(one for _, one in sorted(pairs)))[:2]
    every = [*alone.values(), *_joined([one for one in products if one is not None])]
    choices: list[tuple[Summand, ...]] = []
    for most in (COARSE_SUMMAND, MOST_RELATIVE):
        first = tuple(dict.fromkeys(one for relative, one in every if relative <= most))
        choices += [(*first, one) for one in surest] if surest else [first]
    return [one for one in dict.fromkeys(choices) if one]


def _joined(products: Sequence[tuple[float, Summand]]) -> list[tuple[float, Summand]]:
    """The products, each once, with all columns that show it: those are private to it."""
    found: dict[tuple[float, ...], tuple[float, Summand]] = {}
    for relative, term in products:
        known, other = found.get(term.row, (relative, term))
        private = tuple(sorted({*term.private, *other.private}))
        found[term.row] = min(known, relative), other._replace(private=private)
    return list(found.values())


def _product_alone(evidence: Evidence, i: int, is_rough: bool) -> tuple[float, Summand] | None:
    """The product of column i and powers of others that may stand by itself, with its relative deviation."""
    h, X = evidence.slopes("sum")[:, i], np.repeat(evidence.X, evidence.y.shape[1], axis=0)
    others = [j for j in np.flatnonzero(evidence.divides).tolist() if j != i]
    if not others or max(np.mean(h > 0.0), np.mean(h < 0.0)) < ONE_SIGN:
        return None
    seen = h != 0.0
    table = np.column_stack([np.ones(np.count_nonzero(seen)), np.log(X[seen][:, others])])
    row = np.eye(X.shape[1])[i]
    for j, power in zip(others, lstsq(table, np.log(np.abs(h[seen])), rcond=None)[0][1:].tolist(), strict=True):
        row[j] = nearest_fraction(power, COARSE_SUMMAND) or 0.0
    if np.count_nonzero(row) < 2:
        return None
    shape = np.prod(X[:, others] ** row[others], axis=1)
    term = Summand("product", tuple(row.tolist()), 1.0, (i,), is_rough)
    return _summand(evidence, term, h, shape, evidence.spreads("sum")[i])


def _summand(evidence: Evidence, term: Summand, h: Array, shape: Array, spread: float) -> tuple[float, Summand] | None:
    """The term with its coefficient b, if dy/dt over the size of y is h = b `shape`, both (n,), for a t of this
    `spread`; with the relative deviation, None where it is too large, or b no fraction."""
    b = float(h @ shape / (shape @ shape))
    size, deviation = abs(b) * rms(shape) * spread, rms(h - b * shape) * spread
    if not deviation <= min(evidence.tolerance, COARSE_SUMMAND * size) or size == 0.0:
        return None
    relative = float(deviation / size)
    degree = sum(term.row) if term.kind == "product" else MIXED[term.kind]
    unit = float(np.sqrt(np.mean(evidence.y**2)))
    coefficient = b * unit * 2.0 ** (evidence.y_exponent - degree * evidence.exponent)
    exact = nearest_fraction(coefficient, 3.0 * max(relative, 1e-6))
    if exact:
        return relative, term._replace(coefficient=exact, is_rough=False)
    return (relative, term._replace(coefficient=coefficient)) if term.is_rough and np.isfinite(coefficient) else None
