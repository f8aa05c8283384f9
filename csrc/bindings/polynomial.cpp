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
  const py::ssize_t m = static_cast<py::ssize_t>(output_exponents.size());
  const py::ssize_t n_nodes = static_cast<py::ssize_t>(parents.size());
  require_shape(coefficients, "coefficients", {m, n_nodes},
                "(" + std::to_string(m) + ", " + std::to_string(n_nodes) + ")");
  return std::make_unique<ChebyshevSeries>(SeriesTree{parents, variables, degrees},
                                           SeriesMap{columns, exponents, shift, divisor}, coefficients.data(),
                                           output_exponents);
}

void require_rows(const ChebyshevSeries& series, const Array& x) {
  const py::ssize_t d = static_cast<py::ssize_t>(series.n_inputs());
  require_shape(x, "X", {-1, d}, "(n, " + std::to_string(d) + ")");
}

Array evaluate(const ChebyshevSeries& series, const Array& x, py::ssize_t n_threads) {
  require_rows(series, x);
  const std::size_t threads = require_threads(n_threads);
  Array out({x.shape(0), static_cast<py::ssize_t>(series.n_outputs())});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const std::size_t n = static_cast<std::size_t>(x.shape(0));
  {
    py::gil_scoped_release release;
    series.evaluate(x_data, n, out_data, threads);
  }
  return out;
}

Array gradient(const ChebyshevSeries& series, const Array& x, py::ssize_t n_threads) {
  require_rows(series, x);
  const std::size_t threads = require_threads(n_threads);
  Array out({x.shape(0), static_cast<py::ssize_t>(series.n_outputs()), x.shape(1)});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const std::size_t n = static_cast<std::size_t>(x.shape(0));
  {
    py::gil_scoped_release release;
    series.gradient(x_data, n, out_data, threads);
  }
  return out;
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
