// Network values.
#pragma once

#include "blocks.hpp"

namespace {

size_t forward_workspace(const pml::Network& network) { return 2 * block_samples * widest_layer(network); }

void forward(const pml::Network& network, const double* params, const pml::Tile& tile, double* out,
             double* workspace) {
  const size_t m = network.widths[network.n_layers];
  double* const other = workspace + block_samples * widest_layer(network);
  for (size_t begin = 0; begin < tile.n; begin += block_samples) {
    double* a = workspace;
    double* z = other;
    load_block(tile.x, tile.n, network.widths[0], begin, a);
    for (size_t l = 0; l < network.n_layers; ++l) {
      layer(network, params, l, a, z, nullptr);
      double* const swap = a;
      a = z;
      z = swap;
    }
    for (size_t s = 0; s < block_samples && begin + s < tile.n; ++s) {
      for (size_t k = 0; k < m; ++k) out[(begin + s) * m + k] = a[k * block_samples + s];
    }
  }
}

}  // namespace
