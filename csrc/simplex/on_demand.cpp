#include "on_demand.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../isa/dispatch.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

// Queries that are searched one after another, each looking first into the simplices found just before. Fixed, so that
// results don't depend on the number of threads.
constexpr std::size_t chunk_rows = 256;

// The rows of x (n, d) along a Morton curve through the box of the points, so that neighbours find their nodes and
// leaves in the cache.
std::vector<std::uint32_t> curve_order(const KdTreeView& tree, const double* x, std::size_t n) {
  const std::size_t d = tree.n_dimensions, n_bits = 32 / d;
  const double n_cells = std::ldexp(1.0, static_cast<int>(n_bits));
  std::vector<std::uint64_t> keys(n), sorted(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t cell[most_search_dimensions], key = 0;
    for (std::size_t j = 0; j < d; ++j) {
      const double place = (x[i * d + j] - tree.lower[j]) / (tree.upper[j] - tree.lower[j]) * n_cells;
      cell[j] = static_cast<std::uint32_t>(place > 0.0 ? std::min(place, n_cells - 1.0) : 0.0);  // 0 for NaN
    }
    for (std::size_t bit = n_bits; bit-- > 0;) {
      for (std::size_t j = 0; j < d; ++j) key = key << 1 | (cell[j] >> bit & 1u);
    }
    keys[i] = std::uint64_t{key} << 32 | i;
  }
  // By the bytes of the key, the lowest first: ten times as fast as sorting by comparison.
  for (int shift = 32; shift < 64; shift += 8) {
    std::size_t begin[257] = {};
    for (const std::uint64_t key : keys) ++begin[(key >> shift & 0xff) + 1];
    for (std::size_t byte = 0; byte < 256; ++byte) begin[byte + 1] += begin[byte];
    for (const std::uint64_t key : keys) sorted[begin[key >> shift & 0xff]++] = key;
    keys.swap(sorted);
  }
  std::vector<std::uint32_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint32_t>(keys[i]);
  return order;
}

// What the kernel finds for the rows of one chunk.
struct Chunk {
  std::vector<double> x, weights, gradients;
  std::vector<std::int32_t> vertices;

  Chunk(std::size_t d, bool with_gradients)
      : x(chunk_rows * d),
        weights(chunk_rows * (d + 1)),
        gradients(with_gradients ? chunk_rows * (d + 1) * d : 0),
        vertices(chunk_rows * (d + 1)) {}
};

}  // namespace

// Calls consume(chunk, k, i) for each row i of x, whose results are those of row k of the chunk.
template <class Consume>
void SimplexSearch::for_each_chunk(const double* x, std::size_t n, bool gradients, std::size_t n_threads,
                                   Consume consume) const {
  const std::size_t d = n_dimensions(), n_chunks = (n + chunk_rows - 1) / chunk_rows;
  const auto kernel = (*kernels().on_demand).locate[d - least_search_dimensions];
  const std::vector<std::uint32_t> order = curve_order(tree_.view(), x, n);
  n_threads = std::min(n_threads, n_chunks);
  std::vector<Chunk> chunks(n_threads, Chunk(d, gradients));
  parallel_for(n_chunks, n_threads, [&](std::size_t c, std::size_t worker) {
    Chunk& chunk = chunks[worker];
    const std::size_t begin = c * chunk_rows, rows = std::min(chunk_rows, n - begin);
    for (std::size_t k = 0; k < rows; ++k) std::copy_n(x + order[begin + k] * d, d, chunk.x.data() + k * d);
    kernel(tree_.view(), chunk.x.data(), rows, chunk.vertices.data(), chunk.weights.data(),
           gradients ? chunk.gradients.data() : nullptr);
    for (std::size_t k = 0; k < rows; ++k) consume(chunk, k, order[begin + k]);
  });
}

void SimplexSearch::locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights,
                           std::size_t n_threads) const {
  const std::size_t v = n_dimensions() + 1;
  for_each_chunk(x, n, false, n_threads, [&](const Chunk& chunk, std::size_t k, std::size_t i) {
    std::copy_n(chunk.vertices.data() + k * v, v, vertices + i * v);
    std::copy_n(chunk.weights.data() + k * v, v, weights + i * v);
  });
}

void SimplexSearch::interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                                std::size_t n_threads) const {
  const std::size_t v = n_dimensions() + 1;
  for_each_chunk(x, n, false, n_threads, [&](const Chunk& chunk, std::size_t k, std::size_t i) {
    const std::int32_t* const vertices = chunk.vertices.data() + k * v;
    const double* const weights = chunk.weights.data() + k * v;
    double* const mean = out + i * m;
    std::fill_n(mean, m, vertices[0] < 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0);
    if (vertices[0] < 0) return;
    for (std::size_t a = 0; a < v; ++a) {
      if (weights[a] == 0.0) continue;  // an infinite value of a vertex without weight doesn't matter
      const double* const y = values + static_cast<std::size_t>(vertices[a]) * m;
      for (std::size_t o = 0; o < m; ++o) mean[o] += weights[a] * y[o];
    }
  });
}

void SimplexSearch::gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                             std::size_t n_threads) const {
  const std::size_t d = n_dimensions(), v = d + 1;
  for_each_chunk(x, n, true, n_threads, [&](const Chunk& chunk, std::size_t k, std::size_t i) {
    const std::int32_t* const vertices = chunk.vertices.data() + k * v;
    const double* const gradients = chunk.gradients.data() + k * v * d;
    double* const slopes = out + i * m * d;
    std::fill_n(slopes, m * d, vertices[0] < 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0);
    if (vertices[0] < 0) return;
    // The gradients of the weights sum to zero, so only differences of the values count; they cancel exactly here
    // where a constant is large.
    const double* const y_first = values + static_cast<std::size_t>(vertices[0]) * m;
    for (std::size_t a = 1; a < v; ++a) {
      const double* const y = values + static_cast<std::size_t>(vertices[a]) * m;
      for (std::size_t o = 0; o < m; ++o) {
        for (std::size_t j = 0; j < d; ++j) slopes[o * d + j] += (y[o] - y_first[o]) * gradients[a * d + j];
      }
    }
  });
}

void SimplexSearch::nearest(const double* x, std::size_t n, std::int32_t* row, std::size_t n_threads) const {
  const std::size_t d = n_dimensions();
  const auto kernel = (*kernels().on_demand).nearest[d - least_search_dimensions];
  parallel_for((n + chunk_rows - 1) / chunk_rows, n_threads, [&](std::size_t c, std::size_t) {
    const std::size_t begin = c * chunk_rows;
    kernel(tree_.view(), x + begin * d, std::min(chunk_rows, n - begin), row + begin);
  });
}

}  // namespace pml
