// Exponential and logarithm on one vector, as the activations need them.
//
// Polynomial coefficients: Chebyshev interpolation in 60-digit arithmetic on the stated interval, rounded to
// double; the stated error is relative to the function approximated.
#pragma once

#include "../numeric/simd.hpp"

namespace {

constexpr double log2_e = 0x1.71547652b82fep+0;
constexpr double ln2_high = 0x1.62e42fee00000p-1;  // 32 bits, so that n * ln2_high is exact for |n| < 2^21
constexpr double ln2_low = 0x1.a39ef35793c76p-33;
constexpr double pi_half_high = 0x1.921fb54400000p+0;  // 32 + 32 + 53 bits
constexpr double pi_half_middle = 0x1.0b4611a600000p-34;
constexpr double pi_half_low = 0x1.3198a2e037073p-69;

// exp(r) - 1 for |r| <= ln(2)/2, relative error 4e-17 before rounding: r + r^2 q(r), q of degree 9.
template <class V>
PML_INLINE V expm1_reduced(V r) {
  const V r2 = r * r;
  const V r4 = r2 * r2;
  const V q01 = fma(r, set(0x1.5555555555556p-3), set(0x1.0000000000001p-1));
  const V q23 = fma(r, set(0x1.11111111109adp-7), set(0x1.5555555553d4fp-5));
  const V q45 = fma(r, set(0x1.a01a01a7c8d47p-13), set(0x1.6c16c17893833p-10));
  const V q67 = fma(r, set(0x1.71de0d9c145d0p-19), set(0x1.a019b8ef67c6cp-16));
  const V q89 = fma(r, set(0x1.af38d53857513p-26), set(0x1.2891a8c1d838dp-22));
  const V q03 = fma(r2, q23, q01);
  const V q47 = fma(r2, q67, q45);
  return fma(r2, fma(r4, fma(r4, q89, q47), q03), r);
}

// exp(z) for z <= 0, within 1 ulp down to the subnormals.
template <class V>
PML_INLINE V exp_nonpositive(V z) {
  const V y = max(set(-746.0), z);  // exp(-746) rounds to 0
  const V n = fma(y, set(log2_e), set(round_shift)) - set(round_shift);
  const V r = fma(n, set(-ln2_low), fma(n, set(-ln2_high), y));
  const V mantissa = set(1.0) + expm1_reduced(r);
  // 2^n in two factors: 2^n alone would leave the exponent range at the subnormals.
  const V half_biased = fma(n, set(0.5), set(exponent_shift));
  const V rest_biased = (n - (half_biased - set(exponent_shift))) + set(exponent_shift);
  return mantissa * power_of_two(half_biased) * power_of_two(rest_biased);
}

// log(1 + u) for 0 <= u <= 1: 2 atanh(t), t = u / (2 + u) <= 1/3; t + t^3 g(t^2), g of degree 10, error 2e-18.
template <class V>
PML_INLINE V log1p_unit(V u) {
  const V t = u / (set(2.0) + u);
  const V t2 = t * t;
  V g = set(0x1.401d3e65cdc48p-4);
  g = fma(g, t2, set(0x1.32e0d25c9c761p-5));
  g = fma(g, t2, set(0x1.bc37f0140c19ep-5));
  g = fma(g, t2, set(0x1.e0a2d581ab68fp-5));
  g = fma(g, t2, set(0x1.111abdc8abe16p-4));
  g = fma(g, t2, set(0x1.3b13515f6f9efp-4));
  g = fma(g, t2, set(0x1.745d19937b1fcp-4));
  g = fma(g, t2, set(0x1.c71c71bedea97p-4));
  g = fma(g, t2, set(0x1.2492492499d46p-3));
  g = fma(g, t2, set(0x1.9999999999944p-3));
  g = fma(g, t2, set(0x1.5555555555555p-2));
  const V twice = t + t;
  return fma(twice * t2, g, twice);
}

}  // namespace
