"""How `fit` uses terms that stand by themselves: y less these is fitted in a race of its own.

    L(y) = sum_j c_j t_j(x_j) + prod_j x_j^p_j + f(x),     t(x) = x, x^2, 1/x or log x,  L(y) = y, 1/y, y^2 or log y
Heights, reference pressures, masses of parts and the like are added to the rest of a law, resistances in series add up
to 1/y. The rest may be a product of powers: of few terms without them, and of as many as any function with them.
Polynomials have both, but no logarithm of y.

That they stand by themselves shows in the gradient of the best model (terms_alone.py), or in what that gradient is in
the variables of symmetries that it shows, which may again show others. Few terms say of the rest whether it is simpler,
and which of two columns of a difference the term is of; only then is there a race. Where that has moved coefficients
which are no small fractions, there is another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..arrays import Samples
from ..models import Model, Reduced, Signature
from ..models.reduced import Variables
from ..models.transformed import TRANSFORMS
from ..search.polynomial import PolynomialSearch
from ..search.scheduler import Step, Steps, Worker
from ..search.search import CALL, Found, Rows, own_rng
from .race import Race, Row
from .reduced import REDUCED_SHARE, TRIAL_WORK, Within, evidence_at, raced_within, reduced, whole_of, within
from .summand_terms import LINKS, Terms, fitted, fitted_work, less, refined, refined_work, size_of
from .symmetry import LEAST_PART, Evidence, evidence_in, find_variables
from .terms_alone import find_summands

SEARCH = "summands"
# Few terms must leave this part of the error that they leave of y itself: 0.08 to 0.15 of the overflow of a dyke, 0.01
# of the weight of a wing. Of x - u t, which is most of a Lorentz transformation at small u, it is 0.12, and leads
# nowhere. Where coefficients are any numbers, of more terms there are some that leave less: 0.18 of the flow through a
# borehole, by terms that are none, and 0.06 to 4e-5 by the one that is.
BETTER, BETTER_BY_ROUGH = 0.2, 0.1
# A search whose race is so many times worse than the best of all others has begun with a model that showed too little.
OUTDONE = 10.0
# Times that symmetries may show others, and races of a rest, each but the first with coefficients so moved.
LEVELS, RACES = 3, 4


class Level(NamedTuple):
    """The rows in the variables that symmetries leave, one after the other, and what the gradient shows there."""

    rows: Rows
    evidence: Evidence
    chain: tuple[Variables, ...] = ()

    def changed(self, samples: Samples) -> Samples | None:
        """Samples of the inputs in these variables."""
        for variables in self.chain:
            other = reduced(samples, variables)
            if other is None:
                return None
            samples = other
        return samples

    def lifted(self, model: Model, signature: Signature) -> Model:
        """A model of the variables as one of the inputs."""
        for i, variables in reversed(list(enumerate(self.chain))):
            model = Reduced(model, variables, None if i else signature)
        return model


class Choice(NamedTuple):
    """Terms that may stand by themselves in the variables of a level."""

    level: Level
    terms: Terms


class SummandsSearch:
    """The search for models of y less terms that stand by themselves, as `known`, the best model so far, shows them."""

    def __init__(self, race: Race, known: Found, table: Sequence[Row]) -> None:
        self.race, self.rows, self.known, self.table = race, race.rows, known, table
        self.rng, self.prospect = own_rng(race.rng), 0.0
        self.error = known.error  # the least that it has come to, or began with
        self.names = self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))

    def is_outdone(self, race: Race) -> bool:
        """Whether others have found what shows more than the model that this has begun with."""
        return race.error < self.error / OUTDONE

    def steps(self) -> Steps:
        d = self.rows.n_inputs
        n_looks = (1 + LEVELS) * len(LINKS) if self.race.depth == 0 else len(LINKS)
        work = 1000.0 * (d + 1.0) * self.known.model.n_params + n_looks * 20.0 * CALL * d**2
        [seen] = yield [Step(work, self._choices)]
        steps = [
            Step(fitted_work(one.level.rows) if one.terms.are_rough else CALL, partial(_settled, one)) for one in seen
        ]
        settled: list[Choice | None] = yield steps
        choices = [one for one in settled if one is not None]
        rests = [rest for one in choices if (rest := less(one.level.rows, one.terms)) is not None]
        if not choices or len(rests) < len(choices):
            return
        levels = list(dict.fromkeys(id(one.level.rows) for one in choices))
        own = [next(one.level.rows for one in choices if id(one.level.rows) == key) for key in levels]
        errors = yield [PolynomialSearch(rows).first_step() for rows in (*own, *rests)]
        of_y = dict(zip(levels, errors, strict=False))
        limits = [BETTER_BY_ROUGH if one.terms.are_rough else BETTER for one in choices]
        parts = [
            error * _in_y(one, rest) / (limit * of_y[id(one.level.rows)])
            for one, rest, limit, error in zip(choices, rests, limits, errors[len(own) :], strict=True)
        ]
        best = int(np.argmin(parts))
        if parts[best] < 1.0:
            yield from self._raced(choices[best], rests[best])

    def _raced(self, choice: Choice, rest: Rows) -> Steps:
        """Races of the rest."""
        level, terms = choice
        for _ in range(RACES):
            best: list[tuple[Found, Terms]] = []
            words, prefix = self._described(level, terms)
            whole = partial(self._whole, Choice(level, terms), prefix, rest, best)
            work = partial(refined_work, terms, level.rows)
            other = Within(rest, f"{words} seems to stand by itself, and the rest is tried", prefix, whole, work=work)
            share, trials = REDUCED_SHARE * self.race.work, [(TRIAL_WORK, self.known.score)]
            yield from raced_within(self.race, [other], self.table, self.rng, share, trials=trials)
            if not best or best[0][1] is terms or best[0][0].is_exact:
                return
            terms = best[0][1]
            again = less(level.rows, terms)
            if again is None:
                return
            rest = again

    def _described(self, level: Level, terms: Terms) -> tuple[str, str]:
        """The terms, and what is put before what is said of the rest."""
        names, prefix = self.names, ""
        for variables in level.chain:
            prefix += f"of {variables.described(names)}: "
            names = tuple(f"x{j}" for j in range(len(variables.kinds)))
        words = terms.described(names)
        return (f"{prefix}{words}", f"{prefix}{words} and: ")

    def _choices(self, worker: Worker) -> list[Choice]:
        evidence, found = evidence_at(self.rows, self.known), list[Choice]()
        if evidence is None:
            return found
        # What symmetries of symmetries show, the outermost race sees: those within have little work for other searches.
        level, is_outermost = Level(self.rows, evidence), self.race.depth == 0
        with np.errstate(all="ignore"):
            for _ in range(1 + LEVELS if is_outermost else 1):
                terms_here = _terms_of(level.evidence, level.rows.n_inputs, may_be_rough=is_outermost)
                found += [Choice(level, terms) for terms in terms_here]
                variables = find_variables(level.evidence) if level.rows.n_inputs > 1 else None
                rows = None if variables is None else within(level.rows, variables)
                seen = None if variables is None or rows is None else evidence_in(level.evidence, variables)
                if variables is None or rows is None or seen is None:
                    break
                level = Level(rows, seen, (*level.chain, variables))
        return found

    def _whole(
        self,
        choice: Choice,
        prefix: str,
        rest: Rows,
        best: list[tuple[Found, Terms]],
        inner: Found,
        worker: Worker,
    ) -> Found:
        """What was found of the rest, with the terms, as a model of y; the `best` is kept with its terms, whose rough
        coefficients may have been moved."""
        level, terms = choice
        within, signature, made = level.rows.signature, self.rows.signature, terms
        moved = refined(terms, level.rows, rest, inner) if terms.are_rough else None
        if moved is not None:
            made, inner = moved[0], replace(inner, model=moved[1])

        def changed(samples: Samples) -> Samples | None:
            there = level.changed(samples)
            return None if there is None else made.less(there)

        found = whole_of(
            self.rows, inner, prefix, lambda model: level.lifted(made.added(model, within), signature), changed
        )
        self.error = min(self.error, found.error)
        if not best or found.score < best[0][0].score:
            best[:] = [(found, made)]
        return found


def _settled(choice: Choice, worker: Worker) -> Choice | None:
    """With coefficients that are as well known as few terms tell."""
    level, terms = choice
    if terms.are_rough:
        found = fitted(terms, level.rows)
        return None if found is None else Choice(level, found)
    return choice if less(level.rows, terms) is not None else None


def _terms_of(evidence: Evidence, d: int, *, may_be_rough: bool) -> list[Terms]:
    """Terms that may stand by themselves, behind any link."""
    found: list[Terms] = []
    for link in LINKS:
        seen = behind(evidence, link)
        if seen is not None:
            found += [Terms(link, some) for some in find_summands(seen)]
            rough = [Terms(link, some) for some in find_summands(seen, are_rough=True)] if may_be_rough else []
            found += [one for one in rough if one.are_rough and one.has_rest(d)]
    # The logarithm of a factor is none of these: a symmetry shows it.
    return [one for one in found if one.link != "log" or all(term.kind != "logarithms" for term in one.summands)]


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
    error = evidence.error * size_of(y) * size_of(slope) / size_of(t)
    gradient = evidence.gradient * np.ldexp(slope, evidence.y_exponent - exponent)[:, :, None]
    t = np.ldexp(t, -exponent)
    return replace(evidence, y=t, gradient=gradient, error=error, mirrored={}, y_exponent=exponent)


def _in_y(choice: Choice, rest: Rows) -> float:
    """What a relative error of the rest is one of y."""
    y = choice.level.rows.train.y
    slope = TRANSFORMS[choice.terms.link].forward_derivative(y)
    return size_of(rest.train.y) * size_of(1.0 / slope) / size_of(y)


def may_have_summands(race: Race) -> bool:
    """Whether y, of one output and several inputs, may be less simple than what is left without a term."""
    return race.rows.n_inputs > 1 and race.rows.n_outputs == 1 and bool(np.ptp(race.rows.train.y) > 0)
