// Dense helpers of the optimizers, functions of columns, and double-double operations, on NumPy arrays.
#include "../numeric/symmetric.hpp"

#include <pybind11/stl.h>

#include <numeric>
#include <string>
#include <vector>

#include "../numeric/affine.hpp"
#include "../numeric/box.hpp"
#include "../numeric/extended.hpp"
#include "../numeric/rows_of_text.hpp"
#include "../numeric/transforms.hpp"
#include "../numeric/variables.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::numeric {
namespace {

Array symmetric_update(Array h, double scale, const Array& u, const Array& p, const Array& v, const Array& q,
                       const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_vector(x, "x");
  require_shape(u, "u", {n});
  require_shape(p, "p", {n});
  require_shape(v, "v", {n});
  require_shape(q, "q", {n});
  require_shape(h, "h", {n, n});
  const std::size_t threads = require_threads(n_threads);
  double* const h_data = h.mutable_data();  // raises for a read-only array
  return filled(
      [&](double* y) {
        pml::symmetric_update(h_data, n, scale, u.data(), p.data(), v.data(), q.data(), x.data(), y, threads);
      },
      new_vector(n));
}

Array affine(const Array& x, const Array& shift, const Array& factor, py::ssize_t n_threads) {
  require_shape(x, "x", {"n", "d"});
  const std::size_t n = rows_of(x), d = columns_of(x);
  require_shape(shift, "shift", {d});
  require_shape(factor, "factor", {d});
  const std::size_t threads = require_threads(n_threads);
  return filled([&](double* out) { pml::affine(x.data(), n, d, shift.data(), factor.data(), out, threads); },
                Array({n, d}));
}

bool is_inside(const Array& x, const Array& low, const Array& high) {
  require_shape(x, "x", {"n", "d"});
  const std::size_t n = rows_of(x), d = columns_of(x);
  require_shape(low, "low", {d});
  require_shape(high, "high", {d});
  // The GIL is not worth giving back for a point, of which most calls are.
  if (n == 1) return pml::is_inside(x.data(), n, d, low.data(), high.data());
  return without_gil([&] { return pml::is_inside(x.data(), n, d, low.data(), high.data()); });
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
  const std::size_t k = names.size(), n = require_rows(values, "values", k);
  require_shape(divisor, "divisor", {k});
  require_shape(factor, "factor", {k});
  const std::size_t threads = require_threads(n_threads);
  const TransformPart wanted = part_from_name(part);
  std::vector<TransformColumn> functions;
  for (const std::string& name : names) functions.push_back(transform_column(name, wanted));
  return filled(
      [&](double* out) {
        transform_columns(functions, values.data(), n, divisor.data(), factor.data(), out, threads);
      },
      Array({n, k}));
}

std::vector<VariableKind> checked_kinds(const std::vector<std::string>& kinds, const Array& coefficients,
                                        const Array& factor, const Array& x) {
  const std::size_t d = require_vector(factor, "factor", "d");
  require_shape(coefficients, "coefficients", {kinds.size(), d});
  require_rows(x, "x", d);
  std::vector<VariableKind> found;
  for (const std::string& kind : kinds) found.push_back(variable_kind(kind));
  return found;
}

py::tuple variables(const std::vector<std::string>& kinds, const Array& coefficients, const Array& factor,
                    const Array& x, py::ssize_t n_threads) {
  const std::vector<VariableKind> known = checked_kinds(kinds, coefficients, factor, x);
  const std::size_t threads = require_threads(n_threads), n = rows_of(x);
  const VariableView view{known, columns_of(x), coefficients.data(), factor.data()};
  return filled([&](double* u, double* power) { pml::variables(view, x.data(), n, u, power, threads); },
                Array({n, known.size()}), new_vector(n));
}

Array variables_chain(const std::vector<std::string>& kinds, const Array& coefficients, const Array& factor,
                      const Array& x, const Array& u, const Array& power, const Array& f, const Array& slopes,
                      py::ssize_t n_threads) {
  const std::vector<VariableKind> known = checked_kinds(kinds, coefficients, factor, x);
  const std::size_t n = rows_of(x), d = columns_of(x), r = known.size();
  require_shape(u, "u", {n, r});
  require_shape(power, "power", {n});
  require_shape(f, "f", {n, "m"});
  const std::size_t m = columns_of(f);
  require_shape(slopes, "slopes", {n, m, r});
  const std::size_t threads = require_threads(n_threads);
  const VariableView view{known, d, coefficients.data(), factor.data()};
  return filled(
      [&](double* out) {
        pml::variables_chain(view, x.data(), u.data(), power.data(), f.data(), slopes.data(), n, m, out, threads);
      },
      Array({n, m, d}));
}

using Exponents = py::array_t<int, py::array::c_style>;

void require_same_shape(const Array& array, const char* name, const Array& wanted) {
  const std::vector<py::ssize_t> shape = shape_of(wanted);
  require_shape(array, name, {shape.begin(), shape.end()});
}

// The numbers of columns of `values` (n, k) and of what is known of each column must agree.
void require_columns(const Array& values, const char* name, const Exponents& exponent, const Array& shift,
                     const Array& scale) {
  require_shape(values, name, {"n", "k"});
  const std::size_t k = columns_of(values);
  require_shape(exponent, "exponent", {k});
  require_shape(shift, "shift", {k});
  require_shape(scale, "scale", {k});
}

py::tuple extended_normalize(const Array& values, const Exponents& exponent, const Array& shift, const Array& scale) {
  require_columns(values, "values", exponent, shift, scale);
  const std::size_t n = rows_of(values), k = columns_of(values);
  return filled(
      [&](double* high, double* low) {
        pml::extended_normalize(values.data(), exponent.data(), shift.data(), scale.data(), n, k, high, low);
      },
      new_like(values), new_like(values));
}

py::tuple extended_invert(const Array& z_high, const Array& z_low, const Exponents& exponent, const Array& shift,
                          const Array& scale) {
  require_columns(z_high, "high", exponent, shift, scale);
  require_same_shape(z_low, "low", z_high);
  const std::size_t n = rows_of(z_high), k = columns_of(z_high);
  return filled(
      [&](double* high, double* low) {
        pml::extended_invert(z_high.data(), z_low.data(), exponent.data(), shift.data(), scale.data(), n, k, high, low);
      },
      new_like(z_high), new_like(z_high));
}

py::tuple extended_accumulate(const Array& a_high, const Array& a_low, double factor, const Array& b_high,
                              const Array& b_low) {
  require_same_shape(a_low, "a_low", a_high);
  require_same_shape(b_high, "b_high", a_high);
  require_same_shape(b_low, "b_low", a_high);
  const std::size_t n = static_cast<std::size_t>(a_high.size());
  return filled(
      [&](double* high, double* low) {
        pml::extended_accumulate(a_high.data(), a_low.data(), factor, b_high.data(), b_low.data(), n, high, low);
      },
      new_like(a_high), new_like(a_high));
}

Array extended_residual(const Array& y, const Array& high, const Array& low) {
  require_same_shape(high, "high", y);
  require_same_shape(low, "low", y);
  const std::size_t n = static_cast<std::size_t>(y.size());
  return filled([&](double* out) { pml::extended_residual(y.data(), high.data(), low.data(), n, out); }, new_like(y));
}

using Integers = py::array_t<std::int64_t, py::array::c_style>;

// The rows of a text, how many they are, and the numbers left open (u, 4); None for a text that is not understood.
py::object rows_of_text(const py::buffer& text, const std::string& delimiter, bool decimal_comma, bool has_comments,
                        bool empty_is_nan, const Integers& slots,
                        const py::array_t<std::uint64_t, py::array::c_style>& powers, py::ssize_t n_threads) {
  if (delimiter.size() > 1) throw std::invalid_argument("delimiter: expected one character or none, got " + delimiter);
  require_vector(slots, "slots");
  require_shape(powers, "powers", {PowersOfFive::most_power - PowersOfFive::least_power + 1, 2});
  const std::size_t threads = require_threads(n_threads);
  const py::buffer_info held = text.request();
  if (held.ndim != 1 || held.itemsize != 1 || (held.size > 1 && held.strides[0] != 1)) {
    throw std::invalid_argument("text: expected bytes side by side");
  }
  const std::string_view view(static_cast<const char*>(held.ptr), static_cast<std::size_t>(held.size));
  TextLayout layout{delimiter.empty() ? '\0' : delimiter[0], decimal_comma, has_comments, empty_is_nan, {}, 0};
  layout.slots.assign(slots.data(), slots.data() + slots.size());
  for (const std::int64_t slot : layout.slots) layout.n_columns += slot >= 0;
  for (const std::int64_t slot : layout.slots) {
    if (slot >= static_cast<std::int64_t>(layout.n_columns)) {
      throw std::invalid_argument("slots: expected one of " + std::to_string(layout.n_columns) + " columns, got " +
                                  std::to_string(slot));
    }
  }
  const auto most = without_gil([&] { return lines_of_tasks(view.data(), view.size(), threads); });
  Array rows({std::accumulate(most.begin(), most.end(), std::size_t{0}), layout.n_columns});
  double* const data = rows.mutable_data();
  const PowersOfFive five{powers.data()};
  std::size_t n_rows = 0;
  std::vector<OpenNumber> open;
  const bool understood = without_gil([&] {
    return pml::rows_of_text(view.data(), view.size(), most, layout, five, data, n_rows, open, threads);
  });
  if (!understood) return py::none();
  Integers left({open.size(), std::size_t{4}});
  std::int64_t* at = left.mutable_data();
  for (const OpenNumber& number : open) {
    for (const std::int64_t value : {number.row, number.column, number.begin, number.end}) *at++ = value;
  }
  return py::make_tuple(rows, n_rows, left);
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  module.def("symmetric_update", &symmetric_update, "h"_a.noconvert(), "scale"_a, "u"_a.noconvert(), "p"_a.noconvert(),
             "v"_a.noconvert(), "q"_a.noconvert(), "x"_a.noconvert(), "n_threads"_a,
             "h = scale h + u p' + v q', a symmetric update, in the upper triangle of h (n, n), in place; returns the "
             "updated h times x (n,).");
  module.def("affine", &affine, "x"_a.noconvert(), "shift"_a.noconvert(), "factor"_a.noconvert(), "n_threads"_a,
             "(x - shift) * factor by column, for x (n, d).");
  module.def("is_inside", &is_inside, "x"_a.noconvert(), "low"_a.noconvert(), "high"_a.noconvert(),
             "Whether all points x (n, d) are in the box from low (d,) to high (d,): not those with NaN.");
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
  module.def("rows_of_text", &rows_of_text, "text"_a, "delimiter"_a, "decimal_comma"_a, "has_comments"_a,
             "empty_is_nan"_a, "slots"_a.noconvert(), "powers"_a.noconvert(), "n_threads"_a,
             "Decimal numbers in lines of len(slots) cells, cell i for column slots[i] if that is not negative: rows (at "
             "least n, k), n, and the row, column, begin and end in the text of numbers for which powers of five leave "
             "open what is nearest (u, 4); None for a text that is anything else.");
}

}  // namespace pml::bindings::numeric
