// Symmetric matrices that grow by rank-2 updates, as the inverse Hessian of a quasi-Newton method does.
#pragma once

#include <cstddef>

namespace pml {

// The upper triangle of h (n, n), row-major, becomes that of h+ = scale h + u p' + v q'; y (n,) = h+ x.
// u p' + v q' must be symmetric: s w' + w s', or u (a u + b v)' + v (b u + c v)'. Its upper triangle alone is formed.
// One pass over the triangle, on n_threads threads, bitwise the same for any number of them.
void symmetric_update(double* h, std::size_t n, double scale, const double* u, const double* p, const double* v,
                      const double* q, const double* x, double* y, std::size_t n_threads);

}  // namespace pml
