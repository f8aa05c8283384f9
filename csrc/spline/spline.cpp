#include "spline.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>

#include "../isa/dispatch.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

// The tables are rounded to double once, at the end, where the compiler has a wider type.
using Wide = long double;
using Block = std::array<std::array<Wide, spline_max_functions>, spline_max_functions>;  // [power][function]

struct Cell {
  std::size_t span;    // knots[span] < knots[span + 1]
  double middle, low;  // of the span, to 32 digits
  double width;
};

Cell cell_at(const std::vector<double>& knots, std::size_t span) {
  const double a = knots[span], b = knots[span + 1], sum = a + b, seen = sum - a;
  return {span, 0.5 * sum, 0.5 * ((a - (sum - seen)) + (b - seen)), b - a};
}

// The knots that the functions of a cell depend on, in the cell's own coordinate s.
std::vector<Wide> local_knots(const KnotAxis& axis, const Cell& cell) {
  std::vector<Wide> local(2 * axis.degree);
  for (std::size_t i = 0; i < local.size(); ++i) {
    const double knot = axis.knots[cell.span + 1 - axis.degree + i];
    local[i] = ((static_cast<Wide>(knot) - cell.middle) - cell.low) / cell.width;
  }
  return local;
}

// The degree + 1 B-splines of a cell as polynomials in s, by the recursion of Cox and de Boor:
// N_{j,r} = (s - t_j) / (t_{j+r} - t_j) N_{j,r-1} + (t_{j+r+1} - s) / (t_{j+r+1} - t_{j+1}) N_{j+1,r-1}.
// Every term is positive in the cell, so nothing cancels.
Block basis(std::size_t degree, const std::vector<Wide>& t) {
  Block block{};
  block[0][0] = 1;
  for (std::size_t r = 1; r <= degree; ++r) {
    Block next{};
    // Function f of degree r stands on the knots t[degree - 1 - r + f] to t[degree + f].
    for (std::size_t f = 0; f <= r; ++f) {
      for (std::size_t p = 0; p < r; ++p) {
        if (f > 0) {
          const Wide left = t[degree - 1 - r + f], term = block[p][f - 1] / (t[degree - 1 + f] - left);
          next[p + 1][f] += term;
          next[p][f] -= left * term;
        }
        if (f < r) {
          const Wide right = t[degree + f], term = block[p][f] / (right - t[degree - r + f]);
          next[p + 1][f] -= term;
          next[p][f] += right * term;
        }
      }
    }
    block = next;
  }
  return block;
}

void require_basis(const KnotAxis& axis) {
  const std::vector<double>& t = axis.knots;
  const std::size_t k = axis.degree;
  if (k < 1 || k >= spline_max_functions) {
    throw std::invalid_argument("degree: expected 1 to 7, got " + std::to_string(k));
  }
  const auto finite = [](double v) { return std::isfinite(v); };
  if (t.size() < 2 * (k + 1) || !std::all_of(t.begin(), t.end(), finite) || !std::is_sorted(t.begin(), t.end()) ||
      !(t[k] < t[k + 1]) || !(t[t.size() - k - 2] < t[t.size() - k - 1]) || !(axis.step > 0.0)) {
    throw std::invalid_argument("knots: expected a nondecreasing sequence of at least " + std::to_string(2 * (k + 1)) +
                                " finite numbers whose inner ones differ, got one that makes no basis");
  }
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

}  // namespace

Spline::Spline(const std::vector<KnotAxis>& axes, Outside outside, const double* coefficients, std::size_t n_outputs)
    : outside_(outside) {
  const std::size_t d = axes.size();
  if (d < 1 || d > spline_max_axes) throw std::invalid_argument("axes: expected 1 to 6, got " + std::to_string(d));
  view_.n_axes = d;
  view_.n_outputs = n_outputs;
  tables_.resize(d);
  std::size_t n_coefficients = 1;
  for (std::size_t a = d; a-- > 0;) {
    require_basis(axes[a]);
    view_.axes[a].stride = n_coefficients;
    n_coefficients *= axes[a].n_functions();
  }
  view_.output_stride = n_coefficients;

  // Whole vectors are loaded at the last coefficients too.
  const std::size_t n_stored = n_outputs * n_coefficients;
  buffers_.emplace_back(n_stored + spline_max_functions);
  std::copy_n(coefficients, n_stored, buffers_.back().data());
  std::fill_n(buffers_.back().data() + n_stored, spline_max_functions, 0.0);
  view_.coefficients = buffers_.back().data();

  for (std::size_t a = 0; a < d; ++a) {
    const KnotAxis& axis = axes[a];
    const std::size_t functions = axis.degree + 1;
    AxisTables& table = tables_[a];
    SplineAxis& view = view_.axes[a];
    std::vector<double> blocks, pieces;
    std::vector<Wide> knots_before;
    for (std::size_t span = axis.degree; span < axis.n_functions(); ++span) {
      if (!(axis.knots[span] < axis.knots[span + 1])) continue;
      const Cell cell = cell_at(axis.knots, span);
      const double moved = axis.step * cell.middle, center = axis.origin + moved, seen = center - axis.origin;
      const double center_low = ((axis.origin - (center - seen)) + (moved - seen)) +
                                (std::fma(axis.step, cell.middle, -moved) + axis.step * cell.low);
      const double inverse_width = 1.0 / (axis.step * cell.width);
      if (!std::isfinite(inverse_width)) {
        throw std::invalid_argument("axes: expected points further apart than 1e-308, got " + number(cell.width));
      }
      const std::vector<Wide> knots = local_knots(axis, cell);
      const bool as_before = knots == knots_before;
      const std::size_t first = span - axis.degree;
      if (d == 1) {
        const Block block = basis(axis.degree, knots);
        for (std::size_t j = 0; j < n_outputs; ++j) {
          for (std::size_t p = 0; p < functions; ++p) {
            Wide sum = 0;
            for (std::size_t f = 0; f < functions; ++f) sum += block[p][f] * coefficients[j * n_coefficients + first + f];
            pieces.push_back(static_cast<double>(sum));
          }
        }
      } else if (!as_before) {
        const Block block = basis(axis.degree, knots);
        for (std::size_t p = 0; p < functions; ++p) {
          for (Wide value : block[p]) blocks.push_back(static_cast<double>(value));
        }
      }
      knots_before = knots;
      const std::size_t n_blocks = blocks.size() / (functions * spline_max_functions);
      table.cells.push_back({center, center_low, inverse_width, static_cast<std::uint32_t>(first),
                             static_cast<std::uint32_t>(n_blocks == 0 ? 0 : n_blocks - 1)});
      table.breaks.push_back(axis.origin + axis.step * axis.knots[span]);
    }
    const std::size_t n_cells = table.cells.size();
    if (axis.n_functions() > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument("axes: expected fewer than 2^32 points along each");
    }
    table.breaks.push_back(axis.origin + axis.step * axis.knots[axis.n_functions()]);

    buffers_.emplace_back(std::max(blocks.size(), pieces.size()));
    double* const stored = buffers_.back().data();
    std::copy(blocks.begin(), blocks.end(), stored);
    if (d == 1) {
      std::copy(pieces.begin(), pieces.end(), stored);
      view_.pieces = stored;
    }
    view.functions = functions;
    view.n_cells = n_cells;
    view.blocks = stored;
    view.low = axis.low;
    view.high = axis.high;
    view.start = table.breaks[1] - axis.step;
    view.scale = 1.0 / axis.step;
    if (!axis.even) {
      view.n_buckets = 2 * n_cells;
      view.start = table.breaks.front();
      view.scale = static_cast<double>(view.n_buckets) / (table.breaks.back() - table.breaks.front());
      if (!std::isfinite(table.breaks.back() - table.breaks.front()) || !std::isfinite(view.scale)) {
        throw std::invalid_argument("axes: expected a range that float64 can hold");
      }
      // Rounding can't harm: this is the expression that the kernel evaluates, and it never falls as x rises.
      table.bucket_cells.assign(view.n_buckets + 1, 0);
      for (std::size_t i = 1; i < n_cells; ++i) {
        const double at = (table.breaks[i] - view.start) * view.scale;
        ++table.bucket_cells[std::min(static_cast<std::size_t>(at), view.n_buckets - 1) + 1];
      }
      for (std::size_t b = 0; b < view.n_buckets; ++b) table.bucket_cells[b + 1] += table.bucket_cells[b];
    }
    view.cells = table.cells.data();
    view.breaks = table.breaks.data();
    view.bucket_cells = table.bucket_cells.data();
  }

  outer_offsets_ = {0};
  for (std::size_t a = 0; a + 3 < d; ++a) {
    std::vector<std::size_t> next;
    for (std::size_t offset : outer_offsets_) {
      for (std::size_t f = 0; f < view_.axes[a].functions; ++f) next.push_back(offset + f * view_.axes[a].stride);
    }
    outer_offsets_ = std::move(next);
  }
  view_.outer_offsets = outer_offsets_.data();
  view_.n_outer = outer_offsets_.size();
}

void Spline::evaluate(const double* x, std::size_t n, const unsigned* orders, double* out,
                      std::size_t n_threads) const {
  const std::size_t d = view_.n_axes, m = view_.n_outputs;
  const SplineKernels& table = kernels().spline;
  std::size_t terms = m;
  for (std::size_t a = 0; a < d; ++a) terms *= view_.axes[a].functions;
  // Some ten to a hundred microseconds of work each.
  const std::size_t rows = std::clamp<std::size_t>((std::size_t{1} << 18) / terms, 32, 4096) / 32 * 32;
  std::atomic<std::size_t> n_outside{0};
  parallel_for((n + rows - 1) / rows, n_threads, [&](std::size_t task, std::size_t) {
    const std::size_t begin = task * rows;
    n_outside += table.evaluate(view_, x + begin * d, std::min(rows, n - begin), orders,
                                outside_ == Outside::extrapolate, out + begin * m);
  });
  if (outside_ != Outside::error || n_outside == 0) return;
  for (std::size_t i = 0; i < n * d; ++i) {
    const SplineAxis& axis = view_.axes[i % d];
    if (x[i] < axis.low || x[i] > axis.high) {
      throw std::invalid_argument("X: expected column " + std::to_string(i % d) + " within [" + number(axis.low) +
                                  ", " + number(axis.high) + "], got " + number(x[i]) + " in row " +
                                  std::to_string(i / d) + ", the first of " + std::to_string(n_outside) +
                                  " rows outside the grid");
    }
  }
}

}  // namespace pml
