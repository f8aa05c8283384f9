// Dense helpers of the optimizers, functions of columns, and double-double operations, on NumPy arrays.
#include "../numeric/symmetric.hpp"

#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "../numeric/affine.hpp"
#include "../numeric/extended.hpp"
#include "../numeric/transforms.hpp"
#include "../numeric/variables.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

Array symmetric_update(Array h, double scale, const Array& u, const Array& p, const Array& v, const Array& q,
                       const Array& x, py::ssize_t n_threads) {
  require_shape(x, "x", {-1}, "(n,)");
  const py::ssize_t n = x.shape(0);
  const std::string vector = "(" + std::to_string(n) + ",)";
  require_shape(u, "u", {n}, vector);
  require_shape(p, "p", {n}, vector);
  require_shape(v, "v", {n}, vector);
  require_shape(q, "q", {n}, vector);
  require_shape(h, "h", {n, n}, "(" + std::to_string(n) + ", " + std::to_string(n) + ")");
  const std::size_t threads = require_threads(n_threads);
  Array y(n);
  double* const h_data = h.mutable_data();  // raises for a read-only array
  double* const y_data = y.mutable_data();
  const double* const u_data = u.data();
  const double* const p_data = p.data();
  const double* const v_data = v.data();
  const double* const q_data = q.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::symmetric_update(h_data, static_cast<std::size_t>(n), scale, u_data, p_data, v_data, q_data, x_data, y_data,
                          threads);
  }
  return y;
}

Array affine(const Array& x, const Array& shift, const Array& factor, py::ssize_t n_threads) {
  require_shape(x, "x", {-1, -1}, "(n, d)");
  const py::ssize_t n = x.shape(0), d = x.shape(1);
  const std::string columns = "(" + std::to_string(d) + ",)";
  require_shape(shift, "shift", {d}, columns);
  require_shape(factor, "factor", {d}, columns);
  const std::size_t threads = require_threads(n_threads);
  Array out({n, d});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const shift_data = shift.data();
  const double* const factor_data = factor.data();
  {
    py::gil_scoped_release release;
    pml::affine(x_data, static_cast<std::size_t>(n), static_cast<std::size_t>(d), shift_data, factor_data, out_data,
                threads);
  }
  return out;
}

TransformPart part_from_name(const std::string& name) {
  if (name == "forward") return TransformPart::forward;
  if (name == "inverse") return TransformPart::inverse;
  if (name == "forward_derivative") return TransformPart::forward_derivative;
  if (name == "inverse_derivative") return TransformPart::inverse_derivative;
  throw std::invalid_argument("part: expected forward, inverse, forward_derivative or inverse_derivative, got " + name);
}

Array transform(const std::string& part, const std::vector<std::string>& names, const Array& values,
                const Array& divisor, const Array& factor, py::ssize_t n_threads) {
  const py::ssize_t k = static_cast<py::ssize_t>(names.size());
  const std::string columns = "(" + std::to_string(k) + ",)";
  require_shape(values, "values", {-1, k}, "(n, " + std::to_string(k) + ")");
  require_shape(divisor, "divisor", {k}, columns);
  require_shape(factor, "factor", {k}, columns);
  const std::size_t threads = require_threads(n_threads);
  const TransformPart wanted = part_from_name(part);
  std::vector<TransformColumn> functions;
  for (const std::string& name : names) functions.push_back(transform_column(name, wanted));
  const py::ssize_t n = values.shape(0);
  Array out({n, k});
  double* const out_data = out.mutable_data();
  const double* const values_data = values.data();
  const double* const divisor_data = divisor.data();
  const double* const factor_data = factor.data();
  {
    py::gil_scoped_release release;
    transform_columns(functions, values_data, static_cast<std::size_t>(n), divisor_data, factor_data, out_data, threads);
  }
  return out;
}

std::vector<VariableKind> checked_kinds(const std::vector<std::string>& kinds, const Array& coefficients,
                                        const Array& factor, const Array& x) {
  require_shape(factor, "factor", {-1}, "(d,)");
  const py::ssize_t r = static_cast<py::ssize_t>(kinds.size()), d = factor.shape(0);
  require_shape(coefficients, "coefficients", {r, d}, "(" + std::to_string(r) + ", " + std::to_string(d) + ")");
  require_shape(x, "x", {-1, d}, "(n, " + std::to_string(d) + ")");
  std::vector<VariableKind> found;
  for (const std::string& kind : kinds) found.push_back(variable_kind(kind));
  return found;
}

py::tuple variables(const std::vector<std::string>& kinds, const Array& coefficients, const Array& factor,
                    const Array& x, py::ssize_t n_threads) {
  const std::vector<VariableKind> known = checked_kinds(kinds, coefficients, factor, x);
  const std::size_t threads = require_threads(n_threads);
  const py::ssize_t n = x.shape(0);
  Array u({n, static_cast<py::ssize_t>(known.size())}), power(n);
  double* const u_data = u.mutable_data();
  double* const power_data = power.mutable_data();
  const double* const x_data = x.data();
  const VariableView view{known, static_cast<std::size_t>(factor.shape(0)), coefficients.data(), factor.data()};
  {
    py::gil_scoped_release release;
    pml::variables(view, x_data, static_cast<std::size_t>(n), u_data, power_data, threads);
  }
  return py::make_tuple(u, power);
}

Array variables_chain(const std::vector<std::string>& kinds, const Array& coefficients, const Array& factor,
                      const Array& x, const Array& u, const Array& power, const Array& f, const Array& slopes,
                      py::ssize_t n_threads) {
  const std::vector<VariableKind> known = checked_kinds(kinds, coefficients, factor, x);
  const py::ssize_t n = x.shape(0), d = x.shape(1), r = static_cast<py::ssize_t>(known.size());
  const std::string rows = "(" + std::to_string(n) + ", ";
  require_shape(u, "u", {n, r}, rows + std::to_string(r) + ")");
  require_shape(power, "power", {n}, "(" + std::to_string(n) + ",)");
  require_shape(f, "f", {n, -1}, rows + "m)");
  const py::ssize_t m = f.shape(1);
  require_shape(slopes, "slopes", {n, m, r}, rows + std::to_string(m) + ", " + std::to_string(r) + ")");
  const std::size_t threads = require_threads(n_threads);
  Array out({n, m, d});
  double* const out_data = out.mutable_data();
  const double* const x_data = x.data();
  const double* const u_data = u.data();
  const double* const power_data = power.data();
  const double* const f_data = f.data();
  const double* const slopes_data = slopes.data();
  const VariableView view{known, static_cast<std::size_t>(d), coefficients.data(), factor.data()};
  {
    py::gil_scoped_release release;
    pml::variables_chain(view, x_data, u_data, power_data, f_data, slopes_data, static_cast<std::size_t>(n),
                         static_cast<std::size_t>(m), out_data, threads);
  }
  return out;
}

using Exponents = py::array_t<int, py::array::c_style>;

std::vector<py::ssize_t> shape_of(const Array& array) { return {array.shape(), array.shape() + array.ndim()}; }

void require_same_shape(const Array& array, const char* name, const Array& wanted) {
  if (shape_of(array) != shape_of(wanted)) {
    throw std::invalid_argument(std::string(name) + ": expected " + shape_text(wanted) + ", got " + shape_text(array));
  }
}

// The numbers of columns of `values` (n, k) and of what is known of each column must agree.
void require_columns(const Array& values, const char* name, const Exponents& exponent, const Array& shift,
                     const Array& scale) {
  require_shape(values, name, {-1, -1}, "(n, k)");
  const py::ssize_t k = values.shape(1);
  const std::string wanted = "(" + std::to_string(k) + ",)";
  require_shape(exponent, "exponent", {k}, wanted);
  require_shape(shift, "shift", {k}, wanted);
  require_shape(scale, "scale", {k}, wanted);
}

// New arrays high and low of this shape, as fill(high, low) fills them.
template <class Fill>
py::tuple filled_pair(const std::vector<py::ssize_t>& shape, Fill fill) {
  Array high(shape), low(shape);
  double* const high_data = high.mutable_data();
  double* const low_data = low.mutable_data();
  {
    py::gil_scoped_release release;
    fill(high_data, low_data);
  }
  return py::make_tuple(high, low);
}

py::tuple extended_normalize(const Array& values, const Exponents& exponent, const Array& shift, const Array& scale) {
  require_columns(values, "values", exponent, shift, scale);
  const std::size_t n = static_cast<std::size_t>(values.shape(0)), k = static_cast<std::size_t>(values.shape(1));
  return filled_pair(shape_of(values), [&](double* high, double* low) {
    pml::extended_normalize(values.data(), exponent.data(), shift.data(), scale.data(), n, k, high, low);
  });
}

py::tuple extended_invert(const Array& z_high, const Array& z_low, const Exponents& exponent, const Array& shift,
                          const Array& scale) {
  require_columns(z_high, "high", exponent, shift, scale);
  require_same_shape(z_low, "low", z_high);
  const std::size_t n = static_cast<std::size_t>(z_high.shape(0)), k = static_cast<std::size_t>(z_high.shape(1));
  return filled_pair(shape_of(z_high), [&](double* high, double* low) {
    pml::extended_invert(z_high.data(), z_low.data(), exponent.data(), shift.data(), scale.data(), n, k, high, low);
  });
}

py::tuple extended_accumulate(const Array& a_high, const Array& a_low, double factor, const Array& b_high,
                              const Array& b_low) {
  require_same_shape(a_low, "a_low", a_high);
  require_same_shape(b_high, "b_high", a_high);
  require_same_shape(b_low, "b_low", a_high);
  const std::size_t n = static_cast<std::size_t>(a_high.size());
  return filled_pair(shape_of(a_high), [&](double* high, double* low) {
    pml::extended_accumulate(a_high.data(), a_low.data(), factor, b_high.data(), b_low.data(), n, high, low);
  });
}

Array extended_residual(const Array& y, const Array& high, const Array& low) {
  require_same_shape(high, "high", y);
  require_same_shape(low, "low", y);
  const std::size_t n = static_cast<std::size_t>(y.size());
  Array out(shape_of(y));
  double* const out_data = out.mutable_data();
  {
    py::gil_scoped_release release;
    pml::extended_residual(y.data(), high.data(), low.data(), n, out_data);
  }
  return out;
}

}  // namespace

void bind_numeric(py::module_& module) {
  using namespace py::literals;
  module.def("symmetric_update", &symmetric_update, "h"_a.noconvert(), "scale"_a, "u"_a.noconvert(), "p"_a.noconvert(),
             "v"_a.noconvert(), "q"_a.noconvert(), "x"_a.noconvert(), "n_threads"_a,
             "h = scale h + u p' + v q', a symmetric update, in the upper triangle of h (n, n), in place; returns the "
             "updated h times x (n,).");
  module.def("affine", &affine, "x"_a.noconvert(), "shift"_a.noconvert(), "factor"_a.noconvert(), "n_threads"_a,
             "(x - shift) * factor by column, for x (n, d).");
  module.def("transform", &transform, "part"_a, "names"_a, "values"_a.noconvert(), "divisor"_a.noconvert(),
             "factor"_a.noconvert(), "n_threads"_a,
             "f(values / divisor) factor for each column of values (n, k), f a part (forward, inverse, ..._derivative) "
             "of the transform of that name; NaN outside its domain.");
  module.def("variables", &variables, "kinds"_a, "coefficients"_a.noconvert(), "factor"_a.noconvert(),
             "x"_a.noconvert(), "n_threads"_a,
             "Variables (n, r) of x (n, d), sums or products of the inputs, and the power prod x^factor (n,).");
  module.def("variables_chain", &variables_chain, "kinds"_a, "coefficients"_a.noconvert(), "factor"_a.noconvert(),
             "x"_a.noconvert(), "u"_a.noconvert(), "power"_a.noconvert(), "f"_a.noconvert(), "slopes"_a.noconvert(),
             "n_threads"_a,
             "The derivative (n, m, d) by x of power f(u), from f (n, m) and its derivative (n, m, r) by u.");
  module.def("extended_normalize", &extended_normalize, "values"_a.noconvert(), "exponent"_a.noconvert(),
             "shift"_a.noconvert(), "scale"_a.noconvert(),
             "(values 2^-exponent - shift) / scale by column, 0 where scale is 0, as high and low (n, k).");
  module.def("extended_invert", &extended_invert, "high"_a.noconvert(), "low"_a.noconvert(), "exponent"_a.noconvert(),
             "shift"_a.noconvert(), "scale"_a.noconvert(),
             "((high + low) scale + shift) 2^exponent by column, as high and low (n, k).");
  module.def("extended_accumulate", &extended_accumulate, "a_high"_a.noconvert(), "a_low"_a.noconvert(), "factor"_a,
             "b_high"_a.noconvert(), "b_low"_a.noconvert(),
             "a + factor b as high and low, for arrays of one shape.");
  module.def("extended_residual", &extended_residual, "y"_a.noconvert(), "high"_a.noconvert(), "low"_a.noconvert(),
             "y - (high + low), rounded once, for arrays of one shape.");
}

}  // namespace pml::bindings
