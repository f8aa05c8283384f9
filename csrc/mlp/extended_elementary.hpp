// Exponential, logarithm, and the series of sine and cosine in double-double, as the activations need them.
#pragma once

#include "../numeric/double_double.hpp"
#include "elementary.hpp"

namespace {

struct Coefficient {
  double high, low;
};

// 1/k!, k = 0..28.
constexpr Coefficient inverse_factorial[] = {
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.0000000000000p-1, 0x0.0p+0},
    {0x1.5555555555555p-3, 0x1.5555555555555p-57},
    {0x1.5555555555555p-5, 0x1.5555555555555p-59},
    {0x1.1111111111111p-7, 0x1.1111111111111p-63},
    {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65},
    {0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-73},
    {0x1.a01a01a01a01ap-16, 0x1.a01a01a01a01ap-76},
    {0x1.71de3a556c734p-19, -0x1.c154f8ddc6c00p-73},
    {0x1.27e4fb7789f5cp-22, 0x1.cbbc05b4fa99ap-76},
    {0x1.ae64567f544e4p-26, -0x1.c062e06d1f209p-80},
    {0x1.1eed8eff8d898p-29, -0x1.2aec959e14c06p-83},
    {0x1.6124613a86d09p-33, 0x1.f28e0cc748ebep-87},
    {0x1.93974a8c07c9dp-37, 0x1.05d6f8a2efd1fp-92},
    {0x1.ae7f3e733b81fp-41, 0x1.1d8656b0ee8cbp-97},
    {0x1.ae7f3e733b81fp-45, 0x1.1d8656b0ee8cbp-101},
    {0x1.952c77030ad4ap-49, 0x1.ac981465ddc6cp-103},
    {0x1.6827863b97d97p-53, 0x1.eec01221a8b0bp-107},
    {0x1.2f49b46814157p-57, 0x1.2650f61dbdcb4p-112},
    {0x1.e542ba4020225p-62, 0x1.ea72b4afe3c2fp-120},
    {0x1.71b8ef6dcf572p-66, -0x1.d043ae40c4647p-120},
    {0x1.0ce396db7f853p-70, -0x1.aebcdbd20331cp-124},
    {0x1.761b41316381ap-75, -0x1.3423c7d91404fp-130},
    {0x1.f2cf01972f578p-80, -0x1.9ada5fcc1ab14p-135},
    {0x1.3f3ccdd165fa9p-84, -0x1.58ddadf344487p-139},
    {0x1.88e85fc6a4e5ap-89, -0x1.71c37ebd16540p-143},
    {0x1.d1ab1c2dccea3p-94, 0x1.054d0c78aea14p-149},
    {0x1.0a18a2635085dp-98, 0x1.b9e2e28e1aa54p-153},
};

// ln(2) in 42 + 42 + 53 bits: times |n| < 2^11, the first two products are exact.
constexpr double ln2_parts[] = {0x1.62e42fefa3800p-1, 0x1.ef35793c76000p-45, 0x1.cc01f97b57a08p-87};
// pi/2 in 4 * 32 + 53 bits: times |k| < 2^20, the first four products are exact.
constexpr double pi_half_parts[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69,
                                    0x1.b839a25200000p-104, 0x1.27044533e63a0p-142};

// sum over i of t^i / (FIRST + i STEP)!, up to LAST!. Terms after LAST_EXTENDED are so small that double is enough.
// |t| < 1, so that every coefficient is larger than what follows it, as quick_two_sum wants; the sum is normalised at
// the end only.
template <size_t FIRST, size_t STEP, size_t LAST_EXTENDED, size_t LAST, class V>
PML_INLINE DoubleDouble<V> factorial_series(const DoubleDouble<V>& t) {
  DoubleDouble<V> sum = {V(set(inverse_factorial[LAST].high)), V(set(0.0))};
  PML_UNROLL
  for (size_t k = LAST - STEP; k > LAST_EXTENDED; k -= STEP) {
    sum.high = fma(sum.high, t.high, V(set(inverse_factorial[k].high)));
  }
  PML_UNROLL
  for (size_t k = LAST_EXTENDED; k + STEP > FIRST; k -= STEP) {
    const DoubleDouble<V> p = two_product(sum.high, t.high);
    const DoubleDouble<V> s = quick_two_sum(V(set(inverse_factorial[k].high)), p.high);
    const V rest = fma(sum.low, t.high, fma(sum.high, t.low, p.low));
    sum = {s.high, s.low + (rest + V(set(inverse_factorial[k].low)))};
  }
  return quick_two_sum(sum.high, sum.low);
}

// exp(z) = 2^n (1 + p), n an integer as n + exponent_shift, for -746 <= z.high <= 0. p = exp(r) - 1, |r| <= ln(2)/2,
// keeps the relative precision of z where n = 0. Terms to r^22/22!: the next is 2^-108 of r; those in double,
// from r^14/14!, are together 2^-56 of r.
template <class V>
PML_INLINE DoubleDouble<V> reduced_expm1(const DoubleDouble<V>& z, V& biased) {
  biased = fma(z.high, V(set(log2_e)), V(set(exponent_shift)));
  const V n = biased - V(set(exponent_shift));
  DoubleDouble<V> r = two_sum(z.high, n * V(set(-ln2_parts[0])));
  r = r + n * V(set(-ln2_parts[1]));
  r = r + z.low;
  r = r + n * V(set(-ln2_parts[2]));
  return r + (r * r) * factorial_series<2, 1, 13, 22>(r);
}

// exp(z) for z <= 0.
template <class V>
PML_INLINE DoubleDouble<V> exp_nonpositive(const DoubleDouble<V>& z) {
  const auto tiny = less(z.high, V(set(-746.0)));  // exp(-746) rounds to 0
  const DoubleDouble<V> bounded = select(tiny, DoubleDouble<V>{V(set(-746.0)), V(set(0.0))}, z);
  V biased;
  const DoubleDouble<V> mantissa = reduced_expm1(bounded, biased) + V(set(1.0));
  // 2^n in two factors: 2^n alone would leave the exponent range at the subnormals.
  const V n = biased - V(set(exponent_shift));
  const V half_biased = fma(n, V(set(0.5)), V(set(exponent_shift)));
  const V rest_biased = (n - (half_biased - V(set(exponent_shift)))) + V(set(exponent_shift));
  return scaled(scaled(mantissa, power_of_two(half_biased)), power_of_two(rest_biased));
}

// exp(z) - 1 for -80 <= z <= 0: 2^n p + (2^n - 1).
template <class V>
PML_INLINE DoubleDouble<V> expm1_nonpositive(const DoubleDouble<V>& z) {
  V biased;
  const DoubleDouble<V> p = reduced_expm1(z, biased);
  const V s = power_of_two(biased);
  return quick_two_sum(V(set(-1.0)), s) + scaled(p, s);
}

// log(1 + u) for 0 <= u <= 1. With y = log(1 + u) in double and m = exp(-y) - 1, the rest is
//     log((1 + u) exp(-y)) = log(1 + d),  d = u + m + u m,  |d| < 2^-51 y,  so that d - d^2/2 is enough of it.
template <class V>
PML_INLINE DoubleDouble<V> log1p_unit(const DoubleDouble<V>& u) {
  const V y = log1p_unit(u.high);
  const DoubleDouble<V> m = expm1_nonpositive(DoubleDouble<V>{-y, V(set(0.0))});
  const V d = ((u + m) + u * m).high;
  return quick_two_sum(y, fnma(V(set(0.5)) * d, d, d));
}

// exp(-|z|).
template <class V>
PML_INLINE DoubleDouble<V> exp_of_minus_magnitude(const DoubleDouble<V>& z) {
  return exp_nonpositive(with_flipped_sign(z, bit_xor(sign_of(z.high), V(set(-0.0)))));
}

template <class V>
PML_INLINE DoubleDouble<V> positive_part(const DoubleDouble<V>& z) {
  const V zero = set(0.0);
  return {max(zero, z.high), select(less(zero, z.high), z.low, zero)};
}

}  // namespace
