"""The one loop of every optimizer: it owns the budget, the clock, finiteness, the best so far and the history.

An optimizer is a frozen object of options with two methods: `start` evaluates the objective at the first parameters
and returns its state; `step` moves the state and returns None, or a `Stop` when it can't go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array
from .interrupt import InterruptGuard
from .objective import Objective
from .result import History, OptimizeResult, Status, Stop


class State(Protocol):
    """What the loop reads of an optimizer's state. `loss` and `gradient` belong to `params`."""

    params: Array
    loss: float
    gradient: Array
    n_evaluations: int


class Optimizer(Protocol):
    def start(self, objective: Any, params: Array) -> Any: ...

    def step(self, objective: Any, state: Any) -> Stop | None: ...


@dataclass(frozen=True)
class Progress:
    """Where a minimization stands after a step."""

    step: int
    params: Array
    loss: float
    gradient_norm: float
    seconds: float


def minimize(
    objective: Objective,
    params: ArrayLike,
    optimizer: Optimizer,
    *,
    max_steps: int = 1000,
    max_seconds: float = math.inf,
    loss_tolerance: float = -math.inf,
    gradient_tolerance: float = 0.0,
    callback: Callable[[Progress], bool | None] | None = None,
    resume: OptimizeResult | None = None,
) -> OptimizeResult:
    """Minimizes `objective` from `params` (P,), which is not changed.

    Ends with CONVERGED where loss <= loss_tolerance or max |gradient| <= gradient_tolerance, with what the optimizer
    says when it can't go on, or with the budget. `callback` sees every step and may return True to stop. Ctrl-C ends
    with INTERRUPTED. In every case the best parameters met are returned. `resume`, an earlier result of the same
    objective and optimizer, goes on where that one ended, with all it had learned; `params` is then not used, and
    budget, step numbers and history count from here.
    """
    start = time.perf_counter()
    if max_steps < 0:
        raise ValueError(f"max_steps: expected an integer >= 0, got {max_steps}")
    if not max_seconds >= 0:
        raise ValueError(f"max_seconds: expected a number >= 0, got {max_seconds}")
    first = np.array(params, dtype=np.float64)
    if first.ndim != 1:
        raise ValueError(f"params: expected (P,), got {first.shape}")
    if not np.isfinite(first).all():
        raise ValueError("params: expected finite numbers, got NaN or infinity")

    history = History()
    with InterruptGuard() as guard:
        state: State = optimizer.start(objective, first) if resume is None else resume.state
        best_params, best_loss, best_norm = state.params, state.loss, float(np.linalg.norm(state.gradient))
        if resume is not None and resume.loss <= best_loss:
            best_params, best_loss, best_norm = resume.params, resume.loss, resume.gradient_norm
        step = 0
        stop: Stop | None = None
        while True:
            seconds = time.perf_counter() - start
            norm = float(np.linalg.norm(state.gradient))
            history.seconds.append(seconds)
            history.loss.append(state.loss)
            history.gradient_norm.append(norm)
            if state.loss < best_loss or not math.isfinite(best_norm):
                best_params, best_loss, best_norm = state.params.copy(), state.loss, norm
            if stop is not None:
                break
            if callback is not None and callback(Progress(step, state.params, state.loss, norm, seconds)):
                stop = Stop(Status.STOPPED)
            elif math.isnan(state.loss) or state.loss == math.inf or math.isnan(norm):
                stop = Stop(Status.NONFINITE, f"loss {state.loss:.2g} after {step} steps")
            elif state.loss <= loss_tolerance or np.max(np.abs(state.gradient), initial=0.0) <= gradient_tolerance:
                stop = Stop(Status.CONVERGED)
            elif guard.requested:
                stop = Stop(Status.INTERRUPTED)
            elif step >= max_steps:
                stop = Stop(Status.MAX_STEPS)
            elif seconds >= max_seconds:
                stop = Stop(Status.MAX_SECONDS)
            if stop is not None:
                break
            stop = optimizer.step(objective, state)
            step += 1
    if stop.params is not None:
        best_loss, gradient = objective.loss_and_gradient(stop.params)
        best_params, best_norm = stop.params, float(np.linalg.norm(gradient))
    return OptimizeResult(
        best_params,
        best_loss,
        best_norm,
        stop,
        step,
        state.n_evaluations,
        time.perf_counter() - start,
        history,
        state,
    )
