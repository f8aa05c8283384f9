"""A network at some rows, linearized: what every layer passes on and back, and how that changes along a direction.

A dot is the derivative at t = 0 of params + t v, u + t u'. Forward, z'_l = W_l a'_{l-1} + V_l a_{l-1} + c_l and
a'_l = s'(z_l) z'_l; backward, with delta_l = s'(z_l) W_{l+1}' delta_{l+1} the derivative of the output by z_l,
    delta'_l = s' (W' delta'_{l+1} + V' delta_{l+1}) + s'' z'_l W' delta_{l+1}       (Pearlmutter 1994).
In NumPy, a few rows at a time: the kernels of the core know directions in parameters only, not in the inputs of a node.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _core
from ..arrays import Array
from .mlp import MLP


@dataclass(frozen=True)
class Layer:
    """What layer l gets, a_{l-1} (n, n_in), delta_l (n, n_out), and the derivatives of both along the direction."""

    a: Array
    delta: Array
    a_dot: Array
    delta_dot: Array


@dataclass(frozen=True)
class Linearization:
    """The derivative of the value (n,), that of the value by the inputs (n, d) and its derivative, and all layers."""

    value_dot: Array
    slopes: Array
    slopes_dot: Array
    layers: list[Layer]

    def by_params(self) -> Array:
        """The derivative along the direction of the derivatives of the value by the parameters, (n, P)."""
        n = len(self.value_dot)
        parts = []
        for layer in self.layers:
            weight = layer.delta_dot[:, :, None] * layer.a[:, None, :]
            weight += layer.delta[:, :, None] * layer.a_dot[:, None, :]
            parts += [weight.reshape(n, -1), layer.delta_dot]
        return np.concatenate(parts, axis=1)

    def pulled_back(self, u: Array, u_dot: Array) -> Array:
        """The derivative (P,) of the sum over rows of u times the gradient of the value, where u (n,) changes too."""
        parts = []
        for layer in self.layers:
            back = u[:, None] * layer.delta
            back_dot = u_dot[:, None] * layer.delta + u[:, None] * layer.delta_dot
            parts += [(back_dot.T @ layer.a + back.T @ layer.a_dot).ravel(), back_dot.sum(axis=0)]
        return np.concatenate(parts)


def linearized(mlp: MLP, params: Array, U: Array, v: Array, U_dot: Array) -> Linearization:
    """`mlp`, of one output, at `U` (n, d), and along the direction of parameters `v` (P,) and inputs `U_dot` (n, d)."""
    layers, directions = mlp.layers(params), mlp.layers(v)
    passed = [(U, U_dot)]
    slopes = []
    for number, ((W, b), (V, c)) in enumerate(zip(layers, directions, strict=True)):
        a, a_dot = passed[-1]
        z, z_dot = a @ W.T + b, a_dot @ W.T + a @ V.T + c
        if number + 1 < len(layers):
            value, first, second = (s.reshape(z.shape) for s in _core.activation_derivatives(mlp.activation, z.ravel()))
            slopes.append((first, second * z_dot))
            passed.append((value, first * z_dot))
    delta, delta_dot = np.ones((len(U), 1)), np.zeros((len(U), 1))
    found = []
    for number in reversed(range(len(layers))):
        (W, _), (V, _) = layers[number], directions[number]
        a, a_dot = passed[number]
        found.append(Layer(a, delta, a_dot, delta_dot))
        back, back_dot = delta @ W, delta_dot @ W + delta @ V
        if number > 0:
            slope, slope_dot = slopes[number - 1]
            delta, delta_dot = back * slope, back_dot * slope + back * slope_dot
    return Linearization(z_dot[:, 0], back, back_dot, found[::-1])
