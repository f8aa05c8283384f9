// The network kernels, on NumPy arrays.
#include "../mlp/batch.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <vector>

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

py::tuple loss_and_gradient(const Widths& widths, const std::string& activation, const Array& params, const Array& x,
                            const Array& y, const std::optional<Array>& sample_weight, py::ssize_t n_threads) {
  const Architecture architecture(widths, activation);
  const std::size_t n = require_batch(architecture, params, x);
  const std::size_t m = architecture.n_outputs();
  const std::size_t threads = require_threads(n_threads);
  require_shape(y, "y", {length(n), length(m)}, "(" + count(n) + ", " + count(m) + ")");
  if (sample_weight) require_shape(*sample_weight, "sample_weight", {length(n)}, "(" + count(n) + ",)");
  Array gradient(length(architecture.n_params));
  double* const gradient_data = gradient.mutable_data();
  const double* const params_data = params.data();
  const double* const x_data = x.data();
  const double* const y_data = y.data();
  const double* const weight_data = sample_weight ? sample_weight->data() : nullptr;
  double loss = 0.0;
  {
    py::gil_scoped_release release;
    loss = pml::loss_and_gradient(architecture, params_data, x_data, y_data, weight_data, n, gradient_data, threads);
  }
  return py::make_tuple(loss, gradient);
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
  const KernelTable& table = kernels();
  const ActivationBlock function = table.activations[static_cast<std::size_t>(activation_from_name(name))];
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

py::tuple activation_derivatives(const std::string& name, const Array& z) {
  Array value, first, second;
  activate(name, z, {&value, &first, &second});
  return py::make_tuple(value, first, second);
}

}  // namespace

void bind_mlp(py::module_& module) {
  using namespace py::literals;
  module.def("mlp_forward", &forward, "widths"_a, "activation"_a, "params"_a.noconvert(), "x"_a.noconvert(),
             "n_threads"_a, "Network values (n, m).");
  module.def("mlp_loss_and_gradient", &loss_and_gradient, "widths"_a, "activation"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "y"_a.noconvert(), "sample_weight"_a.noconvert(), "n_threads"_a,
             "Mean over samples and outputs of w |f(x) - y|^2, and its gradient (P,).");
  module.def("mlp_input_gradient", &input_gradient, "widths"_a, "activation"_a, "params"_a.noconvert(),
             "x"_a.noconvert(), "n_threads"_a, "Derivatives of the outputs with respect to the inputs (n, m, d).");
  module.def("activation_names", &activation_names, "The built-in activations.");
  module.def("activation_value", &activation_value, "name"_a, "z"_a.noconvert(), "An activation at z (n,).");
  module.def("activation_derivatives", &activation_derivatives, "name"_a, "z"_a.noconvert(),
             "Value, first and second derivative of an activation at z (n,).");
}

}  // namespace pml::bindings
