"""What number of few digits a float64 number is, which is known to so many digits.

A guess of few bits that agrees in many more is no chance: there are about 2^b fractions of b bits, so that one of them
is within e of a random number, relative, with a probability of about b 2^b e. Fractions are found as continued
fractions; powers of pi, e and roots as fractions times one of these.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import sympy

# Bits by which a guess must be shorter than what agrees: of random numbers, one in some 2,000 is taken for another.
MARGIN = 16.0
# A float64 number of a fit is never known better, relative.
ROUNDING = 4e-16


class Unit(NamedTuple):
    """What a fraction is multiplied with, and the bits that it takes to say which unit it is."""

    number: Any
    bits: float
    is_root: bool = False

    def of(self, fraction: Fraction, sign: float) -> Any:
        rational = sympy.Rational(fraction.numerator, fraction.denominator) * self.number
        return sympy.sqrt(rational) * int(sign) if self.is_root else rational * int(sign)


UNITS = (
    Unit(sympy.Integer(1), 0.0),
    *(Unit(sympy.pi**k, 2.0 + 2.0 * abs(k)) for k in (1, -1, 2, -2, 3, -3, 4, -4)),
    Unit(sympy.E, 6.0),
    Unit(1 / sympy.E, 6.0),
    Unit(sympy.log(2), 6.0),
    # The number is the root of a fraction times these.
    Unit(sympy.Integer(1), 3.0, True),
    *(Unit(sympy.pi**k, 4.0 + 2.0 * abs(k), True) for k in (1, -1, 3, -3)),
)
SIZES = tuple(float(unit.number) for unit in UNITS)


def recognized(value: float, error: float) -> Any:
    """The number that `value` is, known to `error`, as SymPy has it; None for one that has no short form.

    A fraction, or one times a power of pi, e or log(2), or a root of such, of fewer bits than agree, by MARGIN.
    """
    if value == 0.0 or not math.isfinite(value) or not error < abs(value):
        return None
    relative = max(error / abs(value), ROUNDING)
    room = -math.log2(relative) - MARGIN
    best = None
    for unit, size in zip(UNITS, SIZES, strict=True):
        wanted, tolerance = (value * value / size, 2.0 * relative) if unit.is_root else (abs(value) / size, relative)
        if not unit.bits < room or not 1e-300 < wanted < 1e300:
            continue
        fraction = _convergent(wanted, tolerance * wanted, room - unit.bits)
        if fraction is not None:
            room = unit.bits + math.log2(fraction.numerator) + math.log2(fraction.denominator)
            best = unit.of(fraction, math.copysign(1.0, value))
    return best


def _convergent(value: float, error: float, most: float) -> Fraction | None:
    """The first convergent of `value` > 0 within `error`, None if it has `most` bits or more."""
    top, bottom = value.as_integer_ratio()
    (a, b), (c, d) = (1, 0), (0, 1)
    while bottom:
        whole, (top, bottom) = top // bottom, (bottom, top % bottom)
        (a, b), (c, d) = (whole * a + c, whole * b + d), (a, b)
        if a and math.log2(a) + math.log2(b) >= most:
            return None
        if a and abs(a / b - value) <= error:
            return Fraction(a, b)
    return None
