"""Affine normalization of columns: to zero mean and unit variance, or to [-1, 1]; exact at any scale of float64.

A column v is first divided by a power of two near its largest magnitude, which is exact, so that neither its mean
nor its variance can overflow or vanish, whether v is of the order of 1e-300 or 1e300.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..arrays import Array, contiguous
from ..export.program import Vector, divided, scaled, shifted, times_power_of_two

# Times 2^exponent up to this one, shift and scale are far from the ends of float64.
MOST_EXPONENT = 200
# Of float64 the exponents are from -1073 to 1024; sums and differences of these are still small integers.
FARTHEST_EXPONENT = 1100


def as_exponents(values: ArrayLike, name: str) -> NDArray[np.intc]:
    """Exponents of powers of two, (k,); ValueError for what float64 has none for."""
    exponents = np.asarray(values)
    if not np.all(np.abs(exponents.astype(np.float64)) <= FARTHEST_EXPONENT):
        raise ValueError(f"{name}: expected from {-FARTHEST_EXPONENT} to {FARTHEST_EXPONENT}, got {exponents.tolist()}")
    return exponents.astype(np.intc)


@dataclass(frozen=True)
class Normalization:
    """Column j: z = (v 2^-exponent[j] - shift[j]) / scale[j], and 0 where scale[j] is 0 (a constant column).

    Raises ValueError for arrays that are not of one length (k,), or not of numbers.
    """

    exponent: NDArray[np.intc]
    shift: Array
    scale: Array

    def __post_init__(self) -> None:
        for name, kinds in (("exponent", "i"), ("shift", "f"), ("scale", "f")):
            array = getattr(self, name)
            if array.ndim != 1 or array.shape != self.shift.shape or array.dtype.kind not in kinds:
                raise ValueError(
                    f"{name}: expected numbers of shape ({self.shift.size},), got {array.dtype} of shape {array.shape}"
                )
        as_exponents(self.exponent, "exponent")

    @classmethod
    def of(cls, values: Array) -> Normalization:
        """The normalization that gives `values` (n, k) zero mean and unit variance by column."""
        exponent = np.frexp(np.max(np.abs(values), axis=0))[1].astype(np.intc)
        scaled = np.ldexp(values, -exponent)
        constant = np.all(values == values[0], axis=0)
        shift = np.where(constant, scaled[0], np.mean(scaled, axis=0))
        scale = np.where(constant, 0.0, np.sqrt(np.mean((scaled - shift) ** 2, axis=0)))
        return cls(exponent, shift, scale)

    @classmethod
    def of_box(cls, values: Array) -> Normalization:
        """The normalization that maps the range of each column of `values` (n, k) to [-1, 1]."""
        exponent = np.frexp(np.max(np.abs(values), axis=0))[1].astype(np.intc)
        low, high = np.ldexp(values.min(axis=0), -exponent), np.ldexp(values.max(axis=0), -exponent)
        # Halves before the sum and the difference, which are then as exact as float64 has them.
        return cls(exponent, 0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low)

    @classmethod
    def identity(cls, n_columns: int) -> Normalization:
        """The normalization that changes nothing."""
        return cls(np.zeros(n_columns, dtype=np.intc), np.zeros(n_columns), np.ones(n_columns))

    # Kept, because asking takes longer than evaluating a small model at one point.
    @cached_property
    def is_identity(self) -> bool:
        return not self.exponent.any() and not self.shift.any() and bool(np.all(self.scale == 1.0))

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Which columns hold one value only."""
        return np.equal(self.scale, 0.0)

    @cached_property
    def divisor(self) -> Array:
        """The scale, infinite for a constant column."""
        return np.where(self.constant, np.inf, self.scale)

    @cached_property
    def _to_unit(self) -> NDArray[np.intc]:
        return -self.exponent

    @cached_property
    def _has_exponents(self) -> bool:
        return bool(self.exponent.any())

    @cached_property
    def _in_units_of_values(self) -> tuple[Array, Array] | None:
        """Shift and divisor times 2^exponent, which give z the same bits by an operation less; None if far from 1."""
        if np.max(np.abs(self.exponent), initial=0) > MOST_EXPONENT:
            return None
        return np.ldexp(self.shift, self.exponent), np.ldexp(self.divisor, self.exponent)

    def apply(self, values: Array) -> Array:
        """v (n, k) -> z (n, k)."""
        if self.is_identity:
            return values
        if self._in_units_of_values is not None:
            shift, divisor = self._in_units_of_values
            return contiguous((values - shift) / divisor)
        return contiguous((np.ldexp(values, self._to_unit) - self.shift) / self.divisor)

    def invert(self, normalized: Array) -> Array:
        """z (n, k) -> v (n, k); a constant column gives its constant exactly."""
        if self.is_identity:
            return normalized
        values = normalized * self.scale + self.shift
        return np.ldexp(values, self.exponent) if self._has_exponents else values

    def box(self) -> tuple[Array, Array]:
        """v where z is -1 and 1, (k,) each: the range of the columns, for a normalization `of_box`."""
        low, high = (np.ldexp(self.shift + z * self.scale, self.exponent) for z in (-1.0, 1.0))
        return low, high

    def applied(self, x: Vector) -> Vector:
        """`apply`, as operations."""
        return divided(shifted(times_power_of_two(x, -self.exponent), -self.shift), self.divisor)

    def inverted(self, z: Vector) -> Vector:
        """`invert`, as operations."""
        return times_power_of_two(shifted(scaled(z, self.scale), self.shift), self.exponent)

    def apply_extended(self, values: Array) -> tuple[Array, Array]:
        """v (n, k) -> z as high and low (n, k): high + low is z to about 32 digits, high is it rounded to float64."""
        return _core.extended_normalize(contiguous(values), *self._columns())

    def invert_extended(self, high: Array, low: Array) -> tuple[Array, Array]:
        """z = high + low (n, k) -> v as high and low (n, k), to about 32 digits of the larger of v and its shift."""
        return _core.extended_invert(contiguous(high), contiguous(low), *self._columns())

    def _columns(self) -> tuple[NDArray[np.intc], Array, Array]:
        exponent = np.require(self.exponent, np.intc, ["C", "A"])
        return exponent, contiguous(self.shift), contiguous(self.scale)
