// Fewer variables made of the inputs, and a power of the inputs in front of what is a function of them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pml {

enum class VariableKind { product, sum, squares, reciprocals, logarithms };

VariableKind variable_kind(const std::string& name);  // throws std::invalid_argument for one that isn't there

// u_j = sum_i a_ji t(x_i), t(x) = x, x^2, 1/x or log x, or prod_i x_i^a_ji, and the power prod_i x_i^b_i.
struct VariableView {
  const std::vector<VariableKind>& kinds;  // r
  std::size_t d;
  const double* coefficients;  // a (r, d)
  const double* factor;        // b (d,)
};

// u (n, r) and power (n,) at x (n, d), NaN where they are not finite. Bitwise the same for any number of threads, as is
// what follows.
void variables(const VariableView& view, const double* x, std::size_t n, double* u, double* power,
               std::size_t n_threads);

// out (n, m, d), the derivative by x of power(x) f(u(x)), for f (n, m) and its derivative (n, m, r) by u. NaN in rows
// whose u or power has one.
void variables_chain(const VariableView& view, const double* x, const double* u, const double* power, const double* f,
                     const double* slopes, std::size_t n, std::size_t m, double* out, std::size_t n_threads);

}  // namespace pml
