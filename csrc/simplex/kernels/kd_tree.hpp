// Walks through the leaves of a kd-tree that reach into a ball or half-space, eight children of a node at once.
#pragma once

#include "../../numeric/simd.hpp"
#include "../on_demand_kernels.hpp"

namespace {

constexpr size_t vectors_of_eight = pml::tree_width / lanes;

// Those x, relative to a query, with  curvature |x|^2 - gradient x - constant < -tolerance:  a ball for a positive
// curvature, a half-space for none. peak is where the left side is least, axis by axis, or far in that direction.
template <size_t D>
struct Region {
  double curvature, gradient[D], constant, tolerance, peak[D];

  PML_MEMBER void find_peak() {
    const double factor = curvature > 0.0 ? 0.5 / curvature : 1e200;
    for (size_t j = 0; j < D; ++j) peak[j] = factor * gradient[j];
  }
};

// The least value of the left side in each of a node's boxes; returns in which it is inside the region, as bits.
template <size_t D>
PML_INLINE unsigned least_in_boxes(const pml::KdTreeView& tree, size_t node, const double* query, const Region<D>& region,
                               double* least) {
  const double* const boxes = tree.boxes + node * 2 * D * pml::tree_width;
  unsigned inside = 0;
  for (size_t v = 0; v < vectors_of_eight; ++v) {
    Vec value = set(-region.constant);
    for (size_t j = 0; j < D; ++j) {
      const double* const box = boxes + 2 * j * pml::tree_width + v * lanes;
      const Vec at = set(query[j]);
      const Vec x = min(max(set(region.peak[j]), load(box) - at), load(box + pml::tree_width) - at);
      value = fma(fms(set(region.curvature), x, set(region.gradient[j])), x, value);
    }
    store(least + v * lanes, value);
    inside |= bits(less(value, set(-region.tolerance))) << (v * lanes);
  }
  return inside;
}

// Calls visit(leaf) for the leaves whose boxes reach into the region, of one node's children first those that reach in
// deepest. visit may shrink the region.
template <size_t D, class Visit>
PML_INLINE void for_leaves_in(const pml::KdTreeView& tree, const double* query, const Region<D>& region, Visit visit) {
  struct Entry {
    uint32_t level, index;
  };
  Entry stack[pml::tree_width * pml::most_tree_levels];
  size_t height = 0;
  stack[height++] = {0, 0};
  while (height > 0) {
    const Entry entry = stack[--height];
    if (entry.level == tree.n_levels) {
      visit(entry.index);
      continue;
    }
    alignas(64) double least[pml::tree_width];
    unsigned inside = least_in_boxes(tree, tree.first_node[entry.level] + entry.index, query, region, least);
    if (entry.level == 0) inside &= (1u << tree.n_root_children) - 1;
    double pushed[pml::tree_width];
    size_t n = 0;
    for (; inside != 0; inside &= inside - 1) {
      const unsigned k = lowest_bit(inside);
      size_t place = n++;
      for (; place > 0 && pushed[place - 1] < least[k]; --place) {
        pushed[place] = pushed[place - 1];
        stack[height + place] = stack[height + place - 1];
      }
      pushed[place] = least[k];
      stack[height + place] = {entry.level + 1, entry.index * static_cast<uint32_t>(pml::tree_width) + k};
    }
    height += n;
  }
}

// |x|^2 of the points of a leaf; returns which are less than a bound, as bits.
template <size_t D>
PML_INLINE unsigned squared_distances(const pml::KdTreeView& tree, size_t leaf, const double* query, double bound,
                                      double* squares) {
  unsigned inside = 0;
  for (size_t v = 0; v < vectors_of_eight; ++v) {
    Vec square = set(0.0);
    for (size_t j = 0; j < D; ++j) {
      const Vec x = load(tree.leaves + (leaf * D + j) * pml::tree_width + v * lanes) - set(query[j]);
      square = fma(x, x, square);
    }
    store(squares + v * lanes, square);
    inside |= bits(less(square, set(bound))) << (v * lanes);
  }
  return inside;
}

// The leaf that is found by taking the nearest box at each level: near the query, if not always nearest.
template <size_t D>
size_t near_leaf(const pml::KdTreeView& tree, const double* query) {
  const Region<D> distance{1.0, {}, 0.0, 0.0, {}};
  size_t index = 0;
  for (size_t level = 0; level < tree.n_levels; ++level) {
    alignas(64) double squares[pml::tree_width];
    least_in_boxes(tree, tree.first_node[level] + index, query, distance, squares);
    const size_t n_children = level == 0 ? tree.n_root_children : pml::tree_width;
    size_t best = 0;
    for (size_t k = 1; k < n_children; ++k) best = squares[k] < squares[best] ? k : best;
    index = index * pml::tree_width + best;
  }
  return index;
}

template <size_t D>
void nearest_each(const pml::KdTreeView& tree, const double* x, size_t n, int32_t* row) {
  for (size_t i = 0; i < n; ++i) {
    const double* const query = x + i * D;
    Region<D> ball{1.0, {}, 1e300, 0.0, {}};
    row[i] = -1;
    for_leaves_in(tree, query, ball, [&](size_t leaf) {
      alignas(64) double squares[pml::tree_width];
      unsigned inside = squared_distances<D>(tree, leaf, query, ball.constant, squares);
      for (; inside != 0; inside &= inside - 1) {
        const unsigned k = lowest_bit(inside);
        if (!(squares[k] < ball.constant)) continue;
        ball.constant = squares[k];
        row[i] = tree.rows[leaf * pml::tree_width + k];
      }
    });
  }
}

}  // namespace
