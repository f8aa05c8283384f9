"""exp, expm1, log, log1p, sqrt, tanh, sin, cos and fma, which loops over activations of your own run in vectors.

    from pml_native.elementary import exp
    pml_native.register_activation("gaussian", lambda z: exp(-z * z), ...)

The functions of `math` work there as well, but are called for one number after another, which takes up to ten times as
long. These have no branches and hold for every float64 (sin and cos: below 2^30). The largest errors seen against 60
digits, in units of the last place, are 1.1 for exp, 2.2 for expm1, 0.8 for log and log1p, 2.4 for tanh, 2.2 for sin and
cos. Each takes and returns one float; outside of compiled functions, calling them costs more than calling `math`.

Polynomials, constants and their errors: csrc/mlp/activations.hpp; for the logarithms fdlibm (Sun Microsystems 1993),
e_log.c and s_log1p.c.
"""

from __future__ import annotations

import math
from typing import Any

from .coefficients import *
from .jit import intrinsic, ir, jit, types

__all__ = ["cos", "exp", "expm1", "fma", "log", "log1p", "sin", "sqrt", "tanh"]

DOUBLE = ir.DoubleType()
INTEGER = ir.IntType(64)


@intrinsic
def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(DOUBLE, [DOUBLE] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd", [DOUBLE], kind), arguments)

    return types.float64(types.float64, types.float64, types.float64), code


@intrinsic
def _sqrt(typing_context: Any, a: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [DOUBLE]), arguments)

    return types.float64(types.float64), code


@intrinsic
def _bits(typing_context: Any, a: Any) -> Any:
    return types.int64(types.float64), lambda _, builder, __, arguments: builder.bitcast(arguments[0], INTEGER)


@intrinsic
def _from_bits(typing_context: Any, a: Any) -> Any:
    return types.float64(types.int64), lambda _, builder, __, arguments: builder.bitcast(arguments[0], DOUBLE)


@jit
def fma(a: float, b: float, c: float) -> float:
    """a * b + c, rounded once where the machine can (else twice)."""
    return _fma(a, b, c)  # type: ignore[no-any-return]


@jit
def sqrt(z: float) -> float:
    """Correctly rounded; NaN for z < 0."""
    return _sqrt(z)  # type: ignore[no-any-return]


@jit
def power_of_two(biased: float) -> float:
    """2^n for biased = n + EXPONENT_SHIFT, -1023 < n < 1024."""
    return _from_bits(_bits(biased) << 52)  # type: ignore[no-any-return]


@jit
def quarter(biased: float) -> int:
    """k modulo 4 for biased = k + ROUND_SHIFT."""
    return _bits(biased) & 3  # type: ignore[no-any-return]


@jit
def _expm1_reduced(r: float) -> float:
    r2 = r * r
    r4 = r2 * r2
    q03 = _fma(r2, _fma(r, Q3, Q2), _fma(r, Q1, Q0))
    q47 = _fma(r2, _fma(r, Q7, Q6), _fma(r, Q5, Q4))
    return _fma(r2, _fma(r4, _fma(r4, _fma(r, Q9, Q8), q47), q03), r)  # type: ignore[no-any-return]


@jit
def exp(z: float) -> float:
    y = 1000.0 if z > 1000.0 else z  # exp(1000) is infinite, exp(-1000) is 0
    y = -1000.0 if y < -1000.0 else y
    n = _fma(y, LOG2_E, ROUND_SHIFT) - ROUND_SHIFT
    r = _fma(n, -LN2_LOW, _fma(n, -LN2_HIGH, y))
    # 2^n in two factors: 2^n alone would leave the exponent range.
    half = _fma(n, 0.5, EXPONENT_SHIFT)
    rest = (n - (half - EXPONENT_SHIFT)) + EXPONENT_SHIFT
    return (1.0 + _expm1_reduced(r)) * power_of_two(half) * power_of_two(rest)


# 2^n (1 + p) - 1 = 2^n (p + (1 - 2^-n)), which is p for n = 0.
@jit
def expm1(z: float) -> float:
    y = 1000.0 if z > 1000.0 else z
    y = -50.0 if y < -50.0 else y  # expm1(-50) rounds to -1
    n = _fma(y, LOG2_E, ROUND_SHIFT) - ROUND_SHIFT
    p = _expm1_reduced(_fma(n, -LN2_LOW, _fma(n, -LN2_HIGH, y)))
    inverse = power_of_two((-1022.0 if n > 1022.0 else -n) + EXPONENT_SHIFT)
    half = _fma(n, 0.5, EXPONENT_SHIFT)
    rest = (n - (half - EXPONENT_SHIFT)) + EXPONENT_SHIFT
    value = (p + (1.0 - inverse)) * power_of_two(half) * power_of_two(rest)
    return math.copysign(value, z)


# log(2^k (1 + f)) = k ln(2) + f - f^2/2 + s (f^2/2 + R), s = f / (2 + f), R = s^2 (L1 + L2 s^2 + ...), with
# sqrt(1/2) < 1 + f < sqrt(2).
L1, L2, L3, L4 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01
L5, L6, L7 = 1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01
ONE_BITS = 0x3FF0000000000000
SQRT_HALF_BITS = 0x3FE6A09E00000000
MANTISSA = 0x000FFFFFFFFFFFFF
ROUND_SHIFT_BITS = 0x4338000000000000


@jit
def _log_of_sum(y: float, c: float, shift: float) -> float:
    """log(y + c) + shift ln(2) for normal y > 0 and c at most half its last place, or y = 1 + z, c = z - (y - 1)."""
    bits = _bits(y) + (ONE_BITS - SQRT_HALF_BITS)
    exponent = bits >> 52  # k + 1023
    # A conversion of integers is no vector operation on AVX2; these bits in the low end of ROUND_SHIFT are.
    k = _from_bits(exponent + ROUND_SHIFT_BITS) - (ROUND_SHIFT + 1023.0) + shift
    # For k = 0 this is c + (y - 1) = z without rounding.
    f = (_from_bits((bits & MANTISSA) + SQRT_HALF_BITS) - 1.0) + c * _from_bits((2046 - exponent) << 52)
    s = f / (2.0 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * _fma(s4, _fma(s4, _fma(s4, L7, L5), L3), L1)
    even = s4 * _fma(s4, _fma(s4, L6, L4), L2)
    square = 0.5 * f * f
    return k * LN2_HIGH - ((square - _fma(s, square + (odd + even), k * LN2_LOW)) - f)  # type: ignore[no-any-return]


@jit
def log(z: float) -> float:
    small = z < 2.0**-1022
    value = _log_of_sum(z * 2.0**54 if small else z, 0.0, -54.0 if small else 0.0)
    value = value if z < math.inf else z  # inf and NaN as they are
    value = value if z != 0.0 else -math.inf
    return math.nan if z < 0.0 else value


@jit
def log1p(z: float) -> float:
    y = 1.0 + z
    c = z - (y - 1.0) if z < 1.0 else 1.0 - (y - z)  # what rounding took from y
    value = _log_of_sum(y, c, 0.0)
    value = value if z < math.inf else z
    value = value if z != -1.0 else -math.inf
    value = math.nan if z < -1.0 else value
    return z if abs(z) < 2.0**-54 else value


# The derivation stands beside `struct Tanh` in csrc/mlp/activations.hpp.
@jit
def tanh(z: float) -> float:
    x = abs(z)
    x = 22.0 if x > 22.0 else x  # tanh(22) rounds to 1
    biased = _fma(-x, TWO_LOG2_E, EXPONENT_SHIFT)
    minus_n = biased - EXPONENT_SHIFT
    h = _fma(minus_n, 0.5 * LN2_LOW, _fma(minus_n, 0.5 * LN2_HIGH, x))
    t = h * h
    g = _fma(_fma(_fma(_fma(T4, t, T3), t, T2), t, T1), t, T0)
    w = _fma(g, t, -h)
    s = power_of_two(biased)
    u = 1.0 - s
    p = _fma(u, w, u + (h + h))
    return math.copysign(p / ((s + s) + _fma(s + s, w, p)), z)


FARTHEST = 2.0**30  # with a fused multiply-add r is exact enough up to here, without up to 2^20


@jit
def _sin_of_quarter_turns(z: float, quarters: int) -> float:
    """sin(z + quarters pi/2). z = k pi/2 + r; bit 0 of k swaps sine and cosine, bit 1 flips the sign."""
    biased = _fma(z, TWO_OVER_PI, ROUND_SHIFT)
    k = biased - ROUND_SHIFT
    r = _fma(k, -PI_HALF_LOW, _fma(k, -PI_HALF_MIDDLE, _fma(k, -PI_HALF_HIGH, z)))
    r2 = r * r
    s = _fma(_fma(_fma(_fma(_fma(S5, r2, S4), r2, S3), r2, S2), r2, S1), r2, S0)
    c = _fma(_fma(_fma(_fma(_fma(C5, r2, C4), r2, C3), r2, C2), r2, C1), r2, C0)
    sine = math.copysign(_fma(r * r2, s, r), r)  # the sum alone would lose the sign of -0
    cosine = _fma(r2 * r2, c, _fma(r2, -0.5, 1.0))
    turns = _bits(biased) + quarters
    value = cosine if (turns & 1) != 0 else sine
    value = _from_bits(_bits(value) ^ ((turns & 2) << 62))
    return value if abs(z) < FARTHEST else math.nan


@jit
def sin(z: float) -> float:
    """Within 2.4 ulp for |z| <= 2^20; NaN for |z| >= 2^30, where reducing the angle would need a branch."""
    return _sin_of_quarter_turns(z, 0)


@jit
def cos(z: float) -> float:
    """As sin."""
    return _sin_of_quarter_turns(z, 1)
