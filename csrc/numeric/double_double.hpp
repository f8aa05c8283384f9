// Double-double arithmetic: a number as the unevaluated sum of two doubles, about 106 bits, on one vector or several.
//
// A value is normalised: high = round(high + low), so |low| <= ulp(high)/2. With u = 2^-53 and as long as nothing
// leaves the exponent range (products need |a b| > 2^-969, so that their error is a double too), the relative errors
// are (Joldes, Muller, Popescu 2017, "Tight and rigorous error bounds for basic building blocks of double-word
// arithmetic")
//   a + b  3 u^2,   a * b  5 u^2 (7 u^2 without a fused multiply-add),   a / b  10 u^2 or less.
// Infinities, NaN and overflow end in a high part that is not finite, which is the caller's to deal with. Without a
// fused multiply-add, factors beyond 2^996 overflow in `split`, too.
//
// Included ONLY by the files in isa/, through simd.hpp, whose rules hold here.
#pragma once

#include "simd.hpp"

namespace {

template <class V>
struct DoubleDouble {
  V high, low;
};

// a + b exactly, for |a| >= |b| or a = 0 (Dekker).
template <class V>
PML_INLINE DoubleDouble<V> quick_two_sum(const V& a, const V& b) {
  const V high = a + b;
  return {high, b - (high - a)};
}

// a + b exactly (Knuth).
template <class V>
PML_INLINE DoubleDouble<V> two_sum(const V& a, const V& b) {
  const V high = a + b;
  const V b_seen = high - a;
  return {high, (a - (high - b_seen)) + (b - b_seen)};
}

// a as two halves of 26 bits (Veltkamp).
template <class V>
PML_INLINE DoubleDouble<V> split(const V& a) {
  const V stretched = V(set(134217729.0)) * a;  // 2^27 + 1
  const V high = stretched - (stretched - a);
  return {high, a - high};
}

// a * b exactly.
template <class V>
PML_INLINE DoubleDouble<V> two_product(const V& a, const V& b) {
  const V high = a * b;
  if (fma_is_fused) return {high, fms(a, b, high)};
  const DoubleDouble<V> p = split(a), q = split(b);
  return {high, ((p.high * q.high - high) + p.high * q.low + p.low * q.high) + p.low * q.low};
}

template <class V>
PML_INLINE DoubleDouble<V> operator+(const DoubleDouble<V>& a, const V& b) {
  const DoubleDouble<V> s = two_sum(a.high, b);
  return quick_two_sum(s.high, s.low + a.low);
}

template <class V>
PML_INLINE DoubleDouble<V> operator+(const DoubleDouble<V>& a, const DoubleDouble<V>& b) {
  const DoubleDouble<V> s = two_sum(a.high, b.high), t = two_sum(a.low, b.low);
  const DoubleDouble<V> v = quick_two_sum(s.high, s.low + t.high);
  return quick_two_sum(v.high, v.low + t.low);
}

template <class V>
PML_INLINE DoubleDouble<V> operator-(const DoubleDouble<V>& a) {
  return {-a.high, -a.low};
}

template <class V>
PML_INLINE DoubleDouble<V> operator*(const DoubleDouble<V>& a, const DoubleDouble<V>& b) {
  const DoubleDouble<V> p = two_product(a.high, b.high);
  return quick_two_sum(p.high, p.low + fma(a.high, b.low, a.low * b.high));
}

// The quotient in double, and what it leaves of a, divided again.
template <class V>
PML_INLINE DoubleDouble<V> operator/(const DoubleDouble<V>& a, const DoubleDouble<V>& b) {
  const V q = a.high / b.high;
  const DoubleDouble<V> p = two_product(q, b.high);
  const V rest = ((a.high - p.high) - p.low) + fnma(q, b.low, a.low);
  return quick_two_sum(q, rest / b.high);
}

// a * s for s a power of two.
template <class V>
PML_INLINE DoubleDouble<V> scaled(const DoubleDouble<V>& a, const V& s) {
  return {a.high * s, a.low * s};
}

template <class V, class M>
PML_INLINE DoubleDouble<V> select(const M& m, const DoubleDouble<V>& yes, const DoubleDouble<V>& no) {
  return {select(m, yes.high, no.high), select(m, yes.low, no.low)};
}

// a where `negative` has its sign bit clear, else -a. `negative` is 0 or -0.
template <class V>
PML_INLINE DoubleDouble<V> with_flipped_sign(const DoubleDouble<V>& a, const V& negative) {
  return {bit_xor(a.high, negative), bit_xor(a.low, negative)};
}

// 0 where a is finite, 1 where it is infinite or NaN.
template <class V>
PML_INLINE V not_finite(const V& a) {
  return select(less(absolute(a), V(set(INFINITY))), V(set(0.0)), V(set(1.0)));
}

}  // namespace
