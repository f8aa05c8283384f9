#include "grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t max_dimensions = 32;
constexpr std::size_t rows_of_a_task = 4096;
constexpr std::size_t nodes_to_scan = 8;  // a scan over more nodes than this is slower than halving
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// Where a query lies: the corner that the path starts from, and the axes by falling fraction from there.
struct SimplexGrid::Place {
  std::size_t corner;
  struct Step {
    std::size_t axis;
    double fraction;
    double width;          // of the box, negative where the path leads down the axis
    std::ptrdiff_t nodes;  // to the next vertex of the path
  } steps[max_dimensions];
};

SimplexGrid::SimplexGrid(std::vector<std::vector<double>> axes) {
  if (axes.empty() || axes.size() > max_dimensions) {
    throw std::invalid_argument("axes: expected 1 to " + std::to_string(max_dimensions) + " arrays, got " +
                                std::to_string(axes.size()));
  }
  for (std::size_t j = 0; j < axes.size(); ++j) {
    Axis axis{std::move(axes[j]), {}, 0.0, 1};
    const auto& nodes = axis.nodes;
    bool ordered = nodes.size() >= 2 && std::isfinite(nodes.front()) && std::isfinite(nodes.back() - nodes.front());
    for (std::size_t i = 1; ordered && i < nodes.size(); ++i) ordered = nodes[i - 1] < nodes[i];
    if (!ordered) {
      throw std::invalid_argument("axes[" + std::to_string(j) +
                                  "]: expected at least 2 strictly increasing finite numbers");
    }
    const std::size_t n_cells = nodes.size() - 1;
    axis.buckets_per_unit = static_cast<double>(n_cells) / (nodes.back() - nodes.front());
    axis.first.resize(n_cells + 2);
    std::size_t cell = 0;
    for (std::size_t bucket = 0; bucket < axis.first.size(); ++bucket) {
      // One bucket back: the product that finds a query's bucket is rounded.
      const double begin = nodes.front() + (static_cast<double>(bucket) - 1.0) / axis.buckets_per_unit;
      while (cell + 1 < n_cells && nodes[cell + 1] <= begin) ++cell;
      axis.first[bucket] = static_cast<std::uint32_t>(cell);
    }
    axes_.push_back(std::move(axis));
  }
  for (std::size_t j = axes_.size(); j-- > 0;) {
    axes_[j].stride = n_points_;
    n_points_ *= axes_[j].nodes.size();
    if (n_points_ > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      throw std::invalid_argument("axes: expected a grid of less than 2^31 points");
    }
  }
}

// The cell [nodes[i], nodes[i + 1]) of x, the last one closed, for nodes.front() <= x <= nodes.back().
std::size_t SimplexGrid::Axis::cell(double x) const {
  const std::size_t n_cells = nodes.size() - 1;
  const std::size_t bucket = std::min(static_cast<std::size_t>((x - nodes.front()) * buckets_per_unit), n_cells);
  std::size_t i = first[bucket];
  for (std::size_t scanned = 0; scanned < nodes_to_scan; ++scanned, ++i) {
    if (i + 1 == n_cells || x < nodes[i + 1]) return i;
  }
  return static_cast<std::size_t>(std::upper_bound(nodes.begin() + i, nodes.end() - 1, x) - nodes.begin()) - 1;
}

bool SimplexGrid::place(const double* x, Place& place) const {
  place.corner = 0;
  for (std::size_t j = 0; j < axes_.size(); ++j) {
    const Axis& axis = axes_[j];
    if (!(axis.nodes.front() <= x[j] && x[j] <= axis.nodes.back())) return false;
    const std::size_t cell = axis.cell(x[j]);
    const std::size_t mirrored = cell % 2;
    const double start = axis.nodes[cell + mirrored], width = axis.nodes[cell + 1 - mirrored] - start;
    const auto stride = static_cast<std::ptrdiff_t>(axis.stride);
    const Place::Step step{j, (x[j] - start) / width, width, mirrored != 0 ? -stride : stride};
    place.corner += (cell + mirrored) * axis.stride;
    std::size_t k = j;
    for (; k > 0 && place.steps[k - 1].fraction < step.fraction; --k) place.steps[k] = place.steps[k - 1];
    place.steps[k] = step;
  }
  return true;
}

template <class Each>
void SimplexGrid::for_rows(const double* x, std::size_t n, std::size_t n_threads, const Each& each) const {
  const std::size_t d = axes_.size();
  parallel_for((n + rows_of_a_task - 1) / rows_of_a_task, n_threads, [&](std::size_t task, std::size_t) {
    Place found;
    for (std::size_t i = task * rows_of_a_task, end = std::min(n, i + rows_of_a_task); i < end; ++i) {
      each(i, place(x + i * d, found) ? &found : nullptr);
    }
  });
}

void SimplexGrid::locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights,
                         std::size_t n_threads) const {
  const std::size_t d = axes_.size();
  for_rows(x, n, n_threads, [&](std::size_t i, const Place* found) {
    std::int32_t* const vertex = vertices + i * (d + 1);
    double* const weight = weights + i * (d + 1);
    if (found == nullptr) {
      std::fill_n(vertex, d + 1, -1);
      std::fill_n(weight, d + 1, nan);
      return;
    }
    std::size_t node = found->corner;
    double before = 1.0;
    for (std::size_t k = 0; k < d; ++k) {
      vertex[k] = static_cast<std::int32_t>(node);
      weight[k] = before - found->steps[k].fraction;
      before = found->steps[k].fraction;
      node += static_cast<std::size_t>(found->steps[k].nodes);
    }
    vertex[d] = static_cast<std::int32_t>(node);
    weight[d] = before;
  });
}

void SimplexGrid::interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                              std::size_t n_threads) const {
  const std::size_t d = axes_.size();
  for_rows(x, n, n_threads, [&](std::size_t i, const Place* found) {
    double* const result = out + i * m;
    std::fill_n(result, m, found == nullptr ? nan : 0.0);
    if (found == nullptr) return;
    std::size_t node = found->corner;
    double before = 1.0;
    for (std::size_t k = 0; k <= d; ++k) {
      const double after = k < d ? found->steps[k].fraction : 0.0;
      const double weight = before - after;
      for (std::size_t o = 0; o < m; ++o) result[o] += weight * values[node * m + o];
      before = after;
      if (k < d) node += static_cast<std::size_t>(found->steps[k].nodes);
    }
  });
}

void SimplexGrid::gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                           std::size_t n_threads) const {
  const std::size_t d = axes_.size();
  for_rows(x, n, n_threads, [&](std::size_t i, const Place* found) {
    double* const result = out + i * m * d;
    if (found == nullptr) {
      std::fill_n(result, m * d, nan);
      return;
    }
    std::size_t node = found->corner;
    for (std::size_t k = 0; k < d; ++k) {
      const Place::Step& step = found->steps[k];
      const std::size_t next = node + static_cast<std::size_t>(step.nodes);
      for (std::size_t o = 0; o < m; ++o) {
        result[o * d + step.axis] = (values[next * m + o] - values[node * m + o]) / step.width;
      }
      node = next;
    }
  });
}

}  // namespace pml
