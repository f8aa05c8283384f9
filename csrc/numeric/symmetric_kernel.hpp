// A scaling and rank-2 update of a symmetric matrix and its product with a vector, in one pass over the upper triangle.
#pragma once

#include "simd.hpp"

namespace {

constexpr size_t symmetric_rows = 4;  // rows that share the loads of p, q, x and y

// Rows [i, i + ROWS), columns [j, n).
template <size_t ROWS>
PML_INLINE void symmetric_panel(double* h, size_t n, size_t i, size_t j, double scale, const double* u, const double* p,
                                const double* v, const double* q, const double* x, double* y) {
  const Vec scales = set(scale);
  Vec ui[ROWS], vi[ROWS], xi[ROWS], dot[ROWS];
  double* row[ROWS];
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    ui[r] = set(u[i + r]);
    vi[r] = set(v[i + r]);
    xi[r] = set(x[i + r]);
    dot[r] = set(0.0);
    row[r] = h + (i + r) * n;
  }
  for (; j + lanes <= n; j += lanes) {
    const Vec pj = load_any(p + j), qj = load_any(q + j), xj = load_any(x + j);
    Vec yj = load_any(y + j);
    PML_UNROLL
    for (size_t r = 0; r < ROWS; ++r) {
      const Vec updated = fma(vi[r], qj, fma(ui[r], pj, scales * load_any(row[r] + j)));
      store_any(row[r] + j, updated);
      dot[r] = fma(updated, xj, dot[r]);
      yj = fma(updated, xi[r], yj);
    }
    store_any(y + j, yj);
  }
  for (size_t r = 0; r < ROWS; ++r) {
    double total = sum(dot[r]);
    for (size_t k = j; k < n; ++k) {
      row[r][k] = scale * row[r][k] + (u[i + r] * p[k] + v[i + r] * q[k]);
      total += row[r][k] * x[k];
      y[k] += row[r][k] * x[i + r];
    }
    y[i + r] += total;
  }
}

void symmetric_update(double* h, size_t n, size_t begin, size_t end, double scale, const double* u, const double* p,
                      const double* v, const double* q, const double* x, double* y) {
  for (size_t i = begin; i < end; i += symmetric_rows) {
    const size_t last = i + symmetric_rows < end ? i + symmetric_rows : end;
    // The corner on the diagonal, where row and column are of the same few.
    for (size_t r = i; r < last; ++r) {
      for (size_t c = r; c < last; ++c) {
        double* const here = h + r * n + c;
        *here = scale * *here + (u[r] * p[c] + v[r] * q[c]);
        y[r] += *here * x[c];
        if (c > r) y[c] += *here * x[r];
      }
    }
    if (last - i == symmetric_rows) {
      symmetric_panel<symmetric_rows>(h, n, i, last, scale, u, p, v, q, x, y);
    } else {
      for (size_t r = i; r < last; ++r) symmetric_panel<1>(h, n, r, last, scale, u, p, v, q, x, y);
    }
  }
}

}  // namespace
