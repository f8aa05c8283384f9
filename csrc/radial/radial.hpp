// Sums of radial functions around centers.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernel_table.hpp"

namespace pml {

// sum over i: weights[i] phi(epsilon |z - centers[i]|). Immutable, so that any number of threads may evaluate at once.
class RadialSum {
 public:
  // centers (n_centers, n_inputs) and weights (n_centers, n_outputs) are copied.
  // Throws std::invalid_argument for a function that isn't there.
  RadialSum(const std::string& function, double epsilon, const double* centers, const double* weights,
            std::size_t n_centers, std::size_t n_inputs, std::size_t n_outputs);

  std::size_t n_inputs() const { return n_inputs_; }
  std::size_t n_outputs() const { return n_outputs_; }

  // out (n, n_outputs) at z (n, n_inputs). A row has the same bits in any batch and for any number of threads.
  void evaluate(const double* z, std::size_t n, double* out, std::size_t n_threads) const;
  // out (n, n_outputs, n_inputs).
  void gradient(const double* z, std::size_t n, double* out, std::size_t n_threads) const;

 private:
  void each_tile(bool gradient, const double* z, std::size_t n, double* out, std::size_t n_threads) const;

  std::size_t function_, n_inputs_, n_outputs_;
  double epsilon_;
  std::vector<double> centers_, weights_;
};

}  // namespace pml
