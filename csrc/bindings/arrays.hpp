// NumPy arrays at the door of the core: shapes are checked here and nowhere below.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <stdexcept>
#include <string>

namespace pml::bindings {

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

inline std::string shape_text(const py::array& array) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < array.ndim(); ++i) text += std::to_string(array.shape(i)) + (i + 1 < array.ndim() ? ", " : "");
  return text + (array.ndim() == 1 ? ",)" : ")");
}

// Throws unless the array has this shape; -1 stands for any length. `wanted` is how the message writes it.
inline void require_shape(const py::array& array, const char* name, std::initializer_list<py::ssize_t> shape,
                          const std::string& wanted) {
  bool same = array.ndim() == static_cast<py::ssize_t>(shape.size());
  py::ssize_t axis = 0;
  for (py::ssize_t length : shape) {
    same = same && (length < 0 || array.shape(axis) == length);
    ++axis;
  }
  if (!same) throw std::invalid_argument(std::string(name) + ": expected " + wanted + ", got " + shape_text(array));
}

inline std::size_t require_threads(py::ssize_t n_threads) {
  if (n_threads < 1) {
    throw std::invalid_argument("n_threads: expected a positive integer, got " + std::to_string(n_threads));
  }
  return static_cast<std::size_t>(n_threads);
}

}  // namespace pml::bindings
