"""BFGS: the inverse Hessian from changes of the gradient, O(P^2) a step.

With s = step, y = change of gradient, rho = 1/(s'y) and H the inverse Hessian so far,
    H+ = (I - rho s y') H (I - rho y s') + rho s s' = H + s w' + w s',   w = (1 + rho y'Hy) rho/2 s - rho H y.
(SciPy forms the two P x P factors and multiplies them: O(P^3).)
Source: Nocedal and Wright, Numerical Optimization, section 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Array
from ..threads import resolve_threads
from .broyden import BroydenState, Secant, Update, broyden_step
from .objective import Objective
from .result import Stop


@dataclass(frozen=True)
class BFGS:
    """Broyden, Fletcher, Goldfarb and Shanno's method with a strong-Wolfe line search. Memory: P^2 doubles.

    `n_threads` is for its own work on the matrix, None for all cores; results are the same for any number.
    """

    n_threads: int | None = None

    def start(self, objective: Objective, params: Array) -> BroydenState:
        loss, gradient = objective.loss_and_gradient(params)
        return BroydenState(params, loss, gradient, direction=-gradient)

    def step(self, objective: Objective, state: BroydenState) -> Stop | None:
        return broyden_step(objective, state, bfgs_update, resolve_threads(self.n_threads))


def bfgs_update(secant: Secant, tau: float = 1.0) -> Update:
    """The update above of H/tau."""
    s, y, Hy, sy, _ = secant
    rho = 1.0 / sy
    w = (0.5 * rho * (1.0 + rho * float(y @ Hy) / tau)) * s - (rho / tau) * Hy
    return Update(1.0 / tau, s, w, w, s)
