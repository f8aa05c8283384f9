// The shape of a network, and where each layer's parameters lie in the one flat vector.
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "activation_registry.hpp"

namespace pml {

// widths (d, W_1, ..., m). Layer l maps widths[l] to widths[l + 1]; its weight (n_out, n_in), row-major, begins at
// offsets[l], its bias follows.
struct Architecture {
  std::vector<std::size_t> widths;
  std::vector<std::size_t> offsets;
  std::size_t n_params = 0;
  ActivationSource activation;

  Architecture(std::vector<std::size_t> layer_widths, const std::string& activation_name)
      : widths(std::move(layer_widths)), activation(activation_from_name(activation_name)) {
    if (widths.size() < 2) {
      throw std::invalid_argument("widths: expected at least 2 entries, got " + std::to_string(widths.size()));
    }
    for (std::size_t width : widths) {
      if (width == 0) throw std::invalid_argument("widths: expected positive integers, got 0");
    }
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      offsets.push_back(n_params);
      // Half the range keeps every later product with a small constant inside size_t.
      const std::size_t limit = std::numeric_limits<std::ptrdiff_t>::max() / 1024;
      if (widths[l] >= limit || widths[l] + 1 > (limit - n_params) / widths[l + 1]) {
        throw std::invalid_argument("widths: too many parameters");
      }
      n_params += (widths[l] + 1) * widths[l + 1];
    }
  }

  std::size_t n_inputs() const { return widths.front(); }
  std::size_t n_outputs() const { return widths.back(); }

  Network view(const MlpKernels& table) const {
    return {offsets.size(), widths.data(), offsets.data(), activation.in(table), activation.extended_in(table)};
  }
};

}  // namespace pml
