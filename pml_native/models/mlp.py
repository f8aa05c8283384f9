"""Multilayer perceptrons: the architecture, its initializers, and the compiled kernels on one flat parameter vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..arrays import Array, as_matrix, contiguous
from ..threads import resolve_threads


@dataclass(frozen=True)
class MLP:
    """x -> W_L s(... s(W_1 x + b_1) ...) + b_L with widths (d, W_1, ..., m) and activation s.

    Parameters are ONE float64 vector: per layer the weight (n_out, n_in) row-major, then the bias (n_out,).
    `n_threads` of every kernel is None for all cores; results are bitwise the same for any number.
    """

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
        if self.activation not in _core.activation_names():
            raise ValueError(
                f"activation: expected one of {', '.join(_core.activation_names())}, got {self.activation!r}"
            )
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
        rng = np.random.default_rng(random_state)
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

    def input_gradient(self, params: ArrayLike, X: ArrayLike, *, n_threads: int | None = None) -> Array:
        """Derivatives (n, m, d) of the outputs with respect to the inputs at `X` (n, d)."""
        return _core.mlp_input_gradient(
            self.widths, self.activation, self._params(params), as_matrix(X, "X"), resolve_threads(n_threads)
        )

    def _params(self, params: ArrayLike) -> Array:
        array = contiguous(params)
        if array.shape != (self.n_params,):
            raise ValueError(f"params: expected ({self.n_params},), got {array.shape}")
        return array
