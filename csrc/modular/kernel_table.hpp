// The kernel for graphs of polynomial modules in one instruction set, and the tables it reads.
#pragma once

#include <stddef.h>

#include "../numeric/given.hpp"
#include "../polynomial/kernel_table.hpp"

namespace pml {

// Products of values of a graph: variable j of the terms is the value numbered sources[j].
struct GraphTerms {
  TermsView terms;
  size_t n_terms;
  const size_t* sources;
};

// Values are numbered: the inputs first, then one a module, each a sum of products of values before it. y is the sum of
// the core's terms.
struct GraphView {
  size_t n_inputs, n_modules;
  const GraphTerms* modules;
  const size_t* offsets;  // (n_modules + 1,), of the modules' coefficients among the parameters
  GraphTerms core;
  size_t n_table, n_stack;  // rows of the largest table of polynomials, and of the deepest stack
};

// Coefficients of all sums, and of their derivatives by each of their sources, which are sums of the same terms.
struct GraphCoefficients {
  const double* params;
  const double* core;
  const double* core_slopes;    // (number of the core's sources, terms of the core)
  const double* module_slopes;  // by module, source and term
};

// What is wanted at n rows; null for what isn't. Matrices are column-major, their columns `stride` apart.
struct GraphOutputs {
  double* values;             // (n, inputs + modules)
  double* y;                  // (n,)
  double* slopes;             // (n, inputs + modules), derivatives of y by all values
  double* design;             // (n, terms of the core), times root_weight
  double* jacobian;           // (n, parameters), derivatives of y by the modules' coefficients, times root_weight
  const double* root_weight;  // (n,), for these two
  size_t stride;
};

// Doubles of memory, 64-byte aligned, that one call of the kernel needs: the values and their slopes, all terms, the
// table, the stack and one sum, for a tile of rows.
constexpr size_t graph_workspace(const GraphView& graph) {
  return (2 * (graph.n_inputs + graph.n_modules) + graph.offsets[graph.n_modules] + graph.core.n_terms + graph.n_table +
          graph.n_stack + 1) *
         terms_tile_rows;
}

struct GraphKernels {
  // All that is wanted at z (n, n_inputs).
  Kernel<void(const GraphView& graph, const GraphCoefficients& coefficients, const double* z, size_t n,
              double* workspace, const GraphOutputs& out)>
      evaluate;
};

}  // namespace pml
