"""The exact Hessian of an objective: what Newton's method, the low-curvature step and the spectrum ask of it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..arrays import Array
from .objective import Objective


class TwiceDifferentiable(Objective, Protocol):
    """An objective that knows its second derivatives."""

    def hessian(self, params: Array) -> Array:
        """The symmetric matrix of second derivatives at `params` (P,), (P, P)."""
        ...

    def hessian_vector_product(self, params: Array, v: Array) -> Array:
        """The Hessian at `params` (P,) times `v` (P,), (P,)."""
        ...


def evaluate_hessian(objective: TwiceDifferentiable, params: Array) -> Array | None:
    """The Hessian (P, P) at `params` (P,), or None where it is not finite."""
    H = np.asarray(objective.hessian(params), dtype=np.float64)
    if H.shape != (len(params), len(params)):
        raise ValueError(f"hessian: expected ({len(params)}, {len(params)}), got {H.shape}")
    return H if np.isfinite(H).all() else None
