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

namespace pml::bindings::mlp {
namespace {

using Widths = std::vector<std::size_t>;

// What every call on a batch begins with: the network, its parameters and n rows of d inputs for m outputs, checked
// against each other. The numbers stay the caller's.
struct Batch {
  Architecture architecture;
  const double* params;
  const double* x;
  std::size_t n, d, m, threads;

  Batch(const Widths& widths, const std::string& activation, const Array& params_array, const Array& x_array,
        py::ssize_t n_threads)
      : architecture(widths, activation),
        params(params_array.data()),
        x(x_array.data()),
        d(architecture.n_inputs()),
        m(architecture.n_outputs()) {
    require_shape(params_array, "params", {architecture.n_params});
    n = require_rows(x_array, "X", d);
    threads = require_threads(n_threads);
  }

  Array new_outputs() const { return Array({n, m}); }
  Array new_params() const { return new_vector(architecture.n_params); }
};

// Targets and weights of a batch's rows.
struct Targets {
  const double* y;
  const double* sample_weight;

  Targets(const Batch& batch, const Array& y_array, const std::optional<Array>& weight)
      : y(y_array.data()), sample_weight(weight ? weight->data() : nullptr) {
    require_shape(y_array, "y", {batch.n, batch.m});
    if (weight) require_shape(*weight, "sample_weight", {batch.n});
  }
};

const double* require_direction(const Batch& batch, const Array& v) {
  require_shape(v, "v", {batch.architecture.n_params});
  return v.data();
}

ExtendedActivationBlock require_extended(const ActivationSource& activation, const std::string& name) {
  const ExtendedActivationBlock function = activation.extended_in(kernels().mlp);
  if (function == nullptr) {
    throw std::invalid_argument("activation: expected a built-in one for double-double evaluation, got " + name);
  }
  return function;
}

Array forward(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
              py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  return filled(
      [&](double* out) { pml::forward(batch.architecture, batch.params, batch.x, batch.n, out, batch.threads); },
      batch.new_outputs());
}

py::tuple loss_and_gradient(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                            const Array& y, const std::optional<Array>& sample_weight, py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  const Targets targets(batch, y, sample_weight);
  return filled(
      [&](double* gradient) {
        return pml::loss_and_gradient(batch.architecture, batch.params, batch.x, targets.y, targets.sample_weight,
                                      batch.n, gradient, batch.threads);
      },
      batch.new_params());
}

Curvature curvature_of(bool exact) { return exact ? Curvature::hessian : Curvature::gauss_newton; }

py::tuple curvature(const Widths& widths, const std::string& activation, bool exact, const Array& params,
                    const Array& x, const Array& y, const std::optional<Array>& sample_weight, py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  const Targets targets(batch, y, sample_weight);
  const std::size_t n_params = batch.architecture.n_params;
  return filled(
      [&](double* gradient, double* matrix) {
        return loss_gradient_and_curvature(batch.architecture, curvature_of(exact), batch.params, batch.x, targets.y,
                                           targets.sample_weight, batch.n, gradient, matrix, batch.threads);
      },
      batch.new_params(), Array({n_params, n_params}));
}

double curvature_bytes(const Widths& widths, const std::string& activation, bool exact, std::size_t n,
                       py::ssize_t n_threads) {
  return pml::curvature_bytes(Architecture(widths, activation), curvature_of(exact), n, require_threads(n_threads));
}

Array hessian_vector_product(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                             const Array& y, const Array& v, const std::optional<Array>& sample_weight,
                             py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  const Targets targets(batch, y, sample_weight);
  const double* const direction = require_direction(batch, v);
  return filled(
      [&](double* product) {
        pml::hessian_vector_product(batch.architecture, batch.params, batch.x, targets.y, targets.sample_weight,
                                    batch.n, direction, product, batch.threads);
      },
      batch.new_params());
}

py::tuple directional_derivatives(const Widths& widths, const std::string& activation, const Array& params,
                                  const Array& x, const Array& v, py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  const double* const direction = require_direction(batch, v);
  return filled(
      [&](double* first, double* second) {
        pml::directional_derivatives(batch.architecture, batch.params, batch.x, batch.n, direction, first, second,
                                     batch.threads);
      },
      batch.new_outputs(), batch.new_outputs());
}

Array vector_jacobian_product(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                              const Array& u, py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  require_shape(u, "u", {batch.n, batch.m});
  return filled(
      [&](double* product) {
        pml::vector_jacobian_product(batch.architecture, batch.params, batch.x, u.data(), batch.n, product,
                                     batch.threads);
      },
      batch.new_params());
}

Array jacobian(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
               py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  return filled(
      [&](double* out) { pml::jacobian(batch.architecture, batch.params, batch.x, batch.n, out, batch.threads); },
      Array({batch.n * batch.m, batch.architecture.n_params}));
}

Array input_gradient(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                     py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  return filled(
      [&](double* out) { pml::input_gradient(batch.architecture, batch.params, batch.x, batch.n, out, batch.threads); },
      Array({batch.n, batch.m, batch.d}));
}

py::tuple extended_forward(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                           const std::optional<Array>& x_low, py::ssize_t n_threads) {
  const Batch batch(widths, activation, params, x, n_threads);
  require_extended(batch.architecture.activation, activation);
  if (x_low) require_shape(*x_low, "X_low", {batch.n, batch.d});
  const double* const low_data = x_low ? x_low->data() : nullptr;
  return filled(
      [&](double* high, double* low) {
        pml::extended_forward(batch.architecture, batch.params, batch.x, low_data, batch.n, high, low, batch.threads);
      },
      batch.new_outputs(), batch.new_outputs());
}

// Calls function(inputs and outputs, count) on pieces of a few blocks, copied in and out: the caller's arrays, n numbers
// each, have neither the alignment nor the length that activations want.
template <class Function>
void in_pieces(const std::vector<const double*>& inputs, const std::vector<double*>& outputs, std::size_t n,
               const Function& function) {
  const std::size_t piece = 16 * kernels().mlp.block_samples;
  const std::size_t stride = AlignedBuffer::padded(piece);
  AlignedBuffer buffer((inputs.size() + outputs.size()) * stride);
  std::fill_n(buffer.data(), inputs.size() * stride, 0.0);
  std::vector<double*> at;
  for (std::size_t k = 0; k < inputs.size() + outputs.size(); ++k) at.push_back(buffer.data() + k * stride);
  for (std::size_t begin = 0; begin < n; begin += piece) {
    const std::size_t here = std::min(piece, n - begin);
    for (std::size_t k = 0; k < inputs.size(); ++k) std::copy_n(inputs[k] + begin, here, at[k]);
    function(at, piece);
    for (std::size_t k = 0; k < outputs.size(); ++k) std::copy_n(at[inputs.size() + k], here, outputs[k] + begin);
  }
}

Array activation_value(const std::string& name, const Array& z) {
  const ActivationBlock function = activation_from_name(name).in(kernels().mlp);
  const std::size_t n = require_vector(z, "z");
  return filled(
      [&](double* value) {
        in_pieces({z.data()}, {value}, n, [&](const std::vector<double*>& at, std::size_t count) {
          function(at[0], at[1], nullptr, nullptr, count);
        });
      },
      new_vector(n));
}

py::tuple activation_derivatives(const std::string& name, const Array& z) {
  const ActivationBlock function = activation_from_name(name).in(kernels().mlp);
  const std::size_t n = require_vector(z, "z");
  return filled(
      [&](double* value, double* first, double* second) {
        in_pieces({z.data()}, {value, first, second}, n, [&](const std::vector<double*>& at, std::size_t count) {
          function(at[0], at[1], at[2], at[3], count);
        });
      },
      new_vector(n), new_vector(n), new_vector(n));
}

py::tuple extended_activation_value(const std::string& name, const Array& z, const Array& z_low) {
  const ExtendedActivationBlock function = require_extended(activation_from_name(name), name);
  const std::size_t n = require_vector(z, "z");
  require_shape(z_low, "z_low", {n});
  return filled(
      [&](double* high, double* low) {
        in_pieces({z.data(), z_low.data()}, {high, low}, n, [&](const std::vector<double*>& at, std::size_t count) {
          function(at[0], at[1], at[2], at[3], count);
        });
      },
      new_vector(n), new_vector(n));
}

void register_block(const std::string& name, std::uintptr_t address, bool replace) {
  if (address == 0) throw std::invalid_argument("address: expected that of a function, got 0");
  register_activation(name, reinterpret_cast<ActivationBlock>(address), replace);
}

}  // namespace

void bind(py::module_& module) {
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

}  // namespace pml::bindings::mlp
