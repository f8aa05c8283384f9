// Finds the Delaunay simplices that hold given points among scattered ones, and interpolates in them, without ever
// building the triangulation: see kernels/on_demand.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kd_tree.hpp"

namespace pml {

// Results are the same for any number of threads. A row that contains NaN is outside.
class SimplexSearch {
 public:
  // points (n, d), finite, of about unit size around the origin, 2 <= d <= 12.
  SimplexSearch(const double* points, std::size_t n, std::size_t d) : tree_(points, n, d) {}
  std::size_t n_dimensions() const { return tree_.view().n_dimensions; }
  std::size_t n_points() const { return tree_.view().n_points; }
  bool is_flat() const { return tree_.view().is_flat; }
  std::size_t nbytes() const { return tree_.n_bytes(); }

  // For the rows of x (n, d): the vertices (n, d + 1) of their simplices, as rows of the points, and their weights
  // (n, d + 1), which are >= 0 to rounding, sum to 1 and give x as the weighted mean of the vertices. Where x is a point,
  // its weight is 1. Outside the hull the vertices are -1, where rounding left the search undecided -2, and the
  // weights NaN.
  void locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights, std::size_t n_threads) const;

  // For values (n_points, m): their weighted means (n, m), NaN where locate finds no simplex.
  void interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                   std::size_t n_threads) const;

  // Their gradients (n, m, d) within the simplices.
  void gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                std::size_t n_threads) const;

  // The nearest points, as rows; -1 for a row with NaN.
  void nearest(const double* x, std::size_t n, std::int32_t* row, std::size_t n_threads) const;

 private:
  KdTree tree_;

  template <class Consume>
  void for_each_chunk(const double* x, std::size_t n, bool gradients, std::size_t n_threads, Consume consume) const;
};

}  // namespace pml
