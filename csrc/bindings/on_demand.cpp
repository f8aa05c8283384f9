// The search for simplices without a triangulation, on NumPy arrays.
#include "../simplex/on_demand.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

using Rows = py::array_t<std::int32_t, py::array::c_style>;

std::string shape_of_rows(const char* rows, std::size_t columns) {
  return std::string("(") + rows + ", " + std::to_string(columns) + ")";
}

std::unique_ptr<SimplexSearch> make_search(const Array& points) {
  require_shape(points, "points", {-1, -1}, "(N, d)");
  const py::ssize_t n = points.shape(0), d = points.shape(1);
  if (d < static_cast<py::ssize_t>(least_search_dimensions) || d > static_cast<py::ssize_t>(most_search_dimensions)) {
    throw std::invalid_argument("points: expected 2 to 12 columns, got " + std::to_string(d));
  }
  if (n < d + 1 || n > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("points: expected at least " + std::to_string(d + 1) + " rows and fewer than 2^31, got " +
                                std::to_string(n));
  }
  const double* const data = points.data();
  for (py::ssize_t i = 0; i < n * d; ++i) {
    if (!std::isfinite(data[i])) throw std::invalid_argument("points: expected finite numbers, got NaN or infinity");
  }
  py::gil_scoped_release release;
  return std::make_unique<SimplexSearch>(data, static_cast<std::size_t>(n), static_cast<std::size_t>(d));
}

std::size_t require_queries(const SimplexSearch& search, const Array& x) {
  const std::size_t d = search.n_dimensions();
  require_shape(x, "X", {-1, static_cast<py::ssize_t>(d)}, shape_of_rows("n", d));
  if (static_cast<std::uint64_t>(x.shape(0)) > std::numeric_limits<std::uint32_t>::max()) {
    throw std::invalid_argument("X: expected fewer than 2^32 rows, got " + std::to_string(x.shape(0)));
  }
  return static_cast<std::size_t>(x.shape(0));
}

std::size_t require_values(const SimplexSearch& search, const Array& values) {
  const std::size_t n_points = search.tree().view().n_points;
  require_shape(values, "values", {static_cast<py::ssize_t>(n_points), -1}, "(" + std::to_string(n_points) + ", m)");
  return static_cast<std::size_t>(values.shape(1));
}

py::tuple locate(const SimplexSearch& search, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), threads = require_threads(n_threads);
  const py::ssize_t n_vertices = static_cast<py::ssize_t>(search.n_dimensions() + 1);
  Rows vertices({x.shape(0), n_vertices});
  Array weights({x.shape(0), n_vertices});
  std::int32_t* const vertices_data = vertices.mutable_data();
  double* const weights_data = weights.mutable_data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    search.locate(x_data, n, vertices_data, weights_data, threads);
  }
  return py::make_tuple(vertices, weights);
}

Array interpolate(const SimplexSearch& search, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), m = require_values(search, values);
  const std::size_t threads = require_threads(n_threads);
  Array out({x.shape(0), values.shape(1)});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const values_data = values.data();
  {
    py::gil_scoped_release release;
    search.interpolate(x_data, n, values_data, m, out_data, threads);
  }
  return out;
}

Array gradient(const SimplexSearch& search, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), m = require_values(search, values);
  const std::size_t threads = require_threads(n_threads);
  Array out({x.shape(0), values.shape(1), x.shape(1)});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const values_data = values.data();
  {
    py::gil_scoped_release release;
    search.gradient(x_data, n, values_data, m, out_data, threads);
  }
  return out;
}

Rows nearest(const SimplexSearch& search, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), threads = require_threads(n_threads);
  Rows row(x.shape(0));
  std::int32_t* const row_data = row.mutable_data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    search.nearest(x_data, n, row_data, threads);
  }
  return row;
}

}  // namespace

void bind_on_demand(py::module_& module) {
  using namespace py::literals;
  py::class_<SimplexSearch>(module, "SimplexSearch",
                            "The Delaunay simplices of points (N, d), found one by one without a triangulation.")
      .def(py::init(&make_search), "points"_a.noconvert())
      .def("locate", &locate, "X"_a.noconvert(), "n_threads"_a,
           "Vertices (n, d + 1), -1 outside the hull and -2 where undecided, and weights (n, d + 1), NaN there.")
      .def("interpolate", &interpolate, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "Values (N, m) interpolated linearly in the simplices (n, m), NaN where there is none.")
      .def("gradient", &gradient, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "The gradients (n, m, d) of what interpolate returns, NaN where there is no simplex.")
      .def("nearest", &nearest, "X"_a.noconvert(), "n_threads"_a, "The rows (n,) of the nearest points.")
      .def_property_readonly("n_dimensions", &SimplexSearch::n_dimensions)
      .def_property_readonly("is_flat", [](const SimplexSearch& search) { return search.tree().view().is_flat; },
                             "Whether all points lie in a plane: then every query is outside.")
      .def_property_readonly("nbytes", [](const SimplexSearch& search) { return search.tree().n_bytes(); });
}

}  // namespace pml::bindings
