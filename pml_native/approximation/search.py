"""The search of `approximate`: rounds of asking, fitting and checking, and what is the best model so far."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..arrays import Array, Samples
from ..fit import least_rows
from ..fitting import diagnosis, guide
from ..fitting.race import Race
from ..fitting.watch import Watch
from ..models import Model, Polynomial, Signature
from ..progress import ProgressDisplay
from ..report import Candidate, Errors
from ..search import fit_polynomial
from ..search.scheduler import Crew
from ..search.search import WHOLE_WORK, Rows
from ..threads import resolve_threads
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
# Rows of a check below which it tells too little to replace what was found before.
LEAST_CHECKED = 5
# Errors this near to eps leave nothing for further points to gain.
FLOOR_REACHED = 2e-15
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
    that it was."""

    model: Model
    description: str
    errors: Errors
    X: Array
    y: Array
    checked: bool = True

    @property
    def n_checked(self) -> int:
        return len(self.X) if self.checked else 0


@dataclass
class Search:
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
    _fit_is_worse: bool = False
    _rounds_fit_was_ahead: int = 0

    def run(self) -> tuple[Checked, str]:
        """The best model, and in a sentence what ended the search."""
        target = self.target
        d = len(target.low)
        refinement: Refinement = Intervals(target, self.tolerance) if d == 1 else SparseGrid(target, self.tolerance)
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
            passed = self._check([one[:2] for one in tried if one is not None], n_checks, refinement)
            assert self.best is not None
            if passed or self.best.errors.rmse <= FLOOR_REACHED:
                break
            if target.should_stop or target.affordable() < FEWEST_CHECKS:
                break
            if refinement.ended and (d == 1 or self._fit_is_worse):
                break
            distrust = refinement.looks_finished
            self.number += 1
            new = min(2 * new, target.affordable())
        return self.best, self._ended(refinement)

    def notes(self, found: Checked) -> list[str]:
        """What limits the model, in sentences."""
        notes = []
        failures = self.target.failures()
        if failures:
            notes.append(failures)
        errors = found.errors
        if found.checked and math.isfinite(errors.max) and errors.max > max(NOTED_MAX * errors.rmse, self.tolerance):
            missed = np.max(np.abs(found.model.evaluate(found.X) - found.y), axis=1)
            at = ", ".join(f"{x:.6g}" for x in found.X[int(np.argmax(missed))])
            notes.append(
                f"the largest error of the check, {errors.max:.1e}, is {errors.max / errors.rmse:.0f} times the RMSE; "
                f"it is at x = {at}: f is not smooth there, or changes faster than elsewhere"
            )
        return notes

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
        if self.stuck:
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
        return Errors.of(model.evaluate(self.target.X[rows]), self.target.y[rows]).rmse

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
        left = self.target.max_evaluations - self.target.n_evaluations
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
            self.best = Checked(found.model, found.description, found.errors, held_out.X, held_out.y)
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

    def _check(self, models: list[tuple[Model, str]], n: int, refinement: Refinement) -> bool:
        """Measures the models at new points, keeps the best, and returns whether it meets the tolerance."""
        target = self.target
        weight: Array | None = None
        if isinstance(refinement, Intervals) and refinement.intervals[0].steps:
            X, weight = refinement.check_points(n, self.rng)
            if len(X) > max(target.affordable(), FEWEST_CHECKS):
                X, weight = self._random(min(n, max(target.affordable(), 1))), None
        else:
            X = self._random(n)
        train_rmse = [self.train_rmse(model) for model, _ in models]
        y = target.ask(X)
        known = np.isfinite(y).all(axis=1)
        X, y = X[known], y[known]
        weight = None if weight is None else weight[known]
        if len(X) < LEAST_CHECKED:
            self._choose_unchecked(models)
            return False
        found = []
        for (model, description), train in zip(models, train_rmse, strict=True):
            errors = Errors.of(model.evaluate(X), y, weight)
            found.append(Checked(model, description, errors, X, y))
            self._record(model, description, train, errors, f"{target.n_evaluations} evaluations")
            share = target.n_evaluations / target.max_evaluations
            self.display.update(share, description, errors.rmse, min(one.errors.rmse for one in found))
        if isinstance(refinement, Intervals) and models[-1][1] == refinement.description:
            largest = np.max(np.abs(target.y), axis=0)
            unit = np.where(largest > 0, largest, 1.0)
            rms = np.sqrt(np.mean((target.y / unit) ** 2, axis=0))
            error = np.abs(models[-1][0].evaluate(X) - y) / unit / np.where(rms > 0, rms, 1.0)
            refinement.learn(X, np.max(error, axis=1))
        met = [one for one in found if one.errors.rmse <= self.tolerance]
        best = min(met, key=lambda one: one.model.n_params) if met else min(found, key=lambda one: one.errors.rmse)
        by_fit = min((one.errors.rmse for one in found if one.description != refinement.description), default=math.inf)
        refined = min((one.errors.rmse for one in found if one.description == refinement.description), default=math.inf)
        self._fit_is_worse = self.number > 1 and refined < by_fit
        self._rounds_fit_was_ahead += by_fit < AHEAD * refined
        if self.number == 0 or met or self.best is None or best.errors.rmse < self.best.errors.rmse:
            self.best = best
            self.history.append((target.elapsed, best.errors.rmse, best.model.family))
        self.costs.append((target.n_evaluations, self.best.errors.rmse))
        asked = f"{target.n_evaluations} evaluations, {len(X)} of them a check"
        self._tell(f"{asked}: the best is {best.description}, RMSE {best.errors.rmse:.1e}")
        return bool(met)

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
            errors = Errors.of(model.evaluate(X), y)
            self._record(model, description, errors.rmse, errors, "not checked")
            if self.best is None or errors.rmse < self.best.errors.rmse:
                self.best = Checked(model, description, errors, X, y, checked=False)
                self.history.append((self.target.elapsed, errors.rmse, model.family))

    def _ended(self, refinement: Refinement) -> str:
        assert self.best is not None
        target, errors = self.target, self.best.errors
        at = f"at {self.best.n_checked} points that it was not made of"
        if errors.rmse <= self.tolerance and self.best.checked:
            return f"the tolerance was reached {at}: RMSE {errors.rmse:.1e}, maximum {errors.max:.1e}"
        unchecked = (
            "" if self.best.n_checked else "; errors are those at the points it was made of: no others were asked"
        )
        if target.guard.requested:
            return f"interrupted from the keyboard; this is the best model so far{unchecked}"
        if errors.rmse <= FLOOR_REACHED:
            return f"the float64 floor was reached {at}"
        used_up = isinstance(refinement, Intervals) and refinement.used_up
        if used_up or target.affordable() < FEWEST_CHECKS:
            if target.affordable() == target.max_evaluations - target.n_evaluations and target.remaining > 0.0:
                return f"the {target.max_evaluations} evaluations were used up{unchecked}"
            cost = f"calls of f took {target.seconds_calling:.1f} s of them, {target.seconds_per_point:.1e} s a point"
            return f"the time limit of {target.time_limit:g} s was used up; {cost}{unchecked}"
        if isinstance(refinement, Intervals) and refinement.ended:
            self.stuck = True
            return f"shorter intervals don't help: {refinement.limit()}"
        return "no further points could be chosen"


def _most_checks(model: Model) -> int:
    """Rows at which `model` may be evaluated for its errors: fewer than usual where that takes seconds."""
    return int(np.clip(MOST_NUMBERS // max(1, model.n_params), MOST_CHECKS // 10, MOST_CHECKS))
