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

// out (n, m, d)
void input_gradient(const Architecture&, const double* params, const double* x, std::size_t n, double* out,
                    std::size_t n_threads);

}  // namespace pml
