"""The error to expect over the whole box of the rows, and at each point of it.

Rows held out tell of where rows are. What a model does elsewhere shows by how it changes without some of them: it is
made again G times, each time without one of G groups of rows. With f_g the model without group g, a share p of the
rows, the jackknife (Tukey 1958, Ann. Math. Stat. 29; by groups: Kott 2001, J. Official Stat. 17) gives the variance of
f(x) as

    J(x)^2 = (1 - p) / p * mean_g (f_g(x) - f(x))^2,

and each f_g meets rows that it has not seen: cross-validation, in which all rows take part, where those held out may be
few. Neither sees an error that all models of one form share. Models made otherwise do, if they are about as exact. The
error to expect is the largest of what these say, and bench/honesty.py measures how it bears out.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..coverage import Coverage
from ..facts import Facts
from ..grids import nearest_lines
from ..hold_out import LEAST_LINES
from ..models import ErrorEstimate, Model, Normalization
from ..models.chebyshev import chebyshev_table
from ..search.search import EPS, WORK_A_SECOND, Found
from .agreement import SAME, Box
from .clock import Clock

WITHOUT_SOME = "models without some of the rows, which tell of the error to expect"
# Groups of rows that models are made without, or so many at least, where there is no work for all; rows that are made
# use of at most, or so many for each parameter.
N_GROUPS, FEWEST_GROUPS = 5, 3
# Where models without groups come in closed form, each group is one of so many: cells have two rows for each term, and
# what a fifth fewer make of those is another kind of fit.
N_GROUPS_AT_ONCE = 20
MOST_ROWS, ROWS_PER_PARAMETER = 4000, 5
# A model as exact as rounding that has so many rows for each parameter depends on none of them.
MANY_ROWS_PER_PARAMETER = 20
# Of one input the groups have one of so many neighbours each. Without a fifth of the rows, at random, gaps are wider by
# several: of 54 problems the error to expect was more than 30 times too large in 20 %, by one of five neighbours in 15,
# of ten in 13, of twenty in 11; too small by 3 in 11, 13, 13 and 17 %.
NEIGHBOURS = 10
# Work of the models without groups, as a share of what the fit has done, and as much as is always there: 0.1 s.
EXPECTED_SHARE, LEAST_WORK = 0.15, 1e9
# A column of at most so many values leaves open how y goes between them: some of the values are left out as a whole.
MOST_LINES_SHARE = 0.2
# Between fewer values of a column than this, models that go on from where they were do not move: others must tell.
FEWEST_VALUES = 6
# Models made otherwise tell of one that is up to this many times more exact at the rows, and not of a better one. Over
# 125 problems, 3 to 1000 make 11 to 6 % of the errors more than 3 times too small, and 0.8 to 4 % 30 times too large.
# The nearest of them alone makes 2.8 % of the errors of 500 problems too small by 3, 5 % with fewer than 60 rows; the
# median 1.8 and 1.7, the farthest 1.6 and 0.8. They are too large by a median of 2.1, 2.3 and 3.1.
MOST_UNEQUAL = 30.0
# Where rows leave parts of the box empty, so many times: there what is exact at the rows is no better than others. Over
# 133 problems of such rows, 100, 1e4 and 1e6 make 10, 6 and 6 % of the errors more than 3 times too small.
MOST_UNEQUAL_IN_HOLES = 1e4
# Between the values of a column a model is a polynomial through them, as far as it shows at so many points, if it is
# this much nearer to that than that is to the one of a degree less. Functions of fewer parameters are 0.04 of it apart
# (an exponential over a third of its scale, at four values); columns of more values have models of fewer.
N_BETWEEN, SATURATED, MOST_VALUES = 500, 1e-3, 16
# Above this error a model made otherwise says nothing, unless the one in question is no better.
USELESS = 0.1
# The spread of models without some rows is taken so many times, as five groups are few, and more where rows are few, by
# which models are chosen with luck; of DOUBLED_AT rows it is twice that. Of 759 problems 1.0, 1.2 and 1.5 make 2.5, 2.2
# and 2.2 % of the errors more than 3 times too small, and their median 2.0, 2.2 and 2.5 times the truth.
MARGIN, DOUBLED_AT = 1.2, 30.0
# Where so many rows were held out, half of those left out of the others can't have errors so many times larger: these
# are not like the model then, and tell nothing of it.
ENOUGH_HELD_OUT, UNLIKE = 20, 1e4
# Without a model for each group, the one that was measured, without the rows held out, is a group of its own.
SHARE_HELD_OUT = 0.15
# Two models are no further apart than so many times the range of y, so that one that is wild does not say all; what
# the model itself is farther from y than that is its error, up to FURTHEST ranges.
MOST_RANGES, FURTHEST = 30.0, 1e3
# The estimate at a point is so many times the spread there, and no less than so many times the error at the rows; nor,
# where rows fill the box, than this part of what is known of the error over it but not of its place. With 2, 3 and 5,
# 0.19, 0.21 and 0.24 % of the points of 250 problems have errors ten times as large, without it 0.29 %; the median
# estimate is 6.7, 5.6 and 5.6 times the error, and 5.5.
AT_A_POINT, AT_ROWS, OF_BOX = 5.0, 2.0, 3.0
# The error over the box is given with a range, this factor to either side.
RANGE = 3.0


def work_of_witnesses(spent: float) -> float:
    """That of the models without groups, after so much in searches."""
    return max(LEAST_WORK, EXPECTED_SHARE * spent)


@dataclass(frozen=True)
class Expected:
    """`error` is the relative RMSE to expect over the box, infinite where nothing is known of it.

    `without_value` is the share of the box where the model has no value, `estimate` what tells of single points.
    `is_guess` says that rows lie on a curve or a surface: beside it, y is taken to be as wide as on it. `told` is the
    error without what models far less exact at the rows say: by it models are chosen.
    """

    error: float
    without_value: float
    estimate: ErrorEstimate | None
    is_guess: bool = False
    told: float = math.inf

    @property
    def is_known(self) -> bool:
        return math.isfinite(self.error)


@dataclass(eq=False)
class Witnesses:
    """What tells of a model's error away from the rows of a `box`, of which models were chosen by `n_held_out`.

    So much `work` may be done for each model, in multiply-adds, and none when `clock` leaves no time.
    """

    box: Box
    facts: Facts
    coverage: Coverage
    rng: np.random.Generator
    n_held_out: int
    work: float
    clock: Clock

    def expected(self, found: Found, rivals: Sequence[Found]) -> Expected:
        """Of `found.model`, made of all rows of the box; `rivals` were made otherwise."""
        box, fills_box, is_thin = self.box, self.coverage.fills_box, self.coverage.is_thin
        own = box.values(found.model)
        measured = self._measured(found, own)
        others, shares, left_out, counted = self._without_groups(found)
        # An end of the only column may be held out, or rows side by side: it is another model, without these, that is
        # far off there, and rows left out of few neighbours each tell all else that those do.
        is_told = bool(others and measured) and (self._is_bounded or found.without_groups is not None)
        at_rows = 0.0 if is_told else found.error
        said = [] if is_told else [self._apart(one, own) for one in measured]
        if others:
            said.append(float(np.sqrt(np.average(left_out**2, weights=counted))))
        else:
            others, shares = measured, [SHARE_HELD_OUT] * len(measured)
        factor = self._factor(shares)
        if others:
            spread = np.sqrt(np.sum([_distance(box.values(one), own, box) ** 2 for one in others], axis=0))
            said.append(MARGIN * (1.0 + DOUBLED_AT / self.facts.n) * factor * self._rms(spread))
        stays = found.nearby_work is not None and any(len(values) < FEWEST_VALUES for _, values in _lines(self.facts))
        known = min(max(said), found.error) if is_told else found.error
        without_place = self._of_rivals(known, own, rivals, is_full=fills_box and not stays, is_alone=not said)
        without_place += self._between_lines(found.model)
        said += without_place
        if is_thin:
            said.append(box.spread)
        without_value = float(np.average(~np.isfinite(own).all(axis=1), weights=box.weights))
        error = max(*said, at_rows, self._beyond_range(own), self._undecided(found.model)) if said else math.inf
        if without_value > 0.0:
            error = max(error, math.sqrt(without_value) * box.range)
        told = error
        if said and not is_thin:
            error = max(error, self._of_those_less_exact(found, known, own, rivals))
        estimate = None
        if math.isfinite(error):
            least = AT_ROWS * max(at_rows, float(np.median(left_out)) if len(left_out) else 0.0)
            if stays or not others or error > told:
                least, away = error, 0.0
            else:
                everywhere = max([least, *(one / OF_BOX for one in without_place)])
                least, away = (everywhere, 0.0) if fills_box else (least, error)
            is_relative = box.samples.is_relative
            # One that is the model itself, made again without a change, would be asked by itself without end.
            apart = tuple(copy.copy(one) if one is found.model else one for one in others)
            estimate = ErrorEstimate(apart, box.unit, AT_A_POINT * factor, least, away, is_relative)
        return Expected(error, without_value, estimate, is_guess=is_thin, told=told)

    def _of_those_less_exact(self, found: Found, known: float, own: Array, rivals: Sequence[Found]) -> float:
        """How far the nearest of the others is, as exact as it may be, where the rows leave `found` open between them:
        it goes on from where it was as well without some of them, of which there are no more than it has parameters.

        A network of 13 parameters met 12 rows of a step, and two more beside it, to 4e-10 with a step of another width.
        """
        is_open = found.nearby_work is not None and found.model.n_params >= self.facts.n - self.n_held_out
        return max(self._of_rivals(known, own, rivals, is_full=False, is_alone=False), default=0.0) if is_open else 0.0

    def _measured(self, found: Found, own: Array) -> list[Model]:
        """The model without the rows held out; none where it is the same, as what could not be made again is."""
        if found.measured is None or found.measured is found.model:
            return []
        return [found.measured] if found.is_exact or self._apart(found.measured, own) > 0.0 else []

    @property
    def _is_bounded(self) -> bool:
        """Of one input without gaps no point is farther from the rows than those left out, which bound what is told."""
        return self.facts.d == 1 and self.coverage.fills_box

    def _factor(self, shares: Sequence[float]) -> float:
        """What the root of the sum of squares of the distances of others is multiplied by: see J above."""
        if not shares:
            return 0.0
        share = float(np.mean(shares))
        return math.sqrt((1.0 if self._is_bounded else (1.0 - share) / share) / len(shares))

    def _of_rivals(
        self, known: float, own: Array, rivals: Sequence[Found], *, is_full: bool, is_alone: bool
    ) -> list[float]:
        """The distance from the nearest of those that tell of a model whose error is `known` to be so much at the rows,
        or the median one from those about as exact as it is, if that is larger.

        None where there is none. `is_full` says that rows are wherever a model may be asked, and `is_alone` that
        nothing else tells of it.
        """
        most = (MOST_UNEQUAL if is_full else MOST_UNEQUAL_IN_HOLES) * max(known, EPS)
        most = most if most < USELESS else max(USELESS, 3.0 * known)
        near = [one for one in rivals if one.error <= most]
        if is_alone or (not near and not is_full):
            near = list(rivals)
        apart = [(max(self._apart(one.model, own, is_rival=True), known), one.error) for one in near]
        told = [(distance, error) for distance, error in apart if distance > SAME * max(error, known)]
        if not told:
            return []
        alike = sorted(distance for distance, error in told if error <= MOST_UNEQUAL * max(known, EPS))
        return [max(min(told)[0], alike[(len(alike) - 1) // 2] if alike else 0.0)]

    def _apart(self, model: Model, own: Array, *, is_rival: bool = False) -> float:
        """The RMS distance over the box; a rival tells nothing where it has no value."""
        values = self.box.values(model)
        distance = _distance(values, own, self.box)
        return self._rms(np.where(np.isfinite(values).all(axis=1), distance, 0.0) if is_rival else distance)

    def _between_lines(self, model: Model) -> list[float]:
        """What the last degree brings between the values of columns that have so few that the model goes through any y.

        A model that is a polynomial of k - 1 in a column of k values meets whatever y is at these. Neither rows nor
        models like it tell of it between them; the fit of a degree less does. Where rows are many for each parameter
        they are a test of it, as a formula of few terms that is exact at all rows is the law.
        """
        if self.facts.n >= MANY_ROWS_PER_PARAMETER * model.n_params:
            return []
        some = np.linspace(0, len(self.box.points) - 1, min(N_BETWEEN, len(self.box.points))).astype(np.intp)
        points, weights, own = self.box.points[some], self.box.weights[some], self.box.values(model)[some]
        squares = 0.0
        for j, values in _lines(self.facts):
            k = len(values)
            if k > MOST_VALUES:
                continue
            at = np.repeat(points, k, axis=0)
            at[:, j] = np.tile(values, len(points))
            with np.errstate(all="ignore"):
                on_lines = (model.evaluate(at) / self.box.unit).reshape(len(points), k, -1)
            unit = Normalization.of_box(values[:, None])
            Q, R = np.linalg.qr(chebyshev_table(unit.apply(values[:, None])[:, 0], k - 1).T)
            basis = np.linalg.solve(R.T, chebyshev_table(unit.apply(points[:, j : j + 1])[:, 0], k - 1)).T
            terms = basis[:, :, None] * np.einsum("ik,nim->nkm", Q, on_lines)
            apart, last = (
                float(np.sqrt(np.average(np.mean(self.box.difference(a, b) ** 2, axis=1), weights=weights)))
                for a, b in ((terms.sum(axis=1), own), (terms[:, :-1].sum(axis=1), own))
            )
            if apart <= SATURATED * last:
                squares += last**2
        return [math.sqrt(squares)] if squares else []

    def _beyond_range(self, own: Array) -> float:
        """The RMS of what is farther than MOST_RANGES from all y: no such model tells how wild another one is."""
        y, range_ = self.box.samples.y / self.box.unit, MOST_RANGES * self.box.range
        if self.box.samples.is_relative:
            return 0.0
        beyond = np.maximum(own - (y.max(axis=0) + range_), (y.min(axis=0) - range_) - own)
        far = np.where(beyond > 0.0, np.minimum(beyond + range_, FURTHEST * self.box.range), 0.0)
        return self._rms(np.sqrt(np.mean(far**2, axis=1)))

    def _undecided(self, model: Model) -> float:
        """The RMS error where two laws may hold: with the break and its true place anywhere in a gap, in a third of
        it are both on different sides; a quarter if the break is in the middle."""
        with np.errstate(all="ignore"):
            apart = np.sqrt(np.mean((model.undecided(self.box.points) / self.box.unit) ** 2, axis=1))
        return math.sqrt(1.0 / 3.0) * self._rms(np.where(np.isfinite(apart), apart, 0.0))

    def _rms(self, distance: Array) -> float:
        return float(np.sqrt(np.average(distance**2, weights=self.box.weights)))

    def _without_groups(self, found: Found) -> tuple[list[Model], list[float], Array, Array]:
        """Models made without each of the groups, the shares of these, errors (k,) at the rows that were left out, and
        what these rows count (k,): what a user says that y is off by at a row of little weight is no error of a model.

        None where there is no work left, where no such model can be made, or where it would be the same.
        """
        none: tuple[list[Model], list[float], Array, Array] = [], [], np.empty(0), np.empty(0)
        box, samples, lines = self.box, self.box.samples, _lines(self.facts)
        n_params = found.model.n_params
        has_many_rows = len(samples.X) >= MANY_ROWS_PER_PARAMETER * n_params and self.coverage.fills_box and not lines
        if found.nearby is None or (found.is_exact and has_many_rows and found.measured is not None):
            return none
        n = min(len(samples.X), max(MOST_ROWS, ROWS_PER_PARAMETER * n_params))
        one = found.nearby_work or n * float(n_params) ** 2
        n_groups = min(N_GROUPS, int(self.work / one))
        at_once = found.without_groups
        if at_once is not None:
            n, n_groups = len(samples.X), N_GROUPS if one <= self.work else 0
        if n_groups < FEWEST_GROUPS or not self.clock.leaves(one / WORK_A_SECOND, WITHOUT_SOME):
            return none
        chosen = samples.take(np.sort(self.rng.permutation(len(samples.X))[:n]))
        parts = N_GROUPS if at_once is None else N_GROUPS_AT_ONCE
        groups = list(itertools.islice(_groups(chosen.X, lines, self.rng, parts), n_groups))
        made = [] if at_once is None else at_once(chosen, groups)
        others, shares, errors, counted = [], [], [], []
        for k, is_out in enumerate(groups):
            if not self.clock.leaves(0.0, WITHOUT_SOME):
                return none
            with np.errstate(all="ignore"):
                other = made[k] if made else found.nearby(chosen.take(np.flatnonzero(~is_out)))
                if other is not None:
                    out = chosen.take(np.flatnonzero(is_out))
                    others.append(other)
                    shares.append(float(np.mean(is_out)))
                    errors.append(_distance(other.evaluate(out.X) / box.unit, out.y / box.unit, box))
                    counted.append(_given_weight(out))
        if len(others) < FEWEST_GROUPS:
            return none
        left_out = np.concatenate(errors)
        # Of columns of fewer values no line is held out, and rows at random are no test of what is between them.
        n_test = self.n_held_out if all(len(values) >= LEAST_LINES for _, values in lines) else 0
        if n_test >= ENOUGH_HELD_OUT and float(np.median(left_out)) > UNLIKE * max(found.error, EPS):
            return none
        return others, shares, left_out, np.concatenate(counted)


def _given_weight(samples: Samples) -> Array:
    """The weights that a user gave, but for a factor: (n,). Those of relative errors have 1 / y^2 besides."""
    weight = samples.sample_weight
    if weight is None:
        return np.ones(len(samples.X))
    if not samples.is_relative:
        return weight
    root = np.sqrt(weight if weight.ndim == 2 else weight[:, None])
    given = root * np.abs(samples.y) / np.max(root * np.abs(samples.y), axis=0)
    mean: Array = np.mean(given**2, axis=1)
    return mean


def _distance(values: Array, own: Array, box: Box) -> Array:
    """How far `values` (k, m) are from `own`, both in units of y: (k,).

    Where there is no value it counts as 0: a root of what has become negative. Where the other has none, neither does
    the distance.
    """
    with np.errstate(all="ignore"):
        apart = np.sqrt(np.mean(box.difference(np.where(np.isfinite(values), values, 0.0), own) ** 2, axis=1))
    return np.where(np.isfinite(apart), np.minimum(apart, MOST_RANGES * box.range), 0.0)


def _lines(facts: Facts) -> list[tuple[int, Array]]:
    """The columns whose values repeat so often that whole values are left out, with their values."""
    return [
        (j, values)
        for j, values in enumerate(facts.values)
        if values is not None and facts.d > 1 and 2 < len(values) <= MOST_LINES_SHARE * facts.n
    ]


def _groups(
    X: Array, lines: Sequence[tuple[int, Array]], rng: np.random.Generator, parts: int
) -> Iterator[NDArray[np.bool_]]:
    """Which rows of X (n, d) are left out, group by group: one of so many `parts` at random, or whole values of columns
    of few.

    Of one input the ends stay, beyond which no model is asked, and of each few neighbours at most one is left out.
    """
    n = len(X)
    if not lines:
        place = rng.permutation(n) % parts
        if X.shape[1] == 1:
            in_order = np.argsort(X[:, 0], kind="stable")
            in_turns = [rng.permutation(NEIGHBOURS) for _ in range(n // NEIGHBOURS + 1)]
            place[in_order] = np.concatenate(in_turns)[:n]
            is_end = np.isin(X[:, 0], [X.min(), X.max()])
            place[is_end] = -1
            # Those next to the ends are left out, where most models are at their worst.
            place[in_order[~is_end[in_order]][[0, -1]]] = 0, 1
        for group in range(N_GROUPS):
            yield place == group
        return
    step = N_GROUPS if len(lines) == 1 else 3
    for group in range(N_GROUPS):
        j, values = lines[group % len(lines)]
        # The first and the last value stay: beyond them no model is asked.
        n_inner = len(values) - 2
        left_out = np.zeros(len(values), dtype=bool)
        left_out[1 + (group // len(lines)) % step % n_inner : -1 : min(step, max(2, n_inner))] = True
        is_out = left_out[nearest_lines(values, X[:, j])]
        if is_out.any():
            yield is_out
