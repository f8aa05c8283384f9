// NumPy arrays at the door of the core: shapes are checked, results allocated and the GIL released here and nowhere
// below.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace pml::bindings {

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

// How long an axis must be, or a letter for any length.
class Length {
 public:
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  Length(Integer length) : any_(false), length_(static_cast<py::ssize_t>(length)), text_(std::to_string(length)) {}
  Length(const char* letter) : any_(true), length_(0), text_(letter) {}

  bool allows(py::ssize_t length) const { return any_ || length == length_; }
  const std::string& text() const { return text_; }

 private:
  bool any_;
  py::ssize_t length_;
  std::string text_;
};

// As Python writes a tuple.
inline std::string shape_text(const std::vector<Length>& shape) {
  std::string text = "(";
  for (const Length& length : shape) text += (text.size() > 1 ? ", " : "") + length.text();
  return text + (shape.size() == 1 ? ",)" : ")");
}

inline std::vector<py::ssize_t> shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

inline std::string shape_text(const py::array& array) {
  const std::vector<py::ssize_t> shape = shape_of(array);
  return shape_text(std::vector<Length>(shape.begin(), shape.end()));
}

// Throws unless the array has this shape.
inline void require_shape(const py::array& array, const char* name, const std::vector<Length>& shape) {
  const std::vector<py::ssize_t> got = shape_of(array);
  const bool same = std::equal(shape.begin(), shape.end(), got.begin(), got.end(),
                               [](const Length& wanted, py::ssize_t length) { return wanted.allows(length); });
  if (!same) {
    throw std::invalid_argument(std::string(name) + ": expected " + shape_text(shape) + ", got " + shape_text(array));
  }
}

inline std::size_t rows_of(const py::array& array) { return static_cast<std::size_t>(array.shape(0)); }
inline std::size_t columns_of(const py::array& array) { return static_cast<std::size_t>(array.shape(1)); }

// The number of rows of an array of d columns.
inline std::size_t require_rows(const py::array& array, const char* name, std::size_t d) {
  require_shape(array, name, {"n", d});
  return rows_of(array);
}

// The length of an array of one axis.
inline std::size_t require_vector(const py::array& array, const char* name, const char* letter = "n") {
  require_shape(array, name, {letter});
  return rows_of(array);
}

inline std::size_t require_threads(py::ssize_t n_threads) {
  if (n_threads < 1) {
    throw std::invalid_argument("n_threads: expected a positive integer, got " + std::to_string(n_threads));
  }
  return static_cast<std::size_t>(n_threads);
}

inline Array new_vector(std::size_t n) { return Array(static_cast<py::ssize_t>(n)); }
inline Array new_like(const Array& array) { return Array(shape_of(array)); }

// What work() returns. Other threads may run Python beside it: of Python's objects it must touch none but the numbers of
// arrays.
template <class Work>
auto without_gil(const Work& work) {
  py::gil_scoped_release release;
  return work();
}

// Calls work(data of the arrays ...), which fills them, without the GIL. Returns what it returned, if anything, and the
// arrays: a tuple of all, or the one there is.
template <class Work, class... Arrays>
auto filled(const Work& work, Arrays... arrays) {
  const auto call = [&work](auto*... data) { return without_gil([&] { return work(data...); }); };
  if constexpr (!std::is_void_v<decltype(call(arrays.mutable_data()...))>) {
    const auto value = call(arrays.mutable_data()...);
    return py::make_tuple(value, arrays...);
  } else {
    call(arrays.mutable_data()...);
    if constexpr (sizeof...(arrays) == 1) {
      return (arrays, ...);
    } else {
      return py::make_tuple(arrays...);
    }
  }
}

}  // namespace pml::bindings
