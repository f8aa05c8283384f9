// Chebyshev series on NumPy arrays. A series is an object here, because its tables outlive a call.
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <vector>

#include "../polynomial/series.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

std::unique_ptr<ChebyshevSeries> make_series(const std::vector<std::size_t>& parents,
                                             const std::vector<std::size_t>& variables,
                                             const std::vector<std::size_t>& degrees, const Array& coefficients,
                                             const std::vector<std::size_t>& columns,
                                             const std::vector<int>& exponents, const std::vector<double>& shift,
                                             const std::vector<double>& divisor,
                                             const std::vector<int>& output_exponents) {
  const std::size_t d = shift.size();
  if (d < 1 || columns.size() != d || exponents.size() != d || divisor.size() != d) {
    throw std::invalid_argument("columns, exponents, shift, divisor: expected the same number from 1 of each, got " +
                                std::to_string(columns.size()) + ", " + std::to_string(exponents.size()) + ", " +
                                std::to_string(d) + " and " + std::to_string(divisor.size()));
  }
  require_shape(coefficients, "coefficients", {output_exponents.size(), parents.size()});
  return std::make_unique<ChebyshevSeries>(SeriesTree{parents, variables, degrees},
                                           SeriesMap{columns, exponents, shift, divisor}, coefficients.data(),
                                           output_exponents);
}

Array evaluate(const ChebyshevSeries& series, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_rows(x, "X", series.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { series.evaluate(x.data(), n, out, threads); }, Array({n, series.n_outputs()}));
}

Array gradient(const ChebyshevSeries& series, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_rows(x, "X", series.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { series.gradient(x.data(), n, out, threads); },
                Array({n, series.n_outputs(), series.n_inputs()}));
}

}  // namespace

void bind_polynomial(py::module_& module) {
  using namespace py::literals;
  py::class_<ChebyshevSeries>(module, "ChebyshevSeries")
      .def(py::init(&make_series), "parents"_a, "variables"_a, "degrees"_a, "coefficients"_a.noconvert(),
           "columns"_a, "exponents"_a, "shift"_a, "divisor"_a, "output_exponents"_a,
           "The sum of products, a tree of nodes, each its parent times T_degree(z_variable), with coefficients "
           "(m, n_nodes) 2^output_exponents (m,) and z = (x[columns] 2^-exponents - shift) / divisor (d,).")
      .def("evaluate", &evaluate, "x"_a.noconvert(), "n_threads"_a, "Values (n, m) at x (n, d).")
      .def("gradient", &gradient, "x"_a.noconvert(), "n_threads"_a, "Derivatives (n, m, d) at x (n, d).");
}

}  // namespace pml::bindings
