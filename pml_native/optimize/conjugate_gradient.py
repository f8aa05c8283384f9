"""Nonlinear conjugate gradients by Hager and Zhang: O(P) memory and work, a few vectors and no more.

With d the direction of this step, g and g+ the gradients before and after it and y = g+ - g, the next direction is
    d+ = -g+ + beta d,   beta = max((y - 2 d y'y / d'y)' g+ / d'y,  -1/(|d| min(eta, |g|))).
It goes downhill whatever the line search, d+'g+ <= -7/8 |g+|^2, which that of Polak and Ribiere need not; on networks
the two do equally well. On a quadratic, with exact line searches, both are the linear method, which ends after as many
steps as the Hessian has different eigenvalues. The lower bound on beta makes the method converge where the loss isn't
convex. After `restart` P steps it starts afresh from -g+.
The line search starts where the slope promises what it did a step ago, and ends near the minimum along d, since
conjugacy rests on d'g+ = 0.
Sources: Hager and Zhang, SIAM J. Optim. 16 (2005), equations 1.3 to 1.6; Nocedal and Wright, Numerical Optimization,
section 5.2 and equation 3.60 (the first step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .objective import Objective
from .quasi_newton import DirectionState, advance, at_floor
from .result import Stop

# |phi'| at the end of a line search over that at its start. A tenth of the loss that 0.9 leaves after 10,000
# evaluations on x y (2-20-20-1), and on a quadratic the second trial is exact anyway.
CURVATURE = 0.03
ETA = 0.01  # Hager and Zhang's


@dataclass
class ConjugateGradientState(DirectionState):
    """`promise` is length times slope of the last step; `since_reset` counts steps."""

    promise: float = 0.0
    since_reset: int = 0

    def reset(self) -> None:
        self.since_reset = 0
        super().reset()


@dataclass(frozen=True)
class ConjugateGradient:
    """Nonlinear conjugate gradients with a strong-Wolfe line search, for parameters too many for BFGS."""

    restart: int = 4

    def __post_init__(self) -> None:
        if self.restart < 1:
            raise ValueError(f"restart: expected a positive integer, got {self.restart}")

    def start(self, objective: Objective, params: Array) -> ConjugateGradientState:
        loss, gradient = objective.loss_and_gradient(params)
        return ConjugateGradientState(params, loss, gradient, direction=-gradient)

    def step(self, objective: Objective, state: ConjugateGradientState) -> Stop | None:
        slope = float(state.direction @ state.gradient)
        first_step = state.promise / slope if slope < 0 else 1.0
        taken = advance(objective, state, first_step=first_step, curvature=CURVATURE)
        if isinstance(taken, Stop):
            return taken
        state.promise = taken.a * taken.slope
        state.since_reset += 1
        d, g, y = state.direction, state.gradient, taken.y
        dy = float(d @ y)
        if dy > np.finfo(float).tiny and state.since_reset < self.restart * len(g):
            beta = float((y - (2.0 * float(y @ y) / dy) * d) @ g) / dy
            least = -1.0 / (float(np.linalg.norm(d)) * min(ETA, float(np.linalg.norm(g - y))))
            state.direction, state.just_reset = max(beta, least) * d - g, False
        else:
            state.reset()
        if float(state.direction @ g) >= 0:  # rounding has cost the descent
            state.reset()
        return at_floor(state, state.direction)
