// Sums of products of Chebyshev polynomials in several variables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel_table.hpp"

namespace pml {

// The products as a tree. Node 0 is the product of nothing, 1; node i is its parent, an earlier node, times
// T_degree(z_variable). Variables rise from a parent to its children, degrees are >= 1, and what hangs from a node
// follows it directly, as when the indices of the products are sorted.
struct SeriesTree {
  std::vector<std::size_t> parents, variables, degrees;  // those of node 0 mean nothing
};

// z = (x 2^-exponent - shift) / divisor for each variable, where x is one of the columns; a divisor may be infinite.
struct SeriesMap {
  std::vector<std::size_t> columns;  // each once
  std::vector<int> exponents;
  std::vector<double> shift, divisor;
};

// Immutable, so that any number of threads may evaluate at once.
class ChebyshevSeries {
 public:
  // coefficients (n_outputs, n_nodes), times 2^output_exponents[k]; all copied.
  // Throws std::invalid_argument for a tree that isn't one, or columns that aren't each once.
  ChebyshevSeries(const SeriesTree& tree, const SeriesMap& map, const double* coefficients,
                  const std::vector<int>& output_exponents);

  std::size_t n_inputs() const { return shift_.size(); }
  std::size_t n_outputs() const { return n_outputs_; }

  // out (n, n_outputs) at x (n, n_inputs). A row has the same bits in any batch and for any number of threads.
  void evaluate(const double* x, std::size_t n, double* out, std::size_t n_threads) const;
  // out (n, n_outputs, n_inputs).
  void gradient(const double* x, std::size_t n, double* out, std::size_t n_threads) const;
  // What the kernels read, for as long as this lives.
  SeriesView view() const;

 private:
  void each_tile(bool gradient, const double* x, std::size_t n, double* out, std::size_t n_threads) const;

  std::size_t n_outputs_, depth_ = 0, n_rows_ = 0;
  std::vector<SeriesStep> steps_;
  std::vector<std::uint32_t> factors_, degrees_;
  std::vector<std::size_t> columns_;
  std::vector<double> coefficients_, shift_, divisor_, input_parts_, value_parts_, gradient_parts_;
};

}  // namespace pml
