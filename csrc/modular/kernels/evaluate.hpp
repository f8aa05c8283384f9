// Values of graphs of polynomial modules and their derivatives, for tiles of rows: vector lanes are rows.
//
// A tile's terms of all modules and of the core stay in the second-level cache: 64 rows of 400 terms are 200 KB.
#pragma once

#include "../../polynomial/kernels/terms.hpp"
#include "../kernel_table.hpp"

namespace {

// The terms of one set at a tile's values, (n_terms, tile). The stack's first entry is 1.
PML_INLINE void graph_terms(const pml::GraphTerms& part, const double* values, double* table, double* stack,
                            double* out) {
  constexpr size_t tile = pml::terms_tile_rows;
  double* row = table;
  for (size_t j = 0; j < part.terms.n_variables; ++j) {
    const size_t degree = part.terms.degrees[j];
    if (degree == 0) continue;
    const double* const value = values + part.sources[j] * tile;
    for (size_t r = 0; r < tile; r += lanes) store(row + r, load(value + r));
    chebyshev_rows(degree, tile, row);
    row += degree * tile;
  }
  terms_products(part.terms, tile, table, stack, out, tile);
}

// out = the sum of c[i] times terms[i], the last, of high degree and mostly small, first.
PML_INLINE void graph_sum(const double* terms, const double* c, size_t n, double* out) {
  constexpr size_t tile = pml::terms_tile_rows, vectors = 8;
  for (size_t begin = 0; begin < tile; begin += vectors * lanes) {
    Vec sum[vectors];
    PML_UNROLL
    for (size_t v = 0; v < vectors; ++v) sum[v] = set(0.0);
    for (size_t i = n; i-- > 0;) {
      const Vec factor = set(c[i]);
      const double* const term = terms + i * tile + begin;
      PML_UNROLL
      for (size_t v = 0; v < vectors; ++v) sum[v] = fma(factor, load(term + v * lanes), sum[v]);
    }
    PML_UNROLL
    for (size_t v = 0; v < vectors; ++v) store(out + begin + v * lanes, sum[v]);
  }
}

// The first n of a tile's rows of a column, times factor.
PML_INLINE void graph_column(const double* column, const double* factor, size_t n, double* out) {
  constexpr size_t tile = pml::terms_tile_rows;
  if (n == tile) {
    for (size_t r = 0; r < tile; r += lanes) store_any(out + r, load(column + r) * load(factor + r));
  } else {
    for (size_t r = 0; r < n; ++r) out[r] = column[r] * factor[r];
  }
}

// y's derivatives by all values; those by inputs only if they are wanted.
PML_INLINE void graph_slopes(const pml::GraphView& graph, const pml::GraphCoefficients& coefficients,
                             const double* module_terms, const double* core_terms, bool by_inputs, double* sum,
                             double* slopes) {
  constexpr size_t tile = pml::terms_tile_rows;
  const size_t d = graph.n_inputs;
  for (size_t i = 0; i < (d + graph.n_modules) * tile; i += lanes) store(slopes + i, set(0.0));
  const auto add = [&](size_t source, const double* factor) {
    double* const slope = slopes + source * tile;
    for (size_t r = 0; r < tile; r += lanes) {
      const Vec change = factor == nullptr ? load(sum + r) : load(factor + r) * load(sum + r);
      store(slope + r, load(slope + r) + change);
    }
  };
  for (size_t j = 0; j < graph.core.terms.n_variables; ++j) {
    graph_sum(core_terms, coefficients.core_slopes + j * graph.core.n_terms, graph.core.n_terms, sum);
    add(graph.core.sources[j], nullptr);
  }
  const double* by_source = coefficients.module_slopes;
  for (size_t k = 0; k < graph.n_modules; ++k) by_source += graph.modules[k].terms.n_variables * graph.modules[k].n_terms;
  for (size_t k = graph.n_modules; k-- > 0;) {
    const pml::GraphTerms& module = graph.modules[k];
    by_source -= module.terms.n_variables * module.n_terms;
    for (size_t j = 0; j < module.terms.n_variables; ++j) {
      if (module.sources[j] < d && !by_inputs) continue;
      graph_sum(module_terms + graph.offsets[k] * tile, by_source + j * module.n_terms, module.n_terms, sum);
      add(module.sources[j], slopes + (d + k) * tile);
    }
  }
}

void graph_evaluate(const pml::GraphView& graph, const pml::GraphCoefficients& coefficients, const double* z, size_t n,
                    double* workspace, const pml::GraphOutputs& out) {
  constexpr size_t tile = pml::terms_tile_rows;
  const size_t d = graph.n_inputs, n_values = d + graph.n_modules, n_params = graph.offsets[graph.n_modules];
  double* const values = workspace;
  double* const slopes = values + n_values * tile;
  double* const module_terms = slopes + n_values * tile;
  double* const core_terms = module_terms + n_params * tile;
  double* const table = core_terms + graph.core.n_terms * tile;
  double* const stack = table + graph.n_table * tile;
  double* const sum = stack + graph.n_stack * tile;
  const bool needs_slopes = out.slopes != nullptr || out.jacobian != nullptr;
  const bool needs_core = needs_slopes || out.y != nullptr || out.design != nullptr;
  for (size_t r = 0; r < tile; ++r) stack[r] = 1.0;
  for (size_t begin = 0; begin < n; begin += tile) {
    const size_t here = n - begin < tile ? n - begin : tile;
    for (size_t j = 0; j < d; ++j) {
      for (size_t r = 0; r < tile; ++r) values[j * tile + r] = r < here ? z[(begin + r) * d + j] : 0.0;
    }
    for (size_t k = 0; k < graph.n_modules; ++k) {
      double* const terms = module_terms + graph.offsets[k] * tile;
      graph_terms(graph.modules[k], values, table, stack, terms);
      graph_sum(terms, coefficients.params + graph.offsets[k], graph.modules[k].n_terms, values + (d + k) * tile);
    }
    if (out.values != nullptr) {
      for (size_t k = 0; k < n_values; ++k) {
        for (size_t r = 0; r < here; ++r) out.values[k * out.stride + begin + r] = values[k * tile + r];
      }
    }
    if (!needs_core) continue;
    graph_terms(graph.core, values, table, stack, core_terms);
    if (out.y != nullptr) {
      graph_sum(core_terms, coefficients.core, graph.core.n_terms, sum);
      for (size_t r = 0; r < here; ++r) out.y[begin + r] = sum[r];
    }
    if (needs_slopes) {
      graph_slopes(graph, coefficients, module_terms, core_terms, out.slopes != nullptr, sum, slopes);
    }
    if (out.slopes != nullptr) {
      for (size_t k = 0; k < n_values; ++k) {
        for (size_t r = 0; r < here; ++r) out.slopes[k * out.stride + begin + r] = slopes[k * tile + r];
      }
    }
    if (out.root_weight == nullptr) continue;
    for (size_t r = 0; r < tile; ++r) sum[r] = r < here ? out.root_weight[begin + r] : 0.0;
    for (size_t i = 0; out.design != nullptr && i < graph.core.n_terms; ++i) {
      graph_column(core_terms + i * tile, sum, here, out.design + i * out.stride + begin);
    }
    for (size_t k = 0; out.jacobian != nullptr && k < graph.n_modules; ++k) {
      double* const factor = slopes + (d + k) * tile;
      for (size_t r = 0; r < tile; r += lanes) store(factor + r, load(factor + r) * load(sum + r));
      for (size_t i = graph.offsets[k]; i < graph.offsets[k + 1]; ++i) {
        graph_column(module_terms + i * tile, factor, here, out.jacobian + i * out.stride + begin);
      }
    }
  }
}

}  // namespace
