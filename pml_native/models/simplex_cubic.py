"""Cubics on simplices, of the values and slopes at their vertices.

With weights l (r + 1) of the vertices x_i, values f_i, and D_ij = g_i . (x_j - x_i) for slopes g_i, the cubic of
Bernstein and Bezier has the ordinates f_i at vertices and f_i + D_ij / 3 beside them on edges, and on triangles a
quarter of the sum of those of its six edges less a sixth of that of its vertices, which is exact for quadratics (Farin
1986, Triangular Bernstein-Bezier patches). There are no others, so that in any dimension
    p = sum_i l_i f_i (1 + l_i - |l|^2) + 1/2 sum_ij l_i l_j D_ij (1 + l_i - l_j).
On a facet it depends on that alone: it is continuous, its slope is so at the points; its error falls as h^3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..singular_values import pinv


@dataclass(frozen=True)
class Cubics:
    """At n points: the `weights` (n, r + 1), `values` (n, r + 1, m), D as `edges` (n, m, r + 1, r + 1), and how weights
    change with z, `rates` (n, r + 1, r)."""

    weights: Array
    values: Array
    edges: Array
    rates: Array

    @classmethod
    def of(cls, corners: Array, weights: Array, values: Array, slopes: Array) -> Cubics:
        """Of simplices with `corners` (n, r + 1, r), `values` (n, r + 1, m) and `slopes` (n, r + 1, m, r) there."""
        ways = corners[:, None, :, :] - corners[:, :, None, :]  # from i to j
        edges = np.einsum("nimr,nijr->nmij", slopes, ways)
        ones = np.ones((*corners.shape[:2], 1))
        rates = pinv(np.concatenate([corners, ones], axis=2).swapaxes(1, 2))[:, :, :-1]
        return cls(weights, values, edges, rates)

    def interpolate(self) -> Array:
        """(n, m)."""
        w, square = self.weights, self.weights**2
        size = np.sum(square, axis=1, keepdims=True)
        value = np.einsum("ni,nim->nm", w * (1.0 + w - size), self.values)
        value += 0.5 * np.einsum("ni,nj,nmij->nm", w + square, w, self.edges)
        value -= 0.5 * np.einsum("ni,nj,nmij->nm", w, square, self.edges)
        return np.asarray(value)

    def gradient(self) -> Array:
        """By z, (n, m, r)."""
        w, f, D = self.weights, self.values.swapaxes(1, 2), self.edges
        size, mean = np.sum(w**2, axis=1)[:, None, None], np.einsum("ni,nmi->nm", w, f)[:, :, None]
        own = w[:, None, :]
        by_weights = f * (1.0 + 2.0 * own - size) - 2.0 * own * mean
        out, back = np.einsum("nmij,nj->nmi", D, w), np.einsum("nmij,ni->nmj", D, w)
        by_weights += 0.5 * ((1.0 + 2.0 * own) * out - np.einsum("nmij,nj->nmi", D, w**2))
        by_weights += 0.5 * (np.einsum("nmij,ni->nmj", D, w + w**2) - 2.0 * own * back)
        return np.asarray(np.einsum("nmi,nir->nmr", by_weights, self.rates))

    def hessian(self) -> Array:
        """By z, (n, m, r, r)."""
        w, f, D = self.weights, self.values.swapaxes(1, 2), self.edges
        mean = np.einsum("ni,nmi->nm", w, f)[:, :, None]
        own, other = w[:, None, :, None], w[:, None, None, :]
        out, back = np.einsum("nmij,nj->nmi", D, w), np.einsum("nmij,ni->nmj", D, w)
        by_weights = -2.0 * (f[:, :, :, None] * other + own * f[:, :, None, :])
        by_weights += (0.5 + own - other) * D + (0.5 + other - own) * D.swapaxes(2, 3)
        diagonal = np.arange(w.shape[1])
        by_weights[:, :, diagonal, diagonal] += 2.0 * (f - mean) + out - back
        return np.asarray(np.einsum("nmij,nir,njs->nmrs", by_weights, self.rates, self.rates))
