"""The rounds of `approximate`: asking, fitting and checking, and what is the best model so far."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from ..arrays import Array, Samples, rms_of_columns
from ..fitting import diagnosis, guide
from ..fitting.account import least_rows
from ..fitting.race import Race
from ..fitting.watch import Watch
from ..models import Model, Polynomial, Signature
from ..progress import ProgressDisplay
from ..report import Candidate, Errors
from ..search import fit_polynomial
from ..search.scheduler import Crew
from ..search.search import WHOLE_WORK, Rows
from ..threads import resolve_threads
from .break_search import LARGE, MOST_POINTS, VERY_LARGE, find_jumps, find_poles
from .breaks import Break, described
from .gaps import gaps_of, steepest
from .intervals import Intervals
from .sparse_grid import SparseGrid
from .target import Target, inside

# Points of the first round for each input, and with one input; rounds then double the points.
FIRST_POINTS, FIRST_POINTS_ONE_INPUT = 64, 24
# Of a round, the part that is random, checks what was made before and then trains: at first for `fit`, which needs
# such points, later only as many as tell the error.
EARLY_ROUNDS, EARLY_SHARE, LATER_SHARE, MOST_CHECKS, FEWEST_CHECKS = 3, 0.5, 0.125, 2000, 20
# The effort of `fit` in a round: this at first, some seconds of one core, doubled for each round in which its model was
# that far ahead, and at most so much.
FIT_EFFORT, FIT_EFFORT_ONE_INPUT, MOST_FIT_EFFORT, AHEAD = 1 / 16, 1 / 128, 1 / 4, 1e-3
# Rows that `fit` takes of those known, and the part of them that it chooses by.
MOST_ROWS, HELD_OUT = 6000, 0.15
# All corners of a box of so many inputs are asked, and so many of one with more.
CORNERS_OF, MOST_CORNERS = 6, 64
# Rows times parameters for which a model is evaluated in a second or so.
MOST_NUMBERS = 40_000_000
# Of a check, the part that is where models are largest: of 20 points at random none is on a peak of a thousandth of
# the box, where nearly all of the RMS of f is.
LARGE_SHARE = 0.25
# Where a model does not know which of two laws holds, it takes the wrong one at a quarter of the points: it changes in
# the middle of the gap, and the true place is anywhere in it.
WRONG_SHARE = 0.25
# Rows of a check below which it tells too little to replace what was found before.
LEAST_CHECKED = 5
# Errors of so many roundings of f leave nothing for further points to gain.
FLOOR_IN_EPS = 9.0
# With several inputs, the part of the evaluations that is left for a last check of the best model, and the points of it
# at most; and the part of the time limit that it may take, as time is all that may be used up.
LAST_SHARE, LAST_CHECKS, LAST_SECONDS = 0.1, 3000, 0.02
# Of these, what finding jumps and poles may take.
SEARCHED_SHARE = 0.6
# A largest error of so many times the RMS error is said, with where it is.
NOTED_MAX = 30.0


class Refinement(Protocol):
    """What chooses its own points: Chebyshev points on intervals, or on a sparse grid."""

    @property
    def ended(self) -> bool: ...
    @property
    def description(self) -> str: ...
    @property
    def looks_finished(self) -> bool: ...
    def refine(self, n_evaluations: int, *, distrust: bool = False) -> None: ...
    def model(self) -> Model | None: ...


@dataclass(frozen=True)
class Checked:
    """A model and its errors at points `X` (n, d), `y` (n, m) that it was not made of, or if none were asked, at those
    that it was. `prediction` (n, m) is what it has there, and `weight` (n,) what the points count."""

    model: Model
    description: str
    errors: Errors
    X: Array
    y: Array
    prediction: Array
    weight: Array
    checked: bool = True

    @property
    def n_checked(self) -> int:
        return len(self.X) if self.checked else 0


@dataclass
class Rounds:
    """One run of `approximate`: rounds of asking, fitting and checking."""

    target: Target
    tolerance: float
    rng: np.random.Generator
    display: ProgressDisplay
    n_threads: int | None
    candidates: list[Candidate] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    history: list[tuple[float, float, str]] = field(default_factory=list)
    costs: list[tuple[int, float]] = field(default_factory=list)  # evaluations, and the error that they came to
    best: Checked | None = None
    number: int = 0  # of the round
    stuck: bool = False  # whether further evaluations would not help
    breaks: list[Break] = field(default_factory=list)  # jumps and poles
    refinement: Refinement = field(init=False)
    _fit_is_worse: bool = False
    _rounds_fit_was_ahead: int = 0

    def __post_init__(self) -> None:
        of = Intervals if len(self.target.low) == 1 else SparseGrid
        self.refinement = of(self.target, self.tolerance)

    def run(self) -> tuple[Checked, str]:
        """The best model, and in a sentence what ended the search."""
        target, refinement = self.target, self.refinement
        d = len(target.low)
        last = min(LAST_CHECKS, int(LAST_SHARE * target.max_evaluations)) if d > 1 else 0
        target.kept = last
        new = min(FIRST_POINTS_ONE_INPUT if d == 1 else FIRST_POINTS * d, target.max_evaluations // 2)
        self._ask_first(new)
        distrust = False
        while True:
            tried = [self._constant(), self._fitted(new)]
            if self.number == 0 and target.should_stop:
                tried.append(self._plain())
            n_checks = self._n_checks(new)
            if not (target.guard.requested or any(one is not None and one[2] <= self.tolerance for one in tried)):
                # One input: what the coefficients say is mostly right, and checks cost more than they save.
                most = target.max_evaluations if d == 1 else min(target.n_evaluations + new, target.max_evaluations)
                target.reserved = FEWEST_CHECKS
                refinement.refine(most - n_checks, distrust=distrust)
                target.reserved = 0
                n_checks = self._n_checks(target.n_evaluations) if d == 1 else n_checks
                refined = self._refined(refinement)
                if refined is not None:
                    tried.append(refined)
                    n_checks = min(n_checks, _most_checks(refined[0]))
            passed = self._check([one[:2] for one in tried if one is not None], n_checks)
            assert self.best is not None
            if passed or self._at_floor:
                break
            if target.should_stop or target.affordable() < FEWEST_CHECKS:
                break
            if refinement.ended and (d == 1 or self._fit_is_worse):
                break
            distrust = refinement.looks_finished
            self.number += 1
            new = min(2 * new, target.affordable())
        ended = self._ended_by()
        target.kept = 0
        if isinstance(refinement, Intervals):
            self.breaks = refinement.breaks
        elif passed or self._at_floor:
            self.breaks = find_poles(target, target.n_evaluations + min(last, target.affordable()), VERY_LARGE)
        elif not target.guard.requested:
            self._check_again(last)
        if not self.best.n_checked:
            ended += "; errors are those at the points it was made of: no others were asked"
        return self.best, self._reached() or ended

    @property
    def _at_floor(self) -> bool:
        assert self.best is not None
        return self.best.errors.rmse <= FLOOR_IN_EPS * self.target.eps

    def notes(self, found: Checked) -> list[str]:
        """What limits the model, in sentences."""
        notes = []
        failures = self.target.failures()
        if failures:
            notes.append(failures)
        notes += described(self.breaks)
        if isinstance(self.refinement, Intervals) and self.refinement.is_relative:
            notes.append(
                "errors are relative to f itself where it is larger than its typical size, as it is infinite "
                "somewhere, or nearly"
            )
            if self.refinement.apart_width > 0:
                notes[-1] += f"; {self.refinement.apart_width:.1e} of the box, at the poles, is left out of them"
        errors = found.errors
        if found.checked and math.isfinite(errors.max) and errors.max > max(NOTED_MAX * errors.rmse, self.tolerance):
            missed = np.max(np.abs(found.model.evaluate(found.X) - found.y) / rms_of_columns(found.y), axis=1)
            at = ", ".join(f"{x:.6g}" for x in found.X[int(np.argmax(missed))])
            if np.max(missed) >= errors.max / NOTED_MAX:  # else it is that of a gap where no point is
                notes.append(
                    f"the largest error of the check, {errors.max:.1e}, is {errors.max / errors.rmse:.0f} times the "
                    f"RMSE; it is at x = {at}: f is not smooth there, or changes faster than elsewhere"
                )
        return notes

    def without_value(self, found: Checked) -> float:
        """The part of the box where the model found has no value."""
        intervals = self.refinement
        if isinstance(intervals, Intervals) and found.description == intervals.description:
            return intervals.without_value
        return 0.0

    def advice(self, floor: float) -> str:
        """What would help most."""
        assert self.best is not None
        error = self.best.errors.rmse
        if error <= diagnosis.FLOOR_MARGIN * floor:
            return "nothing: what is left is rounding, of f and of the model's evaluation in float64"
        if error <= self.tolerance and self.best.checked:
            return "a smaller tolerance: the search ended when the one given was reached"
        if self.target.guard.requested:
            return "time: the search was interrupted"
        if self.target.eps > np.finfo(np.float64).eps and error <= NOTED_MAX * FLOOR_IN_EPS * self.target.eps:
            digits = math.floor(-math.log10(self.target.eps))
            return f"f in float64: it returns float{16 if digits < 5 else 32}, numbers of {digits} digits"
        if self.stuck or any(one.kind in ("jump", "pole") for one in self.breaks):
            return "another box: one for each side of where f has jumps, or a tolerance above its noise"
        half = [e for n, e in self.costs if n <= 0.5 * self.target.n_evaluations]
        if half and math.isfinite(half[-1]) and half[-1] > 2.0 * error:
            fall = half[-1] / error
            return (
                f"more evaluations (max_evaluations, time_limit): with the last doubling the error fell {fall:.2g}-fold"
            )
        return "more evaluations (max_evaluations, time_limit); how many can't be told from one doubling"

    def train_rmse(self, model: Model) -> float:
        """The relative RMSE at points that the model may be made of: all, or a sample of them."""
        rows = np.arange(len(self.target.X))
        rows = self.rng.permutation(rows)[: _most_checks(model)]
        X, y = self.target.X[rows], self.target.y[rows]
        return self._errors(X, model.evaluate(X), y, None).rmse

    # --- points

    def _random(self, n: int) -> Array:
        """Uniform points, points denser at the edges (arcsine-distributed), and points on the way to a corner.

        With one input the last ones are uniform, too. With several, few others would be near to corners, where models
        of sums or products of the inputs have the ends of their range.
        """
        d = len(self.target.low)
        z = 2.0 * self.rng.random((n, d)) - 1.0
        kind = self.rng.permutation(np.arange(n) % 3)
        z[kind == 1] = np.sin(0.5 * np.pi * z[kind == 1])
        if d > 1:
            way = self.rng.random((n, 1))
            z = np.where((kind == 2)[:, None], way * z + (1.0 - way) * self.rng.choice([-1.0, 1.0], size=(n, d)), z)
        return inside(z, self.target.low, self.target.high)

    def _uniform(self, n: int) -> Array:
        z = 2.0 * self.rng.random((n, len(self.target.low))) - 1.0
        return inside(z, self.target.low, self.target.high)

    def _where_large(self, models: list[Model], n: int) -> Array:
        """Points (n, d) drawn as often as the squares of what the models have there are large."""
        X = self._uniform(max(n, min(map(_most_checks, models))))
        with np.errstate(all="ignore"):
            size = np.max([np.max(np.abs(model.evaluate(X)), axis=1) for model in models], axis=0)
            largest = np.max(size, where=np.isfinite(size), initial=0.0)
            share = (np.minimum(np.where(np.isfinite(size), size, largest), largest) / largest) ** 2
        if not largest > 0.0 or np.count_nonzero(share) < n:
            return X[:n]
        return X[np.sort(self.rng.choice(len(X), n, replace=False, p=share / share.sum()))]

    def _corners(self) -> Array:
        """The corners of the box, or as many of them, in random order."""
        d = len(self.target.low)
        high = np.unique(self.rng.integers(0, 2, size=(MOST_CORNERS, d)), axis=0) if d > CORNERS_OF else None
        if high is None:
            high = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
        chosen: Array = self.rng.permutation(np.where(high > 0, self.target.high, self.target.low))
        return chosen

    def _ask_first(self, n: int) -> None:
        """Random points until there are enough to fit; ValueError where f has values at too few."""
        target = self.target
        least = least_rows(len(target.low))
        target.ask(self._random(1))  # finds out how to call f, and what a call takes
        n = max(least, min(n, target.affordable() // 3))  # as much again for a check, and for what comes between
        X = self._random(n)
        corners = self._corners()[: n // 4]
        X[: len(corners)] = corners  # models of few variables go wrong there first
        target.ask(self.rng.permutation(X), least)
        while len(target.X) < least and not target.should_stop and target.affordable() > 0:
            target.ask(self._random(min(n, target.affordable())))
            n *= 2
        if len(target.X) >= least:
            self._tell(f"{target.n_evaluations} evaluations at random points; f takes {target.takes}")
            return
        if target.guard.requested:
            raise KeyboardInterrupt
        raise ValueError(
            f"f: expected finite values at {least} points at least, got {len(target.X)} in {target.elapsed:.1f} s; "
            f"{target.failures()}"
        )

    def _n_checks(self, new: int) -> int:
        share = EARLY_SHARE if self.number < EARLY_ROUNDS and len(self.target.low) > 1 else LATER_SHARE
        left = self.target.max_evaluations - self.target.n_evaluations - self.target.kept
        wanted = int(np.clip(share * new, FEWEST_CHECKS, MOST_CHECKS))
        return max(min(wanted, left), 0)

    # --- models: each with its description and what it is already known to miss

    def _constant(self) -> tuple[Model, str, float] | None:
        y = self.target.y
        if not np.all(y == y[0]):
            return None
        indices = np.zeros((1, self.target.X.shape[1]), dtype=np.intp)
        return Polynomial(indices, y[:1], signature=self._signature), "a constant", 0.0

    def _plain(self) -> tuple[Model, str, float]:
        """A plane, which has a value everywhere: for want of time."""
        samples = self.target.samples()
        model = fit_polynomial(
            samples.X, samples.y, degree=1, inputs="identity", outputs="identity", effort=0.0, random_state=self.rng
        )
        return model, "a linear polynomial", math.inf

    def _fitted(self, new: int) -> tuple[Model, str, float] | None:
        """What the families of `fit` make of the points so far."""
        target = self.target
        samples = target.samples()
        one_input = samples.X.shape[1] == 1
        if self.number and (self._fit_is_worse or one_input or target.should_stop):
            return None
        if np.all(samples.y == samples.y[0]):
            return None
        if len(samples.X) > MOST_ROWS:
            samples = samples.take(np.sort(self.rng.permutation(len(samples.X))[:MOST_ROWS]))
        least = FIT_EFFORT_ONE_INPUT if one_input else FIT_EFFORT
        effort = min(least * 2.0**self._rounds_fit_was_ahead, MOST_FIT_EFFORT)
        train, held_out = self._split(samples)
        table = guide.table("polynomial" if one_input else "auto", is_grid=False)
        race = Race(
            Rows.of(train, held_out, self.rng),
            table,
            self.rng,
            effort * WHOLE_WORK,
            0.5 * self.tolerance,
            watch=Watch(self.display, None),
        )
        crew = Crew(
            resolve_threads(self.n_threads),
            time.perf_counter() + 0.5 * target.remaining,
            interrupted=lambda: target.guard.requested,
            needed=lambda: race.best is None,
        )
        with np.errstate(all="ignore"):
            crew.run(race)
        found = race.best
        assert found is not None
        if self.best is None:
            prediction, weight = found.model.evaluate(held_out.X), np.ones(len(held_out.X))
            self.best = Checked(
                found.model, found.description, found.errors, held_out.X, held_out.y, prediction, weight
            )
        return found.model, found.description, found.errors.rmse

    def _split(self, samples: Samples) -> tuple[Samples, Samples]:
        """Rows to train on, and rows to choose by. Not whole lines of them: on a sparse grid these are most rows."""
        order = self.rng.permutation(len(samples.X))
        n = max(2, round(HELD_OUT * len(order)))
        return samples.take(order[n:]), samples.take(order[:n])

    def _refined(self, refinement: Refinement) -> tuple[Model, str, float] | None:
        model = refinement.model()
        return None if model is None else (model, refinement.description, math.inf)

    @property
    def _signature(self) -> Signature:
        return Signature(self.target.X.shape[1], self.target.y.shape[1], self.target.y_is_vector)

    # --- checks

    def _errors(self, X: Array, prediction: Array, y: Array, weight: Array | None) -> Errors:
        if isinstance(self.refinement, Intervals):
            return self.refinement.errors(X, prediction, y, weight)
        return Errors.of(prediction, y, weight)

    def _measured(self, model: Model, description: str, X: Array, y: Array, weight: Array) -> Checked:
        prediction = model.evaluate(X)
        errors = self._with_undecided(model, self._errors(X, prediction, y, weight))
        return Checked(model, description, errors, X, y, prediction, weight)

    def _with_undecided(self, model: Model, errors: Errors) -> Errors:
        """The errors with those to expect where no point says which of two laws of the model holds."""
        found = gaps_of(model, self.target.low, self.target.high, self.rng)
        if found is None:
            return errors
        unit = rms_of_columns(self.target.y)
        apart = np.max(found.apart / unit, axis=1)
        rms = math.sqrt(WRONG_SHARE * float(np.sum(found.share * apart**2)))
        return replace(errors, rmse=math.hypot(errors.rmse, rms), max=max(errors.max, float(np.max(apart))))

    def _joined(self, one: Checked, other: Checked) -> Checked:
        """The same model's errors at the points of two checks."""
        X, y, prediction, weight = (
            np.concatenate([getattr(one, name), getattr(other, name)]) for name in ("X", "y", "prediction", "weight")
        )
        errors = self._with_undecided(one.model, self._errors(X, prediction, y, weight))
        return Checked(one.model, one.description, errors, X, y, prediction, weight)

    def _check(self, models: list[tuple[Model, str]], n: int) -> bool:
        """Measures the models at new points, keeps the best, and returns whether it meets the tolerance.

        The best so far is measured again, at the same points: what it was chosen by is no measure any more, as luck
        had a part in it.
        """
        target, refinement = self.target, self.refinement
        weight: Array | None = None
        if isinstance(refinement, Intervals) and refinement.intervals[0].steps:
            X, weight = refinement.check_points(n, self.rng)
            if len(X) > max(target.affordable(), FEWEST_CHECKS):
                X, weight = self._random(min(n, max(target.affordable(), 1))), None
        else:
            n_large = int(LARGE_SHARE * n) if models else 0
            X = self._random(n - n_large)
            if n_large:
                X = np.concatenate([X, self._where_large([model for model, _ in models], n_large)])
        train_rmse = [self.train_rmse(model) for model, _ in models]
        y = target.ask(X)
        weight = np.full(len(X), 1.0 / max(1, len(X))) if weight is None else weight
        known = np.isfinite(y).all(axis=1)
        X, y, weight = X[known], y[known], weight[known]
        if len(X) < LEAST_CHECKED:
            self._choose_unchecked(models)
            return False
        found = []
        for (model, description), train in zip(models, train_rmse, strict=True):
            found.append(self._measured(model, description, X, y, weight))
            errors = found[-1].errors
            self._record(model, description, train, errors, f"{target.n_evaluations} evaluations")
            share = target.n_evaluations / target.max_evaluations
            self.display.update(share, description, errors.rmse, min(one.errors.rmse for one in found))
        if isinstance(refinement, Intervals) and models[-1][1] == refinement.description:
            refinement.learn(X, np.abs(found[-1].prediction - y))
        met = [one for one in found if one.errors.rmse <= self.tolerance]
        best = min(met, key=lambda one: one.model.n_params) if met else min(found, key=lambda one: one.errors.rmse)
        by_fit = min((one.errors.rmse for one in found if one.description != refinement.description), default=math.inf)
        refined = min((one.errors.rmse for one in found if one.description == refinement.description), default=math.inf)
        self._fit_is_worse = self.number > 1 and refined < by_fit
        self._rounds_fit_was_ahead += by_fit < AHEAD * refined
        before = None
        if self.number and self.best is not None and self.best.checked:
            before = self._measured(self.best.model, self.best.description, X, y, weight)
        if met or before is None or best.errors.rmse < before.errors.rmse:
            self.best = best
            self.history.append((target.elapsed, best.errors.rmse, best.model.family))
        else:
            assert self.best is not None
            self.best = self._joined(self.best, before)
        self.costs.append((target.n_evaluations, self.best.errors.rmse))
        asked = f"{target.n_evaluations} evaluations, {len(X)} of them a check"
        self._tell(f"{asked}: the best is {self.best.description}, RMSE {self.best.errors.rmse:.1e}")
        gaps = None if met else gaps_of(self.best.model, target.low, target.high, self.rng)
        if gaps is not None:  # points there are no fair check, but the next models know more of the place
            target.ask(gaps.X[: max(0, target.affordable() - FEWEST_CHECKS)])
        return bool(met)

    def _check_again(self, most: int) -> None:
        """Looks for jumps and poles near the largest errors, and measures the best model at uniform new points.

        Several rounds have chosen it, by luck too; and what it is to be judged by is its error over the box, where
        that is larger than in the mixture of points that checks have.
        """
        target = self.target
        assert self.best is not None
        seconds = LAST_SECONDS * target.time_limit
        n = most if target.seconds_per_point * most <= seconds else int(seconds / target.seconds_per_point)
        n = min(n, target.max_evaluations - target.n_evaluations)
        n_before = target.n_evaluations
        if n >= FEWEST_CHECKS:
            until = n_before + int(SEARCHED_SHARE * n)
            self.breaks = find_poles(target, until, LARGE)
            X, error = self._most_doubtful()
            self.breaks += find_jumps(target, self.best.model, X, error, until)
        n -= target.n_evaluations - n_before
        X = self._uniform(max(n, 0))
        y = target.ask(X, least=len(X))
        known = np.isfinite(y).all(axis=1)
        if known.sum() < LEAST_CHECKED:
            return
        last = self._measured(self.best.model, self.best.description, X[known], y[known], np.ones(int(known.sum())))
        if not self.best.checked:
            self.best = last
            return
        both = self._joined(self.best, last)
        # A model that is smooth misses a jump by half of it at least, somewhere. Where none of n points has shown that,
        # it may still do so in some 1 / n of the box. One that jumps knows its gaps.
        has_gaps = gaps_of(self.best.model, target.low, target.high, self.rng) is not None
        missed = 0.0 if has_gaps else 0.5 * max((one.size for one in self.breaks), default=0.0)
        rmse = math.hypot(max(both.errors.rmse, last.errors.rmse), missed / math.sqrt(len(both.X)))
        self.best = replace(both, errors=replace(both.errors, rmse=rmse, max=max(both.errors.max, missed)))
        self._tell(f"{len(last.X)} uniform points more: RMSE {last.errors.rmse:.1e} there")

    def _most_doubtful(self) -> tuple[Array, Array]:
        """Points that f was asked at, and the errors (n, m) of the best model there: those of checks; besides, as much
        as its laws are apart where it does not know which of them holds, or as it changes by where it is steepest."""
        target, best = self.target, self.best
        assert best is not None
        found = gaps_of(best.model, target.low, target.high, self.rng)
        X, doubt = (found.X, found.apart) if found else steepest(best.model, target.low, target.high, self.rng)
        most = np.argsort(-np.max(doubt, axis=1), kind="stable")[: MOST_POINTS // 2]
        most = most[np.isfinite(target.ask(X[most], least=len(most))).all(axis=1)]
        return np.concatenate([best.X, X[most]]), np.concatenate([best.y - best.prediction, doubt[most]])

    def _tell(self, sentence: str) -> None:
        self.path.append(f"{self.target.elapsed:.1f} s: {sentence}")

    def _record(self, model: Model, description: str, train_rmse: float, errors: Errors, status: str) -> None:
        self.candidates.append(
            Candidate(
                model.family,
                description,
                model.n_params,
                train_rmse,
                errors.rmse,
                errors.p95,
                errors.max,
                self.target.elapsed,
                status,
            )
        )

    def _choose_unchecked(self, models: list[tuple[Model, str]]) -> None:
        """Where there are no new points to check with: what is best at those that the models are made of."""
        rows = self.rng.permutation(len(self.target.X))[:MOST_CHECKS]
        X, y = self.target.X[rows], self.target.y[rows]
        for model, description in models:
            found = replace(self._measured(model, description, X, y, np.ones(len(X))), checked=False)
            self._record(model, description, found.errors.rmse, found.errors, "not checked")
            if self.best is None or found.errors.rmse < self.best.errors.rmse:
                self.best = found
                self.history.append((self.target.elapsed, found.errors.rmse, model.family))

    def _reached(self) -> str | None:
        """What the best model is exact enough for, if for anything."""
        assert self.best is not None
        errors, eps = self.best.errors, self.target.eps
        at = f"at {self.best.n_checked} points that it was not made of"
        if errors.rmse <= self.tolerance and self.best.checked:
            return f"the tolerance was reached {at}: RMSE {errors.rmse:.1e}, maximum {errors.max:.1e}"
        if self._at_floor and not self.target.guard.requested:
            floor = "float64 floor" if eps == np.finfo(np.float64).eps else "rounding of f, which is not in float64,"
            return f"the {floor} was reached {at}"
        return None

    def _ended_by(self) -> str:
        """What there was no more of."""
        target, refinement = self.target, self.refinement
        if target.guard.requested:
            return "interrupted from the keyboard; this is the best model so far"
        used_up = isinstance(refinement, Intervals) and refinement.used_up
        if used_up or target.affordable() < FEWEST_CHECKS:
            left = target.max_evaluations - target.n_evaluations - target.kept
            if target.affordable() == max(0, left) and target.remaining > 0.0:
                return f"the {target.max_evaluations} evaluations were used up"
            cost = f"calls of f took {target.seconds_calling:.1f} s of them, {target.seconds_per_point:.1e} s a point"
            return f"the time limit of {target.time_limit:g} s was used up; {cost}"
        if isinstance(refinement, Intervals) and refinement.ended:
            self.stuck = True
            return f"shorter intervals don't help: {refinement.limit()}"
        return "no further points could be chosen"


def _most_checks(model: Model) -> int:
    """Rows at which `model` may be evaluated for its errors: fewer than usual where that takes seconds."""
    return int(np.clip(MOST_NUMBERS // max(1, model.n_params), MOST_CHECKS // 10, MOST_CHECKS))
