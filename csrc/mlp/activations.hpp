// The activations: value, first and second derivative of each, on one vector.
//
// To add one: a struct with `at(z, value, first, second)`, a name in
// builtin_activations (activation_registry.cpp), an entry of `enum class Activation` and of the table at the end of
// ../isa/table.hpp, and its value in double-double (extended_activations.hpp). What is unused is dropped by the
// compiler: ORDER says how many derivatives the caller wants.
//
// Polynomial coefficients: Chebyshev interpolation in 60-digit arithmetic on the stated interval, rounded to
// double; the stated error is relative to the function approximated.
#pragma once

#include <math.h>

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

struct Relu {
  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    value = max(set(0.0), z);
    first = select(less(set(0.0), z), set(1.0), set(0.0));
    second = set(0.0);
  }
};

// |z| = n ln(2)/2 + h, so that e^(2|z|) = 2^n (c + h)/(c - h) with c = h coth(h), an even function that needs few
// terms: c = 1 + t g(t), t = h^2, g of degree 4 on |h| <= ln(2)/4, error of c 3e-18. With s = 2^-n and w = c - h - 1,
//     tanh|z| = p / (p + 2 s (1 + w)),  p = (1 - s) (1 + w) + 2 h.
// 1 - s is exact, n = 0 leaves p = 2 h, which keeps the full relative precision of z, and for large n the rounding
// of p cancels in the quotient. At most 2.4 ulp, measured against 60 digits.
// With a fused multiply-add one constant is enough for ln(2)/2: its error of n * 1.2e-17 enters with weight 2^-n.
struct Tanh {
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
};

// With e = exp(-|z|) and d = 1 / (1 + e): sigmoid(|z|) = d, sigmoid(-|z|) = e d.
struct Sigmoid {
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
};

// Cody and Waite: z = k pi/2 + r. Beyond 2^20 the product k * pi_half_high is no longer exact, and the few such
// lanes go through the C library.
struct Sin {
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
};

struct Softplus {
  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V e = exp_nonpositive(bit_or(z, V(set(-0.0))));
    const V d = set(1.0) / (set(1.0) + e);
    const V ed = e * d;
    value = max(set(0.0), z) + log1p_unit(e);
    first = select(less(z, set(0.0)), ed, d);
    second = ed * d;
  }
};

struct Silu {
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
};

struct Square {
  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    value = z * z;
    first = z + z;
    second = set(2.0);
  }
};

// Polynomial composition activation of degree 3 (Zhuo et al. 2024) with its initial coefficients, all 1/3:
// (u + u^2 + u^3)/3, u = max(z, 0).
struct PolyRelu {
  template <class V>
  PML_INLINE void at(V z, V& value, V& first, V& second) {
    const V third = set(1.0 / 3.0);
    const V u = max(set(0.0), z);
    const V on = select(less(set(0.0), z), third, set(0.0));
    value = third * (u * fma(u, set(1.0) + u, set(1.0)));
    first = on * fma(u, fma(set(3.0), u, set(2.0)), set(1.0));
    second = on * fma(set(6.0), u, set(2.0));
  }
};

template <class Function, class V>
PML_INLINE void activate(const double* z, double* value, double* first, double* second) {
  V a, s1, s2;
  Function::at(load_as(z, V()), a, s1, s2);
  store(value, a);
  if (first) store(first, s1);
  if (second) store(second, s2);
}

template <class Function>
void activation_block(const double* z, double* value, double* first, double* second, size_t n) {
  constexpr size_t packed = width_of(Pack());
  size_t i = 0;
  if (second) {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, first + i, second + i);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, first + i, second + i);
  } else if (first) {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, first + i, nullptr);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, first + i, nullptr);
  } else {
    for (; i + packed <= n; i += packed) activate<Function, Pack>(z + i, value + i, nullptr, nullptr);
    for (; i < n; i += lanes) activate<Function, Vec>(z + i, value + i, nullptr, nullptr);
  }
}

}  // namespace
