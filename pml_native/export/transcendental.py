"""tanh, sin and what is made of exp, by the core's formulas: csrc/mlp/activations.hpp, which derives them.

The same bits as the core's where it has no fused multiply-add. Without branches but for sines beyond 2^20, loops over
them become vectors, whereas the functions of a C library are called one by one.
"""

from __future__ import annotations

import math
from math import copysign, fabs

from ..coefficients import *

HALF_LN2_HIGH, HALF_LN2_LOW = 0.5 * LN2_HIGH, 0.5 * LN2_LOW
FARTHEST = 2.0**20  # of the sines here


# The two functions that look at bits: what they mean; languages and `numba_function` have them in their own words.


def power_of_two(biased: float) -> float:
    """2^n for biased = n + EXPONENT_SHIFT, -1023 < n < 1024."""
    return math.ldexp(1.0, int(biased - EXPONENT_SHIFT))


def quarter(biased: float) -> int:
    """k modulo 4 for biased = k + ROUND_SHIFT."""
    return int(biased - ROUND_SHIFT) % 4


def tanh(z: float) -> float:
    size: float = fabs(z)
    x: float = 22.0 if size > 22.0 else size
    biased: float = EXPONENT_SHIFT - x * TWO_LOG2_E
    minus_n: float = biased - EXPONENT_SHIFT
    h: float = x + minus_n * HALF_LN2_HIGH + minus_n * HALF_LN2_LOW
    t: float = h * h
    g: float = (((T4 * t + T3) * t + T2) * t + T1) * t + T0
    w: float = g * t - h
    s: float = power_of_two(biased)
    u: float = 1.0 - s
    s2: float = s + s
    p: float = u * w + (u + (h + h))
    return copysign(p / (s2 + (s2 * w + p)), z)


def exp_nonpositive(z: float) -> float:
    """exp(z) for z <= 0."""
    y: float = -746.0 if z < -746.0 else z
    n: float = y * LOG2_E + ROUND_SHIFT - ROUND_SHIFT
    r: float = y - n * LN2_HIGH - n * LN2_LOW
    r2: float = r * r
    r4: float = r2 * r2
    q03: float = r2 * (r * Q3 + Q2) + (r * Q1 + Q0)
    q47: float = r2 * (r * Q7 + Q6) + (r * Q5 + Q4)
    q: float = r4 * (r4 * (r * Q9 + Q8) + q47) + q03
    half: float = n * 0.5 + EXPONENT_SHIFT
    rest: float = n - (half - EXPONENT_SHIFT) + EXPONENT_SHIFT
    return (1.0 + (r2 * q + r)) * power_of_two(half) * power_of_two(rest)


def log1p_unit(u: float) -> float:
    """log(1 + u) for 0 <= u <= 1."""
    t: float = u / (2.0 + u)
    t2: float = t * t
    g: float = ((((A10 * t2 + A9) * t2 + A8) * t2 + A7) * t2 + A6) * t2 + A5
    f: float = ((((g * t2 + A4) * t2 + A3) * t2 + A2) * t2 + A1) * t2 + A0
    return (t + t) * t2 * f + (t + t)


def sine_of_quarter_turns(z: float, quarters: int) -> float:
    """sin(z + quarters pi/2) for |z| up to FARTHEST."""
    biased: float = z * TWO_OVER_PI + ROUND_SHIFT
    k: float = biased - ROUND_SHIFT
    r: float = z - k * PI_HALF_HIGH - k * PI_HALF_MIDDLE - k * PI_HALF_LOW
    r2: float = r * r
    s: float = ((((S5 * r2 + S4) * r2 + S3) * r2 + S2) * r2 + S1) * r2 + S0
    c: float = ((((C5 * r2 + C4) * r2 + C3) * r2 + C2) * r2 + C1) * r2 + C0
    turns: int = (quarter(biased) + quarters) % 4
    sine: float = copysign(r * r2 * s + r, r)
    cosine: float = r2 * r2 * c + (r2 * -0.5 + 1.0)
    size: float = cosine if turns % 2 == 1 else sine
    return -size if turns >= 2 else size


def sin(z: float) -> float:
    if fabs(z) > FARTHEST:
        return math.sin(z)
    return sine_of_quarter_turns(z, 0)


def cos(z: float) -> float:
    if fabs(z) > FARTHEST:
        return math.cos(z)
    return sine_of_quarter_turns(z, 1)
