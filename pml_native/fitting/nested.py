"""How `fit` uses variables that were learned: they are the columns of a new table, which is fitted like any other.

The polynomial with which they were learned describes rows only where it can; other searches go further in the same
variables, and may find variables in these again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples, contiguous
from ..models import Composed, Model, ModularPolynomial, Polynomial, Signature, Transformed
from ..search.nested import NestedSearch
from ..search.scheduler import Next, Start, State, Steps, Worker
from ..search.search import Found, Rows, own_rng
from .race import Race, Row
from .reduced import REDUCED_SHARE, TRIAL_WORK, Within, raced_within, whole_of
from .symmetry import nearest_fraction

# A term counts for nothing beside another below this part of it: that is what variables are known to at best.
NOTHING = 1e-6
# What coefficients of columns in a variable may differ from fractions by: they are known to 1e-4 and better.
FRACTION = 1e-3
# Exponentials of a variable may be so far apart.
MOST_RANGE = 20.0
# Corners of the box are looked at for the range of variables up to so many columns.
MOST_CORNERED = 10


class NestedRace:
    """Learns variables of few columns beside `known`, the best model of `race`, then fits what is of them."""

    def __init__(self, race: Race, known: Found, table: Sequence[Row]) -> None:
        self.race, self.known, self.table = race, known, table
        self.rng, self.prospect = own_rng(race.rng), 0.0

    def steps(self) -> Steps:
        rows, last = self.race.rows, None
        [run] = yield Start([NestedSearch(rows, self.known)])
        run.allow(math.inf)
        while True:
            event = yield Next(run)
            if event.found is not None:
                last = event.found
                yield last
            if event.state is State.ENDED:
                break
        change = None if last is None else learned(last.model, rows.train.X)
        within = None if change is None else _within(rows, change)
        if change is None or within is None:
            return
        words = change.described(rows.train.input_names or tuple(f"x{j}" for j in range(rows.n_inputs)))

        def whole(inner: Found, worker: Worker) -> Found:
            def of_inputs(model: Model) -> Model:
                return change.whole(model, rows.signature)

            return whole_of(rows, inner, f"of {words}: ", of_inputs, change.changed)

        other = Within(within, f"it seems to be a function of {words}, which is tried", f"of {words}: ", whole)
        work, trials = REDUCED_SHARE * self.race.work, [(TRIAL_WORK, self.known.score)]
        yield from raced_within(self.race, [other], self.table, self.rng, work, trials=trials)


@dataclass(frozen=True)
class Learned:
    """The change to `variables`, which are `words`, beside which there are `columns`."""

    variables: Model
    words: tuple[str, ...]
    columns: tuple[int, ...]

    def described(self, names: Sequence[str]) -> str:
        words = [word.format(*names) for word in self.words]
        return ", ".join([*words, *(names[j] for j in self.columns)])

    def values(self, X: Array) -> Array:
        with np.errstate(all="ignore"):
            return contiguous(np.concatenate([self.variables.evaluate(contiguous(X)), X[:, self.columns]], axis=1))

    def changed(self, samples: Samples) -> Samples | None:
        U = self.values(samples.X)
        if not np.isfinite(U).all():
            return None
        known = samples.derivatives
        if known is not None:
            with np.errstate(all="ignore"):
                by_x = self.variables.evaluate_gradient(known.X)
            k, _, d = by_x.shape
            own = np.broadcast_to(np.eye(d)[list(self.columns)], (k, len(self.columns), d))
            known = known.in_variables(self.values(known.X), np.concatenate([by_x, own], axis=1))
        return replace(samples.changed(U), input_names=None, derivatives=known)

    def whole(self, model: Model, signature: Signature) -> Model:
        return Composed(model, self.variables, self.columns, signature)


def learned(model: Model, X: Array) -> Learned | None:
    """The variables of a polynomial of learned variables, at rows `X` (n, d); None for another model.

    One that is the logarithm of a column and more is given as the exponential, a product: where logarithms are better,
    they are taken of it.
    """
    names: Sequence[str] = ("identity",) * model.signature.n_inputs
    scales = np.ones(model.signature.n_inputs)
    if isinstance(model, Transformed):
        names, scales, model = model.input_transforms, model.input_scales, model.model
    if not isinstance(model, ModularPolynomial) or len(model.modules) == 1:
        return None
    d = model.signature.n_inputs
    terms: dict[tuple[int, ...], Array] = {}
    k = sum(module.polynomial.signature.n_outputs for module in model.modules[:-1])
    links, words, place = [], [], 0
    half = np.ldexp(model.inputs.scale, model.inputs.exponent)
    for module in model.modules[:-1]:
        polynomial = module.polynomial
        if not isinstance(polynomial, Polynomial):
            return None
        own = np.zeros((len(polynomial.indices), d), dtype=np.intp)
        own[:, list(module.sources)] = polynomial.indices
        for c in polynomial.coefficients.T:
            is_log, c = _as_product(own, _rounded(own, c, half), names, half)
            links.append("log" if is_log else "identity")
            words.append(_in_words(own, c, names))
            for index, value in zip(map(tuple, own.tolist()), c, strict=True):
                terms.setdefault(index, np.zeros(k))[place] += value
            place += 1
    indices = sorted(terms)
    polynomial = Polynomial(indices, np.array([terms[index] for index in indices]), inputs=model.inputs, n_threads=1)
    with np.errstate(all="ignore"):
        ranges = np.ptp(polynomial.evaluate(Transformed.transform_inputs(X, names, scales)), axis=0)
    links = [link if spread < MOST_RANGE else "identity" for link, spread in zip(links, ranges, strict=True)]
    variables: Model = Transformed(polynomial, names, links, input_scales=scales)
    variables.use_threads(1)
    columns = tuple(source for source in model.modules[-1].sources if source < d)
    return Learned(variables, tuple(words), columns)


def _rounded(indices: NDArray[np.intp], c: Array, half: Array) -> Array:
    """The coefficients, where the variable is a sum of columns as they are, or their logarithms, times near fractions:
    then it is one of these fractions, up to a factor."""
    lines, used = np.flatnonzero(indices.sum(axis=1) == 1), c != 0.0
    columns = [int(np.argmax(indices[line])) for line in lines]
    if (indices[used].sum(axis=1) > 1).any() or not lines.size:
        return c
    slopes = c[lines] / half[columns]
    first = slopes[np.argmax(np.abs(c[lines]))]
    exact = [nearest_fraction(float(slope / first), FRACTION) for slope in slopes]
    if any(one is None or one == 0.0 for one in exact):
        return c
    rounded = c.copy()
    rounded[lines] = first * np.array(exact) * half[columns]
    return rounded


def _as_product(indices: NDArray[np.intp], c: Array, names: Sequence[str], half: Array) -> tuple[bool, Array]:
    """Whether it is a logarithm of a column and more, and the coefficients, those of this logarithm 1."""
    slopes = {}
    for j in range(indices.shape[1]):
        of_j = indices[:, j] > 0
        line = of_j & (indices.sum(axis=1) == 1)
        if names[j] == "log" and line.any():
            rest = np.max(np.abs(c[of_j & ~line]), initial=0.0)
            if rest <= NOTHING * abs(c[line][0]):
                slopes[j] = float(c[line][0]) / half[j]
    if not slopes:
        return False, c
    largest = max(slopes.values(), key=abs)
    return True, c / largest


def _in_words(indices: NDArray[np.intp], c: Array, names: Sequence[str]) -> str:
    """With places for the names of columns: columns that occur together in a term are multiplied."""
    size = np.max(np.abs(c[indices.sum(axis=1) > 0]), initial=0.0)
    counts = np.abs(c) > NOTHING * size
    sets = {tuple(np.flatnonzero(index).tolist()) for index in indices[counts]}
    largest = sorted(some for some in sets if some and not any(set(some) < set(other) for other in sets))
    parts = ["*".join(("log {%d}" if names[j] == "log" else "{%d}") % j for j in some) for some in largest]
    return f"u({' + '.join(parts)})"


def _within(rows: Rows, change: Learned) -> Rows | None:
    """The rows in the variables, with the least and the largest values of these in the box."""
    train, held_out = change.changed(rows.train), change.changed(rows.held_out)
    if train is None or held_out is None:
        return None
    X = rows.train.X if rows.corners is None else np.concatenate([rows.train.X, rows.corners])
    U = train.X
    if X.shape[1] <= MOST_CORNERED:
        ends = change.values(np.array(list(itertools.product(*np.stack([X.min(axis=0), X.max(axis=0)]).T))))
        U = np.concatenate([U, ends[np.isfinite(ends).all(axis=1)]])
    return Rows(train, held_out, np.stack([U.min(axis=0), U.max(axis=0)]))
