// Graphs of polynomial modules on rows, while they are fitted: values, derivatives, and the matrices of least squares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../polynomial/terms.hpp"
#include "kernel_table.hpp"

namespace pml {

// Which values a sum of products is of, and the degrees (n_terms, number of sources) of its terms, which need a term of
// each lower degree.
struct GraphPart {
  std::vector<std::size_t> sources;
  const std::int64_t* indices;
  std::size_t n_terms;
};

// Coefficients: of the modules, one after the other, and of the core; null where nothing needs them.
struct GraphPoint {
  const double* params;
  const double* core;
};

// Modules, each a sum of products of inputs and of modules before it, and y, the core's sum. Immutable, so that any
// number of threads may evaluate at once.
class ModularGraph {
 public:
  // All copied. Throws std::invalid_argument for sources that are not among the values before, or that are there twice,
  // and for terms without a lower one.
  ModularGraph(std::size_t n_inputs, const std::vector<GraphPart>& modules, const GraphPart& core);
  ModularGraph(const ModularGraph&) = delete;
  ModularGraph& operator=(const ModularGraph&) = delete;

  std::size_t n_inputs() const { return view_.n_inputs; }
  std::size_t n_values() const { return view_.n_inputs + view_.n_modules; }
  std::size_t n_params() const { return offsets_.back(); }
  std::size_t n_core() const { return view_.core.n_terms; }

  // What `out` wants at z (n, n_inputs). A row has the same bits in any batch and for any number of threads.
  void evaluate(const GraphPoint& point, const double* z, std::size_t n, const GraphOutputs& out,
                std::size_t n_threads) const;

 private:
  // d T_k = 2 k (T_(k-1) + T_(k-3) + ...), the last one halved if it is T_0: entry by entry, term `from` times `factor`
  // goes to the term `to` of the derivative by source `source`.
  struct Entry {
    std::size_t source, from, to;
    double factor;
  };
  GraphTerms terms_of(const GraphPart& part, std::size_t n_known, const char* name);

  std::vector<ChebyshevTerms> terms_;  // of the modules, then of the core
  std::vector<std::vector<std::size_t>> sources_;
  std::vector<std::vector<Entry>> derivatives_;
  std::vector<GraphTerms> modules_;
  std::vector<std::size_t> offsets_;
  std::size_t n_slopes_ = 0;  // coefficients of the derivatives of all modules
  GraphView view_{};
};

}  // namespace pml
