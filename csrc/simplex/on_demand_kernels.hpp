// The plain data that crosses into the kernels of the search without a triangulation, and the table that comes back.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../numeric/given.hpp"
#include "verdict.hpp"

namespace pml {

constexpr size_t least_search_dimensions = 2;
constexpr size_t most_search_dimensions = 12;
constexpr size_t tree_width = 8;  // points of a leaf, children of a node
constexpr size_t most_tree_levels = 16;

// A kd-tree of points p (n_points, n_dimensions) as the kernels see it: levels of nodes, the root alone first, then
// leaves. Node i of a level has the nodes (or leaves) 8 i .. 8 i + 7 of the next; the root may have fewer.
struct KdTreeView {
  size_t n_dimensions, n_points, n_leaves, n_levels, n_root_children;
  bool is_flat;  // all points lie in a plane, and no simplex has a volume
  // The first node of each level; boxes of a node's children: their lower, then their upper corners, for each axis
  // eight and eight numbers.
  size_t first_node[most_tree_levels];
  const double* boxes;
  // Leaf i: for each axis eight coordinates, and eight rows of the points; the last point is repeated as often as a
  // leaf has fewer.
  const double* leaves;
  const int32_t* rows;
  const double* lowered;  // w in on_demand.hpp of each point of the leaves, at least 0
  double most_lowered;
  double lower[most_search_dimensions], upper[most_search_dimensions];  // the box of all points
  double interior[most_search_dimensions];                              // a point inside the hull, in general position
  double corners[(most_search_dimensions + 1) * most_search_dimensions];  // d + 1 unit vectors of a regular simplex
};

constexpr size_t n_search_dimensions = most_search_dimensions - least_search_dimensions + 1;

struct OnDemandKernels {
  // For n rows x (n, d), close ones after one another: the vertices (n, d + 1) and weights (n, d + 1) of their
  // simplices and, where not null, the gradients (n, d + 1, d) of the weights. By d - least_search_dimensions.
  Kernel<void(const KdTreeView& tree, const double* x, size_t n, int32_t* vertices, double* weights, double* gradients)>
      locate[n_search_dimensions];
  // The row of the nearest point of n rows x (n, d).
  Kernel<void(const KdTreeView& tree, const double* x, size_t n, int32_t* row)> nearest[n_search_dimensions];
};

}  // namespace pml
