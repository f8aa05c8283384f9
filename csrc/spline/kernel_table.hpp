// The spline kernels of one instruction set, and the tables they read.
//
// Along one axis the line is cut into cells at the distinct knots. Within a cell `functions` of the basis differ from 0,
// those numbered first, first + 1, ...; each is a polynomial in s = (x - center) / width, so that |s| <= 1/2.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../numeric/given.hpp"

namespace pml {

constexpr size_t spline_max_axes = 6;
constexpr size_t spline_max_functions = 8;  // one more than the largest degree
constexpr size_t spline_max_outer = 512;    // functions of the first three axes of six

struct SplineCell {
  double center, center_low;  // center + center_low is the middle to 32 digits: x near it loses none to the subtraction
  double inverse_width;
  uint32_t first, block;
};

struct SplineAxis {
  size_t functions, n_cells, stride;  // stride: of the coefficients along this axis
  const SplineCell* cells;
  const double* blocks;  // (n_blocks, functions, 8): row p holds the coefficients of s^p of all functions, then zeros
  double low, high;      // of the data: what lies beyond is outside
  // Evenly spaced knots: cell number = (x - start) * scale. Else that is the number of a bucket, in which the breaks
  // from bucket_cells[number] + 1 to bucket_cells[number + 1] lie.
  double start, scale;
  size_t n_buckets;              // 0 for evenly spaced knots
  const uint32_t* bucket_cells;  // (n_buckets + 1,)
  const double* breaks;          // (n_cells + 1,)
};

struct SplineView {
  size_t n_axes, n_outputs;
  SplineAxis axes[spline_max_axes];
  const double* coefficients;  // (n_outputs, n_1, ..., n_d), and 8 more zeros at the end
  size_t output_stride;
  const size_t* outer_offsets;  // of the coefficients that differ in the axes before the last three
  size_t n_outer;
  const double* pieces;  // one axis: (n_cells, n_outputs, functions), the spline itself as a polynomial in s
};

struct SplineKernels {
  // out (n, n_outputs) = the derivative of the given order along each axis at x (n, n_axes). Rows outside the data are
  // NaN, or extrapolated; returns how many there are. Rows with a NaN are NaN and don't count.
  Kernel<size_t(const SplineView& spline, const double* x, size_t n, const unsigned* orders, bool extrapolate,
                double* out)>
      evaluate;
};

}  // namespace pml
