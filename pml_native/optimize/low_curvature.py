"""The low-curvature subspace step of "Precision Machine Learning" (Michaud, Liu and Tegmark 2022), and its extension.

With the eigenpairs (lambda_i, e_i) of the exact Hessian and the gradient g, the paper steps along
    d = - sum over {i : |lambda_i| < tau} of e_i (e_i'g),
the descent direction within the floor of the canyon; the walls, where the gradient is large and the right step is tiny,
are left alone. The step size a is searched over 15 values equally spaced in log a from 1e-12 to 1e12, then, in three
more rounds of 15, between the neighbours of the best so far. (The text of the paper writes lambda_i < tau; its runs
used the modulus, and so do these lines.)

What is right for the walls too: the exact minimizer of the saddle-free model g's + s'|H|s/2 (Dauphin et al. 2014,
arXiv:1406.2572), with |H| that has |lambda_i| for lambda_i, plus the price |s|^2/(2a) of a step of finite size,
    s(a) = - sum over all i of e_i (e_i'g) a / (1 + a |lambda_i|).
A direction is moved by a (e_i'g) while a |lambda_i| << 1 and by the Newton step from there on, so that one a serves
all curvatures at once; every term goes downhill, whatever the sign of lambda_i. Where |lambda_i| < tau = 1e-15 and
a <= 1e12 the denominator is 1 to three digits: the paper's step is this one with the walls left out. As with it,
trial steps cost one evaluation each once the eigenpairs are there, and the same search finds a. (With 1/a for the
shift it is the step of `Newton`, which spends one or two evaluations on a instead of 57.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import eigh

from ..arrays import Array
from .hessian import TwiceDifferentiable, evaluate_hessian
from .objective import NOISE_EVALUATIONS, require, rounding_noise
from .quasi_newton import IDLE_STEPS, DescentState
from .result import Status, Stop

# The line search of the paper.
SMALLEST_STEP = 1e-12
N_POINTS = 15
N_ROUNDS = 4


@dataclass
class LowCurvatureState(DescentState):
    """Of the last step: `step_size` a, and `n_directions`, how many eigenvectors it was made of."""

    step_size: float = 0.0
    n_directions: int = 0


@dataclass(frozen=True)
class LowCurvature:
    """Steps within the eigenvectors of the Hessian with |eigenvalue| < `tau`, sized by a logarithmic line search.

    `direction` is "gradient" for the paper's step, or "newton" for s(a) over all eigenvectors, where `tau` has no part.
    The defaults are the paper's, which takes 500 steps after BFGS, on the MSE. Its `largest_step` holds the step back
    where tau is 1e-15: then 1e16 is worth a try. Needs `objective.hessian`; about 10 P^3 operations a step.
    """

    tau: float = 1e-15
    direction: Literal["gradient", "newton"] = "gradient"
    largest_step: float = 1e12

    def __post_init__(self) -> None:
        if not self.tau > 0:
            raise ValueError(f"tau: expected a number > 0, got {self.tau}")
        if self.direction not in ("gradient", "newton"):
            raise ValueError(f"direction: expected 'gradient' or 'newton', got {self.direction!r}")
        if not SMALLEST_STEP < self.largest_step < math.inf:
            raise ValueError(f"largest_step: expected a finite number > {SMALLEST_STEP:.0e}, got {self.largest_step}")

    def start(self, objective: TwiceDifferentiable, params: Array) -> LowCurvatureState:
        require(objective, "hessian")
        loss, gradient = objective.loss_and_gradient(params)
        return LowCurvatureState(params, loss, gradient)

    def step(self, objective: TwiceDifferentiable, state: LowCurvatureState) -> Stop | None:
        H = evaluate_hessian(objective, state.params)
        if H is None:
            return Stop(Status.NONFINITE, f"the Hessian at loss {state.loss:.2e}")
        curvatures, vectors = eigh(H, check_finite=False, driver="evd")
        curvatures = np.abs(curvatures)
        if self.direction == "gradient":
            flat = curvatures < self.tau
            if not flat.any():
                smallest = float(curvatures.min())
                return Stop(Status.STALLED, f"no eigenvalue within {self.tau:.0e} of 0, the nearest is {smallest:.0e}")
            # Without curvature s(a) is a times the projected gradient, the step of the paper.
            vectors, curvatures = vectors[:, flat], np.zeros(int(flat.sum()))
        projections = vectors.T @ state.gradient
        state.n_directions = len(projections)

        def move(a: float) -> Array:
            step: Array = vectors @ (projections * (a / (1.0 + a * curvatures)))
            return state.params - step

        def promised(a: float) -> float:
            return float(projections**2 @ (a / (1.0 + a * curvatures)))

        state.noise = rounding_noise(objective, state.params, state.loss)
        state.n_evaluations += NOISE_EVALUATIONS
        found = logarithmic_search(lambda a: objective.loss_and_gradient(move(a)), self.largest_step)
        state.n_evaluations += len(found.trials)
        if not found.loss < state.loss:
            return _why_no_step(state, found, promised)
        gained = state.loss - found.loss
        state.params, state.loss, state.gradient = move(found.a), found.loss, found.gradient
        state.step_size = found.a
        # The best of so many trials is often lower by luck: gains within the noise are none.
        state.idle = state.idle + 1 if gained <= state.noise else 0
        if state.idle >= IDLE_STEPS:
            detail = f"loss {state.loss:.2e}, {IDLE_STEPS} steps in a row gained less than its rounding noise"
            return Stop(Status.AT_FLOOR, f"{detail} of {state.noise:.0e}")
        return None


@dataclass(frozen=True)
class LogarithmicSearch:
    """The best step size, the loss and gradient there, and all trials (a, loss). Without a finite loss, a is 0."""

    a: float
    loss: float
    gradient: Array
    trials: list[tuple[float, float]]


def logarithmic_search(evaluate: Callable[[float], tuple[float, Array]], largest: float) -> LogarithmicSearch:
    """The step size of the lowest loss: N_POINTS values log-spaced up to `largest`, then zooming in N_ROUNDS - 1 times.

    Each zoom spreads N_POINTS values between the two neighbours of the best; the middle one is the best itself, and is
    not evaluated again. At an end of the range the outer neighbour is where the next value would have been.
    """
    best_a, best_loss, best_gradient = 0.0, math.inf, np.empty(0)
    trials: list[tuple[float, float]] = []
    steps = np.geomspace(SMALLEST_STEP, largest, N_POINTS)
    ratio = float(steps[1] / steps[0])
    for _ in range(N_ROUNDS):
        for a in map(float, steps):
            loss, gradient = evaluate(a)
            trials.append((a, loss))
            if loss < best_loss and np.isfinite(gradient).all():
                best_a, best_loss, best_gradient = a, loss, gradient
        if best_a == 0.0:
            break
        steps = np.delete(np.geomspace(best_a / ratio, best_a * ratio, N_POINTS), N_POINTS // 2)
        ratio **= 2.0 / (N_POINTS - 1)
    return LogarithmicSearch(best_a, best_loss, best_gradient, trials)


def _why_no_step(state: LowCurvatureState, found: LogarithmicSearch, promised: Callable[[float], float]) -> Stop:
    """AT_FLOOR where what the slope promises, as far as the loss stays within its noise, is within it too.

    Where it promises more, the loss should have been seen to fall; where the shortest step raises the loss beyond the
    noise, no step was short enough. Either is STALLED.
    """
    longest = 0.0
    for a, loss in sorted(found.trials):
        if not loss <= state.loss + state.noise:
            break
        longest = a
    promise = promised(longest)
    detail = (
        f"loss {state.loss:.2e}, {state.n_directions} directions; up to a step size of {longest:.0e} the loss stays "
        f"within its rounding noise of {state.noise:.0e}, and the slope promises {promise:.0e}"
    )
    # The noise is a maximum over few samples; the true one may be some times larger.
    return Stop(Status.AT_FLOOR if longest > 0 and promise <= 10.0 * state.noise else Status.STALLED, detail)
