#include "extended.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace pml {
namespace {

struct Extended {
  double high, low;
};

Extended quick_two_sum(double a, double b) {  // |a| >= |b| or a = 0
  const double high = a + b;
  return {high, b - (high - a)};
}

Extended two_sum(double a, double b) {
  const double high = a + b;
  const double b_seen = high - a;
  return {high, (a - (high - b_seen)) + (b - b_seen)};
}

Extended sum(Extended a, Extended b) {
  const Extended s = two_sum(a.high, b.high), t = two_sum(a.low, b.low);
  const Extended v = quick_two_sum(s.high, s.low + t.high);
  return quick_two_sum(v.high, v.low + t.low);
}

Extended product(Extended a, double b) {
  const double high = a.high * b;
  return quick_two_sum(high, std::fma(a.low, b, std::fma(a.high, b, -high)));
}

Extended quotient(Extended a, double b) {
  const double high = a.high / b;
  const double rest = std::fma(-high, b, a.high) + a.low;
  return quick_two_sum(high, rest / b);
}

void put(Extended value, double plain, double* high, double* low) {
  const bool finite = std::isfinite(value.high);
  *high = finite ? value.high : plain;
  *low = finite ? value.low : 0.0;
}

// a + b rounded to odd: where the sum is inexact, of the two doubles around it the one whose last bit is 1.
double odd_sum(double a, double b) {
  Extended s = two_sum(a, b);
  std::uint64_t bits;
  std::memcpy(&bits, &s.high, sizeof bits);
  if (s.low != 0.0 && (bits & 1) == 0) {
    bits += (s.low > 0.0) == (s.high > 0.0) ? 1 : std::uint64_t{0} - 1;
    std::memcpy(&s.high, &bits, sizeof bits);
  }
  return s.high;
}

}  // namespace

void extended_normalize(const double* v, const int* exponent, const double* shift, const double* scale, std::size_t n,
                        std::size_t k, double* high, double* low) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < k; ++j, ++v, ++high, ++low) {
      const double scaled = std::ldexp(*v, -exponent[j]);
      const double divisor = scale[j] == 0.0 ? INFINITY : scale[j];
      put(quotient(two_sum(scaled, -shift[j]), divisor), (scaled - shift[j]) / divisor, high, low);
    }
  }
}

void extended_invert(const double* z_high, const double* z_low, const int* exponent, const double* shift,
                     const double* scale, std::size_t n, std::size_t k, double* high, double* low) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < k; ++j, ++z_high, ++z_low, ++high, ++low) {
      const double plain = std::ldexp(*z_high * scale[j] + shift[j], exponent[j]);
      const Extended value = sum(product({*z_high, *z_low}, scale[j]), {shift[j], 0.0});
      put({std::ldexp(value.high, exponent[j]), std::ldexp(value.low, exponent[j])}, plain, high, low);
    }
  }
}

void extended_accumulate(const double* a_high, const double* a_low, double factor, const double* b_high,
                         const double* b_low, std::size_t n, double* high, double* low) {
  for (std::size_t i = 0; i < n; ++i) {
    const double plain = a_high[i] + factor * b_high[i];
    put(sum({a_high[i], a_low[i]}, product({b_high[i], b_low[i]}, factor)), plain, high + i, low + i);
  }
}

// Boldo and Melquiond 2008, "Emulation of a FMA and correctly rounded sums": y - high - low is head + middle + tail,
// and rounding middle + tail to odd keeps the last rounding from being a second one.
void extended_residual(const double* y, const double* high, const double* low, std::size_t n, double* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const Extended last = two_sum(-high[i], -low[i]);
    const Extended first = two_sum(y[i], last.high);
    const double exact = first.high + odd_sum(first.low, last.low);
    out[i] = std::isfinite(exact) ? exact : (y[i] - high[i]) - low[i];
  }
}

}  // namespace pml
