// Walks through the leaves of a kd-tree that a ball or half-space may reach, eight children of a node at once.
#pragma once

#include "../../numeric/simd.hpp"
#include "../on_demand_kernels.hpp"

namespace {
#ifdef PML_STATS
static long st_nodes, st_lv;
#endif
constexpr size_t vectors_of_eight = pml::tree_width / lanes;

// The points x, relative to a query, with
//   kappa (|x|^2 - (v x)^2) - gradient x - constant < 0,
// a ball for kappa = 1 and a half-space for kappa = 0. v, the tree's shear, is so short that the ball is one to
// rounding; see on_demand.hpp. box_kappa is kappa (1 - |v|^2) or less, and peak where box_kappa x^2 - gradient x is
// least, axis by axis.
template <size_t D>
struct Region {
  double kappa, box_kappa, constant, tolerance;
  double gradient[D], peak[D];
};

// Calls visit(leaf) for the leaves with a box that reaches into the region, those that reach deepest first. visit may
// change the region; leaves that the old one reached are then still visited.
template <size_t D, bool SORTED, class Visit>
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
#ifdef PML_STATS
      ++st_lv;
#endif
      visit(entry.index);
      continue;
    }
#ifdef PML_STATS
    ++st_nodes;
#endif
    const double* const boxes =
        tree.boxes + (tree.first_node[entry.level] + entry.index) * 2 * D * pml::tree_width;
    alignas(64) double depth[pml::tree_width];
    unsigned within = 0;
    for (size_t v = 0; v < vectors_of_eight; ++v) {
      Vec value = set(-region.constant);
      for (size_t j = 0; j < D; ++j) {
        const double* const box = boxes + 2 * j * pml::tree_width + v * lanes;
        const Vec at = set(query[j]);
        const Vec x = min(max(set(region.peak[j]), load(box) - at), load(box + pml::tree_width) - at);
        value = fma(fms(set(region.box_kappa), x, set(region.gradient[j])), x, value);
      }
      store(depth + v * lanes, value);
      within |= bits(less(value, set(-region.tolerance))) << (v * lanes);
    }
    if (entry.level == 0) within &= (1u << tree.n_root_children) - 1;
    size_t n = 0;
    const uint32_t first = entry.index * static_cast<uint32_t>(pml::tree_width);
    if (SORTED) {
      double depths[pml::tree_width];
      for (; within != 0; within &= within - 1) {
        const unsigned k = static_cast<unsigned>(__builtin_ctz(within));
        size_t place = n++;
        for (; place > 0 && depths[place - 1] < depth[k]; --place) {
          depths[place] = depths[place - 1];
          stack[height + place] = stack[height + place - 1];
        }
        depths[place] = depth[k];
        stack[height + place] = {entry.level + 1, first + k};
      }
    } else {
      for (; within != 0; within &= within - 1) {
        stack[height + n++] = {entry.level + 1, first + static_cast<unsigned>(__builtin_ctz(within))};
      }
    }
#ifndef NOPREF
    if (entry.level + 1 == tree.n_levels) {
      for (size_t k = 0; k < n; ++k) {
        const double* const leaf = tree.leaves + stack[height + k].index * D * pml::tree_width;
        for (size_t j = 0; j < D; ++j) PML_PREFETCH(leaf + j * pml::tree_width);
      }
    }
#endif
    height += n;
  }
}

template <size_t D>
void nearest_each(const pml::KdTreeView& tree, const double* x, size_t n, int32_t* row) {
  for (size_t i = 0; i < n; ++i) {
    const double* const query = x + i * D;
    Region<D> ball{1.0, 1.0, 1e300, 0.0, {}, {}};
    row[i] = -1;
    for_leaves_in<D, true>(tree, query, ball, [&](size_t leaf) {
      alignas(64) double squares[pml::tree_width];
      for (size_t v = 0; v < vectors_of_eight; ++v) {
        Vec square = set(0.0);
        for (size_t j = 0; j < D; ++j) {
          const Vec difference = load(tree.leaves + (leaf * D + j) * pml::tree_width + v * lanes) - set(query[j]);
          square = fma(difference, difference, square);
        }
        store(squares + v * lanes, square);
      }
      for (size_t k = 0; k < pml::tree_width; ++k) {
        if (squares[k] < ball.constant) {
          ball.constant = squares[k];
          row[i] = tree.rows[leaf * pml::tree_width + k];
        }
      }
    });
  }
}

}  // namespace
