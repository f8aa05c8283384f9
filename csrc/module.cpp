// The extension module pml_native._core.
#include <pybind11/pybind11.h>

#include "bindings/rooms.hpp"
#include "isa/dispatch.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Compiled kernels of pml_native.";
  pml::kernels();  // chooses the instruction set now, so that a wrong PML_NATIVE_ISA fails at import
  pml::bindings::bind_mlp(module);
  pml::bindings::bind_modular(module);
  pml::bindings::bind_numeric(module);
  pml::bindings::bind_polynomial(module);
  pml::bindings::bind_radial(module);
  pml::bindings::bind_simplex(module);
  pml::bindings::bind_spline(module);
  pml::bindings::bind_system(module);
}
