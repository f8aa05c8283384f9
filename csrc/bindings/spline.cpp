// Splines on grids, on NumPy arrays. A spline is an object here, because its tables outlive a call.
#include "../spline/spline.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::spline {
namespace {

Outside outside_from_name(const std::string& name) {
  if (name == "nan") return Outside::nan;
  if (name == "extrapolate") return Outside::extrapolate;
  if (name == "error") return Outside::error;
  throw std::invalid_argument("outside: expected error, extrapolate or nan, got " + name);
}

std::unique_ptr<Spline> make_spline(const std::vector<std::size_t>& degrees, const std::vector<std::vector<double>>& knots,
                                    const std::vector<double>& origins, const std::vector<double>& steps,
                                    const std::vector<bool>& even, const std::vector<double>& lows,
                                    const std::vector<double>& highs, const std::string& outside,
                                    const Array& coefficients) {
  const std::size_t d = degrees.size();
  for (std::size_t length : {knots.size(), origins.size(), steps.size(), even.size(), lows.size(), highs.size()}) {
    if (length != d) {
      throw std::invalid_argument("axes: expected " + std::to_string(d) + " of everything, got " + std::to_string(length));
    }
  }
  std::vector<KnotAxis> axes;
  std::vector<Length> wanted{"m"};
  for (std::size_t a = 0; a < d; ++a) {
    axes.push_back({degrees[a], knots[a], origins[a], steps[a], even[a], lows[a], highs[a]});
    const py::ssize_t length = static_cast<py::ssize_t>(knots[a].size()) - static_cast<py::ssize_t>(degrees[a]) - 1;
    wanted.push_back(length);
  }
  require_shape(coefficients, "coefficients", wanted);
  return std::make_unique<Spline>(axes, outside_from_name(outside), coefficients.data(),
                                  rows_of(coefficients));
}

Array derivative(const Spline& spline, const Array& x, const std::vector<unsigned>& orders, py::ssize_t n_threads) {
  const std::size_t d = spline.n_axes(), n = require_rows(x, "X", d);
  if (orders.size() != d) {
    throw std::invalid_argument("orders: expected " + std::to_string(d) + ", got " + std::to_string(orders.size()));
  }
  for (std::size_t a = 0; a < orders.size(); ++a) {
    if (orders[a] > spline.degree(a)) {
      throw std::invalid_argument("orders: expected at most the degree, " + std::to_string(spline.degree(a)) +
                                  ", along axis " + std::to_string(a) + ", got " + std::to_string(orders[a]));
    }
  }
  const std::size_t threads = require_threads(n_threads);
  return filled([&](double* out) { spline.evaluate(x.data(), n, orders.data(), out, threads); },
                Array({n, spline.n_outputs()}));
}

Array evaluate(const Spline& spline, const Array& x, py::ssize_t n_threads) {
  return derivative(spline, x, std::vector<unsigned>(spline.n_axes(), 0), n_threads);
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  py::class_<Spline>(module, "Spline")
      .def(py::init(&make_spline), "degrees"_a, "knots"_a, "origins"_a, "steps"_a, "even"_a, "lows"_a, "highs"_a,
           "outside"_a, "coefficients"_a.noconvert(),
           "B-splines on the knots origin + step t along each axis; coefficients (m, n_1, ..., n_d).")
      .def("evaluate", &evaluate, "x"_a.noconvert(), "n_threads"_a, "Values (n, m) at x (n, d).")
      .def("derivative", &derivative, "x"_a.noconvert(), "orders"_a, "n_threads"_a,
           "The mixed partial derivative of these orders (d), (n, m) at x (n, d).");
}

}  // namespace pml::bindings::spline
