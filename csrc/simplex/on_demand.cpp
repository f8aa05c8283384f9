#include "on_demand.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "../isa/dispatch.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t chunk_rows = 256;

// Rows of x in the order of a Morton curve
std::vector<std::uint32_t> curve_order(const KdTreeView& tree, const double* x, std::size_t n) {
  const std::size_t d = tree.n_dimensions, n_bits = 60 / d;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(n);
  const double cells = std::ldexp(1.0, static_cast<int>(n_bits)) - 1.0;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t key = 0;
    std::uint64_t cell[most_search_dimensions];
    for (std::size_t j = 0; j < d; ++j) {
      const double width = tree.upper[j] - tree.lower[j];
      const double place = width > 0.0 ? (x[i * d + j] - tree.lower[j]) / width : 0.0;
      cell[j] = static_cast<std::uint64_t>(place > 0.0 ? std::min(place, 1.0) * cells : 0.0);
    }
    for (std::size_t bit = n_bits; bit-- > 0;) {
      for (std::size_t j = 0; j < d; ++j) key = key << 1 | (cell[j] >> bit & 1);
    }
    keys[i] = {key, static_cast<std::uint32_t>(i)};
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = keys[i].second;
  return order;
}

}  // namespace

void SimplexSearch::locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights,
                           std::size_t n_threads) const {
  const std::size_t d = tree_.view().n_dimensions;
  const auto kernel = kernels().on_demand.locate[d - least_search_dimensions];
  const std::vector<std::uint32_t> order = curve_order(tree_.view(), x, n);
  const std::size_t n_chunks = (n + chunk_rows - 1) / chunk_rows;
  n_threads = std::max<std::size_t>(1, std::min(n_threads, n_chunks));
  std::vector<double> sorted(n_threads * chunk_rows * d), found(n_threads * chunk_rows * (d + 1));
  std::vector<std::int32_t> simplices(n_threads * chunk_rows * (d + 1));
  parallel_for(n_chunks, n_threads, [&](std::size_t chunk, std::size_t worker) {
    const std::size_t begin = chunk * chunk_rows, rows = std::min(chunk_rows, n - begin);
    double* const s = sorted.data() + worker * chunk_rows * d;
    double* const w = found.data() + worker * chunk_rows * (d + 1);
    std::int32_t* const v = simplices.data() + worker * chunk_rows * (d + 1);
    for (std::size_t k = 0; k < rows; ++k) std::copy_n(x + order[begin + k] * d, d, s + k * d);
    kernel(tree_.view(), s, rows, v, w, nullptr);
    for (std::size_t k = 0; k < rows; ++k) {
      std::copy_n(v + k * (d + 1), d + 1, vertices + order[begin + k] * (d + 1));
      std::copy_n(w + k * (d + 1), d + 1, weights + order[begin + k] * (d + 1));
    }
  });
}

void SimplexSearch::nearest(const double* x, std::size_t n, std::int32_t* row, std::size_t) const {
  kernels().on_demand.nearest[tree_.view().n_dimensions - least_search_dimensions](tree_.view(), x, n, row);
}

}  // namespace pml
