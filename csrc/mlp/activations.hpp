// The activations: name, value, first and second derivative, and the value in double-double, each on one vector.
//
// To add one: a struct with `name`, `at(z, value, first, second)` and `extended(z)`, and its place in the list at the
// end. What is unused is dropped by the compiler: `at` is asked for the value alone as well.
//
// Polynomial coefficients are found as in elementary.hpp.
//
// `extended` has a relative error below 2^-102 (2^-103.3 seen, tests/oracle/test_extended.py), as far as the low part
// stays in the range of a double: it ends at 2^-1074, so that below about 2^-968 the relative error grows. Beyond
// |z| = 2^20 the sine is that of float64, with an absolute error of about 2^-52. Where double-double arithmetic ends in
// an infinity or NaN, the caller takes the value of the high part in double, with low 0.
#pragma once

#include <math.h>

#include "../numeric/simd.hpp"
#include "elementary.hpp"
#include "extended_elementary.hpp"

namespace {

struct Relu {
  static constexpr const char* name = "relu";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    value = max(set(0.0), z);
    first = select(less(set(0.0), z), set(1.0), set(0.0));
    second = set(0.0);
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    return positive_part(z);
  }
};

// |z| = n ln(2)/2 + h, so that e^(2|z|) = 2^n (c + h)/(c - h) with c = h coth(h), an even function that needs few
// terms: c = 1 + t g(t), t = h^2, g of degree 4 on |h| <= ln(2)/4, error of c 3e-18. With s = 2^-n and w = c - h - 1,
//     tanh|z| = p / (p + 2 s (1 + w)),  p = (1 - s) (1 + w) + 2 h.
// 1 - s is exact, n = 0 leaves p = 2 h, which keeps the full relative precision of z, and for large n the rounding
// of p cancels in the quotient. At most 2.4 ulp, measured against 60 digits.
// With a fused multiply-add one constant is enough for ln(2)/2: its error of n * 1.2e-17 enters with weight 2^-n.
struct Tanh {
  static constexpr const char* name = "tanh";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V x = min(set(22.0), absolute(z));  // tanh(22) rounds to 1
    const V biased = fnma(x, set(0x1.71547652b82fep+1), set(exponent_shift));
    const V minus_n = biased - set(exponent_shift);
    const V h = fma_is_fused ? fma(minus_n, set(0x1.62e42fefa39efp-2), x)
                               : (x + minus_n * set(0.5 * ln2_high)) + minus_n * set(0.5 * ln2_low);
    const V t = h * h;
    V g = set(0x1.63f1d4c93e813p-16);
    g = fma(g, t, set(-0x1.bbd5311684979p-13));
    g = fma(g, t, set(0x1.1566ab5bcf6ecp-9));
    g = fma(g, t, set(-0x1.6c16c16c0ab48p-6));
    g = fma(g, t, set(0x1.5555555555553p-2));
    const V w = fms(g, t, h);
    const V s = power_of_two(biased);
    const V u = set(1.0) - s, s2 = s + s;
    const V p = fma(u, w, u + (h + h));
    const V magnitude = p / (s2 + fma(s2, w, p));
    value = with_sign_of(magnitude, z);
    first = fnma(magnitude, magnitude, set(1.0));
    second = set(-2.0) * value * first;
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    const V sign = sign_of(z.high);
    const DoubleDouble<V> limit = {V(set(40.0)), V(set(0.0))};  // 1 - tanh(40) = 2^-114
    const DoubleDouble<V> x = select(less(limit.high, absolute(z.high)), limit, with_flipped_sign(z, sign));
    const DoubleDouble<V> m = expm1_nonpositive(scaled(x, V(set(-2.0))));
    return with_flipped_sign(-m / (m + V(set(2.0))), sign);
  }
};

// With e = exp(-|z|) and d = 1 / (1 + e): sigmoid(|z|) = d, sigmoid(-|z|) = e d.
struct Sigmoid {
  static constexpr const char* name = "sigmoid";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V sign = sign_of(z);
    const V e = exp_nonpositive(bit_or(z, V(set(-0.0))));
    const V d = set(1.0) / (set(1.0) + e);
    const V ed = e * d;
    value = select(less(z, set(0.0)), ed, d);
    first = ed * d;
    second = bit_xor(first * ((e - set(1.0)) * d), sign);
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    const DoubleDouble<V> e = exp_of_minus_magnitude(z);
    const DoubleDouble<V> one = {V(set(1.0)), V(set(0.0))};
    return select(less(z.high, V(set(0.0))), e, one) / (e + one.high);
  }
};

// Cody and Waite: z = k pi/2 + r. Beyond 2^20 the product k * pi_half_high is no longer exact, and the few such
// lanes go through the C library.
struct Sin {
  static constexpr const char* name = "sin";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V biased = fma(z, set(0x1.45f306dc9c883p-1), set(round_shift));
    const V k = biased - set(round_shift);
    const V r = fma(k, set(-pi_half_low), fma(k, set(-pi_half_middle), fma(k, set(-pi_half_high), z)));
    const V r2 = r * r;
    V s = set(0x1.5e0a4fb47ace3p-33);  // (sin(r)/r - 1)/r^2 on |r| <= pi/4, error 2e-17
    s = fma(s, r2, set(-0x1.ae6008d0f0520p-26));
    s = fma(s, r2, set(0x1.71de37946eb45p-19));
    s = fma(s, r2, set(-0x1.a01a019e820acp-13));
    s = fma(s, r2, set(0x1.1111111110babp-7));
    s = fma(s, r2, set(-0x1.5555555555555p-3));
    const V sine = bit_or(fma(r * r2, s, r), sign_of(r));  // the sum alone would lose the sign of -0
    V c = set(-0x1.907cd8f26aa3fp-37);  // (cos(r) - 1 + r^2/2)/r^4 on |r| <= pi/4, error 1e-18
    c = fma(c, r2, set(0x1.1eeb67d014ecep-29));
    c = fma(c, r2, set(-0x1.27e4fa16cc1bcp-22));
    c = fma(c, r2, set(0x1.a01a019f4ddfdp-16));
    c = fma(c, r2, set(-0x1.6c16c16c16963p-10));
    c = fma(c, r2, set(0x1.5555555555555p-5));
    const V cosine = fma(r2 * r2, c, fma(r2, set(-0.5), set(1.0)));
    // Bit 0 of k swaps sine and cosine, bit 1 flips the sign.
    const auto odd = less(bit_or(sign_of(shift_left(biased, 63)), set(1.0)), set(0.0));
    value = bit_xor(select(odd, cosine, sine), sign_of(shift_left(biased, 62)));
    first = bit_xor(select(odd, sine, cosine), sign_of(shift_left(biased + set(1.0), 62)));
    if (any(less(V(set(0x1p20)), absolute(z)))) {
      constexpr size_t width = width_of(V());
      alignas(64) double zs[width], sines[width], cosines[width];
      store(zs, z);
      store(sines, value);
      store(cosines, first);
      for (size_t i = 0; i < width; ++i) {
        if (::fabs(zs[i]) > 0x1p20) {
          sines[i] = ::sin(zs[i]);
          cosines[i] = ::cos(zs[i]);
        }
      }
      value = load_as(sines, V());
      first = load_as(cosines, V());
    }
    second = -value;
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    const V sign = sign_of(z.high);
    const DoubleDouble<V> x = with_flipped_sign(z, sign);
    const V biased = fma(x.high, V(set(0x1.45f306dc9c883p-1)), V(set(round_shift)));
    const V k = biased - V(set(round_shift));
    DoubleDouble<V> r = two_sum(x.high, k * V(set(-pi_half_parts[0])));
    r = r + k * V(set(-pi_half_parts[1]));
    r = r + k * V(set(-pi_half_parts[2]));
    r = r + x.low;
    r = r + k * V(set(-pi_half_parts[3]));
    r = r + k * V(set(-pi_half_parts[4]));
    const DoubleDouble<V> t = -(r * r);
    const DoubleDouble<V> sine = r + (r * t) * factorial_series<3, 2, 15, 27>(t);
    const DoubleDouble<V> cosine = t * factorial_series<2, 2, 16, 28>(t) + V(set(1.0));
    // Bit 0 of k swaps sine and cosine, bit 1 flips the sign.
    const auto odd = less(bit_or(sign_of(shift_left(biased, 63)), V(set(1.0))), V(set(0.0)));
    const V flip = bit_xor(sign_of(shift_left(biased, 62)), sign);
    DoubleDouble<V> value = with_flipped_sign(select(odd, cosine, sine), flip);
    const auto far = less(V(set(0x1p20)), absolute(z.high));
    if (any(far)) {
      // sin(high + low); low itself can be large.
      V sine_high, cosine_high, sine_low, cosine_low, unused;
      Sin::at(z.high, sine_high, cosine_high, unused);
      Sin::at(z.low, sine_low, cosine_low, unused);
      const V sum = fma(sine_high, cosine_low, cosine_high * sine_low);
      value = select(far, DoubleDouble<V>{sum, V(set(0.0))}, value);
    }
    return value;
  }
};

struct Softplus {
  static constexpr const char* name = "softplus";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V e = exp_nonpositive(bit_or(z, V(set(-0.0))));
    const V d = set(1.0) / (set(1.0) + e);
    const V ed = e * d;
    value = max(set(0.0), z) + log1p_unit(e);
    first = select(less(z, set(0.0)), ed, d);
    second = ed * d;
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    return positive_part(z) + log1p_unit(exp_of_minus_magnitude(z));
  }
};

struct Silu {
  static constexpr const char* name = "silu";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    V sigmoid, slope, curvature;
    Sigmoid::at(z, sigmoid, slope, curvature);
    // Past +-1000 the sigmoid is 0 or 1 exactly; the bounds keep inf * 0 out of the derivatives.
    const V bounded = max(set(-1000.0), z);
    const V narrow = min(set(1000.0), bounded);
    value = bounded * sigmoid;
    first = fma(narrow, slope, sigmoid);
    second = fma(narrow, curvature, slope + slope);
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    return z * Sigmoid::extended(z);
  }
};

struct Square {
  static constexpr const char* name = "square";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    value = z * z;
    first = z + z;
    second = set(2.0);
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    return z * z;
  }
};

// Polynomial composition activation of degree 3 (Zhuo et al. 2024) with its initial coefficients, all 1/3:
// (u + u^2 + u^3)/3, u = max(z, 0).
struct PolyRelu {
  static constexpr const char* name = "polyrelu";

  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V third = set(1.0 / 3.0);
    const V u = max(set(0.0), z);
    const V on = select(less(set(0.0), z), third, set(0.0));
    value = third * (u * fma(u, set(1.0) + u, set(1.0)));
    first = on * fma(u, fma(set(3.0), u, set(2.0)), set(1.0));
    second = on * fma(set(6.0), u, set(2.0));
  }

  template <class V>
  PML_INLINE DoubleDouble<V> extended(const DoubleDouble<V>& z) {
    const DoubleDouble<V> u = positive_part(z);
    const V one = set(1.0);
    const DoubleDouble<V> third = {V(set(0x1.5555555555555p-2)), V(set(0x1.5555555555555p-56))};
    return (u * (u * (u + one) + one)) * third;
  }
};

template <template <class...> class List>
using ListOfActivations = List<Relu, Tanh, Sigmoid, Sin, Softplus, Silu, Square, PolyRelu>;

}  // namespace
