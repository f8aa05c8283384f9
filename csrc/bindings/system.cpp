// What the core was built with and runs on.
#include <pybind11/stl.h>

#include <chrono>
#include <string>

#include "../isa/dispatch.hpp"
#include "rooms.hpp"

namespace pml::bindings::system {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#elif defined(_MSC_VER)
  return "msvc " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

// Best of several short runs: the machine's peak, not its average.
double multiply_add_peak() {
  const NumericKernels& table = kernels().numeric;
  double best = 0.0, sink = 0.0;
  for (int i = 0; i < 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double operations = table.multiply_add_chain(200'000, &sink);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, operations / seconds.count());
  }
  return sink > -1.0 ? best : 0.0;  // the sink is used, so the chain is not optimised away
}

}  // namespace

void bind(pybind11::module_& module) {
  namespace py = pybind11;
  using namespace py::literals;
  module.def("compiler", &compiler, "The compiler that built this module.");
  module.def("isa_available", &available_isas, "Instruction sets this machine can run, widest first.");
  module.def("isa_selected", [] { return static_cast<const char*>(kernels().isa); }, "The instruction set in use.");
  module.def("isa_select", &select_isa, "name"_a, "Use another instruction set, for the whole process.");
  module.def("multiply_add_peak", &multiply_add_peak, py::call_guard<py::gil_scoped_release>(),
             "Floating-point operations a second of one core on independent fused multiply-adds.");
}

}  // namespace pml::bindings::system
