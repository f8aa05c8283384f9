// A namespace a room: `bind` adds that room's names to the module. Several of these files are compiled as one, since
// pybind11's headers take longer than most of them, so that what they share is in arrays.hpp and nowhere else.
#pragma once

#include <pybind11/pybind11.h>

namespace pml::bindings {

namespace mlp { void bind(pybind11::module_& module); }
namespace modular { void bind(pybind11::module_& module); }
namespace numeric { void bind(pybind11::module_& module); }
namespace polynomial { void bind(pybind11::module_& module); }
namespace radial { void bind(pybind11::module_& module); }
namespace simplex { void bind(pybind11::module_& module); }
namespace spline { void bind(pybind11::module_& module); }
namespace system { void bind(pybind11::module_& module); }

}  // namespace pml::bindings
