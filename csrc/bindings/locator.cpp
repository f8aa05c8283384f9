// Point location in a triangulation, on NumPy arrays.
#include "../simplex/locator.hpp"

#include <limits>
#include <memory>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

using Indices = py::array_t<std::int32_t, py::array::c_style>;

std::unique_ptr<SimplexLocator> locator(const Array& points, const Indices& simplices, const Indices& neighbors) {
  require_shape(points, "points", {-1, -1}, "(N, d)");
  const py::ssize_t d = points.shape(1);
  if (d < 1 || d > static_cast<py::ssize_t>(max_dimensions)) {
    throw std::invalid_argument("points: expected (N, d) with d from 1 to " + std::to_string(max_dimensions) +
                                ", got " + shape_text(points));
  }
  const std::string wanted = "(S, " + std::to_string(d + 1) + ")";
  require_shape(simplices, "simplices", {-1, d + 1}, wanted);
  const py::ssize_t n = simplices.shape(0);
  if (n == 0) throw std::invalid_argument("simplices: expected at least one, got " + shape_text(simplices));
  constexpr py::ssize_t most = std::numeric_limits<std::int32_t>::max();
  if (n > most) {
    throw std::invalid_argument("simplices: expected at most " + std::to_string(most) + ", got " + std::to_string(n));
  }
  require_shape(neighbors, "neighbors", {n, d + 1}, "(" + std::to_string(n) + ", " + std::to_string(d + 1) + ")");
  py::gil_scoped_release release;
  return std::make_unique<SimplexLocator>(points.data(), static_cast<std::size_t>(points.shape(0)),
                                          static_cast<std::size_t>(d), simplices.data(), neighbors.data(),
                                          static_cast<std::size_t>(n));
}

std::size_t require_queries(const SimplexLocator& self, const Array& x) {
  const auto d = static_cast<py::ssize_t>(self.n_dimensions());
  require_shape(x, "X", {-1, d}, "(n, " + std::to_string(d) + ")");
  return static_cast<std::size_t>(x.shape(0));
}

py::ssize_t require_values(const SimplexLocator& self, const Array& values) {
  const auto n_points = static_cast<py::ssize_t>(self.n_points());
  require_shape(values, "values", {n_points, -1}, "(" + std::to_string(n_points) + ", m)");
  return values.shape(1);
}

py::tuple locate(const SimplexLocator& self, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(self, x), threads = require_threads(n_threads);
  Indices simplex(x.shape(0));
  Array weights({x.shape(0), x.shape(1) + 1});
  std::int32_t* const simplex_data = simplex.mutable_data();
  double* const weights_data = weights.mutable_data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    self.locate(x_data, n, simplex_data, weights_data, threads);
  }
  return py::make_tuple(simplex, weights);
}

Array interpolate(const SimplexLocator& self, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(self, x), threads = require_threads(n_threads);
  const py::ssize_t m = require_values(self, values);
  Array out({x.shape(0), m});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const values_data = values.data();
  {
    py::gil_scoped_release release;
    self.interpolate(x_data, n, values_data, static_cast<std::size_t>(m), out_data, threads);
  }
  return out;
}

Array gradient(const SimplexLocator& self, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(self, x), threads = require_threads(n_threads);
  const py::ssize_t m = require_values(self, values);
  Array out({x.shape(0), m, x.shape(1)});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const values_data = values.data();
  {
    py::gil_scoped_release release;
    self.gradient(x_data, n, values_data, static_cast<std::size_t>(m), out_data, threads);
  }
  return out;
}

}  // namespace

void bind_locator(py::module_& module) {
  using namespace py::literals;
  py::class_<SimplexLocator>(module, "SimplexLocator", "Finds the simplex of a triangulation that holds a query.")
      .def(py::init(&locator), "points"_a.noconvert(), "simplices"_a.noconvert(), "neighbors"_a.noconvert())
      .def("locate", &locate, "x"_a.noconvert(), "n_threads"_a,
           "Simplex (n,), -1 outside the hull, -2 undecided, and barycentric weights (n, d + 1) of X (n, d).")
      .def("interpolate", &interpolate, "x"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "The piecewise linear interpolant (n, m) of values (N, m), NaN where no simplex was found.")
      .def("gradient", &gradient, "x"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "Its derivative (n, m, d).")
      .def_property_readonly("n_simplices", &SimplexLocator::n_simplices)
      .def_property_readonly("n_dimensions", &SimplexLocator::n_dimensions)
      .def_property_readonly("nbytes", &SimplexLocator::bytes)
      .def_property_readonly("n_flat", &SimplexLocator::n_flat, "Simplices whose volume is 0 to rounding.")
      .def_property_readonly("n_inverted", &SimplexLocator::n_inverted,
                             "Pairs of neighbors on the same side of their common facet.");
}

}  // namespace pml::bindings
