// The kernels of dense helpers in one instruction set.
#pragma once

#include <stddef.h>

#include "given.hpp"

namespace pml {

struct NumericKernels {
  // For the upper triangle of a symmetric matrix h (n, n): h = scale h + u p' + v q' in the rows [begin, end), and
  // y += h x for what those rows contribute (their part above the diagonal counts for its mirror image too). No
  // alignment needed.
  Kernel<void(double* h, size_t n, size_t begin, size_t end, double scale, const double* u, const double* p,
              const double* v, const double* q, const double* x, double* y)>
      symmetric_update;

  // Independent fused multiply-adds, `steps` rounds; returns how many floating-point operations were done.
  // What the hardware allows, for benchmarks to divide by.
  Kernel<double(size_t steps, double* sink)> multiply_add_chain;
};

}  // namespace pml
