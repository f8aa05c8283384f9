// A balanced kd-tree whose nodes have eight children and whose leaves hold up to eight points, for vector instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "../numeric/aligned_buffer.hpp"
#include "on_demand_kernels.hpp"

namespace pml {

class KdTree {
 public:
  // points (n, d), 1 <= n < 2^31, copied.
  KdTree(const double* points, std::size_t n, std::size_t d);
  const KdTreeView& view() const { return view_; }
  std::size_t n_bytes() const;

 private:
  KdTreeView view_{};
  std::size_t n_splits_;  // there are 2^n_splits leaves
  std::size_t n_nodes_ = 0;
  std::vector<std::int32_t> rows_;
  std::unique_ptr<AlignedBuffer> leaves_, boxes_, lowered_;

  std::size_t n_leaves() const { return std::size_t{1} << n_splits_; }
  void fill_leaf(const double* points, const std::int32_t* order, std::size_t leaf, std::size_t begin,
                 std::size_t end);
  void fill_boxes();
  void fill_lowered();
};

}  // namespace pml
