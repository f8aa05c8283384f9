// Values and derivatives of tensor-product splines.
//
// A block of queries first gets the weights of its basis functions, axis by axis; then each query contracts its
// (k+1)^d coefficients with them. Vector lanes lie along the last axis, where coefficients are neighbours: rows are
// summed as vectors, and only their sum is multiplied by the weights of the last axis.
#pragma once

#include <math.h>

#include "../../numeric/simd.hpp"
#include "../kernel_table.hpp"

namespace {

constexpr size_t spline_block = 32;  // queries whose weights together stay in the first-level cache
constexpr size_t spline_row = pml::spline_max_functions;

PML_INLINE size_t clamped(double number, size_t count) {  // 0 for NaN
  return number >= 1.0 ? (number < static_cast<double>(count) ? static_cast<size_t>(number) : count - 1) : 0;
}

PML_INLINE size_t cell_of(const pml::SplineAxis& axis, double x) {
  const double number = (x - axis.start) * axis.scale;
  if (axis.n_buckets == 0) return clamped(number, axis.n_cells);
  const size_t bucket = clamped(number, axis.n_buckets);
  size_t low = axis.bucket_cells[bucket], high = axis.bucket_cells[bucket + 1];
  while (low < high) {
    const size_t middle = (low + high + 1) / 2;
    if (x >= axis.breaks[middle]) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

PML_INLINE bool is_outside(const pml::SplineAxis& axis, double x) { return x < axis.low || x > axis.high; }

PML_INLINE double local(const pml::SplineCell& cell, double x) {
  return ((x - cell.center) - cell.center_low) * cell.inverse_width;
}

// p (p-1) ... (p-order+1), which the derivative of this order brings before s^(p-order).
PML_INLINE double falling(size_t p, unsigned order) {
  double product = 1.0;
  for (unsigned i = 0; i < order; ++i) product *= static_cast<double>(p - i);
  return product;
}

PML_INLINE double power(double base, unsigned exponent) {
  double product = 1.0;
  for (unsigned i = 0; i < exponent; ++i) product *= base;
  return product;
}

// One axis: the polynomial of the cell. Scalar, because a cell's coefficients lie together and those of the next query
// lie elsewhere; queries overlap in the pipeline.
template <size_t F>
void spline_pieces(const pml::SplineView& spline, const double* x, size_t n, unsigned order, double* out) {
  const pml::SplineAxis& axis = spline.axes[0];
  const size_t m = spline.n_outputs, cell_doubles = m * F;
  double factors[F];
  for (size_t p = order; p < F; ++p) factors[p] = falling(p, order);
  // What a query reads is on its way from memory while the others of the block are located.
  size_t numbers[spline_block];
  for (size_t q = 0; q < n; ++q) {
    numbers[q] = cell_of(axis, x[q]);
    PML_PREFETCH(axis.cells + numbers[q]);
    PML_PREFETCH(spline.pieces + numbers[q] * cell_doubles);
    PML_PREFETCH(spline.pieces + numbers[q] * cell_doubles + F - 1);
  }
  for (size_t q = 0; q < n; ++q) {
    const size_t number = numbers[q];
    const pml::SplineCell& cell = axis.cells[number];
    const double s = local(cell, x[q]);
    for (size_t j = 0; j < m; ++j) {
      const double* const piece = spline.pieces + number * cell_doubles + j * F;
      if (order == 0) {
        double value = piece[F - 1];
        PML_UNROLL
        for (size_t p = 1; p < F; ++p) value = value * s + piece[F - 1 - p];
        out[q * m + j] = value;
      } else {
        double value = piece[F - 1] * factors[F - 1];
        for (size_t p = F - 1; p-- > order;) value = value * s + piece[p] * factors[p];
        out[q * m + j] = value * power(cell.inverse_width, order);
      }
    }
  }
}

// The weights of the basis functions along one axis for n queries, and where their first coefficients stand.
template <size_t F>
void spline_weights(const pml::SplineAxis& axis, const double* x, size_t x_stride, size_t n, unsigned order,
                    double* weights, size_t* offsets) {
  constexpr size_t vectors = (F + lanes - 1) / lanes;
  for (size_t q = 0; q < n; ++q) {
    const double xq = x[q * x_stride];
    const pml::SplineCell& cell = axis.cells[cell_of(axis, xq)];
    const Vec s = set(local(cell, xq));
    const double* const block = axis.blocks + cell.block * (F * spline_row);
    double* const to = weights + q * spline_row;
    offsets[q] += cell.first * axis.stride;
    PML_UNROLL
    for (size_t v = 0; v < vectors; ++v) {
      const double* const column = block + v * lanes;
      Vec value = load(column + (F - 1) * spline_row);
      if (order == 0) {
        PML_UNROLL
        for (size_t p = 1; p < F; ++p) value = fma(value, s, load(column + (F - 1 - p) * spline_row));
      } else {
        value = value * set(falling(F - 1, order));
        for (size_t p = F - 1; p-- > order;) {
          value = fma(value, s, load(column + p * spline_row) * set(falling(p, order)));
        }
        value = value * set(power(cell.inverse_width, order));
      }
      store(to + v * lanes, value);
    }
  }
}

// Brings the coefficients of n queries from memory, where there are so many of them that they don't stay in a cache, and
// so few of them a query that the processor wouldn't look ahead to the next one.
PML_INLINE void spline_prefetch(const pml::SplineView& spline, const double* coefficients, const size_t* offsets,
                                size_t n) {
  constexpr size_t second_level_cache = size_t{1} << 15;
  const size_t d = spline.n_axes;
  if (d > 3 || spline.output_stride < second_level_cache) return;
  const pml::SplineAxis& rows = spline.axes[d - 2];
  const size_t middle_functions = d > 2 ? spline.axes[d - 3].functions : 1;
  const size_t middle_stride = d > 2 ? spline.axes[d - 3].stride : 0;
  const size_t width = spline.axes[d - 1].functions - 1;
  for (size_t q = 0; q < n; ++q) {
    for (size_t i = 0; i < middle_functions; ++i) {
      const double* here = coefficients + offsets[q] + i * middle_stride;
      for (size_t r = 0; r < rows.functions; ++r, here += rows.stride) {
        PML_PREFETCH(here);
        PML_PREFETCH(here + width);
      }
    }
  }
}

// R functions on the last axis but one, V vectors of functions on the last.
template <size_t R, size_t V>
void spline_contract(const pml::SplineView& spline, const double* coefficients, const double* weights,
                     const size_t* offsets, size_t n, double* out) {
  static constexpr double one[1] = {1.0};
  constexpr size_t axis_weights = spline_block * spline_row;
  const size_t d = spline.n_axes, stride = spline.axes[d - 2].stride;
  const double* const last = weights + (d - 1) * axis_weights;
  const double* const rows = weights + (d - 2) * axis_weights;
  const size_t middle_functions = d > 2 ? spline.axes[d - 3].functions : 1;
  const size_t middle_stride = d > 2 ? spline.axes[d - 3].stride : 0;
  double outer[pml::spline_max_outer];
  for (size_t begin = 0; begin < n; begin += lanes) {
    const size_t end = begin + lanes < n ? begin + lanes : n;
    Vec products[lanes];
    for (size_t q = end - begin; q < lanes; ++q) products[q] = set(0.0);
    for (size_t q = begin; q < end; ++q) {
      // The products of the weights of the axes before the last three; the largest index first, so that none is
      // overwritten before it is used.
      size_t count = 1;
      outer[0] = 1.0;
      for (size_t a = 0; a + 3 < d; ++a) {
        const double* const w = weights + a * axis_weights + q * spline_row;
        const size_t functions = spline.axes[a].functions;
        for (size_t o = count; o-- > 0;) {
          const double product = outer[o];
          for (size_t f = 0; f < functions; ++f) outer[o * functions + f] = product * w[f];
        }
        count *= functions;
      }
      const double* const middle = d > 2 ? weights + (d - 3) * axis_weights + q * spline_row : one;
      Vec row_weights[R], total[V];
      PML_UNROLL
      for (size_t r = 0; r < R; ++r) row_weights[r] = set(rows[q * spline_row + r]);
      PML_UNROLL
      for (size_t v = 0; v < V; ++v) total[v] = set(0.0);
      for (size_t o = 0; o < count; ++o) {
        const double* here = coefficients + offsets[q] + spline.outer_offsets[o];
        for (size_t i = 0; i < middle_functions; ++i, here += middle_stride) {
          const Vec weight = set(outer[o] * middle[i]);
          PML_UNROLL
          for (size_t v = 0; v < V; ++v) {
            Vec sum = row_weights[0] * load_any(here + v * lanes);
            PML_UNROLL
            for (size_t r = 1; r < R; ++r) sum = fma(row_weights[r], load_any(here + r * stride + v * lanes), sum);
            total[v] = fma(weight, sum, total[v]);
          }
        }
      }
      Vec product = total[0] * load(last + q * spline_row);
      PML_UNROLL
      for (size_t v = 1; v < V; ++v) product = fma(total[v], load(last + q * spline_row + v * lanes), product);
      products[q - begin] = product;
    }
    alignas(64) double values[lanes];
    store(values, sums(products));
    for (size_t q = begin; q < end; ++q) out[q * spline.n_outputs] = values[q - begin];
  }
}

using SplineContract = void (*)(const pml::SplineView&, const double*, const double*, const size_t*, size_t, double*);

template <size_t V>
SplineContract spline_contract_of(size_t last_functions, size_t rows) {
  if constexpr (V * lanes < spline_row) {
    if (last_functions > V * lanes) return spline_contract_of<V + 1>(last_functions, rows);
  }
  constexpr SplineContract by_rows[] = {spline_contract<2, V>, spline_contract<3, V>, spline_contract<4, V>,
                                        spline_contract<5, V>, spline_contract<6, V>, spline_contract<7, V>,
                                        spline_contract<8, V>};
  return by_rows[rows - 2];
}

size_t spline_evaluate(const pml::SplineView& spline, const double* x, size_t n, const unsigned* orders,
                       bool extrapolate, double* out) {
  constexpr void (*pieces_of[])(const pml::SplineView&, const double*, size_t, unsigned, double*) = {
      spline_pieces<2>, spline_pieces<3>, spline_pieces<4>, spline_pieces<5>,
      spline_pieces<6>, spline_pieces<7>, spline_pieces<8>};
  constexpr void (*weights_of[])(const pml::SplineAxis&, const double*, size_t, size_t, unsigned, double*, size_t*) = {
      spline_weights<2>, spline_weights<3>, spline_weights<4>, spline_weights<5>,
      spline_weights<6>, spline_weights<7>, spline_weights<8>};
  const size_t d = spline.n_axes, m = spline.n_outputs;
  size_t n_outside = 0;
  for (size_t begin = 0; begin < n; begin += spline_block, x += spline_block * d, out += spline_block * m) {
    const size_t here = n - begin < spline_block ? n - begin : spline_block;
    if (d == 1) {
      pieces_of[spline.axes[0].functions - 2](spline, x, here, orders[0], out);
    } else {
      alignas(64) double weights[pml::spline_max_axes * spline_block * spline_row];
      size_t offsets[spline_block] = {};
      for (size_t a = 0; a < d; ++a) {
        weights_of[spline.axes[a].functions - 2](spline.axes[a], x + a, d, here, orders[a],
                                                 weights + a * spline_block * spline_row, offsets);
      }
      const SplineContract contract =
          spline_contract_of<1>(spline.axes[d - 1].functions, spline.axes[d - 2].functions);
      for (size_t j = 0; j < m; ++j) {
        const double* const coefficients = spline.coefficients + j * spline.output_stride;
        spline_prefetch(spline, coefficients, offsets, here);
        contract(spline, coefficients, weights, offsets, here, out + j);
      }
    }
    for (size_t q = 0; q < here; ++q) {
      bool outside = false, missing = false;
      for (size_t a = 0; a < d; ++a) {
        const double xa = x[q * d + a];
        outside = outside || is_outside(spline.axes[a], xa);
        missing = missing || xa != xa;
      }
      if (!outside && !missing) continue;
      // A derivative of the highest order is a constant, in which a NaN of x would be lost.
      if (missing || !extrapolate) {
        for (size_t j = 0; j < m; ++j) out[q * m + j] = NAN;
      }
      n_outside += outside && !missing;
    }
  }
  return n_outside;
}

}  // namespace
