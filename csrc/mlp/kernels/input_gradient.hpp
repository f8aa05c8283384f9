// The derivative of every output with respect to every input: one backward sweep an output.
#pragma once

#include "blocks.hpp"

namespace {

// a and z of the widest layer, s' of every hidden layer, and two delta rows that swap.
size_t input_gradient_workspace(const pml::Network& network) {
  return block_samples * (4 * widest_layer(network) + sum_of_widths(network, 1, network.n_layers));
}

void input_gradient(const pml::Network& network, const double* params, const pml::Tile& tile, double* out,
                    double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t d = widths[0], m = widths[n_layers];
  const size_t row = block_samples * widest_layer(network);
  double* const slopes = workspace + 4 * row;

  for (size_t begin = 0; begin < tile.n; begin += block_samples) {
    double* a = workspace;
    double* z = workspace + row;
    load_block(tile.x, tile.n, d, begin, a);
    double* slope = slopes;
    for (size_t l = 0; l + 1 < n_layers; ++l) {
      layer(network, params, l, a, z, slope);
      slope += widths[l + 1] * block_samples;
      double* const swap = a;
      a = z;
      z = swap;
    }
    for (size_t k = 0; k < m; ++k) {
      double* delta = workspace + 2 * row;
      double* previous = workspace + 3 * row;
      for (size_t o = 0; o < m; ++o) {
        for (size_t s = 0; s < block_samples; ++s) delta[o * block_samples + s] = o == k ? 1.0 : 0.0;
      }
      const double* layer_slope = slope;
      for (size_t l = n_layers; l > 0; --l) {
        if (l > 1) layer_slope -= widths[l - 1] * block_samples;
        pull_back(params + network.offsets[l - 1], widths[l - 1], widths[l], delta, nullptr,
                  l > 1 ? layer_slope : nullptr, previous, nullptr);
        double* const swap = delta;
        delta = previous;
        previous = swap;
      }
      for (size_t s = 0; s < block_samples && begin + s < tile.n; ++s) {
        for (size_t j = 0; j < d; ++j) out[((begin + s) * m + k) * d + j] = delta[j * block_samples + s];
      }
    }
  }
}

}  // namespace
