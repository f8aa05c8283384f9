// The simplices of a tensor grid, on NumPy arrays.
#include "../simplex/grid.hpp"

#include <pybind11/stl.h>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

std::size_t require_queries(const SimplexGrid& grid, const Array& x) {
  const auto d = static_cast<py::ssize_t>(grid.n_dimensions());
  require_shape(x, "X", {-1, d}, "(n, " + std::to_string(d) + ")");
  return static_cast<std::size_t>(x.shape(0));
}

std::size_t require_values(const SimplexGrid& grid, const Array& values) {
  const auto n = static_cast<py::ssize_t>(grid.n_points());
  require_shape(values, "values", {n, -1}, "(" + std::to_string(n) + ", m)");
  return static_cast<std::size_t>(values.shape(1));
}

py::tuple locate(const SimplexGrid& grid, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(grid, x), threads = require_threads(n_threads);
  py::array_t<std::int32_t> vertices({n, grid.n_dimensions() + 1});
  Array weights({n, grid.n_dimensions() + 1});
  std::int32_t* const vertex_data = vertices.mutable_data();
  double* const weight_data = weights.mutable_data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    grid.locate(x_data, n, vertex_data, weight_data, threads);
  }
  return py::make_tuple(vertices, weights);
}

Array interpolate(const SimplexGrid& grid, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(grid, x), m = require_values(grid, values), threads = require_threads(n_threads);
  Array out({n, m});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const value_data = values.data();
  {
    py::gil_scoped_release release;
    grid.interpolate(x_data, n, value_data, m, out_data, threads);
  }
  return out;
}

Array gradient(const SimplexGrid& grid, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(grid, x), m = require_values(grid, values), threads = require_threads(n_threads);
  Array out({n, m, grid.n_dimensions()});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const value_data = values.data();
  {
    py::gil_scoped_release release;
    grid.gradient(x_data, n, value_data, m, out_data, threads);
  }
  return out;
}

}  // namespace

void bind_grid(py::module_& module) {
  using namespace py::literals;
  py::class_<SimplexGrid>(module, "SimplexGrid", "The simplices of a tensor grid.")
      .def(py::init<std::vector<std::vector<double>>>(), "axes"_a)
      .def("locate", &locate, "X"_a.noconvert(), "n_threads"_a)
      .def("interpolate", &interpolate, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a)
      .def("gradient", &gradient, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a);
}

}  // namespace pml::bindings
