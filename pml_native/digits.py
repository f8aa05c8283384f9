"""How many digits the numbers of a column have: those of a printed table, of a file of fixed decimals, or of float32.

Of numbers rounded to k significant digits nine in ten need all k, and of numbers rounded to D decimals nine in ten have
a last decimal that is not 0: the share says which of the two a column is. Numbers may have few digits and be exact, as
squares of integers, or of multiples of 1/64, are: the last digits of those are not spread evenly, as those of rounded
numbers are. What is recognised is still a guess, for an error that is not below the rounding bears it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .arrays import Array

# Numbers that are looked at: the last digits of so many tell a share of 0.9 from one of 0.7, and take a millisecond.
MOST_SEEN = 500
# Of so few different numbers nothing is said.
FEWEST = 20
# Numbers of the first look, after which columns of full float64, that is most of them, cost nothing more.
FIRST_LOOK = 16
# Shortest forms of float64 have 15 to 17 digits. Rounding to more digits than this is below 1e-14.
MOST_DIGITS = 13
# Digits that float32 always has: numbers of fewer are rounded to digits rather than to float32.
FLOAT32_DIGITS, FLOAT32_BITS = 7, 24
# The least share of numbers that need all digits; it is 0.9 where they are rounded.
LEAST_SHARE = 0.75
# Chi-square of the ten last digits, 9 degrees of freedom, above which they are not spread evenly: 1 in 1e5.
MOST_UNEVEN = 40.0
# The last two bits of a float32 are both 0 in a quarter of numbers that were rounded to it.
LEAST_FULL_BITS = 0.6


@dataclass(frozen=True)
class Digits:
    """Numbers are rounded to `count` significant digits, or decimals; or to float32, of 24 bits."""

    kind: Literal["significant", "decimals", "float32"]
    count: int

    def spacing(self, values: Array) -> Array:
        """The distance of neighbours among such numbers, at each of `values` (n,)."""
        size = np.maximum(np.abs(values), np.finfo(np.float64).tiny)
        if self.kind == "decimals":
            return np.full(len(values), 10.0**-self.count)
        if self.kind == "float32":
            return np.exp2(np.frexp(size)[1] - float(FLOAT32_BITS))
        return np.power(10.0, np.floor(np.log10(size)) + 1.0 - self.count)

    def __str__(self) -> str:
        if self.kind == "float32":
            return "float32"
        if self.kind == "significant":
            return f"{self.count} significant digits"
        return f"{self.count} decimals" if self.count > 0 else f"multiples of {10**-self.count}"


def digits_of(values: Array) -> Digits | None:
    """The digits that `values` (n,) are rounded to; None where they have all that float64 has, or it can't be told."""
    some = np.abs(values[np.linspace(0, len(values) - 1, min(len(values), MOST_SEEN)).astype(np.intp)])
    with np.errstate(over="ignore"):
        is_single = np.array_equal(some.astype(np.float32), some)
    first = some[:: max(1, len(some) // FIRST_LOOK)]
    if np.median([_shortest(value)[0] for value in first.tolist()]) > MOST_DIGITS and not is_single:
        return None
    some = np.unique(some[some != 0.0])
    if len(some) < FEWEST:
        return None
    forms = np.array([_shortest(value) for value in some.tolist()])
    most, most_decimals = forms.max(axis=0)
    if is_single and most > FLOAT32_DIGITS:
        mantissa = np.ldexp(np.frexp(some)[0], FLOAT32_BITS)
        return Digits("float32", FLOAT32_BITS) if np.mean(mantissa % 4.0 != 0.0) > LEAST_FULL_BITS else None
    if most > MOST_DIGITS:
        return None
    share, share_decimals = np.mean(forms == (most, most_decimals), axis=0)
    if max(share, share_decimals) < LEAST_SHARE:
        return None
    # Inside one decade both are the same.
    found = Digits("decimals", int(most_decimals)) if share_decimals >= share else Digits("significant", int(most))
    return found if _is_even(np.rint(some / found.spacing(some)) % 10.0) else None


def _shortest(value: float) -> tuple[int, int]:
    """Significant digits and decimals (negative for a number that ends in zeros) of the shortest form of a number."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).rstrip("0")
    decimals = len(digits) - len(whole) - int(exponent or 0)
    return max(1, len(digits.lstrip("0"))), decimals


def _is_even(last: Array) -> bool:
    """Whether last digits (n,) are spread as those of rounded numbers are."""
    counts = np.bincount(last.astype(np.intp), minlength=10)
    wanted = len(last) / 10.0
    return float(np.sum((counts - wanted) ** 2)) / wanted <= MOST_UNEVEN


def rounding_of(values: Array, digits: Digits | None) -> float:
    """The RMS error that rounding `values` (n,) to these digits made, over their RMS; 0 for none."""
    if digits is None:
        return 0.0
    largest = float(max(values.max(), -values.min()))
    if not largest > 0.0:
        return 0.0
    size, spacing = values / largest, digits.spacing(values) / largest  # whose squares neither overflow nor vanish
    return math.sqrt(float(np.mean(spacing**2) / np.mean(size**2)) / 12.0)
