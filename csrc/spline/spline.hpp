// Tensor-product splines on grids: sums of products of one-dimensional B-splines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../numeric/aligned_buffer.hpp"
#include "kernel_table.hpp"

namespace pml {

// The B-splines along one axis: those of `degree` on `knots`, which are nondecreasing and may repeat. A knot t stands at
// x = origin + step t, rounded nowhere; `even` says that the distinct knots from the second to the last but one are
// evenly spaced, 1 apart, so that a cell is found by arithmetic. [low, high] is where there are data.
struct KnotAxis {
  std::size_t degree;
  std::vector<double> knots;
  double origin, step;
  bool even;
  double low, high;

  std::size_t n_functions() const { return knots.size() - degree - 1; }
};

enum class Outside { nan, extrapolate, error };

// Immutable, so that any number of threads may evaluate at once.
class Spline {
 public:
  // coefficients (n_outputs, n_1, ..., n_d), as many along an axis as it has functions; copied.
  // Throws std::invalid_argument for knots that make no basis.
  Spline(const std::vector<KnotAxis>& axes, Outside outside, const double* coefficients, std::size_t n_outputs);

  std::size_t n_axes() const { return view_.n_axes; }
  std::size_t n_outputs() const { return view_.n_outputs; }
  std::size_t degree(std::size_t axis) const { return view_.axes[axis].functions - 1; }

  // out (n, n_outputs) at x (n, n_axes); orders (n_axes,) of the derivative, each at most the degree. A row with NaN
  // gives NaN, and one outside what `outside` says: NaN, the last cell's polynomial, or std::invalid_argument. Bitwise
  // the same for any number of threads.
  void evaluate(const double* x, std::size_t n, const unsigned* orders, double* out, std::size_t n_threads) const;

 private:
  struct AxisTables {
    std::vector<SplineCell> cells;
    std::vector<std::uint32_t> bucket_cells;
    std::vector<double> breaks;
  };
  Outside outside_;
  SplineView view_{};
  std::vector<AxisTables> tables_;
  std::vector<AlignedBuffer> buffers_;
  std::vector<std::size_t> outer_offsets_;
};

}  // namespace pml
