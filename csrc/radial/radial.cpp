#include "radial.hpp"

#include <algorithm>
#include <stdexcept>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/text.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 8 * radial_most_rows;

std::size_t function_named(const std::string& name) {
  const RadialKernels& table = kernels().radial;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < table.n_functions; ++i) {
    names.emplace_back(static_cast<const char*>(table.functions[i].name));
    if (names.back() == name) return i;
  }
  throw std::invalid_argument("function: expected one of " + joined(names) + ", got " + name);
}

}  // namespace

RadialSum::RadialSum(const std::string& function, double epsilon, const double* centers, const double* weights,
                     std::size_t n_centers, std::size_t n_inputs, std::size_t n_outputs)
    : function_(function_named(function)),
      n_inputs_(n_inputs),
      n_outputs_(n_outputs),
      epsilon_(epsilon),
      centers_(centers, centers + n_centers * n_inputs),
      weights_(weights, weights + n_centers * n_outputs) {}

void RadialSum::evaluate(const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  each_tile(false, z, n, out, n_threads);
}

void RadialSum::gradient(const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  each_tile(true, z, n, out, n_threads);
}

void RadialSum::each_tile(bool gradient, const double* z, std::size_t n, double* out, std::size_t n_threads) const {
  const RadialKernels& table = kernels().radial;
  const RadialFunction& function = table.functions[function_];
  const auto kernel = gradient ? function.gradient : function.evaluate;
  RadialView view{};
  view.n_variables = n_inputs_;
  view.n_outputs = n_outputs_;
  view.n_centers = n_inputs_ == 0 ? 0 : centers_.size() / n_inputs_;
  view.epsilon_squared = epsilon_ * epsilon_;
  view.centers = centers_.data();
  view.weights = weights_.data();
  const std::size_t width = gradient ? n_outputs_ * n_inputs_ : n_outputs_;
  const std::size_t n_tasks = (n + rows_of_a_task - 1) / rows_of_a_task;
  const std::size_t size = radial_workspace(n_inputs_, width);
  AlignedBuffer workspaces(size * std::max<std::size_t>(1, std::min(n_threads, n_tasks)));
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t begin = task * rows_of_a_task;
    kernel(view, z + begin * n_inputs_, std::min(rows_of_a_task, n - begin), workspaces.data() + worker * size,
           out + begin * width);
  });
}

}  // namespace pml
