"""Newton's method on the exact Hessian H, regularized by the gradient and made safe where H is indefinite.

With H = sum of lambda_i e_i e_i', |H| has |lambda_i| for lambda_i (Dauphin et al. 2014, arXiv:1406.2572). The step is
    d = -(|H| + shift I)^-1 g.
Let L be a Lipschitz constant of the Hessian and r = |d|. Since H <= |H| and g'd = -d'(|H| + shift I)d,
    f(x + d) - f(x) <= g'd + d'Hd/2 + L r^3/6 <= -d'|H|d/2 - shift r^2 + L r^3/6,
and since r <= |g|/shift, the last term is at most shift r^2/6 with
    shift = sqrt(L |g|).
This shift needs no inner search, falls with the gradient, and leaves Newton's fast convergence in place (for convex f:
Mishchenko, SIAM J. Optim. 33, 2023; Doikov and Nesterov 2021, arXiv:2112.02089); with |H| the bound needs no convexity.
Shifting H itself until it is positive definite would do as well in theory. In the canyons of networks it does not: a
shift beyond -lambda_min holds up every direction that is flatter, and most are (four networks of 97 parameters, 150
steps: an RMSE 5 to 250 times higher).

L is not known. It is adapted as a trust region is, by the ratio of the decrease found to the decrease of the model,
-g'd - d'|H|d/2: above TRUST the next shift starts LOWER times lower, below REFUSE the step is refused and tried again
with a shift RAISE, RAISE^2, ... times higher, which costs one evaluation, the eigenpairs being there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from ..arrays import Array
from .hessian import TwiceDifferentiable, evaluate_hessian
from .objective import NOISE_EVALUATIONS, require, rounding_noise
from .quasi_newton import DescentState, at_floor, why_no_step
from .result import Status, Stop

# Bold values, since a refused trial costs one evaluation and a step held up a Hessian: lowering by 4 instead of 30
# ended at an RMSE 4 to 35 times higher on the same networks.
TRUST = 0.25
REFUSE = 1e-3
LOWER = 30.0
RAISE = 3.0
# 3^(1 + 2 + ... + 50) reaches from any double to any other.
MAX_TRIALS = 50


@dataclass
class NewtonState(DescentState):
    """`lipschitz` is the estimate of L, the Lipschitz constant of the Hessian."""

    lipschitz: float = 0.0


@dataclass(frozen=True)
class Newton:
    """Newton steps -(|H| + sqrt(L |g|) I)^-1 g with an adapted L.

    Needs `objective.hessian`; about 10 P^3 operations a step for its eigenvectors.
    """

    def start(self, objective: TwiceDifferentiable, params: Array) -> NewtonState:
        require(objective, "hessian")
        loss, gradient = objective.loss_and_gradient(params)
        # A shift of |g| at first: a step of length 1 at most, since nothing is known of L yet.
        return NewtonState(params, loss, gradient, lipschitz=float(np.linalg.norm(gradient)))

    def step(self, objective: TwiceDifferentiable, state: NewtonState) -> Stop | None:
        norm = float(np.linalg.norm(state.gradient))
        if norm == 0.0:
            return why_no_step(state, state.gradient)
        H = evaluate_hessian(objective, state.params)
        if H is None:
            return Stop(Status.NONFINITE, f"the Hessian at loss {state.loss:.2e}")
        curvatures, vectors = eigh(H, check_finite=False, driver="evd")
        curvatures = np.abs(curvatures)
        projections = vectors.T @ state.gradient
        # Rounding alone moves the eigenvalues by this much: a smaller shift would mean nothing.
        least_shift = max(float(np.finfo(float).eps * curvatures.max()), float(np.finfo(float).tiny))
        shift = max(math.sqrt(state.lipschitz * norm), least_shift)
        first: Array | None = None
        for trial in range(1, MAX_TRIALS + 1):
            scaled = projections / (curvatures + shift)
            direction = -(vectors @ scaled)
            promised = float(projections @ scaled)
            # Is it rounding, where a step was refused or promises little? The noise falls with the loss.
            if trial == 2 or (first is None and promised <= max(state.noise, _digits(state.loss))):
                state.noise = rounding_noise(objective, state.params, state.loss)
                state.n_evaluations += NOISE_EVALUATIONS
            first = direction if first is None else first
            params = state.params + direction
            loss, gradient = objective.loss_and_gradient(params)
            state.n_evaluations += 1
            valid = loss < math.inf and bool(np.isfinite(gradient).all())
            model = promised - 0.5 * float(curvatures @ scaled**2)
            ratio = (state.loss - loss) / model if model > 0 else -math.inf
            # Where rounding decides about the loss, the gradient still tells whether the minimum is nearer.
            nearer = loss <= state.loss + state.noise and float(np.linalg.norm(gradient)) <= 0.5 * norm
            if valid and (ratio >= REFUSE or nearer):
                state.params, state.loss, state.gradient = params, loss, gradient
                next_shift = shift / LOWER if ratio >= TRUST or nearer else shift
                state.lipschitz = next_shift**2 / norm
                state.idle = state.idle + 1 if promised <= state.noise else 0
                return at_floor(state, direction)
            shift *= RAISE**trial
        return why_no_step(state, -state.gradient if first is None else first)


def _digits(loss: float) -> float:
    """Decreases of the loss below this have hardly a digit."""
    return 100.0 * float(np.finfo(float).eps) * abs(loss)
