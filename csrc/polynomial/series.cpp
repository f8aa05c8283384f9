#include "series.hpp"

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
constexpr int most_exponent = 1000;  // 2^1000 and 2^-1000 are normal

// Appends factors whose product is 2^exponent; |exponent| up to 3000, more than doubles and their quotients need.
void append_power(std::vector<double>& parts, int exponent) {
  for (std::size_t i = 0; i < series_parts; ++i) {
    const int part = std::clamp(exponent, -most_exponent, most_exponent);
    parts.push_back(std::ldexp(1.0, part));
    exponent -= part;
  }
}

void require_tree(const SeriesTree& tree, std::size_t n_variables) {
  const std::size_t n = tree.parents.size();
  if (n < 1 || n > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("parents: expected 1 to 2^32 - 1 nodes, got " + std::to_string(n));
  }
  if (tree.variables.size() != n || tree.degrees.size() != n) {
    throw std::invalid_argument("variables, degrees: expected " + std::to_string(n) + " of each, got " +
                                std::to_string(tree.variables.size()) + " and " + std::to_string(tree.degrees.size()));
  }
  for (std::size_t i = 1; i < n; ++i) {
    const std::size_t parent = tree.parents[i], variable = tree.variables[i], degree = tree.degrees[i];
    if (variable >= n_variables || degree < 1 || degree > std::numeric_limits<std::uint32_t>::max()) {
      throw std::invalid_argument("node " + std::to_string(i) + ": expected a variable below " +
                                  std::to_string(n_variables) + " and a degree from 1, got variable " +
                                  std::to_string(variable) + ", degree " + std::to_string(degree));
    }
    // The node before, or one that it hangs from.
    std::size_t above = i - 1;
    while (above != parent && above != 0) above = tree.parents[above];
    if (above != parent || (parent != 0 && tree.variables[parent] >= variable)) {
      throw std::invalid_argument("node " + std::to_string(i) + ": expected a parent of an earlier variable that is " +
                                  "the node before or one it hangs from, got node " + std::to_string(parent));
    }
  }
}

}  // namespace

ChebyshevSeries::ChebyshevSeries(const SeriesTree& tree, const SeriesMap& map, const double* coefficients,
                                 const std::vector<int>& output_exponents)
    : n_outputs_(output_exponents.size()), columns_(map.columns), shift_(map.shift), divisor_(map.divisor) {
  const std::size_t d = shift_.size(), n = tree.parents.size();
  std::vector<bool> seen(d, false);
  for (std::size_t column : columns_) {
    if (column >= d || seen[column]) {
      throw std::invalid_argument("columns: expected each from 0 to " + std::to_string(d - 1) + " once, got " +
                                  std::to_string(column));
    }
    seen[column] = true;
  }
  require_tree(tree, d);
  degrees_.assign(d, 0);
  std::vector<bool> has_children(n, false);
  for (std::size_t i = 1; i < n; ++i) {
    std::uint32_t& highest = degrees_[tree.variables[i]];
    highest = std::max(highest, static_cast<std::uint32_t>(tree.degrees[i]));
    has_children[tree.parents[i]] = true;
  }
  std::vector<std::size_t> first_rows(d);
  for (std::size_t j = 0; j < d; ++j) {
    first_rows[j] = n_rows_;
    n_rows_ += degrees_[j];
  }

  // From the last node to the first, numbered in this order: children before their parents.
  std::vector<std::size_t> open{0};
  for (std::size_t number = 0; number + 1 < n; ++number) {
    const std::size_t i = n - 1 - number;
    const std::uint32_t variable = static_cast<std::uint32_t>(tree.variables[i]);
    const std::uint32_t here = static_cast<std::uint32_t>(number);
    factors_.push_back(static_cast<std::uint32_t>(first_rows[variable] + tree.degrees[i] - 1));
    if (has_children[i]) {
      steps_.push_back({SeriesAction::close, variable, here, here + 1});
      open.pop_back();
      continue;
    }
    // What this leaf hangs from, up to what is open already.
    const std::size_t depth = open.size();
    for (std::size_t above = tree.parents[i]; above != open[depth - 1]; above = tree.parents[above]) {
      open.insert(open.begin() + static_cast<std::ptrdiff_t>(depth), above);
    }
    for (std::size_t k = depth; k < open.size(); ++k) {
      steps_.push_back({SeriesAction::open, static_cast<std::uint32_t>(tree.variables[open[k]]), here, here});
    }
    depth_ = std::max(depth_, open.size() - 1);
    if (!steps_.empty() && steps_.back().action == SeriesAction::leaves && steps_.back().variable == variable) {
      steps_.back().end = here + 1;
    } else {
      steps_.push_back({SeriesAction::leaves, variable, here, here + 1});
    }
  }
  for (std::size_t k = 0; k < n_outputs_; ++k) {
    coefficients_.insert(coefficients_.end(), std::make_reverse_iterator(coefficients + (k + 1) * n),
                         std::make_reverse_iterator(coefficients + k * n));
  }

  for (int exponent : map.exponents) append_power(input_parts_, -exponent);
  for (int output : output_exponents) {
    append_power(value_parts_, output);
    for (int input : map.exponents) append_power(gradient_parts_, output - input);
  }
}

SeriesView ChebyshevSeries::view() const {
  SeriesView view{};
  view.n_variables = n_inputs();
  view.n_outputs = n_outputs_;
  view.n_nodes = factors_.size() + 1;
  view.n_steps = steps_.size();
  view.steps = steps_.data();
  view.factors = factors_.data();
  view.coefficients = coefficients_.data();
  view.degrees = degrees_.data();
  view.columns = columns_.data();
  view.depth = depth_;
  view.n_rows = n_rows_;
  view.shift = shift_.data();
  view.divisor = divisor_.data();
  view.input_parts = input_parts_.data();
  view.value_parts = value_parts_.data();
  view.gradient_parts = gradient_parts_.data();
  return view;
}

void ChebyshevSeries::evaluate(const double* x, std::size_t n, double* out, std::size_t n_threads) const {
  each_tile(false, x, n, out, n_threads);
}

void ChebyshevSeries::gradient(const double* x, std::size_t n, double* out, std::size_t n_threads) const {
  each_tile(true, x, n, out, n_threads);
}

void ChebyshevSeries::each_tile(bool gradient, const double* x, std::size_t n, double* out,
                                std::size_t n_threads) const {
  const SeriesKernels& table = kernels().series;
  const SeriesView series = view();
  const std::size_t n_tasks = (n + rows_of_a_task - 1) / rows_of_a_task;
  const std::size_t size = AlignedBuffer::padded(table.workspace(series, gradient));
  AlignedBuffer workspaces(size * std::max<std::size_t>(1, std::min(n_threads, n_tasks)));
  const auto kernel = gradient ? table.gradient : table.evaluate;
  const std::size_t width = gradient ? n_outputs_ * n_inputs() : n_outputs_;
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t begin = task * rows_of_a_task;
    kernel(series, x + begin * n_inputs(), std::min(rows_of_a_task, n - begin), workspaces.data() + worker * size,
           out + begin * width);
  });
}

}  // namespace pml
