// Barycentric rows and weights from the vertices themselves, by elimination in double-double with pivoting.
//
// M has the columns p_k - p_d, exact as sums of two doubles. Rows, then columns, are scaled by powers of two to a
// largest entry in [1, 2); the scaled matrix A is eliminated with row pivoting. No pivot below `flat_pivot` means a
// condition number below about 2^64, and weights in double-double, correct to about 2^-104 times that, to 2^-40 even then.
// A simplex with such a pivot, or one thinner than what the rounding of its vertices' coordinates moves them by, is
// flat: its volume is 0 to rounding, and which way round its vertices lie is anyone's guess.
#pragma once

#include <math.h>

#include "../../numeric/double_double.hpp"
#include "../locator_kernels.hpp"

namespace {

using Extended = DoubleDouble<Vec>;

constexpr double flat_pivot = 0x1p-64;

PML_INLINE const double* vertex_of(const pml::Triangulation& t, size_t simplex, size_t k) {
  return t.points + static_cast<size_t>(t.vertices[simplex * (t.d + 1) + k]) * t.d;
}

// Lane by lane a system of its own: d rows of `columns` entries, the first d of which are A.
struct System {
  size_t d, columns;
  Extended entry[pml::max_dimensions][2 * pml::max_dimensions];
  Vec row_scale[pml::max_dimensions];     // entry = M row_scale column_scale
  Vec column_scale[pml::max_dimensions];
};

PML_INLINE double larger(double a, double b) { return a < b ? b : a; }

// 2^-e for a in [2^e, 2^(e + 1)), 1 for 0.
PML_INLINE Vec inverse_power(Vec a) {
  return select(less(set(0.0), a), set(1.0) / bit_and(a, set(INFINITY)), set(1.0));
}

// A of the simplices s[lane]. Points have about unit size, so that no scale overflows.
PML_INLINE void load_edges(const pml::Triangulation& t, const size_t* s, System& system) {
  const size_t d = t.d;
  system.d = d;
  alignas(64) double vertex[lanes], origin[lanes];
  for (size_t j = 0; j < d; ++j) {
    Vec extent = set(0.0);
    for (size_t l = 0; l < lanes; ++l) origin[l] = vertex_of(t, s[l], d)[j];
    for (size_t k = 0; k < d; ++k) {
      for (size_t l = 0; l < lanes; ++l) vertex[l] = vertex_of(t, s[l], k)[j];
      system.entry[j][k] = two_sum(load(vertex), -load(origin));
      extent = max(extent, absolute(system.entry[j][k].high));
    }
    system.row_scale[j] = inverse_power(extent);
    for (size_t k = 0; k < d; ++k) system.entry[j][k] = scaled(system.entry[j][k], system.row_scale[j]);
  }
  for (size_t k = 0; k < d; ++k) {
    Vec extent = set(0.0);
    for (size_t j = 0; j < d; ++j) extent = max(extent, absolute(system.entry[j][k].high));
    system.column_scale[k] = inverse_power(extent);
    for (size_t j = 0; j < d; ++j) system.entry[j][k] = scaled(system.entry[j][k], system.column_scale[k]);
  }
}

// Gauss-Jordan: the columns behind the first d become A^-1 times what they were. Returns the smallest pivot's size.
PML_INLINE Vec eliminate(System& system) {
  const size_t d = system.d, columns = system.columns;
  auto& a = system.entry;
  Vec smallest = set(INFINITY);
  for (size_t c = 0; c < d; ++c) {
    for (size_t r = c + 1; r < d; ++r) {
      const Mask larger = less(absolute(a[c][c].high), absolute(a[r][c].high));
      if (!any(larger)) continue;
      for (size_t k = c; k < columns; ++k) {
        const Extended above = a[c][k];
        a[c][k] = select(larger, a[r][k], above);
        a[r][k] = select(larger, above, a[r][k]);
      }
    }
    const Vec pivot = absolute(a[c][c].high);
    smallest = min(smallest, pivot);
    const Extended one = {set(1.0), set(0.0)};
    const Extended inverse = one / select(less(set(0.0), pivot), a[c][c], one);
    for (size_t k = c + 1; k < columns; ++k) a[c][k] = a[c][k] * inverse;
    for (size_t r = 0; r < d; ++r) {
      if (r == c) continue;
      const Extended factor = -a[r][c];
      for (size_t k = c + 1; k < columns; ++k) a[r][k] = a[r][k] + factor * a[c][k];
    }
  }
  return smallest;
}

// Whoever computes q = sum_i l_i p_i in double on a facet, with l_i that sum to 1 within d u, errs by up to (2 d + 1) u
// max_i |p_ij| in coordinate j. This times max_i |p_ij| is twice that, to leave room for a change of units.
PML_INLINE double facet_rounding(size_t d) { return static_cast<double>(4 * d + 2) * 0x1p-53; }

// R, p_d and error of `lanes` simplices; those past `end` repeat the last.
void fill_records(const pml::Triangulation& t, size_t begin, size_t end, double* records) {
  const size_t d = t.d, stride = pml::record_stride(d);
  System system;
  for (size_t first = begin; first < end; first += lanes) {
    size_t s[lanes];
    for (size_t l = 0; l < lanes; ++l) s[l] = first + l < end ? first + l : end - 1;
    load_edges(t, s, system);
    system.columns = 2 * d;
    for (size_t r = 0; r < d; ++r) {
      for (size_t k = 0; k < d; ++k) system.entry[r][d + k] = {set(r == k ? 1.0 : 0.0), set(0.0)};
    }
    alignas(64) double pivot[lanes], row[lanes];
    store(pivot, eliminate(system));
    for (size_t k = 0; k < d; ++k) {
      for (size_t j = 0; j < d; ++j) {
        store(row, system.entry[k][d + j].high * system.row_scale[j] * system.column_scale[k]);
        for (size_t l = 0; l < lanes && first + l < end; ++l) records[s[l] * stride + j * d + k] = row[l];
      }
    }
    for (size_t l = 0; l < lanes && first + l < end; ++l) {
      double* const record = records + s[l] * stride;
      double extents = 0.0, coordinates = 0.0;
      for (size_t j = 0; j < d; ++j) {
        const double origin = vertex_of(t, s[l], d)[j];
        record[d * d + j] = origin;
        double extent = 0.0, coordinate = magnitude(origin), column = 0.0;
        for (size_t k = 0; k < d; ++k) {
          const double vertex = vertex_of(t, s[l], k)[j];
          extent = larger(extent, magnitude(vertex - origin));
          coordinate = larger(coordinate, magnitude(vertex));
          column += magnitude(record[j * d + k]);
        }
        extents += extent * column;
        coordinates += coordinate * column;
      }
      float* const error = reinterpret_cast<float*>(record + d * d + d) + d + 1;
      // Rounded to float, and the first-order bound itself: one in a thousand more.
      const double bound = 1.001 * static_cast<double>(2 * d + 4) * 0x1p-53 * extents;
      const bool flat = !(pivot[l] >= flat_pivot) || !(facet_rounding(d) * coordinates < 1.0);
      *error = flat ? INFINITY : static_cast<float>(bound);
    }
  }
}

// R_kj for any vertex k; the last row is minus the sum of the others.
PML_INLINE double row_entry(const double* record, size_t d, size_t k, size_t j) {
  if (k < d) return record[j * d + k];
  double sum = 0.0;
  for (size_t i = 0; i < d; ++i) sum += record[j * d + i];
  return -sum;
}

// How negative weight k of a query on facet k may be.
double facet_tolerance(const pml::Triangulation& t, size_t simplex, size_t k) {
  const size_t d = t.d;
  double sum = 0.0;
  for (size_t j = 0; j < d; ++j) {
    double largest = 0.0;
    for (size_t i = 0; i <= d; ++i) largest = larger(largest, magnitude(vertex_of(t, simplex, i)[j]));
    sum += magnitude(row_entry(t.records + simplex * pml::record_stride(d), d, k, j)) * largest;
  }
  return facet_rounding(d) * sum;
}

// One query; all lanes do the same.
void exact_weights(const pml::Triangulation& t, size_t simplex, const double* x, double* w) {
  const size_t d = t.d;
  System system;
  size_t s[lanes];
  for (size_t l = 0; l < lanes; ++l) s[l] = simplex;
  load_edges(t, s, system);
  const double* const origin = vertex_of(t, simplex, d);
  for (size_t j = 0; j < d; ++j) {
    system.entry[j][d] = scaled(two_sum(set(x[j]), -set(origin[j])), system.row_scale[j]);
  }
  system.columns = d + 1;
  eliminate(system);
  Extended last = {set(1.0), set(0.0)};
  alignas(64) double weight[lanes];
  for (size_t k = 0; k < d; ++k) {
    const Extended wk = scaled(system.entry[k][d], system.column_scale[k]);
    last = last + -wk;
    store(weight, wk.high);
    w[k] = weight[0];
  }
  store(weight, last.high);
  w[d] = weight[0];
}

}  // namespace
