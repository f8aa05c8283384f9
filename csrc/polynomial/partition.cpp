#include "partition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 1024;
// Rows that are sorted by their leaves at once: some for each of a thousand leaves, as the kernel takes 64 together.
constexpr std::size_t rows_at_once = 1 << 17;

double step_up(double t) {
  const double v = 0.5 * (1.0 + t);
  return v * v * v * v * (35.0 + v * (-84.0 + v * (70.0 - 20.0 * v)));
}

// Its derivative by t.
double slope_up(double t) {
  const double v = 0.5 * (1.0 + t), w = 1.0 - v;
  return 70.0 * v * v * v * w * w * w;
}

}  // namespace

PartitionOfUnity::PartitionOfUnity(const CutTree& tree, const std::vector<SeriesTree>& products,
                                   const std::vector<std::size_t>& degrees, std::size_t n_inputs,
                                   std::size_t n_outputs, const double* shift, const double* divisor,
                                   const double* coefficients, std::size_t n_coefficients)
    : n_inputs_(n_inputs), n_outputs_(n_outputs), degrees_(degrees) {
  const std::size_t n_leaves = degrees.size(), n_nodes = tree.columns.size();
  if (n_leaves < 1 || n_nodes + 1 != n_leaves) {
    throw std::invalid_argument("columns: expected a node less than the " + std::to_string(n_leaves) +
                                " leaves, got " + std::to_string(n_nodes));
  }
  // Children follow their parents, and each node and leaf has one: so it is a tree, and none hangs deeper than depth_.
  std::vector<std::size_t> depth_of(n_nodes, 1);
  std::vector<bool> node_seen(n_nodes, false), leaf_seen(n_leaves, false);
  for (std::size_t k = 0; k < n_nodes; ++k) {
    const bool is_cut = std::isfinite(tree.places[k]) && tree.widths[k] > 0.0 && std::isfinite(tree.widths[k]);
    if (tree.columns[k] < 0 || static_cast<std::size_t>(tree.columns[k]) >= n_inputs || !is_cut) {
      throw std::invalid_argument("node " + std::to_string(k) + ": expected a variable below " +
                                  std::to_string(n_inputs) + ", a finite place and a width above 0, got variable " +
                                  std::to_string(tree.columns[k]));
    }
    for (const std::int64_t child : {tree.lefts[k], tree.rights[k]}) {
      const bool is_leaf = child < 0;
      const std::size_t number = static_cast<std::size_t>(is_leaf ? -1 - child : child);
      std::vector<bool>& seen = is_leaf ? leaf_seen : node_seen;
      if (number >= seen.size() || seen[number] || (!is_leaf && number <= k)) {
        throw std::invalid_argument("node " + std::to_string(k) + ": expected children behind it, each once, got " +
                                    std::to_string(child));
      }
      seen[number] = true;
      if (!is_leaf) depth_of[number] = depth_of[k] + 1;
      depth_ = std::max(depth_, depth_of[k] + 1);
    }
    nodes_.push_back({static_cast<std::size_t>(tree.columns[k]), tree.lefts[k], tree.rights[k], tree.places[k],
                      tree.widths[k]});
  }
  SeriesMap map;
  for (std::size_t j = 0; j < n_inputs; ++j) map.columns.push_back(j);
  map.exponents.assign(n_inputs, 0);
  map.shift.assign(n_inputs, 0.0);
  map.divisor.assign(n_inputs, 1.0);
  for (const SeriesTree& one : products) {
    const std::vector<double> none(one.parents.size() * n_outputs, 0.0);
    series_.emplace_back(one, map, none.data(), std::vector<int>(n_outputs, 0));
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n_leaves; ++i) {
    if (degrees[i] >= products.size()) {
      throw std::invalid_argument("degrees: expected numbers below " + std::to_string(products.size()) + ", got " +
                                  std::to_string(degrees[i]));
    }
    const std::size_t n = products[degrees[i]].parents.size();
    if (begin + n > n_coefficients) break;
    starts_.push_back(begin * n_outputs);
    for (std::size_t k = 0; k < n_outputs; ++k) {  // the kernel takes each output's from the last product to the first
      for (std::size_t a = n; a-- > 0;) coefficients_.push_back(coefficients[(begin + a) * n_outputs + k]);
    }
    begin += n;
  }
  if (starts_.size() < n_leaves || begin != n_coefficients) {
    throw std::invalid_argument("coefficients: expected those of all products of each leaf, got " +
                                std::to_string(n_coefficients));
  }
  shift_.assign(shift, shift + n_leaves * n_inputs);
  divisor_.assign(divisor, divisor + n_leaves * n_inputs);
}

SeriesView PartitionOfUnity::view(std::size_t leaf) const {
  SeriesView view = series_[degrees_[leaf]].view();
  view.coefficients = coefficients_.data() + starts_[leaf];
  view.shift = shift_.data() + leaf * n_inputs_;
  view.divisor = divisor_.data() + leaf * n_inputs_;
  return view;
}

// Calls leaf(i, weight, derivatives of the weight) for the leaves that have a part in z (n_inputs). The stack has
// depth_ + 1 entries of a number, a weight, and with `slopes` its derivatives.
template <class Visit>
void PartitionOfUnity::visit(const double* z, bool slopes, double* stack, const Visit& leaf) const {
  const std::size_t d = slopes ? n_inputs_ : 0, entry = 2 + d;
  std::size_t height = 1;
  stack[0] = nodes_.empty() ? -1.0 : 0.0;  // numbers of nodes are exact in float64
  stack[1] = 1.0;
  std::fill(stack + 2, stack + entry, 0.0);
  while (height > 0) {
    double* const top = stack + (height - 1) * entry;
    const std::int64_t number = static_cast<std::int64_t>(top[0]);
    if (number < 0) {
      leaf(static_cast<std::size_t>(-1 - number), top[1], top + 2);
      --height;
      continue;
    }
    const Node& node = nodes_[static_cast<std::size_t>(number)];
    const double t = (z[node.column] - node.place) / node.width;
    if (t > -1.0 && t < 1.0) {
      const double up = step_up(t), down = 1.0 - up;
      double* const next = top + entry;  // the right child's place; the left one, on top of it, has its turn first
      next[0] = static_cast<double>(node.left);
      next[1] = top[1] * down;
      const double slope = slopes ? slope_up(t) / node.width : 0.0;
      for (std::size_t j = 0; j < d; ++j) {
        const double own = j == node.column ? top[1] * slope : 0.0, before = top[2 + j];
        next[2 + j] = before * down - own;
        top[2 + j] = before * up + own;
      }
      top[0] = static_cast<double>(node.right);
      top[1] *= up;
      ++height;
    } else {
      top[0] = static_cast<double>(t >= 1.0 ? node.right : node.left);  // NaN goes to some leaf, which gives NaN
    }
  }
}

// Which leaves have a part in which rows: of row r the shares starts[r] to starts[r + 1]. Sorted by their leaves, share
// e is at places[e], and those of leaf i are at first[i] to first[i + 1].
struct PartitionOfUnity::Shares {
  std::vector<std::size_t> starts, leaves, rows, places, first, of_place;
  std::vector<double> weights, slopes;
};

void PartitionOfUnity::count(const double* z, std::size_t n, Shares& shares, std::size_t n_threads) const {
  const bool slopes = !shares.slopes.empty();
  const std::size_t d = n_inputs_, stack_size = AlignedBuffer::padded((depth_ + 1) * (2 + d));
  const std::size_t n_tasks = (n + rows_of_a_task - 1) / rows_of_a_task;
  AlignedBuffer stacks(stack_size * std::max<std::size_t>(1, std::min(n_threads, n_tasks)));
  const auto each_row = [&](const auto& row) {
    parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
      const std::size_t end = std::min(n, (task + 1) * rows_of_a_task);
      for (std::size_t r = task * rows_of_a_task; r < end; ++r) row(r, stacks.data() + worker * stack_size);
    });
  };
  shares.starts.assign(n + 1, 0);
  each_row([&](std::size_t r, double* stack) {
    std::size_t k = 0;
    visit(z + r * d, false, stack, [&](std::size_t, double, const double*) { ++k; });
    shares.starts[r + 1] = k;
  });
  for (std::size_t r = 0; r < n; ++r) shares.starts[r + 1] += shares.starts[r];
  const std::size_t total = shares.starts[n];
  shares.leaves.resize(total);
  shares.rows.resize(total);
  shares.weights.resize(total);
  if (slopes) shares.slopes.resize(total * d);
  each_row([&](std::size_t r, double* stack) {
    std::size_t e = shares.starts[r];
    visit(z + r * d, slopes, stack, [&](std::size_t leaf, double weight, const double* slope) {
      shares.leaves[e] = leaf;
      shares.rows[e] = r;
      shares.weights[e] = weight;
      if (slopes) std::copy(slope, slope + d, shares.slopes.data() + e * d);
      ++e;
    });
  });
  shares.first.assign(degrees_.size() + 1, 0);
  for (std::size_t leaf : shares.leaves) ++shares.first[leaf + 1];
  for (std::size_t i = 0; i < degrees_.size(); ++i) shares.first[i + 1] += shares.first[i];
  std::vector<std::size_t> next(shares.first.begin(), shares.first.end() - 1);
  shares.places.resize(total);
  shares.of_place.resize(total);
  for (std::size_t e = 0; e < total; ++e) {
    const std::size_t place = next[shares.leaves[e]]++;
    shares.places[e] = place;
    shares.of_place[place] = e;
  }
}

void PartitionOfUnity::evaluate(const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  answer(false, z, n, out, n_threads);
}

void PartitionOfUnity::gradient(const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  answer(true, z, n, out, n_threads);
}

void PartitionOfUnity::answer(bool gradient, const double* z, std::size_t n, double* out,
                              std::size_t n_threads) const {
  const SeriesKernels& table = kernels().series;
  const std::size_t d = n_inputs_, m = n_outputs_, width = gradient ? m * d : m;
  for (std::size_t begin = 0; begin < n; begin += rows_at_once, z += rows_at_once * d, out += rows_at_once * width) {
    const std::size_t n_rows = std::min(rows_at_once, n - begin);
    Shares shares;
    if (gradient) shares.slopes.resize(1);
    count(z, n_rows, shares, n_threads);
    const std::size_t total = shares.starts[n_rows];
    AlignedBuffer values(total * m), slopes(gradient ? total * m * d : 0);

    struct Piece {
      std::size_t leaf, begin, end;
    };
    std::vector<Piece> pieces;
    std::size_t size = 0;
    for (std::size_t i = 0; i < degrees_.size(); ++i) {
      for (std::size_t a = shares.first[i]; a < shares.first[i + 1]; a += rows_of_a_task) {
        pieces.push_back({i, a, std::min(a + rows_of_a_task, shares.first[i + 1])});
        size = std::max(size, table.workspace(view(i), gradient));
      }
    }
    size = AlignedBuffer::padded(size);
    const std::size_t gathered = AlignedBuffer::padded(rows_of_a_task * d);
    AlignedBuffer workspaces((size + gathered) * std::max<std::size_t>(1, std::min(n_threads, pieces.size())));
    parallel_for(pieces.size(), n_threads, [&](std::size_t task, std::size_t worker) {
      const Piece piece = pieces[task];
      double* const workspace = workspaces.data() + worker * (size + gathered);
      double* const own = workspace + size;
      for (std::size_t a = piece.begin; a < piece.end; ++a) {
        const double* const row = z + shares.rows[shares.of_place[a]] * d;
        std::copy(row, row + d, own + (a - piece.begin) * d);
      }
      const SeriesView series = view(piece.leaf);
      const std::size_t k = piece.end - piece.begin;
      table.evaluate(series, own, k, workspace, values.data() + piece.begin * m);
      if (gradient) table.gradient(series, own, k, workspace, slopes.data() + piece.begin * m * d);
    });

    const std::size_t n_tasks = (n_rows + rows_of_a_task - 1) / rows_of_a_task;
    parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t) {
      const std::size_t end = std::min(n_rows, (task + 1) * rows_of_a_task);
      for (std::size_t r = task * rows_of_a_task; r < end; ++r) {
        double* const y = out + r * width;
        std::fill(y, y + width, 0.0);
        for (std::size_t e = shares.starts[r]; e < shares.starts[r + 1]; ++e) {
          const double weight = shares.weights[e];
          const double* const value = values.data() + shares.places[e] * m;
          for (std::size_t k = 0; k < m; ++k) {
            if (!gradient) {
              y[k] += weight * value[k];
              continue;
            }
            const double* const slope = slopes.data() + (shares.places[e] * m + k) * d;
            const double* const change = shares.slopes.data() + e * d;
            for (std::size_t j = 0; j < d; ++j) y[k * d + j] += weight * slope[j] + change[j] * value[k];
          }
        }
      }
    });
  }
}

}  // namespace pml
