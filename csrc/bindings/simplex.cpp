// The searches for simplices (of a grid, in a triangulation, without one), on NumPy arrays.
#include <pybind11/stl.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "../simplex/grid.hpp"
#include "../simplex/locator.hpp"
#include "../simplex/on_demand.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::simplex {
namespace {

using Indices = py::array_t<std::int32_t, py::array::c_style>;

std::unique_ptr<SimplexLocator> make_locator(const Array& points, const Indices& simplices, const Indices& neighbors) {
  require_shape(points, "points", {"N", "d"});
  const py::ssize_t d = points.shape(1);
  if (d < 1 || d > static_cast<py::ssize_t>(max_dimensions)) {
    throw std::invalid_argument("points: expected (N, d) with d from 1 to " + std::to_string(max_dimensions) +
                                ", got " + shape_text(points));
  }
  require_shape(simplices, "simplices", {"S", d + 1});
  const py::ssize_t n = simplices.shape(0);
  constexpr py::ssize_t most = std::numeric_limits<std::int32_t>::max();
  if (n == 0 || n > most) {
    throw std::invalid_argument("simplices: expected 1 to " + std::to_string(most) + " rows, got " + std::to_string(n));
  }
  require_shape(neighbors, "neighbors", {n, d + 1});
  return without_gil([&] {
    return std::make_unique<SimplexLocator>(points.data(), rows_of(points), columns_of(points), simplices.data(),
                                            neighbors.data(), rows_of(simplices));
  });
}

std::unique_ptr<SimplexSearch> make_search(const Array& points) {
  require_shape(points, "points", {"N", "d"});
  const py::ssize_t n = points.shape(0), d = points.shape(1);
  if (d < static_cast<py::ssize_t>(least_search_dimensions) || d > static_cast<py::ssize_t>(most_search_dimensions)) {
    throw std::invalid_argument("points: expected " + std::to_string(least_search_dimensions) + " to " +
                                std::to_string(most_search_dimensions) + " columns, got " + std::to_string(d));
  }
  if (n < d + 1 || n > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("points: expected at least " + std::to_string(d + 1) +
                                " rows and fewer than 2^31, got " + std::to_string(n));
  }
  const double* const data = points.data();
  for (py::ssize_t i = 0; i < n * d; ++i) {
    if (!std::isfinite(data[i])) throw std::invalid_argument("points: expected finite numbers, got NaN or infinity");
  }
  return without_gil([&] { return std::make_unique<SimplexSearch>(data, rows_of(points), columns_of(points)); });
}

template <class Search>
std::size_t require_queries(const Search& search, const Array& x) {
  return require_rows(x, "X", search.n_dimensions());
}

// The number of columns of values at the points.
template <class Search>
std::size_t require_values(const Search& search, const Array& values) {
  require_shape(values, "values", {search.n_points(), "m"});
  return columns_of(values);
}

// The number of the simplex (n,) for a locator, which has numbers, else its vertices (n, d + 1); and weights (n, d + 1).
template <class Search>
py::tuple locate(const Search& search, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), threads = require_threads(n_threads);
  const std::size_t n_vertices = search.n_dimensions() + 1;
  std::vector<std::size_t> shape{n};
  if (!std::is_same_v<Search, SimplexLocator>) shape.push_back(n_vertices);
  return filled(
      [&](std::int32_t* found, double* weights) { search.locate(x.data(), n, found, weights, threads); },
      Indices(shape), Array({n, n_vertices}));
}

template <class Search>
Array interpolate(const Search& search, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), m = require_values(search, values);
  const std::size_t threads = require_threads(n_threads);
  return filled([&](double* out) { search.interpolate(x.data(), n, values.data(), m, out, threads); }, Array({n, m}));
}

template <class Search>
Array gradient(const Search& search, const Array& x, const Array& values, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), m = require_values(search, values);
  const std::size_t threads = require_threads(n_threads);
  return filled([&](double* out) { search.gradient(x.data(), n, values.data(), m, out, threads); },
                Array({n, m, search.n_dimensions()}));
}

Indices nearest(const SimplexSearch& search, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_queries(search, x), threads = require_threads(n_threads);
  return filled([&](std::int32_t* row) { search.nearest(x.data(), n, row, threads); },
                Indices(static_cast<py::ssize_t>(n)));
}

// What all searches have in common.
template <class Search>
py::class_<Search> bind_search(py::module_& module, const char* name, const char* purpose) {
  using namespace py::literals;
  return py::class_<Search>(module, name, purpose)
      .def("locate", &locate<Search>, "X"_a.noconvert(), "n_threads"_a,
           "Simplices, -1 outside and -2 undecided, and barycentric weights (n, d + 1) of X (n, d).")
      .def("interpolate", &interpolate<Search>, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "The piecewise linear interpolant (n, m) of values (N, m), NaN where no simplex was found.")
      .def("gradient", &gradient<Search>, "X"_a.noconvert(), "values"_a.noconvert(), "n_threads"_a,
           "Its derivative (n, m, d).")
      .def_property_readonly("n_dimensions", &Search::n_dimensions)
      .def_property_readonly("n_points", &Search::n_points);
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  bind_search<SimplexGrid>(module, "SimplexGrid", "The simplices of a tensor grid.")
      .def(py::init<std::vector<std::vector<double>>>(), "axes"_a);
  bind_search<SimplexLocator>(module, "SimplexLocator", "Finds the simplex of a triangulation that holds a query.")
      .def(py::init(&make_locator), "points"_a.noconvert(), "simplices"_a.noconvert(), "neighbors"_a.noconvert())
      .def_property_readonly("n_simplices", &SimplexLocator::n_simplices)
      .def_property_readonly("nbytes", &SimplexLocator::nbytes)
      .def_property_readonly("n_flat", &SimplexLocator::n_flat, "Simplices whose volume is 0 to rounding.")
      .def_property_readonly("n_inverted", &SimplexLocator::n_inverted,
                             "Pairs of neighbors on the same side of their common facet.");
  bind_search<SimplexSearch>(module, "SimplexSearch", "Finds Delaunay simplices by linear programming, without any.")
      .def(py::init(&make_search), "points"_a.noconvert())
      .def("nearest", &nearest, "X"_a.noconvert(), "n_threads"_a, "The rows (n,) of the nearest points.")
      .def_property_readonly("is_flat", &SimplexSearch::is_flat,
                             "Whether all points lie in a plane: then every query is outside.")
      .def_property_readonly("nbytes", &SimplexSearch::nbytes);
}

}  // namespace pml::bindings::simplex
