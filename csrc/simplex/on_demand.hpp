// Finds the Delaunay simplex that holds a point among scattered ones, without a triangulation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kd_tree.hpp"

namespace pml {

class SimplexSearch {
 public:
  SimplexSearch(const double* points, std::size_t n, std::size_t d) : tree_(points, n, d) {}
  const KdTree& tree() const { return tree_; }

  // For n rows x (n, d): vertices and weights (n, d + 1) of their simplices.
  void locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights, std::size_t n_threads) const;
  void nearest(const double* x, std::size_t n, std::int32_t* row, std::size_t n_threads) const;

 private:
  KdTree tree_;
};

}  // namespace pml
