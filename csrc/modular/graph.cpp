#include "graph.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 4 * terms_tile_rows;

}  // namespace

ModularGraph::ModularGraph(std::size_t n_inputs, const std::vector<GraphPart>& modules, const GraphPart& core)
    : offsets_{0} {
  // The views point into these, which may not move.
  terms_.reserve(modules.size() + 1);
  sources_.reserve(modules.size() + 1);
  view_.n_inputs = n_inputs;
  view_.n_modules = modules.size();
  for (std::size_t k = 0; k < modules.size(); ++k) {
    modules_.push_back(terms_of(modules[k], n_inputs + k, "modules"));
    offsets_.push_back(offsets_.back() + modules[k].n_terms);
    n_slopes_ += modules[k].n_terms * modules[k].sources.size();
  }
  view_.core = terms_of(core, n_inputs + modules.size(), "core");
  view_.modules = modules_.data();
  view_.offsets = offsets_.data();
}

GraphTerms ModularGraph::terms_of(const GraphPart& part, std::size_t n_known, const char* name) {
  const std::size_t k = part.sources.size();
  for (std::size_t j = 0; j < k; ++j) {
    const bool is_again = std::count(part.sources.begin(), part.sources.end(), part.sources[j]) > 1;
    if (part.sources[j] >= n_known || is_again) {
      throw std::invalid_argument(std::string(name) + ": expected different sources among the " +
                                  std::to_string(n_known) + " values before, got " + std::to_string(part.sources[j]));
    }
  }
  terms_.emplace_back(part.indices, part.n_terms, k);
  sources_.push_back(part.sources);

  std::map<std::vector<std::int64_t>, std::size_t> places;
  for (std::size_t i = 0; i < part.n_terms; ++i) {
    places.emplace(std::vector<std::int64_t>(part.indices + i * k, part.indices + (i + 1) * k), i);
  }
  std::vector<Entry> derivatives;
  for (const auto& [index, from] : places) {
    std::vector<std::int64_t> lower = index;
    for (std::size_t j = 0; j < k; ++j) {
      for (lower[j] = index[j] - 1; lower[j] >= 0; lower[j] -= 2) {
        const auto to = places.find(lower);
        if (to == places.end()) {
          throw std::invalid_argument(std::string(name) + ": expected all lower terms beside a term, got one without");
        }
        derivatives.push_back({j, from, to->second, static_cast<double>(lower[j] == 0 ? index[j] : 2 * index[j])});
      }
      lower[j] = index[j];
    }
  }
  derivatives_.push_back(std::move(derivatives));

  const TermsView view = terms_.back().view();
  view_.n_table = std::max(view_.n_table, view.n_rows);
  view_.n_stack = std::max(view_.n_stack, view.depth + 1);
  return {view, part.n_terms, sources_.back().data()};
}

void ModularGraph::evaluate(const GraphPoint& point, const double* z, std::size_t n, const GraphOutputs& out,
                            std::size_t n_threads) const {
  std::vector<double> core_slopes, module_slopes;
  if (out.slopes != nullptr || out.jacobian != nullptr) {
    core_slopes.assign(view_.core.terms.n_variables * n_core(), 0.0);
    for (const Entry& entry : derivatives_.back()) {
      core_slopes[entry.source * n_core() + entry.to] += entry.factor * point.core[entry.from];
    }
    module_slopes.assign(n_slopes_, 0.0);
    double* own = module_slopes.data();
    for (std::size_t k = 0; k < view_.n_modules; ++k) {
      for (const Entry& entry : derivatives_[k]) {
        own[entry.source * modules_[k].n_terms + entry.to] += entry.factor * point.params[offsets_[k] + entry.from];
      }
      own += modules_[k].terms.n_variables * modules_[k].n_terms;
    }
  }
  const GraphCoefficients coefficients{point.params, point.core, core_slopes.data(), module_slopes.data()};
  const GraphKernels& table = kernels().graph;
  const std::size_t n_tasks = (n + rows_of_a_task - 1) / rows_of_a_task;
  const std::size_t size = graph_workspace(view_);
  AlignedBuffer workspaces(size * std::max<std::size_t>(1, std::min(n_threads, n_tasks)));
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t begin = task * rows_of_a_task;
    const auto from = [&](auto* array) { return array == nullptr ? nullptr : array + begin; };
    const GraphOutputs here{from(out.values),   from(out.y),           from(out.slopes), from(out.design),
                            from(out.jacobian), from(out.root_weight), out.stride};
    table.evaluate(view_, coefficients, z + begin * n_inputs(), std::min(rows_of_a_task, n - begin),
                   workspaces.data() + worker * size, here);
  });
}

}  // namespace pml
