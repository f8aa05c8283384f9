// The derivative of every output with respect to every parameter, row by row: one backward sweep an output.
#pragma once

#include "blocks.hpp"

namespace {

// a of all layers and s' of the hidden ones, feature-major; two deltas that swap; one sample's a and delta.
size_t jacobian_workspace(const pml::Network& network) {
  return block_samples * (2 * sum_of_widths(network, 0, network.n_layers) + 2 * widest_layer(network)) +
         2 * widest_layer(network);
}

void jacobian(const pml::Network& network, const double* params, const pml::Tile& tile, double* out,
              double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t m = widths[n_layers];
  const size_t n_params = network.offsets[n_layers - 1] + (widths[n_layers - 1] + 1) * m;
  const size_t widest = widest_layer(network);
  double* const slopes = workspace + block_samples * sum_of_widths(network, 0, n_layers);
  double* const deltas = slopes + block_samples * sum_of_widths(network, 0, n_layers);
  double* const sample_a = deltas + 2 * block_samples * widest;
  double* const sample_delta = sample_a + widest;

  for (size_t begin = 0; begin < tile.n; begin += block_samples) {
    const size_t n_here = tile.n - begin < block_samples ? tile.n - begin : block_samples;
    double* a = workspace;
    double* slope = slopes;  // of the layer that a belongs to
    load_block(tile.x, tile.n, widths[0], begin, a);
    for (size_t l = 0; l < n_layers; ++l) {
      double* const next = a + widths[l] * block_samples;
      slope += widths[l] * block_samples;
      layer(network, params, l, a, next, slope);
      a = next;
    }
    for (size_t k = 0; k < m; ++k) {
      double* delta = deltas;
      double* previous = deltas + block_samples * widest;
      for (size_t i = 0; i < m * block_samples; ++i) delta[i] = i / block_samples == k ? 1.0 : 0.0;
      const double* layer_a = a;
      const double* layer_slope = slope;
      for (size_t l = n_layers; l-- > 0;) {
        const size_t n_in = widths[l], n_out = widths[l + 1];
        layer_a -= n_in * block_samples;
        layer_slope -= n_in * block_samples;
        for (size_t s = 0; s < n_here; ++s) {
          for (size_t i = 0; i < n_in; ++i) sample_a[i] = layer_a[i * block_samples + s];
          for (size_t o = 0; o < n_out; ++o) sample_delta[o] = delta[o * block_samples + s];
          double* const row = out + ((begin + s) * m + k) * n_params + network.offsets[l];
          for (size_t o = 0; o < n_out; ++o) {
            const double d = sample_delta[o];
            for (size_t i = 0; i < n_in; ++i) row[o * n_in + i] = d * sample_a[i];
            row[n_out * n_in + o] = d;
          }
        }
        if (l == 0) break;
        pull_back(params + network.offsets[l], n_in, n_out, delta, nullptr, layer_slope, previous, nullptr);
        double* const swap = delta;
        delta = previous;
        previous = swap;
      }
    }
  }
}

}  // namespace
