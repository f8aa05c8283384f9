// The network kernels, on NumPy arrays.
#include "../mlp/batch.hpp"
#include "../mlp/curvature.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

using Widths = std::vector<std::size_t>;

std::string count(std::size_t n) { return std::to_string(n); }
py::ssize_t length(std::size_t n) { return static_cast<py::ssize_t>(n); }

std::size_t require_batch(const Architecture& architecture, const Array& params, const Array& x) {
  require_shape(params, "params", {length(architecture.n_params)}, "(" + count(architecture.n_params) + ",)");
  require_shape(x, "X", {-1, length(architecture.n_inputs())}, "(n, " + count(architecture.n_inputs()) + ")");
  return static_cast<std::size_t>(x.shape(0));
}

Array forward(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
              py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t threads = require_threads(n_threads);
  Array out({length(n), length(architecture.n_outputs())});
  double* const out_data = out.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::forward(architecture, params_data, x_data, n, out_data, threads);
  }
  return out;
}

// Targets, weights and the number of threads, checked against a batch of n rows.
struct Targets {
  const double* y;
  const double* sample_weight;
  std::size_t threads;

  Targets(const Architecture& architecture, std::size_t n, const Array& y_array, const std::optional<Array>& weight,
          py::ssize_t n_threads)
      : threads(require_threads(n_threads)) {
    const std::size_t m = architecture.n_outputs();
    require_shape(y_array, "y", {length(n), length(m)}, "(" + count(n) + ", " + count(m) + ")");
    if (weight) require_shape(*weight, "sample_weight", {length(n)}, "(" + count(n) + ",)");
    y = y_array.data();
    sample_weight = weight ? weight->data() : nullptr;
  }
};

const double* require_direction(const Architecture& architecture, const Array& v) {
  require_shape(v, "v", {length(architecture.n_params)}, "(" + count(architecture.n_params) + ",)");
  return v.data();
}

py::tuple loss_and_gradient(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                            const Array& y, const std::optional<Array>& sample_weight, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const Targets targets(architecture, n, y, sample_weight, n_threads);
  Array gradient(length(architecture.n_params));
  double* const gradient_data = gradient.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  double loss = 0.0;
  {
    py::gil_scoped_release release;
    loss = pml::loss_and_gradient(architecture, params_data, x_data, targets.y, targets.sample_weight, n,
                                  gradient_data, targets.threads);
  }
  return py::make_tuple(loss, gradient);
}

Curvature curvature_of(bool exact) { return exact ? Curvature::hessian : Curvature::gauss_newton; }

py::tuple curvature(const Widths& widths, const std::string& activation, bool exact, const Array& params,
                    const Array& x, const Array& y, const std::optional<Array>& sample_weight, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const Targets targets(architecture, n, y, sample_weight, n_threads);
  const py::ssize_t n_params = length(architecture.n_params);
  Array gradient(n_params);
  Array matrix({n_params, n_params});
  double* const gradient_data = gradient.mutable_data();
  double* const matrix_data = matrix.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  double loss = 0.0;
  {
    py::gil_scoped_release release;
    loss = loss_gradient_and_curvature(architecture, curvature_of(exact), params_data, x_data, targets.y,
                                       targets.sample_weight, n, gradient_data, matrix_data, targets.threads);
  }
  return py::make_tuple(loss, gradient, matrix);
}

double curvature_bytes(const Widths& widths, const std::string& activation, bool exact, std::size_t n,
                       py::ssize_t n_threads) {
  return pml::curvature_bytes(Architecture(widths, activation), curvature_of(exact), n, require_threads(n_threads));
}

Array hessian_vector_product(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                             const Array& y, const Array& v, const std::optional<Array>& sample_weight,
                             py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const Targets targets(architecture, n, y, sample_weight, n_threads);
  const double* const v_data = require_direction(architecture, v);
  Array product(length(architecture.n_params));
  double* const product_data = product.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::hessian_vector_product(architecture, params_data, x_data, targets.y, targets.sample_weight, n, v_data,
                                product_data, targets.threads);
  }
  return product;
}

py::tuple directional_derivatives(const Widths& widths, const std::string& activation, const Array& params,
                                  const Array& x, const Array& v, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const double* const v_data = require_direction(architecture, v);
  const std::size_t threads = require_threads(n_threads);
  Array first({length(n), length(architecture.n_outputs())});
  Array second({length(n), length(architecture.n_outputs())});
  double* const first_data = first.mutable_data();
  double* const second_data = second.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::directional_derivatives(architecture, params_data, x_data, n, v_data, first_data, second_data, threads);
  }
  return py::make_tuple(first, second);
}

Array vector_jacobian_product(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                              const Array& u, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t m = architecture.n_outputs();
  require_shape(u, "u", {length(n), length(m)}, "(" + count(n) + ", " + count(m) + ")");
  const std::size_t threads = require_threads(n_threads);
  Array product(length(architecture.n_params));
  double* const product_data = product.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  const double* const u_data = u.data();
  {
    py::gil_scoped_release release;
    pml::vector_jacobian_product(architecture, params_data, x_data, u_data, n, product_data, threads);
  }
  return product;
}

Array jacobian(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
               py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t threads = require_threads(n_threads);
  Array out({length(n * architecture.n_outputs()), length(architecture.n_params)});
  double* const out_data = out.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::jacobian(architecture, params_data, x_data, n, out_data, threads);
  }
  return out;
}

Array input_gradient(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                     py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t threads = require_threads(n_threads);
  Array out({length(n), length(architecture.n_outputs()), length(architecture.n_inputs())});
  double* const out_data = out.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  {
    py::gil_scoped_release release;
    pml::input_gradient(architecture, params_data, x_data, n, out_data, threads);
  }
  return out;
}

// Calls the activation on pieces of a few blocks, copied in and out: the caller's arrays have neither the alignment nor
// the length. `outputs` holds as many arrays as are wanted: value, or value, first and second derivative.
void activate(const std::string& name, const Array& z, const std::vector<Array*>& outputs) {
  const MlpKernels& table = kernels().mlp;
  const ActivationBlock function = activation_from_name(name).in(table);
  require_shape(z, "z", {-1}, "(n,)");
  const std::size_t n = static_cast<std::size_t>(z.shape(0));
  std::vector<double*> out;
  for (Array* output : outputs) {
    *output = Array(length(n));
    out.push_back(output->mutable_data());
  }
  const double* const z_data = z.data();
  const bool derivatives = out.size() == 3;
  py::gil_scoped_release release;
  const std::size_t piece = 16 * table.block_samples;
  const std::size_t stride = AlignedBuffer::padded(piece);
  AlignedBuffer buffer(4 * stride);
  std::fill_n(buffer.data(), stride, 0.0);
  double* const value = buffer.data() + stride;
  for (std::size_t begin = 0; begin < n; begin += piece) {
    const std::size_t here = std::min(piece, n - begin);
    std::copy_n(z_data + begin, here, buffer.data());
    function(buffer.data(), value, derivatives ? value + stride : nullptr, derivatives ? value + 2 * stride : nullptr,
             piece);
    for (std::size_t k = 0; k < out.size(); ++k) std::copy_n(value + k * stride, here, out[k] + begin);
  }
}

Array activation_value(const std::string& name, const Array& z) {
  Array value;
  activate(name, z, {&value});
  return value;
}

void register_block(const std::string& name, std::uintptr_t address, bool replace) {
  if (address == 0) throw std::invalid_argument("address: expected that of a function, got 0");
  register_activation(name, reinterpret_cast<ActivationBlock>(address), replace);
}

py::tuple activation_derivatives(const std::string& name, const Array& z) {
  Array value, first, second;
  activate(name, z, {&value, &first, &second});
  return py::make_tuple(value, first, second);
}

ExtendedActivationBlock require_extended(const ActivationSource& activation, const std::string& name) {
  const ExtendedActivationBlock function = activation.extended_in(kernels().mlp);
  if (function == nullptr) {
    throw std::invalid_argument("activation: expected a built-in one for double-double evaluation, got " + name);
  }
  return function;
}

py::tuple extended_forward(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                           const std::optional<Array>& x_low, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t d = architecture.n_inputs(), m = architecture.n_outputs();
  const std::size_t threads = require_threads(n_threads);
  require_extended(architecture.activation, activation);
  if (x_low) require_shape(*x_low, "X_low", {length(n), length(d)}, "(" + count(n) + ", " + count(d) + ")");
  Array high({length(n), length(m)}), low({length(n), length(m)});
  double* const high_data = high.mutable_data();
  double* const low_data = low.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  const double* const x_low_data = x_low ? x_low->data() : nullptr;
  {
    py::gil_scoped_release release;
    pml::extended_forward(architecture, params_data, x_data, x_low_data, n, high_data, low_data, threads);
  }
  return py::make_tuple(high, low);
}

// As `activate`, on pieces of a few blocks.
py::tuple extended_activation_value(const std::string& name, const Array& z, const Array& z_low) {
  const MlpKernels& table = kernels().mlp;
  const ExtendedActivationBlock function = require_extended(activation_from_name(name), name);
  require_shape(z, "z", {-1}, "(n,)");
  const std::size_t n = static_cast<std::size_t>(z.shape(0));
  require_shape(z_low, "z_low", {length(n)}, "(" + count(n) + ",)");
  Array high(length(n)), low(length(n));
  double* const high_data = high.mutable_data();
  double* const low_data = low.mutable_data();
  const double* const z_data = z.data();
  const double* const z_low_data = z_low.data();
  {
    py::gil_scoped_release release;
    const std::size_t piece = 16 * table.block_samples;
    const std::size_t stride = AlignedBuffer::padded(piece);
    AlignedBuffer buffer(2 * stride);
    std::fill_n(buffer.data(), 2 * stride, 0.0);
    double* const highs = buffer.data();
    double* const lows = highs + stride;
    for (std::size_t begin = 0; begin < n; begin += piece) {
      const std::size_t here = std::min(piece, n - begin);
      std::copy_n(z_data + begin, here, highs);
      std::copy_n(z_low_data + begin, here, lows);
      function(highs, lows, highs, lows, piece);
      std::copy_n(highs, here, high_data + begin);
      std::copy_n(lows, here, low_data + begin);
    }
  }
  return py::make_tuple(high, low);
}

}  // namespace

void bind_mlp(py::module_& module) {
  using namespace py::literals;
  module.def("mlp_forward", &forward, "widths"_a, "activation"_a, "params"_a.noconvert(), "x"_a.noconvert(),
             "n_threads"_a, "Network values (n, m).");
  module.def("mlp_loss_and_gradient", &loss_and_gradient, "widths"_a, "activation"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "y"_a.noconvert(), "sample_weight"_a.noconvert(), "n_threads"_a,
             "Mean over samples and outputs of w |f(x) - y|^2, and its gradient (P,).");
  module.def("mlp_curvature", &curvature, "widths"_a, "activation"_a, "exact"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "y"_a.noconvert(), "sample_weight"_a.noconvert(), "n_threads"_a,
             "That loss, its gradient (P,), and its Hessian (P, P) if exact, else 2/(n m) J'WJ.");
  module.def("mlp_curvature_bytes", &curvature_bytes, "widths"_a, "activation"_a, "exact"_a, "n"_a, "n_threads"_a,
             "Bytes that mlp_curvature allocates.");
  module.def("mlp_hessian_vector_product", &hessian_vector_product, "widths"_a, "activation"_a,
             "params"_a.noconvert(), "x"_a.noconvert(), "y"_a.noconvert(), "v"_a.noconvert(),
             "sample_weight"_a.noconvert(), "n_threads"_a, "The Hessian of that loss times v (P,).");
  module.def("mlp_directional_derivatives", &directional_derivatives, "widths"_a, "activation"_a,
             "params"_a.noconvert(), "x"_a.noconvert(), "v"_a.noconvert(), "n_threads"_a,
             "First and second derivative (n, m) of the outputs along v (P,) in parameter space.");
  module.def("mlp_vector_jacobian_product", &vector_jacobian_product, "widths"_a, "activation"_a,
             "params"_a.noconvert(), "x"_a.noconvert(), "u"_a.noconvert(), "n_threads"_a,
             "The gradient (P,) of the sum of u f(x), u (n, m).");
  module.def("mlp_jacobian", &jacobian, "widths"_a, "activation"_a, "params"_a.noconvert(), "x"_a.noconvert(),
             "n_threads"_a, "Derivatives of the outputs with respect to the parameters (n m, P).");
  module.def("mlp_input_gradient", &input_gradient, "widths"_a, "activation"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "n_threads"_a, "Derivatives of the outputs with respect to the inputs (n, m, d).");
  module.def("activation_names", &activation_names, "The built-in activations, then the registered ones.");
  module.def("register_activation", &register_block, "name"_a, "address"_a, "replace"_a,
             "Names the C function void(double* z, double* value, double* first, double* second, size_t n) at address.");
  module.def("activation_value", &activation_value, "name"_a, "z"_a.noconvert(), "An activation at z (n,).");
  module.def("activation_derivatives", &activation_derivatives, "name"_a, "z"_a.noconvert(),
             "Value, first and second derivative of an activation at z (n,).");
  module.def("mlp_extended_forward", &extended_forward, "widths"_a, "activation"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "x_low"_a.noconvert(), "n_threads"_a,
             "Network values at x + x_low in double-double: high and low (n, m).");
  module.def("has_extended_activation", [](const std::string& name) {
    return activation_from_name(name).extended_in(kernels().mlp) != nullptr;
  }, "name"_a, "Whether networks with this activation can be evaluated in double-double.");
  module.def("extended_activation_value", &extended_activation_value, "name"_a, "z"_a.noconvert(),
             "z_low"_a.noconvert(),
             "An activation at z + z_low (n,), |z_low| <= ulp(z)/2, in double-double: high and low (n,).");
}

}  // namespace pml::bindings
