// Splines on grids, on NumPy arrays. A spline is an object here, because its tables outlive a call.
#include "../spline/spline.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
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
  std::string wanted = "(m";
  bool same = coefficients.ndim() == static_cast<py::ssize_t>(d) + 1;
  for (std::size_t a = 0; a < d; ++a) {
    axes.push_back({degrees[a], knots[a], origins[a], steps[a], even[a], lows[a], highs[a]});
    const py::ssize_t length = static_cast<py::ssize_t>(knots[a].size()) - static_cast<py::ssize_t>(degrees[a]) - 1;
    wanted += ", " + std::to_string(length);
    same = same && length > 0 && coefficients.shape(static_cast<py::ssize_t>(a) + 1) == length;
  }
  if (!same) {
    throw std::invalid_argument("coefficients: expected " + wanted + "), got " + shape_text(coefficients));
  }
  return std::make_unique<Spline>(axes, outside_from_name(outside), coefficients.data(), static_cast<std::size_t>(coefficients.shape(0)));
}

Array derivative(const Spline& spline, const Array& x, const std::vector<unsigned>& orders, py::ssize_t n_threads) {
  const py::ssize_t d = static_cast<py::ssize_t>(spline.n_axes());
  require_shape(x, "X", {-1, d}, "(n, " + std::to_string(d) + ")");
  if (orders.size() != spline.n_axes()) {
    throw std::invalid_argument("orders: expected " + std::to_string(d) + ", got " + std::to_string(orders.size()));
  }
  for (std::size_t a = 0; a < orders.size(); ++a) {
    if (orders[a] > spline.degree(a)) {
      throw std::invalid_argument("orders: expected at most the degree, " + std::to_string(spline.degree(a)) +
                                  ", along axis " + std::to_string(a) + ", got " + std::to_string(orders[a]));
    }
  }
  const std::size_t threads = require_threads(n_threads);
  Array out({x.shape(0), static_cast<py::ssize_t>(spline.n_outputs())});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    spline.evaluate(x_data, static_cast<std::size_t>(x.shape(0)), orders.data(), out_data, threads);
  }
  return out;
}

Array evaluate(const Spline& spline, const Array& x, py::ssize_t n_threads) {
  return derivative(spline, x, std::vector<unsigned>(spline.n_axes(), 0), n_threads);
}

}  // namespace

void bind_spline(py::module_& module) {
  using namespace py::literals;
  py::class_<Spline>(module, "Spline")
      .def(py::init(&make_spline), "degrees"_a, "knots"_a, "origins"_a, "steps"_a, "even"_a, "lows"_a, "highs"_a,
           "outside"_a, "coefficients"_a.noconvert(),
           "B-splines on the knots origin + step t along each axis; coefficients (m, n_1, ..., n_d).")
      .def("evaluate", &evaluate, "x"_a.noconvert(), "n_threads"_a, "Values (n, m) at x (n, d).")
      .def("derivative", &derivative, "x"_a.noconvert(), "orders"_a, "n_threads"_a,
           "The mixed partial derivative of these orders (d), (n, m) at x (n, d).");
}

}  // namespace pml::bindings
