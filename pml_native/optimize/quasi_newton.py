"""What the methods with a line search share: the step along a direction, and what a failed search means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from .line_search import CURVATURE, LineSearch, Point, strong_wolfe
from .objective import NOISE_EVALUATIONS, Objective, rounding_noise
from .result import Status, Stop


@dataclass
class DescentState:
    """Parameters, loss and gradient there, and the measured rounding noise of the loss (0 until it matters).

    `idle` counts the last steps in a row whose promised decrease was within the noise.
    """

    params: Array
    loss: float
    gradient: Array
    n_evaluations: int = 1
    noise: float = 0.0
    idle: int = 0


@dataclass
class DirectionState(DescentState):
    """With the direction of the next step; `just_reset` while that is the steepest descent."""

    direction: Array = field(kw_only=True)
    just_reset: bool = True

    def reset(self) -> None:
        """Forgets all curvature: the next direction is that of steepest descent."""
        self.direction, self.just_reset = -self.gradient, True


class Taken(NamedTuple):
    """A step: its length `a` along the direction, the change s of the parameters and y of the gradient, the slope."""

    a: float
    s: Array
    y: Array
    slope: float


# A line search that takes more evaluations than this is fighting rounding, or soon will be.
EASY_EVALUATIONS = 6
# After this many steps in a row that promise less than the noise, nothing is left to gain.
IDLE_STEPS = 20


def advance(
    objective: Objective, state: DirectionState, *, first_step: float = 1.0, curvature: float = CURVATURE
) -> Taken | Stop:
    """Moves the state to the end of a line search along its direction, or says why there is no such step.

    Where what was learned so far has led into a corner, it is forgotten and steepest descent tried, once.
    """
    first_step = first_length(state.gradient) if state.just_reset else first_step
    point = search(objective, state, state.direction, first_step, curvature)
    if point is None:
        stop = why_no_step(state, state.direction)
        if state.just_reset:
            return stop
        state.reset()
        point = search(objective, state, state.direction, first_length(state.gradient), curvature)
        if point is None:
            return stop
    s, y = point.params - state.params, point.gradient - state.gradient
    slope = float(state.direction @ state.gradient)
    state.params, state.loss, state.gradient = point.params, point.loss, point.gradient
    return Taken(point.a, s, y, slope)


def search(
    objective: Objective, state: DescentState, direction: Array, first_step: float, curvature: float = CURVATURE
) -> Point | None:
    """A line search; where it is hard, the noise is measured, and where it failed it is tried again knowing that."""
    found = _strong_wolfe(objective, state, direction, first_step, curvature)
    promised = -float(state.gradient @ direction)
    hard = found.point is None or found.n_evaluations > EASY_EVALUATIONS
    if hard or promised <= 100 * np.finfo(float).eps * abs(state.loss):
        before = state.noise
        state.noise = rounding_noise(objective, state.params, state.loss)
        state.n_evaluations += NOISE_EVALUATIONS
        if found.point is None and state.noise > before:
            found = _strong_wolfe(objective, state, direction, first_step, curvature)
    state.idle = state.idle + 1 if promised <= state.noise else 0
    return found.point


def is_curved(s: Array, y: Array) -> bool:
    """Whether a step s and its change of gradient y have a curvature s'y > 0 that is more than rounding."""
    rounding = np.finfo(float).eps * float(np.linalg.norm(s) * np.linalg.norm(y))
    return float(s @ y) > max(rounding, float(np.finfo(float).tiny))


def at_floor(state: DescentState, direction: Array) -> Stop | None:
    """AT_FLOOR once the steps have been promising less than the noise for long enough."""
    return why_no_step(state, direction) if state.idle >= IDLE_STEPS else None


def _strong_wolfe(
    objective: Objective, state: DescentState, direction: Array, first_step: float, curvature: float
) -> LineSearch:
    found = strong_wolfe(
        objective,
        state.params,
        state.loss,
        state.gradient,
        direction,
        first_step=first_step,
        noise=state.noise,
        curvature=curvature,
    )
    state.n_evaluations += found.n_evaluations
    return found


def why_no_step(state: DescentState, direction: Array) -> Stop:
    """AT_FLOOR where the decrease that the slope promises is within the noise, else STALLED."""
    promised = -float(state.gradient @ direction)
    detail = f"loss {state.loss:.2e}, a full step promises {promised:.0e}, rounding noise {state.noise:.0e}"
    # The noise is a maximum over few samples; the true one may be some times larger.
    if promised <= 10.0 * state.noise:
        return Stop(Status.AT_FLOOR, detail)
    return Stop(Status.STALLED, detail)


def first_length(gradient: Array) -> float:
    """The first step along minus the gradient: of length 1 at most, since nothing is known of the curvature yet."""
    norm = float(np.linalg.norm(gradient))
    return min(1.0, 1.0 / norm) if norm > 0 else 1.0
