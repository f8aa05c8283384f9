"""What is minimized: a loss over samples as a function of one parameter vector."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_matrix, as_weight


class Objective(Protocol):
    """A loss and its gradient. Optimizers see this and nothing of the model behind it."""

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        """The loss at `params` (P,) and its gradient (P,)."""
        ...


class SeparableObjective(Objective, Protocol):
    """A sum of squares whose residuals are affine in some of the parameters, as a network is in its last layer."""

    @property
    def linear(self) -> slice:
        """Where those parameters stand. The Jacobian's columns there don't depend on them."""
        ...

    def residuals_and_jacobian(self, params: Array) -> tuple[Array, Array]:
        """Residuals r (N,) with r'r the loss, and their Jacobian J (N, P)."""
        ...


class SumOfSquares(Objective, Protocol):
    """An objective r'r of residuals r (N,) with Jacobian J (N, P), in all the forms that second order needs."""

    def loss(self, params: Array) -> float:
        """The loss alone."""
        ...

    def residuals_and_jacobian(self, params: Array) -> tuple[Array, Array]:
        """r (N,) and J (N, P)."""
        ...

    def gauss_newton(self, params: Array) -> tuple[float, Array, Array]:
        """The loss, its gradient 2 J'r (P,), and 2 J'J (P, P)."""
        ...

    def second_derivative(self, params: Array, v: Array) -> Array:
        """The second derivative (N,) of the residuals along `v` (P,)."""
        ...

    def vector_jacobian_product(self, params: Array, u: Array) -> Array:
        """J'u (P,) for `u` (N,)."""
        ...


def require(objective: Any, method: str) -> None:
    """Raises TypeError where `objective` lacks `method`."""
    if not callable(getattr(objective, method, None)):
        raise TypeError(f"objective: expected one with a method {method}, got {type(objective).__name__}")


class Network(Protocol):
    """What `LeastSquares` needs of a network; MLP's docstrings say what each method is."""

    @property
    def n_params(self) -> int: ...

    @property
    def n_outputs(self) -> int: ...

    @property
    def linear(self) -> slice: ...

    def forward(self, params: Array, X: Array, *, n_threads: int | None) -> Array: ...

    def loss_and_gradient(
        self, params: Array, X: Array, y: Array, *, sample_weight: Array | None, n_threads: int | None
    ) -> tuple[float, Array]: ...

    def jacobian(self, params: Array, X: Array, *, n_threads: int | None) -> Array: ...

    def gauss_newton(
        self, params: Array, X: Array, y: Array, *, sample_weight: Array | None, n_threads: int | None
    ) -> tuple[float, Array, Array]: ...

    def hessian(
        self, params: Array, X: Array, y: Array, *, sample_weight: Array | None, n_threads: int | None
    ) -> Array: ...

    def hessian_vector_product(
        self, params: Array, X: Array, y: Array, v: Array, *, sample_weight: Array | None, n_threads: int | None
    ) -> Array: ...

    def directional_derivatives(
        self, params: Array, X: Array, v: Array, *, n_threads: int | None
    ) -> tuple[Array, Array]: ...

    def vector_jacobian_product(self, params: Array, X: Array, u: Array, *, n_threads: int | None) -> Array: ...


class LeastSquares:
    """Mean over samples and outputs of w |f(x) - y|^2 (no 1/2), for a network f on (X, y).

    As a sum of squares its residuals are r = sqrt(w/(n m)) (f(x) - y).
    """

    def __init__(
        self,
        network: Network,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.network = network
        self.X = as_matrix(X, "X")
        self.y = as_matrix(y, "y", n_columns=network.n_outputs)
        self.sample_weight = None if sample_weight is None else as_weight(sample_weight, len(self.X))
        self.n_threads = n_threads
        if len(self.X) != len(self.y):
            raise ValueError(f"y: expected {len(self.X)} rows, as many as X, got {len(self.y)}")
        weight = np.ones(len(self.X)) if self.sample_weight is None else self.sample_weight
        self._row_scale = np.sqrt(weight / max(self.y.size, 1))  # sqrt(w/(n m))

    @property
    def n_samples(self) -> int:
        return len(self.X)

    @property
    def n_params(self) -> int:
        return self.network.n_params

    @property
    def linear(self) -> slice:
        """Where the parameters stand in which the residuals are affine: those of the network's last layer."""
        return self.network.linear

    def loss_and_gradient(self, params: Array) -> tuple[float, Array]:
        return self.network.loss_and_gradient(
            params, self.X, self.y, sample_weight=self.sample_weight, n_threads=self.n_threads
        )

    def loss(self, params: Array) -> float:
        residuals = self.network.forward(params, self.X, n_threads=self.n_threads)
        residuals -= self.y
        if self.sample_weight is not None:
            return float(np.mean(self.sample_weight[:, None] * residuals**2))
        return float(np.vdot(residuals, residuals)) / self.y.size

    def residuals_and_jacobian(self, params: Array) -> tuple[Array, Array]:
        residuals = self.network.forward(params, self.X, n_threads=self.n_threads) - self.y
        jacobian = self.network.jacobian(params, self.X, n_threads=self.n_threads)
        scale = np.repeat(self._row_scale, self.network.n_outputs)
        return scale * residuals.ravel(), np.multiply(scale[:, None], jacobian, out=jacobian)

    def gauss_newton(self, params: Array) -> tuple[float, Array, Array]:
        return self.network.gauss_newton(
            params, self.X, self.y, sample_weight=self.sample_weight, n_threads=self.n_threads
        )

    def second_derivative(self, params: Array, v: Array) -> Array:
        _, second = self.network.directional_derivatives(params, self.X, v, n_threads=self.n_threads)
        return (self._row_scale[:, None] * second).ravel()

    def vector_jacobian_product(self, params: Array, u: Array) -> Array:
        cotangent = self._row_scale[:, None] * u.reshape(self.y.shape)
        return self.network.vector_jacobian_product(params, self.X, cotangent, n_threads=self.n_threads)

    def hessian(self, params: Array) -> Array:
        return self.network.hessian(params, self.X, self.y, sample_weight=self.sample_weight, n_threads=self.n_threads)

    def hessian_vector_product(self, params: Array, v: Array) -> Array:
        return self.network.hessian_vector_product(
            params, self.X, self.y, v, sample_weight=self.sample_weight, n_threads=self.n_threads
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
