#include "transforms.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "text.hpp"
#include "threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 4096;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Domains end where the transformed value or a derivative would be infinite, or have lost digits to underflow.
struct Identity {
  static double forward(double v) { return v; }
  static double inverse(double t) { return t; }
  static double forward_derivative(double) { return 1.0; }
  static double inverse_derivative(double) { return 1.0; }
};
struct Log {
  static double forward(double v) { return v > 0.0 && v < HUGE_VAL ? std::log(v) : nan; }
  static double inverse(double t) { return std::exp(t); }
  static double forward_derivative(double v) { return 1.0 / v; }
  static double inverse_derivative(double t) { return std::exp(t); }
};
struct Reciprocal {
  static double forward(double v) { return std::fabs(v) >= 0x1p-1022 && std::fabs(v) <= 0x1p1022 ? 1.0 / v : nan; }
  static double inverse(double t) { return 1.0 / t; }
  static double forward_derivative(double v) { return -((1.0 / v) * (1.0 / v)); }
  static double inverse_derivative(double t) { return -((1.0 / t) * (1.0 / t)); }
};
struct Square {
  static double forward(double v) { return v == 0.0 || (v >= 0x1p-511 && v < 0x1p512) ? v * v : nan; }
  static double inverse(double t) { return std::sqrt(t); }
  static double forward_derivative(double v) { return 2.0 * v; }
  static double inverse_derivative(double t) { return 0.5 / std::sqrt(t); }
};
struct ReciprocalSquare {
  static double forward(double v) { return v >= 0x1p-340 && v <= 0x1p340 ? (1.0 / v) * (1.0 / v) : nan; }
  static double inverse(double t) { return 1.0 / std::sqrt(t); }
  static double forward_derivative(double v) { return -2.0 * ((1.0 / v) * (1.0 / v) * (1.0 / v)); }
  static double inverse_derivative(double t) { return -0.5 / (t * std::sqrt(t)); }
};
struct ReciprocalRoot {
  static double forward(double v) { return v >= 0x1p-680 && v <= 0x1p680 ? 1.0 / std::sqrt(v) : nan; }
  static double inverse(double t) { return t > 0.0 ? (1.0 / t) * (1.0 / t) : nan; }
  static double forward_derivative(double v) { return -0.5 / (v * std::sqrt(v)); }
  static double inverse_derivative(double t) { return t > 0.0 ? -2.0 * ((1.0 / t) * (1.0 / t) * (1.0 / t)) : nan; }
};
struct Exp {
  static double forward(double v) { return std::fabs(v) <= 30.0 ? std::exp(v) : nan; }
  static double inverse(double t) { return std::log(t); }
  static double forward_derivative(double v) { return std::exp(v); }
  static double inverse_derivative(double t) { return 1.0 / t; }
};
constexpr double half_pi = 0x1.921fb54442d18p+0;
struct Sine {
  static double forward(double v) { return std::fabs(v) <= half_pi ? std::sin(v) : nan; }
  static double inverse(double t) { return std::asin(t); }
  static double forward_derivative(double v) { return std::cos(v); }
  static double inverse_derivative(double t) { return 1.0 / std::sqrt((1.0 - t) * (1.0 + t)); }
};
struct Cosine {
  static double forward(double v) { return v >= 0.0 && v <= 2.0 * half_pi ? std::cos(v) : nan; }
  static double inverse(double t) { return std::acos(t); }
  static double forward_derivative(double v) { return -std::sin(v); }
  static double inverse_derivative(double t) { return -1.0 / std::sqrt((1.0 - t) * (1.0 + t)); }
};
struct Tangent {
  static double forward(double v) { return std::fabs(v) <= 1.57 ? std::tan(v) : nan; }
  static double inverse(double t) { return std::atan(t); }
  static double forward_derivative(double v) { return 1.0 + std::tan(v) * std::tan(v); }
  static double inverse_derivative(double t) { return 1.0 / (1.0 + t * t); }
};

template <double (*Function)(double)>
void column(const double* v, std::size_t n, std::size_t stride, double divisor, double factor, double* out) {
  for (std::size_t i = 0; i < n * stride; i += stride) out[i] = Function(v[i] / divisor) * factor;
}

struct Row {
  const char* name;
  TransformColumn parts[4];  // in the order of TransformPart
};

template <class T>
constexpr Row row(const char* name) {
  return {name, {column<T::forward>, column<T::inverse>, column<T::forward_derivative>, column<T::inverse_derivative>}};
}

constexpr Row rows[] = {
    row<Identity>("identity"),
    row<Log>("log"),
    row<Reciprocal>("reciprocal"),
    row<Square>("square"),
    row<ReciprocalSquare>("reciprocal_square"),
    row<ReciprocalRoot>("reciprocal_root"),
    row<Exp>("exp"),
    row<Sine>("sine"),
    row<Cosine>("cosine"),
    row<Tangent>("tangent"),
};

}  // namespace

TransformColumn transform_column(const std::string& name, TransformPart part) {
  std::vector<std::string> names;
  for (const Row& one : rows) {
    if (name == one.name) return one.parts[static_cast<std::size_t>(part)];
    names.emplace_back(one.name);
  }
  throw std::invalid_argument("names: expected some of " + joined(names) + ", got " + name);
}

void transform_columns(const std::vector<TransformColumn>& functions, const double* v, std::size_t n,
                       const double* divisor, const double* factor, double* out, std::size_t n_threads) {
  const std::size_t k = functions.size();
  parallel_for((n + rows_of_a_task - 1) / rows_of_a_task, n_threads, [&](std::size_t task, std::size_t) {
    const std::size_t begin = task * rows_of_a_task, count = std::min(rows_of_a_task, n - begin);
    for (std::size_t j = 0; j < k; ++j) {
      functions[j](v + begin * k + j, count, k, divisor[j], factor[j], out + begin * k + j);
    }
  });
}

}  // namespace pml
