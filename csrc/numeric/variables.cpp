#include "variables.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 4096;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// prod_i x_i^e_i, without those whose e_i is 0, whatever they are. Whole powers up to 4 are products and +-1/2 roots, by
// which others are divided where e_i < 0: as exact as x^e is.
double product_of(const double* x, const double* exponents, std::size_t d) {
  double product = 1.0;
  for (std::size_t i = 0; i < d; ++i) {
    const double e = exponents[i], size = std::fabs(e);
    if (e == 0.0) continue;
    double factor = 1.0;
    if (size == 0.5) {
      factor = std::sqrt(x[i]);
    } else if (size == std::floor(size) && size <= 4.0) {
      for (int times = 0; times < static_cast<int>(size); ++times) factor *= x[i];
    } else {
      product *= std::pow(x[i], e);
      continue;
    }
    product = e < 0.0 ? product / factor : product * factor;
  }
  return product;
}

double term(VariableKind kind, double x) {
  switch (kind) {
    case VariableKind::squares: return x * x;
    case VariableKind::reciprocals: return 1.0 / x;
    case VariableKind::logarithms: return std::log(x);
    default: return x;
  }
}

double term_derivative(VariableKind kind, double x) {
  switch (kind) {
    case VariableKind::product:
    case VariableKind::logarithms: return 1.0 / x;
    case VariableKind::squares: return 2.0 * x;
    case VariableKind::reciprocals: return -((1.0 / x) * (1.0 / x));
    default: return 1.0;
  }
}

double finite_or_nan(double v) { return std::isfinite(v) ? v : nan; }

template <class Rows>
void each_tile(std::size_t n, std::size_t n_threads, Rows rows) {
  parallel_for((n + rows_of_a_task - 1) / rows_of_a_task, n_threads, [&](std::size_t task, std::size_t) {
    const std::size_t begin = task * rows_of_a_task;
    for (std::size_t q = begin; q < std::min(begin + rows_of_a_task, n); ++q) rows(q);
  });
}

}  // namespace

VariableKind variable_kind(const std::string& name) {
  if (name == "product") return VariableKind::product;
  if (name == "sum") return VariableKind::sum;
  if (name == "squares") return VariableKind::squares;
  if (name == "reciprocals") return VariableKind::reciprocals;
  if (name == "logarithms") return VariableKind::logarithms;
  throw std::invalid_argument("kinds: expected some of product, sum, squares, reciprocals, logarithms, got " + name);
}

void variables(const VariableView& view, const double* x, std::size_t n, double* u, double* power,
               std::size_t n_threads) {
  const std::size_t r = view.kinds.size(), d = view.d;
  each_tile(n, n_threads, [&](std::size_t q) {
    const double* const row = x + q * d;
    for (std::size_t j = 0; j < r; ++j) {
      const double* const a = view.coefficients + j * d;
      double value = 0.0;
      if (view.kinds[j] == VariableKind::product) {
        value = product_of(row, a, d);
      } else {
        for (std::size_t i = 0; i < d; ++i) {
          if (a[i] != 0.0) value += a[i] * term(view.kinds[j], row[i]);
        }
      }
      u[q * r + j] = finite_or_nan(value);
    }
    power[q] = finite_or_nan(product_of(row, view.factor, d));
  });
}

void variables_chain(const VariableView& view, const double* x, const double* u, const double* power, const double* f,
                     const double* slopes, std::size_t n, std::size_t m, double* out, std::size_t n_threads) {
  const std::size_t r = view.kinds.size(), d = view.d;
  each_tile(n, n_threads, [&](std::size_t q) {
    bool missing = power[q] != power[q];
    for (std::size_t j = 0; j < r; ++j) missing = missing || u[q * r + j] != u[q * r + j];
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t i = 0; i < d; ++i) {
        const double xi = x[q * d + i];
        double total = 0.0;
        for (std::size_t j = 0; j < r; ++j) {
          const double a = view.coefficients[j * d + i];
          if (a == 0.0) continue;
          double slope = a * term_derivative(view.kinds[j], xi);
          if (view.kinds[j] == VariableKind::product) slope *= u[q * r + j];
          total += slopes[(q * m + k) * r + j] * slope;
        }
        if (view.factor[i] != 0.0) total += f[q * m + k] * (view.factor[i] / xi);
        out[(q * m + k) * d + i] = missing ? nan : total * power[q];
      }
    }
  });
}

}  // namespace pml
