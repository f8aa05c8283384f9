#include "terms.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 4 * terms_tile_rows;

std::vector<std::size_t> largest_of_columns(const std::int64_t* indices, std::size_t n, std::size_t d) {
  std::vector<std::size_t> largest(d, 0);
  for (std::size_t i = 0; i < n * d; ++i) {
    if (indices[i] < 0) {
      throw std::invalid_argument("indices: expected integers >= 0, got " + std::to_string(indices[i]));
    }
    largest[i % d] = std::max(largest[i % d], static_cast<std::size_t>(indices[i]));
  }
  return largest;
}

// The rows of `indices` in lexicographic order: sorted by their last column first, each time keeping the order of equal
// ones. Counting takes a number a degree, fewer than the kernel's table has.
std::vector<std::size_t> sorted_rows(const std::int64_t* indices, std::size_t n,
                                     const std::vector<std::size_t>& largest) {
  const std::size_t d = largest.size();
  std::vector<std::size_t> order(n), sorted(n), begins;
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t j = d; j-- > 0;) {
    begins.assign(largest[j] + 2, 0);
    for (std::size_t i = 0; i < n; ++i) ++begins[static_cast<std::size_t>(indices[i * d + j]) + 1];
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    for (std::size_t i : order) sorted[begins[static_cast<std::size_t>(indices[i * d + j])]++] = i;
    order.swap(sorted);
  }
  return order;
}

}  // namespace

ChebyshevTerms::ChebyshevTerms(const std::int64_t* indices, std::size_t n_terms, std::size_t n_inputs)
    : degrees_(largest_of_columns(indices, n_terms, n_inputs)) {
  std::vector<std::size_t> first_rows(n_inputs, 0);
  for (std::size_t j = 1; j < n_inputs; ++j) first_rows[j] = first_rows[j - 1] + degrees_[j - 1];

  tree_ = {{0}, {0}, {0}, std::vector<std::size_t>(n_terms)};
  // From the root to the last node: its number, and its latest step.
  struct Open {
    std::size_t node, step;
  };
  std::vector<Open> open{{0, 0}};
  const auto add_step = [&](std::size_t column) {
    const std::size_t depth = open.size() - 1, node = open.back().node;
    const std::size_t factor = depth == 0 ? 0 : first_rows[tree_.variables[node]] + tree_.degrees[node] - 1;
    open.back().step = steps_.size();
    steps_.push_back({depth, factor, column, false});
  };
  const std::vector<std::int64_t> nothing(n_inputs, 0);
  const std::int64_t* before = nothing.data();
  for (std::size_t term : sorted_rows(indices, n_terms, degrees_)) {
    const std::int64_t* const here = indices + term * n_inputs;
    const auto shared = static_cast<std::size_t>(std::mismatch(before, before + n_inputs, here).first - before);
    while (open.size() > 1 && tree_.variables[open.back().node] >= shared) open.pop_back();
    bool is_new = false;
    for (std::size_t j = shared; j < n_inputs; ++j) {
      if (here[j] == 0) continue;
      if (is_new) add_step(no_column);
      if (open.size() > 1) steps_[open.back().step].goes_on = true;
      tree_.parents.push_back(open.back().node);
      tree_.variables.push_back(j);
      tree_.degrees.push_back(static_cast<std::size_t>(here[j]));
      open.push_back({tree_.parents.size() - 1, 0});
      is_new = true;
    }
    add_step(term);  // a term that is there twice is multiplied twice, too
    tree_.places[term] = open.back().node;
    depth_ = std::max(depth_, open.size() - 1);
    before = here;
  }
}

TermsView ChebyshevTerms::view() const {
  TermsView view{};
  view.n_variables = n_inputs();
  view.degrees = degrees_.data();
  view.n_rows = std::accumulate(degrees_.begin(), degrees_.end(), std::size_t{0});
  view.depth = depth_;
  view.n_steps = steps_.size();
  view.steps = steps_.data();
  return view;
}

void ChebyshevTerms::design(const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  const TermsKernels& table = kernels().terms;
  const TermsView view = this->view();
  const std::size_t n_tasks = (n + rows_of_a_task - 1) / rows_of_a_task;
  const std::size_t size = terms_workspace(view);
  AlignedBuffer workspaces(size * std::max<std::size_t>(1, std::min(n_threads, n_tasks)));
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t begin = task * rows_of_a_task;
    table.design(view, z + begin * n_inputs(), std::min(rows_of_a_task, n - begin), workspaces.data() + worker * size,
                 out + begin, n);
  });
}

}  // namespace pml
