"""Arrays of double-double numbers: unevaluated sums high + low, about 32 digits, for what has no kernel of its own.

Sums after Knuth, products after Dekker and Veltkamp (1971), which need no fused multiply-add; magnitudes from 1e-270
to 1e290.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array

SPLITTER = 2.0**27 + 1.0


@dataclass(frozen=True)
class Extended:
    """high + low, where high is the sum rounded to float64."""

    high: Array
    low: Array

    def __add__(self, other: Extended) -> Extended:
        s, t = _two_sum(self.high, other.high), _two_sum(self.low, other.low)
        v = _quick_two_sum(s.high, s.low + t.high)
        return _quick_two_sum(v.high, v.low + t.low)

    def __sub__(self, other: Extended) -> Extended:
        return self + Extended(-other.high, -other.low)

    def __mul__(self, other: Extended) -> Extended:
        product = _two_product(self.high, other.high)
        return _quick_two_sum(product.high, product.low + (self.high * other.low + self.low * other.high))

    def __truediv__(self, other: Extended) -> Extended:
        first = self.high / other.high
        rest = self - other.times(first)
        return _quick_two_sum(first, rest.high / other.high)

    def scaled(self, exponents: NDArray[np.intp]) -> Extended:
        """The product with powers of two, exact where the low parts are above 1e-308."""
        return Extended(np.ldexp(self.high, exponents), np.ldexp(self.low, exponents))

    def exponents(self) -> NDArray[np.intp]:
        """By column that of a power of two near the largest magnitude: in these units no product overflows."""
        finite = np.where(np.isfinite(self.high), np.abs(self.high), 0.0)
        exponents: NDArray[np.intp] = np.frexp(finite.max(axis=0, initial=0.0))[1].astype(np.intp)
        return exponents

    def times(self, factor: Array | float) -> Extended:
        """The product with float64 numbers."""
        product = _two_product(self.high, np.asarray(factor))
        return _quick_two_sum(product.high, product.low + self.low * factor)


def _two_sum(a: Array, b: Array) -> Extended:
    high = a + b
    b_seen = high - a
    return Extended(high, (a - (high - b_seen)) + (b - b_seen))


def _quick_two_sum(a: Array, b: Array) -> Extended:
    high = a + b
    return Extended(high, b - (high - a))


def _two_product(a: Array, b: Array) -> Extended:
    high = a * b
    a_head, a_tail = _split(a)
    b_head, b_tail = _split(b)
    low = ((a_head * b_head - high) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail
    return Extended(high, low)


def _split(a: Array) -> tuple[Array, Array]:
    scaled = SPLITTER * a
    head = scaled - (scaled - a)
    return head, a - head
