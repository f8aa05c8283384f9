// Values and derivatives of sums of products of Chebyshev polynomials, for blocks of rows: vector lanes are rows.
#pragma once

#include <math.h>

#include "../../numeric/simd.hpp"
#include "../kernel_table.hpp"

namespace {

// As many sums in registers as hide the latency of a multiply-add; a gradient has two of each.
constexpr size_t series_vectors = 8;
constexpr size_t series_pairs = 4;
constexpr size_t series_block = series_vectors * lanes;

PML_INLINE Vec scaled_by(Vec value, const double* parts) {
  for (size_t i = 0; i < pml::series_parts; ++i) value = value * set(parts[i]);
  return value;
}

// z (n_variables, series_block) of the next rows, 0 behind the last, and which of them miss a number.
PML_INLINE void series_coordinates(const pml::SeriesView& series, const double* x, size_t n, double* z,
                                   bool* missing) {
  const size_t d = series.n_variables;
  for (size_t r = 0; r < n; ++r) missing[r] = false;
  for (size_t j = 0; j < d; ++j) {
    double* const column = z + j * series_block;
    for (size_t r = 0; r < n; ++r) {
      column[r] = x[r * d + series.columns[j]];
      missing[r] = missing[r] || column[r] != column[r];
    }
    for (size_t r = n; r < series_block; ++r) column[r] = 0.0;
    for (size_t r = 0; r < series_block; r += lanes) {
      const Vec scaled = scaled_by(load(column + r), series.input_parts + j * pml::series_parts);
      store(column + r, (scaled - set(series.shift[j])) / set(series.divisor[j]));
    }
  }
}

// T_1 to T_degree at z, T_k = 2 z T_(k-1) - T_(k-2). With `slopes` their derivatives too, k U_(k-1), where U_k has the
// same recursion.
PML_INLINE void series_table(const pml::SeriesView& series, const double* z, double* table, double* slopes) {
  for (size_t j = 0; j < series.n_variables; ++j, z += series_block) {
    const size_t degree = series.degrees[j];
    for (size_t r = 0; r < series_block; r += lanes) {
      const Vec first = load(z + r), twice = set(2.0) * first;
      Vec before = set(1.0), here = first;
      for (size_t k = 0; k < degree; ++k) {
        store(table + k * series_block + r, here);
        const Vec next = fms(twice, here, before);
        before = here;
        here = next;
      }
      if (slopes == nullptr) continue;
      before = set(0.0);
      here = set(1.0);
      for (size_t k = 0; k < degree; ++k) {
        store(slopes + k * series_block + r, set(static_cast<double>(k + 1)) * here);
        const Vec next = fms(twice, here, before);
        before = here;
        here = next;
      }
    }
    table += degree * series_block;
    if (slopes != nullptr) slopes += degree * series_block;
  }
}

// The sum of one output at the block's rows.
void series_sum(const pml::SeriesView& series, const double* coefficients, const double* table, double* stack,
                double* out) {
  Vec sum[series_vectors];
  PML_UNROLL
  for (size_t v = 0; v < series_vectors; ++v) sum[v] = set(0.0);
  for (size_t s = 0; s < series.n_steps; ++s) {
    const pml::SeriesStep step = series.steps[s];
    if (step.action == pml::SeriesAction::leaves) {
      for (size_t i = step.begin; i < step.end; ++i) {
        const Vec c = set(coefficients[i]);
        const double* const t = table + series.factors[i] * series_block;
        PML_UNROLL
        for (size_t v = 0; v < series_vectors; ++v) sum[v] = fma(load(t + v * lanes), c, sum[v]);
      }
    } else if (step.action == pml::SeriesAction::open) {
      PML_UNROLL
      for (size_t v = 0; v < series_vectors; ++v) {
        store(stack + v * lanes, sum[v]);
        sum[v] = set(0.0);
      }
      stack += series_block;
    } else {
      stack -= series_block;
      const Vec c = set(coefficients[step.begin]);
      const double* const t = table + series.factors[step.begin] * series_block;
      PML_UNROLL
      for (size_t v = 0; v < series_vectors; ++v) {
        sum[v] = fma(load(t + v * lanes), sum[v] + c, load(stack + v * lanes));
      }
    }
  }
  const Vec c = set(coefficients[series.n_nodes - 1]);
  PML_UNROLL
  for (size_t v = 0; v < series_vectors; ++v) store(out + v * lanes, sum[v] + c);
}

// The sum's derivatives at the block's rows, in the places 1, 2, ... of the stack's first entry. An entry is a node's
// sum, and its derivatives by the variables behind the node's own.
void series_slopes(const pml::SeriesView& series, const double* coefficients, const double* table,
                   const double* slopes, double* stack) {
  const size_t d = series.n_variables, entry = (d + 1) * series_block;
  for (size_t i = 0; i < entry; i += lanes) store(stack + i, set(0.0));
  for (size_t s = 0; s < series.n_steps; ++s) {
    const pml::SeriesStep step = series.steps[s];
    const size_t j = step.variable;
    if (step.action == pml::SeriesAction::leaves) {
      for (size_t half = 0; half < series_block; half += series_pairs * lanes) {
        double* const sum_at = stack + half;
        double* const slope_at = stack + (j + 1) * series_block + half;
        Vec sum[series_pairs], slope[series_pairs];
        PML_UNROLL
        for (size_t v = 0; v < series_pairs; ++v) {
          sum[v] = load(sum_at + v * lanes);
          slope[v] = load(slope_at + v * lanes);
        }
        for (size_t i = step.begin; i < step.end; ++i) {
          const Vec c = set(coefficients[i]);
          const size_t row = series.factors[i] * series_block + half;
          PML_UNROLL
          for (size_t v = 0; v < series_pairs; ++v) {
            sum[v] = fma(load(table + row + v * lanes), c, sum[v]);
            slope[v] = fma(load(slopes + row + v * lanes), c, slope[v]);
          }
        }
        PML_UNROLL
        for (size_t v = 0; v < series_pairs; ++v) {
          store(sum_at + v * lanes, sum[v]);
          store(slope_at + v * lanes, slope[v]);
        }
      }
    } else if (step.action == pml::SeriesAction::open) {
      stack += entry;
      for (size_t r = 0; r < series_block; r += lanes) store(stack + r, set(0.0));
      for (size_t i = (j + 2) * series_block; i < entry; i += lanes) store(stack + i, set(0.0));
    } else {
      double* const parent = stack - entry;
      const size_t row = series.factors[step.begin] * series_block;
      const Vec c = set(coefficients[step.begin]);
      double* const slope_at = parent + (j + 1) * series_block;
      for (size_t r = 0; r < series_block; r += lanes) {
        const Vec t = load(table + row + r), sum = load(stack + r) + c;
        store(parent + r, fma(t, sum, load(parent + r)));
        store(slope_at + r, fma(load(slopes + row + r), sum, load(slope_at + r)));
        for (size_t i = (j + 2) * series_block + r; i < entry; i += series_block) {
          store(parent + i, fma(t, load(stack + i), load(parent + i)));
        }
      }
      stack = parent;
    }
  }
}

size_t series_workspace(const pml::SeriesView& series, bool gradient) {
  const size_t d = series.n_variables;
  // Coordinates, polynomials and perhaps their slopes, the stack, the block's result.
  return series_block * (d + (gradient ? 2 : 1) * series.n_rows + (series.depth + 1) * (gradient ? d + 1 : 1) + 1);
}

void series_evaluate(const pml::SeriesView& series, const double* x, size_t n, double* workspace, double* out) {
  const size_t d = series.n_variables, m = series.n_outputs;
  double* const z = workspace;
  double* const table = z + d * series_block;
  double* const result = table + series.n_rows * series_block;
  double* const stack = result + series_block;
  bool missing[series_block];
  for (size_t begin = 0; begin < n; begin += series_block, x += series_block * d, out += series_block * m) {
    const size_t here = n - begin < series_block ? n - begin : series_block;
    series_coordinates(series, x, here, z, missing);
    series_table(series, z, table, nullptr);
    for (size_t k = 0; k < m; ++k) {
      series_sum(series, series.coefficients + k * series.n_nodes, table, stack, result);
      for (size_t r = 0; r < series_block; r += lanes) {
        store(result + r, scaled_by(load(result + r), series.value_parts + k * pml::series_parts));
      }
      for (size_t r = 0; r < here; ++r) out[r * m + k] = missing[r] ? static_cast<double>(NAN) : result[r];
    }
  }
}

void series_gradient(const pml::SeriesView& series, const double* x, size_t n, double* workspace, double* out) {
  const size_t d = series.n_variables, m = series.n_outputs;
  double* const z = workspace;
  double* const table = z + d * series_block;
  double* const slopes = table + series.n_rows * series_block;
  double* const result = slopes + series.n_rows * series_block;
  double* const stack = result + series_block;
  bool missing[series_block];
  for (size_t begin = 0; begin < n; begin += series_block, x += series_block * d, out += series_block * m * d) {
    const size_t here = n - begin < series_block ? n - begin : series_block;
    series_coordinates(series, x, here, z, missing);
    series_table(series, z, table, slopes);
    for (size_t k = 0; k < m; ++k) {
      series_slopes(series, series.coefficients + k * series.n_nodes, table, slopes, stack);
      for (size_t j = 0; j < d; ++j) {
        const double* const slope = stack + (j + 1) * series_block;
        const double* const parts = series.gradient_parts + (k * d + j) * pml::series_parts;
        for (size_t r = 0; r < series_block; r += lanes) {
          store(result + r, scaled_by(load(slope + r) / set(series.divisor[j]), parts));
        }
        for (size_t r = 0; r < here; ++r) {
          out[(r * m + k) * d + series.columns[j]] = missing[r] ? static_cast<double>(NAN) : result[r];
        }
      }
    }
  }
}

}  // namespace
