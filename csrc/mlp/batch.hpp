// A whole batch: cut into tiles, shared out over threads, summed in an order that doesn't depend on the threads.
#pragma once

#include <cstddef>

#include "architecture.hpp"

namespace pml {

// out (n, m)
void forward(const Architecture&, const double* params, const double* x, std::size_t n, double* out,
             std::size_t n_threads);

// Returns the mean over samples and outputs of w |f(x) - y|^2, and its gradient (P,). An empty batch gives 0 and 0.
// sample_weight (n,) or null for 1.
double loss_and_gradient(const Architecture&, const double* params, const double* x, const double* y,
                         const double* sample_weight, std::size_t n, double* gradient, std::size_t n_threads);

// out (n m, P): derivatives of the outputs with respect to the parameters.
void jacobian(const Architecture&, const double* params, const double* x, std::size_t n, double* out,
              std::size_t n_threads);

// The Hessian of the mean over samples and outputs of w |f(x) - y|^2, times v (P,): product (P,).
void hessian_vector_product(const Architecture&, const double* params, const double* x, const double* y,
                            const double* sample_weight, std::size_t n, const double* v, double* product,
                            std::size_t n_threads);

// First and second derivative (n, m) of the outputs along v (P,), a direction of parameter space.
void directional_derivatives(const Architecture&, const double* params, const double* x, std::size_t n,
                             const double* v, double* first, double* second, std::size_t n_threads);

// The gradient (P,) of the sum over samples and outputs of u f(x), for given u (n, m).
void vector_jacobian_product(const Architecture&, const double* params, const double* x, const double* u,
                             std::size_t n, double* product, std::size_t n_threads);

// out (n, m, d)
void input_gradient(const Architecture&, const double* params, const double* x, std::size_t n, double* out,
                    std::size_t n_threads);

// Network values in double-double, high and low (n, m), at x + x_low; x_low (n, d) or null for 0.
void extended_forward(const Architecture&, const double* params, const double* x, const double* x_low, std::size_t n,
                      double* high, double* low, std::size_t n_threads);

}  // namespace pml
