"""BFGS with one pass over the upper triangle of the inverse Hessian a step: O(P^2).

With s = step, y = change of gradient, rho = 1/(s'y) and H the inverse Hessian so far,
    H+ = (I - rho s y') H (I - rho y s') + rho s s' = H + s w' + w s',   w = (1 + rho y'Hy) rho/2 s - rho H y.
H y = H g+ - H g = H g+ + p needs H g+ alone, because p = -H g was the direction of this step; and the next direction
is -H+ g+ = -(H g+ + s (w'g+) + w (s'g+)): one product a step. It is formed while the rank-2 update of the step before
is applied, so that H is read and written once. (SciPy forms the two P x P factors and multiplies them: O(P^3).)
Source: Nocedal and Wright, Numerical Optimization, section 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import _core
from ..arrays import Array
from ..threads import resolve_threads
from .objective import Objective
from .quasi_newton import DescentState, at_floor, first_length, search, why_no_step
from .result import Stop


@dataclass
class BFGSState(DescentState):
    """`inverse_hessian` holds the upper triangle, without the update s w' + w s' of the last step, which is `pending`.

    It is None while it is a multiple of the identity.
    """

    inverse_hessian: Array | None = None
    pending: tuple[Array, Array] | None = None
    direction: Array = field(default_factory=lambda: np.empty(0))
    just_reset: bool = True

    def reset(self) -> None:
        """Forgets all curvature: the next direction is that of steepest descent."""
        self.inverse_hessian, self.pending, self.direction, self.just_reset = None, None, -self.gradient, True


@dataclass(frozen=True)
class BFGS:
    """Broyden, Fletcher, Goldfarb and Shanno's method with a strong-Wolfe line search. Memory: P^2 doubles.

    `n_threads` is for its own work on the matrix, None for all cores; results are the same for any number.
    """

    n_threads: int | None = None

    def start(self, objective: Objective, params: Array) -> BFGSState:
        loss, gradient = objective.loss_and_gradient(params)
        return BFGSState(params, loss, gradient, direction=-gradient)

    def step(self, objective: Objective, state: BFGSState) -> Stop | None:
        first_step = first_length(state.gradient) if state.just_reset else 1.0
        point = search(objective, state, state.direction, first_step)
        if point is None:
            stop = why_no_step(state, state.direction)
            if state.just_reset:
                return stop
            # The curvature learned so far has led into a corner: start afresh, once.
            state.reset()
            point = search(objective, state, state.direction, first_length(state.gradient))
            if point is None:
                return stop
        s, y = point.params - state.params, point.gradient - state.gradient
        state.params, state.loss, state.gradient = point.params, point.loss, point.gradient
        self._learn(state, s, y)
        return at_floor(state, state.direction)

    def _learn(self, state: BFGSState, s: Array, y: Array) -> None:
        """The update for the step s and the change of gradient y, and the next direction."""
        gradient = state.gradient
        sy = float(s @ y)
        curved = sy > np.finfo(float).eps * float(np.linalg.norm(s) * np.linalg.norm(y))
        if state.inverse_hessian is None:
            if not curved:
                state.direction = -gradient
                return
            # The size of the true inverse Hessian along the first step (Nocedal and Wright, equation 6.20).
            size = sy / float(y @ y)
            state.inverse_hessian = np.diag(np.full(len(s), size))
            Hg, Hy = size * gradient, size * y
        else:
            pending = state.pending or (np.zeros_like(s), np.zeros_like(s))
            Hg = _core.symmetric_update(state.inverse_hessian, *pending, gradient, resolve_threads(self.n_threads))
            Hy = Hg + state.direction
        state.just_reset = False
        state.pending = None
        if not curved:
            state.direction = -Hg
            return
        rho = 1.0 / sy
        w = (0.5 * rho * (1.0 + rho * float(y @ Hy))) * s - rho * Hy
        state.pending = (s, w)
        state.direction = -(Hg + float(w @ gradient) * s + float(s @ gradient) * w)
        if float(state.direction @ gradient) >= 0:  # rounding has cost positive definiteness
            state.reset()
