// One function a room, each adding that room's names to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace pml::bindings {

void bind_mlp(pybind11::module_& module);
void bind_modular(pybind11::module_& module);
void bind_numeric(pybind11::module_& module);
void bind_polynomial(pybind11::module_& module);
void bind_radial(pybind11::module_& module);
void bind_simplex(pybind11::module_& module);
void bind_spline(pybind11::module_& module);
void bind_system(pybind11::module_& module);

}  // namespace pml::bindings
