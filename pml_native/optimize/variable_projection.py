"""Variable projection: least squares over the parameters that enter linearly, in every step over all the others.

The residuals of a network are affine in the weights c of its last layer and nonlinear in the rest, v:
r(v, c) = Phi(v) c + r0. With c the best for v, what is left is a problem in v alone, of residuals P r0, where P
projects onto what is orthogonal to the columns of Phi. With Kaufman's Jacobian P dr/dv, at constant c, which leaves out
a term that vanishes with the residuals and keeps the gradient exact, a step is one of Levenberg and Marquardt's,
    dv = argmin |P (r + dr/dv dv)|^2 + lambda |dv|^2,   dc = -Phi^+ (r + dr/dv dv),
after which c is solved for once more at v + dv: for a correction to c, whose rounding is that of the residuals.
lambda follows the ratio of the actual to the predicted decrease (Nielsen 1999). One QR decomposition of
[Phi, dr/dv, r] gives R, and all else happens in matrices of P x P; directions of c whose singular value in Phi is
rounding are left alone.

By itself c grows: nearly equal columns of Phi get weights of 1e6 with opposite signs, and rounding of 1e6 eps in the
sum. What is minimized is therefore
    |r|^2 (1 + k^2 |c|^2),   k = penalty / |r at c = 0|,
where to halve the error with twice the weights gains nothing. Its logarithm is concave in |r|^2 and in |c|^2, so that
it falls wherever, with r and c those before the step and r+ and c+ those after it,
    |r+|^2 + mu^2 |c+|^2 < |r|^2 + mu^2 |c|^2,   mu^2 = k^2 |r|^2 / (1 + k^2 |c|^2):
every step is one of the above with the rows mu c below r. Where nothing is left to gain that way, |r|^2 alone is
minimized. On 20 teacher-student problems (1-20-1) the largest error falls from 4e-11 to 9e-14 of the target, the
geometric mean from 2.5e-14 to 1.7e-15.
Sources: Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973); Kaufman, BIT 15 (1975); Madsen, Nielsen and Tingleff,
Methods for non-linear least squares problems (2004), algorithm 3.16 (lambda).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array
from ..lapack import triangle_of
from ..singular_values import svd
from .objective import NOISE_EVALUATIONS, SeparableObjective, require, rounding_noise
from .quasi_newton import IDLE_STEPS, DescentState, why_no_step
from .result import Stop

EPS = float(np.finfo(float).eps)
# lambda starts at this times the largest eigenvalue of the matrix it is added to.
FIRST_DAMPING = 1e-3
# lambda grows by 2, 4, 8, ...: that of the last trial is 2^105 times that of the first.
MAX_TRIALS = 15


@dataclass
class VariableProjectionState(DescentState):
    """`residuals` (N,) and `jacobian` (N, P) at `params`; lambda (None: to be chosen) and its next factor; k above."""

    residuals: Array = field(kw_only=True)
    jacobian: Array = field(kw_only=True)
    weight_penalty: float = field(kw_only=True)
    damping: float | None = None
    growth: float = 2.0


@dataclass(frozen=True)
class VariableProjection:
    """Variable projection with Levenberg-Marquardt steps, for least squares that are affine in some parameters.

    For few inputs, and networks of one hidden layer above all. Memory: two Jacobians, 2 N P doubles.
    `penalty` is on the size of the linear parameters, in units of the targets over Phi; 0 for none.
    """

    penalty: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.penalty < math.inf:
            raise ValueError(f"penalty: expected a number >= 0, got {self.penalty}")

    def start(self, objective: SeparableObjective, params: Array) -> VariableProjectionState:
        require(objective, "residuals_and_jacobian")
        point = _evaluate(objective, params)
        k = 0.0
        if math.isfinite(point.loss):
            c = params[objective.linear]
            target = float(np.linalg.norm(point.residuals - point.jacobian[:, objective.linear] @ c))
            k = self.penalty / target if target > 0 else 0.0
            point = _solve_linear(objective, point, _mu(k, point.loss, c))
        return VariableProjectionState(
            point.params,
            point.loss,
            point.gradient,
            n_evaluations=2,
            residuals=point.residuals,
            jacobian=point.jacobian,
            weight_penalty=k,
        )

    def step(self, objective: SeparableObjective, state: VariableProjectionState) -> Stop | None:
        linear = objective.linear
        c = state.params[linear]
        mu = _mu(state.weight_penalty, state.loss, c)
        nonlinear = np.ones(len(state.params), dtype=bool)
        nonlinear[linear] = False
        rest = np.column_stack([state.jacobian[:, nonlinear], state.residuals])
        inside, outside = _eliminate(state.jacobian[:, linear], rest, mu, c)
        U, sigma, Vt = svd(outside[:, :-1], full_matrices=False)
        z = U.T @ outside[:, -1]
        largest = float(np.max(sigma, initial=0.0))
        if state.damping is None:
            state.damping = FIRST_DAMPING * largest**2
        # Nothing below this changes the step by more than rounding.
        state.damping = max(state.damping, (EPS * largest) ** 2, float(np.finfo(float).tiny))

        total = state.loss + mu**2 * float(c @ c)
        first_step, first_promise = np.empty(0), 0.0
        for trial in range(MAX_TRIALS):
            kept = sigma**2 / (sigma**2 + state.damping)
            dv = -(Vt.T @ (z * sigma / (sigma**2 + state.damping)))
            promise = float(np.sum(z**2 * kept * (2.0 - kept)))
            step = np.empty_like(state.params)
            step[nonlinear] = dv
            step[linear] = -(inside @ np.append(dv, 1.0))
            if trial == 0:
                first_step, first_promise = step, promise
            elif trial == 1:
                state.noise = rounding_noise(objective, state.params, state.loss)
                state.n_evaluations += NOISE_EVALUATIONS
            point = _solve_linear(objective, _evaluate(objective, state.params + step), mu)
            state.n_evaluations += 2
            gain = total - (point.loss + mu**2 * float(point.params[linear] @ point.params[linear]))
            if gain > 0:
                state.idle = state.idle + 1 if first_promise <= state.noise else 0
                kept_promise = gain / promise if gain < promise else 1.0
                state.damping *= max(1.0 / 3.0, 1.0 - (2.0 * kept_promise - 1.0) ** 3)
                state.growth = 2.0
                state.params, state.loss, state.gradient = point.params, point.loss, point.gradient
                state.residuals, state.jacobian = point.residuals, point.jacobian
                if state.idle < IDLE_STEPS:
                    return None
                break
            state.damping *= state.growth
            state.growth *= 2.0
        if state.weight_penalty > 0:
            state.weight_penalty, state.damping, state.growth, state.idle = 0.0, None, 2.0, 0
            return None
        return why_no_step(state, first_step)


@dataclass(frozen=True)
class _Point:
    """The residuals and their Jacobian at some parameters; loss and gradient NaN where not all of it is finite."""

    params: Array
    residuals: Array
    jacobian: Array
    loss: float
    gradient: Array


def _mu(k: float, loss: float, c: Array) -> float:
    """The weight of |c| in a step that begins at this loss and c."""
    return k * math.sqrt(loss / (1.0 + k**2 * float(c @ c)))


def _evaluate(objective: SeparableObjective, params: Array) -> _Point:
    residuals, jacobian = objective.residuals_and_jacobian(params)
    if not (np.isfinite(residuals).all() and np.isfinite(jacobian).all()):
        return _Point(params, residuals, jacobian, math.nan, np.full_like(params, math.nan))
    with np.errstate(over="ignore", invalid="ignore"):
        loss, gradient = float(residuals @ residuals), 2.0 * (residuals @ jacobian)
    return _Point(params, residuals, jacobian, loss, gradient)


def _solve_linear(objective: SeparableObjective, point: _Point, mu: float) -> _Point:
    """The point with the best linear parameters; the same point where the loss is not finite."""
    if not math.isfinite(point.loss):
        return point
    linear = objective.linear
    inside, _ = _eliminate(point.jacobian[:, linear], point.residuals[:, None], mu, point.params[linear])
    solved = point.params.copy()
    solved[linear] -= inside[:, 0]
    return _evaluate(objective, solved)


def _eliminate(phi: Array, rest: Array, mu: float, c: Array) -> tuple[Array, Array]:
    """With the rows mu I below phi, and below rest, whose last column is r, zeros and mu c: the pseudo-inverse of the
    one times the other, and the part of the other outside the range of the one, in other axes but of the same length.
    """
    n = len(c)
    below = np.zeros((n, rest.shape[1]))
    below[:, -1] = mu * c
    R = triangle_of(np.block([[phi, rest], [mu * np.eye(n), below]]))
    U, sigma, Vt = svd(R[:n, :n])
    top = U.T @ R[:n, n:]
    # Singular values below this are rounding of phi.
    rank = int(np.count_nonzero(sigma > EPS * max(phi.shape) * np.max(sigma, initial=0.0)))
    return Vt[:rank].T @ (top[:rank] / sigma[:rank, None]), np.vstack([top[rank:], R[n:, n:]])
