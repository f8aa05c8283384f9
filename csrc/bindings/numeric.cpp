// Dense helpers of the optimizers, on NumPy arrays.
#include "../numeric/symmetric.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

Array symmetric_update(Array h, const Array& s, const Array& w, const Array& x, py::ssize_t n_threads) {
  require_shape(x, "x", {-1}, "(n,)");
  const py::ssize_t n = x.shape(0);
  const std::string vector = "(" + std::to_string(n) + ",)";
  require_shape(s, "s", {n}, vector);
  require_shape(w, "w", {n}, vector);
  require_shape(h, "h", {n, n}, "(" + std::to_string(n) + ", " + std::to_string(n) + ")");
  const std::size_t threads = require_threads(n_threads);
  Array y(n);
  double* const h_data = h.mutable_data();  // raises for a read-only array
  double* const y_data = y.mutable_data();
  const double* const s_data = s.data();
  const double* const w_data = w.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::symmetric_update(h_data, static_cast<std::size_t>(n), s_data, w_data, x_data, y_data, threads);
  }
  return y;
}

}  // namespace

void bind_numeric(py::module_& module) {
  using namespace py::literals;
  module.def("symmetric_update", &symmetric_update, "h"_a.noconvert(), "s"_a.noconvert(), "w"_a.noconvert(),
             "x"_a.noconvert(), "n_threads"_a,
             "h += s w' + w s' in the upper triangle of h (n, n), in place; returns the updated h times x (n,).");
}

}  // namespace pml::bindings
