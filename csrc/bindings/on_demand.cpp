// The search without a triangulation, on NumPy arrays.
#include "../simplex/on_demand.hpp"

#include <memory>

#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings {
namespace {

using Rows = py::array_t<std::int32_t, py::array::c_style>;

}  // namespace

void bind_on_demand(py::module_& module) {
  using namespace py::literals;
  py::class_<SimplexSearch>(module, "SimplexSearch", "")
      .def(py::init([](const Array& points) {
             return std::make_unique<SimplexSearch>(points.data(), static_cast<std::size_t>(points.shape(0)),
                                                    static_cast<std::size_t>(points.shape(1)));
           }),
           "points"_a.noconvert())
      .def("locate", [](const SimplexSearch& self, const Array& x, py::ssize_t n_threads) {
        const py::ssize_t n = x.shape(0), d = x.shape(1);
        Rows v({n, d + 1});
        Array w({n, d + 1});
        self.locate(x.data(), n, v.mutable_data(), w.mutable_data(), n_threads);
        return py::make_tuple(v, w);
      })
      .def("nearest", [](const SimplexSearch& self, const Array& x, py::ssize_t n_threads) {
        Rows v(x.shape(0));
        self.nearest(x.data(), x.shape(0), v.mutable_data(), n_threads);
        return v;
      });
}

}  // namespace pml::bindings
