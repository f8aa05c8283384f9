#include "locator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

// These were tuned with bench/bench_simplex.py.
constexpr std::size_t cells_per_simplex = 4, most_cells = std::size_t{1} << 24;
// Sorting costs some 20 ns a query, and pays where the records that are read wouldn't stay in a last-level cache.
constexpr std::size_t uncached_bytes = std::size_t{1} << 25;
constexpr std::size_t plain_chunk = 4096, largest_sorted_chunk = std::size_t{1} << 20;
constexpr std::size_t prefetch_rows = 32;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void prefetch(const void* address) {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

std::string number(long long n) { return std::to_string(n); }

// How many bits of each coordinate a Morton key holds.
std::size_t key_bits(std::size_t d) { return std::min<std::size_t>(63 / d, 21); }

std::uint64_t morton_key(const double* unit, std::size_t d) {
  const std::size_t bits = key_bits(d);
  std::uint64_t key = 0;
  for (std::size_t b = bits; b-- > 0;) {
    for (std::size_t j = 0; j < d; ++j) {
      const auto cell = static_cast<std::uint64_t>(unit[j] * static_cast<double>((std::uint64_t{1} << bits) - 1));
      key = (key << 1) | ((cell >> b) & 1);
    }
  }
  return key;
}

// Rows by where their walks start: by the first bits of that simplex alone, for then all records of one bucket fit in
// the second-level cache. False, and no rows, if they come nearly in such an order already.
bool sort_rows(const std::int32_t* start, std::size_t n, std::size_t n_simplices, std::uint32_t* rows) {
  constexpr std::uint32_t buckets = 2048;
  unsigned shift = 0;
  while ((n_simplices >> shift) >= buckets) ++shift;
  const auto bucket = [&](std::size_t i) { return static_cast<std::uint32_t>(start[i] + 1) >> shift; };
  std::uint32_t begin[buckets + 1] = {}, last = 0;
  std::size_t n_changes = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t here = bucket(i);
    n_changes += here != last;
    last = here;
    ++begin[here];
  }
  if (n_changes < n / 2) return false;
  std::uint32_t sum = 0;
  for (std::uint32_t& entry : begin) sum += std::exchange(entry, sum);
  for (std::size_t i = 0; i < n; ++i) rows[begin[bucket(i)]++] = static_cast<std::uint32_t>(i);
  return true;
}

}  // namespace

SimplexLocator::SimplexLocator(const double* points, std::size_t n_points, std::size_t d,
                               const std::int32_t* simplices, const std::int32_t* neighbors, std::size_t n_simplices)
    : d_(d),
      n_points_(n_points),
      points_(n_points * d),
      id_(n_simplices),
      vertices_(n_simplices * (d + 1)),
      records_(n_simplices * record_stride(d)) {
  std::copy_n(points, n_points * d, points_.data());
  check(simplices, neighbors);
  low_.assign(d, INFINITY);
  high_.assign(d, -INFINITY);
  for (std::size_t i = 0; i < n_points * d; ++i) {
    low_[i % d] = std::min(low_[i % d], points[i]);
    high_[i % d] = std::max(high_[i % d], points[i]);
  }
  order_simplices(simplices, neighbors);
  kernels().locator.fill_records(view(), 0, n_simplices, records_.data());
  for (std::size_t s = 0; s < n_simplices; ++s) n_flat_ += is_flat(s);
  settle_inverted();
  bypass_flat();
  hash_vertices();
  fill_grid();
}

void SimplexLocator::check(const std::int32_t* simplices, const std::int32_t* neighbors) const {
  const std::size_t width = d_ + 1, n = id_.size();
  for (std::size_t i = 0; i < n_points_ * d_; ++i) {
    if (!std::isfinite(points_[i])) throw std::invalid_argument("points: expected finite numbers, got one that isn't");
  }
  // Of a facet: its vertices, mixed so that different sets hardly ever have the same sum.
  const auto mixed = [](std::int32_t vertex) {
    std::uint64_t z = static_cast<std::uint64_t>(vertex) + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  std::vector<std::uint64_t> sums(n);
  for (std::size_t i = 0; i < n * width; ++i) {
    if (simplices[i] < 0 || static_cast<std::size_t>(simplices[i]) >= n_points_) {
      throw std::invalid_argument("simplices: expected indices from 0 to " + number(n_points_ - 1) + ", got " +
                                  number(simplices[i]));
    }
    if (neighbors[i] < -1 || (neighbors[i] >= 0 && static_cast<std::size_t>(neighbors[i]) >= n)) {
      throw std::invalid_argument("neighbors: expected indices from -1 to " + number(n - 1) + ", got " +
                                  number(neighbors[i]));
    }
    sums[i / width] += mixed(simplices[i]);
  }
  for (std::size_t i = 0; i < n * width; ++i) {
    if (neighbors[i] < 0) continue;
    const std::size_t s = i / width, other = static_cast<std::size_t>(neighbors[i]);
    bool back = false;
    for (std::size_t k = other * width; k < (other + 1) * width && !back; ++k) {
      back = other != s && static_cast<std::size_t>(neighbors[k]) == s &&
             sums[s] - mixed(simplices[i]) == sums[other] - mixed(simplices[k]);
    }
    if (!back) {
      throw std::invalid_argument("neighbors: expected neighbors that point back across the same facet, got simplex " +
                                  number(static_cast<long long>(s)) + " and its neighbor " +
                                  number(static_cast<long long>(other)));
    }
  }
}

void SimplexLocator::order_simplices(const std::int32_t* simplices, const std::int32_t* neighbors) {
  const std::size_t width = d_ + 1, n = id_.size();
  std::vector<std::pair<std::uint64_t, std::int32_t>> keyed(n);
  std::vector<double> unit(d_);
  for (std::size_t s = 0; s < n; ++s) {
    for (std::size_t j = 0; j < d_; ++j) {
      double sum = 0.0;
      for (std::size_t k = 0; k < width; ++k) {
        sum += point(simplices[s * width + k])[j] / static_cast<double>(width);
      }
      const double along = (sum - low_[j]) / (high_[j] - low_[j]);
      unit[j] = along > 0.0 ? std::min(along, 1.0) : 0.0;
    }
    keyed[s] = {morton_key(unit.data(), d_), static_cast<std::int32_t>(s)};
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::int32_t> place(n);
  for (std::size_t s = 0; s < n; ++s) {
    id_[s] = keyed[s].second;
    place[static_cast<std::size_t>(id_[s])] = static_cast<std::int32_t>(s);
  }
  for (std::size_t s = 0; s < n; ++s) {
    const std::size_t from = static_cast<std::size_t>(id_[s]) * width;
    for (std::size_t k = 0; k < width; ++k) {
      vertices_[s * width + k] = simplices[from + k];
      neighbors_of(s)[k] = neighbors[from + k] < 0 ? no_neighbor : place[static_cast<std::size_t>(neighbors[from + k])];
    }
  }
}

std::int32_t* SimplexLocator::neighbors_of(std::size_t simplex) {
  return reinterpret_cast<std::int32_t*>(records_.data() + simplex * record_stride(d_) + d_ * (d_ + 1));
}

float& SimplexLocator::error_of(std::size_t simplex) {
  return reinterpret_cast<float*>(records_.data() + simplex * record_stride(d_) + d_ * (d_ + 1))[d_ + 1];
}

// Weight k of q in a simplex, and a bound on the error of a first sum.
std::pair<double, double> SimplexLocator::weight_of(std::size_t simplex, std::size_t k, const double* q) const {
  const double* const record = records_.data() + simplex * record_stride(d_);
  const double* const origin = record + d_ * d_;
  double weight = k < d_ ? 0.0 : 1.0, size = 1.0;
  for (std::size_t i = 0; i < d_; ++i) {
    if (k < d_ && i != k) continue;
    for (std::size_t j = 0; j < d_; ++j) {
      const double term = record[j * d_ + i] * (q[j] - origin[j]);
      weight += k < d_ ? term : -term;
      size += std::abs(term);
    }
  }
  return {weight, static_cast<double>(d_ * d_ + 4) * 0x1p-53 * size};
}

// The vertex that a neighbor has in place of ours must have a negative weight. Of two that overlap, the thinner one,
// whose orientation rounding has turned, counts as flat from here on.
void SimplexLocator::settle_inverted() {
  const std::size_t width = d_ + 1;
  std::vector<std::size_t> thinner;
  std::vector<double> w(width);
  for (std::size_t s = 0; s < id_.size(); ++s) {
    const std::int32_t* const own = vertices_.data() + s * width;
    for (std::size_t k = 0; k < width; ++k) {
      if (neighbors_of(s)[k] < static_cast<std::int32_t>(s)) continue;
      const auto other = static_cast<std::size_t>(neighbors_of(s)[k]);
      if (is_flat(s) || is_flat(other)) continue;
      const std::int32_t* const theirs = vertices_.data() + other * width;
      const std::int64_t all_but_one = std::accumulate(own, own + width, std::int64_t{0}) - own[k];
      const std::int64_t vertex = std::accumulate(theirs, theirs + width, std::int64_t{0}) - all_but_one;
      const double* const q = point(vertex);
      auto [weight, error] = weight_of(s, k, q);
      if (std::abs(weight) <= error) {
        kernels().locator.exact_weights(view(), s, q, w.data());
        weight = w[k];
      }
      if (weight < 0.0) continue;
      ++n_inverted_;
      thinner.push_back(error_of(s) > error_of(other) ? s : other);
    }
  }
  for (const std::size_t s : thinner) error_of(s) = INFINITY;
}

struct SimplexLocator::FlatSearch {
  std::vector<std::size_t> seen;  // by simplex, the last search that came to it
  std::size_t number;
  std::vector<std::pair<std::size_t, std::size_t>> hull;  // a simplex and its facet for each plane
};

// From all facets that lead from other simplices into flat ones to what lies beyond.
void SimplexLocator::bypass_flat() {
  std::vector<std::pair<std::int32_t*, std::int32_t>> links;
  FlatSearch search{std::vector<std::size_t>(id_.size(), 0), 0, {}};
  for (std::size_t s = 0; s < id_.size(); ++s) {
    for (std::size_t k = 0; k <= d_; ++k) {
      std::int32_t* const neighbor = neighbors_of(s) + k;
      if (is_flat(s) || *neighbor < 0 || !is_flat(static_cast<std::size_t>(*neighbor))) continue;
      links.emplace_back(neighbor, beyond_flat(s, k, search));
    }
  }
  for (const auto& [neighbor, target] : links) *neighbor = target;
}

// The first simplex beyond facet k among the neighbors of the flat ones there, which all lie in that facet's plane.
// Where none is near, it may be a facet of the hull, with no point beyond its plane; few planes bear many such facets.
std::int32_t SimplexLocator::beyond_flat(std::size_t simplex, std::size_t k, FlatSearch& search) {
  constexpr double in_plane = 1e-9;  // of the height over the facet; rounding is far below it
  constexpr std::size_t most_flat = 64;
  const std::size_t width = d_ + 1;
  std::vector<std::int32_t> flat{neighbors_of(simplex)[k]};
  ++search.number;
  search.seen[simplex] = search.seen[static_cast<std::size_t>(flat[0])] = search.number;
  std::vector<double> centroid(d_);
  for (std::size_t i = 0; i < flat.size() && i < most_flat; ++i) {
    for (std::size_t f = 0; f < width; ++f) {
      const std::int32_t neighbor = neighbors_of(static_cast<std::size_t>(flat[i]))[f];
      if (neighbor < 0 || search.seen[static_cast<std::size_t>(neighbor)] == search.number) continue;
      const auto other = static_cast<std::size_t>(neighbor);
      search.seen[other] = search.number;
      bool coplanar = true;
      std::fill(centroid.begin(), centroid.end(), 0.0);
      for (std::size_t v = 0; v < width; ++v) {
        const double* const p = point(vertices_[other * width + v]);
        for (std::size_t j = 0; j < d_; ++j) centroid[j] += p[j] / static_cast<double>(width);
        coplanar = coplanar && std::abs(weight_of(simplex, k, p).first) < in_plane;
      }
      if (!is_flat(other) && weight_of(simplex, k, centroid.data()).first < 0.0) return neighbor;
      if (is_flat(other) && coplanar) flat.push_back(neighbor);
    }
  }
  for (const auto& [hull_simplex, hull_k] : search.hull) {
    bool same_plane = true;
    for (std::size_t v = 0; v < width; ++v) {
      if (v == k) continue;
      const double* const p = point(vertices_[simplex * width + v]);
      same_plane = same_plane && std::abs(weight_of(hull_simplex, hull_k, p).first) < in_plane;
    }
    if (same_plane) return no_neighbor;
  }
  for (std::size_t i = 0; i < n_points_; ++i) {
    if (weight_of(simplex, k, points_.data() + i * d_).first < -in_plane) return blocked_neighbor;
  }
  search.hull.emplace_back(simplex, k);
  return no_neighbor;
}

void SimplexLocator::hash_vertices() {
  std::size_t slots = 1;
  while (slots < 2 * n_points_) slots *= 2;
  slot_vertex_ = PageArray<std::int32_t>(slots);
  slot_simplex_ = PageArray<std::int32_t>(slots);
  std::fill(slot_vertex_.begin(), slot_vertex_.end(), -1);
  const Triangulation triangulation = view();
  const LocatorKernels& table = kernels().locator;
  for (const bool flat : {false, true}) {  // a flat simplex only for vertices that have no other
    for (std::size_t s = 0; s < id_.size(); ++s) {
      if (is_flat(s) != flat) continue;
      for (std::size_t k = s * (d_ + 1); k < (s + 1) * (d_ + 1); ++k) {
        const std::size_t slot = table.slot(triangulation, point(vertices_[k]));
        if (slot_vertex_[slot] >= 0) continue;
        slot_vertex_[slot] = vertices_[k];
        slot_simplex_[slot] = static_cast<std::int32_t>(s);
      }
    }
  }
}

// Cells are halved along one axis after another, and the walk to each new cell's centre starts from that of the old.
void SimplexLocator::fill_grid() {
  const std::size_t n = id_.size();
  std::size_t first = 0;
  while (first < n && is_flat(first)) ++first;
  if (first == n) throw std::invalid_argument("simplices: expected one that has a volume, got flat ones only");
  for (std::size_t j = 0; j < d_; ++j) {
    const double margin = static_cast<double>(4 * d_ + 2) * 0x1p-53 * std::max(std::abs(low_[j]), std::abs(high_[j]));
    low_[j] -= margin;
    high_[j] += margin;
    scale_.push_back(1.0 / (high_[j] - low_[j]));
  }
  bits_.assign(d_, 0);
  start_ = PageArray<std::int32_t>(1);
  start_[0] = static_cast<std::int32_t>(first);
  const LocatorKernels& table = kernels().locator;
  AlignedBuffer weights(walk_tile * weight_stride(d_));
  std::vector<double> centre(walk_tile * d_);
  std::vector<std::int32_t> simplex(walk_tile), status(walk_tile);
  while (start_.size() < cells_per_simplex * n && start_.size() < most_cells) {
    const std::size_t axis = static_cast<std::size_t>(
        std::min_element(scale_.begin(), scale_.end()) - scale_.begin());
    std::size_t below = 0;  // bits of a cell's index that belong to later axes
    for (std::size_t j = axis + 1; j < d_; ++j) below += static_cast<std::size_t>(bits_[j]);
    ++bits_[axis];
    scale_[axis] *= 2.0;
    PageArray<std::int32_t> finer(2 * start_.size());
    const Triangulation triangulation = view();
    for (std::size_t begin = 0; begin < finer.size(); begin += walk_tile) {
      const std::size_t here = std::min(walk_tile, finer.size() - begin);
      for (std::size_t i = 0; i < here; ++i) {
        std::size_t cell = begin + i;
        finer[cell] = start_[(cell >> (below + 1) << below) | (cell & ((std::size_t{1} << below) - 1))];
        simplex[i] = finer[cell];
        for (std::size_t j = d_; j-- > 0;) {
          const std::size_t along = cell & ((std::size_t{1} << bits_[j]) - 1);
          centre[i * d_ + j] = low_[j] + (static_cast<double>(along) + 0.5) / scale_[j];
          cell >>= bits_[j];
        }
      }
      table.walk(triangulation, centre.data(), here, simplex.data(), status.data(), weights.data());
      for (std::size_t i = 0; i < here; ++i) {
        if (!is_flat(static_cast<std::size_t>(simplex[i]))) finer[begin + i] = simplex[i];
      }
    }
    start_ = std::move(finer);
  }
}

Triangulation SimplexLocator::view() const {
  const StartGrid grid{low_.data(), scale_.data(), bits_.data(), start_.data()};
  const double across = std::pow(static_cast<double>(id_.size()), 1.0 / static_cast<double>(d_));
  return {d_, id_.size(), records_.data(), vertices_.data(), points_.data(), grid,
          slot_vertex_.size(), slot_vertex_.data(), slot_simplex_.data(),
          // Straight walks cross some d simplices a unit of length; those around clusters take detours.
          64 + static_cast<std::size_t>(8.0 * static_cast<double>(d_) * across)};
}

std::size_t SimplexLocator::nbytes() const {
  return points_.bytes() + id_.bytes() + vertices_.bytes() + records_.bytes() + slot_vertex_.bytes() +
         slot_simplex_.bytes() + start_.bytes();
}

// What one thread works with: the starts and order of a chunk, and a tile's queries, weights and results.
struct SimplexLocator::Workspace {
  PageArray<std::int32_t> start;
  PageArray<std::uint32_t> rows;
  PageArray<double> x, weights, out;
};

// A tile of queries after their walks. Its row i is row first + i of the batch, or first + rows[i] where rows are given.
struct SimplexLocator::Tile {
  std::size_t n, first;
  const std::uint32_t* rows;
  const std::int32_t* simplex;
  const std::int32_t* status;
  const double* weights;
  double* out;  // walk_tile rows of results, to use at will

  std::size_t row(std::size_t i) const { return rows == nullptr ? first + i : first + rows[i]; }
};

template <class Consume>
void SimplexLocator::walk_all(const LocatorKernels& table, const double* x, std::size_t n, std::size_t out_width,
                              std::size_t n_threads, Consume consume) const {
  const Triangulation triangulation = view();
  const std::size_t read_bytes = std::min(n, id_.size()) * record_stride(d_) * sizeof(double);
  const bool sorts = read_bytes >= uncached_bytes;
  const std::size_t most = sorts ? std::clamp(n / n_threads + 1, plain_chunk, largest_sorted_chunk) : plain_chunk;
  const std::size_t chunk = std::min(n, most), n_chunks = n == 0 ? 0 : (n + chunk - 1) / chunk;
  std::vector<Workspace> workspaces;
  for (std::size_t i = 0; i < std::min(n_threads, n_chunks); ++i) {
    workspaces.push_back({PageArray<std::int32_t>(chunk), PageArray<std::uint32_t>(sorts ? chunk : 0),
                          PageArray<double>(walk_tile * d_), PageArray<double>(walk_tile * weight_stride(d_)),
                          PageArray<double>(sorts ? walk_tile * out_width : 0)});
  }
  parallel_for(n_chunks, n_threads, [&](std::size_t task, std::size_t worker) {
    Workspace& own = workspaces[worker];
    const std::size_t begin = task * chunk, here = std::min(chunk, n - begin);
    const double* const chunk_x = x + begin * d_;
    table.start(triangulation, chunk_x, here, own.start.data());
    const bool sorted = sorts && sort_rows(own.start.data(), here, id_.size(), own.rows.data());
    std::int32_t simplex[walk_tile], status[walk_tile];
    for (std::size_t first = 0; first < here; first += walk_tile) {
      const std::size_t size = std::min(walk_tile, here - first);
      const std::uint32_t* const rows = sorted ? own.rows.data() + first : nullptr;
      for (std::size_t i = 0; i < size && sorted; ++i) {
        prefetch(chunk_x + own.rows[std::min(first + i + prefetch_rows, here - 1)] * d_);
        simplex[i] = own.start[rows[i]];
        for (std::size_t j = 0; j < d_; ++j) own.x[i * d_ + j] = chunk_x[rows[i] * d_ + j];
      }
      if (!sorted) std::copy_n(own.start.data() + first, size, simplex);
      table.walk(triangulation, sorted ? own.x.data() : chunk_x + first * d_, size, simplex, status,
                 own.weights.data());
      consume(Tile{size, sorted ? begin : begin + first, rows, simplex, status, own.weights.data(), own.out.data()});
    }
  });
}

void SimplexLocator::locate(const double* x, std::size_t n, std::int32_t* simplex, double* weights,
                            std::size_t n_threads) const {
  walk_all(kernels().locator, x, n, 0, n_threads, [&](const Tile& tile) {
    for (std::size_t i = 0; i < tile.n; ++i) {
      const std::size_t row = tile.row(i);
      const bool known = tile.status[i] == found;
      simplex[row] = known ? id_[static_cast<std::size_t>(tile.simplex[i])] : tile.status[i];
      for (std::size_t k = 0; k <= d_; ++k) {
        weights[row * (d_ + 1) + k] = known ? tile.weights[i * weight_stride(d_) + k] : nan;
      }
    }
  });
}

// Has `fill` write the rows of a tile, `width` numbers each, and puts them into their places in `out`.
template <class Tile, class Fill>
void scatter(const Tile& tile, std::size_t width, double* out, Fill fill) {
  if (tile.rows == nullptr) return fill(out + tile.first * width);
  fill(tile.out);
  for (std::size_t i = 0; i < tile.n; ++i) {
    for (std::size_t k = 0; k < width; ++k) out[tile.row(i) * width + k] = tile.out[i * width + k];
  }
}

void SimplexLocator::interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                                 std::size_t n_threads) const {
  const Triangulation triangulation = view();
  const LocatorKernels& table = kernels().locator;
  walk_all(table, x, n, m, n_threads, [&](const Tile& tile) {
    scatter(tile, m, out, [&](double* rows) {
      table.interpolate(triangulation, tile.simplex, tile.status, tile.weights, tile.n, values, m, rows);
    });
  });
}

void SimplexLocator::gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                              std::size_t n_threads) const {
  const Triangulation triangulation = view();
  const LocatorKernels& table = kernels().locator;
  walk_all(table, x, n, m * d_, n_threads, [&](const Tile& tile) {
    scatter(tile, m * d_, out, [&](double* rows) {
      table.gradient(triangulation, tile.simplex, tile.status, tile.n, values, m, rows);
    });
  });
}

}  // namespace pml
