"""Chebyshev series in several variables -> sums of monomials, exact but for terms that are rounding."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import Array

# Monomials of higher degrees are not looked at: their coefficients would have lost all digits to cancellation.
MOST_DEGREE = 12
MOST_PRODUCTS = 20_000
# A coefficient is 0 that is below so many times the error of the values.
NEGLIGIBLE = 10.0

# Coefficients of monomials, by the powers of the variables.
Monomials = dict[tuple[int, ...], float]


class Affine(Protocol):
    """z = (x 2^-exponent - shift) / scale, and 0 where `scale` is 0, by columns, as a `Normalization` has it."""

    @property
    def exponent(self) -> NDArray[np.intc]: ...

    @property
    def shift(self) -> Array: ...

    @property
    def scale(self) -> Array: ...


def monomials(
    indices: NDArray[np.intp], coefficients: Array, inputs: Affine, error: float, largest: float = 0.0
) -> Monomials | None:
    """sum_a c_a T_a1(z_1) ... T_ad(z_d), a the rows of `indices`, in powers of x, without what is rounding of terms
    that cancel; None for too many terms, too high degrees, or coefficients beyond float64.

    error : of the sum, relative to its largest coefficient, or to `largest` if that is larger.
    """
    used = np.flatnonzero(coefficients)
    indices = indices[used]
    if not len(used):
        return {}
    if not np.isfinite(coefficients).all():
        return None
    if indices.sum(axis=1).max() > MOST_DEGREE or np.prod(indices + 1.0, axis=1).sum() > MOST_PRODUCTS:
        return None
    total: dict[tuple[int, ...], Fraction] = {}
    sizes: dict[tuple[int, ...], Fraction] = {}
    for row, c in zip(indices, coefficients[used], strict=True):
        factors = [
            _powers(int(a), int(inputs.exponent[j]), float(inputs.shift[j]), float(inputs.scale[j]))
            for j, a in enumerate(row)
        ]
        for powers in itertools.product(*(range(len(factor)) for factor in factors)):
            weight = math.prod((factor[i] for factor, i in zip(factors, powers, strict=True)), start=Fraction(1))
            if weight:
                total[powers] = total.get(powers, Fraction(0)) + Fraction(float(c)) * weight
                sizes[powers] = sizes.get(powers, Fraction(0)) + abs(weight)
    least = Fraction(NEGLIGIBLE * max(error, 1e-16) * max(largest, float(np.abs(coefficients).max())))
    try:
        return {powers: float(c) for powers, c in total.items() if abs(c) > least * sizes[powers]}
    except OverflowError:  # of inputs near 1e-300, whose squares divide
        return None


@lru_cache(maxsize=1000)
def _powers(degree: int, exponent: int, shift: float, scale: float) -> tuple[Fraction, ...]:
    """Coefficients of the powers of v in T_degree((v 2^-exponent - shift) / scale), exact; a constant v has z = 0."""
    slope = Fraction(0) if scale == 0.0 else Fraction(2) ** -exponent / Fraction(scale)
    z = (-Fraction(shift) / Fraction(scale) if scale else Fraction(0), slope)
    before: tuple[Fraction, ...] = (Fraction(1),)
    now: tuple[Fraction, ...] = z
    for _ in range(degree - 1):
        following = [Fraction(0)] * (len(now) + 1)
        for i, c in enumerate(now):
            following[i] += 2 * z[0] * c
            following[i + 1] += 2 * z[1] * c
        for i, c in enumerate(before):
            following[i] -= c
        before, now = now, tuple(following)
    return now if degree else before
