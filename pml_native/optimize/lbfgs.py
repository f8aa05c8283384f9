"""Limited-memory BFGS: the inverse Hessian as the last few pairs (s, y), applied by the two-loop recursion.

Source: Nocedal and Wright, Numerical Optimization, algorithm 7.4. Memory 2 m P doubles, O(m P) a step.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..arrays import Array
from .objective import Objective
from .quasi_newton import DescentState, at_floor, first_length, is_curved, search, why_no_step
from .result import Stop


@dataclass
class LBFGSState(DescentState):
    """`pairs` holds (s, y, 1/s'y), oldest first."""

    pairs: deque[tuple[Array, Array, float]] = field(default_factory=deque)


@dataclass(frozen=True)
class LBFGS:
    """BFGS that remembers `memory` steps, for parameters too many for a P x P matrix."""

    memory: int = 20

    def __post_init__(self) -> None:
        if self.memory < 1:
            raise ValueError(f"memory: expected a positive integer, got {self.memory}")

    def start(self, objective: Objective, params: Array) -> LBFGSState:
        loss, gradient = objective.loss_and_gradient(params)
        return LBFGSState(params, loss, gradient, pairs=deque(maxlen=self.memory))

    def step(self, objective: Objective, state: LBFGSState) -> Stop | None:
        direction = _direction(state)
        point = search(objective, state, direction, 1.0 if state.pairs else first_length(state.gradient))
        if point is None:
            stop = why_no_step(state, direction)
            if not state.pairs:
                return stop
            state.pairs.clear()
            point = search(objective, state, -state.gradient, first_length(state.gradient))
            if point is None:
                return stop
        s, y = point.params - state.params, point.gradient - state.gradient
        if is_curved(s, y):
            state.pairs.append((s, y, 1.0 / float(s @ y)))
        state.params, state.loss, state.gradient = point.params, point.loss, point.gradient
        return at_floor(state, direction)


def _direction(state: LBFGSState) -> Array:
    q = state.gradient.copy()
    weights = []
    for s, y, rho in reversed(state.pairs):
        weight = rho * float(s @ q)
        q -= weight * y
        weights.append(weight)
    if state.pairs:
        _, y, rho = state.pairs[-1]
        q *= 1.0 / (rho * float(y @ y))
    for (s, y, rho), weight in zip(state.pairs, reversed(weights), strict=True):
        q += (weight - rho * float(y @ q)) * s
    return -q
