// Gauss-Newton matrix and exact Hessian of the mean squared error, dense.
#pragma once

#include <cstddef>

#include "architecture.hpp"

namespace pml {

enum class Curvature { gauss_newton, hessian };

// Of the mean over samples and outputs of w |f(x) - y|^2: returns the loss and fills gradient (P,) and matrix (P, P),
// which is the Hessian, or its part 2/(n m) sum w J'J. An empty batch gives zeros.
double loss_gradient_and_curvature(const Architecture&, Curvature, const double* params, const double* x,
                                   const double* y, const double* sample_weight, std::size_t n, double* gradient,
                                   double* matrix, std::size_t n_threads);

// Bytes that this call allocates, the matrix included. A double: the true number may be beyond 2^64.
double curvature_bytes(const Architecture&, Curvature, std::size_t n, std::size_t n_threads);

}  // namespace pml
