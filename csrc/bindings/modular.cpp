// Graphs of polynomial modules on NumPy arrays. A graph is an object here, because its tables outlive a call.
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../modular/graph.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::modular {
namespace {

using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Columns = py::array_t<double, py::array::f_style>;
using Sources = std::vector<std::size_t>;

GraphPart part_of(const Sources& sources, const Integers& indices) {
  require_shape(indices, "indices", {"p", sources.size()});
  return {sources, indices.data(), rows_of(indices)};
}

std::unique_ptr<ModularGraph> make_graph(std::size_t n_inputs, const std::vector<Sources>& sources,
                                         const std::vector<Integers>& indices, const Sources& core_sources,
                                         const Integers& core_indices) {
  if (sources.size() != indices.size()) {
    throw std::invalid_argument("sources, indices: expected the same number of both, got " +
                                std::to_string(sources.size()) + " and " + std::to_string(indices.size()));
  }
  std::vector<GraphPart> modules;
  for (std::size_t k = 0; k < sources.size(); ++k) modules.push_back(part_of(sources[k], indices[k]));
  return std::make_unique<ModularGraph>(n_inputs, modules, part_of(core_sources, core_indices));
}

// What each call begins with: rows, and coefficients of the right numbers.
struct Call {
  const ModularGraph& graph;
  const double* z;
  std::size_t n, threads;
  GraphPoint point{};
  GraphOutputs out{};

  Call(const ModularGraph& a_graph, const Array& z_array, const Array& params, py::ssize_t n_threads)
      : graph(a_graph), z(z_array.data()) {
    n = require_rows(z_array, "Z", graph.n_inputs());
    require_shape(params, "params", {graph.n_params()});
    threads = require_threads(n_threads);
    point.params = params.data();
    out.stride = n;
  }

  Call& with_core(const Array& core) {
    require_shape(core, "core", {graph.n_core()});
    point.core = core.data();
    return *this;
  }

  Call& with_weights(const Array& root_weight) {
    require_shape(root_weight, "root_weight", {n});
    out.root_weight = root_weight.data();
    return *this;
  }

  template <class Result>
  Result into(double* GraphOutputs::* place, Result result) {
    return filled(
        [&](double* data) {
          out.*place = data;
          graph.evaluate(point, z, n, out, threads);
        },
        result);
  }
};

Columns values(const ModularGraph& graph, const Array& z, const Array& params, py::ssize_t n_threads) {
  Call call(graph, z, params, n_threads);
  return call.into(&GraphOutputs::values, Columns({call.n, graph.n_values()}));
}

Array value(const ModularGraph& graph, const Array& z, const Array& params, const Array& core, py::ssize_t n_threads) {
  Call call(graph, z, params, n_threads);
  return call.with_core(core).into(&GraphOutputs::y, new_vector(call.n));
}

Columns slopes(const ModularGraph& graph, const Array& z, const Array& params, const Array& core,
               py::ssize_t n_threads) {
  Call call(graph, z, params, n_threads);
  return call.with_core(core).into(&GraphOutputs::slopes, Columns({call.n, graph.n_values()}));
}

Columns design(const ModularGraph& graph, const Array& z, const Array& params, const Array& root_weight,
               py::ssize_t n_threads) {
  Call call(graph, z, params, n_threads);
  return call.with_weights(root_weight).into(&GraphOutputs::design, Columns({call.n, graph.n_core()}));
}

Columns jacobian(const ModularGraph& graph, const Array& z, const Array& params, const Array& core,
                 const Array& root_weight, py::ssize_t n_threads) {
  Call call(graph, z, params, n_threads);
  return call.with_core(core).with_weights(root_weight).into(&GraphOutputs::jacobian,
                                                              Columns({call.n, graph.n_params()}));
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  py::class_<ModularGraph>(module, "ModularGraph", "Sums of products of Chebyshev polynomials of each other.")
      .def(py::init(&make_graph), "n_inputs"_a, "sources"_a, "indices"_a, "core_sources"_a,
           "core_indices"_a.noconvert(),
           "Of each module the values that it is of, inputs first, then earlier modules, and the degrees (p, k) of its "
           "terms; then those of the core, whose sum is y.")
      .def("values", &values, "Z"_a.noconvert(), "params"_a.noconvert(), "n_threads"_a = 1,
           "Inputs and modules (n, d + M) at Z (n, d), in Fortran order; params (P,) are the modules' coefficients.")
      .def("value", &value, "Z"_a.noconvert(), "params"_a.noconvert(), "core"_a.noconvert(), "n_threads"_a = 1,
           "y (n,) for coefficients (m,) of the core.")
      .def("slopes", &slopes, "Z"_a.noconvert(), "params"_a.noconvert(), "core"_a.noconvert(), "n_threads"_a = 1,
           "The derivatives (n, d + M) of y by inputs and modules, in Fortran order.")
      .def("design", &design, "Z"_a.noconvert(), "params"_a.noconvert(), "root_weight"_a.noconvert(),
           "n_threads"_a = 1, "The core's terms (n, m) times root_weight (n,), in Fortran order.")
      .def("jacobian", &jacobian, "Z"_a.noconvert(), "params"_a.noconvert(), "core"_a.noconvert(),
           "root_weight"_a.noconvert(), "n_threads"_a = 1,
           "The derivatives (n, P) of y by the modules' coefficients times root_weight (n,), in Fortran order.");
}

}  // namespace pml::bindings::modular
