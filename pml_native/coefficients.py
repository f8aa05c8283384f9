"""Constants of the elementary functions, as csrc/mlp/activations.hpp has and derives them."""

from __future__ import annotations

_hex = float.fromhex
LOG2_E = _hex("0x1.71547652b82fep+0")
LN2_HIGH = _hex("0x1.62e42fee00000p-1")  # 32 bits: n LN2_HIGH is exact for |n| < 2^21
LN2_LOW = _hex("0x1.a39ef35793c76p-33")
PI_HALF_HIGH = _hex("0x1.921fb54400000p+0")  # 32 + 32 + 53 bits
PI_HALF_MIDDLE = _hex("0x1.0b4611a600000p-34")
PI_HALF_LOW = _hex("0x1.3198a2e037073p-69")
ROUND_SHIFT = 1.5 * 2.0**52  # adding it rounds |v| < 2^51 to an integer, and leaves that in the low bits
EXPONENT_SHIFT = ROUND_SHIFT + 1023.0  # the low bits are then the exponent field of 2^v

# exp(r) - 1 for |r| <= ln(2)/2: r + r^2 q(r), q of degree 9.
Q0, Q1 = _hex("0x1.0000000000001p-1"), _hex("0x1.5555555555556p-3")
Q2, Q3 = _hex("0x1.5555555553d4fp-5"), _hex("0x1.11111111109adp-7")
Q4, Q5 = _hex("0x1.6c16c17893833p-10"), _hex("0x1.a01a01a7c8d47p-13")
Q6, Q7 = _hex("0x1.a019b8ef67c6cp-16"), _hex("0x1.71de0d9c145d0p-19")
Q8, Q9 = _hex("0x1.2891a8c1d838dp-22"), _hex("0x1.af38d53857513p-26")
# exp(2h) - 1, of which tanh is made.
T4, T3 = _hex("0x1.63f1d4c93e813p-16"), _hex("-0x1.bbd5311684979p-13")
T2, T1, T0 = _hex("0x1.1566ab5bcf6ecp-9"), _hex("-0x1.6c16c16c0ab48p-6"), _hex("0x1.5555555555553p-2")
TWO_LOG2_E = _hex("0x1.71547652b82fep+1")
# log(1 + u) for 0 <= u <= 1, by atanh.
A10, A9, A8 = _hex("0x1.401d3e65cdc48p-4"), _hex("0x1.32e0d25c9c761p-5"), _hex("0x1.bc37f0140c19ep-5")
A7, A6, A5 = _hex("0x1.e0a2d581ab68fp-5"), _hex("0x1.111abdc8abe16p-4"), _hex("0x1.3b13515f6f9efp-4")
A4, A3, A2 = _hex("0x1.745d19937b1fcp-4"), _hex("0x1.c71c71bedea97p-4"), _hex("0x1.2492492499d46p-3")
A1, A0 = _hex("0x1.9999999999944p-3"), _hex("0x1.5555555555555p-2")
# Sine and cosine for |r| <= pi/4.
S5, S4, S3 = _hex("0x1.5e0a4fb47ace3p-33"), _hex("-0x1.ae6008d0f0520p-26"), _hex("0x1.71de37946eb45p-19")
S2, S1, S0 = _hex("-0x1.a01a019e820acp-13"), _hex("0x1.1111111110babp-7"), _hex("-0x1.5555555555555p-3")
C5, C4, C3 = _hex("-0x1.907cd8f26aa3fp-37"), _hex("0x1.1eeb67d014ecep-29"), _hex("-0x1.27e4fa16cc1bcp-22")
C2, C1, C0 = _hex("0x1.a01a019f4ddfdp-16"), _hex("-0x1.6c16c16c16963p-10"), _hex("0x1.5555555555555p-5")
TWO_OVER_PI = _hex("0x1.45f306dc9c883p-1")
