"""What is known of derivatives, in the coordinates that a polynomial is looked for in.

With z = z(x) by columns, and a derivative along the direction v in x, s -> z(x + s v) goes along z' = dz/dx v, and
    d/ds t = grad t . z',    d^2/ds^2 t = z'' . grad t + z' . hess t . z',   z'' = d^2z/dx^2 v^2.
Divided by |z'|, or its square, these are derivatives by the unit of length in z, whatever the units of x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array
from ..derivatives import Derivatives
from ..models.normalization import Normalization
from ..models.transformed import Transformed, input_slopes
from .orbits import Terms

# What a derivative by the unit of length in z, where the box is 2 wide, is taken to be off by, over what y is, at
# least: what series of some ten terms leave over goes up and down as their last terms do. Where rounding decides, the
# ratio of the sizes of derivatives and of y does, if it is larger.
# Of 1, 3, 10, 30 and 100, errors of polynomials and quotients of five functions are least for 10 in 7 of the 9 pairs
# that have an error, and up to 2 times that for 3 and 30; two pairs prefer 100.
LEAST_RATIO = 10.0


@dataclass(frozen=True)
class Along:
    """The derivatives `known` (k) at `Z` (k, d), along unit `directions` (k, d), plus `bends` (k, d) times the gradient
    for second ones, as `per_unit` (k, 1) times what is known."""

    known: Derivatives
    Z: Array
    directions: Array
    bends: Array
    per_unit: Array

    @classmethod
    def of(
        cls, known: Derivatives | None, names: tuple[str, ...], scales: Array, normalization: Normalization
    ) -> Along | None:
        """In coordinates of these `names`; without those along columns that have no part in z. None for none."""
        if known is None:
            return None
        unit = np.ldexp(normalization.divisor, normalization.exponent) * scales
        first, second = input_slopes(known.X / scales, names)
        Z = normalization.apply(Transformed.transform_inputs(known.X, names, scales))
        z_dot = first / unit * known.directions
        z_dot_dot = second / (unit * scales) * known.directions**2
        exponent = np.frexp(np.max(np.abs(z_dot), axis=1, keepdims=True))[1]  # squares of it are finite without
        size = np.ldexp(np.linalg.norm(np.ldexp(z_dot, -exponent), axis=1, keepdims=True), exponent)
        kept = np.isfinite(size[:, 0]) & (size[:, 0] > 0.0)
        some = known.some(kept)
        if some is None:
            return None
        size = size[kept]
        is_second = some.order == 2
        bends = np.zeros_like(z_dot[kept])
        bends[is_second] = z_dot_dot[kept][is_second] / size[is_second] ** 2
        return cls(some, Z[kept], z_dot[kept] / size, bends, size ** -some.order[:, None].astype(np.float64))

    def some(self, which: NDArray[np.bool_]) -> Along | None:
        """Those of them; None for none."""
        known = self.known.some(which)
        if known is None:
            return None
        return Along(known, self.Z[which], self.directions[which], self.bends[which], self.per_unit[which])

    def first(self) -> Along | None:
        """Those of first order."""
        return self.some(self.known.order == 1)

    @property
    def values(self) -> Array:
        """What they are by the unit of length, (k, m)."""
        return self.known.values * self.per_unit

    def design(self, terms: Terms) -> Array:
        """Those of the terms, (k, p)."""
        return terms.derivatives(self.Z, self.directions, self.known.order, self.bends)


@dataclass(frozen=True)
class Balance:
    """What derivatives by the unit of length, of first and second order, are multiplied by to weigh as y does."""

    first: float
    second: float

    @classmethod
    def of(cls, along: Along, unit: Array) -> Balance:
        """For y of the RMS `unit` (m,)."""
        factors = []
        for order in (1, 2):
            ratios = (along.values / unit)[along.known.order == order]
            ratios = ratios[np.isfinite(ratios)]
            ratio = float(np.sqrt(np.mean(ratios**2))) if len(ratios) else 0.0
            factors.append(1.0 / max(LEAST_RATIO**order, ratio))
        return cls(*factors)

    def at(self, along: Along) -> Array:
        """Of each of them, (k, 1)."""
        return np.where(along.known.order == 1, self.first, self.second)[:, None]


def n_values_along(along: Along | None, j: int) -> int:
    """Values of a column, each as often as derivatives of another order along it are known there."""
    if along is None:
        return 0
    has = along.directions[:, j] != 0.0
    return sum(len(np.unique(along.Z[has & (along.known.order == order), j])) for order in (1, 2))
