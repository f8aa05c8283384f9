"""Self-scaled quasi-Newton methods: the inverse Hessian is scaled before every update, so that it forgets its scale.

With s = step, y = change of gradient, H the inverse Hessian so far, B its inverse, members of Broyden's family are
    H+ = (1/tau) (H - Hy y'H / y'Hy + phi v v') + s s' / s'y,   v = sqrt(y'Hy) (s / s'y - Hy / y'Hy).
BFGS has tau = phi = 1. It lowers eigenvalues of B that are too large one at a time; dividing H by tau < 1 lowers all
of them whenever the model overestimated the curvature along the last step, b > 1 below. With a network, the curvatures
of whose loss span ten orders and more, most of B is too large for most of the time. With
    b = s'Bs / s'y,   h = y'Hy / s'y,   a = b h - 1 >= 0 (Cauchy and Schwarz),   c = sqrt(a/(1 + a)),   m = min(1, 1/b)
SSBFGS takes phi = 1 and tau = m. SSBroyden takes, in terms of the parameter theta of the direct update of B, which is
(1 - b)/b within bounds that keep B+ positive definite,
    rho = min(1, 1/(b + b c)),   theta = max((rho - 1)/a, min(1/rho, (1 - b)/b)),   sigma = 1 + a theta,
    phi = (1 - theta)/sigma,   e = sigma^(-1/(P-1)),   tau = min(m e, sigma) if theta <= 0 else m min(e, 1/theta).
Both are invariant, as BFGS is, under linear changes of the parameters and positive multiples of the loss.
Sources: Oren and Luenberger (Management Sci. 20, 1974); Al-Baali (Comput. Optim. Appl. 9, 1998); Al-Baali, Spedicato
and Maggioni (Optim. Methods Softw. 29, 2014); for networks Urban, Stefanou and Pons (J. Comput. Phys. 523, 2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..arrays import Array
from ..threads import resolve_threads
from .bfgs import bfgs_update
from .broyden import BroydenState, Secant, Update, broyden_step
from .objective import Objective
from .result import Stop


@dataclass(frozen=True)
class SSBroyden:
    """Self-scaled Broyden with a strong-Wolfe line search. Memory: P^2 doubles.

    For the loss itself: its logarithm, which does as much for BFGS, adds nothing here.
    `n_threads` is for its own work on the matrix, None for all cores; results are the same for any number.
    """

    n_threads: int | None = None

    def start(self, objective: Objective, params: Array) -> BroydenState:
        loss, gradient = objective.loss_and_gradient(params)
        return BroydenState(params, loss, gradient, direction=-gradient)

    def step(self, objective: Objective, state: BroydenState) -> Stop | None:
        return broyden_step(objective, state, ss_broyden_update, resolve_threads(self.n_threads))


@dataclass(frozen=True)
class SSBFGS:
    """Self-scaled BFGS: as `SSBroyden`, with the plainer update."""

    n_threads: int | None = None

    def start(self, objective: Objective, params: Array) -> BroydenState:
        loss, gradient = objective.loss_and_gradient(params)
        return BroydenState(params, loss, gradient, direction=-gradient)

    def step(self, objective: Objective, state: BroydenState) -> Stop | None:
        return broyden_step(objective, state, ss_bfgs_update, resolve_threads(self.n_threads))


def ss_bfgs_update(secant: Secant) -> Update:
    return bfgs_update(secant, tau=min(1.0, secant.sy / secant.predicted))


def ss_broyden_update(secant: Secant) -> Update:
    s, y, Hy, sy, predicted = secant
    yHy = float(y @ Hy)
    b, h = predicted / sy, yHy / sy
    a = b * h - 1.0
    m = min(1.0, 1.0 / b)
    if not a > 0:  # s and Hy are parallel, up to rounding: v = 0, and phi makes no difference
        return bfgs_update(secant, tau=m)
    rho = min(1.0, 1.0 / (b * (1.0 + math.sqrt(a / (1.0 + a)))))
    theta = max((rho - 1.0) / a, min(1.0 / rho, (1.0 - b) / b))
    sigma = max(1.0 + a * theta, rho)  # rho where that much of it has been lost to rounding
    e = sigma ** (-1.0 / max(len(s) - 1, 1))  # a is nothing but rounding for P = 1
    tau = min(m * e, sigma) if theta <= 0 else m * min(e, 1.0 / theta)
    phi = (1.0 - theta) / sigma
    # In s and v instead of s and Hy, H+ = H/tau + A s s' + B (s v' + v s') + C v v', v here without its root: where s
    # and Hy are almost parallel, phi may be large and v is small.
    v = s / sy - Hy / yHy
    A = (1.0 - h / tau) / sy
    B = h / tau
    C = (phi - 1.0) * yHy / tau
    return Update(1.0 / tau, s, A * s + B * v, v, B * s + C * v)
