// Products of Chebyshev polynomials for tiles of rows: vector lanes are rows. Nothing is fused, so that all instruction
// sets round alike.
#pragma once

#include "../../numeric/simd.hpp"
#include "../kernel_table.hpp"

namespace {

// Rows of a tile of n that are computed: whole vectors.
PML_INLINE size_t terms_rows(size_t n) { return (n + lanes - 1) / lanes * lanes; }

// T_1 to T_degree of each variable at the tile's rows, T_k = 2 z T_(k-1) - T_(k-2); z is 0 behind the last row.
PML_INLINE void terms_table(const pml::TermsView& terms, const double* z, size_t n, double* table) {
  constexpr size_t tile = pml::terms_tile_rows;
  const size_t n_rows = terms_rows(n);
  for (size_t j = 0; j < terms.n_variables; ++j) {
    const size_t degree = terms.degrees[j];
    if (degree == 0) continue;
    for (size_t r = 0; r < n_rows; ++r) table[r] = r < n ? z[r * terms.n_variables + j] : 0.0;
    for (size_t r = 0; r < n_rows; r += lanes) {
      Vec before = set(1.0), here = load(table + r);
      const Vec twice = set(2.0) * here;
      for (size_t k = 1; k < degree; ++k) {
        const Vec product = twice * here;
        const Vec next = product - before;
        before = here;
        here = next;
        store(table + k * tile + r, here);
      }
    }
    table += degree * tile;
  }
}

// The products of a tile of n rows; the stack has those of 0, 1, ... factors that are in hand.
PML_INLINE void terms_products(const pml::TermsView& terms, size_t n, const double* table, double* stack, double* out,
                               size_t stride) {
  constexpr size_t tile = pml::terms_tile_rows;
  const size_t n_rows = terms_rows(n);
  for (size_t s = 0; s < terms.n_steps; ++s) {
    const pml::TermStep step = terms.steps[s];
    double* const own = stack + step.depth * tile;
    double* const column = step.column == pml::no_column ? nullptr : out + step.column * stride;
    // Most products are of whole tiles and the last of their kind: they go into the matrix and nowhere else.
    const bool directly = n == tile && column != nullptr && !step.goes_on && step.depth > 0;
    double* const to = directly ? column : own;
    if (step.depth > 0) {
      const double* const factor = table + step.factor * tile;
      for (size_t r = 0; r < n_rows; r += lanes) store_any(to + r, load(own - tile + r) * load(factor + r));
    }
    if (column != nullptr && !directly) {
      for (size_t r = 0; r < n; ++r) column[r] = own[r];
    }
  }
}

void terms_design(const pml::TermsView& terms, const double* z, size_t n, double* workspace, double* out,
                  size_t stride) {
  constexpr size_t tile = pml::terms_tile_rows;
  double* const table = workspace;
  double* const stack = table + terms.n_rows * tile;
  for (size_t r = 0; r < tile; ++r) stack[r] = 1.0;
  for (size_t begin = 0; begin < n; begin += tile) {
    const size_t here = n - begin < tile ? n - begin : tile;
    terms_table(terms, z + begin * terms.n_variables, here, table);
    terms_products(terms, here, table, stack, out + begin, stride);
  }
}

}  // namespace
