"""One run of `fit`: its data, its clock, and the best model so far.

Whatever trains a family asks the session how much time is left and whether to stop, and offers it every improvement.
The session chooses on the validation rows alone.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..models import Model
from ..optimize.interrupt import InterruptGuard
from ..progress import ProgressDisplay
from ..report import Candidate, Errors
from .agreement import Estimate, Rival, estimates, most_trusted

# Seconds between two writes of the checkpoint: a fit that is killed loses at most this.
CHECKPOINT_SECONDS = 5.0
# Errors this near to eps leave nothing for another model to gain.
ENOUGH = 2e-15
# ... and below this, one that is simpler may be the better model.
NEAR_ROUNDING = 1e-14
# Models of different makers that are kept to be compared.
MOST_RIVALS = 6
# Rows trained on that a model is judged by, about.
MOST_JUDGED = 20_000


@dataclass(frozen=True)
class Measured:
    """A model and the rows X (n, d), y (n, m) that its errors were measured at."""

    model: Model
    X: Array
    y: Array


@dataclass
class Session:
    """The state that one fit shares between the families it tries."""

    train: Samples
    validation: Samples
    time_limit: float
    tolerance: float | None
    n_threads: int | None
    guard: InterruptGuard
    display: ProgressDisplay
    checkpoint: str | os.PathLike[str] | None = None
    validation_is_given: bool = False
    start: float = field(default_factory=time.perf_counter)
    best: Model | None = None
    best_errors: Errors = field(default_factory=lambda: Errors(np.inf, np.inf, np.inf))
    error: float = np.inf  # what `judged` says of the best
    candidates: list[Candidate] = field(default_factory=list)
    n_rows: tuple[int, int] = (0, 0)
    # What was done and why, in sentences; and seconds, error and description of each model better than those before.
    path: list[str] = field(default_factory=list)
    history: list[tuple[float, float, str]] = field(default_factory=list)
    # The model whose errors `best_errors` are, and the rows they were measured at: `best` may have seen these since.
    measured: Measured | None = None
    rivals: list[Rival] = field(default_factory=list)  # the best model of each maker
    # A session within another: its models become the other's through `wrap`, their descriptions with `prefix`.
    outer: Session | None = None
    wrap: Callable[[Model], Model] = lambda model: model
    prefix: str = ""
    corners: Array | None = None  # points (k, d) where a model may be asked, though no row is there
    _whole: Model | None = None  # the best model as the outer session has it
    _last_write: float = field(default_factory=time.perf_counter)
    _unsaved: bool = False

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.start

    @property
    def remaining(self) -> float:
        return max(0.0, self.time_limit - self.elapsed)

    @property
    def reached_tolerance(self) -> bool:
        return self.tolerance is not None and self.error <= self.tolerance

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to gain, or no time for it."""
        return self.should_stop or self.error <= ENOUGH

    @property
    def should_stop(self) -> bool:
        return self.is_over or (self.outer is not None and self.outer.finished)

    @property
    def is_over(self) -> bool:
        """Whether the user, the tolerance or the clock has ended it."""
        if self.outer is not None and self.outer.is_over:
            return True
        return self.guard.requested or self.reached_tolerance or self.remaining <= 0.0

    def part(self, share: float) -> Session:
        """A session within this one, of the same rows, with a `share` of the time left."""
        return replace(
            self,
            time_limit=share * self.remaining,
            tolerance=None,
            checkpoint=None,
            start=time.perf_counter(),
            best=None,
            best_errors=Errors(np.inf, np.inf, np.inf),
            error=np.inf,
            candidates=[],
            path=[],
            history=[],
            rivals=[],
            measured=None,
            outer=self,
            wrap=lambda model: model,
            prefix="",
        )

    def validation_errors(self, model: Model) -> Errors:
        """Relative errors on the held-out rows, whose own weights count."""
        return Errors.of(model.evaluate(self.validation.X), self.validation.y, self.validation.sample_weight)

    def judged(self, model: Model, errors: Errors) -> float:
        """What models are compared by: the larger of the RMSE on the held-out rows, `errors`, and on those trained on.

        The rows held out are few. Where y has an edge that none of them is near, a model may be wild there, and the
        rows trained on, of which there are more, show it.
        """
        some = self._judged_rows
        weight = None if self.train.sample_weight is None else self.train.sample_weight[some]
        return max(errors.rmse, Errors.of(model.evaluate(self.train.X[some]), self.train.y[some], weight).rmse)

    @cached_property
    def _judged_rows(self) -> NDArray[np.intp] | slice:
        n = len(self.train.X)
        # At random: every second row may be of weight 0.
        return slice(None) if n <= MOST_JUDGED else np.sort(np.random.default_rng(0).permutation(n)[:MOST_JUDGED])

    def offer(
        self,
        build: Callable[[], Model],
        errors: Errors,
        n_rows: tuple[int, int] | None = None,
        *,
        simpler: bool = False,
        measured: Measured | None = None,
    ) -> None:
        """Keeps the model that `build` makes if it is the best so far, by `judged`.

        `n_rows` says how many were trained on and held out where these are not the rows of the session. `simpler` lets
        a model of fewer parameters than the best replace it also where both have errors of rounding only. `measured`
        is given where the errors are those of another model than the one kept, or at other rows than the session's.
        """
        rounded = simpler and errors.rmse <= NEAR_ROUNDING
        if self.best is not None and not (errors.rmse < self.error or rounded):
            return
        model = build()
        error = self.judged(model, errors)
        if self.best is not None and not error < self.error:
            if not (rounded and error <= NEAR_ROUNDING):
                return
            if model.n_params >= self.best.n_params:
                return
        self.error = error
        self.best, self.best_errors = model, errors
        self.measured = measured or Measured(model, self.validation.X, self.validation.y)
        if self.outer is None:
            self.history.append((self.elapsed, error, model.family))
        self.n_rows = n_rows or (len(self.train.X), len(self.validation.X))
        self._unsaved = True
        if self.outer is not None:
            whole = self._whole = self.wrap(self.best)
            self.outer.offer(lambda: whole, self.outer.validation_errors(whole), n_rows, simpler=simpler)

    def exchange(self, model: Model) -> None:
        """The best model again, its parameters from all rows: the errors stay those before, as no row is held out."""
        self.best = model
        if self.outer is not None and self.outer.best is self._whole:
            self._whole = self.wrap(model)
            self.outer.exchange(self._whole)

    def tell(self, sentence: str) -> None:
        """Puts on record what was done, and why."""
        if self.outer is not None:
            self.outer.tell(self.prefix + sentence)
        else:
            self.path.append(f"{self.elapsed:.1f} s: {sentence}")

    def record(
        self,
        family: str,
        model: Model,
        description: str,
        errors: Errors,
        seconds: float,
        status: str,
        maker: str | None = None,
    ) -> None:
        """Adds a candidate to the report: one that is `model`, with its errors on the held-out rows.

        `maker` says what made it where that is less than the description: models of two makers are independent.
        """
        maker = f"{family} {description}" if maker is None else maker
        if self.outer is not None:
            whole = self.wrap(model)
            errors = self.outer.validation_errors(whole)
            self.outer.record(family, whole, self.prefix + description, errors, seconds, status, self.prefix + maker)
            return
        rows = self.train
        train = Errors.of(model.evaluate(rows.X), rows.y, rows.sample_weight)
        self.candidates.append(
            Candidate(
                family,
                description,
                model.n_params,
                train.rmse,
                errors.rmse,
                errors.p95,
                errors.max,
                seconds,
                status,
            )
        )
        self._remember(Rival(model, errors, max(errors.rmse, train.rmse), maker))

    def _remember(self, rival: Rival) -> None:
        same = [other for other in self.rivals if other.maker == rival.maker and other.error <= rival.error]
        others = [other for other in self.rivals if other.maker != rival.maker]
        self.rivals = sorted([*others, *(same or [rival])], key=lambda one: one.error)[:MOST_RIVALS]

    def choose_by_agreement(self, rng: np.random.Generator) -> Estimate:
        """Takes the model that others agree with over the box of the rows, and says what is known of its error there.

        See agreement.py. Rows that the user chose to validate by, or a tolerance that was reached, have the last word.
        """
        assert self.best is not None
        same = [one for one in self.rivals if one.errors.rmse == self.best_errors.rmse]
        best = Rival(self.best, self.best_errors, self.error, same[0].maker if same else "")
        rivals = [best, *(one for one in self.rivals if one not in same)]
        X = np.concatenate([self.train.X, self.validation.X])
        found = estimates(rivals, X, self.train.y, rng)
        chosen = 0 if self.validation_is_given or self.reached_tolerance else most_trusted(rivals, found)
        if chosen > 0:
            one = rivals[chosen]
            self.tell(
                f"the best at the rows ({self.error:.1e}) differs by {found[0].over_box:.1e} from all others over the "
                f"box; another, of {one.error:.1e} at the rows, by {found[chosen].over_box:.1e} only, and is taken"
            )
            self.best, self.best_errors, self.error = one.model, one.errors, one.error
            self.measured = Measured(one.model, self.validation.X, self.validation.y)
        return found[chosen]

    @property
    def chosen(self) -> Candidate:
        """What the best model was among the candidates: not always that of the least error."""
        same = [one for one in self.candidates if one.validation_rmse == self.best_errors.rmse]
        return min(same or self.candidates, key=lambda candidate: candidate.validation_rmse)

    def show(self, description: str, errors: Errors) -> None:
        """Tells the display how the model now being trained stands, and the checkpoint what is best."""
        if self.outer is not None:
            self.outer.show(self.prefix + description, errors)
            return
        self.display.update(self.elapsed, description, errors.rmse, self.best_errors.rmse)
        self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        due = self._unsaved and time.perf_counter() - self._last_write >= CHECKPOINT_SECONDS
        if self.checkpoint is None or self.best is None or not due:
            return
        self._last_write, self._unsaved = time.perf_counter(), False
        try:
            self.best.save(self.checkpoint)
        except OSError as error:  # a full disk must not end a good fit
            warnings.warn(f"checkpoint {self.checkpoint} could not be written: {error}", RuntimeWarning, stacklevel=2)
