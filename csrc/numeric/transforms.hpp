// One-to-one functions of one number in whose terms columns are fitted, their inverses, and the derivatives of both.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pml {

// What is taken of a transform v -> t. Outside the domain of `forward`, and where `inverse` has no value, there is NaN.
enum class TransformPart { forward, inverse, forward_derivative, inverse_derivative };

using TransformColumn = void (*)(const double* v, std::size_t n, std::size_t stride, double divisor, double factor,
                                 double* out);

// By name, e.g. "log"; throws std::invalid_argument for one that isn't there.
TransformColumn transform_column(const std::string& name, TransformPart part);

// out (n, k) = f_j(v / divisor[j]) factor[j] for column j of v (n, k). Bitwise the same for any number of threads.
void transform_columns(const std::vector<TransformColumn>& functions, const double* v, std::size_t n,
                       const double* divisor, const double* factor, double* out, std::size_t n_threads);

}  // namespace pml
