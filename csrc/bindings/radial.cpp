// Sums of radial functions on NumPy arrays. A sum is an object here, so that its centers and weights are copied once.
#include <cmath>
#include <memory>
#include <string>

#include "../radial/radial.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::radial {
namespace {

std::unique_ptr<RadialSum> make_sum(const std::string& function, double epsilon, const Array& centers,
                                    const Array& weights) {
  if (!(epsilon > 0.0) || !std::isfinite(epsilon)) {
    throw std::invalid_argument("epsilon: expected a number > 0, got " + std::to_string(epsilon));
  }
  require_shape(centers, "centers", {"n", "d"});
  require_shape(weights, "weights", {centers.shape(0), "m"});
  if (centers.shape(1) < 1) throw std::invalid_argument("centers: expected at least 1 column, got 0");
  return std::make_unique<RadialSum>(function, epsilon, centers.data(), weights.data(), rows_of(centers),
                                     columns_of(centers), columns_of(weights));
}

Array evaluate(const RadialSum& sum, const Array& z, py::ssize_t n_threads) {
  const std::size_t n = require_rows(z, "z", sum.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { sum.evaluate(z.data(), n, out, threads); }, Array({n, sum.n_outputs()}));
}

Array gradient(const RadialSum& sum, const Array& z, py::ssize_t n_threads) {
  const std::size_t n = require_rows(z, "z", sum.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { sum.gradient(z.data(), n, out, threads); },
                Array({n, sum.n_outputs(), sum.n_inputs()}));
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  py::class_<RadialSum>(module, "RadialSum")
      .def(py::init(&make_sum), "function"_a, "epsilon"_a, "centers"_a.noconvert(), "weights"_a.noconvert(),
           "The sum over i of weights[i] phi(epsilon |z - centers[i]|), centers (n, d), weights (n, m).")
      .def("evaluate", &evaluate, "z"_a.noconvert(), "n_threads"_a, "Values (n, m) at z (n, d).")
      .def("gradient", &gradient, "z"_a.noconvert(), "n_threads"_a, "Derivatives (n, m, d) by z at z (n, d).");
}

}  // namespace pml::bindings::radial
