"""Multilayer perceptrons: the architecture, its initializers, and the compiled kernels on one flat parameter vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..export.functions import ACTIVATIONS
from ..export.program import Vector, affine, each
from ..memory import require_memory
from ..options import generator
from ..threads import resolve_threads
from .activations import require_activation


@dataclass(frozen=True)
class MLP:
    """x -> W_L s(... s(W_1 x + b_1) ...) + b_L with widths (d, W_1, ..., m) and activation s.

    Parameters are ONE float64 vector: per layer the weight (n_out, n_in) row-major, then the bias (n_out,).
    `n_threads` of every kernel is None for all cores; results are bitwise the same for any number.
    """

    kind: ClassVar[str] = "mlp"
    widths: tuple[int, ...]
    activation: str = "tanh"

    def __post_init__(self) -> None:
        try:
            widths = tuple(int(w) for w in self.widths)
            whole = all(w == given for w, given in zip(widths, self.widths, strict=True))
        except (TypeError, ValueError):
            whole = False
        if not whole or len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"widths: expected at least 2 positive integers, got {self.widths!r}")
        require_activation(self.activation)
        object.__setattr__(self, "widths", widths)

    @property
    def n_inputs(self) -> int:
        return self.widths[0]

    @property
    def n_outputs(self) -> int:
        return self.widths[-1]

    @property
    def n_params(self) -> int:
        return sum((n_in + 1) * n_out for n_in, n_out in zip(self.widths, self.widths[1:], strict=False))

    @property
    def linear(self) -> slice:
        """Where the parameters of the last layer stand, in which the network is affine."""
        return slice(self.n_params - (self.widths[-2] + 1) * self.n_outputs, self.n_params)

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))} {self.activation}"

    def architecture(self) -> dict[str, Any]:
        """JSON values of which `from_architecture` makes this network again."""
        return {"widths": list(self.widths), "activation": self.activation}

    @classmethod
    def from_architecture(cls, values: dict[str, Any]) -> MLP:
        return cls(tuple(values["widths"]), values["activation"])

    def layers(self, params: Array) -> list[tuple[Array, Array]]:
        """Views of `params` (P,): per layer the weight (n_out, n_in) and the bias (n_out,)."""
        params = self._params(params)
        views, begin = [], 0
        for n_in, n_out in zip(self.widths, self.widths[1:], strict=False):
            end = begin + n_in * n_out
            views.append((params[begin:end].reshape(n_out, n_in), params[end : end + n_out]))
            begin = end + n_out
        return views

    def initialize(
        self,
        random_state: int | np.random.Generator | None = None,
        *,
        scale: float = 1.0,
        method: Literal["uniform", "glorot"] = "uniform",
    ) -> Array:
        """Random parameters (P,), times `scale`.

        "uniform": weights and biases in +-1/sqrt(fan_in), as in the paper (and PyTorch's default).
        "glorot": weights in +-sqrt(6/(fan_in + fan_out)), biases 0 (Glorot and Bengio 2010).
        """
        rng = generator(random_state)
        params = np.empty(self.n_params)
        for weight, bias in self.layers(params):
            n_out, n_in = weight.shape
            if method == "uniform":
                bound = 1.0 / np.sqrt(n_in)
                weight[...] = rng.uniform(-bound, bound, weight.shape)
                bias[...] = rng.uniform(-bound, bound, bias.shape)
            elif method == "glorot":
                bound = np.sqrt(6.0 / (n_in + n_out))
                weight[...] = rng.uniform(-bound, bound, weight.shape)
                bias[...] = 0.0
            else:
                raise ValueError(f"method: expected 'uniform' or 'glorot', got {method!r}")
        return scale * params

    def forward(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Network values (n, m) at `X` (n, d)."""
        return _core.mlp_forward(
            self.widths, self.activation, self._params(params), as_matrix(X, "X"), resolve_threads(n_threads)
        )

    def loss_and_gradient(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> tuple[float, Array]:
        """Mean over samples and outputs of w |f(x) - y|^2 (no 1/2), and its gradient (P,).

        `X` (n, d), `y` (n,) or (n, m), `sample_weight` w (n,) or None for 1. An empty batch gives 0 and zeros.
        """
        weight = None if sample_weight is None else contiguous(sample_weight)
        return _core.mlp_loss_and_gradient(
            self.widths,
            self.activation,
            self._params(params),
            as_matrix(X, "X"),
            as_matrix(y, "y"),
            weight,
            resolve_threads(n_threads),
        )

    def jacobian(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Derivatives of the outputs with respect to the parameters (n*m, P); row i*m + k is output k at row i."""
        X = as_matrix(X, "X")
        require_memory(
            8.0 * len(X) * self.n_outputs * self.n_params,
            f"jacobian: {len(X) * self.n_outputs:,} x {self.n_params:,} numbers",
            "take fewer rows at a time, or gauss_newton, which doesn't store it",
        )
        return _core.mlp_jacobian(self.widths, self.activation, self._params(params), X, resolve_threads(n_threads))

    def gauss_newton(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> tuple[float, Array, Array]:
        """The loss and gradient of `loss_and_gradient`, and 2/(n m) J'WJ (P, P), symmetric; J isn't stored.

        That is the Hessian without the residuals' own curvature (Gauss-Newton). MemoryError where P^2 numbers don't
        fit.
        """
        return self._curvature(False, params, X, y, sample_weight, n_threads)

    def hessian(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> Array:
        """The exact Hessian (P, P) of the loss of `loss_and_gradient`, symmetric. MemoryError where it doesn't fit."""
        return self._curvature(True, params, X, y, sample_weight, n_threads)[2]

    def _curvature(
        self,
        exact: bool,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        n_threads: int | None,
    ) -> tuple[float, Array, Array]:
        params = self._params(params)
        X, y = as_matrix(X, "X"), as_matrix(y, "y")
        weight = None if sample_weight is None else contiguous(sample_weight)
        threads = resolve_threads(n_threads)
        require_memory(
            _core.mlp_curvature_bytes(self.widths, self.activation, exact, len(X), threads),
            f"{'hessian' if exact else 'gauss_newton'}: a matrix for {self.n_params:,} parameters",
            "use hessian_vector_product, or an optimizer without matrices (LBFGS)",
        )
        return _core.mlp_curvature(self.widths, self.activation, exact, params, X, y, weight, threads)

    def hessian_vector_product(
        self,
        params: ArrayLike,
        X: ArrayLike,
        y: ArrayLike,
        v: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        n_threads: int | None = None,
    ) -> Array:
        """The exact Hessian of the loss times `v` (P,): (P,), at about three times the cost of a gradient."""
        weight = None if sample_weight is None else contiguous(sample_weight)
        return _core.mlp_hessian_vector_product(
            self.widths,
            self.activation,
            self._params(params),
            as_matrix(X, "X"),
            as_matrix(y, "y"),
            contiguous(v),
            weight,
            resolve_threads(n_threads),
        )

    def directional_derivatives(
        self, params: ArrayLike, X: ArrayLike, v: ArrayLike, *, n_threads: int | None = None
    ) -> tuple[Array, Array]:
        """First and second derivative (n, m) of the outputs at `X` along `v` (P,) in parameter space."""
        return _core.mlp_directional_derivatives(
            self.widths,
            self.activation,
            self._params(params),
            as_matrix(X, "X"),
            contiguous(v),
            resolve_threads(n_threads),
        )

    def vector_jacobian_product(
        self, params: ArrayLike, X: ArrayLike, u: ArrayLike, *, n_threads: int | None = None
    ) -> Array:
        """J'u (P,): the gradient of the sum over samples and outputs of u f(x), `u` (n, m)."""
        return _core.mlp_vector_jacobian_product(
            self.widths,
            self.activation,
            self._params(params),
            as_matrix(X, "X"),
            as_matrix(u, "u"),
            resolve_threads(n_threads),
        )

    def input_gradient(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Derivatives (n, m, d) of the outputs with respect to the inputs at `X` (n, d)."""
        return _core.mlp_input_gradient(
            self.widths, self.activation, self._params(params), as_matrix(X, "X"), resolve_threads(n_threads)
        )

    @property
    def has_extended(self) -> bool:
        """Whether `forward_extended` knows the activation."""
        return _core.has_extended_activation(self.activation)

    def forward_extended(
        self, params: ArrayLike, X: ArrayLike, *, X_low: ArrayLike | None = None, n_threads: int | None = None
    ) -> tuple[Array, Array]:
        """Network values in double-double at `X` + `X_low` (n, d), None for 0: high and low (n, m).

        The values are high + low, and high is that sum rounded to float64. Their error is about 1e-32 times the sizes
        of the sums on the way, as long as nothing on the way is above 1e290 or below 1e-290. ValueError for a user's
        own activation, which is known in float64 only.
        """
        low = None if X_low is None else as_matrix(X_low, "X_low")
        return _core.mlp_extended_forward(
            self.widths, self.activation, self._params(params), as_matrix(X, "X"), low, resolve_threads(n_threads)
        )

    def operations(self, params: Array, x: Vector) -> Vector:
        """The network value at x, as operations; ValueError for a user's own activation."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"expected an activation that other languages have, {', '.join(ACTIVATIONS)}, got {self.activation!r}, "
                f"which was registered here"
            )
        *hidden, last = self.layers(params)
        for weight, bias in hidden:
            x = each(affine(x, weight, bias), ACTIVATIONS[self.activation])
        return affine(x, *last)

    def _params(self, params: ArrayLike) -> Array:
        array = contiguous(params)
        if array.shape != (self.n_params,):
            raise ValueError(f"params: expected ({self.n_params},), got {array.shape}")
        return array
