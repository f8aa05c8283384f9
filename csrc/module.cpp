// The extension module pml_native._core.
#include <pybind11/pybind11.h>

#include "bindings/rooms.hpp"
#include "isa/dispatch.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Compiled kernels of pml_native.";
  pml::kernels();  // chooses the instruction set now, so that a wrong PML_NATIVE_ISA fails at import
  pml::bindings::mlp::bind(module);
  pml::bindings::modular::bind(module);
  pml::bindings::numeric::bind(module);
  pml::bindings::polynomial::bind(module);
  pml::bindings::radial::bind(module);
  pml::bindings::simplex::bind(module);
  pml::bindings::spline::bind(module);
  pml::bindings::system::bind(module);
}
