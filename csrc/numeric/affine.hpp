// Columns of a table moved and scaled.
#pragma once

#include <cstddef>

namespace pml {

// out = (x - shift) * factor by column, for x (n, d); out may be x.
void affine(const double* x, std::size_t n, std::size_t d, const double* shift, const double* factor, double* out,
            std::size_t n_threads);

}  // namespace pml
