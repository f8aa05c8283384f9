"""BFGS with one symmetric matrix-vector product and one rank-2 update a step: O(P^2).

With s = step, y = change of gradient, rho = 1/(s'y) and H the inverse Hessian so far,
    H+ = (I - rho s y') H (I - rho y s') + rho s s' = H + s w' + w s',   w = (1 + rho y'Hy) rho/2 s - rho H y.
H y = H g+ - H g = H g+ + p needs H g+ alone, because p = -H g was the direction of this step; and the next direction
is -H+ g+ = -(H g+ + s (w'g+) + w (s'g+)): no second product. (SciPy forms the two P x P factors and multiplies them,
which is O(P^3).) Source: Nocedal and Wright, Numerical Optimization, section 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import blas

from ..arrays import Array
from .objective import Objective
from .quasi_newton import DescentState, at_floor, first_length, search, why_no_step
from .result import Stop


@dataclass
class BFGSState(DescentState):
    """`inverse_hessian` holds the upper triangle (column-major) or is None while it is a multiple of the identity."""

    inverse_hessian: Array | None = None
    direction: Array = field(default_factory=lambda: np.empty(0))
    just_reset: bool = True


@dataclass(frozen=True)
class BFGS:
    """Broyden, Fletcher, Goldfarb and Shanno's method with a strong-Wolfe line search. Memory: P^2 doubles."""

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
            state.inverse_hessian, state.direction, state.just_reset = None, -state.gradient, True
            point = search(objective, state, state.direction, first_length(state.gradient))
            if point is None:
                return stop
        _update(state, point.params - state.params, point.gradient)
        state.params, state.loss, state.gradient = point.params, point.loss, point.gradient
        return at_floor(state, state.direction)


def _update(state: BFGSState, s: Array, gradient: Array) -> None:
    y = gradient - state.gradient
    sy = float(s @ y)
    curved = sy > np.finfo(float).eps * float(np.linalg.norm(s) * np.linalg.norm(y))
    if state.inverse_hessian is None:
        if not curved:
            state.direction = -gradient
            return
        # The size of the true inverse Hessian along the first step (Nocedal and Wright, equation 6.20).
        n_params = len(s)
        state.inverse_hessian = np.zeros((n_params, n_params), order="F")
        size = sy / float(y @ y)
        np.fill_diagonal(state.inverse_hessian, size)
        Hg = size * gradient
        Hy = size * y
    else:
        Hg = blas.dsymv(1.0, state.inverse_hessian, gradient)
        Hy = Hg + state.direction
    state.just_reset = False
    if not curved:
        state.direction = -Hg
        return
    rho = 1.0 / sy
    w = (0.5 * rho * (1.0 + rho * float(y @ Hy))) * s - rho * Hy
    state.inverse_hessian = blas.dsyr2(1.0, s, w, a=state.inverse_hessian, overwrite_a=1)
    state.direction = -(Hg + float(w @ gradient) * s + float(s @ gradient) * w)
    if float(state.direction @ gradient) >= 0:  # rounding has cost positive definiteness
        state.inverse_hessian, state.direction, state.just_reset = None, -gradient, True
