// Elementwise double-double operations on arrays: data into a normalised model and back, sums, residuals.
//
// A number is high + low with high = round(high + low); u = 2^-53. Where a result leaves the range of a double, high is
// what the operation gives in double, and low is 0. Results may take the place of arguments of their own type.
#pragma once

#include <cstddef>

namespace pml {

// z = (v 2^-exponent - shift) / scale for v (n, k), column by column, and 0 where scale is 0. Relative error of z
// below 4 u^2, but for what v 2^-exponent loses below the smallest double.
void extended_normalize(const double* v, const int* exponent, const double* shift, const double* scale, std::size_t n,
                        std::size_t k, double* high, double* low);

// v = (z scale + shift) 2^exponent for z (n, k), the inverse; error below 4 u^2 (|z scale| + |shift|) 2^exponent.
void extended_invert(const double* z_high, const double* z_low, const int* exponent, const double* shift,
                     const double* scale, std::size_t n, std::size_t k, double* high, double* low);

// a + factor b for n numbers; error below 4 u^2 (|a| + |factor b|).
void extended_accumulate(const double* a_high, const double* a_low, double factor, const double* b_high,
                         const double* b_low, std::size_t n, double* high, double* low);

// y - (high + low) for n numbers, rounded once.
void extended_residual(const double* y, const double* high, const double* low, std::size_t n, double* out);

}  // namespace pml
