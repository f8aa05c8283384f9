"""Adam (Kingma and Ba 2015), with batches taken in order and wrapping around, as the paper trains.

m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
params <- params - rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from .objective import LeastSquares, Objective
from .result import Stop


@dataclass
class AdamState:
    """`loss` is the whole objective's, as of the last pass over all rows; the moments are m and v."""

    params: Array
    loss: float
    gradient: Array
    first_moment: Array
    second_moment: Array
    n_evaluations: int = 1
    n_steps: int = 0
    next_row: int = 0


@dataclass(frozen=True)
class Adam:
    """`batch_size` rows a step, all of them where the objective has no more. The defaults are the paper's."""

    learning_rate: float = 1e-3
    batch_size: int = 10_000
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: expected a number > 0, got {self.learning_rate}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: expected a positive integer, got {self.batch_size}")

    def start(self, objective: Objective, params: Array) -> AdamState:
        loss, gradient = objective.loss_and_gradient(params)
        return AdamState(params, loss, gradient, np.zeros_like(params), np.zeros_like(params))

    def step(self, objective: Objective, state: AdamState) -> Stop | None:
        n_rows = getattr(objective, "n_samples", 0)
        batched = isinstance(objective, LeastSquares) and n_rows > self.batch_size
        gradient = state.gradient
        if batched:
            assert isinstance(objective, LeastSquares)
            _, gradient = objective.batch(state.next_row, self.batch_size).loss_and_gradient(state.params)
            state.n_evaluations += 1
        state.n_steps += 1
        state.first_moment = self.beta1 * state.first_moment + (1 - self.beta1) * gradient
        state.second_moment = self.beta2 * state.second_moment + (1 - self.beta2) * gradient**2
        m = state.first_moment / (1 - self.beta1**state.n_steps)
        v = state.second_moment / (1 - self.beta2**state.n_steps)
        state.params = state.params - self.learning_rate * m / (np.sqrt(v) + self.epsilon)
        # The loss of one batch would say little about which parameters are best: all rows are asked once a pass.
        passed_all = state.next_row + self.batch_size >= n_rows
        if not batched or passed_all:
            state.loss, state.gradient = objective.loss_and_gradient(state.params)
            state.n_evaluations += 1
        if batched:
            state.next_row = (state.next_row + self.batch_size) % n_rows
        return None
