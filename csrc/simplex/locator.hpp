// Which simplex of a triangulation holds a query, its barycentric weights there, and linear interpolation with them.
//
// Simplices are renumbered along a Morton curve of their centroids, so that neighbors in space are neighbors in memory.
// A query walks from the simplex that a grid holds for its cell, through records of one simplex each
// (locator_kernels.hpp), and large batches are taken in the order of those start simplices. A result depends on its
// query alone, not on the batch, its order or the number of threads.
//
// Flat simplices, whose volume is 0 to rounding, can't be weighed. No walk enters one: a facet that leads into them is
// linked to the next simplex beyond them instead.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../numeric/page_array.hpp"
#include "locator_kernels.hpp"

namespace pml {

class SimplexLocator {
 public:
  // points (n_points, d), centred and scaled to about unit size; simplices (S, d + 1) of vertices; neighbors
  // (S, d + 1), the simplex across the facet opposite each vertex, -1 at the hull. Throws std::invalid_argument for
  // points that aren't finite, indices out of range, and neighbors that don't point back or share no facet.
  SimplexLocator(const double* points, std::size_t n_points, std::size_t d, const std::int32_t* simplices,
                 const std::int32_t* neighbors, std::size_t n_simplices);

  // simplex (n,) in the caller's numbers, -1 outside the hull or where x isn't a number, -2 undecided; weights
  // (n, d + 1), NaN where there is no simplex.
  void locate(const double* x, std::size_t n, std::int32_t* simplex, double* weights, std::size_t n_threads) const;

  // out (n, m) for values (n_points, m); NaN where there is no simplex.
  void interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                   std::size_t n_threads) const;

  // out (n, m, d): derivatives of the interpolant in the simplex that `locate` names; NaN where there is none.
  void gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                std::size_t n_threads) const;

  std::size_t n_points() const { return n_points_; }
  std::size_t n_simplices() const { return id_.size(); }
  std::size_t n_dimensions() const { return d_; }
  std::size_t n_flat() const { return n_flat_; }
  std::size_t n_inverted() const { return n_inverted_; }
  std::size_t nbytes() const;

 private:
  struct FlatSearch;
  struct Tile;
  struct Workspace;
  template <class Consume>
  void walk_all(const LocatorKernels& table, const double* x, std::size_t n, std::size_t out_width,
                std::size_t n_threads, Consume consume) const;
  Triangulation view() const;
  const double* point(std::int64_t i) const { return points_.data() + static_cast<std::size_t>(i) * d_; }
  std::int32_t* neighbors_of(std::size_t simplex);
  float& error_of(std::size_t simplex);
  bool is_flat(std::size_t simplex) { return std::isinf(error_of(simplex)); }
  std::pair<double, double> weight_of(std::size_t simplex, std::size_t k, const double* q) const;
  void check(const std::int32_t* simplices, const std::int32_t* neighbors) const;
  void order_simplices(const std::int32_t* simplices, const std::int32_t* neighbors);
  void settle_inverted();
  void bypass_flat();
  std::int32_t beyond_flat(std::size_t simplex, std::size_t k, FlatSearch& search);
  void hash_vertices();
  void fill_grid();

  std::size_t d_, n_points_, n_flat_ = 0, n_inverted_ = 0;
  PageArray<double> points_;
  PageArray<std::int32_t> id_, vertices_;  // by simplex: the caller's number, and d + 1 vertices
  PageArray<double> records_;
  PageArray<std::int32_t> slot_vertex_, slot_simplex_, start_;
  std::vector<double> low_, high_, scale_;
  std::vector<std::int32_t> bits_;
};

}  // namespace pml
