"""How `fit` uses terms that stand by themselves: y less these is fitted in a race of its own.

    L(y) = sum_j c_j t_j(x_j) + prod_j x_j^p_j + f(x),     t(x) = x, x^2, 1/x or log x,  L(y) = y, 1/y, y^2 or log y
Heights, reference pressures, masses of parts and the like are added to the rest of a law, resistances in series add up
to 1/y. The rest may be a product of powers: of few terms without them, and of as many as any function with them.
Polynomials have both, but no logarithm of y.

That they stand by themselves shows in the gradient of the best model (symmetry.py). Few terms say of the rest whether
it is simpler, and which of two columns of a difference the term is of; only then is there a race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..arrays import Array, Samples, contiguous
from ..derivatives import Derivatives
from ..models import Composed, Model, Outputs, Polynomial, Reduced, Signature
from ..models.reduced import variables_of
from ..models.transformed import TRANSFORMS, Transformed
from ..search.polynomial import PolynomialSearch
from ..search.scheduler import Step, Steps, Worker
from ..search.search import CALL, Found, Rows, own_rng
from .race import Race, Row
from .reduced import REDUCED_SHARE, TRIAL_WORK, Within, evidence_at, raced_within, whole_of
from .symmetry import LEAST_PART, Evidence, Summand, find_summands

SEARCH = "summands"
# Few terms must leave this part of the error that they leave of y itself: 0.08 to 0.15 of the overflow of a dyke, 0.01
# of the weight of a wing. Of x - u t, which is most of a Lorentz transformation at small u, it is 0.12, and leads
# nowhere.
BETTER = 0.2
LINKS = {"identity": "", "reciprocal": " of 1/y", "square": " of y^2", "log": " of log y"}


class Terms(NamedTuple):
    """What stands by itself in y behind a `link`."""

    link: str
    summands: tuple[Summand, ...]

    def described(self, names: Sequence[str]) -> str:
        return "".join(one.described(names) for one in self.summands).removeprefix("+") + LINKS[self.link]

    def model(self, d: int) -> Model:
        """Their sum, of d inputs."""
        some = self.summands
        variables = variables_of([one.kind for one in some], [one.row for one in some], np.zeros(d))
        coefficients = np.array([[one.coefficient] for one in some])
        return Reduced(Polynomial(np.eye(len(some), dtype=np.intp), coefficients, n_threads=1), variables)

    def added(self, rest: Model, signature: Signature) -> Model:
        """y, of a model of the rest."""
        d = signature.n_inputs
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
        return replace(changed, derivatives=None if known is None else self._derivatives(known, slope, terms))

    def _derivatives(self, known: Derivatives, slope: Array, terms: Model) -> Derivatives | None:
        """Those of the rest; behind a link, first ones where y is known."""
        if self.link != "identity":
            some = known.some(~known.is_apart & (known.order == 1))
            if some is None:
                return None
            known = replace(some, values=some.values * slope[some.rows])
        return replace(known, values=known.values - known.of(terms))


class SummandsSearch:
    """The search for models of y less terms that stand by themselves, as `known`, the best model so far, shows them."""

    def __init__(self, race: Race, known: Found, table: Sequence[Row]) -> None:
        self.race, self.rows, self.known, self.table = race, race.rows, known, table
        self.rng, self.prospect = own_rng(race.rng), 0.0

    def steps(self) -> Steps:
        rows, d = self.rows, self.rows.n_inputs
        work = 1000.0 * (d + 1.0) * self.known.model.n_params + len(LINKS) * 20.0 * CALL * d**2
        [choices] = yield [Step(work, self._choices)]
        without = [(terms, rest) for terms in choices if (rest := less(rows, terms)) is not None]
        if not without:
            return
        of_y, *errors = yield [PolynomialSearch(one).first_step() for one in (rows, *(rest for _, rest in without))]
        in_y = [error * _in_y(terms, rest, rows) for error, (terms, rest) in zip(errors, without, strict=True)]
        best = int(np.argmin(in_y))
        if not in_y[best] < BETTER * of_y:
            return
        terms, rest = without[best]
        words = terms.described(rows.train.input_names or tuple(f"x{j}" for j in range(d)))
        sentence = f"{words} seems to stand by itself, and the rest is tried"
        other = Within(rest, sentence, f"{words} and: ", partial(self._whole, terms, f"{words} and: "))
        work, trials = REDUCED_SHARE * self.race.work, [(TRIAL_WORK, self.known.score)]
        yield from raced_within(self.race, [other], self.table, self.rng, work, trials=trials)

    def _choices(self, worker: Worker) -> list[Terms]:
        evidence = evidence_at(self.rows, self.known)
        found: list[Terms] = []
        with np.errstate(all="ignore"):
            for link in LINKS:
                seen = None if evidence is None else behind(evidence, link)
                if seen is not None:
                    found += [Terms(link, some) for some in find_summands(seen)]
        # The logarithm of a factor is none of these: a symmetry shows it.
        return [one for one in found if one.link != "log" or all(term.kind != "logarithms" for term in one.summands)]

    def _whole(self, terms: Terms, prefix: str, inner: Found, worker: Worker) -> Found:
        """What was found of the rest, with the terms, as a model of y."""
        signature = self.rows.signature
        return whole_of(self.rows, inner, prefix, lambda model: terms.added(model, signature), terms.less)


def behind(evidence: Evidence, link: str) -> Evidence | None:
    """The evidence of y behind a `link`; None where y is out of its domain, or near to the end of that."""
    if link == "identity":
        return evidence
    y = np.ldexp(evidence.y, evidence.y_exponent)
    transform = TRANSFORMS[link]
    t, slope = transform.forward(y), transform.forward_derivative(y)
    size = np.abs(y)
    if not (np.isfinite(t).all() and np.isfinite(slope).all() and size.min() > LEAST_PART * size.max()):
        return None
    if np.min(y) < 0.0 < np.max(y):
        return None
    exponent = int(np.frexp(np.max(np.abs(t)))[1])
    error = evidence.error * _size(y) * _size(slope) / _size(t)
    gradient = evidence.gradient * np.ldexp(slope, evidence.y_exponent - exponent)[:, :, None]
    t = np.ldexp(t, -exponent)
    return replace(evidence, y=t, gradient=gradient, error=error, mirrored={}, y_exponent=exponent)


def less(rows: Rows, terms: Terms) -> Rows | None:
    """The rows with the rest for y."""
    train, held_out = terms.less(rows.train), terms.less(rows.held_out)
    return None if train is None or held_out is None else Rows(train, held_out, rows.corners)


def _in_y(terms: Terms, rest: Rows, rows: Rows) -> float:
    """What a relative error of the rest is one of y."""
    y = rows.train.y
    return _size(rest.train.y) * _size(1.0 / TRANSFORMS[terms.link].forward_derivative(y)) / _size(y)


def _size(values: Array) -> float:
    """The RMS, of values of any size."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return largest * float(np.sqrt(np.mean((values / largest) ** 2))) if largest > 0.0 else 0.0


def may_have_summands(race: Race) -> bool:
    """Whether y, of one output and several inputs, may be less simple than what is left without a term."""
    return race.rows.n_inputs > 1 and race.rows.n_outputs == 1 and bool(np.ptp(race.rows.train.y) > 0)
