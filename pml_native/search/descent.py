"""Trains one network on one table: Levenberg-Marquardt on few rows first, then on more.

A network of P parameters is first fitted to some ROWS_PER_PARAMETER P values: the cost of a step grows with the rows,
and the way down is long. Where these rows are fitted to rounding, or so much better than the held-out ones that
they no longer tell the function, their number doubles; the last descents on all rows are short. Above
MAX_LEVENBERG_MARQUARDT_PARAMS the P x P systems cost too much, and quasi-Newton methods take over.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..optimize import LBFGS, LeastSquares, LevenbergMarquardt, Progress, SSBroyden, Status, minimize
from ..optimize.levenberg_marquardt import LevenbergMarquardtState
from ..optimize.loop import Optimizer
from ..optimize.objective import Network

ROWS_PER_PARAMETER = 2.5
MAX_LEVENBERG_MARQUARDT_PARAMS = 1500
MAX_QUASI_NEWTON_PARAMS = 4000
# Numbers in the largest Jacobian: 256 MiB, and steps of a second or two. More rows than that add little to so smooth a
# function, and they are there among the held-out ones.
MOST_JACOBIAN_NUMBERS = 2**25
# Between two looks at the held-out rows: few steps where they are slow, some seconds' fraction where they are fast.
LOOK_SECONDS = 0.25
# Held-out rows this many times worse than those trained on, looks in a row, ask for more rows.
OVERFIT = 3.0
OVERFIT_LOOKS = 8
# No more progress of a quasi-Newton method: this share of the time since its start brought less than a tenth of the
# error. Levenberg-Marquardt, which walks along valleys for long before it falls, says itself when it has ended.
PATIENCE_SECONDS = 3.0
PATIENCE_SHARE = 0.6
PATIENCE_GAIN = 0.9


@dataclass(frozen=True)
class Table:
    """Normalized rows to train on, X (n, d) and y (n, m), in an order without meaning, and their weights or None."""

    X: Array
    y: Array
    sample_weight: Array | None = None

    def first(self, n: int) -> Table:
        weight = None if self.sample_weight is None else self.sample_weight[:n]
        return Table(self.X[:n], self.y[:n], weight)


@dataclass(frozen=True)
class Descent:
    """How a training ended: the last status and its sentence, steps, seconds, and the smallest loss.

    `params`, `rows` and `damping` are for `descend` to go on from. `used_all_rows` whether the last rows were all it
    would take.
    """

    status: Status
    message: str
    n_steps: int
    seconds: float
    loss: float
    params: Array
    rows: int
    damping: float
    used_all_rows: bool


def descend(
    mlp: Network,
    params: Array,
    table: Table,
    look: Callable[[Array, float], float],
    *,
    seconds: float,
    should_stop: Callable[[], bool] = lambda: False,
    n_threads: int | None = None,
    resume: Descent | None = None,
) -> Descent:
    """Trains `mlp` from `params`, or from where `resume` ended, for up to `seconds`.

    `look` is shown parameters and their loss from time to time and returns the error on held-out rows, in the units of
    the square root of the loss; it is for the caller to keep the parameters that it likes best.
    """
    start = time.perf_counter()
    n = len(table.X)
    second_order = mlp.n_params <= MAX_LEVENBERG_MARQUARDT_PARAMS
    if second_order:
        n = min(n, MOST_JACOBIAN_NUMBERS // (mlp.n_params * mlp.n_outputs))
    rows = min(n, max(50, round(ROWS_PER_PARAMETER * mlp.n_params / mlp.n_outputs)))
    if not second_order:
        rows = n
    n_steps = 0
    damping = LevenbergMarquardt.first_damping
    if resume is not None:
        params, rows, damping = resume.params, resume.rows, resume.damping
    while True:
        part = table.first(rows)
        objective = LeastSquares(mlp, part.X, part.y, sample_weight=part.sample_weight, n_threads=n_threads)
        method: Optimizer
        if second_order:
            method = LevenbergMarquardt(first_damping=damping)
        else:
            method = SSBroyden(n_threads=n_threads) if mlp.n_params <= MAX_QUASI_NEWTON_PARAMS else LBFGS()
        watch = _Watch(look, should_stop, more_rows=rows < n, patient=second_order)
        result = minimize(
            objective,
            params,
            method,
            max_steps=2**62,
            max_seconds=max(0.0, seconds - (time.perf_counter() - start)),
            callback=watch,
        )
        look(result.params, result.loss)
        n_steps += result.n_steps
        params = result.params
        if isinstance(result.state, LevenbergMarquardtState):
            # The last step that was good had about the damping that the next ones need.
            damping = min(LevenbergMarquardt.first_damping, result.state.best_damping)
        ended = result.status in (Status.AT_FLOOR, Status.STALLED, Status.CONVERGED)
        if rows == n or not (ended or watch.overfits or watch.stagnates):
            break
        rows = min(n, 2 * rows)
    message = "no more progress" if watch.stagnates else result.message
    status = Status.STALLED if watch.stagnates else result.status
    seconds = time.perf_counter() - start
    return Descent(status, message, n_steps, seconds, result.loss, params, rows, damping, rows == n)


class _Watch:
    """The callback of one descent: looks, and ends it for overfitting, stagnation, or because the caller says so."""

    def __init__(
        self, look: Callable[[Array, float], float], should_stop: Callable[[], bool], *, more_rows: bool, patient: bool
    ) -> None:
        self.look, self.should_stop, self.more_rows, self.patient = look, should_stop, more_rows, patient
        self.overfits = self.stagnates = False
        self._looks_overfit = 0
        self._last = 0.0
        self._best: list[tuple[float, float]] = []  # seconds, smallest loss so far

    def __call__(self, progress: Progress) -> bool:
        if progress.seconds - self._last < LOOK_SECONDS:
            return False
        self._last = progress.seconds
        error = self.look(progress.params, progress.loss)
        overfit = self.more_rows and error > OVERFIT * math.sqrt(max(progress.loss, 0.0))
        self._looks_overfit = self._looks_overfit + 1 if overfit else 0
        self.overfits = self._looks_overfit >= OVERFIT_LOOKS
        best = min(progress.loss, self._best[-1][1] if self._best else math.inf)
        self._best.append((progress.seconds, best))
        self.stagnates = self._stagnates()
        return self.overfits or self.stagnates or self.should_stop()

    def _stagnates(self) -> bool:
        seconds, loss = self._best[-1]
        if self.patient or seconds < PATIENCE_SECONDS:
            return False
        earlier = next((best for at, best in reversed(self._best) if at <= (1 - PATIENCE_SHARE) * seconds), math.inf)
        return loss > PATIENCE_GAIN**2 * earlier


def shuffled(X: Array, y: Array, sample_weight: Array | None, rng: np.random.Generator) -> Table:
    """The rows in random order."""
    order = rng.permutation(len(X))
    return Table(X[order], y[order], None if sample_weight is None else sample_weight[order])
