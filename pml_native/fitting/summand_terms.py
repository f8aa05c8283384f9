"""Terms that stand by themselves in y behind a link, y less these, and coefficients that are no small fractions.

Such coefficients are known about only, and the rest has so much of the terms; but not their columns. Where it is fitted
without these, the coefficients are what least squares find, first beside polynomials, and then beside the parameters of
a model of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays import Array, Samples, contiguous
from ..derivatives import Derivatives
from ..models import Composed, Model, Outputs, Polynomial, Reduced, Signature
from ..models.adjusting import jacobian_of, parameters_of, with_parameters
from ..models.chebyshev import ChebyshevTerms, largest_index_set
from ..models.reduced import Variables, variables_of
from ..models.transformed import TRANSFORMS, Transformed
from ..search.equations import input_frames
from ..search.least_squares import leading_least_squares
from ..search.search import CALL, Found, Rows
from ..singular_values import lstsq
from .reduced import reduced
from .terms_alone import Summand

LINKS = {"identity": "", "reciprocal": " of 1/y", "square": " of y^2", "log": " of log y"}
# Terms of the polynomials beside which coefficients are found, and rows for each.
BESIDE, ROWS_A_TERM = 200, 4
# Parameters of a model beside which they are, and rows for each; they move if that leaves this part of the error.
MOST_BESIDE, ROWS_A_PARAMETER, GAIN = 200, 3, 0.3


class Terms(NamedTuple):
    """What stands by itself in y behind a `link`."""

    link: str
    summands: tuple[Summand, ...]

    def described(self, names: Sequence[str]) -> str:
        return "".join(one.described(names) for one in self.summands).removeprefix("+") + LINKS[self.link]

    @property
    def are_rough(self) -> bool:
        """Whether a coefficient is known about only."""
        return any(one.is_rough for one in self.summands)

    def others(self, d: int) -> Variables | None:
        """The columns of d that the rest has, where coefficients are rough; None for all."""
        private = {j for one in self.summands for j in one.private} if self.are_rough else set()
        kept = [j for j in range(d) if j not in private]
        return variables_of(["sum"] * len(kept), np.eye(d)[kept], np.zeros(d)) if private else None

    def has_rest(self, d: int) -> bool:
        """Whether the rest has any of the d columns."""
        others = self.others(d)
        return others is None or len(others.kinds) > 0

    def rough_values(self, X: Array) -> Array:
        """Those of the terms of rough coefficients, without these: (n, k)."""
        units = [one._replace(coefficient=1.0) for one in self.summands if one.is_rough]
        return np.concatenate([Terms("identity", (one,)).model(X.shape[1]).evaluate(X) for one in units], axis=1)

    def moved(self, change: Array) -> Terms:
        """With `change` (k,) added to the rough coefficients."""
        by, moved = iter(change.tolist()), []
        for one in self.summands:
            moved.append(one._replace(coefficient=one.coefficient + next(by)) if one.is_rough else one)
        return self._replace(summands=tuple(moved))

    def model(self, d: int) -> Model:
        """Their sum, of d inputs."""
        some = self.summands
        variables = variables_of([one.kind for one in some], [one.row for one in some], np.zeros(d))
        coefficients = np.array([[one.coefficient] for one in some])
        return Reduced(Polynomial(np.eye(len(some), dtype=np.intp), coefficients, n_threads=1), variables)

    def added(self, rest: Model, signature: Signature) -> Model:
        """y, of a model of the rest."""
        d = signature.n_inputs
        others = self.others(d)
        rest = rest if others is None else Reduced(rest, others)
        rule = Polynomial(np.eye(2, dtype=np.intp), np.ones((2, 1)), n_threads=1)
        whole = Composed(rule, Outputs([rest, self.model(d)], range(2)), signature=signature)
        return whole if self.link == "identity" else Transformed(whole, ["identity"] * d, [self.link], signature)

    def less(self, samples: Samples) -> Samples | None:
        """The samples with the rest for y; None where it is not finite."""
        terms, transform = self.model(samples.X.shape[1]), TRANSFORMS[self.link]
        with np.errstate(all="ignore"):
            rest = contiguous(transform.forward(samples.y) - terms.evaluate(contiguous(samples.X)))
            slope = transform.forward_derivative(samples.y)
        if not (np.isfinite(rest).all() and np.isfinite(1.0 / slope).all()):
            return None
        known = samples.derivatives
        changed = samples.in_coordinates(samples.X, rest, 1.0 / slope[:, 0])
        changed = replace(changed, derivatives=None if known is None else self._derivatives(known, slope, terms))
        others = self.others(samples.X.shape[1])
        return changed if others is None else reduced(changed, others)

    def _derivatives(self, known: Derivatives, slope: Array, terms: Model) -> Derivatives | None:
        """Those of the rest; behind a link, first ones where y is known."""
        if self.link != "identity":
            some = known.some(~known.is_apart & (known.order == 1))
            if some is None:
                return None
            known = replace(some, values=some.values * slope[some.rows])
        return replace(known, values=known.values - known.of(terms))


def less(rows: Rows, terms: Terms) -> Rows | None:
    """The rows with the rest for y, in the columns that it has."""
    train, held_out = terms.less(rows.train), terms.less(rows.held_out)
    if train is None or held_out is None:
        return None
    others = terms.others(rows.n_inputs)
    corners = rows.corners if others is None or rows.corners is None else others.apply(rows.corners)[0]
    return Rows(train, held_out, corners)


def fitted_work(rows: Rows) -> float:
    """That of `fitted`."""
    return 4.0 * min(rows.n, ROWS_A_TERM * BESIDE) * BESIDE**2 + 100.0 * CALL


def fitted(terms: Terms, rows: Rows) -> Terms | None:
    """With the coefficients that are best beside polynomials of the other columns; None where there are none."""
    rest = less(rows, terms)
    if rest is None or not rest.n_inputs:
        return None
    n = min(rest.n, ROWS_A_TERM * BESIDE)
    frames, best, error = input_frames(rest), None, np.inf
    choices = frames.alternatives(None)
    logarithms = tuple("log" if "log" in own else own[0] for own in choices)
    weight, held_out_weight = _weight(terms, rows.train)[:n], _weight(terms, rows.held_out)
    term, held_out = (terms.rough_values(own.X) for own in (rows.train, rows.held_out))
    scale = np.max(np.abs(term), axis=0)
    for names in dict.fromkeys([tuple(own[0] for own in choices), logarithms]):
        frame = frames(names)
        indices, sizes = largest_index_set("total", frame.highest, min(BESIDE, n // ROWS_A_TERM))
        terms_at, held_out_terms = (ChebyshevTerms(indices).design(Z) for Z in (frame.Z[:n], frame.held_out_Z))
        A = np.concatenate([term[:n] / scale, terms_at], axis=1) * weight
        B = np.concatenate([held_out / scale, held_out_terms], axis=1)
        degrees = np.concatenate([np.zeros(len(scale), dtype=np.intp), indices.sum(axis=1)])
        solve = leading_least_squares(np.asfortranarray(A), rest.train.y[:n] * weight, degrees)
        for p in np.searchsorted(sizes, np.unique(sizes), side="right").tolist():
            c = solve(len(scale) + p)
            left = rest.held_out.y - B[:, : len(c)] @ c
            if (own := size_of(left * held_out_weight)) < error:
                best, error = terms.moved(c[: len(scale), 0] / scale), own
    return best


def refined_work(terms: Terms, rows: Rows, inner: Found) -> float:
    """That of `refined`."""
    p = min(len(parameters_of(inner.model)), MOST_BESIDE) + len(terms.summands)
    return 4.0 * rows.n * p**2 + 10.0 * CALL if terms.are_rough else 0.0


def refined(terms: Terms, rows: Rows, rest: Rows, inner: Found) -> tuple[Terms, Model] | None:
    """With the coefficients that are best beside the parameters of a model of the rest, which move as well; None
    where that would leave as much as before."""
    parameters, X = parameters_of(inner.model), contiguous(rest.train.X)
    if not 0 < len(parameters) <= min(MOST_BESIDE, rest.n / ROWS_A_PARAMETER):
        return None
    weight, term = _weight(terms, rows.train), terms.rough_values(rows.train.X)
    with np.errstate(all="ignore"):
        left = (rest.train.y - inner.model.evaluate(X)) * weight
        J = np.concatenate([term, jacobian_of(inner.model, X)[:, 0, :]], axis=1) * weight
    scale = np.max(np.abs(J), axis=0, initial=0.0)
    if not (np.isfinite(J).all() and np.isfinite(left).all()):
        return None
    scale = np.where(scale > 0.0, scale, 1.0)
    J, k = J / scale, term.shape[1]
    c = lstsq(J, left)[0]
    if not size_of(left - J @ c) < GAIN * size_of(left):
        return None
    change = c[:, 0] / scale
    return terms.moved(change[:k]), with_parameters(inner.model, parameters + change[k:])


def _weight(terms: Terms, samples: Samples) -> Array:
    """What makes errors behind the link those of y, as these count: (n, 1), of size 1 in the mean."""
    with np.errstate(all="ignore"):
        weight = np.abs(1.0 / TRANSFORMS[terms.link].forward_derivative(samples.y))
    if samples.sample_weight is not None:
        weight = weight * np.sqrt(samples.sample_weight)[:, None]
    return weight / size_of(weight)


def size_of(values: Array) -> float:
    """The RMS, of values of any size."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return largest * float(np.sqrt(np.mean((values / largest) ** 2))) if largest > 0.0 else 0.0
