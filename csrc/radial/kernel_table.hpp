// The kernels that evaluate sums of radial functions in one instruction set.
#pragma once

#include <stddef.h>

#include "../numeric/given.hpp"

namespace pml {

struct RadialView {
  size_t n_variables, n_outputs, n_centers;
  double epsilon_squared;
  const double* centers;  // (n_centers, n_variables)
  const double* weights;  // (n_centers, n_outputs)
};

// The workspace has radial_workspace doubles and 64-byte alignment.
struct RadialFunction {
  Given<const char*> name;
  // out (n, n_outputs) = sum over centers: weight phi(epsilon |z - center|), at z (n, n_variables).
  Kernel<void(const RadialView& sum, const double* z, size_t n, double* workspace, double* out)> evaluate;
  // out (n, n_outputs, n_variables), the derivative by z.
  Kernel<void(const RadialView& sum, const double* z, size_t n, double* workspace, double* out)> gradient;
};

struct RadialKernels {
  // The same ones in the same order on every instruction set.
  Given<size_t> n_functions;
  Given<const RadialFunction*> functions;
};

constexpr size_t radial_most_rows = 32;  // of a block, in any instruction set

// Coordinates, then sums over some centers and over all, each of a block of rows.
constexpr size_t radial_workspace(size_t n_variables, size_t n_sums) {
  return radial_most_rows * (n_variables + 2 * n_sums);
}

}  // namespace pml
