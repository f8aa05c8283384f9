// Symmetric matrices that grow by rank-2 updates, as the inverse Hessian of a quasi-Newton method does.
#pragma once

#include <cstddef>

namespace pml {

// The upper triangle of h (n, n), row-major, becomes that of h + s w' + w s'; y (n,) = (h + s w' + w s') x.
// One pass over the triangle, on n_threads threads, bitwise the same for any number of them.
void symmetric_update(double* h, std::size_t n, const double* s, const double* w, const double* x, double* y,
                      std::size_t n_threads);

}  // namespace pml
