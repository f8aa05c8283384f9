// The kernels that evaluate sums of radial functions in one instruction set.
#pragma once

#include <stddef.h>

namespace pml {

// phi(r), in the order of the tables below:
// -r, r^2 log r, r^3, -r^5, -sqrt(1 + r^2), 1 / sqrt(1 + r^2), 1 / (1 + r^2), exp(-r^2).
constexpr const char* radial_names[] = {"linear",       "thin_plate_spline",    "cubic",             "quintic",
                                        "multiquadric", "inverse_multiquadric", "inverse_quadratic", "gaussian"};
constexpr size_t n_radial_functions = sizeof radial_names / sizeof radial_names[0];

struct RadialView {
  size_t n_variables, n_outputs, n_centers;
  double epsilon_squared;
  const double* centers;  // (n_centers, n_variables)
  const double* weights;  // (n_centers, n_outputs)
};

struct RadialKernels {
  // out (n, n_outputs) = sum over centers: weight phi(epsilon |z - center|), at z (n, n_variables). The workspace has
  // radial_workspace doubles and 64-byte alignment.
  void (*evaluate[n_radial_functions])(const RadialView& sum, const double* z, size_t n, double* workspace,
                                       double* out);
  // out (n, n_outputs, n_variables), the derivative by z.
  void (*gradient[n_radial_functions])(const RadialView& sum, const double* z, size_t n, double* workspace,
                                       double* out);
};

constexpr size_t radial_most_rows = 32;  // of a block, in any instruction set

// Coordinates, then sums over some centers and over all, each of a block of rows.
constexpr size_t radial_workspace(size_t n_variables, size_t n_sums) {
  return radial_most_rows * (n_variables + 2 * n_sums);
}

}  // namespace pml
