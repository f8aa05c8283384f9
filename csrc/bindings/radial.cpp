// Sums of radial functions on NumPy arrays. A sum is an object here, so that its centers and weights are copied once.
#include <cmath>
#include <memory>
#include <string>

#include "../radial/radial.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

std::unique_ptr<RadialSum> make_sum(const std::string& function, double epsilon, const Array& centers,
                                    const Array& weights) {
  if (!(epsilon > 0.0) || !std::isfinite(epsilon)) {
    throw std::invalid_argument("epsilon: expected a number > 0, got " + std::to_string(epsilon));
  }
  require_shape(centers, "centers", {-1, -1}, "(n, d)");
  require_shape(weights, "weights", {centers.shape(0), -1}, "(" + std::to_string(centers.shape(0)) + ", m)");
  if (centers.shape(1) < 1) throw std::invalid_argument("centers: expected at least 1 column, got 0");
  return std::make_unique<RadialSum>(function, epsilon, centers.data(), weights.data(),
                                     static_cast<std::size_t>(centers.shape(0)),
                                     static_cast<std::size_t>(centers.shape(1)),
                                     static_cast<std::size_t>(weights.shape(1)));
}

void require_rows(const RadialSum& sum, const Array& z) {
  const py::ssize_t d = static_cast<py::ssize_t>(sum.n_inputs());
  require_shape(z, "z", {-1, d}, "(n, " + std::to_string(d) + ")");
}

Array evaluate(const RadialSum& sum, const Array& z, py::ssize_t n_threads) {
  require_rows(sum, z);
  const std::size_t threads = require_threads(n_threads);
  Array out({z.shape(0), static_cast<py::ssize_t>(sum.n_outputs())});
  double* const out_data = out.mutable_data();
  const double* const z_data = z.data();
  const std::size_t n = static_cast<std::size_t>(z.shape(0));
  {
    py::gil_scoped_release release;
    sum.evaluate(z_data, n, out_data, threads);
  }
  return out;
}

Array gradient(const RadialSum& sum, const Array& z, py::ssize_t n_threads) {
  require_rows(sum, z);
  const std::size_t threads = require_threads(n_threads);
  Array out({z.shape(0), static_cast<py::ssize_t>(sum.n_outputs()), z.shape(1)});
  double* const out_data = out.mutable_data();
  const double* const z_data = z.data();
  const std::size_t n = static_cast<std::size_t>(z.shape(0));
  {
    py::gil_scoped_release release;
    sum.gradient(z_data, n, out_data, threads);
  }
  return out;
}

}  // namespace

void bind_radial(py::module_& module) {
  using namespace py::literals;
  py::class_<RadialSum>(module, "RadialSum")
      .def(py::init(&make_sum), "function"_a, "epsilon"_a, "centers"_a.noconvert(), "weights"_a.noconvert(),
           "The sum over i of weights[i] phi(epsilon |z - centers[i]|), centers (n, d), weights (n, m).")
      .def("evaluate", &evaluate, "z"_a.noconvert(), "n_threads"_a, "Values (n, m) at z (n, d).")
      .def("gradient", &gradient, "z"_a.noconvert(), "n_threads"_a, "Derivatives (n, m, d) by z at z (n, d).");
}

}  // namespace pml::bindings
