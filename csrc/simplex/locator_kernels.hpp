// The plain data that crosses into the kernels of point location, and the table of those kernels.
//
// A simplex with vertices p_0 .. p_d holds q where all barycentric weights w_k, q = sum_k w_k p_k, sum_k w_k = 1, are
// >= 0. With the last vertex as the origin, w_k = R_k . (q - p_d) for k < d, w_d = 1 - sum_k w_k, where R (d, d) is the
// inverse of the matrix with columns p_k - p_d. One record a simplex, 64-byte aligned, holds, in doubles,
//   [0, d * d)          R column by column: entry (k, j) at j * d + k,
//   [d * d, d * d + d)  p_d,
// and then d + 1 neighbors, int32_t, neighbor k across the facet opposite vertex k, and `error`, a float.
//
// `error` bounds what rounding does to any w_k in double, for q in the simplex: R is correct to u = 2^-53, as are
// q - p_d and each of the d products and sums, so that, to first order, the error of w_k is below (d + 2) u E_k with
// E_k = sum_j |R_kj| max_i |p_ij - p_dj|, and w_d inherits the errors of all others: error = (2 d + 4) u (E_0 + .. +
// E_{d-1}), and infinity for a flat simplex. A weight < -error is surely negative, and q is beyond that facet.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../numeric/given.hpp"
#include "verdict.hpp"

namespace pml {

constexpr size_t max_dimensions = 16;

// Where a neighbor's number would stand: the facet is on the hull; no side of what lies beyond it is known.
constexpr int32_t no_neighbor = -1, blocked_neighbor = -2;

// The functions here are static: compiled for several instruction sets, they must not be merged into one.

// Weights whose error bound is above this are computed again in double-double, and a query with a weight below it gets
// a second look: it may be a data point, or lie on the hull. Among random points the median of the bounds is near
// 1.4 d^3 u; few of a thousand are above 32 d^3 u.
static constexpr double fine(size_t d) { return static_cast<double>(d * d * d) * 0x1p-48; }

// Walks that go on side by side, so that the loads of one hide behind the others' arithmetic.
constexpr size_t walk_tile = 256;

// Doubles from one row of weights to the next in a tile. A vector of any length may store past the d + 1 weights.
static constexpr size_t weight_stride(size_t d) { return d <= 2 ? 4 : (d + 8) / 8 * 8; }

static constexpr size_t record_stride(size_t d) { return (8 * d * (d + 1) + 4 * (d + 2) + 63) / 64 * 8; }

// Cells of equal size, 2^bits[j] along axis j, and for each a simplex to start from.
struct StartGrid {
  const double* low;    // (d,) a corner of the box that holds all points, with a margin of rounding
  const double* scale;  // cells per unit length
  const int32_t* bits;
  const int32_t* start;
};

struct Triangulation {
  size_t d;
  size_t n_simplices;
  const double* records;
  const int32_t* vertices;  // (n_simplices, d + 1)
  const double* points;
  StartGrid grid;
  // The points that are vertices, by the hash of their coordinates; slots - 1 is a mask, an empty slot holds -1.
  size_t slots;
  const int32_t* slot_vertex;
  const int32_t* slot_simplex;  // one with that vertex
  size_t max_steps;
};

struct LocatorKernels {
  // Fills R, p_d and error in the records [begin, end); neighbors stay.
  Kernel<void(const Triangulation&, size_t begin, size_t end, double* records)> fill_records;

  // The simplex to start from, -1 for a query outside the box or not a number. x (n, d).
  Kernel<void(const Triangulation&, const double* x, size_t n, int32_t* simplex)> start;

  // Walks from simplex[i] to the simplex that holds x_i, or to the last one before the hull, for n <= walk_tile. The
  // weights there, rows weight_stride(d) apart, are those in `simplex` where status[i] is `found`.
  Kernel<void(const Triangulation&, const double* x, size_t n, int32_t* simplex, int32_t* status, double* weights)>
      walk;

  // out (n, m): sum_k w_k values_k over the vertices of simplex[i], NaN where status[i] isn't `found`. values (N, m).
  Kernel<void(const Triangulation&, const int32_t* simplex, const int32_t* status, const double* weights, size_t n,
              const double* values, size_t m, double* out)>
      interpolate;

  // out (n, m, d): the derivative of that sum.
  Kernel<void(const Triangulation&, const int32_t* simplex, const int32_t* status, size_t n, const double* values,
              size_t m, double* out)>
      gradient;

  // Where x, or the vertex equal to it, has its place among the slots.
  Kernel<size_t(const Triangulation&, const double* x)> slot;

  // w (d + 1,): the weights of x in a simplex, accurate in double however thin it is.
  Kernel<void(const Triangulation&, size_t simplex, const double* x, double* w)> exact_weights;
};

}  // namespace pml
