"""What is minimized: a loss over samples as a function of one parameter vector."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_matrix


class Objective(Protocol):
    """A loss and its gradient. Optimizers see this and nothing of the model behind it."""

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        """The loss at `params` (P,) and its gradient (P,)."""
        ...


class LossAndGradient(Protocol):
    """What `LeastSquares` needs of a network."""

    @property
    def n_params(self) -> int: ...

    def loss_and_gradient(
        self, params: Array, X: Array, y: Array, *, sample_weight: Array | None, n_threads: int | None
    ) -> tuple[float, Array]: ...


class LeastSquares:
    """Mean over samples and outputs of w |f(x) - y|^2 (no 1/2), for a network f on (X, y)."""

    def __init__(
        self,
        network: LossAndGradient,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.network = network
        self.X = as_matrix(X, "X")
        self.y = as_matrix(y, "y")
        self.sample_weight = None if sample_weight is None else as_matrix(sample_weight, "sample_weight")[:, 0]
        self.n_threads = n_threads
        if len(self.X) != len(self.y):
            raise ValueError(f"y: expected {len(self.X)} rows, as many as X, got {len(self.y)}")

    @property
    def n_samples(self) -> int:
        return len(self.X)

    @property
    def n_params(self) -> int:
        return self.network.n_params

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        return self.network.loss_and_gradient(
            params, self.X, self.y, sample_weight=self.sample_weight, n_threads=self.n_threads
        )

    def batch(self, begin: int, size: int) -> LeastSquares:
        """The objective on `size` rows from `begin` on, going on at row 0 after the last."""
        rows = np.arange(begin, begin + size) % self.n_samples
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return LeastSquares(self.network, self.X[rows], self.y[rows], sample_weight=weight, n_threads=self.n_threads)


class LogLoss:
    """The natural logarithm of another objective's loss.

    Quasi-Newton methods reach far lower losses on it: the gradient of log L, grad L / L, keeps its size while L falls
    by twenty orders, and with it the curvature the method has learned keeps its meaning.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        loss, gradient = self.objective.loss_and_gradient(params)
        if loss == 0.0:
            return -math.inf, np.zeros_like(gradient)
        return math.log(loss), gradient / loss


NOISE_EVALUATIONS = 4


def rounding_noise(objective: Objective, params: Array, loss: float) -> float:
    """How far rounding alone moves the loss: its largest change when every parameter moves by 1 ulp; 1 ulp at least.

    Measured rather than modelled, so that it holds for any objective. The generator is fixed: the same parameters
    give the same noise.
    """
    rng = np.random.default_rng(0)
    noise = math.ulp(loss)
    for _ in range(NOISE_EVALUATIONS):
        direction = np.where(rng.random(params.shape) < 0.5, -np.inf, np.inf)
        moved, _ = objective.loss_and_gradient(np.nextafter(params, direction))
        if math.isfinite(moved):
            noise = max(noise, abs(moved - loss))
    return noise
