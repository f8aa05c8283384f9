"""Levenberg-Marquardt with geodesic acceleration and bold acceptance, for sums of squares |r(p)|^2.

The residuals are taken as linear, r(p + v) = r + J v, and the step is kept short by a damping d > 0:
    v minimizes |r + J v|^2 + d |v|^2,   that is   (J'J + d I) v = -J'r.
The identity, not Marquardt's diag(J'J), damps: parameters that hardly matter then stay where they are, where the
diagonal lets them run away. With r'' the second derivative of the residuals along v, the path that a geodesic would
take bends by
    (J'J + d I) a = -J'r'',   step = v + a/2,
which needs one more solution with the same factor. Where |a| > ACCELERATION_BOUND |v| the linear model doesn't hold
that far, and the step is refused before its loss is looked at.

Bold acceptance lets the loss rise while the direction is kept, which takes the bends of a narrow valley: with c > 0 the
cosine between this velocity and the last one accepted, a step is taken if (1 - c)^2 loss(p + step) is at most the
smallest loss so far. The damping then falls within some 30 steps from 1e-2 to 1e-15 of |J'J|, and on to 1e-28: the
valley's floor is that flat, and it is there that the loss falls by ten orders. Where the walk ends in a dead end, it
goes on from the best point so far.

J'J has the square of J's condition number, so rounding hides singular values below 1e-8 |J| from its Cholesky factor.
For smaller dampings J is factored twice (shifted Cholesky QR): with R0'R0 = J'J + d0 I, d0 about eps |J'J|, the columns
of J1 = J R0^-1 differ little in size, and
    J'J + d I = R0' (J1'J1 + d R0^-T R0^-1) R0
shows singular values down to 1e-15 |J|, like Householder's QR but at the speed of matrix products. One step of
iterative refinement, two products with J1, makes up for what the factors alone lose at small dampings: without it the
bend is wrong by tens of percent at 1e-24 of |J'J| and by orders at 1e-28, and good steps are refused (eight 2-12-12-1
networks, 600 steps: an error 1e2 times higher in the geometric mean, 5e5 times in the worst case).
Sources: Levenberg 1944; Marquardt 1963; Transtrum and Sethna, arXiv:1201.5885 (2012); Fukaya et al., SIAM J. Sci.
Comput. 42 (2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..arrays import Array
from ..lapack import solve_triangular, solve_with_upper, square, upper_factor, upper_inverse
from ..memory import require_memory
from .objective import NOISE_EVALUATIONS, SumOfSquares, require, rounding_noise
from .result import Status, Stop

ACCELERATION_BOUND = 0.3
DAMPING_DOWN = 1 / 3
DAMPING_UP = 2.0
# Dampings and shifts are relative to the largest diagonal entry of J'J. Beyond the first of these, a walk has ended.
DEAD_END_DAMPING = 1.0
MOST_DAMPING = 1e8
LEAST_DAMPING = 1e-28
# Where the largest entry itself is smaller, the least damping would underflow: taken for 0.
LEAST_ENTRY = float(np.finfo(float).tiny) / LEAST_DAMPING
# The rounding of J'J, some eps sqrt(P) |J'J|, must stay below the damping for one factor to be enough.
LEAST_DAMPING_OF_ONE_FACTOR = 2e-15
SHIFT = 1e-14
# After this many steps in a row that gain less than a hundredth of the loss, its rounding noise is measured.
IDLE_STEPS = 30


class Factored(Protocol):
    """J'J + d I in factors, at the parameters where r and J were taken."""

    def velocity(self) -> Array:
        """-(J'J + d I)^-1 J'r (P,)."""
        ...

    def bend(self, second: Array) -> Array:
        """-(J'J + d I)^-1 J'r'' (P,) for r'' (N,)."""
        ...


class Normal:
    """J'J and J'r, for dampings that one Cholesky factor can show."""

    def __init__(self, objective: SumOfSquares, params: Array) -> None:
        self.objective, self.params = objective, params
        self.loss, self.gradient, self.matrix = objective.gauss_newton(params)
        self.matrix *= 0.5
        largest = float(np.max(np.diagonal(self.matrix), initial=0.0))
        self.largest = 0.0 if largest < LEAST_ENTRY else largest

    def factored(self, damping: float) -> Factored | None:
        factor = cholesky(self.matrix, damping)
        return None if factor is None else NormalFactored(self, factor)


@dataclass
class NormalFactored:
    normal: Normal
    factor: Array

    def velocity(self) -> Array:
        return self._solve(0.5 * self.normal.gradient)

    def bend(self, second: Array) -> Array:
        return self._solve(self.normal.objective.vector_jacobian_product(self.normal.params, second))

    def _solve(self, b: Array) -> Array:
        return solve_with_upper(self.factor, -b)


class Shifted:
    """R0 with R0'R0 = J'J + SHIFT I at some parameters, upper, and R0^-T R0^-1 in the upper triangle."""

    def __init__(self, normal: Normal) -> None:
        self.largest = normal.largest
        shift = SHIFT * normal.largest
        while (factor := cholesky(normal.matrix, shift)) is None:
            shift *= DAMPING_UP
        self.factor = factor
        self.inverse_product = square(upper_inverse(factor))


class Graded:
    """J1 = J R0^-1 and r, for any damping."""

    def __init__(self, objective: SumOfSquares, params: Array, shifted: Shifted) -> None:
        self.residuals, jacobian = objective.residuals_and_jacobian(params)
        self.loss = float(self.residuals @ self.residuals)
        self.gradient = 2.0 * (self.residuals @ jacobian)
        self.shifted = shifted
        self.largest = shifted.largest
        # J1' = R0^-T J'.
        self.scaled = solve_triangular(shifted.factor, jacobian.T, transposed=True)
        self.matrix = square(self.scaled.T)

    def factored(self, damping: float) -> Factored | None:
        factor = upper_factor(self.matrix + damping * self.shifted.inverse_product)
        return None if factor is None else GradedFactored(self, factor, damping)


@dataclass
class GradedFactored:
    graded: Graded
    factor: Array
    damping: float

    def velocity(self) -> Array:
        return self.bend(self.graded.residuals)

    def bend(self, second: Array) -> Array:
        scaled, upper = self.graded.scaled, self.graded.shifted.factor
        z = -solve_with_upper(self.factor, scaled @ second)
        # Refined once: J1'(r'' + J1 z) + d R0^-T R0^-1 z is what rounding left of 0.
        solution = solve_triangular(upper, z)
        left = scaled @ (second + z @ scaled) + self.damping * solve_triangular(upper, solution, transposed=True)
        z -= solve_with_upper(self.factor, left)
        return solve_triangular(upper, z)


@dataclass
class LevenbergMarquardtState:
    """`velocity` is the last v accepted; `idle` counts steps that gain little on the smallest loss so far.

    `best_damping`, relative, is that of the step to the smallest loss: where to go on with more rows. `restart_loss` is
    the smallest loss when a dead end last led back to its point.
    """

    params: Array
    loss: float
    gradient: Array
    system: Normal | Graded
    damping: float
    best_params: Array
    best_loss: float
    best_damping: float
    velocity: Array | None = None
    idle: int = 0
    restart_loss: float = math.inf
    n_evaluations: int = 1


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Memory: 2 P^2 doubles, and where the damping is small N P + 4 P^2 for N residuals.

    `first_damping` is relative to the largest diagonal entry of J'J.

    `exact_parameters` goes on at the floor of the loss until the parameters are exact, too, as regressions ask. Near
    the minimum the loss rises with the square of their error: where it has 16 digits, they have 8, while its gradient
    can give all. Steps without damping follow as long as each promises to gain less than the last.
    """

    acceleration: bool = True
    bold: bool = True
    first_damping: float = 1e-2
    exact_parameters: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.first_damping < math.inf:
            raise ValueError(f"first_damping: expected a finite number > 0, got {self.first_damping}")

    def start(self, objective: SumOfSquares, params: Array) -> LevenbergMarquardtState:
        for method in ("loss", "gauss_newton", "residuals_and_jacobian"):
            require(objective, method)
        if self.acceleration:
            require(objective, "second_derivative")
            require(objective, "vector_jacobian_product")
        system, damping = self._first(objective, params)
        _require_memory(objective, params)
        return LevenbergMarquardtState(
            params, system.loss, system.gradient, system, damping, params, system.loss, self.first_damping
        )

    def step(self, objective: SumOfSquares, state: LevenbergMarquardtState) -> Stop | None:
        if state.system.largest == 0.0:
            return Stop(Status.STALLED, "the residuals don't depend on the parameters")
        if not math.isfinite(state.system.largest):
            return Stop(Status.NONFINITE, f"J'J at loss {state.loss:.2e}")
        while (step := self._try(objective, state)) is None:
            state.damping *= DAMPING_UP
            limit = DEAD_END_DAMPING if state.loss > state.best_loss else MOST_DAMPING
            if not state.damping <= limit * state.system.largest:
                # From the same point the same walk would begin again.
                if not state.loss > state.best_loss or state.best_loss == state.restart_loss:
                    return self._why_no_step(objective, state)
                state.params, state.velocity, state.restart_loss = state.best_params, None, state.best_loss
                state.system, state.damping = self._first(objective, state.params)
                state.loss, state.gradient = state.best_loss, state.system.gradient
        state.params = state.params + step
        damping = state.damping / state.system.largest
        state.damping = max(DAMPING_DOWN * state.damping, LEAST_DAMPING * state.system.largest)
        state.system = _system(objective, state.params, state.damping, None)
        state.loss, state.gradient = state.system.loss, state.system.gradient
        state.n_evaluations += 1
        state.idle = 0 if state.loss < 0.99 * state.best_loss else state.idle + 1
        if state.loss < state.best_loss:
            state.best_loss, state.best_params, state.best_damping = state.loss, state.params, damping
        return self._at_floor(objective, state) if state.idle >= IDLE_STEPS else None

    def _first(self, objective: SumOfSquares, params: Array) -> tuple[Normal | Graded, float]:
        """The system at `params` and the damping that a walk begins with."""
        normal = Normal(objective, params)
        damping = self.first_damping * normal.largest
        return _system(objective, params, damping, normal), damping

    def _try(self, objective: SumOfSquares, state: LevenbergMarquardtState) -> Array | None:
        """The step at the state's damping if it is accepted; `velocity` is then the new one."""
        factored = state.system.factored(state.damping)
        if factored is None:
            return None
        velocity = step = factored.velocity()
        if self.acceleration:
            bend = factored.bend(objective.second_derivative(state.params, velocity))
            if not np.linalg.norm(bend) <= ACCELERATION_BOUND * np.linalg.norm(velocity):
                return None
            step = velocity + 0.5 * bend
        loss = objective.loss(state.params + step)
        state.n_evaluations += 1
        allowed = 1.0
        if self.bold and state.velocity is not None:
            lengths = float(np.linalg.norm(velocity) * np.linalg.norm(state.velocity))
            allowed -= max(0.0, float(velocity @ state.velocity) / lengths) if lengths > 0 else 0.0
        if not (loss < state.best_loss or allowed**2 * loss <= state.best_loss):
            return None
        state.velocity = velocity
        return step

    def _at_floor(self, objective: SumOfSquares, state: LevenbergMarquardtState) -> Stop | None:
        state.idle = 0
        if state.loss > 2.0 * state.best_loss:
            return None
        stop = self._why_no_step(objective, state)
        return stop if stop.status is Status.AT_FLOOR else None

    def _why_no_step(self, objective: SumOfSquares, state: LevenbergMarquardtState) -> Stop:
        """AT_FLOOR where what there is to gain at the best point so far is within the noise, else STALLED."""
        noise = rounding_noise(objective, state.best_params, state.best_loss)
        state.n_evaluations += NOISE_EVALUATIONS
        # The noise is a maximum over few samples; the true one may be some times larger.
        gain = state.best_loss
        if gain > 10.0 * noise:
            gain = min(gain, _undamped(objective, state.best_params)[0])
        detail = f"loss {state.best_loss:.2e}, {gain:.0e} to gain, rounding noise {noise:.0e}, relative damping "
        detail += f"{state.damping / state.system.largest:.0e}" if state.system.largest > 0 else "0/0"
        if gain > 10.0 * noise:
            return Stop(Status.STALLED, detail)
        return Stop(Status.AT_FLOOR, detail, _exact(objective, state) if self.exact_parameters else None)


def _exact(objective: SumOfSquares, state: LevenbergMarquardtState) -> Array:
    """From the best parameters on, undamped steps as long as what they gain falls: where it doesn't, it is rounding."""
    params, (gain, velocity) = state.best_params, _undamped(objective, state.best_params)
    while True:
        moved = params + velocity
        state.n_evaluations += 1
        next_gain, velocity = _undamped(objective, moved)
        if not next_gain < gain:
            return params
        params, gain = moved, next_gain


def _system(objective: SumOfSquares, params: Array, damping: float, normal: Normal | None) -> Normal | Graded:
    """What a step at this damping needs; `normal` is the one-factor system at `params` if there is one."""
    normal = normal or Normal(objective, params)
    if not damping < LEAST_DAMPING_OF_ONE_FACTOR * normal.largest < math.inf:
        return normal
    return Graded(objective, params, Shifted(normal))


def _undamped(objective: SumOfSquares, params: Array) -> tuple[float, Array]:
    """By how much the loss falls where residuals are linear and only rounding damps, and the step (P,) that does it;
    inf and 0 where J'J tells nothing."""
    normal = Normal(objective, params)
    if not 0.0 < normal.largest < math.inf:
        return math.inf, np.zeros_like(params)
    system = Graded(objective, params, Shifted(normal))
    damping = LEAST_DAMPING * system.largest
    while (factored := system.factored(damping)) is None:
        damping *= 100.0
    velocity = factored.velocity()
    return -0.5 * float(system.gradient @ velocity), velocity


def _require_memory(objective: SumOfSquares, params: Array) -> None:
    """MemoryError where what small dampings need doesn't fit: later, it would lose the walk."""
    jacobian = objective.residuals_and_jacobian(params)[1]
    require_memory(
        8.0 * 4 * len(params) ** 2,
        f"LevenbergMarquardt: a Jacobian {jacobian.shape} and four matrices for {len(params):,} parameters",
        "use an optimizer without a Jacobian (BFGS, LBFGS)",
    )


def cholesky(matrix: Array, shift: float) -> Array | None:
    """The upper factor (P, P) of matrix + shift I, None where that isn't positive definite."""
    shifted = matrix.copy()
    shifted.flat[:: len(shifted) + 1] += shift
    return upper_factor(shifted.T)
